"""What a structure consists of: ions, molecules and metals, found from distances alone.

Nothing but elements, positions and cell is used, so that it works for files of any origin.
Bond lengths are judged by the covalent radii of Cordero et al. (doi:10.1039/b801115j), contacts by the
radii of `qdsurf.model.contacts`. The factors on them are rules of thumb, chosen so that the bonds
of organic molecules (0.77 to 1.15 of the sum of the radii) and of the crystals on the shelf (up to 1.15)
count and next-nearest neighbours (from 1.3) do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qdsurf.model.contacts import radius
from qdsurf.validation.graphs import Flags, Floats, Pairs, Pieces, near_pairs, pieces

if TYPE_CHECKING:
    from ase import Atoms

NONMETALS = frozenset(
    (
        "H",
        "He",
        "B",
        "C",
        "N",
        "O",
        "F",
        "Ne",
        "Si",
        "P",
        "S",
        "Cl",
        "Ar",
        "As",
        "Se",
        "Br",
        "Kr",
        "Te",
        "I",
        "Xe",
    )
)
HALOGENS = frozenset(("F", "Cl", "Br", "I"))
HEAVY_DONORS = frozenset(("P", "S", "As", "Se", "Te"))
# Atoms of molecules that can bind a cation.
DONORS = frozenset(("N", "O", "F", "P", "S", "Cl", "As", "Se", "Br", "Te", "I"))
LARGE_METALS = frozenset(("Na", "K", "Rb", "Cs", "Ca", "Sr", "Ba"))
# Multiples of the sum of covalent radii.
SHORTEST_BOND, LONGEST_BOND, LONGEST_TO_HYDROGEN = 0.72, 1.20, 1.30
LONGEST_HALOGEN_BOND, LONGEST_HEAVY_BOND = 1.10, 1.15
IONIC_BOND, IONIC_REACH = 1.25, 1.5
# Carbon and hydrogen bound to a metal: Pb-CH3 2.2 Å (1.0), Cd-H 1.7 Å (0.97).
ORGANOMETALLIC = 1.10
METALLIC, METALLIC_LARGE = 1.21, 1.13
# Multiple of the sum of contact radii within which molecules touch.
TOUCH = 1.15


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A structure taken apart.

    Attributes
    ----------
    atoms
        Elements, positions, cell and periodicity only.
    symbols
        Chemical symbols, shape (n,).
    pairs
        All pairs of near atoms.
    covalent
        Which pairs are bonds inside molecules.
    metallic
        Which atoms belong to a metal and count as neutral.
    """

    atoms: Atoms
    symbols: NDArray[np.str_]
    pairs: Pairs
    covalent: Flags
    metallic: Flags

    @cached_property
    def metal(self) -> Flags:
        """Which atoms are of metallic elements."""
        return ~np.isin(self.symbols, list(NONMETALS))

    @cached_property
    def molecules(self) -> Pieces:
        """Pieces that covalent bonds hold together; ions are pieces of one atom."""
        return pieces(len(self.symbols), self.pairs[self.covalent])

    @cached_property
    def in_molecule(self) -> Flags:
        """Which atoms belong to a molecule or a network of two atoms and more."""
        return (self.molecules.sizes > 1)[self.molecules.label]

    @cached_property
    def ion(self) -> Flags:
        """Which atoms are ions by themselves."""
        return ~self.in_molecule & ~self.metallic

    @cached_property
    def cation(self) -> Flags:
        """Which ions are of metallic elements."""
        return self.ion & self.metal

    @cached_property
    def relative(self) -> Floats:
        """Distance of each pair over the sum of its covalent radii."""
        from ase.data import covalent_radii

        size = covalent_radii[self.atoms.numbers]
        return self.pairs.distance / (size[self.pairs.i] + size[self.pairs.j])  # type: ignore[no-any-return]

    @cached_property
    def contact_ratio(self) -> Floats:
        """Distance of each pair over the sum of its contact radii."""
        table = {s: radius(s) for s in set(self.symbols.tolist())}
        size = np.array([table[s] for s in self.symbols.tolist()])
        return self.pairs.distance / (size[self.pairs.i] + size[self.pairs.j])  # type: ignore[no-any-return]

    def between(self, one: Flags, other: Flags) -> Flags:
        """Return which pairs have an atom of *one* and an atom of *other*."""
        i, j = self.pairs.i, self.pairs.j
        return (one[i] & other[j]) | (other[i] & one[j])

    @cached_property
    def ionic(self) -> Flags:
        """Which pairs are a cation bound to an anion or to the donor atom of a molecule."""
        donor = np.isin(self.symbols, list(DONORS)) | (self.ion & ~self.metal)
        return self.between(self.cation, donor & ~self.metal) & (self.relative < IONIC_BOND)

    @cached_property
    def degree(self) -> NDArray[np.int64]:
        """Number of covalent bonds of each atom."""
        return self.pairs.counts(self.covalent, len(self.symbols))

    @cached_property
    def beside_metal(self) -> Flags:
        """Which non-metal atoms have a metal atom, not an alkali one, at the distance of a bond."""
        small = self.metal & ~np.isin(self.symbols, list(LARGE_METALS))
        near = self.between(small, ~self.metal) & (self.relative < ORGANOMETALLIC)
        beside: Flags = self.pairs.counts(near, len(self.symbols)) > 0
        return beside & ~self.metal

    @cached_property
    def bound(self) -> Flags:
        """Which pairs are bonds: covalent, ionic or metallic."""
        partner = self.metal | np.isin(self.symbols, list(DONORS)) | self.ion
        metals = self.between(self.metallic, partner) & (self.relative < IONIC_BOND)
        return self.covalent | self.ionic | metals

    @cached_property
    def core(self) -> Pieces:
        """Pieces that bonds of any kind hold together."""
        return pieces(len(self.symbols), self.pairs[self.bound])

    @cached_property
    def whole(self) -> Pieces:
        """Pieces held together by bonds, by ions at a distance, and by molecules that touch."""
        anyone = np.ones(len(self.symbols), dtype=bool)
        reach = self.between(self.cation, self.ion & ~self.metal) & (self.relative < IONIC_REACH)
        touch = self.between(self.in_molecule, anyone) & (self.contact_ratio < TOUCH)
        return pieces(len(self.symbols), self.pairs[self.bound | reach | touch])

    @cached_property
    def main(self) -> int:
        """Number of the largest piece of `whole`."""
        return int(np.argmax(self.whole.sizes))

    @cached_property
    def dimensions(self) -> int:
        """Directions in which the largest piece repeats: 3 crystal, 2 slab, 1 wire, 0 dot."""
        return int(self.whole.rank[self.main])

    @cached_property
    def positions(self) -> Floats:
        """Positions in Å with every piece made whole across the borders of the cell."""
        return np.asarray(self.atoms.positions + self.whole.offset @ self.atoms.cell.array)


