"""From what a person asked for to a source of frames; what looks at a screen gets the privacy gate in front of it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from capture.frame import FrameSource, Region
from capture.privacy import Gate, Rules
from capture.sources.gated import Gated
from capture.sources.screen import ScreenSource
from capture.windows import watcher
from sakigake.errors import UsageError
from sakigake.model import EntryType
from sakigake.settings import Settings
from sakigake.timeline.entry import Info

# A canvas takes about this share of a screen or window with a drawing program's panels around it: 58 % in Krita's
# default layout at 1280x800. Thresholds that are shares of a canvas are lowered by it where no canvas is named.
AMID_PANELS = 0.6

Greeting = list[tuple[str, dict[str, str]]]
Notes = list[tuple[EntryType, Info]]


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for, as it was typed. `step_s` is the time between two pictures of a video."""

    region: str | None = None
    source: str | None = None
    canvas: str | None = None
    pictures: tuple[Path, ...] = ()
    once: bool = False
    step_s: float = 2.0


@dataclass(frozen=True, slots=True)
class Named:
    """A source. `name` tells it from others on this machine and never leaves it.

    `also` adds to the name what is known only once the source is open: another program in the same place is another
    source, so that a session that a crash cut off does not go on with it. `canvas_share` is how much of a picture is canvas, as far as that can be guessed. `greeting` returns the keys and
    values of what is to be said once the source is open, `notes` what belongs into the ledger after it was opened and
    again after it was closed.
    """

    source: FrameSource
    name: str
    also: Callable[[], str] = str
    canvas_share: float = 1.0
    greeting: Callable[[], Greeting] = list
    notes: Callable[[], Notes] = list


def named(wish: Wish, settings: Settings) -> Named:
    """Return the one source that was asked for; raises UsageError, ConfigError."""
    asked = [given for given in (wish.region, wish.source, wish.pictures) if given]
    if len(asked) != 1:
        raise UsageError("record-two-sources" if asked else "record-source-missing")
    cut = Region.parse(wish.canvas) if wish.canvas else None
    source = wish.source or ""
    kind, _, value = source.partition(":")
    if wish.once and (wish.region or kind in {"screen", "window", "obs"}):
        raise UsageError("record-once-needs-folder")
    if wish.region:
        return _screen(settings, cut, area=Region.parse(wish.region))
    if wish.pictures:
        return _pictures(wish.pictures, cut)
    found = _live(settings, kind, value.strip(), cut) or (
        _kept(settings, wish, kind, value, cut) if value else None
    )
    if found is None:
        raise UsageError("record-source-unknown", source=source)
    return found


def _live(settings: Settings, kind: str, value: str, cut: Region | None) -> Named | None:
    """Return what shows the drawing as it is made; None when `kind` is nothing of that sort."""
    if kind == "obs" and value.startswith("//"):
        return _obs(settings, f"obs:{value}", cut)
    if kind == "screen" and (not value or value.isdecimal()):
        return _screen(settings, cut, monitor=int(value or 1))
    return _window(settings, value, cut) if kind == "window" and value else None


def _kept(settings: Settings, wish: Wish, kind: str, value: str, cut: Region | None) -> Named | None:
    """Return what was made before; None when `kind` is nothing of that sort."""
    path = Path(value).expanduser().absolute()
    if kind == "video":
        return _video(path, wish.step_s, cut)
    if kind != "folder":
        return None
    if path.resolve().is_relative_to(settings.home.resolve()):
        raise UsageError("folder-is-ours", path=path)
    return _folder(path, cut, once=wish.once)


def _screen(settings: Settings, cut: Region | None, *, area: Region | None = None, monitor: int = 1) -> Named:
    screen = ScreenSource(area=area, monitor=monitor, canvas=cut)
    gate = Gate(Rules.of(settings.section("privacy")), watcher())

    def greeting() -> Greeting:
        clipped: Greeting = [("record.clipped", {})] if screen.clipped else []
        return clipped + gate.greeting()

    def program() -> str:
        return hashlib.sha256(gate.program.encode()).hexdigest()

    share = 1.0 if area or cut else AMID_PANELS
    name = _name("screen", str(area or monitor), cut)
    return Named(Gated(screen, gate), name, program, share, greeting)


def _window(settings: Settings, wanted: str, cut: Region | None) -> Named:
    from capture.sources.window import WindowSource  # noqa: PLC0415 - only what was asked for is loaded

    window = WindowSource(wanted, cut)
    gate = Gate(Rules.of(settings.section("privacy")), watcher(), target=lambda: window.window)

    def greeting() -> Greeting:
        return [("record.window", {"program": window.program})]

    share = 1.0 if cut else AMID_PANELS
    return Named(Gated(window, gate), _name("window", wanted, cut), canvas_share=share, greeting=greeting)


def _folder(path: Path, cut: Region | None, *, once: bool) -> Named:
    from capture.sources.folder import FolderSource  # noqa: PLC0415 - only what was asked for is loaded

    share = 1.0 if cut else AMID_PANELS
    return Named(FolderSource(path, cut, once=once), _name("folder", str(path), cut), canvas_share=share)


def _video(path: Path, step_s: float, cut: Region | None) -> Named:
    from capture.sources.video import VideoSource  # noqa: PLC0415 - only what was asked for is loaded

    return Named(VideoSource(path, step_s, cut), _name("video", str(path), cut))


def _pictures(paths: tuple[Path, ...], cut: Region | None) -> Named:
    from capture.sources.pictures import PictureSource  # noqa: PLC0415 - only what was asked for is loaded

    places = tuple(path.expanduser().absolute() for path in paths)
    return Named(PictureSource(places, cut), _name("pictures", "\0".join(map(str, places)), cut))


def _obs(settings: Settings, spec: str, cut: Region | None) -> Named:
    from capture.obs.protocol import Address  # noqa: PLC0415 - only what was asked for is loaded
    from capture.sources.obs import ObsSource, password  # noqa: PLC0415 - as above

    address = Address.parse(spec)
    source = ObsSource(address, password(settings), cut)
    told: list[str] = []

    def notes() -> Notes:
        """Return what OBS counted when it was last asked: a stream that was disturbed would show here."""
        state, counts = ("closed", source.after) if told else ("opened", source.before)
        told.append(state)
        return [(EntryType.STREAM_STATE, {"state": state, "how": "asked", **counts.info()})] if counts else []

    return Named(source, _name("obs", f"{address}/{address.scene}", cut), notes=notes)


def _name(kind: str, where: str, canvas: Region | None) -> str:
    return hashlib.sha256(f"{kind}\0{where}\0{canvas}".encode()).hexdigest()
