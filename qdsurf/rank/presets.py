"""The terms of a score and the presets that weigh them: files of ``structures/rankings``."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from qdsurf.errors import BadEntry, UnknownName
from qdsurf.library import folder
from qdsurf.rank.hsab_tables import check_acid

_TERM_KEYS = {"label", "unit", "worst", "best", "window", "fall", "surface", "formula", "source", "fails"}
_PAIRS = {"window", "fall"}
_PRESET_KEYS = {
    "title", "question", "source", "weights", "bounds", "missing", "objectives", "far_acid", "density",
    "permittivity",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TermRule:
    """How a value becomes a desirability between 0 and 1.

    Attributes
    ----------
    worst, best
        Values at which the desirability is 0 and 1; straight in between.
    window, fall
        In place of them: 1 inside the window, 0 from *fall* below and above it.
    surface
        Whether the term needs a surface.
    formula, source, fails
        What it is, where it comes from, and a case where it misleads.
    """

    name: str
    label: str
    unit: str
    formula: str
    source: str
    fails: str
    worst: float = 0.0
    best: float = 1.0
    window: tuple[float, float] | None = None
    fall: tuple[float, float] = (1.0, 1.0)
    surface: bool = False

    @property
    def direction(self) -> str:
        """What counts as good, in words."""
        if self.window:
            return f"between {self.window[0]:g} and {self.window[1]:g} {self.unit} is good"
        if self.best < 0:
            return "more negative is good"
        return f"{'more' if self.best > self.worst else 'less'} is good"

    def desirability(self, value: float) -> float:
        """Return the desirability of *value*, 0 to 1.

        >>> rules()["denticity"].desirability(2.0)
        0.5
        """
        if self.window:
            below, above = (self.window[0] - value) / self.fall[0], (value - self.window[1]) / self.fall[1]
            return max(0.0, 1.0 - max(below, above, 0.0))
        return min(1.0, max(0.0, (value - self.worst) / (self.best - self.worst)))


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A question about ligands as weights of terms.

    Attributes
    ----------
    weights
        Weight of each term; only their ratios matter.
    rules
        The terms with the bounds of this preset.
    missing
        Desirability of a term that a ligand does not have; 0.5 where none is given.
    objectives
        Named groups of terms, the axes of the Pareto front.
    far_acid
        Acid that the other end of a linker is to bind.
    density, permittivity
        Ligands in nm^-2 and relative permittivity of the shell for the Helmholtz shift, where there is
        no surface to take the density from. Assumed values.
    """

    name: str
    title: str
    question: str
    source: str
    weights: Mapping[str, float]
    rules: Mapping[str, TermRule]
    objectives: Mapping[str, tuple[str, ...]]
    missing: Mapping[str, float] = field(default_factory=dict)
    far_acid: str = ""
    density: float = 3.0
    permittivity: float = 2.0


@cache
def rules() -> Mapping[str, TermRule]:
    """Return the terms of ``structures/rankings/terms.toml`` by name."""
    text = folder("structures/rankings").joinpath("terms.toml").read_text(encoding="utf-8")
    return {
        name: _rule(name, entry, f"structures/rankings/terms.toml [{name}]")
        for name, entry in tomllib.loads(text).items()
    }


def _rule(name: str, entry: Mapping[str, Any], where: str) -> TermRule:
    """Return the rule of one table of the file."""
    unknown = sorted(set(entry) - _TERM_KEYS)
    if unknown:
        raise BadEntry(f"{where}: unknown key {', '.join(map(repr, unknown))}")
    fields = dict(entry)
    for key in _PAIRS & set(entry):
        pair = entry[key]
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise BadEntry(f"{where}: {key!r} is {pair!r}; two numbers are wanted, such as [7.0, 12.0]")
        fields[key] = tuple(_number(value, f"{where}: {key!r}") for value in pair)
    if "window" in fields:
        if min(fields.get("fall", (1.0,))) <= 0 or fields["window"][0] > fields["window"][1]:
            raise BadEntry(f"{where}: 'window' rises and both numbers of 'fall' are above 0")
        return TermRule(name=name, **fields)
    for key in ("worst", "best"):
        if key not in entry:
            raise BadEntry(f"{where}: the key {key!r} is missing")
        fields[key] = _number(entry[key], f"{where}: {key!r}")
    if fields["worst"] == fields["best"]:
        raise BadEntry(f"{where}: 'worst' and 'best' are both {fields['best']:g}")
    return TermRule(name=name, **fields)


