"""Take ions out of a surface, keeping account of the charge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.balance import both_faces, counter_ions, half_way, on_both, require_charge, wanted_charge
from qdsurf.build.ions import INSIDE, ION_KINDS, Ions, require_bare
from qdsurf.build.sites import find_sites, set_roles
from qdsurf.errors import AskError
from qdsurf.model.nouns import Site, Surface
from qdsurf.model.vacant import note_vacancies

# More ions than this in one neutral group are no longer one place.
_LARGEST_GROUP = 4
# A place to bind that is this near (Å) to the middle of an ion, or to a vacancy inside, is none.
_TAKEN = 1.0


def remove(
    surface: Surface,
    sites: Site | int | Iterable[Site | int],
    *,
    compensate: str | None = None,
    charge: int | None = None,
    faces: Literal["one", "both"] = "one",
    floating: bool = False,
) -> Surface:
    """Return *surface* without the ions at *sites*.

    The vacated sites of the surface come first among the sites of the result, as vacant "anion site" or
    "cation site" whose neighbours are the counter-ions left behind, then the sites
    "on a cation" above the cations laid bare. A vacancy inside leaves no place to bind.

    Parameters
    ----------
    surface
        Bare slab or dot, not changed.
    sites
        Occupied sites of it, as from ``surface.sites`` or ``vacancies`` (ions inside too), or numbers
        of ``surface.sites``.
    compensate
        Species of which the nearest ions of the same face are removed too, until the charge is
        the one asked for.
    charge
        Net charge the result is meant to have, in elementary charges; None keeps that of *surface*.
    faces
        "both" removes, by the symmetry operation that swaps the faces of a slab, the same ions from
        its other face, so that no dipole arises.
    floating
        Whether ions may be left without any counter-ion next to them.

    Raises
    ------
    AskError
        A site is vacant or none of this surface, an ion would float, both faces are asked of a surface
        without two equal ones, or the surface carries ligands.
    ChargeError
        The result has another charge; gives the number and the compensation that would work.

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
    require_bare(surface, "remove ions")
    ions = Ions(surface)
    chosen = ions.numbers(sites)
    both = both_faces(surface, faces)
    wanted = wanted_charge(surface, charge)
    net = surface.charge - sum(surface.charges[ions.species[k]] for k in chosen)
    if compensate is not None:
        excess = net - half_way(surface, wanted, both)
        chosen = [*chosen, *counter_ions(ions, chosen, chosen, compensate, excess)]
    if both:
        chosen = on_both(ions, chosen)
    net = surface.charge - sum(surface.charges[ions.species[k]] for k in chosen)
    require_charge(ions, chosen, net, wanted, f"without {counted(ions.species[k] for k in chosen)}")
    recipe = {
        "verb": "remove",
        "ions": tuple(ions.fragments[k] for k in chosen),
        "compensate": compensate,
        "charge": charge,
        "faces": faces,
        "floating": floating,
        "from": dict(surface.recipe),
    }
    return _without(ions, chosen, wanted, floating, recipe)


def counted(species: Iterable[str]) -> str:
    """Return how many of each species there are, in order: "Br-2Cs"."""
    return "-".join(f"{n}{s}" if n > 1 else s for s, n in Counter(species).items())


