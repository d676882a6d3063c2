"""The writer thread: pictures, fingerprints, the ledger and its checkpoints. The only one that writes the ledger."""

import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import TypeVar

import cv2
import numpy as np

from capture import disk
from capture.backlog import Backlog, ForgetItem, Item, NoteItem, StageItem
from capture.disk import Limits, Room
from capture.elapsed import Elapsed
from capture.forget import forget, sweep
from capture.frame import Frame, Pixels
from capture.look import Say
from capture.memory import give_back
from capture.pacer import SECOND
from capture.spool import Spool, digests
from capture.still import named
from sakigake.errors import SakigakeError
from sakigake.fingerprint.vector import VERSION, fingerprint_v2, pixel_digest_v1
from sakigake.model import EntryType, StoredCheckpoint, StoredEntry
from sakigake.store.protocol import Store
from sakigake.timeline.entry import Info, parse_entry
from sakigake.timeline.ledger import Fingerprint, Ledger

RETRY_S = 2.0
PATIENCE_S = 1.0
SMALL_SIDE = 320

# A package numbers its checkpoints with four digits. From so many on they come at least so many seconds apart, that a
# year of one session does not use them up; the last ones are for the ends of recordings.
RARER = ((5_000, 600.0), (8_000, 3_600.0), (9_500, 86_400.0), (9_900, float("inf")))

T = TypeVar("T")
Choose = Callable[[int, bool], list[str]]


class GivenUpError(Exception):
    """The recording was to end while nothing could be written."""


class Checkpoints:
    """When a checkpoint is due: at the latest `every_s` after new entries, soon after a stage, never too often.

    `least_s` is how far apart they are kept because there are so many; zero for all but the longest sessions.
    """

    def __init__(self, elapsed: Elapsed, every_s: float, stage_s: float) -> None:
        self._elapsed = elapsed
        self._every = int(every_s * SECOND)
        self._stage = int(stage_s * SECOND)
        self._made = elapsed.now()
        self._size = 0
        self.with_stage = False
        self.least_s = 0.0

    def made(self, size: int, count: int) -> None:
        """Note that a checkpoint over `size` entries was made; it was the session's `count`th."""
        self._made, self._size, self.with_stage = self._elapsed.now(), size, False
        self.least_s = max((least_s for limit, least_s in RARER if count >= limit), default=0.0)

    def due(self, size: int) -> bool:
        """Say whether one should be made over the `size` entries there are now."""
        waited = self._elapsed.now() - self._made
        least = max(self._stage if self.with_stage else self._every, self.least_s * SECOND)
        return size > self._size and waited >= least


