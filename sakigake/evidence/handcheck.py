"""READ-ME-FIRST.txt: how to check a package by hand, in at most six commands, with this package's own names in them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sakigake import words
from sakigake.evidence import layout
from sakigake.evidence.view import View

# The root of the first leaves (RFC 9162): the hashes of two neighbours at a time, one that is left over as it is, until one
# is left. In the words of bash and zsh and coreutils alone: whoever checks by hand should have to trust no program more.
_BYTES = r"""printf "$(printf %s {hex} | sed 's/../\\x&/g')" """.strip()
_PAIRS = (
    r"""r() {{ while read a; do read b && (printf '\001'; {both}) | sha256sum | cut -c1-64 || echo $a; done; }}"""
).format(both=_BYTES.format(hex="$a$b"))
_ROOT = (
    (
        r"""l=$(head -n {size} leaves.txt); while [ $(printf '%s\n' "$l" | wc -l) -gt 1 ]; """
        r"""do l=$(printf '%s\n' "$l" | r); done; """
    )
    + _BYTES.format(hex="$l")
    + " | base64"
)
_REVERSED = "od -An -v -tx1 | tr -d ' \\n' | fold -w2 | tac | tr -d '\\n'"
_HEADER = (
    f'echo "$(openssl dgst -sha256 -binary {{name}} | openssl dgst -sha256 -binary | {_REVERSED}) '
    f'$(tail -c +37 {{name}} | head -c 32 | {_REVERSED})"'
)
# The key of the list must be the one that the ledger's first entry names, and that entry the ledger's first leaf:
# otherwise anybody could sign another's files anew.
_KEY = (
    "openssl pkey -pubin -in artist-pub.pem -outform DER | tail -c 32 | od -An -v -tx1 | tr -d ' \\n'; echo; "
    "head -n 1 events.jsonl; (printf '\\000'; head -n 1 events.jsonl | tr -d '\\n') | sha256sum; head -n 1 leaves.txt"
)


# Every file once in the list and once in the folder, but for the list itself and what is over it. Links count as well, and
# folders that hold nothing. No name of a package has other letters than these: a line break in one could make two of one, and what
# a terminal takes for a command could wipe a line away, so whatever is printed is printed letter by letter.
_FILES = (
    "sha256sum -c SHA256SUMS; (cut -c67- SHA256SUMS; find . ! -type d -o -empty | cut -c3-) | "
    "LC_ALL=C sort | uniq -c | awk '$1 != 2' | cat -v; LC_ALL=C find . -name '*[!A-Za-z0-9._-]*' | cat -v"
)
# A checkpoint's own signature (a signed note of C2SP): over all before its empty line, in the last 64 bytes of the last line. OpenSSL
# reads both from files only, and no file may be added to the package.
_SIGNED = (
    r"""t=$(mktemp -d); for f in {names}; do sed '/^$/,$d' $f >$t/n; """
    r"""tail -n 1 $f | cut -d' ' -f3 | base64 -d | tail -c 64 >$t/s; """
    r"""openssl pkeyutl -verify -pubin -inkey artist-pub.pem -rawin -in $t/n -sigfile $t/s; done"""
)


@dataclass(frozen=True, slots=True)
class Stamp:
    """A token file of the package: the checkpoint it is over, the root it chains to, and its time in seconds."""

    token: str
    checkpoint: str
    size: int
    root: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Held:
    """A proof of the package that a Bitcoin block holds a checkpoint, and the header of that block."""

    proof: str
    header: str
    checkpoint: str
    size: int


def commands(view: View, stamps: Sequence[Stamp], held: Sequence[Held] = ()) -> list[tuple[str, str]]:
    """Return (word key, command) pairs that check one stage of this package from what is shown of it to its time.

    Never more than six: with both a token and a block, two steps about the entry become one.
    """
    seq = subject(view, stamps, held)
    entry = layout.stage(seq, "entry.json")
    stamp, block = _witnesses(seq, stamps, held)
    points = list(dict.fromkeys((each.size, each.checkpoint) for each in (stamp, block) if each))
    points = points or [(view.entries, layout.checkpoint(view.checkpoints - 1))]
    kinds = {"entry": ("png", "open.json"), "print": ("fp.bin", "fp.json"), "bare": ()}[_shown(view, seq)]
    named = [layout.stage(seq, kind) for kind in kinds]
    files = f"sha256sum {' '.join(named)}; cat {named[-1]}; echo; " if named else ""
    files += f"cat {entry}; echo"
    step = f"handcheck.{_shown(view, seq)}"
    leaf = f"(printf '\\000'; cat {entry}) | sha256sum; sed -n {seq + 1}p leaves.txt"
    root = "; ".join((_PAIRS, *(_ROOT.format(size=size) for size, _ in points)))
    steps = [
        ("handcheck.files", _FILES),
        (
            "handcheck.signature",
            f"openssl pkeyutl -verify -pubin -inkey artist-pub.pem -rawin -in SHA256SUMS -sigfile SHA256SUMS.sig; {_KEY}",
        ),
        *(
            [(f"{step}-leaf", f"{files}; {leaf}")]
            if stamp and block
            else [(step, files), ("handcheck.leaf", leaf)]
        ),
        (
            "handcheck.root",
            "; ".join(
                (
                    root,
                    *(f"sed -n 3p {name}" for _, name in points),
                    _SIGNED.format(names=" ".join(name for _, name in points)),
                )
            ),
        ),
    ]
    if stamp:
        check = f"openssl ts -verify -attime {stamp.seconds} -data {stamp.checkpoint} -in {stamp.token} -CAfile {stamp.root}"
        steps.append(
            (
                "handcheck.token",
                (
                    f"{check}; openssl ts -reply -in {stamp.token} -text | grep -E 'Time stamp|Accuracy'; "
                    f"date -u -d @{stamp.seconds} || date -u -r {stamp.seconds}"
                ),
            )
        )
    if block:
        check = f"ots --no-bitcoin verify -f {block.checkpoint} {block.proof}"
        steps.append(("handcheck.block", f"{check}; {_HEADER.format(name=block.header)}"))
    return steps


def subject(view: View, stamps: Sequence[Stamp] = (), held: Sequence[Held] = ()) -> int:
    """Return the stage the commands are about.

    It is the one a finding names if its picture is shown; else the last one with its picture and a time, with its picture,
    with its fingerprint, or the last one.
    """
    best = view.finding.stage if view.finding else None
    if best in view.pictured:
        return best
    return max(
        view.stages,
        key=lambda seq: (seq in view.pictured, seq in view.printed, any(_witnesses(seq, stamps, held)), seq),
    )


def _witnesses(seq: int, stamps: Sequence[Stamp], held: Sequence[Held]) -> tuple[Stamp | None, Held | None]:
    """Return the first token and the first block over a stage."""
    stamp = next((stamp for stamp in stamps if stamp.size > seq), None)
    return stamp, next((each for each in held if each.size > seq), None)


def _shown(view: View, seq: int) -> str:
    """Return what of a stage the commands can follow, as the word key of that step."""
    if seq in view.pictured:
        return "entry"
    return "print" if seq in view.printed else "bare"


def _about(view: View, seq: int, lang: str, *, timed: bool) -> str:
    """Return what the commands are about, and that there is no time where there is none."""
    key = {"entry": "about", "print": "about-print", "bare": "about-entry"}[_shown(view, seq)]
    goal = words.text(f"handcheck.goal-{'time' if timed else 'record'}", lang)
    return words.text(f"handcheck.{key}", lang, session=view.session.id, seq=seq, goal=goal)


def text(view: View, stamps: Sequence[Stamp], held: Sequence[Held] = ()) -> str:
    """Return the whole file, Japanese first."""
    parts: list[str] = []
    for lang in ("ja", "en"):
        seq = subject(view, stamps, held)
        timed = any(_witnesses(seq, stamps, held))
        lines = [words.text("handcheck.title", lang), "", _about(view, seq, lang, timed=timed)]
        lines += [] if timed else [words.text("handcheck.no-time", lang)]
        lines += [words.text("handcheck.intro", lang), ""]
        for number, (key, command) in enumerate(commands(view, stamps, held), start=1):
            lines += [f"{number}. {words.text(key, lang)}", "", f"   {command}", ""]
        lines += [words.text("handcheck.unchecked", lang), ""]
        lines += [words.text("handcheck.windows", lang), "", words.text("handcheck.verifier", lang), ""]
        lines += [words.text("report.limits", lang), "", ""]
        parts.append("\n".join(lines))
    return f"{'-' * 72}\n\n".join(parts)
