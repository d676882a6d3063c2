"""Put the real `--help` into the pages, between `<!-- help: COMMAND -->` and `<!-- /help -->`.

    python -m bench.helpblocks            # shows which pages are out of date, ends 1 when one is
    python -m bench.helpblocks --write    # brings them up to date

A page whose name ends in `.ja.md` gets the Japanese help.
"""

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"<!-- help: (?P<command>[a-z ]*?) ?-->\n.*?<!-- /help -->", re.DOTALL)


def pages() -> list[Path]:
    """Return the pages that may hold help blocks."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


@cache
def help_text(command: str, lang: str) -> str:
    """Return what `sakigake COMMAND --help` prints."""
    environment = {**os.environ, "SAKIGAKE_LANG": lang, "PYTHONUTF8": "1", "COLUMNS": "100"}
    ran = subprocess.run(
        [sys.executable, "-m", "desk", *command.split(), "--help"],
        env=environment,
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    return ran.stdout.rstrip()


def renewed(page: str, lang: str) -> str:
    """Return the page with each help block as it is printed now."""

    def block(match: re.Match[str]) -> str:
        command = match["command"]
        title = " ".join(filter(None, ("sakigake", command, "--help")))
        return f"<!-- help: {command} -->\n```console\n$ {title}\n{help_text(command, lang)}\n```\n<!-- /help -->"

    return BLOCK.sub(block, page)


def main() -> int:
    """Compare or rewrite every page."""
    outdated = 0
    for path in pages():
        page = path.read_text(encoding="utf-8")
        fresh = renewed(page, "ja" if path.name.endswith(".ja.md") else "en")
        if fresh != page:
            outdated += 1
            print(path.relative_to(ROOT))
            if "--write" in sys.argv[1:]:
                path.write_text(fresh, encoding="utf-8")
    return 1 if outdated and "--write" not in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
