"""What a surface consists of: counts by facet, edge and corner, stoichiometry, areas, site densities."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from qdsurf.model.nouns import Surface


@dataclass(frozen=True, kw_only=True)
class FacetSummary:
    """One facet of a dot, or one face of a slab.

    Attributes
    ----------
    facet
        Miller indices as text, "1 0 0"; "top 0 0 1" and "bottom 0 0 1" for the faces of a slab, "all"
        for a body without facets.
    termination
        Formula of the outermost plane; "" where there is none.
    area
        nm^2: of the facet of the body of the outermost nuclei, or of the cell of a slab.
    share
        Part of the whole area, 0 to 1.
    sites
        Number of sites on it by kind and species, as in "cation site Cs"; those on edges and corners
        belong to no facet.
    density
        Sites in nm^-2 by the same names; None for a facet of no area.
    """

    facet: str
    termination: str
    area: float
    share: float
    sites: dict[str, int]
    density: dict[str, float | None]


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a surface consists of.

    Attributes
    ----------
    composition
        Ions and molecules by species.
    ratios
        Number of each anion over that of each cation of the lattice, as in "Br/Pb".
    locations
        Ions that can be exchanged on "face", "edge" and "corner", by species.
    facets
        One entry for each facet.
    """

    composition: dict[str, int]
    ratios: dict[str, float]
    locations: dict[str, dict[str, int]]
    facets: tuple[FacetSummary, ...]


def summary(surface: Surface) -> Summary:
    """Return what *surface* consists of.

    Examples
    --------
    >>> import qdsurf as qs
    >>> found = summary(qs.carve_dot(qs.load_crystal("PbS"), shape="octahedron", cells=4, cap="Cl"))
    >>> found.composition, len(found.facets), round(found.facets[0].share, 3)
    ({'Cl': 50, 'Pb': 44, 'S': 19}, 8, 0.125)
    """
    composition = {e.species: e.count for e in surface.ledger.entries}
    charges = surface.charges
    anions = [s for s in composition if charges.get(s, 0) < 0]
    cations = [s for s in composition if charges.get(s, 0) > 0]
    locations: dict[str, dict[str, int]] = {}
    for site in surface.sites:
        if site.occupied:
            counted = locations.setdefault(site.location, {})
            counted[site.species] = counted.get(site.species, 0) + 1
    return Summary(
        composition=composition,
        ratios={f"{a}/{c}": round(composition[a] / composition[c], 4) for c in cations for a in anions},
        locations=locations,
        facets=_facets(surface),
    )


def _facets(surface: Surface) -> tuple[FacetSummary, ...]:
    """Return the facets with their areas and sites."""
    counted: dict[str, Counter[str]] = {}
    slab = bool(surface.atoms.pbc.any())
    for site in surface.sites:
        if site.location == "face":
            counted.setdefault(_key(site.facet, float(site.normal[2]), slab), Counter())[
                f"{site.kind} {site.species}"
            ] += 1
    if slab:
        area = float(np.linalg.norm(np.cross(surface.atoms.cell[0], surface.atoms.cell[1]))) / 100
        rows = {
            k: (str(_made_with(surface, "termination") or ""), area) for k in sorted(counted, reverse=True)
        }
    else:
        facets = _recorded(surface)
        rows = {k: (str(f["termination"]), float(f["area"]) / 100) for k, f in facets.items()}
        if not rows:
            rows = {"all": ("", _hull_area(surface))}
    whole = sum(area for _, area in rows.values()) or 1.0
    return tuple(
        FacetSummary(
            facet=name,
            termination=termination,
            area=round(area, 4),
            share=round(area / whole, 6),
            sites=dict(sorted(counted.get(name, Counter()).items())),
            density={
                k: round(n / area, 3) if area else None for k, n in sorted(counted.get(name, {}).items())
            },
        )
        for name, (termination, area) in rows.items()
    )


def _key(facet: tuple[int, int, int] | None, up: float, slab: bool) -> str:
    """Return the name of the facet of a site."""
    name = "all" if facet is None else " ".join(map(str, facet))
    return f"{'top' if up > 0 else 'bottom'} {name}" if slab else name


def _recorded(surface: Surface) -> dict[str, dict[str, float | str]]:
    """Return the facets that ``carve_dot`` wrote into the recipe."""
    return dict(_made_with(surface, "facets") or {})


def _made_with(surface: Surface, key: str) -> Any:
    """Return what the recipe says of *key*, also under later verbs; None where it says nothing."""
    recipe = surface.recipe
    while key not in recipe and "from" in recipe:
        recipe = recipe["from"]
    return recipe.get(key)


def _hull_area(surface: Surface) -> float:
    """Return the area in nm^2 of the convex hull of the ions of the lattice."""
    from scipy.spatial import ConvexHull

    ions = surface.atoms.positions[surface.atoms.arrays["role"] != "ligand"]
    return float(ConvexHull(ions).area) / 100
