"""`sakigake record`: start, stop and status of a recording."""

import os
import signal
import sys
import time
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from desk.answering import answer, say, told
from desk.answering import as_json as json_option
from desk.commands.orders import announce, forget, pause, pause_line, resume
from desk.saying import Console
from sakigake import errors, words

if TYPE_CHECKING:
    from types import FrameType

    from capture.loop import Ending, Plan, Recorder
    from capture.obs.guide import StreamGuide
    from capture.pulse import Pulse, State
    from sakigake.model import Session, StoredEntry
    from sakigake.settings import Settings

STOP_TIMEOUT_S = 40.0
NICE = 10
ONCE_INTERVAL_S = 0.5
SHORTEST_INTERVAL_S = 0.05
FOLLOW_S = 0.5  # between two looks of `status --follow`
BEAT_S = 15  # a recorder gives a sign more often than this
# What is worth a line on the screen only as an error: the rest goes to stdout for people, to stderr beside --json.
ENDINGS = frozenset({"interrupt", "terminate", "stop", "exhausted", "time", "stream"})


@click.group(help=words.text("cli.record"))
def record() -> None:
    """Start, stop, status."""


for order in (pause, resume, forget):
    record.add_command(order)


class _Console(Console):
    """Tells of entries as well."""

    def tell(self, entry: "StoredEntry", session: "Session") -> None:
        """Print one acknowledged entry as a JSON line."""
        self.line(
            event="entry", session=session.id, seq=entry.seq, type=entry.type.value, leaf=entry.leaf.hex()
        )


@record.command("start", help=words.text("record.start-help"))
@click.argument("pictures", nargs=-1, type=click.Path(path_type=Path), metavar="[PICTURE]...")
@click.option("--region", metavar="X,Y,W,H", help=words.text("record.region-help"))
@click.option("--source", metavar="SOURCE", help=words.text("record.source-help"))
@click.option("--canvas", metavar="X,Y,W,H", help=words.text("record.canvas-help"))
@click.option(
    "--with-stream",
    is_flag=False,
    flag_value="obs://",
    metavar="[obs://HOST:PORT]",
    help=words.text("record.with-stream-help"),
)
@click.option("--interval", metavar="TIME", help=words.text("record.interval-help"))
@click.option("--for", "for_", metavar="TIME", help=words.text("record.for-help"))
@click.option("--once", is_flag=True, help=words.text("record.once-help"))
@click.option("--new", "anew", is_flag=True, help=words.text("record.new-help"))
@click.option(
    "--stats", metavar="FILE", type=click.Path(path_type=Path), help=words.text("record.stats-help")
)
@click.option(
    "--overlay", metavar="FILE.png", type=click.Path(path_type=Path), help=words.text("record.overlay-help")
)
@click.option("--json", "as_json", is_flag=True, help=words.text("record.json-help"))
def start(
    *,
    pictures: tuple[Path, ...],
    region: str | None,
    source: str | None,
    canvas: str | None,
    with_stream: str | None,
    interval: str | None,
    for_: str | None,
    once: bool,
    anew: bool,
    stats: Path | None,
    overlay: Path | None,
    as_json: bool,
) -> int:
    """Record in the foreground until stopped."""
    from capture.memory import keep_small
    from sakigake import settings

    configuration = settings.load()
    announce(configuration)
    keep_small()
    from capture.loop import Plan
    from capture.sources.named import Wish, named
    from capture.stats import StatsTable
    from capture.table import number
    from desk import passphrase
    from sakigake.clock import parse_duration

    passphrase.provide(configuration.keys)

    # How often a folder is looked at; for a video it is the time between two of its pictures, whoever waits for the end.
    quick = once and not (source or "").startswith("video:")
    usual_s = ONCE_INTERVAL_S if quick else number(configuration, "record", "interval_s")
    interval_s = max(SHORTEST_INTERVAL_S, parse_duration(interval) if interval else usual_s)
    chosen = named(Wish(region, source, canvas, pictures, once, interval_s), configuration)
    console = _Console(as_json=as_json)
    shown_at = _overlay(configuration, overlay)
    plan = Plan(
        source=chosen.source,
        name=chosen.name,
        interval_s=interval_s,
        for_s=parse_duration(for_) if for_ else None,
        anew=anew,
        also=chosen.also,
        canvas_share=chosen.canvas_share,
        overlay=shown_at,
        greeting=chosen.greeting,
        notes=chosen.notes,
    )
    if shown_at and (source or "").startswith("obs://") and canvas is None:
        console.plain("record.overlay-in-view")
    with ExitStack() as stack:
        if stats is not None:
            plan = replace(plan, stats=stack.enter_context(StatsTable(stats)))
        return _record(configuration, plan, console, with_stream, source or "")


