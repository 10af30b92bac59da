"""Compositions judged before anything is built: t, mu, tau, verdicts, and what experiment says."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from qdsurf.errors import AskError
from qdsurf.library import folder
from qdsurf.model.nouns import Source
from qdsurf.rank.factors import tolerance_arrays
from qdsurf.rank.radii import ROMAN, RadiiSet, chain, ion_name
from qdsurf.rank.sites import Site, SiteIon, Sites, assign_sites, site_radii
from qdsurf.rank.windows import Rule, Verdict, choose_rules, judge, predicted_distortion


@dataclass(frozen=True, kw_only=True)
class Observation:
    """A structure found by experiment.

    Attributes
    ----------
    perovskite
        Whether the octahedra share corners in three dimensions.
    at
        Conditions: a temperature, or words.
    """

    perovskite: bool
    structure: str
    at: str
    source: Source

    def __str__(self) -> str:
        """Return structure, conditions and source in one line."""
        kind = "perovskite" if self.perovskite else "not a perovskite"
        return f"{kind}: {self.structure}, {self.at} ({self.source})"


@dataclass(frozen=True, kw_only=True)
class Composition:
    """One composition with its factors, each radius and each verdict.

    Attributes
    ----------
    radii
        Every ion with site, charge, fraction of the site, radius and the radius's source.
    radii_set
        The sets that were used, such as "shannon + kieslich".
    r_a, r_b, r_x
        Mean radii of the sites, Å.
    spread
        Standard deviation of the radii on each site, Å; 0 where one ion is on it.
    t, mu, tau
        Goldschmidt's tolerance factor, octahedral factor, Bartel's tolerance factor. tau is NaN
        where A is not larger than B.
    mu_range
        Smallest and largest r / r_x of the single B ions: what the mean of a mixed site hides.
    p_perovskite
        Probability of a perovskite, from tau.
    verdicts
        One of each rule, with its window, source and known accuracy.
    distortion
        What t lets one expect of the structure, in words.
    observed
        What experiment found, where the shelf knows it.
    contradictions
        Rules against observations, in words.
    notes
        What was decided, mixed or approximated on the way.
    """

    formula: str
    kind: Literal["ABX3", "A2BB'X6"]
    radii: tuple[SiteIon, ...]
    radii_set: str
    r_a: float
    r_b: float
    r_x: float
    spread: Mapping[str, float]
    t: float
    mu: float
    mu_range: tuple[float, float]
    tau: float
    p_perovskite: float
    verdicts: tuple[Verdict, ...]
    distortion: str
    observed: tuple[Observation, ...]
    contradictions: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def charges(self) -> dict[str, int]:
        """Elementary charge by site and ion, such as {"A Cs": 1}."""
        return {f"{ion.site} {ion.ion}": ion.charge for ion in self.radii}

    def verdict(self, rule: str) -> bool | None:
        """Return the verdict of one rule: true, false, or None where it is not defined."""
        choose_rules([rule])
        return next((v.passes for v in self.verdicts if v.rule.name == rule), None)

    def as_row(self) -> dict[str, Any]:
        """Return a flat row of numbers and text, for tables, CSV and JSON; NaN becomes None."""
        numbers = {
            "t": self.t, "mu": self.mu, "tau": self.tau, "p_perovskite": self.p_perovskite,
            "r_a_A": self.r_a, "r_b_A": self.r_b, "r_x_A": self.r_x,
            **{f"spread_{site.lower()}_A": value for site, value in self.spread.items()},
        }  # fmt: skip
        word = {True: "yes", False: "no", None: "undefined"}
        return {
            "formula": self.formula,
            **{name: None if math.isnan(value) else round(value, 4) for name, value in numbers.items()},
            **{v.rule.name: word[v.passes] for v in self.verdicts},
            "distortion": self.distortion,
            "radii_set": self.radii_set,
            "radii": "; ".join(str(ion) for ion in self.radii),
            "observed": "; ".join(str(o) for o in self.observed),
            "contradictions": "; ".join(self.contradictions),
            "notes": "; ".join(self.notes),
            "refused": "",
        }


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A formula that could not be judged, and why."""

    formula: str
    reason: str

    def as_row(self) -> dict[str, Any]:
        """Return a row with the reason; every other column is left out."""
        return {"formula": self.formula, "refused": self.reason}


