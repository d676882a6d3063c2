"""For people: the command line."""

import argparse
import contextlib
import json
import os
import re
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from sakigake.evidence.standalone.certificates import Root, read_root
from sakigake.evidence.standalone.rules import RefusedError, need
from sakigake.evidence.standalone.seen import SeenHead, read_head
from sakigake.evidence.standalone.whole import check
from sakigake.evidence.standalone.wording import EN, JA, WHY

EXIT = {"VERIFIED": 0, "INTEGRITY ONLY": 7, "FAILED": 6}
UNWRITTEN, UNUSABLE, INTERRUPTED = 1, 2, 130


def spoken(value: datetime | None, unknown: str) -> str:
    """Return a moment for people."""
    return value.strftime("%Y-%m-%d %H:%M:%S UTC") if value else unknown


def headline(found: dict[str, Any]) -> str:
    """Return which sentence says the verdict: it names the kind of witness that counted."""
    verdict = str(found["verdict"])
    if verdict != "VERIFIED" or not found["blocks"]:
        return verdict
    if not found["authorities"]:
        return "VERIFIED-block"
    return "VERIFIED-both" if any(stage["by_block"] for stage in found["stages"]) else verdict


def sentences(found: dict[str, Any], words: dict[str, str]) -> list[str]:
    """Return the answer, one line each."""
    unknown = words["unknown"]
    lines = [words[headline(found)], *(f"  {words[why_not(reason, found)]}" for reason in found["reasons"])]
    for stage in found["stages"]:
        times = [spoken(stage[key], unknown) for key in ("not_before", "not_after", "claimed")]
        lines.append("  " + words["stage"].format(stage["seq"], *times))
        if stage["picture_not_before"]:
            lines.append(words["still"].format(spoken(stage["picture_not_before"], unknown)))
        lines += [words["clock"]] if stage["clock_disagrees"] else []
        lines += [words["by-block"]] if stage["by_block"] else []
        lines += [] if stage["picture"] else [words["no-picture"]]
        lines += [words["nothing-bound"]] if stage["nothing_bound"] else []
    if found["order"]:
        lines.append("  " + words["order"].format(words[found["order"]]))
        lines += [f"    {each}" for each in rests_on(found, words)]
    if kept := found["post_kept"]:
        when = spoken(kept["not_after"], unknown)
        lines.append("  " + words["kept"].format(kept["files"], kept["shown"], when))
        lines += [] if kept["shown"] else [words["kept-none"]]
        lines += [] if kept["holds_post"] else [words["kept-apart"]]
        lines += [words["kept-older"]] if kept["older_than_post"] else []
    roots = [
        words["authority"].format(each["name"], ", ".join(each["roots"])) for each in found["authority_roots"]
    ]
    lines.append("  " + words["authorities"].format("; ".join(roots) or "-", found["untrusted_tokens"]))
    if found["blocks"]:
        name, time = found["blocks"][0]
        lines.append("  " + words["blocks"].format(len(found["blocks"]), name, spoken(time, unknown)))
    if found["sealed"]:
        lines.append("  " + words["sealed"].format(spoken(found["sealed"]["not_after"], unknown)))
    counts = [found[key] for key in ("ledger", "entries", "checkpoints", "withheld", "gaps")]
    lines.append("  " + words["ledger"].format(*counts))
    lines += [] if found["gaps_counted"] else ["  " + words["uncounted"]]
    lines.append("  " + words["closed"].format(words["yes" if found["ledger_closed"] else "no"]))
    lines += ["  " + words["head"].format(size) for size in found["heads_seen"]]
    lines.append("  " + words["key"].format(found["key"]))
    lines += ["  " + words["continues"].format(found["continues"])] if found["continues"] else []
    lines += [] if found["second_opinion"] else ["  " + words["alone"]]
    return [*lines, "  " + words[limits(found)], "  " + words["inside"]]


def why_not(reason: str, found: dict[str, Any]) -> str:
    """Return which sentence says a reason: without a root nothing can count, with one it may be the wrong one."""
    return "no-root-fits" if reason == "no-trusted-token" and found["roots_given"] else reason


class UnusableError(Exception):
    """What was asked for cannot be looked at; it says why."""


