"""Exports: every format read back by somebody else's reader, the physics right, bad input refused."""

from __future__ import annotations

import ast
import json
import math
import subprocess
import sys
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixAtoms
from ase.io import read
from hypothesis import given, settings
from hypothesis import strategies as st

import qdsurf as qs
from qdsurf.errors import AskError, UnknownName
from qdsurf.exports.calculation import load_calculation
from qdsurf.exports.codes import CODES
from qdsurf.exports.folder import changed, read_manifest
from qdsurf.exports.system import mesh, prepare
from qdsurf.model.files import read_surface

PERIODIC = ["vasp", "espresso", "cp2k", "gpaw", "abinit", "siesta", "dftbplus", "aims", "lammps"]
FINITE = ["orca", "pyscf", "xtb"]


@pytest.fixture(scope="module")
def crystal():
    return qs.load_crystal("CsPbBr3-cubic")


@pytest.fixture(scope="module")
def slab(crystal):
    """A slab with a pair vacancy, an acetate, a methylammonium, and its lower planes fixed."""
    bare = qs.cut_slab(crystal, (0, 0, 1), layers=3, termination="CsBr", repeat=(2, 2), fixed=3)
    return qs.attach(qs.pair_vacancy(bare), {"acetate": 1, "methylammonium": 1}, unit="count")


@pytest.fixture(scope="module")
def dot(crystal):
    return qs.carve_dot(crystal, cells=2, termination="CsBr", charge=2)


@pytest.fixture(scope="module")
def mixed():
    """A slab of a crystal with two kinds of A cations."""
    alloy = qs.alloy(qs.load_crystal("FAPbI3"), {"A": {"Cs": 0.5, "FA": 0.5}}, repeat=(2, 1, 1), seed=0)
    return qs.cut_slab(alloy, (0, 0, 1), layers=2)


@pytest.fixture(scope="module")
def structures(slab, dot, mixed):
    return {"slab": slab, "dot": dot, "mixed": mixed}


def options(code, **more):
    """What every code can be asked for."""
    chosen = {"dispersion": "none"} if code == "aims" else {}
    chosen |= {"purpose": "static"} if code == "lammps" else {}
    return {"charged_cell": True, **chosen, **more}


def folder_of(code, structure, tmp_path, **more):
    return qs.export(structure, code, tmp_path / code, **options(code, **more)).folder


def expected(structure, code):
    """Symbols, positions, cell and fixed atoms as the code should be given them."""
    charge = getattr(structure, "charge", 0)
    system = prepare("x", structure.atoms, load_calculation("pbe-d3", code), charge=charge)
    return system.sorted_by_element() if code == "vasp" else system


def read_back(code, folder):
    """Return (atoms, fixed or None, charge or None) by a reader that is not qdsurf's."""
    return globals()[f"read_{code}"](folder)


def fixed_by_ase(atoms):
    found = [c for c in atoms.constraints if isinstance(c, FixAtoms)]
    return sorted(int(i) for c in found for i in c.index)


def read_vasp(folder):
    from pymatgen.io.vasp.inputs import Incar, Kpoints

    atoms = read(folder / "POSCAR", format="vasp")
    incar = Incar.from_file(folder / "INCAR")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        incar.check_params()
    Kpoints.from_file(folder / "KPOINTS")
    manifest = read_manifest(folder)
    electrons = manifest["cost"]["electrons"] + manifest["system"]["charge"]
    assert (folder / "POTCAR.names").read_text().split() == [
        {"Br": "Br", "Cs": "Cs_sv", "Pb": "Pb_d", "I": "I"}.get(e, e)
        for e in dict.fromkeys(atoms.get_chemical_symbols())
    ]
    return atoms, fixed_by_ase(atoms), electrons - incar.get("NELECT", electrons)


def read_espresso(folder):
    import f90nml

    lists = f90nml.read(folder / "pw.in")
    atoms = read(folder / "pw.in", format="espresso-in")
    assert lists["system"]["nat"] == len(atoms)
    return atoms, fixed_by_ase(atoms), lists["system"].get("tot_charge", 0.0)


