"""Where the view lies on the canvas: similarity between two pictures, mirrored or not, and how well it explains them.

Poses are 3x3 matrices that take pixel coordinates of the view to those of the canvas picture. Pixel coordinates mean
pixel centres, so a change of resolution moves them by half a pixel (`scaling`).
"""

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from capture.frame import Pixels

Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]
Gray = NDArray[np.uint8]

# ORB (Rublee et al., 2011) is the one binary descriptor that OpenCV 4.10 and 5 share.
FEATURES = 500
RATIO = 0.8
REPROJECTION_PX = 3.0
MIN_MATCHES = 8
MIN_SHARE = 0.2
ZOOM_LIMIT = 10.0

CELL = 2  # view pixels per cell of the grid in which views are compared
GRAY = 2  # dimensions of a grey picture
FEW_LINES = 40  # cells: fewer than these are no drawing
STRAIGHT = 0.3  # share of a row or column of cells that makes it a border
BANDS = 4  # borders each way, at most
BAND = 5  # cells across a border's edges, smoothed
EDGE_STEP = 40.0
EDGE_COSINE = 0.85
SENSITIVE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Points (n x 2) and their ORB descriptors (n x 32)."""

    points: NDArray[np.float32]
    descriptors: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Similarity:
    """A pose found by matching, and how many matches agree with it."""

    pose: Matrix
    inliers: int


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Gradients of a picture. `strong` marks the pixels on an edge, `drawn` those of them that are not on a border.

    Borders are straight lines across, as around a page or a tool bar: they are there whatever is drawn.
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    power: NDArray[np.float32]
    strong: Mask
    drawn: Mask

    @property
    def empty(self) -> bool:
        """Say whether there is nothing drawn."""
        return int(np.count_nonzero(self.drawn)) < FEW_LINES


class Registrar:
    """Finds poses. Holds OpenCV's detector and matcher, which are costly to make."""

    def __init__(self) -> None:
        # A low FAST threshold, since pencil lines are pale; small steps between levels, since zooms are.
        self._orb = cv2.ORB.create(
            nfeatures=FEATURES, scaleFactor=1.25, nlevels=8, edgeThreshold=12, patchSize=31, fastThreshold=8
        )
        self._matcher = cv2.BFMatcher(cv2.NORM_HAMMING)

    def features(self, picture: Pixels) -> Features:
        """Describe a BGR picture."""
        gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        points, descriptors = self._orb.detectAndCompute(gray, None)
        if not points:
            return Features(np.empty((0, 2), np.float32), np.empty((0, 32), np.uint8))
        return Features(
            np.asarray([point.pt for point in points], np.float32), np.asarray(descriptors, np.uint8)
        )

    def similarity(self, view: Features, canvas: Features) -> Similarity | None:
        """Return the rotation, zoom and shift that takes `view` to `canvas`, None when too little agrees."""
        if min(len(view.points), len(canvas.points)) < MIN_MATCHES:
            return None
        pairs = self._matcher.knnMatch(view.descriptors, canvas.descriptors, k=2)
        good = [pair[0] for pair in pairs if len(pair) > 1 and pair[0].distance < RATIO * pair[1].distance]
        if len(good) < MIN_MATCHES:
            return None
        found = cv2.estimateAffinePartial2D(
            view.points[[match.queryIdx for match in good]],
            canvas.points[[match.trainIdx for match in good]],
            method=cv2.RANSAC,
            ransacReprojThreshold=REPROJECTION_PX,
            maxIters=1500,
            confidence=0.995,
        )
        # OpenCV's stubs do not say that there may be no matrix.
        matrix = cast("Matrix | None", found[0])
        if matrix is None:
            return None
        inliers = int(np.count_nonzero(found[1]))
        pose = np.vstack([np.asarray(matrix, np.float64), [0.0, 0.0, 1.0]])
        if not 1 / ZOOM_LIMIT < zoom_of(pose) < ZOOM_LIMIT:
            return None
        if inliers < MIN_MATCHES or inliers < MIN_SHARE * len(good):
            return None
        return Similarity(pose, inliers)


@dataclass(slots=True)
class Seen:
    """A view with what is computed from it once: `cells`, the grid it is compared in, and their `edges`."""

    view: Pixels
    cells: Pixels
    edges: Edges
    features: Features | None = None

    @classmethod
    def of(cls, view: Pixels) -> "Seen":
        """Compute the cells of a view and their edges."""
        cells = grid_of(view)
        return cls(view, cells, edges_of(cells))

    def described(self, registrar: Registrar) -> Features:
        """Return the view's features."""
        if self.features is None:
            self.features = registrar.features(self.view)
        return self.features


