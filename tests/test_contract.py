"""One contract for every method that runs here: what an energy may not depend on, and what forces are.

Only the cheapest runs in every test; the others need an engine, which CI installs.
"""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest
from alone import energies_of
from ase import Atoms
from ase.build import bulk, molecule

import qdsurf as qs
from qdsurf.energy.relax import Relaxed, relax, single_point
from qdsurf.errors import AskError
from qdsurf.library import list_shelf
from qdsurf.methods import check_system, lacks, load_method, make_calculator

# eV
ENERGY = 1e-3
# Å, of finite differences: long enough for single precision
STEP = 0.01


@dataclass(frozen=True, kw_only=True)
class Case:
    """A method, the system it is tried on, and how exactly it keeps the contract."""

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    system: str = "acid"
    #: (axis, degrees) by which the frame is turned: where there is a grid, only what maps it onto itself
    turn: tuple[tuple[int, int, int], float] = ((1, 2, 3), 37.0)
    #: Å
    shift: tuple[float, float, float] = (0.31, 0.22, 0.13)
    #: eV, by which grids and single precision let the energy vary
    energy: float = ENERGY
    #: eV/Å
    force: float = 5e-3

    @property
    def id(self) -> str:
        return self.name


def _system(kind: str) -> Atoms:
    if kind == "metal":
        atoms = bulk("Cu", cubic=True)
    elif kind == "acid":
        atoms = molecule("CH3COOH")
    elif kind == "water":
        atoms = molecule("H2O")
    elif kind == "boxed acid":
        atoms = molecule("CH3COOH")
        atoms.set_cell([14.0, 14.0, 14.0])
        atoms.pbc = True
    else:
        atoms = Atoms("H2", positions=[(0, 0, 0), (0, 0, 0.8)], cell=[5, 5, 5], pbc=True)
        return atoms
    atoms.rattle(0.05, seed=1)
    return atoms


# Turns and shifts that map a grid of 5 Å / 24 onto itself.
SQUARE: dict[str, Any] = {"turn": ((1, 0, 0), 90), "shift": (5 / 24, 0, 10 / 24)}
GPAW = {"mode": "lcao", "grid_spacing": 0.2, "energy_tolerance": 1e-7}
CASES = [
    Case(name="emt", system="metal"),
    Case(name="sevennet-0"),
    Case(name="sevennet-mf-0"),
    Case(name="chgnet", system="boxed acid"),
    Case(name="diep", system="boxed acid"),
    Case(name="committee", system="boxed acid"),
    Case(name="gfn1-xtb"),
    Case(name="gfn2-xtb"),
    Case(name="gfn-ff"),
    Case(name="xtb-gfn1"),
    Case(name="xtb-gfn2"),
    Case(name="pyscf-pbe-d3", settings={"basis": "sto-3g", "grid": 2}, system="water", energy=3e-3),
    Case(name="gpaw-pbe-d3", settings=GPAW, system="H2", **SQUARE, force=0.03),
]
ENGINES = [pytest.param(c, id=c.id, marks=() if c.name == "emt" else pytest.mark.engine) for c in CASES]


def method_of(case: Case):
    """Return the method of *case*, or skip where it cannot run; fail in CI."""
    method = load_method(case.name, **case.settings)
    if missing := lacks(method):
        said = f"{case.name} lacks: {missing}"
        pytest.fail(said) if os.environ.get("CI") else pytest.skip(said)
    return method


def compute(case: Case, atoms: Atoms) -> Relaxed:
    return single_point(atoms, method_of(case))


@pytest.mark.parametrize("case", ENGINES)
def test_energy_keeps_the_symmetries_and_changes_nothing(case: Case) -> None:
    """Turned, shifted and renumbered systems have one energy; the input is what it was."""
    atoms = _system(case.system)
    before = atoms.copy()
    reference = compute(case, atoms)
    axis, degrees = case.turn
    turned = atoms.copy()
    turned.rotate(degrees, axis, rotate_cell=not case.name.startswith("gpaw"))
    shifted = atoms.copy()
    shifted.translate(case.shift)
    order = np.random.default_rng(0).permutation(len(atoms))
    for changed in (turned, shifted, atoms[order]):
        assert compute(case, changed).energy == pytest.approx(reference.energy, abs=case.energy)
    assert atoms == before
    assert atoms.calc is None
    assert reference.atoms == before


@pytest.mark.parametrize("case", ENGINES)
def test_energy_is_extensive(case: Case) -> None:
    """Two of the same, far apart or as one larger cell, have twice the energy."""
    atoms = _system(case.system)
    reference = compute(case, atoms).energy
    if atoms.pbc.all() and case.system != "boxed acid":
        double = atoms.repeat((2, 1, 1))
    else:
        far = atoms.copy()
        far.translate((14.0 if atoms.pbc.any() else 40.0, 0, 0))
        double = atoms + far
        if atoms.pbc.any():
            double.set_cell([28.0, 14.0, 14.0])
    # Charges that fall off slowly with the distance leave some meV in force fields and tight binding.
    assert compute(case, double).energy == pytest.approx(2 * reference, abs=max(2 * case.energy, 4e-3))


