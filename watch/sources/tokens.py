"""The access tokens of servers that ask for one. They are read when needed, never shown and never written down.

A token for example.social is looked for in the variable SAKIGAKE_TOKEN_EXAMPLE_SOCIAL, then in the system's keyring
under the service "sakigake-watch" and the host's name (`keyring set sakigake-watch example.social`).
"""

import importlib
import os
import re

from sakigake.errors import UsageError

SERVICE = "sakigake-watch"
MOST_TOKEN = 1000
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?")


def variable(host: str) -> str:
    """Return the name of the variable that may hold a host's token."""
    return "SAKIGAKE_TOKEN_" + re.sub(r"[^A-Z0-9]", "_", host.upper())


def token(host: str) -> str:
    """Return a host's token, empty when there is none."""
    if given := os.environ.get(variable(host), "").strip():
        return given
    try:
        keyring = importlib.import_module("keyring")
        return str(keyring.get_password(SERVICE, host) or "")
    except ImportError:
        return ""
    except Exception:  # noqa: BLE001 - keyrings fail in their own ways; without one there is no token
        return ""


def keep(host: str, given: str) -> None:
    """Put a host's token into the system's keyring, or take it out with an empty one.

    Raises UsageError for what can be no host or no token, and when this system has no keyring to put it into.
    """
    if not _HOST.fullmatch(host) or len(given) > MOST_TOKEN or not given.isascii() or not given.isprintable():
        raise UsageError("source-token-odd")
    try:
        keyring = importlib.import_module("keyring")
        if given:
            keyring.set_password(SERVICE, host, given)
        else:
            keyring.delete_password(SERVICE, host)
        kept = keyring.get_password(SERVICE, host) == (given or None)
    except Exception as error:  # no such package; or keyrings, which fail in their own ways
        raise UsageError("source-token-nowhere", variable=variable(host)) from error
    if not kept:  # that of a system without any takes everything and keeps nothing
        raise UsageError("source-token-nowhere", variable=variable(host))
