"""What the models cost, and whether the recorder notices: `python -m bench.deep --json out.json`.

    python -m bench.deep --costs             # CPU per picture and memory of the models that ship in the list
    python -m bench.deep --beside 60         # a real recording with the worker held and at work, in turns (bench.deep_beside)

RANDOM WEIGHTS. The networks are the real ones, drawn at random and kept in memory or in a temporary folder: good for timing
and for nothing else. CPU is processor time of one thread; the load is printed with it.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from watch.deep import manifest

NAMES = {
    "vit-b-32-laion2b": "ViT-B-32",
    "pe-core-t-16-384": "PE-Core-T-16-384",
    "vit-b-32-siglip2-256": "ViT-B-32-SigLIP2-256",
}
ROOT = Path(__file__).resolve().parents[1]
SIZE = (1080, 1920)


def cost(key: str, rounds: int) -> dict[str, Any]:
    """Measure one model in this process, which should be a new one: memory is that of the whole process."""
    import open_clip  # noqa: PLC0415
    import torch  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    torch.set_num_threads(1)
    before = _rss_mb()
    network, _, prepare = open_clip.create_model_and_transforms(
        NAMES[key], pretrained=None
    )  # random: see above
    network.eval()
    rng = np.random.default_rng(0)
    shown = Image.fromarray(rng.integers(0, 256, (*SIZE, 3)).astype(np.uint8)).resize((1024, 576))
    context = manifest.load()[key]
    length = int(json.loads(context.config)["model_cfg"]["text_cfg"]["context_length"])

    def ms(work: Any, count: int) -> float:
        work()
        began = time.process_time()
        for _ in range(count):
            work()
        return round((time.process_time() - began) / count * 1000, 1)

    with torch.inference_mode():
        prepared = prepare(shown)[None]
        batch = prepared.repeat(8, 1, 1, 1)
        tokens = torch.ones((1, length), dtype=torch.long)
        figures = {
            "prepare_ms": ms(lambda: prepare(shown), rounds * 2),
            "picture_ms": ms(lambda: network.encode_image(prepared), rounds),
            "picture_in_8_ms": round(ms(lambda: network.encode_image(batch), max(1, rounds // 4)) / 8, 1),
            "text_ms": ms(lambda: network.encode_text(tokens), rounds),
        }
    millions = {
        "picture_tower_millions": sum(each.numel() for each in network.visual.parameters()) / 1e6,
        "all_millions": sum(each.numel() for each in network.parameters()) / 1e6,
    }
    return {
        "model": key,
        **figures,
        **{name: round(value, 1) for name, value in millions.items()},
        "file_mb_fp32": round(millions["all_millions"] * 4),
        "imports_mb": round(before),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6),
        "load": os.getloadavg()[0],
    }


def _rss_mb() -> float:
    line = next(
        each
        for each in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        if each.startswith("VmRSS")
    )
    return int(line.split()[1]) * 1024 / 1e6


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--costs", action="store_true")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--beside", type=float, metavar="SECONDS", help="length of each of four stretches")
    parser.add_argument(
        "--unlowered", action="store_true", help="with --beside: a worker that does not lower its priority"
    )
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--burden", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--burden-unlowered", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(cost(given.one, given.rounds)))
        return 0
    if home := given.burden or given.burden_unlowered:
        from bench.deep_beside import burden  # noqa: PLC0415 - it needs Xvfb

        burden(home, lowered=given.burden is not None)
    result: dict[str, Any] = {"weights": "random, for timing only", "load": os.getloadavg()}
    if given.costs or not given.beside:
        result["costs"] = []
        for key in NAMES:
            command = [sys.executable, "-m", "bench.deep", "--one", key, "--rounds", str(given.rounds)]
            done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
            result["costs"].append(json.loads(done.stdout.splitlines()[-1]))
            print(result["costs"][-1], flush=True)
    if given.beside:
        from bench.deep_beside import beside  # noqa: PLC0415 - as above

        result["beside"] = beside(given.beside, lowered=not given.unlowered)
        for over in result["beside"]["exceeded"]:
            print("over budget:", over)
    if given.json:
        given.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 1 if result.get("beside", {}).get("exceeded") else 0


if __name__ == "__main__":
    sys.exit(main())
