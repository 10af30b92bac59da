"""Which ions share a sublattice, and how many of each an alloy gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from qdsurf.crystals.charges import SHORT_NAMES, ion
from qdsurf.errors import AskError, ChargeError

# Fractions of a sublattice sum to one within this.
_SUM = 1e-6


@dataclass(frozen=True, kw_only=True, eq=False)
class Mixture:
    """What a sublattice shall hold.

    Attributes
    ----------
    name
        As asked for: "A", "B", "X" or a species.
    sites
        Numbers of the ions on it.
    present
        Species that are there now.
    fractions
        Fraction asked for by species.
    counts
        Whole ions by species: what was asked for, or the nearest possible.
    """

    name: str
    sites: NDArray[np.int64]
    present: tuple[str, ...]
    fractions: Mapping[str, float]
    counts: Mapping[str, int]

    @property
    def exact(self) -> bool:
        """Whether the counts give the fractions asked for."""
        total = len(self.sites)
        return all(abs(self.counts[s] - f * total) < 1e-6 * total for s, f in self.fractions.items())

    @property
    def achieved(self) -> dict[str, float]:
        """Fraction by species."""
        return {s: n / len(self.sites) for s, n in self.counts.items()}


def sublattices(species: NDArray[np.str_], charges: Mapping[str, int]) -> dict[str, NDArray[np.int64]]:
    """Return the numbers of the ions on each sublattice, by its names.

    Every species is one. Where there are ions of charge +1, of +2 and more, and of -1, as in halide
    perovskites, these are A, B and X as well.

    Examples
    --------
    >>> found = sublattices(np.array(["Cs", "Pb", "I", "I", "I"]), {"Cs": 1, "Pb": 2, "I": -1})
    >>> {name: sites.tolist() for name, sites in found.items()}
    {'A': [0], 'B': [1], 'X': [2, 3, 4], 'Cs': [0], 'Pb': [1], 'I': [2, 3, 4]}
    """
    names = species.tolist()
    order = list(dict.fromkeys(names))
    charge = np.array([charges[s] for s in names])
    groups = {"A": charge == 1, "B": charge >= 2, "X": charge == -1}
    found: dict[str, NDArray[np.int64]] = {}
    if all(g.any() for g in groups.values()) and np.logical_or.reduce(list(groups.values())).all():
        found = {name: np.flatnonzero(group) for name, group in groups.items()}
    return {**found, **{s: np.flatnonzero(species == s) for s in order}}


def asked_mix(mix: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Return *mix* as plain dicts of numbers.

    Raises
    ------
    AskError
        It is no mapping of mappings, or a fraction is no number of 0 or more.
    """
    if not isinstance(mix, Mapping) or not mix:
        raise AskError(
            f"alloy needs sublattices with fractions, such as {{'A': {{'Cs': 0.5, 'FA': 0.5}}}}; got {mix!r}"
        )
    plain: dict[str, dict[str, float]] = {}
    for name, fractions in mix.items():
        if not isinstance(fractions, Mapping) or not fractions:
            raise AskError(
                f"the sublattice {name!r} needs fractions by ion, such as {{'Cs': 0.5, 'FA': 0.5}}"
            )
        plain[name] = {}
        for text, value in fractions.items():
            try:
                number = float(value)
            except (TypeError, ValueError):
                number = -1.0
            if not isfinite(number) or number < 0:
                raise AskError(f"sublattice {name!r}: the fraction of {text} is {value!r}; it is 0 or more")
            plain[name][text] = number
    return plain


def mixtures(
    mix: Mapping[str, Mapping[str, float]],
    species: NDArray[np.str_],
    charges: Mapping[str, int],
    what: str,
) -> tuple[list[Mixture], dict[str, int]]:
    """Return what each sublattice of *mix* shall hold, and the charges of all species by then.

    Raises
    ------
    AskError
        An unknown sublattice, two that share ions, or fractions that do not sum to one.
    ChargeError
        An ion whose charge is not known, or an anion for a place of cations.
    """
    there = sublattices(species, charges)
    known = dict(charges)
    taken: dict[int, str] = {}
    made = []
    for asked, fractions in mix.items():
        name = SHORT_NAMES.get(asked, asked)
        if name not in there:
            listed = ", ".join(f"{n} ({len(s)} sites)" for n, s in there.items())
            raise AskError(f"{what} has no sublattice {asked!r}; it has {listed}")
        sites = there[name]
        twice = [taken[k] for k in sites.tolist() if k in taken]
        if twice:
            raise AskError(f"the sublattices {twice[0]!r} and {asked!r} hold the same ions; name one of them")
        taken |= dict.fromkeys(sites.tolist(), asked)
        wanted = _fractions(asked, fractions, known, positive=known[str(species[sites[0]])] > 0)
        present = tuple(dict.fromkeys(species[sites].tolist()))
        counts = whole_counts(wanted, len(sites), f"{what}, sublattice {asked!r}")
        made.append(Mixture(name=asked, sites=sites, present=present, fractions=wanted, counts=counts))
    return made, known


def _fractions(
    name: str, fractions: Mapping[str, float], known: dict[str, int], *, positive: bool
) -> dict[str, float]:
    """Return the fractions by species, their charges noted in *known*."""
    result: dict[str, float] = {}
    for text, value in fractions.items():
        species = SHORT_NAMES.get(text, text)
        if species not in known:
            species, charge = ion(text)
            if known.get(species, charge) != charge:
                # an element that is there with another charge: "Pb4+" beside Pb
                species = text
            known[species] = charge
        if (known[species] > 0) != positive:
            sign = "cations" if positive else "anions"
            raise ChargeError(
                f"{text} ({known[species]:+d}) does not fit the sublattice {name!r} of {sign}; "
                f"antisites are made with qdsurf.substitute"
            )
        if species in result:
            raise AskError(f"sublattice {name!r} names {species} twice")
        result[species] = value
    total = sum(result.values())
    if abs(total - 1) > _SUM:
        raise AskError(
            f"sublattice {name!r}: the fractions {dict(fractions)} sum to {total:g}, not to 1; "
            f"the ion that stays is named too"
        )
    return result


def whole_counts(fractions: Mapping[str, float], sites: int, what: str) -> dict[str, int]:
    """Return whole numbers of ions nearest to *fractions* of *sites*, at least one of each asked for.

    The method of largest remainders, which has the smallest sum of deviations.

    Raises
    ------
    AskError
        There are more species than sites.

    Examples
    --------
    >>> whole_counts({"Br": 1 / 3, "I": 2 / 3}, 24, "CsPbI3"), whole_counts({"Pb": 0.99, "Zn": 0.01}, 8, "x")
    ({'Br': 8, 'I': 16}, {'Pb': 7, 'Zn': 1})
    """
    wanted = [s for s, f in fractions.items() if f > 0]
    if len(wanted) > sites:
        raise AskError(f"{what}: {len(wanted)} ions cannot share {sites} site(s); take a larger repeat")
    # rounding takes the noise of products such as 0.1 * 30 away
    ideal = {s: round(f * sites, 9) for s, f in fractions.items()}
    counts = {s: int(value) for s, value in ideal.items()}
    order = sorted(fractions, key=lambda s: (-(ideal[s] - counts[s]), -ideal[s]))
    for species in order[: sites - sum(counts.values())]:
        counts[species] += 1
    for species in wanted:
        if not counts[species]:
            most = max(counts, key=lambda s: counts[s] - ideal[s] if counts[s] > 1 else -np.inf)
            counts[most] -= 1
            counts[species] = 1
    return counts
