"""`sakigake findings`: what the watcher found, and what a person says of it."""

import json
from typing import TYPE_CHECKING, Any

import click

from desk.answering import answer, say, told
from desk.answering import as_json as json_option
from sakigake import errors, words
from sakigake.clock import iso
from sakigake.text import plain

if TYPE_CHECKING:
    from sakigake.settings import Settings
    from watch.post import Stamp
    from watch.store.records import FindingRow

MOST_NAME = 100  # characters of an account's name or id
SHOWN = 20  # numbers of findings in one line
REVIEWS = ("confirmed", "dismissed", "own_post", "licensed")


@click.group(help=words.text("cli.findings"))
def findings() -> None:
    """List, show, review, accounts."""


@findings.command("list", help=words.text("findings.list-help"))
@click.option("--review", type=click.Choice(("new", *REVIEWS)), help=words.text("findings.filter-help"))
@click.option("--json", "as_json", is_flag=True, help=words.text("verify.json"))
def list_findings(review: str | None, as_json: bool) -> None:
    """List the findings, oldest first; nobody is named."""
    from desk.watching import finding_json, open_watch
    from sakigake import settings
    from watch.store.records import Review

    rows = open_watch(settings.load()).findings(Review(review) if review else None)
    if as_json:
        answer({"findings": [finding_json(row, names=False) for row in rows]}, ascii_only=True)
        return
    for row in rows:
        click.echo(
            words.text(
                "findings.row",
                number=row.number,
                when=iso(row.found),
                review=words.text(f"findings.review.{row.review.value}"),
                likeness=words.text(f"finding.likeness.{row.new.likeness.value}"),
                order=words.text(f"finding.order.{row.new.order.value}"),
            )
        )
    if not rows:
        click.echo(words.text("findings.none"))


@findings.command("show", help=words.text("findings.show-help"))
@click.argument("number", type=click.IntRange(min=1))
@click.option("--names", is_flag=True, help=words.text("findings.names-help"))
@click.option("--json", "as_json", is_flag=True, help=words.text("verify.json"))
def show(number: int, names: bool, as_json: bool) -> None:
    """Show one finding, its post's address, and all that it rests on."""
    from desk.reviewing import file_name
    from desk.watching import finding_json, open_watch
    from sakigake import settings

    loaded = settings.load()
    store = open_watch(loaded)
    row = store.finding(number)
    if as_json:
        told = {**finding_json(row, names=names), "url": row.post.url or None, "file": file_name(row) or None}
        # In ASCII: what others wrote must not reach the terminal as it is.
        answer({**told, "detail": json.loads(row.new.detail)}, ascii_only=True)
        return
    click.echo("\n".join(_lines(row, _witnessed(loaded, row), names=names)))
    if again := [each for each in store.same_file(row.new.digest) if each > number]:
        click.echo(words.text("findings.again", count=len(again), numbers=_numbers(again)))


def _numbers(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:SHOWN])) + (" …" if len(numbers) > SHOWN else "")


def _witnessed(loaded: "Settings", row: "FindingRow") -> list[str]:
    from desk import reviewing

    line = reviewing.witness_line(loaded, row)
    return [f"    {line}"] if line else []


@findings.command("verify", help=words.text("findings.verify-help"))
@click.argument("number", type=click.IntRange(min=1))
@click.option("--json", "as_json", is_flag=True, help=words.text("verify.json"))
def verify(number: int, as_json: bool) -> None:
    """Check the kept evidence of one finding: every file against its list, the list against the ledger, and by when."""
    from desk import evidenced
    from desk.watching import open_watch
    from sakigake import settings

    loaded = settings.load()
    row = open_watch(loaded).finding(number)
    found = evidenced.verified(loaded, row)
    if as_json:
        answer({"bundle": row.new.bundle, "whole": True, **found.as_json()})
        return
    click.echo(words.text("findings.whole", bundle=loaded.home / "evidence" / row.new.bundle))
    click.echo(found.line())


