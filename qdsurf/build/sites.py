"""Places at the faces of a slab where a ligand can bind or take the place of an ion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.bonds import Neighbours, stored_bonds
from qdsurf.model.nouns import Site

if TYPE_CHECKING:
    from ase import Atoms

_ORDER = ("anion site", "cation site", "on a cation", "on an anion")


def find_sites(
    atoms: Atoms,
    charges: Mapping[str, int],
    *,
    facet: tuple[int, int, int] | None = None,
    vacated: Iterable[Site] = (),
) -> tuple[Site, ...]:
    """Return the sites on both faces of a slab.

    Every ion of an outermost plane is an occupied "anion site" or "cation site". Every
    under-coordinated ion has a vacant site "on a cation" or "on an anion" one bulk bond length
    away in the direction of the neighbours it lacks; for a metal these are the atop sites.

    Parameters
    ----------
    atoms
        Slab with the per-atom arrays of a Surface and the bulk distances in
        ``info["bulk_bonds"]``; not changed.
    charges
        Formal charge by species.
    facet
        Miller indices, noted on the sites.
    vacated
        Sites whose ions were removed; they come first, as vacant sites.

    Returns
    -------
    tuple of Site
        Vacated sites first, each followed by the site above the cation it exposes; then the top face
        before the bottom face, anion sites, cation sites, sites on cations (highest charge first),
        sites on anions, and each of these by distance from the middle of the cell.

    Examples
    --------
    >>> from qdsurf.build.slabs import cut_slab
    >>> from qdsurf.crystals import load_crystal
    >>> slab = cut_slab(load_crystal("PbS"), (1, 0, 0), layers=4)
    >>> sorted({site.kind for site in find_sites(slab.atoms, slab.charges)})
    ['anion site', 'cation site', 'on a cation', 'on an anion']
    """
    around = Neighbours(atoms, charges, stored_bonds(atoms))
    height = {f: float(around.centres[f][2]) for f in around.fragments}
    middle = (max(height.values()) + min(height.values())) / 2
    layers = atoms.arrays["layer"]
    outer = {int(layers[layers >= 0].min()), int(layers.max())}
    found: list[Site] = []
    for fragment in around.fragments:
        members = around.members[fragment]
        layer = int(layers[members[0]])
        charge = charges[around.species[fragment]]
        up = 1.0 if height[fragment] >= middle else -1.0
        # A slab of one plane has two faces at the same ions.
        faces = (1.0, -1.0) if len(outer) == 1 else (up,)
        bound = around.bound(fragment)
        missing, length = around.deficit(fragment)
        for face in faces:
            normal = np.array([0.0, 0.0, face])
            if layer in outer and charge:
                ion = Site(
                    position=around.centres[fragment].copy(),
                    normal=normal,
                    kind="anion site" if charge < 0 else "cation site",
                    species=around.species[fragment],
                    facet=facet,
                    location="face",
                    layer=layer,
                    coordination=len(bound),
                    atoms=members,
                    neighbours=tuple(sorted({m for f, _ in bound for m in around.members[f]})),
                )
                found.append(ion)
            if missing:
                away = _open_direction([v for _, v in bound], normal)
                above = Site(
                    position=around.centres[fragment] + length * away,
                    normal=normal,
                    kind="on an anion" if charge < 0 else "on a cation",
                    species=around.species[fragment],
                    facet=facet,
                    location="face",
                    layer=layer,
                    coordination=len(bound),
                    atoms=(),
                    neighbours=members,
                )
                found.append(above)
    found.sort(key=_sorting_key(atoms, charges))
    return _vacated_first(tuple(vacated), found)


def _open_direction(bonds: list[NDArray[np.float64]], normal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the unit vector away from the neighbours that are there, outwards."""
    # The normal is the answer where the bonds cancel, or where their sum does not point outwards.
    total = -sum((v / np.linalg.norm(v) for v in bonds), np.zeros(3))
    length = float(np.linalg.norm(total))
    if length < 1e-3 or float(total @ normal) / length < 0.3:
        return normal
    return np.asarray(total / length)


def _sorting_key(atoms: Atoms, charges: Mapping[str, int]) -> Callable[[Site], tuple[float, ...]]:
    """Return the key that puts sites into their documented order."""
    centre = atoms.cell.array[:2].sum(axis=0) / 2
    inverse = np.linalg.inv(atoms.cell.array)

    def key(site: Site) -> tuple[float, ...]:
        fractional = (site.position - centre) @ inverse
        fractional[:2] -= np.round(fractional[:2])
        away = fractional[:2] @ atoms.cell.array[:2, :2]
        return (
            -site.normal[2],
            _ORDER.index(site.kind),
            -charges[site.species] if site.kind == "on a cation" else 0,
            round(float(np.hypot(*away)), 3),
            (site.atoms or site.neighbours)[0],
        )

    return key


def _vacated_first(vacated: tuple[Site, ...], found: list[Site]) -> tuple[Site, ...]:
    """Return the *vacated* sites, the sites above the cations they expose, and the other *found* ones."""
    exposed = {n for site in vacated if site.kind == "anion site" for n in site.neighbours}
    above = [s for s in found if s.kind == "on a cation" and set(s.neighbours) & exposed]
    chosen = {id(s) for s in above}
    return (*vacated, *above, *(s for s in found if id(s) not in chosen))
