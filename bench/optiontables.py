"""Put every command and option into docs/commands.md and .ja.md, from the tree of commands itself.

    python -m bench.optiontables            # ends 1 when a page is out of date
    python -m bench.optiontables --write    # brings both up to date

The last column says which setting does the same for every call, or why an option has none.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from sakigake import words

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- options -->", "<!-- /options -->"
PAGES = {"en": ROOT / "docs" / "commands.md", "ja": ROOT / "docs" / "commands.ja.md"}
HEAD = {
    "en": ("option", "what it does", "setting for every call"),
    "ja": ("オプション", "働き", "毎回の設定"),
}
# `command --option` -> the setting that is its twin.
TWINS = {
    "--lang": "program.lang",
    "--plain": "program.plain",
    "check --lang": "program.lang",
    "verify --lang": "program.lang",
    "calibrate --lang": "program.lang",
    "demo --lang": "program.lang",
    "desk --lang": "program.lang",
    "export --lang": "program.lang",
    "share --lang": "program.lang",
    "record start --interval": "record.interval_s",
    "record start --overlay": "record.overlay",
    "export --no-stamp": "anchor.enabled",
    "verify --trust": "anchor.authority",
    "watch test --alerts": "watch.alerts",
}
REASONS = {
    "this": ("names what this call is about", "この一回の対象や出力先"),
    "form": ("the form of this answer", "この答えの形"),
    "decide": ("to be decided each time", "毎回決めること"),
    "way": ("how this call runs", "この一回の動きかた"),
    "any": ("stands for any setting", "どの設定にも使える"),
}
# Options without a twin, by their name alone where it means the same everywhere.
ALONE = {
    "--set": "any",
    "--json": "form",
    "--version": "form",
    "--verbose": "form",
    "--origin": "form",
    "--bounds": "form",
    "--all": "form",
    "--names": "decide",
    "--online": "way",
    "--titles": "decide",
    "--tail": "form",
    "--explain": "this",
    "--exit-code": "form",
    "--output": "this",
    "--session": "this",
    "--stage": "this",
    "--stages": "decide",
    "--without-picture": "decide",
    "--entry-only": "decide",
    "--older-copy": "decide",
    "--post": "this",
    "--posted-not-before": "this",
    "--posted-not-after": "this",
    "--package": "this",
    "--interval": "this",
    "--head": "this",
    "--against": "this",
    "--key": "this",
    "--name": "this",
    "--clipboard": "this",
    "--region": "this",
    "--source": "this",
    "--canvas": "this",
    "--with-stream": "this",
    "--for": "way",
    "--once": "way",
    "--new": "way",
    "--follow": "way",
    "--stats": "this",
    "--last": "decide",
    "--fps": "this",
    "--seconds": "this",
    "--height": "this",
    "--leave-out": "this",
    "--unrelated": "decide",
    "--forget": "decide",
    "--review": "form",
    "--as": "decide",
    "--note": "this",
    "--own": "decide",
    "--not-own": "decide",
    "--reason": "decide",
    "--without-old": "decide",
    "--remove": "decide",
    "--authority": "way",
    "--seed": "this",
    "--replay": "way",
    "--port": "way",
    "--no-browser": "way",
    "--limit": "form",
    "--undo": "decide",
    "--again": "decide",
    "--finding": "this",
    "--audience": "this",
    "--report": "decide",
    "--with-account": "decide",
    "--i-have-read": "decide",
    "--pin": "this",
    "--obs": "way",
}
WALK = """
import json, click
from desk.cli import cli

def walk(path, command):
    ctx = click.Context(command, info_name=path[-1] if path else "sakigake")
    options = []
    for each in command.params:
        if isinstance(each, click.Option):
            long = next((o for o in each.opts if o.startswith("--")), each.opts[0])
            shown = each.get_help_record(ctx)[0]
            options.append({"long": long, "shown": shown, "help": each.help or ""})
    yield {"path": " ".join(path), "help": command.help or "", "usage": command.get_usage(ctx), "options": options,
           "group": isinstance(command, click.Group)}
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            yield from walk([*path, name], command.get_command(ctx, name))

print(json.dumps(list(walk([], cli))))
"""


def commands(lang: str) -> list[dict[str, Any]]:
    """Return every command with its options, as it explains itself in one language."""
    ran = subprocess.run(
        [sys.executable, "-c", WALK],
        capture_output=True,
        check=True,
        env={**os.environ, "SAKIGAKE_LANG": lang, "PYTHONUTF8": "1"},
        cwd=ROOT,
    )
    found: list[dict[str, Any]] = json.loads(ran.stdout)
    return found


def twin(command: str, option: str, lang: str) -> str:
    """Return the setting that does the same, or why there is none; empty when nobody has said."""
    if setting := TWINS.get(f"{command} {option}".strip()):
        return f"`{setting}`"
    reason = REASONS.get(ALONE.get(option, ""))
    return reason[words.LANGUAGES.index(lang)] if reason else ""


def tables(lang: str) -> str:
    """Return the part of the page: one table for each command that has options, one line for the others."""
    out = []
    for each in commands(lang):
        name = f"sakigake {each['path']}".strip()
        out += ["", f"**`{name}`** {_one_line(each['help'])}"]
        if each["options"] and not (each["group"] and each["path"]):
            out += ["", f"| {' | '.join(HEAD[lang])} |", "| --- | --- | --- |"]
            out += [
                f"| `{option['shown'].replace('|', chr(92) + '|')}` | {_one_line(option['help'])} "
                f"| {twin(each['path'], option['long'], lang)} |"
                for option in each["options"]
            ]
    return "\n".join(out).strip()


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def renewed(page: str, lang: str) -> str:
    """Return the page with the part between the marks as the commands are now."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{tables(lang)}\n{END}{after}"


def main() -> int:
    """Compare or rewrite both pages."""
    outdated = 0
    for lang, path in PAGES.items():
        page = path.read_text(encoding="utf-8")
        fresh = renewed(page, lang)
        if fresh != page:
            outdated += 1
            print(path.relative_to(ROOT))
            if "--write" in sys.argv[1:]:
                path.write_text(fresh, encoding="utf-8")
    return 1 if outdated and "--write" not in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
