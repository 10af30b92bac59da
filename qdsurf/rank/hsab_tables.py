"""Hardness, classes, radii and donor groups: the tables of ``structures/ions``, each row with its source.

Hardness is eta = (I - A)/2 and electronegativity chi = (I + A)/2, both in eV, the convention of Parr
and Pearson (doi:10.1021/ja00364a005). Later papers leave out the half; no such value is in the tables.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from qdsurf.errors import UnknownName
from qdsurf.library import folder

Role = Literal["acid", "base"]
VOTES = {"hard": -1.0, "borderline": 0.0, "soft": 1.0}
# The scales in the order in which they are taken: those with chi, I and A first, recalled ones last.
SCALES = ("NIST finite difference", "Parr and Pearson 1983", "Pearson 1988")


@dataclass(frozen=True, kw_only=True)
class Hardness:
    """Hardness of one species on one scale.

    Attributes
    ----------
    chi, eta
        Electronegativity (I + A)/2 and hardness (I - A)/2 in eV; chi is None where only eta is printed.
    scale
        Where the number belongs: scales differ by more than their digits say.
    convention
        Whose I and A: of the ion, or of the neutral atom that stands for an anion.
    status
        "computed", "verified" (read in the text named) or "unverified" (recalled).
    """

    species: str
    role: Role
    chi: float | None
    eta: float
    scale: str
    convention: str
    status: str
    source: str
    doi: str = ""

    def __str__(self) -> str:
        """Return hardness with scale, source and status."""
        doi = f", doi:{self.doi}" if self.doi else ""
        return f"eta {self.eta:.2f} eV ({self.scale}; {self.source}{doi}) [{self.status}]"


@dataclass(frozen=True, kw_only=True)
class ClassVote:
    """What one text says about one species: hard, borderline or soft.

    Attributes
    ----------
    counted
        Whether the vote counts in the softness; where not, ``note`` says why.
    """

    species: str
    role: Role
    hsab_class: str
    counted: bool
    status: str
    source: str
    doi: str = ""
    note: str = ""

    def __str__(self) -> str:
        """Return the class with its source."""
        left_out = "" if self.counted else ", not counted"
        return f"{self.hsab_class} ({self.source}{left_out})"


@dataclass(frozen=True, kw_only=True)
class ContactRadius:
    """An ionic or effective radius in Å with its source."""

    species: str
    radius: float
    status: str
    source: str


def _rows(name: str) -> list[dict[str, str]]:
    """Return the rows of the CSV file *name* of ``structures/ions``."""
    text = folder("structures/ions").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def _hardness() -> dict[tuple[str, str], tuple[Hardness, ...]]:
    """Return the table of hardness by species and role, the preferred scale first."""
    table: dict[tuple[str, str], list[Hardness]] = {}
    for row in sorted(_rows("hardness.csv"), key=lambda r: SCALES.index(r["scale"])):
        entry = Hardness(
            species=row["species"],
            role="acid" if row["role"] == "acid" else "base",
            chi=float(row["chi_eV"]) if row["chi_eV"] else None,
            eta=float(row["eta_eV"]),
            scale=row["scale"],
            convention=row["convention"],
            status=row["status"],
            source=row["source"],
            doi=row["doi"],
        )
        table.setdefault((entry.species, entry.role), []).append(entry)
    return {key: tuple(rows) for key, rows in table.items()}


@cache
def species_smiles() -> Mapping[str, str]:
    """Return the SMILES of the bases of the hardness table that have one, by species."""
    return {r["species"]: r["smiles"] for r in _rows("hardness.csv") if r["smiles"]}


@cache
def _classes() -> dict[tuple[str, str], tuple[ClassVote, ...]]:
    """Return the votes of the texts by species and role."""
    table: dict[tuple[str, str], list[ClassVote]] = {}
    for row in _rows("hsab_classes.csv"):
        vote = ClassVote(
            species=row["species"],
            role="acid" if row["role"] == "acid" else "base",
            hsab_class=row["hsab_class"],
            counted=row["counted"] == "yes",
            status=row["status"],
            source=row["source"],
            doi=row["doi"],
            note=row["note"],
        )
        table.setdefault((vote.species, vote.role), []).append(vote)
    return {key: tuple(rows) for key, rows in table.items()}


@cache
def _radii() -> dict[str, ContactRadius]:
    """Return the contact radii by species."""
    return {
        row["species"]: ContactRadius(
            species=row["species"], radius=float(row["radius_A"]), status=row["status"], source=row["source"]
        )
        for row in _rows("contact_radii.csv")
    }


@cache
def donor_group(name: str) -> Mapping[str, Any]:
    """Return what is known about the binding group *name*; empty where nothing is."""
    found: Mapping[str, Any] = _donor_groups().get(name, {})
    return found


@cache
def _donor_groups() -> dict[str, dict[str, Any]]:
    """Return the table of donor groups by name."""
    text = folder("structures/ions").joinpath("donor_groups.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def ion_name(species: str) -> str:
    """Return the name of an ion as the tables write it.

    >>> ion_name("Pb+2"), ion_name("Cs1+"), ion_name("S-2"), ion_name(" S2O3 2- ")
    ('Pb2+', 'Cs+', 'S2-', 'S2O3 2-')
    """
    text = " ".join(species.split())
    swapped = re.fullmatch(r"([A-Za-z]+)([+-])(\d+)", text)
    if swapped:
        text = f"{swapped[1]}{swapped[3]}{swapped[2]}"
    return re.sub(r"^([A-Z][a-z]?)1([+-])$", r"\1\2", text)


def charged_name(symbol: str, charge: int) -> str:
    """Return the name of the ion of element *symbol* with *charge* in elementary charges.

    >>> charged_name("Pb", 2), charged_name("Br", -1)
    ('Pb2+', 'Br-')
    """
    return f"{symbol}{abs(charge) if abs(charge) > 1 else ''}{'+' if charge > 0 else '-'}"


def ion_charge(name: str) -> int:
    """Return the charge in elementary charges that the *name* of an ion ends in; 0 for a molecule.

    >>> ion_charge("Pb2+"), ion_charge("I-"), ion_charge("S2O3 2-"), ion_charge("NH3")
    (2, -1, -2, 0)
    """
    match = re.search(r"(?:^[A-Z][a-z]?| )(\d?)([+-])$|([+-])$", name)
    if match is None:
        return 0
    sign = 1 if (match[2] or match[3]) == "+" else -1
    return sign * int(match[1] or 1)


def hardness_of(species: str, role: Role) -> tuple[Hardness, ...]:
    """Return every hardness of *species* in the tables, the preferred scale first; () where none is.

    >>> [round(h.eta, 1) for h in hardness_of("Zn2+", "acid")]
    [10.9, 10.8, 10.9]
    """
    return _hardness().get((species, role), ())


def classes_of(species: str, role: Role) -> tuple[ClassVote, ...]:
    """Return what each text says about *species*; () where none names it.

    >>> [vote.hsab_class for vote in classes_of("Zn2+", "acid")]
    ['borderline', 'borderline', 'borderline', 'borderline']
    """
    return _classes().get((species, role), ())


def contact_radius(species: str) -> ContactRadius | None:
    """Return the radius in Å of an ion, a donor atom or a molecular cation; None where unknown."""
    return _radii().get(species)


def known_acids() -> tuple[str, ...]:
    """Return the names of all acids with a hardness or a class."""
    return tuple(sorted({name for name, role in {**_hardness(), **_classes()} if role == "acid"}))


def check_acid(name: str) -> str:
    """Return the name of the acid as the tables write it.

    Raises
    ------
    UnknownName
        No table has it; the message lists the nearest names.
    """
    acid = ion_name(name)
    if acid not in known_acids():
        raise UnknownName("acid", name, known_acids())
    return acid
