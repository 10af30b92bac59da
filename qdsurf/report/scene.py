"""What a picture shows, before it is drawn: balls and sticks in the coordinates of the camera."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qdsurf.errors import AskError
from qdsurf.model.contacts import SHANNON_CRYSTAL, VAN_DER_WAALS, radius
from qdsurf.report.palette import rgb
from qdsurf.validation.anatomy import LARGE_METALS, Anatomy, take_apart

if TYPE_CHECKING:
    from ase import Atoms

Floats = NDArray[np.float64]

# Towards the camera: slabs from the side, a little turned and from above; dots so that three faces show.
SLAB_VIEW, DOT_VIEW = (0.28, -1.0, 0.16), (1.0, 0.4, 0.3)
# Share of its ionic radius that an ion is drawn with: open in slabs and small dots, closed in large ones.
OPEN, CLOSED, LARGE_DOT = 0.60, 0.86, 1200
MOLECULE_BALL, HYDROGEN_BALL, MOLECULE_STICK, CRYSTAL_STICK = 0.36, 0.24, 0.15, 0.11
CRYSTAL_STICK_COLOUR = (0.62, 0.62, 0.66)
# Rings around vacancies of molecular ions: the effective radius of methylammonium (Kieslich et al.,
# doi:10.1039/C4SC02211D) in Å, and a grey, since no one element is missing.
MOLECULAR_ION, MOLECULAR_GREY = 2.17, (0.45, 0.45, 0.50)
# Radius of Pb2+ in coordination 6 (Shannon, doi:10.1107/S0567739476001551), as drawn; and of the
# halides and chalcogenides, which for contacts have van der Waals radii.
DRAWN = {
    "Pb": 1.33,
    "F": 1.19,
    "Cl": 1.67,
    "Br": 1.82,
    "I": 2.06,
    "O": 1.26,
    "S": 1.70,
    "Se": 1.84,
    "Te": 2.07,
}


@dataclass(frozen=True, eq=False)
class Scene:
    """Balls and sticks as the camera sees them: x to the right, y up, z towards the camera, in Å.

    Attributes
    ----------
    balls, radii, colours, elements
        (n, 3) centres, (n,) radii in Å, (n, 3) red, green and blue, (n,) chemical symbols.
    starts, ends, widths, start_colours, end_colours
        (m, 3) ends and (m,) radii in Å of sticks; each half has the colour of its end.
    box
        (k, 2, 3) straight lines of the cell.
    vacant, rings, ring_radii, ring_colours
        (v,) species that are missing, (v, 3) their places, (v,) radii in Å, (v, 3) red, green and blue.
    caption
        What the picture does not show by itself.
    """

    balls: Floats
    radii: Floats
    colours: Floats
    elements: tuple[str, ...]
    starts: Floats
    ends: Floats
    widths: Floats
    start_colours: Floats
    end_colours: Floats
    box: Floats
    vacant: tuple[str, ...]
    rings: Floats
    ring_radii: Floats
    ring_colours: Floats
    caption: str


def make_scene(
    atoms: Atoms,
    *,
    view: tuple[float, float, float] | None,
    cell: bool,
    vacant: Sequence[tuple[str, Floats]] = (),
) -> Scene:
    """Return what is seen of *atoms* and of the places that are *vacant* from the direction *view*."""
    anatomy = take_apart(atoms)
    # molecules are drawn whole, where the cell may cut them
    positions = atoms.positions + anatomy.molecules.offset @ atoms.cell.array
    upright = _upright(atoms, positions)
    towards = np.array(
        view if view is not None else (DOT_VIEW if upright is None else SLAB_VIEW), dtype=float
    )
    if not np.isfinite(towards).all() or np.linalg.norm(towards) < 1e-9:
        raise AskError(f"view={view!r}: a direction towards the camera is wanted, such as (1, 0.4, 0.3)")
    camera = _camera(towards, np.eye(3) if upright is None else upright)
    elements = tuple(atoms.get_chemical_symbols())
    share = CLOSED if upright is None and anatomy.ion.sum() > LARGE_DOT else OPEN
    radii = _radii(anatomy, share)
    colour = {s: rgb(s) for s in set(elements)}
    colours = np.array([colour[s] for s in elements]).reshape(-1, 3)
    i, j, crystal = _bonds(anatomy, share)
    grey = np.array(CRYSTAL_STICK_COLOUR)
    lines, caption = _box(atoms, positions, upright) if cell else (np.zeros((0, 2, 3)), "")
    return Scene(
        balls=positions @ camera.T,
        radii=radii,
        colours=colours,
        elements=elements,
        starts=positions[i] @ camera.T,
        ends=positions[j] @ camera.T,
        widths=np.where(crystal, CRYSTAL_STICK, MOLECULE_STICK),
        start_colours=np.where(crystal[:, None], grey, colours[i]),
        end_colours=np.where(crystal[:, None], grey, colours[j]),
        box=lines @ camera.T,
        vacant=tuple(species for species, _ in vacant),
        rings=np.array([place for _, place in vacant], dtype=float).reshape(-1, 3) @ camera.T,
        ring_radii=np.array([share * _ring(species)[0] for species, _ in vacant], dtype=float),
        ring_colours=np.array([_ring(species)[1] for species, _ in vacant], dtype=float).reshape(-1, 3),
        caption=caption,
    )


def _upright(atoms: Atoms, positions: Floats) -> Floats | None:
    """Return (3, 3) unit axes of a slab, its normal last; None for what is no slab.

    A slab repeats in two directions, or has an empty layer along exactly one cell vector.
    """
    cell, empty = atoms.cell.array, []
    if atoms.pbc.sum() < 2:
        return None
    for k in range(3):
        normal = np.cross(cell[(k + 1) % 3], cell[(k + 2) % 3])
        normal /= np.linalg.norm(normal) or 1.0
        period = abs(float(cell[k] @ normal))
        if not atoms.pbc[k]:
            empty.append((k, normal))
        elif period > 1e-6:
            heights = np.sort((positions @ normal) % period)
            if np.diff(heights, append=heights[0] + period).max() > 4.5:
                empty.append((k, normal))
    if len(empty) != 1:
        return None
    k, normal = empty[0]
    along = cell[(k + 1) % 3] / np.linalg.norm(cell[(k + 1) % 3])
    normal = normal if np.linalg.det(cell) >= 0 else -normal
    return np.array([along, np.cross(normal, along), normal])


def _camera(view: Floats, axes: Floats) -> Floats:
    """Return (3, 3) rows right, up and towards the camera, for a *view* given in *axes*."""
    towards = view @ axes
    towards /= np.linalg.norm(towards)
    up = axes[2] if abs(axes[2] @ towards) < 0.99 else axes[1]
    right = np.cross(up, towards)
    right /= np.linalg.norm(right)
    return np.array([right, np.cross(towards, right), towards])


def ion_radius(element: str) -> float:
    """Return the radius in Å of an ion of *element*, of which pictures draw a share.

    >>> ion_radius("Pb")
    1.33
    """
    ionic = DRAWN.get(element, SHANNON_CRYSTAL.get(element, VAN_DER_WAALS.get(element)))
    return radius(element) if ionic is None else ionic


def _ring(species: str) -> tuple[float, tuple[float, float, float]]:
    """Return the radius in Å and the colour of an ion that is missing; "Fe3+" is of the element Fe."""
    from ase.data import atomic_numbers

    element = re.sub(r"\d*[+-]?$", "", species)
    if element not in atomic_numbers:
        return MOLECULAR_ION, MOLECULAR_GREY
    return ion_radius(element), rgb(element)


def _radii(anatomy: Anatomy, share: float) -> Floats:
    """Return the radius in Å that each atom is drawn with."""
    table = {element: share * ion_radius(element) for element in set(anatomy.symbols.tolist())}
    radii = np.array([table[s] for s in anatomy.symbols.tolist()], dtype=float)
    radii[anatomy.in_molecule] = MOLECULE_BALL
    radii[anatomy.in_molecule & (anatomy.symbols == "H")] = HYDROGEN_BALL
    return radii


def _bonds(anatomy: Anatomy, share: float) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return the ends of the bonds to draw, and which of them are bonds of the crystal."""
    large = np.isin(anatomy.symbols, list(LARGE_METALS))
    crystal = anatomy.ionic & ~anatomy.between(large, np.ones_like(large))
    if share == CLOSED:
        crystal &= anatomy.between(anatomy.in_molecule, np.ones_like(large))
    drawn = anatomy.covalent | crystal
    pairs = anatomy.pairs[drawn]
    offset = anatomy.molecules.offset
    # a bond to a periodic image would cross the whole picture
    here = np.flatnonzero((pairs.shift + offset[pairs.i] == offset[pairs.j]).all(axis=1))
    pairs = pairs[here]
    return pairs.i, pairs.j, crystal[drawn][here]


