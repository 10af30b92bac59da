"""Rigid poses of one ligand at one site, and how near each comes to what is already there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qdsurf.model.contacts import SMALLEST_HYDROGEN_PAIR, SMALLEST_RATIO, radii

if TYPE_CHECKING:
    from ase import Atoms
    from scipy.spatial import KDTree

    from qdsurf.model import Ligand

Array = NDArray[np.float64]

# Added to the sum of covalent radii for the bond of a donor to a surface ion: it gives the shelf's
# bulk bonds Pb-Br (2.94 Å) and Pb-I (3.14 Å) to 0.02 Å. A starting geometry, meant to be relaxed.
DATIVE_EXCESS = 0.30
TILTS = (0.0, 20.0, 40.0, 60.0)
AZIMUTHS = 18
LIFTS = (0.0, 0.3, 0.6, 1.0, 1.5)


def bond_length(donor: str, ion: str) -> float:
    """Return a starting length in Å for a bond of *donor* to the surface ion *ion*.

    Sum of the covalent radii of Cordero et al. (doi:10.1039/b801115j) plus 0.30 Å.

    >>> round(bond_length("Br", "Pb"), 2)
    2.96
    """
    from ase.data import atomic_numbers, covalent_radii

    return float(covalent_radii[atomic_numbers[donor]] + covalent_radii[atomic_numbers[ion]] + DATIVE_EXCESS)


def turn_onto(start: Array, end: Array) -> Array:
    """Return the rotation matrix, shape (3, 3), that turns direction *start* onto *end*."""
    a, b = start / np.linalg.norm(start), end / np.linalg.norm(end)
    axis, cosine = np.cross(a, b), float(a @ b)
    if cosine < -0.999999:
        other = np.array([1.0, 0, 0]) if abs(a[0]) < 0.9 else np.array([0, 1.0, 0])
        return spin(np.cross(a, other), 180.0)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    matrix: Array = np.eye(3) + cross + cross @ cross / (1 + cosine)
    return matrix


def spin(axis: Array, degrees: float) -> Array:
    """Return the rotation matrix, shape (3, 3), about *axis* by *degrees*."""
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    matrix: Array = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return matrix


@dataclass(frozen=True)
class Target:
    """Where the binding atoms of a ligand go.

    Attributes
    ----------
    ion
        (3,) Å, the surface ion that is bound, or the lattice position that is filled.
    ion_symbol
        Element of the ion; "" when the ligand's anchor itself sits at ``ion``.
    direction
        (3,) unit vector from the ion outwards.
    second
        (3,) Å, where the second anchor of a zwitterion goes, or None.
    """

    ion: Array
    ion_symbol: str
    direction: Array
    second: Array | None = None


def poses(
    ligand: Ligand, target: Target, rng: np.random.Generator, *, plain: bool = True
) -> Iterator[tuple[float, Array]]:
    """Yield (penalty, positions in Å) of rigid poses.

    The penalty grows with tilt, lift and distance of a second anchor from its site. With *plain*
    false another conformer and tilt are preferred, drawn from *rng*, for a search over poses.
    """
    turn = float(rng.uniform(0, 360 / AZIMUTHS))
    order = range(len(ligand.conformers)) if plain else rng.permutation(len(ligand.conformers))
    preferred = 0.0 if plain else float(rng.choice(TILTS[:3]))
    for rank, index in enumerate(order):
        conformer = ligand.conformers[int(index)]
        positions = conformer.positions - conformer.positions[list(ligand.anchors[0].atoms)].mean(axis=0)
        if target.second is not None and len(ligand.anchors) > 1:
            yield from _bridging(ligand, positions, target, turn)
            continue
        for base in _bases(ligand, conformer, positions, target, rng):
            for tilt in TILTS:
                for k in range(AZIMUTHS):
                    azimuth = spin(target.direction, turn + k * 360 / AZIMUTHS)
                    side = _perpendicular(target.direction)
                    turned = base @ (azimuth @ spin(side, tilt)).T
                    for lift in LIFTS:
                        placed = (
                            turned + _seat(ligand, positions, conformer, target) + lift * target.direction
                        )
                        yield 0.01 * rank + 0.002 * abs(tilt - preferred) + 0.1 * lift, placed
                if len(positions) == 1:
                    break


def _bridging(ligand: Ligand, positions: Array, target: Target, turn: float) -> Iterator[tuple[float, Array]]:
    """Yield poses with the first anchor on its ion and the second towards its own site."""
    assert target.second is not None
    conformer = ligand.conformers[0]
    seat = _seat(ligand, positions, conformer, target)
    span = positions[list(ligand.anchors[1].atoms)].mean(axis=0)
    want = target.second - seat
    for lean in (0.0, 15.0, 30.0, 45.0):
        leaning = spin(np.cross(want, target.direction), lean) @ want
        base = positions @ turn_onto(span, leaning).T
        for k in range(2 * AZIMUTHS):
            turned = base @ spin(leaning, turn + k * 180 / AZIMUTHS).T
            for lift in LIFTS:
                placed = turned + seat + lift * target.direction
                second = placed[list(ligand.anchors[1].atoms)].mean(axis=0)
                yield 0.1 * float(np.linalg.norm(second - target.second)) + 0.1 * lift, placed


def _bases(
    ligand: Ligand, conformer: Atoms, positions: Array, target: Target, rng: np.random.Generator
) -> Iterator[Array]:
    """Yield the conformer turned so that it leaves the surface, by its own bonds and as a whole."""
    if len(positions) == 1:
        yield positions
        return
    local, whole = _axes(ligand, conformer, positions)
    for axis in (local, whole):
        if np.linalg.norm(axis) > 0.3:
            yield positions @ turn_onto(axis, target.direction).T
    if np.linalg.norm(local) <= 0.3:  # a planar or round ion has no axis: try directions at random
        from scipy.spatial.transform import Rotation

        for matrix in Rotation.random(24, rng=rng).as_matrix():
            yield positions @ matrix.T


def _axes(ligand: Ligand, conformer: Atoms, positions: Array) -> tuple[Array, Array]:
    """Return the direction of the anchor's own bonds, and that of the molecule as a whole."""
    anchor = set(ligand.anchors[0].atoms)
    heavy = np.array([s != "H" for s in conformer.get_chemical_symbols()])
    with_hydrogen = ligand.charge <= 0  # the hydrogens of an ammonium point down to the halides
    local = np.zeros(3)
    for i, j, _ in ligand.bonds:
        for a, b in ((i, j), (j, i)):
            if a in anchor and b not in anchor and (with_hydrogen or heavy[b]):
                local += positions[b] - positions[a]
    rest = [k for k in range(len(positions)) if k not in anchor and heavy[k]]
    whole = positions[rest].mean(axis=0) if rest else np.zeros(3)
    return local, whole


