"""Bring the ions cut out of a crystal to the charge asked for, by named strategies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.bonds import BulkBonds, bound_pairs, with_cap
from qdsurf.build.caps import at_bond_length
from qdsurf.build.spreading import spread
from qdsurf.crystals import COMMON_CHARGES
from qdsurf.errors import AskError, ChargeError

Vectors = NDArray[np.float64]

# An ion with fewer counter-ions than this is loose.
_FEWEST_BONDS = 2


@dataclass(frozen=True, eq=False)
class Cut:
    """Ions cut out of a crystal, and the lattice around them.

    Attributes
    ----------
    name
        For messages.
    positions
        (n, 3) centres in Å of lattice places, inside and just outside.
    species
        (n,) ion at each place.
    ions
        (n,) number of the ion of the conventional cell that the place repeats.
    inside
        (n,) whether the ion is there.
    charges
        Formal charge by species.
    bonds
        As from ``bulk_bonds``.
    caps
        Places that were filled to cap; what sits there may hang on one bond.
    """

    name: str
    positions: Vectors
    species: NDArray[np.str_]
    ions: NDArray[np.int64]
    inside: NDArray[np.bool_]
    charges: Mapping[str, int]
    bonds: BulkBonds
    caps: frozenset[int] = frozenset()

    @property
    def place_charges(self) -> NDArray[np.int64]:
        """(n,) formal charge of the ion at each place."""
        names, inverse = np.unique(self.species, return_inverse=True)
        return np.array([self.charges[s] for s in names.tolist()], dtype=np.int64)[inverse]

    @property
    def net(self) -> int:
        """Formal charge of the ions inside."""
        return int(self.place_charges[self.inside].sum())


class _Graph:
    """Bonds between lattice places, and how many of each place's neighbours are present."""

    def __init__(self, cut: Cut) -> None:
        self.i, self.j, _ = bound_pairs(
            cut.positions, cut.species, cut.bonds, np.zeros((3, 3)), np.zeros(3, bool)
        )
        self.size = len(cut.positions)

    def coordination(self, inside: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return, for every place, the number of its neighbours that are present."""
        return np.bincount(self.i[inside[self.j]], minlength=self.size)

    def neighbours(self, place: int) -> NDArray[np.int64]:
        """Return the places bound to *place*."""
        start, end = np.searchsorted(self.i, [place, place + 1])
        return self.j[start:end]


def neutralized(cut: Cut, charge: int, strategy: str, cap: str | None, seed: int) -> Cut:
    """Return *cut* with the ions that bring it to *charge*, and no loose ones.

    Parameters
    ----------
    charge
        Net charge wanted, in elementary charges.
    strategy
        "remove": take out ions with charges of the excess sign, the least coordinated first (corners,
        then edges), spread evenly; monovalent ones before others. "cap": put monovalent ions *cap* at
        lattice places just outside, those with most neighbours first, on the least coordinated ions,
        spread evenly. "auto": an excess of cations is removed where monovalent ones carry it, else capped;
        an excess of anions is capped where *cap* is a cation, else removed.
    cap
        Species for capping; None takes the crystal's own monovalent ion, or chloride for a cation excess.
        One that the crystal does not have lies at a bond length of its own.
    seed
        Another seed, another spread.

    Raises
    ------
    ChargeError
        The strategy cannot reach the charge; gives the number it reached.
    AskError
        *cap* is no monovalent ion, or no ion of the cut is held by two others.
    """
    graph, own = _Graph(cut), cut.charges
    for turn in range(20):
        # cations that hang on one bond may get a cap in the first turn
        cut = _pruned(cut, graph, keep_cappable=turn == 0 and strategy != "remove")
        excess = cut.net - charge
        if excess:
            how = strategy if strategy != "auto" else _choice(cut, graph, excess, cap)
            if how == "remove":
                changed = _removed(cut, graph, excess, seed)
            else:
                changed = _capped(cut, graph, excess, cap or _own_cap(cut, excess), seed)
            cut = changed
        if not _loose(cut, graph).any():
            break
    if not cut.inside.any():
        raise AskError(f"{cut.name}: too small; without ions that hang on one bond nothing is left of it")
    if cut.net != charge or _loose(cut, graph).any():
        raise ChargeError(
            f"{cut.name}: strategy {strategy!r} reaches charge {cut.net:+d} without loose ions, asked for "
            f"{charge:+d}; take another size, the other termination, neutralize='cap', or state the charge"
        )
    return _seated(cut, own)


def _seated(cut: Cut, own: Mapping[str, int]) -> Cut:
    """Return *cut* with caps that are none of its *own* species at their bond lengths."""
    positions, here = cut.positions.copy(), cut.inside
    for cap in sorted(set(cut.charges) - set(own)):
        positions[here] = at_bond_length(
            positions[here], cut.species[here], cap, cut.bonds, np.zeros((3, 3)), np.zeros(3, bool)
        )
    return replace(cut, positions=positions)


def _loose(cut: Cut, graph: _Graph) -> NDArray[np.bool_]:
    """Return which ions present have fewer than two counter-ions; caps may hang on one."""
    fewest = np.full(graph.size, _FEWEST_BONDS)
    fewest[list(cut.caps)] = 1
    loose: NDArray[np.bool_] = cut.inside & (graph.coordination(cut.inside) < fewest)
    return loose


def _pruned(cut: Cut, graph: _Graph, *, keep_cappable: bool) -> Cut:
    """Return *cut* without loose ions; cations held by one bond stay if caps can hold them."""
    inside = cut.inside.copy()
    charges = cut.place_charges
    while True:
        number = graph.coordination(inside)
        loose = _loose(replace(cut, inside=inside), graph)
        if keep_cappable:
            loose &= (charges < 2) | (number == 0)
        if not loose.any():
            return replace(cut, inside=inside)
        inside &= ~loose


def _choice(cut: Cut, graph: _Graph, excess: int, cap: str | None) -> str:
    """Return "remove" where under-coordinated monovalent cations carry the excess, else "cap".

    An excess of anions is removed, unless *cap* is a cation.
    """
    if excess < 0:
        return "cap" if cap and cut.charges.get(cap, COMMON_CHARGES.get(cap, 0)) > 0 else "remove"
    pool = cut.inside & (cut.place_charges == 1) & _lacking(cut, graph)
    return "remove" if int(pool.sum()) >= excess else "cap"


def _lacking(cut: Cut, graph: _Graph) -> NDArray[np.bool_]:
    """Return which places have a neighbour that is absent."""
    full = np.bincount(graph.i, minlength=graph.size)
    lacking: NDArray[np.bool_] = graph.coordination(cut.inside) < full
    return lacking


def _removed(cut: Cut, graph: _Graph, excess: int, seed: int) -> Cut:
    """Return *cut* without the least coordinated ions that carry the *excess* charge."""
    sign = int(np.sign(excess))
    charges = cut.place_charges
    inside = cut.inside.copy()
    taken: list[int] = []
    for size in sorted(set(np.abs(charges[inside & (charges * sign > 0)]).tolist())):
        pool = inside & (charges == sign * size) & _lacking(cut, graph)
        number = graph.coordination(inside)
        for level in sorted(set(number[pool].tolist())):
            want = abs(excess) // size
            if not want:
                break
            candidates = np.flatnonzero(pool & (number == level))
            chosen = spread(cut.positions, candidates, want, taken, seed)
            taken += chosen
            inside[chosen] = False
            excess -= sign * size * len(chosen)
    if excess:
        raise ChargeError(
            f"{cut.name}: removing ions of its surface stops {excess:+d} from the charge asked for; "
            f"cap it instead (neutralize='cap'), or take another size"
        )
    return replace(cut, inside=inside)


def _own_cap(cut: Cut, excess: int) -> str:
    """Return the monovalent ion that caps by default."""
    own = [s for s, q in cut.charges.items() if q == -np.sign(excess) and s in COMMON_CHARGES]
    if own:
        return sorted(own)[0]
    if excess > 0:
        return "Cl"
    raise ChargeError(f"{cut.name}: anion-rich by {-excess}; name a monovalent cation to cap it (cap='Na')")


def cap_charge(cap: str, charges: Mapping[str, int]) -> int:
    """Return the formal charge of the ion *cap*, +1 or -1; *charges* are those of the crystal.

    Raises
    ------
    AskError
        *cap* is no monovalent ion; the message lists those that are.

    Examples
    --------
    >>> cap_charge("Cl", {"Cd": 2, "Se": -2}), cap_charge("Na", {})
    (-1, 1)
    """
    charge = charges.get(cap, COMMON_CHARGES.get(cap))
    if charge is None or abs(charge) != 1:
        known = {**COMMON_CHARGES, **charges}
        listed = ", ".join(sorted(name for name, q in known.items() if abs(q) == 1))
        raise AskError(
            f"cap={cap!r} is no monovalent ion that is known: {listed}. A molecule takes the place of such "
            "an ion: cap with one, then attach the molecule to the dot"
        )
    return charge


def _capped(cut: Cut, graph: _Graph, excess: int, cap: str, seed: int) -> Cut:
    """Return *cut* with monovalent ions *cap* at places just outside."""
    charge = cap_charge(cap, cut.charges)
    if charge * excess > 0:
        other = "a cation such as 'Na'" if charge < 0 else "an anion such as 'Cl'"
        raise ChargeError(
            f"{cut.name}: its charge is {excess:+d} from the one asked for, and {cap} adds to it; cap with "
            f"{other}, or neutralize='remove'"
        )
    sign = int(np.sign(charge))
    charges = cut.place_charges
    places = np.flatnonzero(~cut.inside & (charges * sign > 0))
    strong = charges if sign < 0 else -charges
    held = cut.inside & (strong >= min(2, int(strong.max())))
    bound = np.bincount(graph.i[held[graph.j]], minlength=graph.size)
    places = places[bound[places] > 0]
    chosen = _cap_places(cut, graph, places, bound, abs(excess), held, seed)
    if len(chosen) < abs(excess):
        raise ChargeError(
            f"{cut.name}: {len(chosen)} places for {cap} at its surface, {abs(excess)} needed; the charge "
            f"stops {excess + charge * len(chosen):+d} from the one asked for; take another shape or "
            f"termination, or neutralize='remove'"
        )
    inside, species = cut.inside.copy(), cut.species.astype("U32")
    inside[chosen] = True
    anions = {s for s, q in cut.charges.items() if q * sign > 0}
    species[chosen] = cap
    return replace(
        cut,
        inside=inside,
        species=species,
        charges={**cut.charges, cap: charge},
        bonds=with_cap(cut.bonds, cap, anions),
        caps=cut.caps | set(chosen),
    )


def _cap_places(
    cut: Cut,
    graph: _Graph,
    places: NDArray[np.int64],
    bound: NDArray[np.int64],
    want: int,
    held: NDArray[np.bool_],
    seed: int,
) -> list[int]:
    """Return up to *want* of *places*: loose ions first, most neighbours next, least coordinated last."""
    number = graph.coordination(cut.inside).astype(float)
    chosen: list[int] = []
    free = np.isin(np.arange(graph.size), places)

    def take(level: NDArray[np.int64], count: int) -> None:
        for place in spread(cut.positions, level, count, chosen, seed):
            chosen.append(place)
            free[place] = False
            near = graph.neighbours(place)
            number[near[held[near]]] += 1

    # a cation held by one bond gets a cap of its own
    for ion in np.flatnonzero(held & (number < _FEWEST_BONDS)).tolist():
        near = graph.neighbours(ion)
        near = near[free[near]]
        if number[ion] < _FEWEST_BONDS and len(near) and len(chosen) < want:
            take(near[bound[near] == bound[near].max()], 1)
    for most in sorted(set(bound[places].tolist()), reverse=True):
        while len(chosen) < want:
            level = places[free[places] & (bound[places] == most)]
            if not len(level):
                break
            # the least coordinated cation that each place would serve
            low = np.full(graph.size, np.inf)
            at = held[graph.j]
            np.minimum.at(low, graph.i[at], number[graph.j[at]])
            lowest = level[low[level] == low[level].min()]
            take(_one_each(graph, lowest, held, number), want - len(chosen))
    return chosen


def _one_each(
    graph: _Graph, places: NDArray[np.int64], held: NDArray[np.bool_], number: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return those of *places* that do not serve the same least coordinated ion as an earlier one."""
    served: set[int] = set()
    kept = []
    for place in places.tolist():
        near = graph.neighbours(place)
        near = near[held[near]]
        ion = int(near[np.argmin(number[near])])
        if ion not in served:
            served.add(ion)
            kept.append(place)
    return np.array(kept, dtype=np.int64)
