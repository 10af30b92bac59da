"""Rigid poses of one molecule at one seat, judged against everything that stays where it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qdsurf.attachment.molecules import molecule_of
from qdsurf.attachment.pairs import Kinds
from qdsurf.attachment.rotations import perpendicular, spin, turn_onto, unit
from qdsurf.attachment.seats import Seat
from qdsurf.model import Ligand
from qdsurf.model.contacts import radii
from qdsurf.model.periodic import images

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

TILTS = (0.0, 20.0, 40.0, 60.0)
AZIMUTHS = 18
LIFTS = (0.0, 0.3, 0.6, 1.0, 1.5)
LEANS = (0.0, 15.0, 30.0, 45.0)
# A clearance of a pose is known up to this multiple of the allowed distance.
_SIGHT = 1.15


@dataclass(frozen=True, eq=False)
class Pose:
    """One way for a molecule to sit.

    Attributes
    ----------
    positions
        (n, 3) Å from the seat's point.
    pivot
        (3,) Å from the seat's point, about which the molecule turns.
    clearance
        Smallest distance over the smallest allowed one; 1 and more is free of overlap.
    penalty
        How far it is from a straight, low, well-directed pose; the smaller the better.
    """

    positions: Array
    pivot: Array
    clearance: float
    penalty: float


class Ground:
    """Everything that stays: atoms with what they are, and their periodic images."""

    def __init__(
        self, positions: Array, kinds: Kinds, cell: Array, periodic: tuple[bool, bool], reach: float
    ):
        """Take atoms that stay; molecules reach at most *reach* Å out of the cell."""
        from scipy.spatial import KDTree

        self.cell, self.periodic, self.kinds = cell, periodic, kinds
        self.points, self.parent, _ = images(positions, cell, periodic, reach)
        self.tree = KDTree(self.points)
        self.widest = float(kinds.radius.max()) if len(positions) else 0.0

    def wrapped(self, point: Array) -> Array:
        """Return the image of *point* inside the cell."""
        if not any(self.periodic):
            return point
        fraction = point @ np.linalg.inv(self.cell)
        whole = np.floor(fraction) * np.array([*self.periodic, False])
        found: Array = point - whole @ self.cell
        return found

    def around(self, point: Array, distance: float) -> tuple[Integers, Array]:
        """Return numbers of the atoms within *distance* Å of *point*, and the vectors to them."""
        base = self.wrapped(point)
        found = np.array(self.tree.query_ball_point(base, distance), dtype=np.int64)
        return self.parent[found], self.points[found] - base


def search(
    ligand: Ligand, seat: Seat, ground: Ground, kinds: Kinds, *, gone: Integers, most: int,
    rng: np.random.Generator | None, keep: int = 4, sight: float | None = None, tilted: bool = False,
    lifts: tuple[float, ...] = LIFTS,
) -> list[Pose]:  # fmt: skip
    """Return the best poses of *ligand* at *seat*, those without overlap first.

    Parameters
    ----------
    kinds
        What the atoms of the ligand are.
    gone
        Atoms of the ground that leave before the ligand comes.
    most
        Number of conformers that may be tried; without *rng* the straight one alone, where it has room.
    rng
        None prefers the straight, upright pose; a generator draws another preference.
    keep
        Number of poses.
    sight
        Only atoms of the ground within this many Å of the seat are looked at; None: all.
    tilted
        Only poses that lean by 30 degrees or more.
    lifts
        Heights in Å above the seat that are tried, the first that has room is taken.
    """
    found: list[Pose] = []
    lean = 0.0 if rng is None else float(rng.choice(TILTS[:3]))
    turn = 0.0 if rng is None else float(rng.uniform(0, 360 / AZIMUTHS))
    for rank, index in enumerate(_order(ligand, most, rng)):
        own = ligand.conformers[index].positions
        length = float(np.linalg.norm(own - own[list(seat.group)].mean(axis=0), axis=1).max())
        atoms, where = ground.around(seat.point, min(sight or np.inf, length + max(LIFTS) + 4.0))
        left = ~np.isin(atoms, gone)
        env = (where[left], atoms[left])
        turned = _turned(ligand, own, seat, turn, rng)
        if tilted:
            angle = np.degrees(np.arccos(np.clip(_axis(ligand, turned, seat) @ seat.direction, -1, 1)))
            turned = turned[angle >= 30.0] if (angle >= 30.0).any() else turned
        bent = _bending(ligand, turned, seat, lean) + 0.02 * rank
        for lift in lifts:
            placed = turned + lift * seat.direction
            clearance, lack = judged(placed, kinds, ground, env)
            penalty = bent + 0.15 * lift + 3.0 * lack
            best = np.lexsort((penalty, clearance < 1.0))[: 4 * keep]
            _with_images(placed, best, kinds, ground, clearance, penalty, keep)
            best = best[np.lexsort((penalty[best], clearance[best] < 1.0))][:keep]
            pivots = placed[:, list(seat.group)].mean(axis=1)
            found += [Pose(placed[k], pivots[k], float(clearance[k]), float(penalty[k])) for k in best]
            if (clearance[best] >= 1.0).any():
                break
        if sum(p.clearance >= 1.0 for p in found) >= keep and (rng is None or rank >= 2):
            break
    found.sort(key=lambda p: (p.clearance < 1.0, p.penalty))
    return found[:keep]


def _order(ligand: Ligand, most: int, rng: np.random.Generator | None) -> Iterator[int]:
    """Yield numbers of conformers; all are computed only when more than the straight one is wanted."""
    if rng is None:
        yield 0
        yield from range(1, min(most, len(ligand.conformers)) if most > 1 else 1)
    else:
        yield from rng.permutation(min(most, len(ligand.conformers))).tolist()


def judged(placed: Array, kinds: Kinds, ground: Ground, env: tuple[Array, Integers]) -> tuple[Array, Array]:
    """Return clearance and total lack of distance in Å of each pose in *placed*, shape (k, n, 3)."""
    from scipy.spatial import KDTree

    count, size = placed.shape[:2]
    points, atoms = env
    clearance, lack = np.full(count, _SIGHT), np.zeros(count)
    if len(points):
        cutoff = _SIGHT * max(0.75 * (float(kinds.radius.max()) + ground.widest), 1.8)
        near = KDTree(placed.reshape(-1, 3), compact_nodes=False, balanced_tree=False).sparse_distance_matrix(
            KDTree(points), cutoff, output_type="ndarray"
        )
        mine, theirs = near["i"] % size, len(kinds.radius) + atoms[near["j"]]
        both = joined(kinds, ground.kinds)
        _settle(near["i"] // size, near["v"], both.allowed(mine, theirs), clearance, lack)
    return clearance, lack


def _with_images(
    placed: Array, best: Integers, kinds: Kinds, ground: Ground, clearance: Array, penalty: Array, keep: int
) -> None:
    """Lower *clearance* and raise *penalty* of the *best* poses by their own periodic images, in place.

    Stops when *keep* poses are free of overlap.
    """
    shifts = _own_images(ground, placed)
    if not shifts:
        return
    size = placed.shape[1]
    i, j = np.divmod(np.arange(size * size), size)
    allowed = kinds.allowed(i, j).reshape(size, size)
    along = np.array(shifts)
    free = 0
    for number in best:
        own = placed[number]
        away = own[:, None] - own[None]
        # |x - s|^2 with the squares taken apart costs no array of vectors for every image
        square = np.einsum("ijk,ijk->ij", away, away) - 2 * np.einsum("ijk,sk->sij", away, along)
        gap = np.sqrt(np.maximum(square + np.einsum("sk,sk->s", along, along)[:, None, None], 0.0))
        clearance[number] = min(clearance[number], float((gap / allowed).min()))
        penalty[number] += 3.0 * float(np.maximum(allowed - gap, 0.0).sum())
        free += bool(clearance[number] >= 1.0)
        if free >= keep:
            return


def _settle(pose: Integers, gap: Array, allowed: Array, clearance: Array, lack: Array) -> None:
    """Lower *clearance* and raise *lack* of each pose by its pairs, in place."""
    np.minimum.at(clearance, pose, gap / allowed)
    short = gap < allowed
    lack += np.bincount(pose[short], (allowed - gap)[short], len(lack))


def _own_images(ground: Ground, placed: Array) -> list[Array]:
    """Return the lattice vectors by which a molecule could meet its own image."""
    if not any(ground.periodic):
        return []
    extent = float(np.ptp(placed.reshape(-1, 3)[:, :2], axis=0).max()) + 3.0
    found = []
    for m in range(-2, 3) if ground.periodic[0] else [0]:
        for n in range(-2, 3) if ground.periodic[1] else [0]:
            shift = m * ground.cell[0] + n * ground.cell[1]
            # each contact with an image is met from both sides; half of the vectors are enough
            if (m, n) > (0, 0) and np.linalg.norm(shift) < extent:
                found.append(shift)
    return found


def joined(first: Kinds, second: Kinds) -> Kinds:
    """Return the kinds of the atoms of both, one after the other."""
    return Kinds(
        np.concatenate([first.molecule, second.molecule]),
        np.concatenate([first.radius, second.radius]),
        np.concatenate([first.hydrogen, second.hydrogen]),
        np.concatenate([first.side, second.side]),
    )


def kinds_of(ligand: Ligand, bound: tuple[int, ...], molecule: int = 0) -> Kinds:
    """Return what the atoms of *ligand* are when the atoms *bound* bind."""
    symbols = list(molecule_of(ligand).symbols)
    side = np.zeros(len(symbols), dtype=np.int64)
    for anchor in ligand.anchors:
        sign = 2 if anchor.takes in ("anion site", "on a cation") else -2
        side[[k for k in anchor.atoms if k in bound]] = sign
    if ligand.anchors[0].takes == "on an anion":
        # an anion of a metal salt, which binds the counter-ions of what its metal binds
        side[[k for k in bound if not side[k]]] = 2
    return Kinds(
        np.full(len(symbols), molecule, dtype=np.int64),
        radii(symbols),
        np.array([s == "H" for s in symbols]),
        side,
    )


def _turned(ligand: Ligand, own: Array, seat: Seat, turn: float, rng: np.random.Generator | None) -> Array:
    """Return the orientations to be tried, shape (k, n, 3), relative to the seat's point."""
    local: Array = own - own[list(seat.group)].mean(axis=0)
    if len(local) == 1:
        return local[None]
    if seat.second_point is not None:
        return _spanning(local, seat, turn)
    bases = []
    binding, whole = _axes(ligand, local, seat.group)
    if np.linalg.norm(whole) > 0.3:
        bases.append(local @ turn_onto(whole, seat.out).T)
    if np.linalg.norm(binding) > 0.3:
        bases.append(local @ turn_onto(binding, seat.direction).T)
    else:  # a planar or round ion has no axis: try directions at random
        from scipy.spatial.transform import Rotation

        drawn = Rotation.random(24, rng=rng or np.random.default_rng(0)).as_matrix()
        bases += list(np.einsum("kij,nj->kni", drawn, local))
    about = spin(np.broadcast_to(seat.direction, (AZIMUTHS, 3)), turn + np.arange(AZIMUTHS) * 360 / AZIMUTHS)
    tilt = spin(np.broadcast_to(perpendicular(seat.direction), (len(TILTS), 3)), np.array(TILTS))
    turns = np.einsum("aij,tjk->taik", about, tilt).reshape(-1, 3, 3)
    found: Array = np.einsum("kij,bnj->bkni", turns, np.array(bases)).reshape(-1, len(local), 3)
    return found


