"""Geometries of a molecule, made in milliseconds, and what is measured on them.

The chain is stretched and nothing is optimised: good for a length, a footprint and the sign of a dipole
of each of ten thousand ligands. ``qdsurf.ligands.ligand_sizes`` measures one with more care.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qdsurf.errors import EvaluationError

if TYPE_CHECKING:
    from rdkit.Chem import Mol

Positions = NDArray[np.float64]

# Four heavy atoms in a row around a bond of a chain that can turn, beside a double bond too.
_TORSION = "[!#1]~[CX4,NX4,PX3,PX4,SX4]-;!@[CX4,$([CX3]=[CX3])]~[!#1]"
# e Å in debye.
DEBYE = 4.80320
# Geometries per ligand: one embedding differs from the next by 6 Å^2, 1 Å and 0.6 D, so the mean is taken.
_GEOMETRIES = 4


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a molecule that stands on its binding atoms looks like from the surface.

    Attributes
    ----------
    length
        Å from the binding atoms to the farthest nucleus along the axis of the molecule.
    footprint
        Å^2: shadow of the van der Waals spheres on the surface.
    dipole
        Debye along the axis; positive with the positive end away from the surface. Charges are
        Gasteiger's, counted from the binding atoms, so that the net charge at the surface drops out.
        None where an element has no parameters, or where a charge sits elsewhere than at the surface.
    length_spread, footprint_spread, dipole_spread
        Standard deviation over the geometries, in the unit of each; 0 for one geometry.
    """

    length: float
    footprint: float
    dipole: float | None
    length_spread: float = 0.0
    footprint_spread: float = 0.0
    dipole_spread: float = 0.0


def optimised(mol: Mol) -> Positions:
    """Return (atoms, 3) positions in Å of *mol* with hydrogen atoms, its chains stretched, by MMFF94.

    Raises
    ------
    EvaluationError
        No geometry was found.
    """
    from rdkit import rdBase
    from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

    if mol.GetNumAtoms() == 1:
        return np.zeros((1, 3))
    _embed(mol, rdDistGeom.ETKDGv3(), 1)
    _stretch(mol, _backbone(mol))
    with rdBase.BlockLogs():
        if rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
            rdForceFieldHelpers.MMFFOptimizeMolecule(mol, maxIters=500)
    return np.array(mol.GetConformer().GetPositions())


def stretched(mol: Mol) -> tuple[Mol, Positions]:
    """Return *mol* with hydrogen atoms, and some geometries of it with stretched chains.

    The heavy atoms are embedded and the hydrogen atoms set beside them: an eighth of the time of
    embedding all, and no more scatter.

    Returns
    -------
    molecule, positions
        Positions in Å, (geometries, atoms, 3).

    Raises
    ------
    EvaluationError
        No geometry was found.
    """
    from rdkit import Chem, rdBase
    from rdkit.Chem import rdDistGeom

    bare = Chem.Mol(mol)
    if bare.GetNumAtoms() == 1:
        bare.AddConformer(Chem.Conformer(1), assignId=True)
    else:
        # Preferred torsions cost time and the chains are stretched afterwards anyway.
        _embed(bare, rdDistGeom.KDG(), _GEOMETRIES)
    with rdBase.BlockLogs():
        full = Chem.AddHs(bare, addCoords=True)
    _stretch(full, _backbone(bare))
    return full, np.array([conformer.GetPositions() for conformer in full.GetConformers()])


def _embed(mol: Mol, settings: Any, count: int) -> None:
    """Give *mol* up to *count* conformers; in a wider space where the first attempts find none."""
    from rdkit import Chem, rdBase
    from rdkit.Chem import rdDistGeom

    settings.randomSeed = 1
    with rdBase.BlockLogs():
        for wide, attempts in ((False, 20), (True, 100)):
            settings.useRandomCoords, settings.maxIterations = wide, attempts
            if len(rdDistGeom.EmbedMultipleConfs(mol, count, settings)):
                return
    raise EvaluationError(f"no geometry found for {Chem.MolToSmiles(Chem.RemoveHs(mol))!r}")


