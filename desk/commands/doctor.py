"""`sakigake doctor`: what this computer can do for a recording, safe to paste in public."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from desk.answering import answer, as_json
from sakigake import errors, settings, words

if TYPE_CHECKING:
    from desk.doctoring.line import Line
    from sakigake.settings import Settings


@click.command(help=words.text("cli.doctor"))
@click.option("--online", is_flag=True, help=words.text("doctor.online-help"))
@as_json()
def doctor(online: bool, as_json: bool) -> int:
    """Print one line for each thing looked at; ends 1 when one is broken."""
    from desk.doctoring.line import State

    lines = []
    for line in _look(online=online):
        lines.append(line)
        if not as_json:
            _print(line)
    counts = {state.value: sum(line.state is state for line in lines) for state in State}
    failed = bool(counts[State.FAIL.value])
    if as_json:
        answer({"good": not failed, "counts": counts, "lines": [line.as_json() for line in lines]})
    else:
        key = (
            "doctor.end-fail"
            if failed
            else "doctor.end-warn"
            if counts[State.WARN.value]
            else "doctor.end-ok"
        )
        click.echo(words.text(key, fails=counts["fail"], warnings=counts["warn"]))
    return errors.SakigakeError.exit_code if failed else errors.EXIT_OK


def _look(*, online: bool) -> Iterator["Line"]:
    from desk.doctoring import installed
    from desk.doctoring.line import Line, State

    yield from installed.python()
    yield from installed.packages()
    yield from installed.collisions()
    yield from installed.shipped()
    loaded, faults = _settings()
    yield from faults
    if loaded is not None:
        yield from _kept(loaded, online=online)
    yield from installed.codecs()
    yield from installed.fonts()
    if not online:
        yield Line("authorities", State.INFO, "offline")


def _settings() -> tuple["Settings | None", list["Line"]]:
    from desk.commands.config import faults
    from desk.doctoring.line import Line, State

    path = settings.places()[1]
    found = faults(path)
    if found:
        return None, [
            Line(
                "settings",
                State.FAIL,
                "settings-fault",
                {"path": str(path), "line": line or "?", "why": fault.message(), "how": fault.hint()},
            )
            for line, fault in found
        ]
    code = "settings" if path.is_file() else "settings-none"
    try:
        loaded = settings.load()
    except errors.ConfigError as error:  # the records folder is no folder
        facts = {"path": str(path), "line": "?", "why": error.message(), "how": error.hint()}
        return None, [Line("settings", State.FAIL, "settings-fault", facts)]
    return loaded, [Line("settings", State.GOOD, code, {"path": str(path)})]


def _kept(loaded: "Settings", *, online: bool) -> Iterator["Line"]:
    from desk.doctoring import kept, looking, time

    yield from kept.home(loaded)
    yield from kept.key(loaded)
    yield from kept.stores(loaded)
    yield from kept.heads(loaded)
    yield from kept.recorder(loaded)
    yield from looking.screen()
    yield from looking.windows()
    yield from looking.obs(loaded)
    yield from time.from_record(loaded)
    if online:
        yield from time.online(loaded)


def _print(line: "Line") -> None:
    from desk.doctoring.line import State

    state = words.text(f"doctor.state.{line.state.value}")
    colour = {State.FAIL: "red", State.WARN: "yellow", State.GOOD: "green"}.get(line.state)
    click.echo(f"  {click.style(state, fg=colour) if colour else state}  {line.text()}", color=_colours())
    if told := line.next():
        click.echo(f"        {told}")


def _colours() -> bool | None:
    """Let click decide by the terminal, unless NO_COLOR or --plain says no."""
    import os

    from desk import speaking

    return False if os.environ.get("NO_COLOR") or speaking.is_plain() else None
