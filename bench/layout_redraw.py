"""A drawn scene made a draft, and made the post of a generator: the pairs the layout net is trained on."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.cohort_art import Rng
from bench.layout_pictures import GREY, Drawing, Floating, Mask, Picture, Pool, Z, scene, texture, warp
from sakigake.fingerprint.layout_map import square_v1
from sakigake.fingerprint.views import Pixels

_PALETTE_SIDE = 80
_LEAST_CONTRAST = 0.06
_BARE = 0.3  # of the scenes with something in front: a draft of that alone, a post with all around it


@dataclass(frozen=True, slots=True, eq=False)
class Redrawn:
    """A pair: the genre of the scene, the draft and the post as 128 x 128 squares."""

    genre: str
    draft: Pixels
    post: Pixels


def pair(rng: Rng, drawings: Pool) -> Redrawn:
    """Return a draft and the post made of it; a scene of next to no contrast is drawn again."""
    drawn = scene(rng, drawings)
    for _ in range(4):
        if float((drawn.picture @ GREY).std()) > _LEAST_CONTRAST:
            break
        drawn = scene(rng, drawings)
    bare = drawn.mask is not None and rng.random() < _BARE
    draft = _draft(rng, _on_white(drawn) if bare else drawn.picture)
    return Redrawn(drawn.genre, _square(draft), _square(_post(rng, drawn, drawings, bare=bare)))


def _square(picture: Picture) -> Pixels:
    return square_v1(_coded(picture))


def _coded(picture: Picture) -> Pixels:
    return np.ascontiguousarray(np.rint(np.clip(picture, 0, 1) * 255), np.uint8)


def _blur(values: Floating, sigma: float) -> Floating:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma), np.float32)


def _thrice(values: Floating) -> Picture:
    return np.repeat(values[..., None], 3, axis=2)


def lines(rng: Rng, picture: Picture) -> Floating:
    """Return the lines of a picture as a drawing on white: differences of Gaussians of lightness and of colour."""
    width = rng.uniform(0.5, 1.5)
    layers = [np.ascontiguousarray(picture @ GREY)]
    if rng.random() < 0.7:
        layers += [np.ascontiguousarray(picture[..., k] - picture[..., k + 1]) for k in (0, 1)]
    edges = np.zeros((Z, Z), np.float32)
    for layer in layers:
        soft = _blur(layer, 0.4 + width * 0.4)
        edges = np.maximum(edges, np.abs(_blur(soft, width * 0.6) - _blur(soft, width * 1.6)))
    least = rng.uniform(0.01, 0.04)
    return np.asarray(1 - np.clip((edges - least) * rng.uniform(12, 40), 0, 1), np.float32)


def palette(picture: Picture, colours: int) -> tuple[NDArray[np.intp], Floating]:
    """Return which of `colours` colours each pixel of an 80 x 80 shrunk picture has, and the colours."""
    calm = cv2.bilateralFilter(_coded(picture), 5, 40, 5)
    small = cv2.resize(calm, (_PALETTE_SIDE, _PALETTE_SIDE), interpolation=cv2.INTER_AREA)
    cv2.setRNGSeed(1)
    _, labels, centres = cv2.kmeans(
        small.reshape(-1, 3).astype(np.float32),
        colours,
        np.empty(0, np.int32),
        (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 8, 1.0),
        1,
        cv2.KMEANS_PP_CENTERS,
    )
    return np.asarray(labels, np.intp).reshape(_PALETTE_SIDE, _PALETTE_SIDE), np.asarray(centres) / 255


def _filled(labels: NDArray[np.intp], colours: Floating, interpolation: int = cv2.INTER_LINEAR) -> Picture:
    return np.asarray(cv2.resize(colours[labels].astype(np.float32), (Z, Z), interpolation=interpolation))


def _strokes(rng: Rng, picture: Picture) -> Picture:
    """Return a picture in a few flat colours without its details, as a stroke sketch is."""
    plain = cv2.medianBlur(_coded(picture), int(rng.choice([5, 7, 9]))).astype(np.float32) / 255
    labels, colours = palette(plain, int(rng.integers(4, 12)))
    return _filled(labels, colours, cv2.INTER_NEAREST if rng.random() < 0.5 else cv2.INTER_LINEAR)


def scribble(rng: Rng, picture: Picture) -> Floating:
    """Return a few thick wavering lines along the strongest contours, as a quick scribble has."""
    soft = _blur(np.ascontiguousarray(picture @ GREY), rng.uniform(1, 2.5))
    width = rng.uniform(1, 2.5)
    edges = np.abs(_blur(soft, width * 0.6) - _blur(soft, width * 1.6))
    edges /= np.quantile(edges, 0.97) + 1e-3
    drawn_lines = 1 - np.clip((edges - rng.uniform(0.2, 0.6)) * rng.uniform(3, 9), 0, 1)
    return warp(rng, np.asarray(drawn_lines, np.float32), 0.004 + 0.01 * rng.random(), 6)


def _on_white(drawn: Drawing) -> Picture:
    """Return a scene without what is behind."""
    if drawn.mask is None:
        return drawn.picture
    soft = _blur(drawn.mask, 0.6)[..., None]
    return np.asarray(drawn.picture * soft + (1 - soft), np.float32)


def _canny(rng: Rng, picture: Picture) -> Picture:
    found = cv2.Canny(_coded(picture), int(rng.integers(40, 120)), int(rng.integers(120, 240)))
    soft = _blur(np.asarray(found, np.float32) / 255, rng.uniform(0.4, 1.2))
    soft /= soft.max() + 1e-3
    return _thrice(soft if rng.random() < 0.5 else 1 - soft)


def _draft(rng: Rng, picture: Picture) -> Picture:
    kind = rng.random()
    if kind < 0.10:
        made = _thrice(scribble(rng, picture))
        made = 1 - made if rng.random() < 0.3 else made
    elif kind < 0.25:
        made = _thrice(lines(rng, picture))
    elif kind < 0.31:
        made = 1 - _thrice(lines(rng, picture))
    elif kind < 0.37:
        made = _canny(rng, picture)
    elif kind < 0.50:
        made = _strokes(rng, picture)
    elif kind < 0.60:
        made = (_thrice(picture @ GREY) - 0.5) * rng.uniform(0.5, 1.2) + 0.5 + rng.normal() * 0.08
    elif kind < 0.70:
        made = _strokes(rng, picture) * (0.3 + 0.7 * _thrice(lines(rng, picture)))
    elif kind < 0.78:  # coloured in part
        done = np.asarray(cv2.resize(rng.random((4, 4)), (Z, Z))) > 0.5
        made = np.where(done[..., None], picture, _thrice(lines(rng, picture)))
    else:
        made = picture
    if rng.random() < 0.5:
        made = warp(rng, np.asarray(made, np.float32), 0.012 * rng.random(), 7)
    return _marked(rng, made) if rng.random() < 0.15 else np.asarray(np.clip(made, 0, 1), np.float32)


def _recoloured(rng: Rng, picture: Picture, drawings: Pool) -> Picture:
    """Return a picture whose flat colours are swapped for others, some of its shading kept."""
    labels, colours = palette(picture, int(rng.integers(3, 11)))
    count = len(colours)
    if rng.random() < 0.6:
        donor = drawings.any(rng).picture.reshape(-1, 3)
        new = donor[rng.integers(0, len(donor), count)]
    else:
        new = rng.uniform(0, 1, (count, 3)).astype(np.float32)
    if rng.random() < 0.5:
        new = new * 0.5 + 0.5 * (colours @ GREY)[:, None]
    fresh = _blur(_filled(labels, new), 1.2)
    base = _blur(_filled(labels, colours), 1.2)
    return np.asarray(np.clip(fresh + (picture - base) * rng.uniform(0.2, 1), 0, 1), np.float32)


def _cast(rng: Rng, picture: Picture) -> Picture:
    """Return a picture of other hues, saturation and lightness."""
    lab = cv2.cvtColor(np.clip(picture, 0, 1), cv2.COLOR_BGR2Lab)
    turn, gain = rng.normal() * 1.2, rng.uniform(0.2, 1.8)
    a, b = lab[..., 1].copy(), lab[..., 2].copy()
    lab[..., 1] = (a * np.cos(turn) - b * np.sin(turn)) * gain + rng.normal() * 12
    lab[..., 2] = (a * np.sin(turn) + b * np.cos(turn)) * gain + rng.normal() * 12
    lab[..., 0] = np.clip((lab[..., 0] - 50) * rng.uniform(0.5, 1.4) + 50 + rng.normal() * 12, 0, 100)
    return np.asarray(np.clip(cv2.cvtColor(lab, cv2.COLOR_Lab2BGR), 0, 1), np.float32)


def _marked(rng: Rng, picture: Picture) -> Picture:
    """Return a picture with a program's marks on it: hint dots, words, a frame of a selection."""
    pixels = _coded(picture)
    for _ in range(int(rng.integers(1, 9))):
        spot = tuple(int(part) for part in rng.integers(0, Z, 2))
        tint = tuple(int(part) for part in rng.integers(0, 256, 3))
        kind = rng.integers(4)
        if kind < 2:
            cv2.circle(pixels, spot, int(rng.integers(1, 6)), tint, -1 if rng.random() < 0.7 else 1)
        elif kind == 2:
            cv2.putText(pixels, f"{rng.integers(0, 99999)}", spot, 0, rng.uniform(0.2, 0.5), tint, 1)
        else:
            size = tuple(int(part) for part in rng.integers(6, 40, 2))
            cv2.rectangle(pixels, (*spot, *size), tint, 1)
    return np.asarray(pixels, np.float32) / 255


