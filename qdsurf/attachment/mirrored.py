"""The operation that swaps the two faces of a slab, and what it does with sites and molecules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qdsurf.attachment.places import Places
from qdsurf.errors import AskError
from qdsurf.model import Ligand

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Swap:
    """r -> R r + t, and the site on which each site of the top face comes to lie."""

    rotation: Array
    translation: Array
    site: dict[int, int]

    def moved(self, points: Array) -> Array:
        """Return where *points*, (..., 3) in Å, come to lie."""
        found: Array = points @ self.rotation.T + self.translation
        return found


def face_swap(places: Places, ligands: list[Ligand]) -> Swap | None:
    """Return the operation that maps the top face of a slab on its bottom face, or None.

    Inversion first, since it leaves no dipole at all; a ligand with stereocentres needs a rotation,
    because any other operation would turn it into its mirror image.
    """
    from qdsurf.build.symmetry import symmetry_of

    try:
        symmetry = symmetry_of(places.surface)
    except AskError:
        return None
    chiral = any("@" in ligand.smiles for ligand in ligands)
    down = [
        k for k in range(len(symmetry.rotations))
        if symmetry.rotations[k][2, 2] < -0.5 and (not chiral or np.linalg.det(symmetry.rotations[k]) > 0)
    ]  # fmt: skip
    down.sort(key=lambda k: (round(float(np.trace(symmetry.rotations[k])), 3), k))
    for k in down:
        found = _sites(places, symmetry.rotations[k], symmetry.translations[k])
        if found is not None:
            return Swap(symmetry.rotations[k], symmetry.translations[k], found)
    return None


def _sites(places: Places, rotation: Array, translation: Array) -> dict[int, int] | None:
    """Return the image of each site of the top face; None where one has none."""
    from scipy.spatial import KDTree

    sites, cell = places.surface.sites, places.surface.atoms.cell.array
    lengths = np.linalg.norm(cell, axis=1)
    inverse = np.linalg.inv(cell)

    def boxed(points: Array) -> Array:
        fraction = points @ inverse
        fraction[:, :2] %= 1.0
        scaled: Array = fraction * lengths
        scaled[:, :2] = np.minimum(scaled[:, :2], np.nextafter(lengths[:2], 0.0))
        return scaled

    top = np.flatnonzero(places.normals[:, 2] > 0)
    bottom = np.flatnonzero(places.normals[:, 2] < 0)
    if not len(top) or len(top) != len(bottom):
        return None
    kinds = {name: n for n, name in enumerate(sorted({f"{s.kind} {s.species}" for s in sites}))}
    number = np.array([kinds[f"{s.kind} {s.species}"] for s in sites]) * 1e3
    tree = KDTree(
        np.column_stack([boxed(places.positions[bottom]), number[bottom]]), boxsize=[*lengths[:2], 0.0, 0.0]
    )
    moved = places.positions[top] @ rotation.T + translation
    gap, found = tree.query(np.column_stack([boxed(moved), number[top]]))
    if gap.max() > 0.1:
        return None
    return {int(a): int(b) for a, b in zip(top, bottom[found], strict=True)}
