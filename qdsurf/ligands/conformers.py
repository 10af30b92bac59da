"""Geometries of the bound form of a ligand: the straight one first, then different ones of low energy.

They are computed when they are first looked at: classifying ten thousand molecules embeds none.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, overload

import numpy as np

from qdsurf.errors import AskError
from qdsurf.ligands.geometry import Positions, embed, relax, simple_geometry
from qdsurf.ligands.straight import straighten

if TYPE_CHECKING:
    from ase import Atoms
    from rdkit.Chem import Mol

    from qdsurf.model.nouns import Ligand

# Heavy-atom root mean square distance in Å below which two conformers count as the same one.
_SAME = 0.4
# Geometries are embedded beyond the number asked for, because some fall together.
_SPARE = 4


class Conformers(Sequence["Atoms"]):
    """The geometries of a ligand in Å, computed at first use; the first alone if only that is wanted.

    Each has the atoms that bind with their centre at the origin and the centre of the molecule along
    +z, no cell, and all have the same order of atoms.
    """

    def __init__(
        self,
        mol: Mol,
        anchor: tuple[int, ...],
        *,
        count: int,
        seed: int,
        given: tuple[Positions, ...] = (),
        order: tuple[int, ...] = (),
    ) -> None:
        """Remember what to compute.

        Parameters
        ----------
        mol
            Molecule with implicit hydrogen atoms; these come after the heavy atoms in the geometries.
        anchor
            Atoms that bind.
        count
            Largest number of geometries.
        seed
            Seed of the embedding.
        given
            (n_atoms, 3) positions in Å that come first, instead of the straight conformer.
        order
            Place of each atom in the geometries; empty for heavy atoms first.
        """
        from rdkit import Chem

        self._smiles = Chem.MolToSmiles(mol, canonical=False)
        # Written without canonical order the SMILES can still permute atoms; the output order undoes it.
        kept = mol.GetPropsAsDict(includePrivate=True, includeComputed=True)["_smilesAtomOutputOrder"]
        self._written = tuple(int(index) for index in kept)
        self._anchor, self._count, self._seed = anchor, count, seed
        self._given, self._order = given, order
        self._made: dict[int, Atoms] = {}

    @overload
    def __getitem__(self, index: int) -> Atoms: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Atoms, ...]: ...
    def __getitem__(self, index: int | slice) -> Atoms | tuple[Atoms, ...]:
        """Return one geometry, or several; the first needs no search for others."""
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(len(self))))
        if index == 0:
            return self._atoms(0, self._first())
        positions = self._all()
        index = range(len(positions))[index]
        return self._atoms(index, positions[index])

    def __len__(self) -> int:
        """Return the number of geometries; rigid molecules have fewer than asked for."""
        return 1 if self._count == 1 else len(self._all())

    def molecule(self) -> Mol:
        """Return the molecule with its hydrogen atoms and charges, in the atom order of the geometries."""
        from rdkit import Chem

        full = _full(self._smiles, self._written)
        return Chem.RenumberAtoms(full, np.argsort(self._order).tolist()) if self._order else full

    def _recipe(self) -> tuple[str, tuple[int, ...], tuple[int, ...], int]:
        return self._smiles, self._written, self._anchor, self._seed

    def _first(self) -> Positions:
        if self._given:
            return _orient(self._given[0], self._anchor)
        return _straight(*self._recipe())

    def _all(self) -> tuple[Positions, ...]:
        if not self._given:
            return _several(*self._recipe(), self._count)
        own = tuple(_orient(xyz, self._anchor) for xyz in self._given)
        return (*own, *_several(*self._recipe(), self._count))[: max(self._count, len(own))]

    def _atoms(self, index: int, positions: Positions) -> Atoms:
        """Return the geometry *index*, made once, so that it is the same object each time."""
        from ase import Atoms

        if index not in self._made:
            numbers = np.array(_numbers(self._smiles, self._written))
            if self._order:
                back = np.argsort(self._order)
                numbers, positions = numbers[back], positions[back]
            self._made[index] = Atoms(numbers=numbers, positions=positions)
        return self._made[index]


def ligand_mol(ligand: Ligand) -> Mol:
    """Return the RDKit molecule of *ligand*, hydrogens included, in the order of its atoms.

    Raises
    ------
    AskError
        A salt, which is several molecules, or a ligand that was not made by this room.

    Examples
    --------
    >>> from qdsurf.ligands import load_ligand
    >>> ligand_mol(load_ligand("acetate")).GetNumAtoms()
    7
    """
    if not isinstance(ligand.conformers, Conformers):
        raise AskError(f"{ligand.name} is a salt or has no molecular graph; ask for each of its ions")
    return ligand.conformers.molecule()


@lru_cache(maxsize=4096)
def _numbers(smiles: str, written: tuple[int, ...]) -> tuple[int, ...]:
    """Return the atomic numbers, heavy atoms first."""
    return tuple(atom.GetAtomicNum() for atom in _full(smiles, written).GetAtoms())


def _full(smiles: str, written: tuple[int, ...]) -> Mol:
    """Return the molecule of *smiles* with all hydrogen atoms; its heavy atoms are the atoms *written*."""
    from rdkit import Chem

    read = Chem.MolFromSmiles(smiles)
    return Chem.AddHs(Chem.RenumberAtoms(read, np.argsort(written).tolist()))


@lru_cache(maxsize=4096)
def _straight(smiles: str, written: tuple[int, ...], anchor: tuple[int, ...], seed: int) -> Positions:
    """Return the straight conformer, oriented."""
    mol = _full(smiles, written)
    xyz = simple_geometry(mol)
    if xyz is None:
        xyz = straighten(mol, embed(mol, 1, seed)[0], anchor)
        xyz, _ = relax(mol, xyz, electrostatics=False)
    return _orient(xyz, anchor)


@lru_cache(maxsize=512)
def _several(
    smiles: str, written: tuple[int, ...], anchor: tuple[int, ...], seed: int, count: int
) -> tuple[Positions, ...]:
    """Return the straight conformer and up to *count* - 1 other ones, longest first.

    Of those embedded, the ones of lowest energy are kept that differ from each other.
    """
    first = _straight(smiles, written, anchor, seed)
    mol = _full(smiles, written)
    if simple_geometry(mol) is not None or count == 1:
        return (first,)
    heavy = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum() > 1]
    pool = [relax(mol, xyz, electrostatics=False) for xyz in embed(mol, count + _SPARE, seed)]
    alike = _permutations(mol, len(heavy))
    chosen = [first]
    for xyz, _ in sorted(pool, key=lambda pair: round(pair[1], 6)):
        turned = _orient(xyz, anchor)
        if len(chosen) < count and all(
            _distance(turned[list(same)], old[heavy]) > _SAME for old in chosen for same in alike
        ):
            chosen.append(turned)
    return (first, *sorted(chosen[1:], key=lambda xyz: -_height(xyz, heavy)))


def _permutations(mol: Mol, heavy: int) -> list[tuple[int, ...]]:
    """Return the renumberings of heavy atoms that leave the skeleton as it is, the first hundred of them.

    Bond orders and charges are left out: the two oxygen atoms of a carboxylate are the same.
    """
    from rdkit import Chem

    skeleton = Chem.RWMol()
    for index in range(heavy):
        skeleton.AddAtom(Chem.Atom(mol.GetAtomWithIdx(index).GetAtomicNum()))
    for bond in mol.GetBonds():
        if max(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) < heavy:
            skeleton.AddBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), Chem.BondType.SINGLE)
    skeleton.UpdatePropertyCache(strict=False)
    Chem.FastFindRings(skeleton)
    return [tuple(match) for match in skeleton.GetSubstructMatches(skeleton, uniquify=False, maxMatches=100)]


def _height(xyz: Positions, heavy: list[int]) -> float:
    """Return the height in Å of the farthest heavy atom above the anchor."""
    return float(round(xyz[heavy, 2].max(), 6))


def _orient(xyz: Positions, anchor: tuple[int, ...]) -> Positions:
    """Return *xyz* with the anchor at the origin and the rest of the molecule along +z."""
    moved: Positions = xyz - xyz[list(anchor)].mean(axis=0)
    axis: Positions = moved.mean(axis=0)
    norm = float(np.linalg.norm(axis))
    if norm < 1e-6:
        return moved
    axis = axis / norm
    helper = np.eye(3)[int(np.argmin(np.abs(axis)))]
    first = np.cross(helper, axis)
    first /= np.linalg.norm(first)
    turned: Positions = moved @ np.array([first, np.cross(axis, first), axis]).T
    return turned


def _distance(one: Positions, other: Positions) -> float:
    """Return the root mean square distance in Å after the best rotation of *one* onto *other*."""
    a, b = one - one.mean(axis=0), other - other.mean(axis=0)
    u, s, vt = np.linalg.svd(a.T @ b)
    s[-1] *= np.sign(np.linalg.det(u) * np.linalg.det(vt))
    return float(np.sqrt(max(0.0, ((a**2).sum() + (b**2).sum() - 2 * s.sum()) / len(a))))
