"""What the page of sources shows, as plain values. Tokens and passwords are never among them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from desk import sources
from desk.watching import shown_options, why
from sakigake import words
from sakigake.errors import SakigakeError
from sakigake.settings import Settings
from sakigake.text import plain
from watch.alerts import receivers
from watch.sources import tokens
from watch.sources.fields import Field, Shape
from watch.store.records import Counts, HoleRow, SourceRow

MOST_HOLES = 50
MOST_OPTION = 200


@dataclass(frozen=True, slots=True)
class Tally:
    """What waits, and what could not be looked at, in sentences."""

    counts: str = ""
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """One source. `id` goes into forms, `name` is what is shown of it; `trouble` is a sentence, empty when all is well."""

    id: str
    name: str
    kind: str
    kind_words: str
    options: tuple[tuple[str, str], ...]
    sign: str
    state: str
    trouble: str
    good: datetime | None
    resting_until: datetime | None
    paused: bool
    server: str
    has_token: bool


@dataclass(frozen=True, slots=True)
class Hole:
    """A stretch in which a source was not watched."""

    source: str
    began: datetime
    ended: datetime | None
    why: str


@dataclass(frozen=True, slots=True)
class Alerts:
    """Who is told of findings: kinds of receivers only, since the rest of an address may open an account."""

    shown: tuple[str, ...]
    names: bool
    trouble: str


@dataclass(frozen=True, slots=True)
class Input:
    """One field of a form: the option, how it is asked for, and what stands in it."""

    field: Field
    label: str
    hint: str
    value: str


def tally(counts: Counts) -> Tally:
    """Return what waits and what failed."""
    return Tally(
        words.text(
            "watch.status-counts", waiting=counts.waiting, fresh=counts.new_findings, unsent=counts.unsent
        ),
        (*_reasons("watch.status-failed", counts.failed), *_reasons("watch.status-partly", counts.partly)),
    )


def _reasons(key: str, counted: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(
        words.text(key, count=count, reason=why(reason)) for reason, count in sorted(counted.items())
    )


def source(row: SourceRow) -> Source:
    """Return a source as the page shows it."""
    trouble = why(row.trouble) if row.trouble else ""
    if row.paused:
        sign, state = "paused", words.text("desk.watching.state-paused")
    elif row.failures:
        sign, state = "bad", words.text("desk.watching.state-trouble")
    elif row.good is None:
        sign, state = "off", words.text("desk.watching.state-never")
    else:
        sign, state = "good", words.text("desk.watching.state-good")
    server = _server(row.config)
    return Source(
        id=row.id,
        name=plain(row.id, sources.MOST_NAME),
        kind=row.kind,
        kind_words=kind_words(row.kind),
        options=tuple(
            (_worded(f"desk.watching.option.{name}", name), plain(value, MOST_OPTION))
            for name, value in shown_options(row.config).items()
            if value
        ),
        sign=sign,
        state=state,
        trouble=trouble,
        good=row.good,
        resting_until=row.resting_until if row.failures else None,
        paused=row.paused,
        server=server if row.kind in WITH_TOKENS else "",
        has_token=bool(server and row.kind in WITH_TOKENS and tokens.token(server)),
    )


WITH_TOKENS = ("mastodon", "misskey")  # servers that may ask for one


def _server(config: Mapping[str, object]) -> str:
    return urlsplit(_with_scheme(str(config.get("server", "")))).hostname or ""


def _with_scheme(server: str) -> str:
    return server if "://" in server else f"https://{server}"


def kind_words(kind: str) -> str:
    """Return what a kind of source is called."""
    return _worded(f"desk.watching.kind.{kind}", kind)


def kind_about(kind: str) -> str:
    """Return what a kind of source is for, in a sentence."""
    return _worded(f"desk.watching.kind-about.{kind}", "")


def beforehand(kind: str) -> tuple[str, ...]:
    """Return what a person should know of a kind of source before one is added, in sentences."""
    table = words.table(words.language())
    told = (
        words.text(
            "watch.about-sent", sent=table.get(f"source.sent-{kind}", words.text("source.sent-nothing"))
        ),
        words.text(
            "watch.about-terms", terms=table.get(f"source.terms-{kind}", words.text("source.terms-none"))
        ),
    )
    return told if kind == "folder" else (*told, words.text("watch.about-not-tried"))


def done(slug: str) -> str:
    """Return what was just done, nothing for a slug that somebody made up."""
    return _worded(f"desk.watching.done.{slug}", "")


def choices(fields: Sequence[Field]) -> dict[str, str]:
    """Return the words of everything that can be chosen in a form."""
    return {
        choice: _worded(f"desk.watching.choice.{choice}", choice)
        for field in fields
        for choice in field.choices
    }


def _worded(key: str, otherwise: str) -> str:
    return words.table(words.language()).get(key, otherwise)


def holes(rows: Sequence[HoleRow]) -> tuple[Hole, ...]:
    """Return the newest holes first, those that go on before all others."""
    newest = sorted(rows, key=lambda row: (row.ended is None, row.ended or row.began), reverse=True)
    return tuple(
        Hole(plain(row.source, sources.MOST_NAME), row.began, row.ended, why(row.reason))
        for row in newest[:MOST_HOLES]
    )


def alerts(settings: Settings) -> Alerts:
    """Return who is told of findings."""
    table = settings.section("watch")
    try:
        found = receivers.configured(settings)
    except SakigakeError as error:
        return Alerts((), bool(table["alert_names"]), f"{error.message()} {error.hint()}")
    shown = tuple(
        words.text("desk.watching.alert-desktop")
        if each.id == receivers.DESKTOP
        else plain(each.shown, MOST_OPTION)
        for each in found
    )
    return Alerts(shown, bool(table["alert_names"]), "")


def inputs(fields: Sequence[Field], given: Mapping[str, str]) -> tuple[Input, ...]:
    """Return the fields of a form with what was written into them; what is needed comes first."""
    ordered = sorted(fields, key=lambda field: not field.needed)
    return tuple(
        Input(
            field,
            words.text(f"desk.watching.option.{field.name}"),
            _hint(field),
            given.get(
                field.name,
                field.default if field.shape in {Shape.CHOICE, Shape.SWITCH, Shape.SECONDS} else "",
            ),
        )
        for field in ordered
    )


def _hint(field: Field) -> str:
    if field.shape is Shape.SECONDS:
        return words.text("desk.watching.hint-seconds", least=f"{field.least:g}", most=f"{field.most:g}")
    if field.shape is Shape.TEXTS:
        return words.text("desk.watching.hint-texts", example=field.example)
    return words.text("desk.watching.hint-example", example=field.example) if field.example else ""


def written(fields: Sequence[Field], given: Mapping[str, str]) -> dict[str, object]:
    """Return what was written into a form as the options of a source: what was left empty is not said."""
    return {
        field.name: told
        for field in fields
        if (told := given.get(field.name, "").strip()) and told != field.default
    }
