"""What SQLite hands out, held to the type it must have."""

from sakigake.errors import SakigakeError


def as_int(value: object) -> int:
    """Return a number; raises SakigakeError for anything else."""
    if not isinstance(value, int):
        raise SakigakeError("store-read-failed", why=f"{type(value).__name__} where a number belongs")
    return value


def as_bytes(value: object) -> bytes:
    """Return bytes; raises SakigakeError for anything else."""
    if not isinstance(value, bytes):
        raise SakigakeError("store-read-failed", why=f"{type(value).__name__} where bytes belong")
    return value
