"""The charge of an edited surface: what is asked for, and the counter-ions that bring it there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import gcd

import numpy as np

from qdsurf.build.ions import Ions
from qdsurf.errors import AskError, ChargeError
from qdsurf.model.arguments import check_whole
from qdsurf.model.nouns import Surface

BOTH_FACES = ("one", "both")


def counter_ions(ions: Ions, starts: list[int], taken: Iterable[int], species: str, excess: int) -> list[int]:
    """Return the ions of *species* to remove so that a charge of *excess* goes away.

    The ions nearest to *starts* are taken, one start after the other, on the same face; for starts
    among ``surface.sites`` those of the outermost planes first.

    Raises
    ------
    AskError
        The surface has no such species.
    ChargeError
        Removing these ions cannot cancel the charge, or there are too few of them; says what would.
    """
    surface = ions.surface
    if species not in surface.charges or species not in ions.species:
        there = ", ".join(sorted(set(ions.species)))
        raise AskError(f"{surface.name} has no {species!r} to compensate with; it has {there}")
    charge = surface.charges[species]
    used = set(taken)
    pool = np.array([k for k in ions.of(species).tolist() if k not in used], dtype=np.int64)
    if not charge or excess % charge or excess // charge < 0 or excess // charge > len(pool):
        raise ChargeError(
            f"{surface.name}: removing {species}({charge:+d}) cannot cancel the charge {excess:+d}"
            f"{_instead(ions, used, excess)}"
        )
    listed = {s.atoms for s in surface.sites if s.occupied}
    outer = np.array([ions.around.members[f] in listed for f in ions.fragments])
    left = np.ones(len(pool), dtype=bool)
    found: list[int] = []
    for turn in range(excess // charge):
        start = starts[turn % len(starts)]
        here = left & (ions.normals[pool] @ ions.normals[start] > 0)
        if outer[start] and (here & outer[pool]).any():
            here &= outer[pool]
        if not here.any():
            here = left
        near = pool[here]
        keys = np.lexsort((ions.order[near], np.round(ions.distances(start, near), 3)))
        chosen = int(near[keys[0]])
        found.append(chosen)
        left[pool == chosen] = False
    return found


def _instead(ions: Ions, used: set[int], excess: int) -> str:
    """Return which species could be removed to cancel *excess*, as the end of a message."""
    there = Counter(s for k, s in enumerate(ions.species) if k not in used)
    works = []
    for species, number in sorted(there.items()):
        charge = ions.surface.charges[species]
        if charge and excess % charge == 0 and 0 < excess // charge <= number:
            works.append(f"compensate={species!r} (removes {excess // charge})")
    if works:
        return f"; {' or '.join(works)} would"
    # an ion of higher charge cancels several of these defects together
    several = [
        f"{abs(q) // gcd(q, excess)} times as many sites with compensate={species!r}"
        for species in sorted(there)
        if (q := ions.surface.charges[species]) * excess > 0 and abs(q) // gcd(q, excess) > 1
    ]
    return f"; {' or '.join(several)} would" if several else ""


def require_charge(ions: Ions, gone: Iterable[int], net: int, wanted: int, done: str, more: str = "") -> None:
    """Refuse a result of charge *net* where *wanted* was asked for.

    Raises
    ------
    ChargeError
        They differ; says which compensation and which stated charge would work.
    AskError
        *wanted* is no whole number.
    """
    check_whole("charge", wanted)
    if net == wanted:
        return
    ways = _instead(ions, set(gone), net - wanted)
    raise ChargeError(
        f"{ions.surface.name}: {done} the charge is {net:+d}, asked for {wanted:+d}; state the charge "
        f"(charge={net}) or let counter-ions go too{ways}{more}"
    )


def wanted_charge(surface: Surface, charge: int | None) -> int:
    """Return the charge the result shall have: *charge*, or that of *surface* when it is None."""
    return surface.target_charge if charge is None else charge


def both_faces(surface: Surface, faces: str) -> bool:
    """Return whether both faces shall be treated alike.

    Raises
    ------
    AskError
        *faces* is neither "one" nor "both", or "both" is asked of a dot.
    """
    if faces not in BOTH_FACES:
        raise AskError(f"faces is 'one' or 'both'; got {faces!r}")
    if faces == "both" and not surface.atoms.pbc.any():
        raise AskError(f"{surface.name} is no slab; faces='both' needs one")
    return faces == "both"


def half_way(surface: Surface, wanted: int, both: bool) -> int:
    """Return the charge to reach on the first of two faces, or *wanted* when there is one.

    Raises
    ------
    ChargeError
        The change of charge cannot be shared by two faces.
    """
    change = wanted - surface.charge
    if not both:
        return wanted
    if change % 2:
        raise ChargeError(f"{surface.name}: a change of charge of {change:+d} cannot be shared by two faces")
    return surface.charge + change // 2


def on_both(ions: Ions, chosen: list[int]) -> list[int]:
    """Return *chosen* and the ions of the other face on which a symmetry operation maps them.

    Raises
    ------
    AskError
        No operation of the slab swaps its faces.
    """
    from qdsurf.build.symmetry import symmetry_of

    symmetry = symmetry_of(ions.surface)
    taken = np.array(chosen, dtype=np.int64)
    operation = symmetry.swapping(ions.points[taken])
    if operation is None:
        raise AskError(
            f"{ions.surface.name}: no symmetry operation swaps its two faces and back (space group in its "
            f"box: {symmetry.name}), so they cannot be treated alike; take another repeat, or choose the "
            f"sites of both faces yourself"
        )
    images = symmetry.images(taken, operation).tolist()
    return list(dict.fromkeys([*chosen, *images]))
