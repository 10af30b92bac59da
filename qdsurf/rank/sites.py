"""From ions to the sites of a perovskite: which are on A, on B, on X, with which charges and radii."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from qdsurf.errors import AskError
from qdsurf.rank.charges import anion_charges, assign_charges
from qdsurf.rank.formulas import Part, parse_formula
from qdsurf.rank.radii import RadiiSet, Radius, find_radius, molecule_charge

Site = Literal["A", "B", "X"]
COORDINATION: dict[Site, int] = {"A": 12, "B": 6, "X": 6}
# amounts such as 0.33 + 0.33 + 0.33 are meant to be 1
_ROUNDING = Fraction(1, 100)


@dataclass(frozen=True, kw_only=True)
class SiteIon:
    """One ion on one site, with the radius that was used.

    Attributes
    ----------
    amount
        Fraction of the site.
    """

    site: Site
    ion: str
    charge: int
    amount: float
    radius: Radius

    def __str__(self) -> str:
        """Return site, amount and radius in one line."""
        share = "" if self.amount == 1 else f"{self.amount:.3g} of "
        return f"{self.site}: {share}{self.radius}"


@dataclass(frozen=True, kw_only=True)
class Sites:
    """The ions of a composition by site.

    Attributes
    ----------
    a, b, x
        Parts whose amounts sum to 1 on A, 1 on B and 3 on X.
    multiple
        How many ABX3 units the formula has: 2 for A2BB'X6.
    charges
        Elementary charges of a, b and x, in this order.
    notes
        What was decided on the way.
    """

    a: tuple[Part, ...]
    b: tuple[Part, ...]
    x: tuple[Part, ...]
    multiple: float
    charges: tuple[int, ...]
    notes: tuple[str, ...]


def split_sites(
    formula: str, parts: Sequence[Part]
) -> tuple[list[Part], list[Part], list[Part], Fraction, list[str]]:
    """Return the ions on A, B and X by the order in which they are written, and the formula units.

    The anions are the last ions whose amounts are three fifths of all; the first half of the cations
    is on A, the second on B. An ion that fills more than A goes on into B, as in Na3AlF6.

    Raises
    ------
    AskError
        The ions do not have the proportions of ABX3; the message gives those they have.
    """
    anions_known = anion_charges()
    total = sum((p.amount for p in parts), Fraction(0))
    anions: list[Part] = []
    for part in reversed(parts):
        if part.ion not in anions_known or (part.charge or -1) > 0:
            break
        anions.insert(0, part)
        share = sum((p.amount for p in anions), Fraction(0)) / total
        if abs(share - Fraction(3, 5)) <= _ROUNDING * Fraction(3, 5):
            break
    amount_x = sum((p.amount for p in anions), Fraction(0))
    cations = list(parts[: len(parts) - len(anions)])
    amount_c = total - amount_x
    if not anions or not cations or abs(amount_x / total - Fraction(3, 5)) > _ROUNDING * Fraction(3, 5):
        raise AskError(
            f"{formula!r} is no perovskite ABX3: {float(amount_c):g} cations to {float(amount_x):g} anions "
            f"({', '.join(p.ion for p in anions) or 'none at the end'}), where 2 to 3 are wanted; "
            "write A, B, X in this order"
        )
    unit = amount_x / 3
    first, second = _halves(formula, cations, amount_c / 2)
    notes = []
    split = {p.ion for p in first} & {p.ion for p in second}
    if split:
        notes.append(f"{', '.join(sorted(split))} on A and on B")
    return first, second, anions, unit, notes


def _halves(formula: str, cations: Sequence[Part], half: Fraction) -> tuple[list[Part], list[Part]]:
    """Return the cations of A and of B."""
    first: list[Part] = []
    second: list[Part] = []
    filled = Fraction(0)
    for part in cations:
        room = half - filled
        if room <= _ROUNDING * half:
            second.append(part)
        elif part.amount <= room * (1 + _ROUNDING):
            first.append(part)
            filled += part.amount
        elif len(cations) > 1 and first == []:
            first.append(Part(part.ion, half, part.charge))
            second.append(Part(part.ion, part.amount - half, part.charge))
            filled = half
        else:
            raise AskError(
                f"{formula!r}: the cations do not divide into equal amounts of A and B in the order written; "
                f"{part.ion} would be on both"
            )
    if not second:
        raise AskError(f"{formula!r}: no cation is left for the B site")
    return first, second


def _normalised(parts: Sequence[Part], amount: int) -> tuple[Part, ...]:
    """Return the parts of one site with amounts that sum to *amount* exactly."""
    total = sum((p.amount for p in parts), Fraction(0))
    return tuple(Part(p.ion, p.amount * amount / total, p.charge) for p in parts)


def assign_sites(formula: str) -> Sites:
    """Return the sites and charges of *formula*.

    Raises
    ------
    AskError
        No perovskite by its proportions.
    UnknownName
        An ion that is not known.
    ChargeError
        No oxidation states balance.

    Examples
    --------
    >>> s = assign_sites("Cs2AgBiBr6")
    >>> [p.ion for p in s.b], s.charges, s.multiple
    (['Ag', 'Bi'], (1, 1, 3, -1), 2.0)
    """
    parts = parse_formula(formula)
    first, second, anions, unit, notes = split_sites(formula, parts)
    on_b = [p.ion for p in second if molecule_charge(p.ion) is not None]
    if on_b:
        raise AskError(
            f"{formula!r}: the molecule {on_b[0]} would be on the B site; write A, B, X in this order"
        )
    a, b, x = _normalised(first, 1), _normalised(second, 1), _normalised(anions, 3)
    found = assign_charges((*a, *b), x, formula)
    fixed = anion_charges()
    if found.others:
        other = found.others[0]
        named = ", ".join(f"{p.ion}{q:+d}" for p, q in zip((*a, *b), other, strict=True))
        notes.append(f"other charges balance too: {named}")
    charges = (*found.charges, *(p.charge or fixed[p.ion] for p in x))
    return Sites(a=a, b=b, x=x, multiple=float(unit), charges=charges, notes=tuple(notes))


def site_radii(sites: Sites, sets: Sequence[RadiiSet]) -> tuple[SiteIon, ...]:
    """Return every ion with the radius for its site, from the first of *sets* that has it.

    Raises
    ------
    AskError
        A radius is missing; the message names the sets that have it.
    """
    anions = {p.ion: float(p.amount) / 3 for p in sites.x}
    labelled: list[tuple[Site, Part, int]] = [("A", p, 1) for p in sites.a]
    labelled += [("B", p, 1) for p in sites.b]
    labelled += [("X", p, 3) for p in sites.x]
    return tuple(
        SiteIon(
            site=site, ion=part.ion, charge=charge, amount=float(part.amount) / whole,
            radius=find_radius(part.ion, charge, COORDINATION[site], sets, anions),
        )
        for (site, part, whole), charge in zip(labelled, sites.charges, strict=True)
    )  # fmt: skip
