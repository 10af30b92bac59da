"""Places at the faces of a slab or dot where a ligand can bind or take the place of an ion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from qdsurf.build.bonds import ANY, BOUND, Neighbours, stored_bonds
from qdsurf.build.exposure import Facet, Vectors, exposure_of
from qdsurf.model.nouns import Site

if TYPE_CHECKING:
    from ase import Atoms

_ORDER = ("anion site", "cation site", "on a cation", "on an anion", "bridge", "hollow")


def find_sites(
    atoms: Atoms,
    charges: Mapping[str, int],
    *,
    facet: Facet | None = None,
    vacated: Iterable[Site] = (),
    around: Neighbours | None = None,
) -> tuple[Site, ...]:
    """Return the sites on both faces of a slab, or on the facets of a dot.

    Every ion of an outermost plane is an occupied "anion site" or "cation site". Every
    under-coordinated ion has a vacant site "on a cation" or "on an anion" one bulk bond length
    away in the direction of the neighbours it lacks; for a metal these are the atop sites.

    Parameters
    ----------
    atoms
        Slab or dot with the per-atom arrays of a Surface and the bulk distances in
        ``info["bulk_bonds"]``; not changed. A dot has its facets in ``info["facets"]``.
    charges
        Formal charge by species.
    facet
        Miller indices, noted on the sites of a slab.
    vacated
        Sites whose ions were removed; they come first, as vacant sites.
    around
        Neighbours of *atoms* where they are known already.

    Returns
    -------
    tuple of Site
        Vacated sites first, each followed by the site above the cation it exposes; then the top face
        before the bottom face, anion sites, cation sites, sites on cations (highest charge first),
        sites on anions, and each of these by distance from the middle of the cell or dot.

    Examples
    --------
    >>> from qdsurf.build.slabs import cut_slab
    >>> from qdsurf.crystals import load_crystal
    >>> slab = cut_slab(load_crystal("PbS"), (1, 0, 0), layers=4)
    >>> sorted({site.kind for site in find_sites(slab.atoms, slab.charges)})
    ['anion site', 'cation site', 'on a cation', 'on an anion']
    """
    around = around or Neighbours(atoms, charges, stored_bonds(atoms))
    exposure = exposure_of(atoms, around, facet)
    missing, length = around.deficits()
    found: list[Site] = []
    for row, ion in enumerate(exposure.ions.tolist()):
        if not (exposure.outermost[row] or missing[ion]):
            continue
        fragment = around.fragments[ion]
        charge = charges[around.species[fragment]]
        bound = around.bound(fragment)
        normal = exposure.normals[row]
        common = {
            "normal": normal.copy(),
            "species": around.species[fragment],
            "facet": exposure.facets[row],
            "location": exposure.locations[row],
            "layer": int(atoms.arrays["layer"][around.members[fragment][0]]),
            "coordination": len(bound),
        }
        if exposure.outermost[row] and charge:
            found.append(
                Site(
                    position=around.points[ion].copy(),
                    kind="anion site" if charge < 0 else "cation site",
                    atoms=around.members[fragment],
                    neighbours=tuple(sorted({m for f, _ in bound for m in around.members[f]})),
                    **common,
                )
            )
        if missing[ion]:
            away = open_direction([v for _, v in bound], normal)
            found.append(
                Site(
                    position=around.points[ion] + length[ion] * away,
                    kind="on an anion" if charge < 0 else "on a cation",
                    atoms=(),
                    neighbours=around.members[fragment],
                    **common,
                )
            )
    return _vacated_first(tuple(vacated), _sorted(found, atoms, charges))


def open_sites(
    surface_sites: Iterable[Site],
    positions: Vectors,
    species: list[str],
    atoms: Atoms,
    charges: Mapping[str, int],
    around: Neighbours | None = None,
) -> tuple[Site, ...]:
    """Return "bridge" and "hollow" sites: places of the lattice just outside, with two or more neighbours.

    Parameters
    ----------
    surface_sites
        Sites found before; their normals, facets and locations are taken over from the nearest.
    positions
        (n, 3) in Å, where the lattice would go on.
    species
        Ion that would be there.
    atoms
        Slab or dot, not changed.
    charges
        Formal charge by species.
    around
        Neighbours of *atoms* where they are known already.
    """
    from scipy.spatial import KDTree

    known = [
        s for s in surface_sites if s.kind in ("anion site", "cation site", "on a cation", "on an anion")
    ]
    if not len(positions) or not known:
        return ()
    around = around or Neighbours(atoms, charges, stored_bonds(atoms))
    by_atom = {a: s for s in known for a in (*s.atoms, *s.neighbours)}
    shifts = images(atoms)
    points = (around.points[None] + shifts[:, None]).reshape(-1, 3)
    tree = KDTree(points)
    bonds = around.bonds
    names = np.tile(np.array([around.species[f] for f in around.fragments]), len(shifts))
    found: list[Site] = []
    reach = np.array([BOUND * bonds[f"{name}-{ANY}"][0] for name in species])
    near_each = tree.query_ball_point(positions, reach)
    for position, name, candidates in zip(positions, species, near_each, strict=True):
        if len(candidates) < 2:
            continue
        held = [
            k
            for k in sorted(candidates)
            if f"{name}-{names[k]}" in bonds
            and np.linalg.norm(points[k] - position) < BOUND * bonds[f"{name}-{names[k]}"][0]
        ]
        ions = [around.fragments[k % len(around.points)] for k in held]
        near = [by_atom[m] for f in ions for m in around.members[f] if m in by_atom]
        if len(held) > 1 and near:
            members = {m for f in ions for m in around.members[f]}
            found.append(_open_site(position, name, near, len(held), members))
    return tuple(_sorted(found, atoms, charges))


def _open_site(position: Vectors, species: str, near: list[Site], held: int, members: set[int]) -> Site:
    """Return the site of a missing ion with *held* neighbours, which consist of the atoms *members*."""
    normal = np.mean([s.normal for s in near], axis=0)
    outward = [s for s in near if s.location != "face"] or near
    return Site(
        position=np.asarray(position, dtype=float).copy(),
        normal=normal / max(float(np.linalg.norm(normal)), 1e-9),
        kind="bridge" if held == 2 else "hollow",
        species=species,
        facet=outward[0].facet,
        location=outward[0].location,
        layer=-1,
        coordination=held,
        atoms=(),
        neighbours=tuple(sorted(members)),
    )


def set_roles(atoms: Atoms, charges: Mapping[str, int], around: Neighbours | None = None) -> None:
    """Write the array ``role``: "surface" for ions of the outermost planes and under-coordinated ones."""
    around = around or Neighbours(atoms, charges, stored_bonds(atoms))
    exposed = around.deficits()[0] > 0
    exposure = exposure_of(atoms, around)
    exposed[exposure.ions[exposure.outermost]] = True
    numbers = np.array(around.fragments)[exposed]
    lattice = atoms.arrays["role"] != "ligand"
    role = np.where(np.isin(atoms.arrays["fragment"], numbers), "surface", "core")
    atoms.arrays["role"][lattice] = role[lattice]


def images(atoms: Atoms) -> Vectors:
    """Return the vectors in Å to the cell itself and to its neighbours in the periodic directions."""
    ranges = [(-1, 0, 1) if periodic else (0,) for periodic in atoms.pbc]
    cell = atoms.cell.array
    shifts = [
        i * cell[0] + j * cell[1] + k * cell[2] for i in ranges[0] for j in ranges[1] for k in ranges[2]
    ]
    return np.array(sorted(shifts, key=lambda v: float(np.linalg.norm(v))))


def open_direction(bonds: list[Vectors], normal: Vectors) -> Vectors:
    """Return the unit vector away from the neighbours that are there, outwards."""
    # The normal is the answer where the bonds cancel, or where their sum does not point outwards.
    if not bonds:
        return normal
    vectors = np.asarray(bonds)
    total = -(vectors / np.sqrt((vectors**2).sum(axis=1))[:, None]).sum(axis=0)
    length = float(np.sqrt(total @ total))
    if length < 1e-3 or float(total @ normal) / length < 0.3:
        return normal
    return np.asarray(total / length)


def _sorted(sites: list[Site], atoms: Atoms, charges: Mapping[str, int]) -> list[Site]:
    """Return *sites* in their documented order."""
    if not sites:
        return []
    positions = np.array([s.position for s in sites])
    if atoms.pbc.any():
        cell = atoms.cell.array
        fractional = (positions - cell[:2].sum(axis=0) / 2) @ np.linalg.inv(cell)
        fractional[:, :2] -= np.round(fractional[:, :2])
        away = np.linalg.norm(fractional[:, :2] @ cell[:2, :2], axis=1)
    else:
        away = np.linalg.norm(positions - atoms.positions.mean(axis=0), axis=1)
    keys = [
        (
            -round(float(s.normal[2]), 6) if atoms.pbc.any() else 0.0,
            _ORDER.index(s.kind),
            -charges[s.species] if s.kind == "on a cation" else 0,
            round(float(d), 3),
            (s.atoms or s.neighbours)[0],
        )
        for s, d in zip(sites, away.tolist(), strict=True)
    ]
    return [sites[n] for n in sorted(range(len(sites)), key=keys.__getitem__)]


def _vacated_first(vacated: tuple[Site, ...], found: list[Site]) -> tuple[Site, ...]:
    """Return the *vacated* sites, the sites above the cations they expose, and the other *found* ones."""
    if not vacated:
        return tuple(found)
    exposed = {n for site in vacated if site.kind == "anion site" for n in site.neighbours}
    above = [s for s in found if s.kind == "on a cation" and set(s.neighbours) & exposed]
    chosen = {id(s) for s in above}
    return (*vacated, *above, *(s for s in found if id(s) not in chosen))
