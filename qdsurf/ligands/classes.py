"""The covalent bond classification, counted from the molecule.

Green's rule (doi:10.1016/0022-328X(95)00508-N): the class is the number of electrons that the *neutral*
ligand gives to the bond. Two from a lone pair make it L (NR3, PR3, RSH, R2S, RCOOH, R3PO), one makes it
X (the radicals RS, RCOO, RSO3, halogen), none Z (an empty orbital: metal salts, boranes). So RS- and
RSO3- are X although they bring a pair: as the neutral ligand each has one electron less. A cation that
fills the site of a lattice cation is counted as X as well, by the field's custom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qdsurf.errors import AnchorError
from qdsurf.ligands.groups import METALS, Found
from qdsurf.model.nouns import CbcClass

if TYPE_CHECKING:
    from rdkit.Chem import Mol


def lone_electrons(mol: Mol, index: int) -> int:
    """Return the electrons of atom *index* that are in no bond, in one Kekulé form.

    >>> from rdkit import Chem
    >>> lone_electrons(Chem.MolFromSmiles("CN"), 1), lone_electrons(Chem.MolFromSmiles("C[NH3+]"), 1)
    (2, 0)
    """
    from rdkit import Chem

    plain = Chem.Mol(mol)
    Chem.Kekulize(plain, clearAromaticFlags=True)
    atom = plain.GetAtomWithIdx(index)
    outer = Chem.GetPeriodicTable().GetNOuterElecs(atom.GetAtomicNum())
    bonds = sum(bond.GetBondTypeAsDouble() for bond in atom.GetBonds()) + atom.GetTotalNumHs()
    return int(outer - atom.GetFormalCharge() - bonds)


def neutral_electrons(mol: Mol, found: Found) -> int:
    """Return the electrons that the group gives to one bond as a neutral ligand: 2, 1 or 0.

    Parameters
    ----------
    mol
        Molecule with implicit hydrogen atoms.
    found
        The group that binds; it gives electrons, or has an empty orbital.

    Raises
    ------
    AnchorError
        None of its atoms has a lone pair or an empty orbital.

    Examples
    --------
    >>> from rdkit import Chem
    >>> from qdsurf.ligands.groups import find_groups
    >>> mols = [Chem.MolFromSmiles(text) for text in ("CS", "C[S-]", "Br[Pb]Br")]
    >>> [neutral_electrons(mol, find_groups(mol)[0]) for mol in mols]
    [2, 1, 0]
    """
    atoms = [mol.GetAtomWithIdx(index) for index in found.atoms]
    first = atoms[0]
    if first.GetFormalCharge() == 0 and (first.GetSymbol() in METALS or first.GetAtomicNum() == 5):
        return 0
    if max(lone_electrons(mol, index) for index in found.atoms) < 2:
        raise AnchorError(f"{found} has neither a lone pair nor an empty orbital")
    # The negative charge of the group is the electron that the neutral ligand does not have.
    charge = group_charge(mol, found)
    return 1 if charge < 0 else 2


def group_charge(mol: Mol, found: Found) -> int:
    """Return the formal charge of the atoms of the group together."""
    return int(sum(mol.GetAtomWithIdx(index).GetFormalCharge() for index in found.whole))


def classify(mol: Mol, found: Found) -> tuple[CbcClass, str]:
    """Return the class of *found* in *mol* and why.

    Examples
    --------
    >>> from rdkit import Chem
    >>> from qdsurf.ligands.groups import find_groups
    >>> mol = Chem.MolFromSmiles("CC(=O)[O-]")
    >>> classify(mol, find_groups(mol)[0])
    ('X', 'class X: counted as a neutral ligand, carboxylate gives one electron to the bond')
    """
    name = found.group.name
    if found.group.takes == "cation site":
        return "X", f"class X: {name} is an ion that fills the site of a lattice cation"
    electrons = neutral_electrons(mol, found)
    if electrons == 0:
        kind = "the metal of a neutral salt" if name == "metal salt" else "an empty orbital"
        return "Z", f"class Z: {kind} takes two electrons from an anion of the surface"
    if electrons == 2:
        return "L", f"class L: counted as a neutral ligand, {name} gives two electrons to the bond"
    charge = group_charge(mol, found)
    if charge < -1:
        return "X", f"class X, {-charge} times: {name} makes {-charge} one-electron bonds, charge {charge:+d}"
    return "X", f"class X: counted as a neutral ligand, {name} gives one electron to the bond"
