"""Read entries of the shelves: text in, plain dict out.

A shelf is a folder of TOML files, one fact each. The shelves that come with qdsurf lie in
``structures/`` and ``calculators/``; a private library with the same layout can be put in front
of them with the environment variable ``QDSURF_LIBRARY`` or the option ``--library``.
"""

from __future__ import annotations

import os
import tomllib
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from qdsurf.errors import AskError, BadEntry, UnknownName

SHELVES = {
    "bulk": "structures/bulk",
    "ligands": "structures/ligands",
    "surfaces": "structures/surfaces",
    "radii": "structures/radii",
    "calculators": "calculators",
    "calculations": "calculators/exports",
    "potentials": "calculators/potentials",
}
_KIND = {
    "bulk": "crystal",
    "ligands": "ligand",
    "surfaces": "surface",
    "radii": "radii set",
    "calculators": "method",
    "calculations": "calculation",
    "potentials": "table of potentials",
}


def folder(path: str) -> Traversable:
    """Return the shelf folder *path*: inside the installed package, or beside it in a checkout.

    >>> folder("structures/bulk").is_dir()
    True
    """
    packaged = files("qdsurf").joinpath(path)
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[1] / path


def _folders(shelf: str) -> list[Traversable]:
    """Return the folders of *shelf*, private libraries first."""
    if shelf not in SHELVES:
        raise UnknownName("shelf", shelf, SHELVES)
    path = SHELVES[shelf]
    private = [Path(p) for p in os.environ.get("QDSURF_LIBRARY", "").split(os.pathsep) if p]
    for root in private:
        if not root.is_dir():
            raise AskError(f"the private library {str(root)!r} is not a folder")
    return [d for d in [*(root / path for root in private), folder(path)] if d.is_dir()]


def list_shelf(shelf: str) -> list[str]:
    """Return the sorted names on *shelf*: "bulk", "ligands", "surfaces", "radii" or "calculators".

    Examples
    --------
    >>> "CsPbBr3-cubic" in list_shelf("bulk")
    True
    """
    names = {
        entry.name.removesuffix(".toml")
        for where in _folders(shelf)
        for entry in where.iterdir()
        if entry.name.endswith(".toml")
    }
    return sorted(names)


@cache
def _parse(text: str, where: str) -> dict[str, Any]:
    """Parse TOML *text*; *where* names the file in the error."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadEntry(f"{where}: not valid TOML: {error}") from error


def read_entry(shelf: str, name: str) -> dict[str, Any]:
    """Return entry *name* of *shelf* as a new plain dict; upper and lower case are the same.

    Raises
    ------
    UnknownName
        No such shelf or entry; the message lists the nearest names.
    BadEntry
        The file is not valid TOML.
    """
    wanted = f"{name}.toml".lower()
    for where in _folders(shelf):
        for entry in where.iterdir():
            if entry.name.lower() == wanted:
                parsed = _parse(entry.read_text(encoding="utf-8"), f"{SHELVES[shelf]}/{entry.name}")
                return {**parsed, "name": entry.name.removesuffix(".toml")}
    raise UnknownName(_KIND[shelf], name, list_shelf(shelf))


def require(entry: dict[str, Any], keys: dict[str, type | tuple[type, ...]], where: str) -> None:
    """Check that *entry* has all *keys* with values of the given types.

    Raises
    ------
    BadEntry
        A key is missing or its value has another type; names file and key.
    """
    for key, kind in keys.items():
        if key not in entry:
            raise BadEntry(f"{where}: the key {key!r} is missing")
        if not isinstance(entry[key], kind):
            raise BadEntry(f"{where}: {key!r} has the wrong type ({type(entry[key]).__name__})")
