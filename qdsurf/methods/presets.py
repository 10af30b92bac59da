"""Read a preset of the shelf ``calculators/`` into a Method; nothing is imported until it runs."""

from __future__ import annotations

from typing import Any

from qdsurf.errors import BadEntry
from qdsurf.library import read_entry, require
from qdsurf.model.nouns import Method

_KEYS: dict[str, type | tuple[type, ...]] = {
    "title": str,
    "calculator": str,
    "extra": str,
    "elements": list,
    "periodic": bool,
    "charged": bool,
    "boxed": bool,
    "class_error": (int, float),
    "class_error_source": str,
    "cite": list,
    "good_for": str,
    "bad_for": str,
    "warnings": list,
    "settings": dict,
}
# Fields of the shelf that inform the reader of the file and are not part of a Method.
_INFORMATIVE = {"name", "functional", "cost", "run"}


def load_method(name: str, **overrides: Any) -> Method:
    """Return the method *name* from the shelf ``calculators/``.

    Parameters
    ----------
    name
        File name without ".toml"; upper and lower case are the same.
    **overrides
        Settings of the calculator that replace or extend those of the preset, in the calculator's
        own units.

    Raises
    ------
    UnknownName
        No such method; the message lists the nearest names.
    BadEntry
        The file breaks the schema; names file and key.

    Examples
    --------
    >>> load_method("EMT").title
    'Effective medium theory'
    >>> load_method("sevennet-0", device="cuda").settings["device"]
    'cuda'
    """
    entry = read_entry("calculators", name)
    where = f"calculators/{entry['name']}.toml"
    require(entry, _KEYS, where)
    unknown = sorted(set(entry) - set(_KEYS) - _INFORMATIVE)
    if unknown:
        raise BadEntry(f"{where}: unknown key {', '.join(map(repr, unknown))}")
    module, _, cls = entry["calculator"].partition(":")
    if not (module and cls):
        raise BadEntry(f"{where}: 'calculator' must be \"module:Class\", not {entry['calculator']!r}")
    return Method(
        name=entry["name"],
        title=entry["title"],
        calculator=entry["calculator"],
        settings={**entry["settings"], **overrides},
        extra=entry["extra"],
        elements=tuple(entry["elements"]),
        periodic=entry["periodic"],
        charged=entry["charged"],
        boxed=entry["boxed"],
        class_error=float(entry["class_error"]),
        class_error_source=entry["class_error_source"],
        cite=tuple(entry["cite"]),
        good_for=entry["good_for"],
        bad_for=entry["bad_for"],
        warnings=tuple(entry["warnings"]),
    )
