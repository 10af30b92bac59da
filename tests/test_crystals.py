import subprocess
import sys

import numpy as np
import pytest
import spglib
from ase import Atoms
from ase.build import bulk
from ase.io import write

from qdsurf.crystals import load_crystal
from qdsurf.errors import AskError, ChargeError, UnknownName
from qdsurf.library import list_shelf

NAMES = list_shelf("bulk")


@pytest.mark.parametrize("name", NAMES)
def test_entry_is_neutral_and_says_where_it_comes_from(name):
    crystal = load_crystal(name)
    assert crystal.ledger.charge == 0
    assert crystal.source.text
    if crystal.source.status in ("unverified", "computed"):
        assert crystal.source.note
    assert crystal.atoms.pbc.all()


# a molecular cation has no site symmetry, so these two have none to compare
@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("FAPbI3", "MAPbI3")])
def test_space_group_is_the_stated_one(name):
    crystal = load_crystal(name)
    a = crystal.atoms
    found = spglib.get_spacegroup((a.cell.array, a.get_scaled_positions(), a.numbers), symprec=1e-3)
    assert found.split("(")[1] == crystal.space_group.split("(")[1]


@pytest.mark.parametrize("name", NAMES)
def test_contacts_are_those_of_a_solid(name):
    atoms = load_crystal(name).atoms
    between = atoms.arrays["fragment"][:, None] != atoms.arrays["fragment"][None, :]
    shortest = atoms.get_all_distances(mic=True)[between].min()
    assert 1.9 < shortest < 3.3


@pytest.mark.parametrize(
    ("name", "species", "bonds"),
    [("MAPbI3", "methylammonium", {"C": 1.49}), ("FAPbI3", "formamidinium", {"C": 1.32})],
)
def test_molecular_cation_is_one_fragment_of_sane_geometry(name, species, bonds):
    atoms = load_crystal(name).atoms
    inside = np.flatnonzero(atoms.arrays["species"] == species)
    assert len(inside) == 8
    assert len(set(atoms.arrays["fragment"][inside].tolist())) == 1
    carbon = next(i for i in inside if atoms[i].symbol == "C")
    nitrogens = [i for i in inside if atoms[i].symbol == "N"]
    assert atoms.get_distances(carbon, nitrogens) == pytest.approx(bonds["C"], abs=0.01)
    hydrogens = [i for i in inside if atoms[i].symbol == "H"]
    iodides = [i for i in range(len(atoms)) if atoms[i].symbol == "I"]
    for h in hydrogens:
        assert atoms.get_distances(h, iodides, mic=True).min() > 2.4


@pytest.mark.parametrize(
    ("name", "pair", "low", "high", "count"),
    [
        ("CsPbBr3-orthorhombic", ("Pb", "Br"), 2.94, 3.00, 6),
        ("CsPbI3-orthorhombic", ("Pb", "I"), 3.147, 3.222, 6),
        ("TiO2-anatase", ("Ti", "O"), 1.93, 1.98, 6),
    ],
)
def test_octahedra_have_the_known_bond_lengths(name, pair, low, high, count):
    atoms = load_crystal(name).atoms * (2, 2, 2)
    centre = next(a.index for a in atoms if a.symbol == pair[0])
    ligands = [a.index for a in atoms if a.symbol == pair[1]]
    nearest = np.sort(atoms.get_distances(centre, ligands, mic=True))[:count]
    assert nearest.min() > low
    assert nearest.max() < high


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
    with pytest.raises(ChargeError, match=r"\+1"):
        load_crystal(path, charges={"Fe": 3, "O": -2})
    write(path, bulk("Cu"))
    assert load_crystal(path).charges == {"Cu": 0}


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


def test_importing_loads_no_heavy_library():
    code = (
        "import sys, qdsurf.crystals; "
        "print([m for m in ('ase', 'rdkit', 'pymatgen', 'spglib', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
