"""A second opinion on which of the stages that an order rests on is named: what may give one, and what it may say.

It may choose among them and nothing else: whether there is a likeness, its level, the range and the order are settled before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sakigake.fingerprint.views import Pixels
from sakigake.model import Score
from watch.compare.measures import Matrix


@dataclass(frozen=True, slots=True)
class Ranked:
    """The stage that was chosen, by its place among those asked about, and its score."""

    place: int
    score: Score


class SecondOpinion(Protocol):
    """Gives a second opinion."""

    @property
    def note(self) -> str:
        """Return the note that a finding gets when the opinion was heard."""

    def choose(self, pixels: Pixels, session: str, numbers: Sequence[int], surprise: Matrix) -> Ranked | None:
        """Return which of the stages of a session is best; None without an opinion.

        `pixels` is the post (BGR), `numbers` are the stages in order and `surprise` their values by layout.
        """