def asked(given: argparse.Namespace, words: dict[str, str]) -> tuple[list[Root], list[SeenHead], str]:
    """Return the roots, the heads and the first digits of the key that were given; raises UnusableError."""
    roots = []
    for path in given.trust:
        try:
            roots.append(read_root(path))
        except (OSError, RefusedError) as error:
            raise UnusableError(words["root"].format(path)) from error
    if not given.package.exists():
        raise UnusableError(words["not-there"].format(given.package))
    if not is_readable(given.package):
        raise UnusableError(words["not-read"].format(given.package))
    seen = []
    for value in given.head:
        if (head := read_head(value)) is None:
            raise UnusableError(words["no-head"].format(value))
        seen.append(head)
    # Fewer than 16 digits could be made to fit by trying keys.
    wanted = "".join((given.key or "").split()).lower()
    if given.key is not None and not re.fullmatch("[0-9a-f]{16,64}", wanted):
        raise UnusableError(words["no-key"].format(given.key))
    return roots, seen, wanted


def is_readable(package: Path) -> bool:
    """Say whether this user may read the package at all: if not, nothing was said of it."""
    return os.access(package, os.R_OK | (os.X_OK if package.is_dir() else 0))


def rests_on(found: dict[str, Any], words: dict[str, str]) -> list[str]:
    """Return the sentences that say which stages an order is about, and that their likeness is a statement."""
    stages = found["order_stages"]
    if not {"first", "last"} <= set(stages):
        return []
    first, last = stages["first"], stages["last"]
    which = str(first) if first == last else words["to"].format(first, last)
    lines = [words["order-stages"].format(which, words[found["likeness_stated"]])]
    if stages.get("earliest", first) != first:
        lines.append(words["order-earliest"].format(stages["earliest"]))
    return lines


def limits(found: dict[str, Any]) -> str:
    """Return which sentence says what this shows: of pictures that are not shown, and of times not there, nothing."""
    timed = [stage["not_after"] is not None for stage in found["stages"]]
    if not all(timed):
        return "limits-part-timed" if any(timed) else "limits-untimed"
    pictures = [stage["picture"] for stage in found["stages"]]
    if all(pictures):
        return "limits"
    return "limits-some" if any(pictures) else "limits-none"


def main(arguments: list[str] | None = None) -> int:
    """Check what the command line names; return the exit code."""
    try:
        return answer(arguments)
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return INTERRUPTED


def answer(arguments: list[str] | None) -> int:
    """Read the command line, check the package, print what holds; return the exit code."""
    lang = next(
        (
            os.environ[key]
            for key in ("SAKIGAKE_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
            if os.environ.get(key)
        ),
        "",
    )
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "package", type=Path, help="the .zip or the unpacked folder (.zip か、展開したフォルダー)"
    )
    parser.add_argument(
        "--trust",
        type=Path,
        action="append",
        default=[],
        metavar="PEM",
        help="root of a time authority (時刻認証局のルート証明書)",
    )
    parser.add_argument(
        "--head",
        action="append",
        default=[],
        metavar="CODE|FILE",
        help="a code or checkpoint that others saw (ほかの人が見たコードか区切り)",
    )
    parser.add_argument(
        "--key",
        metavar="HEX",
        help="the key that it must be signed with, 16 digits or more (署名に使われたはずの鍵、16 桁以上)",
    )
    parser.add_argument("--lang", choices=("en", "ja"), default="ja" if lang.startswith("ja") else "en")
    parser.add_argument("--json", action="store_true", help="print one JSON object (JSON で出力)")
    given = parser.parse_args(arguments)
    words = JA if given.lang == "ja" else EN
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    try:
        roots, seen, wanted = asked(given, words)
    except UnusableError as error:
        sys.stderr.write(f"{error}\n")
        return UNUSABLE
    try:
        found = check(given.package, roots, seen=seen)
        need(found["key"].startswith(wanted), "other-key", found["key"])
        lines = sentences(found, words)
    except RefusedError as error:
        found = {"verdict": "FAILED", "code": error.code, "where": error.where}
        why = WHY[error.code][given.lang == "ja"] + (f" ({error.where})" if error.where else "")
        lines = [words["FAILED"].format(why)]
    printed = json.dumps(found, default=str, ensure_ascii=False) if given.json else "\n".join(lines)
    try:
        sys.stdout.write(printed + "\n")
        sys.stdout.flush()
    except OSError as error:
        # A full disk, a closed pipe. What is left in the buffer must not fail once more when Python ends.
        with contextlib.suppress(OSError, ValueError), Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        with contextlib.suppress(OSError):
            sys.stderr.write(words["full"].format(error.strerror or error) + "\n")
        return UNWRITTEN
    return EXIT[str(found["verdict"])]