def _number(value: Any, what: str, *, least: float = -math.inf) -> float:
    """Return *value* as a finite number that is not below *least*."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadEntry(f"{what} is {value!r}; a number is wanted")
    if value < least:
        raise BadEntry(f"{what} is {value!r}; a number of {least:g} or more is wanted")
    return float(value)


def list_presets() -> list[str]:
    """Return the names of the presets.

    >>> "stable-passivation" in list_presets()
    True
    """
    where = folder("structures/rankings").joinpath("presets")
    return sorted(e.name.removesuffix(".toml") for e in where.iterdir() if e.name.endswith(".toml"))


def load_preset(preset: str | Path | Preset) -> Preset:
    """Return a preset by its name, or from a TOML file of your own.

    Raises
    ------
    UnknownName
        No such preset; the message lists the nearest names.
    BadEntry
        The file breaks the schema; names file and key.

    Examples
    --------
    >>> load_preset("tio2-linker").far_acid
    'Ti4+'
    """
    if isinstance(preset, Preset):
        return preset
    if str(preset).endswith(".toml"):
        path = Path(preset)
        if not path.is_file():
            raise UnknownName("preset file", str(preset), list_presets())
        return _preset(path.stem, path.read_text(encoding="utf-8"), str(path))
    name = str(preset).lower()
    if name not in list_presets():
        raise UnknownName("preset", str(preset), list_presets())
    file = folder("structures/rankings").joinpath("presets").joinpath(f"{name}.toml")
    return _preset(name, file.read_text(encoding="utf-8"), f"structures/rankings/presets/{name}.toml")


def _preset(name: str, text: str, where: str) -> Preset:
    """Read a preset and check it against the terms that exist."""
    try:
        entry = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadEntry(f"{where}: not valid TOML: {error}") from error
    unknown = sorted(set(entry) - _PRESET_KEYS)
    if unknown:
        raise BadEntry(f"{where}: unknown key {', '.join(map(repr, unknown))}")
    for key in ("weights", "bounds", "missing", "objectives"):
        if not isinstance(entry.get(key, {}), dict):
            raise BadEntry(f"{where}: {key!r} is {entry[key]!r}; a table [{key}] is wanted")
    weights = _weights(entry.get("weights"), where)
    if entry.get("far_acid"):
        check_acid(entry["far_acid"])
    return Preset(
        name=name,
        title=entry.get("title", name),
        question=entry.get("question", ""),
        source=entry.get("source", ""),
        weights=weights,
        rules=_bounded(entry.get("bounds", {}), where),
        objectives=_objectives(entry.get("objectives") or {"score": list(weights)}, weights, where),
        missing={
            _known(term, where): _number(value, f"{where}: 'missing' of {term!r}", least=0.0)
            for term, value in entry.get("missing", {}).items()
        },
        far_acid=entry.get("far_acid", ""),
        density=_number(entry.get("density", 3.0), f"{where}: 'density'", least=0.0),
        permittivity=_number(entry.get("permittivity", 2.0), f"{where}: 'permittivity'", least=1.0),
    )


def _known(term: str, where: str) -> str:
    """Return *term*, which is one."""
    if term not in rules():
        raise BadEntry(f"{where}: no term {term!r}; terms: {', '.join(rules())}")
    return term


def _weights(entry: Mapping[str, Any] | None, where: str) -> dict[str, float]:
    """Return the weights; at least one is above 0."""
    if not entry:
        raise BadEntry(f"{where}: the table 'weights' is missing or empty")
    weights = {
        _known(term, where): _number(weight, f"{where}: the weight of {term!r}", least=0.0)
        for term, weight in entry.items()
    }
    if not any(weights.values()):
        raise BadEntry(f"{where}: all weights are 0; one above 0 is wanted")
    return weights


def _bounded(bounds: Mapping[str, Any], where: str) -> dict[str, TermRule]:
    """Return the terms with the bounds of a preset in place of their own."""
    chosen = dict(rules())
    for term, given in bounds.items():
        here = f"{where} [bounds.{term}]"
        if not isinstance(given, dict):
            raise BadEntry(f"{here}: {given!r}; a table with 'worst' and 'best' or 'window' is wanted")
        old = chosen[_known(term, where)]
        own = {"worst", "best"} if "window" in given or (old.window and "worst" not in given) else _PAIRS
        kept = {key: getattr(old, key) for key in _TERM_KEYS - own}
        chosen[term] = _rule(term, {**kept, **given}, here)
    return chosen


def _objectives(
    entry: Mapping[str, Any], weights: Mapping[str, float], where: str
) -> dict[str, tuple[str, ...]]:
    """Return the groups of terms; each term of them has a weight."""
    for name, terms in entry.items():
        if not isinstance(terms, list) or not terms:
            raise BadEntry(f"{where}: the objective {name!r} is {terms!r}; a list of terms is wanted")
        for term in terms:
            if _known(str(term), where) not in weights:
                raise BadEntry(f"{where}: the objective {name!r} has {term!r}, which has no weight")
    return {name: tuple(terms) for name, terms in entry.items()}
