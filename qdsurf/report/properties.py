"""Numbers and words of rows that the map of the page can show."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

Row = Mapping[str, Any]

# A word with more values than this tells no symbols apart.
_MOST_SYMBOLS = 12
MASS, LOG_P = "molar mass of the ligand", "log P of the ligand (Crippen)"


def contact(row: Row) -> tuple[float | None, float | None]:
    """Return the closest contact of *row* in Å and as a share of the radii.

    >>> contact({"worst_contact": "Pb-C 3.02 Å (0.81 of the radii)"})
    (3.02, 0.81)
    """
    found = re.search(r"([\d.]+) Å \(([\d.]+) of", str(row.get("worst_contact") or ""))
    return (float(found[1]), float(found[2])) if found else (None, None)


@cache
def _molecule(smiles: str) -> dict[str, float]:
    """Return numbers of a molecule; none where the SMILES is none that RDKit reads."""
    from rdkit import Chem, rdBase
    from rdkit.Chem import rdMolDescriptors

    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        return {}
    return {
        MASS: round(rdMolDescriptors._CalcMolWt(molecule), 3),
        "heavy atoms of the ligand": float(molecule.GetNumHeavyAtoms()),
        "rotatable bonds of the ligand": float(rdMolDescriptors.CalcNumRotatableBonds(molecule)),
        LOG_P: round(rdMolDescriptors.CalcCrippenDescriptors(molecule)[0], 3),
    }


_UNITS = {
    "binding energy": "eV",
    "uncertainty": "eV",
    "closest contact": "Å",
    "computing time": "s",
    MASS: "g/mol",
}


def _numbers(place: int, row: Row) -> dict[str, float | None]:
    """Return what is a number of *row*, the *place*-th of the table."""
    length, share = contact(row)
    named = {
        "place in the table": float(place),
        "binding energy": row.get("energy_eV"),
        "uncertainty": row.get("uncertainty_eV"),
        "score": row.get("score"),
        "rank in its class": row.get("rank"),
        "closest contact": length,
        "closest contact, share of the radii": share,
        "computing time": row.get("seconds"),
    }
    given = row.get("descriptors")
    more = {
        name.replace("_", " "): float(value)
        for name, value in (given.items() if isinstance(given, Mapping) else ())
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    return {**named, **_molecule(str(row.get("smiles") or "")), **more}


def properties(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Return {name: {"values": one for each row or None, "units": ...}}: numbers first, then words.

    Log P is Wildman and Crippen's (doi:10.1021/ci990307l), computed from the SMILES like the other
    numbers of the ligand.
    """
    columns: dict[str, list[Any]] = {}
    for index, row in enumerate(rows):
        for name, value in _numbers(index + 1, row).items():
            columns.setdefault(name, [None] * len(rows))[index] = value
    words = {"class": "group", "surface": "surface", "method": "method", "status": "status"}
    for name, key in words.items():
        values = [str(row.get(key) or "") for row in rows]
        if name == "class" or 1 < len(set(values)) <= _MOST_SYMBOLS:
            columns[name] = values
    return {
        name: {"values": values, "units": _UNITS.get(name, "")}
        for name, values in columns.items()
        if any(value is not None for value in values)
    }
