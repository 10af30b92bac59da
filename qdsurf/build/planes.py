"""Atomic planes of a crystal along the normal of a facet."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product
from math import gcd
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qdsurf.crystals.charges import SHORT_NAMES
from qdsurf.errors import AskError
from qdsurf.model.nouns import Crystal

if TYPE_CHECKING:
    from ase import Atoms

# Ions whose heights differ by less than this (Å) belong to one plane. It keeps the buckled planes
# of tilted perovskites and of anatase whole, and the bilayers of zinc blende (111) apart.
PLANE_GAP = 0.6

Vectors = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ion:
    """One ion or molecule: positions relative to its centre and the centre itself, in Å."""

    species: str
    symbols: tuple[str, ...]
    shape: Vectors
    centre: Vectors


@dataclass(frozen=True, eq=False)
class Plane:
    """Ions at one height of the stack.

    Attributes
    ----------
    ions
        Ions with centres in Å; z is the height along the outward normal.
    formula
        Smallest formula of the plane, as in "CsBr" or "PbBr2".
    """

    ions: tuple[Ion, ...]
    formula: str

    @property
    def bottom(self) -> float:
        """Lowest height in Å."""
        return float(min(ion.centre[2] for ion in self.ions))

    @property
    def top(self) -> float:
        """Highest height in Å."""
        return float(max(ion.centre[2] for ion in self.ions))


@dataclass(frozen=True, eq=False)
class Stack:
    """A crystal seen along a facet normal.

    Attributes
    ----------
    cell
        (3, 3) in Å: two in-plane vectors (the first along x) and the stacking vector.
    planes
        The planes of one repeat, bottom first.
    units
        Repeat units of the facet as named in one repeat of the stack (2 for the pseudo-cubic
        (001) of a perovskite whose cell is doubled along the tilt axis, else 1).
    miller
        Miller indices in the conventional cell of the crystal; differ from those asked for where
        facets are named in pseudo-cubic axes.
    turn
        (3, 3) rotation: rows are the axes of the stack in those of the crystal.
    scale
        Factor on the lengths of the crystal.
    """

    cell: Vectors
    planes: tuple[Plane, ...]
    units: int
    miller: tuple[int, int, int]
    turn: Vectors
    scale: float

    def plane(self, number: int) -> Plane:
        """Return plane *number* of the endless stack; numbers may be negative."""
        repeat, index = divmod(number, len(self.planes))
        old = self.planes[index]
        shift = repeat * self.cell[2]
        ions = tuple(Ion(i.species, i.symbols, i.shape, i.centre + shift) for i in old.ions)
        return Plane(ions, old.formula)

    def gap_below(self, number: int) -> float:
        """Return the empty height in Å between plane *number* and the one below it."""
        return self.plane(number).bottom - self.plane(number - 1).top


def parse_hkl(hkl: tuple[int, int, int] | str) -> tuple[int, int, int]:
    """Return Miller indices as three integers; strings are "001", "10-1" or "1 0 -1".

    Raises
    ------
    AskError
        Not three integers, all zero, or with a common divisor (the message gives the reduced one).
    """
    given = hkl
    if isinstance(hkl, str):
        text = hkl.strip().strip("()")
        spaced = re.split(r"[\s,]+", text)
        clean = re.fullmatch(r"(-?\d)+", text)
        hkl = tuple(spaced if len(spaced) > 1 else re.findall(r"-?\d", text) if clean else ())
    try:
        indices = tuple(int(i) for i in hkl)
    except (TypeError, ValueError):
        indices = ()
    if len(indices) == 4 and indices[2] == -(indices[0] + indices[1]):
        indices = (indices[0], indices[1], indices[3])
    if len(indices) != 3:
        raise AskError(f"Miller indices are three integers, as in (0, 0, 1) or '001'; got {given!r}")
    if not any(indices):
        raise AskError("the Miller indices (0, 0, 0) name no facet")
    common = gcd(*indices)
    if common > 1:
        reduced = tuple(i // common for i in indices)
        raise AskError(f"the Miller indices {indices} have the common divisor {common}; use {reduced}")
    return indices[0], indices[1], indices[2]


def ions_of(atoms: Atoms) -> list[Ion]:
    """Return the ions and molecules of *atoms*; molecules are made whole across the cell borders."""
    from ase.geometry import find_mic

    elements, species = atoms.get_chemical_symbols(), atoms.arrays["species"].tolist()
    positions, point = atoms.positions.copy(), np.zeros((1, 3))
    ions = []
    for members in members_of(atoms).values():
        if len(members) == 1:
            index = members[0]
            ions.append(Ion(species[index], (elements[index],), point, positions[index]))
            continue
        first = positions[members[0]]
        away, _ = find_mic(positions[members] - first, atoms.cell, atoms.pbc)
        centre = first + away.mean(axis=0)
        symbols = tuple(elements[i] for i in members)
        ions.append(Ion(species[members[0]], symbols, first + away - centre, centre))
    return ions


def members_of(atoms: Atoms) -> dict[int, list[int]]:
    """Return the atom indices of each fragment of *atoms*, in the order of the atoms."""
    members: dict[int, list[int]] = {}
    for index, fragment in enumerate(atoms.arrays["fragment"].tolist()):
        members.setdefault(fragment, []).append(index)
    return members


def _primitive(atoms: Atoms) -> Vectors:
    """Return (3, 3) primitive lattice vectors in units of the conventional ones."""
    # Molecules and species count, so they enter as types of their own.
    kinds = {s: n for n, s in enumerate(sorted(set(atoms.arrays["species"].tolist())))}
    numbers = np.array([200 * kinds[s] for s in atoms.arrays["species"].tolist()]) + atoms.numbers
    places = atoms.get_scaled_positions()
    return _primitive_of(atoms.cell.array.tobytes(), places.tobytes(), tuple(numbers.tolist())).copy()


@lru_cache(maxsize=32)
def _primitive_of(lattice: bytes, places: bytes, numbers: tuple[int, ...]) -> Vectors:
    """Return the primitive vectors of a cell given by its content; a dot asks once for each of its facets."""
    import spglib

    box = np.frombuffer(lattice).reshape(3, 3)
    cell: Any = (box, np.frombuffer(places).reshape(-1, 3), numbers)
    symmetry = spglib.get_symmetry(cell, symprec=1e-3)
    if symmetry is None:
        return np.eye(3)
    same = [np.array_equal(rotation, np.eye(3)) for rotation in symmetry["rotations"]]
    shifts = [np.round((t % 1.0) * 24) / 24 % 1.0 for t in symmetry["translations"][same]]
    vectors = np.array([*np.eye(3), *(s - n for s in shifts if s.any() for n in product((0, 1), repeat=3))])
    order = np.argsort(np.linalg.norm(vectors @ box, axis=1), kind="stable")
    volume = 1.0 / len(shifts)
    for triple in ((i, j, k) for k in range(len(order)) for j in range(k) for i in range(j)):
        basis = vectors[order[list(triple)]]
        if np.isclose(abs(np.linalg.det(basis)), volume):
            return basis
    return np.eye(3)


def _oriented(lattice: Vectors, miller: NDArray[np.int_]) -> NDArray[np.int_]:
    """Return integer rows: two short in-plane vectors and a stacking vector for *miller* of *lattice*."""
    reach = int(np.abs(miller).max()) + 2
    grid = np.array(list(product(range(-reach, reach + 1), repeat=3)))
    lengths = np.linalg.norm(grid @ lattice, axis=1)
    grid = grid[np.argsort(np.round(lengths, 6), kind="stable")]
    height = grid @ miller
    flat = grid[(height == 0) & grid.any(axis=1)]
    up = grid[height == 1][0]
    volume = abs(np.linalg.det(lattice))
    area = volume * np.linalg.norm(np.linalg.inv(lattice) @ miller)
    first = flat[0]
    # The shortest vector that spans, with the first, the smallest cell of the plane.
    crossed = np.linalg.norm(np.cross(first @ lattice, flat @ lattice), axis=1)
    fits = flat[np.isclose(crossed, area, rtol=1e-4)]
    second = fits[0]
    if (first @ lattice) @ (second @ lattice) > 1e-6:
        second = -second
    if np.linalg.det(np.array([first, second, up]) @ lattice) < 0:
        first, second = second, first
    return np.array([first, second, up])


def true_miller(crystal: Crystal, hkl: tuple[int, int, int]) -> Vectors:
    """Return *hkl* in the conventional cell; a pseudo-cubic facet is transformed, not yet reduced."""
    if crystal.pseudocubic is None:
        return np.array(hkl, dtype=float)
    return np.asarray(np.linalg.inv(np.array(crystal.pseudocubic)) @ np.array(hkl))


def stack(crystal: Crystal, hkl: tuple[int, int, int], *, scale: float = 1.0) -> Stack:
    """Return the planes of *crystal* along the normal of *hkl*, lengths multiplied by *scale*.

    Facets of a crystal with pseudo-cubic axes are named in these axes. Molecules keep their size.
    """
    cell = crystal.atoms.cell.array * scale
    primitive = _primitive(crystal.atoms)
    asked = true_miller(crystal, hkl)
    miller = _reduced(primitive @ asked)
    lattice = primitive @ cell
    rows = _oriented(lattice, miller) @ lattice
    normal = np.cross(rows[0], rows[1])
    normal /= np.linalg.norm(normal)
    along = rows[0] / np.linalg.norm(rows[0])
    turn = np.array([along, np.cross(normal, along), normal])
    oriented = rows @ turn.T
    units = 1
    if crystal.pseudocubic is not None:
        spacing = 1.0 / np.linalg.norm(np.linalg.inv(cell) @ asked)
        units = max(1, round(oriented[2, 2] / spacing))
    inside = _inside(crystal.atoms, scale, turn, oriented)
    planes = _planes(inside, oriented)
    contents = [sorted(crystal.charges[ion.species] for ion in plane.ions) for plane in planes]
    while units > 1 and not _repeats(contents, units):
        units -= 1
    h, k, l = _reduced(asked).tolist()  # noqa: E741 the field's own letters
    return Stack(oriented, planes, units, miller=(h, k, l), turn=turn, scale=scale)


def _repeats(contents: list[list[int]], units: int) -> bool:
    """Return whether the *contents* of planes, as charges of ions, repeat after one of *units* parts."""
    step, rest = divmod(len(contents), units)
    return not rest and contents == contents[step:] + contents[:step]


def _reduced(indices: Vectors) -> NDArray[np.int_]:
    """Return the smallest integers in the ratio of *indices*."""
    whole = np.round(indices * 24).astype(int)
    return whole // gcd(*whole.tolist())


def _inside(atoms: Atoms, scale: float, turn: Vectors, oriented: Vectors) -> list[Ion]:
    """Return one ion per translationally distinct ion, turned, with heights inside one repeat."""
    from scipy.spatial import KDTree

    ions = ions_of(atoms)
    centres = np.array([ion.centre for ion in ions]) * scale
    fractional = centres @ turn.T @ np.linalg.inv(oriented)
    fractional = (fractional + 1e-6) % 1.0 - 1e-6
    kept = np.ones(len(ions), dtype=bool)
    for i, j in sorted(KDTree(fractional % 1.0 % 1.0, boxsize=1.0).query_pairs(1e-3)):
        if kept[i] and ions[i].species == ions[j].species:
            kept[j] = False
    places = fractional @ oriented
    return [
        Ion(ions[n].species, ions[n].symbols, ions[n].shape @ turn.T, places[n]) for n in np.flatnonzero(kept)
    ]


def _planes(ions: list[Ion], oriented: Vectors) -> tuple[Plane, ...]:
    """Group ions into planes: a gap in height of PLANE_GAP or more separates two planes."""
    ions = sorted(ions, key=lambda i: (round(float(i.centre[2]), 4), i.species, *np.round(i.centre[:2], 4)))
    period = float(oriented[2, 2])
    heights = np.array([i.centre[2] for i in ions])
    gaps = heights - np.roll(heights, 1)
    gaps[0] += period
    starts = np.flatnonzero(gaps >= PLANE_GAP)
    if not len(starts):
        starts = np.array([int(np.argmax(gaps))])
    # Ions below the first gap belong to the last plane, one repeat down.
    first = int(starts[0])
    moved = [Ion(i.species, i.symbols, i.shape, i.centre + oriented[2]) for i in ions[:first]]
    ordered, bounds = ions[first:] + moved, [*(starts - first).tolist(), len(ions)]
    groups = [ordered[a:b] for a, b in pairwise(bounds)]
    return tuple(Plane(tuple(group), formula(i.species for i in group)) for group in groups)


def formula(species: Iterable[str]) -> str:
    """Return the smallest formula of *species*, cations and metals first.

    >>> formula(["Br", "Pb", "Br"])
    'PbBr2'
    """
    from ase.data import atomic_numbers

    counted = Counter(species)
    common = gcd(*counted.values())
    short = {long: name for name, long in SHORT_NAMES.items()}
    nonmetals = ("N", "P", "As", "O", "S", "Se", "Te", "F", "Cl", "Br", "I")
    order = sorted(counted, key=lambda s: (s in nonmetals, s in atomic_numbers, s))
    return "".join(short.get(s, s) + (str(n) if (n := counted[s] // common) > 1 else "") for s in order)


def parsed(formula: str) -> Counter[str]:
    """Return the composition that *formula* states, whatever the order of the elements.

    >>> sorted(parsed("MAPbBr3").items())
    [('Br', 3), ('MA', 1), ('Pb', 1)]
    """
    counts: Counter[str] = Counter()
    for name, number in re.findall(r"(MA|FA|[A-Z][a-z]?)(\d*)", formula):
        counts[name] += int(number or 1)
    return counts
