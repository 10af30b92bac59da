"""Which sites are taken: evenly, at random, in patches or in segments; vacancies in neutral pairs first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qdsurf.attachment.demands import Demand
from qdsurf.attachment.molecules import molecule_of
from qdsurf.attachment.places import Places
from qdsurf.errors import AskError, PlacementError
from qdsurf.model import Ligand

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

PATTERNS = ("even", "random", "clustered", "segmented")
# Sites closer than this many Å are one place: the site of an ion and the one above its counter-ion.
_ONE_PLACE = 1.5
# A ligand on two sites reaches at most this far in Å beyond its own length.
_SLACK = 3.0


@dataclass(frozen=True, eq=False)
class Job:
    """One molecule to be placed.

    Attributes
    ----------
    ligand
        The molecule.
    sites
        Numbers of the sites it takes, the leading one first.
    adds
        Whether the ions at the sites stay where they are.
    unit
        Molecules with the same number come together: the ions of a salt.
    """

    ligand: Ligand
    sites: tuple[int, ...]
    adds: bool
    unit: int


class _Draw:
    """What is free, and how far every site is from those taken (state of one choice)."""

    def __init__(self, places: Places, pools: list[list[list[Integers]]]) -> None:
        """Begin with every site of *pools* free."""
        self.places = places
        self.used = np.unique(np.concatenate([pool for p in pools for needs in p for pool in needs]))
        self.free = np.ones(len(places.charge), dtype=bool)
        self.far = np.full(len(places.charge), np.inf)

    def take(self, number: int) -> None:
        """Mark the site *number*, and all that share its place, as taken."""
        gaps = self.places.gaps(self.used, number)
        self.far[self.used] = np.minimum(self.far[self.used], gaps)
        self.free[self.used[gaps < _ONE_PLACE]] = False
        self.free[number] = False
        own = set(self.places.surface.sites[number].atoms)
        if own:  # nothing binds above an ion that has left
            near = self.used[gaps < 6.0]
            for k in near[self.free[near] & ~self.places.occupied[near]]:
                if own & set(self.places.surface.sites[k].neighbours):
                    self.free[k] = False


def choose_sites(
    places: Places, demands: list[Demand], pools: list[list[list[Integers]]], numbers: list[int], *,
    pattern: str, rng: np.random.Generator, best_effort: bool,
) -> list[Job]:  # fmt: skip
    """Return one job for each molecule, *numbers* of each demand.

    Raises
    ------
    AskError
        There are fewer sites than ligands, or no such pattern.
    PlacementError
        There are enough sites, but not enough neighbouring ones for ligands that take several.
    """
    if pattern not in PATTERNS:
        raise AskError(f"no pattern {pattern!r}; known: {', '.join(PATTERNS)}")
    filled = _vacancies(places, demands, pools, numbers)
    pools = [_usable(places, d, p, f) for d, p, f in zip(demands, pools, filled, strict=True)]
    _enough(places, demands, pools, numbers)
    whole = _all_sites(demands, pools, numbers)
    if whole is not None:
        return whole
    draw = _Draw(places, pools)
    score = _scores(places, demands, pools, numbers, pattern, rng)
    jobs: list[Job] = []
    got = [0] * len(demands)
    while True:
        open_ = [k for k in range(len(demands)) if got[k] < numbers[k]]
        if not open_:
            return jobs
        # the demand that is the farthest behind its share goes next, so that a mixture is mixed
        turn = open_[0] if pattern != "even" else min(open_, key=lambda k: (got[k] + 0.5) / numbers[k])
        taken = _one(draw, demands[turn], pools[turn], score(turn, draw), len(jobs))
        if taken is None:
            if best_effort:
                numbers = [g if k == turn else n for k, (g, n) in enumerate(zip(got, numbers, strict=True))]
                continue
            raise PlacementError(
                f"{got[turn]} of {numbers[turn]} {demands[turn].name} found free neighbouring sites on "
                f"{places.surface.name}; ask for {got[turn]}, or best_effort=True"
            )
        jobs.extend(taken)
        got[turn] += 1


def _all_sites(
    demands: list[Demand], pools: list[list[list[Integers]]], numbers: list[int]
) -> list[Job] | None:
    """Return jobs on all sites where every ion that can be exchanged is; None where there is a choice."""
    taken: set[int] = set()
    jobs: list[Job] = []
    for demand, parts, number in zip(demands, pools, numbers, strict=True):
        if not number:
            continue
        single = len(parts) == 1 and len(parts[0]) == 1 and demand.parts[0].needs[0].charge is not None
        if not single or len(parts[0][0]) != number or taken & set(parts[0][0].tolist()):
            return None
        taken |= set(parts[0][0].tolist())
        ligand = demand.parts[0].ligand
        jobs += [Job(ligand, (int(k),), False, len(jobs) + n) for n, k in enumerate(parts[0][0])]
    return jobs


def _one(
    draw: _Draw, demand: Demand, pools: list[list[Integers]], score: Array, unit: int
) -> list[Job] | None:
    """Return the jobs of one more of *demand* and take its sites; None where nothing is left."""
    lead = pools[0][0]
    order = lead[draw.free[lead]]
    order = order[np.argsort(-score[order], kind="stable")]
    for first in order[:50]:
        taken = [int(first)]
        jobs: list[Job] = []
        for part, needs in zip(demand.parts, pools, strict=True):
            sites: list[int] = []
            for pool in needs:
                if len(taken) == 1 and not sites and not jobs:
                    sites.append(taken[0])
                    continue
                found = _partner(draw, pool, taken, reach=_length(part.ligand) + _SLACK)
                if found is None:
                    break
                taken.append(found)
                sites.append(found)
            if len(sites) == len(needs):
                adds = all(n.kind.startswith("on ") for n in part.needs)
                jobs.append(Job(part.ligand, tuple(sites), adds, unit))
        if len(jobs) == len(demand.parts):
            for number in taken:
                draw.take(number)
            return jobs
    return None


def _length(ligand: Ligand) -> float:
    """Return how far the anchors of *ligand* can be apart in Å; any two ions of a salt are near."""
    return 6.0 if len(ligand.anchors) < 2 else molecule_of(ligand).length


def _partner(draw: _Draw, pool: Integers, taken: list[int], reach: float) -> int | None:
    """Return the free site of *pool* nearest to the first of *taken*, on the same face."""
    places = draw.places
    first = taken[0]
    fits = pool[
        draw.free[pool] & (places.occupied[pool] == places.occupied[first])
        & (places.normals[pool] @ places.normals[first] > 0.5)
    ]  # fmt: skip
    fits = fits[~np.isin(fits, taken)]
    if not len(fits):
        return None
    gaps = places.gaps(fits, first)
    gaps[gaps < _ONE_PLACE] = np.inf
    best = int(np.argmin(gaps))
    return int(fits[best]) if gaps[best] <= max(reach, 8.0) else None


def _vacancies(
    places: Places, demands: list[Demand], pools: list[list[list[Integers]]], numbers: list[int]
) -> list[bool]:
    """Return, for each demand, whether it fills vacancies: only where that leaves the charge as it is."""
    result = []
    vacant = [
        [~places.occupied[pool].all() if len(pool) else False for needs in p for pool in needs] for p in pools
    ]
    brings = 0
    for demand, number, empty in zip(demands, numbers, vacant, strict=True):
        exchange = [n.kind for part in demand.parts for n in part.needs if n.charge is not None]
        fills = bool(exchange) and all(empty)
        result.append(fills)
        brings += demand.charge * number if fills else 0
    neutral = brings == 0
    return [f and (neutral or d.charge == 0) for f, d in zip(result, demands, strict=True)]


def _usable(places: Places, demand: Demand, pools: list[list[Integers]], fills: bool) -> list[list[Integers]]:
    """Return *pools* without the vacancies that would change the charge."""
    result = []
    for part, needs in zip(demand.parts, pools, strict=True):
        kept = []
        for need, pool in zip(part.needs, needs, strict=True):
            exchange = need.charge is not None
            kept.append(pool[places.occupied[pool]] if exchange and not fills else pool)
        result.append(kept)
    return result


def _enough(
    places: Places, demands: list[Demand], pools: list[list[list[Integers]]], numbers: list[int]
) -> None:
    """Refuse more ligands than there are sites."""
    for demand, pool, number in zip(demands, pools, numbers, strict=True):
        most = min(len(p) // max(1, _shared(needs, p)) for needs in pool for p in needs)
        if number > most:
            raise AskError(
                f"{number} {demand.name} asked for, but only {most} sites of {places.surface.name} suit it"
            )


def _shared(needs: list[Integers], pool: Integers) -> int:
    """Return how many needs of one molecule draw on the same *pool*."""
    return sum(len(p) == len(pool) and bool((p == pool).all()) for p in needs)


def _scores(
    places: Places, demands: list[Demand], pools: list[list[list[Integers]]], numbers: list[int],
    pattern: str, rng: np.random.Generator,
) -> Callable[[int, _Draw], Array]:  # fmt: skip
    """Return the function (demand, draw) -> score of every site, the best the highest."""
    count = len(places.charge)
    if pattern == "random":
        drawn = rng.random(count)
        return lambda turn, draw: drawn
    if pattern == "segmented":
        along = _along(places, rng)
        shares = np.cumsum([0.0, *numbers]) / max(sum(numbers), 1)
        middles = (shares[1:] + shares[:-1]) / 2
        return lambda turn, draw: -np.abs(along - middles[turn])
    if pattern == "clustered":
        seeds: dict[int, Array] = {}

        def near(turn: int, draw: _Draw) -> Array:
            if turn not in seeds:
                lead = pools[turn][0][0]
                lead = lead[draw.free[lead]]
                far = np.where(np.isinf(draw.far[lead]), rng.random(len(lead)), draw.far[lead])
                start = int(lead[int(np.argmax(far))]) if len(lead) else 0
                seeds[turn] = -places.gaps(np.arange(count), start)
            return seeds[turn]

        return near
    # even: as far as can be from all that is taken; vacancies and strong acids first among equals
    rank = np.zeros(count)
    for needs in pools:
        for pool in needs[0]:
            prefer = np.where(places.occupied[pool], 0.0, 2.0) + np.abs(places.charge[pool]) * 0.5
            rank[pool] = prefer - prefer.min() if len(pool) else prefer
    return lambda turn, draw: np.minimum(draw.far, 1e6) + 1e4 * rank


def _along(places: Places, rng: np.random.Generator) -> Array:
    """Return where each site lies, 0 to 1, along the first cell vector or an axis of a dot."""
    pbc = np.asarray(places.surface.atoms.pbc)
    if pbc.any():
        inverse = np.linalg.inv(places.surface.atoms.cell.array)
        where = (places.positions @ inverse)[:, 0] % 1.0
    else:
        where = places.positions[:, 0]
    ranks = np.argsort(np.argsort(where, kind="stable"), kind="stable")
    found: Array = (ranks + 0.5) / max(len(ranks), 1)
    return found


def explicit_jobs(
    places: Places,
    demands: list[Demand],
    pools: list[list[list[Integers]]],
    numbers: list[int],
    wanted: list[int],
    best_effort: bool,
) -> list[Job]:
    """Return jobs on the *wanted* sites only, in their order.

    Raises
    ------
    AskError
        Too few of them suit a ligand.
    """
    draw = _Draw(places, pools)
    score = np.full(len(places.charge), -1.0)
    score[wanted] = len(wanted) - np.arange(len(wanted))
    jobs: list[Job] = []
    for demand, pool, number in zip(demands, pools, numbers, strict=True):
        lead = pool[0][0][np.isin(pool[0][0], wanted)]
        if len(lead) < number:
            raise AskError(
                f"{number} {demand.name} asked for, but only {len(lead)} of the sites given suit it"
            )
        only = [[lead, *pool[0][1:]], *pool[1:]]
        for got in range(number):
            taken = _one(draw, demand, only, score, len(jobs))
            if taken is None:
                if best_effort:
                    break
                raise PlacementError(f"{got} of {number} {demand.name} found free sites among those given")
            jobs.extend(taken)
    return jobs
