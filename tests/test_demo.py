"""What `make demo` left: run by CI with --demo FOLDER after the demo itself."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def folder(request: pytest.FixtureRequest) -> Path:
    return Path(request.config.getoption("--demo"))


@pytest.fixture(scope="module")
def rows(folder: Path) -> list[dict[str, Any]]:
    found = json.loads((folder / "table.json").read_text())
    return found if isinstance(found, list) else found["rows"]


def test_every_pair_is_done_and_adds_up(rows: list[dict[str, Any]]) -> None:
    assert len(rows) >= 10
    for row in rows:
        assert row["status"] == "done", (row["ligand"], row["cause"])
        assert abs(row["energy_eV"]) < 10, row["ligand"]
        terms, numbers = row["terms"], row["stoichiometry"]
        total = sum(numbers[k] * terms[k] for k in numbers)
        assert total == pytest.approx(row["energy_eV"], abs=1e-6), row["ligand"]
        assert row["uncertainty_eV"] > 0


def test_every_class_is_there(rows: list[dict[str, Any]]) -> None:
    assert {"anion site", "cation site", "on a cation", "pair"} <= {r["binds"] for r in rows}


def test_most_pairs_converged(rows: list[dict[str, Any]]) -> None:
    assert sum(bool(r["converged"]) for r in rows) >= 0.8 * len(rows)


def test_structures_and_page_are_there(folder: Path, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        assert list((folder / "structures").glob(f"{row['ligand']}*.extxyz")), row["ligand"]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert all(row["ligand"] in page for row in rows)
    assert not re.search(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=[\"']?https?:", page)
