"""`sakigake selftest`: green here, and red for any vector that is not what it should be."""

import copy
import json
import subprocess
import sys

import pytest

from sakigake import resources, selftest

VECTORS = json.loads(resources.read_text(selftest.VECTORS))


def test_this_installation_is_sound() -> None:
    parts = selftest.run()
    assert [part.name for part in parts if part.wrong] == []
    assert sum(part.tried for part in parts) >= 170


@pytest.mark.parametrize(
    ("part", "table", "change"),
    [
        ("json", "canonical_json", lambda table: table["refused"].append("e30=")),
        ("tree", "tree", lambda table: table["roots"].update({"8": table["roots"]["7"]})),
        ("tree", "tree", lambda table: table["proofs"][4]["path"].reverse()),
        ("note", "note", lambda table: table["refused"].update(good=table["accepted"][0]["note"])),
        ("note", "note", lambda table: table["accepted"][1].update(events=4)),
        ("token", "token", lambda table: table.update(high=table["high"] - 1)),
        ("token", "token", lambda table: table.update(data="AAAA")),
        ("chains", "chains", lambda table: table[0].update(counted=False)),
        ("chains", "chains", lambda table: table[3].update(counted=None)),
        ("bounds", "token", lambda table: table["bounds"]["intervals"].update({"5": [1, 2]})),
        ("bounds", "token", lambda table: table["bounds"]["stills"].append([4, "a", "b", 1001])),
        ("bounds", "token", lambda table: table["bounds"]["stills"].append([4, "b", "a", 5000])),
        ("pixels", "pictures", lambda table: table[0].update(png=table[1]["png"])),
        ("fingerprint", "pictures", lambda table: table[0].update(fingerprint=table[1]["fingerprint"])),
    ],
)
def test_a_vector_that_does_not_hold_is_named(part: str, table: str, change: object) -> None:
    vectors = copy.deepcopy(VECTORS)
    change(vectors[table])  # type: ignore[operator]
    assert {each.name for each in selftest.run(vectors) if each.wrong} >= {part}


def test_the_command_prints_a_line_for_each_part() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "desk", "selftest"], capture_output=True, encoding="utf-8", check=True
    )
    assert len(done.stdout.splitlines()) == len(selftest.run()) + 1
