"""`sakigake record pause`, `resume` and `forget`: orders to the recorder that runs, and what status says of a pause."""

import time
from typing import TYPE_CHECKING

import click

from sakigake import errors, words

if TYPE_CHECKING:
    from capture.orders import Answer, Order
    from capture.pulse import Pulse
    from sakigake.settings import Settings

PAUSE_TIMEOUT_S = 20.0
# What is to be forgotten stands behind all that still waits for the disk.
FORGET_TIMEOUT_S = 60.0
# What a full or failing disk says; an order that needs no space goes another way then.
REFUSED = frozenset({"store-write-failed", "store-read-failed", "store-unusable"})


@click.command("pause", help=words.text("record.pause-help"))
@click.option("--for", "for_", metavar="TIME", help=words.text("record.pause-for-help"))
def pause(for_: str | None) -> int:
    """Pause the recording that runs."""
    from capture import orders
    from sakigake import settings
    from sakigake.clock import parse_duration

    for_s = parse_duration(for_) if for_ else 0.0
    answer = _ask(settings.load(), orders.Order(orders.PAUSE, for_s), PAUSE_TIMEOUT_S)
    if answer.said == orders.ALREADY:
        raise errors.SakigakeError("record-paused-already")
    if for_:
        click.echo(words.text("record.paused-for", until=_time(time.time() + for_s)))
    else:
        click.echo(words.text("record.paused-now"))
    return errors.EXIT_OK


@click.command("resume", help=words.text("record.resume-help"))
def resume() -> int:
    """Go on after a pause."""
    from capture import orders
    from sakigake import settings

    answer = _ask(settings.load(), orders.Order(orders.RESUME), PAUSE_TIMEOUT_S)
    if answer.said != orders.DONE:
        raise errors.SakigakeError(
            "record-paused-by-gate" if answer.said == orders.BY_GATE else "record-not-paused"
        )
    click.echo(words.text("record.resumed-now"))
    return errors.EXIT_OK


@click.command("forget", help=words.text("record.forget-help"))
@click.option("--last", metavar="TIME", default="5m", show_default=True, help=words.text("record.last-help"))
def forget(last: str) -> int:
    """Forget the pictures of the last minutes, of the recording that runs or of the newest one."""
    from capture import orders
    from capture.lock import is_held
    from sakigake import settings
    from sakigake.clock import parse_duration

    last_s = parse_duration(last)
    configuration = settings.load()
    answer = None
    if is_held(configuration.home):
        answer = _give(configuration, orders.Order(orders.FORGET, last_s), FORGET_TIMEOUT_S)
    count, stamped = (answer.forgotten, answer.stamped) if answer else _at_rest(configuration, last_s)
    if not count:
        if stamped:
            raise errors.NotFoundError("forget-stamped", stamped=stamped)
        raise errors.NotFoundError("forget-nothing")
    _forget_vectors(configuration)
    click.echo(words.text("record.forgot", count=count, stamped=stamped))
    return errors.EXIT_OK


def _forget_vectors(configuration: "Settings") -> None:
    """Remove what a model made of the pictures that were forgotten."""
    if not (configuration.home / "deep.db").is_file():
        return
    from sakigake.store.sqlite import SqliteStore
    from watch.deep.vectors import Vectors

    vectors = Vectors(configuration.home)
    vectors.sweep(SqliteStore(configuration.database))
    vectors.close()


def _at_rest(configuration: "Settings", last_s: float) -> tuple[int, int]:
    from capture.forget import forget_at_rest
    from capture.spool import Spool
    from sakigake.clock import Clock

    try:
        done = forget_at_rest(configuration, Spool(configuration.pictures), round(last_s * 1000), Clock())
    except OSError as error:
        path = configuration.home
        raise errors.SakigakeError(
            "record-home-unwritable", path=path, why=error.strerror or error
        ) from error
    return done.count, done.stamped


def _ask(configuration: "Settings", order: "Order", timeout_s: float) -> "Answer":
    answer = _give(configuration, order, timeout_s)
    if answer is None:
        raise errors.NotFoundError("record-not-running")
    return answer


def _give(configuration: "Settings", order: "Order", timeout_s: float) -> "Answer | None":
    """Give an order and wait for its answer; None when nothing records, or no longer."""
    from contextlib import closing

    from capture import orders
    from capture.lock import is_held
    from sakigake.store.sqlite import SqliteStore

    if not is_held(configuration.home):
        return None
    try:
        with closing(SqliteStore(configuration.database)) as store:
            return orders.ask(store, order, lambda: is_held(configuration.home), timeout_s)
    except errors.SakigakeError as error:
        if order.do not in orders.FLAGGED or error.code not in REFUSED:
            raise
        return _flag(configuration, order, timeout_s)


def _flag(configuration: "Settings", order: "Order", timeout_s: float) -> "Answer":
    """Give an order that needs no space; its going away is the answer."""
    from capture import orders

    flag = orders.raise_flag(configuration.home, order)
    until = time.monotonic() + timeout_s
    while flag.exists():
        if time.monotonic() > until:
            raise errors.SakigakeError("record-order-slow")
        time.sleep(orders.POLL_S)
    return orders.Answer(order.id, orders.DONE)


def announce(configuration: "Settings") -> None:
    """Say that a recorder is about to start, so that orders given from now on are for it and older ones are not."""
    from contextlib import closing

    from capture import orders
    from capture.lock import Starting, is_held
    from sakigake.store.sqlite import SqliteStore

    starting = click.get_current_context().with_resource(Starting(configuration.home))
    if starting.first and not is_held(configuration.home) and configuration.database.is_file():
        with closing(SqliteStore(configuration.database)) as store:
            orders.clear(store, configuration.home)


def pause_line(pulse: "Pulse") -> str:
    """Return what status says of a pause that goes on."""
    from capture.pausing import ASKED
    from capture.privacy import key_of

    since = _time(pulse.paused_ms / 1000)
    if pulse.paused != ASKED:
        return words.text("status.paused-by", since=since, why=words.text(key_of(pulse.paused)))
    if pulse.until_ms:
        return words.text("status.paused-until", since=since, until=_time(pulse.until_ms / 1000))
    return words.text("status.paused-asked", since=since)


def _time(seconds: float) -> str:
    """Return a time of day where the user is."""
    return time.strftime("%H:%M:%S", time.localtime(seconds))
