from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ase.build import fcc111
from ase.io import read
from pages import EVIL, campaign, structures

from qdsurf.campaign.outputs import write_outputs
from qdsurf.campaign.ranking import rank
from qdsurf.errors import AskError
from qdsurf.methods import load_method
from qdsurf.report import terminal_table, write_report
from qdsurf.report.carried import choose_structures
from qdsurf.report.citing import bibtex
from qdsurf.report.palette import ELEMENT_COLOURS
from qdsurf.report.table import COLUMNS, read_structures, variant_folder, write_json
from qdsurf.report.viewer import bundle


def rows() -> list[dict[str, Any]]:
    common = {
        "cbc_class": "X", "binds": "anion site", "method": "emt", "uncertainty_eV": 0.1, "converged": True,
        "status": "done", "reaction": "acid exchange", "equation": "a → b", "cite": ["10.1000/x"],
        "warnings": ["mind <this>"], "terms": {"a": 1.0}, "stoichiometry": {"a": -1.0}, "surface": "slab",
    }  # fmt: skip
    failed = {"energy_eV": None, "uncertainty_eV": None, "status": "failed", "cause": "no <room>"}
    return rank(
        [
            {**common, "ligand": EVIL, "energy_eV": -1.0},
            {**common, "ligand": "acetate$x$", "energy_eV": -0.5},
            {**common, "ligand": "oleate", **failed},
        ]
    )


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    slab = fcc111("Cu", (1, 1, 2), vacuum=5.0)
    path = write_report(
        rows(), tmp_path_factory.mktemp("page") / "r.html", structures={EVIL: slab, "acetate$x$": slab}
    )
    return path.read_text(encoding="utf-8")


def without_scripts(page: str) -> str:
    return re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


def carried(page: str, name: str) -> Any:
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def unpacked(text: str) -> str:
    return gzip.decompress(base64.b64decode(text)).decode()


