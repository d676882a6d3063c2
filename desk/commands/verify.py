"""`sakigake verify`: check a package. Loads no image library and opens no socket."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from desk.answering import answer
from sakigake import errors, words
from sakigake.clock import iso
from sakigake.model import Interval, Verdict
from sakigake.phrases import span

if TYPE_CHECKING:
    from sakigake.anchor.trust import Trust

EXIT_CODES = {Verdict.VERIFIED: errors.EXIT_OK, Verdict.INTEGRITY_ONLY: errors.EXIT_INTEGRITY_ONLY}
MAX_CERTIFICATE = 1 << 20


@click.command(help=words.text("cli.verify"))
@click.argument("package", type=click.Path(path_type=Path))
@click.option(
    "--trust", "roots", multiple=True, type=click.Path(path_type=Path), help=words.text("verify.trust")
)
@click.option(
    "--against",
    "others",
    multiple=True,
    metavar="PACKAGE",
    type=click.Path(path_type=Path),
    help=words.text("verify.against"),
)
@click.option("--key", metavar="HEX", help=words.text("verify.key-option"))
@click.option("--head", "heads", multiple=True, metavar="CODE|FILE", help=words.text("verify.head"))
@click.option("--json", "as_json", is_flag=True, help=words.text("verify.json"))
@click.option("--lang", type=click.Choice(words.LANGUAGES), help=words.text("verify.lang"))
@click.pass_context
def verify(
    ctx: click.Context,
    *,
    package: Path,
    roots: tuple[Path, ...],
    others: tuple[Path, ...],
    key: str | None,
    heads: tuple[str, ...],
    as_json: bool,
    lang: str | None,
) -> None:
    """Check a package and say what holds."""
    from desk import progress
    from sakigake import settings
    from sakigake.anchor import trust
    from sakigake.evidence import against, head
    from sakigake.evidence.verify import verify as check

    if lang:
        os.environ["SAKIGAKE_LANG"] = lang
    # Nobody is asked here, so whom the settings want asked is no reason to refuse, nor is a fault elsewhere in them.
    pinned = settings.load_section("anchor").get("authority", [])
    trusted = trust.load({"anchor": {"authority": pinned}})
    for path in roots:
        try:
            trusted = trusted.with_roots(_certificate(path), f"--trust {path.name}")
        except OSError as error:
            raise errors.UsageError("trust-unreadable", path=path, why=error.strerror) from error
    seen = [head.read(value) for value in heads]
    wanted = _key(key) if key is not None else ""
    try:
        with progress.busy("verify"):
            report = check(package, trusted, seen)
            _must_be(report.key, wanted)
            compared = against.compare(package, report, others, trusted)
    except errors.VerificationError as error:
        _failed(error, as_json=as_json)
        ctx.exit(error.exit_code)
    else:
        if as_json:
            answer(_record(report, trusted) | _compared(compared))
        else:
            _print(report, trusted)
            for each in compared:
                relation = f"verify.against-{each.relation.value}"
                whose = words.text("verify.against-linked" if each.linked else "verify.against-one-key")
                click.echo(f"  {words.text(relation, path=each.path, shared=each.shared, whose=whose)}")
        ctx.exit(EXIT_CODES[report.verdict])


def _key(value: str) -> str:
    """Return the digits of a key, or its first ones; fewer than 16 could be made to fit by trying keys."""
    digits = "".join(value.split()).lower()
    if not 16 <= len(digits) <= 64 or set(digits) - set("0123456789abcdef"):  # noqa: PLR2004 - 32 bytes in hex
        raise errors.UsageError("key-digits", value=value)
    return digits


def _must_be(key: str, wanted: str) -> None:
    """Raise VerificationError unless the key of a package begins as it must."""
    if not key.startswith(wanted):
        raise errors.VerificationError("key-other", key=key, wanted=wanted)


def _certificate(path: Path) -> bytes:
    """Read a root that was given; a pipe would keep us waiting, a device would never end."""
    if path.exists() and not path.is_file():
        raise errors.UsageError("trust-odd", path=path)
    with path.open("rb") as file:
        raw = file.read(MAX_CERTIFICATE + 1)
    if len(raw) > MAX_CERTIFICATE:
        raise errors.UsageError("trust-odd", path=path)
    return raw


def _failed(error: errors.VerificationError, *, as_json: bool) -> None:
    if as_json:
        record = {
            "verdict": Verdict.FAILED.value,
            "code": error.code,
            "message": error.message(),
            "hint": error.hint(),
        }
        answer(record)
        return
    click.echo(words.text("verify.verdict.FAILED", message=error.message()))
    click.echo(f"  {error.hint()}")


def _print(report: Any, trusted: "Trust") -> None:
    from sakigake.evidence.blocks import NAME

    say = words.text
    click.echo(say(_verdict(report)))
    for reason in report.reasons:
        click.echo(f"  {say(f'verify.reason.{reason}')}")
    for stage in report.stages:
        flags = "".join(f" [{say(f'verify.flag.{flag}')}]" for flag in stage.flags)
        click.echo(f"  {say('verify.stage', seq=stage.seq, span=span(stage.interval))}{flags}")
        if stage.claimed:
            click.echo(f"      {say('report.claimed', when=iso(stage.claimed))}")
        if stage.picture_after:
            click.echo(f"      {say('verify.picture-after', when=iso(stage.picture_after))}")
    if report.order:
        click.echo(f"  {say('verify.order', order=say(f'finding.order.{report.order.value}'))}")
        _print_rests_on(report.compared)
    if report.post_kept:
        _print_kept(report.post_kept)
    if names := [name for name in report.authorities if name != NAME]:  # blocks have a line of their own
        shown = say("verify.authority.between").join(_authority(trusted, name) for name in names)
        click.echo(f"  {say('verify.authorities', names=shown)}")
    if report.blocks:
        first = min(report.blocks, key=lambda block: block.time)
        count = len(report.blocks)
        click.echo(f"  {say('verify.blocks', count=count, name=first.name, time=iso(first.time))}")
    if report.untrusted_tokens:
        click.echo(f"  {say('verify.untrusted', count=report.untrusted_tokens)}")
    sealed = report.sealed
    click.echo(f"  {say('verify.sealed', when=iso(sealed)) if sealed else say('verify.unsealed')}")
    _print_ledger(report)
    click.echo(f"  {say(_shows(report))}")


def _print_rests_on(stated: Any) -> None:
    """Say which stages the order is about, and that nobody but the exporter says they are alike."""
    first, last = stated.first_stage, stated.last_stage
    if first is None or last is None:
        return
    which = str(first) if first == last else words.text("verify.order-span", first=first, last=last)
    likeness = words.text(f"finding.likeness.{stated.likeness.value}").rstrip(".。")
    click.echo(f"      {words.text('verify.order-stages', stages=which, likeness=likeness)}")
    if stated.earliest not in {None, first}:
        click.echo(f"      {words.text('verify.order-earliest', seq=stated.earliest)}")


def _print_kept(kept: Any) -> None:
    """Say what was kept of the post, and what a list alone does not show."""
    when = iso(kept.not_after) if kept.not_after else words.text("paper.kept-untimed")
    click.echo(f"  {words.text('paper.kept', files=kept.listed, shown=kept.shown, when=when)}")
    due = {
        "kept-none": not kept.shown,
        "kept-apart": not kept.holds_post,
        "kept-older": kept.older_than_post,
    }
    for key, said in due.items():
        if said:
            click.echo(f"      {words.text(f'verify.{key}')}")


def _authority(trusted: "Trust", name: str) -> str:
    """Return an authority's name, and where its root came from unless it is shipped: anybody can choose a name."""
    found = trusted.get(name)
    if found is None or found.origin == "shipped":
        return name
    roots = ", ".join(found.digests())
    return words.text(f"verify.authority.{found.origin.value}", name=name, roots=roots)


