"""Write structures to files and read a Surface back; nothing half-written stays behind."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qdsurf.errors import AskError
from qdsurf.model.connected import writer_of
from qdsurf.model.nouns import Site, Surface

if TYPE_CHECKING:
    from ase import Atoms


ION_COLUMN = "ion"
WRITERS = "`qdsurf slab`, `dot` and `attach` write one with -o NAME.extxyz"
# Empty space in Å around a dot in formats that need a cell.
BOX_VACUUM = 10.0
# What every surface has for each atom.
COLUMNS = (ION_COLUMN, "role", "fragment", "anchor", "layer")
# Å; relaxed ions stay within this of their sites, most of them.
MOVED = 1.0
WRITTEN = ("name", "charge", "electrons", "charges", "ledger", "recipe", "sites", "bonds")


def write_whole(path: str | Path, write: Callable[[Path], object]) -> Path:
    """Call *write* with a temporary path beside *path*, then rename it into place.

    Raises
    ------
    AskError
        The folder does not exist or cannot be written to.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise AskError(f"the folder {str(path.parent)!r} does not exist")
    try:
        with tempfile.TemporaryDirectory(prefix=".qdsurf-", dir=path.parent) as folder:
            part = Path(folder) / path.name
            write(part)
            os.replace(part, path)
    except PermissionError as error:
        raise AskError(f"{str(path)!r} cannot be written: {error.strerror}") from error
    return path


def described(surface: Surface) -> Atoms:
    """Return the atoms of *surface* with charge, ledger, recipe and sites in ``atoms.info``."""
    atoms = surface.atoms.copy()
    # "species" is the reader's own word for chemical symbols in extended XYZ
    atoms.set_array(ION_COLUMN, atoms.arrays.pop("species"))
    atoms.info = {
        **atoms.info,
        "name": surface.name,
        "charge": surface.charge,
        "electrons": surface.electrons,
        "charges": _json(dict(surface.charges)),
        "ledger": str(surface.ledger),
        "recipe": _json(dict(surface.recipe)),
        "sites": _json([_plain(s) for s in surface.sites]),
        "bonds": _json(surface.bonds),
    }
    return atoms  # type: ignore[no-any-return]


def extxyz_text(atoms: Atoms) -> str:
    """Return *atoms* as extended XYZ; those of `described` are what `read_surface` reads."""
    from io import StringIO

    from ase.io import write

    text = StringIO()
    write(text, atoms, format="extxyz")
    return text.getvalue()


def write_structure(surface: Surface, path: str | Path) -> Path:
    """Write *surface* in the format of ASE that the ending of *path* names.

    Extended XYZ keeps roles, ledger, recipe and sites, so that `read_surface` gives an equal Surface.
    In other formats a dot is put into a box with 10 Å of empty space around it. SDF, PDB (CONECT) and
    LAMMPS data (.lmp, .data) carry the bonds of the molecules too.

    Raises
    ------
    AskError
        The ending names no format that ASE can write.
    """
    from ase.io import write
    from ase.io.formats import UnknownFileTypeError, filetype

    path = Path(path)
    connected = writer_of(path.suffix)
    if connected is not None:
        return write_whole(path, lambda part: connected(surface, part))
    try:
        kind = "extxyz" if path.suffix in (".extxyz", ".xyz") else filetype(path.name, read=False)
        atoms = described(surface) if kind == "extxyz" else _bare(surface, kind)
        return write_whole(path, lambda part: write(part, atoms, format=kind))
    except UnknownFileTypeError as error:
        raise AskError(f"no format of ASE is known for {path.name!r}; .extxyz always works") from error


def _bare(surface: Surface, kind: str) -> Atoms:
    """Return the atoms of *surface* for a format that holds no more; a dot gets a box around it."""
    atoms = surface.atoms.copy()
    atoms.info = {}
    if not atoms.pbc.any():
        atoms.center(vacuum=BOX_VACUUM)
    if kind == "vasp":
        from ase.build import sort

        atoms = sort(atoms)
    return atoms  # type: ignore[no-any-return]