def read_cp2k(folder):
    from cp2k_input_tools import DEFAULT_CP2K_INPUT_XML
    from cp2k_input_tools.parser import CP2KInputParser

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = CP2KInputParser(DEFAULT_CP2K_INPUT_XML).parse((folder / "cp2k.inp").open())
    force = tree["+force_eval"][0]
    rows = [row.split() for row in force["+subsys"]["+coord"]["*"]]
    cell = force["+subsys"]["+cell"]
    atoms = Atoms(
        [r[0] for r in rows],
        positions=[[float(x) for x in r[1:]] for r in rows],
        cell=[cell[k] for k in "abc"],
    )
    lists = tree.get("+motion", {}).get("+constraint", {}).get("+fixed_atoms", [{"list": []}])[0]["list"]
    return (
        atoms,
        [i - 1 for run in lists for i in (run if isinstance(run, tuple) else (run,))],
        force["+dft"]["charge"],
    )


def constants(folder):
    """Return the settings of a script, read as Python and not run."""
    tree = ast.parse((folder / "run.py").read_text())
    compile(tree, "run.py", "exec")
    found = {}
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(target, ast.Name) and target.id.isupper():
            found[target.id] = ast.literal_eval(node.value)
    return found


def read_gpaw(folder):
    said = constants(folder)
    return read(folder / "structure.extxyz"), said["FIXED"], said["CHARGE"]


def read_pyscf(folder):
    said = constants(folder)
    return read(folder / "structure.xyz"), said["FIXED"], said["CHARGE"]


def read_abinit(folder):
    text = (folder / "abinit.abi").read_text().split()
    atoms = read(folder / "abinit.abi", format="abinit-in")
    fixed = []
    if "natfix" in text:
        count, at = int(text[text.index("natfix") + 1]), text.index("iatfix") + 1
        fixed = [int(x) - 1 for x in text[at : at + count]]
    charge = int(text[text.index("cellcharge") + 1]) if "cellcharge" in text else 0
    return atoms, fixed, charge


def read_siesta(folder):
    import sisl

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sile = sisl.get_sile(str(folder / "siesta.fdf"))
        atoms = sile.read_geometry().to.ase()
        rows = sile.get("Geometry.Constraints") or []
        charge = sile.get("NetCharge")
    fixed = []
    for row in rows:
        ends = [int(x) for x in row.split("[")[1].rstrip("] ").split("--")]
        fixed += range(ends[0] - 1, ends[-1])
    return atoms, fixed, charge


def read_dftbplus(folder):
    import contextlib

    import hsd

    atoms = read(folder / "geometry.gen")
    with contextlib.chdir(folder):
        tree = hsd.load("dftb_in.hsd")
    moved = set()
    for word in str(tree["Driver"]["GeometryOptimization"]["MovedAtoms"]).strip("[]'").split():
        ends = [int(x) for x in word.strip("',").split(":")]
        moved |= set(range(ends[0] - 1, ends[-1]))
    fixed = sorted(set(range(len(atoms))) - moved)
    return atoms, fixed, tree["Hamiltonian"]["xTB"]["Charge"]


def read_aims(folder):
    from pyfhiaims.control.control import AimsControl
    from pyfhiaims.geometry.geometry import AimsGeometry

    atoms = read(folder / "geometry.in", format="aims")
    control = AimsControl.from_file(folder / "control.head").parameters
    own = AimsGeometry.from_file(folder / "geometry.in")
    assert [a.symbol for a in own.atoms] == atoms.get_chemical_symbols()
    assert control["xc"] == "pbe"
    return atoms, fixed_by_ase(atoms), float(control["charge"])


def read_lammps(folder):
    atoms = read(folder / "structure.data", format="lammps-data", units="metal")
    return atoms, None, round(float(atoms.get_initial_charges().sum()), 6)


def read_orca(folder):
    from ase.io.orca import read_geom_orcainp

    text = (folder / "orca.inp").read_text()
    with (folder / "orca.inp").open() as file:
        atoms = read_geom_orcainp(file)
    fixed = [int(x.split("C ")[1].split()[0]) for x in text.splitlines() if "{ C " in x]
    charge = next(int(x.split()[1]) for x in text.splitlines() if x.startswith("*xyz"))
    return atoms, fixed, charge


def read_xtb(folder):
    text = (folder / "xtb.inp").read_text()
    charge = int(text.split("$chrg ")[1].split()[0])
    fixed = []
    if "$fix" in text:
        for run in text.split("atoms: ")[1].split()[0].split(","):
            ends = [int(x) for x in run.split("-")]
            fixed += range(ends[0] - 1, ends[-1])
    return read(folder / "structure.xyz"), fixed, charge


