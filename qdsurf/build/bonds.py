"""How the ions of a crystal are bound: what a surface atom is compared with to see what it lacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.planes import members_of
from qdsurf.errors import AskError

if TYPE_CHECKING:
    from ase import Atoms

# A counter-ion within this multiple of the shortest bulk distance of the pair counts as bound.
BOUND = 1.25

# A monovalent cation whose bonds are no longer than this multiple of those of a divalent one sits at a place
# of it. The cations between the octahedra of perovskites have 1.15 and more (those of the shelf, measured).
AS_SHORT = 1.05

# Stands for every counter-ion that holds an ion.
ANY = "any"

BulkBonds = dict[str, tuple[float, int]]
"""By "ion-counterion": shortest distance in Å and number of counter-ions around the ion in the bulk.

"ion-any" holds the shortest distance and the number of all counter-ions that hold the ion.
"""


def bulk_bonds(atoms: Atoms, charges: Mapping[str, int], *, scale: float = 1.0) -> BulkBonds:
    """Return the distances and coordination numbers of a crystal, by pair of species.

    Parameters
    ----------
    atoms
        Cell with the arrays ``fragment`` and ``species``; molecules count as their centres.
    charges
        Formal charge by species. Ions of opposite charge are counted; neutral atoms with neutral.
    scale
        Factor on all lengths.

    Returns
    -------
    BulkBonds
        {"Pb-Br": (2.935, 6), "Pb-any": (2.935, 6), "Br-Pb": (2.935, 2), ...}; where ions of one
        species differ, the smallest number, so that no bulk ion looks under-coordinated.
    """
    from ase import Atoms as AtomsClass
    from ase.neighborlist import neighbor_list

    _, names, centres = centres_of(atoms)
    points = AtomsClass(["X"] * len(names), centres * scale, cell=atoms.cell.array * scale, pbc=True)
    species = np.array(names)
    total = np.zeros(len(names), dtype=int)
    found: BulkBonds = {}
    for ion in sorted(set(species.tolist())):
        for other in sorted(set(species.tolist())):
            if not attract(charges[ion], charges[other]):
                continue
            cutoff = 6.0
            while True:
                i, j, d = neighbor_list("ijd", points, cutoff)
                pair = (species[i] == ion) & (species[j] == other)
                if pair.any() and cutoff > BOUND * (shortest := float(d[pair].min())):
                    break
                cutoff *= 1.5
            near = i[pair & (d < BOUND * shortest)]
            counts = np.bincount(near, minlength=len(names))
            found[f"{ion}-{other}"] = (shortest, int(counts[species == ion].min()))
            if charges[ion] >= 0 or is_strong(charges[other], charges):
                total += counts
    for ion in sorted(set(species.tolist())):
        lengths = [
            d for pair, (d, _) in found.items()
            if pair.split("-", 1)[0] == ion
            and (charges[ion] >= 0 or is_strong(charges[pair.split("-", 1)[1]], charges))
        ]  # fmt: skip
        if lengths:
            found[f"{ion}-{ANY}"] = (min(lengths), int(total[species == ion].min()))
    return found


def is_strong(charge: int, charges: Mapping[str, int]) -> bool:
    """Return whether a cation of this charge holds anions: 2 and more, where the crystal has such a one."""
    return charge >= 2 or (charge >= 0 and max(charges.values(), default=0) < 2)


def holds(ion: str, charges: Mapping[str, int], bonds: BulkBonds) -> bool:
    """Return whether *ion* holds anions: a strong cation, or a weak one in its place (sodium for lead)."""
    if charges[ion] <= 0 or is_strong(charges[ion], charges):
        return is_strong(charges[ion], charges)
    strong = [s for s, q in charges.items() if is_strong(q, charges)]
    return any(
        f"{ion}-{other}" in bonds and bonds[f"{ion}-{other}"][0] <= AS_SHORT * bonds[f"{s}-{other}"][0]
        for other, q in charges.items()
        if q < 0
        for s in strong
        if f"{s}-{other}" in bonds
    )


def with_cap(bonds: BulkBonds, cap: str, anions: Iterable[str]) -> BulkBonds:
    """Return *bonds* with those of a *cap*, an ion that sits at places of the *anions* at a surface.

    It has their bond lengths and lacks nothing with one bond.
    """
    result = dict(bonds)
    for pair, (distance, number) in bonds.items():
        one, other = pair.split("-", 1)
        if one in anions and one != cap and f"{cap}-{other}" not in bonds:
            result[f"{cap}-{other}"] = (distance, min(number, 1))
        if other in anions and other != cap and f"{one}-{cap}" not in bonds:
            result[f"{one}-{cap}"] = (distance, 0)
    return result


def centres_of(atoms: Atoms) -> tuple[list[int], list[str], NDArray[np.float64]]:
    """Return fragment numbers, species and centres (n, 3) in Å of the ions of *atoms*, in their order."""
    numbers, species = atoms.arrays["fragment"], atoms.arrays["species"]
    first, _, centres = _centres(atoms)
    if len(first) == len(atoms):
        return numbers.tolist(), species.tolist(), atoms.positions.copy()
    order = np.argsort(first, kind="stable")
    return numbers[first][order].tolist(), species[first][order].tolist(), centres[order]


def _centres(atoms: Atoms) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the first atom of each ion, the ion of each atom, and the centres (n, 3) of the ions in Å."""
    first, inverse = np.unique(atoms.arrays["fragment"], return_index=True, return_inverse=True)[1:]
    away = atoms.positions - atoms.positions[first[inverse]]
    if atoms.pbc.any():
        # molecules are made whole across the cell borders
        from ase.geometry import find_mic

        inner = np.flatnonzero(np.abs(away).max(axis=1) > 0)
        away[inner], _ = find_mic(away[inner], atoms.cell, atoms.pbc)
    size = np.bincount(inverse)
    mean = np.stack([np.bincount(inverse, weights=away[:, k]) / size for k in range(3)], axis=1)
    return first, inverse, atoms.positions[first] + mean


