"""One geometry of a molecule, made in milliseconds, and what is measured on it.

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

# Four heavy atoms in a row around a bond of a chain that can turn.
_TORSION = "[!#1]~[CX4,NX4,PX3,PX4,SX4]-;!@[CX4]~[!#1]"
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
    # Preferred torsions cost two thirds of the time and the chains are stretched afterwards anyway.
    settings: Any = rdDistGeom.ETKDGv3() if optimise else rdDistGeom.KDG()
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
    from ase import Atoms

    from qdsurf.ligands.sizes import footprint

    numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()])
    heavy = numbers > 1
    moved = positions - positions[list(anchor)].mean(axis=0)
    axis = moved[heavy].mean(axis=0)
    norm = float(np.linalg.norm(axis))
    upright = _upright(moved, axis / norm if norm > 1e-6 else np.array([0.0, 0.0, 1.0]))
    return Shape(
        length=round(float(max(upright[heavy, 2].max(), 0.0)), 4),
        footprint=round(footprint(Atoms(numbers=numbers, positions=upright)), 4),
        dipole=_dipole(mol, anchor, upright[:, 2]),
    )


def _upright(xyz: Positions, axis: Positions) -> Positions:
    """Return *xyz* turned so that *axis* is +z."""
    helper = np.eye(3)[int(np.argmin(np.abs(axis)))]
    first = np.cross(helper, axis)
    first /= np.linalg.norm(first)
    turned: Positions = xyz @ np.array([first, np.cross(axis, first), axis]).T
    return turned


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
