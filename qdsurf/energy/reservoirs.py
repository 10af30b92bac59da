"""Reference states that are not the surface: acids, ion pairs, molecules, and crystals of the shelf."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qdsurf.errors import AskError
from qdsurf.model.nouns import Ligand

if TYPE_CHECKING:
    from ase import Atoms

# Å: bond lengths of HX and H2X, starting points of a relaxation.
_BONDS = {"F": 0.917, "Cl": 1.275, "Br": 1.414, "I": 1.609, "O": 0.958, "S": 1.336, "Se": 1.460, "Te": 1.658}
_ANGLE = {"O": 104.5, "S": 92.1, "Se": 90.6, "Te": 90.3}
# Lattice constants in Å at room temperature of rock-salt halides that are not on the shelf (recalled, not
# checked against a text); every method relaxes its own.
_ROCK_SALT = {
    ("Cs", "F"): 6.008,
    ("Rb", "Cl"): 6.581,
    ("Rb", "Br"): 6.854,
    ("Rb", "I"): 7.342,
    ("K", "Cl"): 6.293,
    ("K", "Br"): 6.600,
    ("K", "I"): 7.066,
    ("Na", "Cl"): 5.640,
    ("Na", "Br"): 5.973,
    ("Na", "I"): 6.473,
}
# Elements as the molecules in which they are a reservoir.
_MOLECULES = {
    "F": "FF", "Cl": "ClCl", "Br": "BrBr", "I": "II",
    "S": "S1SSSSSSS1", "Se": "[Se]1[Se][Se][Se][Se][Se][Se][Se]1",
}  # fmt: skip


def hydride(anion: str, charge: int) -> Atoms:
    """Return the molecule HX or H2X of an elemental *anion* of formal charge -1 or -2.

    Raises
    ------
    AskError
        The anion is not one of F, Cl, Br, I (-1), O, S, Se, Te (-2).

    Examples
    --------
    >>> hydride("Br", -1).get_chemical_formula(), hydride("S", -2).get_chemical_formula()
    ('HBr', 'H2S')
    """
    from ase import Atoms

    if anion not in _BONDS or charge != (-2 if anion in _ANGLE else -1):
        raise AskError(
            f"no acid is known for the anion {anion} with charge {charge:+d}; name another reaction"
        )
    length = _BONDS[anion]
    if charge == -1:
        return Atoms(["H", anion], positions=[(0, 0, length), (0, 0, 0)])
    half = np.radians(_ANGLE[anion] / 2)
    x, z = length * np.sin(half), length * np.cos(half)
    return Atoms(["H", "H", anion], positions=[(x, 0, z), (-x, 0, z), (0, 0, 0)])


def bulk_salt(cation: str, anion: str) -> tuple[Atoms, int]:
    """Return the crystal of an alkali halide and the number of formula units in its cell.

    The bulk stands for the salt because machine-learned potentials miss the energy of the salt
    molecule by about 0.4 eV.

    Raises
    ------
    AskError
        There is no such crystal; names those there are.

    Examples
    --------
    >>> atoms, units = bulk_salt("Cs", "Br")
    >>> atoms.get_chemical_formula(), units
    ('BrCs', 1)
    """
    from ase.build import bulk

    if (found := shelf_crystal(cation + anion)) is not None:
        return found
    if (cation, anion) in _ROCK_SALT:
        return bulk(cation + anion, "rocksalt", a=_ROCK_SALT[cation, anion], cubic=True), 4
    known = ", ".join(sorted({*("".join(p) for p in _ROCK_SALT), "CsCl", "CsBr", "CsI"}))
    raise AskError(f"no bulk crystal of {cation}{anion} is tabulated as a reservoir; known: {known}")


def shelf_crystal(formula: str) -> tuple[Atoms, int] | None:
    """Return the crystal of that name on the shelf, and its formula units; None where there is none.

    >>> atoms, units = shelf_crystal("PbI2")
    >>> len(atoms), units
    (3, 1)
    """
    from qdsurf.crystals import load_crystal
    from qdsurf.library import list_shelf

    if formula not in list_shelf("bulk"):
        return None
    atoms = load_crystal(formula).atoms.copy()
    atoms.set_constraint()
    return atoms, int(atoms.symbols.formula.reduce()[1])


def element_molecule(element: str) -> tuple[Atoms, int]:
    """Return the molecule in which a halogen or a chalcogen is a reservoir, and its number of atoms.

    Raises
    ------
    AskError
        There is none for this element.

    Examples
    --------
    >>> element_molecule("Br")[0].get_chemical_formula(), element_molecule("S")[1]
    ('Br2', 8)
    """
    from qdsurf.ligands import free_form_atoms

    if element not in _MOLECULES:
        raise AskError(f"no molecule of {element} is a reservoir; known: {', '.join(_MOLECULES)}")
    atoms: Atoms = free_form_atoms(_MOLECULES[element], seed=0)
    return atoms, len(atoms)


def cation_smiles(species: str) -> str:
    """Return the SMILES of a cation of a crystal, an element or a molecular ion of the shelf.

    >>> cation_smiles("Cs"), cation_smiles("methylammonium")
    ('[Cs+]', 'C[NH3+]')
    """
    from qdsurf.ligands import load_ligand

    return f"[{species}+]" if len(species) <= 2 else load_ligand(species).smiles


def amine_of(species: str) -> Atoms:
    """Return the molecule that a molecular cation is without one proton.

    Raises
    ------
    AskError
        The cation has no proton to give.

    Examples
    --------
    >>> amine_of("methylammonium").get_chemical_formula()
    'CH5N'
    """
    from qdsurf.ligands import load_ligand

    return free_ligand(load_ligand(species), "amine")


def ion_pair(cation: str, anion: str) -> Atoms:
    """Return the ion pair of two ions, given as SMILES, as a molecule.

    >>> ion_pair("[Cs+]", "CC(=O)[O-]").get_chemical_formula()
    'C2H3CsO2'
    """
    from qdsurf.ligands import free_form_atoms

    atoms: Atoms = free_form_atoms(f"{cation}.{anion}", seed=0)
    return atoms


def adduct(acceptor: Ligand, donor: Ligand) -> Atoms:
    """Return a Z-type ligand with a donor bound to its metal, in contact: to be relaxed.

    >>> from qdsurf.ligands import load_ligand
    >>> adduct(load_ligand("lead-bromide"), load_ligand("methylamine")).get_chemical_formula()
    'CH5Br2NPb'
    """
    from qdsurf.ligands.free import join

    atoms: Atoms = join([acceptor.atoms, donor.atoms], [1, -1])
    return atoms


def free_ligand(ligand: Ligand, form: str) -> Atoms:
    """Return the geometry of the desorbed *form* of *ligand*.

    Parameters
    ----------
    ligand
        The ligand.
    form
        Key of ``ligand.free_forms``: "acid", "amine", "salt", "neutral" or "unit".

    Raises
    ------
    AskError
        The ligand has no such form.
    """
    from qdsurf.ligands import free_form_atoms

    if form not in ligand.free_forms:
        known = ", ".join(sorted(ligand.free_forms)) or "none"
        raise AskError(f"{ligand.name} has no free form {form!r}; it has: {known}")
    smiles = ligand.free_forms[form]
    # The ions of a salt stay a pair: what they are in vacuum is for the method to say.
    if ligand.binds == "pair" and "." not in smiles:
        smiles = _uncharged(smiles)
    atoms: Atoms = free_form_atoms(smiles, seed=0)
    return atoms


def _uncharged(smiles: str) -> str:
    """Return the neutral tautomer of a zwitterion; one without an acidic proton stays as it is.

    In vacuum amino acids are neutral; a trapped zwitterion would make the binding energy too
    negative.
    """
    from rdkit import Chem
    from rdkit.Chem.MolStandardize import rdMolStandardize

    return str(Chem.MolToSmiles(rdMolStandardize.Uncharger().uncharge(Chem.MolFromSmiles(smiles))))


def salt_of_cation(ligand: Ligand, anion: str) -> Atoms:
    """Return the ion pair of a cationic *ligand* with the halide *anion*, as a molecule."""
    from qdsurf.ligands import free_form_atoms

    atoms: Atoms = free_form_atoms(".".join([ligand.smiles, *[f"[{anion}-]"] * ligand.charge]), seed=0)
    return atoms