@pytest.mark.parametrize("case", ENGINES)
def test_forces_are_the_slope_of_the_energy(case: Case) -> None:
    atoms = _system(case.system)
    work = atoms.copy()
    # One calculator for all: also that nothing of the last geometry is left in it.
    work.calc = make_calculator(method_of(case))
    atom, axis = {"H2": (1, 2), "water": (1, 2), "metal": (0, 1)}.get(case.system, (5, 2))
    force = work.get_forces()[atom, axis]
    energies = []
    for sign in (1, -1):
        work.positions = atoms.positions
        work.positions[atom, axis] += sign * STEP
        energies.append(float(work.get_potential_energy()))
    slope = -(energies[0] - energies[1]) / (2 * STEP)
    assert force == pytest.approx(slope, abs=case.force)
    work.positions = atoms.positions
    assert work.get_forces()[atom, axis] == pytest.approx(force, abs=case.force / 5)


@pytest.mark.parametrize(
    "case", [c for c in ENGINES if c.id in ("emt", "sevennet-0", "gfn2-xtb", "xtb-gfn2", "gpaw-pbe-d3")]
)
def test_two_processes_at_once_do_not_disturb_each_other(case: Case) -> None:
    """Different systems computed at the same time, in the same folder, have the energies they have alone."""
    method_of(case)
    here, there = _system(case.system), _system(case.system)
    there.positions[0] += 0.1
    alone = energies_of(case.name, case.settings, [here, there])
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        first = pool.submit(energies_of, case.name, case.settings, [here, there])
        second = pool.submit(energies_of, case.name, case.settings, [there, here])
        assert first.result() == pytest.approx(alone, abs=case.energy)
        assert second.result() == pytest.approx(alone[::-1], abs=case.energy)
    assert abs(alone[0] - alone[1]) > 10 * case.energy


def test_what_a_method_cannot_do_is_refused_before_anything_starts(monkeypatch) -> None:
    """For every preset: no calculator is made for a system outside what the preset declares."""
    made = []
    monkeypatch.setattr("qdsurf.energy.relax.make_calculator", lambda *a, **k: made.append(a))
    slab = Atoms("Cu", cell=[3, 3, 20], pbc=(True, True, False))
    for name in list_shelf("calculators"):
        method = load_method(name)
        wrong: list[tuple[Atoms, int]] = []
        if method.elements:
            wrong.append((Atoms("Og"), 0))
        if not method.periodic:
            wrong += [(slab, 0), (bulk("Cu"), 0)]
        if not method.slabs:
            wrong.append((slab, 0))
        # A charged periodic cell is refused by all: by those that take a charge too, until asked for.
        wrong += [(bulk("Cu"), 1), (slab, -1)]
        if not method.charged:
            wrong.append((Atoms("Cu"), 1))
        for atoms, charge in wrong:
            with pytest.raises(AskError):
                single_point(atoms, method, charge=charge)
    assert made == []


def test_every_program_is_installed_where_ci_runs() -> None:
    """So that no engine test is skipped by mistake: .ci/run installs these."""
    if not os.environ.get("CI"):
        pytest.skip("only where CI is set")
    assert [p for p in ("xtb", "gpaw", "cp2k", "pw.x") if shutil.which(p) is None] == []


@pytest.mark.engine
def test_two_programs_have_one_gfn2_and_pyscf_knows_heavy_ions() -> None:
    """At the bond of the gas phase (3.07 Å) a CsBr molecule with core potentials feels little force."""
    acid = _system("acid")
    both = [single_point(acid, load_method(name)).energy for name in ("gfn2-xtb", "xtb-gfn2")]
    assert both[0] == pytest.approx(both[1], abs=1e-3)
    method = load_method("pyscf-pbe-d3")
    assert single_point(Atoms("CsBr", positions=[(0, 0, 0), (0, 0, 3.07)]), method).fmax < 0.5


@pytest.mark.engine
def test_a_relaxation_with_the_xtb_program() -> None:
    """GFN-FF relaxes a bare dot in a folder of its own, and leaves nothing behind."""
    dot = qs.carve_dot(qs.load_crystal("CsPbBr3-cubic"), cells=1, termination="CsBr")
    result = relax(dot.atoms, load_method("gfn-ff"), steps=100)
    assert result.converged
    assert result.steps > 3


def test_charges_are_checked_before_the_method(monkeypatch) -> None:
    with pytest.raises(AskError, match="charged_cell='makov-payne'"):
        check_system(load_method("gpaw-pbe-d3"), bulk("Cu"), charge=1)
    allowed = load_method("gpaw-pbe-d3", charged_cell="makov-payne", dielectric=5.0)
    check_system(allowed, bulk("Cu"), charge=1)
    with pytest.raises(AskError, match="grows without limit"):
        check_system(allowed, Atoms("Cu", cell=[3, 3, 20], pbc=(True, True, False)), charge=1)
