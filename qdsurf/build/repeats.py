"""In-plane supercells of a surface cell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qdsurf.errors import AskError


def supercell(repeat: object) -> NDArray[np.int_]:
    """Return the in-plane repeat as (2, 2) integers: rows are the new vectors in surface vectors.

    (n, m) is the diagonal matrix; a matrix of negative determinant has its rows exchanged, so that
    the slab stays right-handed with the normal upwards.

    Raises
    ------
    AskError
        Neither two positive integers nor a non-singular 2 x 2 matrix of integers.

    Examples
    --------
    >>> supercell([[1, 1], [1, -1]]).tolist()
    [[1, -1], [1, 1]]
    """
    try:
        given = np.array(repeat, dtype=float)
    except (TypeError, ValueError):
        given = np.zeros(0)
    whole = np.round(given).astype(int) if np.isfinite(given).all() else np.zeros(0, dtype=int)
    if given.shape not in ((2,), (2, 2)) or not np.array_equal(given, whole):
        raise AskError(f"repeat is two positive integers or a 2 x 2 matrix of integers; got {repeat!r}")
    if given.shape == (2,):
        if whole.min() < 1:
            raise AskError(f"repeat is two positive integers; got {repeat!r}")
        return np.diag(whole)
    determinant = int(whole[0, 0] * whole[1, 1] - whole[0, 1] * whole[1, 0])
    if not determinant:
        raise AskError(f"the repeat {whole.tolist()} is singular: its two vectors are parallel")
    return whole if determinant > 0 else whole[::-1].copy()


def vectors_inside(repeat: NDArray[np.int_]) -> NDArray[np.int_]:
    """Return the surface cells of the supercell *repeat*, (n, 2) in surface vectors, in order."""
    corners = np.array([[0, 0], repeat[0], repeat[1], repeat[0] + repeat[1]])
    low, high = corners.min(axis=0), corners.max(axis=0)
    grid = np.stack(
        np.meshgrid(*(np.arange(a, b + 1) for a, b in zip(low, high, strict=True)), indexing="ij")
    )
    points = grid.reshape(2, -1).T
    inside = points @ np.linalg.inv(repeat)
    return points[((inside > -1e-9) & (inside < 1 - 1e-9)).all(axis=1)]


def compact(surface: NDArray[np.float64], cells: int) -> list[list[int]]:
    """Return the supercell of so many surface cells whose vectors are shortest, as repeat takes it."""
    best: tuple[float, list[list[int]]] = (np.inf, [[cells, 0], [0, 1]])
    for a in (n for n in range(1, cells + 1) if cells % n == 0):
        for b in range(cells // a):
            rows = np.array([[a, b], [0, cells // a]])
            vectors = rows @ surface
            while True:
                long = int(np.argmax(np.linalg.norm(vectors, axis=1)))
                short = 1 - long
                overlap = float(vectors[long] @ vectors[short] / (vectors[short] @ vectors[short]))
                if abs(overlap) < 0.5 + 1e-6:
                    break
                times = round(overlap)
                rows[long] -= times * rows[short]
                vectors = rows @ surface
            length = round(float(np.linalg.norm(vectors, axis=1).max()), 6)
            if length < best[0]:
                rows = rows if np.linalg.det(rows) > 0 else rows[::-1]
                best = (length, rows.tolist())
    return best[1]