def zoom_of(pose: Matrix) -> float:
    """Return canvas pixels per view pixel: below 1 when the view is zoomed in."""
    return float(np.sqrt(abs(np.linalg.det(pose[:2, :2]))))


def mirroring(width: int) -> Matrix:
    """Return the matrix that swaps left and right in a picture of that width."""
    return np.array([[-1.0, 0.0, width - 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])


def scaling(x: float, y: float | None = None) -> Matrix:
    """Return the matrix from pixel centres of a picture to those of one `x` times as wide and `y` times as high."""
    y = x if y is None else y
    return np.array([[x, 0.0, (x - 1) / 2], [0.0, y, (y - 1) / 2], [0.0, 0.0, 1.0]])


def shifting(x: float, y: float) -> Matrix:
    """Return the matrix that adds `x` and `y`."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def far_apart(one: Matrix, other: Matrix, width: int, height: int) -> float:
    """Return the largest distance, in canvas pixels, between where two poses put the corners of a view."""
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], np.float64).T
    return float(np.abs(one @ corners - other @ corners).max())


def shrink(picture: Pixels, width: int, height: int) -> Pixels:
    """Resize by averaging areas; the one way here to make pictures smaller."""
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def grid_of(view: Pixels) -> Pixels:
    """Return the view as cells."""
    height, width = view.shape[:2]
    return shrink(view, max(1, width // CELL), max(1, height // CELL))


def shrink_mask(mask: Mask, by: int) -> NDArray[np.float32]:
    """Return the marked share of each `by` x `by` cells of a mask."""
    height, width = mask.shape
    size = max(1, width // by), max(1, height // by)
    return np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA), np.float32)


def edges_of(picture: Pixels) -> Edges:
    """Return the gradients of a BGR or grey picture, smoothed so that a shift of one pixel does not turn them round."""
    gray = picture if picture.ndim == GRAY else cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    gray = cv2.GaussianBlur(gray, (5, 5), 1.0)
    x = np.asarray(cv2.Sobel(gray, cv2.CV_32F, 1, 0), np.float32)
    y = np.asarray(cv2.Sobel(gray, cv2.CV_32F, 0, 1), np.float32)
    power = x * x + y * y
    strong = power > EDGE_STEP**2
    return Edges(x, y, power, strong, strong & ~_borders(strong))


def _borders(strong: Mask) -> Mask:
    """Mark narrow bands along which most is edge, a few each way; a busy drawing has no narrow ones."""
    marked = np.zeros_like(strong)
    for lines, bands in ((strong, marked), (strong.T, marked.T)):
        share = lines.mean(axis=0)
        for middle in np.argsort(share)[::-1][: BANDS * BAND]:
            if share[middle] < STRAIGHT:
                break
            left, right = middle - BAND, middle + BAND
            beside = [share[side] for side in (left, right) if 0 <= side < len(share)]
            if max(beside, default=0.0) < share[middle] / 2:
                bands[:, max(0, middle - BAND // 2) : middle + BAND // 2 + 1] = True
    return marked


def edges_kept(old: Edges, new: Edges) -> Mask:
    """Mark the edge pixels of `old` at which `new` has an edge that runs the same way.

    The sign is left out: filling both sides of a line with colours may swap which side is darker. Random lines
    agree in about one pixel of eight, so this share tells "same lines, other colours" from "other lines".
    """
    along = old.x * new.x + old.y * new.y
    enough = new.power > (SENSITIVE * EDGE_STEP) ** 2
    return np.asarray(
        old.strong & enough & (along * along > EDGE_COSINE**2 * old.power * new.power), np.bool_
    )


def residue(one: Pixels, other: Pixels, reach: int, contrast: int) -> Mask:
    """Mark where two BGR pictures differ by more than `contrast` beyond what neighbours within `reach` explain.

    Each pixel may take any value between the darkest and the brightest of its neighbourhood in the other picture,
    channel by channel, so that resampling and a shift of `reach` pixels leave nothing behind.
    """
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    worst = None
    for a, b in ((one, other), (other, one)):
        beyond = cv2.max(cv2.subtract(a, cv2.dilate(b, kernel)), cv2.subtract(cv2.erode(b, kernel), a))
        worst = beyond if worst is None else cv2.max(worst, beyond)
    alike = cv2.inRange(np.asarray(worst), np.zeros(3), np.full(3, float(contrast)))
    return np.asarray(alike == 0, np.bool_)
