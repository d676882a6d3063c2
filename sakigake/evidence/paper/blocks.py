"""What a report is made of: the page and the PDF are written from the same blocks and so say the same."""

from dataclasses import dataclass

PLAIN, STRONG, LIMITS = "plain", "strong", "limits"


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of level 1 or 2."""

    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Para:
    """A paragraph; `kind` is plain, strong or limits."""

    text: str
    kind: str = PLAIN


@dataclass(frozen=True, slots=True)
class Facts:
    """Names with what is known of them."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """One of the two answers. `verdict` is printed in one size whichever it is."""

    label: str
    verdict: str
    rows: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers, side by side, never one of them alone."""

    items: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture by the name of its small copy, with what it shows and the file it leads to."""

    name: str
    caption: str
    file: str = ""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures with captions; `wide` ones stand below each other."""

    items: tuple[Shown, ...]
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `shares` are the widths of its columns."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a strip: begin and end as shares of its length, and its kind: looked, pause or gap."""

    begin: float
    end: float
    kind: str


@dataclass(frozen=True, slots=True)
class Strip:
    """A recording from begin to end at one scale: stretches, and marks where stages are."""

    stretches: tuple[Stretch, ...]
    marks: tuple[float, ...]
    left: str
    right: str
    told: str


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the timeline: title, lines below it, a small copy (empty: none), its file, whether it is a stage."""

    title: str
    lines: tuple[str, ...]
    picture: str = ""
    file: str = ""
    stage: bool = True
    subject: bool = False
    flag: str = ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Every line of the timeline. `left_out` is the sentence for where not all of them are printed; it has {shown}, {all}."""

    rows: tuple[Moment, ...]
    left_out: str


Block = Heading | Para | Facts | Answers | Pictures | Table | Strip | Timeline
