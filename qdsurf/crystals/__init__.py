"""Bulk crystals with formal charges: from the shelf, or from any file that ASE reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from qdsurf.crystals.charges import COMMON_CHARGES, DOPANT_CHARGES, ion
from qdsurf.errors import AskError, UnknownName
from qdsurf.library import read_entry
from qdsurf.model.nouns import Crystal

__all__ = ["COMMON_CHARGES", "DOPANT_CHARGES", "ion", "load_crystal"]


def load_crystal(name_or_path: str | Path, *, charges: Mapping[str, int] | None = None) -> Crystal:
    """Return a crystal from the shelf or from a structure file.

    Parameters
    ----------
    name_or_path
        Name on the shelf ``structures/bulk`` ("CsPbBr3-cubic"), or the path of a CIF or of any
        other periodic structure file that ASE reads. Methylammonium and formamidinium are found in
        it by their bonds; extended XYZ written by qdsurf says itself what its ions are. The primitive
        cell of a centred lattice is made the conventional one, in which facets are named.
    charges
        Formal charge by element or molecule, in elementary charges; replaces those of the entry. For
        files it may be left out: the tables ``COMMON_CHARGES`` and ``DOPANT_CHARGES`` are then used
        (a metal of one element gets 0). Molecules without a name go by their formula ("C2H8N").

    Raises
    ------
    UnknownName
        Neither an entry of the shelf nor a file.
    ChargeError
        A charge is unknown, or the cell is not neutral.
    BadEntry
        The entry breaks the schema.
    AskError
        There is no such file, or it is not a periodic crystal.

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
            if path.suffix or len(path.parts) > 1:
                raise AskError(f"no file {str(path)!r}, nor a crystal of that name on the shelf") from None
            raise
        from qdsurf.crystals.files import read_crystal

        return read_crystal(path, charges)
    from qdsurf.crystals.shelf import from_entry

    return from_entry(entry, charges)
