"""The ions of a slab, repeated over a supercell, and the atoms that they become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.bonds import ANY, BulkBonds, bound_pairs, holds
from qdsurf.build.caps import at_bond_length
from qdsurf.build.faces import SAME, Flip
from qdsurf.build.planes import Ion, Plane, Stack
from qdsurf.build.repeats import vectors_inside
from qdsurf.errors import AskError

if TYPE_CHECKING:
    from ase import Atoms

Vectors = NDArray[np.float64]

_IN_PLANE = np.array([True, True, False])


@dataclass(frozen=True, kw_only=True, eq=False)
class Layout:
    """Ions of a slab, before they become atoms.

    Attributes
    ----------
    cell
        (2, 2) in-plane vectors of the supercell in Å, the rows.
    surface
        (2, 2) in-plane vectors of the surface cell in Å, the rows.
    kinds
        The different ions; only species, symbols and shape of each are used.
    kind
        (n,) which of them each ion is.
    place
        (n, 2) in-plane positions in units of the supercell vectors.
    height
        (n,) in Å.
    layer
        (n,) number of the plane; -1 below the lowest one.
    """

    cell: NDArray[np.float64]
    surface: NDArray[np.float64]
    kinds: tuple[Ion, ...]
    kind: NDArray[np.int_]
    place: NDArray[np.float64]
    height: NDArray[np.float64]
    layer: NDArray[np.int_]

    def species(self) -> NDArray[np.str_]:
        """Return the species of each ion, (n,)."""
        return np.array([ion.species for ion in self.kinds])[self.kind]

    def charges(self, known: Mapping[str, int]) -> NDArray[np.int_]:
        """Return the formal charge of each ion, (n,)."""
        return np.array([known[ion.species] for ion in self.kinds])[self.kind]


def lay_out(planes: Sequence[Plane], stack: Stack, repeat: NDArray[np.int_], first: int = 0) -> Layout:
    """Return the ions of *planes* over the supercell *repeat*, plane by plane and cell by cell.

    *repeat* has the supercell vectors as rows, in units of the surface vectors; planes are
    numbered from *first*.
    """
    surface = stack.cell[:2, :2]
    kinds = [ion for plane in planes for ion in plane.ions]
    centres = np.array([ion.centre for ion in kinds])
    level = np.repeat(np.arange(first, first + len(planes)), [len(p.ions) for p in planes])
    inside = (centres[:, :2] @ np.linalg.inv(surface) + 1e-6) % 1.0 - 1e-6
    cells = vectors_inside(repeat)
    # one block for each plane, in it one block for each cell, in it the ions of the plane
    order = np.concatenate(
        [np.tile(np.flatnonzero(level == n), len(cells)) for n in range(first, first + len(planes))]
    )
    shifts = np.concatenate([np.repeat(cells, len(p.ions), axis=0) for p in planes])
    place = (inside[order] + shifts) @ np.linalg.inv(repeat)
    return Layout(
        cell=repeat @ surface,
        surface=surface,
        kinds=tuple(kinds),
        kind=order,
        place=(place + 1e-7) % 1.0 - 1e-7,
        height=centres[order, 2],
        layer=level[order],
    )


def kept(layout: Layout, keep: NDArray[np.bool_]) -> Layout:
    """Return *layout* with the ions of the mask *keep* only."""
    return replace(
        layout,
        kind=layout.kind[keep],
        place=layout.place[keep],
        height=layout.height[keep],
        layer=layout.layer[keep],
    )


def replaced(layout: Layout, species: str) -> Layout:
    """Return *layout* with the element *species* in the place of every ion."""
    ion = Ion(species, (species,), np.zeros((1, 3)), np.zeros(3))
    return replace(layout, kinds=(ion,), kind=np.zeros(len(layout.kind), dtype=int))


def joined(*layouts: Layout) -> Layout:
    """Return the ions of several layouts over the same supercell, in order."""
    starts = np.cumsum([0, *(len(part.kinds) for part in layouts)])
    return replace(
        layouts[0],
        kinds=tuple(ion for part in layouts for ion in part.kinds),
        kind=np.concatenate([p.kind + n for p, n in zip(layouts, starts[:-1], strict=True)]),
        place=np.concatenate([part.place for part in layouts]),
        height=np.concatenate([part.height for part in layouts]),
        layer=np.concatenate([part.layer for part in layouts]),
    )


def tiled(layout: Layout, rows: NDArray[np.int_], repeat: NDArray[np.int_]) -> Layout:
    """Return the ions of *layout*, made over the supercell *rows*, over the larger one *repeat*."""
    times = np.round(repeat @ np.linalg.inv(rows)).astype(int)
    cells = vectors_inside(times)
    order = np.argsort(np.tile(layout.layer, len(cells)), kind="stable")
    place = np.repeat(cells, len(layout.kind), axis=0) + np.tile(layout.place, (len(cells), 1))
    return replace(
        layout,
        cell=times @ layout.cell,
        kind=np.tile(layout.kind, len(cells))[order],
        place=np.asarray((place[order] @ np.linalg.inv(times) + 1e-7) % 1.0 - 1e-7, dtype=np.float64),
        height=np.tile(layout.height, len(cells))[order],
        layer=np.tile(layout.layer, len(cells))[order],
    )


def images(
    layout: Layout,
    flip: Flip,
    repeat: NDArray[np.int_],
    labels: NDArray[np.generic],
    ions: NDArray[np.int_],
    among: NDArray[np.int_],
) -> NDArray[np.int_]:
    """Return the ions *among* those given that *flip* makes of *ions*; -1 where there is none.

    *labels* (n,) say which ions of the layout are alike.
    """
    from scipy.spatial import KDTree

    if not len(ions):
        return np.zeros(0, dtype=int)
    inverse = np.linalg.inv(repeat)
    moved = layout.place[ions] @ repeat @ flip.matrix.T @ inverse + flip.shift @ inverse
    width = float(np.sqrt(abs(np.linalg.det(layout.cell))))
    # places in units of the supercell vectors repeat; heights, in the same units of length, do not
    points = np.column_stack([layout.place % 1.0 % 1.0, layout.height / width])[among]
    sought = np.column_stack([moved % 1.0 % 1.0, (flip.height - layout.height[ions]) / width])
    near = KDTree(points, boxsize=[1.0, 1.0, 0.0]).query_ball_point(sought, 3 * SAME / width)
    found = np.full(len(ions), -1)
    for n, (ion, candidates) in enumerate(zip(ions, near, strict=True)):
        fits = [among[c] for c in candidates if labels[among[c]] == labels[ion]]
        found[n] = fits[0] if fits else -1
    return found


def spread(layout: Layout, here: NDArray[np.int_], counts: Mapping[str, int]) -> NDArray[np.int_]:
    """Return *counts* ions of each species out of *here*, those of one species far from each other."""
    species = layout.species()
    chosen: list[int] = []
    for name, number in counts.items():
        pool = here[species[here] == name]
        nearest = np.full(len(pool), np.inf)
        for _ in range(number):
            # rounded, so that equal distances stay equal and the first ion wins
            best = int(np.argmax(np.round(nearest, 4)))
            chosen.append(int(pool[best]))
            away = layout.place[pool] - layout.place[pool[best]]
            away = (away - np.round(away)) @ layout.cell
            nearest = np.minimum(nearest, np.linalg.norm(away, axis=1))
            nearest[best] = -1.0
    return np.array(chosen, dtype=int)


def capped(layout: Layout, cap: str, bonds: BulkBonds) -> Layout:
    """Return *layout* with its ions *cap* at the bond length that they have themselves."""
    points, cell = _in_space(layout)
    moved = at_bond_length(points, layout.species(), cap, bonds, cell, _IN_PLANE)
    place = np.asarray(moved[:, :2] @ np.linalg.inv(layout.cell), dtype=np.float64)
    return replace(layout, place=place, height=moved[:, 2])


def loose(layout: Layout, bonds: BulkBonds, charges: Mapping[str, int], *, firmly: bool) -> list[str]:
    """Return the species of the ions that no counter-ion holds, though one does in the bulk; sorted.

    *firmly*: what lies between the octahedra of a perovskite does not hold an anion.
    """
    points, cell = _in_space(layout)
    species = layout.species()
    i, j, _ = bound_pairs(points, species, bonds, cell, _IN_PLANE)
    strong = np.array([not firmly or holds(s, charges, bonds) for s in species.tolist()])
    anion = layout.charges(charges) < 0
    alone = np.setdiff1d(np.arange(len(species)), i[strong[j] | ~anion[i]])
    return sorted(s for s in species[alone].tolist() if bonds.get(f"{s}-{ANY}", (0.0, 0))[1])


def spans(layout: Layout, bonds: BulkBonds) -> bool:
    """Return whether bonds lead from an ion to its images along both in-plane vectors.

    They do not in a cut so thin that it falls into rods or clusters, nor where there are no bonds.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import breadth_first_order, connected_components

    points, cell = _in_space(layout)
    i, j, vectors = bound_pairs(points, layout.species(), bonds, cell, _IN_PLANE)
    steps = np.round((vectors - points[j] + points[i]) @ np.linalg.inv(cell))[:, :2]
    size = len(points)
    graph = coo_array((np.ones(len(i)), (i, j)), shape=(size, size)).tocsr()
    label = connected_components(graph, directed=False)[1]
    step = {(a, b): s for a, b, s in zip(i.tolist(), j.tolist(), steps, strict=True)}
    for piece in range(int(label.max()) + 1):
        order, before = breadth_first_order(graph, int(np.argmax(label == piece)), directed=False)
        offset = np.zeros((size, 2))
        for ion in order[1:].tolist():
            offset[ion] = offset[before[ion]] + step[int(before[ion]), ion]
        inside = label[i] == piece
        loops = offset[i[inside]] + steps[inside] - offset[j[inside]]
        if len(loops) and np.linalg.matrix_rank(loops) == 2:
            return True
    return False


