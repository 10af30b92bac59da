"""Shapes of dots: facets with their relative distances from the centre, and their size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.planes import parse_hkl, true_miller
from qdsurf.errors import AskError
from qdsurf.model.nouns import Crystal

Facet = tuple[int, int, int]
Vectors = NDArray[np.float64]

CUBE: tuple[Facet, ...] = ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1))
OCTAHEDRON: tuple[Facet, ...] = tuple((s[0], s[1], s[2]) for s in product((1, -1), repeat=3))
TETRAHEDRON: tuple[Facet, ...] = ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))

# Distances of the facets of the Archimedean solids, {100} first, from their vertices (1, 1, 0) and (0, 1, 2).
_CUBOCTAHEDRON = (1.0, 2 / np.sqrt(3))
_TRUNCATED = (2.0, np.sqrt(3))

# Lead chalcogenide dots up to this diameter in Å show {111} only; larger ones show {100} too.
# Choi et al. 2013, doi:10.1021/ja400948t [unverified: recalled]; that {100} grows with size is stated in
# Chem. Commun. 2024, doi:10.1039/d3cc04315k [verified].
OCTAHEDRAL_UP_TO = 40.0

SHAPES = (
    "cube", "cuboid", "sphere", "octahedron", "truncated-octahedron", "cuboctahedron", "tetrahedron", "wulff",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Polyhedron:
    """A convex body given by its facets.

    Attributes
    ----------
    facets
        Miller indices, in pseudo-cubic axes for crystals that have them.
    normals
        (n, 3) outward unit vectors.
    distances
        (n,) in Å from the centre.
    """

    facets: tuple[Facet, ...]
    normals: Vectors
    distances: Vectors

    def scaled(self, factor: float) -> Polyhedron:
        """Return the body with all lengths multiplied by *factor*."""
        return Polyhedron(self.facets, self.normals, self.distances * factor)

    def moved(self, distances: Vectors) -> Polyhedron:
        """Return the body with other distances of its facets."""
        return Polyhedron(self.facets, self.normals, distances)

    @property
    def vertices(self) -> Vectors:
        """(n, 3) corners in Å.

        Raises
        ------
        AskError
            The facets do not close a body, or leave no room inside.
        """
        from scipy.spatial import HalfspaceIntersection, QhullError

        if np.any(self.distances <= 0):
            raise AskError("the facets leave no room for a dot; take a larger one")
        halfspaces = np.hstack([self.normals, -self.distances[:, None]])
        try:
            with np.errstate(all="ignore"):  # a body that is not closed divides by zero
                found = HalfspaceIntersection(halfspaces, np.zeros(3)).intersections
        except QhullError as error:
            raise AskError(f"the facets {_listed(self.facets)} do not close a body") from error
        if not np.isfinite(found).all() or np.abs(found).max() > 1e4 * self.distances.max():
            raise AskError(f"the facets {_listed(self.facets)} do not close a body")
        rounded = np.round(found, 6)
        return np.asarray(found[np.unique(rounded, axis=0, return_index=True)[1]])

    @property
    def volume(self) -> float:
        """Volume in Å^3."""
        from scipy.spatial import ConvexHull

        return float(ConvexHull(self.vertices).volume)

    @property
    def areas(self) -> Vectors:
        """(n,) area in Å^2 of each facet; 0 for one that other facets cut off."""
        from scipy.spatial import ConvexHull, QhullError

        corners = self.vertices
        result = np.zeros(len(self.facets))
        for n, (normal, distance) in enumerate(zip(self.normals, self.distances, strict=True)):
            on = corners[np.abs(corners @ normal - distance) < 1e-4 * max(1.0, distance)]
            if len(on) < 3:
                continue
            basis = np.linalg.svd(normal[None])[2][1:]
            try:
                result[n] = ConvexHull(on @ basis.T).volume
            except QhullError:  # three corners on a line: an edge, not a facet
                continue
        return result

    @property
    def edge(self) -> float:
        """Length in Å of the shortest edge."""
        corners = self.vertices
        on = np.abs(corners @ self.normals.T - self.distances) < 1e-4 * self.distances
        shared = on.astype(int) @ on.T.astype(int) >= 2
        gaps = np.linalg.norm(corners[:, None] - corners[None], axis=2)
        return float(gaps[shared & (gaps > 1e-6)].min())


def normal_and_spacing(crystal: Crystal, facet: Facet) -> tuple[Vectors, float]:
    """Return the outward unit vector of *facet* and the distance in Å of its lattice planes."""
    reciprocal = np.linalg.inv(crystal.atoms.cell.array) @ true_miller(crystal, facet)
    length = float(np.linalg.norm(reciprocal))
    return np.asarray(reciprocal / length), 1.0 / length


def polyhedron(crystal: Crystal, shape: str, facets: Mapping[str | Facet, float] | None) -> Polyhedron:
    """Return the body of a shape name, its {100} facets (or the nearest ones) at a distance of about one.

    Parameters
    ----------
    crystal
        For the directions of the facets and, for "wulff", the symmetry of facet families.
    shape
        One of ``SHAPES`` but "sphere".
    facets
        For "wulff": surface energy, in any unit, of one facet of each family; the distance of a facet
        is proportional to it (Wulff's theorem, doi:10.1524/zkri.1901.34.1.449). For
        "truncated-octahedron": may give another ratio of the distances of {100} and {111}.

    Raises
    ------
    AskError
        Facets are missing, not wanted, or have energies that are not positive.
    """
    distances: dict[Facet, float]
    if shape == "wulff":
        distances = _wulff(crystal, facets)
    elif facets is not None and shape != "truncated-octahedron":
        raise AskError(
            f"the facets of a {shape} are given by its name; leave facets out or take shape='wulff'"
        )
    elif shape in ("cube", "cuboid"):
        distances = dict.fromkeys(CUBE, 1.0)
    elif shape == "octahedron":
        distances = dict.fromkeys(OCTAHEDRON, 1.0)
    elif shape == "tetrahedron":
        distances = dict.fromkeys(TETRAHEDRON, 1.0)
    else:
        square, hexagon = _CUBOCTAHEDRON if shape == "cuboctahedron" else _TRUNCATED
        if facets is not None:
            given = _energies(facets)
            if set(given) != {(1, 0, 0), (1, 1, 1)}:
                raise AskError("a truncated octahedron has the facets '100' and '111'; got " + _listed(given))
            square, hexagon = given[1, 0, 0], given[1, 1, 1]
        distances = {**dict.fromkeys(CUBE, square), **dict.fromkeys(OCTAHEDRON, hexagon)}
    names = tuple(distances)
    normals = np.array([normal_and_spacing(crystal, f)[0] for f in names])
    return Polyhedron(names, normals, np.array(list(distances.values()), dtype=float))


def size_dependent_facets(crystal: Crystal, diameter: float) -> dict[str | Facet, float]:
    """Return the facets of a lead chalcogenide dot of *diameter* Å, for ``shape="wulff"``.

    A model with one parameter: up to ``OCTAHEDRAL_UP_TO`` the dot is an octahedron; above it the
    corners of the octahedron are cut at the length that they have there, until at twice the diameter
    the dot is a cuboctahedron.

    Raises
    ------
    AskError
        Not a rock-salt crystal of lead; no such rule is known here.

    Examples
    --------
    >>> from qdsurf.crystals import load_crystal
    >>> facets = size_dependent_facets(load_crystal("PbS"), 60.0)
    >>> round(facets["100"] / facets["111"], 3)
    1.155
    """
    anions = set(crystal.charges) - {"Pb"}
    rock_salt = crystal.space_group.startswith("Fm-3m")
    if not (rock_salt and "Pb" in crystal.charges and anions in ({"S"}, {"Se"}, {"Te"})):
        raise AskError(
            f"{crystal.name}: shape='wulff' needs facets={{'100': energy, '111': energy, ...}}; a rule "
            f"for the shape by size is known for PbS, PbSe and PbTe only"
        )
    ratio = float(np.sqrt(3)) * OCTAHEDRAL_UP_TO / max(diameter, OCTAHEDRAL_UP_TO)
    return {"100": max(ratio, float(np.sqrt(3)) / 2), "111": 1.0}


def _wulff(crystal: Crystal, facets: Mapping[str | Facet, float] | None) -> dict[Facet, float]:
    """Return the distance of every facet of the families given by one member each."""
    if not facets:
        raise AskError("shape='wulff' needs facets={'100': energy, '111': energy, ...}")
    result: dict[Facet, float] = {}
    for facet, energy in _energies(facets).items():
        for member in family(crystal, facet):
            result[member] = min(energy, result.get(member, energy))
    return result


def _energies(facets: Mapping[str | Facet, float]) -> dict[Facet, float]:
    """Return the facets with their energies, checked."""
    result = {parse_hkl(facet): float(energy) for facet, energy in facets.items()}
    wrong = [f for f, energy in result.items() if not (energy > 0 and np.isfinite(energy))]
    if wrong:
        raise AskError(f"the energy of a facet is a positive number; not so for {_listed(wrong)}")
    return result


def family(crystal: Crystal, facet: Facet) -> tuple[Facet, ...]:
    """Return the facets that the point group of *crystal* makes equal to *facet*, itself first.

    For crystals whose facets are named in pseudo-cubic axes it is the cubic point group.

    Examples
    --------
    >>> from qdsurf.crystals import load_crystal
    >>> len(family(load_crystal("PbS"), (1, 1, 1))), len(family(load_crystal("CdSe-zincblende"), (1, 1, 1)))
    (8, 4)
    """
    if crystal.pseudocubic is not None:
        from itertools import permutations

        members = {
            (s[0] * p[0], s[1] * p[1], s[2] * p[2])
            for p in permutations(facet)
            for s in product((1, -1), repeat=3)
        }
    else:
        members = set()
        for rotation in _rotations(crystal):
            h, k, l = np.round(np.array(facet) @ rotation).astype(int).tolist()  # noqa: E741
            members.add((h, k, l))
    return (facet, *sorted(members - {facet}, reverse=True))


def _rotations(crystal: Crystal) -> NDArray[np.int_]:
    """Return the rotations of the space group in the conventional cell; molecules count as their centres."""
    import spglib

    from qdsurf.build.bonds import centres_of

    _, names, centres = centres_of(crystal.atoms)
    kinds = {s: n + 1 for n, s in enumerate(sorted(set(names)))}
    fractional = centres @ np.linalg.inv(crystal.atoms.cell.array)
    cell: Any = (crystal.atoms.cell.array, fractional, [kinds[s] for s in names])
    symmetry = spglib.get_symmetry(cell, symprec=1e-2)
    return np.eye(3, dtype=int)[None] if symmetry is None else symmetry["rotations"]


def _listed(facets: object) -> str:
    """Return facets as text, as in "(1 0 0), (1 1 1)"."""
    return ", ".join("(" + " ".join(map(str, f)) + ")" for f in facets)  # type: ignore[attr-defined]
