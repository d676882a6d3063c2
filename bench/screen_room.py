"""A desk that runs as it ships, and a real browser before it that takes pictures for the guides.

A picture is the window at 1280 x 800 (or the size that is asked for), without a caret and without anything that moves.
Folders of this machine stand as “…” in it, keys as dots, and the port is the one that a desk has by default.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from bench.picture_marks import AIM_BYTES, file_name
from desk.web.entrance import KEYS_FILE
from desk.web.guard import LANGUAGE_COOKIE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Locator, Page

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",
)
WIDTH, HEIGHT = 1280, 800
TALL = 1000  # a page that is longer is pictured from its top
WAIT_MS = 300_000
USUAL_PORT = 47611
COLOURS = (128, 64, 32)  # tried in turn until a picture is small enough
COME = """() => { for (const it of document.images) it.loading = 'eager';
  return [...document.images].every(it => it.complete && (it.naturalWidth || !it.getAttribute('src'))); }"""
HIDE = """hidden => {
  const told = text => hidden.reduce((all, [what, shown]) => all.replaceAll(what, shown), text);
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = told(walk.currentNode.data);
    if (text !== walk.currentNode.data) walk.currentNode.data = text;
  }
  for (const each of document.querySelectorAll('input:not([type=file]), textarea')) {
    const text = told(each.value);
    if (text !== each.value) each.value = text;
  }
}"""


def environment(home: Path, scratch: Path, display: str, **more: str) -> dict[str, str]:
    """Return the environment of every process of the session: a home of its own, one time zone, this screen."""
    ours = {
        "SAKIGAKE_HOME": str(home),
        "SAKIGAKE_LANG": "ja",
        "HOME": str(scratch),
        "DISPLAY": display,
        "TZ": "Asia/Tokyo",
        "OPENBLAS_NUM_THREADS": "1",
    }
    foreign = ("SAKIGAKE_", "XDG_", "WAYLAND_", "XAUTH")
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith(foreign)},
        **ours,
        **more,
    }


@dataclass(slots=True)
class Room:
    """One desk in a process of its own, and a page before it in each language; `page` is the one that is used now.

    The titles of what was pictured are kept in `titles`, by language and name.
    """

    pages: "dict[str, Page]"
    url: str
    env: Mapping[str, str]
    scratch: Path
    out: Path
    titles: dict[str, dict[str, str]]
    page: "Page" = field(init=False)

    def __post_init__(self) -> None:
        self.page = next(iter(self.pages.values()))

    @property
    def languages(self) -> list[str]:
        """Return the languages that are pictured."""
        return list(self.pages)

    def go(self, path: str, lang: str | None = None) -> None:
        """Open a page, in this language from now on, and wait for its pictures."""
        self.page = self.pages[lang] if lang else self.page
        self.page.goto(self.url + path)
        self.settle()

    def settle(self) -> None:
        """Wait until every picture of the page has come, also those further down."""
        self.page.wait_for_function(COME)

    def press(self, selector: str) -> None:
        """Press a button or a link and wait for the page that comes."""
        with self.page.expect_navigation():
            self.page.locator(selector).first.click()
        self.settle()

    def ask(self, *arguments: str) -> dict[str, Any]:
        """Return the JSON answer of a command over the same records."""
        command = [sys.executable, "-m", "desk", *arguments, "--json"]
        done = subprocess.run(command, env=dict(self.env), capture_output=True, check=True)
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def shoot(self, name: str, lang: str, *, of: "Locator | None" = None, tall: int = TALL) -> None:
        """Keep a picture of the page from its top, or of one part of it, `tall` pixels high at most."""
        self.settle()
        self.page.evaluate(HIDE, self._hidden())
        box = {"x": 0, "y": 0, "width": WIDTH, "height": self.page.evaluate("document.body.scrollHeight")}
        if of is not None:
            box = of.evaluate(
                "it => { const b = it.getBoundingClientRect();"
                " return {x: b.x, y: b.y + scrollY, width: b.width, height: b.height}; }"
            )
        box["height"] = min(box["height"], tall)
        raw = self.page.screenshot(animations="disabled", full_page=True, clip=box)  # type: ignore[arg-type] # four numbers
        self.keep(name, lang, raw, self.page.title())

    def keep(self, name: str, lang: str, raw: bytes, title: str) -> None:
        """Keep a screenshot under a name, and the title of what it shows."""
        self.titles.setdefault(lang, {})[name] = title.partition(" – ")[0]
        kept(raw, self.out / file_name(name, lang))

    def _hidden(self) -> list[tuple[str, str]]:
        """Return what no picture shows, and what stands in its place."""
        home = Path(self.env["SAKIGAKE_HOME"])
        hidden = [(str(self.scratch), "…")]
        if (home / KEYS_FILE).is_file():
            keys = json.loads((home / KEYS_FILE).read_bytes())["keys"]
            hidden += [(key, "•" * 8) for key in keys.values()]
        return [*hidden, (self.url, f"http://127.0.0.1:{USUAL_PORT}")]


def kept(raw: bytes, path: Path) -> Path:
    """Write a screenshot in few colours; returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(BytesIO(raw)) as opened:
        picture = opened.convert("RGB")
    for colours in COLOURS:
        small = BytesIO()
        picture.quantize(colours, kmeans=2, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
        if small.tell() <= AIM_BYTES:
            break
    path.write_bytes(small.getvalue())
    return path


@contextmanager
def browsed() -> "Iterator[Browser]":
    """Start the browser for as long as the context lasts."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - who only looks at marks needs none

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


def window(browser: "Browser", width: int = WIDTH, height: int = HEIGHT) -> "BrowserContext":
    """Return a new window of that size."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, device_scale_factor=1, color_scheme="light"
    )
    context.set_default_timeout(WAIT_MS)
    return context


@contextmanager
def opened(
    browser: "Browser",
    languages: Sequence[str],
    env: Mapping[str, str],
    out: Path,
    titles: dict[str, dict[str, str]],
) -> Iterator[Room]:
    """Start a desk over the records that `env` names, with a window in each language; all end with the context."""
    process = subprocess.Popen(
        [sys.executable, "-m", "desk", "desk", "--port", "0", "--no-browser"],
        env=dict(env),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    contexts = {lang: window(browser) for lang in languages}
    try:
        link = next(line.strip() for line in process.stdout if line.startswith("http://"))
        url = link.partition("/login")[0]
        first = next(iter(contexts.values()))
        first.new_page().goto(link)  # opens once: the other window gets the cookie of this one
        let_in = first.cookies()
        pages = {}
        for lang, context in contexts.items():
            context.add_cookies(let_in)  # type: ignore[arg-type] # playwright reads and takes two shapes of the same
            context.add_cookies([{"name": LANGUAGE_COOKIE, "value": lang, "url": url}])
            pages[lang] = context.new_page()
        yield Room(pages, url, env, Path(env["HOME"]), out, titles)
    finally:
        for context in contexts.values():
            context.close()
        process.terminate()
        process.wait(30)
        process.stdout.close()
