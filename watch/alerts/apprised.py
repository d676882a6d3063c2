"""Receivers that apprise knows: Discord, ntfy, mail, an own web hook (`json://`), and some 170 more.

apprise is large, so it is imported when the first message goes out, on the sender's thread.
"""

import importlib.util
import logging
import threading
from typing import Any
from urllib.parse import quote

from sakigake.errors import ConfigError, NetworkError
from watch.alerts.message import Message, trial

# Plain web hooks take headers and fields of ours; the others are services with forms of their own.
HOOKS = frozenset({"json", "jsons", "form", "forms", "xml", "xmls"})
_IMPORTING = threading.Lock()


class Apprised:
    """One address of apprise."""

    def __init__(self, address: str, name: str) -> None:
        self._address, self._name = address, name
        self._scheme = address.split("://", 1)[0].lower()

    @property
    def id(self) -> str:
        """Return its name in the store."""
        return self._name

    @property
    def shown(self) -> str:
        """Return the kind of service: the rest of the address may open an account."""
        return f"{self._scheme}://…"

    def send(self, message: Message) -> None:
        """Send a message; raises NetworkError when the receiver did not take it, ConfigError for an address it cannot be."""
        made = self._sender(message)
        if not made.notify(title=message.title, body=message.text, notify_type="info"):
            raise NetworkError("watch-alert-not-taken", receiver=self.shown)

    def require_known(self) -> None:
        """Raise ConfigError when apprise is missing or knows no such receiver, before anything is to be sent.

        Plain web hooks are known without importing apprise.
        """
        if importlib.util.find_spec("apprise") is None:
            raise ConfigError("watch-alerts-missing")
        if self._scheme not in HOOKS:
            self._sender(trial())

    def _sender(self, message: Message) -> Any:
        apprise = _apprise()
        address = self._address
        if self._scheme in HOOKS and message.key:
            joint = "&" if "?" in address else "?"
            address += f"{joint}+Idempotency-Key={quote(message.key)}&:finding={message.number}"
        # Followed redirects would carry a message to somebody whom nobody configured.
        asset = apprise.AppriseAsset(app_id="sakigake", app_desc="sakigake", app_url="", http_redirects=False)
        made = apprise.Apprise.instantiate(address, asset=asset)
        if made is None:
            raise ConfigError("watch-alert-odd", value=self._scheme)
        return made


def _apprise() -> Any:
    with _IMPORTING:
        try:
            apprise = importlib.import_module("apprise")
        except ImportError as error:
            raise ConfigError("watch-alerts-missing") from error
        _close_environment()
        # It writes addresses and answers into its log; what went wrong is told by us, without either.
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        return apprise


def _close_environment() -> None:
    """Let apprise send without the proxies of the environment and the logins of ~/.netrc: nobody configured these here.

    It offers no way to say so, and each of its services makes sessions of its own; so what every session of requests
    asks before it reads either is always answered no. Nothing else in this process uses requests.
    """
    sessions = importlib.import_module("requests").Session
    if not isinstance(vars(sessions).get("trust_env"), property):
        sessions.trust_env = property(lambda _session: False, lambda _session, _value: None)