def take_apart(atoms: Atoms) -> Anatomy:
    """Return *atoms* taken apart; cost is linear in atoms."""
    symbols = np.array(atoms.get_chemical_symbols())
    pairs = near_pairs(atoms, _reach(set(symbols.tolist())))
    bare = Anatomy(atoms, symbols, pairs, np.zeros(len(pairs.i), bool), np.zeros(len(symbols), bool))
    return Anatomy(atoms, symbols, pairs, _covalent(bare), _metallic(bare))


def _reach(elements: set[str]) -> dict[tuple[str, str], float]:
    """Return how far to look for each pair of elements, in Å."""
    from ase.data import atomic_numbers, covalent_radii

    reach = {}
    for one, other in combinations_with_replacement(sorted(elements), 2):
        bond = float(covalent_radii[atomic_numbers[one]] + covalent_radii[atomic_numbers[other]])
        metals = (one not in NONMETALS) + (other not in NONMETALS)
        apart = radius(one) + radius(other)
        reach[one, other] = (TOUCH * apart, max(IONIC_REACH * bond, TOUCH * apart), IONIC_BOND * bond)[metals]
    return reach


def _covalent(anatomy: Anatomy) -> Flags:
    """Return which pairs are covalent bonds; a hydrogen atom has one, to the nearest atom."""
    pairs, ratio, symbols = anatomy.pairs, anatomy.relative, anatomy.symbols

    def among(elements: frozenset[str]) -> Flags:
        member = np.isin(symbols, list(elements))
        return member[pairs.i] & member[pairs.j]

    hydrogen = symbols == "H"
    has_hydrogen = hydrogen[pairs.i] | hydrogen[pairs.j]
    longest = np.where(has_hydrogen, LONGEST_TO_HYDROGEN, LONGEST_BOND)
    longest[among(HEAVY_DONORS)] = LONGEST_HEAVY_BOND
    longest[among(HALOGENS)] = LONGEST_HALOGEN_BOND
    bond = among(NONMETALS) & (ratio > SHORTEST_BOND) & (ratio < longest)
    both = hydrogen[pairs.i] & hydrogen[pairs.j]
    single = bond & has_hydrogen & ~both
    alone = np.ones(len(symbols), dtype=bool)
    alone[pairs.i[single]] = alone[pairs.j[single]] = False
    bond &= ~both | (alone[pairs.i] & alone[pairs.j])
    # of several partners in reach of a hydrogen atom the nearest is bonded
    index = np.flatnonzero(single)
    atom = np.where(hydrogen[pairs.i[index]], pairs.i[index], pairs.j[index])
    order = np.lexsort((pairs.distance[index], atom))
    again = np.concatenate([[False], np.diff(atom[order]) == 0])[: len(order)]
    bond[index[order][again]] = False
    return bond


def _metallic(anatomy: Anatomy) -> Flags:
    """Return which atoms have at least three metal neighbours for each non-metal one."""
    large = np.isin(anatomy.symbols, list(LARGE_METALS))
    pairs, size = anatomy.pairs, len(anatomy.symbols)
    limit = np.where(large[pairs.i] | large[pairs.j], METALLIC_LARGE, METALLIC)
    metals = pairs.counts(anatomy.between(anatomy.metal, anatomy.metal) & (anatomy.relative < limit), size)
    near = anatomy.between(anatomy.metal, ~anatomy.metal) & (anatomy.relative < IONIC_BOND)
    return anatomy.metal & (metals > 0) & (metals >= 3 * pairs.counts(near, size))
