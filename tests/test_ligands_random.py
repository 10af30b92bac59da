"""Random molecules with known groups are classified right, or refused for the right reason."""

from __future__ import annotations

import numpy as np
import pytest
from molecules import INORGANIC, Known, random_molecules
from rdkit import Chem

from qdsurf.errors import AskError
from qdsurf.ligands import enumerate_forms, ligand_from_smiles
from qdsurf.ligands.classes import classify, group_charge
from qdsurf.ligands.groups import find_groups
from qdsurf.ligands.smiles import read_smiles

RANDOM = random_molecules(500)

# Looked at one by one: SMILES, charge, class, site, group that binds; or why it is refused.
CHECKED = [
    ("COC(=O)CCC/C=C\\CC[NH2+]C", 1, "X", "cation site", "secondary ammonium"),
    ("CCCCCC/C=C\\CC[n+]1ccccc1", 1, "X", "cation site", "pyridinium"),
    ("CCCCCCC(C)(C)C[NH3+]", 1, "X", "cation site", "primary ammonium"),
    ("COC(=O)CCCC(C)(C)C[NH+](C)C", 1, "X", "cation site", "tertiary ammonium"),
    ("CCCCC(C)(C)C[N+](C)(C)C", 1, "X", "cation site", "quaternary ammonium"),
    ("c1ccc(cc1)C(N)=[NH2+]", 1, "X", "cation site", "amidinium"),
    ("N#CCCC(C)CCNC(N)=[NH2+]", 1, "X", "cation site", "guanidinium"),
    ("COCCCCC(C)(C)C[S+](C)C", 1, "X", "cation site", "sulfonium"),
    ("COC(=O)CCCC(C)(C)C[P+](C)(C)C", 1, "X", "cation site", "phosphonium"),
    ("COCCCCCCCCCCCCCCCC[n+]1ccn(C)c1", 1, "X", "cation site", "imidazolium"),
    ("[Cs+]", 1, "X", "cation site", "metal cation"),
    ("[NH4+]", 1, "X", "cation site", "ammonium"),
    ("CCCS(=O)(=O)[O-]", -1, "X", "anion site", "sulfonate"),
    ("ClCC(F)(F)C(F)(F)CCS(=O)[O-]", -1, "X", "anion site", "sulfinate"),
    ("CCc1ccc(cc1)CCOS(=O)(=O)[O-]", -1, "X", "anion site", "sulfate"),
    ("FC(F)(F)CCC(C)(C)C[S-]", -1, "X", "anion site", "thiolate"),
    ("COCCc1ccc(cc1)CC[Se-]", -1, "X", "anion site", "selenolate"),
    ("COCCCC(C)CCC(=O)[O-]", -1, "X", "anion site", "carboxylate"),
    ("COCCCC/C=C/CCC(=O)[S-]", -1, "X", "anion site", "thiocarboxylate"),
    ("FC(F)(F)CC/C=C\\CCC(=S)[S-]", -1, "X", "anion site", "dithiocarboxylate"),
    ("c1ccc2cc(ccc2c1)N(C)C(=S)[S-]", -1, "X", "anion site", "dithiocarbamate"),
    ("COC(=O)CCC/C=C/CCOC(=S)[S-]", -1, "X", "anion site", "xanthate"),
    ("COCCCCC(C)(C)CP(=O)(O)[O-]", -1, "X", "anion site", "phosphonate"),
    ("CC(C)CC/C=C/CCP(C)(=O)[O-]", -1, "X", "anion site", "phosphinate"),
    ("CC/C=C\\CCOP(=O)(O)[O-]", -1, "X", "anion site", "phosphate"),
    ("c1ccc2cc(ccc2c1)C(=O)N[O-]", -1, "X", "anion site", "hydroxamate"),
    ("CCCCC(C)(C)C[O-]", -1, "X", "anion site", "alkoxide"),
    ("CC(C)c1ccc(cc1)[O-]", -1, "X", "anion site", "phenolate"),
    ("[S-]C#N", -1, "X", "anion site", "thiocyanate"),
    ("[N-]=[N+]=[N-]", -1, "X", "anion site", "azide"),
    ("[S-][Sn]([S-])([S-])[S-]", -4, "X", "anion site", "chalcogenidometallate"),
    ("CCCCCCCCCCC([NH3+])C(=O)[O-]", 0, "X", "pair", "carboxylate + primary ammonium"),
    ("N#CCCC/C=C/CC[N+](C)(C)CCCS(=O)(=O)[O-]", 0, "X", "pair", "sulfonate + quaternary ammonium"),
    ("CCC/C=C\\CCC(=O)O", 0, "L", "on a cation", "carboxylic acid"),
    ("c1ccc(cc1)CCS(=O)(=O)O", 0, "L", "on a cation", "sulfonic acid"),
    ("c1ccc2cc(ccc2c1)P(=O)(O)O", 0, "L", "on a cation", "phosphonic acid"),
    ("Cc1ccc(cc1)CCNC", 0, "L", "on a cation", "amine"),
    ("CCCCCCCCC#CCCP(C)C", 0, "L", "on a cation", "phosphine"),
    ("N#CCCC/C=C/CCP(C)(C)=O", 0, "L", "on a cation", "phosphine oxide"),
    ("ClCCC/C=C\\CCS", 0, "L", "on a cation", "thiol"),
    ("COCCCCC(C)(C)CSC", 0, "L", "on a cation", "thioether"),
    ("CCC/C=C\\CCS(C)=O", 0, "L", "on a cation", "sulfoxide"),
    ("CCCCCC(C)CCNC(=S)N", 0, "L", "on a cation", "thiocarbonyl"),
    ("CCCC/C=C/CCc1ccncc1", 0, "L", "on a cation", "pyridine"),
    ("c1cc(C)c(c(F)c1)n1ccnc1", 0, "L", "on a cation", "imidazole"),
    ("N#CCCCCC(C)(C)CO", 0, "L", "on a cation", "alcohol"),
    ("ClCc1cccc(c1)C#N", 0, "L", "on a cation", "nitrile"),
    ("CCCCCCCCC(=O)O[Zn]Cl", 0, "Z", "on an anion", "metal salt"),
    ("ClCc1cc(C)c(c(F)c1)B(F)F", 0, "Z", "on an anion", "borane"),
    ("SCCCCCCCC(=O)O", "can bind by carboxylic acid .* thiol"),
    ("CCCC(C)(C)(C)C", "valence for atom # 3 C"),
    ("CCN.CCO", "several molecules"),
    ("CC[CH-]C", "no group that can bind"),
]


