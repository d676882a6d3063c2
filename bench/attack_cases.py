"""The structured attacks of `bench.attack`: what an outsider, or the key's own holder, may try on purpose.

`right` says which verdicts are right. Mostly FAILED; INTEGRITY ONLY where a package is sound but of times that nobody
whom the verifier pins stands behind.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench import (
    attack_archive,
    attack_blocks,
    attack_chains,
    attack_keys,
    attack_parts,
    attack_still,
    attack_texts,
    attack_tokens,
)
from bench.attack_scene import KEY, Contents, Hand, Scene, ask, pack, restated, sealed
from sakigake.anchor.trust import Trust
from sakigake.evidence import layout
from sakigake.model import EntryType

FAILED, NOT_VERIFIED, GOOD = ("FAILED",), ("FAILED", "INTEGRITY ONLY"), ("VERIFIED",)


@dataclass(frozen=True)
class Case:
    """One attack: how its package is made, the verdicts that are right, and the trust it is judged with."""

    name: str
    make: Callable[[], bytes | Path]
    right: tuple[str, ...] = FAILED
    trust: Trust | None = None


def cases(scene: Scene) -> Iterator[Case]:
    """Yield every structured attack."""
    parts = (_outsider, _holder, _events, _findings, _by_hand, _entries)
    others = (
        attack_texts,
        attack_archive,
        attack_tokens,
        attack_chains,
        attack_blocks,
        attack_keys,
        attack_still,
    )
    for part in (*parts, *(each.cases for each in others), attack_parts.cases):
        for name, make, *more in part(scene):
            yield Case(name, make, *more)


Attack = tuple[Any, ...]


def _packed(contents: Contents) -> Callable[[], bytes]:
    return lambda: pack(contents)


def _outsider(scene: Scene) -> Iterator[Attack]:
    """Yield changes without the key: the list of files or its signature must show them."""
    whole = scene.contents

    def put(**changes: bytes) -> Callable[[], bytes]:
        return _packed({**whole, **changes})

    def less(name: str) -> Callable[[], bytes]:
        return _packed({key: body for key, body in whole.items() if key != name})

    page = whole["index.html"]
    year = page.replace(b"2026-", b"2020-").replace(b"2027-", b"2020-")
    assert year != page
    yield "outsider: times on the page made earlier", put(**{"index.html": year})
    yield (
        "outsider: pictures swapped",
        put(
            **{
                "stages/000001.png": whole["stages/000002.png"],
                "stages/000002.png": whole["stages/000001.png"],
            }
        ),
    )
    yield "outsider: verify.py replaced", put(**{"verify.py": b"print('VERIFIED')\n"})
    yield (
        "outsider: finding replaced",
        put(**{layout.FINDING: whole[layout.FINDING].replace(b"draft_first", b"post_first")}),
    )
    yield "outsider: file added", put(**{"compare/more.png": b"x"})
    yield (
        "outsider: token over the list left out and forged list",
        put(**{layout.MANIFEST: whole[layout.MANIFEST] + b"\n"}),
    )
    # The token over the list is nobody's signature: what is left says no later than, at most.
    yield "outsider: token over the list removed", less(layout.STAMP), ("VERIFIED",)
    yield (
        "outsider: token over the list replaced by a later one",
        lambda: pack({**whole, layout.STAMP: ask(scene.honest, whole[layout.MANIFEST])}),
        ("VERIFIED",),
    )
    yield "outsider: signature removed", less(layout.SIGNATURE)
    yield "outsider: page removed", less(layout.PAGE)
    yield "outsider: picture removed", less("stages/000001.png")
    yield "outsider: empty signature", put(**{layout.SIGNATURE: b""})
    yield (
        "outsider: signature with a byte behind it",
        put(**{layout.SIGNATURE: whole[layout.SIGNATURE] + b"\0"}),
    )
    other = sealed(whole, attack_tokens.OTHER_KEY)
    yield "outsider: signed again with another key", _packed(other)
    public = attack_tokens.OTHER_KEY.public_key().public_bytes_raw().hex().encode() + b"\n"
    yield (
        "outsider: signed again, key replaced",
        _packed(sealed({**whole, layout.PUBLIC: public}, attack_tokens.OTHER_KEY)),
    )


def _holder(scene: Scene) -> Iterator[Attack]:
    """Yield changes by the holder of the key, who lists and signs everything anew."""
    bare = scene.bare()

    def put(name: str, changes: Contents) -> Attack:
        return f"holder: {name}", _packed(sealed({**bare, **changes}))

    def less(name: str, *gone: str) -> Attack:
        return f"holder: {name}", _packed(
            sealed({key: body for key, body in bare.items() if key not in gone})
        )

    def swap(name: str, one: str, two: str) -> Attack:
        return put(name, {one: bare[two], two: bare[one]})

    for kind in ("png", "open.json", "entry.json", "proof.txt", "fp.json", "fp.bin"):
        yield swap(f"{kind} swapped", layout.stage(1, kind), layout.stage(2, kind))
    yield swap("checkpoints swapped", layout.checkpoint(1), layout.checkpoint(2))
    yield swap("tokens swapped", layout.token(1, 1), layout.token(2, 1))
    yield put("token used a second time", {layout.token(1, 3): bare[layout.token(1, 1)]})
    yield put("token over another checkpoint", {layout.token(0, 2): bare[layout.token(1, 1)]})
    yield put("token behind the last checkpoint", {"anchors/0099.tsr": bare[layout.token(1, 1)]})
    yield less("token that is named left out", layout.token(0, 1))
    yield less("checkpoint left out", layout.checkpoint(1), layout.token(1, 1))
    yield less("first checkpoint left out", layout.checkpoint(0), layout.token(0, 1))
    yield put("picture where nothing opens it", {"stages/000006.png": bare["stages/000001.png"]})
    yield put("stage without proof", {"stages/000006.entry.json": bare[layout.stage(1, "entry.json")]})
    yield less(
        "no stage at all",
        *(name for name in bare if name.startswith("stages/")),
        layout.FINDING,
        "post/picture.png",
    )
    yield put("post replaced", {"post/picture.png": bare["stages/000001.png"]})
    yield put("two posts", {"post/picture.jpg": b"x"})
    yield less("finding left out", layout.FINDING)
    yield less("post left out", "post/picture.png")
    yield put(
        "text between root certificates", {"trust/local.pem": bare["trust/local.pem"] + b"Police approved\n"}
    )
    odd = bare["trust/local.pem"].replace(b"MII", b"MIJ", 1)
    broken = bare["trust/local.pem"].replace(b"MII", b"M=I", 1)
    yield put("root certificate in broken base64", {"trust/local.pem": broken})
    yield put("root certificate that cannot be read", {"trust/local.pem": odd})
    yield (
        "holder: odd root and a new token over the list",
        lambda: pack(_stamped(scene, {**bare, "trust/local.pem": odd})),
    )
    yield put("file of no kind", {"notes.txt": b"x"})


def _events(scene: Scene) -> Iterator[Attack]:
    """Yield changes by the key's holder to the leaves and to the entries that are no stages."""
    bare = scene.bare()

    def put(name: str, changes: Contents) -> Attack:
        return f"holder: {name}", _packed(sealed({**bare, **changes}))

    lines = bare[layout.EVENTS].splitlines(keepends=True)
    for kind in ("gap", "pause", "resume", "session_end"):
        left = [line for line in lines if f'"type":"{kind}"'.encode() not in line]
        assert len(left) == len(lines) - 1
        yield put(f"{kind} left out", {layout.EVENTS: b"".join(left)})
    yield put("first entry left out", {layout.EVENTS: b"".join(lines[1:])})
    yield put("events in another order", {layout.EVENTS: b"".join([*lines[:1], *lines[:0:-1]])})
    yield put("event twice", {layout.EVENTS: b"".join([*lines[:2], *lines[1:]])})
    yield put("gap made shorter", {layout.EVENTS: bare[layout.EVENTS].replace(b'"ms":60000', b'"ms":6')})
    stage = bare[layout.stage(1, "entry.json")]
    yield put("stage among the events", {layout.EVENTS: lines[0] + stage + b"\n" + b"".join(lines[1:])})
    yield put(
        "entry made earlier", {layout.stage(1, "entry.json"): stage.replace(b'"wall":17', b'"wall":16')}
    )
    leaves = bare[layout.LEAVES].splitlines(keepends=True)
    yield put(
        "leaves in another order", {layout.LEAVES: b"".join([leaves[0], leaves[2], leaves[1], *leaves[3:]])}
    )
    yield put("leaf twice", {layout.LEAVES: b"".join([*leaves, leaves[-1]])})
    yield put("last leaf cut off", {layout.LEAVES: b"".join(leaves[:-1])})
    yield put("leaf added", {layout.LEAVES: b"".join([*leaves, b"0" * 64 + b"\n"])})
    yield put("leaves with capitals", {layout.LEAVES: bare[layout.LEAVES].upper()})


