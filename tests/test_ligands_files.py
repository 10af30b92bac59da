"""Ligands from RDKit molecules and from files: charge, atom order and geometry are those of the file."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from qdsurf.errors import AskError
from qdsurf.ligands import ligand_from_mol, ligand_from_smiles, load_ligand


def embedded(smiles: str, seed: int = 1) -> Chem.Mol:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    rdDistGeom.EmbedMolecule(mol, randomSeed=seed)
    return mol


def same_shape(one: Atoms, other: Atoms) -> bool:
    return list(one.numbers) == list(other.numbers) and bool(
        np.allclose(one.get_all_distances(), other.get_all_distances(), atol=2e-3)
    )


def as_atoms(mol: Chem.Mol) -> Atoms:
    return Atoms([a.GetSymbol() for a in mol.GetAtoms()], mol.GetConformer().GetPositions())


@given(st.randoms(use_true_random=False))
def test_any_order_of_atoms_is_kept(rng):
    mol = embedded("[NH3+]CC(F)CC(=O)[O-]")
    order = list(range(mol.GetNumAtoms()))
    rng.shuffle(order)
    shuffled = Chem.RenumberAtoms(mol, order)
    ligand = ligand_from_mol(shuffled, conformers=1)
    assert same_shape(ligand.conformers[0], as_atoms(shuffled))
    assert [a.name for a in ligand.anchors] == ["carboxylate", "primary ammonium"]
    assert {ligand.atoms.symbols[i] for i in ligand.anchors[0].atoms} == {"O"}
    gaps = ligand.atoms.get_all_distances()
    assert all(gaps[i, j] < 1.7 for i, j, _ in ligand.bonds)
    assert len(ligand.bonds) == shuffled.GetNumBonds()


def test_generated_conformers_follow_in_the_same_order():
    mol = Chem.RenumberAtoms(embedded("CCCCC(=O)[O-]"), list(range(15, -1, -1)))
    ligand = ligand_from_mol(mol, conformers=4)
    assert same_shape(ligand.conformers[0], as_atoms(mol))
    assert len(ligand.conformers) > 1
    for conformer in ligand.conformers:
        assert list(conformer.numbers) == list(ligand.conformers[0].numbers)
        gaps = conformer.get_all_distances()
        assert all(gaps[i, j] < 1.7 for i, j, _ in ligand.bonds)


def test_another_charge_state_drops_the_geometry():
    ligand = ligand_from_mol(embedded("CCC(=O)O"), charge_state="auto")
    assert (ligand.charge, len(ligand.atoms)) == (-1, 10)


def test_a_molecule_without_hydrogens_gets_them():
    assert len(ligand_from_mol(Chem.MolFromSmiles("CCN")).atoms) == 10


def test_two_molecules_are_refused():
    with pytest.raises(AskError, match="several"):
        ligand_from_mol(Chem.MolFromSmiles("CCN.CCO"))


@pytest.mark.parametrize(
    ("smiles", "charge"), [("CCC(=O)[O-]", -1), ("CC[NH3+]", 1), ("CCN", 0), ("[I-]", -1)]
)
def test_xyz_with_its_charge(smiles, charge, tmp_path):
    path = tmp_path / "mine.xyz"
    write(path, as_atoms(embedded(smiles)))
    ligand = load_ligand(path, charge=charge)
    assert (ligand.name, ligand.charge) == ("mine", charge)
    assert Chem.CanonSmiles(ligand.smiles) == Chem.CanonSmiles(smiles)
    assert same_shape(ligand.conformers[0], as_atoms(embedded(smiles)))
    assert ligand.cbc_class == ligand_from_smiles(smiles).cbc_class


def test_xyz_without_charge_or_with_a_wrong_one(tmp_path):
    path = tmp_path / "mine.xyz"
    write(path, as_atoms(embedded("CCC(=O)[O-]")))
    with pytest.raises(AskError, match="charge="):
        load_ligand(path)
    with pytest.raises(AskError, match=r"charge \+3"):
        load_ligand(path, charge=3)


def test_sdf_with_conformers(tmp_path):
    path = tmp_path / "mine.sdf"
    with Chem.SDWriter(str(path)) as writer:
        for seed in (1, 2):
            writer.write(embedded("CCCC(=O)[O-]", seed))
    ligand = load_ligand(str(path), conformers=2)
    assert (ligand.charge, len(ligand.conformers)) == (-1, 2)
    assert same_shape(ligand.conformers[1], as_atoms(embedded("CCCC(=O)[O-]", 2)))
    assert ligand.source.text == "file mine.sdf"
    with pytest.raises(AskError, match=r"charge -1.*not \+0"):
        load_ligand(path, charge=0)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(AskError, match="there is no file"):
        load_ligand("nothing.sdf")
    empty = tmp_path / "empty.sdf"
    empty.write_text("")
    with pytest.raises(AskError, match="no molecule"):
        load_ligand(empty)
    other = tmp_path / "a.pdb"
    other.write_text("")
    with pytest.raises(AskError, match=r"\.sdf, \.mol, \.xyz"):
        load_ligand(other)
    mixed = tmp_path / "mixed.sdf"
    with Chem.SDWriter(str(mixed)) as writer:
        writer.write(embedded("CCN"))
        writer.write(embedded("CCO"))
    with pytest.raises(AskError, match="different molecules"):
        load_ligand(mixed)


def test_the_shelf_checks_a_charge_that_is_given():
    assert load_ligand("oleate", charge=-1).charge == -1
    with pytest.raises(AskError, match="has charge -1, not"):
        load_ligand("oleate", charge=0)


def test_an_anchor_overrides_the_shelf():
    assert load_ligand("cysteine").anchors[0].name == "thiolate"
    assert load_ligand("cysteine", anchor="carboxylate").anchors[0].name == "carboxylate"
