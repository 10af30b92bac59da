"""Periodic images: the nearest one of a vector, and those of points around a cell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


def nearest_image(vectors: Array, cell: Array, pbc: NDArray[np.bool_]) -> Array:
    """Return *vectors*, (..., 3) in Å, less the multiples of the periodic cell vectors that are next to them.

    The shortest image, but for vectors near the border of a cell that is far from rectangular.

    >>> import numpy as np
    >>> nearest_image(np.array([3.0, 3.0, 3.0]), np.eye(3) * 4.0, np.array([True, True, False])).tolist()
    [-1.0, -1.0, 3.0]
    """
    if not pbc.any():
        return vectors
    fraction = vectors @ np.linalg.inv(cell)
    found: Array = (fraction - np.where(pbc, np.round(fraction), 0.0)) @ cell
    return found


def images(
    positions: Array, cell: Array, periodic: tuple[bool, bool], reach: float
) -> tuple[Array, Integers, Array | None]:
    """Return points, the atom each is, and x - point: atoms wrapped into the cell, then images around it."""
    own = np.arange(len(positions))
    if not any(periodic):
        return positions, own, None
    full = np.array(cell, dtype=float)
    if abs(np.linalg.det(full)) < 1e-9:
        full[2] = np.cross(full[0], full[1])
    inverse = np.linalg.inv(full)
    fraction = positions @ inverse
    whole = np.floor(fraction)
    whole[:, [not periodic[0], not periodic[1], True]] = 0.0
    fraction = fraction - whole
    points, parents, shifts = [positions - whole @ full], [own], [whole @ full]
    depth = [reach * float(np.linalg.norm(inverse[:, k])) if periodic[k] else 0.0 for k in (0, 1)]
    turns = [range(-int(np.ceil(d)), int(np.ceil(d)) + 1) for d in depth]
    for m in turns[0]:
        for n in turns[1]:
            if m == n == 0:
                continue
            inside = np.ones(len(positions), dtype=bool)
            for k, step in ((0, m), (1, n)):
                if periodic[k]:
                    inside &= (fraction[:, k] + step > -depth[k]) & (fraction[:, k] + step < 1 + depth[k])
            chosen = own[inside]
            points.append(points[0][inside] + m * full[0] + n * full[1])
            parents.append(chosen)
            shifts.append(shifts[0][inside] - m * full[0] - n * full[1])
    return np.concatenate(points), np.concatenate(parents), np.concatenate(shifts)
