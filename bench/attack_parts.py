"""Attacks on what a package holds for people and of the post: reports, forms, steps, pictures, the watcher's evidence.

No rule binds what the reports say, so the key's holder may change them, and an outsider may not. The evidence of the post
is bound from the list through a ledger to its tokens, and whoever breaks a link must be refused.
"""

from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from operator import eq
from typing import Any

from bench import attack_full, attack_tokens
from bench.attack_scene import KEY, Contents, Hand, Scene, ask, pack, sealed
from sakigake.evidence import layout
from sakigake.model import EntryType
from sakigake.timeline import merkle, note

GOOD = ("VERIFIED",)
SHEET = "forms/identity-sheet.txt"
PEOPLE = (layout.REPORT, layout.CUSTODY, layout.METHOD, SHEET, "forms/x.ja.txt", "compare/overlay.png")

Attack = tuple[Any, ...]


def cases(scene: Scene) -> Iterator[Attack]:
    """Yield (name, how it is made, right verdicts)."""
    yield from _people(scene)
    yield from _names(scene)
    yield from _lists(scene)
    yield from _ledgers(scene)
    yield from _tokens(scene)


class _Hands:
    """Shorthands for a changed package: `put` and `less` by the key's holder, who lists and signs anew."""

    def __init__(self, scene: Scene, of: str) -> None:
        self.bare, self.of = scene.bare(), of

    def put(self, name: str, changes: Contents, *more: tuple[str, ...]) -> Attack:
        return f"{self.of}: {name}", lambda: pack(sealed({**self.bare, **changes})), *more

    def less(self, name: str, gone: Callable[[str], bool], *more: tuple[str, ...]) -> Attack:
        left = {key: body for key, body in self.bare.items() if not gone(key)}
        assert len(left) < len(self.bare)
        return f"{self.of}: {name}", lambda: pack(sealed(left)), *more


def _people(scene: Scene) -> Iterator[Attack]:
    """Yield changes to what people read."""
    whole, hands = scene.contents, _Hands(scene, "people")
    filled = whole[SHEET].replace(b"____", b"Hanako Yamada ____", 1)
    assert filled != whole[SHEET]
    for name in PEOPLE:
        body = filled if name == SHEET else whole[name] + b"\n"
        yield f"people: {name} changed by an outsider", lambda n=name, b=body: pack({**whole, n: b})
        yield (
            f"people: {name} taken out by an outsider",
            lambda n=name: pack({key: body for key, body in whole.items() if key != n}),
        )
        # Whoever holds the key states what he likes here; nothing that is checked rests on it.
        yield hands.put(f"{name} changed by the holder", {name: body}, GOOD)
    twice = sorted([*whole, layout.CUSTODY])
    yield "people: custody.csv twice in the archive", lambda: pack(whole, names=twice)
    bare = hands.bare
    yield (
        "people: custody.csv twice, by the holder",
        lambda: pack(bare, names=sorted([*bare, layout.CUSTODY])),
    )
    row = next(line for line in bare[layout.MANIFEST].splitlines(keepends=True) if b"  custody.csv" in line)
    lines = bare[layout.MANIFEST].replace(row, row * 2)
    yield (
        "people: custody.csv twice in the list",
        lambda: pack({**bare, layout.MANIFEST: lines, layout.SIGNATURE: KEY.sign(lines)}),
    )
    yield hands.less("pictures without their method", lambda name: name == layout.METHOD)
    drawn = layout.COMPARED_FILE.fullmatch
    yield hands.less("method without pictures", lambda name: bool(drawn(name)), GOOD)
    yield hands.less(
        "no finding, the pictures stay",
        lambda name: name == layout.FINDING or name.startswith("post/"),
    )
    yield hands.less("no finding, the evidence stays", lambda name: name.startswith("compare/"))
    yield hands.less(
        "nothing for people but the page",
        lambda name: name in {layout.REPORT, layout.CUSTODY} or name.startswith("forms/"),
        GOOD,
    )