def _perpendicular(direction: Array) -> Array:
    """Return a unit vector perpendicular to *direction*."""
    other = np.array([1.0, 0, 0]) if abs(direction[0]) < 0.9 else np.array([0, 1.0, 0])
    side = np.cross(direction, other)
    unit: Array = side / np.linalg.norm(side)
    return unit


def _seat(ligand: Ligand, positions: Array, conformer: Atoms, target: Target) -> Array:
    """Return where the centre of the binding atoms goes, from the bond length to the ion."""
    if not target.ion_symbol:
        return target.ion
    anchor = list(ligand.anchors[0].atoms)
    length = bond_length(conformer.get_chemical_symbols()[anchor[0]], target.ion_symbol)
    spread = float(np.linalg.norm(positions[anchor], axis=1).mean())
    height = np.sqrt(max(length**2 - spread**2, (0.6 * length) ** 2))
    seat: Array = target.ion + height * target.direction
    return seat


class Surroundings:
    """What a new ligand must not touch: atoms with their radii, and periodic images in the plane."""

    def __init__(self, atoms: Atoms, exempt: NDArray[np.bool_]) -> None:
        """Take *atoms*; those with *exempt* true may be touched by anchor atoms."""
        from scipy.spatial import KDTree

        self.cell = np.asarray(atoms.cell)
        self.shifts = np.array(
            [
                i * self.cell[0] + j * self.cell[1]
                for i in ((-1, 0, 1) if atoms.pbc[0] else (0,))
                for j in ((-1, 0, 1) if atoms.pbc[1] else (0,))
            ]
        )
        symbols = atoms.get_chemical_symbols()
        copies = len(self.shifts)
        self.positions = (atoms.positions[None] + self.shifts[:, None]).reshape(-1, 3)
        self.radii = np.tile(radii(symbols), copies)
        self.hydrogen = np.tile(np.array([s == "H" for s in symbols]), copies)
        self.exempt = np.tile(exempt, copies)
        self.tree: KDTree = KDTree(self.positions)
        self.reach = float(self.radii.max()) if len(self.radii) else 0.0

    def clearance(self, positions: Array, symbols: list[str], anchor: set[int]) -> float:
        """Return the smallest distance over the smallest allowed one; 1 and more is free of overlap."""
        size = radii(symbols)
        # distances beyond this are allowed for every pair of elements
        cutoff = max(SMALLEST_RATIO * (float(size.max()) + self.reach), SMALLEST_HYDROGEN_PAIR)
        lists = self.tree.query_ball_point(positions, cutoff)
        mine = np.repeat(np.arange(len(positions)), [len(near) for near in lists])
        near = np.concatenate([np.asarray(found, dtype=int) for found in lists])
        binds = np.isin(mine, list(anchor)) & self.exempt[near]
        mine, near = mine[~binds], near[~binds]
        worst = 3.0
        if len(mine):
            hydrogen = np.array([s == "H" for s in symbols])[mine] & self.hydrogen[near]
            allowed = SMALLEST_RATIO * (self.radii[near] + size[mine])
            allowed = np.where(hydrogen, np.maximum(allowed, SMALLEST_HYDROGEN_PAIR), allowed)
            gap = np.linalg.norm(self.positions[near] - positions[mine], axis=1)
            worst = float((gap / allowed).min())
        return worst if worst < 1 else min(worst, self._own_images(positions, symbols, size))

    def _own_images(self, positions: Array, symbols: list[str], size: Array) -> float:
        """Return the clearance of a molecule from its own periodic images."""
        worst = 3.0
        hydrogen = np.array([s == "H" for s in symbols])
        allowed = SMALLEST_RATIO * (size[:, None] + size[None])
        allowed = np.where(
            hydrogen[:, None] & hydrogen[None], np.maximum(allowed, SMALLEST_HYDROGEN_PAIR), allowed
        )
        for shift in self.shifts:
            if np.linalg.norm(shift) > 1e-6:
                gap = np.linalg.norm(positions[:, None] - positions[None] - shift, axis=2)
                worst = min(worst, float((gap / allowed).min()))
        return worst
