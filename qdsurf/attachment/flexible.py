"""Flexible relaxation of the molecules that rigid motions could not free from overlap.

The molecules keep their bonds and angles through springs on the distances of bonded atoms and of atoms
with a common neighbour; distances across double bonds and rings keep stereo and planarity, and weak ones
across single bonds keep chains staggered. Only chains of overlapping molecules move; everything else
stays. The springs have no energy scale: the result is a geometry without overlap to start a relaxation
from, not a minimum of a force field.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qdsurf.attachment.packing import Overlaps, Shell, overlaps
from qdsurf.attachment.pairs import Pairs

if TYPE_CHECKING:
    from qdsurf.model import Ligand

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

# Stiffness of the springs, relative to one another.
_BOND, _ANGLE, _STIFF_TORSION, _TORSION, _OVERLAP, _TETHER = 100.0, 40.0, 20.0, 0.3, 30.0, 10.0
# Overlaps are bent apart to this multiple of the allowed distance: the springs take some of it back.
_MARGIN = 1.08
_SKIN = 1.2
_ROUNDS = 6
_ITERATIONS = 80


@dataclass(frozen=True, eq=False)
class Springs:
    """Distances that a molecule keeps: (i, j), and how stiff each is."""

    i: Integers
    j: Integers
    stiffness: Array

    @classmethod
    def of(cls, ligand: Ligand) -> Springs:
        """Return the springs of one *ligand*."""
        around = neighbours_of(ligand)
        found: dict[tuple[int, int], float] = {}

        def add(a: int, b: int, stiffness: float) -> None:
            key = (min(a, b), max(a, b))
            if a != b:
                found[key] = max(found.get(key, 0.0), stiffness)

        for b, c, order in ligand.bonds:
            add(b, c, _BOND)
            stiff = order > 1.2 or _in_ring(around, b, c)
            for a in around[b]:
                add(a, c, _ANGLE) if a != c else None
                for d in around[c]:
                    if a not in (c, d) and d != b:
                        add(a, d, _STIFF_TORSION if stiff else _TORSION)
            for d in around[c]:
                add(b, d, _ANGLE) if d != b else None
        pairs = np.array(sorted(found), dtype=np.int64).reshape(-1, 2)
        return cls(pairs[:, 0], pairs[:, 1], np.array([found[(int(a), int(b))] for a, b in pairs]))


def neighbours_of(ligand: Ligand) -> list[list[int]]:
    """Return the atoms bonded to each atom of *ligand*."""
    count = 1 + max((max(i, j) for i, j, _ in ligand.bonds), default=len(ligand.conformers[0]) - 1)
    around: list[list[int]] = [[] for _ in range(max(count, len(ligand.conformers[0])))]
    for i, j, _ in ligand.bonds:
        around[i].append(j)
        around[j].append(i)
    return around


def _in_ring(around: list[list[int]], start: int, end: int) -> bool:
    """Return whether *start* and *end* stay connected without the bond between them."""
    seen, front = {start}, [n for n in around[start] if n != end]
    while front:
        atom = front.pop()
        if atom == end:
            return True
        if atom not in seen:
            seen.add(atom)
            front.extend(around[atom])
    return False


def relax_flexible(shell: Shell, ligands: Sequence[Ligand]) -> tuple[Shell, Overlaps]:
    """Return *shell* with the overlapping molecules bent apart, and the overlaps that are left.

    All other molecules stay where they were.

    Parameters
    ----------
    shell
        Molecules in the order of *ligands*.
    ligands
        The ligand of each molecule.
    """
    reference = shell.positions.copy()
    chosen = np.zeros(len(ligands), dtype=bool)
    bad = overlaps(shell)
    for _ in range(_ROUNDS):
        if not len(bad.i):
            break
        involved = shell.kinds.molecule[np.concatenate([bad.i, bad.j])]
        # those of earlier rounds stay free: they may have to give way again
        chosen[involved[involved >= 0]] = True
        shell = _round(shell, ligands, chosen, reference)
        bad = overlaps(shell)
    return shell, bad


def _round(shell: Shell, ligands: Sequence[Ligand], chosen: NDArray[np.bool_], reference: Array) -> Shell:
    """Return *shell* after one minimisation with the atoms of the *chosen* molecules free."""
    from scipy.optimize import minimize

    kinds = shell.kinds
    free = np.flatnonzero((kinds.molecule >= 0) & chosen[kinds.molecule])
    mobile = np.zeros(len(kinds.molecule), dtype=bool)
    mobile[free] = True
    still = replace(shell, kinds=replace(kinds, molecule=np.where(mobile, kinds.molecule, -1)))
    wide = still.near(_MARGIN, _SKIN).pairs
    # only the free atoms and those near them take part
    part = np.unique(np.concatenate([free, wide.i, wide.j]))
    number = np.full(len(mobile), -1)
    number[part] = np.arange(len(part))
    pairs = Pairs(number[wide.i], number[wide.j], wide.shift, wide.allowed)
    i, j, length, stiffness = _gathered(ligands, chosen, kinds.molecule, reference)
    springs = (number[i], number[j], length, stiffness)
    anchors = np.flatnonzero(mobile[part] & kinds.anchor[part])
    own, first, home = number[free], shell.positions[part], reference[part][anchors]

    def energy(flat: Array) -> tuple[float, Array]:
        positions = first.copy()
        positions[own] = flat.reshape(-1, 3)
        gradient = np.zeros_like(positions)
        value = _repulsion(positions, pairs, gradient) + _elastic(positions, springs, gradient)
        off = positions[anchors] - home
        gradient[anchors] += 2 * _TETHER * off
        return value + _TETHER * float((off**2).sum()), gradient[own].ravel()

    result = minimize(
        energy, first[own].ravel(), jac=True, method="L-BFGS-B",
        options={"maxiter": _ITERATIONS, "maxfun": 2 * _ITERATIONS},
    )  # fmt: skip
    positions = shell.positions.copy()
    positions[free] = result.x.reshape(-1, 3)
    return replace(shell, positions=positions)


def _gathered(
    ligands: Sequence[Ligand], chosen: NDArray[np.bool_], molecule: Integers, reference: Array
) -> tuple[Integers, Integers, Array, Array]:
    """Return (i, j, length in Å, stiffness) of the springs of all *chosen* molecules."""
    start = np.searchsorted(molecule[molecule >= 0], np.arange(len(ligands)))
    made: dict[int, Springs] = {}
    first, second, stiff = [], [], []
    for number in np.flatnonzero(chosen):
        ligand = ligands[int(number)]
        if id(ligand) not in made:
            made[id(ligand)] = Springs.of(ligand)
        springs = made[id(ligand)]
        first.append(springs.i + start[number])
        second.append(springs.j + start[number])
        stiff.append(springs.stiffness)
    i, j = np.concatenate(first), np.concatenate(second)
    length = np.linalg.norm(reference[i] - reference[j], axis=1)
    return i, j, length, np.concatenate(stiff)


def _repulsion(positions: Array, pairs: Pairs, gradient: Array) -> float:
    """Return the energy of overlaps, and add its gradient to *gradient*."""
    vectors = pairs.vectors(positions)
    distance = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    near = np.flatnonzero(distance < _MARGIN * pairs.allowed)
    lack = _MARGIN * pairs.allowed[near] - distance[near]
    slope = (-2 * _OVERLAP * lack / np.maximum(distance[near], 1e-6))[:, None] * vectors[near]
    _scatter(gradient, pairs.i[near], pairs.j[near], slope)
    return float(_OVERLAP * (lack**2).sum())


def _elastic(positions: Array, springs: tuple[Integers, Integers, Array, Array], gradient: Array) -> float:
    """Return the energy of the springs, and add its gradient to *gradient*."""
    i, j, length, stiffness = springs
    vectors = positions[i] - positions[j]
    distance = np.maximum(np.sqrt(np.einsum("ij,ij->i", vectors, vectors)), 1e-6)
    off = distance - length
    _scatter(gradient, i, j, (2 * stiffness * off / distance)[:, None] * vectors)
    return float((stiffness * off**2).sum())


def _scatter(gradient: Array, i: Integers, j: Integers, slope: Array) -> None:
    """Add *slope* to the atoms *i* and take it from the atoms *j* of *gradient*, shape (n, 3), in place."""
    count = len(gradient)
    for axis in range(3):
        gradient[:, axis] += np.bincount(i, slope[:, axis], count) - np.bincount(j, slope[:, axis], count)
