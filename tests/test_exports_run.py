"""One exported input of each code that can be installed here, run to a finished energy and read back.

A missing program fails these tests in CI, where .ci/run installs all of them, and skips them elsewhere.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

import qdsurf as qs
from qdsurf.errors import RunError
from qdsurf.exports.folder import read_manifest
from qdsurf.model.nouns import Surface

pytestmark = [pytest.mark.engine, pytest.mark.dft]

QE_PBE = {"H": "H.pbe-kjpaw.UPF", "C": "C.pbe-n-kjpaw_psl.0.1.UPF", "O": "O.pbe-kjpaw.UPF"}


ENVIRONMENT = {
    "CP2K_DATA_DIR": "/usr/share/cp2k", "GPAW_PYTHON": "/usr/bin/python3", "PYSCF_PYTHON": sys.executable
}  # fmt: skip
PROGRAMS = {"espresso": "pw.x", "cp2k": "cp2k.psmp", "gpaw": "gpaw"}


def need(program: str) -> str:
    """Return the path of *program*, or skip; fail in CI."""
    found = shutil.which(program)
    if found is None:
        missing = f"{program} is not installed; .ci/run names its Debian package"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    return found


def need_files(pattern: str) -> Path:
    """Return the folder of the data files that match *pattern*, or skip; fail in CI."""
    found = sorted(glob.glob(pattern, recursive=True))
    if not found:
        missing = f"no {pattern}; .ci/run names its Debian package"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    return Path(found[0]).parent


def run(folder: Path, **environment: str) -> str:
    """Run the export in *folder* as its README says."""
    result = subprocess.run(
        ["bash", str(folder / "run.sh")],
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=600,
    )
    if result.returncode:
        raise RunError(result.stdout[-2000:] + result.stderr[-2000:])
    return result.stdout


def surface_of(atoms, name: str) -> Surface:
    """Return a neutral molecule or a layer of molecules as a Surface."""
    count = len(atoms)
    atoms.set_array("fragment", np.zeros(count, dtype=int))
    atoms.set_array("species", np.array([name] * count))
    atoms.set_array("role", np.array(["ligand"] + ["core"] * (count - 1)))
    atoms.set_array("anchor", np.zeros(count, dtype=bool))
    atoms.set_array("layer", np.full(count, -1))
    return Surface(name=name, atoms=atoms, charges={name: 0}, sites=(), recipe={"verb": "test"})


@pytest.fixture
def crystal():
    return qs.load_crystal("CsPbBr3-cubic")


@pytest.fixture
def acid():
    return surface_of(molecule("HCOOH"), "formic acid")


@pytest.fixture
def layer():
    """Water molecules that all point up: a slab with a dipole."""
    atoms = molecule("H2O")
    atoms.set_cell([4.0, 4.0, 12.0])
    atoms.pbc = (True, True, False)
    atoms.positions -= atoms.positions.mean(axis=0)
    if atoms.positions[0, 2] > 0:
        atoms.positions[:, 2] *= -1
    return surface_of(atoms, "water layer")


def collected(folder: Path):
    found = qs.collect(folder).runs[0]
    assert found.status == "done", found.reason
    assert found.converged
    assert not found.warnings
    return found


def test_xtb(crystal, tmp_path):
    need("xtb")
    dot = qs.carve_dot(crystal, cells=1, termination="CsBr")
    folder = qs.export(dot, "xtb", tmp_path / "xtb", purpose="static").folder
    run(folder)
    found = collected(folder)
    assert found.homo < found.lumo
    assert found.charge == pytest.approx(0)
    assert found.largest_force > 0
    assert np.abs(found.forces.sum(axis=0)).max() < 0.01


def test_a_binding_energy_from_export_to_collect(crystal, tmp_path):
    """All states of a reaction run by their script give what `bind` gives; one that fails is said to have."""
    need("xtb")
    dot = qs.carve_dot(crystal, cells=1, termination="CsBr")
    ligand, method = qs.load_ligand("acetate"), qs.load_method("gfn2-xtb")
    made = qs.export(dot, "xtb", tmp_path / "acetate", purpose="binding", ligand=ligand, poses=2)
    run(made.folder)
    found = qs.collect(made.folder)
    assert found.done, [(r.name, r.status, r.reason, r.converged) for r in found.runs]
    assert found.energy.reaction.name == "acid exchange"
    assert -3.0 < found.energy.value < 3.0
    assert len(found.energy.provenance["poses"]) == 2
    assert found.energy.uncertainty >= method.class_errors["X"]
    reference = qs.binding_energy(dot, ligand, method, poses=2)
    assert found.energy.reaction == reference.reaction
    assert set(found.energy.terms) == set(reference.terms)
    for name, value in reference.terms.items():
        # another optimiser ends at another point of a flat minimum: 0.08 eV at most were seen
        assert found.energy.terms[name] == pytest.approx(value, abs=0.2), name
    assert found.energy.value == pytest.approx(reference.value, abs=0.2)
    states = {run.folder.name: run for run in found.runs}
    outputs = states["01-surface"].folder / "xtb.out"
    outputs.write_text(outputs.read_text().split("TOTAL ENERGY")[0] + "\n[ERROR] Program stopped\n")
    broken = qs.collect(made.folder)
    assert broken.runs[0].status == "failed"
    assert broken.energy is None
    assert "surface" in broken.missing


def test_lammps_gives_the_electrostatic_energy_of_the_crystal(crystal, tmp_path):
    """Also computed by pymatgen: cell, order and charges were read as meant."""
    from pymatgen.analysis.ewald import EwaldSummation
    from pymatgen.io.ase import AseAtomsAdaptor

    need("lmp")
    folder = qs.export(crystal, "lammps", tmp_path / "lammps", purpose="static").folder
    run(folder)
    lines = (folder / "lammps.log").read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.split()[:2] == ["Step", "PotEng"])
    energy = float(lines[at + 1].split()[1])
    structure = AseAtomsAdaptor.get_structure(crystal.atoms)
    structure.add_oxidation_state_by_element({"Cs": 1, "Pb": 2, "Br": -1})
    assert energy == pytest.approx(EwaldSummation(structure).total_energy, rel=1e-4)


def test_cp2k_crystal_with_kpoints(crystal, tmp_path):
    need("cp2k.psmp")
    need_files("/usr/share/cp2k/BASIS_MOLOPT")
    folder = qs.export(crystal, "cp2k", tmp_path / "cp2k", purpose="static", preset="trial").folder
    run(folder, CP2K_DATA_DIR="/usr/share/cp2k")
    found = collected(folder)
    assert found.largest_force < 0.01  # by symmetry
    assert 0.5 < found.gap < 4.0
    assert found.homo < found.fermi < found.lumo


def test_cp2k_relaxes_and_projects(tmp_path):
    need("cp2k.psmp")
    water = surface_of(molecule("H2O"), "water")
    held = water.atoms.copy()
    held.set_array("fixed", np.array([True, True, False]))  # oxygen and one hydrogen
    held.set_distance(0, 2, 1.2, fix=0)
    folder = qs.export(replace(water, atoms=held), "cp2k", tmp_path / "relax", preset="trial", steps=1).folder
    run(folder, CP2K_DATA_DIR="/usr/share/cp2k")
    found = qs.collect(folder).runs[0]
    assert (found.status, found.converged) == ("done", False)  # one step does not do
    bonds = [found.atoms.get_distance(0, i) - held.get_distance(0, i) for i in (1, 2)]
    assert bonds[0] == pytest.approx(0.0, abs=1e-4)
    assert -0.3 < bonds[1] < -0.01
    folder = qs.export(water, "cp2k", tmp_path / "dos", purpose="dos", preset="trial").folder
    run(folder, CP2K_DATA_DIR="/usr/share/cp2k")
    found = collected(folder)
    assert 2.0 < found.gap < 12.0
    below, above = found.edge_shares
    assert 0 < below < 1
    assert 0 < above < 1


def test_espresso_molecule_with_projected_states(acid, tmp_path):
    need("pw.x")
    pseudopotentials = need_files("/usr/share/**/H.pbe-kjpaw.UPF")
    made = qs.export(
        acid, "espresso", tmp_path / "qe", purpose="dos", preset="trial", potentials=QE_PBE, vacuum=4.0
    )
    run(made.folder, PSEUDO_DIR=str(pseudopotentials))
    found = collected(made.folder)
    assert found.charge == 0
    assert 3.0 < found.gap < 8.0
    assert 0 < found.edge_shares[0] < 1
    assert found.energy == pytest.approx(-104.0 * 13.6057, rel=0.01)


def levels_of_abinit(path: Path) -> np.ndarray:
    """Return (k-points, bands) levels in eV."""
    points: list[list[float]] = []
    for line in path.read_text().splitlines():
        if "kpt#" in line:
            points.append([])
        elif points:
            points[-1] += [float(x) * 27.211386245988 for x in line.split()]
    return np.array(points)


def test_abinit_crystal_with_spin_orbit_coupling(crystal, tmp_path):
    """All of CsPbBr3: LDA with the relativistic potentials (HGH) that Debian ships for ABINIT's tests.

    Coupling splits the lead 6p levels at the conduction edge, and so closes most of the gap of LDA.
    """
    need("abinit")
    where = need_files("/usr/share/**/55cs.1.hgh")
    names = {"Cs": "55cs.1.hgh", "Pb": "82pb.4.hgh", "Br": "35br.7.hgh"}
    gaps = []
    for spin_orbit, occupied in ((False, 13), (True, 26)):
        made = qs.export(
            crystal, "abinit", tmp_path / str(spin_orbit), purpose="static", preset="trial",
            functional="LDA", potentials=names, cutoff=218.0, spin_orbit=spin_orbit,
        )  # fmt: skip
        run(made.folder, ABI_PSPDIR=str(where))
        text = (made.folder / "abinit.abo").read_text()
        assert "Calculation completed" in text
        energy = re.findall(r"^\s+etotal\s+(-?\d\S+)", text, re.M)
        assert float(energy[-1]) < -40  # Ha
        levels = levels_of_abinit(made.folder / "abinito_EIG")
        gaps.append(levels[:, occupied].min() - levels[:, occupied - 1].max())
    assert gaps[0] - gaps[1] > 0.5


def test_gpaw_crystal_with_projected_states(crystal, tmp_path):
    need("gpaw")
    made = qs.export(
        crystal, "gpaw", tmp_path / "gpaw", purpose="dos", preset="trial", cutoff=200.0, kpoint_spacing=4.0
    )
    run(made.folder, GPAW_PYTHON="/usr/bin/python3")
    found = collected(made.folder)
    assert found.largest_force < 0.01
    assert found.spectrum.total.sum() > 0
    assert found.gap > 1.0


def test_pyscf_molecule(acid, tmp_path):
    made = qs.export(acid, "pyscf", tmp_path / "static", purpose="static", preset="trial")
    run(made.folder, PYSCF_PYTHON=sys.executable)
    found = collected(made.folder)
    assert found.energy == pytest.approx(-189.4 * 27.2114, rel=1e-3)
    assert 4.0 < found.gap < 8.0
    assert np.abs(found.forces.sum(axis=0)).max() < 0.05


def test_pyscf_relaxes_with_fixed_atoms(acid, tmp_path):
    held = acid.atoms.copy()
    held.set_array("fixed", np.arange(len(held)) < 2)
    made = qs.export(replace(acid, atoms=held), "pyscf", tmp_path / "relax", preset="trial", steps=20)
    run(made.folder, PYSCF_PYTHON=sys.executable)
    found = qs.collect(made.folder).runs[0]
    assert found.status == "done"
    distance = found.atoms.get_distance(0, 1)
    assert distance == pytest.approx(held.get_distance(0, 1), abs=1e-3)


@pytest.mark.parametrize("code", ["espresso", "cp2k", "gpaw", "pyscf"])
def test_a_charged_radical(code, tmp_path):
    """The cation of water: an odd number of electrons, a net charge, no periodic images."""
    program = {"espresso": "pw.x", "cp2k": "cp2k.psmp", "gpaw": "gpaw", "pyscf": "bash"}[code]
    need(program)
    water = surface_of(molecule("H2O"), "water")
    cation = replace(water, charges={"water": 1}, target_charge=1)
    more, environment = {}, {"CP2K_DATA_DIR": "/usr/share/cp2k", "GPAW_PYTHON": "/usr/bin/python3"}
    environment["PYSCF_PYTHON"] = sys.executable
    if code == "espresso":
        more = {"potentials": QE_PBE}
        environment["PSEUDO_DIR"] = str(need_files("/usr/share/**/H.pbe-kjpaw.UPF"))
    made = qs.export(cation, code, tmp_path / code, purpose="static", preset="trial", vacuum=5.0, **more)
    run(made.folder, **environment)
    found = collected(made.folder)
    assert found.charge == 1
    assert found.homo < found.lumo
    # the charge pulls the levels far below those of the molecule (-7.2 eV with PBE); a background would not
    assert found.homo < -15


def test_work_functions_of_three_codes_agree(layer, tmp_path):
    """The step of the potential across a layer of dipoles: each code has its own sign and correction."""
    need("pw.x")
    need("cp2k.psmp")
    need("gpaw")
    pseudopotentials = need_files("/usr/share/**/H.pbe-kjpaw.UPF")
    steps, ionization = {}, {}
    for code, environment, more in (
        ("gpaw", {"GPAW_PYTHON": "/usr/bin/python3"}, {"cutoff": 400.0}),
        ("espresso", {"PSEUDO_DIR": str(pseudopotentials)}, {"potentials": QE_PBE}),
        ("cp2k", {"CP2K_DATA_DIR": "/usr/share/cp2k"}, {}),
    ):
        made = qs.export(
            layer, code, tmp_path / code, purpose="workfunction", preset="trial", vacuum=11.0,
            kpoint_spacing=2.0, **more,
        )  # fmt: skip
        run(made.folder, **environment)
        found = collected(made.folder)
        steps[code] = np.subtract(*found.work_function)
        ionization[code] = found.ionization_energy
    assert steps["gpaw"] < 0  # the hydrogen side, on top, is left more easily
    assert steps["espresso"] == pytest.approx(steps["gpaw"], abs=0.25)
    assert steps["cp2k"] == pytest.approx(steps["gpaw"], abs=0.4)
    assert ionization["espresso"] == pytest.approx(ionization["gpaw"], abs=0.4)
    assert ionization["cp2k"] == pytest.approx(ionization["gpaw"], abs=0.6)


@pytest.fixture
def pair():
    """Water as the core and ammonia as its ligand, 4 Å apart, so that each level belongs to one of them."""
    water, ammonia = molecule("H2O"), molecule("NH3")
    ammonia.positions += [0, 0, 4.0]
    both = surface_of(water + ammonia, "pair")
    both.atoms.set_array("role", np.array(["core"] * 3 + ["ligand"] * 4))
    return both


@pytest.mark.parametrize("code", sorted(PROGRAMS))
def test_a_level_of_a_ligand_is_found_on_it(code, pair, tmp_path):
    """The highest level is ammonia's, which is ionized at 10.1 eV; water is at 12.6 eV."""
    need(PROGRAMS[code])
    more, environment = {}, dict(ENVIRONMENT)
    if code == "espresso":
        more = {"potentials": {**QE_PBE, "N": "N.pbe-kjpaw.UPF"}}
        environment["PSEUDO_DIR"] = str(need_files("/usr/share/**/N.pbe-kjpaw.UPF"))
    made = qs.export(pair, code, tmp_path / "x", purpose="dos", preset="trial", vacuum=4.0, **more)
    run(made.folder, **environment)
    below, _ = collected(made.folder).edge_shares
    assert below > 0.9


