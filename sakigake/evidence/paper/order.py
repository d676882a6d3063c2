"""The order of a draft and a post in words: two answers, what each rests on, and the pictures that explain them."""

from functools import partial

from sakigake import words
from sakigake.evidence import layout
from sakigake.evidence.paper import blocks
from sakigake.evidence.paper.blocks import Answer, Block, Facts, Heading, Para, Shown
from sakigake.evidence.paper.matter import Matter, when
from sakigake.evidence.posted import one_line, without_account
from sakigake.model import Finding, Interval, Likeness
from sakigake.phrases import chance
from sakigake.timeline.widths import Ends

BITCOIN = "bitcoin"

# The pictures a reader needs, in this order, each over the whole width; the rest lie in compare/ alone.
FIRST = ("aligned.png", "thumbnails.png", "timeline-{lang}.png", "maps.png", "superset.png")


def span(interval: Interval, lang: str) -> str:
    """Return an interval as people of a language read it."""
    before, after = (when(end, lang) if end else "" for end in (interval.not_before, interval.not_after))
    if before and before == after:
        return words.text("paper.within", lang, when=before)
    if before and after:
        return words.text("span.between", lang, before=before, after=after)
    if after:
        return words.text("span.no-later", lang, after=after)
    return words.text("span.no-earlier", lang, before=before) if before else words.text("span.no-time", lang)


def witness(ends: Ends | None, lang: str) -> str:
    """Return who gives the two ends of an interval, each with the mark of its class."""
    say = partial(words.text, lang=lang)
    if ends is None or (ends.before is None and ends.after is None):
        return say("paper.witness.none")
    told = []
    for key, who in (("low", ends.before), ("high", ends.after)):
        if who:
            named = say("paper.witness.K") if who == BITCOIN else say("paper.witness.T", name=who)
            told.append(say(f"paper.witness.{key}", who=named))
    return say("paper.witness.both", low=told[0], high=told[1]) if len(told) > 1 else told[0]


def comparison(matter: Matter, lang: str) -> list[Block]:
    """Return the answers with what they rest on; a sentence where no post was compared."""
    say = partial(words.text, lang=lang)
    finding = matter.view.finding
    if finding is None:
        return [Heading(say("paper.order")), Para(say("paper.no-finding"))]
    alike = finding.likeness in {Likeness.STRONG, Likeness.SOME}
    parts: list[Block] = [
        Heading(say("paper.order")),
        blocks.Answers((_order(matter, finding, lang), _likeness(finding, lang))),
        *_pair(matter, finding, lang),
    ]
    if alike:
        parts.append(Para(say("report.other-explanations")))
    if facts := _post(matter, lang):
        parts.append(Facts(facts))
    if kept := matter.kept:
        told = when(kept.not_after, lang) if kept.not_after else say("paper.kept-untimed")
        parts += [
            Heading(say("paper.kept-title")),
            Para(say("paper.kept", files=kept.listed, shown=kept.shown, when=told)),
            *([] if kept.holds_post else [Para(say("verify.kept-apart"))]),
            *([Para(say("verify.kept-older"))] if kept.older_than_post else []),
            Para(say("paper.kept-all" if matter.paper.posted.complete else "paper.kept-some")),
        ]
    return [*parts, *_explained(matter, lang)]


def _order(matter: Matter, finding: Finding, lang: str) -> Answer:
    say = partial(words.text, lang=lang)
    rows = [(say("report.draft-time"), span(finding.draft, lang))]
    if finding.first_stage is not None and finding.last_stage is not None:
        before, after = (matter.ends.get(seq) for seq in (finding.first_stage, finding.last_stage))
        ends = Ends(before.before if before else None, after.after if after else None)
        rows.append((say("paper.witness"), witness(ends, lang)))
    told = {each.end: each for each in matter.paper.posted.times}
    stated = ""
    if finding.post != Interval() and not told:
        stated = f" {say('report.post-time-stated')}"
    rows.append((say("report.post-time"), span(finding.post, lang) + stated))
    for end in ("not-before", "not-after"):
        if known := told.get(end):
            said = known.basis.get(lang) or say(f"paper.clock.{known.clock}")
            line = say("paper.posted-line", when=when(known.when, lang), clock=known.clock, said=said)
            rows.append((say(f"paper.posted.{end}"), line))
    notes = (say(f"finding.order-reason.{finding.order_reason}"),) if finding.order_reason else ()
    return Answer(say("report.order"), say(f"finding.order.{finding.order.value}"), tuple(rows), notes)


def _likeness(finding: Finding, lang: str) -> Answer:
    say = partial(words.text, lang=lang)
    rows = []
    if finding.stage is not None:
        best = say("paper.stage-picture", seq=finding.stage)
        if finding.first_stage != finding.last_stage:
            best = say("paper.range", best=best, first=finding.first_stage, last=finding.last_stage)
        rows.append((say("paper.best"), best))
        if finding.view:
            rows.append((say("paper.view"), say(f"finding.view.{finding.view}")))
    if finding.compared:
        rows.append((say("paper.compared"), str(finding.compared)))
    notes = [say(f"finding.likeness-reason.{finding.likeness_reason}")] if finding.likeness_reason else []
    notes += [chance(finding.counts, lang)] if finding.counts else []
    notes += [say(f"finding.note.{note}") for note in finding.notes]
    return Answer(
        say("report.likeness"), say(f"finding.likeness.{finding.likeness.value}"), tuple(rows), tuple(notes)
    )


def _pair(matter: Matter, finding: Finding, lang: str) -> list[Block]:
    items = []
    if finding.stage is not None and f"s{finding.stage}" in matter.small:
        label = words.text("paper.stage-picture", lang, seq=finding.stage)
        items.append(Shown(f"s{finding.stage}", label, layout.stage(finding.stage, "png")))
    if "post" in matter.small:
        items.append(Shown("post", words.text("report.post", lang)))
    return [blocks.Pictures(tuple(items))] if items else []


def _post(matter: Matter, lang: str) -> tuple[tuple[str, str], ...]:
    """Return where the post is; what names the account only if that was asked for."""
    say = partial(words.text, lang=lang)
    told, named = matter.paper.posted, matter.paper.named
    rows = []
    if told.platform:
        number = f" {told.number}" if told.number and named else ""
        rows.append((say("paper.platform"), one_line(f"{told.platform}{number}")))
    if told.address:
        shown = told.address if named else without_account(told.address)
        rows.append((say("paper.address"), one_line(shown) or say("paper.address-hidden")))
    if named and told.account:
        rows.append((say("paper.account"), one_line(told.account)))
    if told.found:
        rows.append((say("paper.found"), when(told.found, lang)))
    return tuple(rows)


def _explained(matter: Matter, lang: str) -> list[Block]:
    drawn = matter.paper.explained
    if drawn is None:
        return []
    names = [name.format(lang=lang) for name in FIRST]
    names += sorted(name for name in drawn.files if name.startswith("chance-"))
    items = [
        Shown(f"x-{name}", drawn.captions[name].text(lang), layout.compared(name))
        for name in names
        if name in drawn.captions and f"x-{name}" in matter.small
    ]
    say = partial(words.text, lang=lang)
    intro: list[Block] = [Heading(say("paper.pictures")), Para(say("paper.pictures-intro"))]
    return [*intro, blocks.Pictures(tuple(items), wide=True)] if items else []
