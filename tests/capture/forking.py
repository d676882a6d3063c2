"""Real processes that need no start: one that has everything loaded and forks itself for each piece of work.

Starting Python and loading the program takes a second, what is killed after it some milliseconds. A fork of a process
that has done nothing but load is the same process a second later: with its own memory, descriptors and SIGKILL.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parents[2]

PARENT = """
import json, os, signal, sys, traceback

# All that the work below loads sooner or later. Nothing is opened, started or set.
import atexit, sqlite3
import desk.cli, desk.commands.export, desk.commands.key, desk.commands.record, desk.commands.orders
import desk.passphrase, desk.progress, desk.sessions
import capture.closing, capture.loop, capture.recovery, capture.sources.named, capture.stats
import sakigake.evidence.package, sakigake.evidence.verify, sakigake.timeline.keychange, sakigake.timeline.rotation

def work(asked):
    for number, path in ((1, asked["out"]), (2, asked["err"])):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(handle, number)
        os.close(handle)
    os.environ.clear()
    os.environ.update(asked["env"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["-c", *asked["arguments"]]
    code = 0
    try:
        exec(compile(asked["body"], "<body>", "exec"), {"__name__": "__main__"})
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

print("ready", flush=True)
for line in sys.stdin:
    child = os.fork()
    if not child:
        work(json.loads(line))
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


class Forking:
    """The process that forks. `run` gives what `subprocess.run` would for `python -c body arguments…`."""

    def __init__(self, folder: Path) -> None:
        self._out, self._err = folder / "stdout", folder / "stderr"
        self._parent = subprocess.Popen(
            [sys.executable, "-c", PARENT],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        )
        assert self._parent.stdout is not None
        assert self._parent.stdout.readline() == "ready\n"

    def run(self, body: str, *arguments: str, env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        asked = {
            "body": body,
            "arguments": arguments,
            "env": env,
            "out": str(self._out),
            "err": str(self._err),
        }
        self._parent.stdin.write(f"{json.dumps(asked)}\n")
        self._parent.stdin.flush()
        code = int(self._parent.stdout.readline())
        out, err = (path.read_text(encoding="utf-8") for path in (self._out, self._err))
        return subprocess.CompletedProcess(list(arguments), code, out, err)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parent.kill()
        self._parent.communicate()
        assert self._parent.returncode == -signal.SIGKILL, "it ends by nothing else"
