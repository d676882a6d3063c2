"""The packets of a video, group by group: which to decode, and where pictures are missing."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from capture.frame import NoFrame

# A group of pictures this much longer than the step still counts as no longer: 60 frames of 29.97 Hz take 2.002 s.
SLACK = 1.1
# A key frame this much of a step after the last one is near enough.
EARLY = 0.8
HOLE_S = 1.0
# Pictures that come slowly, as in a time-lapse, are no hole: so many of the usual intervals must be missing.
HOLE_INTERVALS = 10


@dataclass(frozen=True, slots=True)
class Hole(NoFrame):
    """A stretch for which the file has no pictures: `ms` long, from `pts_ms` on. `reason` is a slug.

    "video-hole": the times leap; "video-back": they run backwards (`ms` is 0, nobody knows); "video-damaged": the
    pictures cannot be decoded; "video-cut-off": the file ends before the time it announces.
    """

    pts_ms: int = 0
    ms: int = 0

    @property
    def sentence(self) -> tuple[str, dict[str, str]]:
        """Return the key and the values of the sentence for the person at the screen."""
        minutes, seconds = divmod(self.pts_ms // 1000, 60)
        time = f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
        return f"video.{self.reason.removeprefix('video-')}", {
            "time": time,
            "seconds": f"{self.ms / 1000:.1f}",
        }


class VideoReader:
    """Walks through the packets of one stream, group by group, and decodes what is needed of each.

    A group is held back, undecoded, until the next key frame shows that it was short, or until it turns out longer
    than a step: then it is decoded from its beginning.
    """

    def __init__(self, av: Any, stream: Any, step_s: float) -> None:
        self._broken = av.FFmpegError
        self._stream = stream
        self._codec = stream.codec_context
        self._step = step_s
        self._base = float(stream.time_base)
        self._start = stream.start_time * self._base if stream.start_time is not None else None
        self._group: list[Any] = []
        self._decoding = False
        self._given: float | None = None
        self._before: float | None = None
        self._usual = 0.0
        self._damage: float | None = None
        self._leap: Hole | None = None
        self._leapt = 0.0

    def since_start_ms(self, time: float) -> int:
        """Return a presentation time relative to the first one."""
        return round((time - (self._start or 0.0)) * 1000)

    def time_of(self, picture: Any) -> float:
        """Return the presentation time of a decoded picture in seconds."""
        return float(picture.pts * self._base)

    def pictures(self, container: Any) -> Iterator[Any]:
        """Yield decoded pictures and Holes."""
        for packet in self._packets(container):
            time = self._time(packet)
            if time is None:
                continue
            hole = self._hole(time)
            if hole is not None and hole.ms:
                # Pictures from before it may still be on their way through the decoder.
                self._leap, self._leapt = hole, time
            elif hole is not None:
                yield from self._end_group()
                yield hole
            if packet.is_keyframe:
                yield from self._end_group()
                self._group = [packet]
            elif self._decoding:
                yield from self._all(packet)
            else:
                self._group.append(packet)
                first = self._time(self._group[0])
                if first is not None and time - first > self._step * SLACK:
                    self._decoding = True
                    for held in self._group:
                        yield from self._all(held)
                    self._group = []
        yield from self._end_group()
        yield from self._end()

    def _packets(self, container: Any) -> Iterator[Any]:
        try:
            yield from (packet for packet in container.demux(self._stream) if packet.size)
        except self._broken:
            return  # the file ends in the middle of something; what there was has been given

    def _time(self, packet: Any) -> float | None:
        """Return when a packet is decoded: unlike the presentation times these only grow."""
        stamp = packet.dts if packet.dts is not None else packet.pts
        return None if stamp is None else stamp * self._base

    def _hole(self, time: float) -> Hole | None:
        before, self._before = self._before, time
        if self._start is None:
            self._start = time
        if before is None:
            return None
        step = time - before
        if step < -HOLE_S:
            self._given = None
            return Hole("video-back", pts_ms=self.since_start_ms(before))
        if step > max(HOLE_S, HOLE_INTERVALS * self._usual) and self._usual:
            return Hole("video-hole", pts_ms=self.since_start_ms(before), ms=round(step * 1000))
        # The mean of the last intervals, more or less: one odd interval does not make the next hole unseen.
        self._usual = step if not self._usual else self._usual + (step - self._usual) / 8
        return None

    def _end_group(self) -> Iterator[Any]:
        group, self._group = self._group, []
        if self._decoding:
            yield from self._all(None)
            self._codec.flush_buffers()
            self._decoding = False
        elif group and group[0].is_keyframe and self._due(group[0], EARLY):
            yield from self._key(group[0])
        yield from self._leap_before(None)

    def _leap_before(self, time: float | None) -> Iterator[Hole]:
        """Yield the hole that lies before a picture of `time` (None: before all that follow)."""
        if self._leap is not None and (time is None or time >= self._leapt):
            hole, self._leap = self._leap, None
            yield hole

    def _due(self, packet: Any, share: float) -> bool:
        time = packet.pts * self._base if packet.pts is not None else self._time(packet)
        return self._given is None or time is None or time - self._given >= self._step * share

    def _key(self, packet: Any) -> Iterator[Any]:
        """Decode a key frame by itself."""
        pictures = [*self._decoded(packet), *self._decoded(None)]
        self._codec.flush_buffers()
        yield from self._given_now(pictures[:1])

    def _all(self, packet: Any) -> Iterator[Any]:
        """Decode one packet of many (None: the rest) and yield what is due."""
        interval = self._usual / 2
        for picture in self._decoded(packet):
            if self._given is None or self.time_of(picture) - self._given >= self._step - interval:
                yield from self._given_now([picture])

    def _given_now(self, pictures: list[Any]) -> Iterator[Any]:
        for picture in pictures:
            yield from self._leap_before(self.time_of(picture))
            damage, self._damage = self._damage, None
            if damage is not None:
                lost = round((self.time_of(picture) - damage) * 1000)
                yield Hole("video-damaged", pts_ms=self.since_start_ms(damage), ms=max(0, lost))
            self._given = self.time_of(picture)
            yield picture

    def _decoded(self, packet: Any) -> list[Any]:
        try:
            return [picture for picture in self._codec.decode(packet) if picture.pts is not None]
        except self._broken:
            self._damage = self._damage or self._given or self._before
            return []

    def _end(self) -> Iterator[Hole]:
        """Yield what the file announces and does not have."""
        last = self._before
        announced = self._announced()
        if last is None or announced is None:
            return
        missing = announced - (last - (self._start or 0.0))
        if missing > max(HOLE_S, HOLE_INTERVALS * self._usual):
            yield Hole("video-cut-off", pts_ms=self.since_start_ms(last), ms=round(missing * 1000))

    def _announced(self) -> float | None:
        """Return the length in seconds that the file states for the stream."""
        if self._stream.duration is not None:
            return float(self._stream.duration * self._base)
        try:  # Matroska keeps it in a tag of each stream: 00:01:02.345000000
            hours, minutes, seconds = str(self._stream.metadata.get("DURATION", "")).split(":")
            return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        except ValueError:
            return None
