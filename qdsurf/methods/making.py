"""Make the calculator of a method, and say what it lacks here."""

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

from qdsurf.errors import AskError, MissingExtra
from qdsurf.model.nouns import Method

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator


def _package(method: Method) -> str:
    """Return the top-level package that holds the calculator of *method*."""
    return method.calculator.partition(":")[0].partition(".")[0]


def is_gamma_only(method: Method) -> bool:
    """Return whether *method* samples the Gamma point only and ignores partial periodicity.

    >>> from qdsurf.methods import load_method
    >>> is_gamma_only(load_method("gfn2-xtb")), is_gamma_only(load_method("emt"))
    (True, False)
    """
    return _package(method) == "tblite"


def lacks(method: Method) -> str:
    """Return the command that installs what *method* lacks here; "" where it can run.

    >>> from qdsurf.methods import load_method
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
    >>> from qdsurf.methods import load_method
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
