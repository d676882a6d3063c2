"""The reports in words: the same blocks for the page and the PDF, in one language at a time."""

from functools import partial
from typing import Protocol

from sakigake import __version__, words
from sakigake.clock import from_ms
from sakigake.evidence import layout
from sakigake.evidence.paper import blocks, lengths
from sakigake.evidence.paper.blocks import Block, Facts, Heading, Para
from sakigake.evidence.paper.matter import Matter, length, when
from sakigake.evidence.paper.order import comparison, witness
from sakigake.evidence.paper.order import span as spoken
from sakigake.evidence.view import Row, View
from sakigake.model import Interval, Likeness
from sakigake.phrases import cause

MOST_HOLES = 40  # the longest ones are listed
SCALE = (Likeness.STRONG, Likeness.SOME, Likeness.NONE)


class Say(Protocol):
    """The sentences of one language."""

    def __call__(self, key: str, /, **params: object) -> str:
        """Return the sentence of a key."""


def document(matter: Matter, lang: str) -> tuple[Block, ...]:
    """Return the whole report in a language."""
    say: Say = partial(words.text, lang=lang)
    view, paper = matter.view, matter.paper
    timed = any(row.interval.not_after for row in view.rows if row.shown)
    bound = say("report.bound" if timed else "report.unbound")
    intro = say("report.intro" if matter.live else "report.intro-imported", bound=bound)
    parts: list[Block] = [
        Heading(say(f"paper.title.{paper.report}"), 1),
        Para(say(f"paper.lead.{paper.report}")),
        Para(intro),
    ]
    if paper.order:
        parts += comparison(matter, lang)
    elif view.finding is None and paper.report != "process":
        parts.append(Para(say("paper.no-finding")))
    parts.append(Para(say("report.limits"), blocks.LIMITS))
    if paper.process:
        parts += _process(matter, lang, say)
    parts += _timeline(matter, lang, say, timed=timed)
    parts += _classes(matter, say)
    parts += [
        Heading(say("paper.not-shown")),
        Para(say(_shows(view))),
        Para(say("paper.not-shown-list")),
        Heading(say("paper.verify")),
        Para(say("paper.verify-text")),
        Facts(
            (
                (say("paper.ledger"), view.session.ledger),
                (say("report.session"), view.session.id),
                (say("paper.key"), matter.key),
                (say("paper.program"), f"sakigake {__version__}"),
            )
        ),
    ]
    return tuple(parts)


def _shows(view: View) -> str:
    """Return the key of the sentence that says what this shows, the one that the verifiers will say of such a package."""
    timed = [row.interval.not_after is not None for row in view.rows if row.shown]
    if not all(timed):
        return "verify.shows-part-timed" if any(timed) else "verify.shows-untimed"
    if not view.pictured:
        return "verify.shows-none"
    return "paper.shows" if view.pictured >= set(view.stages) else "verify.shows-some"


def _process(matter: Matter, lang: str, say: Say) -> list[Block]:
    view, known = matter.view, lengths.of(matter.view.known)
    first, last = (matter.view.bounds[matter.view.known[at].seq] for at in (0, -1))

    def share(ms: int) -> str:
        percent = round(100 * ms / known.whole) if known.whole else 0
        return say("paper.share", length=length(ms, lang), percent=percent)

    source = view.session.source
    named = source if f"paper.source.{source}" in words.table(lang) else "other"
    counts = {"shown": len(view.stages), "withheld": view.withheld, "forgotten": view.forgotten}
    facts = (
        (say("paper.source"), say(f"paper.source.{named}", name=source)),
        (say("paper.begin"), when(from_ms(known.begin), lang)),
        (say("paper.begin-outside"), spoken(first, lang)),
        (say("paper.end"), when(from_ms(known.end), lang)),
        (say("paper.end-outside"), spoken(Interval(last.not_before, last.not_after), lang)),
        (say("paper.length"), length(known.whole, lang)),
        (say("paper.looked"), share(known.looked)),
        (say("paper.paused"), share(known.of(lengths.PAUSE))),
        (say("paper.gaps"), share(known.of(lengths.GAP))),
        (say("paper.stages"), say("paper.stages-told", **counts)),
        (say("paper.closed"), say("paper.closed-yes" if matter.closed else "paper.closed-no")),
    )
    return [
        Heading(say("paper.process")),
        Facts(facts),
        _strip(matter, known, lang, say),
        Para(say("paper.speed"), blocks.STRONG),
        Heading(say("paper.holes")),
        *_holes(known, lang, say),
        Heading(say("paper.not-recorded")),
        Para(say("paper.not-recorded-text")),
    ]