def tolerance(
    formulas: str | Iterable[str], *, radii: str = "shannon", rules: Sequence[str] | None = None
) -> list[Composition]:
    """Return t, mu, tau, the probability of a perovskite and the verdicts of *formulas*.

    Parameters
    ----------
    formulas
        "CsPbBr3", "FA0.85Cs0.15Pb(I0.9Br0.1)3", "Cs2AgBiBr6", "CH3NH3PbI3"; A, B, X in this order. A
        forced charge goes in braces: "La0.7Sr0.3Mn{3+}0.7Mn{4+}0.3O3".
    radii
        Set of the shelf ``radii``: shannon, shannon-crystal, kieslich, kieslich-extended,
        cspbx3-review, travis. Shannon's is completed by Kieslich's for molecules, and the row says so;
        other mixtures are asked for as "shannon + travis".
    rules
        Names of the rules to judge by; all by default.

    Returns
    -------
    list of Composition
        In the order of *formulas*.

    Raises
    ------
    UnknownName
        An ion, a radii set or a rule that is not known.
    ChargeError
        No oxidation states balance.
    AskError
        No perovskite by its proportions, or a radius is missing (the sets that have it are named).

    See Also
    --------
    screen_formulas : records refusals instead of raising them.
    qdsurf.rank.factors.tolerance_arrays : formulas, references, and a million a second.

    Examples
    --------
    >>> row = tolerance("CsPbI3")[0]
    >>> round(row.t, 3), round(row.mu, 3), round(row.tau, 2), round(row.p_perovskite, 2)
    (0.851, 0.541, 4.3, 0.47)
    >>> tolerance("MAPbI3")[0].radii_set
    'shannon + kieslich'
    """
    sets, chosen = chain(radii), choose_rules(rules)
    names = [formulas] if isinstance(formulas, str) else list(formulas)
    return [_judge_formula(name, sets, chosen, "+" in radii) for name in names]


def screen_formulas(
    formulas: Iterable[str], *, radii: str = "shannon", rules: Sequence[str] | None = None
) -> list[Composition | Refusal]:
    """Return what ``tolerance`` returns, with a Refusal where it would raise: no row is lost.

    Examples
    --------
    >>> [type(row).__name__ for row in screen_formulas(["CsPbBr3", "CsPbBr2"])]
    ['Composition', 'Refusal']
    """
    sets, chosen = chain(radii), choose_rules(rules)
    rows: list[Composition | Refusal] = []
    for name in formulas:
        try:
            rows.append(_judge_formula(name, sets, chosen, "+" in radii))
        except AskError as error:
            rows.append(Refusal(formula=name, reason=str(error)))
    return rows


def _judge_formula(
    formula: str, sets: tuple[RadiiSet, ...], chosen: tuple[Rule, ...], on_request: bool
) -> Composition:
    """Return one composition."""
    sites = assign_sites(formula)
    ions = site_radii(sites, sets)
    mean, spread = _means(ions)
    n_a = sum(ion.amount * ion.charge for ion in ions if ion.site == "A")
    factors = tolerance_arrays(mean["A"], mean["B"], mean["X"], n_a)
    values = {name: float(getattr(factors, name)) for name in ("t", "mu", "tau")}
    verdicts = judge(values, chosen)
    observed = _observations().get(_key(sites), ())
    used = dict.fromkeys(ion.radius.set for ion in ions)
    single = [ion.radius.value / mean["X"] for ion in ions if ion.site == "B"]
    return Composition(
        formula=formula,
        kind="A2BB'X6" if sites.multiple == 2 and len(sites.b) == 2 else "ABX3",
        radii=ions,
        radii_set=" + ".join(one.name for one in sets if one.name in used),
        r_a=mean["A"], r_b=mean["B"], r_x=mean["X"], spread=spread,
        **values,
        mu_range=(min(single), max(single)),
        p_perovskite=float(factors.p_perovskite),
        verdicts=verdicts,
        distortion=predicted_distortion(values["t"]),
        observed=observed,
        contradictions=_contradictions(verdicts, observed, float(factors.p_perovskite)),
        notes=(*sites.notes, *_notes(ions, sets, mean, on_request)),
    )  # fmt: skip


