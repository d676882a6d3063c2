"""The demonstration types its commands like anybody else, and writes down what they answered."""

import json
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
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
            "SAKIGAKE_OTS": "off",  # a demonstration drawing is nothing for a public calendar
            "PYTHONUTF8": "1",
        }
        self._lock = threading.Lock()
        self._transcript = (folder / "transcript.txt").open("w", encoding="utf-8")

    def close(self) -> None:
        """End the transcript."""
        self._transcript.close()

    def say(self, text: str = "") -> None:
        """Show a line."""
        with self._lock:
            click.echo(text)
            self._transcript.write(text + "\n")
            self._transcript.flush()

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> "Running":
        """Start a command that goes on while others run; what it prints is shown as it comes."""
        self._announce(arguments)
        process = subprocess.Popen(
            self._command(arguments),
            cwd=self.folder,
            env={**self._env, **({"DISPLAY": env["DISPLAY"]} if env and "DISPLAY" in env else {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        return Running(process, self.show)

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


class Running:
    """A command at work; a thread shows its lines as they come."""

    def __init__(self, process: subprocess.Popen[str], show: Callable[[str], None]) -> None:
        self._process = process
        self._reader = threading.Thread(target=self._follow, args=(show,), daemon=True)
        self._reader.start()

    def _follow(self, show: Callable[[str], None]) -> None:
        if self._process.stdout is not None:
            with self._process.stdout as lines:
                for line in lines:
                    show(line)

    def goes_on(self) -> bool:
        """Say whether it has not ended yet."""
        return self._process.poll() is None

    def wait(self, seconds: float) -> int:
        """Return its exit code once it has ended and everything is shown; it is ended after `seconds`."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.terminate()
            self._process.wait(TIMEOUT_S)
        self._reader.join()
        return self._process.returncode


class CommandFailedError(Exception):
    """A command of the demonstration gave no answer; what it said has been shown."""

    def __init__(self, command: str, code: int) -> None:
        super().__init__(f"sakigake {command}: {code}")
        self.code = code
