"""The scene that OBS puts on air, asked for by obs-websocket.

Only ever a scene that is the program, never an input: OBS draws an input for us even while it is hidden in every
scene, so a look at an input could keep what no viewer saw. For the same reason nothing is taken in Studio Mode: a
screenshot shows the scene as it is being edited there, and OBS has no request for the picture that is on air.
"""

import contextlib
import os
import struct
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from capture.frame import Frame, NoFrame, Pixels, Region
from capture.obs.client import Client, Link
from capture.obs.protocol import Address, Fields, OddMessageError, Statistics, picture
from capture.pacer import SECOND
from sakigake.clock import Clock
from sakigake.errors import NetworkError, NotFoundError, SakigakeError, UsageError
from sakigake.settings import Settings

PASSWORD = "SAKIGAKE_OBS_PASSWORD"  # noqa: S105 - the name of the variable
# Half the width: where OBS scales by two, each pixel of the result is the mean of four and none is passed over.
PROBE_SHARE = 2
PROBE_QUALITY = 90
MIN_PROBE = 8  # the smallest side that OBS takes
# Qt's scale for PNG: 80 to 89 is zlib level 1, and from 90 on nothing is compressed at all.
PNG_QUALITY = 85
SCREENSHOT_TIMEOUT_S = 10.0
STATISTICS_TIMEOUT_S = 1.0
# A probe is small and lossy. What it cannot see is seen this much later.
WHOLE_EVERY_S = 30.0
MAX_PIXELS = 80_000_000
PNG_START = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"

_AWAY = {
    "obs-scene-missing": "scene-missing",
    "obs-off-air": "scene-off-air",
    "obs-studio-mode": "studio-mode",
    "obs-scene-changed": "scene-changed",
}


def password(settings: Settings) -> str | None:
    """Return the password of OBS: the variable SAKIGAKE_OBS_PASSWORD, else [obs] password; None when there is none."""
    return os.environ.get(PASSWORD) or str(settings.section("obs").get("password") or "") or None


@dataclass(frozen=True, slots=True, eq=False)
class _Whole:
    """The last lossless picture, cut to the canvas, and when it came."""

    pixels: Pixels
    region: Region
    mono_ns: int


