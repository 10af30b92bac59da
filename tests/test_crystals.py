import json
import math
import subprocess
import sys

import numpy as np
import pytest
import spglib
from ase import Atoms
from ase.build import bulk
from ase.io import read, write
from ase.spacegroup.symmetrize import check_symmetry
from pymatgen.io.ase import AseAtomsAdaptor
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

import qdsurf as qs
from qdsurf.build.mixing.cations import net_dipole
from qdsurf.crystals import ion, load_crystal
from qdsurf.crystals.files import write_crystal
from qdsurf.crystals.molecules import dipole, shape
from qdsurf.errors import AskError, ChargeError, UnknownName
from qdsurf.library import list_shelf, read_entry

NAMES = list_shelf("bulk")
# a molecular cation has no site symmetry, so the group of the average structure is not that of the atoms
MOLECULAR = [n for n in NAMES if read_entry("bulk", n).get("molecules")]
# names that the design promises
PROMISED = (
    "CsPbCl3-cubic", "CsPbBr3-cubic", "CsPbI3-cubic", "CsPbBr3-orthorhombic", "CsPbI3-orthorhombic",
    "CsPbI3-delta", "FAPbI3", "MAPbI3", "PbS", "PbSe", "CdSe-zincblende", "CdSe-wurtzite", "TiO2-anatase",
)  # fmt: skip


def cell_of(atoms):
    return atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers


def neighbours(atoms, centre, other, cutoff):
    """Sorted distances from the first atom of element *centre* to *other* over periodic images."""
    big = atoms * (3, 3, 3)
    middle = np.array([1.0, 1.0, 1.0]) @ atoms.cell.array
    first = next(a for a in atoms if a.symbol == centre)
    others = big.positions[[a.index for a in big if a.symbol == other]]
    distances = np.linalg.norm(others - (first.position + middle), axis=1)
    return np.sort(distances[(distances > 0.1) & (distances < cutoff)])


def test_promised_names_are_there():
    assert set(PROMISED) <= set(NAMES)
    for phase in ("cubic", "tetragonal", "orthorhombic", "delta"):
        assert f"CsPbBr3-{phase}" in NAMES
        assert f"CsPbI3-{phase}" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_entry_is_neutral_and_says_where_it_comes_from(name):
    crystal = load_crystal(name)
    assert crystal.ledger.charge == 0
    assert crystal.source.text
    assert read_entry("bulk", name)["prototype"]
    if crystal.source.status in ("unverified", "computed"):
        assert crystal.source.note
    assert crystal.atoms.pbc.all()


@pytest.mark.parametrize("name", [n for n in NAMES if n not in MOLECULAR])
def test_spglib_pymatgen_and_ase_find_the_stated_space_group(name):
    crystal = load_crystal(name)
    stated = int(crystal.space_group.split("(")[1].rstrip(")"))
    assert spglib.get_symmetry_dataset(cell_of(crystal.atoms), symprec=1e-3).number == stated
    structure = AseAtomsAdaptor.get_structure(Atoms(crystal.atoms.symbols, crystal.atoms.positions,
                                                    cell=crystal.atoms.cell, pbc=True))  # fmt: skip
    assert SpacegroupAnalyzer(structure, symprec=1e-3).get_space_group_number() == stated
    assert check_symmetry(crystal.atoms, symprec=1e-3).number == stated


@pytest.mark.parametrize("name", [n for n in MOLECULAR if n != "MAPbI3-orthorhombic"])
def test_cage_of_a_molecular_crystal_has_the_average_symmetry(name):
    atoms = load_crystal(name).atoms
    fragments = atoms.arrays["fragment"]
    keep = [i for i in range(len(atoms)) if (fragments == fragments[i]).sum() == 1]
    cage = atoms[keep]
    centre = np.mean([atoms.positions[fragments == f].mean(axis=0) for f in set(fragments[8:].tolist())
                      if (fragments == f).sum() > 1], axis=0)  # fmt: skip
    cage += Atoms("Cs", [centre])
    found = spglib.get_symmetry_dataset(cell_of(cage), symprec=1e-3).number
    # the pseudo-cubic cell of MAPbI3 has three lengths
    assert found == (221 if np.ptp(atoms.cell.lengths()) < 1e-3 else 47)


