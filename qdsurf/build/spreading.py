"""Points that lie far from each other: farthest-point sampling in n log n."""

from __future__ import annotations

from heapq import heapify, heappop, heapreplace

import numpy as np
from numpy.typing import NDArray

from qdsurf.model.periodic import images, nearest_image

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

# Distances are compared after rounding to so many decimals, so that equal ones stay equal: 0.001 Å.
_DECIMALS = 3
# Of places taken, those within this multiple of the largest gap crowd a point; nearer ones than so many Å
# crowd it no more.
_WIDE, _CLOSE = 1.5, 0.1


class Around:
    """Points, and which of them are near a place."""

    def __init__(
        self, points: Array, cell: Array | None = None, pbc: NDArray[np.bool_] | None = None
    ) -> None:
        """Take *points*, (n, 3) in Å; *cell* (3, 3) and *pbc* (3,) where they repeat in the plane."""
        from scipy.spatial import KDTree

        self.points = points
        self.pbc = np.zeros(3, dtype=bool) if pbc is None else np.asarray(pbc)
        self.cell = np.eye(3) if cell is None or not self.pbc.any() else np.asarray(cell, dtype=float)
        self.reach = np.inf
        own = points
        self.parent = np.arange(len(points))
        if self.pbc.any():
            heights = 1.0 / np.linalg.norm(np.linalg.inv(self.cell), axis=0)
            self.reach = float(heights[:2][self.pbc[:2]].min()) / 2
            own, self.parent, _ = images(
                points, self.cell, (bool(self.pbc[0]), bool(self.pbc[1])), self.reach
            )
        self.tree = KDTree(own) if len(own) else None

    def within(self, place: Array, radius: float) -> Integers:
        """Return the numbers, ascending, of the points within *radius* Å of *place*; maybe some more."""
        if self.tree is None or radius >= self.reach or not np.isfinite(radius):
            return np.arange(len(self.points))
        if self.pbc.any():
            fraction = place @ np.linalg.inv(self.cell)
            place = place - np.floor(fraction) * (self.pbc & [True, True, False]) @ self.cell
        found = self.parent[self.tree.query_ball_point(place, radius + 1e-6, return_sorted=True)]
        return np.unique(found) if self.pbc.any() else found

    def gaps(self, numbers: Integers, place: Array) -> Array:
        """Return the distances in Å of the points *numbers* from *place*, over images."""
        away = nearest_image(self.points[numbers] - place, self.cell, self.pbc)
        found: Array = np.sqrt(np.einsum("ij,ij->i", away, away))
        return found


class Farthest:
    """Points, the farthest from all places taken first (state of one choice).

    Farthest-point sampling (Gonzalez, doi:10.1016/0304-3975(85)90224-5). A new place changes only points
    that are nearer to it than about the largest gap there is, which shrinks as places are taken: all
    together n log n. In a lattice many gaps are equal: among these the least crowded point wins (sum
    of the inverse sixth powers of the distances from the places taken), then the first.
    """

    def __init__(self, around: Around, gap: Array | None = None) -> None:
        """Begin with *gap*, (n,) in Å, from what has been taken already; None: nothing has."""
        self.around = around
        size = len(around.points)
        self.gap = np.round(np.full(size, np.inf) if gap is None else gap, _DECIMALS)
        self.crowd = np.zeros(size)
        self.here = np.ones(size, dtype=bool)
        self.heap = [(-g, 0.0, k) for k, g in enumerate(self.gap.tolist())]
        heapify(self.heap)

    def best(self) -> int | None:
        """Return the number of the farthest point; None where all have been dropped."""
        heap = self.heap
        while heap:
            number = heap[0][2]
            # an entry is from some time ago; points only become nearer and more crowded
            entry = (-self.gap[number], self.crowd[number], number)
            if not self.here[number]:
                heappop(heap)
            elif entry == heap[0]:
                return number
            else:
                heapreplace(heap, entry)
        return None

    def drop(self, number: int) -> None:
        """Leave the point *number* out from now on."""
        self.here[number] = False

    def take(self, place: Array) -> None:
        """Take note that *place*, (3,) in Å, is taken."""
        top = self.best()
        if top is None:
            return
        near = self.around.within(place, _WIDE * float(self.gap[top]))
        near = near[self.here[near]]
        gaps = np.round(self.around.gaps(near, place), _DECIMALS)
        self.gap[near] = np.minimum(self.gap[near], gaps)
        self.crowd[near] = np.round(self.crowd[near] + np.maximum(gaps, _CLOSE) ** -6.0, 15)


def spread(positions: Array, candidates: Integers, count: int, taken: list[int], seed: int) -> list[int]:
    """Return *count* of *candidates* that lie far from each other and from those *taken*.

    The first, where none is taken, is the farthest from the middle; all ties are drawn from *seed*. All
    candidates when there are not more than *count*.

    Parameters
    ----------
    positions
        (n, 3) in Å, to which the numbers refer.
    """
    if len(candidates) <= count:
        return [int(c) for c in candidates]
    names = candidates[np.random.default_rng(seed).permutation(len(candidates))]
    points = positions[names]
    chosen: list[int] = []
    gap = None
    if taken:
        from scipy.spatial import KDTree

        gap = KDTree(positions[taken]).query(points)[0]
    farthest = Farthest(Around(points), gap)
    while len(chosen) < count:
        if chosen or taken:
            best = farthest.best()
            assert best is not None
        else:
            best = int(np.argmax(np.round(np.linalg.norm(points - points.mean(axis=0), axis=1), _DECIMALS)))
        chosen.append(int(names[best]))
        farthest.drop(best)
        farthest.take(points[best])
    return chosen
