import subprocess
import sys

import numpy as np
import pytest
from rdkit import Chem

from qdsurf.errors import AnchorError, AskError, BadEntry, UnknownName
from qdsurf.library import list_shelf, read_entry
from qdsurf.ligands import GROUPS, free_form_atoms, ligand_from_smiles, load_ligand

NAMES = [name for name in list_shelf("ligands") if "smiles" in read_entry("ligands", name)]

# Only the anchor of the entry says which of two groups binds.
AMBIGUOUS = {"cysteine", "ethylenediamine"}


@pytest.mark.parametrize("name", NAMES)
def test_entry_agrees_with_rdkit_and_with_the_rules(name):
    entry = read_entry("ligands", name)
    mol = Chem.MolFromSmiles(entry["smiles"])
    assert entry["charge"] == Chem.GetFormalCharge(mol)
    for smarts in entry["anchors"]:
        assert mol.HasSubstructMatch(Chem.MolFromSmarts(smarts))
    assert entry["source"]["text"]
    assert entry["source"]["licence"] == "facts, not protected"
    assert entry["source"]["status"] in ("verified", "unverified")
    anchor = entry["anchors"] if name in AMBIGUOUS else None
    ligand = ligand_from_smiles(entry["smiles"], anchor=anchor, conformers=1)
    assert (ligand.charge, ligand.cbc_class, ligand.binds) == tuple(
        entry[key] for key in ("charge", "cbc_class", "binds")
    )
    assert len(ligand.anchors) == len(entry["anchors"]) == (2 if ligand.binds == "pair" else 1)
    assert entry["free_forms"]
    for form, smiles in entry["free_forms"].items():
        assert Chem.CanonSmiles(ligand.free_forms[form]) == Chem.CanonSmiles(smiles)


@pytest.mark.parametrize("name", NAMES)
def test_geometry_has_no_clash_and_starts_at_the_anchor(name):
    entry = read_entry("ligands", name)
    ligand = ligand_from_smiles(entry["smiles"], anchor=entry["anchors"], conformers=1)
    atoms = ligand.atoms
    assert not atoms.pbc.any()
    assert not atoms.cell.any()
    assert np.allclose(atoms.positions[list(ligand.anchors[0].atoms)].mean(axis=0), 0, atol=1e-9)
    bonded = {frozenset(bond[:2]) for bond in ligand.bonds}
    distances = atoms.get_all_distances()
    for i in range(len(atoms)):
        for j in range(i):
            if frozenset((i, j)) in bonded:
                assert 0.9 < distances[i, j] < 3.1
            else:
                assert distances[i, j] > 1.4


@pytest.mark.parametrize("name", ["oleate", "Glycine", "lead-bromide", "sodium"])
def test_load_ligand(name):
    ligand = load_ligand(name)
    assert ligand.name == name.lower()
    assert ligand.source.text
    assert ligand.family
    assert ligand.reasons
    heights = [c.positions[c.numbers > 1, 2].max() for c in ligand.conformers]
    assert heights == sorted(heights, reverse=True)
    assert ligand.atoms is not ligand.conformers[0]


def test_oleate_is_extended_and_has_different_conformers():
    ligand = load_ligand("oleate")
    assert len(ligand.conformers) == 8
    assert ligand.conformers[0].positions[:, 2].max() > 15
    assert ligand.anchors[0].denticity == 2


def test_unknown_name_lists_the_nearest():
    with pytest.raises(UnknownName, match="oleate"):
        load_ligand("oleat")


def test_an_entry_that_contradicts_its_smiles_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "structures" / "ligands"
    folder.mkdir(parents=True)
    (folder / "wrong.toml").write_text(
        'smiles = "CC(=O)[O-]"\ncharge = 0\ncbc_class = "X"\nanchors = ["[CX3](=O)[O-]"]\n'
        'binds = "anion site"\nfamily = "carboxylate"\n[free_forms]\nacid = "CC(=O)O"\n'
        '[source]\ntext = "none"\nstatus = "unverified"\n'
    )
    monkeypatch.setenv("QDSURF_LIBRARY", str(tmp_path))
    with pytest.raises(BadEntry, match=r"wrong\.toml.*charge"):
        load_ligand("wrong")


@pytest.mark.parametrize(
    ("smiles", "text"),
    [
        ("C(C", "C\\(C"),
        ("", "SMILES"),
        ("C(C)(C)(C)(C)C", "valence"),
        ("CC[NH3+].CCO", "several molecules"),
        ("CC[NH3+].[S-2]", "several molecules"),
    ],
)
def test_unreadable_smiles(smiles, text):
    with pytest.raises(AskError, match=text):
        ligand_from_smiles(smiles)


def test_nothing_to_bind_with_lists_the_groups():
    with pytest.raises(AnchorError, match=r"carboxylate.*phosphine"):
        ligand_from_smiles("CCCCCC")


def test_several_groups_are_named_with_their_atoms():
    with pytest.raises(AnchorError, match=r'amine \(atom 0\), thiol \(atom 3\).*anchor="<SMARTS or group'):
        ligand_from_smiles("NCCS")
    assert ligand_from_smiles("NCCS", anchor="thiol").cbc_class == "L"
    assert ligand_from_smiles("NCCS", anchor="[NH2]").anchors[0].atoms == (0,)


def test_equal_groups_need_an_anchor_and_symmetry_then_decides():
    with pytest.raises(AnchorError, match=r"thiolate \(atom 0\), thiolate \(atom 3\)"):
        ligand_from_smiles("[S-]CC[S-]")
    assert ligand_from_smiles("[S-]CC[S-]", anchor="thiolate").charge == -2
    with pytest.raises(AnchorError, match="fits"):
        ligand_from_smiles("[S-]CC(C)[S-]", anchor="thiolate")


