"""`sakigake record pause`, `resume` and `forget`: orders to the recorder that runs, and what status says of a pause."""

import time
from typing import TYPE_CHECKING

import click

from desk.answering import as_json as json_option
from desk.answering import say, told
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
@json_option()
def pause(for_: str | None, as_json: bool) -> int:
    """Pause the recording that runs."""
    from capture import orders
    from sakigake import settings
    from sakigake.clock import parse_duration

    for_s = parse_duration(for_) if for_ else 0.0
    answer = ask(settings.load(), orders.Order(orders.PAUSE, for_s), PAUSE_TIMEOUT_S)
    if answer.said == orders.ALREADY:
        raise errors.SakigakeError("record-paused-already")
    if for_:
        say(words.text("record.paused-for", until=_time(time.time() + for_s)))
    else:
        say(words.text("record.paused-now"))
    told({"paused": True, "for_s": for_s or None}, as_json=as_json)
    return errors.EXIT_OK


@click.command("resume", help=words.text("record.resume-help"))
@json_option()
def resume(as_json: bool) -> int:
    """Go on after a pause."""
    from capture import orders
    from sakigake import settings

    answer = ask(settings.load(), orders.Order(orders.RESUME), PAUSE_TIMEOUT_S)
    if answer.said != orders.DONE:
        raise errors.SakigakeError(
            "record-paused-by-gate" if answer.said == orders.BY_GATE else "record-not-paused"
        )
    say(words.text("record.resumed-now"))
    told({"paused": False}, as_json=as_json)
    return errors.EXIT_OK


@click.command("forget", help=words.text("record.forget-help"))
@click.option("--last", metavar="TIME", default="5m", show_default=True, help=words.text("record.last-help"))
@json_option()
def forget(last: str, as_json: bool) -> int:
    """Forget the pictures of the last minutes, of the recording that runs or of the newest one."""
    from sakigake import settings
    from sakigake.clock import parse_duration

    count, stamped = forget_last(settings.load(), parse_duration(last))
    say(words.text("record.forgot", count=count, stamped=stamped))
    told({"forgotten": count, "stamped": stamped}, as_json=as_json)
    return errors.EXIT_OK


def forget_last(configuration: "Settings", last_s: float) -> tuple[int, int]:
    """Forget the pictures of the last seconds, whether something records or not.

    Returns how many were forgotten and how many a time token keeps. Raises NotFoundError when there was none to forget.
    """
    from capture import orders
    from capture.lock import is_held

    answer = None
    if is_held(configuration.home):
        answer = give(configuration, orders.Order(orders.FORGET, last_s), FORGET_TIMEOUT_S)
    count, stamped = (answer.forgotten, answer.stamped) if answer else at_rest(configuration, last_s)
    if not count:
        if stamped:
            raise errors.NotFoundError("forget-stamped", stamped=stamped)
        raise errors.NotFoundError("forget-nothing")
    _forget_vectors(configuration)
    return count, stamped


def _forget_vectors(configuration: "Settings") -> None:
    """Remove what a model made of the pictures that were forgotten."""
    if not (configuration.home / "deep.db").is_file():
        return
    from sakigake.store.sqlite import SqliteStore
    from watch.deep.vectors import Vectors

    vectors = Vectors(configuration.home)
    vectors.sweep(SqliteStore(configuration.database))
    vectors.close()


def at_rest(configuration: "Settings", last_s: float) -> tuple[int, int]:
    """Forget pictures while nothing records; returns how many, and how many a time token keeps. Raises SakigakeError."""
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


def ask(configuration: "Settings", order: "Order", timeout_s: float) -> "Answer":
    """Give an order and return its answer; raises NotFoundError (`record-not-running`)."""
    answer = give(configuration, order, timeout_s)
    if answer is None:
        raise errors.NotFoundError("record-not-running")
    return answer


def give(configuration: "Settings", order: "Order", timeout_s: float) -> "Answer | None":
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
