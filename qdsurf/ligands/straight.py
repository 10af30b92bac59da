"""The straight conformer: chains all-trans, parallel to each other, and straight past a double bond."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qdsurf.ligands.geometry import Positions

if TYPE_CHECKING:
    from rdkit.Chem import Atom, Bond, Mol

# Torsions in degrees that a bond is tried at: between saturated atoms, beside C=C (the minima of MMFF94),
# and beside other unsaturated atoms.
_SATURATED = (180.0, 65.0, -65.0)
_ALLYLIC = (110.0, -110.0, 0.0)
_UNSATURATED = (180.0, 120.0, -120.0, 90.0, -90.0, 60.0, -60.0, 0.0)
# Å of height or width that a torsion off 180 degrees must gain, so that no chain bends for nothing.
_BEND = 0.1
# Two atoms that are more than three bonds apart clash below this part of the sum of their radii.
_CLASH = 0.72
_SWEEPS = 4
# Å by which a heavy atom may lie below the anchor before the chains are searched by simulated annealing:
# around a crowded centre such as tetraoctylammonium no single torsion brings a chain up.
_DEPTH = 2.6
_STEPS = 3000
_HOT, _COLD = 3.0, 0.06


def straighten(mol: Mol, positions: Positions, anchor: tuple[int, ...]) -> Positions:
    """Return *positions* with the torsions turned so that all chains stand up from the anchor.

    The height of the centre of the heavy atoms above the anchor, less their spread about that axis, is
    made as large as it gets without clashes: one torsion after the other, and the four nearest to a
    double bond together. Chains become all-trans; those of a branched ligand bend once to run parallel;
    past a cis double bond (gauche, skew, skew, gauche of one sign) the chain goes on in the same
    direction. Bond lengths and angles stay.

    Parameters
    ----------
    mol
        Molecule with all hydrogen atoms.
    positions
        (n_atoms, 3) in Å.
    anchor
        Atoms that bind.
    """
    search = _Search(mol, positions.copy(), anchor)
    for turn in search.turns:
        if turn.options is _SATURATED:
            search.set(turn, 180.0)
    search.sweep()
    if search.depth() > _DEPTH:
        search.anneal()
    return search.xyz


class _Turn:
    """One bond that can turn, and the atoms beyond it, seen from the anchor."""

    def __init__(
        self, atoms: tuple[int, int, int, int], depth: float, moved: NDArray[np.int64],
        options: tuple[float, ...],
    ) -> None:  # fmt: skip
        self.atoms = atoms
        self.depth = depth
        self.moved = moved
        self.options = options


class _Search:
    """Positions under search, and what can be turned."""

    def __init__(self, mol: Mol, xyz: Positions, anchor: tuple[int, ...]) -> None:
        from ase.data import vdw_radii
        from rdkit import Chem

        self.xyz = xyz
        self.anchor = list(anchor)
        numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()])
        self.heavy = np.flatnonzero(numbers > 1)
        apart = np.asarray(Chem.GetDistanceMatrix(mol)) > 3
        radius = np.nan_to_num(vdw_radii[numbers], nan=2.0)
        self.allowed = np.where(apart, _CLASH * (radius[:, None] + radius[None]), 0.0) ** 2
        self.turns = _turns(mol, self.anchor)
        self.angles = {turn: self._torsion(turn) for turn in self.turns}
        self.together = [*_near_branches(self.turns), *_beside_double_bonds(mol, self.turns)]

    def sweep(self) -> None:
        """Improve each turn, and those that belong together, until nothing gets better."""
        for _ in range(_SWEEPS):
            before = self.score()
            for turn in self.turns:
                self.improve((turn,))
            for together in self.together:
                self.improve(together)
            if self.score() < before + 0.05:
                break

    def depth(self) -> float:
        """Return how far in Å the lowest heavy atom lies below the anchor."""
        return float(-self._along().min())

    def _along(self) -> NDArray[np.float64]:
        """Return the heights in Å of the heavy atoms above the anchor."""
        arm = self.xyz[self.heavy] - self.xyz[self.anchor].mean(axis=0)
        center = arm.mean(axis=0)
        heights: NDArray[np.float64] = arm @ (center / max(float(np.linalg.norm(center)), 1e-9))
        return heights

    def anneal(self) -> None:
        """Search the first turns of all chains by simulated annealing; what lies below costs most."""
        near = [turn for turn in self.turns if turn.depth < 4]
        if not near:
            return
        rng = np.random.default_rng(0)
        current = self._standing()
        best, kept, angles = current, self.xyz.copy(), dict(self.angles)
        for step in range(_STEPS):
            turn = near[rng.integers(len(near))]
            before = self.angles[turn]
            self.set(turn, float(rng.choice(turn.options)))
            new = self._standing()
            warmth = _HOT * (_COLD / _HOT) ** (step / _STEPS)
            if new > current or rng.random() < np.exp((new - current) / warmth):
                current = new
            else:
                self.set(turn, before)
            if current > best:
                best, kept, angles = current, self.xyz.copy(), dict(self.angles)
        self.xyz, self.angles = kept, angles

    def _standing(self) -> float:
        return self.score() - 0.5 * float(np.clip(-self._along() - 1.6, 0, None).sum())

    def score(self) -> float:
        """Return height less width of the heavy atoms in Å, less what bends and clashes cost."""
        arm = self.xyz[self.heavy] - self.xyz[self.anchor].mean(axis=0)
        center = arm.mean(axis=0)
        height = float(np.linalg.norm(center))
        along = arm @ (center / max(height, 1e-9))
        width = np.sqrt(max(0.0, float((arm**2).sum() - (along**2).sum()) / len(arm)))
        bends = sum(abs(abs(angle) - 180) > 30 for angle in self.angles.values())
        norms = (self.xyz**2).sum(axis=1)
        squared = norms[:, None] + norms[None] - 2 * self.xyz @ self.xyz.T
        clashes = float(np.clip(self.allowed - squared, 0, None).sum())
        return height - float(width) - _BEND * bends - 2.0 * clashes

    def _torsion(self, turn: _Turn) -> float:
        """Return the torsion of *turn* in degrees."""
        a, b, c, d = self.xyz[list(turn.atoms)]
        axis = (c - b) / np.linalg.norm(c - b)
        before, after = a - b, d - c
        before, after = before - (before @ axis) * axis, after - (after @ axis) * axis
        return float(np.degrees(np.arctan2(np.cross(before, after) @ axis, before @ after)))

    def set(self, turn: _Turn, degrees: float) -> None:
        """Turn the atoms beyond the bond until its torsion is *degrees*."""
        if degrees == self.angles[turn]:
            return
        _, j, k, _ = turn.atoms
        angle = np.radians(degrees - self.angles[turn])
        x, y, z = (self.xyz[k] - self.xyz[j]) / np.linalg.norm(self.xyz[k] - self.xyz[j])
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        matrix = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
        self.xyz[turn.moved] = self.xyz[k] + (self.xyz[turn.moved] - self.xyz[k]) @ matrix.T
        self.angles[turn] = degrees

    def improve(self, together: tuple[_Turn, ...]) -> None:
        """Try every option of one turn, or of several at once, and keep the best."""
        best, kept, angles = self.score(), self.xyz.copy(), dict(self.angles)
        for choice in product(*(turn.options for turn in together)):
            for turn, degrees in zip(together, choice, strict=True):
                self.set(turn, degrees)
            score = self.score()
            if score > best + 1e-6:
                best, kept, angles = score, self.xyz.copy(), dict(self.angles)
        self.xyz, self.angles = kept, angles


def _turns(mol: Mol, anchor: list[int]) -> list[_Turn]:
    """Return the bonds that can turn, from the anchor outwards."""
    from rdkit import Chem

    distance = np.asarray(Chem.GetDistanceMatrix(mol))
    # several binding atoms have one centre: count from all of them
    depth = distance[anchor].min(axis=0)
    found: list[_Turn] = []
    for bond in mol.GetBonds():
        ends = sorted((bond.GetBeginAtom(), bond.GetEndAtom()), key=lambda a: depth[a.GetIdx()])
        near, far = ends
        j, k = near.GetIdx(), far.GetIdx()
        if not _can_turn(bond, near, far) or depth[j] == depth[k]:
            continue
        before = _reference(near, k, depth)
        after = _reference(far, j, -depth)
        if before is None or after is None:
            continue
        moved = np.flatnonzero(distance[k] < distance[j])
        moved = moved[moved != k]
        if set(anchor) & set(moved.tolist()):
            continue
        turn = _Turn((before, j, k, after), float(depth[j]), moved, _options(ends))
        found.append(turn)
    return sorted(found, key=lambda turn: (turn.depth, turn.atoms[1]))


def _can_turn(bond: Bond, near: Atom, far: Atom) -> bool:
    """Whether a torsion about *bond* is free: single, in no ring, between no two unsaturated atoms."""
    if (
        str(bond.GetBondType()) != "SINGLE"
        or bond.IsInRing()
        or 1 in (near.GetAtomicNum(), far.GetAtomicNum())
    ):
        return False
    flat = [str(atom.GetHybridization()) in ("SP", "SP2") for atom in (near, far)]
    return not all(flat) and str(near.GetHybridization()) != "SP" != str(far.GetHybridization())


def _reference(atom: Atom, other: int, order: NDArray[np.float64]) -> int | None:
    """Return the heavy neighbour of *atom*, not *other*, that comes first in *order*."""
    around = [a.GetIdx() for a in atom.GetNeighbors() if a.GetAtomicNum() > 1 and a.GetIdx() != other]
    return min(around, key=lambda index: (order[index], index), default=None)


def _near_branches(turns: list[_Turn]) -> list[tuple[_Turn, ...]]:
    """Return the first two turns of each chain where several chains leave the same atom."""
    first = [turn.atoms[1] for turn in turns]
    return [
        (turn, other)
        for turn in turns
        if first.count(turn.atoms[1]) > 1
        for other in turns
        if other.atoms[1] == turn.atoms[2]
    ]


def _beside_double_bonds(mol: Mol, turns: list[_Turn]) -> list[tuple[_Turn, ...]]:
    """Return, for each double bond outside rings, the turns on its two sides and those next to them."""
    found: list[tuple[_Turn, ...]] = []
    for bond in mol.GetBonds():
        if not _is_alkene(bond):
            continue
        ends = {bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()}
        beside = [turn for turn in turns if len(ends & set(turn.atoms[1:3])) == 1]
        if len(beside) == 2:
            near = {index for turn in beside for index in turn.atoms[1:3]} - ends
            next_to = [turn for turn in turns if near & set(turn.atoms[1:3]) and turn not in beside]
            found.append((*beside, *next_to[:2]))
    return found


def _is_alkene(bond: Bond) -> bool:
    """Whether *bond* is a C=C outside rings."""
    ends = (bond.GetBeginAtom(), bond.GetEndAtom())
    return (
        str(bond.GetBondType()) == "DOUBLE"
        and not bond.IsInRing()
        and all(a.GetAtomicNum() == 6 for a in ends)
    )


def _options(ends: list[Atom]) -> tuple[float, ...]:
    """Return the torsions that a bond between *ends* is tried at."""
    if all(str(atom.GetHybridization()) == "SP3" for atom in ends):
        return _SATURATED
    alkene = any(_is_alkene(bond) for atom in ends for bond in atom.GetBonds())
    return _ALLYLIC if alkene else _UNSATURATED
