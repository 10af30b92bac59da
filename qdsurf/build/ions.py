"""Every ion of a surface as a Site: those of the outermost planes and those inside."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from itertools import product
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.bonds import ANY, Neighbours, bound_pairs, stored_bonds
from qdsurf.build.exposure import exposure_of
from qdsurf.errors import AskError
from qdsurf.model.nouns import Site, Surface

if TYPE_CHECKING:
    from ase import Atoms

Vectors = NDArray[np.float64]
Numbers = NDArray[np.int64]

ION_KINDS = ("anion site", "cation site")
INSIDE = "core"
"""Location of an ion that neither lies in an outermost plane nor lacks a neighbour."""
# An ion this far (Å) from the site that names it is another ion.
_SAME = 0.5


class Ions:
    """The ions of a bare surface, with what tells them apart.

    Attributes
    ----------
    surface
        The surface.
    fragments
        Fragment number of each ion.
    species
        Species of each ion.
    points
        (n, 3) centres in Å.
    normals
        (n, 3) outward unit vectors: the nearest face of a slab, the facets of a dot, away from
        the centre for inner ions of a dot.
    coordination, whole
        (n,) counter-ions that hold the ion, here and in the bulk.
    outermost
        (n,) whether the ion lies in the last plane of a face.
    """

    def __init__(self, surface: Surface) -> None:
        """Look at all ions of *surface*."""
        atoms = surface.atoms
        around = Neighbours(atoms, surface.charges, stored_bonds(atoms))
        self.surface = surface
        self.around = around
        self.fragments = around.fragments
        self.species = [around.species[f] for f in around.fragments]
        self.points = around.points
        self.coordination = around.coordination
        bulk = {s: around.bonds.get(f"{s}-{ANY}", (0.0, 0))[1] for s in set(self.species)}
        self.whole = np.array([bulk[s] for s in self.species], dtype=np.int64)
        self.facet = surface.sites[0].facet if surface.sites and atoms.pbc.any() else None
        exposed = exposure_of(atoms, around, self.facet)
        self._row = dict(zip(exposed.ions.tolist()[::-1], range(len(exposed.ions))[::-1], strict=True))
        self._exposure = exposed
        self.normals = self._outward()
        self.outermost = np.zeros(len(self.points), dtype=bool)
        self.outermost[exposed.ions[exposed.outermost]] = True
        self._known = {s.atoms: (n, s) for n, s in reversed(list(enumerate(surface.sites))) if s.occupied}
        self._number = {f: n for n, f in enumerate(self.fragments)}
        self._inner = wrapped(atoms, self.points)
        self._reach = 0.0

    def _outward(self) -> Vectors:
        """Return the outward normal of each ion."""
        away = self.points - self.points.mean(axis=0)
        length = np.linalg.norm(away, axis=1)[:, None]
        normals = np.where(length > 1e-6, away / np.maximum(length, 1e-6), np.array([0.0, 0.0, 1.0]))
        for ion, row in self._row.items():
            normals[ion] = self._exposure.normals[row]
        return np.asarray(normals)

    @cached_property
    def depth(self) -> Vectors:
        """(n,) Å below the outermost ions: along z in a slab, below the convex hull of a dot."""
        if self.surface.atoms.pbc.any():
            height = self.points[:, 2]
            return np.asarray(np.minimum(height.max() - height, height - height.min()))
        from scipy.spatial import ConvexHull, QhullError

        try:
            planes = np.unique(np.round(ConvexHull(self.points).equations, 6), axis=0)
        except (QhullError, ValueError):  # too few ions, or all in one plane: nothing is inside
            return np.zeros(len(self.points))
        below = [-(self.points @ p[:3] + p[3]) for p in planes]
        return np.asarray(np.maximum(np.min(below, axis=0), 0.0))

    @cached_property
    def order(self) -> Numbers:
        """(n,) rank of each ion: those of ``surface.sites`` in their order, then upper before lower ones."""
        atoms = self.surface.atoms
        if atoms.pbc.any():
            fractional = (self.points - atoms.cell.array[:2].sum(axis=0) / 2) @ np.linalg.inv(
                atoms.cell.array
            )
            fractional[:, :2] -= np.round(fractional[:, :2])
            away = np.linalg.norm(fractional[:, :2] @ atoms.cell.array[:2, :2], axis=1)
            up = -self.normals[:, 2]
        else:
            away = np.linalg.norm(self.points - self.points.mean(axis=0), axis=1)
            up = np.zeros(len(away))
        members = [self.around.members[f] for f in self.fragments]
        known = [self._known[m][0] if m in self._known else len(self._known) + len(members) for m in members]
        listed = np.array(known, dtype=np.int64)
        keys = np.lexsort((np.arange(len(away)), np.round(away, 3), np.round(up, 6), listed))
        rank = np.empty(len(keys), dtype=np.int64)
        rank[keys] = np.arange(len(keys))
        return rank

    def location(self, ion: int) -> str:
        """Return "face", "edge", "corner" or "core"."""
        row = self._row.get(ion)
        open_ = self.outermost[ion] or self.coordination[ion] < self.whole[ion]
        return self._exposure.locations[row] if row is not None and open_ else INSIDE

    def site(self, ion: int) -> Site:
        """Return the Site of *ion*: the one in ``surface.sites`` where it is there."""
        fragment = self.fragments[ion]
        members = self.around.members[fragment]
        if members in self._known:
            return self._known[members][1]
        location = self.location(ion)
        row = self._row.get(ion)
        inside = row is None or (location == INSIDE and not self.surface.atoms.pbc.any())
        held = self.around.bound(fragment)
        return Site(
            position=self.points[ion].copy(),
            normal=self.normals[ion].copy(),
            kind=ION_KINDS[int(self.surface.charges[self.species[ion]] >= 0)],
            species=self.species[ion],
            facet=None if inside or row is None else self._exposure.facets[row],
            location=location,
            layer=int(self.surface.atoms.arrays["layer"][members[0]]),
            coordination=len(held),
            atoms=members,
            neighbours=tuple(sorted({m for f, _ in held for m in self.around.members[f]})),
        )

    def number(self, site: Site) -> int:
        """Return which ion *site* is.

        Raises
        ------
        AskError
            The site is vacant, or its atoms are no ion of this surface.
        """
        name = self.surface.name
        if not site.occupied:
            raise AskError(f"the site {site.kind!r} of {site.species} is vacant; there is no ion to take")
        total = len(self.surface.atoms)
        fragments = self.surface.atoms.arrays["fragment"]
        ion = self._number.get(int(fragments[site.atoms[0]]), -1) if max(site.atoms) < total else -1
        if ion >= 0 and self.around.members[self.fragments[ion]] == tuple(site.atoms):
            from ase.geometry import find_mic

            atoms = self.surface.atoms
            _, away = find_mic(site.position - self.points[ion], atoms.cell, atoms.pbc)
            if self.species[ion] == site.species and float(away) < _SAME:
                return ion
        raise AskError(f"the {site.kind} of {site.species} is no site of {name}")

    def numbers(self, sites: Site | int | Iterable[Site | int]) -> list[int]:
        """Return the ions at *sites*, each once, in the order asked for.

        Raises
        ------
        AskError
            None is given, one is vacant, or one is no site of this surface.
        """
        asked = [sites] if isinstance(sites, Site | int | np.integer) else list(sites)
        if not asked:
            raise AskError("no site is given to take an ion from")
        known = self.surface.sites
        found: list[int] = []
        for item in asked:
            if not isinstance(item, Site) and not -len(known) <= item < len(known):
                raise AskError(f"{self.surface.name} has {len(known)} sites; there is no number {item}")
            found.append(self.number(item if isinstance(item, Site) else known[item]))
        return list(dict.fromkeys(found))

    def of(self, species: str) -> Numbers:
        """Return the ions of *species*.

        Raises
        ------
        AskError
            There are none; the message lists the species there are.
        """
        found = np.flatnonzero(np.array(self.species) == species)
        if not len(found):
            there = ", ".join(sorted(set(self.species)))
            raise AskError(f"{self.surface.name} has no {species!r}; it has {there}")
        return found

    def distances(self, start: int, ions: Numbers) -> Vectors:
        """Return the shortest distances in Å, over periodic images, from ion *start* to *ions*."""
        from ase.geometry import find_mic

        atoms = self.surface.atoms
        _, lengths = find_mic(self.points[ions] - self.points[start], atoms.cell, atoms.pbc)
        return np.asarray(lengths)

    def near(self, ion: int, reach: float) -> list[tuple[float, str]]:
        """Return distances in Å and species of the ions within *reach* of *ion*, images included, sorted."""
        if self._reach < reach:
            from scipy.spatial import KDTree

            self._shifts = shifts_within(self.surface.atoms, reach)
            self._tree = KDTree((self._inner[None] + self._shifts[:, None]).reshape(-1, 3))
            self._reach = reach
        place = self._inner[ion]
        hits = np.array(self._tree.query_ball_point(place, reach), dtype=np.int64)
        far = np.round(np.linalg.norm(self._tree.data[hits] - place, axis=1), 2)
        names = [self.species[k] for k in (hits % len(self.points)).tolist()]
        return sorted(zip(far.tolist(), names, strict=True))

    @cached_property
    def held(self) -> Numbers:
        """(n,) number of all counter-ions next to each ion, weak ones too: an ion with none floats."""
        atoms = self.surface.atoms
        i, _, _ = bound_pairs(
            self.points, np.array(self.species), self.around.bonds, atoms.cell.array, atoms.pbc
        )
        return np.bincount(i, minlength=len(self.points))


def shifts_within(atoms: Atoms, reach: float) -> Vectors:
    """Return the vectors in Å to the cell itself and to all its periodic images within *reach* Å."""
    cell = atoms.cell.array
    shifts = [np.zeros(3)]
    for k in range(3):
        if atoms.pbc[k]:
            others = np.cross(cell[(k + 1) % 3], cell[(k + 2) % 3])
            height = abs(float(cell[k] @ others)) / float(np.linalg.norm(others))
            number = ceil(reach / height)
            shifts = [s + n * cell[k] for s, n in product(shifts, range(-number, number + 1))]
    return np.array(shifts)


def wrapped(atoms: Atoms, points: Vectors) -> Vectors:
    """Return *points* inside the cell of *atoms*, along its periodic directions."""
    if not atoms.pbc.any():
        return points
    cell = atoms.cell.array
    return np.asarray(points - np.floor(points @ np.linalg.inv(cell)) * atoms.pbc @ cell)


def require_bare(surface: Surface, what: str) -> None:
    """Refuse a *surface* with ligands.

    Raises
    ------
    AskError
        It carries ligands, whose places would no longer fit.
    """
    if (surface.atoms.arrays["role"] == "ligand").any():
        raise AskError(f"{surface.name} carries ligands; {what} before attaching them")
