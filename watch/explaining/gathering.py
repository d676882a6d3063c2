"""What is known of a finding, read from the store and the folder of pictures: the material that is explained."""

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


def gather(store: Store, pictures: Path, pixels: Pixels, finding: Finding) -> Material:
    """Return what there is to explain a finding about a decoded post (BGR); the finding must be of this post.

    Raises ValueError for a finding without a stage.
    """
    stored = None if finding.stage is None else store.entry(finding.session, finding.stage)
    if stored is None or stored.fingerprint is None or finding.stage is None:
        raise ValueError("a finding without a stage")
    found = [(each, entry) for each, entry in stages(store, finding.session) if not is_forgotten(each)]
    numbers = [entry.seq for _, entry in found]
    known = entry_bounds(store, finding.session, numbers)
    moments = [Moment(entry.seq, known[entry.seq], from_ms(entry.wall)) for _, entry in found]
    by_number = {each.seq: each for each, _ in found}
    earlier = []
    for number in superset.spread(numbers, finding.stage):
        shown = picture_of(by_number[number], pictures)
        if shown is not None:
            earlier.append((number, shown))
    return Material(
        pixels, picture_of(stored, pictures), unpack(stored.fingerprint), finding, moments, earlier
    )


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
