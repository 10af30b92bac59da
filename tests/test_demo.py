"""What `make demo` left: run by CI with --demo FOLDER after the demo itself."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qdsurf.methods import load_method, make_calculator


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


def test_energies_do_not_depend_on_how_the_input_is_written(folder: Path, rows: list[dict[str, Any]]) -> None:
    """Rotated and relabelled: the same within 1 meV; two separated copies: twice the energy."""
    from ase.io import read

    calculator = make_calculator(load_method(rows[0]["method"].split()[0]))
    rng = np.random.default_rng(0)

    def energy(atoms: Any) -> float:
        copy = atoms.copy()
        copy.calc = calculator
        return float(copy.get_potential_energy())

    for row in rows:
        (path,) = (folder / "structures").glob(f"{row['ligand']}.extxyz")
        atoms = read(path)
        alone = energy(atoms)
        turned = atoms[rng.permutation(len(atoms))]
        turned.rotate(37.0, (1, 2, 3), rotate_cell=True)
        assert energy(turned) == pytest.approx(alone, abs=1e-3), row["ligand"]
        pair = atoms.copy()
        other = atoms.copy()
        other.translate([0, 0, atoms.cell[2, 2] + 20])
        pair.extend(other)
        pair.set_cell([atoms.cell[0], atoms.cell[1], [0, 0, 2 * (atoms.cell[2, 2] + 20)]])
        assert energy(pair) == pytest.approx(2 * alone, abs=1e-3), row["ligand"]
