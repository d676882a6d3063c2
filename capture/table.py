"""Numbers from the configuration, checked where they are used."""

import math
from typing import Any

from sakigake.errors import ConfigError
from sakigake.settings import Settings


def number(settings: Settings, section: str, key: str) -> float:
    """Return a setting that must be a number, not negative; raises ConfigError that names it."""
    value: Any = settings.section(section).get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ConfigError("record-setting-odd", name=f"{section}.{key}", value=value)
    return float(value)
