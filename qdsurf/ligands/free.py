"""Geometries of desorbed ligands: the lowest conformer of a free molecule, ion, salt or dimer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from qdsurf.errors import AskError
from qdsurf.ligands.geometry import Positions, embed, relax, simple_geometry
from qdsurf.ligands.groups import METALS, pattern
from qdsurf.ligands.smiles import read_smiles

if TYPE_CHECKING:
    from ase import Atoms
    from rdkit.Chem import Mol

# Distance in Å between the charged atom of an ion and a monoatomic counter-ion of a free salt.
_SALT = 3.2
# C...C in Å of the acetic acid dimer and P...P of a phosphinic one: where the relaxation starts.
_ACROSS = {6: 3.84, 15: 4.2}
_ACID = "[OX2H1]-[CX3,PX4:9]=[OX1]"
# Part of the sum of van der Waals radii at which ions that are joined touch.
_TOUCH = 0.85


def free_form_atoms(smiles: str, seed: int = 0) -> Atoms:
    """Return the lowest conformer found of a free molecule, ion, salt or dimer.

    Parameters
    ----------
    smiles
        A molecule or ion, a salt of ions, or an acid twice for its ring of two hydrogen bonds.
    seed
        Seed of the embedding.

    Returns
    -------
    ase.Atoms
        Positions in Å, without a cell. Monoatomic ions of a salt lie at 3.2 Å, polyatomic ones in
        contact: starting geometries, meant to be relaxed.

    Raises
    ------
    AskError
        The SMILES cannot be read or has no geometry, or two neutral molecules are no acid dimer.

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

    parts = sorted((read_smiles(part) for part in smiles.split(".")), key=lambda m: -m.GetNumAtoms())
    mol = Chem.AddHs(parts[0])
    numbers = [atom.GetAtomicNum() for atom in mol.GetAtoms()]
    xyz = _lowest(mol, seed)
    if len(parts) > 1 and all(Chem.GetFormalCharge(part) == 0 for part in parts):
        return _dimer(parts, mol, xyz, smiles)
    if any(Chem.AddHs(part).GetNumAtoms() > 1 for part in parts[1:]):
        return _polyatomic(parts, seed)
    charged = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetFormalCharge()] or [0]
    for turn, part in enumerate(parts[1:]):
        ion = part.GetAtomWithIdx(0)
        host = xyz[charged[turn % len(charged)]]
        xyz = np.vstack([xyz, _beside(xyz, host)])
        numbers.append(ion.GetAtomicNum())
    return tuple(numbers), xyz


def _lowest(mol: Mol, seed: int) -> Positions:
    """Return the geometry of lowest energy among twelve."""
    xyz = simple_geometry(mol)
    if xyz is not None:
        return xyz
    relaxed = [relax(mol, start, electrostatics=True) for start in embed(mol, 12, seed)]
    return min(relaxed, key=lambda pair: pair[1])[0]


def _polyatomic(parts: list[Mol], seed: int) -> tuple[tuple[int, ...], Positions]:
    """Return the ions of a salt side by side."""
    from ase import Atoms
    from rdkit import Chem

    ions = [Chem.AddHs(part) for part in parts]
    pieces = [
        Atoms(numbers=[atom.GetAtomicNum() for atom in ion.GetAtoms()], positions=_lowest(ion, seed))
        for ion in ions
    ]
    whole = join(pieces, [Chem.GetFormalCharge(ion) for ion in ions])
    return tuple(int(number) for number in whole.numbers), whole.positions


def join(pieces: Sequence[Atoms], charges: Sequence[int]) -> Atoms:
    """Return *pieces* in one structure, in their order, each brought into contact with those before it.

    A cation goes to the anion end of what is there and the reverse: the origin of each piece, its binding
    atoms, is brought as near to the other's origin as contact at 0.85 of the sum of the van der Waals radii
    allows, over 200 directions.

    Parameters
    ----------
    pieces
        Structures in Å with what carries the charge near the origin.
    charges
        Their charges.
    """
    order = sorted(range(len(pieces)), key=lambda k: -len(pieces[k]))
    placed: dict[int, Atoms] = {}
    for k in order:
        piece = pieces[k].copy()
        if placed:
            host = next((j for j in placed if charges[j] * charges[k] < 0), order[0])
            around = np.vstack([one.positions for one in placed.values()])
            numbers = np.concatenate([one.numbers for one in placed.values()])
            piece.positions += _contact(piece, around, numbers, placed[host].info["center"])
        piece.info["center"] = piece.positions[_center(pieces[k])]
        placed[k] = piece
    whole: Atoms = placed[0].copy()
    for k in range(1, len(pieces)):
        whole.extend(placed[k])
    whole.info.clear()
    return whole