def _names(scene: Scene) -> Iterator[Attack]:
    """Yield files of no kind that is listed, in the new folders, and names that are nearly right."""
    hands = _Hands(scene, "name")
    odd = (
        *("forms/notes.txt", "forms/README.ja.txt", "forms/identity-sheet.pdf", "forms/Identity-sheet.txt"),
        *("forms/x.en.txt.bak", "forms/readme.txt", "forms/more/x.ja.txt", "forms/con.txt", "forms/.txt"),
        *(
            "compare/Overlay.png",
            "compare/overlay.PNG",
            "compare/-a.png",
            "compare/a_b.png",
            "compare/a.b.png",
        ),
        *("compare/a.jpg", "compare/a.html", "compare/.png", "compare/con.png", "compare/lpt1.svg"),
        *(
            "compare/more/a.png",
            "compare/" + "a" * 42 + ".png",
            "compare/method2.json",
            "compare/finding.json.bak",
        ),
        *(
            "compare/\u202egnp.png",
            "compare/\uff41.png",
            "compare/a\n.png",
            "compare/a b.png",
            "compare/a\0.png",
        ),
        *("compare/../a.png", "/compare/a.png", "compare//a.png", "compare\\a.png", "./compare/a.png"),
        *("post/1000.png", "post/1.svg", "post/-1.png", "post/screenshot.jpg", "post/finding.html"),
        *(
            "post/token.1.tsr",
            "post/token.10.tsr",
            "post/token.0.tsr",
            "post/SHA256SUMS.sig",
            "post/sha256sums",
        ),
        *("post/SHA256SUMS.tsr", "post/checkpoint.2.txt", "post/ledger.json", "post/leaves.txt"),
        *("Report.pdf", "report.PDF", "report.ja.pdf", "custody.CSV", "custody.csv.txt", "SHA256SUMS.ots"),
    )
    for name in odd:
        yield hands.put(ascii(name), {name: b"x"})
    yield hands.put("42 letters are too many, 41 are not", {f"compare/{'a' * 41}.png": b"x"}, GOOD)


def _lists(scene: Scene) -> Iterator[Attack]:
    """Yield lists of what was kept that are not the ledger's, and files that are not the list's."""
    hands = _Hands(scene, "kept list")
    bare = hands.bare
    sums = bare[layout.KEPT_SUMS]
    rows = sums.splitlines(keepends=True)
    zero = b"0" * 64
    texts = {
        "of the package itself": bare[layout.MANIFEST],
        "nothing": b"",
        "one row less": b"".join(rows[1:]),
        "one row more": sums + zero + b"  zzz.json\n",
        "other order": b"".join(reversed(rows)),
        "row twice": rows[0] + sums,
        "carriage returns": sums.replace(b"\n", b"\r\n"),
        "no last line end": sums[:-1],
        "byte order mark": b"\xef\xbb\xbf" + sums,
        "binary mode": sums.replace(b"  ", b" *"),
        "capital digits": sums.upper(),
        "path that leads out": sums + zero + b"  ../x\n",
        "digest of another file": sums.replace(sums[:64], rows[1][:64], 1),
        "not ASCII": sums + b"0" * 64 + "  ａ\n".encode(),
        "17 kB": b"".join(b"%064x  f%05d\n" % (n, n) for n in range(240)),
    }
    for name, text in texts.items():
        assert text != sums, name
        yield hands.put(name, {layout.KEPT_SUMS: text})
    yield hands.less("left out", lambda name: name == layout.KEPT_SUMS)
    one, two = "post/post.json", "post/log.json"
    yield hands.put("files swapped", {one: bare[two], two: bare[one]})
    yield hands.put("file of the list changed", {one: bare[one] + b" "})
    yield hands.put("file that it does not list", {"post/2.png": bare["post/1.png"]})
    yield hands.put("screenshot that it does not list", {"post/screenshot.png": bare["post/1.png"]})
    yield hands.put("raw answer that it does not list", {"post/post.raw": b"x"})
    # Files name the account, so they may stay out; what the list says of them stays.
    yield hands.less("files left out", lambda name: bool(layout.KEPT_FILE.fullmatch(name)), GOOD)


