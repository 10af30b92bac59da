"""Where the lattice of a surface would go on, found from the surface itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.ions import Ions, shifts_within, wrapped
from qdsurf.build.sites import images

Vectors = NDArray[np.float64]

# Lattice vectors longer than this (Å) are not looked for; that of tilted perovskites has 12 Å.
_LONGEST = 15.0
# A shifted ion this near (Å) to an ion of its species lies on it; relaxed faces deviate.
_ON = 0.4
# Share of the ions inside the body that a lattice vector maps on their equals; vacancies and dopants miss.
_SHARE = 0.9
# A place this far (Å) below the outermost ions still lies at the surface.
_SUNK = 0.5
_KINDS_APART = 1e3
# A dot needs the lattice vectors to its neighbours only.
_MOST = 26


def continued(ions: Ions) -> dict[str, Vectors]:
    """Return the empty places (n, 3) in Å, by species, where the lattice would go on outside.

    The vectors that map the body on itself are found among those between equal ions. Where there
    are none (a slab of one plane) the result is empty.
    """
    surface = ions.surface
    atoms = surface.atoms
    names = sorted(set(ions.species))
    kinds = np.array([names.index(s) for s in ions.species])
    found: dict[str, list[Vectors]] = {}
    for vector in _lattice_vectors(ions, kinds):
        for sign in (1.0, -1.0) if atoms.pbc.any() else (1.0,):
            moved = ions.points + sign * vector
            free = outside(ions, moved) & ~_occupied(ions, np.zeros(len(kinds), dtype=int), moved, 1.0, 0)
            for name in names:
                found.setdefault(name, []).append(moved[free & (kinds == names.index(name))])
    return {
        name: _distinct(np.concatenate(parts), atoms.cell.array, atoms.pbc) for name, parts in found.items()
    }


def outside(ions: Ions, points: Vectors) -> NDArray[np.bool_]:
    """Return which *points* lie at the surface or beyond, no deeper than its outermost ions."""
    atoms = ions.surface.atoms
    if atoms.pbc.any():
        height = ions.points[:, 2]
        layer = atoms.arrays["layer"][[ions.around.members[f][0] for f in ions.fragments]]
        top = float(np.median(height[layer == layer.max()])) - _SUNK
        bottom = float(np.median(height[layer == layer[layer >= 0].min()])) + _SUNK
        return np.asarray((points[:, 2] > top) | (points[:, 2] < bottom))
    return _depth(ions.points, points) < _SUNK


def _depth(points: Vectors, where: Vectors) -> Vectors:
    """Return how deep, in Å, *where* lies below the convex hull of *points*; negative outside."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        planes = np.unique(np.round(ConvexHull(points).equations, 6), axis=0)
    except (QhullError, ValueError):  # too few ions, or all in one plane: everything is outside
        return np.full(len(where), -1.0)
    return np.asarray(np.min([-(where @ p[:3] + p[3]) for p in planes], axis=0))


def _lattice_vectors(ions: Ions, kinds: NDArray[np.int64]) -> list[Vectors]:
    """Return vectors in Å that map the body on itself where they do not leave it, short ones first."""
    atoms = ions.surface.atoms
    if atoms.pbc.any():
        # from the lowest ion of each species every plane above can be reached
        order = np.argsort(np.round(ions.points[:, 2], 3), kind="stable")
        starts = [int(order[kinds[order] == kind][0]) for kind in np.unique(kinds)]
    else:
        starts = [int(np.argmax(np.round(ions.depth, 3)))]
    shifts = shifts_within(atoms, _LONGEST)[:, None]
    vectors = np.concatenate(
        [
            (ions.points[kinds == kinds[start]][None] + shifts).reshape(-1, 3) - ions.points[start]
            for start in starts
        ]
    )
    lengths = np.linalg.norm(vectors, axis=1)
    flat = atoms.pbc.any()
    keep = (lengths < _LONGEST) & (lengths > 1.0)
    if flat:
        # the sign is taken care of by the caller, and in the plane the cell repeats by itself
        keep &= np.abs(vectors[:, 2]) > 0.5
    vectors = vectors[keep][np.argsort(np.round(lengths[keep], 3), kind="stable")]
    found: list[Vectors] = []
    for vector in vectors:
        if _maps(ions, kinds, vector):
            found.append(vector)
            if flat or len(found) == _MOST:
                break
    return found


def _maps(ions: Ions, kinds: NDArray[np.int64], vector: Vectors) -> bool:
    """Return whether the ions shifted by *vector* fall on ions of the same species, where inside."""
    moved = ions.points + vector
    if ions.surface.atoms.pbc.any():
        height = ions.points[:, 2]
        inside = (moved[:, 2] < height.max() + _ON) & (moved[:, 2] > height.min() - _ON)
    else:
        inside = _depth(ions.points, moved) > -_ON
    if not inside.any():
        return False
    hit = _occupied(ions, kinds, moved, _ON, 1)[inside]
    return bool(hit.mean() >= _SHARE)


def _occupied(
    ions: Ions, kinds: NDArray[np.int64], where: Vectors, within: float, apart: int
) -> NDArray[np.bool_]:
    """Return which points have an ion within a distance in Å; of the same kind when *apart* is 1."""
    from scipy.spatial import KDTree

    atoms = ions.surface.atoms
    inner, points = wrapped(atoms, where), wrapped(atoms, ions.points)
    shifts = images(atoms)
    column = kinds * _KINDS_APART * apart
    near = np.column_stack([(points[None] + shifts[:, None]).reshape(-1, 3), np.tile(column, len(shifts))])
    return np.asarray(KDTree(near).query(np.column_stack([inner, column]))[0] < within)


def _distinct(points: Vectors, cell: Vectors, pbc: NDArray[np.bool_]) -> Vectors:
    """Return *points* each once, wrapped into the cell, sorted."""
    if not len(points):
        return points
    if np.any(pbc):
        fractional = points @ np.linalg.inv(cell)
        fractional -= np.floor(fractional + 1e-6) * np.asarray(pbc)
        points = fractional @ cell
    keys = np.round(points / 0.2).astype(int)
    return np.asarray(points[np.sort(np.unique(keys, axis=0, return_index=True)[1])])
