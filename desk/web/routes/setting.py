"""The settings that matter to a person at the desk: what each means, its default, and where its value comes from."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.routing import Route

from desk.web import pages
from desk.web.app import Desk, desk_of
from sakigake import setting_file, settings, words
from sakigake.errors import UsageError

if TYPE_CHECKING:
    from starlette.datastructures import FormData
    from starlette.requests import Request

# What is shown, by table; the file may hold more, and `sakigake config` shows all of it.
SHOWN = {
    "record": ("interval_s", "heartbeat_s", "disk_low_mb", "disk_small_mb", "disk_none_mb"),
    "privacy": ("programs", "titles"),
    "anchor": ("enabled",),
    "ots": ("enabled",),
    "watch": ("alerts", "alert_names", "keep_days", "keep_dismissed_days", "evidence_mb"),
    "desk": ("port", "source", "canvas", "with_stream", "overlay_line"),
}
KINDS = ("dock", "overlay")


@dataclass(frozen=True, slots=True)
class Field:
    """One setting: `kind` is `switch`, `number`, `list` or `text`; `origin` who set it: default, file, variable, call."""

    name: str
    about: str
    kind: str
    value: Any
    shown: str
    default: str
    origin: str

    @property
    def fixed(self) -> bool:
        """Say whether something stronger than the file sets it, so that it cannot be changed here."""
        return self.origin in {"variable", "call"}


def fields() -> dict[str, list[Field]]:
    """Return what is shown, as it is in force now; raises ConfigError."""
    defaults = settings.defaults()
    merged, origins = defaults, dict[str, str]()
    for origin, tables in settings.layers():
        merged = settings.merge(merged, tables)
        origins |= {f"{table}.{key}": origin for table, rows in tables.items() for key in rows}
    return {
        table: [_field(table, key, merged, defaults, origins) for key in keys]
        for table, keys in SHOWN.items()
    }


def _field(
    table: str, key: str, merged: dict[str, Any], defaults: dict[str, Any], origins: dict[str, str]
) -> Field:
    name, value, default = f"{table}.{key}", merged[table][key], defaults[table][key]
    return Field(
        name=name,
        about=setting_file.about(table, key),
        kind=_kind(default),
        value=value,
        shown="\n".join(value) if isinstance(value, list) else str(value),
        default=setting_file.toml(default),
        origin=origins.get(name, "default"),
    )


def _kind(default: object) -> str:
    if isinstance(default, bool):
        return "switch"
    if isinstance(default, int | float):
        return "number"
    return "list" if isinstance(default, list) else "text"


def page(request: "Request") -> Response:
    """Show the settings."""
    desk = desk_of(request)
    return pages.render(
        request,
        "settings.html.j2",
        tables={table: (words.text(f"desk.setting.table-{table}"), rows) for table, rows in fields().items()},
        origins={
            each: words.text(f"desk.setting.origin-{each}")
            for each in ("default", "file", "variable", "call")
        },
        told=words.text("desk.setting.saved") if "saved" in request.query_params else "",
        file=settings.places()[1],
        home=desk.settings.home,
        dock=desk.keyed("/dock"),
        overlay=desk.keyed("/overlay"),
    )


async def save(request: "Request") -> Response:
    """Keep what was changed; raises ConfigError for a value that is not allowed, with nothing written."""
    form = await pages.form(request)
    await run_in_threadpool(_save, desk_of(request), form)
    return pages.go("/settings", saved=1)


def _save(desk: Desk, form: "FormData") -> None:
    defaults = settings.defaults()
    changed: dict[str, Any] = {}
    for rows in fields().values():
        for row in rows:
            if row.fixed or f"has:{row.name}" not in form:
                continue
            table, _, key = row.name.partition(".")
            value = _value(row, str(form.get(row.name, "")))
            if value != row.value:
                changed[row.name] = None if value == defaults[table][key] else value
    if changed:
        desk.save(changed)


def _value(row: Field, typed: str) -> Any:
    if row.kind == "switch":
        return typed == "on"
    if row.kind == "list":
        return [line.strip() for line in typed.splitlines() if line.strip()]
    if row.kind == "text":
        return typed.strip()
    try:
        return int(typed) if typed.strip().lstrip("-").isdecimal() else float(typed)
    except ValueError as error:
        raise UsageError("desk-no-number", name=row.name, value=typed) from error


async def revoke(request: "Request") -> Response:
    """Make new addresses for OBS; the old ones open nothing any more."""
    form = await pages.form(request)
    kind = str(form.get("kind", ""))
    if kind in KINDS:
        await run_in_threadpool(desk_of(request).entrance.revoke, kind)
    return pages.go("/settings", saved=1)


ROUTES = [
    Route("/settings", page),
    Route("/settings", save, methods=["POST"]),
    Route("/settings/revoke", revoke, methods=["POST"]),
]
NAV = ("/settings", "desk.setting.title")
