"""Oxidation states of a composition: assigned so that the charges balance, or refused.

Every combination of known states that balances is a candidate; the likeliest is taken, by how
often each cation has the state in the Inorganic Crystal Structure Database.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from qdsurf.errors import ChargeError
from qdsurf.library import folder
from qdsurf.rank.formulas import Part
from qdsurf.rank.radii import charges_with_radius, ion_name, molecule_charge

_KEPT = 3  # balanced assignments that are remembered
# a runner-up less likely than this, against the chosen one, is not worth a word
_WORTH_A_WORD = math.log(0.01)


@dataclass(frozen=True)
class Assignment:
    """Charges that balance.

    Attributes
    ----------
    charges
        Elementary charges, in the order of the parts.
    others
        Other balanced assignments that are not much less likely, likeliest first.
    """

    charges: tuple[int, ...]
    others: tuple[tuple[int, ...], ...] = ()


@cache
def _states() -> tuple[dict[str, dict[int, int]], dict[str, int]]:
    """Return the occurrences of the states of cations, and the charges of anions."""
    text = folder("structures/ions").joinpath("oxidation-states.toml").read_text(encoding="utf-8")
    entry = tomllib.loads(text)
    cations = {el: {int(q): n for q, n in counts.items()} for el, counts in entry["cations"].items()}
    return cations, entry["anions"]


def anion_charges() -> Mapping[str, int]:
    """Return the anions that a perovskite may have on its X site, with their charges.

    >>> anion_charges()["Br"]
    -1
    """
    return _states()[1]


@cache
def cation_states(ion: str) -> Mapping[int, float]:
    """Return {state: natural logarithm of its share} of a cation; molecules have one state.

    States for which no radii set has a radius are left out: bond-valence counts have some that
    chemistry has not (Bi2+, Sn3+).

    >>> max(cation_states("Pb"), key=cation_states("Pb").get)
    2
    """
    molecule = molecule_charge(ion)
    if molecule is not None:
        return {molecule: 0.0}
    radii = charges_with_radius(ion)
    counts = {state: n for state, n in _states()[0].get(ion, {}).items() if state in radii}
    # half a count for each state: one never counted is unlikely, not impossible
    total = sum(counts.values()) + 0.5 * len(counts)
    return {state: math.log((n + 0.5) / total) for state, n in counts.items()}


def assign_charges(
    cations: Sequence[Part], anions: Sequence[Part], formula: str, *, within: float = 0.0
) -> Assignment:
    """Return the likeliest oxidation states for which *formula* is neutral.

    Parameters
    ----------
    cations, anions
        Ions with their amounts; charges that a part carries are kept.
    within
        Largest charge that counts as neutral: 0 for exact amounts, more for amounts of a grid.

    Raises
    ------
    ChargeError
        No states balance; the message lists the states that are known and what is missing.

    Notes
    -----
    The states of the cations are combined one after the other, keeping for each partial charge the
    best few, so the cost grows with the number of cations and not with the combinations.
    """
    fixed = anion_charges()
    negative = sum((p.amount * (p.charge or fixed[p.ion]) for p in anions), Fraction(0))
    choices = [{p.charge: 0.0} if p.charge else cation_states(p.ion) for p in cations]
    for part, states in zip(cations, choices, strict=True):
        if not states:
            raise ChargeError(f"{formula!r}: no positive oxidation state of {part.ion} is known; "
                              "give one in braces, such as Pb{2+}")  # fmt: skip
    partial: dict[Fraction, list[tuple[float, tuple[int, ...]]]] = {Fraction(0): [(0.0, ())]}
    for part, states in zip(cations, choices, strict=True):
        extended: dict[Fraction, list[tuple[float, tuple[int, ...]]]] = {}
        for total, found in partial.items():
            for state, likelihood in states.items():
                bucket = extended.setdefault(total + part.amount * state, [])
                bucket += [(score + float(part.amount) * likelihood, (*q, state)) for score, q in found]
        partial = {
            total: sorted(bucket, key=lambda pair: (-pair[0], pair[1]))[:_KEPT]
            for total, bucket in extended.items()
        }
    near = [found for total, found in partial.items() if abs(total + negative) <= within]
    balanced = sorted((pair for found in near for pair in found), key=lambda pair: (-pair[0], pair[1]))
    if not balanced:
        raise ChargeError(_why_not(cations, choices, -negative, formula))
    ways = [charges for score, charges in balanced if score - balanced[0][0] > _WORTH_A_WORD]
    return Assignment(ways[0], tuple(ways[1:]))


def _why_not(
    cations: Sequence[Part], choices: Sequence[Mapping[int, float]], wanted: Fraction, formula: str
) -> str:
    """Return why no states balance, with the nearest thing that would."""
    known = ", ".join(
        "/".join(ion_name(part.ion, state) for state in sorted(states))
        for part, states in zip(cations, choices, strict=True)
    )
    lowest = sum((p.amount * min(s) for p, s in zip(cations, choices, strict=True)), Fraction(0))
    highest = sum((p.amount * max(s) for p, s in zip(cations, choices, strict=True)), Fraction(0))
    message = (
        f"{formula!r}: the charges do not balance; the anions need {_number(wanted)} from the "
        f"cations, the known states ({known}) give {_number(lowest)} to {_number(highest)}"
    )
    usual = [max(states, key=lambda q, s=states: s[q]) for states in choices]  # type: ignore[misc]
    for place, (part, states) in enumerate(zip(cations, choices, strict=True)):
        rest = sum((p.amount * q for i, (p, q) in enumerate(zip(cations, usual, strict=True)) if i != place),
                   Fraction(0))  # fmt: skip
        mean = (wanted - rest) / part.amount
        low, high = math.floor(mean), math.ceil(mean)
        if low != high and low in states and high in states:
            upper = part.amount * (mean - low)
            message += (f". Mixed valence would: {part.ion}{{{low}+}}{_number(part.amount - upper)}"
                        f"{part.ion}{{{high}+}}{_number(upper)}")  # fmt: skip
            break
    return message


def _number(value: Fraction) -> str:
    """Return a fraction as a short decimal."""
    return f"{float(value):.4g}"