@pytest.mark.parametrize("code", ["cp2k", "gpaw", "pyscf"])
def test_pbesol_by_three_codes(code, tmp_path):
    """What it adds to PBE for H2, which has no core: hardly a matter of the basis.

    0.528 eV by GPAW (plane waves to 400 eV), 0.533 eV by PySCF (def2-TZVP), 0.564 eV by CP2K, whose potential
    of hydrogen smooths the density at the nucleus.
    """
    need({**PROGRAMS, "pyscf": "bash"}[code])
    hydrogen = surface_of(molecule("H2"), "hydrogen")
    energies = []
    for functional in ("PBEsol", "PBE"):
        made = qs.export(
            hydrogen, code, tmp_path / functional, purpose="static", preset="pbesol", functional=functional,
            vacuum=6.0, **{"gpaw": {"cutoff": 400.0}, "pyscf": {"basis": "def2-TZVP"}}.get(code, {}),
        )  # fmt: skip
        run(made.folder, **ENVIRONMENT)
        energies.append(collected(made.folder).energy)
    assert energies[0] - energies[1] == pytest.approx(0.53, abs=0.05)


def test_hybrid_functionals_open_the_gap(tmp_path):
    water = surface_of(molecule("H2O"), "water")
    gaps = []
    for functional in ("PBE", "HSE06", "PBE0"):
        made = qs.export(
            water, "pyscf", tmp_path / functional, purpose="static", preset="hse06-d3",
            functional=functional, dispersion="none",
        )  # fmt: skip
        run(made.folder, **ENVIRONMENT)
        gaps.append(collected(made.folder).gap)
    assert gaps[0] + 1 < gaps[1] < gaps[2]