def _box(atoms: Atoms, positions: Floats, upright: Floats | None) -> tuple[Floats, str]:
    """Return the lines of the cell and a caption; the vacuum of a slab is left out and named."""
    if not atoms.pbc.any() or len(atoms) == 0:
        return np.zeros((0, 2, 3)), ""
    cell = atoms.cell.array
    origin = np.zeros(3)
    a, b, c = cell
    caption = ""
    if upright is not None:
        normal = upright[2]
        k = int(np.argmax(np.abs(cell @ normal)))
        a, b = cell[(k + 1) % 3], cell[(k + 2) % 3]
        heights = positions @ normal
        low, high = float(heights.min()) - 1.5, float(heights.max()) + 1.5
        origin, c = low * normal, (high - low) * normal
        caption = f"cell {np.linalg.norm(a):.1f} × {np.linalg.norm(b):.1f} Å in the plane"
        if atoms.pbc[k]:
            caption += f"; {abs(float(cell[k] @ normal)) - float(np.ptp(heights)):.1f} Å of vacuum not drawn"
    corners = {(i, j, k): origin + i * a + j * b + k * c for i in (0, 1) for j in (0, 1) for k in (0, 1)}
    edges = [
        (p, q)
        for p in corners
        for q in corners
        if p < q and sum(x != y for x, y in zip(p, q, strict=True)) == 1
    ]
    return np.array([[corners[p], corners[q]] for p, q in edges]), caption
