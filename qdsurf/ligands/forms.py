"""Forms of a ligand that differ by protons or a counter-ion: acids, anions, amines, salts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qdsurf.ligands.groups import Found

if TYPE_CHECKING:
    from rdkit.Chem import Mol

# Name of the anion that each acidic group becomes.
ANION_OF_ACID = {
    "carboxylic acid": "carboxylate",
    "sulfonic acid": "sulfonate",
    "phosphonic acid": "phosphonate",
    "thiol": "thiolate",
}


def remove_proton(mol: Mol, index: int) -> Mol:
    """Return a copy of *mol* with one proton less on the atom *index*; the atom order is kept."""
    return _shift(mol, {index: -1})


def _shift(mol: Mol, protons: dict[int, int]) -> Mol:
    """Return a copy of *mol* with protons added to, or taken from, atoms."""
    from rdkit import Chem

    new = Chem.RWMol(mol)
    for index, change in protons.items():
        atom = new.GetAtomWithIdx(index)
        hydrogens = atom.GetTotalNumHs() + change
        atom.SetFormalCharge(atom.GetFormalCharge() + change)
        atom.SetNoImplicit(True)
        atom.SetNumExplicitHs(hydrogens)
    Chem.SanitizeMol(new)
    return new.GetMol()


def acidic_atom(mol: Mol, acid: Found) -> int:
    """Return the atom of an acidic group that gives up its proton first."""
    if acid.group.name == "thiol":
        return acid.atoms[0]
    for center in mol.GetAtomWithIdx(acid.atoms[0]).GetNeighbors():
        for atom in center.GetNeighbors():
            if atom.GetAtomicNum() == 8 and atom.GetTotalNumHs():
                return int(atom.GetIdx())
    raise ValueError(f"{acid} has no acidic hydrogen atom")


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
        "acid" for an anion; "amine" (the base left when a proton is lost) and "salt" for a cation,
        only "salt" for one without an acidic proton; "unit" for a metal salt; "neutral" for the rest.
    """
    from rdkit import Chem

    smiles = Chem.MolToSmiles(mol)
    if len(chosen) == 2:
        return {"neutral": smiles}
    group = chosen[0].group
    if group.takes == "on an anion":
        return {"unit": smiles}
    if group.takes == "on a cation":
        return {"neutral": smiles}
    charge = Chem.GetFormalCharge(mol)
    if group.takes == "cation site":
        forms = {}
        donor = _proton_donor(mol, chosen[0])
        if donor is not None:
            forms["amine"] = Chem.MolToSmiles(_shift(mol, {donor: -1}))
        if charge > 0:
            forms["salt"] = ".".join([smiles, *["[Br-]"] * charge])
        return forms
    if group.name == "tetrafluoroborate":
        # Tetrafluoroboric acid is no molecule: it exists as a solution or as an adduct.
        return {"salt": f"[Na+].{smiles}"}
    if charge >= 0:
        return {"neutral": smiles}
    if group.name == "thiocyanate":
        # Its acid is HNCS: the proton goes to nitrogen although the ion binds by sulfur.
        return {"acid": "N=C=S"}
    # The binding atoms first: the acid is neutral, so other anionic groups keep their charge if an
    # ammonium elsewhere balances it.
    order = [*chosen[0].atoms, *(set(range(mol.GetNumAtoms())) - set(chosen[0].atoms))]
    protons: dict[int, int] = {}
    left = -charge
    for index in order:
        atom = mol.GetAtomWithIdx(index)
        taken = min(left, -atom.GetFormalCharge()) if atom.GetAtomicNum() != 5 else 0
        if taken > 0:
            protons[index] = taken
            left -= taken
    return {"acid": Chem.MolToSmiles(_shift(mol, protons))}


def _proton_donor(mol: Mol, cation: Found) -> int | None:
    """Return the charged nitrogen or phosphorus atom of *cation* that carries a hydrogen atom, if any."""
    center = mol.GetAtomWithIdx(cation.atoms[0])
    for atom in (center, *center.GetNeighbors()):
        if atom.GetAtomicNum() in (7, 15) and atom.GetFormalCharge() > 0 and atom.GetTotalNumHs():
            return int(atom.GetIdx())
    return None
