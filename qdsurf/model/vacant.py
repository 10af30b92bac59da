"""Places of the lattice that lack their ion."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ase import Atoms

    from qdsurf.model.nouns import Surface

# An atom so near, in Å, fills the place; ions of the lattices on the shelf are 2.5 Å and more apart.
FILLED = 1.5
LATTICE = ("anion site", "cation site")


def note_vacancies(atoms: Atoms, gone: Iterable[tuple[str, NDArray[np.float64]]]) -> None:
    """Add the species and places in Å of ions that *atoms*, new and nobody else's, lack to their ``info``.

    For ions that leave no site to bind at, such as those inside: pictures and pages show them from there.
    """
    new = [{"species": species, "position": place.tolist()} for species, place in gone]
    if new:
        atoms.info["vacancies"] = [*atoms.info.get("vacancies", ()), *new]


def vacant_places(structure: Surface | Atoms) -> list[tuple[str, NDArray[np.float64]]]:
    """Return the species and (3,) place in Å of each ion that is missing and that nothing stands in for.

    Places that a ligand took, with an atom within 1.5 Å, are not vacant. Beside the vacant sites of a
    Surface those places count that are listed in ``info["vacancies"]`` of the atoms, as the structures of
    campaigns have them: {"species": name, "position": three numbers in Å} each.

    Examples
    --------
    >>> import qdsurf as qs
    >>> slab = qs.cut_slab(qs.load_crystal("PbS"), (0, 0, 1), layers=2, repeat=(2, 2))
    >>> made = qs.remove(slab, qs.vacancies(slab, "S")[0].site, compensate="Pb")
    >>> [species for species, _ in vacant_places(made)]
    ['S', 'Pb']
    """
    from qdsurf.model.nouns import Surface

    atoms = structure.atoms if isinstance(structure, Surface) else structure
    sites = structure.sites if isinstance(structure, Surface) else ()
    listed = atoms.info.get("vacancies", ())
    empty = [(str(v["species"]), np.array(v["position"], dtype=float)) for v in listed]
    empty += [(s.species, s.position) for s in sites if not s.occupied and s.kind in LATTICE]
    if not empty:
        return []
    from ase.geometry import get_distances

    points = np.array([place for _, place in empty])
    gaps = get_distances(points, atoms.positions, cell=atoms.cell.array, pbc=atoms.pbc)[1].min(axis=1)
    # a place on an edge belongs to two facets and is listed for both
    found: list[tuple[str, NDArray[np.float64]]] = []
    for (species, place), gap in zip(empty, gaps.tolist(), strict=True):
        known = any(s == species and np.allclose(p, place, atol=1e-3) for s, p in found)
        if gap > FILLED and not known:
            found.append((species, place))
    return found