def _record(
    configuration: "Settings", plan: "Plan", console: _Console, with_stream: str | None, source: str
) -> int:
    from capture.loop import Recorder
    from capture.sources.screen import on_wayland
    from desk.cli import fail

    recorder = Recorder(configuration, plan, _speaker(console, configuration), console.tell)
    from_obs = source.startswith("obs://")
    if plan.source.live and not from_obs and on_wayland():
        console.plain("record.wayland")
    _stop_on_signals(recorder)
    _be_modest()
    try:
        with ExitStack() as stack:
            if with_stream is not None:
                guide = _guide(configuration, with_stream, console)
                stack.callback(guide.close)
                guide.open()
                if not _wait_for_stream(configuration, guide, recorder):
                    console.say("record.no-stream-came")
                    return errors.EXIT_OK
                guide.lead(recorder)
            ending = recorder.run()
    except errors.SakigakeError as error:
        if recorder.stuck:
            if plan.stats is not None:
                plan.stats.close()
            _leave(fail(error))
        raise
    if source.startswith("folder:") and ending.stages < recorder.looker.looks:
        console.plain("record.folder-kept", seen=recorder.looker.looks)
    if ending.codes:
        console.plain("record.save-video", count=ending.codes)
    streamed = from_obs or with_stream is not None
    return _farewell(console, ending, streamed=streamed and plan.overlay is None)


def _overlay(configuration: "Settings", asked: Path | None) -> Path | None:
    """Return where the picture for the stream goes, None when none is wanted; raises UsageError."""
    from sakigake.witness.overlay import check_place

    path = asked or configuration.section("record")["overlay"]
    if not path:
        return None
    place = Path(path).expanduser().absolute()
    check_place(place)
    return place


def _guide(configuration: "Settings", spec: str, console: "_Console") -> "StreamGuide":
    from capture.obs.guide import StreamGuide
    from capture.obs.protocol import Address
    from capture.sources.obs import password

    return StreamGuide(Address.parse(spec), password(configuration), console.say)


def _wait_for_stream(configuration: "Settings", guide: "StreamGuide", recorder: "Recorder") -> bool:
    """Return True once the stream runs; False when somebody ends the wait first."""
    from capture.lock import RecorderLock
    from capture.pulse import STOP
    from sakigake.store.sqlite import SqliteStore

    # Under the lock, so that `record stop` ends the wait as it ends a recording.
    with RecorderLock(configuration.home), closing(SqliteStore(configuration.database)) as store:
        return guide.wait(lambda: recorder.stopping or store.take_state(STOP) is not None)


def _speaker(console: _Console, configuration: "Settings") -> Any:
    """Return what the recorder says its sentences to; the first one brings the lines a newcomer needs."""

    def say(key: str, **values: Any) -> None:
        console.say(key, **values)
        if key == "record.started":
            console.plain("record.where", path=configuration.pictures)
            console.plain("record.how-to-stop")

    return say


def _stop_on_signals(recorder: Any) -> None:
    names = {"SIGINT": "interrupt", "SIGTERM": "terminate", "SIGHUP": "terminate", "SIGBREAK": "interrupt"}

    def handler(number: int, _frame: "FrameType | None") -> None:
        recorder.stop(names[signal.Signals(number).name])

    for name in names:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), handler)


def _be_modest() -> None:
    """Step back behind the drawing program and the stream."""
    if sys.platform == "win32":
        import ctypes

        below_normal = 0x4000
        kernel = ctypes.windll.kernel32
        kernel.SetPriorityClass(kernel.GetCurrentProcess(), below_normal)
    else:
        os.nice(max(0, NICE - os.nice(0)))


def _farewell(console: _Console, ending: "Ending", *, streamed: bool) -> int:
    lacking = ending.reason == "exhausted" and bool(ending.drops)
    if lacking:
        console.say("record.ended-lacking")
    else:
        console.say(f"record.ended-{ending.reason}" if ending.reason in ENDINGS else "record.ended-error")
    console.plain(
        "record.summary", session=ending.session, stages=ending.stages, gaps=ending.gaps, drops=ending.drops
    )
    if ending.unstamped:
        console.plain("record.unstamped", count=ending.unstamped)
    if ending.unwritten:
        console.plain("record.unwritten", count=ending.unwritten)
    if streamed:
        console.plain("session.save-stream")
    failed = ending.failed or lacking or ending.reason not in ENDINGS
    code = errors.SakigakeError.exit_code if failed else errors.EXIT_OK
    if ending.stuck:
        _leave(code)
    return code


