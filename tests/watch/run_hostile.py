"""Decodes the hostile files one by one, each in a child of its own, and says in JSON lines what that took.

Run by test_decoding in a process of its own, so that what the children take is not mixed with other tests'.
"""

import json
import resource
import sys
import threading
import time
from pathlib import Path

from sakigake.errors import UsageError
from tests.watch import hostile
from watch import decoding

STARTED: list[str] = []
FOREIGN = ("subprocess.Popen", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system")


def hook(event: str, details: tuple[object, ...]) -> None:
    if event.startswith(FOREIGN):
        STARTED.append(f"{event} {details[1] if event == 'subprocess.Popen' else details}")


class Peak(threading.Thread):
    """Reads the high-water mark of whatever child there is, until it is gone."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most = 0
        self.over = False

    def run(self) -> None:
        me = Path(f"/proc/self/task/{threading.main_thread().native_id}/children")
        while not self.over:
            try:
                for child in me.read_text().split():
                    if b"decoding_child" not in Path(f"/proc/{child}/cmdline").read_bytes():
                        continue  # not started yet: it still has our memory
                    for line in Path(f"/proc/{child}/status").read_text().splitlines():
                        if line.startswith("VmHWM:"):
                            self.most = max(self.most, int(line.split()[1]))
            except OSError:
                pass
            time.sleep(0.01)


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    sys.addaudithook(hook)
    with decoding.DecoderPool(1, recycle=1) as pool:
        for name, (make, _) in hostile.FILES.items():
            data = make()
            peak = Peak()
            before, began = cpu(), time.monotonic()
            peak.start()
            try:
                frames = pool.decode(data, name)
                outcome = "ok"
            except UsageError as error:
                frames, outcome = (), error.code
            peak.over = True
            peak.join()
            print(
                json.dumps(
                    {
                        "name": name,
                        "outcome": outcome,
                        "frames": len(frames),
                        "bytes": len(data),
                        "cpu_s": round(cpu() - before, 2),
                        "wall_s": round(time.monotonic() - began, 2),
                        "rss_mb": round(peak.most / 1024, 1),
                    }
                ),
                flush=True,
            )
    ours = f"subprocess.Popen {decoding.command()}"
    print(json.dumps({"started": len(STARTED), "foreign": [each for each in STARTED if each != ours]}))


if __name__ == "__main__":
    main()