def _strip(matter: Matter, known: lengths.Lengths, lang: str, say: Say) -> blocks.Strip:
    whole = max(1, known.whole)

    def at(ms: int) -> float:
        return round(min(1.0, max(0.0, (ms - known.begin) / whole)), 5)

    stretches = tuple(blocks.Stretch(at(hole.begin), at(hole.end), hole.kind) for hole in known.holes)
    marks = tuple(sorted({at(row.entry.wall) for row in matter.view.rows if row.shown}))
    left, right = when(from_ms(known.begin), lang), when(from_ms(known.end), lang)
    return blocks.Strip(stretches, marks, left, right, say("paper.strip-told"))


def _holes(known: lengths.Lengths, lang: str, say: Say) -> list[Block]:
    if not known.holes:
        return [Para(say("paper.holes-none"))]
    longest = sorted(known.holes, key=lambda hole: (-hole.ms, hole.entry))
    listed = sorted(longest[:MOST_HOLES], key=lambda hole: (hole.begin, hole.entry))
    rows = tuple(
        (
            say(f"paper.hole.{hole.kind}"),
            when(from_ms(hole.begin), lang),
            length(hole.ms, lang),
            words.table(lang).get(f"cause.{hole.reason}", hole.reason) or "–",
        )
        for hole in listed
    )
    header = tuple(say(f"paper.hole-{each}") for each in ("kind", "from", "length", "reason"))
    found: list[Block] = [blocks.Table(header, rows, (0.16, 0.3, 0.2, 0.34))]
    if left := longest[MOST_HOLES:]:
        total = length(sum(hole.ms for hole in left), lang)
        found.append(Para(say("paper.holes-more", count=len(left), length=total)))
    return found


def _timeline(matter: Matter, lang: str, say: Say, *, timed: bool) -> list[Block]:
    view = matter.view
    counts = {"shown": len(view.stages), "withheld": view.withheld, "entries": view.entries}
    told = [say("report.timeline-intro", **counts)]
    told += [say("report.forgotten", count=view.forgotten)] if view.forgotten else []
    told += [say("report.blocks", count=view.blocks)] if view.blocks else []
    parts: list[Block] = [Heading(say("paper.timeline")), Para(" ".join(told))]
    if not timed:
        parts.append(Para(say("report.no-token"), blocks.STRONG))
    rows = tuple(_row(matter, row, lang, say) for row in view.rows)
    return [*parts, blocks.Timeline(rows, say("paper.left-out", shown="{shown}", all="{all}"))]


def _row(matter: Matter, row: Row, lang: str, say: Say) -> blocks.Moment:
    flag = say("report.clock-disagrees") if row.clock_disagrees else ""
    claimed = say("paper.claimed", when=when(row.claimed, lang))
    if not row.shown:
        title = say(f"report.event.{row.entry.type.value}") + cause(row.entry.info, lang)
        return blocks.Moment(title, (claimed,), stage=False, flag=flag)
    seq, finding = row.entry.seq, matter.view.finding
    name = f"s{seq}"
    subject = bool(matter.paper.order and finding and seq == finding.stage)
    lines = [spoken(row.interval, lang), witness(matter.ends.get(seq), lang), claimed]
    lines[:0] = [say("paper.subject")] if subject else []
    lines += [] if seq in matter.view.pictured else [say("paper.no-picture")]
    return blocks.Moment(
        say("paper.stage-picture", seq=seq),
        tuple(lines),
        name if name in matter.small else "",
        layout.stage(seq, "png") if seq in matter.view.pictured else "",
        subject=subject,
        flag=flag,
    )


def _classes(matter: Matter, say: Say) -> list[Block]:
    marks = ["T", "K", "P"]
    if matter.paper.order and matter.view.finding:
        stated = {each.clock for each in matter.paper.posted.times}
        marks += [each for each in ("A", "A-", "B", "C", "W", "E") if each in stated or each == "E"]
    rows = tuple((mark, say(f"paper.class.{mark}")) for mark in marks)
    header = (say("paper.class"), say("paper.meaning"))
    parts: list[Block] = [Heading(say("paper.classes")), blocks.Table(header, rows, (0.1, 0.9))]
    if matter.paper.order and matter.view.finding:
        answers = [say(f"finding.likeness.{each.value}") for each in SCALE]
        parts.append(Para(say("paper.scale", answers=" / ".join(answers))))
    return parts
