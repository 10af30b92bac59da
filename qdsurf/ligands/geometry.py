"""Positions of the atoms of one molecule: embedding, force field, and what these cannot do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qdsurf.errors import AskError
from qdsurf.ligands.groups import METALS

if TYPE_CHECKING:
    from rdkit.Chem import Mol

Positions = NDArray[np.float64]

# Angle X-M-X in degrees of the dihalides that a lone pair bends; those of other metals are linear.
_BENT = {"Pb": 100.0, "Sn": 97.0, "Ge": 100.0}
# Seconds after which the embedding of one molecule is given up; the usual is a tenth of a second.
_PATIENCE = 600


def embed(mol: Mol, count: int, seed: int) -> list[Positions]:
    """Return *count* geometries by ETKDGv3 (doi:10.1021/acs.jcim.0c00025), not relaxed.

    Parameters
    ----------
    mol
        Molecule with all hydrogen atoms.
    count
        Number of geometries.
    seed
        Seed of the embedding.

    Returns
    -------
    list of (n_atoms, 3) arrays in Å

    Raises
    ------
    AskError
        No geometry was found, from random coordinates either.
    """
    from rdkit import Chem, rdBase
    from rdkit.Chem import rdDistGeom

    settings: Any = rdDistGeom.ETKDGv3()
    # RDKit multiplies the seed by the number of the conformer: 0 would make them all the same.
    settings.randomSeed = seed % 2**20 + 1
    settings.maxIterations = 20
    if hasattr(settings, "timeout"):
        settings.timeout = _PATIENCE
    with rdBase.BlockLogs():
        # -1 stands for an embedding that was given up
        ids = [k for k in rdDistGeom.EmbedMultipleConfs(mol, count, settings) if k >= 0]
        if not ids:
            # Crowded centres such as tetraoctylammonium need random starting coordinates.
            settings.useRandomCoords = True
            settings.maxIterations = 100
            ids = [k for k in rdDistGeom.EmbedMultipleConfs(mol, count, settings) if k >= 0]
    if not ids:
        raise AskError(
            f"no geometry found for {Chem.MolToSmiles(Chem.RemoveHs(mol))!r}, from random coordinates "
            "either; a file with coordinates (SDF or XYZ) can be given instead"
        )
    return [np.array(mol.GetConformer(conf).GetPositions()) for conf in ids]


def relax(
    mol: Mol, positions: Positions, *, electrostatics: bool, steps: int = 300
) -> tuple[Positions, float]:
    """Return *positions* relaxed by MMFF94, or UFF where that lacks parameters, and the energy.

    Parameters
    ----------
    mol
        Molecule, or several apart, with all hydrogen atoms.
    positions
        (n_atoms, 3) in Å.
    electrostatics
        False leaves the charges out. In vacuum the opposite charges of a zwitterion would fold it; at
        a surface they are screened.
    steps
        Most iterations.

    Returns
    -------
    tuple of (n_atoms, 3) array in Å and the energy in kcal/mol
        The energy is 0 where neither force field knows the elements; the bonds of metals are then the
        sums of covalent radii (Cordero, doi:10.1039/b801115j).

    References
    ----------
    MMFF94 in RDKit, doi:10.1186/s13321-014-0037-3; UFF, doi:10.1021/ja00051a040.
    """
    from rdkit import Chem, rdBase
    from rdkit.Chem import rdForceFieldHelpers

    conformer = Chem.Conformer(mol.GetNumAtoms())
    conformer.SetPositions(np.ascontiguousarray(positions))
    conf = mol.AddConformer(conformer, assignId=True)
    field: Any = None
    apart = len(Chem.GetMolFrags(mol)) > 1
    with rdBase.BlockLogs():
        if rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
            properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(mol)
            properties.SetMMFFEleTerm(electrostatics)
            field = rdForceFieldHelpers.MMFFGetMoleculeForceField(
                mol, properties, confId=conf, ignoreInterfragInteractions=not apart
            )
        elif rdForceFieldHelpers.UFFHasAllMoleculeParams(mol):
            field = rdForceFieldHelpers.UFFGetMoleculeForceField(
                mol, confId=conf, ignoreInterfragInteractions=not apart
            )
    energy = 0.0
    if field is None:
        _set_metal_bonds(mol, mol.GetConformer(conf))
    else:
        field.Initialize()
        field.Minimize(maxIts=steps)
        energy = float(field.CalcEnergy())
    relaxed = np.array(mol.GetConformer(conf).GetPositions())
    mol.RemoveConformer(conf)
    return relaxed, energy


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
    """Return the geometry of one atom, of a metal with monoatomic ligands, or of PF6-; None for the rest.

    Force fields have no parameters for most of these metals, nor for six bonds; covalent radii with the
    angles of the coordination number are as good a start.
    """
    from ase.data import atomic_numbers, covalent_radii

    symbols = [atom.GetSymbol() for atom in mol.GetAtoms()]
    if len(symbols) == 1:
        return np.zeros((1, 3))
    centers = [a for a in mol.GetAtoms() if a.GetSymbol() in METALS or a.GetDegree() == 6]
    if len(centers) != 1 or centers[0].GetDegree() != len(symbols) - 1 or len(symbols) not in (2, 3, 4, 5, 7):
        return None
    center = centers[0]
    others = [atom.GetIdx() for atom in center.GetNeighbors()]
    positions = np.zeros((len(symbols), 3))
    for index, direction in zip(others, _directions(center.GetSymbol(), len(others)), strict=True):
        length = sum(covalent_radii[atomic_numbers[s]] for s in (center.GetSymbol(), symbols[index]))
        positions[index] = length * direction
    return positions


def _directions(metal: str, count: int) -> Positions:
    """Return (count, 3) unit vectors from a metal to its neighbours."""
    if count == 6:
        ends: Positions = np.vstack([np.eye(3), -np.eye(3)])
        return ends
    if count == 4:
        corners: Positions = np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
        return corners / float(np.sqrt(3))
    angle = 120.0 if count == 3 else _BENT.get(metal, 180.0)
    phi = np.radians(angle * np.arange(count))
    return np.stack([np.cos(phi), np.sin(phi), np.zeros(count)], axis=1)
