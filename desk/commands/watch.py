"""`sakigake watch`: sources of posts, what a person hands in, and the watcher itself."""

import signal
from typing import TYPE_CHECKING, Any

import click

from desk.answering import answer
from desk.commands.watch_sources import SOURCE_COMMANDS
from desk.needing import watch_parts
from desk.saying import Console
from sakigake import errors, words

if TYPE_CHECKING:
    from types import FrameType

    from sakigake.settings import Settings
    from watch.store.records import FindingRow
    from watch.watcher import Ending


EXIT_FAILED = 1  # a source did not answer as it should


@click.group(help=words.text("cli.watch"))
def watch() -> None:
    """Keep sources, take what is handed in, run, tell the status."""


for command in SOURCE_COMMANDS:
    watch.add_command(command)


class _Console(Console):
    """Tells of findings by their number: no account and no address among it."""

    _full = False

    def found(self, finding: "FindingRow") -> None:
        """Tell of a finding by its number."""
        if self.as_json:
            self.line(
                event="finding",
                number=finding.number,
                source=finding.post.source,
                session=finding.new.session,
                likeness=finding.new.likeness.value,
                order=finding.new.order.value,
                review=finding.review.value,
                same_as=finding.same_as,
            )
        elif finding.same_as:
            self.say("watch.found-again", number=finding.number, first=finding.same_as)
        elif finding.review.value == "own_post":
            self.say("watch.found-own", number=finding.number)
        else:
            self.say("watch.found", number=finding.number)

        if finding.new.bundle_reason == "evidence-full" and not self._full:
            self._full = True  # once: a flood of posts is how that room gets full
            self.plain("watch.evidence-full")

    def end(self, ending: "Ending") -> None:
        """Tell how it ended."""
        if self.as_json:
            self.line(
                event="end",
                reason=ending.reason,
                posts=ending.done,
                findings=ending.found,
                waiting=ending.waiting,
                unsent=ending.unsent,
                tokens_waiting=ending.unwitnessed,
                failed=list(ending.failed),
            )
        self.say(f"watch.ended-{ending.reason}")
        self.plain("watch.summary", posts=ending.done, findings=ending.found)
        if ending.failed:
            self.plain("watch.failed-sources", sources=", ".join(ending.failed))
        if ending.waiting:
            self.plain("watch.still-waiting", count=ending.waiting)
        if ending.unsent:
            self.plain("watch.still-unsent", count=ending.unsent)
        if ending.unwitnessed:
            self.plain("watch.still-unwitnessed", count=ending.unwitnessed)


# Bytes: what one post takes is at hand for the next; the tables of the cohort, made once, leave no gaps.
HEAP_UNUSED, HEAP_LARGE = 16 << 20, 4 << 20


@watch.command("run", help=words.text("watch.run-help"))
@click.option("--once", is_flag=True, help=words.text("watch.once-help"))
@click.option("--json", "as_json", is_flag=True, help=words.text("watch.json-help"))
def run(once: bool, as_json: bool) -> int:
    """Watch in the foreground until stopped."""
    from capture.memory import give_back_loaded, keep_small

    # The watcher's products are small: BLAS threads would wait for each other on every one, at several times the CPU.
    keep_small(HEAP_UNUSED, HEAP_LARGE)

    from desk import own_works
    from sakigake import settings
    from sakigake.lock import FileLock
    from watch.pulse import LOCK_FILE

    with watch_parts():
        from watch import assembly
        from watch.watcher import Watcher

    loaded = settings.load()
    console = _Console(as_json=as_json)
    _provide_key(loaded)
    with (
        FileLock(loaded.home / LOCK_FILE, "watch-running", "record-home-unwritable"),
        assembly.assembled(loaded, console.say, console.found, own_works.provide(loaded)) as plan,
    ):
        watcher = Watcher(plan)
        give_back_loaded()
        _stop_on_signals(watcher)
        sources = [row for row in plan.store.sources() if not row.paused]
        console.say("watch.started", count=len(sources))
        if not sources:
            console.plain("watch.no-source")
        if not plan.receivers:
            console.plain("watch.no-receiver")
        if not once:
            console.plain("watch.how-to-stop")
        ending = watcher.run(once=once)
    console.end(ending)
    return EXIT_FAILED if ending.failed else errors.EXIT_OK


def _provide_key(loaded: "Settings") -> None:
    from desk import passphrase

    passphrase.provide(loaded.keys)


def _stop_on_signals(watcher: Any) -> None:
    names = {"SIGINT": "interrupt", "SIGTERM": "terminate", "SIGHUP": "terminate", "SIGBREAK": "interrupt"}

    def handler(number: int, _frame: "FrameType | None") -> None:
        watcher.stop(names[signal.Signals(number).name])

    for name in names:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), handler)


@watch.command("status", help=words.text("watch.status-help"))
@click.option("--json", "as_json", is_flag=True, help=words.text("verify.json"))
def status(as_json: bool) -> int:
    """Say whether the watcher runs and is well."""
    from dataclasses import asdict

    from desk.watching import hole_json, open_watch, standing
    from sakigake import settings
    from watch.pulse import State

    loaded = settings.load()
    found = standing(loaded)
    state, pulse, counts = found.state, found.pulse, found.counts
    if as_json:
        holes = [hole_json(hole) for hole in open_watch(loaded).holes()]
        told = {"state": state.value, "pulse": asdict(pulse) if pulse else None, "holes": holes}
        answer({**told, **asdict(counts)})
    else:
        _print_status(state.value, pulse, counts)
    return {State.NOT_RUNNING: 4, State.STALE: 1}.get(state, errors.EXIT_OK)


def _print_status(state: str, pulse: Any, counts: Any) -> None:
    from desk.watching import why
    from sakigake.clock import from_ms, iso

    click.echo(words.text(f"watch.status-{state}"))
    if pulse and state == "not_running":
        ended = pulse.ended_ms or pulse.beat_ms
        key = "watch.status-ended" if pulse.ended_ms else "watch.status-died"
        click.echo(words.text(key, when=iso(from_ms(ended))))
    elif pulse:
        click.echo(words.text("watch.status-since", when=iso(from_ms(pulse.started_ms)), stages=pulse.stages))
        click.echo(words.text("watch.status-beat", when=iso(from_ms(pulse.beat_ms))))
    click.echo(
        words.text(
            "watch.status-counts", waiting=counts.waiting, fresh=counts.new_findings, unsent=counts.unsent
        )
    )
    for reason, count in sorted(counts.failed.items()):
        click.echo(words.text("watch.status-failed", count=count, reason=why(reason)))
    for reason, count in sorted(counts.partly.items()):
        click.echo(words.text("watch.status-partly", count=count, reason=why(reason)))