def _findings(scene: Scene) -> Iterator[Attack]:
    """Yield findings that the key's holder states otherwise than the tokens carry."""
    bare = scene.bare()
    finding = json.loads(bare[layout.FINDING])

    def state(name: str, right: tuple[str, ...] = FAILED, **change: Any) -> Attack:
        return f"finding: {name}", _packed(restated(bare, **change)), right

    post = {key: ms - 10**10 for key, ms in finding["post"].items()}
    yield state("post earlier than the tokens, draft first all the same", post=post)
    yield state("order turned round", order="post_first")
    yield state("unknown order", order="draft_first_for_sure")
    # Which stages are like the post is the exporter's word: so both must name them, and that is all they can do.
    yield state("rests on the first stage alone", GOOD, stages={"best": 1, "first": 1, "last": 1}, draft={})
    yield state(
        "alike from the first stage on",
        GOOD,
        stages={"earliest": 1, "best": 2, "first": 2, "last": 2},
        draft={},
    )
    yield state("rests on no stage, order stated", NOT_VERIFIED, stages={}, draft={})
    yield state("rests on the first entry", stages={"best": 0, "first": 0, "last": 0})
    yield state("rests on a stage that is withheld", stages={"best": 8, "first": 8, "last": 8})
    yield state("stages in the wrong order", stages={"best": 1, "first": 2, "last": 1})
    yield state("post ends before it begins", post={"not_before": 5, "not_after": 4})
    yield state("draft years earlier", draft={"not_before": 1, "not_after": 2})
    for kept, what in (("fp", "a fingerprint"), ("entry", "an entry")):
        named = {layout.stage(finding["stages"]["best"], kind) for kind in ("png", "open.json")}
        named |= {
            layout.stage(finding["stages"]["best"], f"fp.{end}") for end in ("json", "bin") if kept == "entry"
        }
        less = {name: body for name, body in bare.items() if name not in named}
        yield (
            f"finding: rests on a stage of which {what} is all there is",
            _packed(sealed(less)),
            ("INTEGRITY ONLY",),
        )
    narrow = {**finding["draft"], "not_after": finding["draft"]["not_after"] - 1}
    yield state("draft narrower than its tokens", NOT_VERIFIED, draft=narrow)
    yield state("object for an order", order={"a": 1})
    yield state("object for a likeness", likeness={"a": 1})
    yield state("object for a digest", post_digest={"a": 1})
    yield state("object for a stage", stages={"best": {"a": 1}})
    yield state("text for the stages", stages="all")
    yield state("text for the draft", draft="always")
    yield state("time as text", post={"not_before": "1"})
    yield state("time beyond the calendar", post={"not_before": 2**52})


