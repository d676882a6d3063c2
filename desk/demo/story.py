"""The whole journey once: record, meet two posts, compare, export, verify; and say whether each came out right."""

import json
import shutil
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from desk.demo.console import CommandFailedError, Console
from desk.demo.recording import Input, record
from sakigake import errors, words
from sakigake.clock import iso
from sakigake.errors import SakigakeError, UsageError

MARK = ".sakigake-demo"
ENOUGH_STAGES = 5
RECOGNISED = ("strong", "some")
NOT_RECOGNISED = ("none", "not_comparable")
# How far into the session the stage lies that the derived picture is made from: coloured, not yet finished.
DRAFT_AT = 0.6
SETTLE_S = 2.5  # a token's end is rounded up to the next second: a post has to come later than that


@dataclass(frozen=True, slots=True)
class Options:
    """What the person asked for. `region` and `seconds` matter for a real screen only."""

    output: Path
    source: Input
    authority: str
    lang: str
    seed: int
    region: str = ""
    seconds: str = "60s"


@dataclass(frozen=True, slots=True)
class Expectation:
    """One thing that had to come out, as it came out."""

    sentence: str
    met: bool


def prepare(output: Path) -> None:
    """Make the folder, or empty the one an earlier demonstration made; raises UsageError for any other folder."""
    output = output.absolute()
    try:
        if output.exists() and (
            not output.is_dir() or (any(output.iterdir()) and not (output / MARK).is_file())
        ):
            raise UsageError("demo-folder-taken", path=output)
        if output.exists():
            for item in output.iterdir():
                if item.is_dir():
                    shutil.rmtree(item)
                else:
                    item.unlink()
        output.mkdir(parents=True, exist_ok=True)
        (output / MARK).write_text("", encoding="utf-8")
        (output / "records").mkdir()
    except OSError as error:
        raise SakigakeError("demo-folder-unwritable", path=output, why=error.strerror or error) from error


def tell(options: Options, user_config: Path | None = None) -> int:
    """Run the demonstration; returns 0 when every expectation was met, else 1."""
    folder = options.output.absolute()
    prepare(folder)
    config = user_config if options.authority == "configured" else None
    console = Console(folder, options.lang, config)
    try:
        console.say(words.text("demo.begin", folder=options.output))
        with _authority(options.authority, folder, console):
            expectations = _journey(options, console)
    except CommandFailedError as error:
        console.say(words.text("demo.stopped"))
        return error.code or 1
    finally:
        shutil.rmtree(folder / "scratch", ignore_errors=True)
        console.close()
    return 0 if all(expectation.met for expectation in expectations) else 1


@contextmanager
def _authority(kind: str, folder: Path, console: Console) -> Iterator[None]:
    """Set up who is asked for time tokens: nobody, one on this machine, or whoever the settings name."""
    settings = folder / "records" / "sakigake.toml"
    console.say(words.text(f"demo.authority-{kind}"))
    if kind == "local":
        from desk.demo.authority import local_authority  # noqa: PLC0415 - only this choice needs a server

        with local_authority(folder / "authority") as authority:
            settings.write_text(authority.settings() + "\n", encoding="utf-8")
            yield
        return
    if kind == "none":
        settings.write_text("[anchor]\nenabled = false\n", encoding="utf-8")
    yield