def _lines(row: "FindingRow", witnessed: list[str], *, names: bool) -> list[str]:
    from desk.reviewing import file_name
    from desk.watching import why

    def say(key: str, **values: Any) -> str:
        return words.text(key, **values)

    review = say(f"findings.review.{row.review.value}")
    lines = [say("findings.head", number=row.number, when=iso(row.found), review=review)]
    if row.review_note:
        lines.append(f"    {plain(row.review_note)}")
    lines += [
        say("findings.post", url=plain(row.post.url or file_name(row) or "–")),
        say("findings.source", source=plain(row.post.source)),
        say("findings.picture", number=row.new.media + 1, digest=row.new.digest),
    ]
    if names:
        who, number = plain(row.post.author_name, MOST_NAME), plain(row.post.author_id, MOST_NAME)
        lines.append(say("findings.who", name=who or "–", id=number or "–"))
    lines.append(f"{say('report.order')}: {say(f'finding.order.{row.new.order.value}')}")
    if row.new.order_reason:
        lines.append(f"    {say(f'finding.order-reason.{row.new.order_reason}')}")
    lines.append(f"{say('report.likeness')}: {say(f'finding.likeness.{row.new.likeness.value}')}")
    detail = json.loads(row.new.detail)
    lines.append(say("findings.stage", session=row.new.session, stage=detail.get("stage")))
    lines += time_lines(row.post.time.not_before, row.post.time.not_after)
    lines += [f"    {say(f'finding.note.{note}')}" for note in row.new.notes]
    if row.same_as:
        lines.append(say("findings.same-as", number=row.same_as))
    if row.new.bundle:
        lines.append(
            say("findings.bundle-sealed" if row.sealed else "findings.bundle", bundle=row.new.bundle)
        )
        lines += witnessed
    elif row.new.bundle_reason:
        lines.append(say("findings.no-bundle", why=why(row.new.bundle_reason)))
    return [*lines, say("report.other-explanations"), say("report.limits"), say("findings.next")]


def time_lines(low: "Stamp | None", high: "Stamp | None") -> list[str]:
    """Return what is known of when a post was made: each end with the class of its clock and what it was read from."""
    from desk.watching import basis

    told = []
    for key, stamp in (("findings.not-before", low), ("findings.not-after", high)):
        if stamp:
            clock = words.text(f"findings.clock.{stamp.clock.value}")
            told.append(words.text(key, when=iso(stamp.value), clock=clock, basis=basis(stamp.basis)))
    return told or [words.text("findings.no-time")]


@findings.command("forget", help=words.text("findings.forget-help"))
@click.argument("number", type=click.IntRange(min=1))
@json_option()
def forget(number: int, as_json: bool) -> None:
    """Erase a finding, its messages and the evidence of its post; a ledger keeps the evidence's digest."""
    from desk import reviewing
    from sakigake import settings
    from sakigake.clock import Clock

    cleaned = reviewing.erase(settings.load(), number, Clock().now())
    say(words.text("findings.forgotten" if cleaned else "findings.forgotten-later", number=number))
    told({"forgotten": number, "cleaned": cleaned}, as_json=as_json)


@findings.command("review", help=words.text("findings.review-help"))
@click.argument("number", type=click.IntRange(min=1))
@click.option("--as", "said", type=click.Choice(REVIEWS), required=True, help=words.text("findings.as-help"))
@click.option("--note", default="", metavar="TEXT", help=words.text("findings.note-help"))
@json_option()
def review(number: int, said: str, note: str, as_json: bool) -> None:
    """Keep what a person says of a finding."""
    from desk import reviewing
    from sakigake import settings
    from sakigake.clock import Clock

    reviewing.review(settings.load(), number, said, note, Clock().now())
    say(words.text("findings.reviewed", number=number, review=words.text(f"findings.review.{said}")))
    told({"number": number, "review": said}, as_json=as_json)


@findings.command("accounts", help=words.text("findings.accounts-help"))
@click.option("--own", "mine", metavar="PLATFORM:ID", help=words.text("findings.own-help"))
@click.option("--not-own", "not_mine", metavar="PLATFORM:ID", help=words.text("findings.not-own-help"))
@click.option("--json", "as_json", is_flag=True, help=words.text("verify.json"))
def accounts(mine: str | None, not_mine: str | None, as_json: bool) -> None:
    """Show accounts by their immutable id, counting reviewed findings only; or note an own one."""
    from dataclasses import asdict

    from desk.watching import open_watch
    from sakigake import settings
    from sakigake.clock import Clock
    from watch.review import by_account

    store = open_watch(settings.load(), make=bool(mine))
    if mine:
        store.add_own_account(_account(mine), Clock().now())
    if not_mine:
        store.remove_own_account(_account(not_mine))
    own, views = store.own_accounts(), by_account(store.findings())
    if as_json:
        told = {"own": [asdict(each) for each in own], "accounts": [asdict(view) for view in views]}
        answer(told, ascii_only=True)
        return
    for account in own:
        click.echo(
            words.text("findings.own-account", platform=plain(account.platform), id=plain(account.author_id))
        )
    for view in views:
        click.echo(
            words.text(
                "findings.account",
                platform=plain(view.platform, MOST_NAME),
                id=plain(view.author_id, MOST_NAME),
                works=view.works,
                posts=view.posts,
                numbers=", ".join(map(str, view.confirmed)),
            )
        )
    click.echo(words.text("findings.accounts-limits" if views else "findings.no-account"))


def _account(told: str) -> Any:
    from watch.store.records import OwnAccount

    platform, _, author_id = told.partition(":")
    if not platform.strip() or not author_id.strip():
        raise errors.UsageError("findings-account-odd", value=told)
    return OwnAccount(platform.strip().lower(), author_id.strip())
