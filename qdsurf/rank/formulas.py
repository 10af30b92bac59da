"""Chemical formulas of perovskites: text in, ions with amounts out.

Elements, molecular cations by abbreviation ("MA") or formula ("CH3NH3"), fractions as decimals or
quotients, nested brackets, and forced charges in braces ("Mn{3+}").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from qdsurf.errors import AskError, UnknownName
from qdsurf.rank.radii import molecules

_ELEMENTS = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr "
    "Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm "
    "Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr"
)
ELEMENTS = frozenset(_ELEMENTS.split())

_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_NUMBER = re.compile(r"\d+/\d+|\d+\.?\d*|\.\d+")
_CHARGE = re.compile(r"\{\s*(?:(\d*)([+-])|([+-])(\d+))\s*\}")
_ION = re.compile(r"OH(?![a-z])|[A-Z][a-z]?")
# no capital inside: an expression such as (1-x-y), not a group such as (I0.5Br0.5)
_EXPRESSION = re.compile(r"\(([^()A-Z\[\]{}]*(?:\([^()A-Z]*\)[^()A-Z]*)*)\)")


@dataclass(frozen=True)
class Part:
    """One ion of a formula, in the order written.

    Attributes
    ----------
    ion
        Element symbol, "OH", or the short name of a molecule.
    amount
        How many in the formula.
    charge
        Elementary charges where the formula forces one ("Mn{3+}"), else None.
    """

    ion: str
    amount: Fraction
    charge: int | None = None


@lru_cache(maxsize=65536)
def parse_formula(formula: str) -> tuple[Part, ...]:
    """Return the ions of *formula* with their amounts, in the order written.

    Raises
    ------
    UnknownName
        A symbol that is neither an element nor a molecule of the radii sets.
    AskError
        Unbalanced brackets, or text that is no formula; the message gives the place.

    Examples
    --------
    >>> [(p.ion, str(p.amount)) for p in parse_formula("FA0.85Cs0.15Pb(I2/3Br1/3)3")]
    [('FA', '17/20'), ('Cs', '3/20'), ('Pb', '1'), ('I', '2'), ('Br', '1')]
    """
    reader = _Reader(formula)
    parts = reader.group("")
    if not parts:
        raise AskError(f"{formula!r} is no formula; such as CsPbBr3 or FA0.85Cs0.15PbI3 is wanted")
    found: list[Part] = []
    for ion, charge, amount in parts:
        if not isinstance(amount, Fraction):
            raise AskError(
                f"{formula!r}: {amount!r} is no number; patterns with variables are for --enumerate"
            )
        if amount > 0:
            found.append(Part(ion, amount, charge))
    return tuple(found)


def parse_pattern(pattern: str) -> tuple[tuple[str, int | None, tuple[str, ...]], ...]:
    """Return (ion, forced charge, factors) for a formula whose amounts may be expressions.

    The amount of an ion is the product of its factors.

    >>> parse_pattern("Cs(1-x)FA(x)PbI3")[:2]
    (('Cs', None, ('1-x',)), ('FA', None, ('x',)))
    """
    parts = _Reader(pattern).group("")
    return tuple(
        (ion, charge, (str(amount),) if isinstance(amount, Fraction) else amount)
        for ion, charge, amount in parts
    )


_Amount = Fraction | tuple[str, ...]


@lru_cache(maxsize=8)
def _molecule_pattern(names: tuple[tuple[str, str], ...]) -> re.Pattern[str]:
    """Return a pattern of all names of molecules, the longest first."""
    # "GA" is guanidinium, "Ga" an element; and MA is not the start of "MAg"
    return re.compile("(?:" + "|".join(re.escape(alias) for alias, _ in names) + ")(?![a-z])")


class _Reader:
    """Reads a formula from left to right."""

    def __init__(self, text: str) -> None:
        self.original = text
        self.text = re.sub(r"\s+", "", text.translate(_SUBSCRIPTS))
        self.place = 0

    def group(self, closing: str) -> list[tuple[str, int | None, _Amount]]:
        """Read parts up to *closing*, or to the end."""
        parts: list[tuple[str, int | None, _Amount]] = []
        while self.place < len(self.text):
            here = self.text[self.place]
            if here in ")]":
                if here != closing:
                    raise self.error(f"{here!r} closes nothing")
                self.place += 1
                return parts
            molecule = self.molecule()
            if molecule is None and here in "([":
                self.place += 1
                inner = self.group(")" if here == "(" else "]")
            else:
                inner = [(molecule or self.element(), self.charge(), Fraction(1))]
            amount = self.amount()
            parts += [(ion, charge, _times(own, amount)) for ion, charge, own in inner]
        if closing:
            raise self.error(f"a {closing!r} is missing")
        return parts

    def molecule(self) -> str | None:
        """Read a molecular cation by any of its names; None where there is none."""
        match = _molecule_pattern(molecules()).match(self.text, self.place)
        if match is not None:
            self.place = match.end()
            return dict(molecules())[match[0]]
        return None

    def element(self) -> str:
        """Read an element, or hydroxide."""
        match = _ION.match(self.text, self.place)
        if match is None:
            raise self.error("an ion is wanted here")
        symbol = match[0]
        if symbol not in ELEMENTS and symbol != "OH":
            known = [*ELEMENTS, *(alias for alias, _ in molecules())]
            raise UnknownName(f"ion in {self.original!r}", symbol, known)
        self.place += len(symbol)
        return symbol

    def charge(self) -> int | None:
        """Read a forced charge such as {3+}."""
        match = _CHARGE.match(self.text, self.place)
        if match is None:
            return None
        self.place = match.end()
        size = int(match[1] or match[4] or 1)
        return -size if "-" in (match[2], match[3]) else size

    def amount(self) -> _Amount:
        """Read a number, or an expression in parentheses; 1 where there is none."""
        match = _NUMBER.match(self.text, self.place)
        if match is not None:
            self.place = match.end()
            if re.fullmatch(r"\d+/0+", match[0]):
                raise self.error("a division by zero")
            return Fraction(match[0])
        expression = _EXPRESSION.match(self.text, self.place)
        if expression is not None and self.molecule_at_parenthesis() is None:
            self.place = expression.end()
            return (expression[1],)
        return Fraction(1)

    def molecule_at_parenthesis(self) -> str | None:
        """Tell whether a molecule whose name starts with a bracket stands here."""
        place, name = self.place, self.molecule()
        self.place = place
        return name

    def error(self, what: str) -> AskError:
        """Return an error that names formula and place."""
        rest = self.text[self.place :] or "the end"
        return AskError(f"{self.original!r}: {what}, at {rest!r}")


def _times(own: _Amount, factor: _Amount) -> _Amount:
    """Return the product of two amounts; numbers stay numbers."""
    if isinstance(own, Fraction) and isinstance(factor, Fraction):
        return own * factor
    one: tuple[str, ...] = () if own == 1 else ((str(own),) if isinstance(own, Fraction) else own)
    two: tuple[str, ...] = () if factor == 1 else ((str(factor),) if isinstance(factor, Fraction) else factor)
    return (*one, *two)
