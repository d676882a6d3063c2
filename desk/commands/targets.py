"""`sakigake targets`: what can be recorded on this computer, drawing programs first."""

import shlex
from typing import TYPE_CHECKING, Any

import click

from desk.answering import answer, as_json
from sakigake import errors, settings, words
from sakigake.text import plain

if TYPE_CHECKING:
    from sakigake.settings import Settings

SMALLEST = 64  # pixels: smaller windows are no canvas
MOST_TITLE = 120


@click.command(help=words.text("cli.targets"))
@click.option("--titles", is_flag=True, help=words.text("settings.titles-help"))
@as_json()
def targets(titles: bool, as_json: bool) -> int:
    """List windows, screens and OBS, each with what to type."""
    loaded = settings.load()
    found = {"windows": windows(titles=titles), "screens": screens(), "obs": _obs(loaded, titles=titles)}
    nothing = not any(isinstance(each, list) and each for each in found.values())
    if as_json:
        plainly = {key: value if isinstance(value, list) else [] for key, value in found.items()}
        why = {
            key: value.message() for key, value in found.items() if isinstance(value, errors.SakigakeError)
        }
        answer({**plainly, "unseen": why})
    else:
        _print(found)
    return errors.NotFoundError.exit_code if nothing else errors.EXIT_OK


def windows(*, titles: bool) -> list[dict[str, Any]] | errors.SakigakeError:
    """Return the windows that can be recorded, drawing programs first; an error where they cannot be seen."""
    from capture.windows import watcher
    from capture.windows.model import EVERYWHERE
    from desk.painters import paints

    try:
        looking = watcher()
        try:
            seen = looking.look(EVERYWHERE)
        finally:
            looking.close()
    except errors.SakigakeError as error:
        return error
    except OSError as error:
        return errors.SakigakeError("record-no-screen", why=error.strerror or error)
    rows = []
    for window in seen.windows:
        if window.popup or not window.names or min(window.area.width, window.area.height) < SMALLEST:
            continue
        row = {
            "program": window.names[0],
            "paints": paints(window.names),
            "area": str(window.area),
            "id": window.id,
            "source": f"window:{window.names[0]}",
        }
        if titles:
            row["title"] = plain(window.title or "", MOST_TITLE)
        rows.append(row)
    # Of several windows of one program the largest would be taken: the others are named by their number.
    rows.sort(key=lambda row: (not row["paints"], row["program"], -_size(row)))
    before: object = ""
    for row in rows:
        if row["program"] == before:
            row["source"] = f"window:{row['id']}"
        before = row["program"]
    return rows


def _size(row: dict[str, Any]) -> int:
    width, height = str(row["area"]).split(",")[2:]
    return int(width) * int(height)


def screens() -> list[dict[str, Any]] | errors.SakigakeError:
    """Return the screens; an error where there is none."""
    import mss

    try:
        with mss.MSS() as screen:
            monitors = screen.monitors[1:] or screen.monitors
    except Exception as error:  # noqa: BLE001 - mss raises whatever its back-ends do
        return errors.SakigakeError("record-no-screen", why=str(error) or type(error).__name__)
    return [
        {
            "number": number,
            "area": f"{each['left']},{each['top']},{each['width']},{each['height']}",
            "source": f"screen:{number}",
        }
        for number, each in enumerate(monitors, start=1)
    ]


def _obs(loaded: "Settings", *, titles: bool) -> list[dict[str, Any]] | errors.SakigakeError:
    from capture.obs.client import Client
    from capture.obs.protocol import Address
    from capture.sources.obs import password

    try:
        client = Client(Address(), password(loaded))
    except errors.SakigakeError as error:
        return error
    try:
        told = client.request("GetSceneList")
    except errors.SakigakeError as error:
        return error
    finally:
        client.close()
    scenes = told.get("scenes")
    listed = scenes if titles and isinstance(scenes, list) else []
    names = [str(each.get("sceneName", "")) for each in listed if isinstance(each, dict)]
    return [
        {"scene": None, "source": "obs://"},
        *({"scene": name, "source": f"obs:///{name}"} for name in names[::-1]),
    ]


def _print(found: dict[str, Any]) -> None:
    for kind, rows in found.items():
        click.echo(words.text(f"settings.targets-{kind}"))
        if isinstance(rows, errors.SakigakeError):
            click.echo(f"  {plain(rows.message())}\n    {plain(rows.hint())}")
        elif not rows:
            click.echo(f"  {words.text('settings.targets-none')}")
        else:
            for row in rows:
                click.echo(f"  {_row(row)}")
    click.echo(words.text("settings.targets-next"))


def _row(row: dict[str, Any]) -> str:
    source = f"--source {shlex.quote(plain(row['source']))}"
    told = [source, row.get("area", "")]
    if row.get("paints"):
        told.append(words.text("settings.targets-paints"))
    if row.get("title"):
        told.append(f"「{row['title']}」" if words.language() == "ja" else f"“{row['title']}”")
    return "  ".join(filter(None, told))
