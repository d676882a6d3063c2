"""What the shortlist loses: `python -m bench.shortlist --corpus DIR [--json FILE]`.

Codes: among the 10, 50, 100 and 500 nearest of 10,000 stages, for what share of true pairs is the true one? Asked of the code
that ships and of what else there is: PDQ, signs of random projections of the map, of edges, of a mixture; and of the whole
map, which is the most that a code of it could give. Stages: the pairs' inputs, the timelines, the negatives, and works made of
these by bench/many_works.py's recipe up to the number.

Loss: of the pairs that a comparison with all of N stages calls alike, how many have their work on the shortlist, and how many
of these come through the gate. For more than 10,000 stages ranks are scaled up: of ten times as many stages ten times as many
are nearer. Gate: the share of unrelated posts that comes through, against stages that none of them is on.
"""

import argparse
import io
import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench import many_works
from bench.protocol import ATTACKS, Corpus, Pair, attacked, digest, picture, read, stage_fingerprint
from sakigake.fingerprint.vector import Descriptors, fingerprint_v2, unpack
from watch import decoder
from watch.compare import calibration, cohort, engine
from watch.compare.measures import COLOURS, EDGES, LAYOUT, rows_of
from watch.index import coding, recorded
from watch.index.closer import Closer, Reach, could
from watch.index.look import LEAST_SIDE, Look, first_look
from watch.index.stages import looked_at

STAGES = 10_000
SIZES = (1_000, 10_000, 100_000, 1_000_000)
NEAREST = (10, 50, 100, 500)
UNRELATED = 800
PDQ = "pdq"

Floats = NDArray[np.float32]
Rows = Mapping[str, Floats]
Code = Callable[[Rows], Floats]


@dataclass(frozen=True, slots=True, eq=False)
class Stages:
    """The stages: file names (empty for those made), rows by part, described maps."""

    files: list[str]
    rows: Rows
    fine: Floats


def rows(pictures: list[Descriptors]) -> dict[str, Floats]:
    """Return the rows of each part, PDQ's bits as signs among them."""
    pieces = [rows_of(pictures[start : start + 500]) for start in range(0, len(pictures), 500)]
    found = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    return found | {PDQ: np.stack([each.pdq for each in pictures]).astype(np.float32) * 2 - 1}


def described(pictures: list[Descriptors]) -> Floats:
    """Return the described maps."""
    maps = np.stack([each.layout for each in pictures])
    return np.concatenate([coding.describe(maps[at : at + 1000]) for at in range(0, len(maps), 1000)])


