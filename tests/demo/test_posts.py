import cv2
import numpy as np

from desk.demo import posts


def sample() -> posts.Pixels:
    picture = np.full((420, 560, 3), 245, np.uint8)
    cv2.circle(picture, (200, 180), 90, (60, 140, 230), -1)
    cv2.rectangle(picture, (330, 250), (520, 390), (80, 60, 40), 6)
    return picture


def edges(picture: posts.Pixels) -> posts.Pixels:
    grey = cv2.cvtColor(cv2.resize(picture, (64, 48), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    return posts.as_pixels(np.abs(cv2.Laplacian(cv2.GaussianBlur(grey, (0, 0), 1), cv2.CV_64F)))


def alike(a: posts.Pixels, b: posts.Pixels) -> float:
    return float(np.corrcoef(edges(a).ravel().astype(float), edges(b).ravel().astype(float))[0, 1])


def test_derived_keeps_the_layout_and_little_else() -> None:
    stage = sample()
    made = posts.derived(stage, 1)
    enlarged = posts.as_pixels(cv2.resize(stage, (made.shape[1], made.shape[0])))
    assert made.shape == (720, 960, 3)
    assert alike(made, stage) > 0.5
    assert float((np.abs(made.astype(int) - enlarged) > 12).any(axis=2).mean()) > 0.7


def test_unrelated_has_another_layout() -> None:
    assert alike(posts.unrelated(1), sample()) < 0.3


def test_the_same_seed_makes_the_same_picture() -> None:
    assert np.array_equal(posts.derived(sample(), 5), posts.derived(sample(), 5))
    assert not np.array_equal(posts.derived(sample(), 5), posts.derived(sample(), 6))
    assert np.array_equal(posts.unrelated(5), posts.unrelated(5))
