"""Who may come in: one-time links, sessions in a cookie, and long-lived keys for what OBS's own browser shows.

A link is made by whoever can read the secret of the desk that runs, a file of the user's own: so a second `sakigake
desk` makes one for the first without asking it. Sessions live in memory only and end with the desk; keys stay until
they are revoked, because they are pasted into OBS once.
"""

import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from sakigake import durable
from sakigake.errors import SakigakeError

LINK_S = 300  # how long a link opens the desk
SESSION_S = 30 * 24 * 3600
MOST_SESSIONS = 64
KEYS_FILE = "desk-keys.json"


def new_secret() -> str:
    """Return 256 bits for a cookie or a key, as text that may stand in an address."""
    return secrets.token_urlsafe(32)


def make_ticket(secret: str, now_s: float | None = None) -> str:
    """Return a ticket that opens the desk of this secret once, within five minutes."""
    said = f"{secrets.token_urlsafe(16)}.{int((now_s or time.time()) + LINK_S)}"
    return f"{said}.{_sealed(secret, said)}"


def _sealed(secret: str, said: str) -> str:
    return hmac.new(secret.encode(), said.encode(), sha256).hexdigest()


class Entrance:
    """Tickets, sessions and keys of one desk; may be used from several threads."""

    def __init__(self, home: Path, secret: str | None = None, clock: Callable[[], float] = time.time) -> None:
        self.secret = secret or new_secret()
        self._file = home / KEYS_FILE
        self._clock = clock
        self._used: dict[str, int] = {}
        self._sessions: dict[str, float] = {}
        self._keys = self._read()
        self._lock = threading.Lock()

    def ticket(self) -> str:
        """Return a ticket for `/login?t=…`."""
        return make_ticket(self.secret, self._clock())

    def admit(self, ticket: str) -> str | None:
        """Return a new session for a ticket that is good and was never used; else None."""
        said, _, seal = ticket.rpartition(".")
        nonce, _, until = said.partition(".")
        if (
            not hmac.compare_digest(_sealed(self.secret, said).encode(), seal.encode())
            or not until.isdecimal()
        ):
            return None
        now = self._clock()
        with self._lock:
            self._used = {each: end for each, end in self._used.items() if end >= now}
            if int(until) < now or nonce in self._used:
                return None
            self._used[nonce] = int(until)
            session = new_secret()
            self._sessions[_hidden(session)] = now + SESSION_S
            for oldest in list(self._sessions)[:-MOST_SESSIONS]:
                del self._sessions[oldest]
        return session

    def knows(self, session: str) -> bool:
        """Say whether a cookie is of a session that goes on."""
        with self._lock:
            return self._sessions.get(_hidden(session), 0.0) > self._clock()

    def leave(self, session: str) -> None:
        """End a session."""
        with self._lock:
            self._sessions.pop(_hidden(session), None)

    def key(self, kind: str) -> str:
        """Return the key of `kind`, as `dock`; the first time it is made. Raises SakigakeError."""
        with self._lock:
            return self._keys.get(kind) or self._new_key(kind)

    def revoke(self, kind: str) -> str:
        """Put a new key in the place of the old, which opens nothing from now on. Raises SakigakeError."""
        with self._lock:
            return self._new_key(kind)

    def fits(self, kind: str, key: str) -> bool:
        """Say whether this is the key of `kind`."""
        with self._lock:
            known = self._keys.get(kind, "")
        return bool(known) and hmac.compare_digest(known.encode(), key.encode())

    def _new_key(self, kind: str) -> str:
        keys = {**self._keys, kind: new_secret()}
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            durable.write(self._file, json.dumps({"schema_version": 1, "keys": keys}).encode())
        except OSError as error:
            raise SakigakeError(
                "record-home-unwritable", path=self._file.parent, why=error.strerror or error
            ) from error
        self._keys = keys
        return keys[kind]

    def _read(self) -> dict[str, str]:
        """Return the keys that were kept; none when there is no such file or it cannot be read: new ones are made."""
        try:
            keys = json.loads(self._file.read_bytes())["keys"]
            return {str(kind): key for kind, key in keys.items() if isinstance(key, str)}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}


def _hidden(session: str) -> str:
    """Return what is kept of a session: looking it up takes the same time for every wrong one."""
    return sha256(session.encode()).hexdigest()
