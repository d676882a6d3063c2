"""Completion where click has none or not all: PowerShell, and help with commas in fish."""

import os
from typing import ClassVar

from click.shell_completion import CompletionItem, FishComplete, ShellComplete, add_completion_class

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


class CommaFishComplete(FishComplete):
    """click's own for fish, whose lines are cut at every comma, those of the help as well."""

    def format_completion(self, item: CompletionItem) -> str:
        """Return one possibility without a comma in its help."""
        said = (item.help or "").replace(",", ";")
        return super().format_completion(CompletionItem(item.value, item.type, said or None))


def register() -> None:
    """Make them known to click."""
    add_completion_class(PowerShellComplete)
    add_completion_class(CommaFishComplete)
