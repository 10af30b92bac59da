"""The straight conformer of a ligand as arrays, looked up once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from qdsurf.model import Ligand

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Molecule:
    """Positions in Å, shape (n, 3), chemical symbols and atomic numbers of the first conformer."""

    positions: Array
    symbols: tuple[str, ...]
    numbers: NDArray[np.int64]

    @property
    def length(self) -> float:
        """Largest extent along an axis, in Å."""
        return float(np.ptp(self.positions, axis=0).max())


@lru_cache(maxsize=512)
def molecule_of(ligand: Ligand) -> Molecule:
    """Return the first conformer of *ligand*; not to be changed."""
    atoms = ligand.conformers[0]
    return Molecule(atoms.positions.copy(), tuple(atoms.get_chemical_symbols()), atoms.numbers.copy())
