"""Where the binding atoms of a molecule go at its site, for each binding mode."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from qdsurf.attachment.choosing import Job
from qdsurf.attachment.molecules import molecule_of
from qdsurf.attachment.places import Places
from qdsurf.attachment.rotations import unit
from qdsurf.errors import AskError
from qdsurf.model import Anchor, Ligand
from qdsurf.model.periodic import nearest_image

Array = NDArray[np.float64]

MODES = ("auto", "terminal", "chelating", "bridging", "tilted")
# Added to the sum of covalent radii for the bond of a donor to a surface ion: it gives the shelf's
# bulk bonds Pb-Br (2.94 Å) and Pb-I (3.14 Å) to 0.02 Å. A starting geometry, meant to be relaxed.
DATIVE_EXCESS = 0.30
# A bridge is refused where its bonds would be longer than this multiple of the bond length.
_STRETCHED = 1.15
# A group that takes two sites bridges ions evenly that are nearer to each other than so many Å (Pb-Pb in PbS:
# 4.2); between those farther apart there are other ions, such as the bromide between two Pb of CsPbBr3 (5.9).
_BRIDGED = 5.0
# A metal salt whose anion binds a cation: that bond may be too long by so many Å, and the bonds of the anion
# below it, to the metal and to the cation, are 100 degrees apart at most, as in the rhombs of lead halides.
_SLACK, _BRIDGE_COSINE = 0.4, math.cos(math.radians(100.0))
# Two atoms of one group can chelate or bridge when they are at most this far apart, in Å.
_BITE = 3.6


def bond_length(donor: str, ion: str) -> float:
    """Return a starting length in Å for a bond of *donor* to the surface ion *ion*.

    Sum of the covalent radii of Cordero et al. (doi:10.1039/b801115j) plus 0.30 Å.

    >>> round(bond_length("Br", "Pb"), 2)
    2.96
    """
    from ase.data import atomic_numbers, covalent_radii

    return float(covalent_radii[atomic_numbers[donor]] + covalent_radii[atomic_numbers[ion]] + DATIVE_EXCESS)


@lru_cache(maxsize=1024)
def _group_size(ligand: Ligand, group: tuple[int, ...], ion: str) -> tuple[float, float]:
    """Return the bond length of *group* to *ion*, and how far its atoms are from their centre, in Å."""
    molecule = molecule_of(ligand)
    own = molecule.positions[list(group)]
    spread = float(np.linalg.norm(own - own.mean(axis=0), axis=1).mean())
    return bond_length(molecule.symbols[group[0]], ion), spread


@lru_cache(maxsize=1024)
def _near_enough(ligand: Ligand, group: tuple[int, ...]) -> bool:
    """Return whether the atoms of *group* are near enough to bind one ion together."""
    where = molecule_of(ligand).positions[list(group)]
    return bool(np.linalg.norm(where[:, None] - where[None], axis=2).max() <= _BITE)


@dataclass(frozen=True, eq=False)
class Seat:
    """Where the binding atoms of one molecule go.

    Attributes
    ----------
    group
        Atoms of the molecule whose centre goes to ``point``.
    point
        (3,) Å.
    direction
        (3,) unit vector along which the bonds leave the surface.
    out
        (3,) unit vector along which the molecule should grow.
    second, second_point
        Atoms of a second binding group, and where their centre belongs; empty and None without.
    ions
        Surface atoms that are bound.
    mode
        Name of the binding mode that this is.
    """

    group: tuple[int, ...]
    point: Array
    direction: Array
    out: Array
    second: tuple[int, ...]
    second_point: Array | None
    ions: tuple[int, ...]
    mode: str

    @property
    def bound(self) -> tuple[int, ...]:
        """Atoms of the molecule that bind."""
        return (*self.group, *self.second)


class Seating:
    """Finds seats on one surface; keeps what is the same for all of them."""

    def __init__(self, places: Places) -> None:
        """Take the sites of a surface."""
        self.places = places
        self.atoms = places.surface.atoms
        self.symbols = self.atoms.get_chemical_symbols()
        self.cell = self.atoms.cell.array
        self.pbc = np.asarray(self.atoms.pbc)
        self.open = not bool(self.pbc.any())

    def seat(self, job: Job, out: Array, mode: str) -> Seat:
        """Return the seat of *job* with the molecule growing along *out*.

        Raises
        ------
        AskError
            The site has no place for *mode*; says what it lacks.
        """
        ligand = job.ligand
        anchor = ligand.anchors[0]
        if mode == "bridging" and anchor.takes == "on an anion":
            return self._salt_bridge(job, out)
        if mode in ("chelating", "bridging") and _bite(ligand, anchor) is None:
            raise AskError(
                f"{ligand.name} cannot bind {mode}: its {anchor.name} has no two atoms that bind "
                f"within {_BITE} Å of each other"
            )
        if len(job.sites) > len(ligand.anchors) and mode in ("auto", "bridging"):
            return self._across(job, out)
        if mode == "bridging":
            return self._bridge(job, out)
        group = anchor.atoms
        if mode == "terminal" and len(group) > 1:
            group = group[:1]
        elif mode == "chelating":
            group = _bite(ligand, anchor) or group
        elif len(group) > 3 or (mode != "terminal" and len(group) > 1 and not _near_enough(ligand, group)):
            # a symmetric ion such as BF4-, or ends that cannot reach one ion together
            group = group[:1]
        point, direction, ions = self._point(job, 0, ligand, group)
        second: tuple[int, ...] = ()
        second_point = None
        if len(ligand.anchors) > 1 and len(job.sites) > 1:
            second = ligand.anchors[1].atoms
            second_point, _, more = self._point(job, 1, ligand, second)
            second_point = point + self._near(second_point - point)
            ions = (*ions, *more)
        name = mode
        if mode == "auto":
            name = "chelating" if len(group) > 1 and len(ions) == 1 else "terminal"
            name = "bridging" if len(ions) > 1 and not second else name
            name = "spanning" if second else name
        return Seat(group, point, direction, out, second, second_point, ions, name)

    def _near(self, vectors: Array) -> Array:
        """Return the shortest periodic images of *vectors*."""
        return vectors if self.open else nearest_image(vectors, self.cell, self.pbc)

    def _point(
        self, job: Job, which: int, ligand: Ligand, group: tuple[int, ...]
    ) -> tuple[Array, Array, tuple[int, ...]]:
        """Return where *group* goes at the site number *which* of *job*, the direction out, and the ions."""
        site = self.places.surface.sites[job.sites[which]]
        takes = ligand.anchors[min(which, len(ligand.anchors) - 1)].takes
        if (takes == "cation site" and not job.adds) or not site.neighbours:
            return site.position, site.normal, ()
        ions = site.neighbours
        if len(ions) == 1:
            return self._above(site.position, site.normal, ions[0], ligand, group)
        here = site.position + np.array([self._near(self.atoms.positions[k] - site.position) for k in ions])
        element = [self.symbols[k] for k in ions]
        if len({self._fragment(k) for k in ions}) < len(ions):
            # a molecular ion below: its nearest atom is the one that is bound
            nearest = int(np.argmin(np.linalg.norm(here - site.position, axis=1)))
            ions, here, element = (ions[nearest],), here[[nearest]], [element[nearest]]
        middle = here.mean(axis=0)
        arm = site.position - middle
        direction = unit(arm) if np.linalg.norm(arm) > 0.3 else site.normal
        donor = molecule_of(ligand).symbols[group[0]]
        length = float(np.mean([bond_length(donor, e) for e in element]))
        own = molecule_of(ligand).positions[list(group)]
        spread = float(np.linalg.norm(own - own.mean(axis=0), axis=1).mean())
        across = here - middle
        across = across - np.outer(across @ direction, direction)
        base = float(np.linalg.norm(across, axis=1).mean())
        # one ion: both atoms of a chelate are at the bond length; several: the group is above them
        square = length**2 - (spread**2 if len(ions) == 1 else base**2)
        least = 0.6 * length if len(ions) == 1 else 0.0
        return middle + np.sqrt(max(square, least**2)) * direction, direction, tuple(ions)

    def _above(
        self, place: Array, normal: Array, ion: int, ligand: Ligand, group: tuple[int, ...]
    ) -> tuple[Array, Array, tuple[int, ...]]:
        """Return what `_point` does, for the one *ion* below *place*."""
        arm = self._near(place - self.atoms.positions[ion])
        long = math.sqrt(arm @ arm)
        direction = arm / long if long > 0.3 else normal
        length, spread = _group_size(ligand, group, self.symbols[ion])
        height = math.sqrt(max(length**2 - spread**2, (0.6 * length) ** 2))
        return place - arm + height * direction, direction, (ion,)

    def _fragment(self, atom: int) -> int:
        return int(self.atoms.arrays["fragment"][atom])

    def _bridge(self, job: Job, out: Array) -> Seat:
        """Return the seat with two atoms of the group on two ions."""
        ligand, site = job.ligand, self.places.surface.sites[job.sites[0]]
        pair = _bite(ligand, ligand.anchors[0])
        assert pair is not None
        symbols = molecule_of(ligand).symbols
        if not site.neighbours:
            raise AskError(f"{ligand.name} cannot bridge at a site without neighbours")
        first = site.neighbours[0]
        length = bond_length(symbols[pair[0]], self.symbols[first])
        start = self.atoms.positions[first]
        others = [
            k for k in self._alike(first)
            if k != first and np.linalg.norm(self._near(self.atoms.positions[k] - start)) > 0.5
        ]  # fmt: skip
        if not others:
            raise AskError(f"{ligand.name} cannot bridge: {self.symbols[first]} is alone there")
        gaps = [self._near(self.atoms.positions[k] - start) for k in others]
        # the other ion the nearest one, and among equals the one nearest to the site
        toward = self._near(site.position - start)
        best = min(
            range(len(others)),
            key=lambda k: (round(float(np.linalg.norm(gaps[k])), 2),
                           round(float(np.linalg.norm(gaps[k] / 2 - toward)), 3), others[k]),
        )  # fmt: skip
        seat = self._between(job, out, pair, (first, others[best]), start, gaps[best])
        if seat is None:
            bite = self._apart(ligand, pair)
            raise AskError(
                f"{ligand.name} cannot bridge two {self.symbols[first]}: the nearest are "
                f"{float(np.linalg.norm(gaps[best])):.2f} Å apart, its atoms reach "
                f"{bite + 2 * _STRETCHED * length:.2f} Å"
            )
        return seat

    def _salt_bridge(self, job: Job, out: Array) -> Seat:
        """Return the seat of a metal salt with its metal on the anion and one of its anions on a cation."""
        ligand, own = job.ligand, molecule_of(job.ligand)
        metal = ligand.anchors[0].atoms[0]
        donor = min((i + j - metal for i, j, _ in ligand.bonds if metal in (i, j)), default=metal)
        reach = float(np.linalg.norm(own.positions[donor] - own.positions[metal]))
        straight, upright, ions = self._point(job, 0, ligand, (metal,))
        found: list[tuple[float, Seat]] = []
        for k in self._exposed_cations(straight) if donor != metal and ions else []:
            length = bond_length(own.symbols[donor], self.symbols[k])
            below = straight + self._near(self.atoms.positions[ions[0]] - straight)
            cation = below + self._near(self.atoms.positions[k] - below)
            direction = _leaning(upright, unit(cation - below))
            point = below + float(np.linalg.norm(straight - below)) * direction
            place = _corner(point, cation, reach, length, direction)
            lack = abs(float(np.linalg.norm(place - cation)) - length)
            seat = Seat((metal,), point, direction, out, (donor,), place, (*ions, k), "bridging")
            found.append((round(lack, 3), seat))
        best = min(found, key=lambda pair: pair[0], default=None)
        if best is None or best[0] > _SLACK:
            raise AskError(f"{ligand.name} cannot bridge: its anions reach no cation beside the site")
        return best[1]

    def _apart(self, ligand: Ligand, pair: tuple[int, int]) -> float:
        """Return the distance in Å of the two atoms of *pair*."""
        own = molecule_of(ligand).positions
        return float(np.linalg.norm(own[pair[0]] - own[pair[1]]))

    def _between(
        self, job: Job, out: Array, pair: tuple[int, int], ions: tuple[int, int], start: Array, span: Array
    ) -> Seat | None:
        """Return the seat with the atoms *pair* on two *ions*, at *start* and *start* + *span*, or None."""
        site = self.places.surface.sites[job.sites[0]]
        bite, apart = self._apart(job.ligand, pair), float(np.linalg.norm(span))
        length = bond_length(molecule_of(job.ligand).symbols[pair[0]], self.symbols[ions[0]])
        offset = (apart - bite) / 2
        if offset > _STRETCHED * length:
            return None
        along = span / apart
        normal = unit(site.normal - (site.normal @ along) * along)
        height = np.sqrt(max(length**2 - offset**2, 0.0))
        image = site.position + self._near(start - site.position)
        middle = image + span / 2 + height * normal
        return Seat(
            (pair[0],), middle - bite / 2 * along, normal, out, (pair[1],), middle + bite / 2 * along,
            ions, "bridging",
        )  # fmt: skip

    def _across(self, job: Job, out: Array) -> Seat:
        """Return the seat of a group that takes several sites: on an ion of each, or in their midst."""
        sites = [self.places.surface.sites[k] for k in job.sites]
        start = sites[0].position
        where = start + np.array([self._near(s.position - start) for s in sites])
        ions = tuple(dict.fromkeys(s.neighbours[0] for s in sites if s.neighbours))
        pair = _bite(job.ligand, job.ligand.anchors[0])
        if pair is not None and len(sites) == len(ions) == 2:
            first, second = (self.atoms.positions[k] for k in ions)
            span = self._near(second - first)
            if np.linalg.norm(span) < _BRIDGED:
                seat = self._between(job, out, pair, (ions[0], ions[1]), first, span)
                if seat is not None:
                    return seat
            # one atom on the first ion, another one towards the second
            point, direction, _ = self._point(job, 0, job.ligand, pair[:1])
            towards = point + self._near(self._point(job, 1, job.ligand, pair[1:])[0] - point)
            return Seat(pair[:1], point, direction, out, pair[1:], towards, ions, "spanning")
        group = job.ligand.anchors[0].atoms
        group = group if len(group) <= 3 and _near_enough(job.ligand, group) else group[:1]
        normal = unit(np.mean([s.normal for s in sites], axis=0))
        return Seat(group, where.mean(axis=0), normal, out, (), None, ions, "bridging")

    def _exposed_cations(self, point: Array) -> list[int]:
        """Return the exposed monatomic cations within 8 Å of *point*, the nearest first."""
        charges = self.places.surface.charges
        cations = [name for name, charge in charges.items() if charge > 0 and name in atomic_numbers]
        near = self._exposed(cations, point)
        away = np.linalg.norm(self._near(self.atoms.positions[near] - point), axis=1)
        return [int(k) for k in near[np.argsort(away.round(3), kind="stable")]]

    def _alike(self, atom: int) -> list[int]:
        """Return the exposed atoms of the species of *atom*, within 8 Å of it."""
        species = str(self.atoms.arrays["species"][atom])
        return [int(k) for k in self._exposed([species], self.atoms.positions[atom])]

    def _exposed(self, species: list[str], point: Array) -> NDArray[np.int64]:
        """Return the exposed atoms of *species* within 8 Å of *point*, in their order."""
        arrays = self.atoms.arrays
        numbers = np.flatnonzero(np.isin(arrays["species"], species) & (arrays["role"] == "surface"))
        away = self._near(self.atoms.positions[numbers] - point)
        found: NDArray[np.int64] = numbers[np.linalg.norm(away, axis=1) < 8.0]
        return found


def _leaning(direction: Array, along: Array) -> Array:
    """Return *direction*, leaning towards *along* until they are as near as in a bridge; unit vectors."""
    cosine = float(direction @ along)
    if cosine >= _BRIDGE_COSINE:
        return direction
    found: Array = _BRIDGE_COSINE * along + math.sqrt(1 - _BRIDGE_COSINE**2) * unit(
        direction - cosine * along
    )
    return found


def _corner(first: Array, second: Array, near: float, far: float, up: Array) -> Array:
    """Return the point *near* Å from *first* and *far* Å from *second*, on the side of *up*.

    Where no triangle closes it is on the line between them, *near* Å from *first*.
    """
    span = second - first
    apart = float(np.linalg.norm(span))
    along = max(min((near**2 + apart**2 - far**2) / (2 * apart), near), -near)
    aside = unit(up - (up @ span) * span / apart**2)
    found: Array = first + along * span / apart + math.sqrt(near**2 - along**2) * aside
    return found


def _bite(ligand: Ligand, anchor: Anchor) -> tuple[int, int] | None:
    """Return the two nearest atoms of *anchor* that can bind together, or None."""
    where = molecule_of(ligand).positions
    pairs = [(float(np.linalg.norm(where[a] - where[b])), a, b) for a, b in combinations(anchor.atoms, 2)]
    if not pairs or min(pairs)[0] > _BITE:
        return None
    _, a, b = min(pairs)
    return a, b


def growth(places: Places, jobs: list[Job]) -> Array:
    """Return, for each of *jobs*, the direction outwards, averaged over the sites within its reach.

    Shape (n, 3), unit vectors. On a slab it is the normal; near edges and corners of a dot it fans
    out, so that chains there have the room that the curvature gives them. The reach is 0.6 of the
    ligand's length, 12 Å at most.
    """
    numbers = np.array([job.sites[0] for job in jobs], dtype=np.int64)
    lengths = {id(j.ligand): molecule_of(j.ligand).length for j in jobs}
    reach = np.array([min(12.0, 0.6 * lengths[id(j.ligand)]) for j in jobs])
    from scipy.spatial import KDTree

    if np.asarray(places.surface.atoms.pbc).any() or not len(places.positions):
        return places.normals[numbers]
    _, first = np.unique(np.round(places.positions, 1), axis=0, return_index=True)
    tree = KDTree(places.positions[first])
    longest = max(float(reach.max(initial=0.0)), 1e-3)
    near = tree.sparse_distance_matrix(KDTree(places.positions[numbers]), longest, output_type="ndarray")
    weight = np.maximum(1.0 - near["v"] / np.maximum(reach[near["j"]], 1e-3), 0.0)
    normals = places.normals[first][near["i"]] * weight[:, None]
    total = np.stack([np.bincount(near["j"], normals[:, k], len(numbers)) for k in range(3)], axis=1)
    return unit(total + 1e-9 * places.normals[numbers])
