"""Conformers that stand straight, and the sizes that are measured on them."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from rdkit import Chem

from qdsurf.errors import AskError
from qdsurf.ligands import ligand_from_smiles, ligand_mol, ligand_sizes, load_ligand
from qdsurf.ligands.sizes import DEBYE, atomic_charges, cone_angle, footprint

# Measured gas-phase dipoles in debye: CRC Handbook of Chemistry and Physics, recalled, unverified.
DIPOLES = {
    "N": 1.47, "CN": 1.31, "CC(=O)O": 1.70, "c1ccncc1": 2.22, "CP(C)C": 1.19, "CS(C)=O": 3.96, "CC#N": 3.92,
    "CS": 1.52, "O": 1.85, "CO": 1.70, "CC(C)=O": 2.88, "CN(C)C=O": 3.82,
}  # fmt: skip
# Tolman's cone angles in degrees (doi:10.1021/cr60307a002), read in a public table of them.
TOLMAN = {"CP(C)C": 118}


def lateral(atoms: Atoms) -> float:
    """Return the largest distance in Å of a heavy atom from the anchor axis."""
    return float(np.linalg.norm(atoms.positions[atoms.numbers > 1, :2], axis=1).max())


@pytest.mark.parametrize(("name", "height"), [("oleate", 19.5), ("oleylammonium", 19.5), ("stearate", 20.5)])
def test_the_first_conformer_of_a_long_chain_is_straight(name, height):
    """All-trans, and past the cis double bond in the same direction: no thicker than a saturated chain."""
    atoms = load_ligand(name).conformers[0]
    assert atoms.positions[:, 2].max() > height
    assert lateral(atoms) < 2.3
    assert atoms.positions[atoms.numbers > 1, 2].min() > -0.7


def test_the_straight_conformer_keeps_the_double_bond_cis_and_its_energy_low():
    from qdsurf.ligands.geometry import embed, relax

    atoms = load_ligand("oleate").conformers[0]
    torsion = atoms.get_dihedral(7, 8, 9, 10)
    assert min(torsion, 360 - torsion) < 15
    mol = Chem.AddHs(Chem.MolFromSmiles("CCCCCCCC/C=C\\CCCCCCCC(=O)[O-]"))
    _, straight = relax(mol, atoms.positions, electrostatics=False)
    others = [relax(mol, xyz, electrostatics=False)[1] for xyz in embed(mol, 4, 0)]
    assert straight < min(others) + 5.0, "kcal/mol"


@pytest.mark.parametrize("name", ["didodecyldimethylammonium", "trioctylphosphine-oxide", "sulfobetaine"])
def test_branched_ligands_stand_on_their_anchor(name):
    atoms = load_ligand(name).conformers[0]
    heavy = atoms.positions[atoms.numbers > 1]
    assert heavy[:, 2].min() > -1.2
    assert heavy[:, 2].max() > 2 * lateral(atoms)


def test_tetraoctylammonium_has_its_chains_above_its_nitrogen():
    atoms = ligand_from_smiles("CCCCCCCC[N+](CCCCCCCC)(CCCCCCCC)CCCCCCCC").conformers[0]
    heavy = atoms.positions[atoms.numbers > 1, 2]
    assert heavy.min() > -4.0
    assert heavy.max() > 6.0


def test_a_stiff_cation_that_reaches_below_its_anchor_has_a_geometry():
    assert len(ligand_from_smiles("c1ccc2cc(ccc2c1)[n+]1ccccc1").atoms) == 28


def test_conformers_differ_and_are_computed_when_looked_at():
    from qdsurf.ligands import conformers

    conformers._straight.cache_clear()
    conformers._several.cache_clear()
    ligand = ligand_from_smiles("CCCCCCCC(=O)[O-]")
    assert conformers._straight.cache_info().currsize == 0, "classifying embeds nothing"
    assert len(ligand.atoms) == 25
    assert conformers._several.cache_info().currsize == 0, "the first needs no others"
    assert len(ligand.conformers) == 8
    assert ligand.conformers[1] is ligand.conformers[1]
    assert len(ligand.conformers[2:4]) == 2
    with pytest.raises(IndexError):
        ligand.conformers[8]


def test_ligands_can_be_sent_to_another_process():
    import pickle

    ligand = load_ligand("acetate")
    again = pickle.loads(pickle.dumps(ligand))
    assert np.array_equal(again.atoms.positions, ligand.atoms.positions)


def test_length_of_butylamine():
    """0.6 nm in the text of Chem. Commun. 2024, 60, 1072."""
    assert ligand_sizes(load_ligand("butylamine")).length == pytest.approx(6.0, abs=0.2)


def test_length_grows_by_a_bond_for_each_carbon():
    lengths = [ligand_sizes(ligand_from_smiles("C" * n + "[NH3+]")).length for n in (6, 8, 10, 12)]
    # two bonds of a zigzag chain, 1.53 Å at 112 degrees
    assert np.allclose(np.diff(lengths), 2 * 1.53 * np.sin(np.radians(56)), atol=0.15)


def test_footprint_of_chains_is_that_of_their_crystals():
    """About 20 Å² a chain, and not more for a longer one."""
    short, long = (ligand_sizes(ligand_from_smiles("C" * n + "C(=O)[O-]")).footprint for n in (7, 15))
    assert 18 < short < 24
    assert abs(long - short) < 4
    assert ligand_sizes(load_ligand("tributylphosphine")).footprint > 2.5 * short


def test_footprint_of_discs():
    from ase.data import vdw_radii

    area = np.pi * vdw_radii[17] ** 2
    assert footprint(Atoms("Cl")) == pytest.approx(area, rel=0.02)
    assert footprint(Atoms("Cl2", positions=[(0, 0, 0), (0, 0, 2)])) == pytest.approx(area, rel=0.02)
    assert footprint(Atoms("Cl2", positions=[(0, 0, 0), (9, 0, 0)])) == pytest.approx(2 * area, rel=0.02)


@pytest.mark.parametrize(("smiles", "degrees"), TOLMAN.items())
def test_cone_angle_of_phosphines(smiles, degrees):
    assert ligand_sizes(ligand_from_smiles(smiles)).cone_angle == pytest.approx(degrees, abs=3)


def test_cone_angle_of_one_sphere_and_of_two():
    from ase.data import vdw_radii

    def half(distance: float) -> float:
        return float(np.degrees(np.arcsin(vdw_radii[17] / distance)))

    assert cone_angle(Atoms("Cl"), [0]) == pytest.approx(2 * half(2.28), abs=0.1)
    pair = Atoms("FCl2", positions=[(0, 0, 0), (3, 0, 3), (-3, 0, 3)])
    distance = np.hypot(3, 3 + 2.28)
    spread = np.degrees(np.arctan2(3, 3 + 2.28))
    assert cone_angle(pair, [0]) == pytest.approx(2 * (spread + half(distance)), abs=0.1)


def test_cone_angle_orders_phosphines_by_their_bulk():
    angles = [
        ligand_sizes(ligand_from_smiles(s)).cone_angle or 0 for s in ("P", "CP(C)C", "CC(C)P(C(C)C)C(C)C")
    ]
    assert angles == sorted(angles)


def test_dipoles_against_measured_ones():
    """Charges of force fields order dipoles; MMFF94 makes them too large, Gasteiger too small."""
    found: dict[str, list[float]] = {"mmff94": [], "gasteiger": []}
    for smiles in DIPOLES:
        ligand = ligand_from_smiles(smiles)
        for model, values in found.items():
            charges = atomic_charges(ligand, model)
            values.append(float(np.linalg.norm(charges @ ligand.atoms.positions)) / DEBYE)
    measured = np.array(list(DIPOLES.values()))
    over, under = (np.array(found[model]) - measured for model in ("mmff94", "gasteiger"))
    assert ((over > 0.1) & (over < 1.15)).all()
    assert ((under < 0) & (under > -1.7)).all()
    assert np.corrcoef(found["mmff94"], measured)[0, 1] > 0.95


def test_sign_of_the_dipole():
    """Positive: the positive end away from the surface. An amine binds by its negative end."""
    assert ligand_sizes(ligand_from_smiles("CN")).dipole > 0.5
    assert ligand_sizes(ligand_from_smiles("CP(C)(C)=O")).dipole > 3
    plain, cyano = (
        ligand_sizes(ligand_from_smiles(s)).dipole for s in ("[O-]C(=O)c1ccccc1", "[O-]C(=O)c1ccc(C#N)cc1")
    )
    assert cyano < plain - 3, "the nitrile's negative end points away"
    assert ligand_sizes(ligand_from_smiles("CN"), charges="gasteiger").dipole > 0


def test_what_cannot_be_measured():
    assert ligand_sizes(load_ligand("lead-bromide")).dipole is None
    assert ligand_sizes(load_ligand("iodide")).cone_angle is None
    around = ligand_from_smiles("C[NH2+]CCCCCCCC")
    assert ligand_sizes(around).cone_angle is None
    with pytest.raises(AskError, match="reaches the apex"):
        cone_angle(around.atoms, list(around.anchors[0].atoms))
    with pytest.raises(AskError, match="measure its ions, formamidinium, iodide"):
        ligand_sizes(load_ligand("FAI"))
    with pytest.raises(AskError, match="conformers 0 to"):
        ligand_sizes(load_ligand("acetate"), conformer=9)
    with pytest.raises(AskError, match="gasteiger"):
        ligand_sizes(load_ligand("acetate"), charges="dft")


def test_the_molecule_has_the_order_of_the_geometry():
    ligand = ligand_from_smiles("[O-]C(=O)C(F)C[N+](C)(C)C")
    mol = ligand_mol(ligand)
    assert [a.GetSymbol() for a in mol.GetAtoms()] == ligand.atoms.get_chemical_symbols()
    assert {tuple(sorted((b.GetBeginAtomIdx(), b.GetEndAtomIdx()))) for b in mol.GetBonds()} == {
        bond[:2] for bond in ligand.bonds
    }
    with pytest.raises(AskError, match="salt"):
        ligand_mol(load_ligand("FAI"))
