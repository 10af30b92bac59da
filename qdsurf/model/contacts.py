"""Contacts between molecules and the core, judged with element-aware radii.

Radii: van der Waals radii of Bondi and of Mantina (doi:10.1021/jp8111556) for atoms of molecules
and for anions and Pb; Shannon crystal radii (doi:10.1107/S0567739476001551, coordination 6) for
the other metal cations, whose van der Waals radii belong to the neutral metal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ase import Atoms

VAN_DER_WAALS = {
    "H": 1.10, "B": 1.92, "C": 1.70, "N": 1.55, "O": 1.52, "F": 1.47, "Si": 2.10, "P": 1.80,
    "S": 1.80, "Cl": 1.75, "As": 1.85, "Se": 1.90, "Br": 1.83, "Te": 2.06, "I": 1.98, "Sn": 2.17,
    "Pb": 2.02, "Pt": 1.75, "Au": 1.66, "Ag": 1.72, "Cu": 1.40, "Ni": 1.63, "Pd": 1.63, "Al": 1.84,
}  # fmt: skip
SHANNON_CRYSTAL = {
    "Li": 0.90, "Na": 1.16, "K": 1.52, "Rb": 1.66, "Cs": 1.81, "Mg": 0.86, "Ca": 1.14, "Zn": 0.88,
    "Cd": 1.09, "Hg": 1.16, "In": 0.94, "Ti": 0.745, "Mn": 0.97, "Y": 1.04, "Yb": 1.008, "Ga": 0.76,
}  # fmt: skip
SMALLEST_RATIO = 0.75
SMALLEST_HYDROGEN_PAIR = 1.8


@dataclass(frozen=True, kw_only=True)
class Contact:
    """A pair of atoms of different fragments.

    Attributes
    ----------
    distance
        Å, over periodic images.
    ratio
        Distance over the sum of the two radii; below 0.75 is an overlap.
    atoms
        Indices of the two atoms.
    elements
        Their chemical symbols.
    """

    distance: float
    ratio: float
    atoms: tuple[int, int]
    elements: tuple[str, str]

    @property
    def overlaps(self) -> bool:
        """Whether the two atoms overlap: ratio below 0.75, or two hydrogens closer than 1.8 Å."""
        hydrogens = self.elements == ("H", "H") and self.distance < SMALLEST_HYDROGEN_PAIR
        return self.ratio < SMALLEST_RATIO or hydrogens

    def __str__(self) -> str:
        """Return for example "H-Br 2.51 Å (0.86 of the radii)"."""
        return f"{'-'.join(self.elements)} {self.distance:.2f} Å ({self.ratio:.2f} of the radii)"


def radius(symbol: str) -> float:
    """Return the contact radius of element *symbol* in Å.

    Elements without an entry get the Alvarez radius (doi:10.1039/c3dt50599e).
    """
    if symbol in VAN_DER_WAALS:
        return VAN_DER_WAALS[symbol]
    if symbol in SHANNON_CRYSTAL:
        return SHANNON_CRYSTAL[symbol]
    from ase.data import atomic_numbers
    from ase.data.vdw_alvarez import vdw_radii

    return float(vdw_radii[atomic_numbers[symbol]])


def radii(symbols: list[str]) -> NDArray[np.float64]:
    """Return the contact radius of each symbol, in Å, shape (n,)."""
    table = {s: radius(s) for s in set(symbols)}
    return np.array([table[s] for s in symbols])


def pairs_within(
    atoms: Atoms, cutoff: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return (i, j, distance in Å) of all pairs i < j or periodic images closer than *cutoff*."""
    from matscipy.neighbours import neighbour_list

    i, j, d = neighbour_list("ijd", _boxed(atoms), cutoff)
    keep = i <= j
    return i[keep], j[keep], d[keep]


def _boxed(atoms: Atoms) -> Atoms:
    """Return *atoms* with a cell that has a volume, as the neighbour list needs one."""
    boxed = atoms.copy()
    if abs(boxed.cell.volume) < 1e-6 or not boxed.pbc.any():
        boxed.set_cell(np.ptp(boxed.positions, axis=0) + 20.0)
        boxed.center()
        boxed.pbc = False
    return boxed  # type: ignore[no-any-return]


def worst_contact(atoms: Atoms, charges: Mapping[str, int], cutoff: float = 4.5) -> Contact | None:
    """Return the contact with the smallest ratio between different fragments, one a ligand.

    Bonds of anchor atoms to core atoms are left out. None where no ligand is within *cutoff* Å of
    another fragment.
    """
    ligand = atoms.arrays["role"] == "ligand"
    if not ligand.any():
        return None
    i, j, d = pairs_within(atoms, cutoff)
    fragment, anchor = atoms.arrays["fragment"], atoms.arrays["anchor"]
    own_bond = (anchor[i] & ~ligand[j]) | (anchor[j] & ~ligand[i])
    keep = (fragment[i] != fragment[j]) & (ligand[i] | ligand[j]) & ~own_bond
    # an atom and its own periodic image belong to the same fragment but must not touch either
    image = (fragment[i] == fragment[j]) & ligand[i] & (i == j)
    i, j, d = i[keep | image], j[keep | image], d[keep | image]
    if len(i) == 0:
        return None
    symbols = atoms.get_chemical_symbols()
    size = radii(symbols)
    ratio = d / (size[i] + size[j])
    hydrogen = np.array([s == "H" for s in symbols])
    # two hydrogens are judged by a distance; put them on the same scale
    strict = np.where(
        hydrogen[i] & hydrogen[j], np.minimum(ratio, d / SMALLEST_HYDROGEN_PAIR * SMALLEST_RATIO), ratio
    )
    k = int(np.argmin(strict))
    a, b = int(i[k]), int(j[k])
    return Contact(
        distance=float(d[k]), ratio=float(ratio[k]), atoms=(a, b), elements=(symbols[a], symbols[b])
    )
