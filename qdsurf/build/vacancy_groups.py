"""Groups of vacancies near one another, such as neutral pairs and triples, one for each inequivalent kind."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.defects import counted
from qdsurf.build.ions import Ions
from qdsurf.build.symmetry import Symmetry
from qdsurf.build.vacancies import Numbers, Where, asked, asked_ions, charge_notation, site_label, unlike
from qdsurf.errors import AskError
from qdsurf.model.nouns import Site, Surface

# Distances that agree to this many Å are one shell.
_SHELL = 0.05
# A distance asked for as one number stands for those that agree with it to this many Å.
_ABOUT = 0.1
# More combinations than this around one ion are a question too wide.
_MOST_GROUPS = 20_000


@dataclass(frozen=True, kw_only=True, eq=False)
class VacancyGroup:
    """Vacancies near one another: an inequivalent group of sites.

    Attributes
    ----------
    label
        Where the ions are and how far apart, in words; no two of one list are the same.
    species
        The ions that go, the one that occurs once first.
    charge
        Formal charge that stays behind, in elementary charges; 0 for a neutral group.
    distances
        Å from the first ion to each of the others, over periodic images.
    sites
        The representative group, as ``remove`` takes it.
    ions
        Fragment numbers of it.
    multiplicity
        Number of equivalent groups in the surface.
    """

    label: str
    species: tuple[str, ...]
    charge: int
    distances: tuple[float, ...]
    sites: tuple[Site, ...]
    ions: tuple[int, ...]
    multiplicity: int
    charges: tuple[int, ...]

    @property
    def notation(self) -> str:
        """The vacancies with the charges they leave."""
        return charge_notation(self.species, self.charges)

    def __str__(self) -> str:
        """Return one line."""
        return f"{self.notation}, {self.label}, {self.multiplicity} equivalent"


def vacancy_groups(
    surface: Surface,
    species: tuple[str, ...],
    *,
    distance: Literal["nearest"] | float | tuple[float, float] = "nearest",
    where: Where = "all",
    tolerance: float = 0.02,
) -> tuple[VacancyGroup, ...]:
    """Return the symmetry-inequivalent groups of vacancies, such as the neutral pairs A + X and Pb + 2 X.

    Parameters
    ----------
    surface
        Bare slab or dot, not changed.
    species
        Ions that go together: ("Cs", "Br"), or ("Pb", "Br", "Br"). One of them occurs once;
        distances are counted from it.
    distance
        "nearest" takes the nearest ions around each inequivalent first one; a number in Å those at that
        distance (to 0.1 Å), two numbers those between them.
    where
        "surface" takes ions of the surface only.
    tolerance
        Å that equivalent atoms may deviate from symmetry.

    Returns
    -------
    tuple of VacancyGroup
        By depth of the first ion, then by distance. Pass ``group.sites`` to ``remove``.

    Raises
    ------
    AskError
        No such species, no species that occurs once, or no group at that distance (the message
        lists the distances there are).

    Examples
    --------
    >>> from qdsurf.build.defects import remove
    >>> from qdsurf.build.slabs import cut_slab
    >>> from qdsurf.crystals import load_crystal
    >>> slab = cut_slab(load_crystal("CsPbBr3-cubic"), "001", layers=2, termination="CsBr", repeat=(2, 2))
    >>> pairs = vacancy_groups(slab, ("Cs", "Br"), where="surface")
    >>> [(p.notation, p.distances, p.multiplicity) for p in pairs]
    [("V_Cs: -1 (V_Cs') + V_Br: +1 (V_Br•)", (4.151,), 32)]
    >>> remove(slab, pairs[0].sites).charge
    0
    """
    first, others = _split(species)
    ions, symmetry, anchors = asked(surface, first, where, tolerance)
    pools = {s: asked_ions(ions, s, where) for s in others}
    groups: list[tuple[tuple[float, ...], VacancyGroup]] = []
    seen: set[float] = set()
    for orbit in np.unique(symmetry.orbits[anchors]).tolist():
        members = anchors[symmetry.orbits[anchors] == orbit]
        start = int(members[np.argmin(ions.order[members])])
        found = _around(ions, start, others, pools, distance, seen)
        for rest, copies in _unequal(symmetry, ions, start, found):
            far = ions.distances(start, np.array(rest, dtype=np.int64))
            order = np.argsort(np.round(far, 3), kind="stable")
            chosen = [start, *(rest[k] for k in order)]
            group = _group(ions, chosen, np.sort(np.round(far, 3)), copies * len(members))
            key = (round(float(ions.depth[start]), 3), float(far.sum()), *ions.order[chosen].tolist())
            groups.append((key, group))
    if not groups:
        near = ", ".join(f"{d:.2f}" for d in sorted(seen)[:8])
        raise AskError(
            f"{surface.name} has no group {counted(species)} at distance {distance!r}; the shortest "
            f"distances from {first} are {near or 'none'} Å"
        )
    groups.sort(key=lambda item: item[0])
    labels = unlike([group.label for _, group in groups])
    return tuple(replace(group, label=label) for label, (_, group) in zip(labels, groups, strict=True))


def _split(species: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return the species that distances are counted from, and the others."""
    if isinstance(species, str) or len(species) < 2:
        raise AskError(f"a group is two species or more, as in ('Cs', 'Br'); got {species!r}")
    often = Counter(species)
    single = [s for s in species if often[s] == 1]
    if not single:
        raise AskError(f"one species of a group occurs once, as in ('Pb', 'Br', 'Br'); got {species!r}")
    return single[0], tuple(s for s in species if s != single[0])