def assert_same(code, structure, folder):
    system = expected(structure, code)
    atoms, fixed, charge = read_back(code, folder)
    assert atoms.get_chemical_symbols() == system.atoms.get_chemical_symbols()
    has_cell = code not in ("orca", "xtb", "pyscf") and not (
        code in ("aims", "dftbplus") and system.kind == "dot"
    )
    if has_cell:
        assert np.allclose(atoms.cell.array, system.atoms.cell.array, atol=1e-6)
    away = atoms.positions - system.atoms.positions
    if has_cell and atoms.pbc.any():
        fraction = away @ np.linalg.inv(system.atoms.cell.array)
        away = (fraction - np.round(fraction)) @ system.atoms.cell.array
    assert np.abs(away).max() < 1e-5
    if fixed is not None:
        assert sorted(fixed) == np.flatnonzero(system.fixed).tolist()
    assert charge == pytest.approx(system.charge)


@pytest.mark.parametrize("kind", ["slab", "dot", "mixed"])
@pytest.mark.parametrize("code", PERIODIC)
def test_periodic_codes_read_back(code, kind, structures, tmp_path):
    assert_same(code, structures[kind], folder_of(code, structures[kind], tmp_path))


@pytest.mark.parametrize("code", FINITE)
def test_molecular_codes_read_back(code, dot, tmp_path):
    held = dot.atoms.copy()
    held.set_array("fixed", np.arange(len(held)) % 3 == 0)
    held = replace(dot, atoms=held)
    assert_same(code, held, folder_of(code, held, tmp_path))


@pytest.mark.parametrize("kind", ["slab", "dot", "mixed"])
@pytest.mark.parametrize("code", ["cif", "extxyz", "pdb", "xsf"])
def test_structure_files_read_back(code, kind, structures, tmp_path):
    structure = structures[kind]
    made = qs.export(structure, code, tmp_path / code)
    path = made.folder / f"structure.{code}"
    if code == "extxyz":
        assert qs.read_surface(path) == structure
        return
    atoms = read(path)
    system = expected(structure, code)
    assert atoms.get_chemical_symbols() == system.atoms.get_chemical_symbols()
    close = 2e-3 if code == "pdb" else 1e-5
    assert np.allclose(atoms.get_all_distances()[0], system.atoms.get_all_distances()[0], atol=close)
    if structure.charge:
        assert any("no net charge" in note for note in made.notes)


def test_cif_is_read_by_pymatgen(mixed, tmp_path):
    from pymatgen.core import Structure

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = Structure.from_file(qs.export(mixed, "cif", tmp_path / "cif").folder / "structure.cif")
    assert found.composition.as_dict() == pytest.approx(dict(Counter(mixed.atoms.get_chemical_symbols())))


def test_sdf_keeps_bonds_and_charges(crystal, tmp_path):
    from rdkit import Chem

    dot = qs.carve_dot(crystal, cells=2, termination="CsBr")
    covered = qs.attach(dot, {"acetate": 1}, unit="count")
    folder = qs.export(covered, "sdf", tmp_path / "sdf").folder
    molecule = next(iter(Chem.SDMolSupplier(str(folder / "structure.sdf"), sanitize=False, removeHs=False)))
    assert [a.GetSymbol() for a in molecule.GetAtoms()] == covered.atoms.get_chemical_symbols()
    assert molecule.GetNumBonds() == len(covered.bonds) > 0
    assert sum(a.GetFormalCharge() for a in molecule.GetAtoms()) == covered.charge
    charged = {(a.GetSymbol(), a.GetFormalCharge()) for a in molecule.GetAtoms()}
    assert {pair for pair in charged if pair[1]} == {("Br", -1), ("Cs", 1), ("O", -1), ("Pb", 2)}


def test_lammps_charges_sum_by_molecule(slab, tmp_path):
    atoms = read(folder_of("lammps", slab, tmp_path) / "structure.data", format="lammps-data", units="metal")
    charges, fragment = atoms.get_initial_charges(), slab.atoms.arrays["fragment"]
    for number in set(fragment.tolist()):
        own = charges[fragment == number].sum()
        species = str(slab.atoms.arrays["species"][fragment == number][0])
        assert own == pytest.approx(slab.charges[species])
    assert atoms.arrays["bonds"] is not None


# Physics


def test_kpoints_follow_the_spacing(crystal, slab, dot, tmp_path):
    assert mesh(np.diag([5.87, 5.87, 30.0]), "slab", 0.3) == (4, 4, 1)
    assert read_manifest(folder_of("vasp", slab, tmp_path))["system"]["kpoints"] == [2, 2, 1]
    assert read_manifest(folder_of("espresso", dot, tmp_path))["system"]["kpoints"] == [1, 1, 1]
    static = qs.export(crystal, "gpaw", tmp_path / "static", purpose="static").folder
    dense = qs.export(crystal, "gpaw", tmp_path / "dos", purpose="dos").folder
    assert constants(static)["KPOINTS"] == [4, 4, 4]
    assert constants(dense)["KPOINTS"] == [8, 8, 8]


