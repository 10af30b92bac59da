"""Atoms too close to each other, twice in one place, or bound to nothing; also over periodic images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qdsurf.model.contacts import SMALLEST_HYDROGEN_PAIR, SMALLEST_RATIO
from qdsurf.validation.anatomy import DONORS, SHORTEST_BOND, TOUCH, Anatomy
from qdsurf.validation.findings import Finding, Level, where
from qdsurf.validation.graphs import Flags, Floats, Integers

# Two atoms of one element closer than this (Å) are one atom written twice.
SAME_PLACE = 0.1
# Smallest multiples: of contact radii for hydrogen bonds (O-H...O from 1.45 Å, in strong ones), of covalent
# radii for ions of opposite charge and for cations among themselves. Rules of thumb below all that is
# found in crystals; a contact under 0.85 of its limit is an error, one above it a warning.
HYDROGEN_BOND, OPPOSITE, CATIONS, METALS = 0.55, 0.75, 0.80, 0.75
SURELY = 0.85
LISTED = 5
# An ion with so many counter-ions that touch it sits in a cage of the lattice; one above a surface has fewer.
CAGE = 6


def check_contacts(anatomy: Anatomy) -> list[Finding]:
    """Return overlaps and the closest contact."""
    pairs = anatomy.pairs
    found: list[Finding] = []
    strict = _strictness(anatomy)
    looked_at = ~_own(anatomy)
    bad = np.flatnonzero(looked_at & (strict < 1.0))
    for level in ("error", "warning"):
        of = bad[(strict[bad] < SURELY) == (level == "error")]
        if len(of):
            found.append(_overlaps(anatomy, of[np.argsort(strict[of], kind="stable")], level))
    apart = np.flatnonzero(looked_at & ~anatomy.bound)
    if len(apart):
        k = int(apart[np.argmin(strict[apart])])
        text = f"closest contact that is not a bond: {_pair(anatomy, k)}, {strict[k]:.2f} times its limit"
        if strict[k] >= 1.0:
            ends = (int(pairs.i[k]), int(pairs.j[k]))
            found.append(Finding(level="note", code="contact", message=text, atoms=ends))
    return found


def _pair(anatomy: Anatomy, k: int) -> str:
    """Return for example "H 12 - H 40, 0.41 Å (over the periodic border)"."""
    p, s = anatomy.pairs, anatomy.symbols
    border = " (to a periodic image)" if _crosses(anatomy, k) else ""
    return f"{s[p.i[k]]} {p.i[k]} - {s[p.j[k]]} {p.j[k]}, {p.distance[k]:.2f} Å{border}"


def _crosses(anatomy: Anatomy, k: int) -> bool:
    """Return whether pair *k* is between images rather than within the pieces made whole."""
    p, offset = anatomy.pairs, anatomy.whole.offset
    return bool((p.shift[k] + offset[p.i[k]] - offset[p.j[k]]).any())


def check_duplicates(anatomy: Anatomy) -> list[Finding]:
    """Return atoms that are in the place of another one."""
    same = (anatomy.pairs.distance < SAME_PLACE) & (
        anatomy.symbols[anatomy.pairs.i] == anatomy.symbols[anatomy.pairs.j]
    )
    again = np.unique(anatomy.pairs.j[same])
    if len(again) == 0:
        return []
    first = int(np.flatnonzero(same)[0])
    text = (
        f"{len(again)} atoms are in the place of another, as {_pair(anatomy, first)}; "
        f"delete {where(again)} (often a cell written with its far border, or one part pasted twice). All "
        f"else is judged, and atoms are counted, without them"
    )
    return [Finding(level="error", code="duplicate", message=text, atoms=tuple(again.tolist()))]


def _overlaps(anatomy: Anatomy, which: NDArray[np.int64], level: Level) -> Finding:
    """Return the finding for too close contacts, the worst first."""
    pairs = anatomy.pairs
    listed = "; ".join(_pair(anatomy, int(k)) for k in which[:LISTED])
    more = f"; and {len(which) - LISTED} more" if len(which) > LISTED else ""
    how = "closer than atoms can be" if level == "error" else "closer than is usual"
    hydrogen = anatomy.symbols == "H"
    both = hydrogen[pairs.i[which]] & hydrogen[pairs.j[which]]
    kinds = f" ({int(both.sum())} of them H-H)" if both.any() else ""
    ends = np.unique(np.concatenate([pairs.i[which], pairs.j[which]]))
    text = (
        f"{len(which)} contacts{kinds} {how}: {listed}{more}; move or turn one of each pair, or leave it out"
    )
    return Finding(level=level, code="overlap", message=text, atoms=tuple(ends.tolist()))


def _strictness(anatomy: Anatomy) -> Floats:
    """Return for each pair its distance over the smallest one allowed."""
    pairs, symbols = anatomy.pairs, anatomy.symbols
    hydrogen = symbols == "H"
    donor = np.isin(symbols, list(DONORS))
    anion = anatomy.ion & ~anatomy.metal
    ratio = anatomy.contact_ratio / SMALLEST_RATIO
    both = hydrogen[pairs.i] & hydrogen[pairs.j]
    ratio = np.where(both, pairs.distance / SMALLEST_HYDROGEN_PAIR, ratio)
    bridge = anatomy.between(_polar_hydrogens(anatomy), donor)
    ratio[bridge] = anatomy.contact_ratio[bridge] / HYDROGEN_BOND
    for pairing, limit in (
        (anatomy.between(anatomy.metal, donor | anion), OPPOSITE),
        (anatomy.between(anatomy.metal, anatomy.metal), CATIONS),
        (anatomy.between(anatomy.metallic, anatomy.metallic), METALS),
    ):
        ratio[pairing] = anatomy.relative[pairing] / limit
    return ratio


def _polar_hydrogens(anatomy: Anatomy) -> Flags:
    """Return which hydrogen atoms are bonded to a donor atom and can make a hydrogen bond."""
    donor, hydrogen = np.isin(anatomy.symbols, list(DONORS)), anatomy.symbols == "H"
    held = anatomy.between(hydrogen, donor) & anatomy.covalent
    polar = np.zeros(len(hydrogen), dtype=bool)
    polar[anatomy.pairs.i[held]] = polar[anatomy.pairs.j[held]] = True
    polar &= hydrogen
    return polar


def _own(anatomy: Anatomy) -> Flags:
    """Return which pairs are bonds, or atoms that bonds hold at most three steps apart.

    The rest of a chelating group counts as held by the bond of its donor atom to the metal.
    """
    from scipy.sparse import csr_matrix

    pairs, size = anatomy.pairs, len(anatomy.symbols)
    bonds = pairs[anatomy.covalent]
    ones = np.ones(2 * len(bonds.i))
    rows, columns = np.concatenate([bonds.i, bonds.j]), np.concatenate([bonds.j, bonds.i])
    step = csr_matrix((ones, (rows, columns)), shape=(size, size))
    near = step + step @ step + step @ step @ step
    short = (anatomy.contact_ratio < 1.0) & ~anatomy.covalent
    same = np.flatnonzero(short & (anatomy.molecules.label[pairs.i] == anatomy.molecules.label[pairs.j]))
    offset = anatomy.molecules.offset
    copy = ~(pairs.shift[same] + offset[pairs.i[same]] - offset[pairs.j[same]]).any(axis=1)
    # in a network every image of a neighbour is a neighbour
    same = same[copy | (anatomy.molecules.rank[anatomy.molecules.label[pairs.i[same]]] > 0)]
    own: Flags = anatomy.covalent.copy()
    own[same] = _linked(near, pairs.i[same], pairs.j[same])
    # a bond far too short is no bond to be forgiven
    own &= anatomy.relative > SHORTEST_BOND
    held = pairs[anatomy.ionic]
    joined = np.concatenate([held.i, held.j]), np.concatenate([held.j, held.i])
    metal_bond = csr_matrix((np.ones(2 * len(held.i)), joined), shape=(size, size))
    rest = np.flatnonzero(short & anatomy.between(anatomy.metal, anatomy.in_molecule))
    second = metal_bond @ step + step @ metal_bond
    own[rest] |= _linked(second, pairs.i[rest], pairs.j[rest])
    own[rest] &= anatomy.contact_ratio[rest] > SMALLEST_RATIO * SMALLEST_RATIO
    return own


def _linked(matrix: Any, i: Integers, j: Integers) -> Flags:
    """Return which pairs have an entry in a sparse *matrix*."""
    if len(i) == 0:
        return np.zeros(0, dtype=bool)
    linked: Flags = np.asarray(matrix[i, j], dtype=bool).ravel()
    return linked


@dataclass(frozen=True)
class _Piece:
    formula: str
    atoms: tuple[int, ...]


def check_pieces(anatomy: Anatomy) -> list[Finding]:
    """Return what is bound to nothing."""
    label, sizes = anatomy.whole.label, anatomy.whole.sizes
    if len(sizes) == 1:
        return []
    large = sizes * 5 >= sizes.max()
    large[anatomy.main] = True
    if large.sum() > 1 and large.all():
        text = f"{len(sizes)} separate pieces of {', '.join(str(n) for n in sizes.tolist()[:LISTED])} atoms"
        return [Finding(level="note", code="pieces", message=text)]
    order = np.argsort(label, kind="stable")
    ends = np.cumsum(sizes)
    loose = [
        _Piece(_formula(anatomy, order[e - n : e]), tuple(order[e - n : e].tolist()))
        for e, n, keep in zip(ends.tolist(), sizes.tolist(), large.tolist(), strict=True)
        if not keep
    ]
    caged = _caged(anatomy)
    held = [p for p in loose if len(p.atoms) == 1 and caged[p.atoms[0]]]
    return [
        *_counted(
            [p for p in loose if p not in held],
            "floating, bound to nothing",
            "delete them, or bring them to the surface",
            "error",
        ),
        *_counted(
            held, "in a cage of counter-ions, none at the distance of a bond", "relax before use", "warning"
        ),
    ]


def _caged(anatomy: Anatomy) -> Flags:
    """Return which ions have counter-ions all around, but farther than a bond: lead for caesium."""
    pairs = anatomy.pairs
    opposite = anatomy.between(anatomy.cation, anatomy.ion & ~anatomy.metal)
    near = opposite & (anatomy.contact_ratio < TOUCH)
    caged: Flags = pairs.counts(near, len(anatomy.symbols)) >= CAGE
    return caged


def _counted(loose: list[_Piece], what: str, remedy: str, level: Level) -> list[Finding]:
    """Return the finding for some *loose* pieces; none where there are none."""
    if not loose:
        return []
    names = sorted({p.formula for p in loose})
    atoms = tuple(a for p in loose for a in p.atoms)
    counted = ", ".join(f"{sum(p.formula == n for p in loose)} {n}" for n in names[:LISTED])
    text = f"{what}: {counted} ({where(atoms)}); {remedy}"
    return [Finding(level=level, code="floating", message=text, atoms=atoms)]


def _formula(anatomy: Anatomy, atoms: NDArray[np.int64]) -> str:
    """Return the Hill formula of some atoms."""
    from ase.formula import Formula

    return Formula.from_list(anatomy.symbols[atoms].tolist()).format("hill")
