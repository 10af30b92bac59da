"""Bulk crystals with formal charges: from the shelf, or from any file that ASE reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qdsurf.errors import AskError, BadEntry, ChargeError, UnknownName
from qdsurf.library import read_entry, require
from qdsurf.model.nouns import Crystal, Source

if TYPE_CHECKING:
    from ase import Atoms

# Oxidation states that the elements have in nearly all of their binary and perovskite solids.
# Elements with several common states (Fe, Cu, Mn, ...) are left out on purpose: the user says.
# Tin and germanium are +2 as in the halide perovskites and monochalcogenides.
COMMON_CHARGES: Mapping[str, int] = {
    **dict.fromkeys(("Li", "Na", "K", "Rb", "Cs", "Ag"), 1),
    **dict.fromkeys(("Be", "Mg", "Ca", "Sr", "Ba", "Zn", "Cd", "Hg", "Pb", "Sn", "Ge"), 2),
    **dict.fromkeys(("B", "Al", "Ga", "In", "Bi", "Sc", "Y", "La"), 3),
    **dict.fromkeys(("Ti", "Zr", "Hf", "Si"), 4),
    **dict.fromkeys(("F", "Cl", "Br", "I"), -1),
    **dict.fromkeys(("O", "S", "Se", "Te"), -2),
    **dict.fromkeys(("N", "P", "As"), -3),
}
_ENTRY_KEYS: dict[str, type | tuple[type, ...]] = {
    "title": str,
    "space_group": str,
    "cell": list,
    "charges": dict,
    "atoms": list,
    "source": dict,
}


def load_crystal(name_or_path: str | Path, *, charges: Mapping[str, int] | None = None) -> Crystal:
    """Return a crystal from the shelf or from a structure file.

    Parameters
    ----------
    name_or_path
        Name on the shelf ``structures/bulk`` ("CsPbBr3-cubic"), or the path of a CIF or of any
        other periodic structure file that ASE reads.
    charges
        Formal charge by element, in elementary charges; replaces those of the entry. For files it
        may be left out: the table ``COMMON_CHARGES`` is then used (a metal of one element gets 0).

    Raises
    ------
    UnknownName
        Neither an entry of the shelf nor a file.
    ChargeError
        A charge is unknown, or the cell is not neutral.
    BadEntry
        The entry breaks the schema.
    AskError
        The file is not a periodic crystal.

    Examples
    --------
    >>> crystal = load_crystal("CsPbBr3-cubic")
    >>> crystal.charges["Pb"], len(crystal.atoms)
    (2, 5)
    """
    path = Path(name_or_path)
    try:
        entry = read_entry("bulk", str(name_or_path))
    except UnknownName:
        if not path.is_file():
            raise
        return _from_file(path, charges)
    return _from_entry(entry, charges)


def _neutral(crystal: Crystal) -> Crystal:
    """Return *crystal*, or refuse it when its cell has a net charge."""
    ledger = crystal.ledger
    if ledger.charge:
        raise ChargeError(f"{crystal.name}: the cell has charge {ledger.charge:+d} ({ledger}); give charges=")
    return crystal


def _numbered(atoms: Atoms, species: Iterable[str]) -> Atoms:
    """Make every atom of *atoms* one ion with its own fragment number."""
    import numpy as np

    atoms.set_array("fragment", np.arange(len(atoms)))
    atoms.set_array("species", np.array(list(species), dtype="U32"))
    return atoms


def _from_entry(entry: dict[str, Any], charges: Mapping[str, int] | None) -> Crystal:
    """Build the crystal of a shelf entry."""
    import numpy as np
    from ase import Atoms
    from ase.spacegroup import crystal as expand

    where = f"structures/bulk/{entry['name']}.toml"
    require(entry, _ENTRY_KEYS, where)
    found = re.search(r"\((\d+)\)\s*$", entry["space_group"])
    if found is None:
        raise BadEntry(f"{where}: 'space_group' must end with its number, as in 'Pm-3m (221)'")
    for atom in entry["atoms"]:
        require(atom, {"element": str, "position": list}, f"{where} [[atoms]]")
    expanded = expand(
        [a["element"] for a in entry["atoms"]],
        [a["position"] for a in entry["atoms"]],
        spacegroup=int(found[1]),
        cellpar=entry["cell"],
    )
    atoms = Atoms(expanded.get_chemical_symbols(), expanded.positions, cell=expanded.cell, pbc=True)
    _numbered(atoms, atoms.get_chemical_symbols())
    known = dict(charges or entry["charges"])
    for number, molecule in enumerate(entry.get("molecules", [])):
        keys: dict[str, type | tuple[type, ...]] = {"name": str, "charge": int, "centre": list}
        require(molecule, {**keys, "elements": list, "positions": list}, f"{where} [[molecules]]")
        centre = np.asarray(molecule["centre"]) @ expanded.cell.array
        added = Atoms(molecule["elements"], np.asarray(molecule["positions"]) + centre)
        added.set_array("fragment", np.full(len(added), len(expanded) + number))
        added.set_array("species", np.array([molecule["name"]] * len(added), dtype="U32"))
        atoms += added
        known.setdefault(molecule["name"], molecule["charge"])
    pseudocubic = entry.get("pseudocubic")
    return _neutral(
        Crystal(
            name=entry["name"],
            atoms=atoms,
            charges=known,
            space_group=entry["space_group"],
            source=Source(**entry["source"]),
            temperature=entry.get("temperature"),
            pseudocubic=None if pseudocubic is None else tuple(tuple(row) for row in pseudocubic),
        )
    )


def _from_file(path: Path, charges: Mapping[str, int] | None) -> Crystal:
    """Build the crystal of a structure file; every atom becomes an ion."""
    import spglib
    from ase import Atoms
    from ase.io import read

    try:
        loaded = read(path)
    except Exception as error:  # the readers of ASE raise whatever they meet
        raise AskError(f"{path}: ASE cannot read this file: {error}") from error
    if not isinstance(loaded, Atoms) or not loaded.pbc.all():
        raise AskError(f"{path}: not a crystal (it must be periodic in all three directions)")
    symbols = loaded.get_chemical_symbols()
    elements = sorted(set(symbols))
    if charges is None:
        known = {elements[0]: 0} if len(elements) == 1 else dict(COMMON_CHARGES)
    else:
        known = dict(charges)
    unknown = [e for e in elements if e not in known]
    if unknown:
        raise ChargeError(f"{path.name}: no formal charge is known for {', '.join(unknown)}; give charges=")
    atoms = Atoms(symbols, loaded.positions, cell=loaded.cell, pbc=True)
    cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    return _neutral(
        Crystal(
            name=path.stem,
            atoms=_numbered(atoms, symbols),
            charges={e: known[e] for e in elements},
            space_group=str(spglib.get_spacegroup(cell, symprec=1e-3)),
            source=Source(text=f"file {path.name}", licence="that of the file", note="Given by the user."),
        )
    )