@given(
    a=st.floats(3, 40),
    b=st.floats(3, 40),
    c=st.floats(3, 40),
    angle=st.floats(50, 130),
    spacing=st.floats(0.05, 1),
)
def test_no_kpoints_are_further_apart_than_asked(a, b, c, angle, spacing):
    cell = Atoms(cell=[a, b, c, 90, 90, angle]).cell.array
    points = np.array(mesh(cell, "crystal", spacing))
    reciprocal = 2 * np.pi * np.linalg.inv(cell).T
    lengths = np.linalg.norm(reciprocal, axis=1)
    assert (lengths / points <= spacing * (1 + 1e-5)).all()
    assert ((points == 1) | (lengths / np.maximum(points - 1, 1) > spacing * (1 - 1e-5))).all()


@given(
    shift=st.floats(-20, 20),
    cell=st.lists(st.floats(-3, 3), min_size=9, max_size=9),
    swap=st.booleans(),
    seed=st.integers(0, 100),
)
def test_a_cell_is_turned_never_mirrored(shift, cell, swap, seed):
    """Distances over images and the handedness of a molecule survive any orientation of the cell."""
    vectors = np.array(cell).reshape(3, 3) + 9 * np.eye(3)
    vectors = vectors[[1, 0, 2]] if swap else vectors
    rng = np.random.default_rng(seed)
    atoms = Atoms("CHFClBr", positions=rng.normal(size=(5, 3)) + shift, cell=vectors, pbc=True)
    made = prepare("x", atoms, load_calculation("pbe-d3", "vasp")).atoms
    array = made.cell.array
    assert np.linalg.det(array) > 0
    assert np.allclose([array[0, 1], array[0, 2], array[1, 2]], 0, atol=1e-9)
    assert made.cell.volume == pytest.approx(atoms.cell.volume, rel=1e-9)
    assert np.allclose(made.get_all_distances(mic=True), atoms.get_all_distances(mic=True), atol=1e-6)

    def handed(x):
        return np.linalg.det(x.positions[1:4] - x.positions[0])

    assert handed(made) == pytest.approx(handed(atoms), abs=1e-6)


@settings(max_examples=8)
@given(
    count=st.integers(1, 12), seed=st.integers(0, 50), tilt=st.floats(-2, 2), fixed=st.integers(0, 12),
    code=st.sampled_from(["vasp", "espresso", "cp2k", "abinit", "siesta", "aims", "dftbplus"]),
)  # fmt: skip
def test_any_slab_is_read_back(count, seed, tilt, fixed, code, tmp_path_factory):
    rng = np.random.default_rng(seed)
    symbols = rng.choice(["Cs", "Pb", "Br", "O", "H"], count)
    atoms = Atoms(
        symbols, positions=rng.uniform(0, 6, (count, 3)), cell=[[7, 0, 0], [tilt, 8, 0], [0, 0, 9]], pbc=True
    )
    atoms.set_array("fragment", np.arange(count))
    atoms.set_array("species", np.array(symbols))
    atoms.set_array("fixed", np.arange(count) < min(fixed, count - 1))
    crystal = qs.load_crystal("CsPbBr3-cubic")
    structure = replace(crystal, atoms=atoms)
    tmp_path = tmp_path_factory.mktemp("any")
    unpaired = {} if structure.atoms.numbers.sum() % 2 == 0 else {"unpaired": 1}
    assert_same(code, structure, folder_of(code, structure, tmp_path, **unpaired))


def test_dipole_correction_only_where_faces_differ(crystal, slab, tmp_path):
    from pymatgen.io.vasp.inputs import Incar

    even = qs.cut_slab(crystal, (0, 0, 1), layers=2, termination="CsBr")
    assert "LDIPOL" not in Incar.from_file(folder_of("vasp", even, tmp_path) / "INCAR")
    incar = Incar.from_file(qs.export(slab, "vasp", tmp_path / "uneven").folder / "INCAR")
    assert (incar["LDIPOL"], incar["IDIPOL"], incar["ISIF"]) == (True, 3, 2)
    text = (folder_of("cp2k", slab, tmp_path) / "cp2k.inp").read_text()
    assert "SURFACE_DIPOLE_CORRECTION" in text
    off = qs.export(slab, "espresso", tmp_path / "off", dipole=False).folder
    assert "dipfield" not in (off / "pw.in").read_text()
    with pytest.raises(AskError, match="no dipole correction; codes that have: vasp"):
        qs.export(slab, "abinit", tmp_path / "abinit", dipole=True)


