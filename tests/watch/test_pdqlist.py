"""Lists of hashes: what others read is what was written, what others wrote is read, and nothing else is."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from desk.commands.hashes import hashes
from sakigake.errors import ConfigError, UsageError
from sakigake.fingerprint.dct import pdq_v1
from sakigake.fingerprint.views import reduce_v1
from sakigake.model import Interval
from sakigake.store.sqlite import SqliteStore
from tests.watch.studio import drawing, pictures, record, redrawn, saved
from watch import pdqlist
from watch.check import Seen, check_picture
from watch.pdqlist import Listed

HASH = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"
LISTED = st.builds(
    Listed,
    st.integers(0, 2**256 - 1).map(lambda value: f"{value:064x}"),
    st.none() | st.integers(0, 100),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=30),
)


@given(found=st.lists(LISTED, min_size=1, max_size=8, unique_by=lambda each: each.pdq))
@settings(max_examples=60, deadline=None)
def test_a_list_comes_back_as_it_was_written(found: list[Listed]) -> None:
    assert pdqlist.parse(pdqlist._as_csv(found).encode(), ".csv", "x") == found
    bare = [Listed(each.pdq) for each in found]
    assert pdqlist.parse(pdqlist._as_jsonl(found).encode(), ".jsonl", "x") == bare
    assert pdqlist.parse(pdqlist._as_text(found).encode(), ".txt", "x") == bare


@given(
    raw=st.binary(max_size=300) | st.text(max_size=300).map(str.encode), form=st.sampled_from(pdqlist.FORMS)
)
@settings(max_examples=150, deadline=None)
def test_whatever_else_a_file_holds_is_refused_in_one_sentence(raw: bytes, form: str) -> None:
    found: list[Listed] = []
    with suppress(UsageError):
        found = pdqlist.parse(raw, form, "list")
    assert all(len(each.pdq) == 64 for each in found)


@pytest.mark.parametrize(
    ("form", "text", "line"),
    [
        (".jsonl", f'{{"pdq": "{HASH}"}}\n{{"pdq": "{HASH[:-1]}"}}\n', 2),
        (".jsonl", f'{{"pdq": "{HASH}"}}\nnot json\n', 2),
        (".txt", f"pdq {HASH}\n\npdq {HASH}zz\n", 3),
        (".csv", f"hash,quality,label\n{HASH},90,a\n{HASH},900,b\n", 3),
    ],
)
def test_the_line_that_is_wrong_is_named(form: str, text: str, line: int) -> None:
    with pytest.raises(UsageError) as caught:
        pdqlist.parse(text.encode(), form, "list")
    assert caught.value.code == "pdq-line"
    assert caught.value.params["line"] == line


def test_lines_of_other_kinds_of_hashes_are_passed_over() -> None:
    found = pdqlist.parse(f"video_md5 {'0' * 32}\npdq {HASH.upper()}\n{HASH}\n".encode(), ".txt", "x")
    assert found == [Listed(HASH)]


def test_threatexchange_reads_what_is_exported(tmp_path: Path) -> None:
    """The library of Hasher-Matcher-Actioner itself as the judge, for its file exchange and its own matching."""
    api: Any = pytest.importorskip("threatexchange.exchanges.impl.file_api")
    signal: Any = pytest.importorskip("threatexchange.signal_type.pdq.signal")
    bits = pdq_v1(reduce_v1(drawing(11, 7)).luma)
    ours = np.packbits(bits).tobytes().hex()
    path = tmp_path / "ours.txt"
    pdqlist.write(path, [Listed(ours, 90, "x")])
    config = api.FileCollaborationConfig(name="x", api="local_file", enabled=True, filename=str(path))
    (delta,) = api.LocalFileSignalExchangeAPI.for_collab(config).fetch_iter([], None)
    assert list(delta.updates) == [("pdq", ours)]
    assert signal.PdqSignal.validate_signal_str(ours) == ours
    for flipped in (31, 32):
        other = bits.copy()
        other[:flipped] ^= True
        code = np.packbits(other)
        theirs = signal.PdqSignal.compare_hash(ours, code.tobytes().hex()).match
        mine = pdqlist.Lists(np.packbits(bits)[None], ("x",)).near([other]) is not None
        assert mine == theirs == (flipped == 31)


def test_quality_is_that_of_the_reference() -> None:
    reference: Any = pytest.importorskip("pdqhash")
    rng = np.random.default_rng(3)
    flat = np.full((300, 400, 3), 200, np.uint8)
    faint = np.clip(flat + rng.normal(0, 3, flat.shape), 0, 255).astype(np.uint8)
    for pixels in (flat, faint, drawing(11, 2), drawing(11, 7), redrawn(drawing(5, 7))):
        _, theirs = reference.compute(np.ascontiguousarray(pixels[:, :, ::-1]))
        assert abs(pdqlist.quality_v1(reduce_v1(pixels).luma) - theirs) <= 2


def test_a_post_on_a_list_gets_a_note_and_the_same_answer(tmp_path: Path, own_home: Path) -> None:
    store = SqliteStore(tmp_path / "sakigake.db")
    studio = record(store, pictures())
    post = saved(tmp_path / "post.png", drawing(40, 7))
    finding = check_picture(store, [studio.session], post, Interval())
    assert pdqlist.load(own_home) is None
    code = np.packbits(pdq_v1(reduce_v1(drawing(40, 7)).luma)).tobytes().hex()
    pdqlist.keep(own_home, "theirs", [Listed(HASH, 80), Listed(code, None, "a")])
    seen = Seen(drawing(40, 7))
    noted = pdqlist.with_lists(finding, pdqlist.load(own_home), seen)
    assert noted.notes == (pdqlist.ON_A_LIST,)
    assert (noted.likeness, noted.order, noted.compared) == (
        finding.likeness,
        finding.order,
        finding.compared,
    )
    other = Seen(drawing(41, 7))
    assert pdqlist.with_lists(finding, pdqlist.load(own_home), other) is finding


def test_hashes_of_next_to_nothing_match_nothing(own_home: Path) -> None:
    pdqlist.keep(own_home, "poor", [Listed(HASH, 49)])
    assert pdqlist.load(own_home) is None
    pdqlist.keep(own_home, "poor", [Listed(HASH, 50)])
    assert pdqlist.load(own_home)


def test_a_kept_list_that_was_damaged_is_named(own_home: Path) -> None:
    pdqlist.keep(own_home, "theirs", [Listed(HASH)])
    (own_home / pdqlist.NAME / "theirs.csv").write_text("hash\nzz\n")
    with pytest.raises(ConfigError):
        pdqlist.load(own_home)


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x" * 65])
def test_names_that_lead_elsewhere_are_refused(own_home: Path, name: str) -> None:
    with pytest.raises(UsageError):
        pdqlist.keep(own_home, name, [Listed(HASH)])


def test_the_commands_from_end_to_end(tmp_path: Path, own_home: Path) -> None:
    store = SqliteStore(own_home / "sakigake.db")
    studio = record(store, pictures())
    store.close()
    run = CliRunner()
    for form in pdqlist.FORMS:
        made = run.invoke(hashes, ["export", str(tmp_path / f"mine{form}"), "--stage", str(studio.seqs[-1])])
        assert made.exit_code == 0, made.output
        assert "1 hashes" in made.output
    assert set(json.loads((tmp_path / "mine.jsonl").read_text())) == {"pdq"}
    whole = run.invoke(hashes, ["export", str(tmp_path / "all.csv")])
    assert f"{len(studio.seqs)} hashes" in whole.output
    again = run.invoke(hashes, ["export", str(tmp_path / "all.csv")])
    assert isinstance(again.exception, UsageError)
    taken = run.invoke(hashes, ["import", str(tmp_path / "all.csv"), "--name", "friends"])
    assert taken.exit_code == 0, taken.output
    assert run.invoke(hashes, ["list"]).output.split() == ["friends"]
    assert run.invoke(hashes, ["remove", "friends"]).exit_code == 0
    assert run.invoke(hashes, ["list"]).output.split() != ["friends"]
