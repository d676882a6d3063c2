"""`sakigake session`: closing one that a crash cut off. Listing and showing is `sakigake timeline`."""

from typing import TYPE_CHECKING

import click

from desk.answering import as_json as json_option
from desk.answering import told
from sakigake import errors, words

if TYPE_CHECKING:
    from sakigake.model import Session
    from sakigake.settings import Settings
    from sakigake.store.protocol import Store


@click.group(help=words.text("cli.session"))
def session() -> None:
    """Close."""


@session.command("close", help=words.text("session.close-help"))
@click.argument("session", default="last")
@json_option()
def close(session: str, as_json: bool) -> None:
    """Write the end of a session, sign it, ask for its tokens; done twice it changes nothing more."""
    from capture.closing import is_closed
    from capture.lock import RecorderLock
    from desk import passphrase
    from desk.sessions import find, open_store
    from sakigake import settings

    loaded = settings.load()
    store = open_store(loaded)
    if store.frozen:
        raise errors.SakigakeError("store-frozen", path=loaded.home)
    found = find(store, session)
    passphrase.provide(loaded.keys)
    before = is_closed(store, found)
    try:
        with RecorderLock(loaded.home):
            notices, failed = _close(loaded, store, found)
    except errors.SakigakeError as error:
        # A recorder that is at work with another session cares for the tokens of this one as well.
        if error.code != "record-running" or not before:
            raise
        notices, failed = [], False
    lines = [words.text("session.closed", session=found.id)]
    if before:
        lines.append(words.text("session.closed-before"))
    lines += [words.text(notice) for notice in notices]
    tokens = sum(token.trusted for token in store.tokens(found.id))
    waiting = len(store.pending_jobs(found.id))
    lines.append(words.text("session.tokens", tokens=tokens, waiting=waiting))
    if waiting:
        lines.append(words.text("session.tokens-later"))
    lines.append(words.text("session.save-stream"))
    done = {"session": found.id, "closed_before": before, "tokens": tokens, "waiting": waiting}
    told(
        {**done, "headless": "session.headless" in notices, "unsigned": "session.unsigned" in notices},
        *lines,
        as_json=as_json,
    )
    if failed and waiting:
        # The session is closed and stays so; as with `timeline anchor`, nobody who was asked gave a token.
        raise errors.NetworkError("anchor-no-answer", failed=failed, waiting=waiting)


def _close(loaded: "Settings", store: "Store", session: "Session") -> tuple[list[str], int]:
    """Close what is not closed and ask for tokens.

    Return the keys of what else is to be said, and how many requests failed when not one was answered.
    """
    from capture import closing
    from desk.commands.export import ask_for_tokens, asked_for
    from sakigake.anchor import trust
    from sakigake.clock import Clock
    from sakigake.timeline.keys import Keys
    from sakigake.timeline.ledger import Ledger

    def choose(number: int, _important: bool) -> list[str]:
        return asked_for(loaded, trusted, number)

    trusted, clock = trust.load(loaded.tables), Clock()
    keys = Keys.open(loaded.keys)
    key = keys.of(store.public_key(session.id))
    if store.last_entry(session.id) is None:
        raise errors.NotFoundError("session-empty", session=session.id)
    if closing.is_closed(store, session):
        # The power may have gone between the last entry and its checkpoint.
        ledger = Ledger.resume(store, session, key or keys.current, clock, keys.heads)
        closing.seal(store, ledger, keys, choose)
        if session.ended is None:
            closing.mark_ended(store, session)
    else:
        ledger = closing.take_up(store, session, keys, clock, lambda _entry, _session: None)
        closing.end(store, ledger, keys, clock, choose=choose, acknowledge=lambda _entry, _session: None)
    drained = ask_for_tokens(loaded, trusted, store, session.id)
    notices = ["session.headless"] * ledger.headless + ["session.unsigned"] * (key is None)
    return notices, 0 if drained.stamped else drained.failed
