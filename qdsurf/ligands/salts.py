"""Salts: ions that are neutral together and come to a surface as one thing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

import numpy as np

from qdsurf.errors import AskError
from qdsurf.ligands.groups import METALS
from qdsurf.model.nouns import Anchor, Ligand, Source

if TYPE_CHECKING:
    from ase import Atoms
    from rdkit.Chem import Mol


def salt_from_smiles(smiles: str, *, name: str | None, conformers: int, seed: int) -> Ligand:
    """Return the salt of the ions of *smiles*, or the Z-type ligand of a metal with two or more anions.

    Raises
    ------
    AskError
        The parts are not ions, or not neutral together.
    """
    from rdkit import Chem

    from qdsurf.ligands.smiles import ligand_from_smiles, read_smiles

    parts = [read_smiles(part) for part in smiles.split(".")]
    charges = [Chem.GetFormalCharge(part) for part in parts]
    if 0 in charges or sum(charges) != 0:
        raise AskError(
            f"{smiles!r} holds several molecules or ions; give one: the ion that binds, ions that are "
            f"neutral together, or a metal salt with covalent bonds such as 'Br[Pb]Br' "
            f"(charges here: {charges})"
        )
    covalent = _covalent(parts)
    if covalent is not None:
        return ligand_from_smiles(covalent, name=name, conformers=conformers, seed=seed)
    ions = [ligand_from_smiles(Chem.MolToSmiles(part), conformers=conformers, seed=seed) for part in parts]
    return combine(ions, name=name or Chem.MolToSmiles(Chem.MolFromSmiles(smiles)))


def combine(ions: list[Ligand], *, name: str, source: Source | None = None, family: str = "salt") -> Ligand:
    """Return one ligand made of *ions*: anions on anion sites, cations on cation sites, neutral together.

    Parameters
    ----------
    ions
        Ligands with a charge, each as often as it occurs in the formula.
    name
        Name of the salt.

    Returns
    -------
    Ligand
        Class X, charge 0, binds "pair", with ``ions``; its one geometry, in Å, is the free salt. The
        ions are placed each for itself, in equal proportion.

    Raises
    ------
    AskError
        The charges do not sum to zero.
    """
    if sum(ion.charge for ion in ions) != 0:
        listed = ", ".join(f"{ion.name}({ion.charge:+d})" for ion in ions)
        raise AskError(f"{name}: the ions {listed} are not neutral together")
    ordered = sorted(ions, key=lambda ion: ion.charge)
    starts = np.cumsum([0, *(_size(ion) for ion in ordered)])
    anchors = tuple(
        Anchor(name=a.name, atoms=tuple(i + int(start) for i in a.atoms), smarts=a.smarts, takes=a.takes)
        for ion, start in zip(ordered, starts, strict=False)
        for a in ion.anchors[:1]
    )
    bonds = tuple(
        (i + int(start), j + int(start), order)
        for ion, start in zip(ordered, starts, strict=False)
        for i, j, order in ion.bonds
    )
    smiles = ".".join(ion.smiles for ion in ordered)
    return Ligand(
        name=name,
        smiles=smiles,
        charge=0,
        cbc_class="X",
        anchors=anchors,
        binds="pair",
        conformers=SaltGeometry(tuple(ordered)),
        bonds=bonds,
        free_forms={"neutral": smiles},
        source=source or Source(text="SMILES given by the user"),
        family=family,
        reasons=(
            "a salt: "
            + " and ".join(f"{ion.name} ({ion.charge:+d}) takes a {ion.binds}" for ion in ordered)
            + "; the charge of the surface does not change",
        ),
        ions=tuple(sorted(ions, key=lambda ion: -ion.charge)),
    )


def ions_of(ligand: Ligand) -> tuple[Ligand, ...]:
    """Return the ions of a salt, cations first, each as often as in the formula; else the ligand alone.

    To bind *n* of a salt is to bind *n* of each ion that this returns.

    Examples
    --------
    >>> from qdsurf.ligands import load_ligand
    >>> [ion.name for ion in ions_of(load_ligand("formamidinium-iodide"))]
    ['formamidinium', 'iodide']
    """
    return ligand.ions or (ligand,)


def _size(ion: Ligand) -> int:
    from rdkit import Chem

    return int(Chem.AddHs(Chem.MolFromSmiles(ion.smiles)).GetNumAtoms())


def _covalent(parts: list[Mol]) -> str | None:
    """Return the covalent form of one metal ion with two or more monoanions, as a Z-type ligand has it."""
    from rdkit import Chem

    metals = [p for p in parts if p.GetNumAtoms() == 1 and p.GetAtomWithIdx(0).GetSymbol() in METALS]
    anions = [p for p in parts if Chem.GetFormalCharge(p) == -1]
    if len(metals) != 1 or len(anions) < 2 or len(anions) != len(parts) - 1:
        return None
    whole = Chem.RWMol(metals[0])
    whole.GetAtomWithIdx(0).SetFormalCharge(0)
    for anion in anions:
        start = whole.GetNumAtoms()
        whole.InsertMol(anion)
        ends = [a.GetIdx() for a in anion.GetAtoms() if a.GetFormalCharge() == -1]
        if len(ends) != 1:
            return None
        atom = whole.GetAtomWithIdx(start + ends[0])
        atom.SetFormalCharge(0)
        atom.SetNoImplicit(True)
        whole.AddBond(0, start + ends[0], Chem.BondType.SINGLE)
    Chem.SanitizeMol(whole)
    return str(Chem.MolToSmiles(whole))


class SaltGeometry(Sequence["Atoms"]):
    """The one geometry of a free salt in Å, computed at first use; the anions first."""

    def __init__(self, ions: tuple[Ligand, ...]) -> None:
        self._ions = ions
        self._made: Atoms | None = None

    @overload
    def __getitem__(self, index: int) -> Atoms: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Atoms, ...]: ...
    def __getitem__(self, index: int | slice) -> Atoms | tuple[Atoms, ...]:
        """Return the geometry."""
        if self._made is None:
            from qdsurf.ligands.free import join

            self._made = join([ion.atoms for ion in self._ions], [ion.charge for ion in self._ions])
        return (self._made,)[index]

    def __len__(self) -> int:
        """Return 1."""
        return 1
