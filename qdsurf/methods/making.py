"""Make the calculator of a method, and say what it lacks here."""

from __future__ import annotations

import copy
import importlib
import io
import json
import re
import shutil
import subprocess
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from functools import lru_cache, partial
from importlib.metadata import PackageNotFoundError, packages_distributions
from importlib.metadata import version as package_version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qdsurf.errors import AskError, MissingExtra
from qdsurf.model.energies import Method

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

# How programs print their version; those that have no such option are named without one.
_VERSION_OPTION = {"xtb": "--version", "cp2k": "--version", "gpaw": "--version"}


def _packages(method: Method) -> tuple[str, ...]:
    """Return the top-level packages that must be importable for *method*."""
    return method.packages or (method.calculator.partition(":")[0].partition(".")[0],)


def program_path(method: Method, program: str) -> str | None:
    """Return where *program* of *method* is, or None; the setting of that name may say another place."""
    return shutil.which(str(method.settings.get("program") or program))


def is_gamma_only(method: Method) -> bool:
    """Return whether *method* samples the Gamma point only, so that small cells must be repeated.

    >>> from qdsurf.methods import load_method
    >>> is_gamma_only(load_method("gfn2-xtb")), is_gamma_only(load_method("emt"))
    (True, False)
    """
    return method.gamma_only


def lacks(method: Method) -> str:
    """Return the command that installs what *method* lacks here, or the setting that it wants.

    "" where it can run.

    >>> from qdsurf.methods import load_method
    >>> lacks(load_method("emt"))
    ''
    """
    missing = [package for package in _packages(method) if find_spec(package) is None]
    absent = [program for program in method.programs if program_path(method, program) is None]
    if missing or absent:
        if method.install:
            return method.install
        return f"pip install 'qdsurf[{method.extra}]'" if method.extra else f"pip install {' '.join(missing)}"
    return _lacking_file(method)


def _lacking_file(method: Method) -> str:
    """Return which setting must name a file of the user's, and does not; "" where all do."""
    for key, what in method.files.items():
        given = method.settings.get(key)
        if not given:
            return f"{key} = PATH, {what}: load_method({method.name!r}, {key}=PATH), or in a preset of yours"
        for path in [given] if isinstance(given, str) else given:
            if not Path(path).expanduser().exists():
                return f"{key}: there is no file {path}"
    return ""


@lru_cache(maxsize=32)
def _program_version(path: str, name: str) -> str:
    """Return name and version of the program at *path*, for example "xtb 6.5.1"."""
    if name not in _VERSION_OPTION:
        return name
    try:
        out = subprocess.run(
            [path, _VERSION_OPTION[name]], capture_output=True, text=True, timeout=60, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return f"{name} does not start"
    found = re.search(r"(?:version|gpaw-)\s*v?(\d[\w.]*)", out, re.IGNORECASE)
    return f"{name} {found[1]}" if found else name


def engine_version(method: Method) -> str:
    """Return package or program and version of the engine, for example "ase 3.29.0".

    "not installed" stands in place of the version where it is missing; several are joined by commas.
    """
    found = []
    for program in method.programs:
        path = program_path(method, program)
        found.append(_program_version(path, program) if path else f"{program} not installed")
    if not found or method.packages:
        for package in _packages(method):
            found.append(f"{package} {_package_version(package)}")
    return ", ".join(found)


def _package_version(package: str) -> str:
    """Return the version of what brings the importable *package*, whose name may be another."""
    try:
        return package_version(package)
    except PackageNotFoundError:
        brought = packages_distributions().get(package)
        return package_version(brought[0]) if brought else "not installed"


def _build(calculator: str, settings: Mapping[str, Any]) -> Calculator:
    """Import what *calculator* names and return a new calculator."""
    module, _, path = calculator.partition(":")
    # chgnet prints its version on loading, which would spoil JSON written to standard output.
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        # sevenn warns at import about accelerators that are optional and absent.
        warnings.simplefilter("ignore", UserWarning)
        maker: Any = importlib.import_module(module)
        for name in path.split("."):
            maker = getattr(maker, name)
        made: Calculator = maker(**settings)
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
        A net charge for a method that takes none, a setting that the engine does not know, or a file
        of yours that no setting names.

    Examples
    --------
    >>> from qdsurf.methods import load_method
    >>> type(make_calculator(load_method("emt"))).__name__
    'EMT'
    """
    if charge and not method.charged:
        raise AskError(f"{method.title} takes no net charge, asked for {charge:+d}")
    if any(program_path(method, program) is None for program in method.programs):
        raise MissingExtra(method.title, method.extra, lacks(method))
    settings = dict(method.settings)
    if method.charged:
        # Without it tblite sums the initial charges of the atoms, which say something else.
        settings["charge"] = charge
    made = partial(_made, method, settings)
    if method.ladder:
        from qdsurf.methods.ladder import Laddered

        return Laddered(method, made)
    return made({})


def _made(method: Method, settings: Mapping[str, Any], changes: Mapping[str, Any]) -> Calculator:
    """Return a calculator of *method* with *settings* and *changes* to them."""
    settings = {**settings, **changes}
    try:
        if method.shared:
            calculator = copy.copy(_loaded(method.calculator, json.dumps(settings, sort_keys=True)))
            calculator.reset()
        else:
            if wanted := _lacking_file(method):
                raise AskError(f"{method.title} needs {wanted}")
            calculator = _build(method.calculator, settings)
        made: Calculator = _with_dispersion(method, calculator) if method.added_dispersion else calculator
        return made
    except ModuleNotFoundError as error:
        raise MissingExtra(method.title, method.extra, lacks(method)) from error
    except AttributeError as error:
        raise AskError(f"there is no calculator {method.calculator}: {error}") from error
    except (TypeError, ValueError) as error:
        if isinstance(error, AskError):
            raise
        raise AskError(f"{method.title} refuses its settings {settings}: {error}") from error


def _with_dispersion(method: Method, calculator: Calculator) -> Any:
    """Return *calculator* with the added dispersion of *method*."""
    from ase.calculators.mixing import SumCalculator

    kind = method.added_dispersion
    try:
        module = importlib.import_module(f"dft{kind}.ase")
    except ModuleNotFoundError as error:
        raise MissingExtra(f"dispersion {kind.upper()}", "dispersion") from error
    if kind == "d3":
        added = module.DFTD3(method=method.damping, damping="d3bj")
    else:
        added = module.DFTD4(method=method.damping)
    return SumCalculator([calculator, added])