def what(smiles: str) -> tuple[int, str, str, str]:
    ligand = ligand_from_smiles(smiles)
    return (ligand.charge, ligand.cbc_class, ligand.binds, " + ".join(a.name for a in ligand.anchors))


@pytest.mark.parametrize("row", CHECKED, ids=lambda row: row[0])
def test_checked_by_hand(row):
    if len(row) == 2:
        with pytest.raises(AskError, match=row[1]):
            ligand_from_smiles(row[0])
    else:
        assert what(row[0]) == row[1:]


def test_five_hundred_random_molecules():
    wrong = []
    for known in RANDOM:
        try:
            found = what(known.smiles)
        except AskError as error:
            if not known.refused or known.refused not in str(error) or known.smiles not in str(error):
                wrong.append((known, str(error)))
        else:
            if known.refused or found != (known.charge, known.cbc_class, known.binds, known.anchor):
                wrong.append((known, found))
    assert not wrong
    assert len({known.anchor for known in RANDOM}) > 45, "the generator makes every kind"
    assert sum(bool(known.refused) for known in RANDOM) > 30


def test_the_same_seed_makes_the_same_molecules():
    assert random_molecules(50, seed=3) == random_molecules(50, seed=3) != random_molecules(50, seed=4)


def test_automatic_charge_state_of_random_molecules():
    for known in RANDOM:
        if known.auto is not None:
            ligand = ligand_from_smiles(known.smiles, charge_state="auto")
            assert (ligand.charge, " + ".join(a.name for a in ligand.anchors)) == known.auto, known


def test_the_order_in_which_a_smiles_is_written_changes_nothing():
    for known in RANDOM[:150]:
        if not known.refused:
            mol = Chem.MolFromSmiles(known.smiles)
            turned = Chem.MolToSmiles(mol, canonical=False, rootedAtAtom=mol.GetNumAtoms() - 1)
            assert what(turned) == what(known.smiles), (known, turned)


def test_class_is_the_electrons_of_the_neutral_ligand():
    """Counted from each molecule, never looked up: L has its pair, X one electron less, Z none."""
    expected = {"anion site": "X", "cation site": "X", "on a cation": "L", "on an anion": "Z"}
    for known in RANDOM:
        if known.refused:
            continue
        mol = read_smiles(known.smiles)
        for group in find_groups(mol):
            found, _ = classify(mol, group)
            assert found == expected[group.group.takes], (known.smiles, str(group))
            if group.group.takes == "anion site":
                assert group_charge(mol, group) < 0
            elif group.group.takes == "on a cation":
                assert group_charge(mol, group) == 0


def test_forms_of_random_molecules_fit_the_ledger():
    for known in RANDOM[:120]:
        if known.refused:
            continue
        forms = enumerate_forms(known.smiles)
        for form in forms:
            assert (form.charge < 0) == (form.binds == "anion site")
            assert (form.charge > 0) == (form.binds == "cation site")
        assert len({form.name for form in forms}) == len(forms)
        given = (known.charge, known.binds)
        # The form that was written is among them, but for the chain's own weak donors.
        assert given in {(form.charge, form.binds) for form in forms}, known


@pytest.mark.parametrize("known", [k for k in RANDOM if not k.refused][:40], ids=lambda k: k.smiles)
def test_geometry_of_random_molecules(known: Known):
    ligand = ligand_from_smiles(known.smiles)
    atoms = ligand.atoms
    assert np.allclose(atoms.positions[list(ligand.anchors[0].atoms)].mean(axis=0), 0, atol=1e-9)
    bonded = np.zeros((len(atoms), len(atoms)), dtype=bool)
    for i, j, _ in ligand.bonds:
        bonded[i, j] = bonded[j, i] = True
    gaps = atoms.get_all_distances()
    apart = ~bonded & ~np.eye(len(atoms), dtype=bool)
    assert (gaps[bonded] < 3.1).all()
    assert (gaps[apart] > 1.4).all()


def test_inorganic_ions_have_geometries():
    others = ("[O-]Cl(=O)(=O)=O", "[O-]S(=O)(=O)[O-]", "F[B-](F)(F)F", "[O-]C#N", "[OH-]", "Cl[Y](Cl)Cl")
    for smiles in (*(known.smiles for known in INORGANIC), *others):
        atoms = ligand_from_smiles(smiles).atoms
        gaps = atoms.get_all_distances() + 9 * np.eye(len(atoms))
        heavy = atoms.numbers > 1
        assert gaps.min() > 0.9, smiles
        assert gaps[heavy][:, heavy].min() > 1.1, smiles