def _in_space(layout: Layout) -> tuple[Vectors, Vectors]:
    """Return positions (n, 3) in Å and a cell with room above."""
    cell = np.diag([0.0, 0.0, float(np.ptp(layout.height)) + 20.0])
    cell[:2, :2] = layout.cell
    return np.column_stack([layout.place @ layout.cell, layout.height]), cell


def assemble(layout: Layout, vacuum: float) -> Atoms:
    """Return the atoms of *layout*, centred in the height, the first in-plane vector along x."""
    from ase import Atoms as AtomsClass

    sizes = np.array([len(ion.symbols) for ion in layout.kinds])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    owner = np.repeat(np.arange(len(layout.kind)), sizes[layout.kind])
    within = np.arange(len(owner)) - np.repeat(
        np.cumsum(sizes[layout.kind]) - sizes[layout.kind], sizes[layout.kind]
    )
    row = starts[layout.kind[owner]] + within
    shapes = np.concatenate([ion.shape for ion in layout.kinds])[row]
    symbols = np.array([s for ion in layout.kinds for s in ion.symbols])[row]
    centres = np.column_stack([layout.place @ layout.cell, layout.height])
    positions = centres[owner] + shapes
    bottom, top = float(positions[:, 2].min()), float(positions[:, 2].max())
    # A cell of no height is not a cell: one plane without vacuum gets 1 Å.
    height = max(top - bottom + vacuum, 1.0)
    positions[:, 2] += (height - top - bottom) / 2
    cell = np.zeros((3, 3))
    cell[:2, :2], cell[2, 2] = layout.cell, height
    if abs(cell[0, 1]) > 1e-9:
        along = cell[0, :2] / np.linalg.norm(cell[0, :2])
        turn = np.array([[along[0], -along[1]], [along[1], along[0]]])
        positions[:, :2], cell[:2, :2] = positions[:, :2] @ turn, cell[:2, :2] @ turn
        # a cell of rounding errors would be another cell in every file
        cell[np.abs(cell) < 1e-9] = 0.0
    atoms = AtomsClass(symbols.tolist(), positions, cell=cell, pbc=(True, True, False))
    atoms.set_array("fragment", owner)
    atoms.set_array("species", layout.species()[owner].astype("U32"))
    atoms.set_array("role", np.full(len(atoms), "core", dtype="U8"))
    atoms.set_array("anchor", np.zeros(len(atoms), dtype=bool))
    atoms.set_array("layer", (layout.layer - layout.layer.min())[owner])
    return atoms