def _stamped(scene: Scene, contents: Contents) -> Contents:
    """Sign and ask the honest authority for a token over the new list."""
    done = sealed(contents)
    return done | {layout.STAMP: ask(scene.honest, done[layout.MANIFEST])}


@dataclass(frozen=True)
class _Hands:
    scene: Scene

    def package(self, build: Callable[[Hand], None]) -> Callable[[], bytes]:
        """Return what makes a package: a first checkpoint with its token, a stage, and what `build` adds."""

        def make() -> bytes:
            made = Hand()
            made.seal()
            made.token(ask(self.scene.honest, made.notes[-1]))
            made.stage()
            build(made)
            return pack(made.contents())

        return make


def _by_hand(scene: Scene) -> Iterator[Attack]:
    """Yield ledgers that the key's holder made as he liked, with honest tokens where they help him."""
    hand = _Hands(scene).package

    def sealing(**change: Any) -> Callable[[], bytes]:
        return hand(lambda made: made.token(ask(scene.honest, made.seal(**change)), name_it=False))

    def replay() -> bytes:
        """Take a token of the genuine package for a ledger of today, with the same key."""
        made = Hand()
        made.stage()
        made.seal()
        made.token(scene.contents[layout.token(1, 1)])
        return pack(made.contents())

    yield "by hand: sound", sealing(), ("VERIFIED",)
    yield "by hand: token of another ledger of the same key", replay
    yield "by hand: checkpoint counts fewer events", sealing(events=0)
    yield "by hand: checkpoint stops counting events", sealing(events=None)
    yield "by hand: root of something else", sealing(root=bytes(32))
    yield "by hand: size too large", sealing(size=9)
    yield "by hand: size of the checkpoint before", sealing(size=1)
    yield "by hand: ledger of another name", sealing(ledger="0" * 32)
    yield "by hand: checkpoint before it denied (fork)", sealing(prev=None)
    yield "by hand: checkpoint before it another (fork)", sealing(prev="0" * 64)
    yield "by hand: checkpoint names a token that is not there", sealing(after="0" * 64)


