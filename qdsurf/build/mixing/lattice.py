"""The cell of an alloy: Vegard's law between crystals of the shelf."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import product
from math import gcd, prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.mixing.sublattices import Mixture
from qdsurf.build.planes import formula
from qdsurf.crystals import load_crystal
from qdsurf.errors import AskError, UnknownName
from qdsurf.library import list_shelf, read_entry
from qdsurf.model.nouns import Crystal, fragment_species

Lattice = Literal["auto", "vegard", "keep"]

VEGARD = "10.1007/BF01349680"
"""Vegard 1921, Z. Phys. 5, 17; for its limits see Denton and Ashcroft, doi:10.1103/PhysRevA.43.3161."""


def cell_factors(
    crystal: Crystal, mixed: list[Mixture], lattice: Lattice
) -> tuple[NDArray[np.float64], dict[str, Any]]:
    """Return by what the three cell lengths are multiplied, and a report with the end members.

    Cells of cubic crystals are scaled by the mean of the cube roots of the volumes of a formula unit,
    others by the mean of each cell length; weights are the fractions achieved (Vegard 1921,
    doi:10.1007/BF01349680).

    Parameters
    ----------
    lattice
        "keep"; "vegard", which is refused where an end member is missing; or "auto": Vegard's law
        where all end members of the same structure are on the shelf, else the cell is kept.

    Raises
    ------
    AskError
        An end member is missing, or the argument makes no sense.
    """
    if lattice not in ("auto", "vegard", "keep"):
        raise AskError(f"lattice is 'auto', 'vegard' or 'keep'; got {lattice!r}")
    ones = np.ones(3)
    if lattice == "keep":
        return ones, {"rule": "kept, as asked"}
    wanted, missing = _end_members(crystal, mixed)
    if missing:
        if lattice == "vegard":
            raise AskError(f"Vegard's law needs {missing}; take lattice='keep'")
        return ones, {"rule": f"kept: Vegard's law needs {missing}"}
    own = _lengths(crystal)
    cubic = np.ptp(own) < 1e-6
    mean = np.zeros(3)
    members = []
    for end, weight in wanted:
        lengths = _lengths(end)
        mean += weight * (np.full(3, prod(lengths) ** (1 / 3)) if cubic else lengths)
        members.append(
            {
                "crystal": end.name,
                "weight": round(weight, 9),
                "cell": [round(float(x), 6) for x in end.atoms.cell.lengths()],
                "temperature": end.temperature,
                "status": end.source.status,
            }
        )
    return mean / own, {"rule": "Vegard's law", "doi": VEGARD, "end members": members}


def _lengths(crystal: Crystal) -> NDArray[np.float64]:
    """Return the cell lengths in Å; of a cell of several formula units, all of one prototype."""
    return np.asarray(crystal.atoms.cell.lengths())


def _end_members(crystal: Crystal, mixed: list[Mixture]) -> tuple[list[tuple[Crystal, float]], str]:
    """Return the pure crystals with their weights, or what is missing of them, in words."""
    try:
        prototype = read_entry("bulk", crystal.name).get("prototype")
    except UnknownName:
        prototype = None
    if prototype is None or crystal.recipe:
        return [], f"a crystal of the shelf to start from, and {crystal.name} is none"
    entries = [read_entry("bulk", name) for name in list_shelf("bulk")]
    alike = [e for e in entries if e.get("prototype") == prototype]
    found = []
    for chosen in product(*(m.achieved.items() for m in mixed)):
        weight = prod(fraction for _, fraction in chosen)
        if not weight:
            continue
        pure = Counter(fragment_species(crystal.atoms).values())
        for mixture, (species, _) in zip(mixed, chosen, strict=True):
            total = sum(pure.pop(s, 0) for s in mixture.present)
            pure[species] += total
        end = _on_shelf(pure, alike)
        if end is None:
            names = [s for s, n in pure.items() for _ in range(n)]
            return [], f"{formula(names)} as {prototype} on the shelf"
        found.append((end, weight))
    return found, ""


def _on_shelf(pure: Mapping[str, int], entries: list[dict[str, Any]]) -> Crystal | None:
    """Return the crystal of one of *entries* that has the composition *pure*."""
    wanted = {s for s, n in pure.items() if n}
    for entry in entries:
        elements = {atom["element"] for atom in entry["atoms"]}
        if elements | {m["name"] for m in entry.get("molecules", [])} == wanted:
            crystal = load_crystal(entry["name"])
            if _composition(Counter(fragment_species(crystal.atoms).values())) == _composition(pure):
                return crystal
    return None


def _composition(counts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Return the smallest whole-number composition, sorted by species."""
    common = gcd(*counts.values())
    return tuple(sorted((s, n // common) for s, n in counts.items() if n))
