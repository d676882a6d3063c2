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
