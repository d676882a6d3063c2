"""Make the picture of the README from a demonstration that really ran.

make demo TSA=local
python -m bench.readme_picture demo-out docs/img/demo.png
"""

import json
import sys
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from sakigake.evidence import layout

WIDTH, MARGIN, GAP = 1200, 24, 14
SHOWN = 6
INK, SOFT, FOUND, PAPER = (40, 38, 44), (120, 116, 124), (28, 120, 92), (252, 251, 249)


def fitted(path: Path, width: int) -> Image.Image:
    """Return a picture at `width`."""
    with Image.open(path) as picture:
        height = round(width * picture.height / picture.width)
        return picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)


def summary(finding: dict[str, Any]) -> str:
    """Return the two answers as the program's own keys, which both languages share."""
    found = f"likeness: {finding['likeness']}"
    if finding["stage_range"]:
        first, last = finding["stage_range"]
        found += f"   best stage: {finding['stage']} ({first}-{last})   order: {finding['order']}"
    return found


def main() -> int:
    """Lay out the stages above, the two posts with their answers below."""
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    derived, unrelated = (
        json.loads((folder / f"{name}.json").read_text("utf-8")) for name in ("derived", "unrelated")
    )
    rows = json.loads((folder / "timeline.json").read_text("utf-8"))["rows"]
    first, last = derived["stage_range"]
    stages = [row for row in rows if row["type"] == "stage"]
    # The first kept stage is the blank canvas.
    chosen = [stages[1 + round(i * (len(stages) - 2) / (SHOWN - 1))] for i in range(SHOWN)]
    small, large = (WIDTH - 2 * MARGIN - (SHOWN - 1) * GAP) // SHOWN, (WIDTH - 2 * MARGIN - GAP) // 2
    strip = [fitted(folder / "stages" / layout.stage(row["seq"], "png"), small) for row in chosen]
    posts = [fitted(folder / f"{name}.jpg", large) for name in ("derived", "unrelated")]
    low = max(post.height for post in posts)
    sheet = Image.new("RGB", (WIDTH, 2 * MARGIN + strip[0].height + low + 112), PAPER)
    pen = ImageDraw.Draw(sheet)
    font, bold = ImageFont.load_default(17), ImageFont.load_default(19)
    y = MARGIN
    for i, (row, picture) in enumerate(zip(chosen, strip, strict=True)):
        x = MARGIN + i * (small + GAP)
        sheet.paste(picture, (x, y))
        inside = first <= row["seq"] <= last
        pen.rectangle(
            (x - 1, y - 1, x + small, y + picture.height),
            outline=FOUND if inside else SOFT,
            width=4 if inside else 1,
        )
        caption = f"stage {row['seq']}   {row['claimed'][11:19]}"
        pen.text((x, y + picture.height + 8), caption, INK if inside else SOFT, font)
    y += strip[0].height + 52
    for i, (name, finding, picture) in enumerate(
        zip(("derived", "unrelated"), (derived, unrelated), posts, strict=True)
    ):
        x = MARGIN + i * (large + GAP)
        sheet.paste(picture, (x, y))
        pen.rectangle((x - 1, y - 1, x + large, y + picture.height), outline=SOFT)
        pen.text((x, y + low + 8), f"{name}.jpg", INK, bold)
        pen.text((x, y + low + 34), summary(finding), FOUND if name == "derived" else SOFT, font)
    out.parent.mkdir(parents=True, exist_ok=True)
    sheet.quantize(256, kmeans=4, dither=Image.Dither.FLOYDSTEINBERG).save(out, optimize=True)
    print(out, out.stat().st_size)
    return 0


if __name__ == "__main__":
    sys.exit(main())
