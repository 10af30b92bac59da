"""The browser of the tests sees what it is there to see: requests that leave, errors, downloads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser import chromium, stays, visit

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.mark.parametrize(
    ("url", "inside"),
    [
        ("file:///tmp/report.html", True),
        ("data:image/png;base64,AA", True),
        ("blob:null/7", True),
        ("http://127.0.0.1:8080/page", True),
        ("ws://localhost:8080/socket", True),
        ("https://cdn.example/x.js", False),
        ("http://127.0.0.1.example/", False),
        ("http://192.168.0.1/", False),
        ("wss://example/socket", False),
    ],
)
def test_what_stays_on_the_machine(url: str, inside: bool) -> None:
    assert stays(url) is inside


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


def page_with(folder: Path, body: str) -> str:
    path = folder / "page.html"
    path.write_text(f"<!DOCTYPE html><meta charset=utf-8><title>t</title>{body}")
    return path.as_uri()


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        "<script src='https://cdn.example/x.js'></script>",
        "<img src='http://example.invalid/x.png'>",
        "<style>@import 'https://fonts.example/f.css';</style>",
        "<script>fetch('https://example.invalid/').catch(() => 0)</script>",
        "<script>new WebSocket('wss://example.invalid/')</script>",
        "<script>navigator.sendBeacon('https://example.invalid/', 'x')</script>",
        "<iframe src='https://example.invalid/'></iframe>",
    ],
)
def test_what_leaves_is_seen(browser: Browser, tmp_path: Path, body: str) -> None:
    with visit(browser, page_with(tmp_path, body), checked=False) as seen:
        seen.page.wait_for_timeout(200)
        assert seen.leaving
        with pytest.raises(AssertionError, match="leave the machine"):
            seen.check()


@pytest.mark.slow
@pytest.mark.parametrize(
    "script", ["console.error('wrong')", "throw Error('wrong')", "Promise.reject(Error('wrong'))"]
)
def test_errors_are_seen(browser: Browser, tmp_path: Path, script: str) -> None:
    with visit(browser, page_with(tmp_path, f"<script>{script}</script>"), checked=False) as seen:
        seen.page.wait_for_timeout(200)
        with pytest.raises(AssertionError, match="wrong"):
            seen.check()


@pytest.mark.slow
def test_a_quiet_page_passes_and_gives_its_file(browser: Browser, tmp_path: Path) -> None:
    body = (
        "<a id=one download='a.txt' href='data:text/plain,hello'>a</a>"
        "<script>console.log('all is well'); console.warn('nearly')</script>"
    )
    with visit(browser, page_with(tmp_path, body)) as seen:
        assert seen.download("#one", tmp_path).read_text() == "hello"
        assert len(seen.requests) >= 1