class Writer(threading.Thread):
    """Takes items off the backlog and makes them durable, in order. What cannot be written is tried again."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        reopen: Callable[[], Ledger],
        store: Store,
        spool: Spool,
        backlog: Backlog,
        elapsed: Elapsed,
        checkpoints: Checkpoints,
        limits: Limits,
        room_left: Callable[[], float],
        choose: Choose,
        say: Say,
        acknowledge: Callable[[StoredEntry], None],
        kept: Callable[[int, Frame], None],
        forgot: Callable[[Collection[int]], None],
        sealed: Callable[[StoredCheckpoint], None],
        newest: Callable[[bytes | None], None],
    ) -> None:
        super().__init__(name="sakigake-writer", daemon=True)
        self.stages = 0
        self.gaps = 0
        self.drops = 0
        self.trouble = ""
        self.room = Room.ENOUGH
        self.failure: BaseException | None = None
        self.give_up = threading.Event()
        self._ledger = ledger
        self._number = len(store.checkpoints(ledger.session.id))
        self._reopen = reopen
        self._store = store
        self._spool = spool
        self._backlog = backlog
        self._elapsed = elapsed
        self._checkpoints = checkpoints
        self._limits = limits
        self._room_left = room_left
        self._choose = choose
        self._say = say
        self._acknowledge = acknowledge
        self._kept = kept
        self._forgot = forgot
        self._sealed = sealed
        self._newest = newest
        self._before: StoredEntry | None = None  # the last stage that this recorder wrote

    @property
    def entries(self) -> int:
        """Return the number of durable entries of the session."""
        return self._ledger.size

    def run(self) -> None:
        """Write until the backlog is closed and empty."""
        try:
            while not self._backlog.finished:
                self._take()
                with suppress(SakigakeError):  # a disk that refuses: then the newest token stays unknown
                    self._newest(self._store.newest_token(self._ledger.session.id))
                if self._checkpoints.due(self._ledger.size):
                    self._durably(lambda: self.checkpoint(important=self._checkpoints.with_stage))
            self._durably(lambda: self._store.end_session(self._ledger.session.id, self._elapsed.clock.now()))
            self._durably(lambda: self.checkpoint(important=True))
        except BaseException as error:  # noqa: BLE001 - kept for the watchdog, which ends the recording and says so
            self.failure = error

    def _take(self) -> None:
        item = self._backlog.first(PATIENCE_S)
        if item is not None:
            self._write(item)
            self._backlog.done()
            give_back()

    def checkpoint(self, *, important: bool) -> None:
        """Sign what there is and queue it for the authorities; raises SakigakeError."""
        made = self._ledger.checkpoint(self._choose(self._number, important))
        self._number = made.number + 1 if made is not None else self._number
        before = self._checkpoints.least_s
        self._checkpoints.made(self._ledger.size, self._number)
        if self._checkpoints.least_s > before:
            self._say("record.long-session", count=self._number)
        if made is not None:
            self._sealed(made)

    def _write(self, item: Item) -> None:
        if isinstance(item, NoteItem):
            self._note(item)
            return
        if isinstance(item, ForgetItem):
            self._forget(item)
            return
        self._look_at_room()
        try:
            self._durably(lambda: self._stage(item))
        except (GivenUpError, SakigakeError, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - one picture that cannot be encoded must not end the recording
            self._dropped(item, {"reason": "error", "frames": 1, "what": type(error).__name__})

    def _note(self, item: NoteItem) -> None:
        self._durably(lambda: self._append(item.kind, item.info, item.wall_ns, item.mono_ns))
        if item.kind is EntryType.GAP:
            self.gaps += 1
        elif item.kind is EntryType.DROP:
            self.drops += int(item.info["frames"])
            self._say("record.dropped", frames=item.info["frames"])

    def _forget(self, item: ForgetItem) -> None:
        done = self._durably(lambda: forget(self._store, self._ledger, item.request, item.discarded))
        if done.entry is not None:
            self._acknowledge(done.entry)
            self.gaps += 1
            self._forgot(done.seqs)
            self._durably(lambda: sweep(self._store, self._spool))
        item.request.result = done
        self._say("record.forgotten", count=done.count, stamped=done.stamped)

    def _dropped(self, item: StageItem, info: Info) -> None:
        self._note(NoteItem(EntryType.DROP, info, item.frame.wall_ns, item.frame.mono_ns))

    def _stage(self, item: StageItem) -> None:
        frame, decision = item.frame, item.decision
        info: Info = {
            "label": decision.label,
            "why": decision.why,
            "changed_ppm": round(decision.changed * 1_000_000),
            "origin": frame.origin,
            "width": frame.region.width,
            "height": frame.region.height,
            **frame.info,
        }
        if frame.lossy:
            info["lossy"] = 1
        if decision.reverts_to is not None:
            info["reverts_to"] = decision.reverts_to
        if still := named(item.still, self._before, decision):
            info["still"] = still
        pixels = frame.pixels
        if self.room >= Room.SMALL:
            if self.room is Room.NONE:
                self._digest_only(item)
                return
            info["whole_pixels"] = pixel_digest_v1(pixels)
            pixels = reduced(pixels)
        picture = self._spool.keep(pixels)
        entry = self._ledger.append(
            EntryType.STAGE,
            info=info,
            picture=picture,
            fingerprint=Fingerprint(VERSION, fingerprint_v2(pixels)),
            wall_ns=frame.wall_ns,
            mono_ns=frame.mono_ns,
        )
        self.stages += 1
        self._before = entry
        self._checkpoints.with_stage = True
        self._acknowledge(entry)
        if after := parse_entry(entry.raw).after:
            self._newest(bytes.fromhex(after))  # known before a look can find the canvas as at this stage
        self._kept(entry.seq, frame)
        changed = min(100.0, round(decision.changed * 100, 1))  # a mirrored canvas counts both of its sides
        self._say("record.stage", number=entry.seq, changed=changed)

    def _digest_only(self, item: StageItem) -> None:
        """Commit to a picture that there is no room for.

        Every package shows this entry, chosen or not, so the digests stay at home behind a salted commitment.
        """
        frame = item.frame
        entry = self._ledger.append(
            EntryType.DROP,
            info={"reason": "disk", "frames": 1},
            picture=digests(frame.pixels),
            wall_ns=frame.wall_ns,
            mono_ns=frame.mono_ns,
        )
        self._acknowledge(entry)
        self.drops += 1
        self._say("record.dropped", frames=1)

    def _append(self, kind: EntryType, info: Info, wall_ns: int, mono_ns: int) -> None:
        self._acknowledge(self._ledger.append(kind, info=info, wall_ns=wall_ns, mono_ns=mono_ns))

    def _durably(self, write: Callable[[], T]) -> T:
        """Do one write, and do it again while the disk or the store refuses; raises GivenUpError once told to."""
        refused: int | None = None
        while True:
            try:
                done = write()
            except (SakigakeError, OSError) as error:
                refused = refused or self._elapsed.now()
                self._refused(error)
                if self.give_up.wait(RETRY_S):
                    raise GivenUpError from error
                self._agree_with_store()
            else:
                if refused is not None:
                    self._accepted(refused)
                return done

    def _refused(self, error: Exception) -> None:
        trouble = "disk-full" if disk.is_full(error) else "disk-refuses"
        if trouble != self.trouble:
            self.trouble = trouble
            why = error.strerror if isinstance(error, OSError) else str(error.__cause__ or error)
            self._say(f"record.{trouble}", why=why)

    def _accepted(self, refused: int) -> None:
        self.trouble = ""
        self._say("record.disk-back")
        length = (self._elapsed.now() - refused) // 1_000_000
        clock = self._elapsed.clock
        self._note(
            NoteItem(EntryType.GAP, {"reason": "disk", "ms": length}, clock.wall_ns(), clock.mono_ns())
        )

    def _agree_with_store(self) -> None:
        """After a failure it is the store that says how long the ledger is: a commit may have got through."""
        try:
            last = self._store.last_entry(self._ledger.session.id)
            if (last.seq + 1 if last else 0) != self._ledger.size:
                self._ledger = self._reopen()
        except SakigakeError:
            return  # the next try fails as well and comes back here

    def _look_at_room(self) -> None:
        try:
            room = self._limits.room(self._room_left())
        except OSError:
            return  # the write that follows says what is wrong
        if room is not self.room:
            self.room = room
            self._say(f"record.room-{room.name.lower()}")


def reduced(pixels: Pixels) -> Pixels:
    """Return the picture with its longer side at 320 pixels."""
    height, width = pixels.shape[:2]
    scale = min(1.0, SMALL_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