def test_vacuum_grows_with_the_ligands(slab, tmp_path):
    atoms = read(folder_of("espresso", slab, tmp_path) / "pw.in", format="espresso-in")
    z = atoms.positions[:, 2]
    assert atoms.cell[2, 2] - np.ptp(z) >= 15.0 - 1e-6
    assert (z.min() + z.max()) / 2 == pytest.approx(atoms.cell[2, 2] / 2, abs=1e-6)


def test_an_odd_number_of_electrons_is_spin_polarised(crystal, tmp_path):
    from pymatgen.io.vasp.inputs import Incar

    closed = qs.carve_dot(crystal, cells=1, termination="CsBr")
    odd = replace(closed, electrons=1, target_charge=-1)
    manifest = read_manifest(folder_of("cp2k", odd, tmp_path))
    assert manifest["system"]["electrons"] == odd.atoms.numbers.sum() + 1
    assert manifest["system"]["unpaired"] == 1
    text = (tmp_path / "cp2k" / "cp2k.inp").read_text()
    assert "MULTIPLICITY 2" in text
    assert "UKS" in text
    incar = Incar.from_file(folder_of("vasp", odd, tmp_path) / "INCAR")
    assert (incar["ISPIN"], incar["NUPDOWN"]) == (2, 1)
    assert "an odd number" in (tmp_path / "vasp" / "README.md").read_text()
    with pytest.raises(AskError, match="cannot have 2 unpaired"):
        qs.export(odd, "orca", tmp_path / "orca", unpaired=2)


def test_semicore_and_spin_orbit_are_said(crystal, tmp_path):
    cp2k = qs.export(crystal, "cp2k", tmp_path / "cp2k")
    assert any("5d" in note for note in cp2k.notes)
    dos = qs.export(crystal, "vasp", tmp_path / "dos", purpose="dos")
    assert any("spin-orbit" in note for note in dos.notes)
    on = qs.export(crystal, "vasp", tmp_path / "on", purpose="dos", spin_orbit=True)
    assert not any("spin-orbit" in note for note in on.notes)
    assert "LSORBIT = True" in (on.folder / "INCAR").read_text()
    assert "vasp_ncl" in (on.folder / "run.sh").read_text()
    with pytest.raises(AskError, match="spin-orbit coupling; codes that are: vasp"):
        qs.export(crystal, "cp2k", tmp_path / "no", spin_orbit=True)


def test_large_models_are_warned_of(slab, crystal, tmp_path):
    assert not any("GB" in n for n in qs.export(crystal, "vasp", tmp_path / "small").notes)
    large = qs.export(slab, "vasp", tmp_path / "large", node_memory=1.0)
    assert large.cost.memory > 1
    assert any("GB are needed" in note for note in large.notes)
    hand = load_calculation("pbe-d3", "vasp").cutoff
    volume = expected(slab, "vasp").atoms.cell.volume
    waves = volume * (hand / 3.80998) ** 1.5 / (6 * math.pi**2)
    assert large.cost.functions == pytest.approx(waves, rel=1e-3)


def test_fixed_layers_and_constraints(crystal, tmp_path):
    bare = qs.cut_slab(crystal, (0, 0, 1), layers=2, termination="CsBr")
    folder = qs.export(bare, "espresso", tmp_path / "two", fixed_layers=2).folder
    assert read_espresso(folder)[1] == np.flatnonzero(bare.atoms.arrays["layer"] < 2).tolist()
    with pytest.raises(AskError, match="there are only 5 planes"):
        qs.export(bare, "espresso", tmp_path / "many", fixed_layers=9)
    with pytest.raises(AskError, match="no planes"):
        qs.export(crystal, "espresso", tmp_path / "none", fixed_layers=1)


# Folders


def test_a_folder_explains_itself_and_is_the_same_twice(slab, tmp_path):
    first = qs.export(slab, "vasp", tmp_path / "a").folder
    second = qs.export(slab, "vasp", tmp_path / "b").folder
    assert {p.name: p.read_bytes() for p in first.iterdir()} == {
        p.name: p.read_bytes() for p in second.iterdir()
    }
    text = (first / "README.md").read_text()
    for words in (
        "You bring: POTCAR",
        "bash run.sh",
        "sbatch job.slurm",
        "cut_slab",
        "doi:10.1103",
        "k-points 2x2x1",
    ):
        assert words in text
    manifest = json.loads((first / "manifest.json").read_text())
    assert not changed(first, manifest)
    (first / "INCAR").write_text("ENCUT = 100\n")
    assert changed(first, manifest) == ["INCAR"]
    assert [w for w in qs.collect(first).runs[0].warnings if "INCAR differs" in w]


