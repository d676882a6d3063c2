"""Settings: what is mistyped is said, never ignored."""

from pathlib import Path

import pytest

from sakigake import settings
from sakigake.errors import ConfigError


def load(tmp_path: Path, text: str) -> settings.Settings:
    (tmp_path / "sakigake.toml").write_text(text, encoding="utf-8")
    return settings.load(tmp_path)


def test_own_values_lie_on_the_defaults(tmp_path: Path) -> None:
    loaded = load(tmp_path, "[record]\ninterval_s = 5\n[anchor]\nenabled = false\nuse = []\n")
    assert loaded.section("record")["interval_s"] == 5
    assert loaded.section("record")["heartbeat_s"] == 60.0
    assert loaded.section("anchor")["enabled"] is False


@pytest.mark.parametrize(
    "text",
    [
        '[record]\ninterval_s = "x"',
        "[record]\ninterval_s = -1",
        "[record]\ninterval_s = 0",
        "[record]\ninterval_s = nan",
        "[record]\ninterval_s = inf",
        "[record]\ninterval_s = true",
        "[record]\ndisk_low_mb = -5",
        "[record]\nintervall_s = 2",
        "record = 3",
        '[anchor]\nenabled = "no"',
        '[anchor]\nauthorities = ["nosuch"]',
        "[nonsense]",
        "[record",
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert caught.value.message("ja")
    assert caught.value.hint("en")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("RECORD_INTERVAL_S", "5", 5.0),
        ("ANCHOR_ENABLED", "off", False),
        ("RECORD_DISK_LOW_MB", "300", 300),
        ("PRIVACY_PROGRAMS", "krita, csp*", ["krita", "csp*"]),
        ("PRIVACY_PROGRAMS", '["a,b"]', ["a,b"]),
        ("RECORD_OVERLAY", "C:\\code.png", "C:\\code.png"),
    ],
)
def test_a_variable_counts_before_the_file_and_the_command_line_before_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object
) -> None:
    section, _, key = name.lower().partition("_")
    monkeypatch.setenv(f"SAKIGAKE_{name}", text)
    loaded = load(tmp_path, "[record]\ninterval_s = 7\n")
    assert loaded.section(section)[key] == value
    assert type(loaded.section(section)[key]) is type(value)
    settings.give({"record.interval_s": "9"})
    try:
        assert settings.load(tmp_path).section("record")["interval_s"] == 9
    finally:
        settings.give({})


@pytest.mark.parametrize("name", ["RECORD_INTERVALL_S", "RECORD_INTERVAL_S", "ANCHOR_ENABLED"])
def test_a_variable_that_cannot_be_meant_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(f"SAKIGAKE_{name}", "x")
    with pytest.raises(ConfigError, match=f"SAKIGAKE_{name}"):
        settings.load(tmp_path)


def test_every_fault_is_found() -> None:
    own = {"record": {"interval_s": -1, "nonsense": 1}, "odd": {}, "watch": {"queue": "many"}}
    named = [fault.params["name"] for fault in settings.faults(own)]
    assert named == ["record.interval_s", "record.nonsense", "[odd]", "watch.queue"]