def read_surface(path: str | Path) -> Surface:
    """Read a Surface from extended XYZ that qdsurf wrote.

    Raises
    ------
    AskError
        No such file; it lacks the ledger that only qdsurf writes; or its atoms were sorted or moved since,
        so that its sites name others.
    """
    from ase import Atoms
    from ase.io import read

    path = Path(path)
    if not path.is_file():
        raise AskError(f"no file {str(path)!r}; {WRITERS}")
    try:
        atoms = read(path, format="extxyz")
        if not isinstance(atoms, Atoms):
            raise ValueError("it holds several structures")
        info = {k: _parsed(atoms.info[k]) for k in ("charges", "recipe", "sites", "bonds")}
    except Exception as error:
        raise AskError(
            f"{str(path)!r} is no structure that qdsurf wrote as .extxyz, which keeps ions and sites: "
            f"{error}; {WRITERS}"
        ) from error
    sites = tuple(_site(s) for s in info["sites"])
    _check_untouched(atoms, sites, path)
    charge, electrons = int(atoms.info["charge"]), int(atoms.info.get("electrons", 0))
    name = str(atoms.info["name"])
    atoms.set_array("species", atoms.arrays.pop(ION_COLUMN))
    atoms.info, atoms.calc = {k: v for k, v in atoms.info.items() if k not in WRITTEN}, None
    return Surface(
        name=name,
        atoms=atoms,
        charges=info["charges"],
        sites=sites,
        recipe=info["recipe"],
        target_charge=charge,
        electrons=electrons,
        bonds=tuple((int(i), int(j), float(o)) for i, j, o in info["bonds"]),
    )


def _check_untouched(atoms: Atoms, sites: tuple[Site, ...], path: Path) -> None:
    """Refuse a file whose columns, or whose order and place of atoms, are not those that were written."""
    from ase.geometry import find_mic

    lacking = [name for name in COLUMNS if name not in atoms.arrays]
    if lacking:
        raise AskError(f"{str(path)!r} lacks the columns {', '.join(lacking)}; {WRITERS}")
    held = [s for s in sites if len(s.atoms) == 1 and s.kind in ("anion site", "cation site")]
    if not held:
        return
    first = np.array([s.atoms[0] for s in held])
    other = first.max() >= len(atoms)
    if not other:
        named = atoms.arrays[ION_COLUMN][first].tolist()
        _, gaps = find_mic(
            atoms.positions[first] - np.array([s.position for s in held]), atoms.cell, atoms.pbc
        )
        other = named != [s.species for s in held] or float(np.median(gaps)) > MOVED
    if other:
        raise AskError(
            f"{str(path)!r}: its atoms were sorted or moved after qdsurf had written it, and its sites name "
            f"others; {WRITERS}"
        )


def _json(value: Any) -> str:
    """Return JSON; letters such as Å as they are, since readers of extended XYZ drop escapes."""
    return json.dumps(value, default=str, ensure_ascii=False)


def _parsed(value: Any) -> Any:
    """Return JSON parsed; extended XYZ readers may have parsed it already."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return json.loads(value) if isinstance(value, str) else value


def _plain(site: Site) -> dict[str, Any]:
    """Return *site* as plain numbers and strings."""
    plain = dict(vars(site))
    return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in plain.items()}


def _site(plain: dict[str, Any]) -> Site:
    """Return the Site of `_plain`."""
    values = dict(plain)
    for key in ("position", "normal"):
        values[key] = np.array(values[key], dtype=float)
    for key in ("atoms", "neighbours"):
        values[key] = tuple(int(i) for i in values[key])
    values["facet"] = None if values["facet"] is None else tuple(int(i) for i in values["facet"])
    return Site(**values)
