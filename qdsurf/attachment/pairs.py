"""Pairs of atoms of different molecules that are near each other, over periodic images in the plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qdsurf.model.contacts import SMALLEST_HYDROGEN_PAIR, SMALLEST_RATIO

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

# Anchor atoms bind the surface: below this share of the radii even a bond is too short (Pb-O of
# lead carboxylates, 2.4 Å, is 0.68 of the radii).
ANCHOR_RATIO = 0.62
# Anchors of two molecules that bind the same kind of ion keep apart by this share of the radii.
ANCHORS_APART = 0.85


@dataclass(frozen=True, eq=False)
class Kinds:
    """What decides how near two atoms may come; one entry for each atom.

    Attributes
    ----------
    molecule
        Number of the molecule; -1 for the core and all else that stays where it is.
    radius
        Contact radius in Å.
    hydrogen
        Whether it is a hydrogen atom.
    side
        What it binds: +2 for an anchor that binds cations, -2 for one that binds anions, +1 and -1 for
        the cations and anions of the core, 3 for the atoms of a metal, 0 for everything else.
    """

    molecule: Integers
    radius: Array
    hydrogen: NDArray[np.bool_]
    side: Integers

    @property
    def anchor(self) -> NDArray[np.bool_]:
        """Whether each atom is an anchor."""
        found: NDArray[np.bool_] = np.abs(self.side) == 2
        return found

    def allowed(self, i: Integers, j: Integers, *, anchors: float = ANCHOR_RATIO) -> Array:
        """Return the shortest allowed distance in Å of the atoms *i* from *j*."""
        reach = self.radius[i] + self.radius[j]
        product = self.side[i] * self.side[j]
        # an anchor and its counter-ion, or an anchor and a metal
        own = (product == 2) | (np.abs(product) == 6)
        least = np.where(own, anchors, SMALLEST_RATIO) * reach
        # anchors of one sign repel each other: two oxygen atoms of two carboxylates
        least = np.where(product == 4, ANCHORS_APART * reach, least)
        both = self.hydrogen[i] & self.hydrogen[j] & ~own
        return np.where(both, np.maximum(least, SMALLEST_HYDROGEN_PAIR), least)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Near pairs: atom numbers, the lattice vector in Å to be taken from x_i - x_j, allowed distance in Å."""

    i: Integers
    j: Integers
    shift: Array | None
    allowed: Array

    def vectors(self, positions: Array) -> Array:
        """Return x_i - x_j in Å over the image of the pair, shape (n, 3)."""
        found: Array = positions[self.i] - positions[self.j]
        return found if self.shift is None else found - self.shift