def _ledgers(scene: Scene) -> Iterator[Attack]:
    """Yield ledgers that do not name the list, or are not the key's."""
    hands = _Hands(scene, "kept ledger")
    bare, folder = hands.bare, scene.folder
    sums = bare[layout.KEPT_SUMS]
    lines = bare[layout.KEPT_ENTRIES].splitlines(keepends=True)

    def ledger(name: str, *claims: bytes, key: Any = KEY, more: int = 0, right: Any = ()) -> Attack:
        made = attack_full.watched(folder, key, *claims, more=more)
        note_, token = made.checkpoint.note, ask(scene.honest, made.checkpoint.note)
        second = ask(scene.other, note_)
        changes = {layout.KEPT_ENTRIES: made.entries, layout.KEPT_CHECKPOINT: note_}
        changes |= {layout.kept_token(1): token, layout.kept_token(2): second}
        return hands.put(name, changes, *([right] if right else []))

    yield ledger("sound, made anew", sums, right=GOOD)
    yield ledger("sound, of eight entries", sums, more=5, right=GOOD)
    yield ledger("of nine entries", sums, more=6)
    yield ledger("of another key", sums, key=attack_tokens.OTHER_KEY)
    yield ledger("claims another list", sums + b"\n")
    yield ledger("claims the list and another", sums, sums + b"\n")
    yield ledger("claims the list twice", sums, sums)
    yield ledger("claims nothing")
    texts = {
        "entry left out": b"".join([lines[0], *lines[2:]]),
        "last entry left out": b"".join(lines[:-1]),
        "first entry left out": b"".join(lines[1:]),
        "entries in another order": b"".join([lines[0], *lines[:0:-1]]),
        "entry twice": b"".join([*lines, lines[-1]]),
        "empty line": bare[layout.KEPT_ENTRIES] + b"\n",
        "no last line end": bare[layout.KEPT_ENTRIES][:-1],
        "nothing": b"",
        "reason changed": bare[layout.KEPT_ENTRIES].replace(b'"kept"', b'"lost"'),
        "events of the package": bare[layout.EVENTS],
        "carriage returns": bare[layout.KEPT_ENTRIES].replace(b"\n", b"\r\n"),
    }
    for name, text in texts.items():
        assert text != bare[layout.KEPT_ENTRIES], name
        yield hands.put(name, {layout.KEPT_ENTRIES: text})
    yield hands.put(
        "checkpoint of the package's ledger", {layout.KEPT_CHECKPOINT: bare[layout.checkpoint(0)]}
    )
    for name in (layout.KEPT_ENTRIES, layout.KEPT_CHECKPOINT):
        yield hands.less(f"{name} left out", partial(eq, name))
    yield hands.less(
        "tokens alone", lambda name: name in {layout.KEPT_ENTRIES, layout.KEPT_CHECKPOINT, layout.KEPT_SUMS}
    )
    yield hands.less("no ledger, the list alone", lambda n: bool(layout.KEPT_LEDGER.fullmatch(n)), GOOD)
    yield from _by_hand(scene, hands)