def _without(
    ions: Ions, chosen: list[int], charge: int, floating: bool, recipe: Mapping[str, Any]
) -> Surface:
    """Return the surface without the *chosen* ions, which bring it to *charge*."""
    surface = ions.surface
    removed = [ions.site(k) for k in chosen]
    gone = {atom for site in removed for atom in site.atoms}
    kept = np.array([i for i in range(len(surface.atoms)) if i not in gone], dtype=int)
    if not len(kept):
        raise AskError(f"{surface.name}: nothing would be left")
    number = {old: new for new, old in enumerate(kept.tolist())}
    atoms = surface.atoms[kept]
    atoms.arrays["fragment"] = np.unique(atoms.arrays["fragment"], return_inverse=True)[1]
    set_roles(atoms, surface.charges)
    # Sites vacated before stay vacant; a slab of one plane has each ion on two faces.
    empty = [s for s in surface.sites if s.kind in ION_KINDS and not s.occupied]
    vacated = tuple(
        _vacant(site, tuple(number[n] for n in site.neighbours if n in number), atoms.arrays["fragment"])
        for site in [*removed, *empty]
        if site.location != INSIDE
    )
    inside = [site for site in removed if site.location == INSIDE]
    buried = [site.position for site in inside]
    note_vacancies(atoms, ((site.species, site.position) for site in inside))
    found = find_sites(atoms, surface.charges, facet=ions.facet, vacated=vacated)
    # bridges and hollows come from the builder of the dot; those that keep two neighbours stay
    open_ = [s for s in surface.sites if s.kind in ("bridge", "hollow")]
    left = (
        _vacant(site, tuple(number[n] for n in site.neighbours if n in number), atoms.arrays["fragment"])
        for site in open_
    )
    found = (*found, *(s for s in left if s.coordination > 1))
    made = Surface(
        name=f"{surface.name}-without-{counted(ions.species[k] for k in chosen)}",
        atoms=atoms,
        charges=dict(surface.charges),
        sites=open_places(found, atoms.positions, buried, atoms.cell.array, atoms.pbc),
        recipe=recipe,
        target_charge=charge,
        electrons=surface.electrons,
        bonds=tuple((number[i], number[j], o) for i, j, o in surface.bonds if i in number and j in number),
    )
    if not floating:
        _require_held(ions, chosen, made)
    return made


def _require_held(before: Ions, chosen: list[int], made: Surface) -> None:
    """Refuse a surface in which an ion has lost its last counter-ion."""
    after = Ions(made)
    stayed = np.delete(np.arange(len(before.fragments)), chosen)
    loose = np.flatnonzero((after.held == 0) & (before.held[stayed] > 0))
    if len(loose):
        x, y, z = after.points[loose[0]]
        raise AskError(
            f"{made.name}: {counted(after.species[k] for k in loose)} would float without any counter-ion, "
            f"the first at ({x:.2f}, {y:.2f}, {z:.2f}) Å; remove it too, or say floating=True"
        )


def open_places(
    sites: tuple[Site, ...],
    positions: NDArray[np.float64],
    buried: list[NDArray[np.float64]],
    cell: NDArray[np.float64],
    pbc: NDArray[np.bool_],
) -> tuple[Site, ...]:
    """Return *sites* without the empty places "on" an ion that another ion or a *buried* vacancy occupies."""
    from ase.geometry import get_distances

    checked = [n for n, s in enumerate(sites) if s.kind.startswith("on ")]
    if not checked:
        return sites
    where = np.array([sites[n].position for n in checked])
    blocked = _near(where, positions, cell, pbc)
    if buried:
        _, gaps = get_distances(where, np.array(buried), cell=cell, pbc=pbc)
        blocked |= gaps.min(axis=1) < 2 * _TAKEN
    wrong = {n for n, b in zip(checked, blocked.tolist(), strict=True) if b}
    return tuple(s for n, s in enumerate(sites) if n not in wrong)


def _near(
    where: NDArray[np.float64],
    positions: NDArray[np.float64],
    cell: NDArray[np.float64],
    pbc: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Return which points lie on top of an atom, periodic images included."""
    from scipy.spatial import KDTree

    tree = KDTree(positions)
    shifts = [np.zeros(3)]
    for vector, periodic in zip(cell, pbc, strict=True):
        if periodic:
            shifts = [s + k * vector for s in shifts for k in (-1, 0, 1)]
    hit = [tree.query(where + s, distance_upper_bound=_TAKEN)[0] < _TAKEN for s in shifts]
    return np.asarray(np.any(hit, axis=0))


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


def _vacant(site: Site, neighbours: tuple[int, ...], fragments: NDArray[np.int_]) -> Site:
    """Return *site* without its ion; *neighbours* are numbered as in the new atoms."""
    coordination = len({int(fragments[n]) for n in neighbours})
    return replace(site, atoms=(), neighbours=neighbours, coordination=coordination)
