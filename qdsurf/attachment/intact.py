"""Whether a molecule still is what it was: bond lengths and stereo."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qdsurf.attachment.flexible import neighbours_of
from qdsurf.attachment.molecules import molecule_of
from qdsurf.model import Ligand

Array = NDArray[np.float64]

# Bonds may change by this share of their length.
BOND_CHANGE = 0.10


def intact(ligand: Ligand, positions: Array, reference: Array) -> bool:
    """Return whether *positions*, (n, 3) in Å, are the same molecule as *reference*.

    Every bond within 10 % of its length, every centre with four neighbours of the same hand, every
    double bond with the same ends on the same side, and no two unbonded atoms so near that they could
    be taken for bonded.
    """
    if not ligand.bonds:
        return True
    i, j = np.array([(a, b) for a, b, _ in ligand.bonds]).T
    now = np.linalg.norm(positions[i] - positions[j], axis=1)
    then = np.linalg.norm(reference[i] - reference[j], axis=1)
    if (np.abs(now / then - 1) > BOND_CHANGE).any():
        return False
    around = neighbours_of(ligand)
    return (
        _same_hands(around, positions, reference)
        and _same_sides(ligand, around, positions, reference)
        and _unbonded(ligand, positions)
    )


def _same_hands(around: list[list[int]], positions: Array, reference: Array) -> bool:
    """Return whether all centres of four neighbours have the same hand."""
    centres = [near for near in around if len(near) == 4]
    if not centres:
        return True
    first = np.array(centres)
    now, then = (_volume(x[first]) for x in (positions, reference))
    return bool((np.sign(now) == np.sign(then)).all())


def _volume(corners: Array) -> Array:
    """Return the signed volumes of tetrahedra, corners (n, 4, 3)."""
    a, b, c = (corners[:, k] - corners[:, 3] for k in range(3))
    found: Array = np.einsum("ij,ij->i", a, np.cross(b, c))
    return found


def _same_sides(ligand: Ligand, around: list[list[int]], positions: Array, reference: Array) -> bool:
    """Return whether the ends of every double bond are on the sides where they were."""
    rows = [
        (a, b, c, d)
        for b, c, order in ligand.bonds if order > 1.9
        for a in around[b] for d in around[c] if a != c and d != b
    ]  # fmt: skip
    if not rows:
        return True
    a, b, c, d = np.array(rows).T
    return bool((np.sign(_cosine(positions, a, b, c, d)) == np.sign(_cosine(reference, a, b, c, d))).all())


def _cosine(x: Array, a: Array, b: Array, c: Array, d: Array) -> Array:
    """Return the cosines of dihedral angles."""
    axis = x[c] - x[b]
    first, second = np.cross(x[a] - x[b], axis), np.cross(x[d] - x[c], axis)
    found: Array = np.einsum("ij,ij->i", first, second)
    return found


def _unbonded(ligand: Ligand, positions: Array) -> bool:
    """Return whether atoms without a bond keep apart by more than 1.1 times the sum of covalent radii."""
    from ase.data import covalent_radii
    from scipy.spatial import KDTree

    size = covalent_radii[molecule_of(ligand).numbers]
    pairs = KDTree(positions).query_pairs(2 * float(size.max()) * 1.1, output_type="ndarray")
    bonded = {(min(a, b), max(a, b)) for a, b, _ in ligand.bonds}
    gap = np.linalg.norm(positions[pairs[:, 0]] - positions[pairs[:, 1]], axis=1)
    near = pairs[gap < 1.1 * (size[pairs[:, 0]] + size[pairs[:, 1]])]
    return all((min(a, b), max(a, b)) in bonded for a, b in near.tolist())
