"""Alloy spaces: a formula with variables, its grid of compositions, all factors at once."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qdsurf.errors import AskError
from qdsurf.rank.charges import anion_charges, assign_charges
from qdsurf.rank.factors import tolerance_arrays
from qdsurf.rank.formulas import Part, parse_pattern
from qdsurf.rank.radii import chain, find_radius
from qdsurf.rank.sites import Site, SiteIon, Sites, site_radii, split_sites
from qdsurf.rank.windows import choose_rules

Array = NDArray[np.float64]
_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip
_MOST = 20_000_000  # points of a grid: above this, memory runs out before patience
_ZERO = 1e-9


@dataclass(frozen=True, kw_only=True, eq=False)
class CompositionSpace:
    """The compositions of a grid, as arrays of one length.

    Attributes
    ----------
    variables
        Values of each variable of the pattern.
    radii
        Every ion with its radius; `amount` is its largest fraction of the site.
    amounts
        Fraction of its site for each ion: one row for a composition, one column for an ion of `radii`.
    radii_set
        The sets that were used.
    t, mu, tau, p_perovskite
        As in a Composition; NaN where tau is not defined.
    spread_a, spread_b, spread_x
        Standard deviation of the radii on each site, Å.
    left_out
        Points of the grid that are no compositions, by reason.
    """

    pattern: str
    variables: Mapping[str, Array]
    radii: tuple[SiteIon, ...]
    amounts: Array
    radii_set: str
    t: Array
    mu: Array
    tau: Array
    p_perovskite: Array
    spread_a: Array
    spread_b: Array
    spread_x: Array
    left_out: Mapping[str, int]

    def __len__(self) -> int:
        """Return the number of compositions."""
        return len(self.t)

    def passes(self, rule: str) -> NDArray[np.bool_]:
        """Return the verdict of one rule on each composition; false where tau is not defined."""
        return choose_rules([rule])[0].passes({"t": self.t, "mu": self.mu, "tau": self.tau})

    def formula(self, index: int) -> str:
        """Return the formula of one composition, such as "FA0.5Cs0.5Pb(I0.9Br0.1)3"."""
        texts: dict[str, list[str]] = {"A": [], "B": [], "X": []}
        for ion, amount in zip(self.radii, self.amounts[index], strict=True):
            if amount > _ZERO:
                texts[ion.site].append(ion.ion + ("" if abs(amount - 1) < _ZERO else f"{amount:.6g}"))
        anions = "".join(texts["X"])
        return "".join(texts["A"] + texts["B"]) + (f"({anions})3" if len(texts["X"]) > 1 else f"{anions}3")

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield one flat row for each composition, with the verdicts of all rules."""
        verdicts = {rule.name: self.passes(rule.name) for rule in choose_rules(None)}
        columns = {
            "t": self.t, "mu": self.mu, "tau": self.tau, "p_perovskite": self.p_perovskite,
            "spread_a_A": self.spread_a, "spread_b_A": self.spread_b, "spread_x_A": self.spread_x,
        }  # fmt: skip
        defined = np.isfinite(self.tau)
        for i in range(len(self)):
            yield {
                "formula": self.formula(i),
                **{name: round(float(values[i]), 6) for name, values in self.variables.items()},
                **{n: round(float(v[i]), 4) if np.isfinite(v[i]) else None for n, v in columns.items()},
                **{
                    name: "undefined" if name == "tau-bartel" and not defined[i] else "yes" if v[i] else "no"
                    for name, v in verdicts.items()
                },
            }


