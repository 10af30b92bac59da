"""Which sites are taken: evenly, at random, in patches or in segments; vacancies in neutral pairs first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qdsurf.attachment.demands import Demand
from qdsurf.attachment.drawing import Draw, Even, Listed, Queue
from qdsurf.attachment.molecules import molecule_of
from qdsurf.attachment.places import Places
from qdsurf.errors import AskError, PlacementError
from qdsurf.model import Ligand

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

PATTERNS = ("even", "random", "clustered", "segmented")
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
    draw = Draw(places, pools)
    queue = _queues(draw, pools, numbers, pattern, rng)
    jobs: list[Job] = []
    got = [0] * len(demands)
    while True:
        open_ = [k for k in range(len(demands)) if got[k] < numbers[k]]
        if not open_:
            return jobs
        # the demand that is the farthest behind its share goes next, so that a mixture is mixed
        turn = open_[0] if pattern != "even" else min(open_, key=lambda k: (got[k] + 0.5) / numbers[k])
        taken = _one(draw, demands[turn], pools[turn], queue(turn), len(jobs))
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
    draw: Draw, demand: Demand, pools: list[list[Integers]], queue: Queue, unit: int
) -> list[Job] | None:
    """Return the jobs of one more of *demand* and take its sites; None where nothing is left."""
    while (first := queue.best()) is not None:
        found = _with_partners(draw, demand, pools, first, unit)
        if found is not None:
            for number in (n for job in found for n in job.sites):
                draw.take(number)
            return found
        # nor will it find partners later: sites only become fewer
        queue.drop(first)
    return None


def _with_partners(
    draw: Draw, demand: Demand, pools: list[list[Integers]], first: int, unit: int
) -> list[Job] | None:
    """Return the jobs of one of *demand* with its leading site *first*; None where it lacks partners."""
    taken: list[int] = []
    jobs: list[Job] = []
    for part, needs in zip(demand.parts, pools, strict=True):
        start = len(taken)
        for pool in needs:
            site = draw.partner(pool, taken, reach=_length(part.ligand) + _SLACK) if taken else first
            if site is None:
                return None
            taken.append(site)
        adds = all(n.kind.startswith("on ") for n in part.needs)
        jobs.append(Job(part.ligand, tuple(taken[start:]), adds, unit))
    return jobs


def _length(ligand: Ligand) -> float:
    """Return how far the anchors of *ligand* can be apart in Å; any two ions of a salt are near."""
    return 6.0 if len(ligand.anchors) < 2 else molecule_of(ligand).length


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


def _queues(
    draw: Draw, pools: list[list[list[Integers]]], numbers: list[int], pattern: str, rng: np.random.Generator
) -> Callable[[int], Queue]:
    """Return the function that gives the queue of a demand, made when it is asked for first."""
    places = draw.places
    count = len(places.charge)
    made: dict[int, Queue] = {}
    score = rng.random(count) if pattern == "random" else np.zeros(count)
    along = _along(places, rng) if pattern == "segmented" else np.zeros(0)
    shares = np.cumsum([0.0, *numbers]) / max(sum(numbers), 1)
    middles = (shares[1:] + shares[:-1]) / 2
    rank = _ranks(places, pools)

    def queue(turn: int) -> Queue:
        if turn not in made:
            lead = pools[turn][0][0]
            if pattern == "even":
                made[turn] = Even(draw, lead, rank[lead])
            elif pattern == "random":
                made[turn] = _ordered(draw, lead, score[lead])
            elif pattern == "segmented":
                made[turn] = _ordered(draw, lead, -np.abs(along[lead] - middles[turn]))
            else:
                start = _start(draw, lead, rng)
                made[turn] = _ordered(draw, lead, -places.gaps(lead, start))
            draw.queues.append(made[turn])
        return made[turn]

    return queue


def _ordered(draw: Draw, sites: Integers, score: Array) -> Listed:
    """Return *sites* by *score*, the highest first."""
    return Listed(draw, sites[np.argsort(-np.round(score, 6), kind="stable")])


def _start(draw: Draw, lead: Integers, rng: np.random.Generator) -> int:
    """Return the site of *lead* where a patch begins: far from what is taken."""
    free = lead[draw.free[lead]]
    if not len(free):
        return int(lead[0])
    far = draw.from_taken(free) if draw.taken else rng.random(len(free))
    return int(free[int(np.argmax(far))])


def _ranks(places: Places, pools: list[list[list[Integers]]]) -> Array:
    """Return which sites come first, the highest: vacancies, then strong acids."""
    rank = np.zeros(len(places.charge))
    for needs in pools:
        for pool in needs[0]:
            rank[pool] = np.where(places.occupied[pool], 0.0, 2.0) + np.abs(places.charge[pool]) * 0.5
    return rank


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
    draw = Draw(places, pools)
    turn = {site: n for n, site in reversed(list(enumerate(wanted)))}
    jobs: list[Job] = []
    for demand, pool, number in zip(demands, pools, numbers, strict=True):
        lead = pool[0][0][np.isin(pool[0][0], wanted)]
        if len(lead) < number:
            raise AskError(
                f"{number} {demand.name} asked for, but only {len(lead)} of the sites given suit it"
            )
        queue = Listed(draw, np.array(sorted(lead.tolist(), key=turn.__getitem__), dtype=np.int64))
        for got in range(number):
            taken = _one(draw, demand, pool, queue, len(jobs))
            if taken is None:
                if best_effort:
                    break
                raise PlacementError(f"{got} of {number} {demand.name} found free sites among those given")
            jobs.extend(taken)
    return jobs