def _center(piece: Atoms) -> int:
    """Return the atom nearest to the origin, where the binding atoms are."""
    return int(np.argmin(np.linalg.norm(piece.positions, axis=1)))


def _contact(piece: Atoms, around: Positions, numbers: Positions, host: Positions) -> Positions:
    """Return the shift that brings *piece* next to the point *host* without overlap."""
    from ase.data import atomic_numbers, covalent_radii, vdw_radii

    own = piece.positions - piece.positions[_center(piece)]
    radius = np.nan_to_num(vdw_radii, nan=2.0)
    # The van der Waals radius of a metal is that of the atom, much larger than its ion.
    metals = [atomic_numbers[symbol] for symbol in METALS]
    radius[metals] = covalent_radii[metals]
    touch = _TOUCH * (radius[piece.numbers][:, None] + radius[numbers][None])
    best: tuple[float, Positions] | None = None
    for direction in _sphere(200):
        for distance in np.arange(2.0, 30.0, 0.1):
            gaps = np.linalg.norm((own + host + distance * direction)[:, None] - around[None], axis=2)
            if (gaps >= touch).all():
                if best is None or distance < best[0]:
                    best = (float(distance), host + distance * direction)
                break
            if best is not None and distance >= best[0]:
                break
    assert best is not None  # 30 Å away nothing touches
    shift: Positions = best[1] - piece.positions[_center(piece)]
    return shift


def _dimer(parts: list[Mol], mol: Mol, xyz: Positions, smiles: str) -> tuple[tuple[int, ...], Positions]:
    """Return two molecules of one acid, joined by two hydrogen bonds in a ring, relaxed by MMFF94."""
    from rdkit import Chem

    same = {Chem.MolToSmiles(part) for part in parts}
    match = mol.GetSubstructMatch(pattern(_ACID))
    if len(parts) != 2 or len(same) != 1 or not match:
        raise AskError(f"{smiles!r}: two neutral molecules are joined only as the dimer of one acid")
    hydroxyl, center, oxo = match
    out = (xyz[hydroxyl] + xyz[oxo]) / 2 - xyz[center]
    out /= np.linalg.norm(out)
    # The proton points to the other oxygen, so that it meets the oxygen of the second molecule.
    proton = next(a.GetIdx() for a in mol.GetAtomWithIdx(hydroxyl).GetNeighbors() if a.GetAtomicNum() == 1)
    xyz = xyz.copy()
    length = float(np.linalg.norm(xyz[proton] - xyz[hydroxyl]))
    xyz[proton] = xyz[hydroxyl] + length * out
    normal = np.cross(xyz[hydroxyl] - xyz[center], xyz[oxo] - xyz[center])
    normal /= np.linalg.norm(normal)
    middle = xyz[center] + 0.5 * _ACROSS[mol.GetAtomWithIdx(center).GetAtomicNum()] * out
    # Half a turn about the normal of the acid group; an inversion would change the stereo of the chain.
    arm = xyz - middle
    second = middle - arm + 2 * np.outer(arm @ normal, normal)
    pair = Chem.CombineMols(mol, mol)
    Chem.SanitizeMol(pair)
    relaxed, _ = relax(pair, np.vstack([xyz, second]), electrostatics=True, steps=1000)
    return tuple(atom.GetAtomicNum() for atom in pair.GetAtoms()), relaxed


def _sphere(count: int) -> Positions:
    """Return (count, 3) unit vectors spread evenly."""
    steps = np.arange(count) + 0.5
    polar, azimuth = np.arccos(1 - 2 * steps / count), np.pi * (1 + 5**0.5) * steps
    points: Positions = np.stack(
        [np.cos(azimuth) * np.sin(polar), np.sin(azimuth) * np.sin(polar), np.cos(polar)], axis=1
    )
    return points


def _beside(xyz: Positions, host: Positions) -> Positions:
    """Return the least crowded point at the salt distance from *host*."""
    points: Positions = host + _SALT * _sphere(200)
    crowding = (np.linalg.norm(points[:, None] - xyz[None], axis=2) ** -6).sum(axis=1)
    chosen: Positions = points[int(np.argmin(crowding))]
    return chosen
