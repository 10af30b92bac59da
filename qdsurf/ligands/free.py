"""Geometries of desorbed ligands: the lowest conformer of a free molecule, ion or salt."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from qdsurf.errors import AskError
from qdsurf.ligands.geometry import Positions, embed, relax, simple_geometry
from qdsurf.ligands.smiles import read_smiles

if TYPE_CHECKING:
    from ase import Atoms

# Distance in Å between the charged atom of an ion and a monoatomic counter-ion of a free salt.
_SALT = 3.2


def free_form_atoms(smiles: str, seed: int = 0) -> Atoms:
    """Return the lowest conformer found of a free molecule, ion or salt.

    Parameters
    ----------
    smiles
        A molecule or ion, or a salt of one of these with monoatomic counter-ions.
    seed
        Seed of the embedding.

    Returns
    -------
    ase.Atoms
        Positions in Å, without a cell.

    Raises
    ------
    AskError
        The SMILES cannot be read, has no geometry, or is a salt of two polyatomic ions.

    Examples
    --------
    >>> free_form_atoms("CC(=O)O").get_chemical_formula()
    'C2H4O2'
    """
    from ase import Atoms

    numbers, positions = _free(smiles, seed)
    return Atoms(numbers=numbers, positions=positions)


@lru_cache(maxsize=512)
def _free(smiles: str, seed: int) -> tuple[tuple[int, ...], Positions]:
    """Return atomic numbers and positions in Å of the lowest conformer."""
    from rdkit import Chem

    parts = sorted((read_smiles(part) for part in smiles.split(".")), key=lambda m: -m.GetNumAtoms())
    if any(part.GetNumAtoms() > 1 for part in parts[1:]):
        raise AskError(f"{smiles!r}: a free salt may have one polyatomic ion only")
    mol = Chem.AddHs(parts[0])
    numbers = [atom.GetAtomicNum() for atom in mol.GetAtoms()]
    xyz = simple_geometry(mol)
    if xyz is None:
        relaxed = [relax(mol, start, electrostatics=True) for start in embed(mol, 12, seed)]
        xyz = min(relaxed, key=lambda pair: pair[1])[0]
    charged = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetFormalCharge()] or [0]
    for turn, part in enumerate(parts[1:]):
        ion = part.GetAtomWithIdx(0)
        host = xyz[charged[turn % len(charged)]]
        xyz = np.vstack([xyz, _beside(xyz, host)])
        numbers.append(ion.GetAtomicNum())
    return tuple(numbers), xyz


def _beside(xyz: Positions, host: Positions) -> Positions:
    """Return the least crowded point at the salt distance from *host*."""
    steps = np.arange(200) + 0.5
    polar, azimuth = np.arccos(1 - steps / 100), np.pi * (1 + 5**0.5) * steps
    sphere = np.stack(
        [np.cos(azimuth) * np.sin(polar), np.sin(azimuth) * np.sin(polar), np.cos(polar)], axis=1
    )
    points: Positions = host + _SALT * sphere
    crowding = (np.linalg.norm(points[:, None] - xyz[None], axis=2) ** -6).sum(axis=1)
    chosen: Positions = points[int(np.argmin(crowding))]
    return chosen
