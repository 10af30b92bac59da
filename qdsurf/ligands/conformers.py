"""Geometries of the bound form of a ligand: different ones, the most extended first."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qdsurf.errors import AskError
from qdsurf.ligands.groups import METALS, pattern

if TYPE_CHECKING:
    from ase import Atoms
    from rdkit.Chem import Mol

Positions = NDArray[np.float64]

# Angle X-M-X in degrees of the dihalides that a lone pair bends; those of other metals are linear.
_BENT = {"Pb": 100.0, "Sn": 97.0, "Ge": 100.0}
# Heavy-atom root mean square distance in Å below which two conformers count as the same one.
_SAME = 0.4


def build_conformers(mol: Mol, anchor: tuple[int, ...], count: int, seed: int) -> tuple[Atoms, ...]:
    """Return up to *count* different geometries of *mol*, the most extended one first.

    Parameters
    ----------
    mol
        Molecule with implicit hydrogen atoms; these come after the heavy atoms in the geometries.
    anchor
        Atoms that bind. Their centre is put at the origin and the rest of the molecule along +z.
    count
        Largest number of geometries.
    seed
        Seed of the embedding.

    Returns
    -------
    tuple of ase.Atoms
        Positions in Å, without a cell, in the order of their length along the anchor axis.
    """
    from ase import Atoms
    from rdkit import Chem

    ordered = Chem.MolToSmiles(mol, canonical=False)
    # Written without canonical order the SMILES can still permute atoms; the stored output order undoes it.
    order = tuple(mol.GetPropsAsDict(includePrivate=True, includeComputed=True)["_smilesAtomOutputOrder"])
    numbers, positions = _cached(ordered, order, anchor, count, seed)
    return tuple(Atoms(numbers=numbers, positions=xyz) for xyz in positions)


@lru_cache(maxsize=512)
def _cached(
    smiles: str, order: tuple[int, ...], anchor: tuple[int, ...], count: int, seed: int
) -> tuple[tuple[int, ...], tuple[Positions, ...]]:
    """Return atomic numbers and positions; the atoms of *smiles* are the atoms *order*."""
    from rdkit import Chem, rdBase

    read = Chem.MolFromSmiles(smiles)
    mol = Chem.AddHs(Chem.RenumberAtoms(read, np.argsort(order).tolist()))
    numbers = tuple(atom.GetAtomicNum() for atom in mol.GetAtoms())
    simple = simple_geometry(mol)
    if simple is not None:
        return numbers, (_orient(simple, anchor),)
    heavy = [index for index, number in enumerate(numbers) if number > 1]
    with rdBase.BlockLogs():
        pool = embed(mol, count + 4, seed, electrostatics=False)
    oriented = sorted((_orient(xyz, anchor) for xyz, _ in pool), key=lambda xyz: -_length(xyz, heavy))
    alike = _permutations(read, order)
    chosen: list[Positions] = []
    for xyz in oriented:
        if len(chosen) < count and all(
            _distance(xyz[list(same)], old[heavy]) > _SAME for old in chosen for same in alike
        ):
            chosen.append(xyz)
    return numbers, tuple(chosen)


def _permutations(read: Mol, order: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the renumberings of heavy atoms that leave the skeleton as it is, the first hundred of them.

    Bond orders and charges are left out: the two oxygen atoms of a carboxylate are the same.
    """
    from rdkit import Chem

    skeleton = Chem.RWMol()
    renumbered = Chem.RenumberAtoms(read, np.argsort(order).tolist())
    for atom in renumbered.GetAtoms():
        skeleton.AddAtom(Chem.Atom(atom.GetAtomicNum()))
    for bond in renumbered.GetBonds():
        skeleton.AddBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), Chem.BondType.SINGLE)
    skeleton.UpdatePropertyCache(strict=False)
    Chem.FastFindRings(skeleton)
    return [tuple(match) for match in skeleton.GetSubstructMatches(skeleton, uniquify=False, maxMatches=100)]


def _length(xyz: Positions, heavy: list[int]) -> float:
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


