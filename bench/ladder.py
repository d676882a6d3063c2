"""A ladder of synthetic img2img posts: what a redraw of each strength keeps, made of the inputs of a corpus.

A diffusion model that starts from a noised picture (SDEdit: Meng et al., "SDEdit: Guided Image Synthesis and Editing with
Stochastic Differential Equations", ICLR 2022) keeps the frequencies in which the picture stood above the noise, and invents
the rest. So a rung keeps the picture below a cut that falls with the strength, takes what is above it from an
unrelated picture, lets the colours drift and bends the lines a little. It says nothing of any one generator; it shows
where a method ends.
"""

import cv2
import numpy as np

from bench.layout_pictures import warp
from bench.protocol import Corpus, Layout, digest, picture
from sakigake.fingerprint.views import Pixels

RUNGS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
SIDE = 160
_FINEST, _COARSER = 0.4, 3.4  # the cut in pixels of 160: 0.4 * e^(3.4 * strength), 0.8 at .2 and 6.1 at .8
_DRIFT = 0.25  # of the colours at full strength


def redrawn(pixels: Pixels, donor: Pixels, strength: float, seed: str) -> Pixels:
    """Return what a redraw of `strength` (0..1) may make of a BGR picture, 160 x 160; the same for the same seed."""
    rng = np.random.default_rng([digest(seed), round(strength * 100)])
    made, other = (
        np.asarray(cv2.resize(each, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32) / 255
        for each in (pixels, donor)
    )
    made = np.asarray(warp(rng, made, 0.012 * strength, 6), np.float32)
    cut = _FINEST * float(np.exp(_COARSER * strength))
    low = cv2.GaussianBlur(made, (0, 0), cut)
    texture = other - cv2.GaussianBlur(other, (0, 0), cut)
    mixed = low + texture + (made - low) * max(0.0, 1 - 2 * strength)
    drifted = (mixed - mixed.mean(axis=(0, 1))) * rng.uniform(1 - _DRIFT * strength, 1 + _DRIFT * strength, 3)
    shifted = drifted + mixed.mean(axis=(0, 1)) + rng.normal(0, _DRIFT * strength / 2, 3)
    return np.asarray(np.rint(np.clip(shifted, 0, 1) * 255), np.uint8)


def rung(corpus: Corpus, layout: Layout, strength: float) -> tuple[list[Pixels], list[int]]:
    """Return the redrawn inputs of all pairs, each input once, and the stage that each was made from."""
    stages = sorted(set(layout.truth.tolist()))
    posts = []
    for stage in stages:
        file = layout.stages[stage]
        donor = layout.unrelated[digest("donor:" + file) % len(layout.unrelated)].file
        posts.append(redrawn(picture(corpus.folder / file), picture(corpus.folder / donor), strength, file))
    return posts, stages
