"""Named rules that take charge and dipole from a slab: half layers, vacancies, monovalent caps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import floor

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.cuts import Cut
from qdsurf.build.faces import Flip
from qdsurf.build.layout import Layout, images, joined, kept, lay_out, replaced, spread, tiled
from qdsurf.build.planes import Stack
from qdsurf.build.repeats import between, compact
from qdsurf.crystals import COMMON_CHARGES
from qdsurf.errors import AskError, ChargeError
from qdsurf.model.nouns import Crystal

# A repeat of more surface cells than this is not proposed.
_MOST_CELLS = 64
# Patterns are looked for in cells of up to so many surface cells, and repeated.
_MOST_TILED = 16

Indices = NDArray[np.int_]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How a slab is compensated.

    Attributes
    ----------
    name
        "half": every second ion of the outermost planes is left out. "vacancies": as many ions of
        the outermost planes as carry the excess. "cap": monovalent ions at the places where the
        crystal would go on.
    cap, charge
        Species of the cap and its formal charge; "" and 0 for the other rules.
    """

    name: str
    cap: str = ""
    charge: int = 0

    def __str__(self) -> str:
        """Return the rule as `read_rule` takes it."""
        return f"{self.name}:{self.cap}" if self.cap else self.name


def read_rule(text: str | None, crystal: Crystal) -> Rule | None:
    """Return the rule that *text* names: "half", "vacancies", "cap", "cap:Cl" or just "Cl".

    Raises
    ------
    AskError
        No such rule, or the cap is no monovalent ion.
    """
    if text is None or text in ("half", "vacancies"):
        return None if text is None else Rule(name=text)
    cap = text.removeprefix("cap").removeprefix(":").strip()
    if text == "cap":
        own = sorted(s for s, q in crystal.charges.items() if q == -1)
        cap = own[0] if own else "Cl"
    cap = {"chloride": "Cl", "bromide": "Br", "iodide": "I", "fluoride": "F"}.get(cap, cap)
    charge = crystal.charges.get(cap, COMMON_CHARGES.get(cap, 0))
    if abs(charge) == 1 and len(cap) <= 2:
        return Rule(name="cap", cap=cap, charge=charge)
    if text.startswith("cap") or text in ("hydroxide", "formate", "acetate", "oleate", "benzoate"):
        raise AskError(
            f"compensate={text!r}: {cap!r} is no monovalent ion (such as Cl, Br, I, Na). A molecule takes "
            f"the place of an ion: cap with one, compensate='cap:Cl', and exchange it, "
            f"attach(slab, {{{cap!r}: amount}})"
        )
    raise AskError(
        f"compensate is None, 'half', 'vacancies' or a cap such as 'cap:Cl' or 'cap:Br'; got {text!r}"
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Compensation:
    """One slab that is to lose a charge or a dipole by a rule.

    Attributes
    ----------
    name
        Of the slab, for messages.
    crystal, stack, cut, repeat
        What the slab is cut from, and its supercell (rows in surface vectors).
    rule
        How it is compensated.
    charge
        Net charge the slab shall have, in elementary charges.
    symmetric
        Whether both faces must be equal.
    max_dipole
        Largest dipole along the normal that may stay, in e Å per surface cell.
    """

    name: str
    crystal: Crystal
    stack: Stack
    cut: Cut
    repeat: Indices
    rule: Rule
    charge: int
    symmetric: bool
    max_dipole: float

    def layout(self) -> tuple[Layout, Flip | None]:
        """Return the ions of the slab after the rule, and the operation that relates the faces.

        Raises
        ------
        ChargeError
            The rule cannot take the charge or the dipole away; gives numbers and a repeat that could.
        """
        cells = self._cells()
        # the smallest cell in which the rule works is repeated, so that the pattern is ordered
        for rows in between(self.repeat, self.stack.cell[:2, :2], _MOST_TILED):
            share, rest = divmod(self.charge * round(float(np.linalg.det(rows))), cells)
            made = None if rest else replace(self, repeat=rows, charge=share)._made()
            if made is not None:
                return tiled(made[0], rows, self.repeat), made[1]
        made = self._made()
        if made is None:
            raise ChargeError(self._refusal())
        return made

    def _made(self) -> tuple[Layout, Flip | None] | None:
        """Return the ions after the rule and the operation between the faces; None where it fails."""
        flip = next((f for f in self.cut.flips if f.keeps(self.repeat)), None)
        if flip is None and self.symmetric:
            return None
        body, low, high = self._body()
        amounts = self._amounts(body, low, high)
        if amounts is None:
            return None
        top, bottom = amounts
        if top != bottom and not self.symmetric:
            flip = None
        chosen = spread(body, high, top)
        if flip is None:
            mirrored = spread(body, low, bottom)
        else:
            labels = body.charges(self.known) if self.cut.mixed else body.species()
            mirrored = images(body, flip, self.repeat, labels, chosen, low)
        touched = np.zeros(len(body.kind), dtype=bool)
        touched[chosen] = touched[mirrored] = True
        if not self.rule.cap:
            return kept(body, ~touched), flip
        inner = (body.layer >= 0) & (body.layer < len(self.cut.planes))
        return kept(body, inner | touched), flip

    @property
    def known(self) -> dict[str, int]:
        """Formal charge by species, that of the cap among them."""
        cap = {self.rule.cap: self.rule.charge} if self.rule.cap else {}
        return {**self.crystal.charges, **cap}

    def _body(self) -> tuple[Layout, Indices, Indices]:
        """Return the ions of the slab, and which of them the rule can take or put on the two faces."""
        layout, last = lay_out(self.cut.planes, self.stack, self.repeat), len(self.cut.planes) - 1
        if not self.rule.cap:
            return layout, np.flatnonzero(layout.layer == 0), np.flatnonzero(layout.layer == last)
        below = lay_out([self.cut.below], self.stack, self.repeat, -1)
        above = lay_out([self.cut.above], self.stack, self.repeat, last + 1)
        sides = [
            kept(side, np.isin(side.species(), continued(self.cut, self.rule, self.crystal)))
            for side in (below, above)
        ]
        body = joined(replaced(sides[0], self.rule.cap), layout, replaced(sides[1], self.rule.cap))
        return body, np.flatnonzero(body.layer == -1), np.flatnonzero(body.layer == last + 1)

    def _amounts(
        self, body: Layout, low: Indices, high: Indices
    ) -> tuple[dict[str, int], dict[str, int]] | None:
        """Return how many ions of each species the rule takes (or places it fills), top and bottom."""
        if self.rule.name == "half":
            counts = [Counter(body.species()[here].tolist()) for here in (high, low)]
            if any(n % 2 for side in counts for n in side.values()):
                return None
            top, bottom = ({s: n // 2 for s, n in sorted(side.items())} for side in counts)
            return top, bottom
        plan = self._plan(*self._faces(body, low, high), self._cells())
        return (plan.top, plan.bottom) if plan is not None and plan.residual <= self.max_dipole else None

    def _cells(self) -> int:
        """Return the number of surface cells."""
        return round(float(np.linalg.det(self.repeat)))

    def _faces(self, body: Layout, low: Indices, high: Indices) -> tuple[_Face, _Face]:
        """Return the top and the bottom face."""
        middle = (self.cut.planes[0].bottom + self.cut.planes[-1].top) / 2
        faces = []
        for here in (high, low):
            counts = Counter(body.species()[here].tolist())
            height = float(body.height[here].mean()) - middle if len(here) else 0.0
            shares = {s: n // self._cells() for s, n in sorted(counts.items())}
            faces.append(_Face(counts=shares, height=height))
        return faces[0], faces[1]

    def _refusal(self) -> str:
        """Return why the rule does not work in this cell, and what would."""
        if self.symmetric and not any(flip.keeps(self.repeat) for flip in self.cut.flips):
            return (
                f"{self.name}: the faces are related by a {self.cut.flips[0].name}, which the repeat "
                f"{self.repeat.tolist()} does not keep, so that no choice of ions leaves both faces equal; "
                f"take (2, 2) or [[1, 1], [1, -1]], or symmetric=False"
            )
        body, low, high = self._body()
        if self.rule.name == "half":
            planes = [Counter(body.species()[here].tolist()) for here in (high, low)]
            odd = sorted({f"{n} {s}" for counts in planes for s, n in counts.items() if n % 2})
            return (
                f"{self.name}: compensate='half' cannot halve {', '.join(odd)} in an outermost plane of this "
                f"cell; take a repeat of an even number of surface cells"
            )
        return self._shortage(*self._faces(body, low, high), self._cells())

    def _shortage(self, top: _Face, bottom: _Face, cells: int) -> str:
        """Return what the faces lack with *cells* surface cells, and how many would do."""
        about = (
            f"{self.name}: compensate={str(self.rule)!r} cannot take away the charge "
            f"{self.cut.charge:+d} and the dipole of {self.cut.dipole + 0.0:+.2f} e Å per surface cell "
            f"in {cells} surface cell{'s' if cells > 1 else ''}"
        )
        first = self._plan(top, bottom, cells)
        if self.rule.cap and self.symmetric and self.cut.charge * self.rule.charge > 0:
            other = "Na" if self.rule.charge < 0 else "Cl"
            return (
                f"{about}: {self.rule.cap} adds to it; cap with an ion of the other sign, 'cap:{other}', or "
                f"compensate='vacancies'"
            )
        if first is not None:
            about += f": {first} leave {first.residual:.2f} e Å per surface cell (max_dipole accepts it)"
        for n in range(1, _MOST_CELLS + 1):
            plan = self._plan(top, bottom, n)
            if plan is not None and plan.residual <= self.max_dipole:
                shape = compact(self.stack.cell[:2, :2], n)
                return f"{about}; take a larger repeat: {n} surface cells, such as {shape}, with {plan}"
        return (
            f"{about}; nor in up to {_MOST_CELLS}, with {top} above and {bottom} below in each; take another "
            f"rule, termination or facet"
        )

    def _plan(self, top: _Face, bottom: _Face, cells: int) -> _Plan | None:
        """Return the best way to bring *cells* surface cells to the charge asked for; None for no way."""
        excess, dipole = self.cut.charge * cells - self.charge, self.cut.dipole * cells
        if self.symmetric:
            wanted = [excess // 2] if excess % 2 == 0 else []
        else:
            # charge and dipole together say what each face must lose
            best = (dipole - excess * bottom.height) / max(top.height - bottom.height, 1e-6)
            wanted = [floor(best) + n for n in (-1, 0, 1, 2)]
        plans = []
        for lost in wanted:
            up, down = self._pick(top, lost, cells), self._pick(bottom, excess - lost, cells)
            if up is not None and down is not None:
                left = dipole - lost * top.height - (excess - lost) * bottom.height
                plans.append(_Plan(top=up, bottom=down, residual=abs(left) / cells))
        return min(plans, key=lambda plan: plan.residual, default=None)

    def _pick(self, face: _Face, lost: int, cells: int) -> dict[str, int] | None:
        """Return how many ions make a face lose the charge *lost*, those of low charge first."""
        options = []
        for species, number in face.counts.items():
            gain = -self.rule.charge if self.rule.cap else self.crystal.charges[species]
            if gain * lost > 0:
                options.append((abs(gain), species, number * cells))
        found = _filled(abs(lost), sorted(options))
        # a plane that loses more than half of its ions would be another termination
        most = sum(face.counts.values()) * cells / (1 if self.rule.cap else 2)
        return found if found is not None and sum(found.values()) <= most else None


def continued(cut: Cut, rule: Rule, crystal: Crystal) -> list[str]:
    """Return the species of the next planes outside *cut* at whose places the cap of *rule* sits.

    These are ions of its own charge, or of its sign where there are none.
    """
    found = {i.species: crystal.charges[i.species] for p in (cut.below, cut.above) for i in p.ions}
    equal = sorted(s for s, q in found.items() if q == rule.charge)
    return equal or sorted(s for s, q in found.items() if q * rule.charge > 0)


@dataclass(frozen=True, kw_only=True)
class _Face:
    """Ions that a rule may take from a face, or places it may fill there.

    Attributes
    ----------
    counts
        By species, in one surface cell.
    height
        Above the middle of the slab, in Å.
    """

    counts: Mapping[str, int]
    height: float

    def __str__(self) -> str:
        """Return for example "1 Cd"."""
        return ", ".join(f"{n} {s}" for s, n in self.counts.items()) or "no place"


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What a rule does on the two faces, and the dipole it leaves, in e Å per surface cell."""

    top: dict[str, int]
    bottom: dict[str, int]
    residual: float

    def __str__(self) -> str:
        """Return for example "2 Cd above and 2 Se below"."""
        sides = [
            ", ".join(f"{n} {s}" for s, n in side.items()) or "nothing" for side in (self.top, self.bottom)
        ]
        return f"{sides[0]} above and {sides[1]} below"


def _filled(rest: int, options: list[tuple[int, str, int]]) -> dict[str, int] | None:
    """Return numbers of the *options* (size, name, available) whose sizes sum to *rest*."""
    if not rest:
        return {}
    if not options:
        return None
    size, name, available = options[0]
    for number in range(min(available, rest // size), -1, -1):
        others = _filled(rest - number * size, options[1:])
        if others is not None:
            return {name: number, **others} if number else others
    return None