def _journey(options: Options, console: Console) -> list[Expectation]:
    say, folder = words.text, console.folder
    console.say(f"\n{say('demo.step-record')}")
    source = record(console, options.source, options.seed, options.region, options.seconds)
    console.must("timeline", "show")
    shown = console.ask("timeline", "show")
    _keep(folder / "timeline.json", shown)
    stages = [row["seq"] for row in shown["rows"] if row["type"] == "stage"]
    if not stages:
        console.say(say("demo.no-stage"))
        return [Expectation("", met=False)]

    console.say(f"\n{say('demo.step-posts')}")
    console.must("export", "last", "--no-stamp", "-o", "stages")
    draft = stages[min(len(stages) - 1, int(len(stages) * DRAFT_AT))]
    _make_posts(folder, draft, options.seed)
    console.say(say("demo.posts", draft=draft))
    if options.authority != "none":
        console.run("timeline", "anchor")
    time.sleep(SETTLE_S)
    since = datetime.now(UTC).replace(microsecond=0)
    posted = ("--posted-not-before", iso(since), "--posted-not-after", iso(since + timedelta(minutes=10)))

    console.say(f"\n{say('demo.step-check')}")
    console.must("check", "derived.jpg", *posted)
    console.must("check", "unrelated.jpg", *posted)
    derived, unrelated = (console.ask("check", name, *posted) for name in ("derived.jpg", "unrelated.jpg"))

    _keep(folder / "derived.json", derived)
    _keep(folder / "unrelated.json", unrelated)

    console.say(f"\n{say('demo.step-export')}")
    console.must("export", "last", "--post", "derived.jpg", *posted, "-o", "pack.zip")
    code = console.run("verify", "pack.zip")
    with zipfile.ZipFile(folder / "pack.zip") as archive:
        archive.extractall(folder / "pack")

    expectations = [
        *([_enough(stages)] if source is not Input.SCREEN else []),
        _recognised(derived, draft),
        _unrelated(unrelated),
        _order(derived, options.authority),
        _verified(code, options.authority),
    ]
    console.say(f"\n{say('demo.step-result')}")
    for expectation in expectations:
        console.say(f"  {say('demo.met' if expectation.met else 'demo.unmet')}{expectation.sentence}")
    console.say(say("demo.look", folder=options.output))
    return expectations


def _keep(path: Path, answer: dict[str, Any]) -> None:
    path.write_text(json.dumps(answer, ensure_ascii=False, indent=1), encoding="utf-8")


def _make_posts(folder: Path, draft: int, seed: int) -> None:
    import cv2  # noqa: PLC0415 - the pictures are needed late, the first words early

    from desk.demo import posts  # noqa: PLC0415
    from sakigake.evidence import layout  # noqa: PLC0415

    picture = cv2.imread(str(folder / "stages" / layout.stage(draft, "png")))
    if picture is None:
        raise SakigakeError("demo-stage-unreadable", seq=draft)
    posts.write_jpeg(folder / "derived.jpg", posts.derived(posts.as_pixels(picture), seed))
    posts.write_jpeg(folder / "unrelated.jpg", posts.unrelated(seed))


def _enough(stages: list[int]) -> Expectation:
    sentence = words.text("demo.expect-stages", count=len(stages), enough=ENOUGH_STAGES)
    return Expectation(sentence, len(stages) >= ENOUGH_STAGES)


def _recognised(finding: dict[str, Any], draft: int) -> Expectation:
    first, last = finding["stage_range"] or (0, 0)
    likeness = words.text(f"finding.likeness.{finding['likeness']}")
    met = finding["likeness"] in RECOGNISED and first <= draft <= last
    sentence = words.text("demo.expect-derived", draft=draft, first=first, last=last, likeness=likeness)
    return Expectation(sentence, met)


def _unrelated(finding: dict[str, Any]) -> Expectation:
    likeness = words.text(f"finding.likeness.{finding['likeness']}")
    return Expectation(
        words.text("demo.expect-unrelated", likeness=likeness), finding["likeness"] in NOT_RECOGNISED
    )


def _order(finding: dict[str, Any], authority: str) -> Expectation:
    """Without a token there is no time from outside, so that nothing may be said about the order."""
    wanted = {"none": ("order_unclear",), "local": ("draft_first",)}.get(
        authority, ("draft_first", "order_unclear")
    )
    order = words.text(f"finding.order.{finding['order']}")
    return Expectation(words.text("demo.expect-order", order=order), finding["order"] in wanted)


def _verified(code: int, authority: str) -> Expectation:
    integrity = errors.EXIT_INTEGRITY_ONLY
    wanted = {"none": (integrity,), "local": (errors.EXIT_OK,)}.get(authority, (errors.EXIT_OK, integrity))
    key = {errors.EXIT_OK: "demo.expect-verified", integrity: "demo.expect-integrity"}.get(
        code, "demo.expect-failed"
    )
    return Expectation(words.text(key), code in wanted)
