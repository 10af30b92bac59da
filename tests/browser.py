"""Debian's Chromium, driven by Playwright: what a person would do with a page, and what must not happen.

    with chromium() as browser, visit(browser, page.as_uri()) as seen:
        seen.page.fill("#filter", "oleate")
        path = seen.download("#download", folder)

When the visit ends it fails the test if anything tried to leave the machine, or if the page reported an
error. Tests that use this carry the marker "slow".
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from services import need

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Locator, Page

# WebGL without a graphics card; no name but this machine's is ever resolved, whatever a page tries.
FLAGS = (
    "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)  # fmt: skip
INSIDE = ("file", "data", "blob", "about", "chrome")
HERE = ("127.0.0.1", "localhost", "::1")
PATIENCE = 240_000  # milliseconds: a bound for a loaded machine, not what a step takes


def stays(url: str) -> bool:
    """Return whether a request for *url* stays on this machine.

    >>> stays("file:///tmp/r.html"), stays("ws://127.0.0.1:80/x"), stays("https://127.0.0.1.example/")
    (True, True, False)
    """
    parts = urlsplit(url)
    return parts.scheme in INSIDE or parts.hostname in HERE


@dataclass
class Visit:
    """A page that is open, with what it asked for and what it complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def leaving(self) -> list[str]:
        """The requests, sockets included, that would have left this machine."""
        return [url for url in self.requests if not stays(url)]

    def heard(self, message: ConsoleMessage) -> None:
        """Keep a message of the console if it is an error."""
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location})")

    def download(self, button: str | Locator, folder: Path) -> Path:
        """Press *button*, put the file that it gives into *folder* and return its path."""
        place = self.page.locator(button) if isinstance(button, str) else button
        with self.page.expect_download() as given:
            place.click()
        path = folder / given.value.suggested_filename
        given.value.save_as(path)
        return path

    def check(self) -> None:
        """Fail if something left the machine or the page reported an error."""
        assert not self.leaving, f"requests that leave the machine: {self.leaving}"
        assert not self.errors, f"errors in the console: {self.errors}"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium without a window; skip the test where it is missing, and fail it in CI."""
    need(programs=("chromium",), modules=("playwright",))
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visit(
    browser: Browser, url: str, *, size: tuple[int, int] = (1300, 900), checked: bool = True
) -> Iterator[Visit]:
    """Open *url* in a window of *size* pixels with no history; with *checked*, check() at the end."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, accept_downloads=True, reduced_motion="reduce"
    )
    try:
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        seen = Visit(page)
        # of the context, so that windows and workers that the page opens count too
        context.on("request", lambda request: seen.requests.append(request.url))
        context.on("console", seen.heard)
        context.on("weberror", lambda error: seen.errors.append(str(error.error)))
        page.on("websocket", lambda socket: seen.requests.append(socket.url))
        page.goto(url)
        yield seen
        if checked:
            seen.check()
    finally:
        context.close()
