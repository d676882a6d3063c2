"""READ-ME-FIRST.txt: how to check a package by hand, in at most six commands, with this package's own names in them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sakigake import words
from sakigake.evidence import layout
from sakigake.evidence.report import View

_ROOT = (
    'python3 -c "import hashlib as h,base64 as b;H=lambda x:h.sha256(x).digest();'
    "f=lambda l:l[0] if len(l)==1 else (lambda k:H(b'\\1'+f(l[:k])+f(l[k:])))(1<<(len(l)-1).bit_length()-1);"
    "print(b.b64encode(f([bytes.fromhex(x) for x in open('leaves.txt').read().split()[:{size}]])).decode())\""
)


@dataclass(frozen=True, slots=True)
class Stamp:
    """A token file of the package: the checkpoint it is over, the root it chains to, and its time in seconds."""

    token: str
    checkpoint: str
    size: int
    root: str
    seconds: int


def commands(view: View, stamps: Sequence[Stamp]) -> list[tuple[str, str]]:
    """Return (word key, command) pairs that check one stage of this package from its picture to its time token."""
    seq = subject(view)
    entry, opening = layout.stage(seq, "entry.json"), layout.stage(seq, "open.json")
    stamp = next((stamp for stamp in stamps if stamp.size > seq), None)
    size, checkpoint = (
        (stamp.size, stamp.checkpoint) if stamp else (view.entries, layout.checkpoint(view.checkpoints - 1))
    )
    steps = [
        ("handcheck.files", "sha256sum -c SHA256SUMS"),
        (
            "handcheck.signature",
            "openssl pkeyutl -verify -pubin -inkey artist-pub.pem -rawin -in SHA256SUMS -sigfile SHA256SUMS.sig",
        ),
        (
            "handcheck.entry",
            f"sha256sum {layout.stage(seq, 'png')} {opening}; cat {opening}; echo; cat {entry}; echo",
        ),
        ("handcheck.leaf", f"(printf '\\000'; cat {entry}) | sha256sum; sed -n {seq + 1}p leaves.txt"),
        ("handcheck.root", f"{_ROOT.format(size=size)}; sed -n 3p {checkpoint}"),
    ]
    if stamp:
        check = f"openssl ts -verify -attime {stamp.seconds} -data {checkpoint} -in {stamp.token} -CAfile {stamp.root}"
        steps.append(
            ("handcheck.token", f"{check}; openssl ts -reply -in {stamp.token} -text | grep 'Time stamp'")
        )
    return steps


def subject(view: View) -> int:
    """Return the stage the commands are about: the one a finding names, else the last one disclosed."""
    best = view.finding.stage if view.finding else None
    return best if best is not None and best in view.stages else view.stages[-1]


def text(view: View, stamps: Sequence[Stamp]) -> str:
    """Return the whole file, Japanese first."""
    parts: list[str] = []
    for lang in ("ja", "en"):
        intro = words.text("handcheck.intro", lang, session=view.session.id, seq=subject(view))
        lines = [words.text("handcheck.title", lang), "", intro, ""]
        for number, (key, command) in enumerate(commands(view, stamps), start=1):
            lines += [f"{number}. {words.text(key, lang)}", "", f"   {command}", ""]
        lines += [words.text("handcheck.windows", lang), "", words.text("handcheck.verifier", lang), ""]
        lines += [words.text("report.limits", lang), "", ""]
        parts.append("\n".join(lines))
    return f"{'-' * 72}\n\n".join(parts)