def _around(
    ions: Ions,
    start: int,
    others: tuple[str, ...],
    pools: dict[str, Numbers],
    distance: Literal["nearest"] | float | tuple[float, float],
    seen: set[float],
) -> list[tuple[int, ...]]:
    """Return the groups of *others* around the ion *start*; *seen* gathers the distances there are."""
    choices: list[list[tuple[int, ...]]] = []
    for name, number in sorted(Counter(others).items()):
        pool = pools[name]
        far = ions.distances(start, pool)
        seen.update(np.unique(np.round(far, 2)).tolist())
        if distance == "nearest":
            keep = far <= np.sort(far)[number - 1] + _SHELL if len(far) >= number else np.zeros(0, bool)
        else:
            low, high = _range(distance)
            keep = (far >= low) & (far <= high)
        near, gap = pool[keep].tolist(), dict(zip(pool.tolist(), far.tolist(), strict=True))
        size = 1
        for k in range(number):
            size = size * max(len(near) - k, 0) // (k + 1)
        if size > _MOST_GROUPS:
            raise AskError(f"{size} groups of {number} {name} lie at distance {distance!r}; narrow it")
        sets = list(combinations(near, number))
        if distance == "nearest" and sets:
            total = [sum(gap[k] for k in s) for s in sets]
            sets = [s for s, d in zip(sets, total, strict=True) if d < min(total) + number * _SHELL]
        choices.append(sets)
    if int(np.prod([len(c) for c in choices])) > _MOST_GROUPS:
        raise AskError(f"more than {_MOST_GROUPS} groups lie at distance {distance!r}; narrow it")
    return [tuple(k for part in parts for k in part) for parts in product(*choices)]


def _range(distance: float | tuple[float, float] | str) -> tuple[float, float]:
    """Return the shortest and longest distance meant."""
    if isinstance(distance, tuple) and len(distance) == 2 and 0 <= distance[0] <= distance[1]:
        return distance
    if isinstance(distance, int | float) and distance > 0:
        return distance - _ABOUT, distance + _ABOUT
    raise AskError(f"distance is 'nearest', a length in Å, or two of them; got {distance!r}")


def _unequal(
    symmetry: Symmetry, ions: Ions, start: int, groups: list[tuple[int, ...]]
) -> list[tuple[tuple[int, ...], int]]:
    """Return one of each set of equal *groups* around *start*, and how many they are."""
    if not groups:
        return []
    pool = np.unique(np.array(groups, dtype=np.int64))
    place = {ion: n for n, ion in enumerate(pool.tolist())}
    maps = [symmetry.images(pool, k) for k in symmetry.fixing(start).tolist()]
    found: list[tuple[tuple[int, ...], int]] = []
    done: set[tuple[int, ...]] = set()
    for group in sorted(groups, key=lambda g: tuple(ions.order[list(g)].tolist())):
        if tuple(sorted(group)) in done:
            continue
        equal = {tuple(sorted(int(m[place[k]]) for k in group)) for m in maps}
        done |= equal
        found.append((group, len(equal)))
    return found


def _group(ions: Ions, chosen: list[int], far: NDArray[np.float64], copies: int) -> VacancyGroup:
    """Return the group of the *chosen* ions, the first one that distances are counted from."""
    species = tuple(ions.species[k] for k in chosen)
    charges = tuple(-ions.surface.charges[s] for s in species)
    sites = tuple(ions.site(k) for k in chosen)
    parts = [f"{species[0]} {site_label(ions, chosen[0], sites[0])}"]
    for name, gap, site, ion in zip(species[1:], far.tolist(), sites[1:], chosen[1:], strict=True):
        depth = f"layer {site.layer}" if site.layer >= 0 else f"{ions.depth[ion]:.1f} Å deep"
        parts.append(f"{name} {gap:.2f} Å away in {site.location}, {depth}")
    if len(chosen) == 3:
        across = float(ions.distances(chosen[1], np.array(chosen[2:], dtype=np.int64))[0])
        parts.append(f"{species[1]} and {species[2]} {across:.2f} Å apart")
    return VacancyGroup(
        label="; ".join(parts),
        species=species,
        charge=sum(charges),
        distances=tuple(round(d, 3) for d in far.tolist()),
        sites=sites,
        ions=tuple(ions.fragments[k] for k in chosen),
        multiplicity=copies,
        charges=charges,
    )