def _behind(rng: Rng, picture: Picture, mask: Mask, drawings: Pool) -> Picture:
    """Return a picture with another background."""
    other = drawings.any(rng).picture if rng.random() < 0.5 else texture(rng)
    soft = _blur(mask, 0.8)[..., None]
    return np.asarray(picture * soft + other * (1 - soft), np.float32)


def _post(rng: Rng, drawn: Drawing, drawings: Pool, *, bare: bool) -> Picture:
    made = warp(rng, drawn.picture, 0.004 + 0.020 * rng.random() ** 2, int(rng.integers(4, 8)), 0.03)
    kind = rng.random()
    if kind < 0.35:
        made = _recoloured(rng, made, drawings)
    elif kind < 0.60:
        made = _cast(rng, made)
    elif kind < 0.66:
        made = 1 - made
    if (
        rng.random() < 0.45
    ):  # what a strong redraw keeps: low frequencies, with a stranger's texture over them
        sigma, share = rng.uniform(1.5, 6), rng.uniform(0.2, 1)
        donor = drawings.any(rng).picture
        low = _blur(made, sigma)
        made = low + (1 - share) * (made - low) + share * (donor - _blur(donor, sigma))
    if drawn.mask is not None and rng.random() < (0.7 if bare else 0.4):
        made = _behind(rng, made, drawn.mask, drawings)
    if rng.random() < 0.3:
        light = cv2.resize(rng.uniform(0.4, 1.2, (3, 3)), (Z, Z), interpolation=cv2.INTER_CUBIC)
        made = made * np.asarray(light, np.float32)[..., None]
    if rng.random() < 0.25:
        made = made * (0.3 + 0.7 * _thrice(lines(rng, np.asarray(np.clip(made, 0, 1), np.float32))))
    return _finished(rng, np.asarray(np.clip(made, 0, 1), np.float32), drawings)


def _finished(rng: Rng, picture: Picture, drawings: Pool) -> Picture:
    """Return a post as it is shown: smoothed, with something added, grain and marks, each now and then."""
    made = picture
    if rng.random() < 0.2:
        made = np.asarray(cv2.bilateralFilter(_coded(made), 7, 60, 7), np.float32) / 255
    if rng.random() < 0.15 and (found := drawings.cut_out(rng)) is not None:
        matrix = cv2.getRotationMatrix2D((Z / 2, Z / 2), rng.normal() * 20, rng.uniform(0.2, 0.4))
        matrix[:, 2] = matrix[:, 2] + rng.uniform(-0.4, 0.4, 2) * Z
        cover = np.asarray(cv2.warpAffine(found[1], matrix, (Z, Z)), np.float32)[..., None]
        made = made * (1 - cover) + np.asarray(cv2.warpAffine(found[0], matrix, (Z, Z)), np.float32) * cover
    if rng.random() < 0.15:
        made = made + rng.normal(0, rng.uniform(0.01, 0.08), made.shape)
    marked = rng.random() < 0.1
    return _marked(rng, made) if marked else np.asarray(made, np.float32)
