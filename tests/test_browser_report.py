"""The report page in Chromium: what a reader does with it, and that nothing leaves the machine."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ase.io import read
from browser import Visit, chromium, visit
from pages import EVIL, campaign, structures

from qdsurf.report import write_json, write_report
from qdsurf.report.table import csv_text

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow

DEMO = Path(__file__).resolve().parents[1] / "runs" / "cspbbr3"
MANY = 2000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows, known = campaign(60)
    return write_report(rows, tmp_path_factory.mktemp("small") / "report.html", structures=known, title=EVIL)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same page without the viewer, which opens at once."""
    rows, known = campaign(60)
    path = tmp_path_factory.mktemp("bare") / "report.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("qdsurf.report.page.has_viewer", lambda: False)
        patch.setattr("qdsurf.report.carried.MOST_PICTURES", 3)
        return write_report(rows, path, structures=known, title=EVIL)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows, known = campaign(MANY)
    return write_report(rows, tmp_path_factory.mktemp("large") / "report.html", structures=known)


def ready(seen: Visit, *, viewer: bool = True) -> None:
    part = "viewer" if viewer else "table"
    seen.page.wait_for_function(f"document.body.dataset.{part} === 'ready'", polling=250)


def names(seen: Visit) -> list[str]:
    return seen.page.locator("#rows tbody td.name").all_inner_texts()


def column(seen: Visit, name: str) -> list[str]:
    heads = seen.page.locator("#rows thead th").evaluate_all("all => all.map(one => one.dataset.name)")
    place = heads.index(name) + 1
    return seen.page.locator(f"#rows tbody td:nth-child({place})").all_inner_texts()


SHOWN = """() => {
    const find = (root) => [...root.querySelectorAll("*")].flatMap((one) =>
        [...(one.tagName === "CANVAS" ? [one] : []), ...(one.shadowRoot ? find(one.shadowRoot) : [])]);
    return find(document.getElementById("chsp-structure")).map((one) => one.toDataURL()).join();
}"""


def picture(seen: Visit) -> str:
    """What the three-dimensional viewer shows."""
    shown = str(seen.page.evaluate(SHOWN))
    assert len(shown) > 5000, "nothing is drawn"
    return shown


def changed(seen: Visit, before: str) -> str:
    """What the viewer shows once it is something else than *before*."""
    seen.page.wait_for_function(f"before => ({SHOWN})() !== before", arg=before, polling=500)
    return picture(seen)


def on_map(seen: Visit, x: float, y: float) -> tuple[float, float]:
    """Where on the screen the map has the point of these values."""
    script = """([x, y]) => {
        const find = (root) => [...root.querySelectorAll("*")].flatMap(
            (one) => [...(one._fullLayout ? [one] : []), ...(one.shadowRoot ? find(one.shadowRoot) : [])]);
        const plot = find(document)[0], box = plot.getBoundingClientRect();
        const { xaxis, yaxis } = plot._fullLayout;
        return [box.x + xaxis._offset + xaxis.d2p(x), box.y + yaxis._offset + yaxis.d2p(y)];
    }"""
    seen.page.locator("#chsp-map").scroll_into_view_if_needed()
    left, top = seen.page.evaluate(script, [x, y])
    return float(left), float(top)


def test_the_table_sorts_filters_and_searches(browser: Browser, bare: Path) -> None:
    with visit(browser, bare.as_uri()) as seen:
        ready(seen, viewer=False)
        assert len(names(seen)) == 50  # of 60: the rest is on the next page
        seen.page.click("#after")
        assert len(names(seen)) == 10
        seen.page.click("th[data-name=energy_eV] button")
        energies = [float(text.split()[0]) for text in column(seen, "energy_eV") if text != "–"]
        assert energies == sorted(energies)
        assert names(seen)[0] == EVIL
        seen.page.click("th[data-name=energy_eV] button")
        energies = [float(text.split()[0]) for text in column(seen, "energy_eV") if text != "–"]
        assert energies == sorted(energies, reverse=True)
        seen.page.fill("#filter", "pair VACANCY")
        assert all("adsorption on a pair vacancy" in text for text in column(seen, "reaction"))
        seen.page.fill("#filter", "")
        seen.page.select_option("#only-state", "failed")
        assert 0 < len(names(seen)) < 10
        assert all("no <room>" in text for text in column(seen, "note"))
        seen.page.fill("#filter", "nothing has this in it")
        assert names(seen) == []
        assert seen.page.inner_text("#count") == "0 of 60 rows"


def test_text_of_users_stays_text(browser: Browser, bare: Path) -> None:
    with visit(browser, bare.as_uri()) as seen:
        seen.page.on("dialog", lambda dialog: seen.errors.append(f"a dialog: {dialog.message}"))
        ready(seen, viewer=False)
        assert seen.page.title() == EVIL
        assert seen.page.inner_text("h1") == EVIL
        seen.page.fill("#filter", "alert")
        seen.page.click("#rows tbody tr td.name")
        assert seen.page.inner_text("#chosen h3") == EVIL
        # even where it would get out of its place, the browser refuses to run it
        seen.page.evaluate(
            "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=window.ran=1>')"
        )
        seen.page.wait_for_timeout(200)
        assert seen.page.evaluate("window.ran") is None
        assert all("Content Security Policy" in text for text in seen.errors)
        seen.errors.clear()


