"""Ligands of the shelf ``structures/ligands``."""

from __future__ import annotations

from dataclasses import replace

from qdsurf.errors import AskError, BadEntry
from qdsurf.library import read_entry, require
from qdsurf.ligands.smiles import ligand_from_smiles
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


def load_ligand(name: str) -> Ligand:
    """Return a ligand of the shelf by name; upper and lower case are the same.

    Parameters
    ----------
    name
        Name of a file of ``structures/ligands`` without its ending.

    Returns
    -------
    Ligand
        With conformers in Å and its charge in elementary charges.

    Raises
    ------
    UnknownName
        No such ligand; the message lists the nearest names.
    BadEntry
        The entry breaks its schema, or says another charge, class or site than its SMILES and anchors
        give.

    Examples
    --------
    >>> load_ligand("oleate").charge
    -1
    """
    entry = read_entry("ligands", name)
    where = f"structures/ligands/{entry['name']}.toml"
    require(entry, _KEYS, where)
    require(entry["source"], {"text": str, "status": str}, f"{where} [source]")
    try:
        found = ligand_from_smiles(entry["smiles"], name=entry["name"], anchor=entry["anchors"])
    except AskError as error:
        raise BadEntry(f"{where}: {error}") from error
    for key in ("charge", "cbc_class", "binds"):
        if entry[key] != getattr(found, key):
            raise BadEntry(
                f"{where}: {key!r} is {entry[key]!r}, but SMILES and anchors give {getattr(found, key)!r}"
            )
    try:
        source = Source(**entry["source"])
    except TypeError as error:
        raise BadEntry(f"{where} [source]: {error}") from error
    reasons = (*found.reasons, entry["note"]) if entry.get("note") else found.reasons
    anchors = tuple(
        replace(anchor, smarts=smarts) for anchor, smarts in zip(found.anchors, entry["anchors"], strict=True)
    )
    return replace(
        found,
        anchors=anchors,
        free_forms=entry["free_forms"],
        source=source,
        family=entry["family"],
        reasons=reasons,
    )
