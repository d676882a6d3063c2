"""Windows: a process that may start no other, may take no more memory than this, and ends with us (a job object).

Not tried on a real Windows by the project's tests; the types are checked for it.
"""

import sys

if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _EXTENDED = 9  # JobObjectExtendedLimitInformation
    _ACTIVE_PROCESS, _PROCESS_MEMORY, _KILL_ON_CLOSE = 0x8, 0x100, 0x2000

    class _Basic(ctypes.Structure):
        _fields_ = (
            ("per_process_user_time", wintypes.LARGE_INTEGER),
            ("per_job_user_time", wintypes.LARGE_INTEGER),
            ("limit_flags", wintypes.DWORD),
            ("minimum_working_set", ctypes.c_size_t),
            ("maximum_working_set", ctypes.c_size_t),
            ("active_process_limit", wintypes.DWORD),
            ("affinity", ctypes.c_size_t),
            ("priority_class", wintypes.DWORD),
            ("scheduling_class", wintypes.DWORD),
        )

    class _Extended(ctypes.Structure):
        _fields_ = (
            ("basic", _Basic),
            ("io", ctypes.c_ulonglong * 6),
            ("process_memory_limit", ctypes.c_size_t),
            ("job_memory_limit", ctypes.c_size_t),
            ("peak_process_memory", ctypes.c_size_t),
            ("peak_job_memory", ctypes.c_size_t),
        )

    def confine(process_handle: int, memory_bytes: int) -> int:
        """Put a process into a job of its own and return the job's handle; raises OSError."""
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.CreateJobObjectW.restype = wintypes.HANDLE
        job = kernel.CreateJobObjectW(None, None)
        if not job:
            raise ctypes.WinError(ctypes.get_last_error())
        limits = _Extended()
        limits.basic.limit_flags = _ACTIVE_PROCESS | _PROCESS_MEMORY | _KILL_ON_CLOSE
        limits.basic.active_process_limit = 1
        limits.process_memory_limit = memory_bytes
        ok = kernel.SetInformationJobObject(
            wintypes.HANDLE(job), _EXTENDED, ctypes.byref(limits), ctypes.sizeof(limits)
        ) and kernel.AssignProcessToJobObject(wintypes.HANDLE(job), wintypes.HANDLE(process_handle))
        if not ok:
            error = ctypes.WinError(ctypes.get_last_error())
            release(int(job))
            raise error
        return int(job)

    def release(job: int) -> None:
        """Let go of a job, which ends what is still in it."""
        ctypes.WinDLL("kernel32").CloseHandle(wintypes.HANDLE(job))

else:

    def confine(process_handle: int, memory_bytes: int) -> int:  # noqa: ARG001 - of the other system
        """Do nothing: elsewhere the child limits itself before it reads a picture."""
        return 0

    def release(job: int) -> None:
        """Do nothing."""
