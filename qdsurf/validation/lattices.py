"""The crystal inside a dot, found again from its positions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qdsurf.validation.graphs import Floats, Integers

# Å: how far ions may be from where a translation of the lattice brings others (relaxed dots).
TOLERANCE = 0.5
# Share of the inner ions that a translation must map onto ions of the same element.
AGREE = 0.85
LONGEST = 13.0
MOST_INNER, MOST_CANDIDATES = 150, 60


@dataclass(frozen=True, eq=False)
class Lattice:
    """A crystal found in a dot.

    Attributes
    ----------
    cell
        (3, 3) vectors in Å of the conventional cell, as the dot lies.
    space_group
        Symbol and number.
    rotations
        (n, 3, 3) rotations of its point group, Cartesian.
    """

    cell: Floats
    space_group: str
    rotations: Floats

    def miller(self, normal: Floats, largest: int = 4, tolerance: float = 6.0) -> tuple[int, int, int] | None:
        """Return the Miller indices of the family of a unit *normal*, None where none is near.

        The member of the family with the largest indices in front is named: (1, 0, 0), not (0, 0, -1).
        """
        found = _indices(self.cell, normal, largest, tolerance)
        if found is None:
            return None
        # The indices are turned, not the direction: that of a rough facet lies anywhere in the tolerance.
        turned = self.cell @ self.rotations @ np.linalg.inv(self.cell) @ np.array(found)
        names = np.vstack([turned, -turned]).round().astype(int).tolist()
        h, k, l = max(names)  # noqa: E741 the field's own letters
        return h, k, l


def _indices(cell: Floats, normal: Floats, largest: int, tolerance: float) -> tuple[int, int, int] | None:
    """Return the smallest integers within *tolerance* degrees of the direction *normal*."""
    from itertools import product

    grid = np.array([h for h in product(range(-largest, largest + 1), repeat=3) if any(h)])
    grid = grid[np.argsort(np.abs(grid).sum(axis=1), kind="stable")]
    normals = grid @ np.linalg.inv(cell).T
    cosine = normals @ normal / np.linalg.norm(normals, axis=1)
    near = np.flatnonzero(cosine > np.cos(np.radians(tolerance)))
    if len(near) == 0:
        return None
    h, k, l = grid[near[0]].tolist()  # noqa: E741 the field's own letters
    return h, k, l


def find_lattice(points: Floats, numbers: Integers) -> Lattice | None:
    """Return the crystal of the ions at *points* (Å) with atomic *numbers*, None where there is none."""
    from scipy.spatial import cKDTree  # type: ignore[attr-defined]

    away = np.linalg.norm(points - points.mean(axis=0), axis=1)
    order = np.argsort(away, kind="stable")
    inner = order[: max(20, min(MOST_INNER, len(points) // 8))]
    trees = {z: cKDTree(points[numbers == z]) for z in np.unique(numbers).tolist()}
    vectors = _translations(points, numbers, inner, trees)
    basis = _basis(vectors)
    return None if basis is None else _symmetry(basis, points[inner], numbers[inner])


def _translations(points: Floats, numbers: Integers, inner: Integers, trees: dict[int, object]) -> Floats:
    """Return the translations that map the inner ions onto ions of the same element, shortest first."""
    rarest = min(trees, key=lambda z: (int((numbers == z).sum()), z))
    start = (
        points[inner[numbers[inner] == rarest][0]] if (numbers[inner] == rarest).any() else points[inner[0]]
    )
    tree = trees[rarest] if (numbers[inner] == rarest).any() else trees[int(numbers[inner[0]])]
    near = tree.data[tree.query_ball_point(start, LONGEST)] - start  # type: ignore[attr-defined]
    length = np.linalg.norm(near, axis=1)
    candidates = near[np.argsort(length, kind="stable")][1 : MOST_CANDIDATES + 1]
    kept = []
    for vector in candidates:
        shifts, hits = [], 0
        for z, of in trees.items():
            here = points[inner[numbers[inner] == z]]
            if len(here) == 0:
                continue
            distance, index = of.query(here + vector)  # type: ignore[attr-defined]
            hit = distance < TOLERANCE
            hits += int(hit.sum())
            shifts.append(of.data[index[hit]] - here[hit])  # type: ignore[attr-defined]
        if hits >= AGREE * len(inner):
            kept.append(np.concatenate(shifts).mean(axis=0))
    return np.array(kept).reshape(-1, 3)


def _basis(vectors: Floats) -> Floats | None:
    """Return the three shortest independent vectors."""
    chosen: list[NDArray[np.float64]] = []
    for vector in vectors[np.argsort(np.linalg.norm(vectors, axis=1), kind="stable")]:
        trial = np.array([*chosen, vector])
        unit = trial / np.linalg.norm(trial, axis=1)[:, None]
        if np.linalg.det(unit @ unit.T) > 0.05:
            chosen.append(vector)
        if len(chosen) == 3:
            return np.array(chosen)
    return None


def _symmetry(basis: Floats, points: Floats, numbers: Integers) -> Lattice | None:
    """Return the conventional cell and the point group of the ions in the cell *basis*."""
    import spglib

    places: list[list[Floats]] = []
    kinds: list[int] = []
    for point, z in zip(points @ np.linalg.inv(basis), numbers.tolist(), strict=True):
        for of, kind in zip(places, kinds, strict=True):
            away = point - of[0] - np.round(point - of[0])
            if kind == z and np.linalg.norm(away @ basis) < 2 * TOLERANCE:
                of.append(of[0] + away)
                break
        else:
            places.append([point])
            kinds.append(z)
    # the mean over all cells has less noise than any one of them
    means = [np.mean(of, axis=0) for of in places]
    data = spglib.get_symmetry_dataset(
        (basis.tolist(), np.array(means).tolist(), kinds), symprec=TOLERANCE / 2
    )
    if data is None:
        return None
    cell = np.linalg.inv(data.transformation_matrix).T @ basis
    turns = np.array([basis.T @ r @ np.linalg.inv(basis.T) for r in data.rotations])
    return Lattice(cell, f"{data.international} ({data.number})", np.unique(turns.round(6), axis=0))
