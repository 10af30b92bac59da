"""The facets of a dot: planes of its convex hull, named by the crystal inside it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.planes import PLANE_GAP
from qdsurf.validation.anatomy import Anatomy
from qdsurf.validation.faces import near_formula
from qdsurf.validation.findings import Finding
from qdsurf.validation.graphs import Floats
from qdsurf.validation.lattices import Lattice, find_lattice

FEWEST_IONS = 30
# Parts of the hull within this many degrees and Å are one facet; facets of less than this share of the
# hull are the steps and missing corners between others.
SAME_DIRECTION, SAME_HEIGHT, SMALLEST_SHARE = 8.0, 1.2, 0.02
# A dot that has less than this share of its hull in facets is round.
ROUND = 0.5
LISTED = 8


@dataclass(frozen=True, eq=False)
class Facet:
    """A plane of the hull: outward normal, area in Å^2, and the formula of the ions that lie in it."""

    normal: Floats
    area: float
    formula: str


def check_facets(anatomy: Anatomy) -> list[Finding]:
    """Return the facets of a dot with their terminations; nothing for other structures."""
    lattice = np.flatnonzero(anatomy.ion & (anatomy.whole.label == anatomy.main))
    if len(lattice) == 0:
        lattice = np.flatnonzero(anatomy.metallic & (anatomy.whole.label == anatomy.main))
    if anatomy.dimensions != 0 or len(lattice) < FEWEST_IONS:
        return []
    points = anatomy.positions[lattice]
    bonds = anatomy.pairs.counts(anatomy.bound, len(anatomy.symbols))[lattice]
    facets, total = find_facets(points, anatomy.symbols[lattice], bonds > 1)
    if not facets:
        text = "flat: the ions that hold it together lie in one plane, which has no facets"
        return [Finding(level="note", code="facets", message=text)]
    inside = find_lattice(points, anatomy.atoms.numbers[lattice].astype(np.int64))
    large = [f for f in facets if f.area > SMALLEST_SHARE * total]
    share = sum(f.area for f in large) / total
    if share < ROUND:
        text = f"round: only {share:.0%} of the hull lies in facets"
    else:
        text = f"facets: {_listed(large, inside, total)}"
        if share < 1 - SMALLEST_SHARE:
            text += f"; {1 - share:.0%} steps, edges and corners"
    if inside is not None:
        a, b, c = np.linalg.norm(inside.cell, axis=1)
        text += f". Crystal inside: {inside.space_group}, a = {a:.2f}, b = {b:.2f}, c = {c:.2f} Å"
    return [Finding(level="note", code="facets", message=text)]


def _listed(facets: list[Facet], inside: Lattice | None, total: float) -> str:
    """Return the families with number, terminations and share of the hull."""
    families: dict[str, list[Facet]] = {}
    for facet in facets:
        hkl = inside.miller(facet.normal) if inside is not None else None
        direction = " ".join(f"{x:+.2f}" for x in facet.normal)
        families.setdefault(
            "{" + "".join(map(str, hkl)) + "}" if hkl else f"normal [{direction}]", []
        ).append(facet)
    said = []
    for name, of in sorted(families.items(), key=lambda f: -sum(x.area for x in f[1])):
        ends = Counter(f.formula for f in of)
        terminations = ", ".join(f"{n} {e}" if len(ends) > 1 else e for e, n in ends.most_common(3))
        said.append(f"{len(of)} {name} ({terminations}; {sum(f.area for f in of) / total:.0%})")
    more = f" and {len(said) - LISTED} more" if len(said) > LISTED else ""
    return ", ".join(said[:LISTED]) + more


def find_facets(
    points: Floats, symbols: NDArray[np.str_], firm: NDArray[np.bool_]
) -> tuple[list[Facet], float]:
    """Return the planes of the convex hull of a dot, the largest first, and the area of the hull in Å^2.

    Ions that hang by one bond (not *firm*) and caps, elements that are not found inside the dot, lie on the
    facets and do not make them; they count in the formulas. Without facets where all ions lie in one plane.
    """
    from scipy.spatial import ConvexHull, QhullError

    away = np.linalg.norm(points - points.mean(axis=0), axis=1)
    inside = set(symbols[np.argsort(away, kind="stable")[: len(points) // 3]].tolist())
    body = points[firm & np.isin(symbols, list(inside))]
    try:
        hull = ConvexHull(body)
    except (QhullError, ValueError):  # a sheet of one plane, or too few ions
        return [], 0.0
    corners = body[hull.simplices]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    normals, heights = hull.equations[:, :3], -hull.equations[:, 3]
    free = np.ones(len(area), dtype=bool)
    facets = []
    for seed in np.argsort(-area, kind="stable"):
        if not free[seed]:
            continue
        near = normals @ normals[seed] > np.cos(np.radians(SAME_DIRECTION))
        near &= (np.abs(heights - heights[seed]) < SAME_HEIGHT) & free
        free[near] = False
        mean = area[near] @ normals[near]
        normal = mean / np.linalg.norm(mean)
        lying = symbols[points @ normal > (body @ normal).max() - PLANE_GAP]
        facets.append(Facet(normal, float(area[near].sum()), near_formula(Counter(lying.tolist()))))
    return sorted(facets, key=lambda f: -f.area), float(area.sum())
