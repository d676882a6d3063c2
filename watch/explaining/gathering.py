"""What is known of a finding, read from the store and the folder of pictures: the material that is explained."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from sakigake.clock import from_ms
from sakigake.errors import SakigakeError
from sakigake.fingerprint.vector import unpack
from sakigake.fingerprint.views import Pixels
from sakigake.model import Finding, StoredEntry
from sakigake.store.protocol import Store
from sakigake.timeline.entry import parse_picture
from sakigake.timeline.reading import entry_bounds, is_forgotten, stages
from watch.explaining import superset
from watch.explaining.material import Material, Moment
from watch.sanitise import load_picture


@dataclass(frozen=True, slots=True)
class Disclosed:
    """What of a session may be shown to others, as an export has it: entry numbers of stages; None for all of them.

    Of those `hidden` only the fingerprint may be shown, of those `bare` not even that.
    """

    chosen: Collection[int] | None = None
    hidden: Collection[int] = ()
    bare: Collection[int] = ()

    def lists(self, number: int) -> bool:
        """Say whether a stage may be named, with its times."""
        return self.chosen is None or number in self.chosen

    def describes(self, number: int) -> bool:
        """Say whether what a stage's fingerprint holds may be shown."""
        return self.lists(number) and number not in self.bare

    def shows(self, number: int) -> bool:
        """Say whether a stage's picture may be shown."""
        return self.describes(number) and number not in self.hidden


ALL = Disclosed()


def gather(
    store: Store, pictures: Path, pixels: Pixels, finding: Finding, disclosed: Disclosed = ALL
) -> Material:
    """Return what there is to explain a finding about a decoded post (BGR); the finding must be of this post.

    Raises ValueError for a finding without a stage, or with one of which not even the fingerprint may be shown.
    """
    stored = None if finding.stage is None else store.entry(finding.session, finding.stage)
    if stored is None or stored.fingerprint is None or finding.stage is None:
        raise ValueError("a finding without a stage")
    if not disclosed.describes(finding.stage):
        raise ValueError("a stage that is not shown")
    found = [
        (each, entry)
        for each, entry in stages(store, finding.session)
        if not is_forgotten(each) and disclosed.lists(entry.seq)
    ]
    numbers = [entry.seq for _, entry in found]
    known = entry_bounds(store, finding.session, numbers)
    moments = [Moment(entry.seq, known[entry.seq], from_ms(entry.wall)) for _, entry in found]
    by_number = {each.seq: each for each, _ in found}
    earlier = []
    for number in superset.spread([each for each in numbers if disclosed.shows(each)], finding.stage):
        shown = picture_of(by_number[number], pictures)
        if shown is not None:
            earlier.append((number, shown))
    picture = picture_of(stored, pictures) if disclosed.shows(finding.stage) else None
    return Material(pixels, picture, unpack(stored.fingerprint), finding, moments, earlier)


def picture_of(stored: StoredEntry, pictures: Path) -> Pixels | None:
    """Return the kept picture of a stage, None when there is none or what is there cannot be read."""
    if not stored.opening:
        return None
    name = parse_picture(stored.opening).file
    place = pictures / name[:2] / f"{name}.png"
    try:
        return load_picture(place)[0] if place.is_file() else None
    except SakigakeError:
        return None
