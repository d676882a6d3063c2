"""What a command that needs an extra says when that is not installed: one sentence and how to install it."""

from collections.abc import Iterator
from contextlib import contextmanager

from sakigake.errors import UsageError


@contextmanager
def desk_parts() -> Iterator[None]:
    """Put around every import of what needs the extra `desk`; raises UsageError (`desk-missing`) without it."""
    try:
        yield
    except ImportError as error:
        raise UsageError("desk-missing", part=error.name or str(error)) from error


@contextmanager
def watch_parts() -> Iterator[None]:
    """Put around every import of what needs the extra `watch`; raises UsageError (`watch-missing`) without it."""
    try:
        yield
    except ImportError as error:
        raise UsageError("watch-missing", part=error.name or str(error)) from error


@contextmanager
def deep_parts() -> Iterator[None]:
    """Put around every import of what needs the extra `deep`; raises UsageError (`deep-missing`) without it."""
    try:
        yield
    except ImportError as error:
        raise UsageError("deep-missing", part=error.name or str(error)) from error