def enumerate_compositions(pattern: str, *, step: float = 0.1, radii: str = "shannon") -> CompositionSpace:
    """Return the compositions of *pattern* on a grid, with all factors.

    Parameters
    ----------
    pattern
        A formula whose amounts may be expressions in parentheses: the variables are lower-case names,
        each runs from 0 to 1. "FA(x)MA(y)Cs(1-x-y)Pb(I(z)Br(1-z))3". Points with a negative amount
        are left out.
    step
        Step of each variable; 1 is a multiple of it.
    radii
        As in `tolerance`.

    Raises
    ------
    AskError
        No variable, an expression that is no arithmetic, a step that does not divide 1, or no point of the
        grid is a perovskite by its proportions.
    ChargeError
        No oxidation states balance in the middle of the space.

    Notes
    -----
    Sites, charges and radii are found once, in the middle of the space, and hold for all of it; a point
    where the charges do not balance is left out and counted.

    Examples
    --------
    >>> space = enumerate_compositions("FA(x)Cs(1-x)PbI3", step=0.25)
    >>> space.t.round(3).tolist()
    [0.851, 0.885, 0.919, 0.953, 0.987]
    """
    sets = chain(radii)
    grid = _grid(pattern, step)
    ions = parse_pattern(pattern)
    count = len(next(iter(grid.values())))
    raw = np.stack([_amount(factors, grid, pattern, count) for _, _, factors in ions], axis=1)
    positive = (raw > -_ZERO).all(axis=1) & (raw.sum(axis=1) > _ZERO)
    if not positive.any():
        raise AskError(f"{pattern!r}: an amount is negative at every point of the grid")
    left_out = {"negative amount": int((~positive).sum())}
    raw = np.clip(raw[positive], 0.0, None)
    middle, columns = _middle(pattern, ions, raw.mean(axis=0))
    labelled = site_radii(middle, sets)
    proportioned, amounts = _fractions(labelled, raw[:, columns])
    charges = np.array([ion.charge * (3.0 if ion.site == "X" else 1.0) for ion in labelled])
    neutral = np.abs(amounts @ charges) < 1e-6
    left_out["not in the proportions of ABX3"] = int((~proportioned).sum())
    left_out["charges do not balance"] = int((proportioned & ~neutral).sum())
    kept = proportioned & neutral
    if not kept.any():
        raise AskError(f"{pattern!r}: no point of the grid is a neutral ABX3 ({left_out})")
    return _space(
        pattern, {name: values[positive][kept] for name, values in grid.items()}, labelled, amounts[kept],
        radii, left_out,
    )  # fmt: skip


def _space(
    pattern: str, variables: Mapping[str, Array], ions: tuple[SiteIon, ...], amounts: Array,
    radii: str, left_out: Mapping[str, int],
) -> CompositionSpace:  # fmt: skip
    """Return the space with its factors."""
    values = _values(ions, amounts, radii)
    mean: dict[Site, Array] = {}
    spread: dict[Site, Array] = {}
    sites: tuple[Site, ...] = ("A", "B", "X")
    for site in sites:
        here = np.array([ion.site == site for ion in ions])
        mean[site] = (amounts[:, here] * values[:, here]).sum(axis=1)
        square = (amounts[:, here] * (values[:, here] - mean[site][:, None]) ** 2).sum(axis=1)
        spread[site] = np.sqrt(square)
    charge_a = np.array([ion.charge if ion.site == "A" else 0 for ion in ions])
    factors = tolerance_arrays(mean["A"], mean["B"], mean["X"], amounts @ charge_a)
    return CompositionSpace(
        pattern=pattern, variables=variables, radii=ions, amounts=amounts,
        radii_set=" + ".join(s.name for s in chain(radii) if any(i.radius.set == s.name for i in ions)),
        t=factors.t, mu=factors.mu, tau=factors.tau, p_perovskite=factors.p_perovskite,
        spread_a=spread["A"], spread_b=spread["B"], spread_x=spread["X"],
        left_out={reason: n for reason, n in left_out.items() if n},
    )  # fmt: skip


def _values(ions: tuple[SiteIon, ...], amounts: Array, radii: str) -> Array:
    """Return the radius of each ion at every point, Å; some sets have one for each anion."""
    anions = {ion.ion: column for column, ion in enumerate(ions) if ion.site == "X"}
    values = np.tile([ion.radius.value for ion in ions], (len(amounts), 1))
    for column, ion in enumerate(ions):
        if " in " in ion.radius.coordination:
            values[:, column] = sum(
                amounts[:, where]
                * find_radius(ion.ion, ion.charge, ion.radius.wanted, chain(radii), {anion: 1.0}).value
                for anion, where in anions.items()
            )
    return values


