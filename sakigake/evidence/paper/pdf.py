"""report.pdf: the reports on paper, both languages one after the other in one file, so that neither goes alone.

A long session is printed in part: the lines that an answer rests on, and others spread evenly. The page and the ledger hold all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sakigake import words
from sakigake.evidence.paper import blocks, letters, sheet
from sakigake.evidence.paper.matter import Matter
from sakigake.evidence.paper.sheet import BLUE, LINE, MARGIN, PALE, POINT, ROOM, SOFT, Sheet
from sakigake.evidence.paper.writing import document
from sakigake.evidence.report import Thumbnail

MOST_LINES, MOST_SMALL = 120, 48  # of the timeline, and how many of them with a picture
VERDICT = 14  # points: the same for every answer
_STRIP = {"pause": (157, 185, 211), "gap": (92, 101, 112)}


@dataclass(frozen=True, slots=True)
class Printed:
    """The file, how many pages it has, and the letters that were printed by their numbers."""

    raw: bytes
    pages: int
    odd: tuple[str, ...]


def write(matter: Matter, small: Mapping[str, Thumbnail]) -> Printed:
    """Return the PDF. The same matter gives the same bytes with the same versions of fpdf2 and fontTools."""
    langs = matter.paper.langs
    title = " / ".join(words.text(f"paper.title.{matter.paper.report}", lang) for lang in langs)
    paper = Sheet(title, langs[0])
    for lang in langs:
        paper.footer(words.text("report.limits", lang), words.text("paper.page", lang, page="{page}"))
        paper.page()
        title_block, *rest = document(matter, lang)
        _block(paper, title_block, small)
        if lang == langs[0]:  # who reads another language learns on the first page that it is in here
            for other in langs[1:]:
                paper.write(words.text("paper.follows", other), 9, colour=SOFT)
        for block in rest:
            _block(paper, block, small)
        if paper.odd:
            paper.y += 3
            paper.write(words.text("paper.odd", lang), 9, colour=SOFT)
    return Printed(paper.bytes(), paper.pdf.page_no(), tuple(paper.odd))


def _block(paper: Sheet, block: blocks.Block, small: Mapping[str, Thumbnail]) -> None:
    match block:
        case blocks.Heading():
            size = 20 if block.level == 1 else 13
            paper.need(24)
            paper.y += 0 if block.level == 1 else 4
            paper.write(block.text, size)
            if block.level > 1:
                paper.rule(paper.y, BLUE)
                paper.y += 1.5
        case blocks.Para():
            _para(paper, block)
        case blocks.Facts():
            _facts(paper, block.rows, MARGIN, ROOM)
            paper.y += 1.5
        case blocks.Answers():
            _answers(paper, block)
        case blocks.Pictures():
            _pictures(paper, block, small)
        case blocks.Table():
            _table(paper, block)
        case blocks.Strip():
            _strip(paper, block)
        case blocks.Timeline():
            _timeline(paper, block, small)


def _para(paper: Sheet, block: blocks.Para) -> None:
    if block.kind != blocks.LIMITS:
        paper.write(block.text, 10.5 if block.kind == blocks.STRONG else 10)
        paper.y += 1.5
        return
    lines = paper.lines(block.text, 10, ROOM - 8)
    high = len(lines) * 10 * POINT * sheet.LEADING + 4
    paper.need(high + 2)
    paper.box((MARGIN, paper.y, ROOM, high), PALE)
    paper.box((MARGIN, paper.y, 1.2, high), BLUE)
    for number, line in enumerate(lines):
        paper.put(line, MARGIN + 4, paper.y + 2 + number * 10 * POINT * sheet.LEADING, 10)
    paper.y += high + 2


def _facts(
    paper: Sheet, rows: Sequence[tuple[str, str]], left: float, room: float, size: float = 9.5
) -> None:
    step, first = size * POINT * 1.5, room * 0.34
    for name, value in rows:
        names, values = paper.lines(name, size, first - 3), paper.lines(value, size, room - first)
        paper.need(step * min(4, max(len(names), len(values))))
        for number in range(max(len(names), len(values))):
            paper.need(step)
            if number < len(names):
                paper.put(names[number], left, paper.y, size, SOFT)
            if number < len(values):
                paper.put(values[number], left + first, paper.y, size)
            paper.y += step


def _answers(paper: Sheet, block: blocks.Answers) -> None:
    for answer in block.items:
        paper.need(58)
        top, page = paper.y, paper.pdf.page_no()
        paper.y += 3
        paper.write(answer.label, 9, x=MARGIN + 4, room=ROOM - 8, colour=SOFT)
        paper.write(answer.verdict, VERDICT, x=MARGIN + 4, room=ROOM - 8)
        paper.y += 1
        _facts(paper, answer.rows, MARGIN + 4, ROOM - 8)
        paper.y += 1 if answer.notes else 0
        for note in answer.notes:
            paper.write(note, 9.5, x=MARGIN + 4, room=ROOM - 8)
        paper.y += 2
        if paper.pdf.page_no() == page:
            paper.box((MARGIN, top, ROOM, paper.y - top), None, LINE)
        paper.y += 3


def _pictures(paper: Sheet, block: blocks.Pictures, small: Mapping[str, Thumbnail]) -> None:
    wide = ROOM if block.wide else (ROOM - 6) / 2
    across = 1 if block.wide else 2
    for start in range(0, len(block.items), across):
        row = block.items[start : start + across]
        sizes = [_fitted(small[each.name], wide, 150 if block.wide else 70) for each in row]
        texts = [paper.lines(each.caption, 9, wide) for each in row]
        step = 9 * POINT * 1.5
        high, below = max(size[1] for size in sizes), max(map(len, texts)) * step
        paper.need(high + below + 4)
        for number, (each, size, lines) in enumerate(zip(row, sizes, texts, strict=True)):
            left = MARGIN + number * (wide + 6)
            paper.picture(small[each.name].jpeg, (left, paper.y, *size), each.caption)
            for at, line in enumerate(lines):
                paper.put(line, left, paper.y + high + 1 + at * step, 9, SOFT)
        paper.y += high + below + 5


def _fitted(picture: Thumbnail, wide: float, high: float) -> tuple[float, float]:
    scale = min(wide / picture.width, high / picture.height)
    return picture.width * scale, picture.height * scale


def _table(paper: Sheet, block: blocks.Table) -> None:
    _cells(paper, block.header, block.shares, header=True)
    for row in block.rows:
        _cells(paper, row, block.shares)
    paper.y += 2


def _cells(paper: Sheet, row: Sequence[str], shares: Sequence[float], *, header: bool = False) -> None:
    step = 9 * POINT * 1.5
    cells = [paper.lines(each, 9, ROOM * share - 3) for each, share in zip(row, shares, strict=True)]
    high = max(map(len, cells)) * step + 1.2
    paper.need(high)
    left = MARGIN
    for lines, share in zip(cells, shares, strict=True):
        for number, line in enumerate(lines):
            paper.put(line, left, paper.y + 0.4 + number * step, 9, SOFT if header else sheet.INK)
        left += ROOM * share
    paper.y += high
    paper.rule(paper.y - 0.3)


def _strip(paper: Sheet, block: blocks.Strip) -> None:
    paper.need(26)
    paper.y += 2
    paper.box((MARGIN, paper.y, ROOM, 7), BLUE)
    for each in block.stretches:
        left, wide = MARGIN + ROOM * each.begin, max(0.15, ROOM * (each.end - each.begin))
        paper.box((left, paper.y, wide, 7), PALE)
        _hatched(paper, left, wide, each.kind)
    for at in block.marks:
        paper.box((MARGIN + ROOM * at, paper.y + 7.8, 0.3, 2.6), sheet.INK)
    paper.y += 11.5
    paper.put(block.left, MARGIN, paper.y, 8, SOFT)
    right = len(block.right) and paper.lines(block.right, 8, ROOM)[0]
    if right:
        paper.put(right, sheet.WIDTH - MARGIN - letters.width(right, 8 * POINT), paper.y, 8, SOFT)
    paper.y += 5
    paper.write(block.told, 9, colour=SOFT)
    paper.y += 1.5


def _hatched(paper: Sheet, left: float, wide: float, kind: str) -> None:
    """Draw upright stripes, close ones for a gap: they are told apart without colour as well."""
    step, stripe = (1.2, 0.7) if kind == "gap" else (2.4, 0.5)
    for number in range(int(wide / step) + 1):
        start = left + number * step
        paper.box((start, paper.y, min(stripe, left + wide - start), 7), _STRIP[kind])


def chosen(rows: Sequence[blocks.Moment], most: int) -> list[int]:
    """Return which lines are printed: the first, the last, those an answer rests on, and others spread evenly."""
    if len(rows) <= most:
        return list(range(len(rows)))
    spread = {round(at * (len(rows) - 1) / (most - 1)) for at in range(most)}
    return sorted(spread | {number for number, row in enumerate(rows) if row.subject})


def _timeline(paper: Sheet, block: blocks.Timeline, small: Mapping[str, Thumbnail]) -> None:
    printed = chosen(block.rows, MOST_LINES)
    if len(printed) < len(block.rows):
        paper.write(block.left_out.format(shown=len(printed), all=len(block.rows)), 9.5)
        paper.y += 1
    pictured = [number for number in printed if block.rows[number].picture]
    with_small = {pictured[at] for at in chosen([block.rows[number] for number in pictured], MOST_SMALL)}
    for number in printed:
        row = block.rows[number]
        picture = small.get(row.picture) if number in with_small else None
        _moment(paper, row, picture)


def _moment(paper: Sheet, row: blocks.Moment, picture: Thumbnail | None) -> None:
    step = 9 * POINT * 1.45
    left, room = MARGIN + 38, ROOM - 40
    texts = [*row.lines, *([row.flag] if row.flag else [])]
    lines = [line for text in texts for line in paper.lines(text, 9, room)]
    titles = paper.lines(row.title, 10.5, room)
    size = _fitted(picture, 34, 30) if picture else (0.0, 0.0)
    high = max(size[1], len(titles) * step * 1.2 + len(lines) * step) + 3
    paper.need(high)
    if not row.stage:
        paper.box((MARGIN, paper.y, ROOM, high - 1), PALE)
    elif row.subject:
        paper.box((MARGIN, paper.y, 1.2, high - 1), BLUE)
    if picture:
        paper.picture(picture.jpeg, (MARGIN + 2, paper.y + 1, *size), row.title)
    y = paper.y + 0.8
    for line in titles:
        paper.put(line, left, y, 10.5)
        y += step * 1.2
    for line in lines:
        paper.put(line, left, y, 9, SOFT)
        y += step
    paper.y += high
    paper.rule(paper.y - 0.6)
