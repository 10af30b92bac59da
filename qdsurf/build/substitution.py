"""Put other ions in the place of those of a surface: dopants and antisites."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from qdsurf.build.balance import both_faces, counter_ions, half_way, on_both, require_charge, wanted_charge
from qdsurf.build.bonds import BulkBonds, stored_bonds
from qdsurf.build.defects import counted, open_places, remove
from qdsurf.build.ions import ION_KINDS, Ions, require_bare
from qdsurf.build.sites import find_sites, set_roles
from qdsurf.crystals.charges import KNOWN_CHARGES
from qdsurf.errors import AskError, ChargeError, PlacementError
from qdsurf.model.ledger import ELECTRON
from qdsurf.model.nouns import Site, Surface

if TYPE_CHECKING:
    from ase import Atoms

# Two ions that change places touch another atom below this share of the sum of the contact radii.
_TOUCHING = 0.6


@dataclass(frozen=True, kw_only=True)
class Dopant:
    """An ion to be put in: name in the ledger, chemical symbol and formal charge."""

    name: str
    element: str
    charge: int


def dopant(surface: Surface, species: str) -> Dopant:
    """Return the ion that *species* names: "Zn", "Yb3+", "Yb2+", "I-".

    An element without a charge has the one it has in *surface*, else its usual one. An ion whose
    charge differs from that of the same element in *surface* is a species of its own, "Yb2+".

    Raises
    ------
    AskError
        The text is no ion of one element.
    ChargeError
        The element has several usual charges or none; say which.

    Examples
    --------
    >>> from qdsurf.build.slabs import cut_slab
    >>> from qdsurf.crystals import load_crystal
    >>> slab = cut_slab(load_crystal("PbS"), "100", layers=2)
    >>> dopant(slab, "Na"), dopant(slab, "Yb2+").name
    (Dopant(name='Na', element='Na', charge=1), 'Yb2+')
    """
    from ase.data import atomic_numbers

    match = re.fullmatch(r"([A-Z][a-z]?)(?:(\d*)([+-]))?", species.strip())
    if match is None or match[1] not in atomic_numbers:
        raise AskError(
            f"{species!r} is no ion of one element, such as 'Zn', 'Yb3+' or 'I-'; molecules are attached "
            f"with attach()"
        )
    element = match[1]
    usual = surface.charges.get(element, KNOWN_CHARGES.get(element))
    stated = int(f"{match[3]}{match[2] or 1}") if match[3] else usual
    if stated is None:
        raise ChargeError(f"{element} has no one usual charge; name it with the ion, as in '{element}2+'")
    own = stated == usual
    return Dopant(name=element if own else species.strip(), element=element, charge=stated)


def substitute(
    surface: Surface,
    sites: Site | int | Iterable[Site | int],
    species: str,
    *,
    compensate: str | None = None,
    charge: int | None = None,
    faces: Literal["one", "both"] = "one",
) -> Surface:
    """Return *surface* with ions of *species* in the place of those at *sites*; nothing is relaxed.

    An anion of lower charge in the place of another (I- for S2-) leaves its electrons behind: with no
    other compensation named they are entered in the ledger (``result.electrons``), n-doping, and the
    surface stays neutral. All other ions of another charge ask for a compensation, or for a charge, by name.

    Parameters
    ----------
    surface
        Bare slab or dot, not changed.
    sites
        Occupied sites of it, as from ``surface.sites`` or ``vacancies``, or numbers of ``surface.sites``.
    species
        Ion of one element, with its charge where the usual one is not meant: "Zn", "Yb3+", "Yb2+", "Na".
    compensate
        Species of which the nearest ions of the same face are removed until the charge is the one asked
        for, or "electron": extra charge of the dopants is balanced by electrons in the ledger.
    charge
        Net charge the result is meant to have, in elementary charges; None keeps that of *surface*.
    faces
        "both" does the same at the other face of a slab, by the operation that swaps its faces.

    Raises
    ------
    AskError
        A site is vacant, none of this surface, or holds that species already; *species* is no ion.
    ChargeError
        The result has another charge; gives the number and the compensation that would work.

    References
    ----------
    Chem. Commun. 60, 1072 (2024), doi:10.1039/d3cc04315k: I- for S2- on PbS (100) dopes it n.

    Examples
    --------
    >>> from qdsurf.build.slabs import cut_slab
    >>> from qdsurf.crystals import load_crystal
    >>> slab = cut_slab(load_crystal("PbS"), "100", layers=3, repeat=(2, 2))
    >>> lead = [site for site in slab.sites if site.kind == "cation site"][:2]
    >>> substitute(slab, lead, "Na", compensate="S").charge
    0
    >>> sulfide = next(site for site in slab.sites if site.kind == "anion site")
    >>> substitute(slab, sulfide, "I").electrons
    1
    """
    require_bare(surface, "substitute ions")
    ions = Ions(surface)
    new = dopant(surface, species)
    chosen = ions.numbers(sites)
    _require_others(ions, chosen, new)
    both = both_faces(surface, faces)
    wanted = wanted_charge(surface, charge)
    excess = _gain(ions, chosen, new) + surface.charge - half_way(surface, wanted, both)
    partners: list[int] = []
    donates = compensate is None and charge is None and _is_donor(ions, chosen, new)
    if compensate is not None and compensate != ELECTRON:
        partners = counter_ions(ions, chosen, chosen, compensate, excess)
    if both:
        chosen = on_both(ions, chosen)
        partners = on_both(ions, partners) if partners else []
    net = surface.charge + _gain(ions, chosen, new)
    electrons = max(net - wanted, 0) if donates or compensate == ELECTRON else 0
    left = net - electrons - sum(surface.charges[ions.species[k]] for k in partners)
    done = f"with {len(chosen)} {new.name}({new.charge:+d}) on {counted(ions.species[k] for k in chosen)}"
    more = "; compensate='electron' leaves electrons" if left > wanted else ""
    require_charge(ions, chosen, left, wanted, done, more)
    made = _replaced(ions, chosen, new, electrons)
    if partners:
        stayed = Ions(made)
        made = remove(made, [stayed.site(k) for k in partners], charge=wanted)
    recipe = {
        "verb": "substitute",
        "ions": tuple(ions.fragments[k] for k in chosen),
        "species": species,
        "compensate": compensate,
        "removed": tuple(ions.fragments[k] for k in partners),
        "charge": charge,
        "faces": faces,
        "from": dict(surface.recipe),
    }
    return replace(made, recipe=recipe)


def antisites(surface: Surface, one: Site | int, other: Site | int) -> Surface:
    """Return *surface* with the ions at two sites exchanged; the charge stays, nothing is relaxed.

    For a single antisite (Pb on Cs) use ``substitute`` with a compensation.

    Raises
    ------
    AskError
        A site is vacant, none of this surface, or both hold the same species.
    PlacementError
        A molecule does not fit into the other place; names the atoms and the distance.

    Examples
    --------
    >>> from qdsurf.build.slabs import cut_slab
    >>> from qdsurf.crystals import load_crystal
    >>> slab = cut_slab(load_crystal("PbS"), "100", layers=2, repeat=(2, 2))
    >>> made = antisites(slab, slab.sites[0], next(s for s in slab.sites if s.kind == "cation site"))
    >>> made.charge, made.ledger == slab.ledger
    (0, True)
    """
    require_bare(surface, "exchange ions")
    ions = Ions(surface)
    pair = ions.numbers([one, other])
    names = [ions.species[k] for k in pair]
    if len(set(names)) < 2:
        raise AskError(f"{surface.name}: both sites hold {names[0]}; exchanging them changes nothing")
    atoms = surface.atoms.copy()
    shift = ions.points[pair[1]] - ions.points[pair[0]]
    members = [list(ions.around.members[ions.fragments[k]]) for k in pair]
    for own, step in zip(members, (shift, -shift), strict=True):
        atoms.positions[own] += step
    layers = [int(atoms.arrays["layer"][m[0]]) for m in members]
    for own, layer in zip(members, layers[::-1], strict=True):
        atoms.arrays["layer"][own] = layer
    _require_room(surface, atoms, members)
    set_roles(atoms, surface.charges)
    made = replace(
        surface,
        name=f"{surface.name}-with-{names[0]}-{names[1]}-exchanged",
        atoms=atoms,
        recipe={
            "verb": "antisites",
            "ions": tuple(ions.fragments[k] for k in pair),
            "from": dict(surface.recipe),
        },
    )
    return replace(made, sites=_found(made, ions, {n: n for n in range(len(atoms))}))


def _require_others(ions: Ions, chosen: list[int], new: Dopant) -> None:
    """Refuse to put an ion on one of its own species."""
    if any(ions.species[k] == new.name for k in chosen):
        raise AskError(f"{ions.surface.name}: a site chosen for {new.name} holds {new.name} already")


def _gain(ions: Ions, chosen: list[int], new: Dopant) -> int:
    """Return by how much the charge grows when *new* takes the place of the *chosen* ions."""
    return sum(new.charge - ions.surface.charges[ions.species[k]] for k in chosen)


def _is_donor(ions: Ions, chosen: list[int], new: Dopant) -> bool:
    """Return whether *new* is an anion that takes the place of anions of higher charge only."""
    return new.charge < 0 and all(ions.surface.charges[ions.species[k]] < new.charge for k in chosen)


def with_dopant(bonds: BulkBonds, name: str, hosts: Iterable[str]) -> BulkBonds:
    """Return *bonds* with those of the ion *name*, which sits unrelaxed at places of the *hosts*."""
    result = dict(bonds)
    for host in hosts:
        for pair, (distance, number) in bonds.items():
            one, other = pair.split("-", 1)
            if one == host and other != name:
                result.setdefault(f"{name}-{other}", (distance, number))
            elif other == host and one != name:
                result.setdefault(f"{one}-{name}", (distance, 0))
    return result


def _replaced(ions: Ions, chosen: list[int], new: Dopant, electrons: int) -> Surface:
    """Return the surface with *new* at the *chosen* ions, whatever charge that gives."""
    surface = ions.surface
    hosts = [ions.species[k] for k in chosen]
    members = [ions.around.members[ions.fragments[k]] for k in chosen]
    atoms = surface.atoms.copy()
    first = [m[0] for m in members]
    atoms.positions[first] = ions.points[chosen]
    symbols = atoms.get_chemical_symbols()
    for atom in first:
        symbols[atom] = new.element
    atoms.set_chemical_symbols(symbols)
    names = atoms.arrays["species"].tolist()
    for atom in first:
        names[atom] = new.name
    atoms.set_array("species", np.array(names, dtype=np.str_))
    atoms.info["bulk_bonds"] = with_dopant(stored_bonds(atoms), new.name, dict.fromkeys(hosts))
    gone = {a for m in members for a in m[1:]}
    kept = [i for i in range(len(atoms)) if i not in gone]
    number = {old: n for n, old in enumerate(kept)}
    made = replace(
        surface,
        name=f"{surface.name}-with-{counted([new.name] * len(chosen))}-on-{'-'.join(dict.fromkeys(hosts))}",
        atoms=atoms[kept],
        charges={**surface.charges, new.name: new.charge},
        sites=tuple(_renamed(s, set(first), new) for s in surface.sites),
        target_charge=surface.charge + _gain(ions, chosen, new) - electrons,
        electrons=surface.electrons + electrons,
        bonds=tuple((number[i], number[j], o) for i, j, o in surface.bonds if i in number and j in number),
    )
    return replace(made, sites=_found(made, ions, number)) if gone else made


def _renamed(site: Site, replaced: set[int], new: Dopant) -> Site:
    """Return *site* with the species that is there, or below, now."""
    sign = int(new.charge > 0)
    if site.occupied and site.atoms[0] in replaced:
        return replace(site, species=new.name, kind=ION_KINDS[sign])
    if site.kind.startswith("on ") and site.neighbours and site.neighbours[0] in replaced:
        return replace(site, species=new.name, kind=("on an anion", "on a cation")[sign])
    return site


def _found(surface: Surface, before: Ions, number: Mapping[int, int]) -> tuple[Site, ...]:
    """Return the sites of *surface*, whose atoms changed their numbers; vacated ones stay."""
    empty = [s for s in before.surface.sites if s.kind in ION_KINDS and not s.occupied]
    vacated = [replace(s, neighbours=tuple(number[n] for n in s.neighbours if n in number)) for s in empty]
    atoms = surface.atoms
    found = find_sites(atoms, surface.charges, facet=before.facet, vacated=vacated)
    return open_places(found, atoms.positions, [], atoms.cell.array, atoms.pbc)


def _require_room(surface: Surface, atoms: Atoms, members: list[list[int]]) -> None:
    """Refuse a structure in which a moved ion touches another atom."""
    from ase.geometry import get_distances

    from qdsurf.model.contacts import radii

    symbols = atoms.get_chemical_symbols()
    size = radii(symbols)
    for own in members:
        others = np.array([i for i in range(len(atoms)) if i not in set(own)])
        _, gaps = get_distances(atoms.positions[own], atoms.positions[others], cell=atoms.cell, pbc=atoms.pbc)
        ratio = gaps / (size[own][:, None] + size[others][None])
        a, b = np.unravel_index(int(np.argmin(ratio)), ratio.shape)
        if ratio[a, b] < _TOUCHING:
            raise PlacementError(
                f"{surface.name}: {symbols[own[a]]} and {symbols[others[b]]} would be {gaps[a, b]:.2f} Å "
                f"apart ({ratio[a, b]:.2f} of their radii); these two ions cannot change places unrelaxed"
            )