def test_existing_folders_are_left_alone(crystal, tmp_path):
    target = tmp_path / "out"
    qs.export(crystal, "cif", target)
    before = (target / "README.md").read_bytes()
    with pytest.raises(AskError, match="not empty; force=True"):
        qs.export(crystal, "cp2k", target)
    assert (target / "README.md").read_bytes() == before
    qs.export(crystal, "cp2k", target, force=True)
    assert (target / "cp2k.inp").is_file()
    assert not (target / "structure.cif").exists()
    mine = tmp_path / "thesis"
    mine.mkdir()
    (mine / "chapter.tex").write_text("words")
    with pytest.raises(AskError, match="not written by export"):
        qs.export(crystal, "cp2k", mine, force=True)
    assert (mine / "chapter.tex").read_text() == "words"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "thesis"]


@pytest.mark.parametrize(
    ("code", "options", "words"),
    [
        ("orca", {}, "computes molecules"),
        ("sdf", {}, "holds no cell"),
        ("gausian", {}, "no code named"),
        ("cp2k", {"purpose": "bands"}, "no purpose"),
        ("cp2k", {"functional": "HSE06"}, "not written with HSE06"),
        ("aims", {}, "set dispersion="),
        ("cp2k", {"cutof": 3}, "no setting named cutof"),
        ("abinit", {"functional": "LDA"}, "no parameters for LDA"),
        ("espresso", {"functional": "PBEsol", "dispersion": "none"}, "name PBEsol files of"),
        ("cp2k", {"vacuum": -1.0}, "must be positive"),
        ("cp2k", {"purpose": "binding"}, "needs ligand="),
        ("cif", {"purpose": "binding"}, "needs ligand="),
        ("vasp", {"preset": "pbe-d4"}, "no calculation named"),
        ("cp2k", {"purpose": "dos"}, "at Gamma only"),
        ("cp2k", {"fixed_layers": -1}, "number of planes"),
    ],
)
def test_wrong_questions_leave_nothing_behind(code, options, words, slab, tmp_path):
    with pytest.raises((AskError, UnknownName), match=words):
        qs.export(slab, code, tmp_path / "out", **options)
    assert not list(tmp_path.iterdir())


def test_charge_in_a_periodic_cell_must_be_asked_for(dot, tmp_path):
    with pytest.raises(AskError, match=r"charge \+2: in a periodic cell VASP .* charged_cell=True"):
        qs.export(dot, "vasp", tmp_path / "vasp")
    # no background there: the box is corrected for, or there is none
    for code in ("cp2k", "espresso", "gpaw", "orca"):
        folder = qs.export(dot, code, tmp_path / code).folder
        assert read_back(code, folder)[2] == 2
    assert "assume_isolated = 'mt'" in (tmp_path / "espresso" / "pw.in").read_text()
    assert "POISSON_SOLVER MT" in (tmp_path / "cp2k" / "cp2k.inp").read_text()


def test_unwritable_places_are_refused(crystal, tmp_path):
    (tmp_path / "file").write_text("")
    for where in (
        tmp_path / "file" / "x",
        tmp_path / "missing" / "x",
        tmp_path / "file",
        Path("/proc/qdsurf"),
    ):
        with pytest.raises(AskError, match=r"does not exist|cannot be written|no folder"):
            qs.export(crystal, "cif", where)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_says_how_it_was_checked(code):
    assert CODES[code].checked


# Reactions and their results


@pytest.fixture(scope="module")
def binding(crystal, tmp_path_factory):
    bare = qs.cut_slab(crystal, (0, 0, 1), layers=2, termination="CsBr", repeat=(2, 2))
    where = tmp_path_factory.mktemp("binding") / "acetate"
    return qs.export(bare, "gpaw", where, purpose="binding", ligand=qs.load_ligand("acetate"), poses=2)


