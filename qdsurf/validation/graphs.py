"""Pairs of near atoms over periodic images, and what hangs together by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ase import Atoms

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Every pair once.

    Attributes
    ----------
    i, j
        Indices, i <= j; an atom is its own partner where it meets its periodic image.
    distance
        Å.
    shift
        (n, 3) lattice translations that bring j next to i.
    """

    i: Integers
    j: Integers
    distance: Floats
    shift: Integers

    def __getitem__(self, keep: Flags | Integers) -> Pairs:
        """Return the pairs that *keep* selects."""
        return Pairs(self.i[keep], self.j[keep], self.distance[keep], self.shift[keep])

    def counts(self, mask: Flags, size: int) -> Integers:
        """Return for each of *size* atoms the number of pairs under *mask* that it is in."""
        return np.bincount(self.i[mask], minlength=size) + np.bincount(self.j[mask], minlength=size)


@dataclass(frozen=True, eq=False)
class Pieces:
    """Connected pieces of a periodic graph.

    Attributes
    ----------
    label
        Piece of each atom.
    offset
        (n, 3) lattice translations that make every piece whole.
    rank
        Number of directions in which each piece repeats without end: 3 in a crystal, 0 in a dot.
    loops
        (m, 3) lattice translations along which a piece comes back to itself, with their pieces.
    """

    label: Integers
    offset: Integers
    rank: Integers
    loops: Integers
    loop_label: Integers

    @property
    def sizes(self) -> Integers:
        """Number of atoms of each piece."""
        return np.bincount(self.label)


def near_pairs(atoms: Atoms, cutoff: Mapping[tuple[str, str], float]) -> Pairs:
    """Return all pairs of *atoms* closer than the *cutoff* in Å of their elements; linear in atoms."""
    from matscipy.neighbours import neighbour_list

    i, j, d, shift = neighbour_list("ijdS", _boxed(atoms), dict(cutoff))
    first = np.where(shift[:, 0] != 0, shift[:, 0], np.where(shift[:, 1] != 0, shift[:, 1], shift[:, 2]))
    keep = (i < j) | ((i == j) & (first > 0))
    return Pairs(i[keep].astype(np.int64), j[keep].astype(np.int64), d[keep], shift[keep].astype(np.int64))


def _boxed(atoms: Atoms) -> Atoms:
    """Return *atoms* with room around them in every direction that does not repeat."""
    from ase import Atoms as AseAtoms
    from ase.geometry import complete_cell

    free = ~atoms.pbc
    cell = atoms.cell.array.copy()
    cell[free] = 0.0
    cell = complete_cell(cell)
    scaled = atoms.positions @ np.linalg.inv(cell)
    cell[free] *= (np.ptp(scaled[:, free], axis=0) + 1.0)[:, None] + 20.0
    boxed = AseAtoms(numbers=atoms.numbers, positions=atoms.positions, cell=cell, pbc=atoms.pbc)
    scaled = boxed.cell.scaled_positions(boxed.positions)
    scaled[:, free] += 0.5 - (scaled[:, free].min(axis=0) + scaled[:, free].max(axis=0)) / 2
    boxed.positions = scaled @ cell
    return boxed


def pieces(size: int, pairs: Pairs) -> Pieces:
    """Return the connected pieces of *size* atoms that *pairs* bind."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    graph = coo_matrix((np.ones(len(pairs.i)), (pairs.i, pairs.j)), shape=(size, size))
    number, label = connected_components(graph, directed=False)
    offset = _offsets(size, pairs, np.unique(label, return_index=True)[1])
    loops = offset[pairs.i] + pairs.shift - offset[pairs.j]
    away = loops.any(axis=1)
    of = label[pairs.i[away]].astype(np.int64)
    rows = np.unique(np.column_stack([of, loops[away]]), axis=0) if away.any() else np.zeros((0, 4), np.int64)
    rank = np.zeros(number, dtype=np.int64)
    for piece in np.unique(rows[:, 0]):
        rank[piece] = np.linalg.matrix_rank(rows[rows[:, 0] == piece, 1:])
    return Pieces(label.astype(np.int64), offset, rank, rows[:, 1:], rows[:, 0])


def _offsets(size: int, pairs: Pairs, roots: Integers) -> Integers:
    """Return the translation of each atom that makes its piece whole, walking outwards from *roots*."""
    start, end = np.concatenate([pairs.i, pairs.j]), np.concatenate([pairs.j, pairs.i])
    shift = np.concatenate([pairs.shift, -pairs.shift])
    order = np.argsort(start, kind="stable")
    end, shift = end[order], shift[order]
    first = np.concatenate([[0], np.cumsum(np.bincount(start, minlength=size))])
    offset = np.zeros((size, 3), dtype=np.int64)
    seen = np.zeros(size, dtype=bool)
    seen[roots] = True
    front = roots
    while len(front):
        number = first[front + 1] - first[front]
        edges = np.repeat(first[front] - np.cumsum(number) + number, number) + np.arange(number.sum())
        origin = np.repeat(front, number)
        new = ~seen[end[edges]]
        front, which = np.unique(end[edges[new]], return_index=True)
        offset[front] = offset[origin[new][which]] + shift[edges[new][which]]
        seen[front] = True
    return offset
