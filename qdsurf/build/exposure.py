"""Which ions lie on which face of a slab or dot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.bonds import Neighbours

if TYPE_CHECKING:
    from ase import Atoms

Vectors = NDArray[np.float64]
Facet = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Exposure:
    """Which ions lie on which face of a body.

    Attributes
    ----------
    ions
        (n,) numbers of ions among those of ``Neighbours``; an ion of a slab of one plane comes twice.
    normals
        (n, 3) outward unit vectors.
    outermost
        (n,) whether the ion lies in the last plane of a face: it can be exchanged for a ligand.
    facets
        Miller indices, or None where no single facet can be named.
    locations
        "face", "edge" or "corner".
    """

    ions: NDArray[np.int64]
    normals: Vectors
    outermost: NDArray[np.bool_]
    facets: tuple[Facet | None, ...]
    locations: tuple[str, ...]


def slab_exposure(atoms: Atoms, around: Neighbours, facet: Facet | None) -> Exposure:
    """Return the upper and lower half of a slab as its two faces, normals along z."""
    height = around.points[:, 2]
    layers = atoms.arrays["layer"][[around.members[f][0] for f in around.fragments]]
    lowest, highest = int(layers[layers >= 0].min()), int(layers.max())
    ions = np.arange(len(height))
    up = np.where(height >= (height.max() + height.min()) / 2, 1.0, -1.0)
    if lowest == highest:
        ions, up, layers = np.tile(ions, 2), np.repeat([1.0, -1.0], len(ions)), np.tile(layers, 2)
    count = len(ions)
    normals = np.zeros((count, 3))
    normals[:, 2] = up
    outermost = (layers == lowest) | (layers == highest)
    return Exposure(ions, normals, outermost, (facet,) * count, ("face",) * count)


def exposure_of(atoms: Atoms, around: Neighbours, facet: Facet | None = None) -> Exposure:
    """Return which ions lie on which face of a slab, or of a dot whose facets are in ``info["facets"]``."""
    if atoms.pbc.any():
        return slab_exposure(atoms, around, facet)
    return dot_exposure(around, atoms.info.get("facets", {}))


def dot_exposure(around: Neighbours, facets: Mapping[str, Iterable[float]]) -> Exposure:
    """Return the ions at the facets of a dot; without facets (a sphere) normals are radial.

    Parameters
    ----------
    facets
        {"1 1 1": (nx, ny, nz, height)}: Miller indices, outward normal, and height in Å above which
        an ion lies in the outermost plane of the facet.
    """
    points = around.points
    missing, _ = around.deficits()
    if not facets:
        ions = np.flatnonzero(missing)
        away = points[ions] - points.mean(axis=0)
        normals = away / np.maximum(np.linalg.norm(away, axis=1), 1e-9)[:, None]
        return Exposure(ions, normals, np.ones(len(ions), bool), (None,) * len(ions), ("face",) * len(ions))
    normals, outermost, labels, where = faced(points, facets)
    ions = np.flatnonzero(outermost | (missing > 0))
    return Exposure(
        ions,
        normals[ions],
        outermost[ions],
        tuple(labels[n] for n in ions.tolist()),
        tuple(where[n] for n in ions.tolist()),
    )


def faced(
    points: Vectors, facets: Mapping[str, Iterable[float]]
) -> tuple[Vectors, NDArray[np.bool_], list[Facet | None], list[str]]:
    """Return outward normals, whether in an outermost plane, facet and location of *points* at a dot.

    A point below the outermost planes belongs to the facet that it is nearest to. *facets* as for
    ``dot_exposure``, at least one.
    """
    names: list[Facet] = []
    for text in facets:
        h, k, l = (int(i) for i in text.split())  # noqa: E741 the field's own letters
        names.append((h, k, l))
    table = np.array([tuple(row) for row in facets.values()])
    above = points @ table[:, :3].T - table[:, 3]
    on = above > -1e-3
    outermost = on.any(axis=1)
    nearest = np.zeros_like(on)
    nearest[np.arange(len(points)), np.argmax(above, axis=1)] = True
    member = np.where(outermost[:, None], on, nearest)
    normals = member @ table[:, :3]
    normals /= np.maximum(np.linalg.norm(normals, axis=1), 1e-9)[:, None]
    number = member.sum(axis=1).tolist()
    where = [("face", "edge", "corner")[min(n, 3) - 1] for n in number]
    first = np.argmax(member, axis=1).tolist()
    labels = [names[f] if n == 1 else None for f, n in zip(first, number, strict=True)]
    return normals, outermost, labels, where
