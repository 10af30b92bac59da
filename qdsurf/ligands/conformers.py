"""Geometries of molecules and ions: extended ones to bind, the lowest one for a free molecule."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qdsurf.errors import AskError

if TYPE_CHECKING:
    from ase import Atoms
    from rdkit.Chem import Mol

Positions = NDArray[np.float64]

# Angle X-M-X in degrees of the dihalides that a lone pair bends; those of other metals are linear.
_BENT = {"Pb": 100.0, "Sn": 97.0, "Ge": 100.0}
# Heavy-atom root mean square distance in Å below which two conformers count as the same one.
_SAME = 0.4
# Distance in Å between the charged atom of an ion and a monoatomic counter-ion of a free salt.
_SALT = 3.2


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
    from rdkit import Chem

    read = Chem.MolFromSmiles(smiles)
    mol = Chem.AddHs(Chem.RenumberAtoms(read, np.argsort(order).tolist()))
    numbers = tuple(atom.GetAtomicNum() for atom in mol.GetAtoms())
    simple = _simple(mol)
    if simple is not None:
        return numbers, (_orient(simple, anchor),)
    heavy = [index for index, number in enumerate(numbers) if number > 1]
    pool = _embed(mol, count + 4, seed, electrostatics=False)
    oriented = sorted((_orient(xyz, anchor) for xyz, _ in pool), key=lambda xyz: -_length(xyz, heavy))
    chosen: list[Positions] = []
    for xyz in oriented:
        if len(chosen) < count and all(_distance(xyz[heavy], old[heavy]) > _SAME for old in chosen):
            chosen.append(xyz)
    return numbers, tuple(chosen)


def _length(xyz: Positions, heavy: list[int]) -> float:
    """Return the height in Å of the farthest heavy atom above the anchor."""
    return float(round(xyz[heavy, 2].max(), 6))


def _orient(xyz: Positions, anchor: tuple[int, ...]) -> Positions:
    """Return *xyz* with the anchor at the origin and the rest of the molecule along +z."""
    moved = xyz - xyz[list(anchor)].mean(axis=0)
    axis = moved.mean(axis=0)
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


def _embed(mol: Mol, count: int, seed: int, *, electrostatics: bool) -> list[tuple[Positions, float]]:
    """Return optimised geometries with their energies in kcal/mol, one of them with chains all-trans."""
    from rdkit import Chem, rdBase
    from rdkit.Chem import AllChem, rdDistGeom

    settings = rdDistGeom.ETKDGv3()
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
    with rdBase.BlockLogs():
        mmff = AllChem.MMFFHasAllMoleculeParams(mol)
        properties = AllChem.MMFFGetMoleculeProperties(mol) if mmff else None
        uff = not mmff and AllChem.UFFHasAllMoleculeParams(mol)
    if properties is not None and not electrostatics:
        # In vacuum the opposite charges of a zwitterion would fold it; at a surface they are screened.
        properties.SetMMFFEleTerm(False)
    for conf in ids:
        field: Any = None
        if properties is not None:
            field = AllChem.MMFFGetMoleculeForceField(mol, properties, confId=conf)
        elif uff:
            field = AllChem.UFFGetMoleculeForceField(mol, confId=conf)
        energy = 0.0
        if field is not None:
            field.Initialize()
            field.Minimize(maxIts=500)
            energy = float(field.CalcEnergy())
        results.append((np.array(mol.GetConformer(conf).GetPositions()), energy))
    return results


def _stretch(mol: Mol, conformer: Any) -> None:
    """Turn every torsion about a bond between saturated chain atoms to 180 degrees, in place."""
    from rdkit.Chem import rdMolTransforms

    query = _chain_query()
    done: set[tuple[int, int]] = set()
    for i, j, k, m in mol.GetSubstructMatches(query):
        bond = (min(j, k), max(j, k))
        if bond not in done:
            done.add(bond)
            rdMolTransforms.SetDihedralDeg(conformer, i, j, k, m, 180.0)


def _chain_query() -> Any:
    """Return the query of four heavy atoms in a row around a bond that can turn."""
    from qdsurf.ligands.groups import pattern

    return pattern("[!#1]~[CX4,NX4,PX3,PX4,SX4]-;!@[CX4]~[!#1]")


def _simple(mol: Mol) -> Positions | None:
    """Return the geometry of one atom, or of a metal with monoatomic ligands; None for the rest.

    Force fields have no parameters for most of these metals, and covalent radii with the angle of the
    coordination number are as good a start.
    """
    from ase.data import atomic_numbers, covalent_radii

    symbols = [atom.GetSymbol() for atom in mol.GetAtoms()]
    if len(symbols) == 1:
        return np.zeros((1, 3))
    centers = [atom for atom in mol.GetAtoms() if atom.GetDegree() == len(symbols) - 1]
    if not centers or len(symbols) not in (3, 4) or set(symbols) & {"H", "C", "N", "O", "S", "B"}:
        return None
    center = centers[0]
    others = [atom.GetIdx() for atom in center.GetNeighbors()]
    angle = 120.0 if len(others) == 3 else _BENT.get(center.GetSymbol(), 180.0)
    positions = np.zeros((len(symbols), 3))
    for turn, index in enumerate(others):
        phi = np.radians(angle * turn)
        length = sum(covalent_radii[atomic_numbers[s]] for s in (center.GetSymbol(), symbols[index]))
        positions[index] = length * np.array([np.cos(phi), np.sin(phi), 0.0])
    return positions


def free_form_atoms(smiles: str, seed: int = 0) -> Atoms:
    """Return the lowest conformer found of a free molecule, ion or salt.

    Parameters
    ----------
    smiles
        A molecule or ion, or a salt of one of these with monoatomic counter-ions.
    seed
        Seed of the embedding.

    Returns
    -------
    ase.Atoms
        Positions in Å, without a cell.

    Raises
    ------
    AskError
        The SMILES cannot be read, has no geometry, or is a salt of two polyatomic ions.

    Examples
    --------
    >>> free_form_atoms("CC(=O)O").get_chemical_formula()
    'C2H4O2'
    """
    from ase import Atoms

    numbers, positions = _free(smiles, seed)
    return Atoms(numbers=numbers, positions=positions)


@lru_cache(maxsize=512)
def _free(smiles: str, seed: int) -> tuple[tuple[int, ...], Positions]:
    """Return atomic numbers and positions in Å of the lowest conformer."""
    from rdkit import Chem

    from qdsurf.ligands.smiles import read_smiles

    parts = sorted((read_smiles(part) for part in smiles.split(".")), key=lambda m: -m.GetNumAtoms())
    if any(part.GetNumAtoms() > 1 for part in parts[1:]):
        raise AskError(f"{smiles!r}: a free salt may have one polyatomic ion only")
    mol = Chem.AddHs(parts[0])
    numbers = [atom.GetAtomicNum() for atom in mol.GetAtoms()]
    xyz = _simple(mol)
    if xyz is None:
        xyz = min(_embed(mol, 12, seed, electrostatics=True), key=lambda pair: pair[1])[0]
    charged = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetFormalCharge()] or [0]
    for turn, part in enumerate(parts[1:]):
        ion = part.GetAtomWithIdx(0)
        host = xyz[charged[turn % len(charged)]]
        xyz = np.vstack([xyz, _beside(xyz, host)])
        numbers.append(ion.GetAtomicNum())
    return tuple(numbers), xyz


def _beside(xyz: Positions, host: Positions) -> Positions:
    """Return the least crowded point at the salt distance from *host*."""
    steps = np.arange(200) + 0.5
    polar, azimuth = np.arccos(1 - steps / 100), np.pi * (1 + 5**0.5) * steps
    sphere = np.stack(
        [np.cos(azimuth) * np.sin(polar), np.sin(azimuth) * np.sin(polar), np.cos(polar)], axis=1
    )
    points: Positions = host + _SALT * sphere
    crowding = (np.linalg.norm(points[:, None] - xyz[None], axis=2) ** -6).sum(axis=1)
    chosen: Positions = points[int(np.argmin(crowding))]
    return chosen
