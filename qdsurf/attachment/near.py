"""Near pairs of a shell in motion: all are looked up once, then those of molecules that have moved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qdsurf.attachment.pairs import ANCHORS_APART, Kinds, Pairs
from qdsurf.model.contacts import SMALLEST_HYDROGEN_PAIR, SMALLEST_RATIO
from qdsurf.model.periodic import images

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

# Looking for the surroundings of a few pays while they are less than this share of all.
_FEW = 0.3
# Cells of the grid in which surroundings are looked for, at most.
_MOST_CELLS = 4_000_000


@dataclass(frozen=True, eq=False)
class _Points:
    """Atoms and their periodic images; the first *count* are the atoms themselves.

    Attributes
    ----------
    points
        (n, 3) in Å.
    parent
        (n,) the atom that each is.
    moved
        (n, 3) in Å, to be added to a point for the position of its atom; None where nothing repeats.
    count
        Number of atoms.
    """

    points: Array
    parent: Integers
    moved: Array | None
    count: int

    @classmethod
    def of(
        cls, positions: Array, atoms: Integers, cell: Array, periodic: tuple[bool, bool], reach: float
    ) -> _Points:
        """Return *atoms* with their images within *reach* Å of the cell."""
        points, parent, moved = images(positions[atoms], cell, periodic, reach)
        return cls(points, atoms[parent], moved, len(atoms))

    def only(self, chosen: NDArray[np.bool_] | Integers) -> _Points:
        """Return those *chosen*."""
        which = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
        moved = None if self.moved is None else self.moved[which]
        return _Points(self.points[which], self.parent[which], moved, int((which < self.count).sum()))

    def around(self, centres: Array, distance: float) -> _Points:
        """Return those that can be within *distance* Å of *centres*, by a grid; some are farther."""
        if len(centres) > _FEW * len(self.points) or not len(self.points):
            return self
        low = self.points.min(axis=0)
        extent = self.points.max(axis=0) - low
        width = max(distance, float(np.prod(extent + distance) / _MOST_CELLS) ** (1 / 3))
        shape = (extent // width).astype(np.int64) + 3
        marked = np.zeros(shape, dtype=bool)
        place = np.clip(((centres - low) // width).astype(np.int64) + 1, 0, shape - 1)
        marked[tuple(place.T)] = True
        for axis in range(3):
            wide = marked.copy()
            ahead, behind = [slice(None)] * 3, [slice(None)] * 3
            ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
            wide[tuple(ahead)] |= marked[tuple(behind)]
            wide[tuple(behind)] |= marked[tuple(ahead)]
            marked = wide
        return self.only(marked[tuple((((self.points - low) // width).astype(np.int64) + 1).T)])


def _joined(a: _Points, b: _Points, cutoff: float) -> tuple[Integers, Integers]:
    """Return the numbers of the points of *a* and *b* that are within *cutoff* Å of each other."""
    from scipy.spatial import KDTree

    if not len(a.points) or not len(b.points):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    trees = [KDTree(p.points, compact_nodes=False, balanced_tree=False) for p in (a, b)]
    found = trees[0].sparse_distance_matrix(trees[1], cutoff, output_type="ndarray")
    return found["i"], found["j"]


class NearPairs:
    """The near pairs of molecules that move, kept up to date (state of one relaxation).

    Pairs closer than a margin times the allowed distance plus a skin are near; those within one molecule
    and within what stays are left out, and a molecule and its own periodic image are a pair.

    Every molecule is known at the positions where it was last looked up. Pairs that are not listed are
    farther apart there than they can have gone since, as long as no atom has gone more than half of the
    skin; molecules of which one has are looked up again. Cost: n log n in the number of atoms, of which
    only those count that have moved and their surroundings, after the first look.
    """

    def __init__(
        self, positions: Array, kinds: Kinds, cell: Array, periodic: tuple[bool, bool], margin: float,
        skin: float,
    ) -> None:  # fmt: skip
        """Look up all molecules at *positions*, with *margin* as a factor and *skin* in Å."""
        self.kinds, self.cell, self.periodic = kinds, cell, periodic
        self.margin, self.skin = margin, skin
        self.moving = np.flatnonzero(kinds.molecule >= 0)
        self.known = positions.copy()
        still = np.flatnonzero(kinds.molecule < 0)
        own, other = (float(kinds.radius[k].max(initial=0.0)) for k in (self.moving, still))
        self.cutoff = self._wide(max(SMALLEST_RATIO, ANCHORS_APART) * 2 * own)
        self.cutoff_still = self._wide(SMALLEST_RATIO * (own + other))
        self.still = _Points.of(positions, still, cell, periodic, self.cutoff_still)
        self.pairs = self._found(kinds.molecule >= 0)

    def _wide(self, allowed: float) -> float:
        return max(allowed, SMALLEST_HYDROGEN_PAIR) * self.margin + self.skin

    def update(self, positions: Array) -> Pairs:
        """Return the near pairs of the molecules, which are now at *positions*."""
        molecule = self.kinds.molecule[self.moving]
        far = np.square(positions[self.moving] - self.known[self.moving]).sum(axis=1) > (self.skin / 2) ** 2
        if not far.any():
            return self.pairs
        gone = np.zeros(int(molecule.max()) + 1, dtype=bool)
        gone[molecule[far]] = True
        again = np.zeros(len(positions), dtype=bool)
        again[self.moving] = gone[molecule]
        self.known[again] = positions[again]
        old, new = self.pairs, self._found(again)
        stay = ~(again[old.i] | again[old.j])
        shift = None
        if old.shift is not None and new.shift is not None:
            shift = np.concatenate([old.shift[stay], new.shift])
        self.pairs = Pairs(
            np.concatenate([old.i[stay], new.i]), np.concatenate([old.j[stay], new.j]), shift,
            np.concatenate([old.allowed[stay], new.allowed]),
        )  # fmt: skip
        return self.pairs

    def _found(self, again: NDArray[np.bool_]) -> Pairs:
        """Return the near pairs of the molecules whose atoms are *again*, (n,), at their known positions."""
        everyone = _Points.of(self.known, self.moving, self.cell, self.periodic, self.cutoff)
        mine = everyone.only(np.flatnonzero(again[everyone.parent[: everyone.count]]))
        others = everyone.around(mine.points, self.cutoff)
        a, b = _joined(mine, others, self.cutoff)
        i, j = mine.parent[a], others.parent[b]
        same = self.kinds.molecule[i] == self.kinds.molecule[j]
        # what two that are looked up have in common is found from both sides
        once = ~again[j] | (i < j)
        if mine.moved is not None and others.moved is not None:
            # atoms of one molecule meet as images where their lattice vectors differ; else it is a bond
            same &= np.abs(mine.moved[a] - others.moved[b]).max(axis=1, initial=0.0) < 1e-6
            once |= i == j
        keep = ~same & once
        still = self.still.around(mine.points, self.cutoff_still)
        c, d = _joined(mine, still, self.cutoff_still)
        return self._close(mine, np.concatenate([a[keep], c]), [(others, b[keep]), (still, d)])

    def _close(self, mine: _Points, a: Integers, partners: list[tuple[_Points, Integers]]) -> Pairs:
        """Return those of the pairs of points *a* of *mine* with *partners*, in that order, that are near."""
        i, j = mine.parent[a], np.concatenate([p.parent[k] for p, k in partners])
        gap = mine.points[a] - np.concatenate([p.points[k] for p, k in partners])
        allowed = self.kinds.allowed(i, j)
        close = np.einsum("ij,ij->i", gap, gap) < (self.margin * allowed + self.skin) ** 2
        shift = None
        if mine.moved is not None:
            shift = (
                mine.moved[a] - np.concatenate([p.moved[k] for p, k in partners if p.moved is not None])
            )[close]
        return Pairs(i[close], j[close], shift, allowed[close])