def test_the_page_loads_nothing_from_a_network(page: str) -> None:
    assert not re.search(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=[\"']?(?:https?:)?//", page)
    assert not re.search(r"(?:src|href)\s*=\s*[\"']?\s*(?:https?:)?//", without_scripts(page))
    assert not re.search(r"@import|url\(\s*[\"']?http", without_scripts(page))
    assert "default-src 'none'" in page
    assert "DefaultVisualizer" in page


def test_text_is_escaped_wherever_it_stands(page: str) -> None:
    # a script that ends early would end the page's own script elements too
    assert page.count("<script") - bundle().count("<script") == page.count("</script")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(" in page
    assert "mind &lt;this&gt;" in page
    assert "no &lt;room&gt;" in page
    assert "doi:10.1000/x" in page


def test_the_page_carries_its_table_and_structures(page: str) -> None:
    data = json.loads(unpacked(carried(page, "data")))
    found = [dict(zip(data["columns"], row, strict=True)) for row in data["rows"]]
    for got, meant in zip(found, rows(), strict=True):
        assert {name: got[name] for name in meant} == meant
    assert data["settings"]["csv"] == list(COLUMNS)
    assert data["settings"]["mapped"] == [0, 1]
    assert data["settings"]["properties"]["binding energy"]["values"] == [-1.0, -0.5, None]
    structures = carried(page, "structures")
    assert set(structures) == {"0", "1"}
    assert len(read(io.StringIO(unpacked(structures["0"])), format="extxyz")) == 2


def test_only_the_script_of_the_page_may_run(page: str) -> None:
    allowed = re.search(r"script-src 'sha256-([^']+)' 'unsafe-eval';", page)
    running = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    assert allowed is not None
    assert len(running) == 1
    assert base64.b64encode(hashlib.sha256(running[0].encode()).digest()).decode() == allowed[1]


def test_same_rows_same_bytes(page: str, tmp_path: Path) -> None:
    slab = fcc111("Cu", (1, 1, 2), vacuum=5.0)
    again = write_report(rows(), tmp_path / "r.html", structures={EVIL: slab, "acetate$x$": slab})
    assert again.read_text(encoding="utf-8") == page


def test_the_viewer_has_the_colours_of_the_pictures() -> None:
    table = re.search(r"defaultColor:\d+,Jmol:\{([^}]*)\}", bundle())
    assert table is not None
    colours = dict(entry.split(":") for entry in table[1].split(","))
    for element, colour in ELEMENT_COLOURS.items():
        assert int(colours[element]) == int(colour[1:], 16)
    assert colours["Fe"] != "0"


def test_citations_come_from_the_shelf_and_unknown_ones_are_bare() -> None:
    text = bibtex(["10.1038/s42256-023-00716-3", "10.1000/x} @evil{", "10.1038/s42256-023-00716-3"])
    assert text.count("@article{deng2023,") == 1
    assert "doi = {10.1000/x@evil}" in text
    assert "only the DOI is on record" not in bibtex(load_method("sevennet-0").cite)


def test_many_rows_leave_room_for_the_best_of_each_class() -> None:
    many = [
        {"ligand": f"l{k}", "rank": k % 300 + 1, "group": "XLZ"[k // 300], "key": f"k{k}"} for k in range(900)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("qdsurf.report.carried.MOST_STRUCTURES", 30)
        chosen = choose_structures(many, {row["key"]: "1\n\nH 0 0 0\n" for row in many})
    assert list(chosen) == [*range(10), *range(300, 310), *range(600, 610)]


def test_vacancies_are_written_and_those_that_a_ligand_fills_are_not() -> None:
    atoms = read(io.StringIO(structures()["amine"]), format="extxyz")
    (left,) = atoms.info["vacancies"]
    assert left["species"] == "Cs"  # the amine took the place of the bromide
    assert atoms.positions[:, 2].max() > left["position"][2] > 0
    assert "vacancies" not in read(io.StringIO(structures()["carboxylate"]), format="extxyz").info


def test_the_page_is_written_from_a_table(tmp_path: Path) -> None:
    write_json(rows(), tmp_path / "table.json")
    for source in (tmp_path, tmp_path / "table.json"):
        text = write_report(source, tmp_path / "r.html").read_text(encoding="utf-8")
        assert "acetate$x$" in text
    assert 'id="chsp-map"' not in without_scripts(text)
    (tmp_path / "table.json").write_text("{}")
    with pytest.raises(AskError, match="not a table"):
        write_report(tmp_path, tmp_path / "r.html")
    with pytest.raises(AskError, match="cannot read"):
        write_report(tmp_path / "none.json", tmp_path / "r.html")


def test_an_empty_table_gives_a_page(tmp_path: Path) -> None:
    assert "0 ligands" in write_report([], tmp_path / "r.html").read_text(encoding="utf-8")


def test_the_terminal_table_shows_names_as_they_are() -> None:
    from rich.console import Console

    console = Console(width=200, record=True, quiet=True)
    console.print(terminal_table([{**rows()[0], "ligand": "[red]x[/red]"}]))
    table = terminal_table(rows())
    assert table.row_count == 5


def test_structures_of_several_surfaces_are_found(tmp_path: Path) -> None:
    many = [
        {"ligand": "acetate", "surface": surface, "site": None, "mode": "auto", "key": f"k{number}"}
        for number, surface in enumerate(("PbS(100)", "CdSe(10-10)"))
    ]
    for row in many:
        folder = tmp_path / variant_folder(row) / "structures"
        folder.mkdir(parents=True)
        (folder / "acetate.extxyz").write_text(f"of {row['surface']}")
    write_json(many, tmp_path / "table.json")
    assert read_structures(many, tmp_path) == {"k0": "of PbS(100)", "k1": "of CdSe(10-10)"}
    assert read_structures(many, tmp_path / "table.json", most=1) == {"k0": "of PbS(100)"}


def test_a_campaign_of_several_surfaces_has_a_page_of_all_and_one_of_each(tmp_path: Path) -> None:
    every, known = campaign(6)
    many = rank([{**row, "surface": f"slab {k % 2}"} for k, row in enumerate(every)])
    outputs = SimpleNamespace(structures=10, report=True, exports=[])
    settings: Any = SimpleNamespace(title="all", outputs=outputs)
    store: Any = SimpleNamespace(structure=known.get)
    write_outputs(many, store, tmp_path, settings)
    pages = {p.parent.name: p.read_text() for p in tmp_path.rglob("report.html")}
    assert set(pages) == {tmp_path.name, "slab_0", "slab_1"}
    data = json.loads(unpacked(carried(pages[tmp_path.name], "data")))
    assert len(data["rows"]) == 6
    assert "surface" in data["settings"]["columns"]
    assert len(carried(pages[tmp_path.name], "structures")) == len(known)
