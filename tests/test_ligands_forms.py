"""Charge states, the forms of molecules with two ends, desorbed forms, and salts."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem

from qdsurf.errors import AnchorError, AskError, BadEntry
from qdsurf.library import list_shelf, read_entry
from qdsurf.ligands import enumerate_forms, free_form_atoms, ions_of, ligand_from_smiles, load_ligand


def forms(smiles: str) -> set[tuple[str, int, str, str]]:
    return {
        ("+".join(a.name for a in form.anchors), form.charge, form.cbc_class, form.binds)
        for form in enumerate_forms(smiles)
    }


@pytest.mark.parametrize(
    ("smiles", "state", "bound"),
    [
        ("CCCP(=O)(O)O", "anion", "CCCP(=O)([O-])O"),
        ("CCCP(=O)(O)O", "dianion", "CCCP(=O)([O-])[O-]"),
        ("CCCP(=O)([O-])[O-]", "neutral", "CCCP(=O)(O)O"),
        ("CCCN", "cation", "CCC[NH3+]"),
        ("c1ccncc1", "cation", "c1cc[nH+]cc1"),
        ("N=CN", "cation", "NC=[NH2+]"),
        ("NCC(=O)[O-]", "zwitterion", "[NH3+]CC(=O)[O-]"),
        ("[NH3+]CC(=O)[O-]", "anion", "NCC(=O)[O-]"),
        ("[NH3+]CC(=O)[O-]", "cation", "[NH3+]CC(=O)O"),
        ("SCCS", "dianion", "[S-]CC[S-]"),
        ("NCCS(=O)(=O)O", "auto", "[NH3+]CCS(=O)(=O)[O-]"),
        ("C[N+](C)(C)CC(=O)O", "auto", "C[N+](C)(C)CC(=O)[O-]"),
        ("C[N+](C)(C)CC(=O)[O-]", "neutral", "C[N+](C)(C)CC(=O)[O-]"),
        ("CC(=O)NO", "auto", "CC(=O)N[O-]"),
        ("CC(=O)S", "auto", "CC(=O)[S-]"),
        ("[S-]C#N", "auto", "N#C[S-]"),
    ],
)
def test_charge_state_by_name(smiles, state, bound):
    try:
        ligand = ligand_from_smiles(smiles, charge_state=state)
    except AnchorError:
        ligand = ligand_from_smiles(smiles, charge_state=state, anchor="best")
    assert Chem.CanonSmiles(ligand.smiles) == Chem.CanonSmiles(bound)
    assert ligand.charge == Chem.GetFormalCharge(Chem.MolFromSmiles(bound))
    assert ligand.reasons


@pytest.mark.parametrize(
    ("smiles", "state", "text"),
    [
        ("CCC(=O)O", "dianion", "one proton to give"),
        ("CCC(=O)O", "cation", "no group that can take up a proton"),
        ("CCCN", "anion", "no group that can lose a proton"),
        ("NCC(N)C", "cation", "several groups can take up a proton"),
        ("CCCN", "ion", "allowed"),
    ],
)
def test_charge_state_that_is_not_there(smiles, state, text):
    with pytest.raises(AskError, match=text):
        ligand_from_smiles(smiles, charge_state=state)


def test_an_anchor_names_the_acid_that_gives_its_proton():
    ligand = ligand_from_smiles("SCCC(=O)O", charge_state="anion", anchor="thiol")
    assert (ligand.smiles, ligand.anchors[0].name) == ("O=C(O)CC[S-]", "thiolate")


def test_best_takes_the_first_of_the_ranking_and_names_the_others():
    ligand = ligand_from_smiles("NCCS", anchor="best")
    assert ligand.anchors[0].name == "amine"
    assert [other.name for other in ligand.others] == ["thiol"]
    assert "left: thiol" in " ".join(ligand.reasons)
    both = ligand_from_smiles("[S-]CCC(=O)[O-]", anchor="best")
    assert (both.anchors[0].name, both.others[0].name, both.charge) == ("thiolate", "carboxylate", -2)
    crowded = ligand_from_smiles("CC(C)(N)CCCN", anchor="best")
    assert crowded.anchors[0].atoms == (7,), "the less crowded of two amines"


def test_a_smarts_outside_the_table_is_an_anchor_if_it_has_a_lone_pair():
    ether = ligand_from_smiles("C1CCOC1", anchor="[OX2:1]")
    assert (ether.anchors[0].name, ether.cbc_class) == ("ether", "L")
    sulfone = ligand_from_smiles("CS(=O)(=O)C", anchor="[OX1:1]=[SX4:9]")
    assert (sulfone.anchors[0].name, sulfone.cbc_class, sulfone.denticity) == ("custom", "L", 2)
    with pytest.raises(AnchorError, match="none of its groups"):
        ligand_from_smiles("CCCC", anchor="[CH3]")


@pytest.mark.parametrize(
    ("smiles", "first", "left"),
    [
        ("OCCS", "thiol", "alcohol"),
        ("OCCSC", "thioether", "alcohol"),
        ("OC(=O)CCS", "thiol", "carboxylic acid"),
        ("OCCN", "amine", "alcohol"),
        ("NCCS", "amine", "thiol"),
        ("COCCO", "alcohol", "ether"),
        ("OCCP(=O)(C)C", "phosphine oxide", "alcohol"),
    ],
)
def test_of_donors_that_water_does_not_protonate_the_softer_binds(smiles, first, left):
    ligand = ligand_from_smiles(smiles, anchor="best")
    assert (ligand.anchors[0].name, ligand.others[0].name) == (first, left)


def test_softness_is_that_of_the_texts():
    from qdsurf.ligands.groups import GROUPS
    from qdsurf.ligands.softness import group_softness
    from qdsurf.rank.hsab_tables import VOTES
    from qdsurf.rank.softness import group_donor

    for group in GROUPS:
        if group.takes == "on a cation" and not group.weak:
            votes = [VOTES[vote.hsab_class] for vote in group_donor(group.name).classes if vote.counted]
            assert votes, f"{group.name} has no class, so its rank would be that of a borderline donor"
            assert group_softness(group.name) == pytest.approx(sum(votes) / len(votes))


def test_weak_donors_yield_to_strong_ones_and_bind_alone():
    strong = ligand_from_smiles("COCCN")
    assert strong.anchors[0].name == "amine"
    assert "left free: ether" in " ".join(strong.reasons)
    assert ligand_from_smiles("COC").anchors[0].name == "ether"


def test_several_anchors_of_one_kind_take_a_site_each():
    ligand = ligand_from_smiles("[O-]C(=O)CCC(=O)[O-]", anchor=["carboxylate", "carboxylate"])
    assert (len(ligand.anchors), ligand.binds, ligand.charge, ligand.denticity) == (2, "anion site", -2, 4)
    with pytest.raises(AnchorError, match="fits 2 groups, not 3"):
        ligand_from_smiles("[O-]C(=O)CCC(=O)[O-]", anchor=["carboxylate"] * 3)


def test_glycine_binds_in_five_ways():
    assert forms("NCC(=O)O") == {
        ("carboxylate", -1, "X", "anion site"),
        ("carboxylate+primary ammonium", 0, "X", "pair"),
        ("primary ammonium", 1, "X", "cation site"),
        ("amine", 0, "L", "on a cation"),
        ("carboxylic acid", 0, "L", "on a cation"),
    }
    assert forms("NCC(=O)O") == forms("[NH3+]CC(=O)[O-]") == forms("[NH3+]CC(=O)O")


def test_cysteine_binds_by_each_of_three_ends():
    found = forms("N[C@@H](CS)C(=O)O")
    assert {
        ("thiolate", -1, "X", "anion site"),
        ("carboxylate", -1, "X", "anion site"),
        ("carboxylate+thiolate", -2, "X", "anion site"),
        ("carboxylate+primary ammonium", 0, "X", "pair"),
        ("thiolate+primary ammonium", 0, "X", "pair"),
        ("amine", 0, "L", "on a cation"),
        ("thiol", 0, "L", "on a cation"),
        ("primary ammonium", 1, "X", "cation site"),
    } <= found
    smiles = {Chem.CanonSmiles(form.smiles) for form in enumerate_forms("N[C@@H](CS)C(=O)O")}
    assert Chem.CanonSmiles(read_entry("ligands", "cysteine")["smiles"]) in smiles


def test_mercaptopyridine_binds_by_sulfur_or_nitrogen():
    assert forms("Sc1ccncc1") == {
        ("thiolate", -1, "X", "anion site"),
        ("thiolate+pyridinium", 0, "X", "pair"),
        ("pyridinium", 1, "X", "cation site"),
        ("pyridine", 0, "L", "on a cation"),
        ("thiol", 0, "L", "on a cation"),
    }


def test_thiocyanate_binds_by_sulfur_or_nitrogen():
    by_sulfur, by_nitrogen = enumerate_forms("[S-]C#N", name="thiocyanate")
    assert by_sulfur.atoms.symbols[list(by_sulfur.anchors[0].atoms)].get_chemical_formula() == "S"
    assert by_nitrogen.atoms.symbols[list(by_nitrogen.anchors[0].atoms)].get_chemical_formula() == "N"
    assert ligand_from_smiles("[S-]C#N").anchors[0].name == "thiocyanate"
    assert ligand_from_smiles("[S-]C#N", anchor="isothiocyanate").anchors[0].atoms == (2,)


def test_edta_binds_by_one_to_four_carboxylates():
    found = enumerate_forms("OC(=O)CN(CC(=O)O)CCN(CC(=O)O)CC(=O)O")
    ends = {(len(f.anchors), f.charge) for f in found if f.binds == "anion site"}
    assert ends == {(1, -1), (2, -2), (3, -3), (4, -4)}
    assert any(f.cbc_class == "L" and f.anchors[0].name == "amine" for f in found)
    # two on one nitrogen, or one on each: with neutral amines these are the only dianions
    plain = [f for f in found if f.charge == -2 and "+" not in f.smiles]
    assert len(plain) == 2


def test_forms_of_what_cannot_bind():
    with pytest.raises(AnchorError, match="no group that can bind"):
        enumerate_forms("CCCC")


def test_desorbed_forms():
    acetate = ligand_from_smiles("CC(=O)[O-]").free_forms
    assert acetate == {
        "acid": "CC(=O)O", "caesium salt": "[Cs+].CC(=O)[O-]", "lead salt": "CC(=O)[O][Pb][O]C(C)=O",
        "dimer": "CC(=O)O.CC(=O)O",
    }  # fmt: skip
    amine = ligand_from_smiles("CC[NH3+]").free_forms
    assert amine["amine"] == "CCN"
    assert amine["iodide"] == "CC[NH3+].[I-]"
    assert ligand_from_smiles("CCCP(=O)([O-])[O-]").free_forms["acid"] == "CCCP(=O)(O)O"
    assert "lead salt" not in ligand_from_smiles("[S-2]").free_forms


@pytest.mark.parametrize("smiles", ["CC(=O)O.CC(=O)O", "CP(C)(=O)O.CP(C)(=O)O"])
def test_an_acid_dimer_has_two_hydrogen_bonds(smiles):
    atoms = free_form_atoms(smiles)
    half = len(atoms) // 2
    gaps = atoms.get_all_distances()[:half, half:]
    hydrogen, oxygen = atoms.numbers == 1, atoms.numbers == 8
    between = np.concatenate([gaps[hydrogen[:half]][:, oxygen[half:]].ravel(),
                              gaps[oxygen[:half]][:, hydrogen[half:]].ravel()])  # fmt: skip
    assert (between < 2.0).sum() == 2
    assert gaps.min() > 1.4


@pytest.mark.parametrize(
    ("smiles", "formula"), [("[NH4+].[S-]C#N", "CH4N2S"), ("[Na+].[OH-]", "HNaO"), ("[SH-].[NH4+]", "H5NS")]
)
def test_an_ion_of_one_heavy_atom_keeps_its_hydrogens_in_a_salt(smiles, formula):
    assert free_form_atoms(smiles).get_chemical_formula() == formula


def test_a_dimer_keeps_the_stereo_of_its_acid():
    atoms = free_form_atoms("C[C@H](F)C(=O)O.C[C@H](F)C(=O)O")
    half = len(atoms) // 2
    signs = []
    for part in (atoms[:half], atoms[half:]):
        center = part.positions[1]
        arms = [part.positions[i] - center for i in (0, 2, 3)]
        signs.append(np.sign(np.linalg.det(arms)))
    assert signs[0] == signs[1]


def test_two_different_molecules_are_no_dimer():
    with pytest.raises(AskError, match="dimer of one acid"):
        free_form_atoms("CC(=O)O.CCN")


SALTS = [name for name in list_shelf("ligands") if "ions" in read_entry("ligands", name)]


@pytest.mark.parametrize("name", SALTS)
def test_a_salt_of_the_shelf_is_two_ions(name):
    salt = load_ligand(name)
    cation, anion = ions_of(salt)
    assert (cation.charge, anion.charge, salt.charge, salt.binds) == (1, -1, 0, "pair")
    assert (cation.binds, anion.binds) == ("cation site", "anion site")
    assert salt.source.text
    assert salt.source.status in ("verified", "unverified")
    atoms = salt.atoms
    assert len(atoms) == len(cation.atoms) + len(anion.atoms)
    first = len(anion.atoms)
    across = atoms.get_all_distances()[:first, first:]
    assert 1.9 < across.min() < 5.5, "side by side, not through each other"
    anchors = salt.anchors
    assert [a.takes for a in anchors] == ["anion site", "cation site"]
    assert max(anchors[0].atoms) < first <= min(anchors[1].atoms)


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("FAI", "formamidinium-iodide"),
        ("gascn", "guanidinium-thiocyanate"),
        ("DDAB", None),
        ("SCN-", "thiocyanate"),
    ],
)
def test_aliases(alias, name):
    assert load_ligand(alias).name == (name or "didodecyldimethylammonium-bromide")


def test_no_alias_is_a_name_or_twice_there():
    names = [name.lower() for name in list_shelf("ligands")]
    aliases = [a.lower() for n in list_shelf("ligands") for a in read_entry("ligands", n).get("aliases", [])]
    assert len(set(aliases)) == len(aliases)
    assert not set(aliases) & set(names)


def test_ions_of_a_ligand_that_is_no_salt():
    acetate = load_ligand("acetate")
    assert ions_of(acetate) == (acetate,)


def test_a_salt_from_smiles():
    salt = ligand_from_smiles("CC[NH3+].[I-]")
    assert [ion.smiles for ion in salt.ions] == ["CC[NH3+]", "[I-]"]
    three = ligand_from_smiles("[Na+].[Na+].[S-2]")
    assert [ion.charge for ion in three.ions] == [1, 1, -2]
    assert len(three.atoms) == 3


@pytest.mark.parametrize(
    ("ionic", "covalent"),
    [("[Pb+2].[Br-].[Br-]", "Br[Pb]Br"), ("[Zn+2].CC(=O)[O-].CC(=O)[O-]", "CC(=O)O[Zn]OC(C)=O")],
)
def test_a_metal_with_two_anions_is_a_z_type_ligand(ionic, covalent):
    ligand = ligand_from_smiles(ionic)
    assert (ligand.cbc_class, ligand.binds) == ("Z", "on an anion")
    assert Chem.CanonSmiles(ligand.smiles) == Chem.CanonSmiles(covalent)


def test_a_salt_entry_whose_ions_do_not_balance_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "structures" / "ligands"
    folder.mkdir(parents=True)
    (folder / "wrong.toml").write_text(
        'ions = ["caesium", "sulfide"]\nfamily = "salt"\n[source]\ntext = "none"\nstatus = "unverified"\n'
    )
    monkeypatch.setenv("QDSURF_LIBRARY", str(tmp_path))
    with pytest.raises(BadEntry, match=r"wrong\.toml.*not neutral"):
        load_ligand("wrong")
