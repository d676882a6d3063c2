"""`sakigake witness`: read the codes of a stream from a video or a picture, and find them in a ledger."""

from pathlib import Path
from typing import Any

import click

from desk.answering import answer
from sakigake import errors, words


@click.command(help=words.text("cli.witness"))
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="VIDEO|PICTURE...")
@click.option("--session", metavar="SESSION", help=words.text("witness.session-help"))
@click.option("--package", type=click.Path(path_type=Path), help=words.text("witness.package-help"))
@click.option("--interval", metavar="TIME", help=words.text("witness.interval-help"))
@click.option("--json", "as_json", is_flag=True, help=words.text("verify.json"))
@click.pass_context
def witness(
    ctx: click.Context,
    *,
    files: tuple[Path, ...],
    session: str | None,
    package: Path | None,
    interval: str | None,
    as_json: bool,
) -> None:
    """Read codes and match them."""
    from desk.sightings import look
    from sakigake.clock import parse_duration
    from sakigake.witness.match import match

    if session and package:
        raise errors.UsageError("witness-two-ledgers")
    step_s = max(0.1, parse_duration(interval)) if interval else None
    known = (
        _from_package(package) if package else None
    )  # what is wrong with it should not take an hour to come out

    def told(at_ms: int) -> None:
        click.echo(words.text("witness.reading", time=_clock(at_ms)), err=True)

    seen = {path: look(path, step_s, told) for path in files}
    heads = list(dict.fromkeys(head for each in seen.values() for head in each.heads))
    ledgers = known if known is not None else _from_store(session, {head.ledger for head in heads})
    answers = {answer.head: answer for answer in match(heads, ledgers)}
    if as_json:
        answer(_record(seen, answers))
    else:
        _print(seen, answers)
    ctx.exit(_exit_code(answers))


def _from_package(path: Path) -> list[Any]:
    """Return the ledger of a package; raises VerificationError when the package does not hold."""
    from sakigake.anchor.trust import Trust
    from sakigake.evidence import head
    from sakigake.evidence.verify import verify
    from sakigake.witness.match import Ledger

    verify(path, Trust())
    return [Ledger(path.name, head.leaves_of(path))]


def _from_store(wanted: str | None, named: set[str]) -> list[Any]:
    """Return the session that is wanted, or else every one whose ledger was named; none when nothing was recorded."""
    from desk.sessions import find, open_store
    from sakigake import settings
    from sakigake.witness.code import LEDGER_DIGITS
    from sakigake.witness.match import Ledger

    try:
        store = open_store(settings.load())
    except errors.NotFoundError:
        if wanted:
            raise
        return []
    sessions = [find(store, wanted)] if wanted else store.sessions()
    chosen = [each for each in sessions if wanted or each.ledger[:LEDGER_DIGITS] in named]
    known = ((each, store.leaves(each.id)) for each in chosen)
    return [Ledger(each.id, leaves) for each, leaves in known if leaves]


def _exit_code(answers: dict[Any, Any]) -> int:
    from sakigake.witness.match import Fit

    fits = {answer.fit for answer in answers.values()}
    if fits & {Fit.OTHER, Fit.BEYOND}:
        return errors.VerificationError.exit_code
    return errors.EXIT_OK if Fit.SAME in fits else errors.NotFoundError.exit_code


def _clock(ms: int) -> str:
    minutes, seconds = divmod(ms // 1000, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def _print(seen: dict[Path, Any], answers: dict[Any, Any]) -> None:
    say = words.text
    for path, each in seen.items():
        kind = "witness.video" if each.moving else "witness.picture"
        click.echo(say(kind, path=path, frames=each.frames, length=_clock(each.length_ms)))
        for head, sighting in sorted(each.heads.items(), key=lambda item: (item[1].first_ms, item[0].size)):
            answer = answers[head]
            fit = say(f"witness.fit.{answer.fit.value}", name=answer.name)
            when = say("witness.span", first=_clock(sighting.first_ms), last=_clock(sighting.last_ms))
            where = when if each.moving else say("witness.shown")
            click.echo(f"  {say('witness.code', where=where, size=head.size, ledger=head.ledger, fit=fit)}")
        if each.odd:
            click.echo(f"  {say('witness.odd', count=each.odd)}")
        if each.cut:
            click.echo(f"  {say('witness.cut', frames=each.frames)}")
    fits = [answer.fit.value for answer in answers.values()]
    if not fits:
        click.echo(say("witness.none"))
        return
    click.echo(say("witness.sum", count=len(fits), same=fits.count("same")))
    if "same" in fits:
        click.echo(say("witness.shows"))
    for fit in ("other", "beyond", "unknown"):
        if fit in fits:
            click.echo(say(f"witness.about-{fit}"))
    click.echo(say("witness.limits"))


def _record(seen: dict[Path, Any], answers: dict[Any, Any]) -> dict[str, Any]:
    return {
        "files": [
            {
                "name": path.name,
                "looks": each.frames,
                "odd": each.odd,
                "cut": each.cut,
                "codes": [
                    {
                        "code": head.code,
                        "ledger": head.ledger,
                        "size": head.size,
                        "first_ms": sighting.first_ms if each.moving else None,
                        "last_ms": sighting.last_ms if each.moving else None,
                        "looks": sighting.frames,
                        "fit": answers[head].fit.value,
                        "found_in": answers[head].name or None,
                    }
                    for head, sighting in each.heads.items()
                ],
            }
            for path, each in seen.items()
        ],
    }
