"""Somebody at the desk: one who uses a mouse, and one who has the keyboard alone. Every page they come to is looked at."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.desk.web.keyboard import faults, fits, press, tab_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page


@dataclass
class Person:
    """One page and the hand that uses it. `pages` are the addresses looked at, `wrong` what was found there."""

    page: "Page"
    keys: bool
    seen: "Callable[[Page, str], object] | None" = None
    pages: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def look(self, name: str) -> None:
        """Hold axe-core against the page, and see that nothing stands out of it."""
        self.pages.append(name)
        self.wrong += faults(self.page)
        if not fits(self.page):
            self.wrong.append(f"{self.page.url}: wider than its window")
        if self.seen is not None:
            self.seen(self.page, name)

    def go(self, selector: str) -> None:
        """Follow a link or press a button, and wait for the page behind it."""
        if self.keys:
            press(self.page, selector)
            return
        with self.page.expect_navigation():
            self.page.locator(selector).click()

    def push(self, selector: str) -> None:
        """Press something that changes the page it stands on."""
        if self.keys:
            tab_to(self.page, selector)
            self.page.keyboard.press("Space")
        else:
            self.page.locator(selector).click()

    def write(self, selector: str, text: str) -> None:
        """Fill a field, whatever stood in it."""
        if self.keys:
            tab_to(self.page, selector)
        else:
            self.page.locator(selector).click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)

    def choose(self, name: str, value: str) -> None:
        """Choose one of several radio buttons."""
        wanted = f'input[name="{name}"][value="{value}"]'
        if not self.keys:
            self.page.locator(wanted).check()
            return
        tab_to(self.page, f'input[name="{name}"]')
        for _ in range(self.page.locator(f'input[name="{name}"]').count()):
            if self.page.locator(wanted).is_checked():
                return
            self.page.keyboard.press("ArrowDown")
        raise AssertionError(f"no arrow leads to {wanted}")

    def hand_in(self, selector: str, file: Path) -> None:
        """Choose a file by the browser's own window for it."""
        with self.page.expect_file_chooser() as opening:
            if self.keys:
                tab_to(self.page, selector)
                self.page.keyboard.press("Enter")
            else:
                self.page.locator(selector).click()
        opening.value.set_files(str(file))
