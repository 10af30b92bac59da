"""Orientations of the molecular cations of a crystal."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from qdsurf.crystals.charges import MOLECULAR_CHARGES
from qdsurf.crystals.molecules import dipole
from qdsurf.errors import AskError, PlacementError
from qdsurf.model.arguments import check_seed
from qdsurf.model.contacts import SMALLEST_HYDROGEN_PAIR, SMALLEST_RATIO, radius
from qdsurf.model.nouns import Crystal

if TYPE_CHECKING:
    from ase import Atoms

Vectors = NDArray[np.float64]
Orientation = Literal["random", "no net dipole"]

# Orientations tried for one group of cations before it is given up.
_TRIES = 400
# Atoms and cations whose centres are this far (Å) from that of a cation cannot touch it.
_REACH = 8.5
# Dipoles below this, in debye, count as none.
_NO_DIPOLE = 1e-3


def orient_cations(
    crystal: Crystal,
    *,
    repeat: tuple[int, int, int] = (1, 1, 1),
    arrangement: Orientation = "random",
    seed: int = 0,
) -> Crystal:
    """Return a supercell of *crystal* with other orientations of its molecular cations.

    Parameters
    ----------
    crystal
        Crystal with methylammonium or formamidinium; not changed.
    repeat
        Cells along the three cell vectors.
    arrangement
        "random": every orientation is equally likely, those that overlap a neighbour left out.
        "no net dipole": cations of one kind are random in pairs with opposite dipoles (an odd one out
        goes into three dipoles at 120 degrees), so that the dipoles of the cations cancel exactly.
    seed
        Of the random orientations; the same seed gives the same crystal.

    Returns
    -------
    Crystal
        ``recipe["result"]["net dipole"]`` holds the sum of the dipoles of the cations in debye, three
        components, with Gasteiger charges (``qdsurf.crystals.molecules.dipole``).

    Raises
    ------
    AskError
        No molecular cation, a repeat that makes no sense, or a single cation whose dipole cannot cancel.
    PlacementError
        No orientation without an overlap was found.

    Examples
    --------
    >>> from qdsurf.crystals import load_crystal
    >>> crystal = orient_cations(load_crystal("MAPbI3"), repeat=(2, 1, 1), arrangement="no net dipole")
    >>> [abs(component) < 1e-6 for component in crystal.recipe["result"]["net dipole"]]
    [True, True, True]
    """
    if arrangement not in ("random", "no net dipole"):
        raise AskError(f"arrangement is 'random' or 'no net dipole'; got {arrangement!r}")
    check_seed(seed)
    atoms = repeated(crystal.atoms, repeat)
    chosen = molecular(atoms)
    if not chosen:
        raise AskError(f"{crystal.name} has no molecular cation; its ions are {', '.join(crystal.charges)}")
    atoms.positions = turned(atoms, chosen, arrangement, np.random.default_rng(seed), crystal.name)
    recipe: dict[str, Any] = {
        "verb": "orient_cations",
        "crystal": dict(crystal.recipe) or crystal.name,
        "repeat": tuple(repeat),
        "arrangement": arrangement,
        "seed": seed,
        "result": {"net dipole": net_dipole(atoms)},
    }
    return replace(crystal, atoms=atoms, recipe=recipe, pseudocubic=axes_in(crystal, repeat))


def whole_repeat(repeat: object) -> tuple[int, int, int]:
    """Return *repeat* as three integers.

    Raises
    ------
    AskError
        It is not three positive integers.
    """
    try:
        given: tuple[Any, ...] = tuple(repeat)  # type: ignore[arg-type]
        x, y, z = (int(n) for n in given)
    except (TypeError, ValueError):
        given, (x, y, z) = (), (0, 0, 0)
    if given != (x, y, z) or min(x, y, z) < 1:
        raise AskError(f"repeat is three positive integers, such as (2, 2, 2); got {repeat!r}")
    return x, y, z


def repeated(atoms: Atoms, repeat: tuple[int, int, int]) -> Atoms:
    """Return the supercell with its own fragment numbers."""
    numbers = whole_repeat(repeat)
    step = int(atoms.arrays["fragment"].max()) + 1
    large = atoms * numbers
    large.arrays["fragment"] += step * np.repeat(np.arange(int(np.prod(numbers))), len(atoms))
    return large  # type: ignore[no-any-return]


def axes_in(crystal: Crystal, repeat: tuple[int, int, int]) -> tuple[tuple[float, ...], ...] | None:
    """Return the axes that facets of a supercell are named in, in units of its cell vectors."""
    if crystal.pseudocubic is None and tuple(repeat) == (1, 1, 1):
        return None
    rows = np.eye(3) if crystal.pseudocubic is None else np.array(crystal.pseudocubic)
    return tuple(tuple(float(x) for x in row) for row in rows / np.array(repeat))


def molecular(atoms: Atoms) -> list[int]:
    """Return the fragment numbers of the molecular cations with a known shape."""
    inside = np.isin(atoms.arrays["species"], list(MOLECULAR_CHARGES))
    return list(dict.fromkeys(atoms.arrays["fragment"][inside].tolist()))


def net_dipole(atoms: Atoms) -> tuple[float, float, float]:
    """Return the sum of the dipoles of the molecular cations in debye."""
    total = np.zeros(3)
    for members, species in _molecules(atoms, molecular(atoms)):
        total += dipole(species, _symbols(atoms, members), _whole(atoms, members))
    x, y, z = (round(float(v), 6) + 0.0 for v in total)
    return x, y, z


def _molecules(atoms: Atoms, fragments: list[int]) -> list[tuple[NDArray[np.int64], str]]:
    """Return (atom indices, species) of each of *fragments*."""
    numbers = atoms.arrays["fragment"]
    order = np.argsort(numbers, kind="stable")
    start = np.searchsorted(numbers[order], [*fragments])
    stop = np.searchsorted(numbers[order], [*fragments], side="right")
    found = [np.sort(order[a:b]) for a, b in zip(start, stop, strict=True)]
    return [(members, str(atoms.arrays["species"][members[0]])) for members in found]


def _symbols(atoms: Atoms, members: NDArray[np.int64]) -> list[str]:
    """Return the chemical symbols of *members*."""
    return [str(s) for s in atoms.symbols[members]]


def _whole(atoms: Atoms, members: NDArray[np.int64]) -> Vectors:
    """Return the positions of a molecule in Å, made whole across the cell borders."""
    from ase.geometry import find_mic

    away = atoms.positions[members] - atoms.positions[members[0]]
    if atoms.pbc.any():
        away, _ = find_mic(away, atoms.cell, atoms.pbc)
    return np.asarray(atoms.positions[members[0]] + away)


def turned(
    atoms: Atoms, fragments: list[int], arrangement: Orientation, rng: np.random.Generator, what: str
) -> Vectors:
    """Return all positions with the molecules *fragments* turned about their centres.

    Raises
    ------
    AskError
        The dipole of a single cation of its kind cannot cancel.
    PlacementError
        No orientation without an overlap was found.
    """
    room = _Room(atoms, fragments)
    for group in _groups(room, arrangement, rng, what):
        for _ in range(_TRIES):
            trial = _orientations(room, group, rng)
            if all(room.fits(k, shape, trial) for k, shape in trial.items()):
                room.placed.update(trial)
                break
        else:
            raise PlacementError(
                f"{what}: none of {_TRIES} orientations of {room.species[group[0]]} is free of overlaps; "
                f"another seed or a larger cell may do"
            )
    positions: Vectors = atoms.positions.copy()
    for k, shape in room.placed.items():
        positions[room.members[k]] = room.centres[k] + shape
    return positions


def _groups(room: _Room, arrangement: Orientation, rng: np.random.Generator, what: str) -> list[list[int]]:
    """Return the molecules in groups that are turned together: alone, or with dipoles that cancel."""
    if arrangement == "random":
        return [[k] for k in range(len(room.species))]
    groups: list[list[int]] = []
    for species in dict.fromkeys(room.species):
        alike = [k for k, s in enumerate(room.species) if s == species]
        alike = [int(k) for k in rng.permutation(alike)]
        if len(alike) == 1 and np.linalg.norm(room.dipole(alike[0])) > _NO_DIPOLE:
            raise AskError(f"{what}: the dipole of one {species} cannot cancel; take a larger repeat")
        odd = alike[:3] if len(alike) % 2 else []
        rest = alike[len(odd) :]
        groups += [odd] if odd else []
        groups += [rest[n : n + 2] for n in range(0, len(rest), 2)]
    return groups


def _orientations(room: _Room, group: list[int], rng: np.random.Generator) -> dict[int, Vectors]:
    """Return random shapes of the molecules of *group*, whose dipoles cancel where there are several."""
    from scipy.spatial.transform import Rotation

    first = Rotation.from_quat(rng.standard_normal(4))
    shapes: dict[int, Vectors] = {group[0]: np.asarray(first.apply(room.shapes[group[0]]))}
    if len(group) == 1:
        return shapes
    axis = first.apply(room.dipole(group[0]))
    across = np.cross(axis, rng.standard_normal(3))
    across /= np.linalg.norm(across)
    for n, k in enumerate(group[1:], start=1):
        turn = Rotation.from_rotvec(2 * np.pi * n / len(group) * across)
        # molecules of one kind may differ in how they lie: all take the shape of the first
        shapes[k] = np.asarray(turn.apply(shapes[group[0]]))
    return shapes


class _Room:
    """The molecules to be turned and everything they could touch."""

    def __init__(self, atoms: Atoms, fragments: list[int]) -> None:
        """Find the surroundings of the molecules *fragments* of *atoms*."""
        from scipy.spatial import KDTree

        found = _molecules(atoms, fragments)
        self.members = [members for members, _ in found]
        self.species = [species for _, species in found]
        whole = [_whole(atoms, members) for members in self.members]
        self.centres = np.array([w.mean(axis=0) for w in whole])
        self.symbols = [_symbols(atoms, members) for members in self.members]
        self.shapes = [w - c for w, c in zip(whole, self.centres, strict=True)]
        self.placed: dict[int, Vectors] = {}
        moving = np.isin(atoms.arrays["fragment"], fragments)
        fixed, owner = _images(atoms.positions[~moving], atoms)
        names = atoms.symbols[~moving]
        self._fixed = fixed
        self._names = np.array([str(s) for s in names])[owner] if len(owner) else np.zeros(0, dtype="U2")
        self._near = KDTree(fixed).query_ball_point(self.centres, _REACH) if len(fixed) else [[]] * len(found)
        centres, owner = _images(self.centres, atoms)
        self._shift = centres - self.centres[owner]
        self._owner = owner
        self._others = KDTree(centres).query_ball_point(self.centres, _REACH)

    def dipole(self, k: int) -> Vectors:
        """Return the dipole of molecule *k* as it lay at first, in debye."""
        return dipole(self.species[k], self.symbols[k], self.shapes[k])

    def fits(self, k: int, shape: Vectors, trial: dict[int, Vectors]) -> bool:
        """Return whether molecule *k* with *shape* overlaps nothing fixed and no molecule placed by now."""
        near = self._near[k]
        if not _free(self.symbols[k], self.centres[k] + shape, self._names[near].tolist(), self._fixed[near]):
            return False
        for image in self._others[k]:
            other = int(self._owner[image])
            shift = self._shift[image]
            if other == k and not shift.any():
                continue
            there = trial.get(other, self.placed.get(other))
            if there is not None and not _free(
                self.symbols[k],
                self.centres[k] + shape,
                self.symbols[other],
                self.centres[other] + shift + there,
            ):
                return False
        return True


def _images(points: Vectors, atoms: Atoms) -> tuple[Vectors, NDArray[np.int64]]:
    """Return *points* with their periodic images within reach of the cell, and whose images they are."""
    if not len(points):
        return points, np.zeros(0, dtype=np.int64)
    cell = atoms.cell.array
    spans = [range(1)] * 3
    if atoms.pbc.any():
        # a dot has no cell; a slab may have none along its normal
        heights = 1 / np.linalg.norm(np.linalg.inv(atoms.cell.complete().array), axis=0)
        most = [int(np.ceil(_REACH / h)) if p else 0 for h, p in zip(heights, atoms.pbc, strict=True)]
        spans = [range(-n, n + 1) for n in most]
    shifts = np.array(np.meshgrid(*spans, indexing="ij")).reshape(3, -1).T @ cell
    everything = (points[None, :, :] + shifts[:, None, :]).reshape(-1, 3)
    return everything, np.tile(np.arange(len(points)), len(shifts))


def _free(one: list[str], here: Vectors, other: list[str], there: Vectors) -> bool:
    """Return whether no atom of *one* overlaps one of *other*, by the radii of `qdsurf.model.contacts`."""
    if not len(there):
        return True
    distance = np.linalg.norm(here[:, None, :] - there[None, :, :], axis=2)
    sums = np.array([radius(s) for s in one])[:, None] + np.array([radius(s) for s in other])[None, :]
    limit = SMALLEST_RATIO * sums
    hydrogens = (np.array(one) == "H")[:, None] & (np.array(other) == "H")[None, :]
    limit[hydrogens] = np.maximum(limit[hydrogens], SMALLEST_HYDROGEN_PAIR)
    return bool((distance >= limit).all())
