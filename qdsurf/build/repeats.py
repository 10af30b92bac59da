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
    rows = min(
        (reduced(rows, surface) for rows in _lattices(cells)),
        key=lambda rows: round(float(np.linalg.norm(rows @ surface, axis=1).max()), 6),
    )
    return rows.tolist()  # type: ignore[no-any-return]


def between(repeat: NDArray[np.int_], surface: NDArray[np.float64], most: int) -> list[NDArray[np.int_]]:
    """Return the supercells smaller than *repeat* of which it is a supercell, the smallest first.

    They have up to *most* surface cells; those of one size come with the shortest vectors first.
    """
    cells = round(float(np.linalg.det(repeat)))
    found = []
    for number in (n for n in range(1, min(most, cells - 1) + 1) if cells % n == 0):
        for given in _lattices(number):
            times = repeat @ np.linalg.inv(given)
            if np.allclose(times, np.round(times), atol=1e-6):
                rows = reduced(given, surface)
                length = round(float(np.linalg.norm(rows @ surface, axis=1).max()), 6)
                found.append((number, length, rows.tolist(), rows))
    return [item[3] for item in sorted(found, key=lambda item: item[:3])]


def _lattices(cells: int) -> list[NDArray[np.int_]]:
    """Return every superlattice of so many cells once, as rows in Hermite normal form."""
    return [
        np.array([[a, b], [0, cells // a]])
        for a in range(1, cells + 1)
        if cells % a == 0
        for b in range(cells // a)
    ]


def reduced(rows: NDArray[np.int_], surface: NDArray[np.float64]) -> NDArray[np.int_]:
    """Return the same superlattice with its shortest vectors as rows, right-handed."""
    rows = rows.copy()
    while True:
        vectors = rows @ surface
        long = int(np.argmax(np.round(np.linalg.norm(vectors, axis=1), 6)))
        short = vectors[1 - long]
        overlap = float(vectors[long] @ short / (short @ short))
        if abs(overlap) < 0.5 + 1e-6:
            break
        rows[long] -= round(overlap) * rows[1 - long]
    return rows if np.linalg.det(rows) > 0 else rows[::-1].copy()
