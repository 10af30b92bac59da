"""Combine the energies of states into that of a reaction, and say how uncertain it is."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from qdsurf.errors import EvaluationError
from qdsurf.model.nouns import Reaction


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
