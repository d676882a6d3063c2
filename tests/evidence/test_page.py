"""The page of a package: it states nothing of its own, flags what the verifiers flag, and names what was forgotten."""

import re
import time
from hashlib import sha256
from pathlib import Path

from sakigake import words
from sakigake.anchor import client, rfc3161
from sakigake.anchor.trust import Trust
from sakigake.evidence import layout
from sakigake.evidence.verify import verify
from sakigake.model import EntryType, StoredToken
from sakigake.timeline.ledger import Ledger
from tests.evidence.conftest import Recorded, Recorder, drawing, keep
from tests.evidence.test_tokens import anchored, authority, trusted

__all__ = ["anchored", "authority", "trusted"]

SIX_YEARS_NS = 6 * 365 * 86_400 * 10**9


def texts(folder: Path) -> dict[str, str]:
    """Return what the page says in each language."""
    page = (folder / layout.PAGE).read_text(encoding="utf-8")
    parts = re.split(r'<section class="lang" id="(\w+)"', page)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_where_pictures_come_from_is_the_records_own_statement(record: Recorder, tmp_path: Path) -> None:
    record(1).export(tmp_path / "pack")
    told = texts(tmp_path / "pack")
    assert set(told) == set(words.LANGUAGES)
    for lang, said in told.items():
        assert {"en": "By the record’s own statement", "ja": "記録自身の申告によれば"}[lang] in said
        # Without a token whoever holds the key can write it all anew.
        assert words.text("report.unbound", lang) in said
        assert words.text("report.bound", lang) not in said


def test_what_a_token_binds_is_said_once_there_is_one(
    anchored: Recorded, trusted: Trust, tmp_path: Path
) -> None:
    anchored.export(tmp_path / "pack", trusted)
    for lang, said in texts(tmp_path / "pack").items():
        assert words.text("report.bound", lang) in said
        assert words.text("report.unbound", lang) not in said
        assert words.text("report.clock-disagrees", lang) not in said


def test_forgotten_stages_are_not_called_withheld(record: Recorder, tmp_path: Path) -> None:
    recorded = record(4, close=False)
    ledger = Ledger.resume(recorded.store, recorded.session, recorded.key)
    assert ledger.forget([recorded.stages[0]], {"reason": "forgotten", "stages": 1}, [])
    ledger.checkpoint([])
    done = recorded.export(tmp_path / "pack", chosen=recorded.stages[2:])
    assert done.stages == 2
    size = len(recorded.store.leaves(recorded.session.id))
    for lang, said in texts(tmp_path / "pack").items():
        assert words.text("report.timeline-intro", lang, shown=2, withheld=1, entries=size) in said
        assert words.text("report.forgotten", lang, count=1) in said


def test_a_clock_that_disagrees_is_flagged_as_the_verifiers_do(
    anchored: Recorded, trusted: Trust, tmp_path: Path
) -> None:
    ledger = Ledger.resume(anchored.store, anchored.session, anchored.key)
    odd = ledger.append(
        EntryType.STAGE,
        {"changed_ppm": 9000},
        keep(anchored.pictures, drawing(40)),
        wall_ns=time.time_ns() - SIX_YEARS_NS,
    )
    checkpoint, local = ledger.checkpoint([]), trusted.get("local")
    assert checkpoint
    assert local
    raw = client.request_token(local, checkpoint.note, 5)
    read = rfc3161.read_token(raw, checkpoint.note, trusted)
    kept = StoredToken(
        checkpoint.number, "local", raw, sha256(raw).digest(), read.low, read.high, trusted=True
    )
    anchored.store.add_token(anchored.session.id, kept)
    anchored.export(tmp_path / "pack", trusted)
    flagged = [
        stage.seq for stage in verify(tmp_path / "pack", trusted).stages if "clock-disagrees" in stage.flags
    ]
    assert flagged == [odd.seq]
    for lang, said in texts(tmp_path / "pack").items():
        assert said.count(words.text("report.clock-disagrees", lang)) == 1
