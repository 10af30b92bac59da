"""Put the facets of a shape on whole planes of ions, with the termination asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.bonds import bulk_bonds, centres_of
from qdsurf.build.planes import parse_hkl, parsed, stack
from qdsurf.build.shapes import Polyhedron, family
from qdsurf.crystals import COMMON_CHARGES
from qdsurf.crystals.charges import SHORT_NAMES
from qdsurf.errors import AskError
from qdsurf.model.nouns import Crystal

Facet = tuple[int, int, int]
Vectors = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Planes:
    """Planes that can end a facet: heights in Å of their nuclei (top) and of the cut above them."""

    formula: str
    tops: Vectors
    bottoms: Vectors
    cuts: Vectors
    period: float

    def nearest(self, height: float) -> tuple[float, float, float]:
        """Return (top, bottom, cut) of the plane whose top is nearest to *height*."""
        shifts = np.round((height - self.tops) / self.period) * self.period
        tops = self.tops + shifts
        k = int(np.argmin(np.round(np.abs(tops - height), 6)))
        return float(tops[k]), float(self.bottoms[k] + shifts[k]), float(self.cuts[k] + shifts[k])


def fitted(
    crystal: Crystal,
    ideal: Polyhedron,
    termination: str | Mapping[str | Facet, str] | None,
    center: str | tuple[float, float, float] | None,
) -> tuple[Fitted, Vectors]:
    """Return *ideal* with its facets on whole planes, and the middle of the dot in Å.

    Parameters
    ----------
    termination, center
        As for ``carve_dot``.

    Raises
    ------
    AskError
        No such termination or centre, or too small a body to hold a unit.
    """
    # facets that other facets cut off would only confuse the choice of planes
    seen = ideal.areas > 1e-6
    ideal = Polyhedron(
        tuple(f for f, s in zip(ideal.facets, seen, strict=True) if s),
        ideal.normals[seen],
        ideal.distances[seen],
    )
    planes = _terminated(crystal, ideal.facets, termination)
    best: tuple[float, int, Vectors, Vectors] | None = None
    candidates = centers(crystal, center)
    for number, middle in enumerate(candidates):
        offsets = ideal.normals @ middle
        found = np.array([p.nearest(d + o) for p, d, o in zip(planes, ideal.distances, offsets, strict=True)])
        away = found[:, 0] - offsets - ideal.distances
        # regular first, then near the size asked for
        score = round(float(np.sqrt((away**2).mean()) + 2 * away.std()), 3)
        if best is None or (score, number) < best[:2]:
            best = (score, number, middle, found - offsets[:, None])
    assert best is not None
    tops, bottoms, cuts = best[3].T
    if (cuts <= 0).any() or (tops < -1e-6).any():
        raise AskError(f"{crystal.name}: this size is too small to hold one unit; take a larger one")
    body = Fitted(ideal.facets, ideal.normals, cuts, tops, bottoms, tuple(p.formula for p in planes))
    return body, best[2]


@dataclass(frozen=True, eq=False)
class Fitted(Polyhedron):
    """A body whose ``distances`` are those of the cuts, between planes of ions.

    Attributes
    ----------
    tops, bottoms
        (n,) distances in Å of the outermost and innermost nuclei of the last plane of each facet.
    formulas
        Formula of the last plane of each facet.
    """

    tops: Vectors
    bottoms: Vectors
    formulas: tuple[str, ...]

    @property
    def outer(self) -> Polyhedron:
        """The body of the outermost nuclei."""
        return Polyhedron(self.facets, self.normals, np.maximum(self.tops, 1e-3))


def _terminated(
    crystal: Crystal, facets: tuple[Facet, ...], termination: str | Mapping[str | Facet, str] | None
) -> list[_Planes]:
    """Return for each facet the planes with the termination asked for."""
    wanted: dict[Facet, str] = {}
    if isinstance(termination, Mapping):
        for name, formula in termination.items():
            first = parse_hkl(name)
            members = set(family(crystal, first)) & set(facets)
            if not members:
                raise AskError(f"termination is given for {name!r}, which is no facet of this shape")
            wanted |= dict.fromkeys(members, formula)
    elif termination is not None:
        wanted = dict.fromkeys(facets, termination)
    result, offered, used = [], set(), False
    for facet in facets:
        choices = _choices(crystal, facet)
        offered |= set(choices)
        asked = next((f for f in choices if facet in wanted and _same(f, wanted[facet])), None)
        if asked is None and facet in wanted and _is_mixed(crystal):
            kind = _kind(crystal, wanted[facet])
            asked = next((f for f in choices if _kind(crystal, f) == kind), None)
        used |= asked is not None
        if facet in wanted and asked is None and (len(choices) > 1 or isinstance(termination, Mapping)):
            where = "".join(map(str, facet))
            listed = ", ".join(sorted(choices))
            raise AskError(f"{crystal.name}({where}) has no termination {wanted[facet]!r}; it has {listed}")
        result.append(choices[asked or _preferred(crystal, choices)])
    if termination is not None and not used:
        raise AskError(
            f"{crystal.name}: no facet ends in {termination!r}; there are {', '.join(sorted(offered))}"
        )
    return result


def _choices(crystal: Crystal, facet: Facet) -> dict[str, _Planes]:
    """Return the planes of *facet* by formula; those of an alloy that differ in its mixed ions are one."""
    layers = stack(crystal, facet)
    rows: dict[str, list[tuple[float, float, float]]] = {}
    names: dict[object, str] = {}
    for number in range(len(layers.planes)):
        plane = layers.plane(number)
        above = layers.plane(number + 1)
        middle = (plane.top + above.bottom) / 2
        kind = _kind(crystal, plane.formula) if _is_mixed(crystal) else plane.formula
        name = names.setdefault(kind, plane.formula)
        rows.setdefault(name, []).append((plane.top, plane.bottom, middle))
    period = float(layers.cell[2, 2])
    result = {}
    for formula, table in rows.items():
        tops, bottoms, cuts = np.array(table).T
        result[formula] = _Planes(formula, tops, bottoms, cuts, period)
    return result


def _is_mixed(crystal: Crystal) -> bool:
    """Return whether ions of one sublattice are mixed, so that planes of one kind differ in formula."""
    return crystal.recipe.get("verb") == "alloy"


def _kind(crystal: Crystal, formula: str) -> tuple[tuple[int, int], ...] | str:
    """Return how many ions of each charge *formula* has; the formula where a charge is unknown."""
    known = {**COMMON_CHARGES, **crystal.charges}
    counts: Counter[int] = Counter()
    for name, number in composition(formula).items():
        species = SHORT_NAMES.get(name, name)
        if species not in known:
            return formula
        counts[known[species]] += number
    common = gcd(*counts.values())
    return tuple(sorted((charge, n // common) for charge, n in counts.items()))


def _preferred(crystal: Crystal, choices: Mapping[str, _Planes]) -> str:
    """Return the termination taken when none is asked for."""

    def rank(formula: str) -> tuple[bool, bool, str]:
        charges = [crystal.charges[SHORT_NAMES.get(s, s)] for s in composition(formula)]
        return (1 not in charges, min(charges) < 0, formula)

    return min(choices, key=rank)


def composition(formula: str) -> Counter[str]:
    """Return the smallest composition that *formula* states, whatever the order of the elements."""
    counts = parsed(formula)
    common = gcd(*counts.values()) if counts else 1
    return Counter({name: n // common for name, n in counts.items()})


def _same(one: str, other: str) -> bool:
    return composition(one) == composition(other)


def centers(crystal: Crystal, center: str | tuple[float, float, float] | None) -> list[Vectors]:
    """Return the points in Å that may be the middle of a dot, cations first."""
    cell = crystal.atoms.cell.array
    if center is not None and not isinstance(center, str):
        return [np.asarray(center, dtype=float) @ cell]
    _, names, points = centres_of(crystal.atoms)
    order = sorted(range(len(names)), key=lambda n: (-crystal.charges[names[n]], n))
    atoms = [points[n] for n in order]
    if center in names:
        return [points[n] for n in order if names[n] == center]
    if center == "atom":
        return atoms
    bonds = _bond_middles(points, names, crystal)
    if center == "bond":
        return bonds
    steps = np.arange(4) / 4
    grid = np.array([[a, b, c] for a in steps for b in steps for c in steps]) @ cell
    every = np.array(atoms + bonds)
    empty = [g for g in grid if _away(every, g, cell) > 0.3]
    if center == "void":
        distances = [_away(np.array(atoms), g, cell) for g in empty]
        return [g for g, d in zip(empty, distances, strict=True) if d > 0.9 * max(distances)]
    if center is not None:
        raise AskError(
            f"center is 'atom', 'bond', 'void', one of {', '.join(sorted(set(names)))}, or three numbers"
        )
    return atoms + bonds + empty


def _bond_middles(points: Vectors, names: list[str], crystal: Crystal) -> list[Vectors]:
    """Return the middles in Å of the shortest cation-anion bonds of one cell."""
    from ase import Atoms as AtomsClass
    from ase.neighborlist import neighbor_list

    box = AtomsClass(["X"] * len(points), points, cell=crystal.atoms.cell, pbc=True)
    bonds = bulk_bonds(crystal.atoms, crystal.charges)
    reach = max(d for d, _ in bonds.values()) * 1.25
    found = []
    for i, j, d, vector in zip(*neighbor_list("ijdD", box, reach), strict=True):
        pair = f"{names[i]}-{names[j]}"
        if crystal.charges[names[i]] >= 2 and pair in bonds and d < 1.01 * bonds[pair][0]:
            found.append(points[i] + vector / 2)
    return found


def _away(points: Vectors, point: Vectors, cell: Vectors) -> float:
    """Return the distance in Å from *point* to the nearest of *points* and their images."""
    from ase.geometry import find_mic

    return float(find_mic(points - point, cell, True)[1].min())
