"""Desorbed forms of a ligand, for reactions: acids, amines, salts, dimers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qdsurf.ligands.groups import Found
from qdsurf.ligands.protonation import proton_donor, shift_protons

if TYPE_CHECKING:
    from rdkit.Chem import Mol

_HALIDES = {"chloride": "[Cl-]", "bromide": "[Br-]", "iodide": "[I-]"}
# Acids whose two molecules join by two hydrogen bonds in a ring.
_DIMERS = frozenset({"carboxylate", "phosphinate", "phosphonate"})
# Their acids are no molecules in an organic medium: they exist dissociated, or as adducts.
_NO_ACID = frozenset({"tetrafluoroborate", "hexafluorophosphate", "chalcogenidometallate", "perchlorate"})


def free_forms(mol: Mol, chosen: tuple[Found, ...]) -> dict[str, str]:
    """Return the desorbed forms of a ligand, by name, as canonical SMILES.

    Parameters
    ----------
    mol
        Bound form with implicit hydrogen atoms.
    chosen
        Groups by which it binds.

    Returns
    -------
    dict
        For an anion "acid", "caesium salt", "lead salt" (covalent, of two monoanions) and "dimer" (of the
        acid); for a cation "amine" (the base left when a proton is lost), "salt" (the bromide),
        "chloride", "bromide" and "iodide"; "unit" for a metal salt; "neutral" for the rest.

    Examples
    --------
    >>> from rdkit import Chem
    >>> from qdsurf.ligands.groups import find_groups
    >>> mol = Chem.MolFromSmiles("CC(=O)[O-]")
    >>> free_forms(mol, find_groups(mol))["lead salt"]
    'CC(=O)[O][Pb][O]C(C)=O'
    """
    from rdkit import Chem

    smiles = Chem.MolToSmiles(mol)
    group = chosen[0].group
    charge = Chem.GetFormalCharge(mol)
    if group.takes == "on an anion":
        return {"unit": smiles}
    if len({one.group.takes for one in chosen}) == 2 or group.takes == "on a cation":
        return {"neutral": smiles}
    if group.takes == "cation site":
        return _of_cation(mol, chosen[0], smiles, charge)
    if charge >= 0:
        return {"neutral": smiles}
    return _of_anion(mol, chosen, smiles, charge)


def _of_cation(mol: Mol, cation: Found, smiles: str, charge: int) -> dict[str, str]:
    """Return the amine of a cation and its halides."""
    from rdkit import Chem

    forms = {}
    donor = proton_donor(mol, cation)
    if donor is not None:
        forms["amine"] = Chem.MolToSmiles(shift_protons(mol, {donor: -1}))
    if charge > 0:
        salts = {name: ".".join([smiles, *[ion] * charge]) for name, ion in _HALIDES.items()}
        forms |= {"salt": salts["bromide"], **salts}
    return forms


def _of_anion(mol: Mol, chosen: tuple[Found, ...], smiles: str, charge: int) -> dict[str, str]:
    """Return the acid of an anion, its salts, and the dimer of the acid."""
    name = chosen[0].group.name
    caesium = {"caesium salt": ".".join(["[Cs+]"] * -charge + [smiles])}
    if name in _NO_ACID:
        # Tetrafluoroboric acid is no molecule: it exists as a solution or as an adduct.
        return {"salt": ".".join(["[Na+]"] * -charge + [smiles]), **caesium}
    acid = _acid(mol, chosen, charge)
    forms = {"acid": acid, **caesium}
    lead = _lead_salt(mol, chosen[0], charge)
    if lead:
        forms["lead salt"] = lead
    if name in _DIMERS and charge == -1:
        forms["dimer"] = f"{acid}.{acid}"
    return forms


def _acid(mol: Mol, chosen: tuple[Found, ...], charge: int) -> str:
    """Return the acid of an anion: a proton for each negative charge, the binding atoms first."""
    from rdkit import Chem

    if chosen[0].group.name in ("thiocyanate", "isothiocyanate"):
        # Its acid is HNCS: the proton goes to nitrogen although the ion binds by sulfur.
        return "N=C=S"
    # The acid is neutral, so other anionic groups keep their charge if an ammonium balances it.
    binding = [index for one in chosen for index in one.atoms]
    order = [*binding, *(set(range(mol.GetNumAtoms())) - set(binding))]
    protons: dict[int, int] = {}
    left = -charge
    for index in order:
        atom = mol.GetAtomWithIdx(index)
        taken = min(left, -atom.GetFormalCharge()) if atom.GetAtomicNum() != 5 else 0
        if taken > 0:
            protons[index] = taken
            left -= taken
    return Chem.MolToSmiles(shift_protons(mol, protons))


def _lead_salt(mol: Mol, anion: Found, charge: int) -> str | None:
    """Return the covalent lead salt of a monoanion, bound by its charged atom; None for the others."""
    from rdkit import Chem

    charged = [i for i in anion.atoms if mol.GetAtomWithIdx(i).GetFormalCharge() == -1]
    if charge != -1 or not charged:
        return None
    size = mol.GetNumAtoms()
    salt = Chem.RWMol(Chem.CombineMols(mol, mol))
    lead = salt.AddAtom(Chem.Atom("Pb"))
    for start in (charged[0], charged[0] + size):
        atom = salt.GetAtomWithIdx(start)
        atom.SetFormalCharge(0)
        atom.SetNoImplicit(True)
        salt.AddBond(start, lead, Chem.BondType.SINGLE)
    Chem.SanitizeMol(salt)
    return str(Chem.MolToSmiles(salt))
