"""The privacy gate: a frame is kept only when everything that could be in it is known and allowed.

It asks before the grab and again after it. Whatever is not plainly allowed blocks: another program in front, a title
that cannot be read, a locked screen, a window of another program that shows in the rectangle, a window system that
does not answer. Titles decide and are forgotten; nothing of them is stored, logged or handed on.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from capture.frame import Region
from capture.windows.model import Desktop, Kin, Watcher, Window, overlap, own_processes
from capture.windows.settling import SETTLING, Settling
from sakigake import words
from sakigake.clock import Clock
from sakigake.errors import ConfigError, SakigakeError

# Under a compositor that fades windows out, or a program that is slow to paint, what is gone may still show.
SETTLE_S = 1.0
MAX_SETTLE_S = 60.0

LOCKED = "privacy-locked"
UNREADABLE = "privacy-unreadable"
NO_FRONT = "privacy-no-front"
OTHER_IN_FRONT = "privacy-other-in-front"
NO_TITLE = "privacy-no-title"
OTHER_TITLE = "privacy-other-title"
COVERED = "privacy-covered"
ABSENT = "privacy-absent"
CHANGED = "privacy-changed"
# These say nothing about what the pixels of the rectangle show; what covers it is accounted for by itself.
ELSEWHERE = frozenset({COVERED, NO_FRONT, OTHER_IN_FRONT})
# Over at the next look or the one after it: no pause needs to be written for these alone.
BRIEF = frozenset({SETTLING, CHANGED})


@dataclass(frozen=True, slots=True)
class Rules:
    """What may be recorded. `programs` are names and `titles` are titles, each with `*` and `?`, in any case.

    Without `programs` it is the program that stands in the middle of the rectangle at the start. Where there are
    `titles`, every window of the allowed programs that shows must bear one of them too.
    """

    programs: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    settle_s: float = SETTLE_S

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> "Rules":
        """Read the section [privacy] of the settings; raises ConfigError."""
        lists = {name: table.get(name, []) for name in ("programs", "titles")}
        for name, value in lists.items():
            if not isinstance(value, list) or not all(
                isinstance(item, str) and item.strip() for item in value
            ):
                raise ConfigError("privacy-list", name=name)
        settle_s = table.get("settle_s", SETTLE_S)
        if (
            isinstance(settle_s, bool)
            or not isinstance(settle_s, int | float)
            or not 0 <= settle_s <= MAX_SETTLE_S
        ):
            raise ConfigError("privacy-settle", value=settle_s)
        folded = {name: tuple(item.strip().casefold() for item in value) for name, value in lists.items()}
        return cls(folded["programs"], folded["titles"], float(settle_s))

    def titled(self, title: str) -> bool:
        """Say whether a title may show."""
        return not self.titles or any(fnmatchcase(title.casefold(), pattern) for pattern in self.titles)


@dataclass(frozen=True, slots=True)
class Clear:
    """All is well. Two of them, before and after a grab, must be equal; otherwise something happened in between.

    `pointer` is where the pointer is on the screen and `own_window` whether the recorded program is in front.
    """

    mark: tuple[object, ...]
    own_window: bool = field(default=True, compare=False)
    pointer: tuple[int, int] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Blocked:
    """Nothing may be grabbed; `reason` is a slug with a sentence in the word tables (`privacy.<reason>`).

    `program` is whose window is in the way, as far as that is known: for the person at the screen, never for the ledger.
    """

    reason: str
    program: str = field(default="", compare=False)

    @property
    def sentence(self) -> str:
        """Return why, and what to do, in one sentence."""
        named = f"{key_of(self.reason)}-by" if self.program else key_of(self.reason)
        return words.text(named, program=self.program) if self.program else words.text(named)


def key_of(reason: str) -> str:
    """Return the key of the sentence for a reason of this gate or of a window source."""
    return f"privacy.{reason.removeprefix('privacy-')}"


class Gate:
    """Decides for one recording. Owned by the capture thread.

    `target` makes it the gate of one window's own pixels: other windows may cover it and be in front of it. It
    returns the window's id, None while there is no such window.
    """

    def __init__(
        self,
        rules: Rules,
        watcher: Watcher,
        clock: Clock | None = None,
        target: Callable[[], int | None] | None = None,
    ) -> None:
        self._rules = rules
        self._watcher = watcher
        self._settling = Settling(watcher, clock or Clock(), rules.settle_s)
        self._target = target
        self._salt = secrets.token_bytes(16)
        self._pinned: Kin = frozenset()
        self.program = ""
        self._caveats: tuple[str, ...] = ()

    @property
    def follows(self) -> bool:
        """Say whether the gate is that of one window, wherever it goes, and not of a place."""
        return self._target is not None

    def open(self, region: Region) -> None:
        """Take the program in the middle of `region` as the allowed one, unless the rules name programs.

        `program` is its name afterwards, for the person at the screen; empty when nothing but the bare screen is
        there. A window of the program that started this one (a terminal in front of the drawing) is passed over where
        there is another below it.
        Raises SakigakeError when the windows cannot be asked.
        """
        try:
            desktop = self._watcher.look(region)
            self._caveats = self._watcher.caveats()
        except OSError as error:
            raise SakigakeError("privacy-no-windows", why=error) from error
        if self._target is not None:
            return
        # Nobody knows what stood there until now.
        self._settling.unsure(SETTLING, [region])
        middle = Region(region.left + region.width // 2, region.top + region.height // 2, 1, 1)
        there = [window for window in desktop.windows if overlap(window.area, middle) is not None]
        if there and not self._rules.programs:
            own = own_processes()
            chosen = next((window for window in there if not window.kin & own), there[0])
            self._pinned, self.program = chosen.kin, next(iter(chosen.names), "?")

    def greeting(self) -> list[tuple[str, dict[str, str]]]:
        """Return the keys and values of the sentences to begin with: what may be seen, and what cannot be kept out."""
        said: list[tuple[str, dict[str, str]]] = []
        if self._rules.programs and not self.follows:
            said.append(("privacy.listed", {"programs": ", ".join(self._rules.programs)}))
        elif not self.follows:
            program = {"program": self.program}
            said.append(("privacy.program", program) if self.program else ("privacy.nothing-there", {}))
            said.extend((key_of(caveat), {}) for caveat in self._caveats)
        return said

    def close(self) -> None:
        """Let go of the window system; the next check connects again."""
        self._watcher.close()

    def check(self, region: Region) -> Clear | Blocked:
        """Say whether `region` may be grabbed now."""
        try:
            if self._target is None:
                return self._of_region(self._watcher.look(region), region)
            target = self._target()
            return self._of_window(self._watcher.look(region, target), target)
        except OSError:
            return self._blocked(UNREADABLE, [region])

    def _of_region(self, desktop: Desktop, region: Region) -> Clear | Blocked:
        allowed = self._allowed(desktop)
        seen = desktop.seen_in(region)
        foreign = [part for window, parts in seen if not window.kin & allowed for part in parts]
        foreign += [stir.area for stir in desktop.stirs if not (stir.popup and stir.kin & allowed)]
        if foreign:
            # What only passed by is no reason to stop, but what it showed may still be there.
            self._settling.unsure(COVERED, foreign)
        if reason := self._why_not(desktop, [window for window, _ in seen], allowed):
            program = self._in_the_way(reason, desktop, [window for window, _ in seen], allowed)
            return self._blocked(reason, [] if reason in ELSEWHERE else [region], program)
        if reason := self._settling.wait(
            desktop, [window for window in desktop.windows if window.kin & allowed]
        ):
            return Blocked(reason)
        return Clear(
            mark=(
                desktop.changes,
                self._digest(desktop.front),
                tuple((self._digest(window), window.area) for window, _ in seen),
            ),
            pointer=desktop.pointer,
        )

    def _why_not(self, desktop: Desktop, seen: Sequence[Window], allowed: Kin) -> str:
        """Return what speaks against the picture that `seen` make; empty when nothing does."""
        if desktop.locked:
            return LOCKED
        if any(not window.kin & allowed for window in seen):
            return COVERED
        if not seen and self._wants_program:
            return ABSENT
        titles = (self._title(window, wanted=bool(self._rules.titles)) for window in seen if not window.popup)
        return self._front(desktop, allowed) or next(filter(None, titles), "")

    def _front(self, desktop: Desktop, allowed: Kin) -> str:
        if desktop.front is None:
            # Where nothing can be in front, or nothing but the bare screen is wanted, nothing in front is no harm.
            return NO_FRONT if desktop.fronted and self._wants_program else ""
        return self._title(desktop.front, wanted=True) if desktop.front.kin & allowed else OTHER_IN_FRONT

    @property
    def _wants_program(self) -> bool:
        return bool(self._pinned or self._rules.programs)

    def _of_window(self, desktop: Desktop, target: int | None) -> Clear | Blocked:
        if desktop.locked:
            return self._blocked(LOCKED, [])
        window = desktop.find(target) if target is not None else None
        if window is None:
            return Clear(mark=(target,), own_window=False)  # the source knows why it is not on the screen
        if reason := self._title(window, wanted=True):
            return self._blocked(reason, [])
        if reason := self._settling.wait(desktop, ()):
            return Blocked(reason)
        in_front = desktop.front is not None and desktop.front.outer == window.outer
        return Clear(
            mark=(self._digest(window),), own_window=in_front or not desktop.fronted, pointer=desktop.pointer
        )

    def _allowed(self, desktop: Desktop) -> Kin:
        """Return the kin of every allowed program; a menu without a name is its program's."""
        if not self._rules.programs:
            return self._pinned
        return frozenset(
            kin
            for window in desktop.windows
            if any(fnmatchcase(name, wish) for name in window.names or ("",) for wish in self._rules.programs)
            for kin in window.kin
        )

    def _title(self, window: Window, *, wanted: bool) -> str:
        if window.title is None:
            return NO_TITLE if wanted else ""
        return "" if self._rules.titled(window.title) else OTHER_TITLE

    def _digest(self, window: Window | None) -> tuple[int, bytes] | None:
        """Return what tells a window with its title from others, and nobody anything about the title."""
        if window is None:
            return None
        title = (window.title or "").encode("utf-8", "surrogatepass")
        return window.outer, hashlib.blake2b(title, key=self._salt, digest_size=16).digest()

    @staticmethod
    def _in_the_way(reason: str, desktop: Desktop, seen: Sequence[Window], allowed: Kin) -> str:
        """Return the name of the program whose window is in the way; empty when there is none or it has no name."""
        front = [desktop.front] if desktop.front is not None else []
        windows = {COVERED: seen, OTHER_IN_FRONT: front}.get(reason, ())
        return next((name for window in windows if not window.kin & allowed for name in window.names), "")

    def _blocked(self, reason: str, veiled: Sequence[Region], program: str = "") -> Blocked:
        self._settling.unsure(reason, veiled)
        return Blocked(reason, program)
