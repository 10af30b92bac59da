"""Methods: read a preset, ask what it can do and what it lacks, and make its ASE calculator.

A Method is a recipe; nothing is imported until a calculator is made. Importing this module loads
neither ase nor torch.
"""

from __future__ import annotations

import copy
import importlib
import io
import json
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from functools import lru_cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from qdsurf.errors import AskError, BadEntry, MissingExtra
from qdsurf.library import list_shelf, read_entry, require
from qdsurf.model.nouns import Method

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

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
    "cite": list,
    "good_for": str,
    "bad_for": str,
    "warnings": list,
    "settings": dict,
}
# Fields of the shelf that inform the reader of the file and are not part of a Method.
_INFORMATIVE = {"name", "functional", "cost", "run"}


def load_method(name: str, **overrides: Any) -> Method:
    """Return the method *name* from the shelf ``calculators/``.

    Parameters
    ----------
    name
        File name without ".toml"; upper and lower case are the same.
    **overrides
        Settings of the calculator that replace or extend those of the preset, in the calculator's
        own units.

    Raises
    ------
    UnknownName
        No such method; the message lists the nearest names.
    BadEntry
        The file breaks the schema; names file and key.

    Examples
    --------
    >>> load_method("EMT").title
    'Effective medium theory'
    >>> load_method("sevennet-0", device="cuda").settings["device"]
    'cuda'
    """
    entry = read_entry("calculators", name)
    where = f"calculators/{entry['name']}.toml"
    require(entry, _KEYS, where)
    unknown = sorted(set(entry) - set(_KEYS) - _INFORMATIVE)
    if unknown:
        raise BadEntry(f"{where}: unknown key {', '.join(map(repr, unknown))}")
    module, _, cls = entry["calculator"].partition(":")
    if not (module and cls):
        raise BadEntry(f"{where}: 'calculator' must be \"module:Class\", not {entry['calculator']!r}")
    return Method(
        name=entry["name"],
        title=entry["title"],
        calculator=entry["calculator"],
        settings={**entry["settings"], **overrides},
        extra=entry["extra"],
        elements=tuple(entry["elements"]),
        periodic=entry["periodic"],
        charged=entry["charged"],
        boxed=entry["boxed"],
        class_error=float(entry["class_error"]),
        class_error_source=entry["class_error_source"],
        cite=tuple(entry["cite"]),
        good_for=entry["good_for"],
        bad_for=entry["bad_for"],
        warnings=tuple(entry["warnings"]),
    )


def _package(method: Method) -> str:
    """Return the top-level package that holds the calculator of *method*."""
    return method.calculator.partition(":")[0].partition(".")[0]


def is_gamma_only(method: Method) -> bool:
    """Return whether *method* samples the Gamma point only and ignores partial periodicity.

    >>> is_gamma_only(load_method("gfn2-xtb")), is_gamma_only(load_method("emt"))
    (True, False)
    """
    return _package(method) == "tblite"


def lacks(method: Method) -> str:
    """Return the command that installs what *method* lacks here; "" where it can run.

    >>> lacks(load_method("emt"))
    ''
    """
    if find_spec(_package(method)) is not None:
        return ""
    return f"pip install 'qdsurf[{method.extra}]'" if method.extra else f"pip install {_package(method)}"


def engine_version(method: Method) -> str:
    """Return package and version of the engine, for example "ase 3.29.0".

    "not installed" stands in place of the version where the package is missing.
    """
    package = _package(method)
    try:
        return f"{package} {package_version(package)}"
    except PackageNotFoundError:
        return f"{package} not installed"


def _build(calculator: str, settings: Mapping[str, Any]) -> Calculator:
    """Import the class named by *calculator* and return a new calculator."""
    module, _, cls = calculator.partition(":")
    # chgnet prints its version on loading, which would spoil JSON written to standard output.
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        # sevenn warns at import about accelerators that are optional and absent.
        warnings.simplefilter("ignore", UserWarning)
        made: Calculator = getattr(importlib.import_module(module), cls)(**settings)
    return made


@lru_cache(maxsize=8)
def _loaded(calculator: str, settings: str) -> Calculator:
    """Return the one calculator of this process whose network is shared; never used for atoms."""
    return _build(calculator, json.loads(settings))


def make_calculator(method: Method, *, charge: int = 0) -> Calculator:
    """Return a calculator of *method* with no atoms and no results in it.

    The weights of machine-learned potentials are loaded once per process and shared; nothing else is.

    Parameters
    ----------
    method
        The recipe.
    charge
        Net charge in elementary charges; used by methods that take one.

    Raises
    ------
    MissingExtra
        The engine is not installed; the message is the command that installs it.
    AskError
        A net charge for a method that takes none, or a setting that the engine does not know.

    Examples
    --------
    >>> type(make_calculator(load_method("emt"))).__name__
    'EMT'
    """
    if charge and not method.charged:
        raise AskError(f"{method.title} takes no net charge, asked for {charge:+d}")
    settings = dict(method.settings)
    if method.charged:
        # Without it tblite sums the initial charges of the atoms, which say something else.
        settings["charge"] = charge
    try:
        if method.extra != "mlp":
            return _build(method.calculator, settings)
        fresh = copy.copy(_loaded(method.calculator, json.dumps(settings, sort_keys=True)))
        fresh.reset()
        return fresh
    except ModuleNotFoundError as error:
        raise MissingExtra(method.title, method.extra) from error
    except (TypeError, ValueError) as error:
        raise AskError(f"{method.title} refuses its settings {settings}: {error}") from error


def check_system(method: Method, atoms: Atoms, charge: int = 0) -> None:
    """Refuse a system that *method* cannot do, before anything is run.

    Parameters
    ----------
    method
        The method asked for.
    atoms
        The system; neither changed nor evaluated.
    charge
        Its net charge in elementary charges.

    Raises
    ------
    AskError
        Elements, periodicity or a charge that the method cannot do. For elements the message names
        the methods of the shelf that can.

    Examples
    --------
    >>> from ase import Atoms
    >>> check_system(load_method("emt"), Atoms("PbS"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    qdsurf.errors.AskError: Effective medium theory cannot do Pb, S; ...
    """
    symbols = set(atoms.get_chemical_symbols())
    foreign = sorted(symbols - set(method.elements)) if method.elements else []
    if foreign:
        can = [
            name
            for name in list_shelf("calculators")
            if not (elements := read_entry("calculators", name).get("elements")) or symbols <= set(elements)
        ]
        raise AskError(
            f"{method.title} cannot do {', '.join(foreign)}; methods that can: {', '.join(can) or 'none'}"
        )
    if atoms.pbc.any() and not method.periodic:
        raise AskError(f"{method.title} cannot do periodic systems")
    if atoms.pbc.any() and not atoms.pbc.all() and is_gamma_only(method):
        raise AskError(
            f"{method.title} ignores partial periodicity and would repeat the slab along its normal too; "
            "use a dot, another method, or a cell that is periodic in all directions with vacuum in it"
        )
    if charge and not method.charged:
        raise AskError(f"{method.title} takes no net charge, asked for {charge:+d}")
