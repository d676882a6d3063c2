"""The file of settings that belongs to the user: her comments, her order and her line ends outlive every change."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sakigake import setting_file, words
from sakigake import settings as known
from sakigake.errors import ConfigError, SakigakeError

DEFAULTS = {
    f"{section}.{key}": value for section, rows in known.defaults().items() for key, value in rows.items()
}
HERS = """\
# my settings, do not touch
[watch]   # the watcher first
keep_days = 10      # ten is plenty

[record]
# slow machine
interval_s = 3.0 # three
"""


def values() -> st.SearchStrategy[dict[str, object]]:
    def fitting(name: str) -> st.SearchStrategy[object]:
        default = DEFAULTS[name]
        if isinstance(default, bool):
            return st.booleans()
        if isinstance(default, int | float):
            return st.floats(1, 1000) | st.integers(1, 1000)
        texts = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=20)
        return st.lists(texts, max_size=3) if isinstance(default, list) else texts

    names = st.sets(st.sampled_from(sorted(DEFAULTS)), min_size=1, max_size=4)
    return names.flatmap(lambda chosen: st.fixed_dictionaries({name: fitting(name) for name in chosen}))


@given(values())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_set_is_read_back_and_every_other_default_stays(
    tmp_path: Path, chosen: dict[str, object]
) -> None:
    path = tmp_path / "sakigake.toml"
    path.unlink(missing_ok=True)
    setting_file.set_values(path, chosen)
    read = known.load(tmp_path)
    for name, default in DEFAULTS.items():
        section, _, key = name.partition(".")
        assert read.section(section)[key] == chosen.get(name, default)
    setting_file.set_values(path, dict.fromkeys(chosen))
    left = known.load(tmp_path).tables
    assert {name: rows for name, rows in left.items() if rows} == known.defaults()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_comments_order_and_line_ends_stay(tmp_path: Path, end: str, mark: str) -> None:
    path = tmp_path / "sakigake.toml"
    path.write_bytes((mark + HERS.replace("\n", end)).encode())
    setting_file.set_values(path, {"record.interval_s": 5, "record.overlay": "C:\\stream\\コード.png"})
    expected = HERS.replace("3.0 # three", "5 # three") + 'overlay = "C:\\\\stream\\\\コード.png"\n'
    assert path.read_bytes().decode() == mark + expected.replace("\n", end)
    assert known.load(tmp_path).section("record")["overlay"] == "C:\\stream\\コード.png"


def test_a_commented_default_becomes_the_line_itself(tmp_path: Path) -> None:
    path = tmp_path / "sakigake.toml"
    setting_file.write_once(path, "en")
    before = path.read_text(encoding="utf-8")
    setting_file.set_values(path, {"record.heartbeat_s": 30})
    assert path.read_text(encoding="utf-8") == before.replace("# heartbeat_s = 60.0", "heartbeat_s = 30")


def test_what_only_looks_like_a_commented_default_stays(tmp_path: Path) -> None:
    path = tmp_path / "sakigake.toml"
    path.write_text('[record]\noverlay = """\n# interval_s = 9\n"""\n', encoding="utf-8")
    setting_file.set_values(path, {"record.interval_s": 4})
    assert known.load(tmp_path).section("record")["overlay"] == "# interval_s = 9\n"
    assert known.load(tmp_path).section("record")["interval_s"] == 4


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("record.interval_s", "x"),
        ("record.interval_s", -1),
        ("record.nonsense", 1),
        ("nonsense.key", 1),
        ("anchor.enabled", "no"),
    ],
)
def test_what_settings_refuse_is_not_written(tmp_path: Path, name: str, value: object) -> None:
    path = tmp_path / "sakigake.toml"
    path.write_text(HERS, encoding="utf-8")
    with pytest.raises(ConfigError):
        setting_file.set_values(path, {name: value})
    assert path.read_text(encoding="utf-8") == HERS
    assert [each.name for each in tmp_path.iterdir()] == ["sakigake.toml"]


def test_a_broken_file_is_refused_and_mended_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "sakigake.toml"
    broken = '[privacy]\nprograms = ["krita"]\n[record]\nheartbeat_s = = 3\ninterval_s = 3.0 # three\n'
    path.write_text(broken, encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be read"):
        setting_file.set_values(path, {"record.interval_s": 5})
    assert path.read_text(encoding="utf-8") == broken
    done = setting_file.set_values(path, {"record.interval_s": 5}, mend=True)
    assert done.aside == ("heartbeat_s = = 3",)
    assert done.backup is not None
    assert done.backup.read_text(encoding="utf-8") == broken
    read = known.load(tmp_path)
    assert read.section("record")["interval_s"] == 5
    assert read.section("privacy")["programs"] == ["krita"], "what could be read is still in force"
    assert "# ✗ heartbeat_s = = 3" in path.read_text(encoding="utf-8")


def test_a_file_that_never_ends_a_text_is_begun_anew_beside_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "sakigake.toml"
    for number in (1, 2):
        path.write_text(f'[record]\noverlay = """{number}\n', encoding="utf-8")
        done = setting_file.set_values(path, {"record.interval_s": 5}, mend=True)
        assert done.backup == tmp_path / f"sakigake.toml.broken-{number}"
    assert known.load(tmp_path).section("record")["interval_s"] == 5


def test_a_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    real = tmp_path / "dotfiles" / "sakigake.toml"
    real.write_text(HERS, encoding="utf-8")
    (tmp_path / "sakigake.toml").symlink_to(real)
    setting_file.set_values(tmp_path / "sakigake.toml", {"record.interval_s": 5})
    assert (tmp_path / "sakigake.toml").is_symlink()
    assert tomllib.loads(real.read_text(encoding="utf-8"))["record"]["interval_s"] == 5


def test_what_cannot_be_written_is_said_and_leaves_the_old_file(tmp_path: Path) -> None:
    folder = tmp_path / "file"
    folder.write_text("no folder", encoding="utf-8")
    with pytest.raises(SakigakeError, match="cannot be written") as caught:
        setting_file.write_once(folder / "sakigake.toml")
    assert caught.value.hint("ja")
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_the_template_changes_nothing_and_becomes_the_defaults_without_its_marks(lang: str) -> None:
    text = setting_file.template(lang)
    tables = tomllib.loads(text)
    assert not any(tables.values())
    active = "\n".join(
        line.removeprefix("# ")
        if " = " in line and line.split(" = ")[0].removeprefix("# ").isidentifier()
        else line
        for line in text.splitlines()
    )
    read = tomllib.loads(active)
    assert {name: read[name.partition(".")[0]][name.partition(".")[2]] for name in DEFAULTS} == DEFAULTS


@pytest.mark.parametrize("lang", words.LANGUAGES)
def test_every_setting_is_explained(lang: str) -> None:
    lacking = [name for name in DEFAULTS if f"settings.about.{name}" not in words.table(lang)]
    assert not lacking, f"add them to [about.…] of config/words/{lang}/settings.toml"


def test_the_english_sentences_are_the_comments_of_the_defaults() -> None:
    told = {name: words.text(f"settings.about.{name}", "en") for name in DEFAULTS}
    assert told == setting_file.shipped_comments()


def test_lines_are_found() -> None:
    text = '# x\n[record]\noverlay = """\ninterval_s = 1\n"""\ninterval_s = 2\n[[anchor.authority]]\nname = "x"\n'
    assert setting_file.line_of(text, "record.interval_s") == 6
    assert setting_file.line_of(text, "[record]") == 2
    assert setting_file.line_of(text, "anchor.authority") == 7
    assert setting_file.line_of(text, "record.nothing") is None