def _spanning(local: Array, seat: Seat, turn: float) -> Array:
    """Return orientations with the first group on its seat and the second towards its own."""
    assert seat.second_point is not None
    span = local[list(seat.second)].mean(axis=0)
    want = seat.second_point - seat.point
    side = np.cross(want, seat.direction)
    steps = turn + np.arange(2 * AZIMUTHS) * 180 / AZIMUTHS
    found = []
    for lean in LEANS if seat.mode != "bridging" else (0.0,):
        leaning = spin(side, lean) @ want
        base = local @ turn_onto(span, leaning).T
        found.append(np.einsum("kij,nj->kni", spin(np.broadcast_to(leaning, (len(steps), 3)), steps), base))
    return np.concatenate(found)


def _axes(ligand: Ligand, local: Array, group: tuple[int, ...]) -> tuple[Array, Array]:
    """Return the direction of the bonds of *group*, and that of the molecule as a whole."""
    heavy = molecule_of(ligand).numbers > 1
    binding = np.zeros(3)
    with_hydrogen = ligand.charge <= 0  # the hydrogens of an ammonium point down to the halides
    for i, j, _ in ligand.bonds:
        for a, b in ((i, j), (j, i)):
            if a in group and b not in group and (with_hydrogen or heavy[b]):
                binding += local[b] - local[a]
    rest = [k for k in range(len(local)) if k not in group and heavy[k]]
    return binding, local[rest].mean(axis=0) if rest else np.zeros(3)


