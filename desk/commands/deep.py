"""`sakigake deep`: the worker that reads stages with a model, beside the recorder and after it."""

import signal
from typing import TYPE_CHECKING, Any

import click

from sakigake import errors, words

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


@click.group(help=words.text("deep.worker.help"))
def deep() -> None:
    """Run, tell the status."""


@deep.command("run", help=words.text("deep.worker.run-help"))
@click.option("--once", is_flag=True, help=words.text("deep.worker.once"))
@click.option("--name", "naming", is_flag=True, help=words.text("deep.worker.name"))
@click.option("--obs", help=words.text("deep.worker.obs"), metavar="obs://HOST:PORT")
def run(once: bool, naming: bool, obs: str | None) -> None:
    """Read the stages that were sealed, until stopped."""
    from desk import deep_room
    from desk.at_ease import Ease, obs_drops
    from desk.saying import Console
    from desk.sessions import open_store
    from sakigake import settings
    from sakigake.lock import FileLock
    from watch.deep import running, worker
    from watch.deep.vectors import Vectors

    loaded = settings.load()
    store = open_store(loaded)
    if store.frozen:
        raise errors.SakigakeError("store-frozen", path=loaded.home)
    worker.lower_priority()
    console = Console(as_json=False)
    with FileLock(loaded.home / running.LOCK, "deep-running", "deep-home-unwritable"):
        running.begin(loaded.home)
        encoder = deep_room.encoder(loaded, threads=worker.threads())
        vectors = Vectors(loaded.home)
        plan = worker.Plan(
            store=store,
            pictures=loaded.pictures,
            vectors=vectors,
            encoder=encoder,
            say=console.say,
            busy=Ease(store, loaded.home, stream=obs_drops(loaded, obs) if obs else None),
            there=lambda: deep_room.is_still(loaded, encoder.key),
            stopped=lambda: running.asked_to_stop(loaded.home),
            named=_namer(store, loaded, encoder, vectors) if naming else lambda _session: None,
        )
        runner = worker.Worker(plan)
        _on_signals(runner.stop)
        console.say("deep.started", model=encoder.id, device=encoder.device, batch=encoder.batch)
        tally = runner.run(once=once)
        console.say("deep.ended", done=tally.done, skipped=tally.skipped, pauses=tally.pauses)
        vectors.close()


def _namer(store: Any, loaded: Any, encoder: Any, vectors: Any) -> "Callable[[str], None]":
    from sakigake.clock import Clock
    from watch.deep.naming import Judge, name_session

    judge, clock = Judge(encoder), Clock()

    def name(session: str) -> None:
        name_session(
            store, loaded.pictures, session, clock.now(), judge=judge, vectors=(vectors, encoder.key)
        )

    return name


def _on_signals(stop: "Callable[[], None]") -> None:
    def ended(_number: int, _frame: "FrameType | None") -> None:
        stop()

    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), ended)


@deep.command("stop", help=words.text("deep.worker.stop-help"))
def stop() -> None:
    """End the worker, whoever started it."""
    from sakigake import settings
    from watch.deep import running

    running.stop(settings.load().home)
    click.echo(words.text("deep.worker.stopped"))


@deep.command("status", help=words.text("deep.worker.status-help"))
def status() -> None:
    """Say how many stages were read."""
    from desk import deep_room
    from desk.sessions import open_store
    from sakigake import settings
    from watch.deep import running

    loaded = settings.load()
    model = deep_room.chosen(loaded)
    read, sealed = deep_room.progress(loaded, open_store(loaded), model)
    click.echo(words.text("deep.worker.running" if running.runs(loaded.home) else "deep.worker.not-running"))
    click.echo(words.text("deep.worker.counts", read=read, sealed=sealed, key=model.key))