def fill(folder, energies, converged=True):
    """Leave results in the shape in which the scripts leave them."""
    manifest = read_manifest(folder)
    for state in manifest["states"]:
        inner = read_manifest(folder / state["folder"])
        value = energies.get((state["state"], state["pose"]))
        if value is None:
            continue
        system = inner["system"]
        result = {
            "energy": value, "forces": np.zeros((len(system["order"]), 3)).tolist(), "converged": converged,
            "charge": 0, "homo": -1.0, "lumo": 1.0, "positions": np.zeros((len(system["order"]), 3)).tolist(),
        }  # fmt: skip
        (folder / state["folder"] / "result.json").write_text(json.dumps(result))


def test_binding_writes_every_state_in_one_cell(binding):
    manifest = read_manifest(binding.folder)
    names = [s["state"] for s in manifest["states"]]
    assert set(names) == set(manifest["reaction"]["stoichiometry"])
    slabs = [read_manifest(binding.folder / s["folder"]) for s in manifest["states"] if s["kind"] == "slab"]
    assert len({json.dumps(m["system"]["cell"]) for m in slabs}) == 1
    assert all(m["system"]["fixed"] for m in slabs)
    assert all((binding.folder / s["folder"] / "run.sh").is_file() for s in manifest["states"])
    assert f"--array=1-{len(names)}" in (binding.folder / "job.slurm").read_text()
    assert not changed(binding.folder, manifest)


def test_collect_gives_the_energy_of_the_reaction(binding):
    empty = qs.collect(binding.folder)
    assert {r.status for r in empty.runs} == {"not started"}
    assert empty.energy is None
    terms = {("surface", 0): -100.0, ("acid of the anion", 0): -5.0, ("free ligand", 0): -20.0}
    fill(binding.folder, terms)
    assert "surface with ligand" in qs.collect(binding.folder).missing
    fill(binding.folder, {("surface with ligand", 1): -115.9, ("surface with ligand", 2): -116.4})
    found = qs.collect(binding.folder)
    assert found.done
    assert found.energy.value == pytest.approx(-116.4 - 5.0 + 100.0 + 20.0)
    assert sum(
        c * found.energy.terms[n] for n, c in found.energy.reaction.stoichiometry.items()
    ) == pytest.approx(found.energy.value)
    assert found.energy.uncertainty == pytest.approx(math.hypot(0.2, 0.25))
    fill(binding.folder, terms, converged=False)
    late = qs.collect(binding.folder)
    assert not late.done
    assert not late.energy.converged
    assert any("not converged: surface" in w for w in late.energy.warnings)


def test_a_pose_whose_ligand_came_off_is_not_the_energy_of_binding(crystal, tmp_path):
    """It lies lower here, and would be taken for the strongest binding."""
    bare = qs.cut_slab(crystal, (0, 0, 1), layers=2, termination="CsBr", repeat=(2, 2))
    ligand = qs.load_ligand("acetate")
    folder = qs.export(bare, "gpaw", tmp_path / "b", purpose="binding", ligand=ligand, poses=2).folder
    terms = {("surface", 0): -100.0, ("acid of the anion", 0): -5.0, ("free ligand", 0): -20.0}
    fill(folder, {**terms, ("surface with ligand", 1): -115.9, ("surface with ligand", 2): -116.4})
    for state in read_manifest(folder)["states"]:
        if not state["pose"]:
            continue
        where = folder / state["folder"]
        start = read_surface(where / "start.extxyz")
        final = start.atoms.positions.copy()
        if state["pose"] == 2:
            final[start.atoms.arrays["role"] == "ligand"] += (0, 0, 6.0)
        result = json.loads((where / "result.json").read_text())
        order = np.array(read_manifest(where)["system"]["order"])
        (where / "result.json").write_text(json.dumps({**result, "positions": final[order].tolist()}))
    energy = qs.collect(folder).energy
    assert energy.value == pytest.approx(-115.9 - 5.0 + 100.0 + 20.0)
    assert energy.uncertainty == pytest.approx(0.2)  # no spread of poses that are two states
    assert any("detached" in w for w in energy.warnings)
    assert len(energy.provenance["tried"]) == 2


def test_collect_refuses_what_it_cannot_read(crystal, tmp_path):
    with pytest.raises(AskError, match="holds no manifest"):
        qs.collect(tmp_path)
    folder = qs.export(crystal, "siesta", tmp_path / "siesta").folder
    with pytest.raises(AskError, match="not read; codes whose outputs are: vasp"):
        qs.collect(folder)
    (folder / "manifest.json").write_text("[]")
    with pytest.raises(AskError, match="holds no manifest"):
        qs.collect(folder)


def pretend(code, crystal, folder, **files):
    made = qs.export(crystal, code, folder, **options(code, purpose="static")).folder
    for name, text in files.items():
        (made / name.replace("_", ".")).write_text(text)
    return qs.collect(made).runs[0]


