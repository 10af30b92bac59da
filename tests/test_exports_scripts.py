"""What stands around an input: scripts, README, sizes; and keys that the manual of a code asks for."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

import qdsurf as qs
from qdsurf.errors import AskError
from qdsurf.exports.codes import CODES
from qdsurf.exports.system import kpoint_pairs

RUNNING = [key for key, code in CODES.items() if code.purposes]


@pytest.fixture(scope="module")
def crystal():
    return qs.load_crystal("CsPbBr3-cubic")


@pytest.fixture(scope="module")
def dot(crystal):
    return qs.carve_dot(crystal, cells=1, termination="CsBr")


@pytest.fixture(scope="module")
def slab(crystal):
    return qs.pair_vacancy(qs.cut_slab(crystal, (0, 0, 1), layers=2, termination="CsBr"))


def folder_of(code, structure, where, **more):
    chosen = {"dispersion": "none"} if code == "aims" else {}
    chosen |= {"purpose": "static"} if code == "lammps" else {}
    return qs.export(structure, code, where, **{**chosen, **more}).folder


@pytest.mark.parametrize("code", RUNNING)
def test_scripts_are_sound_bash(code, dot, tmp_path):
    """By bash itself, and by shellcheck where it is installed."""
    folder = folder_of(code, dot, tmp_path / code, **({"charged_cell": True} if code == "vasp" else {}))
    scripts = [*folder.glob("*.sh"), folder / "job.slurm"]
    assert len(scripts) >= 2
    for script in scripts:
        assert subprocess.run(["bash", "-n", script]).returncode == 0
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", "-s", "bash", *scripts], check=True)


@pytest.mark.parametrize("code", RUNNING)
def test_slurm_asks_for_what_the_code_can_use(code, dot, tmp_path):
    """Tasks for a code that knows MPI; threads of one task for one that does not."""
    text = (folder_of(code, dot, tmp_path / code) / "job.slurm").read_text()
    threaded = code in ("pyscf", "xtb", "dftbplus")
    assert ("--ntasks-per-node=1\n" in text) == threaded
    assert ("OMP_NUM_THREADS=1\n" in text) != threaded
    assert ("srun" in text) == (not threaded and code != "orca")


def test_orca_runs_on_the_processes_that_there_are(dot, tmp_path):
    """Its number is a line of the input, which is not known before it runs; the export stays as it was."""
    folder = folder_of("orca", dot, tmp_path / "orca", purpose="static")
    program = tmp_path / "orca-program"
    program.write_text("#!/bin/sh\ncp $1 seen; echo ORCA finished by error termination in SCF\n")
    program.chmod(0o755)
    environment = {**os.environ, "ORCA": str(program), "NPROCS": "8"}
    subprocess.run(["bash", folder / "run.sh"], env=environment, check=True)
    assert (folder / "seen").read_text() == "%pal nprocs 8 end\n" + (folder / "orca.inp").read_text()
    run = qs.collect(folder).runs[0]
    assert (run.status, run.warnings) == ("failed", ())


def test_kpoints_are_counted_with_k_and_minus_k_as_one():
    """Every point of a 2 x 2 mesh with Gamma is its own negative: four are computed, not three."""
    for divisions in ((1, 1, 1), (2, 2, 1), (3, 3, 1), (4, 4, 1), (3, 2, 4)):
        pairs = kpoint_pairs(divisions)
        assert sum(weight for _, weight in pairs) == np.prod(divisions)
    assert [len(kpoint_pairs((n, n, 1))) for n in (1, 2, 3, 4)] == [1, 4, 5, 10]


def test_a_readme_says_only_what_is_computed(dot, slab, tmp_path):
    xtb = (folder_of("xtb", dot, tmp_path / "xtb") / "README.md").read_text()
    assert "GFN2-xTB, whatever the functional" in xtb
    assert "functional PBE" not in xtb
    assert "Gaussian smearing" not in xtb
    gpaw = (folder_of("gpaw", slab, tmp_path / "gpaw") / "README.md").read_text()
    assert "Fermi smearing 0.05 eV" in gpaw
    assert "with dipole correction" in gpaw
    espresso = (folder_of("espresso", slab, tmp_path / "qe") / "README.md").read_text()
    assert "cutoffs of the pseudopotentials" in espresso
    assert "Gaussian smearing" in espresso
    abinit = (folder_of("abinit", slab, tmp_path / "abinit") / "README.md").read_text()
    assert "no dipole correction" in abinit
    vasp = folder_of("vasp", slab, tmp_path / "vasp")
    assert "go on with an unfinished one: copy CONTCAR" in (vasp / "README.md").read_text()
    static = (folder_of("vasp", slab, tmp_path / "static", purpose="static") / "README.md").read_text()
    assert "unfinished one" not in static
    assert "eV/Å in at most" not in static


def test_tight_binding_counts_its_own_electrons(dot, tmp_path):
    """Outside of the cores of xTB: Cs 1, Pb 4, Br 7, as xtb itself prints; functions of s, p and d."""
    made = qs.export(dot, "xtb", tmp_path / "xtb")
    counts = {s: dot.atoms.get_chemical_symbols().count(s) for s in ("Cs", "Pb", "Br")}
    assert made.cost.electrons == counts["Cs"] + 4 * counts["Pb"] + 7 * counts["Br"]
    assert made.cost.functions == 9 * len(dot.atoms)
    assert made.cost.memory < 0.1


def test_a_work_function_gets_a_vacuum_in_which_the_potential_is_flat(slab, tmp_path):
    from qdsurf.exports.folder import read_manifest

    def gap(**more):
        folder = qs.export(slab, "gpaw", tmp_path / str(len(list(tmp_path.iterdir()))), **more).folder
        system = read_manifest(folder)["system"]
        return system["cell"][2][2] - (system["extent"][1] - system["extent"][0])

    assert 15 - 1e-6 <= gap() < 20
    assert gap(purpose="workfunction") >= 20 - 1e-6
    assert gap(purpose="workfunction", vacuum=16.0) < 20  # as it was asked for


def test_a_dipole_correction_where_there_is_none_is_refused(crystal, dot, slab, tmp_path):
    with pytest.raises(AskError, match="is for slabs"):
        qs.export(crystal, "vasp", tmp_path / "a", dipole=True)
    with pytest.raises(AskError, match="is for slabs"):
        qs.export(dot, "cp2k", tmp_path / "b", dipole=True)
    charged = replace(slab, electrons=1, target_charge=-1)
    with pytest.raises(AskError, match="depends on the origin"):
        qs.export(charged, "espresso", tmp_path / "c", dipole=True, charged_cell=True)
    text = (qs.export(charged, "espresso", tmp_path / "d", charged_cell=True).folder / "pw.in").read_text()
    assert "dipfield" not in text
    assert "tot_charge = -1" in text


def test_keys_that_the_manuals_ask_for(slab, tmp_path):
    # parser version 11 of DFTB+ knows CalculateForces; PrintForces came with version 14
    dftb = (folder_of("dftbplus", slab, tmp_path / "dftb") / "dftb_in.hsd").read_text()
    assert "CalculateForces = Yes" in dftb
    assert "ParserVersion = 11" in dftb
    # FHI-aims computes forces of one structure only when told to
    aims = folder_of("aims", slab, tmp_path / "aims", purpose="static") / "control.head"
    assert "compute_forces .true." in aims.read_text()
    # ABINIT takes the functional of the first pseudopotential where none is named
    for functional, number in (("PBE", "ixc 11"), ("PBEsol", "ixc -116133")):
        abinit = (
            folder_of("abinit", slab, tmp_path / functional, functional=functional, dispersion="none")
            / "abinit.abi"
        )
        assert f"\n{number}\n" in abinit.read_text()


def test_a_density_grid_counts_into_the_memory(crystal, tmp_path):
    """CP2K with 600 Ry: points 0.068 Å apart, in the vacuum too; its matrices are small beside them."""
    dot = qs.carve_dot(crystal, cells=2, termination="CsBr", charge=2)
    small = qs.export(dot, "cp2k", tmp_path / "a", cutoff=3401.0).cost
    large = qs.export(dot, "cp2k", tmp_path / "b").cost
    assert large.functions == small.functions
    assert 2 < large.memory / small.memory < (8163 / 3401) ** 1.5
    assert large.memory > 1


def test_a_skew_cell_is_accepted_by_lammps(crystal, tmp_path):
    """Versions before 2022 refuse a tilt of more than half an edge unless it is announced."""
    from ase import Atoms

    atoms = Atoms("PbBr", positions=[(0, 0, 0), (2, 2, 2)], cell=[[6, 0, 0], [4, 5, 0], [0, 0, 7]], pbc=True)
    atoms.set_array("fragment", np.arange(2))
    atoms.set_array("species", np.array(["Pb", "Br"]))
    skew = replace(crystal, atoms=atoms)
    assert "box tilt large\n" in (folder_of("lammps", skew, tmp_path / "a") / "in.lammps").read_text()
    assert "box tilt" not in (folder_of("lammps", crystal, tmp_path / "b") / "in.lammps").read_text()


def test_cp2k_takes_pbesol_with_potentials_of_pbe_and_says_so(slab, tmp_path):
    made = qs.export(slab, "cp2k", tmp_path / "a", preset="pbesol")
    assert "PARAMETRIZATION PBESOL" in (made.folder / "cp2k.inp").read_text()
    assert any("made for PBE" in note for note in made.notes)
    with pytest.raises(AskError, match="name those of Br, Cs, Pb for LDA"):
        qs.export(slab, "cp2k", tmp_path / "b", functional="LDA", dispersion="none")
