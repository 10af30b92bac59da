"""Files that cannot be judged, cells that are not what they seem, and room between periodic images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qdsurf.validation.anatomy import Anatomy
from qdsurf.validation.findings import Finding, Level, where

if TYPE_CHECKING:
    from ase import Atoms

# Empty height (Å, between nuclei) that is customary between the images of slabs and dots, and one
# below which images certainly touch or share their density. Rules of thumb, not measured.
ENOUGH_VACUUM, LEAST_VACUUM = 10.0, 6.0
# Å: an empty layer wider than this does not occur between the layers of a crystal (PbI2 has 3.5).
WIDE_GAP = 4.5
# Å: a narrower one is no gap; and how deep the outermost atoms of a layer lie.
LEAST_GAP, OUTERMOST = 2.5, 0.5
SHARPEST_ANGLE = 30.0
SMALLEST_VOLUME = 1e-3


def check_numbers(atoms: Atoms) -> list[Finding]:
    """Return what keeps a structure from being looked at any further."""
    if len(atoms) == 0:
        return [Finding(level="error", code="empty", message="there are no atoms in it")]
    found = []
    lost = np.flatnonzero(~np.isfinite(atoms.positions).all(axis=1))
    if len(lost):
        text = f"positions that are no numbers: {where(lost)}; write the file again"
        found.append(Finding(level="error", code="positions", message=text, atoms=tuple(lost.tolist())))
    dummies = np.flatnonzero(atoms.numbers == 0)
    if len(dummies):
        text = f"dummy atoms (X) without an element: {where(dummies)}; delete them or name their element"
        found.append(Finding(level="error", code="element", message=text, atoms=tuple(dummies.tolist())))
    vectors = atoms.cell.array[atoms.pbc]
    if len(vectors) and (
        not np.isfinite(vectors).all()
        or np.sqrt(max(0.0, np.linalg.det(vectors @ vectors.T))) < SMALLEST_VOLUME
    ):
        text = (
            "periodic along a cell vector that is zero, or in the plane of the others; set it, or pbc=False"
        )
        found.append(Finding(level="error", code="cell", message=text))
    return found


def check_cell(atoms: Atoms) -> list[Finding]:
    """Return what is odd about the cell."""
    found = []
    if atoms.pbc.all() and atoms.cell.volume and np.linalg.det(atoms.cell.array) < 0:
        text = "the cell vectors are left-handed, which VASP and others refuse; swap two of them"
        found.append(Finding(level="warning", code="left-handed", message=text))
    if atoms.pbc.any():
        angles = [atoms.cell.angles()[k] for k in range(3) if all(atoms.pbc[m] for m in range(3) if m != k)]
        if angles and (min(angles) < SHARPEST_ANGLE or max(angles) > 180 - SHARPEST_ANGLE):
            text = f"very skewed cell ({min(angles):.0f} to {max(angles):.0f} degrees); take a reduced one"
            found.append(Finding(level="warning", code="skewed", message=text))
    occupancy = atoms.info.get("occupancy")
    if isinstance(occupancy, dict):
        partial = {
            k for k, o in occupancy.items() if isinstance(o, dict) and (sum(o.values()) < 0.999 or len(o) > 1)
        }
        if partial:
            text = (
                f"{len(partial)} sites of the file are partly or doubly occupied, and a list of atoms cannot "
                f"say so: choose atoms for them (alloys: by seed or special quasirandom)"
            )
            found.append(Finding(level="warning", code="occupancy", message=text))
    return found


def gap_along(anatomy: Anatomy, normal: NDArray[np.float64]) -> float | None:
    """Return the empty height in Å along the unit vector *normal*, None where nothing repeats along it."""
    steps = np.abs(anatomy.atoms.cell.array[anatomy.atoms.pbc] @ normal)
    steps = steps[steps > 1e-3]
    if len(steps) == 0:
        return None
    period = float(steps.min())
    heights = np.sort((anatomy.positions @ normal) % period)
    return float(np.diff(heights, append=heights[0] + period).max())


def free_normals(anatomy: Anatomy) -> list[NDArray[np.float64]]:
    """Return unit normals of the directions in which the structure is meant not to repeat.

    For a slab one, across its plane; for a dot one for each periodic direction of its cell.
    """
    cell = anatomy.atoms.cell.array
    loops = anatomy.whole.loops[anatomy.whole.loop_label == anatomy.main] @ cell
    if anatomy.dimensions == 2:
        return [_plane_normal(loops)]
    if anatomy.dimensions == 3 or not anatomy.atoms.pbc.any():
        return []
    periodic = np.flatnonzero(anatomy.atoms.pbc)
    if len(periodic) == 3:
        normals = np.cross(np.roll(cell, -1, axis=0), np.roll(cell, -2, axis=0))
    else:
        normals = np.array([cell[k] for k in periodic])
    normals = normals / np.linalg.norm(normals, axis=1)[:, None]
    return [n for n in normals if not len(loops) or np.abs(loops @ n).max() < 1e-3]


def _plane_normal(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the unit normal of the plane that *vectors* span, its largest component positive."""
    normal = np.linalg.svd(vectors / np.linalg.norm(vectors, axis=1)[:, None])[2][2]
    return np.asarray(normal * np.sign(normal[np.argmax(np.abs(normal))]))


def check_vacuum(anatomy: Anatomy) -> list[Finding]:
    """Return whether the images of a slab, wire or dot have room between them."""
    what = ("finite (a dot or a molecule)", "wire", "slab", "crystal, periodic in three directions")
    kind = what[anatomy.dimensions]
    layers = _layers(anatomy)
    gaps = [g for n in free_normals(anatomy) if (g := gap_along(anatomy, n)) is not None]
    if layers:
        return layers
    if gaps and min(gaps) < ENOUGH_VACUUM:
        level: Level = "error" if min(gaps) < LEAST_VACUUM else "warning"
        text = (
            f"{kind}: only {min(gaps):.1f} Å to its periodic image; enlarge the cell by "
            f"{np.ceil(15.0 - min(gaps)):.0f} Å (by rule of thumb at least {ENOUGH_VACUUM:.0f} Å are wanted)"
        )
        return [Finding(level=level, code="vacuum", message=text)]
    if anatomy.dimensions < 3:
        kind += f", {min(gaps):.1f} Å to its image" if gaps else ", no periodic image beside it"
    return [Finding(level="note", code="kind", message=kind)]


def _layers(anatomy: Anatomy) -> list[Finding]:
    """Return a finding for layers that no bond joins: a layered crystal, or a slab with hardly any vacuum.

    The layers of a crystal end with anions on both sides; ends with cations, too, are those of a slab.
    """
    main = int(np.argmax(anatomy.core.sizes))
    if not anatomy.atoms.pbc.all() or anatomy.core.rank[main] != 2:
        return []
    loops = anatomy.core.loops[anatomy.core.loop_label == main] @ anatomy.atoms.cell.array
    normal = _plane_normal(loops)
    gap = gap_along(anatomy, normal)
    if gap is None or not LEAST_GAP < gap < WIDE_GAP:
        return []
    heights = anatomy.positions @ normal
    outer = (heights < heights.min() + OUTERMOST) | (heights > heights.max() - OUTERMOST)
    if anatomy.dimensions == 2 and anatomy.metal[outer].any():
        return []
    level: Level = "warning" if anatomy.metal[outer].any() else "note"
    text = (
        f"layers {gap:.1f} Å apart that no bond joins: a layered crystal, or a slab whose vacuum is far too "
        f"thin (then enlarge the cell by {np.ceil(15.0 - gap):.0f} Å)"
    )
    return [Finding(level=level, code="layers", message=text)]
