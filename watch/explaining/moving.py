"""Pictures that move, as files that can be posted: GIF by Pillow, MP4 by PyAV. No name, no date, no text inside."""

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from sakigake.errors import UsageError
from sakigake.fingerprint.views import Pixels

Frames = Sequence[tuple[Pixels, int]]
_RATE = 25  # frames a second of a video
_ROUNDS_MS = 8000  # a video is at least this long: most sites show short ones once
_COLOURS = 255
_SAMPLE = 96  # dots of a side that the palette is chosen from
_CODERS = ("libx264", "libopenh264")
_CODING = {"crf": "20", "preset": "veryfast", "threads": "1"}
_BIT_EXACT = 1 << 23  # of a codec's flags: no version of an encoder in the file


def gif(frames: Frames) -> bytes:
    """Return frames of one size (BGR, ms) as a GIF that goes round for ever, with one palette for all of them."""
    from PIL import Image  # noqa: PLC0415

    pictures = [Image.fromarray(np.ascontiguousarray(pixels[..., ::-1])) for pixels, _ in frames]
    # One palette, of all frames side by side: a palette of its own for each would make what stands still flicker.
    sample = [
        pictures[at].resize((_SAMPLE, _SAMPLE)) for at in sorted({0, len(pictures) // 2, len(pictures) - 1})
    ]
    together = Image.new("RGB", (_SAMPLE * len(sample), _SAMPLE))
    for number, each in enumerate(sample):
        together.paste(each, (_SAMPLE * number, 0))
    palette = together.quantize(_COLOURS, Image.Quantize.MEDIANCUT)
    coded = [each.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for each in pictures]
    raw = io.BytesIO()
    coded[0].save(
        raw,
        "GIF",
        save_all=True,
        append_images=coded[1:],
        duration=[time for _, time in frames],
        loop=0,
        optimize=False,
        disposal=1,
    )
    return raw.getvalue()


def mp4(frames: Frames) -> bytes:
    """Return frames of one size as an MP4 (H.264) of eight seconds or more; raises UsageError without the extra `video`."""
    try:
        import av  # noqa: PLC0415
    except ImportError as error:
        raise UsageError("video-extra-missing") from error
    height, width = (side + side % 2 for side in frames[0][0].shape[:2])
    once = sum(time for _, time in frames)
    # Sites begin to play what has its index in front, for which the file is written twice: so by its name.
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shared.mp4"
        with av.open(str(path), "w", format="mp4", options=options) as file:
            coder = next((each for each in _CODERS if each in av.codecs_available), "mpeg4")
            stream = file.add_stream(coder, rate=_RATE, options=_CODING)
            if not isinstance(stream, av.VideoStream):
                raise TypeError(coder)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.codec_context.flags |= _BIT_EXACT
            for _ in range(max(1, -(-_ROUNDS_MS // once))):
                for pixels, time in frames:
                    given = cv2.copyMakeBorder(
                        pixels, 0, height - pixels.shape[0], 0, width - pixels.shape[1], cv2.BORDER_REPLICATE
                    )
                    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(given, np.uint8), format="bgr24")
                    for _ in range(max(1, round(time * _RATE / 1000))):
                        file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
        return path.read_bytes()