def _means(ions: Sequence[SiteIon]) -> tuple[dict[Site, float], dict[str, float]]:
    """Return the mean radius of each site and the standard deviation on it, Å."""
    mean: dict[Site, float] = {}
    spread: dict[str, float] = {}
    sites: tuple[Site, ...] = ("A", "B", "X")
    for site in sites:
        here = [(ion.amount, ion.radius.value) for ion in ions if ion.site == site]
        mean[site] = sum(w * r for w, r in here)
        spread[site] = math.sqrt(sum(w * (r - mean[site]) ** 2 for w, r in here))
    return mean, spread


def _notes(
    ions: Sequence[SiteIon], sets: Sequence[RadiiSet], mean: Mapping[Site, float], on_request: bool
) -> list[str]:
    """Return what a reader of the row has to know about its radii."""
    notes = []
    scales = {one.scale: one.name for one in sets if one.name in {ion.radius.set for ion in ions}}
    if len(scales) > 1:
        mixed = ", ".join(f"{name}: {scale}" for scale, name in scales.items())
        notes.append(f"radii of different scales mixed on request ({mixed}): t and tau are not comparable")
    elif on_request and len({ion.radius.set for ion in ions}) > 1:
        notes.append("radii sets mixed on request")
    if any(ion.radius.set == "shannon-crystal" for ion in ions):
        notes.append("crystal radii: the windows and tau were made for ionic radii")
    for ion in ions:
        name = ion_name(ion.ion, ion.charge)
        if not ion.radius.exact:
            notes.append(f"{name} on {ion.site}: radius of coordination {ion.radius.coordination} taken, "
                         f"as there is none of {ROMAN[ion.radius.wanted]}")  # fmt: skip
        if ion.radius.status == "unverified":
            notes.append(f"{name}: radius unverified ({ion.radius.note or ion.radius.source.text})")
        elif ion.radius.note:
            notes.append(f"{name}: {ion.radius.note}")
    if mean["A"] <= mean["B"]:
        notes.append("A is not larger than B: tau is not defined; is the formula written A, B, X?")
    return notes


def _contradictions(
    verdicts: Sequence[Verdict], observed: Sequence[Observation], p_perovskite: float
) -> tuple[str, ...]:
    """Return each rule that an observation contradicts, in words."""
    found = []
    for verdict in verdicts:
        rule, passes = verdict.rule, verdict.passes
        if passes is None or rule.predicts == "symmetry" or (passes and rule.predicts == "octahedra"):
            continue
        factors = ", ".join(f"{name} = {value:.3g}" for name, value in verdict.values.items())
        if "tau" in verdict.values:
            factors += f", P = {p_perovskite:.2f}"
        for seen in observed:
            if seen.perovskite != passes:
                says = "perovskite" if passes else "no perovskite"
                is_one = "perovskite" if seen.perovskite else "not a perovskite"
                found.append(f"{rule.name} says {says} ({factors}); experiment: {is_one}, "
                             f"{seen.structure}, {seen.at}")  # fmt: skip
    return tuple(found)


def _key(sites: Sites) -> tuple[Any, ...]:
    """Return what makes two compositions the same: ions and amounts on each site, in any order."""
    return tuple(
        tuple(sorted((part.ion, float(part.amount)) for part in site)) for site in (sites.a, sites.b, sites.x)
    )


@cache
def _observations() -> Mapping[tuple[Any, ...], tuple[Observation, ...]]:
    """Return what experiment found, by composition."""
    text = folder("structures/ions").joinpath("observed.toml").read_text(encoding="utf-8")
    found: dict[tuple[Any, ...], tuple[Observation, ...]] = {}
    for entry in tomllib.loads(text)["phase"]:
        key = _key(assign_sites(entry["formula"]))
        seen = Observation(
            perovskite=entry["perovskite"], structure=entry["structure"], at=entry["at"],
            source=Source(**entry["source"]),
        )  # fmt: skip
        found[key] = (*found.get(key, ()), seen)
    return found