@pytest.mark.parametrize("anchor", ["phosphine", "[Pb]", "not smarts"])
def test_an_anchor_that_is_not_there(anchor):
    with pytest.raises(AnchorError, match="anchor"):
        ligand_from_smiles("CC(=O)[O-]", anchor=anchor)


def test_two_anchors_must_be_an_anion_and_a_cation():
    pair = ligand_from_smiles("[NH3+]CC(=O)[O-]", anchor=["primary ammonium", "carboxylate"])
    assert [anchor.takes for anchor in pair.anchors] == ["anion site", "cation site"]
    assert ligand_from_smiles("[NH3+]CC(=O)[O-]", anchor="carboxylate").binds == "anion site"
    with pytest.raises(AnchorError, match="anionic and a cationic"):
        ligand_from_smiles("NCC(=O)[O-]", anchor=["amine", "carboxylate"])


@pytest.mark.parametrize(
    ("smiles", "charge", "group"),
    [
        ("CCCC(=O)O", -1, "carboxylate"),
        ("CCCS", -1, "thiolate"),
        ("CCCP(=O)(O)O", -1, "phosphonate"),
        ("CCCS(=O)(=O)O", -1, "sulfonate"),
        ("NCC(=O)O", 0, "carboxylate"),
        ("NCCS", -1, "thiolate"),
        ("Nc1ccc(C(=O)O)cc1", -1, "carboxylate"),
        ("CCCN", 0, "amine"),
    ],
)
def test_charge_state_auto(smiles, charge, group):
    ligand = ligand_from_smiles(smiles, charge_state="auto")
    assert (ligand.charge, ligand.anchors[0].name) == (charge, group)
    reasons = " ".join(ligand.reasons)
    assert ("left neutral" in reasons) == (smiles in ("NCCS", "Nc1ccc(C(=O)O)cc1", "CCCN"))
    assert ("zwitterion" in reasons) == (smiles == "NCC(=O)O")


def test_charge_state_auto_with_two_acids_needs_an_anchor():
    with pytest.raises(AnchorError, match="lose a proton"):
        ligand_from_smiles("SCCC(=O)O", charge_state="auto")
    for anchor in ("thiolate", "thiol", "[SH]"):
        ligand = ligand_from_smiles("SCCC(=O)O", charge_state="auto", anchor=anchor, conformers=1)
        assert (ligand.charge, ligand.anchors[0].atoms) == (-1, (0,))


@pytest.mark.parametrize(("key", "value"), [("charge_state", "acid"), ("conformers", 0)])
def test_wrong_arguments(key, value):
    with pytest.raises(AskError, match=key):
        ligand_from_smiles("CC(=O)[O-]", **{key: value})


def test_tetraoctylammonium_has_a_geometry():
    ligand = ligand_from_smiles("CCCCCCCC[N+](CCCCCCCC)(CCCCCCCC)CCCCCCCC", conformers=2)
    assert len(ligand.atoms) == 101
    assert ligand.free_forms["salt"] == "CCCCCCCC[N+](CCCCCCCC)(CCCCCCCC)CCCCCCCC.[Br-]"
    assert "amine" not in ligand.free_forms


def test_same_seed_same_positions():
    from qdsurf.ligands import conformers

    first = ligand_from_smiles("CCCCCC(=O)[O-]", seed=3).conformers
    conformers._straight.cache_clear()
    conformers._several.cache_clear()
    second = ligand_from_smiles("CCCCCC(=O)[O-]", seed=3).conformers
    assert len(first) == len(second) > 2
    assert all(np.array_equal(a.positions, b.positions) for a, b in zip(first, second, strict=True))


def test_changing_a_ligand_does_not_change_the_next_one():
    first = ligand_from_smiles("CC(=O)[O-]")
    first.conformers[0].positions += 5
    assert not np.allclose(ligand_from_smiles("CC(=O)[O-]").atoms.positions, first.atoms.positions)


def test_atom_order_is_that_of_the_smiles():
    ligand = ligand_from_smiles("[O-]C(=O)C(F)C[N+](C)(C)C", conformers=1)
    assert ligand.atoms.get_chemical_symbols()[:10] == list("OCOCFCNCCC")


@pytest.mark.parametrize(
    ("smiles", "formula"),
    [("CC(=O)O", "C2H4O2"), ("C[NH3+].[Br-]", "CBrH6N"), ("Br[Pb]Br", "Br2Pb"), ("[Na+].[Br-]", "BrNa")],
)
def test_free_forms(smiles, formula):
    atoms = free_form_atoms(smiles)
    assert atoms.get_chemical_formula("hill") == formula.replace("CBrH6N", "CH6BrN")
    distances = atoms.get_all_distances() + 9 * np.eye(len(atoms))
    assert distances.min() > 0.9


def test_bromide_of_lead_is_bent():
    assert free_form_atoms("Br[Pb]Br").get_angle(0, 1, 2) == pytest.approx(100)
    assert free_form_atoms("Br[Zn]Br").get_angle(0, 1, 2) == pytest.approx(180)


def test_group_names_are_unique_and_every_pattern_is_valid():
    assert len({group.name for group in GROUPS}) == len(GROUPS)
    assert all(Chem.MolFromSmarts(group.smarts) is not None for group in GROUPS)


def test_import_loads_neither_rdkit_nor_ase():
    code = "import sys, qdsurf.ligands; sys.exit(bool({'rdkit', 'ase'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
