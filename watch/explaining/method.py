"""The record of how the pictures were made: what a stranger needs to make them again, and to judge whether to believe them."""

import json
from typing import Any

import numpy as np

from sakigake import __version__
from sakigake.fingerprint.vector import pixel_digest_v1
from sakigake.model import CalibrationCount
from watch.compare import calibration as calibrations
from watch.compare import cohort as cohorts
from watch.explaining import chance, registration
from watch.explaining.alignment import Alignment
from watch.explaining.chance import Example
from watch.explaining.material import Material

VERSION = "explaining/1"
RECIPE = (
    "stage.resize(size, BICUBIC, box=stage_box), with Pillow",
    "post.resize(size, BICUBIC, box=post_box), mirrored left to right if mirrored",
    "overlay = (post + stage + 1) // 2, channel by channel",
)


def begun(material: Material) -> dict[str, Any]:
    """Return the record before any picture: versions, inputs, value, scores and counts."""
    finding = material.finding
    others = cohorts.load(finding.fingerprint_version)
    valued = chance.value(material.post, material.described)
    return {
        "versions": {
            "sakigake": __version__,
            "pictures": VERSION,
            "registration": registration.VERSION,
            "fingerprint": finding.fingerprint_version,
            "calibration": calibrations.load(finding.fingerprint_version).version,
            "cohort": others.version,
            "cohort_sha256": others.digest,
        },
        "inputs": {
            "post_file_sha256": finding.post_digest,
            "post_pixels": pixel_digest_v1(np.ascontiguousarray(material.post)),
            "stage": finding.stage,
            "stage_pixels": None if material.stage is None else pixel_digest_v1(material.stage),
        },
        "view": finding.view,
        "part": [round(each, 5) for each in finding.part] if finding.part else None,
        "value": round(valued.surprise, 4) if valued else None,
        "scores": {
            each.name: {"raw": round(each.raw, 4), "normalised": round(each.normalised, 4)}
            for each in finding.scores
        },
        "counts": _counts(finding.counts) if finding.counts else None,
        "registration": {"bound": registration.BOUND, "steps": [list(each) for each in registration.STEPS]},
        "recipe": list(RECIPE),
    }


def of_example(example: Example, placed: Alignment) -> dict[str, Any]:
    """Return the record of a chance example."""
    return {
        "role": example.role,
        "number": example.number,
        "rank": example.rank,
        "among": example.among,
        "value": round(example.surprise, 4),
        "view": example.view,
        "part": [round(each, 5) for each in example.part] if example.part else None,
        "pixels": pixel_digest_v1(example.pixels),
        "counts": _counts(example.counts),
        "alignment": placed.as_json(),
    }


def of_chance() -> dict[str, Any]:
    """Return the record of the chance examples before any of them."""
    return {"set": chance.NAME, "sha256": chance.digest(), "rule": chance.RULE, "examples": []}


def written(record: dict[str, Any]) -> bytes:
    """Return the record as JSON in ASCII."""
    return (json.dumps(record, indent=1, sort_keys=True, ensure_ascii=True) + "\n").encode("ascii")


def _counts(counts: CalibrationCount) -> dict[str, Any]:
    return {
        "calibration": counts.version,
        "pairs": counts.pairs,
        "pairs_as_high": counts.reached,
        "posts": counts.posts,
        "posts_as_high": counts.post_alarms,
    }
