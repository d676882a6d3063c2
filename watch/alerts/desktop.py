"""A notification of the desktop itself, through the program that each system has for it. Nothing leaves the computer."""

import os
import shutil
import subprocess
import sys

from sakigake.errors import NetworkError
from watch.alerts.message import Message

WALL_S = 15.0
# The words come in as arguments or variables and are never part of a script.
_MAC = (
    "osascript",
    "-e", "on run argv",
    "-e", "display notification (item 2 of argv) with title (item 1 of argv)",
    "-e", "end run",
)  # fmt: skip
_WINDOWS = """
[void][Windows.UI.Notifications.ToastNotificationManager, Windows.UI.Notifications, ContentType = WindowsRuntime]
$kind = [Windows.UI.Notifications.ToastTemplateType]::ToastText02
$toast = [Windows.UI.Notifications.ToastNotificationManager]::GetTemplateContent($kind)
$lines = $toast.GetElementsByTagName('text')
[void]$lines.Item(0).AppendChild($toast.CreateTextNode($env:SAKIGAKE_TITLE))
[void]$lines.Item(1).AppendChild($toast.CreateTextNode($env:SAKIGAKE_TEXT))
$shown = [Windows.UI.Notifications.ToastNotification]::new($toast)
$app = '{1AC14E77-02E7-4E5D-B744-2EB1AE5198B7}\\WindowsPowerShell\\v1.0\\powershell.exe'
[Windows.UI.Notifications.ToastNotificationManager]::CreateToastNotifier($app).Show($shown)
"""


class Desktop:
    """The desktop that the watcher runs on."""

    id = "desktop"
    shown = "desktop"

    def send(self, message: Message) -> None:
        """Show a message; raises NetworkError when nothing here can."""
        command, further = _command(message)
        if shutil.which(command[0]) is None:
            raise NetworkError("watch-desktop-missing", program=command[0])
        try:
            ran = subprocess.run(
                command,
                env={**os.environ, **further},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=WALL_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NetworkError("watch-alert-not-taken", receiver=self.shown) from error
        if ran.returncode:
            raise NetworkError("watch-alert-not-taken", receiver=self.shown)


def _command(message: Message) -> tuple[tuple[str, ...], dict[str, str]]:
    # Each in a branch of its own, so that the type checker reads the one of its platform alone.
    if sys.platform == "darwin":
        return (*_MAC, message.title, message.text), {}
    elif sys.platform == "win32":  # noqa: RET505
        words = {"SAKIGAKE_TITLE": message.title, "SAKIGAKE_TEXT": message.text}
        return ("powershell", "-NoProfile", "-NonInteractive", "-Command", _WINDOWS), words
    else:
        return ("notify-send", "--app-name=sakigake", "--", message.title, message.text), {}
