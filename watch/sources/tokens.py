"""The access tokens of servers that ask for one. They are read when needed, never shown and never written down.

A token for example.social is looked for in the variable SAKIGAKE_TOKEN_EXAMPLE_SOCIAL, then in the system's keyring
under the service "sakigake-watch" and the host's name (`keyring set sakigake-watch example.social`).
"""

import importlib
import os
import re

SERVICE = "sakigake-watch"


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
