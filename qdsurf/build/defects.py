"""Take ions out of a surface, keeping account of the charge."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.assemble import set_roles
from qdsurf.build.sites import find_sites
from qdsurf.errors import AskError, ChargeError
from qdsurf.model.nouns import Site, Surface

# More ions than this in one neutral group are no longer one place.
_LARGEST_GROUP = 4


def remove(
    surface: Surface,
    sites: Site | int | Iterable[Site | int],
    *,
    compensate: str | None = None,
    charge: int | None = None,
) -> Surface:
    """Return *surface* without the ions at *sites*.

    The vacated sites come first among the sites of the result, as vacant "anion site" or
    "cation site" whose neighbours are the counter-ions left behind, then the sites
    "on a cation" above the cations laid bare.

    Parameters
    ----------
    surface
        Bare slab, not changed.
    sites
        Occupied sites of it, or their numbers in ``surface.sites``.
    compensate
        Species of which the nearest ions of the same face are removed too, until the charge is
        the one asked for.
    charge
        Net charge the result is meant to have, in elementary charges; None keeps that of *surface*.

    Raises
    ------
    AskError
        A site is vacant or none of this surface, or the surface carries ligands.
    ChargeError
        The result has another charge; gives the number.

    Examples
    --------
    >>> from qdsurf.build.slabs import cut_slab
    >>> from qdsurf.crystals import load_crystal
    >>> slab = cut_slab(load_crystal("CsPbBr3-cubic"), "001", layers=2, termination="CsBr", repeat=(2, 2))
    >>> anion = next(site for site in slab.sites if site.kind == "anion site")
    >>> without = remove(slab, anion, compensate="Cs")
    >>> without.charge, without.sites[0].kind, without.sites[0].occupied
    (0, 'anion site', False)
    """
    if (surface.atoms.arrays["role"] == "ligand").any():
        raise AskError(f"{surface.name} carries ligands; remove ions before attaching them")
    chosen = _sites(surface, sites)
    wanted = surface.target_charge if charge is None else charge
    if compensate is not None:
        chosen = _compensated(surface, chosen, compensate, wanted)
    net = surface.charge - sum(surface.charges[s.species] for s in chosen)
    if net != wanted:
        removed = ", ".join(s.species for s in chosen)
        raise ChargeError(
            f"{surface.name}: without {removed} the charge is {net:+d}, asked for {wanted:+d}; remove "
            f"counter-ions too (compensate=) or state the charge (charge={net})"
        )
    gone = {atom for site in chosen for atom in site.atoms}
    kept = [i for i in range(len(surface.atoms)) if i not in gone]
    number = {old: new for new, old in enumerate(kept)}
    atoms = surface.atoms[kept]
    atoms.arrays["fragment"] = np.unique(atoms.arrays["fragment"], return_inverse=True)[1]
    set_roles(atoms, surface.charges)
    # Sites vacated before stay vacant; a slab of one plane has each ion on two faces.
    empty = [s for s in surface.sites if s.kind in ("anion site", "cation site") and not s.occupied]
    vacated = tuple(
        _vacant(site, tuple(number[n] for n in site.neighbours if n in number), atoms.arrays["fragment"])
        for site in [*chosen, *empty]
    )
    facet = surface.sites[0].facet if surface.sites else None
    return Surface(
        name=f"{surface.name}-without-{'-'.join(s.species for s in chosen)}",
        atoms=atoms,
        charges=dict(surface.charges),
        sites=find_sites(atoms, surface.charges, facet=facet, vacated=vacated),
        recipe={
            "verb": "remove",
            "sites": tuple(_number(surface, site) for site in chosen),
            "charge": charge,
            "from": dict(surface.recipe),
        },
        target_charge=wanted,
        electrons=surface.electrons,
        bonds=tuple((number[i], number[j], o) for i, j, o in surface.bonds if i in number and j in number),
    )


def pair_vacancy(surface: Surface, *, face: Literal["top", "bottom"] = "top") -> Surface:
    """Return *surface* without one neutral group of neighbouring ions near the middle of a face.

    For perovskites ended by AX this is a neutral A+X pair, the place of an L-type or zwitterionic
    ligand. Where one anion and one cation do not cancel, the nearest ions of the face that bring
    the group to neutrality are taken with them.

    Raises
    ------
    AskError
        The face has no neutral group of up to four ions, or *face* is neither "top" nor "bottom".

    Examples
    --------
    >>> from qdsurf.build.slabs import cut_slab
    >>> from qdsurf.crystals import load_crystal
    >>> slab = cut_slab(load_crystal("CsPbBr3-cubic"), "001", layers=2, termination="CsBr", repeat=(2, 2))
    >>> [site.species for site in pair_vacancy(slab).sites[:2]]
    ['Br', 'Cs']
    """
    if face not in ("top", "bottom"):
        raise AskError(f"face is 'top' or 'bottom'; got {face!r}")
    up = 1.0 if face == "top" else -1.0
    here = [s for s in surface.sites if s.occupied and s.normal[2] * up > 0]
    anions = [s for s in here if s.kind == "anion site"]
    cations = [s for s in here if s.kind == "cation site"]
    middle = surface.atoms.cell.array[:2].sum(axis=0) / 2

    def rank(pair: tuple[Site, Site]) -> tuple[float, ...]:
        between = _between(surface, pair[0], pair[1])
        halfway = (pair[0].position + between / 2 - middle)[:2]
        length = round(float(np.linalg.norm(between)) / 0.2)
        return surface.charges[pair[1].species], length, round(float(np.hypot(*halfway)), 3)

    for pair in sorted(((a, c) for a in anions for c in cations), key=rank):
        group = list(pair)
        while (net := sum(surface.charges[s.species] for s in group)) and len(group) < _LARGEST_GROUP:
            pool = [
                s for s in here if surface.charges[s.species] * net < 0 and all(s is not g for g in group)
            ]
            if not pool:
                break
            group.append(min(pool, key=lambda s: float(np.linalg.norm(_between(surface, pair[1], s)))))
        if not net:
            made = remove(surface, group)
            return replace(made, recipe={"verb": "pair_vacancy", "face": face, "from": dict(surface.recipe)})
    raise AskError(f"{surface.name}: the {face} face has no neutral group of neighbouring ions to remove")


def _between(surface: Surface, one: Site, other: Site) -> NDArray[np.float64]:
    """Return the shortest vector in Å from *one* site to the *other*."""
    from ase.geometry import find_mic

    vector, _ = find_mic(other.position - one.position, surface.atoms.cell, surface.atoms.pbc)
    return np.asarray(vector)


def _sites(surface: Surface, sites: Site | int | Iterable[Site | int]) -> list[Site]:
    """Return the occupied sites asked for, each ion once."""
    asked = [sites] if isinstance(sites, Site | int) else list(sites)
    if not asked:
        raise AskError("no site to remove an ion from")
    found: dict[tuple[int, ...], Site] = {}
    for item in asked:
        if isinstance(item, Site):
            site = item
        elif -len(surface.sites) <= item < len(surface.sites):
            site = surface.sites[item]
        else:
            raise AskError(f"{surface.name} has {len(surface.sites)} sites; there is no number {item}")
        if not site.occupied:
            raise AskError(f"the site {site.kind!r} of {site.species} is vacant; there is nothing to remove")
        if _number(surface, site) < 0:
            raise AskError(f"the {site.kind} of {site.species} is no site of {surface.name}")
        found.setdefault(site.atoms, site)
    return list(found.values())


def _number(surface: Surface, site: Site) -> int:
    """Return the number of *site* among the sites of *surface*, -1 when it is none of them."""
    return next((n for n, s in enumerate(surface.sites) if s is site), -1)


def _compensated(surface: Surface, chosen: list[Site], species: str, wanted: int) -> list[Site]:
    """Return *chosen* with the nearest ions of *species* that bring the charge to *wanted*."""
    if species not in surface.charges:
        raise AskError(f"{surface.name} has no {species!r}; it has {', '.join(sorted(surface.charges))}")
    result = list(chosen)
    taken = {s.atoms for s in chosen}
    while (net := surface.charge - sum(surface.charges[s.species] for s in result)) != wanted:
        start = chosen[0]
        pool = [
            s
            for s in surface.sites
            if s.occupied and s.species == species and s.atoms not in taken and s.normal @ start.normal > 0
        ]
        if not pool or (net - wanted) * surface.charges[species] <= 0:
            raise ChargeError(
                f"{surface.name}: removing {species} cannot bring the charge {net:+d} to {wanted:+d}"
            )
        nearest = min(pool, key=lambda s: round(float(np.linalg.norm(_between(surface, start, s))), 3))
        result.append(nearest)
        taken.add(nearest.atoms)
    return result


def _vacant(site: Site, neighbours: tuple[int, ...], fragments: NDArray[np.int_]) -> Site:
    """Return *site* without its ion; *neighbours* are numbered as in the new atoms."""
    coordination = len({int(fragments[n]) for n in neighbours})
    return replace(site, atoms=(), neighbours=neighbours, coordination=coordination)