def embed(mol: Mol, count: int, seed: int, *, electrostatics: bool) -> list[tuple[Positions, float]]:
    """Return optimised geometries with their energies in kcal/mol, one of them with chains all-trans."""
    from rdkit import Chem
    from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

    settings: Any = rdDistGeom.ETKDGv3()
    # RDKit multiplies the seed by the number of the conformer: 0 would make them all the same.
    settings.randomSeed = seed % 2**20 + 1
    settings.maxIterations = 20
    ids = list(rdDistGeom.EmbedMultipleConfs(mol, count, settings))
    if not ids:
        # Crowded centres such as tetraoctylammonium need random starting coordinates.
        settings.useRandomCoords = True
        settings.maxIterations = 100
        ids = list(rdDistGeom.EmbedMultipleConfs(mol, count, settings))
    if not ids:
        raise AskError(f"no geometry found for {Chem.MolToSmiles(Chem.RemoveHs(mol))!r}")
    extended = Chem.Conformer(mol.GetConformer(ids[0]))
    _stretch(mol, extended)
    ids.append(mol.AddConformer(extended, assignId=True))
    results: list[tuple[Positions, float]] = []
    mmff = rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol)
    properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(mol) if mmff else None
    uff = not mmff and rdForceFieldHelpers.UFFHasAllMoleculeParams(mol)
    if properties is not None and not electrostatics:
        # In vacuum the opposite charges of a zwitterion would fold it; at a surface they are screened.
        properties.SetMMFFEleTerm(False)
    for conf in ids:
        field: Any = None
        if properties is not None:
            field = rdForceFieldHelpers.MMFFGetMoleculeForceField(mol, properties, confId=conf)
        elif uff:
            field = rdForceFieldHelpers.UFFGetMoleculeForceField(mol, confId=conf)
        energy = 0.0
        if field is None:
            _set_metal_bonds(mol, mol.GetConformer(conf))
        else:
            field.Initialize()
            field.Minimize(maxIts=300)
            energy = float(field.CalcEnergy())
        results.append((np.array(mol.GetConformer(conf).GetPositions()), energy))
    return results


def _stretch(mol: Mol, conformer: Any) -> None:
    """Turn every torsion about a bond between saturated chain atoms to 180 degrees, in place."""
    from rdkit.Chem import rdMolTransforms

    # Four heavy atoms in a row around a bond that can turn.
    query = pattern("[!#1]~[CX4,NX4,PX3,PX4,SX4]-;!@[CX4]~[!#1]")
    done: set[tuple[int, int]] = set()
    for i, j, k, m in mol.GetSubstructMatches(query):
        bond = (min(j, k), max(j, k))
        if bond not in done:
            done.add(bond)
            rdMolTransforms.SetDihedralDeg(conformer, i, j, k, m, 180.0)


def _set_metal_bonds(mol: Mol, conformer: Any) -> None:
    """Give the bonds of a metal the sum of covalent radii and its angle, in place.

    Neither force field knows these metals, so that nothing else would set them.
    """
    from ase.data import atomic_numbers, covalent_radii
    from rdkit.Chem import rdMolTransforms

    for metal in (atom for atom in mol.GetAtoms() if atom.GetSymbol() in METALS):
        i = metal.GetIdx()
        bonds = [bond for bond in metal.GetBonds() if not bond.IsInRing()]
        others = [bond.GetOtherAtom(metal) for bond in bonds]
        for other in others:
            length = sum(covalent_radii[atomic_numbers[a.GetSymbol()]] for a in (metal, other))
            rdMolTransforms.SetBondLength(conformer, i, other.GetIdx(), float(length))
        if len(others) == metal.GetDegree() == 2:
            # A straight angle leaves the torsion about it undefined.
            angle = _BENT.get(metal.GetSymbol(), 179.0)
            rdMolTransforms.SetAngleDeg(conformer, others[0].GetIdx(), i, others[1].GetIdx(), angle)


def simple_geometry(mol: Mol) -> Positions | None:
    """Return the geometry of one atom, or of a metal with monoatomic ligands; None for the rest.

    Force fields have no parameters for most of these metals, and covalent radii with the angle of the
    coordination number are as good a start.
    """
    from ase.data import atomic_numbers, covalent_radii

    symbols = [atom.GetSymbol() for atom in mol.GetAtoms()]
    if len(symbols) == 1:
        return np.zeros((1, 3))
    metals = [atom for atom in mol.GetAtoms() if atom.GetSymbol() in METALS]
    if len(metals) != 1 or metals[0].GetDegree() != len(symbols) - 1 or len(symbols) > 4:
        return None
    center = metals[0]
    others = [atom.GetIdx() for atom in center.GetNeighbors()]
    angle = 120.0 if len(others) == 3 else _BENT.get(center.GetSymbol(), 180.0)
    positions = np.zeros((len(symbols), 3))
    for turn, index in enumerate(others):
        phi = np.radians(angle * turn)
        length = sum(covalent_radii[atomic_numbers[s]] for s in (center.GetSymbol(), symbols[index]))
        positions[index] = length * np.array([np.cos(phi), np.sin(phi), 0.0])
    return positions
