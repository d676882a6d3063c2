"""`sakigake timeline hashes`: lists of PDQ hashes of stages for others to match, and lists of others."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.answering import as_json as json_option
from desk.answering import told
from sakigake import words
from sakigake.text import plain

if TYPE_CHECKING:
    from sakigake.model import StoredEntry
    from watch.pdqlist import Listed


@click.group(help=words.text("hashes.help"))
def hashes() -> None:
    """Export, import, list and remove lists."""


@hashes.command("export", help=words.text("hashes.export-help"))
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--session", default="last", show_default=True, help=words.text("hashes.session"))
@click.option("--stage", "stages", type=int, multiple=True, help=words.text("hashes.stage"))
@json_option()
def export(output: Path, session: str, stages: tuple[int, ...], as_json: bool) -> None:
    """Write the hashes of chosen stages."""
    from desk.sessions import find, open_store
    from sakigake import errors, settings
    from sakigake.model import EntryType
    from watch import pdqlist

    loaded = settings.load()
    store = open_store(loaded)
    chosen = find(store, session)
    found: list[Listed] = []
    poor = 0
    for stored in store.entries(chosen.id, EntryType.STAGE):
        if stored.fingerprint is None or (stages and stored.seq not in stages):
            continue
        listed = _listed(stored, loaded.pictures, f"{chosen.id}/{stored.seq}")
        if listed.quality is not None and listed.quality < pdqlist.LEAST_QUALITY:
            poor += 1
        else:
            found.append(listed)
    if not found:
        raise errors.NotFoundError("pdq-no-stage", session=chosen.id)
    pdqlist.write(output, found)
    lines = [words.text("hashes.written", count=len(found), path=output)]
    if poor:
        lines.append(words.text("hashes.poor", count=poor))
    told({"path": str(output), "hashes": len(found), "too_poor": poor}, *lines, as_json=as_json)


def _listed(stored: "StoredEntry", pictures: Path, label: str) -> "Listed":
    """Return the hash of a stage, with its quality when its picture is kept."""
    import numpy as np

    from sakigake.fingerprint.vector import unpack
    from sakigake.fingerprint.views import reduce_v1
    from sakigake.timeline.entry import parse_picture
    from watch.pdqlist import Listed, quality_v1
    from watch.sanitise import load_picture

    quality = None
    if stored.opening:
        name = parse_picture(stored.opening).file
        place = pictures / name[:2] / f"{name}.png"
        if place.is_file():
            quality = quality_v1(reduce_v1(load_picture(place)[0]).luma)
    bits = unpack(stored.fingerprint or b"").pdq
    return Listed(np.packbits(bits).tobytes().hex(), quality, label)


@hashes.command("import", help=words.text("hashes.import-help"))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", help=words.text("hashes.name"))
@json_option()
def take_in(file: Path, name: str | None, as_json: bool) -> None:
    """Keep a list of somebody else's."""
    from sakigake import settings
    from watch import pdqlist

    found = pdqlist.read(file)
    kept = name or file.stem
    pdqlist.keep(settings.load().home, kept, found)
    line = words.text("hashes.kept", count=len(found), name=plain(kept))
    told({"name": kept, "hashes": len(found)}, line, as_json=as_json)


@hashes.command("list", help=words.text("hashes.list-help"))
@json_option()
def show(as_json: bool) -> None:
    """Name the lists that are kept."""
    from sakigake import settings
    from watch import pdqlist

    kept = pdqlist.names(settings.load().home)
    told({"lists": list(kept)}, *(map(plain, kept) if kept else [words.text("hashes.none")]), as_json=as_json)


@hashes.command("remove", help=words.text("hashes.remove-help"))
@click.argument("name")
@json_option()
def remove(name: str, as_json: bool) -> None:
    """Remove a list."""
    from sakigake import errors, settings
    from watch import pdqlist

    if not pdqlist.remove(settings.load().home, name):
        raise errors.NotFoundError("pdq-unknown", name=name)
    told({"removed": name}, words.text("hashes.removed", name=plain(name)), as_json=as_json)
