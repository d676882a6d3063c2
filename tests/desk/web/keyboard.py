"""A real Chromium that is used by its keyboard alone, and axe-core held against what it shows."""

import importlib.resources
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MOST_TABS = 250
SERIOUS = {"serious", "critical"}
WAIT_MS = 120_000


@contextmanager
def chromium() -> "Iterator[Browser]":
    """Start the browser; the test is skipped where there is none."""
    if not CHROMIUM.exists():
        pytest.skip("no Chromium here")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def opened(
    browser: "Browser", link: str, lang: str, width: int, **more: Any
) -> "tuple[BrowserContext, Page]":
    """Open the desk by its link in one language, in a window of that width."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **more)
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    page.goto(link)
    if page.locator("html").get_attribute("lang") != lang:
        page.locator(".language button").focus()
        page.keyboard.press("Enter")
        page.locator(f'html[lang="{lang}"]').wait_for(state="attached")
    return context, page


def tab_to(page: "Page", selector: str) -> None:
    """Press Tab until what the selector names has the focus; fails when the keyboard cannot reach it."""
    for _ in range(MOST_TABS):
        if page.evaluate("s => !!document.activeElement && document.activeElement.matches(s)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {selector} on {page.url}")


def press(page: "Page", selector: str) -> None:
    """Go to a link or a button by Tab and press Enter, and wait for the page that it leads to."""
    tab_to(page, selector)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def faults(page: "Page") -> list[str]:
    """Return what axe-core calls serious or critical on the page, in one line each."""
    source = (
        importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    )
    page.evaluate(source)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{page.url}: {each['id']} ({each['impact']}): {node['html'][:200]}"
        for each in found["violations"]
        if each["impact"] in SERIOUS
        for node in each["nodes"]
    ]


def fits(page: "Page") -> bool:
    """Say whether nothing of the page stands out of the window sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))
