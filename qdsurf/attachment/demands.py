"""What is asked for: which ligand, how many, on which facet, and which sites each of them needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from qdsurf.errors import AskError
from qdsurf.model import Ligand, Surface

Facet = tuple[int, int, int]


@dataclass(frozen=True)
class Need:
    """A site that a ligand takes: its kind, and the charge of the ion there (None: any)."""

    kind: str
    charge: int | None


@dataclass(frozen=True, eq=False)
class Part:
    """One molecule to be placed and the sites it needs, the first of which leads."""

    ligand: Ligand
    needs: tuple[Need, ...]


@dataclass(frozen=True, eq=False)
class Demand:
    """An amount of one ligand.

    Attributes
    ----------
    name
        As asked for.
    parts
        Molecules placed together each time: one, or the ions of a salt, anions first.
    amount
        In the unit asked for.
    facet
        Miller indices to which it is confined, in absolute values and any order, or None.
    """

    name: str
    parts: tuple[Part, ...]
    amount: float
    facet: Facet | None

    @property
    def charge(self) -> int:
        """Formal charge that one of them brings."""
        return sum(part.ligand.charge for part in self.parts)

    @property
    def adds(self) -> bool:
        """Whether it only adds to the surface: no ion leaves."""
        return all(need.kind.startswith("on ") for part in self.parts for need in part.needs)


def as_ligand(key: str | Ligand) -> Ligand:
    """Return *key* itself, or the ligand of that name on the shelf."""
    if isinstance(key, Ligand):
        return key
    from qdsurf.ligands import load_ligand

    return load_ligand(key)


def demands_of(ligands: Mapping[Any, float], facet: Facet | None) -> list[Demand]:
    """Return the demands in *ligands*, whose keys are names, Ligands, or (name or Ligand, facet).

    Raises
    ------
    AskError
        An amount is negative, or no number.
    """
    found = []
    for key, amount in ligands.items():
        what, where = key if isinstance(key, tuple) else (key, facet)
        ligand = as_ligand(what)
        if not amount >= 0 or amount == float("inf"):
            raise AskError(
                f"an amount of {amount} {ligand.name} makes no sense; a number of 0 or more is wanted"
            )
        ions = sorted(ligand.ions, key=lambda ion: ion.charge)
        parts = tuple(Part(one, needs_of(one)) for one in (ions or [ligand]))
        found.append(Demand(ligand.name, parts, float(amount), where))
    return found


def needs_of(ligand: Ligand) -> tuple[Need, ...]:
    """Return the sites that one molecule of *ligand* takes."""
    if ligand.binds == "pair":
        return Need("anion site", -1), Need("cation site", 1)
    if ligand.binds in ("anion site", "cation site"):
        count = max(1, len(ligand.anchors))
        if ligand.charge % count:
            raise AskError(
                f"{ligand.name} has {count} anchors and charge {ligand.charge:+d}, which no {count} equal "
                f"ions have; choose one anchor"
            )
        return (Need(ligand.binds, ligand.charge // count),) * count
    return (Need(ligand.binds, None),) * max(1, len(ligand.anchors))


def numbers_of(demands: list[Demand], unit: str, available: list[int], areas: list[float]) -> list[int]:
    """Return how many of each demand are meant.

    Parameters
    ----------
    unit
        "count", "fraction" of the *available* sites, or "nm^-2".
    available
        Sites for each demand.
    areas
        nm^2 that a density refers to, for each demand.

    Notes
    -----
    Demands that compete for the same kind of site are rounded together, by largest remainder, so that
    ratios and total of a mixture are as near to what was asked for as whole numbers can be.
    """
    wanted = []
    for demand, sites, area in zip(demands, available, areas, strict=True):
        if unit == "count":
            if demand.amount != int(demand.amount):
                raise AskError(f"a count must be a whole number, not {demand.amount}")
            wanted.append(demand.amount)
        elif unit == "fraction":
            if demand.amount > 1:
                raise AskError(f"a fraction of the sites is at most 1, not {demand.amount}")
            wanted.append(demand.amount * sites)
        elif unit == "nm^-2":
            wanted.append(demand.amount * area)
        else:
            raise AskError(f"no unit {unit!r}; known: count, fraction, nm^-2")
    kinds = [(d.parts[0].needs[0], d.facet) for d in demands]
    counts = [int(np.floor(w + 1e-9)) for w in wanted]
    for kind in dict.fromkeys(kinds):
        members = [k for k, other in enumerate(kinds) if other == kind]
        rest = round(sum(wanted[k] for k in members) + 1e-9) - sum(counts[k] for k in members)
        for k in sorted(members, key=lambda k: (counts[k] - wanted[k], k))[: max(rest, 0)]:
            counts[k] += 1
    return counts


def area_of(surface: Surface, facet: Facet | None, faces: str) -> float:
    """Return the area in nm^2 of *surface*, or of the facets *facet* of it.

    Slabs: the cell, once for each face that is covered. Dots: the facets of the body of the outermost
    nuclei that ``carve_dot`` recorded, or the convex hull of the surface where there are none.

    Raises
    ------
    AskError
        The surface has no such facet.
    """
    from qdsurf.build.summary import summary

    rows = summary(surface).facets
    if surface.atoms.pbc.any():
        return float(rows[0].area) * (2 if faces == "both" else 1)
    if facet is None:
        return float(sum(row.area for row in rows))
    fits = [
        row
        for row in rows
        if row.facet != "all" and _family(tuple(map(int, row.facet.split()))) == _family(facet)
    ]
    if not fits:
        raise AskError(f"{surface.name} has no facet {facet}; it has {', '.join(r.facet for r in rows)}")
    return float(sum(row.area for row in fits))


def _family(facet: tuple[int, ...]) -> tuple[int, ...]:
    """Return the indices without signs and order: facets of one form in a cubic crystal."""
    return tuple(sorted(abs(k) for k in facet))


def on_facet(found: Facet | None, wanted: Facet | None) -> bool:
    """Return whether a site on the facet *found* belongs to the form *wanted*."""
    return wanted is None or (found is not None and _family(found) == _family(wanted))
