"""Atoms with other ions in the places of some, and sites and bonds that follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.bonds import BulkBonds
from qdsurf.build.planes import members_of
from qdsurf.crystals.charges import MOLECULAR_CHARGES
from qdsurf.crystals.molecules import shape
from qdsurf.model.nouns import Site
from qdsurf.model.vacant import note_vacancies

if TYPE_CHECKING:
    from ase import Atoms


def rebuilt(
    atoms: Atoms,
    points: NDArray[np.float64],
    labels: NDArray[np.str_],
    gone: Iterable[int],
) -> tuple[Atoms, dict[int, tuple[int, ...]]]:
    """Return *atoms* with the ions *labels*, and the new atom indices by the old fragment number.

    Parameters
    ----------
    atoms
        Ions in the order of their first atoms, as of ``centres_of``; not changed.
    points
        (n, 3) centres in Å.
    labels
        (n,) species that every ion shall have.
    gone
        Numbers of the ions that are left out.
    """
    from ase import Atoms as AtomsClass

    left_out = set(gone)
    symbols = atoms.get_chemical_symbols()
    species = atoms.arrays["species"].tolist()
    rows: list[NDArray[np.float64]] = []
    names: list[str] = []
    source: list[int] = []
    fragment: list[int] = []
    now: list[str] = []
    found: dict[int, tuple[int, ...]] = {}
    missing: list[tuple[str, NDArray[np.float64]]] = []
    count = 0
    for number, (old, members) in enumerate(members_of(atoms).items()):
        if number in left_out:
            found[old] = ()
            missing.append((species[members[0]], points[number]))
            continue
        label = str(labels[number])
        if label == species[members[0]]:
            elements, positions = [symbols[m] for m in members], atoms.positions[members]
        elif label in MOLECULAR_CHARGES:
            kinds, about = shape(label)
            elements, positions = list(kinds), points[number] + about
        else:
            elements, positions = [element(label)], points[number][None, :]
        found[old] = tuple(range(len(names), len(names) + len(elements)))
        fragment += [count] * len(elements)
        count += 1
        now += [label] * len(elements)
        source += [members[0]] * len(elements)
        names += elements
        rows.append(positions)
    made = AtomsClass(names, np.concatenate(rows), cell=atoms.cell, pbc=atoms.pbc, info=atoms.info)
    for key, values in atoms.arrays.items():
        if key not in ("numbers", "positions", "fragment", "species"):
            made.set_array(key, values[source])
    note_vacancies(made, missing)
    made.set_array("fragment", np.array(fragment))
    made.set_array("species", np.array(now, dtype=np.str_))
    return made, found


def element(species: str) -> str:
    """Return the chemical symbol of a species of one atom: "Yb" of "Yb2+"."""
    return species.rstrip("+-0123456789")


def bonds_with(bonds: BulkBonds, stands_for: Mapping[str, str]) -> BulkBonds:
    """Return *bonds* with those of new species, which bind like the ions that they stand for.

    Examples
    --------
    >>> sorted(bonds_with({"Pb-I": (3.1, 6), "I-Pb": (3.1, 2)}, {"Br": "I"}))
    ['Br-Pb', 'I-Pb', 'Pb-Br', 'Pb-I']
    """
    result = dict(bonds)
    for new, old in stands_for.items():
        for pair, bond in list(result.items()):
            one, other = pair.split("-", 1)
            for a in {one, new} if one == old else {one}:
                for b in {other, new} if other == old else {other}:
                    result.setdefault(f"{a}-{b}", bond)
    return result


def sites_after(
    sites: Iterable[Site],
    owner: NDArray[np.int64],
    found: Mapping[int, tuple[int, ...]],
    species: Mapping[int, str],
) -> tuple[Site, ...]:
    """Return *sites* with the atoms and the species that are there now; a vacancy leaves a vacant site.

    Parameters
    ----------
    owner
        Old fragment number of every old atom.
    found
        New atom indices by old fragment number.
    species
        New species by old fragment number.
    """
    result = []
    for site in sites:
        own = {int(owner[a]) for a in site.atoms}
        near = list(dict.fromkeys(int(owner[a]) for a in site.neighbours))
        alive = [f for f in near if found[f]]
        if site.kind in ("on a cation", "on an anion") and not alive:
            continue
        below = own or (set(near) if site.kind in ("on a cation", "on an anion") else set())
        name = species[next(iter(below))] if len(below) == 1 else site.species
        result.append(
            replace(
                site,
                species=name,
                coordination=site.coordination - (len(near) - len(alive) if site.atoms else 0),
                atoms=tuple(a for f in own for a in found[f]),
                neighbours=tuple(sorted(a for f in alive for a in found[f])),
            )
        )
    return tuple(result)
