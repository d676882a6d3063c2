"""The newest checkpoint as a picture for the stream, on a thread of its own: no disk or share may hold up a recording.

A picture stays for at least `HOLD_S`, so that one short clip shows a whole code; only the last one of a recording
does not wait, since it covers whatever it takes the place of. What is shown has been made durable before.
"""

import threading
from pathlib import Path

from capture.elapsed import Elapsed
from capture.look import Say
from capture.pacer import SECOND
from sakigake import words
from sakigake.model import StoredCheckpoint
from sakigake.witness import overlay
from sakigake.witness.code import Head, head_of_note

HOLD_S = 10.0
RETRY_S = 5.0
LAST_TRY_S = 3.0


class OnAir(threading.Thread):
    """Keeps the picture at `path` up to date. What fails is said once; `turns` counts the pictures."""

    def __init__(self, path: Path, ledger: str, elapsed: Elapsed, say: Say) -> None:
        super().__init__(name="sakigake-on-air", daemon=True)
        self.turns = 0
        self._path = path
        self._ledger = ledger
        self._elapsed = elapsed
        self._say = say
        self._turn = threading.Condition()
        self._newest: Head | None = None
        self._shown: Head | None = None
        self._next = 0  # before this moment nothing is written
        self._ending = False
        self._trouble = False

    def show(self, checkpoint: StoredCheckpoint) -> None:
        """Take a new checkpoint; returns at once."""
        with self._turn:
            self._newest = head_of_note(checkpoint.note)
            self._turn.notify()

    def finish(self) -> None:
        """Show the last checkpoint now and end; waits a few seconds at most."""
        if self.is_alive():
            with self._turn:
                self._ending = True
                self._turn.notify()
            self.join(LAST_TRY_S)

    def run(self) -> None:
        """Write each picture when it is due."""
        while (head := self._wait()) is not None:
            self._next = self._elapsed.now() + int((HOLD_S if self._write(head) else RETRY_S) * SECOND)
            if self._ending:
                return

    def _wait(self) -> Head | None:
        """Return the head that is to be shown now; None at the end."""
        with self._turn:
            while True:
                waiting = self._newest is not None and self._newest != self._shown
                left = (self._next - self._elapsed.now()) / SECOND
                if waiting and (self._ending or left <= 0):
                    return self._newest
                if self._ending:
                    return None
                self._turn.wait(left if waiting else None)

    def _write(self, head: Head) -> bool:
        path = self._path
        try:
            overlay.write(path, head, self._ledger, words.language())
        except OSError as error:
            if not self._trouble:
                self._trouble = True
                self._say("record.overlay-failed", path=path, why=error.strerror or error)
            return False
        if self._trouble or self._shown is None:
            self._say("record.overlay-back" if self._trouble else "record.overlay-shown", path=path)
        self._trouble, self._shown = False, head
        self.turns += 1
        return True
