"""Drawing on A4: lines of words, boxes, pictures, with a footer on each page. Nothing here knows what is reported.

The same calls give the same bytes: no clock is read, and the PDF's date is that of its format, not of its making.
"""

import io
import logging
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.resources import as_file

from sakigake import resources
from sakigake.evidence.paper import letters

WIDTH, HEIGHT, MARGIN, BOTTOM = 210.0, 297.0, 18.0, 26.0  # mm
ROOM = WIDTH - 2 * MARGIN
LEADING = 1.55
POINT = 25.4 / 72
INK, SOFT, LINE, BLUE, PALE = (28, 31, 36), (72, 80, 90), (196, 203, 211), (43, 93, 138), (244, 246, 248)
_DATED = datetime(2000, 1, 1, tzinfo=UTC)
_FAMILY = "noto"

Colour = tuple[int, int, int]


class Sheet:
    """Pages that are written from top to bottom. Lengths in mm, sizes of letters in points.

    `footer` stands on each page with its number. `odd` gathers the letters that were printed by their numbers.
    """

    def __init__(self, title: str, lang: str) -> None:
        from fpdf import FPDF  # noqa: PLC0415 - only who writes a PDF needs it

        logging.getLogger("fontTools").setLevel(logging.ERROR)  # it tells of every table that it leaves out
        self._open = ExitStack()
        self.pdf: FPDF = FPDF(format="A4")
        self.pdf.set_auto_page_break(auto=False)
        self.pdf.set_margin(0)
        self.pdf.c_margin = 0
        self.pdf.set_creation_date(_DATED)
        self.pdf.set_producer("sakigake")
        self.pdf.set_title(title)
        self.pdf.set_lang(lang)
        font = self._open.enter_context(as_file(resources.root().joinpath(*letters.FONT.split("/"))))
        self.pdf.add_font(_FAMILY, fname=font)
        self.odd: dict[str, None] = {}
        self.y = MARGIN
        self._footer: tuple[str, str] = ("", "")

    def footer(self, limits: str, page: str) -> None:
        """Set what stands at the foot from the next page on; `page` has a place {page}."""
        self._footer = limits, page

    def page(self) -> None:
        """Begin a new page."""
        self.pdf.add_page()
        limits, page = self._footer
        top = HEIGHT - BOTTOM + 5
        self.rule(top - 2)
        for line in self.lines(limits, 8, ROOM):
            self.put(line, MARGIN, top, 8, SOFT)
            top += 8 * POINT * 1.4
        number = page.format(page=self.pdf.page_no())
        self.put(number, WIDTH - MARGIN - letters.width(number, 8) * POINT, top, 8, SOFT)
        self.y = MARGIN

    def need(self, height: float) -> None:
        """Begin a new page unless there is so much room left."""
        if self.y + height > HEIGHT - BOTTOM and self.y > MARGIN:
            self.page()

    def lines(self, text: str, size: float, room: float) -> list[str]:
        """Return a text as the lines it is printed in."""
        printed, odd = letters.shown(text)
        self.odd.update(dict.fromkeys(odd))
        return letters.wrapped(printed, size * POINT, room)

    def put(self, line: str, x: float, y: float, size: float, colour: Colour = INK) -> None:
        """Print one line whose upper left corner is at (x, y)."""
        self.pdf.set_font(_FAMILY, size=size)
        self.pdf.set_text_color(*colour)
        self.pdf.text(x, y + size * POINT, line)

    def write(
        self, text: str, size: float = 10, *, x: float = MARGIN, room: float = ROOM, colour: Colour = INK
    ) -> None:
        """Print a text from the current height on, over as many pages as it takes."""
        for line in self.lines(text, size, room):
            self.need(size * POINT * LEADING)
            self.put(line, x, self.y, size, colour)
            self.y += size * POINT * LEADING

    def rule(self, y: float, colour: Colour = LINE) -> None:
        """Draw a line over the width."""
        self.pdf.set_draw_color(*colour)
        self.pdf.set_line_width(0.2)
        self.pdf.line(MARGIN, y, WIDTH - MARGIN, y)

    def box(
        self, at: tuple[float, float, float, float], fill: Colour | None, edge: Colour | None = None
    ) -> None:
        """Draw a rectangle: left, top, width, height."""
        if fill:
            self.pdf.set_fill_color(*fill)
        if edge:
            self.pdf.set_draw_color(*edge)
            self.pdf.set_line_width(0.25)
        style = {(True, True): "DF", (True, False): "F", (False, True): "D"}.get((bool(fill), bool(edge)))
        if style:
            self.pdf.rect(*at, style=style)

    def picture(self, jpeg: bytes, at: tuple[float, float, float, float], told: str) -> None:
        """Show a JPEG in a frame: left, top, width, height; `told` is read out by who cannot see it."""
        printed, _ = letters.shown(told)
        left, top, wide, high = at
        self.pdf.image(io.BytesIO(jpeg), left, top, wide, high, alt_text=printed)
        self.box(at, None, LINE)

    def bytes(self) -> bytes:
        """Return the file."""
        try:
            return bytes(self.pdf.output())
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the font's file."""
        from fpdf.fonts import TTFFont  # noqa: PLC0415

        for font in self.pdf.fonts.values():
            if isinstance(font, TTFFont):
                font.ttfont.close()
        self._open.close()