def gather(corpus: Corpus) -> Stages:
    """Fingerprint what is at hand and make the rest of it."""
    files = sorted({pair.stage for pair in corpus.pairs}) + list(corpus.timelines)
    files += [each.file for each in corpus.negatives]
    raw = [fingerprint_v2(picture(corpus.folder / file)) for file in files]
    pictures = [unpack(each) for each in raw]
    base = many_works.base_of(raw[::2])
    for work in many_works.works(base, (STAGES - len(files)) // many_works.STAGES):
        pictures += [unpack(each) for each in work]
    return Stages(files + [""] * (len(pictures) - len(files)), rows(pictures), described(pictures))


def codes() -> dict[str, Code]:
    """Return the ways to tell stages apart, each to be compared by its dot product."""

    def signs(values: Floats) -> Floats:
        return np.where(values > 0, 1, -1).astype(np.float32)

    def random(size: int) -> Floats:
        return np.random.default_rng(1).normal(size=(size, coding.FINE)).astype(np.float32)

    one, edges, mixed = random(3072), random(1536), random(3072 + 1536 + 192)
    return {
        "PDQ": lambda found: found[PDQ],
        "edges, random signs": lambda found: signs(found[EDGES] @ edges),
        "map, random signs": lambda found: signs(found[LAYOUT] @ one),
        "map + edges + colours, random signs": lambda found: signs(
            np.concatenate([found[LAYOUT], 0.5 * found[EDGES], 0.5 * found[COLOURS]], axis=1) @ mixed
        ),
        "the code that ships": lambda found: signs(found["fine"]),
        "fine rows": lambda found: found["fine"],
        "whole map": lambda found: found[LAYOUT],
    }


def small(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return what the decoding child makes of a post, a JPEG of quality 90, for the first look."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels[:, :, ::-1])).save(file, "JPEG", quality=90)
    made = decoder.open_picture(file.getvalue(), LEAST_SIDE)
    by = decoder.factor(made.size, LEAST_SIDE)
    width, height = (side // by for side in made.size)
    return np.frombuffer(b"".join(decoder.strips(made, by)), np.uint8).reshape(height, width, 3)


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """One post: the pair it belongs to, its views' rows, its first look, what a comparison with its true stage says."""

    pair: Pair
    rows: Rows
    look: Look
    surprise: float
    reach: Reach


def queries(corpus: Corpus, attack: str, stages: Mapping[str, Descriptors]) -> list[Query]:
    """Return the posts of all pairs, attacked."""
    others, known = cohort.load(), calibration.load()
    found = []
    for pair in corpus.pairs:
        pixels = attacked(picture(corpus.folder / pair.post), attack, pair.post)
        views = engine.post_views(pixels)
        kept, reason = engine.comparable(views)
        surprise = -math.inf
        gallery = engine.gallery([stages[pair.stage]], others)
        if not reason:
            surprise = float(engine.match(kept, gallery, others, known).surprise[0])
        seen = list(views.values())
        look = first_look(small(pixels))
        reach = Closer(look).reach(gallery)
        found.append(Query(pair, rows(seen) | {"fine": described(seen)}, look, surprise, reach))
    return found


def nearer(scores: Floats, stages: Stages, pair: Pair, corpus: Corpus) -> int:
    """Return how many unrelated stages are nearer than the true one; scores are those of the stages, higher is nearer."""
    mine = {corpus.families.get(file, file) for file in (pair.post, pair.stage)}
    related = np.array([corpus.families.get(file, file) in mine for file in stages.files])
    return int(((scores > scores[stages.files.index(pair.stage)]) & ~related).sum())


def measure(corpus: Corpus) -> dict[str, Any]:
    """Return all the shares."""
    stages = gather(corpus)
    whole = dict(stages.rows) | {"fine": stages.fine}
    true = {pair.stage: stage_fingerprint(corpus.folder / pair.stage) for pair in corpus.pairs}
    result: dict[str, Any] = {
        "stages": len(stages.files),
        "pairs": len(corpus.pairs),
        "codes": {},
        "loss": {},
    }
    fine = coding.quantised(stages.fine)
    some = calibration.load().some
    for attack in ATTACKS:
        posts = queries(corpus, attack, true)
        for name, code in codes().items():
            known = code(whole)
            ranks = [
                nearer((code(post.rows) @ known.T).max(axis=0), stages, post.pair, corpus) for post in posts
            ]
            shares = {str(count): round(float((np.array(ranks) < count).mean()), 3) for count in NEAREST}
            result["codes"].setdefault(name, {})[attack] = shares
            if name == "the code that ships":
                by_code = np.array(ranks)
        above = [post.look.above(fine) for post in posts]
        by_fine = np.array(
            [nearer(each, stages, post.pair, corpus) for each, post in zip(above, posts, strict=True)]
        )
        own = np.array(
            [each[stages.files.index(post.pair.stage)] for each, post in zip(above, posts, strict=True)]
        )
        surprise = np.array([post.surprise for post in posts])
        reaches = [post.reach for post in posts]
        result["loss"][attack] = {
            str(size): _loss(size, some, surprise, by_code, by_fine, own, reaches) for size in SIZES
        }
        print(attack, json.dumps(result["loss"][attack]), flush=True)
    result["gate"] = gate(corpus, stages, fine)
    return result


def _loss(  # noqa: PLR0917 - the columns of one table
    size: int,
    some: float,
    surprise: NDArray[np.float64],
    by_code: NDArray[np.intp],
    by_fine: NDArray[np.intp],
    own: NDArray[np.float32],
    reaches: list[Reach],
) -> dict[str, float]:
    alike = surprise - max(0.0, math.log10(size / calibration.load().stages)) >= some
    times = size / STAGES
    listed = ((by_code * times < looked_at(size)) | (size <= looked_at(size))) & (
        by_fine * times < recorded.SHORTLIST
    )
    through = own >= recorded.least(size)
    compared = through & np.array([could(each, size) for each in reaches])
    return {
        "alike": round(float(alike.mean()), 3),
        "on_the_shortlist": round(float(listed[alike].mean()), 3),
        "through_the_gate": round(float((listed & through)[alike].mean()), 3),
        "compared": round(float((listed & compared)[alike].mean()), 3),
        "pairs": int(alike.sum()),
    }


def gate(corpus: Corpus, stages: Stages, fine: NDArray[np.int8]) -> dict[str, Any]:
    """Return the share of unrelated posts that comes through and is compared, against the corpus's own stages of another half."""
    place = {file: at for at, file in enumerate(stages.files) if file}
    half = [at for file, at in place.items() if not digest(file) % 2]
    group = {each.file: each.group for each in corpus.negatives if each.self_similar}
    posts = sorted((each.file for each in corpus.negatives if digest(each.file) % 2), key=digest)[:UNRELATED]
    best, reaches = [], list[list[tuple[float, Reach]]]()
    known = cohort.load()
    for file in posts:
        look = first_look(small(picture(corpus.folder / file)))
        mine, kin = corpus.families.get(file, file), group.get(file, file)
        others = [
            at
            for at in half
            if corpus.families.get(stages.files[at], stages.files[at]) != mine
            and group.get(stages.files[at], stages.files[at]) != kin
        ]
        above = look.above(fine[others])
        best.append(float(above.max()))
        near = [at for at in np.argsort(-above)[: recorded.SHORTLIST] if above[at] >= recorded.NEAR]
        closer = Closer(look)
        drafts = [stage_fingerprint(corpus.folder / stages.files[others[at]]) for at in near]
        reaches.append(
            [
                (float(above[at]), closer.reach(engine.gallery([each], known)))
                for at, each in zip(near, drafts, strict=True)
            ]
        )
    made = np.array(best)
    shares = {str(size): round(float((made >= recorded.least(size)).mean()), 3) for size in SIZES}
    compared = {
        str(size): round(
            sum(
                any(at >= recorded.least(size) and could(each, size) for at, each in post) for post in reaches
            )
            / len(posts),
            3,
        )
        for size in SIZES[1:]
    }
    return {"posts": len(posts), "against": len(half), **shares, "compared": compared}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    result = measure(read(options.corpus))
    print(json.dumps(result, indent=1))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
