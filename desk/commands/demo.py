"""`sakigake demo`: run the main job once, on real input, in a folder of its own."""

import os
import platform
import sys
from pathlib import Path

import click

from sakigake import words


@click.command(help=words.text("cli.demo"))
@click.option(
    "--output",
    default="demo-out",
    show_default=True,
    type=click.Path(path_type=Path),
    help=words.text("demo.output"),
)
@click.option(
    "--authority",
    type=click.Choice(("none", "local", "configured")),
    default="configured",
    show_default=True,
    help=words.text("demo.authority"),
)
@click.option("--seed", type=click.IntRange(0), help=words.text("demo.seed"))
@click.option("--replay", is_flag=True, help=words.text("demo.replay"))
@click.option("--lang", type=click.Choice(words.LANGUAGES), help=words.text("verify.lang"))
def demo(output: Path, authority: str, seed: int | None, replay: bool, lang: str | None) -> int:
    """Record, compare, export and verify."""
    from desk.demo.recording import Input
    from desk.demo.story import Options, tell

    if lang:
        os.environ["SAKIGAKE_LANG"] = lang
    region, seconds = ("", "") if replay else _offer_screen()
    source = Input.REPLAY if replay else Input.SCREEN if region else Input.PAINT
    options = Options(
        output=output,
        source=source,
        authority=authority,
        lang=words.language(),
        seed=DEFAULT_SEED if seed is None else seed,
        region=region,
        seconds=seconds,
    )
    return tell(options, user_config())


DEFAULT_SEED = 7


def _offer_screen() -> tuple[str, str]:
    """Ask, where there is a screen and somebody to ask, whether a part of it may be recorded; never assume it."""
    if not (has_screen() and sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()):
        return "", ""
    click.echo(words.text("demo.screen-offer"))
    if not click.confirm(words.text("demo.screen-question"), default=False):
        return "", ""
    return click.prompt(words.text("demo.screen-region")), click.prompt(
        words.text("demo.screen-seconds"), default="60s"
    )


def has_screen() -> bool:
    """Say whether this machine shows a person a screen."""
    always = platform.system() in {"Windows", "Darwin"}
    return always or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def user_config() -> Path:
    """Return the settings file of the person who runs the demonstration, whether it is there or not."""
    if named := os.environ.get("SAKIGAKE_CONFIG"):
        return Path(named).absolute()
    if home := os.environ.get("SAKIGAKE_HOME"):
        return Path(home).absolute() / "sakigake.toml"
    import platformdirs

    return platformdirs.user_config_path("sakigake", appauthor=False) / "sakigake.toml"
