"""Reference states that are not the surface: hydrides of anions, alkali halide crystals, free ligands."""

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
# Lattice constants in Å at room temperature (recalled, not checked against a text); every method
# relaxes its own.
_CESIUM_CHLORIDE = {("Cs", "Cl"): 4.123, ("Cs", "Br"): 4.286, ("Cs", "I"): 4.567}
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
        The crystal is not tabulated.

    Examples
    --------
    >>> atoms, units = bulk_salt("Cs", "Br")
    >>> atoms.get_chemical_formula(), units
    ('BrCs', 1)
    """
    from ase.build import bulk

    pair = (cation, anion)
    if pair in _CESIUM_CHLORIDE:
        return bulk(cation + anion, "cesiumchloride", a=_CESIUM_CHLORIDE[pair]), 1
    if pair in _ROCK_SALT:
        return bulk(cation + anion, "rocksalt", a=_ROCK_SALT[pair], cubic=True), 4
    known = ", ".join(sorted("".join(p) for p in (*_CESIUM_CHLORIDE, *_ROCK_SALT)))
    raise AskError(f"no bulk crystal of {cation}{anion} is tabulated as a reservoir; known: {known}")


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
    if ligand.binds == "pair":
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
