"""Formal charges of atoms, and bonds of molecules, from what a Surface knows."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from qdsurf.model.nouns import Crystal, Surface

# Bond orders of the neutral atom with closed shell.
_VALENCE = {"H": 1, "B": 3, "C": 4, "N": 3, "O": 2, "F": 1, "Si": 4, "P": 3, "S": 2, "Cl": 1, "Se": 2,
            "Br": 1, "I": 1}  # fmt: skip
# Of these, an atom with more bonds is hypervalent in steps of two, not charged.
_HYPERVALENT = {"P", "S", "Se", "Cl"}


def molecule_charges(surface: Surface | Crystal) -> list[int]:
    """Return the formal charge of each atom of *surface*; they sum to its charge less free electrons."""
    symbols = surface.atoms.get_chemical_symbols()
    bonded: defaultdict[int, float] = defaultdict(float)
    for i, j, order in getattr(surface, "bonds", ()):
        bonded[i] += order
        bonded[j] += order
    members: defaultdict[int, list[int]] = defaultdict(list)
    for i, fragment in enumerate(surface.atoms.arrays["fragment"].tolist()):
        members[fragment].append(i)
    charges = [0] * len(symbols)
    for atoms in members.values():
        whole = surface.charges[str(surface.atoms.arrays["species"][atoms[0]])]
        own = [_formal(symbols[i], bonded[i]) for i in atoms] if len(atoms) > 1 else [whole]
        if sum(own) != whole:
            marked = surface.atoms.arrays.get("anchor")
            anchors = [] if marked is None else [k for k, i in enumerate(atoms) if marked[i]]
            own = [0] * len(atoms)
            own[anchors[0] if anchors else int(np.argmax(surface.atoms.numbers[atoms]))] = whole
        for i, charge in zip(atoms, own, strict=True):
            charges[i] = charge
    return charges


def _formal(symbol: str, orders: float) -> int:
    """Return the formal charge of an atom with that sum of bond orders."""
    excess = round(orders) - _VALENCE.get(symbol, round(orders))
    if symbol in ("C", "Si") or symbol not in _VALENCE:
        return 0
    if symbol == "B":
        return -excess
    if symbol in _HYPERVALENT and excess > 0 and excess % 2 == 0:
        return 0
    return excess


def spread_charges(surface: Surface | Crystal) -> list[float]:
    """Return partial charges in e that sum to the charge of each ion and molecule.

    The formal charge of an ion; that of a molecule is shared by its atoms other than carbon and
    hydrogen, or by all where it has no such atoms. A start for a force field, not a fit.
    """
    symbols = surface.atoms.get_chemical_symbols()
    members: defaultdict[int, list[int]] = defaultdict(list)
    for i, fragment in enumerate(surface.atoms.arrays["fragment"].tolist()):
        members[fragment].append(i)
    charges = [0.0] * len(symbols)
    for atoms in members.values():
        whole = surface.charges[str(surface.atoms.arrays["species"][atoms[0]])]
        polar = [i for i in atoms if symbols[i] not in ("C", "H")] or atoms
        for i in polar:
            charges[i] = whole / len(polar)
    return charges
