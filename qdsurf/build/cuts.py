"""Which planes of a crystal make a slab with the termination and thickness asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qdsurf.build.faces import Flip, flips, relating
from qdsurf.build.planes import Plane, Stack, parsed
from qdsurf.crystals.charges import SHORT_NAMES
from qdsurf.errors import AskError, ChargeError
from qdsurf.model.nouns import Crystal

# Largest formal dipole along the normal, in e Å per surface cell, of a slab that counts as non-polar.
POLAR = 0.05


@dataclass(frozen=True, kw_only=True, eq=False)
class Cut:
    """Planes of a slab, bottom first.

    Attributes
    ----------
    planes
        From the lowest to the highest.
    below, above
        The planes that the crystal would have next.
    flips
        Operations that exchange the two faces, the preferred first; empty where there is none.
    mixed
        Whether the operations hold for the sites only, because ions of one charge are mixed on them.
    charge
        Formal charge per surface cell, in elementary charges.
    dipole
        Formal dipole along the normal about the middle height, in e Å per surface cell.
    """

    planes: tuple[Plane, ...]
    below: Plane
    above: Plane
    flips: tuple[Flip, ...]
    mixed: bool
    charge: int
    dipole: float

    @property
    def formula(self) -> str:
        """Formula of the topmost plane."""
        return self.planes[-1].formula


def find_cuts(crystal: Crystal, planes: Stack, layers: int, symmetric: bool) -> list[Cut]:
    """Return the ways to cut a slab, the best first: neutral, non-polar, thin, low charges outside."""
    exact = flips(crystal, planes)
    # in an alloy no operation relates the ions, but there are some that relate the sites
    alike = len(set(crystal.charges.values())) < len(crystal.charges)
    of_sites = flips(crystal, planes, by_charge=True) if alike else []
    count = len(planes.planes)
    whole = layers * count // planes.units
    found: list[tuple[tuple[Any, ...], Cut]] = []
    for start in range(count):
        for extra in range(count // planes.units if symmetric else 1):
            chosen = tuple(planes.plane(n) for n in range(start, start + whole + extra))
            heights = chosen[0].bottom, chosen[-1].top
            related = relating(exact, planes, *heights)
            mixed = not related
            related = related or relating(of_sites, planes, *heights)
            if symmetric and not related:
                continue
            cut = Cut(
                planes=chosen,
                below=planes.plane(start - 1),
                above=planes.plane(start + whole + extra),
                flips=related,
                mixed=mixed and bool(related),
                charge=sum(crystal.charges[ion.species] for plane in chosen for ion in plane.ions),
                dipole=_moment(crystal, chosen),
            )
            found.append((_merit(crystal, planes, cut, start, extra), cut))
            break
    found.sort(key=lambda item: item[0])
    return [cut for _, cut in found]


def _merit(crystal: Crystal, planes: Stack, cut: Cut, start: int, extra: int) -> tuple[Any, ...]:
    """Return what puts the cut from plane *start* with *extra* planes into its order."""
    return (
        cut.charge != 0,
        abs(cut.dipole) > POLAR,
        extra,
        max(abs(crystal.charges[ion.species]) for ion in cut.planes[-1].ions),
        -round(planes.gap_below(start), 3),
        start,
    )


def _moment(crystal: Crystal, planes: Sequence[Plane]) -> float:
    """Return the formal dipole of *planes* in e Å per surface cell, about their middle height."""
    middle = (planes[0].bottom + planes[-1].top) / 2
    return float(sum(crystal.charges[i.species] * (i.centre[2] - middle) for p in planes for i in p.ions))


def listed(planes: Stack, cuts: Sequence[Cut]) -> list[str]:
    """Return the formulas of all planes, those of the best *cuts* first."""
    return list(dict.fromkeys([*(c.formula for c in cuts), *sorted(p.formula for p in planes.planes)]))


def matching(
    name: str, crystal: Crystal, planes: Stack, cuts: list[Cut], termination: str | None
) -> list[Cut]:
    """Return the *cuts* with the termination asked for, the best first.

    Raises
    ------
    AskError
        The facet has no such termination, or none with two equal faces.
    ChargeError
        No slab of a polar facet has equal faces; gives the dipole.
    """
    fits = cuts
    if termination is not None:
        known = listed(planes, cuts)
        wanted = parsed(termination)
        same = [f for f in known if parsed(f) == wanted]
        # in an alloy a plane is also found by the formula of the crystal that was mixed
        same = same or [
            f for f in known if _by_charge(f, crystal.charges) == _by_charge(termination, crystal.charges)
        ]
        if not same:
            raise AskError(f"{name} has no termination {termination!r}; it has {', '.join(known)}")
        fits = [c for c in cuts if c.formula in same]
    if fits:
        return fits
    whole = [planes.plane(n) for n in range(len(planes.planes))]
    dipole = _moment(crystal, whole)
    if abs(dipole) > POLAR:
        raise ChargeError(
            f"{name}: polar; no slab has two equal faces, and each repeat unit has a formal dipole of "
            f"{dipole:+.2f} e Å along the normal. It needs compensation of two different faces "
            f"(symmetric=False with compensate='vacancies'); or take another facet"
        )
    raise AskError(f"{name} has no slab with two equal faces that ends so; try symmetric=False")


def _by_charge(formula: str, charges: Mapping[str, int]) -> dict[int, int] | None:
    """Return how many ions of each charge a formula has, reduced; None where a charge is unknown."""
    counts: Counter[int] = Counter()
    for name, number in parsed(formula).items():
        species = SHORT_NAMES.get(name, name)
        if species not in charges:
            return None
        counts[charges[species]] += number
    common = int(np.gcd.reduce(list(counts.values()))) if counts else 1
    return {charge: n // common for charge, n in counts.items()}
