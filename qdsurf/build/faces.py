"""The symmetry operations of a crystal that turn one face of a slab into the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.planes import Stack, ions_of
from qdsurf.model.nouns import Crystal

# Positions that an operation brings within this distance (Å) of each other are the same.
SAME = 0.02

# The operation named first is preferred where several relate the faces.
_PREFERRED = (
    "inversion",
    "mirror plane",
    "glide plane",
    "twofold axis",
    "twofold screw axis",
    "fourfold rotoinversion",
    "threefold rotoinversion",
    "sixfold rotoinversion",
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Flip:
    """An operation that reverses the normal of a facet.

    Attributes
    ----------
    name
        "inversion", "mirror plane", "glide plane" (both parallel to the facet), "twofold axis",
        "twofold screw axis" (both lying in the facet) or a rotoinversion about the normal.
    matrix
        (2, 2) integers that act on in-plane positions in units of the surface vectors.
    shift
        (2,) in-plane translation in the same units.
    height
        In Å: what lies at z comes to height - z.
    molecules
        Whether the orientations of molecules are related too, and not only their centres.
    """

    name: str
    matrix: NDArray[np.int_]
    shift: NDArray[np.float64]
    height: float
    molecules: bool = True

    def keeps(self, repeat: NDArray[np.int_]) -> bool:
        """Return whether the lattice of the supercell *repeat*, rows in surface vectors, stays itself."""
        turned = np.linalg.inv(repeat.T) @ self.matrix @ repeat.T
        return bool(np.allclose(turned, np.round(turned), atol=1e-6))


def flips(crystal: Crystal, planes: Stack, *, by_charge: bool = False) -> list[Flip]:
    """Return the operations of *crystal* that reverse the normal of *planes*, the preferred first.

    Molecules count as points at their centres. With *by_charge* ions of the same charge count as
    alike, so that the sites of an alloy are compared and not what happens to sit on them.
    """
    ions = ions_of(crystal.atoms)
    labels = [str(crystal.charges[i.species]) if by_charge else i.species for i in ions]
    kinds = {label: n for n, label in enumerate(sorted(set(labels)))}
    centres = np.array([i.centre for i in ions])
    unique = _flips(crystal.atoms.cell.array, centres, [kinds[label] for label in labels], planes)
    if len(ions) < len(crystal.atoms):
        atoms = crystal.atoms
        exact = _flips(atoms.cell.array, atoms.positions, atoms.numbers.tolist(), planes)
        unique = {k: replace(flip, molecules=k in exact) for k, flip in unique.items()}
    order = sorted(unique, key=lambda k: (not unique[k].molecules, _PREFERRED.index(unique[k].name), k[::-1]))
    return [unique[k] for k in order]


def _flips(
    cell: NDArray[np.float64], points: NDArray[np.float64], kinds: list[int], planes: Stack
) -> dict[tuple[float, ...], Flip]:
    """Return the operations of *points* that reverse the normal of *planes*, by their numbers."""
    import spglib

    described = (cell.tolist(), (points @ np.linalg.inv(cell)).tolist(), kinds)
    found = spglib.get_symmetry(described, symprec=SAME / 2)
    unique: dict[tuple[float, ...], Flip] = {}
    if found is None:
        return unique
    surface, period = planes.cell[:2, :2], float(planes.cell[2, 2])
    lean = planes.cell[2, :2] @ np.linalg.inv(surface)
    for rotation, translation in zip(found["rotations"], found["translations"], strict=True):
        turned = planes.turn @ cell.T @ rotation @ np.linalg.inv(cell.T) @ planes.turn.T
        if abs(turned[2, 2] + 1) > 1e-3:
            continue
        moved = planes.turn @ (cell.T @ translation) * planes.scale
        matrix = np.round(np.linalg.inv(surface.T) @ turned[:2, :2] @ surface.T).astype(int)
        turns = np.floor(moved[2] / period + 1e-4)
        shift = (moved[:2] @ np.linalg.inv(surface) - turns * lean + 1e-4) % 1.0 - 1e-4
        height = float(moved[2] - turns * period)
        key = (*matrix.ravel().tolist(), *(np.round(shift, 2) + 0.0).tolist(), round(height, 1) + 0.0)
        unique.setdefault(key, Flip(name=_name(matrix, shift), matrix=matrix, shift=shift, height=height))
    return unique


def relating(operations: Sequence[Flip], planes: Stack, bottom: float, top: float) -> tuple[Flip, ...]:
    """Return the *operations* that exchange the heights *bottom* and *top*, in Å, set at their middle."""
    surface, period = planes.cell[:2, :2], float(planes.cell[2, 2])
    lean = planes.cell[2, :2] @ np.linalg.inv(surface)
    placed = []
    for flip in operations:
        turns = round((bottom + top - flip.height) / period)
        height = flip.height + turns * period
        if abs(height - bottom - top) < 2 * SAME:
            placed.append(replace(flip, shift=flip.shift + turns * lean, height=height))
    return tuple(placed)


def _name(matrix: NDArray[np.int_], shift: NDArray[np.float64]) -> str:
    """Return the name of the operation with this in-plane part."""
    trace, sign = int(np.trace(matrix)), round(float(np.linalg.det(matrix)))
    if sign < 0:
        # Half a lattice vector along the axis that no choice of its place takes away makes a screw.
        along = shift + matrix @ shift
        steps = (np.array(n) for n in product(range(-2, 3), repeat=2))
        straight = any(np.allclose(along + n + matrix @ n, 0, atol=5e-3) for n in steps)
        return "twofold axis" if straight else "twofold screw axis"
    if trace == 2:
        straight = np.allclose(shift, np.round(shift), atol=5e-3)
        return "mirror plane" if straight else "glide plane"
    rotations = {-2: "inversion", 0: "fourfold rotoinversion", 1: "threefold rotoinversion"}
    return rotations.get(trace, "sixfold rotoinversion")