def _grid(pattern: str, step: float) -> dict[str, Array]:
    """Return the values of each variable at every point, the last variable running fastest."""
    names = sorted(
        {n for _, _, factors in parse_pattern(pattern) for f in factors for n in re.findall(r"[a-z_]\w*", f)}
    )
    if not names:
        raise AskError(f"{pattern!r} has no variable; such as FA(x)Cs(1-x)PbI3 is wanted")
    if not 0 < step <= 1 or abs(1 / step - round(1 / step)) > 1e-6:
        raise AskError(f"the step {step:g} does not divide 1; such as 0.1, 0.05 or 0.25 is wanted")
    points = round(1 / step) + 1
    if points ** len(names) > _MOST:
        raise AskError(f"{points}^{len(names)} points are too many; take a larger step or fewer variables")
    axis = np.linspace(0.0, 1.0, points)
    return {
        name: values.ravel()
        for name, values in zip(names, np.meshgrid(*[axis] * len(names), indexing="ij"), strict=True)
    }


def _amount(factors: tuple[str, ...], grid: Mapping[str, Array], pattern: str, count: int) -> Array:
    """Return the product of the factors at every point."""
    total = np.ones(count)
    for factor in factors:
        try:
            tree = ast.parse(factor, mode="eval")
        except SyntaxError as error:
            raise AskError(f"{pattern!r}: {factor!r} is no arithmetic expression") from error
        total = total * _value(tree.body, grid, factor)
    return total


def _value(node: ast.expr, grid: Mapping[str, Array], factor: str) -> Any:
    """Return the value of an expression of numbers, variables and + - * /."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.Name):
        return grid[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, grid, factor)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        with np.errstate(divide="raise", invalid="raise"):
            try:
                return _OPERATORS[type(node.op)](
                    _value(node.left, grid, factor), _value(node.right, grid, factor)
                )
            except (ZeroDivisionError, FloatingPointError) as error:
                raise AskError(f"{factor!r} divides by zero on the grid") from error
    raise AskError(f"{factor!r} is no arithmetic of numbers and variables with + - * /")


def _middle(
    pattern: str, ions: tuple[tuple[str, int | None, tuple[str, ...]], ...], amounts: Array
) -> tuple[Sites, list[int]]:
    """Return the sites in the middle of the space, and the column of the pattern for each ion."""
    columns = [i for i, amount in enumerate(amounts) if amount > _ZERO]
    parts = [Part(ions[i][0], Fraction(float(amounts[i])), ions[i][1]) for i in columns]
    first, second, anions, unit, _ = split_sites(pattern, parts)
    if len(first) + len(second) + len(anions) != len(parts):
        raise AskError(f"{pattern!r}: an ion is on A and on B; write it twice, once for each site")
    found = assign_charges([*first, *second], anions, pattern, within=1e-6)
    fixed = anion_charges()
    charges = (*found.charges, *(p.charge or fixed[p.ion] for p in anions))
    scaled = [tuple(Part(p.ion, p.amount / unit, p.charge) for p in site) for site in (first, second, anions)]
    return Sites(
        a=scaled[0], b=scaled[1], x=scaled[2], multiple=float(unit), charges=charges, notes=()
    ), columns


def _fractions(ions: tuple[SiteIon, ...], raw: Array) -> tuple[NDArray[np.bool_], Array]:
    """Return which points have the proportions of ABX3, and the fraction of its site for each ion."""
    on = {site: np.array([ion.site == site for ion in ions]) for site in ("A", "B", "X")}
    sums = {site: raw[:, here].sum(axis=1) for site, here in on.items()}
    unit = sums["X"] / 3.0
    proportioned = (unit > _ZERO) & (np.abs(sums["A"] - unit) < 1e-6 * unit + _ZERO)
    proportioned &= np.abs(sums["B"] - unit) < 1e-6 * unit + _ZERO
    amounts = np.zeros_like(raw)
    for site, here in on.items():
        amounts[:, here] = raw[:, here] / np.where(sums[site] > _ZERO, sums[site], 1.0)[:, None]
    return proportioned, amounts