def in_cell(atoms: Atoms, cell: NDArray[np.float64]) -> Atoms:
    """Return *atoms* in another *cell* (3, 3), Å: ions keep their fractional centres, molecules their size.

    Without the array "fragment" every atom is an ion.
    """
    made: Atoms = atoms.copy()
    if "fragment" not in atoms.arrays:
        made.set_cell(cell, scale_atoms=True)
        return made
    from ase.geometry import find_mic

    _, own, centres = _centres(atoms)
    away, _ = find_mic(atoms.positions - centres[own], atoms.cell, atoms.pbc)
    made.set_cell(cell)
    made.positions = (atoms.cell.scaled_positions(centres) @ cell)[own] + away
    return made


def bound_pairs(
    points: NDArray[np.float64],
    species: NDArray[np.str_],
    bonds: BulkBonds,
    cell: NDArray[np.float64],
    pbc: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return (i, j, vector from i to j in Å) of all bound pairs, both ways, sorted by i."""
    reach = max((d for d, _ in bonds.values()), default=3.0) * BOUND
    if np.any(pbc):
        from ase import Atoms as AtomsClass
        from matscipy.neighbours import neighbour_list

        box = AtomsClass(numbers=np.ones(len(points), dtype=int), positions=points, cell=cell, pbc=pbc)
        i, j, d, vectors = neighbour_list("ijdD", box, reach)
    else:
        from scipy.spatial import KDTree

        pairs = KDTree(points).query_pairs(reach, output_type="ndarray")
        i, j = np.concatenate([pairs, pairs[:, ::-1]]).T
        vectors = points[j] - points[i]
        d = np.linalg.norm(vectors, axis=1)
    kinds = sorted(set(species.tolist()))
    index = {s: n for n, s in enumerate(kinds)}
    limit = np.zeros((len(kinds), len(kinds)))
    for pair, (distance, _) in bonds.items():
        one, other = pair.split("-", 1)
        if one in index and other in index:
            limit[index[one], index[other]] = BOUND * distance
    number = np.array([index[s] for s in species.tolist()], dtype=int)
    keep = d < limit[number[i], number[j]]
    i, j, vectors = i[keep], j[keep], vectors[keep]
    order = np.lexsort((j, i))
    return i[order].astype(np.int64), j[order].astype(np.int64), vectors[order]


def attract(one: int, other: int) -> bool:
    """Return whether ions of these charges bind: opposite signs, or both neutral (a metal)."""
    return one * other < 0 or (one == 0 and other == 0)


def stored_bonds(atoms: Atoms) -> BulkBonds:
    """Return the bulk bonds that a builder wrote into ``atoms.info["bulk_bonds"]``.

    Raises
    ------
    AskError
        There are none.
    """
    try:
        stored = atoms.info["bulk_bonds"]
    except KeyError:
        raise AskError("these atoms do not say how their bulk is bound (info 'bulk_bonds')") from None
    return {pair: (float(d), int(n)) for pair, (d, n) in stored.items()}


class Neighbours:
    """Bound counter-ions of every ion of a surface; ligands do not count.

    Attributes
    ----------
    fragments
        Fragment numbers of the ions in the order of their first atoms.
    members
        Atom indices by fragment.
    species
        Species by fragment.
    centres
        (3,) in Å by fragment.
    points
        (n, 3) in Å, the centres in the order of ``fragments``.
    counter_ions
        (n,) number of bound counter-ions of each.
    coordination
        (n,) of these the ones that hold it: an anion is held by strong cations only.
    """

    def __init__(self, atoms: Atoms, charges: Mapping[str, int], bonds: BulkBonds) -> None:
        """Find the bound counter-ions of every ion of *atoms*, given those of the bulk."""
        lattice = atoms.arrays["role"] != "ligand"
        ions = atoms if lattice.all() else atoms[lattice]
        self.charges = charges
        self.bonds = bonds
        self.fragments, names, points = centres_of(ions)
        self.points = points
        found = members_of(atoms)
        self.members = {f: tuple(found[f]) for f in self.fragments}
        self.species = dict(zip(self.fragments, names, strict=True))
        self.centres = dict(zip(self.fragments, points, strict=True))
        self._order = {f: n for n, f in enumerate(self.fragments)}
        self._names = np.array(names)
        i, j, vectors = bound_pairs(points, self._names, bonds, atoms.cell.array, atoms.pbc)
        self._other, self._vector = j, vectors
        self._start = np.searchsorted(i, np.arange(len(points) + 1))
        strong = {s: holds(s, charges, bonds) for s in set(names)}
        self._strong = np.array([strong[s] for s in names], dtype=bool)
        self._anion = np.array([charges[s] < 0 for s in names], dtype=bool)
        # an anion is held by the strong cations around it only
        counted = self._strong[j] | ~self._anion[i]
        self.coordination = np.bincount(i[counted], minlength=len(points))
        self._counted = counted
        self.counter_ions = np.bincount(i, minlength=len(points))

    def bound(self, fragment: int) -> list[tuple[int, NDArray[np.float64]]]:
        """Return the counter-ions that hold *fragment*, with the vectors to them in Å.

        An anion is held by the cations of charge 2 and more around it: lead, not caesium; by a sodium ion at
        the place of lead; and by all cations in crystals that have only monovalent ones.
        """
        n = self._order[fragment]
        here = range(self._start[n], self._start[n + 1])
        return [(self.fragments[self._other[k]], self._vector[k]) for k in here if self._counted[k]]

    def deficits(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return, for every ion, how many counter-ions it lacks and the bulk length in Å of a bond to one."""
        whole = {s: self.bonds.get(f"{s}-{ANY}", (0.0, 0)) for s in set(self._names.tolist())}
        full = np.array([whole[s][1] for s in self._names.tolist()])
        lengths = np.array([whole[s][0] for s in self._names.tolist()])
        missing = np.maximum(full - self.coordination, 0)
        return missing, np.where(missing > 0, lengths, 0.0)
