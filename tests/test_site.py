"""The built site (`make docs`): complete, and nothing in it is loaded from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

# what a browser loads by itself, by element and attribute; a link that a reader may follow is none of these
LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "embed": "src", "object": "data"}
LOADED_LINKS = ("stylesheet", "icon", "preload", "prefetch", "preconnect", "modulepreload", "manifest")


class Loads(HTMLParser):
    """Collects what a page loads, and the names that it can be entered by."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.ids: set[str] = set()
        self.classes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        if tag in LOADS and LOADS[tag] in given:
            self.urls.append(given[LOADS[tag]])
        if tag == "link" and any(rel in LOADED_LINKS for rel in given.get("rel", "").split()):
            self.urls.append(given["href"])
        self.urls += re.findall(r"url\(['\"]?([^'\")]+)", given.get("style", ""))
        self.ids.add(given.get("id", ""))
        self.classes |= set(given.get("class", "").split())


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest) -> Path:
    folder = Path(request.config.getoption("--site")).resolve()
    assert (folder / "index.html").is_file(), f"{folder} holds no site; `make docs` builds one"
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Loads]:
    found = {}
    for path in sorted(site.rglob("*.html")):
        page = Loads()
        page.feed(path.read_text(encoding="utf-8"))
        found[path.relative_to(site).as_posix()] = page
    return found


def styles(site: Path) -> Iterator[str]:
    for path in site.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        yield from re.findall(r"url\(['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)", text)


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[str, Loads]) -> None:
    urls = {url for page in pages.values() for url in page.urls}
    urls |= {url for pair in styles(site) for url in pair if url}
    assert any(url.endswith(".css") for url in urls), "the test looks at nothing"
    outside = {url for url in urls if re.match(r"(https?:)?//", url)}
    assert not outside
    # the theme's script fetches the program that draws these from elsewhere, once a page has one
    assert not [name for name, page in pages.items() if "mermaid" in page.classes]


def test_every_public_name_is_in_the_reference(pages: dict[str, Loads]) -> None:
    import qdsurf

    ids = {i for name, page in pages.items() if name.startswith("reference/") for i in page.ids}
    missing = {f"{home}.{name}" for name, home in qdsurf._HOME.items()} - ids
    assert not missing


def test_every_verb_is_on_the_page_of_the_command_line(pages: dict[str, Loads]) -> None:
    import typer

    from qdsurf.cli.commands import app

    verbs = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    assert len(verbs) > 15
    assert not verbs - pages["command-line.html"].ids


def test_every_notebook_was_executed_and_shows_a_picture(site: Path, pages: dict[str, Loads]) -> None:
    sources = sorted((Path(__file__).parents[1] / "examples" / "notebooks").glob("*.py"))
    assert sources
    for source in sources:
        shown = [url for url in pages[f"notebooks/{source.stem}.html"].urls if source.stem in url]
        assert shown, f"{source.name} draws nothing"
        assert all((site / "notebooks" / url).stat().st_size > 5000 for url in shown)


def test_pages_work_in_a_browser_without_a_network(site: Path) -> None:
    from browser import chromium, visit

    with chromium() as browser:
        for name in ("index.html", "reference/build.html", "notebooks/" + first_notebook(site)):
            with visit(browser, (site / name).as_uri()) as seen:
                assert seen.page.locator("h1").inner_text()


def first_notebook(site: Path) -> str:
    return min(path.name for path in (site / "notebooks").glob("*.html"))