def test_ordered_cations_of_orthorhombic_mapbi3_have_its_symmetry_and_no_net_dipole():
    crystal = load_crystal("MAPbI3-orthorhombic")
    assert spglib.get_symmetry_dataset(cell_of(crystal.atoms), symprec=1e-2).number == 62
    assert np.allclose(net_dipole(crystal.atoms), 0, atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_formula_is_that_of_the_name(name):
    formula = name.split("-")[0]
    long = formula.replace("MA", "CNH6").replace("FA", "CN2H5")
    atoms = load_crystal(name).atoms
    counts = Atoms(atoms.symbols).symbols.formula.reduce()[0].count()
    assert counts == Atoms(long).symbols.formula.reduce()[0].count()


@pytest.mark.parametrize("name", NAMES)
def test_contacts_are_those_of_a_solid(name):
    atoms = load_crystal(name).atoms
    atoms = atoms * (2, 2, 2)
    fragments = atoms.arrays["fragment"] + 1000 * np.repeat(np.arange(8), len(atoms) // 8)
    between = fragments[:, None] != fragments[None, :]
    shortest = atoms.get_all_distances(mic=True)[between].min()
    # from Ti-O to Cs-I
    assert 1.9 < shortest < 4.0


@pytest.mark.parametrize("name", NAMES)
def test_ions_that_attract_are_nearest(name):
    crystal = load_crystal(name)
    if len(crystal.charges) < 2:
        return
    from qdsurf.build.bonds import centres_of

    _, species, points = centres_of(crystal.atoms * (3, 3, 3))
    charges = np.array([crystal.charges[s] for s in species])
    middle = np.argmin(np.linalg.norm(points - points.mean(axis=0), axis=1))
    distance = np.linalg.norm(points - points[middle], axis=1)
    distance[middle] = np.inf
    assert charges[np.argmin(distance)] * charges[middle] < 0


@pytest.mark.parametrize(
    ("name", "species", "bond"),
    [("MAPbI3", "methylammonium", 1.49), ("FAPbI3", "formamidinium", 1.31)],
)
def test_molecular_cation_is_one_fragment_of_sane_geometry(name, species, bond):
    atoms = load_crystal(name).atoms
    inside = np.flatnonzero(atoms.arrays["species"] == species)
    assert len(inside) == 8
    assert len(set(atoms.arrays["fragment"][inside].tolist())) == 1
    carbon = next(i for i in inside if atoms[i].symbol == "C")
    nitrogens = [i for i in inside if atoms[i].symbol == "N"]
    assert atoms.get_distances(carbon, nitrogens) == pytest.approx(bond, abs=0.01)
    hydrogens = [i for i in inside if atoms[i].symbol == "H"]
    iodides = [i for i in range(len(atoms)) if atoms[i].symbol == "I"]
    for h in hydrogens:
        assert atoms.get_distances(h, iodides, mic=True).min() > 2.4


@pytest.mark.parametrize(
    ("name", "pair", "low", "high", "count"),
    [
        ("CsPbBr3-orthorhombic", ("Pb", "Br"), 2.94, 3.00, 6),
        ("CsPbI3-orthorhombic", ("Pb", "I"), 3.147, 3.222, 6),
        ("CsPbBr3-tetragonal", ("Pb", "Br"), 2.94, 3.00, 6),
        ("CsPbI3-tetragonal", ("Pb", "I"), 3.14, 3.17, 6),
        ("CsPbCl3-tetragonal", ("Pb", "Cl"), 2.84, 2.90, 6),
        ("CsSnI3-tetragonal", ("Sn", "I"), 3.08, 3.13, 6),
        ("CsSnI3-orthorhombic", ("Sn", "I"), 3.09, 3.12, 6),
        ("MAPbI3-orthorhombic", ("Pb", "I"), 3.15, 3.20, 6),
        ("CsPbI3-delta", ("Pb", "I"), 3.0, 3.42, 6),
        ("CsPbBr3-delta", ("Pb", "Br"), 2.8, 3.26, 6),
        ("CsSnI3-delta", ("Sn", "I"), 2.9, 3.5, 6),
        ("TiO2-anatase", ("Ti", "O"), 1.93, 1.98, 6),
        ("TiO2-rutile", ("Ti", "O"), 1.94, 1.99, 6),
        ("PbTe", ("Pb", "Te"), 3.22, 3.24, 6),
        ("CdTe-zincblende", ("Cd", "Te"), 2.80, 2.81, 4),
        ("CdS-wurtzite", ("Cd", "S"), 2.50, 2.60, 4),
        ("CsBr", ("Cs", "Br"), 3.70, 3.73, 8),
    ],
)
def test_coordination_is_the_known_one(name, pair, low, high, count):
    nearest = neighbours(load_crystal(name).atoms, *pair, 1.15 * high)
    assert len(nearest) == count
    assert nearest.min() > low
    assert nearest.max() < high


@pytest.mark.parametrize("name", ["CsPbI3-tetragonal", "CsPbBr3-tetragonal"])
def test_derived_tilt_keeps_the_octahedron_regular(name):
    crystal = load_crystal(name)
    anion = name[4 : -len("3-tetragonal")]
    a, _, c = crystal.atoms.cell.lengths()
    bonds = neighbours(crystal.atoms, "Pb", anion, 3.5)
    assert bonds == pytest.approx(c / 2, abs=2e-4)
    tilt = math.degrees(math.acos(a / (math.sqrt(2) * c)))
    assert 5 < tilt < 10


@pytest.mark.parametrize("name", [n for n in NAMES if load_crystal(n).pseudocubic])
def test_pseudocubic_axes_are_nearly_those_of_a_cube(name):
    crystal = load_crystal(name)
    axes = np.array(crystal.pseudocubic) @ crystal.atoms.cell.array
    lengths = np.linalg.norm(axes, axis=1)
    assert np.ptp(lengths) < 0.05 * lengths.mean()
    assert np.linalg.det(axes) == pytest.approx(np.prod(lengths), rel=0.01)
    # one formula unit
    units = crystal.ledger["Pb"] + crystal.ledger["Sn"]
    assert np.linalg.det(axes) * units == pytest.approx(crystal.atoms.cell.volume)


def test_dipole_of_methylammonium_is_large_and_of_formamidinium_small():
    sizes = {s: np.linalg.norm(dipole(s, *shape(s))) for s in ("methylammonium", "formamidinium")}
    assert 2.0 < sizes["methylammonium"] < 2.7
    assert sizes["formamidinium"] < 0.3
    # it turns with the molecule
    symbols, positions = shape("methylammonium")
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    assert dipole("methylammonium", symbols, positions @ turn.T) == pytest.approx(
        turn @ dipole("methylammonium", symbols, positions), abs=1e-9
    )
    # from the methyl group to the ammonium group
    axis = positions[symbols.index("N")] - positions[symbols.index("C")]
    assert dipole("methylammonium", symbols, positions) @ axis > 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Zn", ("Zn", 2)), ("Yb", ("Yb", 3)), ("Yb2+", ("Yb", 2)), ("Na+", ("Na", 1)), ("I-", ("I", -1)),
     ("FA", ("formamidinium", 1)), ("methylammonium", ("methylammonium", 1)), ("S2-", ("S", -2))],
)  # fmt: skip
def test_ion_names(text, expected):
    assert ion(text) == expected


