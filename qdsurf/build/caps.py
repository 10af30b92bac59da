"""Where a capping ion lies: at the bond length that it has itself, not at that of the ion it stands for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.bonds import BulkBonds, bound_pairs
from qdsurf.build.growing import IONIC_RADII, SHORT

# A cap whose bonds at the place of the lattice are longer than this multiple of the sum of ionic radii is
# drawn in: fluoride at a place of iodide, sodium at one of caesium. One whose bonds are shorter than
# SHORT of it is pushed out: iodide at a place of selenide.
LOOSE_FIT = 1.15

_WIDER = 1.3

Vectors = NDArray[np.float64]


def at_bond_length(
    points: Vectors,
    species: NDArray[np.str_],
    cap: str,
    bonds: BulkBonds,
    cell: Vectors,
    pbc: NDArray[np.bool_],
) -> Vectors:
    """Return *points* with the ions *cap* moved to or from the counter-ions that hold them.

    Parameters
    ----------
    points
        (n, 3) in Å.
    species
        (n,) species of the ions; all those named *cap* are caps.
    bonds
        As from ``with_cap``: the lengths in Å at the places of the lattice.
    cell, pbc
        Rows in Å, and in which of them the ions repeat.

    Returns
    -------
    (n, 3) in Å
        Bonds of caps are between ``SHORT`` and ``LOOSE_FIT`` of the sum of ionic radii (Shannon 1976,
        doi:10.1107/S0567739476001551), or as near to that as a cap comes on the line through the
        middle of its counter-ions. Caps that fit stay; ions without a known radius do not count.
    """
    result = points.copy()
    near = bound_pairs(points, species, bonds, cell, pbc)
    # on its way a cap may come close to counter-ions that do not hold it yet
    wide = bound_pairs(points, species, {p: (_WIDER * d, n) for p, (d, n) in bonds.items()}, cell, pbc)
    for ion in np.flatnonzero(species == cap).tolist():
        held, lengths = _counter_ions(ion, species, *near)
        if len(held):
            result[ion] += _step(held, lengths, *_counter_ions(ion, species, *wide))
    return result


def _counter_ions(
    ion: int, species: NDArray[np.str_], i: NDArray[np.int64], j: NDArray[np.int64], vectors: Vectors
) -> tuple[Vectors, NDArray[np.float64]]:
    """Return the vectors to the counter-ions of *ion* and their sums of radii; none without known radii."""
    here = slice(*np.searchsorted(i, [ion, ion + 1]))
    own = IONIC_RADII.get(str(species[ion]), np.nan)
    lengths = own + np.array([IONIC_RADII.get(s, np.nan) for s in species[j[here]].tolist()])
    known = np.isfinite(lengths)
    return vectors[here][known], lengths[known]


def _step(held: Vectors, lengths: NDArray[np.float64], around: Vectors, ends: NDArray[np.float64]) -> Vectors:
    """Return the move along which the vectors *held* come to their *lengths*; none where they fit.

    It ends where the first of the vectors *around* is at its length of *ends*.
    """
    middle = held.mean(axis=0)
    far = float(np.linalg.norm(middle))
    ratio = float((np.linalg.norm(held, axis=1) / lengths).min())
    if SHORT <= ratio <= LOOSE_FIT or far < 1e-6:
        return np.zeros(3)
    along = middle / far
    if ratio < SHORT:
        short = np.linalg.norm(around, axis=1) < SHORT * ends
        around, ends = around[short], SHORT * ends[short]
    ahead = around @ along
    aside = (around**2).sum(axis=1) - ahead**2
    # how far to go until each counter-ion is at its length
    steps = ahead - np.sqrt(np.maximum(ends**2 - aside, 0.0))
    if ratio > LOOSE_FIT:
        steps = steps[(ahead > 0) & (aside < ends**2)]
    return np.asarray(along * float(steps.min(initial=far)))
