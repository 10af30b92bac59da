"""A ligand from a SMILES or an RDKit molecule: which group binds, which class, which site, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from qdsurf.errors import AskError
from qdsurf.ligands.choose import choose, takes_of
from qdsurf.ligands.classes import classify
from qdsurf.ligands.conformers import Conformers
from qdsurf.ligands.forms import free_forms
from qdsurf.ligands.geometry import Positions
from qdsurf.ligands.groups import Found, find_groups, ranked
from qdsurf.ligands.protonation import ChargeState, check_state
from qdsurf.ligands.states import in_state
from qdsurf.model.nouns import Anchor, Ligand, Source

if TYPE_CHECKING:
    from rdkit.Chem import Mol

Anchors = str | Sequence[str] | None


def read_smiles(smiles: str) -> Mol:
    """Return the molecule of *smiles* with implicit hydrogen atoms.

    Raises
    ------
    AskError
        Not SMILES, not a possible molecule, or more than one molecule; says which.
    """
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        raw = Chem.MolFromSmiles(smiles, sanitize=False) if smiles.strip() else None
        if raw is None:
            raise AskError(f"{smiles!r} is not SMILES: RDKit cannot parse its syntax")
        problems = [problem.Message() for problem in Chem.DetectChemistryProblems(raw)]
        mol = None if problems else Chem.MolFromSmiles(smiles)
    if mol is None:
        raise AskError(f"{smiles!r} is not a possible molecule: {'; '.join(problems) or 'RDKit refuses it'}")
    if len(Chem.GetMolFrags(mol)) > 1:
        raise AskError(
            f"{smiles!r} holds several molecules or ions; give one: the ion that binds, or a metal salt "
            "with covalent bonds such as 'Br[Pb]Br'"
        )
    return mol


def ligand_from_smiles(
    smiles: str,
    *,
    name: str | None = None,
    anchor: Anchors = None,
    charge_state: ChargeState = "as written",
    conformers: int = 8,
    seed: int = 0,
) -> Ligand:
    """Make a ligand from the SMILES of the form in which it binds, or of a neutral salt of ions.

    Parameters
    ----------
    smiles
        One molecule or ion, charged as at the surface; or ions joined by dots that are neutral together
        (``"C[NH3+].[I-]"``), which become one ligand with ``ions``.
    name
        Name of the ligand; the canonical SMILES where None.
    anchor
        SMARTS that holds the binding atoms, or the name of a group in ``GROUPS``; several for a ligand
        that takes several sites; "best" for the first of the ranking (charged before neutral, then the
        stronger base; of bases that water does not protonate the softer). None where the molecule leaves
        one choice.
    charge_state
        "as written"; "auto": the one acidic group (COOH, SH, phosphonic or sulfonic acid) loses a
        proton, to an amine of the molecule if that is the stronger base (a zwitterion), else to the
        medium, and an amine without an acid stays neutral; or one by name: "neutral", "anion" (one
        proton less), "dianion" (two), "cation" (one more), "zwitterion".
    conformers
        Largest number of geometries in Å; rigid molecules give fewer. They are computed when they are
        looked at.
    seed
        Seed of the embedding; the same seed gives the same positions.

    Raises
    ------
    AskError
        The SMILES cannot be read, or *charge_state* or *conformers* is not an allowed value.
    AnchorError
        Nothing can bind, or several groups can and *anchor* does not choose.

    Examples
    --------
    >>> octanoate = ligand_from_smiles("CCCCCCCC(=O)[O-]", conformers=1)
    >>> octanoate.charge, octanoate.cbc_class, octanoate.binds, octanoate.anchors[0].name
    (-1, 'X', 'anion site', 'carboxylate')
    >>> ligand_from_smiles("NCC(=O)O", charge_state="auto").smiles
    '[NH3+]CC(=O)[O-]'
    """
    check_state(charge_state)
    if "." in smiles:
        from qdsurf.ligands.salts import salt_from_smiles

        return salt_from_smiles(smiles, name=name, conformers=conformers, seed=seed)
    mol = read_smiles(smiles)
    return make_ligand(
        mol, smiles, name=name, anchor=anchor, charge_state=charge_state, conformers=conformers, seed=seed
    )


def ligand_from_mol(
    mol: Mol,
    *,
    name: str | None = None,
    anchor: Anchors = None,
    charge_state: ChargeState = "as written",
    conformers: int = 8,
    seed: int = 0,
    source: str = "RDKit molecule given by the user",
) -> Ligand:
    """Make a ligand from an RDKit molecule; its own 3D conformers come first, in its own atom order.

    Parameters
    ----------
    mol
        One molecule or ion, charged as at the surface. Hydrogen atoms that are missing are added behind
        the others.
    name, anchor, charge_state, conformers, seed
        As for :func:`ligand_from_smiles`. Another charge state than "as written" changes the atoms, so
        that the conformers of *mol* are not used.
    source
        Where the molecule comes from, in words.

    Raises
    ------
    AskError
        More than one molecule, or an argument that is not allowed.
    AnchorError
        Nothing can bind, or several groups can and *anchor* does not choose.

    Examples
    --------
    >>> from rdkit import Chem
    >>> ligand_from_mol(Chem.MolFromSmiles("CCCCN")).cbc_class
    'L'
    """
    from rdkit import Chem

    check_state(charge_state)
    full = Chem.AddHs(mol, addCoords=True)
    if len(Chem.GetMolFrags(full)) > 1:
        raise AskError(f"{Chem.MolToSmiles(mol)!r} holds several molecules or ions; give one")
    heavy = [atom.GetIdx() for atom in full.GetAtoms() if atom.GetAtomicNum() > 1]
    plain = Chem.RemoveHs(full)
    smiles = Chem.MolToSmiles(plain)
    given: tuple[Positions, ...] = ()
    order: tuple[int, ...] = ()
    if plain.GetNumAtoms() == len(heavy) and charge_state == "as written":
        # In the geometries heavy atoms come first, then the hydrogens of each, as RDKit adds them.
        order = tuple(heavy) + tuple(
            near.GetIdx()
            for index in heavy
            for near in full.GetAtomWithIdx(index).GetNeighbors()
            if near.GetAtomicNum() == 1
        )
        given = tuple(
            np.array(conformer.GetPositions())[list(order)]
            for conformer in full.GetConformers()
            if conformer.Is3D()
        )
    # Through SMILES, so that no property of the caller's molecule is left in the way.
    return make_ligand(
        plain, smiles, name=name, anchor=anchor, charge_state=charge_state, conformers=conformers, seed=seed,
        given=given, order=order, source=Source(text=source),
    )  # fmt: skip


def make_ligand(
    mol: Mol,
    smiles: str,
    *,
    name: str | None,
    anchor: Anchors,
    charge_state: ChargeState,
    conformers: int,
    seed: int,
    given: tuple[Positions, ...] = (),
    order: tuple[int, ...] = (),
    source: Source | None = None,
) -> Ligand:
    """Return the ligand of *mol*, whose hydrogen atoms are implicit; see :func:`ligand_from_smiles`."""
    if conformers < 1:
        raise AskError(f"conformers is {conformers}; at least 1 is needed")
    wanted = (anchor,) if isinstance(anchor, str) else tuple(anchor or ())
    reasons: list[str] = []
    mol, wanted = in_state(mol, charge_state, wanted, reasons, smiles)
    chosen = choose(mol, wanted, reasons, smiles)
    return assemble(
        mol, chosen, reasons, name=name, conformers=conformers, seed=seed, given=given, order=order,
        source=source,
    )  # fmt: skip


def assemble(
    mol: Mol,
    chosen: tuple[Found, ...],
    reasons: Sequence[str],
    *,
    name: str | None,
    conformers: int,
    seed: int,
    given: tuple[Positions, ...] = (),
    order: tuple[int, ...] = (),
    source: Source | None = None,
) -> Ligand:
    """Return the ligand that *mol* is when the groups *chosen* bind."""
    from rdkit import Chem

    canonical = Chem.MolToSmiles(mol)
    full = Chem.AddHs(mol)
    Chem.Kekulize(full, clearAromaticFlags=False)
    place = order or tuple(range(full.GetNumAtoms()))
    bonds: list[tuple[int, int, float]] = []
    for bond in full.GetBonds():
        i, j = sorted((place[bond.GetBeginAtomIdx()], place[bond.GetEndAtomIdx()]))
        bonds.append((i, j, float(bond.GetBondTypeAsDouble())))
    others = [one for one in ranked(mol, find_groups(mol)) if one not in chosen]
    return Ligand(
        name=name or canonical,
        smiles=canonical,
        charge=Chem.GetFormalCharge(mol),
        cbc_class=classify(mol, chosen[0])[0],
        anchors=tuple(_anchor(one, place) for one in chosen),
        binds=takes_of(chosen),
        conformers=Conformers(mol, chosen[0].atoms, count=conformers, seed=seed, given=given, order=order),
        bonds=tuple(bonds),
        free_forms=free_forms(mol, chosen),
        source=source or Source(text="SMILES given by the user"),
        reasons=tuple(reasons),
        others=tuple(_anchor(one, place) for one in others),
    )


def _anchor(found: Found, place: Sequence[int]) -> Anchor:
    """Return the anchor of *found*, with the numbers that its atoms have in the geometries."""
    group = found.group
    return Anchor(
        name=group.name,
        atoms=tuple(sorted(place[i] for i in found.atoms)),
        smarts=group.smarts,
        takes=group.takes,
    )