def _stretch(mol: Mol, torsions: Sequence[tuple[int, int, int, int]]) -> None:
    """Turn *torsions* of all conformers of *mol* to 180 degrees."""
    from rdkit.Chem import rdMolTransforms

    for conformer in mol.GetConformers():
        for i, j, k, m in torsions:
            rdMolTransforms.SetDihedralDeg(conformer, i, j, k, m, 180.0)


def _backbone(mol: Mol) -> list[tuple[int, int, int, int]]:
    """Return one torsion for each bond of a chain, the one along the longest way through the molecule."""
    from rdkit.Chem import GetDistanceMatrix, MolFromSmarts

    bonds = GetDistanceMatrix(mol)
    heavy = np.array([atom.GetAtomicNum() > 1 for atom in mol.GetAtoms()])
    best: dict[tuple[int, int], tuple[float, tuple[int, int, int, int]]] = {}
    for i, j, k, m in mol.GetSubstructMatches(MolFromSmarts(_TORSION), maxMatches=10_000):
        reach = sum(
            float(bonds[heavy & (bonds[:, end] < bonds[:, middle]), end].max())
            for end, middle in ((i, j), (m, k))
        )
        key = (min(j, k), max(j, k))
        if key not in best or reach > best[key][0]:
            best[key] = (reach, (i, j, k, m))
    return [torsion for _, torsion in best.values()]


def shape_of(mol: Mol, anchor: Sequence[int], geometries: Positions) -> Shape:
    """Return the mean length, footprint and dipole of *mol* bound by the atoms *anchor*.

    Parameters
    ----------
    geometries
        (geometries, atoms, 3) in Å, hydrogen atoms included.
    """
    from ase import Atoms

    from qdsurf.ligands.sizes import footprint

    numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()])
    heavy = numbers > 1
    charges = _charges(mol, anchor)
    found = []
    for positions in geometries:
        moved = positions - positions[list(anchor)].mean(axis=0)
        axis = moved[heavy].mean(axis=0)
        norm = float(np.linalg.norm(axis))
        upright = _upright(moved, axis / norm if norm > 1e-6 else np.array([0.0, 0.0, 1.0]))
        dipole = np.nan if charges is None else float(charges @ upright[:, 2]) * DEBYE
        shadow = footprint(Atoms(numbers=numbers, positions=upright))
        found.append((max(float(upright[heavy, 2].max()), 0.0), shadow, dipole))
    length, area, dipole = (round(float(value), 4) for value in np.mean(found, axis=0))
    spread = [round(float(value), 4) for value in np.nan_to_num(np.std(found, axis=0))]
    return Shape(
        length=length,
        footprint=area,
        dipole=None if charges is None else dipole,
        length_spread=spread[0],
        footprint_spread=spread[1],
        dipole_spread=spread[2],
    )


def _upright(xyz: Positions, axis: Positions) -> Positions:
    """Return *xyz* turned so that *axis* is +z."""
    helper = np.eye(3)[int(np.argmin(np.abs(axis)))]
    first = np.cross(helper, axis)
    first /= np.linalg.norm(first)
    turned: Positions = xyz @ np.array([first, np.cross(axis, first), axis]).T
    return turned


def _charges(mol: Mol, anchor: Sequence[int]) -> Positions | None:
    """Return Gasteiger charges in e, or None where their dipole says nothing."""
    from rdkit import rdBase
    from rdkit.Chem import rdPartialCharges

    bound = {n.GetIdx() for i in anchor for n in mol.GetAtomWithIdx(i).GetNeighbors()} | set(anchor)
    for atom in mol.GetAtoms():
        around = sum(n.GetFormalCharge() for n in atom.GetNeighbors()) + atom.GetFormalCharge()
        # A charge away from the surface has its counter-ion beside it; nitro groups balance themselves.
        if atom.GetFormalCharge() and atom.GetIdx() not in bound and around:
            return None
    with rdBase.BlockLogs():
        rdPartialCharges.ComputeGasteigerCharges(mol)
    charges = np.array([atom.GetDoubleProp("_GasteigerCharge") for atom in mol.GetAtoms()])
    return charges if np.isfinite(charges).all() else None
