"""Symmetry operations of a surface: spglib for slabs, the point group about the centre for dots.

A periodic surface is judged with its own cell: an operation that the in-plane repeat does not keep
(the fourfold axis of a 2 x 1 cell) is none of it, since the periodic images of a defect would differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.bonds import centres_of
from qdsurf.errors import AskError

if TYPE_CHECKING:
    from ase import Atoms

    from qdsurf.model.nouns import Surface

Vectors = NDArray[np.float64]
Numbers = NDArray[np.int64]

# Empty height in Å that keeps a slab apart from its image while spglib looks at it in three dimensions.
_APART = 20.0
# Puts points of different kinds this far apart in the search for images.
_KINDS_APART = 1e3
# An operation guessed from two atoms may miss the others by this much (Å) before it is fitted to all.
_GUESS = 0.5


@dataclass(frozen=True, eq=False)
class Symmetry:
    """The operations that map a surface on itself, r -> R r + t.

    Attributes
    ----------
    name
        Space group of a slab (in its box), or "n operations" for a dot.
    rotations, translations
        (m, 3, 3), and (m, 3) in Å.
    points
        (n, 3) centres of the ions in Å, in the order of ``fragments``.
    fragments
        Fragment numbers of the ions.
    kinds
        (n,) number of the species of each ion.
    orbits
        (n,) ions with the same number are equivalent.
    cell, pbc
        Cell of the surface in Å and its periodic directions.
    tolerance
        Å.
    """

    name: str
    rotations: Vectors
    translations: Vectors
    points: Vectors
    fragments: tuple[int, ...]
    kinds: Numbers
    orbits: Numbers
    cell: Vectors
    pbc: NDArray[np.bool_]
    tolerance: float

    def images(self, ions: Numbers, operation: int) -> Numbers:
        """Return the ions on which *operation* maps *ions* (positions in ``points``)."""
        moved = self.moved(self.points[ions], operation)
        found: Numbers = self._tree.query(self._embedded(moved, self.kinds[ions]))[1]
        return found

    def fixing(self, ion: int) -> Numbers:
        """Return the operations that leave *ion* where it is, the identity among them."""
        away = self.rotations @ self.points[ion] + self.translations - self.points[ion]
        return np.flatnonzero(self._apart(away) < 0.5)

    def swapping(self, points: Vectors | None = None) -> int | None:
        """Return the operation that swaps the two faces of a slab, an inversion where there is one.

        Parameters
        ----------
        points
            (n, 3) in Å, which the operation, done twice, brings back; None asks for all ions.
        """
        points = self.points if points is None else points
        middle = self.points.mean(axis=0)
        down = np.flatnonzero(self.rotations[:, 2, 2] < -0.5)
        # Inversion (trace -3) leaves no dipole at all; then two-fold axes and glide planes.
        keys = [
            (
                round(float(np.trace(self.rotations[k])), 3),
                round(float(self._apart(self.moved(middle, k) - middle)), 3),
                k,
            )
            for k in down.tolist()
        ]
        for _, _, k in sorted(keys):
            if self._apart(self.moved(self.moved(points, k), k) - points).max() < 10 * self.tolerance:
                return int(k)
        return None

    def moved(self, points: Vectors, operation: int) -> Vectors:
        """Return where *operation* takes *points*, in Å."""
        return np.asarray(points @ self.rotations[operation].T + self.translations[operation])

    def _apart(self, away: Vectors) -> Vectors:
        """Return the length in Å of vectors, the shortest way through the periodic images."""
        if self.pbc.any():
            fractional = away @ np.linalg.inv(self.cell)
            away = (fractional - np.where(self.pbc, np.round(fractional), 0.0)) @ self.cell
        return np.asarray(np.linalg.norm(away, axis=-1))

    def _embedded(self, points: Vectors, kinds: Numbers) -> Vectors:
        """Return points as the search tree has them: fractional where periodic, kinds far apart."""
        where = points - self.points.mean(axis=0)
        if self.pbc.any():
            lengths = np.linalg.norm(self.cell, axis=1)
            fractional = where @ np.linalg.inv(self.cell)
            inside = np.minimum((fractional % 1.0) * lengths, np.nextafter(lengths, 0.0))
            where = np.where(self.pbc, inside, fractional * lengths)
        return np.column_stack([where, kinds * _KINDS_APART])

    @cached_property
    def _tree(self) -> Any:
        """Search tree of the ions."""
        from scipy.spatial import KDTree

        box = np.zeros(4)
        box[:3] = np.where(self.pbc, np.linalg.norm(self.cell, axis=1), 0.0)
        return KDTree(self._embedded(self.points, self.kinds), boxsize=box)


def symmetry_of(surface: Surface, *, tolerance: float = 0.02) -> Symmetry:
    """Return the symmetry of *surface*, molecules with their orientation.

    Parameters
    ----------
    tolerance
        Å that an atom and the image of its equal may lie apart; larger for relaxed structures.

    Raises
    ------
    AskError
        The tolerance is not positive, or spglib finds no symmetry with it.
    """
    if not tolerance > 0:
        raise AskError(f"tolerance is a positive length in Å; got {tolerance}")
    atoms = surface.atoms
    fragments, species, points = centres_of(atoms)
    names = sorted(set(species))
    kinds = np.array([names.index(s) for s in species], dtype=np.int64)
    find = _periodic if atoms.pbc.any() else _finite
    name, rotations, translations, alike = find(atoms, _types(atoms), tolerance)
    # Equivalent ions have equivalent atoms, whatever the order of the atoms inside a molecule.
    first = {f: n for n, f in enumerate(fragments)}
    orbits = np.full(len(fragments), len(atoms), dtype=np.int64)
    owner = np.array([first[f] for f in atoms.arrays["fragment"].tolist()])
    np.minimum.at(orbits, owner, alike)
    return Symmetry(
        name=name,
        rotations=rotations,
        translations=translations,
        points=points,
        fragments=tuple(fragments),
        kinds=kinds,
        orbits=orbits,
        cell=_boxed_cell(atoms) if atoms.pbc.any() else atoms.cell.array.copy(),
        pbc=np.asarray(atoms.pbc).copy(),
        tolerance=tolerance,
    )


def _types(atoms: Atoms) -> Numbers:
    """Return one number for each pair of species and element."""
    pairs = list(zip(atoms.arrays["species"].tolist(), atoms.numbers.tolist(), strict=True))
    known = {pair: n for n, pair in enumerate(sorted(set(pairs)))}
    return np.array([known[p] for p in pairs], dtype=np.int64)


def _boxed_cell(atoms: Atoms) -> Vectors:
    """Return the cell with every open direction replaced by one along the normal, with vacuum."""
    cell = atoms.cell.array.copy()
    open_ = [k for k in range(3) if not atoms.pbc[k]]
    if open_ == [2]:
        normal = np.cross(cell[0], cell[1])
        normal /= np.linalg.norm(normal)
        cell[2] = normal * (float(np.ptp(atoms.positions @ normal)) + _APART)
    elif open_:
        raise AskError("a periodic surface is a slab: periodic along its first two cell vectors only")
    return np.asarray(cell)


def _periodic(
    atoms: Atoms, types: Numbers, tolerance: float
) -> tuple[str, Vectors, Vectors, NDArray[np.int64]]:
    """Return name, rotations, translations in Å and equivalent atoms of a slab, from spglib."""
    import spglib

    cell = _boxed_cell(atoms)
    inverse = np.linalg.inv(cell)
    try:
        lattice = (cell.tolist(), (atoms.positions @ inverse).tolist(), (types + 1).tolist())
        found = spglib.get_symmetry_dataset(lattice, symprec=tolerance)
    except spglib.SpglibError:
        found = None
    if found is None:
        raise AskError(f"spglib finds no symmetry with a tolerance of {tolerance} Å; try another one")
    rotations = cell.T @ np.asarray(found.rotations, dtype=float) @ inverse.T
    translations = np.asarray(found.translations) @ cell
    return (
        str(found.international),
        rotations,
        translations,
        np.asarray(found.equivalent_atoms, dtype=np.int64),
    )


def _finite(
    atoms: Atoms, types: Numbers, tolerance: float
) -> tuple[str, Vectors, Vectors, NDArray[np.int64]]:
    """Return name, rotations, translations in Å and equivalent atoms of a dot.

    Every operation of a finite body keeps its centre and maps a pair of atoms on another pair of
    the same kinds and distances. All such pairs of the smallest shells are tried, each on all
    atoms, so the cost is linear in the atoms for a given shape.
    """
    from scipy.spatial import KDTree

    centre = atoms.positions.mean(axis=0)
    points = atoms.positions - centre
    far = np.asarray(types[:, None] * _KINDS_APART, dtype=np.float64)
    tree = KDTree(np.column_stack([points, far]))
    kept: list[Vectors] = []
    alike = np.arange(len(points))
    for guess in _guesses(points, types, tolerance):
        fitted = _fitted(guess, points, far, tree)
        if fitted is None or any(np.abs(fitted - other).max() < 1e-2 for other in kept):
            continue
        distance, images = tree.query(np.column_stack([points @ fitted.T, far]))
        if distance.max() < tolerance:
            kept.append(fitted)
            np.minimum.at(alike, images, np.arange(len(points)))
    rotations = np.array(kept)
    return f"{len(kept)} operations", rotations, centre - rotations @ centre, alike


def _fitted(guess: Vectors, points: Vectors, far: Vectors, tree: Any) -> Vectors | None:
    """Return the orthogonal matrix near *guess* that fits all atoms best; None where there is none."""
    some = slice(None, None, max(1, len(points) // 100))
    if tree.query(np.column_stack([points[some] @ guess.T, far[some]]))[0].max() > _GUESS:
        return None
    distance, images = tree.query(np.column_stack([points @ guess.T, far]))
    if distance.max() > _GUESS:
        return None
    u, _, vt = np.linalg.svd(points[images].T @ points)
    return np.asarray(u @ vt)


def _shells(points: Vectors, types: Numbers, tolerance: float) -> list[Numbers]:
    """Return the atoms of one kind at one distance from the centre, small and far shells first."""
    radius = np.linalg.norm(points, axis=1)
    order = np.lexsort((radius, types))
    new = (np.diff(types[order]) != 0) | (np.diff(radius[order]) > tolerance)
    shells = np.split(order, np.flatnonzero(new) + 1)
    return sorted(
        (s for s in shells if radius[s].min() > 10 * tolerance),
        key=lambda s: (len(s), -round(float(radius[s[0]]), 2)),
    )


def _guesses(points: Vectors, types: Numbers, tolerance: float) -> list[Vectors]:
    """Return the orthogonal matrices that map one pair of atoms on pairs of the same kinds and distances."""
    shells = _shells(points, types, tolerance)
    if not shells:
        return [np.eye(3)]
    first = shells[0]
    one = points[first[0]]
    for shell in shells:
        apart = np.linalg.norm(np.cross(points[shell], one), axis=1)
        bent = apart > 0.1 * np.linalg.norm(points[shell], axis=1) * np.linalg.norm(one)
        if bent.any():
            second, two = shell, points[shell[int(np.argmax(bent))]]
            break
    else:  # all atoms on one line: turned end to end, or not
        return [np.eye(3), -np.eye(3)]
    start = _frame(one, two)
    gap = float(np.linalg.norm(one - two))
    found = [np.eye(3)]
    for q in points[first]:
        for r in points[second][np.abs(np.linalg.norm(points[second] - q, axis=1) - gap) < 4 * tolerance]:
            frame = _frame(q, r)
            found += [frame @ np.diag([1.0, 1.0, sign]) @ start.T for sign in (1.0, -1.0)]
    return found


def _frame(one: Vectors, two: Vectors) -> Vectors:
    """Return (3, 3) orthonormal columns: along *one*, in the plane with *two*, and their normal."""
    along = one / np.linalg.norm(one)
    across = two - (two @ along) * along
    across /= np.linalg.norm(across)
    return np.column_stack([along, across, np.cross(along, across)])
