"""Combine the energies of states into that of a reaction, and say how uncertain it is."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from qdsurf.errors import AskError, EvaluationError
from qdsurf.model.energies import Energy, Method, Reaction


def combine(reaction: Reaction, terms: Mapping[str, float]) -> float:
    """Return the energy of *reaction* in eV from the energies of its states.

    The sum of coefficient times energy; negative binds.

    Raises
    ------
    EvaluationError
        A state has no energy, or one that is not a number.

    Examples
    --------
    >>> r = Reaction(name="adsorption", equation="S + L -> SL", stoichiometry={"S": -1, "L": -1, "SL": 1})
    >>> combine(r, {"S": -10.0, "L": -5.0, "SL": -15.5})
    -0.5
    """
    bad = [n for n in reaction.stoichiometry if not math.isfinite(terms.get(n, math.nan))]
    if bad:
        raise EvaluationError(f"{reaction.name}: no energy for {', '.join(bad)}")
    return math.fsum(c * terms[n] for n, c in reaction.stoichiometry.items())


def class_error(method: Method, reaction: str) -> float:
    """Return the error in eV that *method* was measured to have for the family of *reaction*.

    That of all families together where this one was not measured apart.

    Examples
    --------
    >>> from qdsurf.methods import load_method
    >>> class_error(load_method("emt"), "acid exchange")
    5.0
    """
    return float(method.class_errors.get(_family(reaction), method.class_error))


def _family(reaction: str) -> str:
    """Return the family of the reaction of that name; "" where it has none."""
    from qdsurf.energy.reactions import REACTIONS

    return REACTIONS[reaction].family if reaction in REACTIONS else ""


def corrected(energy: Energy, method: Method) -> Energy:
    """Return *energy* with the mean error of *method* for its family of reactions taken off.

    One number for all ligands of a family: it moves their energies, not their order. It was fitted to the
    reactions of docs/accuracy.md, and judged on ligands and on crystals that were left out.

    Parameters
    ----------
    energy
        Of a binding reaction, computed with *method*; not changed.
    method
        The one that the energy is of, as it comes from the shelf: with added dispersion or other settings it
        has errors of its own, and no correction.

    Raises
    ------
    AskError
        The energy is of another method, or no correction was fitted for this method and reaction.

    Examples
    --------
    >>> from qdsurf.methods import load_method
    >>> r = Reaction(name="acid exchange", equation="", stoichiometry={"S": -1, "SL": 1})
    >>> e = Energy(value=0.5, uncertainty=0.4, reaction=r, terms={"S": -10.0, "SL": -9.5},
    ...     method="sevennet-0-d3", converged=True, warnings=(), provenance={})
    >>> shifted = corrected(e, load_method("sevennet-0-d3"))
    >>> round(shifted.value - e.value - shifted.terms["correction"], 9), shifted.uncertainty < e.uncertainty
    (0.0, True)
    """
    reaction = energy.reaction
    family = _family(reaction.name)
    found = method.corrections.get(family)
    if energy.method != method.name:
        raise AskError(f"this energy is of {energy.method}, not of {method.name}")
    if energy.provenance.get("elsewhere"):
        raise AskError(f"this energy was computed elsewhere, and may be of another method than {method.name}")
    made = {"settings": dict(method.settings), "dispersion": method.dispersion}
    if any(energy.provenance.get(key, value) != value for key, value in made.items()):
        raise AskError(f"this energy is of {energy.method} with other settings or another dispersion")
    if any(abs(c) > 1 for c in reaction.stoichiometry.values()):
        raise AskError(
            f"no correction was fitted to ligands that take the place of several ions: {reaction.equation}"
        )
    if found is None or "correction" in reaction.stoichiometry:
        raise AskError(
            f"{method.name} has no correction for {reaction.name}, or has had it already; corrected are "
            f"families {', '.join(method.corrections) or 'none'} (docs/accuracy.md)"
        )
    others = max(energy.uncertainty**2 - class_error(method, reaction.name) ** 2, 0.0)
    return replace(
        energy,
        value=energy.value + found["shift"],
        uncertainty=math.hypot(found["error"], math.sqrt(others)),
        reaction=replace(reaction, stoichiometry={**reaction.stoichiometry, "correction": 1}),
        terms={**energy.terms, "correction": found["shift"]},
        warnings=(
            *energy.warnings,
            f"corrected by {found['shift']:+.2f} eV, the mean error of {method.name} in family {family} on "
            "clusters of CsPbBr3, CsPbI3 and PbS",
        ),
        provenance={**energy.provenance, "correction": dict(found)},
    )


def combined_uncertainty(class_error: float, poses: Sequence[float], committee: float = 0.0) -> float:
    """Return the uncertainty in eV of an energy of reaction.

    The class error of the method (its mean absolute error against a reference), half the spread of the
    relaxed poses and the spread of a committee, added in quadrature: how wrong the method is for this
    class of ligands, how far the answer depends on where the ligand started, and how far models differ.
    It is no statistical interval, and the choice of reaction is not in it.

    Examples
    --------
    >>> combined_uncertainty(0.3, [-1.0, -0.2])
    0.5
    """
    spread = (max(poses) - min(poses)) / 2 if poses else 0.0
    return math.hypot(class_error, spread, committee)


def committee_spread(reaction: Reaction, states: Mapping[str, Mapping[str, Any]]) -> float | None:
    """Return the standard deviation in eV of the energy of *reaction* over the members of a committee.

    Each member's own energy of reaction is formed first: members count from zeros of their own.

    Parameters
    ----------
    states
        Numbers of each state; "members" holds the energy in eV per formula unit by member.

    Returns
    -------
    float or None
        None where there is no committee of two and more.

    Examples
    --------
    >>> r = Reaction(name="x", equation="a -> b", stoichiometry={"a": -1, "b": 1})
    >>> both = {"a": {"members": {"m": 1.0, "n": 11.0}}, "b": {"members": {"m": 2.0, "n": 12.5}}}
    >>> round(committee_spread(r, both), 3)
    0.354
    """
    members = [states[name].get("members") or {} for name in reaction.stoichiometry]
    shared = sorted(set.intersection(*(set(m) for m in members)))
    if len(shared) < 2:
        return None
    energies = [
        combine(reaction, {name: float(states[name]["members"][m]) for name in reaction.stoichiometry})
        for m in shared
    ]
    return statistics.stdev(energies)
