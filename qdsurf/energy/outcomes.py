"""See what a relaxation made of a ligand: whether it still is, and still sits, as it was placed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qdsurf.model.nouns import Surface

if TYPE_CHECKING:
    from ase import Atoms

# Anchors farther from the surface than this many times their first distance are off it; the first counts for
# no more than NEAR (Å), the length of a long hydrogen bond, as an ion begins in the middle of its site.
DETACHED = 1.5
NEAR = 3.5
# Bonds longer than this many times the sum of covalent radii are broken; shorter ones are bonds.
BROKEN = 1.3
# Atoms of a molecular ion of the lattice nearer than this many times that sum are bound.
BOUND = 1.2
# Another atom binds where it is this much nearer (Å, less the covalent radii) than every anchor.
NEARER = 0.3
# Elements whose lone pairs or charges bind a surface.
_DONORS = ("N", "O", "F", "P", "S", "Cl", "Se", "Br", "Te", "I")
# Outcomes after which the ligand is another one, or is gone: such a pose is no pose of this reaction.
LOST = ("detached", "fragmented")


def outcomes(before: Surface, after: Atoms) -> list[str]:
    """Return what a relaxation changed, one line for each change.

    Parameters
    ----------
    before
        The surface with ligands as it was placed.
    after
        The same atoms relaxed, Å.

    Returns
    -------
    list
        "detached: ..." where the anchors of a ligand, or of an ion of a salt, moved off the surface;
        "proton moved: ..." where a hydrogen of a ligand or of a molecular cation is bound to another atom;
        "fragmented: ..." where another of their bonds broke; "anchor changed: ..." where another atom of a
        ligand is the one that binds. Empty where nothing of it happened.
    """
    found: list[str] = []
    ligands = _ligands(before.atoms)
    for own in ligands:
        first, last = _anchor_distance(before.atoms, own), _anchor_distance(after, own)
        if first is not None and last is not None and last > DETACHED * min(first, NEAR):
            found.append(f"detached: the anchor moved from {first:.2f} to {last:.2f} Å from the surface")
    moved, broken = _broken(before, after)
    if moved:
        found.append(f"proton moved: {', '.join(moved)}")
    if broken:
        found.append(f"fragmented: broken bonds {', '.join(broken)}")
    if not found:
        changed = [words for own in ligands if (words := _other_anchor(after, own))]
        found += [f"anchor changed: {', '.join(changed)}"] if changed else []
    return found


def _ligands(atoms: Atoms) -> list[NDArray[np.bool_]]:
    """Return (n_atoms,) true for the atoms of each ligand; the ions of a salt count as two."""
    ligand, fragment = atoms.arrays["role"] == "ligand", atoms.arrays["fragment"]
    return [ligand & (fragment == number) for number in np.unique(fragment[ligand])]


def is_lost(found: list[str]) -> bool:
    """Return whether the ligand is gone or another one.

    >>> is_lost(["proton moved: H1 from N2 to Br3"]), is_lost(["fragmented: broken bonds C1-C2"])
    (False, True)
    """
    return any(line.startswith(LOST) for line in found)


def _radii(atoms: Atoms) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    from ase.data import covalent_radii

    return np.asarray(covalent_radii[atoms.numbers])


def _broken(before: Surface, after: Atoms) -> tuple[list[str], list[str]]:
    """Return the protons that moved and the other bonds that broke, in words."""
    moved, broken = [], []
    radius, symbols = _radii(after), after.get_chemical_symbols()
    for i, j in _bonds(before):
        if after.get_distance(i, j, mic=True) <= BROKEN * (radius[i] + radius[j]):
            continue
        hydrogen, heavy = (i, j) if symbols[i] == "H" else (j, i)
        host = _host(after, hydrogen, radius) if symbols[hydrogen] == "H" else None
        if host is None:
            broken.append(f"{symbols[i]}{i}-{symbols[j]}{j}")
        else:
            moved.append(f"H{hydrogen} from {symbols[heavy]}{heavy} to {symbols[host]}{host}")
    return moved, broken


def _bonds(before: Surface) -> list[tuple[int, int]]:
    """Return the bonds of the ligands, and those within the molecular ions of the lattice."""
    found = [(i, j) for i, j, _ in before.bonds]
    fragment, core = before.atoms.arrays["fragment"], before.atoms.arrays["role"] != "ligand"
    numbers, sizes = np.unique(fragment[core], return_counts=True)
    radius = _radii(before.atoms)
    for number in numbers[sizes > 1]:
        own = np.flatnonzero(core & (fragment == number))
        for place, i in enumerate(own[:-1]):
            others = own[place + 1 :]
            gaps = before.atoms.get_distances(i, others, mic=True)
            found += [(int(i), int(j)) for j in others[gaps < BOUND * (radius[i] + radius[others])]]
    return found


def _host(atoms: Atoms, hydrogen: int, radius: np.ndarray[tuple[int], np.dtype[np.float64]]) -> int | None:
    """Return the atom that *hydrogen* is bound to; None where it is free."""
    gaps = atoms.get_distances(hydrogen, range(len(atoms)), mic=True) / (radius + radius[hydrogen])
    gaps[hydrogen] = np.inf
    nearest = int(np.argmin(gaps))
    return nearest if gaps[nearest] <= BROKEN else None


def _anchor_distance(atoms: Atoms, own: NDArray[np.bool_]) -> float | None:
    """Return the shortest distance in Å between an anchor of *own* and the surface; None without both."""
    from ase.geometry import get_distances

    ligand = atoms.arrays["role"] == "ligand"
    anchor = own & atoms.arrays["anchor"]
    if not anchor.any() or ligand.all():
        return None
    _, gaps = get_distances(atoms.positions[anchor], atoms.positions[~ligand], cell=atoms.cell, pbc=atoms.pbc)
    return float(gaps.min())


def _other_anchor(atoms: Atoms, molecule: NDArray[np.bool_]) -> str:
    """Return which atom of a ligand binds in place of its anchors, or ""."""
    from ase.geometry import get_distances

    ligand, anchor = atoms.arrays["role"] == "ligand", atoms.arrays["anchor"]
    symbols, radius = np.array(atoms.get_chemical_symbols()), _radii(atoms)
    own = np.flatnonzero(molecule & anchor)
    others = np.flatnonzero(molecule & ~anchor & np.isin(symbols, _DONORS))
    rest = np.flatnonzero(~ligand)
    if not (len(own) and len(others) and len(rest)):
        return ""
    _, gaps = get_distances(atoms.positions, atoms.positions[rest], cell=atoms.cell, pbc=atoms.pbc)
    near = (gaps - radius[:, None] - radius[rest][None]).min(axis=1)
    best = int(others[np.argmin(near[others])])
    if near[best] > near[own].min() - NEARER:
        return ""
    held = int(own[np.argmin(near[own])])
    return f"{symbols[best]}{best} is nearer to the surface than {symbols[held]}{held}"
