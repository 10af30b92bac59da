"""Build a shell: start every molecule in a good pose, relax all of them, try again what is stuck."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qdsurf.attachment.choosing import Job
from qdsurf.attachment.flexible import relax_flexible
from qdsurf.attachment.intact import intact
from qdsurf.attachment.molecules import molecule_of
from qdsurf.attachment.packing import Overlaps, Shell, overlaps, relax_rigid
from qdsurf.attachment.pairs import Kinds
from qdsurf.attachment.places import Places
from qdsurf.attachment.poses import Ground, Pose, kinds_of, search
from qdsurf.attachment.seats import Seat, Seating, growth
from qdsurf.errors import PlacementError
from qdsurf.model import Ligand
from qdsurf.model.contacts import radii

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

# Up to so many molecules each one is searched for itself, with all its conformers.
_FEW = 24
# Conformers that are looked at where one after the other finds no room.
_MOST = 8
# Sites whose surroundings are the same within this many Å are searched once.
_SAME_WITHIN = 7.0
_RIGID_STEPS = 40
_ROUNDS = 5
# Rounds without a gain after which the relaxation gives up.
_IDLE = 1
# What stuck molecules try among the others: so many conformers, and these lifts in Å.
_TRIED = 4
_LIFTS = (0.0, 0.6, 1.5)


@dataclass(frozen=True, eq=False)
class Placed:
    """A molecule in its place: job, seat, and positions in Å, shape (n, 3)."""

    job: Job
    seat: Seat
    positions: Array


def build_shell(
    places: Places, jobs: list[Job], *, mode: str, seed: int, best_effort: bool, faces: int = 1
) -> list[Placed]:
    """Return the molecules of *jobs* in places where none overlaps.

    Parameters
    ----------
    mode
        Binding mode, as in ``seats.MODES``.
    best_effort
        Leave out what finds no room instead of raising.
    faces
        For how many faces this shell stands, in what is said when there is no room.

    Raises
    ------
    PlacementError
        Some molecules overlap whatever is tried; says how many do not, names one that does, its site
        and the worst contact.
    """
    work = _Work(places, jobs, mode, seed)
    placed = work.start()
    while placed:
        shell = work.shell(placed)
        placed, shell, bad = work.relaxed(placed, shell)
        if not len(bad.i):
            break
        crowded = _crowded(shell, bad, placed)
        if not best_effort:
            raise PlacementError(_message(placed, crowded, bad, places, faces))
        # the worst half leaves first: the others may find room without them
        units = {placed[k].job.unit for k in crowded[: (len(crowded) + 1) // 2]}
        placed = [p for p in placed if p.job.unit not in units]
    return placed


class _Work:
    """One shell in the making: what stays, and the poses found so far."""

    def __init__(self, places: Places, jobs: list[Job], mode: str, seed: int) -> None:
        self.places, self.jobs, self.mode = places, jobs, mode
        self.atoms = places.surface.atoms
        self.cell = self.atoms.cell.array.copy()
        self.periodic = (bool(self.atoms.pbc[0]), bool(self.atoms.pbc[1]))
        self.core = _core_kinds(places)
        self.rng = None if seed == 0 else np.random.default_rng(seed)
        self.few = len(jobs) <= _FEW
        seating = Seating(places)
        out = growth(places, jobs)
        self.seats = [seating.seat(job, o, self.mode) for job, o in zip(jobs, out, strict=True)]
        self.kinds: dict[tuple[int, tuple[int, ...]], Kinds] = {}

    def own_kinds(self, job: Job, seat: Seat) -> Kinds:
        """Return what the atoms of the ligand are at its seat."""
        key = (id(job.ligand), seat.bound)
        if key not in self.kinds:
            self.kinds[key] = kinds_of(job.ligand, seat.bound)
        return self.kinds[key]

    def gone(self, jobs: list[Job]) -> Integers:
        """Return the atoms of the ions that *jobs* push out."""
        sites = self.places.surface.sites
        return np.array(
            [k for job in jobs if not job.adds for n in job.sites for k in sites[n].atoms], dtype=np.int64
        )

    def start(self) -> list[Placed]:
        """Return every molecule in the best pose at its own site, the others left out of account."""
        reach = max((molecule_of(j.ligand).length for j in self.jobs), default=0.0)
        ground = Ground(
            self.atoms.positions, self.core, self.cell, self.periodic, (reach if self.few else 0.0) + 8.0
        )
        everything = self.gone(self.jobs) if self.few else None
        found: dict[tuple[object, ...], list[Pose]] = {}
        placed: list[Placed] = []
        for job, seat in zip(self.jobs, self.seats, strict=True):
            gone = self.gone([job]) if everything is None else everything
            key = (len(placed),) if self.few else _alike(job, seat, ground, gone)
            if key not in found:
                found[key] = self._search(job, seat, ground, gone)
            placed.append(Placed(job, seat, found[key][0].positions + seat.point))
        return placed

    def _search(self, job: Job, seat: Seat, ground: Ground, gone: Integers) -> list[Pose]:
        """Return poses of *job*: the straight conformer alone where it fits in a large shell."""
        ligand = job.ligand
        kinds = self.own_kinds(job, seat)
        sight = None if self.few else 9.0
        args = {"gone": gone, "rng": self.rng, "sight": sight, "tilted": self.mode == "tilted"}
        poses = search(ligand, seat, ground, kinds, most=_MOST if self.few else 1, **args)  # type: ignore[arg-type]
        if poses[0].clearance < 1.0 and not self.few:
            poses = search(ligand, seat, ground, kinds, most=_MOST, **args)  # type: ignore[arg-type]
        return poses

    def shell(self, placed: list[Placed]) -> Shell:
        """Return the shell of *placed* in front of the ions that stay."""
        stay = np.setdiff1d(np.arange(len(self.atoms)), self.gone([p.job for p in placed]))
        rest = Kinds(
            self.core.molecule[stay], self.core.radius[stay], self.core.hydrogen[stay], self.core.side[stay]
        )
        own = [self.own_kinds(p.job, p.seat) for p in placed]
        sizes = [len(k.radius) for k in own]
        kinds = Kinds(
            np.concatenate([np.repeat(np.arange(len(own)), sizes), rest.molecule]),
            np.concatenate([*(k.radius for k in own), rest.radius]),
            np.concatenate([*(k.hydrogen for k in own), rest.hydrogen]),
            np.concatenate([*(k.side for k in own), rest.side]),
        )
        pivots = np.array([p.positions[list(p.seat.group)].mean(axis=0) for p in placed])
        positions = np.concatenate([*(p.positions for p in placed), self.atoms.positions[stay]])
        return Shell(positions, kinds, pivots, pivots, self.cell, self.periodic)

    def relaxed(self, placed: list[Placed], shell: Shell) -> tuple[list[Placed], Shell, Overlaps]:
        """Return molecules, shell and overlaps after rigid and flexible relaxation, stuck ones tried anew."""
        ligands = [p.job.ligand for p in placed]
        best, least, idle = shell, overlaps(shell), 0
        for turn in range(_ROUNDS + 1):
            if not len(least.i):
                break
            if turn:
                shell = self._again(placed, shell)
            shell, _ = relax_rigid(shell, steps=_RIGID_STEPS)
            rigid = shell
            bent, bad = relax_flexible(shell, ligands)
            shell = _mended(bent, rigid, ligands)
            if shell is not bent:
                bad = overlaps(shell)
            if len(bad.i) < len(least.i):
                best, least, idle = shell, bad, 0
            else:
                idle += 1
            if idle == _IDLE:
                break
        return _taken(placed, best), best, least

    def _again(self, placed: list[Placed], shell: Shell) -> Shell:
        """Return *shell* with the overlapping molecules in the best poses among the others as they are."""
        positions, pivots = shell.positions.copy(), shell.pivots.copy()
        rng = np.random.default_rng(len(placed))
        bad = overlaps(shell)
        molecule = shell.kinds.molecule
        stuck = _crowded(shell, bad, placed)
        for number in stuck[:200]:
            p = placed[number]
            own = np.flatnonzero(molecule == number)
            others = np.flatnonzero(molecule != number)
            near = (
                others[np.linalg.norm(positions[others] - p.seat.point, axis=1) < 40.0]
                if not any(self.periodic)
                else others
            )
            k = shell.kinds
            rest = Kinds(k.molecule[near], k.radius[near], k.hydrogen[near], k.side[near])
            reach = float(np.linalg.norm(p.positions - p.seat.point, axis=1).max()) + 6.0
            ground = Ground(positions[near], rest, self.cell, self.periodic, reach)
            poses = search(
                p.job.ligand, p.seat, ground, self.own_kinds(p.job, p.seat), most=_TRIED, rng=rng,
                gone=np.array([], dtype=np.int64), tilted=self.mode == "tilted", lifts=_LIFTS,
            )  # fmt: skip
            positions[own] = poses[0].positions + p.seat.point
            pivots[number] = poses[0].pivot + p.seat.point
        return replace(shell, positions=positions, pivots=pivots)


def _mended(shell: Shell, rigid: Shell, ligands: list[Ligand]) -> Shell:
    """Return *shell* with every molecule that bending has damaged as it was in *rigid*."""
    moving = shell.moving
    molecule = shell.kinds.molecule[:moving]
    moved = np.flatnonzero(np.abs(shell.positions[:moving] - rigid.positions[:moving]).max(axis=1) > 1e-9)
    positions, damaged = shell.positions.copy(), False
    ends = np.searchsorted(molecule, np.arange(len(ligands) + 1))
    for number in np.unique(molecule[moved]):
        own = slice(int(ends[number]), int(ends[number + 1]))
        if not intact(ligands[int(number)], positions[own], rigid.positions[own]):
            positions[own], damaged = rigid.positions[own], True
    return replace(shell, positions=positions) if damaged else shell


def _taken(placed: list[Placed], shell: Shell) -> list[Placed]:
    """Return *placed* with the positions of *shell*."""
    ends = np.cumsum([0, *(len(p.positions) for p in placed)])
    return [
        replace(p, positions=shell.positions[a:b])
        for p, a, b in zip(placed, ends[:-1], ends[1:], strict=True)
    ]


def _crowded(shell: Shell, bad: Overlaps, placed: list[Placed]) -> list[int]:
    """Return molecules without which nothing overlaps, those with most overlaps first."""
    i, j = shell.kinds.molecule[bad.i], shell.kinds.molecule[bad.j]
    found = []
    while len(i):
        count = np.bincount(np.concatenate([i[i >= 0], j[(j >= 0) & (j != i)]]), minlength=len(placed))
        worst = int(np.argmax(count))
        found.append(worst)
        keep = (i != worst) & (j != worst)
        i, j = i[keep], j[keep]
    return found


def _message(placed: list[Placed], crowded: list[int], bad: Overlaps, places: Places, faces: int) -> str:
    """Return what is wrong with the most crowded molecule."""
    p = placed[crowded[0]]
    site = places.surface.sites[p.job.sites[0]]
    worst = int(np.argmin(bad.ratio))
    room = faces * (len(placed) - len(crowded))
    lead = f"{room} of {faces * len(placed)} ligands found room; " if len(placed) > 1 else ""
    gap = float(bad.distance[worst])
    return (
        f"{lead}{p.job.ligand.name} has no room at the {site.kind} at "
        f"{np.round(site.position, 2).tolist()} Å: the best pose comes to {float(bad.ratio[worst]):.2f} of "
        f"the allowed distance ({gap:.2f} Å); ask for fewer, for other sites, or best_effort=True"
    )


def _core_kinds(places: Places) -> Kinds:
    """Return what the atoms of the surface are; earlier ligands stay too."""
    surface = places.surface
    arrays = surface.atoms.arrays
    names, which = np.unique(arrays["species"], return_inverse=True)
    sign = np.array([np.sign(surface.charges.get(str(n), 0)) for n in names], dtype=np.int64)[which]
    side = np.where(arrays["role"] == "ligand", 0, np.where(sign == 0, 3, sign))
    symbols = surface.atoms.get_chemical_symbols()
    return Kinds(np.full(len(symbols), -1, dtype=np.int64), radii(symbols), surface.atoms.numbers == 1, side)


def _alike(job: Job, seat: Seat, ground: Ground, gone: Integers) -> tuple[object, ...]:
    """Return a key that molecules of one ligand share where their surroundings are the same."""
    atoms, where = ground.around(seat.point, _SAME_WITHIN)
    left = ~np.isin(atoms, gone)
    # an odd offset keeps lattice positions away from the borders of the bins
    bins = np.floor((where[left] + 0.137) / 0.31).astype(np.int64) & 0xFFFF
    size = np.round(ground.kinds.radius[atoms[left]] * 1000).astype(np.int64)
    code = np.sort(bins[:, 0] + (bins[:, 1] << 16) + (bins[:, 2] << 32) + (size << 48))
    second = () if seat.second_point is None else tuple(np.round(seat.second_point - seat.point, 1))
    out = tuple(np.floor((seat.out + 0.0137) / 0.1).astype(int).tolist())
    return (id(job.ligand), seat.group, second, tuple(np.round(seat.direction, 1)), out, code.tobytes())
