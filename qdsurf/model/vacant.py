"""Places of the lattice that lack their ion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from qdsurf.model.nouns import Surface

# An atom so near, in Å, fills the place; ions of the lattices on the shelf are 2.5 Å and more apart.
FILLED = 1.5


def vacant_places(surface: Surface) -> list[tuple[str, NDArray[np.float64]]]:
    """Return the species and (3,) place in Å of each ion that is missing and that nothing stands in for.

    Places that a ligand took, with an atom within 1.5 Å, are not vacant.

    Examples
    --------
    >>> import qdsurf as qs
    >>> slab = qs.cut_slab(qs.load_crystal("PbS"), (0, 0, 1), layers=2, repeat=(2, 2))
    >>> made = qs.remove(slab, qs.vacancies(slab, "S")[0].site, compensate="Pb")
    >>> [species for species, _ in vacant_places(made)]
    ['S', 'Pb']
    """
    kinds = ("anion site", "cation site")
    empty = [site for site in surface.sites if not site.occupied and site.kind in kinds]
    if not empty:
        return []
    from ase.geometry import get_distances

    atoms = surface.atoms
    points = np.array([site.position for site in empty])
    gaps = get_distances(points, atoms.positions, cell=atoms.cell.array, pbc=atoms.pbc)[1].min(axis=1)
    # a place on an edge belongs to two facets and is listed for both
    found: list[tuple[str, NDArray[np.float64]]] = []
    for site, gap in zip(empty, gaps.tolist(), strict=True):
        known = any(s == site.species and np.allclose(p, site.position, atol=1e-3) for s, p in found)
        if gap > FILLED and not known:
            found.append((site.species, site.position))
    return found