def _shows(report: Any) -> str:
    """Return the key of the sentence that says what this shows: of pictures not shown, and times not there, nothing."""
    timed = [stage.interval.not_after is not None for stage in report.stages]
    if not all(timed):
        return "verify.shows-part-timed" if any(timed) else "verify.shows-untimed"
    pictures = [stage.picture for stage in report.stages]
    return "verify.shows" if all(pictures) else f"verify.shows-{'some' if any(pictures) else 'none'}"


def _print_ledger(report: Any) -> None:
    say = words.text
    counts = {"entries": report.entries, "checkpoints": report.checkpoints, "withheld": report.withheld}
    click.echo(f"  {say('verify.ledger', ledger=report.ledger, gaps=report.gaps, **counts)}")
    if not report.gaps_counted:
        click.echo(f"  {say('verify.uncounted')}")
    click.echo(f"  {say('verify.closed' if report.closed else 'verify.open')}")
    for size in report.heads:
        click.echo(f"  {say('verify.head-seen', size=size)}")
    click.echo(f"  {say('verify.key', key=report.key)}")
    if report.continues:
        click.echo(f"  {say('verify.continues', key=report.continues)}")
    if report.verify_py == "other":
        click.echo(f"  {say('verify.verify-py-other')}")


def _verdict(report: Any) -> str:
    """Return the key of the sentence that says which kind of witness the verdict rests on."""
    key = f"verify.verdict.{report.verdict.value}"
    if report.verdict is not Verdict.VERIFIED or not report.blocks:
        return key
    if len(report.authorities) == 1:  # the blocks alone
        return f"{key}.block"
    return f"{key}.both" if any("block-time" in stage.flags for stage in report.stages) else key