def _axis(ligand: Ligand, placed: Array, seat: Seat) -> Array:
    """Return the direction of the molecule as a whole in each pose, shape (k, 3)."""
    heavy = molecule_of(ligand).numbers > 1
    rest = [k for k in range(placed.shape[1]) if heavy[k] and k not in seat.bound]
    if not rest:
        return np.broadcast_to(seat.out, (len(placed), 3))
    found: Array = unit(placed[:, rest].mean(axis=1) - placed[:, list(seat.group)].mean(axis=1))
    return found


def _bending(ligand: Ligand, placed: Array, seat: Seat, lean: float) -> Array:
    """Return the penalty of each pose for its direction, (k,)."""
    if placed.shape[1] == 1:
        return np.zeros(len(placed))
    cosine = np.clip((_axis(ligand, placed, seat) @ seat.out), -1, 1)
    penalty = np.abs(np.degrees(np.arccos(cosine)) - lean) / 60.0
    if seat.second_point is not None:
        away = placed[:, list(seat.second)].mean(axis=1) - (seat.second_point - seat.point)
        penalty = 0.3 * penalty + 0.3 * np.linalg.norm(away, axis=1)
    if ligand.charge > 0:
        # hydrogens of an ammonium towards the halides below
        numbers = molecule_of(ligand).numbers
        own = [
            b if a in seat.group else a for a, b, _ in ligand.bonds if (a in seat.group) != (b in seat.group)
        ]
        own = [k for k in own if numbers[k] == 1]
        if own:
            down = unit(placed[:, own] - placed[:, list(seat.group)].mean(axis=1)[:, None]) @ seat.direction
            penalty = penalty + 1.0 * np.maximum(down, -0.2).mean(axis=1)
    found: Array = penalty
    return found
