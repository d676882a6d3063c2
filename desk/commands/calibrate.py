"""`sakigake calibrate`: count chance likenesses with the artist's own works, and let `check` know them."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from desk.answering import answer
from sakigake import errors, words

if TYPE_CHECKING:
    from watch.calibrating import Gathered, Near, Outcome
    from watch.compare.own import Own

SHOWN = 5  # names of files that were passed over


@click.command(help=words.text("cli.calibrate"))
@click.argument("folders", nargs=-1, metavar="[FOLDER]...", type=click.Path(path_type=Path))
@click.option("--leave-out", multiple=True, metavar="NAME", help=words.text("own.leave-out"))
@click.option("--unrelated", multiple=True, metavar="NAME", help=words.text("own.unrelated"))
@click.option("--forget", is_flag=True, help=words.text("own.forget"))
@click.option("--json", "as_json", is_flag=True, help=words.text("verify.json"))
@click.option("--lang", type=click.Choice(words.LANGUAGES), help=words.text("verify.lang"))
def calibrate(  # noqa: PLR0917 - click passes by name
    folders: tuple[Path, ...],
    leave_out: tuple[str, ...],
    unrelated: tuple[str, ...],
    forget: bool,
    as_json: bool,
    lang: str | None,
) -> None:
    """Count, and keep the fingerprints."""
    from desk import progress
    from desk.sessions import open_store
    from sakigake import settings
    from watch import calibrating
    from watch.compare import own

    if lang:
        os.environ["SAKIGAKE_LANG"] = lang
    if bool(folders) == forget:
        raise errors.UsageError("own-works-which")
    loaded = settings.load()
    if forget:
        there = (loaded.home / own.NAME).is_file()
        (loaded.home / own.NAME).unlink(missing_ok=True)
        said = words.text("own.forgotten" if there else "own.nothing")
        if as_json:
            answer({"forgotten": there})
        else:
            click.echo(said)
        return
    with progress.busy("calibrate"):
        found = calibrating.gather(folders, leave_out, unrelated)
        store = open_store(loaded) if loaded.database.is_file() else None
        outcome = calibrating.count(found.works, store, unrelated)
    kept = None
    if not outcome.near:
        fingerprints = [work.fingerprint for work in found.works]
        try:
            kept = own.write(loaded.home, fingerprints, (outcome.some, outcome.strong), outcome.raised)
        except OSError as error:
            path = loaded.home / own.NAME
            raise errors.SakigakeError("head-not-written", path=path, why=error.strerror or error) from error
    if as_json:
        answer(_plain(found, outcome, kept))
    else:
        _tell(found, outcome, kept)
    if outcome.near:
        raise errors.UsageError("own-works-near", count=len(outcome.near))


def _plain(found: "Gathered", outcome: "Outcome", kept: "Own | None") -> dict[str, Any]:
    return {
        "kept": kept is not None,
        "calibration": kept.calibration.version if kept else None,
        "works": outcome.works,
        "stages": outcome.stages,
        "some": {"alarms": outcome.some, "rate_upper_bound": outcome.bound(outcome.some)},
        "strong": {"alarms": outcome.strong, "rate_upper_bound": outcome.bound(outcome.strong)},
        "raised": dict(zip(("some", "strong"), outcome.raised, strict=True)),
        "to_confirm": [
            {
                "name": each.name,
                "session": each.session or None,
                "stage": each.stage,
                "work": each.other or None,
            }
            for each in outcome.near
        ],
        "passed_over": {
            "unreadable": found.unreadable,
            "too_little": found.too_little,
            "twice": found.twice,
        },
    }


def _tell(found: "Gathered", outcome: "Outcome", kept: "Own | None") -> None:
    from watch.compare.own import LEAST

    lines = [words.text("own.counted", works=outcome.works, stages=outcome.stages)]
    for level, alarms in (("some", outcome.some), ("strong", outcome.strong)):
        bound = max(1, int(1 / outcome.bound(alarms)))
        meant = words.text(f"finding.likeness.{level}")
        lines.append(words.text("own.alarms", level=meant, alarms=alarms, works=outcome.works, bound=bound))
    for reason, names in (
        ("unreadable", found.unreadable),
        ("too-little", found.too_little),
        ("twice", found.twice),
    ):
        if names:
            shown = ", ".join(names[:SHOWN]) + (" …" if len(names) > SHOWN else "")
            lines.append(words.text(f"own.passed-{reason}", count=len(names), names=shown))
    lines += [f"    {_near(each)}" for each in outcome.near]
    if kept:
        some, strong = (f"{value:.2f}" for value in outcome.raised)
        if outcome.works < LEAST:
            lines.append(words.text("own.few", least=LEAST))
        elif any(outcome.raised):
            lines.append(words.text("own.raised", some=some, strong=strong))
        else:
            lines.append(words.text("own.not-raised"))
        lines.append(words.text("own.kept", name=kept.calibration.version))
    click.echo("\n".join(lines))


def _near(near: "Near") -> str:
    if near.other:
        return words.text("own.near-work", name=near.name, other=near.other)
    return words.text("own.near-stage", name=near.name, session=near.session, stage=near.stage)