def hold(atoms: Atoms, fixed: int | str, name: str) -> None:
    """Write the array ``fixed`` for the innermost planes of a slab, and hold them by a constraint.

    Raises
    ------
    AskError
        So many planes cannot lie in the middle, or no plane is an inner one.
    """
    from ase.constraints import FixAtoms

    layer = atoms.arrays["layer"]
    count = int(layer.max()) + 1
    if fixed == "inner":
        exposed = set(layer[atoms.arrays["role"] != "core"].tolist())
        chosen = [n for n in range(count) if n not in exposed]
        if not chosen:
            raise AskError(
                f"{name}: every plane has under-coordinated ions; take more layers to fix inner ones"
            )
    else:
        if isinstance(fixed, bool) or not isinstance(fixed, int) or not 1 <= fixed < count:
            raise AskError(
                f"{name} has {count} atomic planes; fixed is 1 to {count - 1} or 'inner'; got {fixed!r}"
            )
        if (count - fixed) % 2:
            near = [n for n in (fixed - 1, fixed + 1) if 1 <= n < count]
            raise AskError(
                f"{name}: fixed={fixed} of {count} atomic planes cannot lie in the middle; take "
                f"{' or '.join(map(str, near)) or 'more layers'}"
            )
        chosen = list(range((count - fixed) // 2, (count + fixed) // 2))
    mask = np.isin(layer, chosen)
    atoms.set_array("fixed", mask)
    atoms.set_constraint(FixAtoms(mask=mask))
