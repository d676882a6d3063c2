"""The demonstration types its commands like anybody else, and writes down what they answered."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

TIMEOUT_S = 240.0


class Console:
    """Runs `sakigake` commands in `folder` with records of their own; everything shown also goes to a transcript."""

    def __init__(self, folder: Path, lang: str, config: Path | None = None) -> None:
        self.folder = folder
        self._env = {
            **{name: value for name, value in os.environ.items() if name != "SAKIGAKE_CONFIG"},
            **({"SAKIGAKE_CONFIG": str(config)} if config else {}),
            "SAKIGAKE_HOME": str(folder / "records"),
            "SAKIGAKE_LANG": lang,
            "PYTHONUTF8": "1",
        }
        self._transcript = (folder / "transcript.txt").open("w", encoding="utf-8")

    def close(self) -> None:
        """End the transcript."""
        self._transcript.close()

    def say(self, text: str = "") -> None:
        """Show a line."""
        click.echo(text)
        self._transcript.write(text + "\n")
        self._transcript.flush()

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a command that goes on while others run; its output is shown by `show` when it has ended."""
        self._announce(arguments)
        return subprocess.Popen(
            self._command(arguments),
            cwd=self.folder,
            env={**self._env, **({"DISPLAY": env["DISPLAY"]} if env and "DISPLAY" in env else {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )

    def show(self, output: str) -> None:
        """Show what a command printed, set in."""
        for line in output.splitlines():
            self.say(f"    {line}")

    def run(self, *arguments: str) -> int:
        """Run a command, show it and its answer; return its exit code."""
        self._announce(arguments)
        code, output, errors = self._run(arguments)
        self.show(output + errors)
        return code

    def must(self, *arguments: str) -> None:
        """Run a command that has to end 0; raises CommandFailedError."""
        if code := self.run(*arguments):
            raise CommandFailedError(arguments[0], code)

    def ask(self, *arguments: str) -> dict[str, Any]:
        """Run a command for its JSON answer, without showing it."""
        code, output, errors = self._run((*arguments, "--json"))
        if not output.strip().startswith("{"):
            # The reader is told by the command itself what went wrong; the demonstration ends 1.
            self._announce(arguments)
            self.show(output + errors)
            raise CommandFailedError(arguments[0], code)
        answer: dict[str, Any] = json.loads(output)
        return answer

    def wait_for(self, process: subprocess.Popen[str], seconds: float) -> int:
        """Wait for a started command and show its output; it is ended when it takes longer than `seconds`."""
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.terminate()
            output, _ = process.communicate(timeout=TIMEOUT_S)
        self.show(output or "")
        return process.returncode

    def _announce(self, arguments: tuple[str, ...]) -> None:
        self.say(f"  $ sakigake {shlex.join(arguments)}")

    def _run(self, arguments: tuple[str, ...]) -> tuple[int, str, str]:
        ran = subprocess.run(
            self._command(arguments),
            cwd=self.folder,
            env=self._env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            encoding="utf-8",
            timeout=TIMEOUT_S,
        )
        return ran.returncode, ran.stdout, ran.stderr

    @staticmethod
    def _command(arguments: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "desk", *arguments]


class CommandFailedError(Exception):
    """A command of the demonstration gave no answer; what it said has been shown."""

    def __init__(self, command: str, code: int) -> None:
        super().__init__(f"sakigake {command}: {code}")
        self.code = code