@pytest.mark.parametrize(
    ("text", "match"),
    [("Fe", "Fe2"), ("Eu", "Eu2"), ("Xx", "no ion"), ("FA2+", "charge"), ("", "no ion"), ("12", "no ion")],
)
def test_unknown_ions(text, match):
    with pytest.raises(ChargeError, match=match):
        ion(text)


def test_file_with_guessed_charges(tmp_path):
    path = tmp_path / "rocksalt.cif"
    write(path, bulk("PbTe", "rocksalt", a=6.454, cubic=True))
    crystal = load_crystal(path)
    assert crystal.charges == {"Pb": 2, "Te": -2}
    assert "225" in crystal.space_group


def test_file_with_given_charges_and_a_metal(tmp_path):
    path = tmp_path / "crystal.xyz"
    write(path, bulk("FeO", "rocksalt", a=4.33))
    with pytest.raises(ChargeError, match="Fe"):
        load_crystal(path)
    assert load_crystal(path, charges={"Fe": 2, "O": -2}).charges["Fe"] == 2
    with pytest.raises(ChargeError, match=r"\+4"):
        load_crystal(path, charges={"Fe": 3, "O": -2})
    write(path, bulk("Cu"))
    assert load_crystal(path).charges == {"Cu": 0}


@pytest.mark.parametrize("name", ["FAPbI3", "MAPbBr3", "CsPbI3-tetragonal", "CdSe-wurtzite"])
@pytest.mark.parametrize("ending", ["cif", "extxyz", "vasp", "json"])
def test_written_crystals_come_back(tmp_path, name, ending):
    crystal = load_crystal(name)
    path = write_crystal(crystal, tmp_path / f"crystal.{ending}")
    back = load_crystal(path)
    assert str(back.ledger) == str(crystal.ledger)
    assert back.atoms.get_volume() == pytest.approx(crystal.atoms.get_volume(), rel=1e-5)
    if ending == "extxyz":
        assert (back.name, back.charges, back.space_group) == (
            crystal.name,
            crystal.charges,
            crystal.space_group,
        )
        assert (back.source, back.temperature, back.pseudocubic) == (
            crystal.source, crystal.temperature, crystal.pseudocubic)  # fmt: skip
        assert np.allclose(back.atoms.positions, crystal.atoms.positions, atol=1e-7)
        assert back.atoms.arrays["fragment"].tolist() == crystal.atoms.arrays["fragment"].tolist()


