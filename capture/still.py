"""Which time token was there while the canvas was still as at the last stage that was kept.

What the next stage shows more came after that token: its entry may name it. All of this is strict. A look counts only
when it finds the picture of the stage before, and only as long as no look has found anything else since, nothing was
missed in between and nothing is waiting to be written. See docs/adr/0011.
"""

from dataclasses import dataclass

from capture.stages import FIRST_SIGHT, Decision
from sakigake.model import StoredEntry
from sakigake.timeline.entry import parse_entry


@dataclass(frozen=True, slots=True)
class Still:
    """At a look that began when `token` (its digest) was there, the canvas was as at `stage`, a number of the ledger."""

    stage: int
    token: bytes


class Rest:
    """Follows the canvas from one stage to the next; all methods but `learn` are called on the capture thread."""

    def __init__(self) -> None:
        self._newest: bytes | None = None
        self._known: bytes | None = None
        self._unbroken = False
        self._still: Still | None = None

    def learn(self, token: bytes | None) -> None:
        """Learn which trusted token is the newest one now."""
        self._newest = token

    def begin(self) -> None:
        """Begin a look: a token that comes while it lasts may be younger than what it sees."""
        self._known = self._newest

    def looked(self, stage: int | None) -> None:
        """Take in a look that found the canvas as at `stage`, None: otherwise, or that cannot be said."""
        if stage is not None and self._known is not None and self._unbroken:
            self._still = Still(stage, self._known)

    def broken(self) -> None:
        """Note that something was missed: what is drawn and taken back meanwhile leaves no trace."""
        self._unbroken = False

    def forget(self) -> None:
        """Let go of what is known: pictures were forgotten."""
        self._unbroken, self._still = False, None

    def take(self) -> Still | None:
        """Return what is known for the stage that is kept now, and begin anew with it."""
        still, self._still, self._unbroken = self._still, None, True
        return still


def named(still: Still | None, before: StoredEntry | None, decision: Decision) -> str | None:
    """Return the token that the entry of a stage names as `still`, None for none.

    `before` is the last stage that this recorder wrote. None is named when a stage between was dropped, when the token
    says no more than the record of the stage before does, and for a picture that may be older than that record: one
    that goes back to an earlier stage, or another canvas.
    """
    if still is None or before is None or still.stage != before.seq:
        return None
    if decision.reverts_to is not None or decision.label in FIRST_SIGHT:
        return None
    digest = still.token.hex()
    return None if digest == parse_entry(before.raw).after else digest
