"""One geometry of a molecule, made in milliseconds, and what is measured on it.

The chain is stretched and nothing is optimised: good for a length, a footprint and the sign of a dipole.
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

# Four heavy atoms in a row around a bond of a chain that can turn.
_TORSION = "[!#1]~[CX4,NX4,PX3,PX4,SX4]-;!@[CX4]~[!#1]"
# Edge of the squares in Å into which the shadow of a molecule is divided.
_PIXEL = 0.25
# e Å in debye.
DEBYE = 4.80320


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
    """

    length: float
    footprint: float
    dipole: float | None


def embed_once(mol: Mol, seed: int = 0, *, optimise: bool = False) -> Positions:
    """Return positions in Å of *mol*, hydrogen atoms included, with its chains stretched.

    Raises
    ------
    EvaluationError
        No geometry was found.
    """
    from rdkit import Chem, rdBase
    from rdkit.Chem import rdDistGeom, rdForceFieldHelpers, rdMolTransforms

    if mol.GetNumAtoms() == 1:
        return np.zeros((1, 3))
    settings: Any = rdDistGeom.ETKDGv3()
    settings.randomSeed = seed % 2**20 + 1
    settings.maxIterations = 20
    with rdBase.BlockLogs():
        if rdDistGeom.EmbedMolecule(mol, settings) < 0:
            settings.useRandomCoords = True
            settings.maxIterations = 100
            if rdDistGeom.EmbedMolecule(mol, settings) < 0:
                raise EvaluationError(f"no geometry found for {Chem.MolToSmiles(Chem.RemoveHs(mol))!r}")
        for i, j, k, m in _backbone(mol):
            rdMolTransforms.SetDihedralDeg(mol.GetConformer(), i, j, k, m, 180.0)
        if optimise and rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
            rdForceFieldHelpers.MMFFOptimizeMolecule(mol, maxIters=500)
    return np.array(mol.GetConformer().GetPositions())


def _backbone(mol: Mol) -> list[tuple[int, int, int, int]]:
    """Return one torsion for each bond of a chain, the one along the longest way through the molecule."""
    from rdkit.Chem import GetDistanceMatrix, MolFromSmarts

    bonds = GetDistanceMatrix(mol)
    heavy = np.array([atom.GetAtomicNum() > 1 for atom in mol.GetAtoms()])
    best: dict[tuple[int, int], tuple[float, tuple[int, int, int, int]]] = {}
    for i, j, k, m in mol.GetSubstructMatches(MolFromSmarts(_TORSION)):
        reach = sum(
            float(bonds[heavy & (bonds[:, end] < bonds[:, middle]), end].max())
            for end, middle in ((i, j), (m, k))
        )
        key = (min(j, k), max(j, k))
        if key not in best or reach > best[key][0]:
            best[key] = (reach, (i, j, k, m))
    return [torsion for _, torsion in best.values()]


def shape_of(mol: Mol, anchor: Sequence[int], positions: Positions) -> Shape:
    """Return length, footprint and dipole of *mol* (with hydrogen atoms) bound by the atoms *anchor*."""
    from rdkit import Chem

    table = Chem.GetPeriodicTable()
    radii = np.array([table.GetRvdw(atom.GetAtomicNum()) for atom in mol.GetAtoms()])
    heavy = np.array([atom.GetAtomicNum() > 1 for atom in mol.GetAtoms()])
    moved = positions - positions[list(anchor)].mean(axis=0)
    axis = moved[heavy].mean(axis=0)
    norm = float(np.linalg.norm(axis))
    axis = axis / norm if norm > 1e-6 else np.array([0.0, 0.0, 1.0])
    height = moved @ axis
    return Shape(
        length=round(float(max(height[heavy].max(), 0.0)), 4),
        footprint=round(_shadow(moved, axis, radii), 4),
        dipole=_dipole(mol, anchor, height),
    )


def _shadow(xyz: Positions, axis: Positions, radii: Positions) -> float:
    """Return the area in Å^2 that spheres of *radii* at *xyz* cover when seen along *axis*."""
    helper = np.eye(3)[int(np.argmin(np.abs(axis)))]
    first = np.cross(helper, axis)
    first /= np.linalg.norm(first)
    plane = xyz @ np.array([first, np.cross(axis, first)]).T
    low, high = (plane - radii[:, None]).min(axis=0), (plane + radii[:, None]).max(axis=0)
    x, y = (np.arange(a + _PIXEL / 2, b, _PIXEL) for a, b in zip(low, high, strict=True))
    covered = np.zeros((len(x), len(y)), dtype=bool)
    for (u, v), radius in zip(plane, radii, strict=True):
        covered |= (x[:, None] - u) ** 2 + (y[None, :] - v) ** 2 <= radius**2
    return float(covered.sum()) * _PIXEL**2


def _dipole(mol: Mol, anchor: Sequence[int], height: Positions) -> float | None:
    """Return the dipole in debye along the axis, or None where it says nothing."""
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
    if not np.isfinite(charges).all():
        return None
    return round(float(charges @ height) * DEBYE, 4)