def _times(interval: Interval) -> dict[str, str | None]:
    ends = {"not_before": interval.not_before, "not_after": interval.not_after}
    return {key: iso(value) if value else None for key, value in ends.items()}


def _compared(others: Any) -> dict[str, Any]:
    """Return the other packages that were given, each with its relation to the first."""
    rows = [
        {
            "path": str(each.path),
            "relation": each.relation.value,
            "shared": each.shared,
            "ledger": each.report.ledger,
            "key": each.report.key,
            "verdict": each.report.verdict.value,
        }
        for each in others
    ]
    return {"against": rows} if rows else {}


def _record(report: Any, trusted: "Trust") -> dict[str, Any]:
    stated = report.compared
    return {
        "verdict": report.verdict.value,
        "reasons": list(report.reasons),
        "ledger": report.ledger,
        "key": report.key,
        "entries": report.entries,
        "withheld": report.withheld,
        "checkpoints": report.checkpoints,
        "authorities": list(report.authorities),
        "authority_roots": [
            {"name": each.name, "from": each.origin.value, "roots": list(each.digests())}
            for each in filter(None, map(trusted.get, report.authorities))
        ],
        "untrusted_tokens": report.untrusted_tokens,
        "blocks": [
            {"file": block.file, "size": block.size, "hash": block.name, "time": iso(block.time)}
            for block in report.blocks
        ],
        "ledger_closed": report.closed,
        "heads_seen": list(report.heads),
        "continues": report.continues,
        "verify_py": report.verify_py,
        "gaps": report.gaps,
        "gaps_counted": report.gaps_counted,
        "sealed": {"not_after": iso(report.sealed)} if report.sealed else None,
        "order": report.order.value if report.order else None,
        "order_stated": stated.order.value if stated else None,
        "order_stages": stated.named() if stated else None,
        "likeness_stated": stated.likeness.value if stated else None,
        "post_kept": {
            "files": report.post_kept.listed,
            "shown": report.post_kept.shown,
            "not_after": iso(report.post_kept.not_after) if report.post_kept.not_after else None,
            "holds_post": report.post_kept.holds_post,
            "older_than_post": report.post_kept.older_than_post,
        }
        if report.post_kept
        else None,
        "stages": [
            {
                "seq": stage.seq,
                **_times(stage.interval),
                "claimed": iso(stage.claimed) if stage.claimed else None,
                "picture_not_before": iso(stage.picture_after) if stage.picture_after else None,
                "picture": stage.picture,
                "flags": list(stage.flags),
            }
            for stage in report.stages
        ],
    }
