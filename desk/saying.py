"""What a command that runs for hours says: whole lines from several threads, none of which may end it."""

import json
import sys
import threading
import time
from typing import Any

import click

from sakigake import words
from sakigake.text import plain

MOST_LINE = 4000


class Console:
    """Prints from several threads. A reader that went away must never end what runs."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._lock = threading.Lock()

    def say(self, key: str, **values: Any) -> None:
        """Print one sentence with the time of day."""
        self._print(f"{time.strftime('%H:%M:%S')}  {words.text(key, **values)}", err=self.as_json)

    def plain(self, key: str, **values: Any) -> None:
        """Print one sentence."""
        self._print(words.text(key, **values), err=self.as_json)

    def line(self, **record: Any) -> None:
        """Print one record as a JSON line, where such lines are wanted."""
        if self.as_json:
            self._print(json.dumps({"schema_version": 1, **record}), err=False)

    def _print(self, line: str, *, err: bool) -> None:
        with self._lock:
            try:
                click.echo(plain(line, MOST_LINE), err=err)
                (sys.stderr if err else sys.stdout).flush()
            except (OSError, ValueError):  # a closed pipe, a closed stream
                return
