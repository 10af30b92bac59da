"""The terms of a score and the presets that weigh them: files of ``structures/rankings``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from qdsurf.errors import BadEntry, UnknownName
from qdsurf.library import folder

_TERM_KEYS = {"label", "unit", "worst", "best", "window", "fall", "surface", "formula", "source", "fails"}
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
        In place of them: 1 inside the window, 0 from *fall* outside it.
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
    fall: float = 1.0
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
            outside = max(self.window[0] - value, value - self.window[1], 0.0)
            return max(0.0, 1.0 - outside / self.fall)
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
    if "window" not in entry and entry["worst"] == entry["best"]:
        raise BadEntry(f"{where}: 'worst' and 'best' are both {entry['best']}")
    fields = dict(entry)
    if "window" in fields:
        fields["window"] = (float(fields["window"][0]), float(fields["window"][1]))
    return TermRule(name=name, **fields)


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
    weights = entry.get("weights")
    if not weights:
        raise BadEntry(f"{where}: the table 'weights' is missing or empty")
    objectives = entry.get("objectives") or {"score": list(weights)}
    grouped = {term for terms in objectives.values() for term in terms}
    named = {*weights, *entry.get("bounds", {}), *entry.get("missing", {}), *grouped}
    for term in sorted(named - set(rules())):
        raise BadEntry(f"{where}: no term {term!r}; terms: {', '.join(rules())}")
    for term, weight in weights.items():
        if not isinstance(weight, int | float) or weight < 0:
            raise BadEntry(f"{where}: the weight of {term!r} is {weight!r}; a number of 0 or more is wanted")
    chosen = dict(rules())
    for term, bounds in entry.get("bounds", {}).items():
        old = chosen[term]
        kept = {
            key: getattr(old, key) for key in _TERM_KEYS if key not in ("worst", "best", "window", "fall")
        }
        chosen[term] = _rule(term, {**kept, **bounds}, f"{where} [bounds.{term}]")
    return Preset(
        name=name,
        title=entry.get("title", name),
        question=entry.get("question", ""),
        source=entry.get("source", ""),
        weights={term: float(weight) for term, weight in weights.items()},
        rules=chosen,
        objectives={key: tuple(terms) for key, terms in objectives.items()},
        missing={term: float(value) for term, value in entry.get("missing", {}).items()},
        far_acid=entry.get("far_acid", ""),
        density=float(entry.get("density", 3.0)),
        permittivity=float(entry.get("permittivity", 2.0)),
    )
