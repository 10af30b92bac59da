"""Enumerate how a ligand can bind a surface: each mode at each kind of site, without duplicates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qdsurf.attachment.attaching import attach
from qdsurf.attachment.demands import as_ligand
from qdsurf.attachment.places import suitable_sites
from qdsurf.errors import AskError, PlacementError
from qdsurf.model import Ligand, Site, Surface
from qdsurf.model.periodic import nearest_image

Array = NDArray[np.float64]

_TRIED = ("terminal", "chelating", "bridging", "tilted")
# Anchors that lie within this root mean square distance in Å of those of another mode are the same mode.
_SAME = 0.3


@dataclass(frozen=True, kw_only=True, eq=False)
class BindingMode:
    """One way for a ligand to bind.

    Attributes
    ----------
    mode
        "terminal", "chelating", "bridging" or "tilted".
    site
        The site; one of each set that symmetry makes equal.
    multiplicity
        How many sites are equal to it, itself included.
    surface
        The surface with one ligand bound so.
    bonds
        (element of the surface, length in Å) of the anchors' bonds, the shortest first.
    """

    mode: str
    site: Site
    multiplicity: int
    surface: Surface
    bonds: tuple[tuple[str, float], ...]


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A mode that the ligand cannot have at a site, with the reason."""

    mode: str
    site: Site
    reason: str


def binding_modes(
    surface: Surface, ligand: str | Ligand, *, refused: list[Refused] | None = None
) -> tuple[BindingMode, ...]:
    """Return the ways in which *ligand* can bind *surface*, one for each symmetry-unique site and mode.

    Parameters
    ----------
    refused
        A list that is given receives the modes that cannot be, with their reasons.

    Raises
    ------
    AskError, ChargeError
        No site suits the ligand at all.

    Notes
    -----
    Sites are equal where an operation of the surface (spglib for slabs, the point group for dots) maps
    one on the other; bond lengths are those of ``bond_length``. Two modes that put the anchors in the
    same places are one.

    Examples
    --------
    >>> import qdsurf as qs
    >>> slab = qs.cut_slab(qs.load_crystal("PbS"), (1, 0, 0), layers=3, repeat=(3, 3))
    >>> sorted(m.mode for m in binding_modes(slab, "methylamine"))
    ['terminal', 'tilted']
    """
    one = as_ligand(ligand)
    sites = suitable_sites(surface, one)
    found: list[BindingMode] = []
    for site, count in unique_sites(surface, sites):
        seen: list[Array] = []
        for mode in _TRIED:
            try:
                bound = attach(surface, {one: 1}, sites=[site], mode=mode)
            except (AskError, PlacementError) as error:
                if refused is not None:
                    refused.append(Refused(mode=mode, site=site, reason=str(error)))
                continue
            own = bound.atoms.arrays["role"] == "ligand"
            fresh = own & (bound.atoms.arrays["fragment"] > int(surface.atoms.arrays["fragment"].max()))
            where = bound.atoms.positions[fresh]
            if any(float(np.sqrt(((where - x) ** 2).sum(axis=1).mean())) < _SAME for x in seen):
                continue
            seen.append(where)
            bonds = _bonds(bound, np.flatnonzero(fresh & bound.atoms.arrays["anchor"]))
            found.append(BindingMode(mode=mode, site=site, multiplicity=count, surface=bound, bonds=bonds))
    return tuple(found)


def unique_sites(surface: Surface, sites: list[Site]) -> list[tuple[Site, int]]:
    """Return one site of each set of equal ones among *sites*, and how many there are."""
    from qdsurf.build.symmetry import symmetry_of

    symmetry = symmetry_of(surface)
    pbc = np.asarray(surface.atoms.pbc)
    number = {id(s): k for k, s in enumerate(surface.sites)}
    left = list(sites)
    found: list[tuple[Site, int]] = []
    while left:
        first = left[0]
        images = np.einsum("kij,j->ki", symmetry.rotations, first.position) + symmetry.translations
        rest, count = [], 0
        for site in left:
            away = nearest_image(site.position - images, surface.atoms.cell.array, pbc)
            same = (
                site.kind == first.kind and site.species == first.species and site.occupied == first.occupied
            )
            if same and (id(site) == id(first) or bool((np.linalg.norm(away, axis=1) < 0.1).any())):
                count += 1
            else:
                rest.append(site)
        found.append((first, count))
        left = rest
    return sorted(found, key=lambda pair: number.get(id(pair[0]), 0))


def _bonds(bound: Surface, anchors: NDArray[np.int64]) -> tuple[tuple[str, float], ...]:
    """Return the bonds of *anchors* to the surface: within 1.25 of the starting length."""
    from ase.geometry import get_distances

    from qdsurf.attachment.seats import bond_length

    atoms = bound.atoms
    rest = np.flatnonzero(atoms.arrays["role"] != "ligand")
    symbols = atoms.get_chemical_symbols()
    _, gaps = get_distances(atoms.positions[anchors], atoms.positions[rest], cell=atoms.cell, pbc=atoms.pbc)
    found = []
    for row, a in zip(gaps, anchors.tolist(), strict=True):
        for gap, k in zip(row.tolist(), rest.tolist(), strict=True):
            counter = bound.charges.get(str(atoms.arrays["species"][k]), 0) >= 0
            if gap < 4.0 and counter and gap < 1.25 * bond_length(symbols[a], symbols[k]):
                found.append((symbols[k], round(gap, 3)))
    return tuple(sorted(found, key=lambda bond: bond[1]))