def _by_hand(scene: Scene, hands: _Hands) -> Iterator[Attack]:
    """Yield ledgers of the watcher's that no writer of ours writes, sound in all but one thing."""
    sums = hands.bare[layout.KEPT_SUMS]
    info = {"bundle": sha256(sums).hexdigest()}

    def made(name: str, build: Callable[[Hand], None], right: Any = (), **stated: Any) -> Attack:
        hand = Hand()
        build(hand)
        raw = hand.seal(**stated)
        token = ask(scene.honest, raw)
        changes = {layout.KEPT_ENTRIES: b"".join(each + b"\n" for each in hand.raws)}
        changes |= {layout.KEPT_CHECKPOINT: raw, layout.kept_token(1): token}
        left = {key: body for key, body in hands.bare.items() if key != layout.kept_token(2)} | changes
        return f"kept ledger: {name}", lambda: pack(sealed(left)), *([right] if right else [])

    def claim(hand: Hand, change: dict[str, Any] | None = None, **more: Any) -> None:
        hand.add(EntryType.CLAIM, change, **({"info": info} | more))

    def staged(hand: Hand) -> None:
        claim(hand)
        hand.stage()

    yield made("by hand, sound", claim, GOOD)
    yield made("not counting its events", claim, GOOD, events=None)
    yield made("with a stage", staged)
    yield made("claim says more", lambda hand: claim(hand, info=info | {"more": 1}))
    yield made("claim names a token", lambda hand: claim(hand, after="0" * 64))
    yield made("claim of another number", lambda hand: claim(hand, {"seq": 5}))
    yield made("claim linked elsewhere", lambda hand: claim(hand, {"prev": "0" * 64}))
    yield made("claim in capitals", lambda hand: claim(hand, info={"bundle": info["bundle"].upper()}))
    yield made("claim of version 2", lambda hand: claim(hand, {"v": 2}))
    yield made("checkpoint of fewer entries", claim, size=1)
    yield made("checkpoint of more entries", claim, size=3)
    yield made("checkpoint counts fewer events", claim, events=1)
    yield made("checkpoint of another root", claim, root=bytes(32))
    yield made("checkpoint of another ledger", claim, ledger="0" * 32)
    yield made("checkpoint follows another", claim, prev="0" * 64)
    yield made("checkpoint names a token", claim, after="0" * 64)

    def mixed() -> bytes:
        """Sign the watcher's ledger with another key, in the name of the package's."""
        hand = Hand()
        claim(hand)
        leaves = hand.leaves
        point = note.Checkpoint(
            leaves[0].hex()[:32], len(leaves), merkle.root(leaves), None, None, len(leaves)
        )
        raw = note.sign(point, attack_tokens.OTHER_KEY)
        entries = b"".join(each + b"\n" for each in hand.raws)
        left = {key: body for key, body in hands.bare.items() if "post/token" not in key}
        return pack(sealed({**left, layout.KEPT_ENTRIES: entries, layout.KEPT_CHECKPOINT: raw}))

    yield "kept ledger: checkpoint signed by another key", mixed


def _tokens(scene: Scene) -> Iterator[Attack]:
    """Yield tokens that are not over the checkpoint of the watcher's ledger."""
    hands = _Hands(scene, "kept token")
    bare = hands.bare
    first, second = layout.kept_token(1), layout.kept_token(2)
    raw = bare[layout.KEPT_CHECKPOINT]
    yield hands.put("over another checkpoint", {first: bare[layout.token(1, 1)]})
    yield hands.put("over the list itself", {first: ask(scene.honest, bare[layout.KEPT_SUMS])})
    yield hands.put("over the ledger itself", {first: ask(scene.honest, bare[layout.KEPT_ENTRIES])})
    yield hands.put("of the list of files", {first: scene.contents[layout.STAMP]})
    yield hands.put("twice", {layout.kept_token(3): bare[first]})
    yield hands.put("in the place of one of the package", {layout.token(0, 1): bare[first]})
    yield hands.put("among those of the package", {layout.token(0, 3): bare[first]})
    yield hands.put("cut", {first: bare[first][:-1]})
    yield hands.put("with a byte behind it", {first: bare[first] + b"\0"})
    yield hands.put("nothing", {first: b""})
    yield hands.put("page of a server", {first: b"<html><body>503</body></html>"})
    yield hands.put("tokens in each other's place", {first: bare[second], second: bare[first]}, GOOD)
    # It changes no verdict: without a counted one there is no time for the list.
    yield hands.put("of an authority with the same names", {first: ask(scene.evil, raw)}, GOOD)
    yield hands.less("of the pinned authority left out", lambda name: name == first, GOOD)
    yield (
        "kept token: replaced by an outsider",
        lambda: pack({**scene.contents, first: ask(scene.honest, raw)}),
    )
