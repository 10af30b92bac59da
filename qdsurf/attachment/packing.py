"""Soft relaxation of a shell: molecules turn and shift as rigid bodies until none overlap.

Every overlap of two atoms is a residual (allowed distance minus distance) of a least-squares problem
in the six rigid motions of each molecule. Gauss-Newton steps solve it block by block, all molecules at
once, so that the long lever arms of chains are accounted for; the core never moves. Cost of a step:
linear in the number of pairs that overlap, plus one look at the pairs that are near.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qdsurf.attachment.near import NearPairs
from qdsurf.attachment.pairs import Kinds, Pairs
from qdsurf.attachment.rotations import from_vectors

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

# Contacts are relaxed to this multiple of the allowed distance, so that what is left over is allowed.
MARGIN = 1.04
# A contact that is short of the allowed distance by less than this many Å is round-off.
TOLERANCE = 1e-6
_SKIN = 0.7
_LARGEST_STEP = 0.35
_MOMENTUM = 0.7
_TETHER = 4.0
_DAMPING = 0.05
_STIFFNESS = np.array([_TETHER] * 3 + [0.0] * 3) + _DAMPING


@dataclass(frozen=True, eq=False)
class Shell:
    """Molecules that move, in front of everything that stays.

    Attributes
    ----------
    positions
        (n, 3) in Å: the atoms of the molecules, then those that stay.
    kinds
        What each atom is; ``kinds.molecule`` counts the molecules from 0 in the order of the atoms.
    seats
        (m, 3) in Å, where the binding group of each molecule belongs.
    pivots
        (m, 3) in Å, where it is.
    cell, periodic
        Cell in Å, and whether its first two vectors repeat.
    """

    positions: Array
    kinds: Kinds
    seats: Array
    pivots: Array
    cell: Array
    periodic: tuple[bool, bool]

    @property
    def moving(self) -> int:
        """Number of atoms of molecules."""
        return int((self.kinds.molecule >= 0).sum())

    def near(self, margin: float = MARGIN, skin: float = _SKIN) -> NearPairs:
        """Return the pairs of atoms closer than *margin* times the allowed distance plus *skin* Å."""
        return NearPairs(self.positions, self.kinds, self.cell, self.periodic, margin, skin)


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Pairs that are too close.

    Attributes
    ----------
    i, j
        Atom numbers.
    distance
        Å, over periodic images.
    ratio
        Distance over the shortest allowed one.
    """

    i: Integers
    j: Integers
    distance: Array
    ratio: Array

    @property
    def worst(self) -> float:
        """The smallest ratio; 1.0 and more where nothing overlaps."""
        return float(self.ratio.min()) if len(self.ratio) else np.inf


def overlaps(shell: Shell) -> Overlaps:
    """Return the pairs of *shell* that are closer than allowed."""
    pairs = shell.near(1.0, 0.0).pairs
    gap = np.linalg.norm(pairs.vectors(shell.positions), axis=1)
    bad = gap < pairs.allowed - TOLERANCE
    return Overlaps(pairs.i[bad], pairs.j[bad], gap[bad], gap[bad] / pairs.allowed[bad])


def relax_rigid(shell: Shell, *, steps: int = 120) -> tuple[Shell, int]:
    """Return *shell* with its molecules turned and shifted, and how many steps that took.

    Stops when no pair is closer than allowed, or after *steps*.
    """
    from dataclasses import replace

    kinds, count = shell.kinds, len(shell.seats)
    moving = shell.moving
    molecule = kinds.molecule[:moving]
    positions, pivots = shell.positions.copy(), shell.pivots.copy()
    reach = _reach(positions[:moving], pivots, molecule, count)
    near = shell.near()
    pairs = near.pairs
    shift, turn = np.zeros((count, 3)), np.zeros((count, 3))
    for step in range(steps):
        vectors = pairs.vectors(positions)
        distance = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
        if (distance >= pairs.allowed - TOLERANCE).all():
            return replace(shell, positions=positions, pivots=pivots), step
        short = np.flatnonzero(distance < MARGIN * pairs.allowed)
        new_shift, new_turn = _step(pairs, short, vectors, distance, positions, shell, pivots, reach)
        shift, turn = new_shift + _MOMENTUM * shift, new_turn + _MOMENTUM * turn
        moved = np.flatnonzero((np.abs(shift).max(axis=1) > 1e-9) | (np.abs(turn).max(axis=1) > 1e-9))
        touched = np.zeros(count, dtype=bool)
        touched[moved] = True
        atoms = np.flatnonzero(touched[molecule])
        own = molecule[atoms]
        arms = positions[atoms] - pivots[own]
        matrices = from_vectors(turn)
        positions[atoms] = np.einsum("nij,nj->ni", matrices[own], arms) + (pivots + shift)[own]
        pivots = pivots + shift
        pairs = near.update(positions)
    return replace(shell, positions=positions, pivots=pivots), steps


def _reach(positions: Array, pivots: Array, molecule: Integers, count: int) -> Array:
    """Return how far each molecule extends from its pivot, in Å."""
    length = np.zeros(count)
    np.maximum.at(length, molecule, np.linalg.norm(positions - pivots[molecule], axis=1))
    return np.maximum(length, 1.0)


def _step(
    pairs: Pairs, short: Integers, vectors: Array, distance: Array, positions: Array, shell: Shell,
    pivots: Array, reach: Array,
) -> tuple[Array, Array]:  # fmt: skip
    """Return shift in Å and rotation vector in radian of each molecule, shapes (m, 3)."""
    kinds, count = shell.kinds, len(shell.seats)
    i, j = pairs.i[short], pairs.j[short]
    push = vectors[short] / np.maximum(distance[short], 1e-6)[:, None]
    lack = MARGIN * pairs.allowed[short] - distance[short]
    shared = (kinds.molecule[i] >= 0) & (kinds.molecule[j] >= 0)
    lack = np.where(shared, 0.6, 1.0) * lack
    # each side of a pair is one row of the least-squares problem of its molecule
    atom = np.concatenate([i, j])
    sign = np.concatenate([push, -push])
    lack = np.concatenate([lack, lack])
    own = kinds.molecule[atom]
    keep = own >= 0
    atom, sign, lack, own = atom[keep], sign[keep], lack[keep], own[keep]
    rows = np.concatenate([sign, np.cross(positions[atom] - pivots[own], sign) / reach[own, None]], axis=1)
    matrix = np.zeros((count, 6, 6))
    for a in range(6):
        for b in range(a, 6):
            matrix[:, a, b] = np.bincount(own, rows[:, a] * rows[:, b], count)
            matrix[:, b, a] = matrix[:, a, b]
    right: Array = np.stack([np.bincount(own, rows[:, a] * lack, count) for a in range(6)], axis=1)
    touched = np.bincount(own, minlength=count) > 0
    right[:, :3] += _TETHER * (shell.seats - pivots) * touched[:, None]
    diagonal = np.arange(6)
    matrix[:, diagonal, diagonal] = matrix[:, diagonal, diagonal] + _STIFFNESS
    found: Array = np.asarray(np.linalg.solve(matrix, right[..., None])[..., 0], dtype=np.float64)
    found[~touched] = 0.0
    size = np.linalg.norm(found[:, :3], axis=1) + np.linalg.norm(found[:, 3:], axis=1)
    found *= np.minimum(1.0, _LARGEST_STEP / np.maximum(size, 1e-12))[:, None]
    turn: Array = found[:, 3:] / reach[:, None]
    return found[:, :3], turn
