"""What a package discloses of a stage: openings, picture, fingerprint, and the proof that it is in the ledger."""

from hashlib import sha256

from sakigake.errors import VerificationError
from sakigake.evidence import container, layout, listing
from sakigake.evidence.container import Container
from sakigake.timeline import merkle, note, proof
from sakigake.timeline.entry import MAX_ENTRY_BYTES, Entry, parse_fingerprint, parse_picture


def check_files(package: Container, entry: Entry, files: set[str]) -> None:
    """Check what is disclosed of a stage: the opening of its picture, the picture, its fingerprint."""
    if "open.json" in files:
        name = layout.stage(entry.seq, "open.json")
        raw = container.read(package, name, listing.MAX_SMALL)
        picture = parse_picture(raw, name)
        if sha256(raw).hexdigest() != entry.commit:
            raise VerificationError("commitment-wrong", what=name)
        shown = layout.stage(entry.seq, "png")
        if "png" in files and container.digest(package, shown) != picture.file:
            raise VerificationError("commitment-wrong", what=shown)
    if "fp.json" in files:
        name = layout.stage(entry.seq, "fp.json")
        raw = container.read(package, name, listing.MAX_SMALL)
        _, digest = parse_fingerprint(raw, name)
        if sha256(raw).hexdigest() != entry.fp:
            raise VerificationError("commitment-wrong", what=name)
        shown = layout.stage(entry.seq, "fp.bin")
        if "fp.bin" in files and container.digest(package, shown) != digest:
            raise VerificationError("commitment-wrong", what=shown)
    elif "fp.bin" in files:
        raise VerificationError("package-file-missing", name=layout.stage(entry.seq, "fp.json"))


def check_proofs(package: Container, leaves: list[bytes], stages: dict[int, Entry]) -> None:
    """Check each stage's own inclusion proof, so that one stage can also be handed on alone."""
    last = max(name for name in package.names() if layout.CHECKPOINT_FILE.fullmatch(name))
    sealed, size = container.read(package, last, note.MAX_NOTE_BYTES), len(leaves)
    root = merkle.root(leaves)
    for seq in stages:
        name = layout.stage(seq, "proof.txt")
        proof.check(
            container.read(package, name, MAX_ENTRY_BYTES),
            leaf=leaves[seq],
            index=seq,
            size=size,
            root=root,
            checkpoint=sealed,
            what=name,
        )
