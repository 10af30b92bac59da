"""What is free while sites are chosen, and which site of each demand comes next."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from qdsurf.attachment.places import Places
from qdsurf.build.spreading import Around, Farthest

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

# Sites closer than this many Å are one place: the site of an ion and the one above its counter-ion.
_ONE_PLACE = 1.5
# Sites above an ion are at most this many Å from its own.
_ABOVE = 6.0
# A partner of a site is looked for within this many Å at least.
_NEXT = 8.0


class Queue(Protocol):
    """The sites of one demand, the best first."""

    def best(self) -> int | None:
        """Return the best site; None where there is none left."""

    def drop(self, site: int) -> None:
        """Leave *site* out from now on."""

    def take(self, site: int) -> None:
        """Take note that *site* has been taken."""


class Draw:
    """Which sites are free, and which are taken (state of one choice)."""

    def __init__(self, places: Places, pools: list[list[list[Integers]]]) -> None:
        """Begin with every site of *pools* free."""
        self.places = places
        self.used = np.unique(np.concatenate([pool for p in pools for needs in p for pool in needs]))
        self.free = np.ones(len(places.charge), dtype=bool)
        self.taken: list[int] = []
        self.around = self.among(self.used)
        self.queues: list[Queue] = []
        self.ranks: dict[int, Integers] = {}

    def among(self, sites: Integers) -> Around:
        """Return the surroundings of *sites*."""
        atoms = self.places.surface.atoms
        return Around(self.places.positions[sites], atoms.cell.array, np.asarray(atoms.pbc))

    def near(self, site: int, distance: float) -> Integers:
        """Return the numbers of the sites in use within *distance* Å of *site*; maybe some more."""
        return self.used[self.around.within(self.places.positions[site], distance)]

    def take(self, site: int) -> None:
        """Mark *site*, and all that share its place, as taken."""
        places = self.places
        near = self.near(site, _ABOVE)
        gaps = places.gaps(near, site)
        self.free[near[gaps < _ONE_PLACE]] = False
        self.free[site] = False
        own = set(places.surface.sites[site].atoms)
        if own:  # nothing binds above an ion that has left
            near = near[gaps < _ABOVE]
            for k in near[self.free[near] & ~places.occupied[near]].tolist():
                if own & set(places.surface.sites[k].neighbours):
                    self.free[k] = False
        self.taken.append(site)
        for queue in self.queues:
            queue.take(site)

    def from_taken(self, sites: Integers) -> Array:
        """Return how far each of *sites* is from the nearest one taken, in Å; infinite where none is."""
        if not self.taken:
            return np.full(len(sites), np.inf)
        farthest = Farthest(self.among(sites))
        for site in self.taken:
            farthest.take(self.places.positions[site])
        return farthest.gap

    def partner(self, pool: Integers, taken: list[int], reach: float) -> int | None:
        """Return the free site of *pool* nearest to the first of *taken*, on the same face; None without."""
        places, first, most = self.places, taken[0], max(reach, _NEXT)
        if id(pool) not in self.ranks:
            self.ranks[id(pool)] = np.full(len(places.charge), -1)
            self.ranks[id(pool)][pool] = np.arange(len(pool))
        rank = self.ranks[id(pool)]
        near = self.near(first, most)
        near = near[(rank[near] >= 0) & self.free[near] & (places.occupied[near] == places.occupied[first])]
        near = near[places.normals[near] @ places.normals[first] > 0.5]
        near = near[~np.isin(near, taken)]
        gaps = np.round(places.gaps(near, first), 3)
        fits = (gaps >= _ONE_PLACE) & (gaps <= most)
        near, gaps = near[fits], gaps[fits]
        return int(near[np.lexsort((rank[near], gaps))[0]]) if len(near) else None


class Listed:
    """Sites in an order that does not change."""

    def __init__(self, draw: Draw, order: Integers) -> None:
        """Take the sites in *order*, the best first."""
        self.free, self.order, self.next = draw.free, order.tolist(), 0

    def best(self) -> int | None:
        """Return the first site that is free."""
        while self.next < len(self.order) and not self.free[self.order[self.next]]:
            self.next += 1
        return self.order[self.next] if self.next < len(self.order) else None

    def drop(self, site: int) -> None:
        """Go on to the next one."""
        assert self.order[self.next] == site
        self.next += 1

    def take(self, site: int) -> None:
        """Nothing changes."""


class Even:
    """Sites of the highest rank first, and of one rank those farthest from all that is taken."""

    def __init__(self, draw: Draw, sites: Integers, rank: Array) -> None:
        """Take *sites*, and the *rank* of each."""
        self.draw = draw
        self.levels = [sites[rank == r] for r in np.unique(rank)]
        self.sites: list[int] = []
        self.numbers: dict[int, int] = {}
        self.farthest: Farthest | None = None

    def best(self) -> int | None:
        """Return the farthest free site of the highest rank that has one."""
        while True:
            number = None if self.farthest is None else self.farthest.best()
            if self.farthest is None or number is None:
                if not self.levels:
                    return None
                level = self.levels.pop()
                self.sites = level.tolist()
                self.numbers = {site: number for number, site in enumerate(self.sites)}
                self.farthest = Farthest(self.draw.among(level), self.draw.from_taken(level))
            elif self.draw.free[self.sites[number]]:
                return self.sites[number]
            else:
                self.farthest.drop(number)

    def drop(self, site: int) -> None:
        """Leave *site* out from now on."""
        if self.farthest is not None:
            self.farthest.drop(self.numbers[site])

    def take(self, site: int) -> None:
        """Take note that *site* has been taken."""
        if self.farthest is not None:
            self.farthest.take(self.draw.places.positions[site])
