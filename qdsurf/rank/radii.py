"""Radii by named set, each with its source; sets are never mixed without saying so.

A set is one file of the shelf ``radii``. Shannon's set has no molecules, so its file says that
Kieslich's completes it; a composition that needs both is shown as "shannon + kieslich". Any other
mixture has to be asked for by name: ``radii="cspbx3-review + shannon"``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from qdsurf.errors import AskError, BadEntry
from qdsurf.library import list_shelf, read_entry, require
from qdsurf.model.nouns import Source, Status

ROMAN = {1: "I", 2: "II", 3: "III", 4: "IV", 5: "V", 6: "VI", 7: "VII", 8: "VIII", 9: "IX", 10: "X",
         11: "XI", 12: "XII", 14: "XIV"}  # fmt: skip
_COORDINATION = re.compile(r"(\d+)(sq|py)?(?: in (\w+))?")


@dataclass(frozen=True, kw_only=True)
class Radius:
    """A radius as it was used.

    Attributes
    ----------
    ion, charge
        "Pb", 2.
    value
        Å.
    coordination
        Coordination that the value belongs to: "XII", "VI in I", or "any" for a molecule.
    wanted
        Coordination number of the site: 12 for A, 6 for B and X.
    set
        Name of the set.
    source, status, note
        Where the value comes from, how sure it is, and what to know.
    """

    ion: str
    charge: int
    value: float
    coordination: str
    wanted: int
    set: str
    source: Source
    status: Status
    note: str = ""

    @property
    def exact(self) -> bool:
        """Whether the value belongs to the wanted coordination."""
        return self.coordination.split()[0] in ("any", ROMAN[self.wanted])

    def __str__(self) -> str:
        """Return ion, coordination, value, set and status in one line."""
        where = "molecule" if self.coordination == "any" else self.coordination
        near = "" if self.exact else f", nearest to {ROMAN[self.wanted]}"
        sure = ", UNVERIFIED" if self.status == "unverified" else ""
        name = ion_name(self.ion, self.charge)
        return f"{name} ({where}{near}) {self.value:.4g} Å [{self.set}{sure}]"


@dataclass(frozen=True, kw_only=True, eq=False)
class RadiiSet:
    """One named set of radii.

    Attributes
    ----------
    radii
        (ion, charge) to {coordination: Å}.
    scale
        What the radii are relative to; radii of different scales do not mix.
    completed_by
        Sets that may fill its gaps, because they were made for it.
    """

    name: str
    title: str
    scale: str
    completed_by: tuple[str, ...]
    source: Source
    radii: Mapping[tuple[str, int], Mapping[str, float]]
    aliases: Mapping[str, Sequence[str]]
    statuses: Mapping[str, Status]
    notes: Mapping[str, str]


def ion_name(ion: str, charge: int) -> str:
    """Return "Pb2+" for ("Pb", 2), "I-" for ("I", -1)."""
    size = str(abs(charge)) if abs(charge) != 1 else ""
    return f"{ion}{size}{'+' if charge > 0 else '-'}"


def load_radii(name: str) -> RadiiSet:
    """Return the set *name* of the shelf ``radii``.

    Raises
    ------
    UnknownName
        No such set; the message lists the nearest names.
    BadEntry
        The file breaks the schema; names file and key.

    Examples
    --------
    >>> load_radii("shannon").radii["Pb", 2]["6"]
    1.19
    """
    return _load(name, os.environ.get("QDSURF_LIBRARY", ""))


@lru_cache(maxsize=64)
def _load(name: str, _library: str) -> RadiiSet:
    """Read a set; the private library is part of the key, as it may hide a set of the same name."""
    entry = read_entry("radii", name)
    where = f"radii/{entry['name']}.toml"
    require(entry, {"title": str, "scale": str, "completed_by": list, "source": dict, "radii": dict}, where)
    radii: dict[tuple[str, int], dict[str, float]] = {}
    for key, values in entry["radii"].items():
        match = re.fullmatch(r"(\w+?)([+-]\d+)", key)
        if match is None or not isinstance(values, dict):
            raise BadEntry(
                f'{where}: {key!r} in [radii] is no ion with a charge, such as "Pb+2" = {{ 6 = 1.19 }}'
            )
        for coordination, value in values.items():
            if coordination != "any" and not _COORDINATION.fullmatch(coordination):
                raise BadEntry(f"{where}: {key!r}: {coordination!r} is no coordination (6, 4sq, any, 6 in I)")
            if not isinstance(value, int | float):
                raise BadEntry(f"{where}: {key!r}: the radius {value!r} is no number")
        radii[match[1], int(match[2])] = {c: float(v) for c, v in values.items()}
    return RadiiSet(
        name=entry["name"],
        title=entry["title"],
        scale=entry["scale"],
        completed_by=tuple(entry["completed_by"]),
        source=Source(**entry["source"]),
        radii=radii,
        aliases=entry.get("aliases", {}),
        statuses=entry.get("status", {}),
        notes=entry.get("notes", {}),
    )


def molecules() -> tuple[tuple[str, str], ...]:
    """Return (alias, name) of every molecular ion of the shelf, longest alias first."""
    return _molecules(os.environ.get("QDSURF_LIBRARY", ""))


@lru_cache(maxsize=8)
def _molecules(library: str) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for name in list_shelf("radii"):
        aliases = _load(name, library).aliases
        for short, others in aliases.items():
            found.update(dict.fromkeys((short, *others), short))
    return tuple(sorted(found.items(), key=lambda pair: (-len(pair[0]), pair[0])))


def molecule_charge(ion: str) -> int | None:
    """Return the charge of a molecular ion, None where *ion* is not one."""
    if ion not in {name for _, name in molecules()}:
        return None
    return next(iter(charges_with_radius(ion)))


@lru_cache(maxsize=4096)
def _known(ion: str, _library: str) -> frozenset[int]:
    return frozenset(q for name in list_shelf("radii") for i, q in load_radii(name).radii if i == ion)


def charges_with_radius(ion: str) -> frozenset[int]:
    """Return the charges of *ion* for which at least one set has a radius.

    >>> sorted(charges_with_radius("Sn"))
    [2, 4]
    """
    return _known(ion, os.environ.get("QDSURF_LIBRARY", ""))


def sets_with(ion: str, charge: int) -> list[str]:
    """Return the names of the sets that have *ion* with *charge*.

    >>> sets_with("Sn", 2)
    ['travis']
    """
    return [name for name in list_shelf("radii") if (ion, charge) in load_radii(name).radii]


def chain(radii: str) -> tuple[RadiiSet, ...]:
    """Return the sets that *radii* asks for, in the order in which they are searched.

    One name takes the sets that complete it along; several, joined by "+", are taken as they are.

    >>> [s.name for s in chain("shannon")], [s.name for s in chain("cspbx3-review + shannon")]
    (['shannon', 'kieslich'], ['cspbx3-review', 'shannon'])
    """
    names = [name.strip() for name in radii.split("+")]
    if not all(names):
        raise AskError(f"{radii!r} names no radii set; the sets are {', '.join(list_shelf('radii'))}")
    first = load_radii(names[0])
    others = names[1:] if len(names) > 1 else list(first.completed_by)
    return (first, *(load_radii(name) for name in others))


def find_radius(
    ion: str, charge: int, wanted: int, sets: Sequence[RadiiSet], anions: Mapping[str, float]
) -> Radius:
    """Return the radius of an ion from the first of *sets* that has it.

    Parameters
    ----------
    wanted
        Coordination number; the nearest that the set has is taken, and said.
    anions
        Fractions of the anions, for sets whose radii depend on the anion: the mean is taken.

    Raises
    ------
    AskError
        No radius in these sets; the message names the sets that have one.
    """
    for one in sets:
        values = one.radii.get((ion, charge))
        found = None if values is None else _pick(values, wanted, anions)
        if found is None:
            continue
        value, keys = found
        name = f"{ion}{charge:+d}"
        status = one.statuses.get(name, one.source.status)
        notes = dict.fromkeys(one.notes.get(f"{name} {key}", "") for key in keys)
        if value <= 0:
            raise AskError(f"{ion_name(ion, charge)} has the radius {value:g} Å in {one.name!r}: no sphere")
        return Radius(
            ion=ion, charge=charge, value=value, coordination=", ".join(_spoken(key) for key in keys),
            wanted=wanted, set=one.name, source=one.source, status=status,
            note="; ".join(note for note in notes if note),
        )  # fmt: skip
    asked = " + ".join(one.name for one in sets)
    have = sets_with(ion, charge)
    # a set of another scale is named but not recommended: mixed, the factors lose their meaning
    same = [name for name in have if load_radii(name).scale == sets[0].scale]
    ask = f" (ask for {f'{asked} + {same[0]}'!r})" if same else ""
    cure = f"sets that have it: {', '.join(have)}{ask}" if have else "no set has it"
    raise AskError(f"no radius of {ion_name(ion, charge)} in {asked!r}; {cure}")


def _pick(
    values: Mapping[str, float], wanted: int, anions: Mapping[str, float]
) -> tuple[float, list[str]] | None:
    """Return the radius for the coordination nearest to *wanted*, and the keys that it came from."""
    if "any" in values:
        return values["any"], ["any"]
    parsed = {key: match for key in values if (match := _COORDINATION.fullmatch(key))}
    nearest = min(
        parsed, key=lambda k: (abs(int(parsed[k][1]) - wanted), parsed[k][2] or "", int(parsed[k][1]))
    )
    if parsed[nearest][3] is None:
        return values[nearest], [nearest]
    keys = {anion: f"{parsed[nearest][1]} in {anion}" for anion in anions}
    if any(key not in values for key in keys.values()):
        return None
    mean = sum(share * values[keys[anion]] for anion, share in anions.items()) / sum(anions.values())
    return mean, list(keys.values())


def _spoken(key: str) -> str:
    """Return "VI in I" for "6 in I", "IV square" for "4sq"."""
    match = _COORDINATION.fullmatch(key)
    if match is None:
        return key
    shape = {"sq": " square", "py": " pyramidal", None: ""}[match[2]]
    return f"{ROMAN[int(match[1])]}{shape}" + (f" in {match[3]}" if match[3] else "")