def test_cp2k_relaxes_a_cell(crystal, tmp_path):
    """The salt of a cation exchange: one step moves the edge of the cubic cell, and the reader says where."""
    need("cp2k.psmp")
    slab = qs.cut_slab(crystal, (0, 0, 1), layers=2, termination="CsBr", repeat=(2, 2))
    made = qs.export(
        slab, "cp2k", tmp_path / "x", purpose="binding", ligand=qs.load_ligand("methylammonium"),
        preset="trial", steps=1,
    )  # fmt: skip
    salt = next(f for f in made.folder.iterdir() if "bulk-salt" in f.name)
    run(salt, **ENVIRONMENT)
    found = next(r for r in qs.collect(made.folder).runs if "bulk salt" in r.name)
    assert found.status == "done"
    start = read_manifest(salt)["system"]["cell"][0][0]
    assert found.atoms.cell.lengths() == pytest.approx([found.atoms.cell[0, 0]] * 3)
    assert 1e-4 < abs(found.atoms.cell[0, 0] - start) < 0.3


def test_abinit_accepts_a_supercell(crystal, tmp_path):
    """A cell that is not primitive, as that of most slabs: ABINIT refuses it unless told not to."""
    need("abinit")
    where = need_files("/usr/share/**/55cs.1.hgh")
    salt = Atoms("CsBr", scaled_positions=[(0, 0, 0), (0.5, 0.5, 0.5)], cell=[4.29] * 3, pbc=True)
    salt = salt.repeat((2, 1, 1))
    salt.set_array("fragment", np.arange(4))
    salt.set_array("species", np.array(salt.get_chemical_symbols()))
    made = qs.export(
        replace(crystal, atoms=salt), "abinit", tmp_path / "x", purpose="static", preset="trial",
        functional="LDA", potentials={"Cs": "55cs.1.hgh", "Br": "35br.7.hgh"}, cutoff=150.0,
        kpoint_spacing=4.0,
    )  # fmt: skip
    run(made.folder, ABI_PSPDIR=str(where))
    assert "Calculation completed" in (made.folder / "abinit.abo").read_text()
