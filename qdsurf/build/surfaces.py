"""Named surfaces: entries of the shelf ``structures/surfaces``, each a crystal and how it is cut."""

from __future__ import annotations

from typing import Any

from qdsurf.build.slabs import cut_slab
from qdsurf.crystals import load_crystal
from qdsurf.errors import AskError, BadEntry
from qdsurf.library import read_entry, require
from qdsurf.model.nouns import Source, Surface

_NEEDED: dict[str, type | tuple[type, ...]] = {
    "title": str,
    "crystal": str,
    "hkl": (str, list),
    "layers": int,
    "termination": str,
    "source": dict,
}
_ALLOWED = ("repeat", "vacuum", "symmetric", "compensate", "fixed", "max_dipole")


def load_surface(name: str, **changes: Any) -> Surface:
    """Return the slab of an entry of the shelf ``structures/surfaces``.

    Parameters
    ----------
    name
        Name on the shelf ("CsPbBr3-001-CsBr"); ``list_shelf("surfaces")`` gives all.
    **changes
        Arguments of ``cut_slab`` that replace those of the entry, as ``repeat=(3, 3)``.

    Raises
    ------
    UnknownName
        No such entry, or no such crystal.
    BadEntry
        The entry breaks the schema.
    AskError
        A change is no argument of ``cut_slab``, or the slab cannot be cut so.

    Examples
    --------
    >>> slab = load_surface("PbS-111-Pb-Cl", repeat=(2, 2))
    >>> str(slab.ledger)
    '8 Cl(-1), 20 Pb(+2), 16 S(-2); net charge +0'
    """
    entry = read_entry("surfaces", name)
    where = f"structures/surfaces/{entry['name']}.toml"
    require(entry, _NEEDED, where)
    unknown = sorted(set(entry) - set(_NEEDED) - set(_ALLOWED) - {"name"})
    if unknown:
        raise BadEntry(f"{where}: unknown key {unknown[0]!r}; known: {', '.join((*_NEEDED, *_ALLOWED))}")
    try:
        Source(**entry["source"])
    except TypeError as error:
        raise BadEntry(f"{where}: [source]: {error}") from error
    given = {k: v for k, v in entry.items() if k not in ("name", "title", "source", "crystal", "hkl")}
    wrong = sorted(set(changes) - {*_ALLOWED, "layers", "termination", "charge", "lattice_constant"})
    if wrong:
        raise AskError(f"a surface is not changed by {wrong[0]!r}; such as layers, repeat, vacuum, fixed")
    hkl = entry["hkl"] if isinstance(entry["hkl"], str) else tuple(entry["hkl"])
    return cut_slab(load_crystal(entry["crystal"]), hkl, **{**given, **changes})
