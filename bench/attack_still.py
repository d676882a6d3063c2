"""Attacks with `still`, by which a stage names the token that was there while the canvas was as at the stage before.

All are by the key's holder, who chains and signs whatever he likes; the tokens are honest.
"""

from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from typing import Any

from bench.attack_scene import KEY, Hand, Scene, pack
from bench.attack_tokens import trusting
from sakigake.evidence import layout
from sakigake.model import EntryType
from tests.peers import forge

FAILED = ("FAILED",)
GOOD = ("VERIFIED",)
Build = Callable[[Hand, "Tokens"], None]


class Tokens:
    """Tokens over the first checkpoints of a ledger: each some seconds after the one before."""

    def __init__(self) -> None:
        self.chain = forge.chain()
        self.other = forge.chain(root_name="Nobody", number=9)
        self.named: list[str] = []

    def over(
        self, made: Hand, second: str, *, accuracy: bytes = b"", other: bool = False, name_it: bool = True
    ) -> str:
        """Put a token of that second over the last checkpoint; returns its digest."""
        plan = forge.Plan(
            self.other if other else self.chain,
            data=made.notes[-1],
            time=f"202601020304{second}Z".encode(),
            accuracy=accuracy,
            serial=len(self.named) + 1,
        )
        raw = forge.forge(plan)
        made.token(raw, name_it=name_it)
        self.named.append(sha256(raw).hexdigest())
        return self.named[-1]


def _always(value: object, _: Tokens) -> object:
    return value


def cases(scene: Scene) -> Iterator[tuple[Any, ...]]:
    """Yield (name, how it is made, right verdicts, trust)."""
    for name, make, right, tokens in [*_names(scene), *_places()]:
        yield f"still: {name}", make, right, trusting(tokens.chain.root)


def _package(
    build: Build, tokens: Tokens, *, first: bool = True, source: str = "screen"
) -> Callable[[], bytes]:
    """Return what makes a ledger of two checkpoints with tokens, a stage between them, and what `build` adds."""

    def make() -> bytes:
        tokens.named.clear()
        made = Hand(KEY, source=source)
        made.seal()
        tokens.over(made, "05")
        if first:
            made.stage(3)
        else:
            made.add(EntryType.HEARTBEAT, info={"looks": 1})
        made.seal()
        tokens.over(made, "15")
        build(made, tokens)
        made.seal()
        tokens.over(made, "45", name_it=False)
        return pack(made.contents())

    return make


