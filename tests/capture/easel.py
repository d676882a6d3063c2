"""A canvas that is drawn on and looked at from anywhere, for the tests of the stage detector."""

import cv2
import numpy as np

from capture.frame import Frame, Pixels, Region
from capture.registration import Matrix
from capture.stages import Context, Decision, StageDetector

WIDTH, HEIGHT = 900, 640
STEP_NS = 2_000_000_000
SURROUND = (128, 128, 128)


class Easel:
    """A page of 1000 x 760 in a grey viewport of 900 x 640, and the detector that looks at it."""

    def __init__(self, seed: int = 5, step_ns: int = STEP_NS) -> None:
        self.page: Pixels = np.full((760, 1000, 3), 255, np.uint8)
        self.pose = self.fit()
        self.random = np.random.default_rng(seed)
        self.detector = StageDetector()
        self.step_ns = step_ns
        self.seq = 0
        self.kept = 0
        self.stages: list[Decision] = []
        self.last: Frame | None = None

    @staticmethod
    def fit(
        zoom: float = 0.8, angle: float = 0.0, mirror: bool = False, shift: tuple[float, float] = (0, 0)
    ) -> Matrix:
        """Return the matrix from the page to a viewport that shows its middle."""
        turn = cv2.getRotationMatrix2D((0, 0), angle, zoom)
        matrix = np.vstack([turn, [0, 0, 1]])
        if mirror:
            matrix = np.diag([-1.0, 1.0, 1.0]) @ matrix
        middle = matrix @ np.array([500, 380, 1])
        matrix[0, 2] += WIDTH / 2 - middle[0] + shift[0]
        matrix[1, 2] += HEIGHT / 2 - middle[1] + shift[1]
        return matrix

    def view(self) -> Pixels:
        """Return what the viewport shows."""
        zoom = np.sqrt(abs(np.linalg.det(self.pose[:2, :2])))
        # Supersampled where it is made smaller, as a drawing program does.
        page, pose = self.page, self.pose
        if zoom < 1:
            smaller = cv2.resize(page, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
            page = np.asarray(smaller, np.uint8)
            pose = pose @ np.diag([1 / zoom, 1 / zoom, 1])
        shown = cv2.warpAffine(page, pose[:2], (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderValue=SURROUND)
        return np.asarray(shown, np.uint8)

    def scribble(self, strokes: int = 12, box: tuple[int, int, int, int] = (150, 100, 850, 680)) -> None:
        """Draw crooked lines all over a box of the page."""
        for _ in range(strokes):
            x = self.random.integers(box[0], box[2], 4)
            y = self.random.integers(box[1], box[3], 4)
            cv2.polylines(
                self.page, [np.stack([x, y], 1).astype(np.int32)], False, (40, 30, 30), 4, cv2.LINE_AA
            )

    def line(self, x: int, y: int, length: int = 160, colour: tuple[int, int, int] = (30, 30, 30)) -> None:
        """Draw one stroke."""
        cv2.line(self.page, (x, y), (x + length, y + length // 2), colour, 6, cv2.LINE_AA)

    def show(
        self,
        pixels: Pixels | None = None,
        own: bool | None = True,
        pointer: tuple[int, int] | None = (5, 5),
    ) -> Decision:
        """Let the detector see the viewport, or any picture, two seconds later."""
        pixels = self.view() if pixels is None else pixels
        mono = self.seq * self.step_ns
        area = Region(0, 0, pixels.shape[1], pixels.shape[0])
        self.last = Frame(pixels, 10**18 + mono, mono, self.seq, "screen", area)
        self.seq += 1
        decision = self.detector.step(self.last, Context(own, pointer))
        if decision.stage:
            self.kept += 1
            self.stages.append(decision)
            self.detector.kept(self.kept, self.last)
        return decision

    def labels(self, count: int, own: bool | None = True) -> list[str]:
        """Show the viewport some times; returns the labels."""
        return [self.show(own=own).label for _ in range(count)]

    def drawn(self) -> "Easel":
        """Begin with a scribbled page that has been seen and kept."""
        self.show()
        self.scribble()
        self.labels(3)
        self.stages.clear()
        return self
