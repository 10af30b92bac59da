"""Ligands of the shelf ``structures/ligands``, by name, alias or file."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from qdsurf.errors import AskError, BadEntry, UnknownName
from qdsurf.library import list_shelf, read_entry, require
from qdsurf.ligands.files import is_file, ligand_from_file
from qdsurf.ligands.salts import combine
from qdsurf.ligands.smiles import Anchors, ligand_from_smiles
from qdsurf.model.nouns import Ligand, Source

_KEYS: dict[str, type | tuple[type, ...]] = {
    "smiles": str,
    "charge": int,
    "cbc_class": str,
    "anchors": list,
    "binds": str,
    "family": str,
    "free_forms": dict,
    "source": dict,
}
_SALT_KEYS: dict[str, type | tuple[type, ...]] = {"ions": list, "family": str, "source": dict}


def load_ligand(
    name: str | Path,
    *,
    charge: int | None = None,
    anchor: Anchors = None,
    conformers: int = 8,
    seed: int = 0,
) -> Ligand:
    """Return a ligand of the shelf by name or alias, or of a file.

    Parameters
    ----------
    name
        Name of a file of ``structures/ligands`` without its ending, or one of its aliases ("OA-", "I-",
        "TOPO"), upper and lower case alike; or the path of an SDF, MOL or XYZ file.
    charge
        Charge of the bound form, in elementary charges; needed for XYZ. Elsewhere it must agree.
    anchor
        As for :func:`ligand_from_smiles`, in place of the anchors of the entry.
    conformers
        Largest number of geometries in Å.
    seed
        Seed of the embedding.

    Returns
    -------
    Ligand
        With conformers in Å and its charge in elementary charges. That of a salt has ``ions``.

    Raises
    ------
    UnknownName
        No such ligand; the message lists the nearest names.
    BadEntry
        The entry breaks its schema, or says another charge, class or site than its SMILES and anchors
        give.
    AskError
        The file cannot be read, or *charge* is missing or contradicts it.

    Examples
    --------
    >>> load_ligand("oleate").charge
    -1
    >>> load_ligand("I-").name
    'iodide'
    """
    if is_file(name):
        return ligand_from_file(name, charge=charge, anchor=anchor, conformers=conformers, seed=seed)
    entry = _entry(str(name))
    where = f"structures/ligands/{entry['name']}.toml"
    salt = "ions" in entry
    require(entry, _SALT_KEYS if salt else _KEYS, where)
    require(entry["source"], {"text": str, "status": str}, f"{where} [source]")
    try:
        source = Source(**entry["source"])
    except TypeError as error:
        raise BadEntry(f"{where} [source]: {error}") from error
    if salt:
        ligand = _salt(entry, source, where, conformers, seed)
    else:
        ligand = _one(entry, source, where, anchor, conformers, seed)
    if charge is not None and charge != ligand.charge:
        raise AskError(f"{ligand.name} of the shelf has charge {ligand.charge:+d}, not {charge:+d}")
    return ligand


def _entry(name: str) -> dict[str, Any]:
    """Return the entry of that name, or the one that has it among its aliases."""
    try:
        return read_entry("ligands", name)
    except UnknownName:
        aliases = _aliases(os.environ.get("QDSURF_LIBRARY", ""))
        if name.lower() in aliases:
            return read_entry("ligands", aliases[name.lower()])
        raise UnknownName("ligand", name, [*list_shelf("ligands"), *aliases]) from None


@lru_cache(maxsize=8)
def _aliases(library: str) -> dict[str, str]:
    """Return the name of the entry of each alias and each name, in small letters; *library* is the key."""
    found: dict[str, str] = {}
    for one in list_shelf("ligands"):
        for alias in (one, *read_entry("ligands", one).get("aliases", [])):
            found[str(alias).lower()] = one
    return found


def is_known(name: str) -> bool:
    """Whether *name* is a name or an alias of the shelf; fast, for lists of thousands of SMILES."""
    return name.lower() in _aliases(os.environ.get("QDSURF_LIBRARY", ""))


def _one(
    entry: dict[str, Any], source: Source, where: str, anchor: Anchors, conformers: int, seed: int
) -> Ligand:
    """Return the ligand of an entry with a SMILES, checked against it."""
    try:
        found = ligand_from_smiles(
            entry["smiles"], name=entry["name"], anchor=entry["anchors"], conformers=conformers, seed=seed
        )
    except AskError as error:
        raise BadEntry(f"{where}: {error}") from error
    for key in ("charge", "cbc_class", "binds"):
        if entry[key] != getattr(found, key):
            raise BadEntry(
                f"{where}: {key!r} is {entry[key]!r}, but SMILES and anchors give {getattr(found, key)!r}"
            )
    anchors = tuple(
        replace(one, smarts=smarts) for one, smarts in zip(found.anchors, entry["anchors"], strict=True)
    )
    if anchor is not None:
        found = ligand_from_smiles(
            entry["smiles"], name=entry["name"], anchor=anchor, conformers=conformers, seed=seed
        )
        anchors = found.anchors
    reasons = (*found.reasons, entry["note"]) if entry.get("note") else found.reasons
    return replace(
        found,
        anchors=anchors,
        free_forms={**found.free_forms, **entry["free_forms"]},
        source=source,
        family=entry["family"],
        reasons=reasons,
    )


def _salt(entry: dict[str, Any], source: Source, where: str, conformers: int, seed: int) -> Ligand:
    """Return the ligand of an entry with ions."""
    try:
        ions = [load_ligand(ion, conformers=conformers, seed=seed) for ion in entry["ions"]]
        return combine(ions, name=entry["name"], source=source, family=entry["family"])
    except AskError as error:
        raise BadEntry(f"{where}: 'ions': {error}") from error
