"""What a person does with names: naming stages, showing several as one, taking both back. Used by page and command line."""

from collections.abc import Sequence
from datetime import datetime

from desk.web.timeline.reel import Reel
from desk.web.timeline.strip import Tile
from sakigake import words
from sakigake.errors import UsageError
from sakigake.labels import PERSON, STEPS, StageLabel, read_label
from sakigake.store.protocol import Store


def act(  # noqa: PLR0917 - what the form of the page holds
    store: Store,
    reel: Reel,
    tiles: Sequence[Tile],
    places: Sequence[int],
    action: str,
    label: str,
    now: datetime,
) -> None:
    """Do "name", "merge" or "part" with the tiles that hold the stages at `places`; raises UsageError."""
    chosen = [tile for tile in tiles if any(tile.first <= place <= tile.last for place in places)]
    if action == "name":
        name(store, reel.session.id, [reel.shots[tile.first].seq for tile in chosen], label, now)
    elif action == "merge":
        if len(chosen) < 2:  # noqa: PLR2004 - one alone stays one
            raise UsageError("merge-unreadable", value=", ".join(str(reel.shots[at].seq) for at in places))
        merge(store, reel, chosen[0].first, chosen[-1].last)
    else:
        part(store, reel, [(tile.first, tile.last) for tile in chosen])


def name(store: Store, session: str, seqs: Sequence[int], label: str, now: datetime) -> str:
    """Call stages something; an empty label takes back what a person said. Returns the label as it is kept."""
    text = typed(label)
    if text:
        store.put_labels(session, [StageLabel(seq, text, PERSON, now) for seq in seqs])
    else:
        store.drop_labels(session, PERSON, seqs)
    return text


def merge(store: Store, reel: Reel, first: int, last: int) -> None:
    """Show the stages from place `first` to place `last` as one."""
    store.join(reel.session.id, [shot.seq for shot in reel.shots[first + 1 : last + 1]])


def part(store: Store, reel: Reel, ranges: Sequence[tuple[int, int]]) -> None:
    """Show each stage of these ranges of places for itself again."""
    store.part(
        reel.session.id,
        [shot.seq for first, last in ranges for shot in reel.shots[first + 1 : last + 1]],
    )


def named(label: StageLabel | None) -> str:
    """Return a label in the language that is spoken; empty without one."""
    if label is None:
        return ""
    text = words.text(f"desk.stage.{label.label}") if label.label in STEPS else label.label
    return text if label.source == PERSON else words.text("desk.stage.estimated", name=text)


def typed(value: str) -> str:
    """Return a label that was typed as it is kept: the name of a step, in either language, becomes its slug."""
    text = read_label(value)
    for lang in words.LANGUAGES:
        for slug in STEPS:
            if text.casefold() == words.text(f"desk.stage.{slug}", lang).casefold():
                return slug
    return text
