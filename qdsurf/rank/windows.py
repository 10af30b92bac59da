"""Windows of the tolerance factors by name: limits, source, known accuracy, verdicts."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from qdsurf.errors import BadEntry, UnknownName
from qdsurf.library import folder
from qdsurf.model.nouns import Source

QUANTITIES = ("t", "mu", "tau")


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """How often a rule is right about "perovskite or not" on labelled compounds.

    Attributes
    ----------
    share
        Right verdicts over all verdicts.
    balanced
        Mean of the shares among perovskites and among the others: 0.5 is a coin.
    compounds
        How many were judged.
    halide_share, halides
        The same share and number for chlorides, bromides and iodides alone. Few of them are
        perovskites, so a rule that always says no is right for four fifths.
    measured_on
        Which compounds, and how the number was made.
    """

    share: float
    balanced: float
    compounds: int
    halide_share: float
    halides: int
    measured_on: str

    def __str__(self) -> str:
        """Return shares and samples, such as "0.92 of 576, 0.91 of 141 with Cl, Br, I"."""
        return (
            f"{self.share:.2f} of {self.compounds}, {self.halide_share:.2f} of {self.halides} with Cl, Br, I"
        )


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A window of one or more factors.

    Attributes
    ----------
    limits
        Factor to (lowest, highest), both included; where the lowest is infinite, the highest is not.
    says
        What a composition inside the window is expected to be.
    predicts
        "perovskite": yes and no are claims about it; "symmetry": claims about a perovskite's
        symmetry; "octahedra": no is a claim, yes is not (other structures have octahedra too).
    accuracy
        Measured share of right verdicts; None where nothing measured it.
    """

    name: str
    limits: Mapping[str, tuple[float, float]]
    says: str
    predicts: Literal["perovskite", "symmetry", "octahedra"]
    source: Source
    accuracy: Accuracy | None

    def __str__(self) -> str:
        """Return the window, such as "0.9 <= t <= 1"."""
        return ", ".join(_window(quantity, *limit) for quantity, limit in self.limits.items())

    def passes(self, values: Mapping[str, Any]) -> NDArray[np.bool_]:
        """Return whether each composition lies in the window; false where a factor is NaN."""
        inside = []
        for quantity, (low, high) in self.limits.items():
            value = np.asarray(values[quantity])
            inside.append(value < high if math.isinf(low) else (low <= value) & (value <= high))
        return np.asarray(np.logical_and.reduce(inside))


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one rule says of one composition.

    Attributes
    ----------
    passes
        Inside the window or not; None where a factor is not defined.
    values
        The factors that were judged.
    """

    rule: Rule
    passes: bool | None
    values: Mapping[str, float]

    def __str__(self) -> str:
        """Return verdict, window, accuracy and source in one line."""
        word = {True: "yes", False: "no", None: "undefined"}[self.passes]
        known = f"right for {self.rule.accuracy}" if self.rule.accuracy else "accuracy not measured"
        return f"{self.rule.name}: {word} ({self.rule}; {self.rule.says}; {known}; {self.rule.source})"


def _window(quantity: str, low: float, high: float) -> str:
    """Return "0.9 <= t <= 1", "tau < 4.18"."""
    if math.isinf(low):
        return f"{quantity} < {high:g}"
    return f"{low:g} <= {quantity} <= {high:g}"


@cache
def _entry() -> dict[str, Any]:
    """Return the file of rules."""
    text = folder("structures/ions").joinpath("rules.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def rules() -> Mapping[str, Rule]:
    """Return the rules by name.

    >>> str(rules()["t-cubic"]), str(rules()["tau-bartel"])
    ('0.9 <= t <= 1', 'tau < 4.18')
    """
    found = {}
    for name, entry in _entry()["rules"].items():
        unknown = set(entry["limits"]) - set(QUANTITIES)
        if unknown:
            raise BadEntry(f"ions/rules.toml: {name}: no factor is called {sorted(unknown)[0]!r}")
        limits = {
            quantity: (float(limit.get("low", -math.inf)), float(limit["high"]))
            for quantity, limit in entry["limits"].items()
        }
        accuracy = entry.get("accuracy")
        found[name] = Rule(
            name=name, limits=limits, says=entry["says"], predicts=entry["predicts"],
            source=Source(**entry["source"]),
            accuracy=None if accuracy is None else Accuracy(**accuracy, measured_on=_entry()["measured_on"]),
        )  # fmt: skip
    return found


def choose_rules(names: Sequence[str] | None) -> tuple[Rule, ...]:
    """Return the named rules, or all.

    Raises
    ------
    UnknownName
        No such rule; the message lists the nearest names.
    """
    known = rules()
    for name in names or ():
        if name not in known:
            raise UnknownName("rule", name, known)
    return tuple(known[name] for name in names or known)


def judge(values: Mapping[str, float], chosen: Sequence[Rule]) -> tuple[Verdict, ...]:
    """Return the verdict of each rule on one composition."""
    return tuple(
        Verdict(
            rule=rule,
            values={quantity: values[quantity] for quantity in rule.limits},
            passes=None if any(math.isnan(values[q]) for q in rule.limits) else bool(rule.passes(values)),
        )
        for rule in chosen
    )


def predicted_distortion(t: float) -> str:
    """Return what the tolerance factor lets one expect of the structure, in words.

    A rule of thumb: MAPbI3 (t = 0.91) is tetragonal at room temperature though "cubic" is expected.

    >>> predicted_distortion(0.862)
    'A small for its cage: tilted octahedra, tetragonal or orthorhombic'
    """
    for band in _entry()["distortion"]:
        if t < band["below"]:
            return str(band["says"])
    return str(_entry()["distortion_above"])
