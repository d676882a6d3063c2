"""Completion where click has none: PowerShell, and a bash that is too old for what click's own lines need."""

import os
from typing import ClassVar

from click.shell_completion import CompletionItem, ShellComplete, add_completion_class

from desk.commands.completion import POWERSHELL


class PowerShellComplete(ShellComplete):
    """Completion for Windows PowerShell 5.1 and PowerShell 7: the words come one a line, help after a tab."""

    name: ClassVar[str] = "powershell"
    source_template: ClassVar[str] = POWERSHELL

    def source(self) -> str:
        """Return the script; it holds signs of per cent and braces of its own."""
        return self.source_template

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is being typed, and that one."""
        words = [line.strip("'\"") for line in os.environ.get("COMP_WORDS", "").splitlines()]
        return words[1:], os.environ.get("COMP_CWORD", "")

    def format_completion(self, item: CompletionItem) -> str:
        """Return one line for one possibility."""
        return f"{item.type}\t{item.value}\t{(item.help or '').splitlines()[0] if item.help else ''}"


def register() -> None:
    """Make PowerShell known to click."""
    add_completion_class(PowerShellComplete)
