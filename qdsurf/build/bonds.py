"""How the ions of a crystal are bound: what a surface atom is compared with to see what it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.planes import ions_of, members_of
from qdsurf.errors import AskError

if TYPE_CHECKING:
    from ase import Atoms

# A counter-ion within this multiple of the shortest bulk distance of the pair counts as bound.
BOUND = 1.25

BulkBonds = dict[str, tuple[float, int]]
"""By "ion-counterion": shortest distance in Å and number of counter-ions around the ion in the bulk."""


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
        {"Pb-Br": (2.935, 6), "Br-Pb": (2.935, 2), ...}; where ions of one species differ, the
        smallest number, so that no bulk ion looks under-coordinated.
    """
    from ase import Atoms as AtomsClass
    from ase.neighborlist import neighbor_list

    ions = ions_of(atoms)
    points = AtomsClass(
        ["X"] * len(ions), [i.centre * scale for i in ions], cell=atoms.cell.array * scale, pbc=True
    )
    species = np.array([i.species for i in ions])
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
            counts = np.bincount(near, minlength=len(ions))[species == ion]
            found[f"{ion}-{other}"] = (shortest, int(counts.min()))
    return found


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
    """Bound counter-ions of every ion of a surface.

    Attributes
    ----------
    fragments
        Fragment numbers in the order of the atoms.
    members
        Atom indices by fragment.
    species
        Species by fragment.
    centres
        (3,) in Å by fragment.
    """

    def __init__(self, atoms: Atoms, charges: Mapping[str, int], bonds: BulkBonds) -> None:
        """Find the bound counter-ions of every ion of *atoms*, given those of the bulk."""
        from ase import Atoms as AtomsClass
        from ase.neighborlist import neighbor_list

        lattice = atoms.arrays["role"] != "ligand"
        ions = ions_of(atoms[lattice])
        numbers = atoms.arrays["fragment"]
        self.charges = charges
        self.bonds = bonds
        self.fragments: list[int] = list(dict.fromkeys(numbers[lattice].tolist()))
        found = members_of(atoms)
        self.members = {f: tuple(found[f]) for f in self.fragments}
        self.species = {f: ion.species for f, ion in zip(self.fragments, ions, strict=True)}
        self.centres = {f: ion.centre for f, ion in zip(self.fragments, ions, strict=True)}
        self._bound: dict[int, list[tuple[int, NDArray[np.float64]]]] = {f: [] for f in self.fragments}
        reach = max((d for d, _ in bonds.values()), default=3.0) * BOUND
        points = AtomsClass(["X"] * len(ions), [i.centre for i in ions], cell=atoms.cell, pbc=atoms.pbc)
        for i, j, d, vector in zip(*neighbor_list("ijdD", points, reach), strict=True):
            one, other = self.fragments[i], self.fragments[j]
            pair = f"{self.species[one]}-{self.species[other]}"
            if pair in bonds and d < BOUND * bonds[pair][0]:
                self._bound[one].append((other, vector))

    def bound(self, fragment: int) -> list[tuple[int, NDArray[np.float64]]]:
        """Return the counter-ions that hold *fragment*, with the vectors to them in Å.

        An anion is held by the cations of highest charge around it: lead, not caesium.
        """
        held = self._bound[fragment]
        if self.charges[self.species[fragment]] < 0 and held:
            most = max(self.charges[self.species[f]] for f, _ in held)
            return [(f, v) for f, v in held if self.charges[self.species[f]] == most]
        return held

    def deficit(self, fragment: int) -> tuple[int, float]:
        """Return how many counter-ions *fragment* lacks, and the bulk bond length in Å to one."""
        species = self.species[fragment]
        pairs = {p.split("-", 1)[1]: bond for p, bond in self.bonds.items() if p.split("-", 1)[0] == species}
        if self.charges[species] < 0:
            most = max((self.charges[other] for other in pairs), default=0)
            pairs = {other: bond for other, bond in pairs.items() if self.charges[other] == most}
        have = [self.species[f] for f, _ in self._bound[fragment]]
        missing = {other: n - have.count(other) for other, (_, n) in pairs.items()}
        lacking = [other for other, n in missing.items() if n > 0]
        if not lacking:
            return 0, 0.0
        return sum(missing[o] for o in lacking), min(pairs[o][0] for o in lacking)