def _names(scene: Scene) -> Iterator[tuple[str, Callable[[], bytes], tuple[str, ...], Tokens]]:
    """Yield what `still` may name."""

    def naming(
        name: str, right: tuple[str, ...], what: Callable[[Tokens], Any], **more: Any
    ) -> tuple[str, Callable[[], bytes], tuple[str, ...], Tokens]:
        tokens = Tokens()

        def build(made: Hand, tokens: Tokens) -> None:
            made.stage(6, {"info": {"still": what(tokens)}, **more})

        return name, _package(build, tokens), right, tokens

    foreign = sha256(scene.contents[layout.token(1, 1)]).hexdigest()
    yield naming("the newest token", GOOD, lambda tokens: tokens.named[1])
    yield naming("an older token", GOOD, lambda tokens: tokens.named[0])
    yield naming("a token that is not there", FAILED, lambda _: "1" * 64)
    yield naming("a token of another ledger of the same key", FAILED, lambda _: foreign)
    odd: dict[str, Any] = {"a number": 5, "nothing": "", "an object": {"a": 1}, "a word": "yes"}
    for name, value in odd.items():
        yield naming(name, FAILED, partial(_always, value))
    yield naming("capitals", FAILED, lambda tokens: tokens.named[0].upper())
    yield naming("a digit too few", FAILED, lambda tokens: tokens.named[0][:-1])
    yield naming("a blank behind the digest", FAILED, lambda tokens: tokens.named[0] + " ")

    def first_named(made: Hand, tokens: Tokens) -> None:
        """Name the second token as `still` and the first as the newest one."""
        made.after = tokens.named[0]
        made.stage(6, {"info": {"still": tokens.named[1]}})

    tokens = Tokens()
    yield "newer than the newest token", _package(first_named, tokens), FAILED, tokens

    def closely(early: bytes, late: bytes) -> Build:
        """Name as `still` the one of two tokens of a second that is later by its accuracy."""

        def build(made: Hand, tokens: Tokens) -> None:
            made.add(EntryType.HEARTBEAT, info={"looks": 1})
            made.seal()
            newest = tokens.over(made, "20", accuracy=forge.seq(early))
            still = tokens.over(made, "20", accuracy=forge.seq(late), name_it=False)
            assert made.after == newest
            made.stage(6, {"info": {"still": still}})

        return build

    for name, right, early, late in (
        ("later by less than a millisecond", GOOD, forge.tlv(0x81, b"\x03\x84"), forge.tlv(0x81, b"\x64")),
        ("later by a millisecond", FAILED, forge.tlv(0x80, b"\x02"), forge.tlv(0x80, b"\x01")),
    ):
        tokens = Tokens()
        yield name, _package(closely(early, late), tokens), right, tokens

    def unpinned(made: Hand, tokens: Tokens) -> None:
        tokens.over(made, "12", other=True, name_it=False)
        made.stage(6, {"info": {"still": tokens.named[-1]}})

    tokens = Tokens()
    yield "a token of an authority that is not pinned", _package(unpinned, tokens), GOOD, tokens

    def checkpoint(made: Hand, _: Tokens) -> None:
        made.stage(6, {"info": {"still": sha256(made.notes[-1]).hexdigest()}})

    tokens = Tokens()
    yield "a checkpoint", _package(checkpoint, tokens), FAILED, tokens


def _places() -> Iterator[tuple[str, Callable[[], bytes], tuple[str, ...], Tokens]]:
    """Yield where `still` may stand."""

    def put(
        name: str, right: tuple[str, ...], build: Build, **more: Any
    ) -> tuple[str, Callable[[], bytes], tuple[str, ...], Tokens]:
        tokens = Tokens()
        return name, _package(build, tokens, **more), right, tokens

    def stage(made: Hand, tokens: Tokens) -> None:
        made.stage(6, {"info": {"still": tokens.named[0]}})

    def event(kind: EntryType) -> Build:
        def build(made: Hand, tokens: Tokens) -> None:
            made.stage(6)
            made.add(kind, info={"still": tokens.named[0]})

        return build

    yield put("at the ledger's first stage", FAILED, stage, first=False)
    for kind in (EntryType.HEARTBEAT, EntryType.PAUSE, EntryType.GAP, EntryType.CLAIM, EntryType.SESSION_END):
        yield put(f"at a {kind.value}", FAILED, event(kind))

    def no_after(made: Hand, tokens: Tokens) -> None:
        made.after = None
        stage(made, tokens)

    def as_key(made: Hand, tokens: Tokens) -> None:
        made.stage(6, {"still": tokens.named[0]})

    def ahead(made: Hand, tokens: Tokens) -> None:
        """Put the token that is named over a checkpoint that covers the stage: so no such entry can have been hashed."""
        stage(made, tokens)
        made.seal()
        late = tokens.over(made, "25", name_it=False)
        made.raws[-1] = made.raws[-1].replace(tokens.named[0].encode(), late.encode())

    def later_size(made: Hand, tokens: Tokens) -> None:
        """Give the token that is named to a checkpoint whose size is beyond the stage's number."""
        made.stage(6)
        name, later = layout.token(0, 1), layout.token(2, 1)
        made.seal()
        made.files[later] = made.files.pop(name)
        made.stage(8, {"info": {"still": tokens.named[0]}})

    yield put("without a newest token", FAILED, no_after)
    yield put("as a key of the entry", FAILED, as_key)
    yield put("a token that came after the stage", FAILED, ahead)
    yield put("a token moved to a later checkpoint", FAILED, later_size)
    yield put("in a ledger of a folder", GOOD, stage, source="folder")
    yield put("in a ledger of a window", GOOD, stage, source="window")
