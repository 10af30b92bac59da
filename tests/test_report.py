from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ase.build import fcc111

from qdsurf.campaign.ranking import rank
from qdsurf.errors import AskError
from qdsurf.report import terminal_table, write_report
from qdsurf.report.table import csv_text, write_json
from qdsurf.report.viewer import bundle

EVIL = "--></script><script>alert('x')</script><b>"


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
    def carried(name: str) -> Any:
        found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.DOTALL)
        assert found is not None
        return json.loads(found[1])

    assert carried("csv") == csv_text(rows())
    data = carried("chsp-data")
    assert len(data["structures"]) == 2
    assert data["properties"]["energy"]["values"] == [-1.0, -0.5]


def test_the_page_is_written_from_a_table(tmp_path: Path) -> None:
    write_json(rows(), tmp_path / "table.json")
    for source in (tmp_path, tmp_path / "table.json"):
        text = write_report(source, tmp_path / "r.html").read_text(encoding="utf-8")
        assert "acetate$x$" in text
    assert "chsp-map" not in without_scripts(text).split("</style>")[1]
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
