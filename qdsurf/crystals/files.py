"""Crystals in structure files: read from any format of ASE, written with their ions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qdsurf.crystals.charges import COMMON_CHARGES, DOPANT_CHARGES, MOLECULAR_CHARGES
from qdsurf.crystals.molecules import molecules_in
from qdsurf.crystals.shelf import neutral, numbered
from qdsurf.errors import AskError, ChargeError
from qdsurf.model.files import ION_COLUMN, write_whole
from qdsurf.model.nouns import Crystal, Source

if TYPE_CHECKING:
    from ase import Atoms

_WRITTEN = ("name", "charges", "space_group", "source", "temperature", "pseudocubic", "recipe")


def write_crystal(crystal: Crystal, path: str | Path) -> Path:
    """Write *crystal* in the format of ASE that the ending of *path* names.

    Extended XYZ keeps ions, charges, source and recipe; from other formats ``load_crystal`` finds
    the molecular cations again by their bonds.

    Raises
    ------
    AskError
        The ending names no format that ASE can write, or there is no such folder.

    Examples
    --------
    >>> import tempfile
    >>> from qdsurf.crystals import load_crystal
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_crystal(load_crystal("FAPbI3"), f"{folder}/fapbi3.cif")
    ...     str(load_crystal(path).ledger)
    '3 I(-1), 1 Pb(+2), 1 formamidinium(+1); net charge +0'
    """
    from ase.io import write
    from ase.io.formats import UnknownFileTypeError, filetype, ioformats

    path = Path(path)
    try:
        kind = "extxyz" if path.suffix in (".extxyz", ".xyz") else filetype(path.name, read=False)
    except UnknownFileTypeError:
        kind = ""
    if kind not in ioformats or not ioformats[kind].can_write:
        raise AskError(f"no format that ASE writes is known for {path.name!r}; .extxyz always works")
    atoms = crystal.atoms.copy()
    atoms.info, atoms.calc = {}, None
    if kind == "extxyz":
        # extended XYZ reserves the column "species" for the chemical symbols
        atoms.set_array(ION_COLUMN, atoms.arrays.pop("species"))
        atoms.info = {k: _text(getattr(crystal, k)) for k in _WRITTEN}
    elif kind == "vasp":
        from ase.build import sort

        atoms = sort(atoms)
    return write_whole(path, lambda part: write(part, atoms, format=kind))


def _text(value: Any) -> str:
    """Return *value* as JSON; names and symbols as they are."""
    if isinstance(value, str):
        return value
    # the reader of extended XYZ drops the backslashes of escaped characters
    return json.dumps(vars(value) if isinstance(value, Source) else value, default=dict, ensure_ascii=False)


def read_crystal(path: Path, charges: Mapping[str, int] | None) -> Crystal:
    """Return the crystal of a structure file.

    Raises
    ------
    AskError
        ASE cannot read the file, or it holds no periodic crystal.
    ChargeError
        A charge is unknown, or the cell is not neutral.
    """
    from ase import Atoms
    from ase.io import read

    try:
        loaded = read(path)
    except Exception as error:  # the readers of ASE raise whatever they meet, with or without words
        raise AskError(
            f"{path}: ASE cannot read this file: {str(error) or type(error).__name__}; a crystal is a name "
            "that `qdsurf list bulk` shows, or a file such as CIF, POSCAR or extended XYZ"
        ) from error
    if not isinstance(loaded, Atoms) or not loaded.pbc.all():
        raise AskError(f"{path}: not a crystal (it must be periodic in all three directions)")
    if ION_COLUMN in loaded.arrays and "fragment" in loaded.arrays and "space_group" in loaded.info:
        return _ours(loaded, path, charges)
    whole = _conventional(loaded)
    note = "Given by the user."
    if len(whole) > len(loaded):
        note += " The file has a primitive cell; Miller indices and sizes refer to the conventional one."
    atoms = _with_ions(whole)
    species = sorted(set(atoms.arrays["species"].tolist()))
    return neutral(
        Crystal(
            name=path.stem,
            atoms=atoms,
            charges=_known(species, charges, path.name),
            space_group=_space_group(atoms),
            source=Source(text=f"file {path.name}", licence="that of the file", note=note),
        )
    )


def _conventional(atoms: Atoms) -> Atoms:
    """Return *atoms* in the conventional cell where theirs is the primitive one of a centred lattice.

    Facets are named in the conventional cell: (100) of the primitive cell of rock salt would be its (111).
    Rhombohedral cells stay, since facets are named in both.
    """
    import spglib
    from ase.build import make_supercell

    cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    found = spglib.get_symmetry_dataset(cell, symprec=1e-3)
    if found is None or found.international[0] not in "FIABC":
        return atoms
    rows = np.linalg.inv(found.transformation_matrix).T
    whole = np.round(rows)
    if not np.allclose(rows, whole, atol=1e-3) or np.linalg.det(whole) < 1.5:
        return atoms
    expanded: Atoms = make_supercell(atoms, whole.astype(int))
    return expanded


def _ours(loaded: Atoms, path: Path, charges: Mapping[str, int] | None) -> Crystal:
    """Return the crystal that `write_crystal` wrote as extended XYZ."""
    from ase import Atoms as AtomsClass

    try:
        info = {k: _parsed(loaded.info[k]) for k in _WRITTEN}
        source = Source(**info["source"])
    except (KeyError, TypeError, ValueError) as error:
        raise AskError(f"{path}: written by qdsurf, but changed since: {error}") from error
    atoms = AtomsClass(loaded.get_chemical_symbols(), loaded.positions, cell=loaded.cell, pbc=True)
    atoms.set_array("fragment", loaded.arrays["fragment"])
    atoms.set_array("species", loaded.arrays[ION_COLUMN].astype("U32"))
    axes = info["pseudocubic"]
    return neutral(
        Crystal(
            name=info["name"],
            atoms=atoms,
            charges=dict(charges or info["charges"]),
            space_group=info["space_group"],
            source=source,
            temperature=info["temperature"],
            pseudocubic=None if axes is None else tuple(tuple(row) for row in axes),
            recipe=info["recipe"],
        )
    )


def _parsed(value: Any) -> Any:
    """Return JSON parsed where it is JSON; the reader of extended XYZ may have parsed it already."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _with_ions(loaded: Atoms) -> Atoms:
    """Return the atoms with their ions: molecules found by their bonds, every other atom alone."""
    from ase import Atoms as AtomsClass

    atoms = AtomsClass(loaded.get_chemical_symbols(), loaded.positions, cell=loaded.cell, pbc=True)
    numbered(atoms, atoms.get_chemical_symbols())
    for members, name in molecules_in(atoms):
        atoms.arrays["fragment"][members] = members[0]
        atoms.arrays["species"][members] = name
    atoms.arrays["fragment"] = np.unique(atoms.arrays["fragment"], return_inverse=True)[1]
    return atoms


def _known(species: list[str], charges: Mapping[str, int] | None, name: str) -> dict[str, int]:
    """Return the formal charges of *species*, those of the user first."""
    if charges is None:
        # a crystal of one element is a metal
        metal = {species[0]: 0} if len(species) == 1 else {}
        charges = {**DOPANT_CHARGES, **COMMON_CHARGES, **metal}
    known = {**MOLECULAR_CHARGES, **charges}
    unknown = [s for s in species if s not in known]
    if unknown:
        raise ChargeError(f"{name}: no formal charge is known for {', '.join(unknown)}; give charges=")
    return {s: known[s] for s in species}


def _space_group(atoms: Atoms) -> str:
    """Return symbol and number as spglib finds them within 0.001 Å."""
    import spglib

    cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    return str(spglib.get_spacegroup(cell, symprec=1e-3))