class ObsSource:
    """The scene `address.scene` while it is on air, or whichever scene is (None). `canvas` is a rectangle inside it.

    A look first asks for a small JPEG, the probe. OBS is asked for the lossless picture, which costs it ten times as
    much, when the probe differs from the one before, once more after each change (so that two equal pictures stand
    for a hand at rest), and every 30 s, for what is too small for a probe. A look that finds nothing new gives the
    picture it has as a new Frame, with its age in `info` ("repeat_ms"): OBS was asked and drew the same again. So
    this source gives a Frame at every look, and equal Frames mean what they mean from a screen.

    `before` and `after` are the statistics of OBS at `open` and `close`, None when it could not be asked. Its counts
    begin anew when it is restarted.

    Reasons of NoFrame: "scene-off-air", "scene-missing", "studio-mode", "scene-changed" (not kept, on purpose);
    "source-gone" (OBS closed, frozen, or not willing). A picture is only kept if the same scene was on air before and
    after it was taken.
    """

    live = True

    def __init__(
        self,
        address: Address,
        secret: str | None = None,
        canvas: Region | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.before: Statistics | None = None
        self.after: Statistics | None = None
        self._address = address
        self._canvas = canvas
        self._clock = clock or Clock()
        self._link = Link(lambda: Client(address, secret), self._clock.mono_ns)
        self._client: Client | None = None
        self._probe = ""
        self._whole: _Whole | None = None
        self._settled = False
        self._width = 0
        self._seq = 0

    def open(self) -> None:
        """Connect and look for the scene; raises SakigakeError with what to do.

        A scene that is there but not on air is no error: a stream may begin with another one.
        """
        client = self._link.open()
        try:
            self._examine(client)
            self.before, self.after = client.statistics(), None
        except BaseException:
            self._link.close()
            raise
        self._client = client

    def _examine(self, client: Client) -> None:
        scenes, wanted = _names(client), self._address.scene
        if wanted is not None and wanted not in scenes:
            raise NotFoundError("obs-scene-missing", scene=wanted, scenes=" / ".join(scenes))
        video = client.request("GetVideoSettings")
        whole = Region(0, 0, _side(video, "baseWidth"), _side(video, "baseHeight"))
        self._width = whole.width
        self._region(whole)

    def grab(self) -> Frame | NoFrame:
        """Return what is on air now, or why nothing may be or can be kept."""
        try:
            client = self._link.client()
            if client is not self._client:  # another OBS may be behind it: nothing is known of its picture
                self._client, self._probe, self._settled = client, "", False
            return self._look(client)
        except OddMessageError:
            return _none(NetworkError("obs-picture-odd"))
        except SakigakeError as error:
            return _none(error)

    def _look(self, client: Client) -> Frame | NoFrame:
        scene = self._on_air(client)
        probe = _screenshot(
            client,
            scene,
            imageFormat="jpg",
            imageWidth=max(self._width // PROBE_SHARE, MIN_PROBE),
            imageCompressionQuality=PROBE_QUALITY,
        )
        known = self._whole
        age = self._clock.mono_ns() - known.mono_ns if known is not None else 0
        if known is not None and self._settled and probe == self._probe and age < WHOLE_EVERY_S * SECOND:
            wall, mono = self._now()
            self._still_on_air(client, scene)
            return self._frame(known, wall, mono, {"repeat_ms": age // 1_000_000})
        answer = _screenshot(client, scene, imageFormat="png", imageCompressionQuality=PNG_QUALITY)
        wall, mono = self._now()
        self._still_on_air(client, scene)
        whole = self._cut(decode(picture(answer)), mono)
        self._settled = known is not None and np.array_equal(whole.pixels, known.pixels)
        self._probe, self._whole = probe, whole
        return self._frame(whole, wall, mono, {})

    def _now(self) -> tuple[int, int]:
        """Return the clocks after an answer and not before its question: the picture surely existed by then."""
        return self._clock.wall_ns(), self._clock.mono_ns()

    def _on_air(self, client: Client) -> str:
        """Return the scene to look at; raises SakigakeError when nothing may be looked at now."""
        if client.request("GetStudioModeEnabled").get("studioModeEnabled") is not False:
            raise UsageError("obs-studio-mode")
        program = str(client.request("GetCurrentProgramScene").get("currentProgramSceneName"))
        wanted = self._address.scene
        if wanted is None or wanted == program:
            return program
        scenes = _names(client)
        if wanted not in scenes:
            raise NotFoundError("obs-scene-missing", scene=wanted, scenes=" / ".join(scenes))
        raise UsageError("obs-off-air", scene=wanted, program=program)

    def _still_on_air(self, client: Client, scene: str) -> None:
        if self._on_air(client) != scene:
            raise UsageError("obs-scene-changed")

    def _region(self, whole: Region) -> Region:
        region = (self._canvas or whole).clip(whole)
        if region is None:
            size = f"{whole.width}x{whole.height}"
            raise UsageError("region-canvas-outside", canvas=self._canvas or whole, frame=size)
        return region

    def _cut(self, pixels: Pixels, mono: int) -> _Whole:
        region = self._region(Region(0, 0, pixels.shape[1], pixels.shape[0]))
        self._width = pixels.shape[1]
        cut = pixels[region.top : region.top + region.height, region.left : region.left + region.width]
        cut = np.ascontiguousarray(cut)
        cut.flags.writeable = False  # several Frames share it
        return _Whole(cut, region, mono)

    def _frame(self, whole: _Whole, wall: int, mono: int, info: dict[str, int | str]) -> Frame:
        self._seq += 1
        return Frame(
            pixels=whole.pixels,
            wall_ns=wall,
            mono_ns=mono,
            seq=self._seq - 1,
            origin="obs",
            region=whole.region,
            info=info,
        )

    def close(self) -> None:
        """Read the statistics a last time and hang up. An OBS that went first is not waited for."""
        self.after = None
        if self._client is not None:
            with contextlib.suppress(SakigakeError):
                self.after = self._client.statistics(STATISTICS_TIMEOUT_S)
        self._link.close()
        self._client = self._whole = None

    def describe(self) -> dict[str, int | str]:
        """Return the kind only: scenes carry names."""
        return {"origin": "obs"}


def decode(data: bytes) -> Pixels:
    """Return a PNG as BGR; raises OddMessageError.

    Where nothing lies on the canvas OBS sends transparent black, with colours multiplied by their opacity: dropping
    the opacity gives what viewers see, the scene on black.
    """
    if not data.startswith(PNG_START):
        raise OddMessageError("no PNG")
    width, height = struct.unpack_from(">II", data.ljust(24, b"\0"), len(PNG_START))
    if not 0 < width * height <= MAX_PIXELS:
        raise OddMessageError("no such size")
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise OddMessageError("no picture")
    return np.asarray(pixels, np.uint8)


def _screenshot(client: Client, scene: str, **how: Any) -> str:
    answer = client.request("GetSourceScreenshot", {"sourceName": scene, **how}, SCREENSHOT_TIMEOUT_S)
    return str(answer.get("imageData"))


def _names(client: Client) -> list[str]:
    scenes = client.request("GetSceneList").get("scenes")
    return [str(scene.get("sceneName")) for scene in scenes or () if isinstance(scene, dict)][::-1]


def _side(video: Fields, name: str) -> int:
    value = video.get(name)
    return value if isinstance(value, int) and 0 < value < 1 << 16 else 0


def _none(error: SakigakeError) -> NoFrame:
    return NoFrame(_AWAY.get(error.code, "source-gone"), f"{error.message()} {error.hint()}")