def test_molecules_are_found_across_the_cell_borders(tmp_path):
    crystal = load_crystal("MAPbI3")
    bare = Atoms(crystal.atoms.symbols, crystal.atoms.positions, cell=crystal.atoms.cell, pbc=True)
    atoms = bare * (2, 1, 1)
    atoms.positions += [3.1, 3.1, 3.1]
    atoms.wrap()
    path = tmp_path / "moved.cif"
    write(path, atoms)
    back = load_crystal(path)
    assert back.ledger["methylammonium"] == 2
    assert back.ledger.charge == 0


def test_unknown_molecules_are_named_by_their_formula(tmp_path):
    # guanidinium iodide as a box: one planar C(NH2)3 and one iodide
    turn = np.radians([90, 210, 330])
    rows, symbols = [[0, 0, 0]], ["C"]
    for angle in turn:
        u = np.array([np.cos(angle), np.sin(angle), 0])
        v = np.array([-u[1], u[0], 0])
        rows += [1.33 * u, 1.84 * u + 0.87 * v, 1.84 * u - 0.87 * v]
        symbols += ["N", "H", "H"]
    atoms = Atoms([*symbols, "I"], [*rows, [0, 0, 4.0]], cell=[9, 9, 8], pbc=True)
    path = tmp_path / "guanidinium.cif"
    write(path, atoms)
    with pytest.raises(ChargeError, match="CH6N3"):
        load_crystal(path)
    assert load_crystal(path, charges={"CH6N3": 1, "I": -1}).ledger["CH6N3"] == 1


def test_refusals(tmp_path):
    with pytest.raises(UnknownName, match="CsPbBr3-cubic"):
        load_crystal("CsPbBr3-cubi")
    path = tmp_path / "molecule.xyz"
    write(path, Atoms("OH2", [[0, 0, 0], [1, 0, 0], [0, 1, 0]]))
    with pytest.raises(AskError, match="periodic"):
        load_crystal(path)
    path.write_text("nonsense")
    with pytest.raises(AskError, match="cannot read"):
        load_crystal(path)
    with pytest.raises(AskError, match="format"):
        write_crystal(load_crystal("PbS"), tmp_path / "crystal.nonsense")
    path = write_crystal(load_crystal("PbS"), tmp_path / "PbS.extxyz")
    changed = read(path)
    changed.info["source"] = json.dumps({"colour": "grey"})
    write(path, changed)
    with pytest.raises(AskError, match="changed"):
        load_crystal(path)


def test_importing_loads_no_heavy_library():
    code = (
        "import sys, qdsurf.crystals; "
        "print([m for m in ('ase', 'rdkit', 'pymatgen', 'spglib', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_primitive_cell_of_a_file_becomes_the_conventional_one(tmp_path):
    write(tmp_path / "pbs.cif", bulk("PbS", "rocksalt", a=5.936))
    crystal = load_crystal(tmp_path / "pbs.cif")
    assert crystal.atoms.cell.cellpar() == pytest.approx([5.936] * 3 + [90] * 3)
    assert "primitive cell" in crystal.source.note
    ours = qs.cut_slab(load_crystal("PbS"), "100", layers=3)
    theirs = qs.cut_slab(crystal, "100", layers=3)
    assert theirs.atoms.get_chemical_formula() == ours.atoms.get_chemical_formula()
    assert theirs.atoms.cell.lengths() == pytest.approx(ours.atoms.cell.lengths(), rel=1e-3)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none.cif", "no file .*none.cif"),
        ("junk.cif", r"cannot read this file: \w"),
        ("", "no crystal named"),
    ],
)
def test_files_that_are_no_crystal_say_why(tmp_path, name, words):
    (tmp_path / "junk.cif").write_text("hello")
    with pytest.raises(AskError, match=words):
        load_crystal(tmp_path / name if name else "perovskite")
