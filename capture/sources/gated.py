"""A frame source behind the privacy gate."""

from dataclasses import replace

from capture.frame import Frame, FrameSource, NoFrame, Region
from capture.privacy import CHANGED, UNREADABLE, Blocked, Gate


class Gated:
    """A frame source behind a gate: what must not be seen never leaves `grab`.

    Where a frame would be, there is a NoFrame with a reason that begins with "privacy-". A frame that gets through
    says whether the recorded program is in front and where the pointer is.
    """

    def __init__(self, source: FrameSource, gate: Gate) -> None:
        self.live = source.live
        self._source = source
        self._gate = gate

    def open(self) -> None:
        """Open the source and see what stands in its place; raises SakigakeError."""
        self._source.open()
        try:
            self._gate.open(place_of(self._source))
        except BaseException:
            self._source.close()
            raise

    def grab(self) -> Frame | NoFrame:
        """Return a frame only if all that can be in it was allowed, all the time it was taken."""
        region = place_of(self._source)
        before = self._gate.check(region)
        if isinstance(before, Blocked) and before.reason != UNREADABLE:
            return NoFrame(before.reason, before.sentence)
        # Where the windows cannot be asked the screen is mostly gone too, and the source says so and tries again.
        seen = self._source.grab()
        if isinstance(seen, NoFrame):
            return seen
        after = self._gate.check(seen.region)
        if isinstance(after, Blocked):
            return NoFrame(after.reason, after.sentence)
        if before != after or not (self._gate.follows or seen.region == region):
            return NoFrame(CHANGED)
        return replace(seen, own_window=after.own_window, pointer=_inside(after.pointer, seen))

    def close(self) -> None:
        """Close the source and the gate."""
        self._gate.close()
        self._source.close()

    def describe(self) -> dict[str, int | str]:
        """Return what the source says of itself."""
        return self._source.describe()


def place_of(source: FrameSource) -> Region:
    """Return where on the screen a source looks; raises UsageError for one that looks elsewhere."""
    return Region.parse(str(source.describe()["region"]))


def _inside(pointer: tuple[int, int] | None, frame: Frame) -> tuple[int, int] | None:
    if pointer is None:
        return None
    left, top = pointer[0] - frame.region.left, pointer[1] - frame.region.top
    if 0 <= left < frame.region.width and 0 <= top < frame.region.height:
        return round(left * frame.scale), round(top * frame.scale)
    return None