def test_csv_is_the_table_or_what_is_shown_of_it(browser: Browser, bare: Path, tmp_path: Path) -> None:
    rows, _ = campaign(60)

    def plain(text: str) -> list[dict[str, str | float]]:
        def number(cell: str) -> str | float:
            try:
                return float(cell)
            except ValueError:
                return cell.replace(".0", "")  # numbers inside JSON: 1.0 of Python is 1 of JavaScript

        read = csv.DictReader(io.StringIO(text))
        return [{name: number(cell.replace(" ", "")) for name, cell in row.items()} for row in read]

    with visit(browser, bare.as_uri()) as seen:
        ready(seen, viewer=False)
        assert plain(seen.download("#download", tmp_path).read_text()) == plain(csv_text(rows))
        seen.page.select_option("#only-state", "failed")
        some = plain(seen.download("#download", tmp_path).read_text())
        assert 0 < len(some) < 10
        assert {row["status"] for row in some} == {"failed"}


def test_choosing_a_row_or_a_point_shows_its_structure(browser: Browser, small: Path) -> None:
    with visit(browser, small.as_uri()) as seen:
        ready(seen)
        first, shown = picture(seen), seen.page.inner_text("#chosen h3")
        seen.page.fill("#filter", "amine")
        seen.page.click("#rows tbody tr:nth-child(3) td.name")
        second = changed(seen, first)
        assert seen.page.inner_text("#chosen h3") == names(seen)[2] != shown
        assert "✛" in seen.page.inner_text(".keys")
        seen.page.fill("#filter", "")
        before = seen.page.inner_text("#chosen h3")
        rows, _ = campaign(60)
        seen.page.mouse.click(*on_map(seen, 10, rows[9]["energy_eV"]))
        script = "name => document.querySelector('#chosen h3').textContent !== name"
        seen.page.wait_for_function(script, arg=before, polling=250)
        chosen = seen.page.inner_text("#chosen h3")
        assert chosen == rows[9]["ligand"]
        assert seen.page.locator("#rows tr.chosen td.name").inner_text() == chosen
        assert changed(seen, second)


def test_structures_are_files_that_others_read(browser: Browser, bare: Path, tmp_path: Path) -> None:
    from pymatgen.core import Structure
    from pymatgen.io.vasp import Poscar

    with visit(browser, bare.as_uri()) as seen:
        ready(seen, viewer=False)
        seen.page.fill("#filter", "primary ammonium")
        seen.page.click("#rows tbody tr td.name")
        paths = {
            kind: seen.download(f"#chosen button[data-kind={kind}]", tmp_path)
            for kind in ("extxyz", "POSCAR", "CIF")
        }
    text = structures()["primary ammonium"]
    meant = read(io.StringIO(text), format="extxyz")
    assert paths["extxyz"].read_text() == text
    assert len(Poscar.from_file(paths["POSCAR"]).structure) == len(meant)
    assert len(Structure.from_file(paths["CIF"])) == len(meant)
    for kind, format in (("POSCAR", "vasp"), ("CIF", "cif")):
        got = read(paths[kind], format=format)
        assert sorted(got.symbols) == sorted(meant.symbols)
        assert got.cell.cellpar() == pytest.approx(meant.cell.cellpar(), abs=1e-6)
        # the same atoms in the same places, whatever their order
        both = meant.copy()
        both.extend(got)
        both.pbc = True
        far = both.get_all_distances(mic=True)[: len(meant), len(meant) :]
        assert far.min(axis=1).max() < 1e-4


def test_citations_are_bibtex(browser: Browser, bare: Path, tmp_path: Path) -> None:
    with visit(browser, bare.as_uri()) as seen:
        ready(seen, viewer=False)
        text = seen.download("#bib", tmp_path).read_text()
        assert text.count("@article{") == 1
        assert "10.1021/acs.jctc.4c00190" in text


def test_two_thousand_rows(browser: Browser, large: Path) -> None:
    with visit(browser, large.as_uri()) as seen:
        ready(seen)
        assert seen.page.inner_text("#count") == f"{MANY} rows"
        seen.page.fill("#filter", "ligand 1999")
        seen.page.click("#rows tbody tr td.name")
        assert seen.page.inner_text("#chosen h3") == "ligand 1999"
        seen.page.select_option("#only-state", "failed")
        seen.page.fill("#filter", "")
        seen.page.click("#rows tbody tr td.name")
        assert "failed" in seen.page.inner_text("#absent")


def test_a_page_without_the_viewer_shows_pictures(browser: Browser, bare: Path) -> None:
    with visit(browser, bare.as_uri()) as seen:
        ready(seen, viewer=False)
        assert "pip install" in seen.page.inner_text("#viewer-note")
        sources = set()
        for place in (1, 3):
            seen.page.click(f"#rows tbody tr:nth-child({place}) td.name")
            image = seen.page.locator("#chosen img")
            assert image.evaluate("one => one.naturalWidth") > 300
            sources.add(image.get_attribute("src"))
        assert len(sources) == 1  # two carboxylates: the same structure here


def test_a_page_of_scores_without_structures(browser: Browser, tmp_path: Path) -> None:
    rows, _ = campaign(12)
    scored = [
        {**row, "energy_eV": None, "uncertainty_eV": None, "score": 0.5 + k / 100, "rank": k + 1}
        for k, row in enumerate(rows)
    ]
    write_json(scored, tmp_path / "table.json")
    with visit(browser, write_report(tmp_path, tmp_path / "report.html").as_uri()) as seen:
        ready(seen, viewer=False)
        assert column(seen, "score")[0] == "0.500"


@pytest.mark.skipif(not (DEMO / "table.json").is_file(), reason="make demo was not run")
def test_the_demo(browser: Browser, tmp_path: Path) -> None:
    page = write_report(DEMO, tmp_path / "report.html")
    with visit(browser, page.as_uri()) as seen:
        ready(seen)
        assert len(names(seen)) == 12
        first = picture(seen)
        seen.page.click("#rows tbody tr:nth-child(7) td.name")
        assert changed(seen, first)
        path = seen.download("#chosen button[data-kind=POSCAR]", tmp_path)
    assert len(read(path, format="vasp")) > 60