def test_failed_and_unfinished_runs_are_said_so(crystal, dot, tmp_path):
    run = pretend("espresso", crystal, tmp_path / "a", pw_out="     Program PWSCF\n  iteration #  1\n")
    assert (run.status, run.energy) == ("unfinished", None)
    box = f"{'%' * 78}\n     Error in routine readpp (1):\n     file Cs.upf not found\n{'%' * 78}\n"
    run = pretend("espresso", crystal, tmp_path / "b", pw_out=box)
    assert run.status == "failed"
    assert "Cs.upf not found" in run.reason
    run = pretend(
        "cp2k",
        crystal,
        tmp_path / "c",
        cp2k_out="SCF run NOT converged\n [ABORT]\n *  SCF failed *\n" + "*" * 60,
    )
    assert run.status == "failed"
    run = pretend(
        "vasp",
        crystal,
        tmp_path / "d",
        vasprun_xml="<?xml version='1.0'?><modeling><generator>",
        vasp_out="x\n",
    )
    assert (run.status, run.energy) == ("unfinished", None)
    run = pretend("orca", dot, tmp_path / "e", orca_out="ORCA finished by error termination in SCF\n")
    assert run.status == "failed"


ORCA = """
 Total Charge           Charge          ....    2
----------------
ORBITAL ENERGIES
----------------

  NO   OCC          E(Eh)            E(eV)
   0   2.0000      -1.000000       -27.2114
   1   2.0000      -0.250000        -6.8028
   2   0.0000       0.100000         2.7211

                    * MULLIKEN POPULATION ANALYSIS *
FINAL SINGLE POINT ENERGY      -10.000000000000
                             ****ORCA TERMINATED NORMALLY****
"""


def test_orca_results(dot, tmp_path):
    run = pretend("orca", dot, tmp_path / "orca", orca_out=ORCA)
    assert run.status == "done"
    assert run.energy == pytest.approx(-272.11386, abs=1e-4)
    assert (run.homo, run.lumo, run.charge) == (-6.8028, 2.7211, 2)
    wrong = pretend("orca", dot, tmp_path / "wrong", orca_out=ORCA.replace("....    2", "....    0"))
    assert any("computed with charge +0, exported with +2" in w for w in wrong.warnings)


def test_work_function_and_trap_share():
    from qdsurf.exports.collecting import Run, edge_shares, vacuum_levels
    from qdsurf.exports.readers.found import Found, Spectrum

    height = np.linspace(0, 40, 400, endpoint=False)
    values = np.where(height < 20, 4.0, 5.0) - 8.0 * ((height > 14) & (height < 26))
    found = Found(ended=True, potential=(height, values))
    levels = vacuum_levels(found, {"cell": np.diag([5, 5, 40]), "extent": [15.0, 25.0]})
    assert levels == pytest.approx((5.0, 4.0))
    run = Run(
        folder=Path(), code="vasp", name="x", status="done", fermi=-1.0, homo=-2.0, vacuum_levels=levels
    )
    assert run.work_function == pytest.approx((6.0, 5.0))
    assert run.ionization_energy == pytest.approx((7.0, 6.0))
    spectrum = Spectrum(
        energies=np.array([-3.0, 0.0, 2.0]), total=np.ones(3), outer=np.array([0.1, 0.9, 0.25]), levels=True
    )
    assert edge_shares(spectrum, 0.0, 2.0) == pytest.approx((0.9, 0.25))


def qdsurf(where, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "qdsurf", *arguments], capture_output=True, text=True, cwd=where
    )


def test_command_line(tmp_path):
    made = qdsurf(tmp_path, "export", "CsPbBr3-cubic", "cp2k", "-o", "x", "--set", "cutoff=5000", "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["code"] == "cp2k"
    assert "CUTOFF [eV] 5000" in (tmp_path / "x" / "cp2k.inp").read_text()
    again = qdsurf(tmp_path, "export", "CsPbBr3-cubic", "cp2k", "-o", "x")
    assert again.returncode == 2
    assert "--force" in again.stderr
    found = qdsurf(tmp_path, "collect", "x", "--json")
    assert found.returncode == 1
    assert json.loads(found.stdout)["runs"][0]["status"] == "not started"
    wrong = qdsurf(tmp_path, "export", "CsPbBr3-cubik", "cp2k", "-o", "y")
    assert wrong.returncode == 2
    assert "CsPbBr3-cubic" in wrong.stderr