def _leave(code: int) -> None:
    """End the process although a look at the screen never came back: Python would wait for its thread for ever."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


@record.command("stop", help=words.text("record.stop-help"))
@json_option()
def stop(as_json: bool) -> int:
    """End the recording that runs."""
    from sakigake import settings

    halt(settings.load())
    say(words.text("record.stopped"))
    told({"stopped": True}, as_json=as_json)
    return errors.EXIT_OK


def halt(configuration: "Settings") -> None:
    """End the recording that runs, and wait until it has ended; raises NotFoundError, SakigakeError."""
    from capture.lock import is_recording_or_about_to
    from capture.orders import HALT, Order, clear_flags, raise_flag
    from capture.pulse import STOP
    from sakigake.store.sqlite import SqliteStore

    home = configuration.home
    if not is_recording_or_about_to(home):
        raise errors.NotFoundError("record-not-running")
    store = None
    try:
        store = SqliteStore(configuration.database)
        store.put_state(STOP, "stop")
    except errors.SakigakeError:
        raise_flag(home, Order(HALT))  # a full disk: this needs no space
    until = time.monotonic() + STOP_TIMEOUT_S
    while is_recording_or_about_to(home):
        if time.monotonic() > until:
            raise errors.SakigakeError("record-stop-slow")
        time.sleep(0.2)
    clear_flags(home)
    with suppress(errors.SakigakeError):
        # When the recorder ended by itself just then, the order must not wait for the next.
        if store is not None:
            store.take_state(STOP)
    if store is not None:
        store.close()


@record.command("status", help=words.text("record.status-help"))
@click.option("--follow", is_flag=True, help=words.text("cli.follow"))
@click.option("--json", "as_json", is_flag=True, help=words.text("status.json-help"))
def status(follow: bool, as_json: bool) -> int:
    """Say whether a recording runs and whether it is well; with `follow` again at every change, until it ends."""
    from capture.pulse import State
    from sakigake import settings

    configuration = settings.load()
    before = None
    while True:
        state, pulse, now_ms, running = state_of(configuration)
        # What only says that time goes by is no change.
        told_before, before = before, (state, pulse and replace(pulse, beat_ms=0, good_ms=0, free_mb=0))
        if before != told_before:
            if as_json:
                answer({"state": state.value, **(asdict(pulse) if pulse else {})})
            else:
                _print_status(state, pulse, now_ms, running=running)
            sys.stdout.flush()
        if not follow or state is State.NOT_RECORDING:
            break
        time.sleep(FOLLOW_S)
    return {State.PAUSED: errors.EXIT_PAUSED, State.STALE: 1, State.NOT_RECORDING: 4}.get(
        state, errors.EXIT_OK
    )


def state_of(configuration: "Settings") -> tuple["State", "Pulse | None", int, bool]:
    """Return what the recorder of these records does, the pulse it left last, the time in ms, whether a process is there."""
    from capture import disk
    from capture.lock import is_held
    from capture.pulse import Pulse, State
    from sakigake.store.sqlite import SqliteStore

    running = is_held(configuration.home)
    pulse = None
    if configuration.database.exists():
        with closing(SqliteStore(configuration.database)) as store:
            pulse = Pulse.read(store)
    now_ms = time.time_ns() // 1_000_000
    if pulse and running and not pulse.trouble and disk.free_mb(configuration.home) < 1:
        pulse = replace(pulse, trouble="disk-full")  # the recorder could not leave word of it
    if pulse:
        return pulse.judge(now_ms, running=running), pulse, now_ms, running
    return (State.STALE if running else State.NOT_RECORDING), None, now_ms, running


def trouble_line(slug: str) -> str:
    """Return the sentence for what is wrong; a source has reasons of its own."""
    from capture.privacy import key_of

    if slug.startswith(("window-", "scene-")):
        return words.text("status.trouble.source", why=words.text(key_of(slug)))
    return words.text(f"status.trouble.{slug}")


def _print_status(state: Any, pulse: Any, now_ms: int, *, running: bool) -> None:
    click.echo(words.text(f"status.{state.value}"))
    if pulse is None:
        return
    if not running:
        click.echo(words.text("status.cut-off", session=pulse.session))
        return
    age_s = max(0, now_ms - pulse.good_ms) // 1000
    click.echo(words.text("status.session", session=pulse.session, age=age_s))
    if pulse.paused:
        click.echo(pause_line(pulse))
    click.echo(words.text("status.counts", **asdict(pulse)))
    if pulse.errors or pulse.passed_over or pulse.waiting:
        click.echo(words.text("status.more", **asdict(pulse)))
    if pulse.unstamped:
        click.echo(words.text("status.unstamped", count=pulse.unstamped))
    beat_s = max(0, now_ms - pulse.beat_ms) // 1000
    if state.value == "stale" and beat_s > BEAT_S:
        click.echo(words.text("status.no-news", age=beat_s))
    if pulse.trouble:
        click.echo(trouble_line(pulse.trouble))
    if pulse.free_mb >= 0:
        click.echo(words.text("status.free", free=f"{pulse.free_mb / 1000:.1f}"))
