"""Ligands as candidates: what a molecule is like, before any target is known."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qdsurf.errors import AnchorError, AskError, QdsurfError, UnknownName
from qdsurf.library import list_shelf, read_entry
from qdsurf.rank.geometry import shape_of, stretched
from qdsurf.rank.ways import Option, chosen_ends, end_of, options_of, ways_of

if TYPE_CHECKING:
    from rdkit.Chem import Mol

    from qdsurf.model.nouns import Ligand


@dataclass(frozen=True, kw_only=True)
class Item:
    """A ligand to be ranked: SMILES of the bound form and, where they are chosen, its anchors.

    Attributes
    ----------
    anchors
        Names of groups or SMARTS; () leaves the choice to the ranking.
    error
        Why there is no molecule, "" where there is.
    """

    name: str
    smiles: str
    anchors: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A molecule with all its ways to bind.

    Attributes
    ----------
    charge
        Elementary charges.
    logp, molar_mass
        Crippen's log P, and g/mol.
    chain_length, ring_carbons
        Carbon atoms of the longest path outside rings, and those in rings.
    """

    name: str
    smiles: str
    charge: int
    options: tuple[Option, ...]
    logp: float
    molar_mass: float
    rotatable_bonds: int
    chain_length: int
    ring_carbons: int
    notes: tuple[str, ...] = ()


def shelf_names() -> dict[str, str]:
    """Return the names and aliases of the ligands of the shelf, in lower case, with the name of the entry."""
    names = list_shelf("ligands")
    aliases = {str(a).lower(): n for n in names for a in read_entry("ligands", n).get("aliases", [])}
    return {**aliases, **{name.lower(): name for name in names}}


def item_of(given: str | Ligand | Item, shelf: Mapping[str, str]) -> Item:
    """Return the item that a shelf name, SMILES ("CCO" or "CCO name") or Ligand is.

    Parameters
    ----------
    shelf
        What :func:`shelf_names` returns.
    """
    from qdsurf.ligands import load_ligand

    if isinstance(given, Item):
        return given
    if isinstance(given, str):
        text = given.strip()
        if text.lower() not in shelf:
            smiles, _, name = text.partition(" ")
            return Item(name=name.strip() or smiles, smiles=smiles)
        given = load_ligand(shelf[text.lower()])
        # A name says which molecule, not by which end; a Ligand keeps its anchors.
        anchors: tuple[str, ...] = ()
    else:
        anchors = tuple(anchor.name for anchor in given.anchors)
    if given.ions:
        ions = " and ".join(ion.name for ion in given.ions)
        return Item(name=given.name, smiles=given.smiles, error=f"a salt of {ions}: rank its ions")
    return Item(name=given.name, smiles=given.smiles, anchors=anchors)


def describe(item: Item, *, geometry: bool = True) -> Candidate | str:
    """Return the candidate of *item*, or why there is none; without *geometry* its shape stays unknown.

    Any error is turned into its message, so that one bad molecule of ten thousand stops nothing.
    """
    try:
        if item.error:
            return item.error
        return _describe(item, geometry)
    except QdsurfError as error:
        return str(error)
    except Exception as error:  # RDKit raises many types on strange molecules
        return f"{type(error).__name__}: {error}"


def _describe(item: Item, geometry: bool) -> Candidate:
    """Return the candidate of *item*."""
    from rdkit import Chem
    from rdkit.Chem import rdMolDescriptors

    from qdsurf.ligands.groups import find_groups
    from qdsurf.ligands.smiles import read_smiles

    if not item.smiles:
        raise AskError(f"{item.name!r} has no SMILES")
    try:
        mol = read_smiles(item.smiles)
    except AskError as error:
        # A misspelt name is no SMILES either; names that come near are more use than a parser's complaint.
        misspelt = UnknownName("ligand", item.smiles, list_shelf("ligands"))
        if misspelt.near and re.fullmatch(r"[\w,'-]+", item.smiles):
            raise misspelt from error
        raise
    found = find_groups(mol)
    if not found:
        raise AnchorError(f"{item.smiles!r} has no group that can bind")
    ends = [end_of(mol, one) for one in found]
    notes: list[str] = []
    made = None
    try:
        made = stretched(mol) if geometry else None
    except QdsurfError as error:
        notes.append(f"no geometry: length, footprint and dipole are unknown ({error})")
    chosen = chosen_ends(mol, ends, item.anchors, item.name)
    options = []
    for near, partner in ways_of(chosen, bool(item.anchors)):
        shape = None if made is None else shape_of(made[0], near.atoms, made[1])
        options.extend(options_of(mol, near, partner, ends, shape, fixed=bool(item.anchors)))
    return Candidate(
        name=item.name,
        smiles=item.smiles,
        charge=Chem.GetFormalCharge(mol),
        options=tuple(options),
        logp=round(float(rdMolDescriptors.CalcCrippenDescriptors(mol)[0]), 4),
        molar_mass=_mass(mol),
        rotatable_bonds=int(rdMolDescriptors.CalcNumRotatableBonds(mol)),
        chain_length=_chain(mol),
        ring_carbons=sum(atom.GetAtomicNum() == 6 and atom.IsInRing() for atom in mol.GetAtoms()),
        notes=tuple(notes),
    )


def _mass(mol: Mol) -> float:
    """Return the molar mass in g/mol, hydrogen atoms included."""
    from rdkit import Chem

    table = Chem.GetPeriodicTable()
    hydrogen = table.GetAtomicWeight(1)
    return round(float(sum(a.GetMass() + a.GetTotalNumHs() * hydrogen for a in mol.GetAtoms())), 4)


def _chain(mol: Mol) -> int:
    """Return the number of carbon atoms in the longest path outside rings."""
    links = {
        atom.GetIdx(): [n.GetIdx() for n in atom.GetNeighbors() if n.GetAtomicNum() == 6 and not n.IsInRing()]
        for atom in mol.GetAtoms()
        if atom.GetAtomicNum() == 6 and not atom.IsInRing()
    }

    def farthest(start: int) -> tuple[int, int]:
        last, steps, seen, edge = start, 0, {start}, [start]
        while edge:
            last, steps = edge[-1], steps + 1
            edge = [n for i in edge for n in links[i] if n not in seen]
            seen.update(edge)
        return last, steps

    return max((farthest(farthest(i)[0])[1] for i in links), default=0)