def _entries(scene: Scene) -> Iterator[Attack]:
    """Yield ledgers with entries that no writer of ours writes."""
    hand = _Hands(scene).package
    mixed = scene.contents[layout.EVENTS].splitlines()[1]

    def foreign(made: Hand) -> None:
        made.raws.append(mixed)
        made.seal()

    yield "by hand: entry of another ledger of the same key", hand(foreign)
    for name, change in {
        "float": {"wall": "FLOAT"},
        "number of more than 53 bits": {"wall": "BIG"},
        "not a number": {"wall": "NAN"},
        "truth value": {"wall": "TRUE"},
        "nothing": {"commit": "NULL"},
    }.items():
        yield f"by hand: entry with {name}", hand(_raw_entry(change))
    stages: dict[str, dict[str, Any]] = {
        "unknown key": {"extra": 1},
        "unknown type": {"type": "proof"},
        "an object for a type": {"type": {"a": 1}},
        "a number for a boot": {"boot": 5},
        "a number for a link": {"prev": 5},
        "an object for a token": {"after": {"a": 1}},
        "text for info": {"info": "x"},
        "version 2": {"v": 2},
        "negative time": {"wall": -1},
        "another number": {"seq": 7},
        "link elsewhere": {"prev": "0" * 64},
        "capitals in a digest": {"salt": "AB" * 32},
        "info in two levels": {"info": {"a": {"b": 1}}},
        "empty info": {"info": {}},
        "token not there": {"after": "1" * 64},
        "commitment to nothing shown": {"commit": "1" * 64},
    }
    for name, values in stages.items():
        yield f"by hand: stage with {name}", hand(partial(_sealed_stage, change=values))

    def other_first() -> bytes:
        made = Hand(attack_tokens.OTHER_KEY)
        made.key = KEY
        made.stage()
        made.seal()
        return pack(made.contents())

    yield "by hand: first entry names another key", other_first
    yield "by hand: entry of 17 kB", hand(lambda made: _sealed_event(made, {"text": "x" * 17_000}))
    yield "by hand: text that is not NFC", hand(_raw_entry({"info": "NFD"}))
    yield "by hand: text of which later readers say that it is not NFC", hand(_raw_entry({"info": "NEW"}))
    yield (
        "by hand: text with a character that came after Unicode 3.2",
        hand(_raw_entry({"info": "PICTOGRAPH"})),
    )
    yield "by hand: half of a surrogate pair", hand(_raw_entry({"info": "SURROGATE"}))
    yield "by hand: objects in objects, 100,000 deep", hand(_raw_entry({"info": "DEEP"}))
    yield "by hand: number of 5,000 digits", hand(_raw_entry({"wall": "LONG"}))

    def ahead(made: Hand) -> None:
        """Name the token over a later checkpoint in an earlier entry: cannot be, but the holder may try."""
        made.seal()
        later = ask(scene.honest, made.notes[-1])
        made.token(later)
        made.raws[1] = made.raws[1].replace(b'"boot"', f'"after":"{"f" * 64}","boot"'.encode())

    yield "by hand: token named before it was there", hand(ahead)


LITERALS = {
    "FLOAT": "1.5",
    "BIG": "9007199254740993",
    "NAN": "NaN",
    "TRUE": "true",
    "NULL": "null",
    "NFD": '{"a":"e\u0301"}',
    # Assigned in Unicode 16 and composed there: NFC for older readers, not for newer ones.
    "NEW": '{"a":"\U000105d2\u0307"}',
    "PICTOGRAPH": '{"a":"\U0001f680"}',
    "SURROGATE": '{"a":"\\ud800"}',
    "DEEP": '{"a":' * 3000 + "1" + "}" * 3000,
    "LONG": "9" * 5000,
}


def _raw_entry(change: dict[str, str]) -> Callable[[Hand], None]:
    """Return what appends an event whose bytes no writer of ours would write."""

    def build(made: Hand) -> None:
        made.add(EntryType.HEARTBEAT, info={"looks": 1}, commit="0" * 64)
        value = json.loads(made.raws[-1])
        for key, literal in change.items():
            value[key] = f"@{literal}@"
        text = json.dumps(value, sort_keys=True, separators=(",", ":"))
        for literal, written in LITERALS.items():
            text = text.replace(f'"@{literal}@"', written)
        made.raws[-1] = text.encode()
        made.seal()

    return build


def _sealed_stage(made: Hand, change: dict[str, Any]) -> None:
    made.stage(7, change)
    made.seal()


def _sealed_event(made: Hand, info: dict[str, Any]) -> None:
    made.add(EntryType.HEARTBEAT, info={"looks": 1})
    value = json.loads(made.raws[-1]) | {"info": info}
    made.raws[-1] = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    made.seal()
