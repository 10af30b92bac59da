"""Read a preset of the shelf ``calculators/`` into a Method; nothing is imported until it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from qdsurf.errors import AskError, BadEntry
from qdsurf.library import read_entry, require
from qdsurf.model.energies import Method

_KEYS: dict[str, type | tuple[type, ...]] = {
    "title": str,
    "calculator": str,
    "extra": str,
    "elements": list,
    "periodic": bool,
    "charged": bool,
    "boxed": bool,
    "class_error": (int, float),
    "class_error_source": str,
    "functional": str,
    "dispersion": str,
    "cost": str,
    "cite": list,
    "good_for": str,
    "bad_for": str,
    "warnings": list,
    "settings": dict,
}
_OPTIONAL: dict[str, type | tuple[type, ...]] = {
    "install": str,
    "packages": list,
    "programs": list,
    "files": dict,
    "shared": bool,
    "gamma_only": bool,
    "slabs": bool,
    "ladder": list,
    "charged_cell": str,
    "export": str,
    "damping": str,
    "added_dispersion": str,
    "batched": str,
    "class_errors": dict,
    "corrections": dict,
}
# Fields of the shelf that inform the reader of the file and are not part of a Method.
_INFORMATIVE = {"name", "run", "trial"}
# Overrides that say what qdsurf does with the calculator; all others are settings of the calculator.
_OWN: tuple[str, ...] = ("dispersion", "charged_cell", "dielectric")
# Settings that decide where and how fast it runs, not what comes out.
_SAME_ENERGY = ("device", "use_device", "program", "threads", "memory", "verbosity")
CHARGED_CELLS = ("refused", "makov-payne")
NEVER = "never"
_ADDED = {
    "d3": ("D3(BJ)", ("10.1063/1.3382344", "10.1002/jcc.21759")),
    "d4": ("D4", ("10.1063/1.5090222",)),
}
# eV: so large that every difference is a tie.
UNKNOWN_ERROR = 5.0


def load_method(name: str, **overrides: Any) -> Method:
    """Return the method *name* from the shelf ``calculators/``, or that of any ASE calculator.

    Parameters
    ----------
    name
        File name without ".toml", upper and lower case are the same; or "module:Class" of an ASE
        calculator, which may be your own. Nothing is known of such a calculator: say what it can do
        with elements, periodic, charged, boxed and class_error, or energies will be ties.
    **overrides
        Settings of the calculator that replace or extend those of the preset, in the calculator's
        own units, and three that belong to qdsurf:
        ``dispersion="d3"`` or ``"d4"`` adds dispersion to a method that has none;
        ``charged_cell="makov-payne"`` with ``dielectric`` (relative permittivity) allows a net charge in
        a periodic cell, corrects its energy and labels it.

    Raises
    ------
    UnknownName
        No such method; the message lists the nearest names.
    AskError
        Dispersion for a method that has it, an unknown correction, or one without its permittivity.
    BadEntry
        The file breaks the schema; names file and key.

    Examples
    --------
    >>> load_method("EMT").title
    'Effective medium theory'
    >>> load_method("sevennet-0", device="cuda").settings["device"]
    'cuda'
    >>> load_method("sevennet-0", dispersion="d3").title
    'SevenNet-0 + D3(BJ)'
    >>> load_method("ase.calculators.lj:LennardJones", sigma=3.4).settings
    {'sigma': 3.4}
    """
    method = _any_calculator(name, overrides) if ":" in name else _from_shelf(name)
    own: dict[str, Any] = {
        key: overrides[key] for key in ("dispersion", "charged_cell", "dielectric") if key in overrides
    }
    if "dispersion" in method.settings:
        own.pop("dispersion", None)
    settings = {key: value for key, value in overrides.items() if key not in own}
    if ":" in name:
        settings = {key: value for key, value in settings.items() if key not in _DECLARED}
    method = _with_settings(method, settings)
    if own.get("dispersion", "none") != "none":
        method = _with_dispersion(method, str(own["dispersion"]))
    if "charged_cell" in own or "dielectric" in own:
        method = _with_charged_cells(method, own)
    return method


def _from_shelf(name: str) -> Method:
    """Return the method of a file of the shelf."""
    entry = read_entry("calculators", name)
    where = f"calculators/{entry['name']}.toml"
    require(entry, _KEYS, where)
    require(entry, {key: kind for key, kind in _OPTIONAL.items() if key in entry}, where)
    unknown = sorted(set(entry) - set(_KEYS) - set(_OPTIONAL) - _INFORMATIVE)
    if unknown:
        raise BadEntry(f"{where}: unknown key {', '.join(map(repr, unknown))}")
    module, _, cls = entry["calculator"].partition(":")
    if not (module and cls):
        raise BadEntry(f"{where}: 'calculator' must be \"module:Class\", not {entry['calculator']!r}")
    for rung in entry.get("ladder", []):
        if set(rung) != {"name", "settings"}:
            raise BadEntry(f"{where}: every rung of 'ladder' has name and settings, not {sorted(rung)}")
    fields = {key: value for key, value in entry.items() if key not in _INFORMATIVE}
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
    given |= {"name": entry["name"], "class_error": float(entry["class_error"])}
    return Method(**given)


# What the caller may say of a calculator that is on no shelf.
_DECLARED = ("elements", "periodic", "charged", "boxed", "gamma_only", "class_error", "class_error_source")


def _any_calculator(name: str, said: Mapping[str, Any]) -> Method:
    """Return a method for the ASE calculator *name*, "module:Class", of which nothing else is known."""
    module, _, cls = name.partition(":")
    if not (module and cls):
        raise AskError(f'an ASE calculator is named "module:Class", not {name!r}')
    known = "class_error" in said
    source = "given by the caller" if known else "not measured: a round value that makes every energy a tie"
    return Method(
        name=name,
        title=f"{cls} of {module}",
        calculator=name,
        settings={},
        extra="",
        elements=tuple(said.get("elements", ())),
        periodic=bool(said.get("periodic", True)),
        charged=bool(said.get("charged", False)),
        boxed=bool(said.get("boxed", False)),
        gamma_only=bool(said.get("gamma_only", False)),
        class_error=float(said.get("class_error", UNKNOWN_ERROR)),
        class_error_source=str(said.get("class_error_source", source)),
        cite=(),
        good_for="What its author says.",
        bad_for="Not known: qdsurf has not tested it.",
        warnings=("a calculator that qdsurf has not tested: what it can do was said by the caller",),
        functional="not known",
        dispersion="not known",
        cost="not known",
    )


def _with_settings(method: Method, settings: Mapping[str, Any]) -> Method:
    """Return *method* with other *settings*; what was measured of it stays only where energies stay."""
    made = replace(method, settings={**method.settings, **settings})
    other = [k for k, v in settings.items() if k not in _SAME_ENERGY and v != method.settings.get(k)]
    if not (other and (method.class_errors or method.corrections)):
        return made
    source = f"{method.class_error_source}; measured with another value of {', '.join(sorted(other))}"
    return replace(made, class_errors={}, corrections={}, class_error_source=source)


def _with_dispersion(method: Method, kind: str) -> Method:
    """Return *method* with dispersion of *kind* added to its energy."""
    if kind not in _ADDED:
        raise AskError(f"no dispersion {kind!r}; known: none, {', '.join(_ADDED)}")
    if method.dispersion != "none":
        raise AskError(f"{method.title} has dispersion already: {method.dispersion}")
    if not method.damping:
        raise AskError(f"{method.title} names no functional whose parameters {kind.upper()} could take")
    title, cite = _ADDED[kind]
    return replace(
        method,
        title=f"{method.title} + {title}",
        dispersion=f"{title}, parameters of {method.damping.upper()}",
        added_dispersion=kind,
        # Measured without it.
        class_errors={},
        corrections={},
        cite=(*method.cite, *cite),
        warnings=(
            *method.warnings,
            f"{title} was added on request: D3 brings SevenNet and CHGNet nearer to PBE-D3 for cation "
            "exchange and salts, not for anion exchange and donors (docs/accuracy.md); D4 was not tried",
        ),
    )


def _with_charged_cells(method: Method, own: Mapping[str, Any]) -> Method:
    """Return *method* with a correction for a net charge in a periodic cell."""
    if method.charged_cell == NEVER:
        raise AskError(f"{method.title} gives no energy of a charged periodic cell that could be corrected")
    how = own.get("charged_cell", "makov-payne")
    if how not in CHARGED_CELLS:
        raise AskError(f"no treatment of charged cells {how!r}; known: {', '.join(CHARGED_CELLS)}")
    dielectric = float(own.get("dielectric", 0.0))
    if how != "refused" and dielectric < 1.0:
        raise AskError(
            "charged_cell='makov-payne' needs dielectric=, the relative permittivity of the system "
            f"(1 for a molecule in vacuum), not {dielectric:g}"
        )
    return replace(method, charged_cell=str(how), dielectric=dielectric)
