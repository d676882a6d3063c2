"""The steps of custody of a package, read from the record itself: recorded, sealed, anchored, checked, exported."""

from collections.abc import Iterator

from sakigake.clock import from_ms
from sakigake.evidence import layout
from sakigake.evidence.custody import Step
from sakigake.evidence.posted import Posted
from sakigake.evidence.view import View
from sakigake.model import EntryType, Session
from sakigake.store.protocol import Store

PC, AUTHORITY, BLOCK = "P (computer's own clock)", "T (time authority)", "K (Bitcoin block)"


def of(store: Store, session: Session, view: View, key: str, found: Step | None) -> Iterator[Step]:
    """Yield the steps in order: the record's own, then what was done with it. `found` is how the post was come by."""
    recorder = f"recorder with key {key[:16]}"
    for entry in view.known:
        kind = entry.type
        if kind in {EntryType.HEARTBEAT, EntryType.CLAIM}:
            continue
        reason = entry.info.get("reason", "")
        told = f"{kind.value} {reason}".strip()
        shown = entry.seq in view.stages
        file = layout.stage(entry.seq, "entry.json") if shown else ""
        if kind is EntryType.STAGE:
            told = f"stage {'shown' if shown else 'withheld'}"
        else:
            file = layout.EVENTS
        yield Step("recorded", recorder, told, from_ms(entry.wall), PC, entry.seq, file)
    sizes = {}
    for checkpoint in store.checkpoints(session.id):
        sizes[checkpoint.number] = checkpoint.size
        name = layout.checkpoint(checkpoint.number)
        yield Step(
            "sealed", recorder, f"entries 0 to {checkpoint.size - 1}", entry=checkpoint.size - 1, file=name
        )
    count: dict[int, int] = {}
    for token in store.tokens(session.id):
        count[token.checkpoint] = nth = count.get(token.checkpoint, 0) + 1
        told = "time token" if token.trusted else "time token, not counted: authority not known"
        entry_number = sizes[token.checkpoint] - 1
        name = layout.token(token.checkpoint, nth)
        yield Step("anchored", token.authority, told, token.time_high, AUTHORITY, entry_number, name)
    for proof in store.proofs(session.id):
        entry_number = sizes[proof.checkpoint] - 1
        name = layout.proof(proof.checkpoint)
        yield Step("anchored", "bitcoin", "block", proof.time_high, BLOCK, entry_number, name)
    if found:
        yield found
    if view.finding:
        yield Step("checked", "sakigake", "post compared with the stages", file=layout.FINDING)
    yield Step(
        "exported",
        recorder,
        "list of files signed; its time, if any, is that of SHA256SUMS.tsr",
        file=layout.MANIFEST,
    )


def found(posted: Posted) -> Step | None:
    """Return the step by which a post was come by, None when nobody says."""
    if posted.found is None:
        return None
    return Step(
        "found",
        "watcher",
        "post seen and kept",
        posted.found,
        PC,
        file=layout.KEPT_SUMS if posted.kept else "",
    )
