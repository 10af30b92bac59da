"""Crystals of the shelf ``structures/bulk``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from qdsurf.errors import BadEntry, ChargeError
from qdsurf.library import require
from qdsurf.model.nouns import Crystal, Source

if TYPE_CHECKING:
    from ase import Atoms

_ENTRY_KEYS: dict[str, type | tuple[type, ...]] = {
    "title": str,
    "space_group": str,
    "cell": list,
    "charges": dict,
    "atoms": list,
    "source": dict,
}
_MOLECULE_KEYS: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "charge": int,
    "centre": list,
    "elements": list,
    "positions": list,
}


def neutral(crystal: Crystal) -> Crystal:
    """Return *crystal*, or refuse it when its cell has a net charge.

    Raises
    ------
    ChargeError
        The formal charges do not sum to zero.
    """
    ledger = crystal.ledger
    if ledger.charge:
        raise ChargeError(f"{crystal.name}: the cell has charge {ledger.charge:+d} ({ledger}); give charges=")
    return crystal


def numbered(atoms: Atoms, species: Iterable[str]) -> Atoms:
    """Make every atom of *atoms* one ion with its own fragment number."""
    atoms.set_array("fragment", np.arange(len(atoms)))
    atoms.set_array("species", np.array(list(species), dtype="U32"))
    return atoms


def from_entry(entry: Mapping[str, Any], charges: Mapping[str, int] | None) -> Crystal:
    """Return the crystal of a shelf entry.

    Raises
    ------
    BadEntry
        The entry breaks the schema.
    ChargeError
        A charge is unknown, or the cell is not neutral.
    """
    from ase import Atoms
    from ase.spacegroup import crystal as expand

    where = f"structures/bulk/{entry['name']}.toml"
    require(dict(entry), _ENTRY_KEYS, where)
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
    numbered(atoms, atoms.get_chemical_symbols())
    known = dict(charges or entry["charges"])
    for number, molecule in enumerate(entry.get("molecules", [])):
        require(molecule, _MOLECULE_KEYS, f"{where} [[molecules]]")
        centre = np.asarray(molecule["centre"]) @ expanded.cell.array
        added = Atoms(molecule["elements"], np.asarray(molecule["positions"]) + centre)
        added.set_array("fragment", np.full(len(added), len(expanded) + number))
        added.set_array("species", np.array([molecule["name"]] * len(added), dtype="U32"))
        atoms += added
        known.setdefault(molecule["name"], molecule["charge"])
    pseudocubic = entry.get("pseudocubic")
    return neutral(
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
