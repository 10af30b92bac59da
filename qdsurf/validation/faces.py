"""The faces of a slab: which planes end it, whether they are equal, and the dipole between them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import gcd

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.planes import PLANE_GAP
from qdsurf.validation.anatomy import NONMETALS, Anatomy
from qdsurf.validation.cells import free_normals, gap_along
from qdsurf.validation.charge import Count
from qdsurf.validation.findings import Finding, Level
from qdsurf.validation.molecules import Kind

# Molecules of at most so many heavy atoms and a positive charge can be ions of the lattice (MA+, FA+).
SMALL_CATION = 3
# An outermost plane with less than this share of the ions of the next one is adatoms on it; an element
# with less than this share of the ions of a plane is a guest in it.
SPARSE, CONSTITUENT = 0.4, 0.2
# e/Å^2: dipole over volume of the slab. A stack of charged planes has 0.03 (CsPbBr3 (110): 1 e on 49 Å^2,
# halved) and more whatever its thickness; a ligand on one face of a thick slab has less than 0.003.
POLAR = 0.01
# e Å per nm^2 of surface: what one unit charge displaced by 0.5 Å in 1 nm^2 makes.
NOTABLE_DIPOLE = 0.5
# Edges of a facet may change the ratio of its ions by this share; formulas have up to 3 of each ion.
LOOSE_RATIO, MOST_UNITS = 0.15, 3
# 4 pi e^2/(4 pi eps0) in eV Å: potential step in V of a dipole density of 1 e/Å.
VOLT_ANGSTROM = 180.95


@dataclass(frozen=True, eq=False)
class Face:
    """The outermost plane of a slab: its ions, their formula, and the molecules outside of it."""

    counts: Counter[str]
    formula: str
    outside: Counter[str]

    @property
    def main_elements(self) -> set[str]:
        """Elements that make up the plane; neither dopants nor molecules in the place of ions."""
        from ase.data import atomic_numbers

        least = CONSTITUENT * sum(self.counts.values())
        return {s for s, n in self.counts.items() if n >= least and s in atomic_numbers}


def check_faces(anatomy: Anatomy, kinds: list[Kind], count: Count) -> list[Finding]:
    """Return terminations and the dipole of a slab; nothing for other structures."""
    if anatomy.dimensions != 2:
        return []
    (normal,) = free_normals(anatomy)
    gap = gap_along(anatomy, normal)
    heights = anatomy.positions @ normal
    if gap is not None:
        heights = _one_image(anatomy, normal, heights, gap)
    faces = _faces(anatomy, kinds, heights)
    found = [] if faces is None else _terminations(*faces)
    if count.net == 0 and not count.unknown and not anatomy.metallic.any():
        found += _dipole(anatomy, count, normal, heights)
    return found


def _one_image(
    anatomy: Anatomy, normal: NDArray[np.float64], heights: NDArray[np.float64], gap: float
) -> NDArray[np.float64]:
    """Return heights with everything in one image of the slab, so that loose atoms count once."""
    steps = np.abs(anatomy.atoms.cell.array[anatomy.atoms.pbc] @ normal)
    period = float(steps[steps > 1e-3].min())
    wrapped = heights % period
    ordered = np.sort(wrapped)
    start = ordered[(np.argmax(np.diff(ordered, append=ordered[0] + period)) + 1) % len(ordered)]
    return np.asarray((wrapped - start + 1e-6) % period + start - 1e-6)


def _faces(anatomy: Anatomy, kinds: list[Kind], heights: NDArray[np.float64]) -> tuple[Face, Face] | None:
    """Return the bottom and top face, None where there are no planes to be told apart."""
    metals = anatomy.metallic.any()
    lattice = np.flatnonzero(anatomy.metal if metals else ~anatomy.in_molecule)
    if len(lattice) == 0:
        return None
    names, levels = anatomy.symbols[lattice].tolist(), heights[lattice].tolist()
    apart = np.flatnonzero(anatomy.ion & ~anatomy.metal) if metals else lattice[:0]
    molecules = list(zip(anatomy.symbols[apart].tolist(), heights[apart].tolist(), strict=True))
    for kind in kinds:
        centres = heights[kind.members].mean(axis=1).tolist()
        heavy = sum(n for e, n in _elements(anatomy, kind).items() if e != "H")
        if kind.charge > 0 and heavy <= SMALL_CATION:
            names, levels = names + [kind.name] * len(centres), levels + centres
        else:
            molecules += [(kind.name, h) for h in centres]
    level, name = np.array(levels), np.array(names)
    order = np.argsort(level, kind="stable")
    cuts = np.flatnonzero(np.diff(level[order]) > PLANE_GAP) + 1
    planes = np.split(order, cuts)
    while len(planes) > 2 and len(planes[0]) < SPARSE * len(planes[1]):
        molecules += [(str(name[i]), float(level[i])) for i in planes.pop(0)]
    while len(planes) > 2 and len(planes[-1]) < SPARSE * len(planes[-2]):
        molecules += [(str(name[i]), float(level[i])) for i in planes.pop()]
    if len(planes) < 2:
        return None
    middle = (level.min() + level.max()) / 2
    below = Counter(m for m, h in molecules if h < middle)
    above = Counter(m for m, h in molecules if h >= middle)
    return (
        _face(name[planes[0]].tolist(), below),
        _face(name[planes[-1]].tolist(), above),
    )


def _elements(anatomy: Anatomy, kind: Kind) -> Counter[str]:
    return Counter(anatomy.symbols[kind.members[0]].tolist())


def formula(counts: Counter[str]) -> str:
    """Return the smallest formula of some ions, cations first.

    >>> formula(Counter({"Br": 8, "Pb": 4}))
    'PbBr2'
    """
    common = gcd(*counts.values())
    order = sorted(counts, key=lambda s: (_rank(s), s))
    names = {s: s if _rank(s) > (0, 0) else f"({s})" for s in order}
    return "".join(f"{names[s]}{counts[s] // common if counts[s] > common else ''}" for s in order)


def near_formula(counts: Counter[str]) -> str:
    """Return the formula of a facet whose edges spoil the ratio a little: "~PbBr2" for Pb11Br20.

    >>> near_formula(Counter({"Br": 220, "Pb": 121}))
    '~PbBr2'
    """
    exact = formula(counts)
    for units in range(1, MOST_UNITS + 1):
        share = min(counts.values()) / units
        rounded = Counter({s: round(n / share) for s, n in counts.items()})
        if all(abs(n / share - rounded[s]) < LOOSE_RATIO * rounded[s] for s, n in counts.items()):
            found = formula(rounded)
            return found if found == exact else f"~{found}"
    return exact


def _face(ions: list[str], outside: Counter[str]) -> Face:
    counts = Counter(ions)
    return Face(counts, formula(counts), outside)


def _rank(species: str) -> tuple[int, int]:
    """Return a rank for writing formulas: molecular cations, metals from large to small, non-metals."""
    from ase.data import atomic_numbers, covalent_radii

    if species not in atomic_numbers:
        return 0, 0
    return int(species in NONMETALS) + 1, -round(100 * covalent_radii[atomic_numbers[species]])


def _terminations(bottom: Face, top: Face) -> list[Finding]:
    """Return which planes end the slab and whether the faces are equal."""

    def said(face: Face) -> str:
        extra = ", ".join(f"{n} {m}" for m, n in sorted(face.outside.items()))
        return face.formula + (f" with {extra}" if extra else "")

    text = f"outermost planes: {said(bottom)} below, {said(top)} above"
    found = [Finding(level="note", code="termination", message=text)]
    if bottom.main_elements != top.main_elements:
        text = (
            f"the faces differ: {bottom.formula} below, {top.formula} above. Energies mix both surfaces, and "
            f"the potential differs on the two sides; cut it with equal faces, or add a dipole correction"
        )
        found.append(Finding(level="warning", code="unequal-faces", message=text))
    elif bottom.counts != top.counts or bottom.outside != top.outside:
        text = "the faces have the same ions in different numbers, or other molecules on them"
        found.append(Finding(level="note", code="unequal-faces", message=text))
    return found


def _dipole(
    anatomy: Anatomy, count: Count, normal: NDArray[np.float64], heights: NDArray[np.float64]
) -> list[Finding]:
    """Return the dipole along the normal of the formal charges of a neutral slab."""
    dipole = float(count.atoms @ (heights - heights.mean()))
    area = _area(anatomy, normal)
    density = dipole / area
    thickness = float(np.ptp(heights)) or 1.0
    step = density * VOLT_ANGSTROM
    amount = f"{dipole:+.2f} e Å per cell along the normal, {density * 100:+.2f} e Å per nm^2"
    if abs(density) / thickness > POLAR:
        text = (
            f"polar slab: the formal charges have a dipole of {amount}, which grows with "
            f"thickness. Make both faces equal and compensate them (vacancies or half-filled outer planes, "
            f"monovalent caps)"
        )
        return [Finding(level="error", code="dipole", message=text)]
    level: Level = "note"
    text = f"dipole of the formal charges {amount}"
    if abs(density * 100) > NOTABLE_DIPOLE:
        text += (
            f" (a step of {abs(step):.1f} V if nothing screens it): use a dipole correction, or equal faces"
        )
    return [Finding(level=level, code="dipole", message=text)]


def _area(anatomy: Anatomy, normal: NDArray[np.float64]) -> float:
    """Return the area of the slab's cell in Å^2."""
    cell, periodic = anatomy.atoms.cell.array, anatomy.atoms.pbc
    across = [k for k in range(3) if periodic[k] and abs(cell[k] @ normal) > 1e-3]
    plane = [k for k in range(3) if k not in across and periodic[k]]
    if len(plane) == 2:
        return float(np.linalg.norm(np.cross(cell[plane[0]], cell[plane[1]])))
    # the plane is oblique to all cell vectors: volume over the height of one repeat
    return abs(float(np.linalg.det(cell))) / min(abs(float(cell[k] @ normal)) for k in across)
