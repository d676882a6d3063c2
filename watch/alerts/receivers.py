"""Who gets messages: what `[watch] alerts` names, and nobody else."""

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Protocol

from sakigake.errors import ConfigError
from sakigake.settings import Settings
from watch.alerts.message import Message

DESKTOP = "desktop"
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")


class Receiver(Protocol):
    """Somebody to tell."""

    @property
    def id(self) -> str:
        """Return its name in the store, in which no secret stands."""

    @property
    def shown(self) -> str:
        """Return its name for a person, without what opens an account."""

    def send(self, message: Message) -> None:
        """Hand a message over, or raise NetworkError or ConfigError: then it counts as not sent."""


def configured(settings: Settings) -> tuple[Receiver, ...]:
    """Return the receivers of the settings, each once; raises ConfigError for what can be none."""
    named = settings.section("watch")["alerts"]
    for each in named:
        if not isinstance(each, str) or not (each == DESKTOP or _ADDRESS.fullmatch(each)):
            raise ConfigError("watch-alert-odd", value=str(each).split("://", maxsplit=1)[0])
    return tuple(_receiver(each) for each in dict.fromkeys(named))


def require_known(receivers: Sequence[Receiver]) -> None:
    """Raise ConfigError for a receiver that nothing could ever be sent to: better at the start than at the first finding."""
    from watch.alerts.apprised import Apprised  # noqa: PLC0415

    for each in receivers:
        if isinstance(each, Apprised):
            each.require_known()


def _receiver(named: str) -> Receiver:
    # Imported late: whoever wants one kind does not pay for the other.
    if named == DESKTOP:
        from watch.alerts.desktop import Desktop  # noqa: PLC0415

        return Desktop()
    from watch.alerts.apprised import Apprised  # noqa: PLC0415

    return Apprised(named, short_name(named))


def short_name(address: str) -> str:
    """Return what a receiver is called in the store: its address may hold a password."""
    return f"{address.split('://', 1)[0].lower()}:{sha256(address.encode()).hexdigest()[:16]}"


def ids(receivers: Sequence[Receiver]) -> frozenset[str]:
    """Return the names of receivers in the store."""
    return frozenset(each.id for each in receivers)
