"""Ligands as candidates: which ends can bind, and what the molecule is like, before any target is known."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qdsurf.errors import AnchorError, AskError, QdsurfError, UnknownName
from qdsurf.library import list_shelf, read_entry
from qdsurf.rank.geometry import Shape, shape_of, stretched
from qdsurf.rank.hsab_tables import donor_group
from qdsurf.rank.softness import group_variant

if TYPE_CHECKING:
    from rdkit.Chem import Mol

    from qdsurf.ligands.groups import Found
    from qdsurf.model.nouns import Ligand, Takes

# Groups whose binding atoms are at most this many bonds apart reach the same or neighbouring ions.
REACH = 8
# A group touches a flat surface with three atoms at most.
_TRIPOD = 3
# Groups closer than this to the bound one are no other end of the molecule.
_FAR = 3


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
class End:
    """A group of the molecule that can bind.

    Attributes
    ----------
    group
        Name in ``donor_groups.toml``.
    family
        Name of the pattern that found it.
    charge
        Formal charge of the group in elementary charges.
    symbol
        Element of the first binding atom.
    """

    group: str
    family: str
    atoms: tuple[int, ...]
    takes: Takes
    charge: int
    symbol: str


@dataclass(frozen=True, kw_only=True)
class Option:
    """One way to bind: by which end, with which ends left for something else.

    Attributes
    ----------
    partner
        The cationic end of a zwitterion that binds beside the anionic one.
    far
        Ends that point away.
    denticity
        Binding atoms of the end, of like ends in reach, and of the partner.
    valence
        For a metal salt: charge of the metal in elementary charges.
    """

    near: End
    partner: End | None
    far: tuple[End, ...]
    denticity: int
    shape: Shape | None
    valence: int = 0

    @property
    def label(self) -> str:
        """Name of the binding group or groups."""
        return self.near.group if self.partner is None else f"{self.near.group} and {self.partner.group}"


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
    if given.ions:
        ions = " and ".join(ion.name for ion in given.ions)
        return Item(name=given.name, smiles=given.smiles, error=f"a salt of {ions}: rank its ions")
    return Item(name=given.name, smiles=given.smiles, anchors=tuple(anchor.name for anchor in given.anchors))


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
    ends = [_end(mol, one) for one in found]
    notes: list[str] = []
    made = None
    try:
        made = stretched(mol) if geometry else None
    except QdsurfError as error:
        notes.append(f"no geometry: length, footprint and dipole are unknown ({error})")
    chosen = _chosen(mol, ends, item)
    options = []
    for near, partner in _ways(chosen, bool(item.anchors)):
        shape = None if made is None else shape_of(made[0], near.atoms, made[1])
        options.extend(_options(mol, near, partner, ends, shape, fixed=bool(item.anchors)))
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


def _end(mol: Mol, one: Found) -> End:
    """Return the end that a group found in *mol* is."""
    near = set(one.atoms)
    for _ in range(2):
        near |= {n.GetIdx() for i in near for n in mol.GetAtomWithIdx(i).GetNeighbors()}
    return End(
        group=group_variant(one.group.name, mol, one.atoms),
        family=one.group.name,
        atoms=one.atoms,
        takes=one.group.takes,
        charge=sum(mol.GetAtomWithIdx(i).GetFormalCharge() for i in near),
        symbol=mol.GetAtomWithIdx(one.atoms[0]).GetSymbol(),
    )


def _chosen(mol: Mol, ends: Sequence[End], item: Item) -> list[End]:
    """Return the ends that the anchors of *item* name; all where it names none."""
    from qdsurf.ligands.groups import GROUPS, pattern

    if not item.anchors:
        return list(ends)
    picked: list[End] = []
    for text in item.anchors:
        if any(text == group.name for group in GROUPS):
            hits = [end for end in ends if end.family == text]
        else:
            query = pattern(text)
            if query is None:
                raise AnchorError(f"{item.name}: {text!r} is neither a group nor SMARTS")
            matches = [set(m) for m in mol.GetSubstructMatches(query, uniquify=False)]
            hits = [end for end in ends if any(set(end.atoms) & m for m in matches)]
        if not hits:
            raise AnchorError(f"{item.name}: its anchor {text!r} is no group of {item.smiles!r}")
        picked.append(hits[0])
    return picked


def _ways(ends: Sequence[End], fixed: bool) -> list[tuple[End, End | None]]:
    """Return each (near end, cationic partner) by which the molecule can bind."""
    anions = [end for end in ends if end.takes == "anion site"]
    cations = [end for end in ends if end.takes == "cation site"]
    if len(anions) == len(cations) == 1:
        pair: list[tuple[End, End | None]] = [(anions[0], cations[0])]
        return pair if fixed else pair + [(end, None) for end in ends if end.takes == "on a cation"]
    if fixed:
        return [(ends[0], None)]
    seen: set[tuple[str, int]] = set()
    ways: list[tuple[End, End | None]] = []
    for end in ends:
        if (end.group, len(end.atoms)) not in seen:
            seen.add((end.group, len(end.atoms)))
            ways.append((end, None))
    return ways


def _options(
    mol: Mol, near: End, partner: End | None, ends: Sequence[End], shape: Shape | None, *, fixed: bool
) -> list[Option]:
    """Return the option of *near*, and that of its other side where one ion has two kinds of donor."""
    from rdkit.Chem import GetDistanceMatrix

    bonds = GetDistanceMatrix(mol)

    def apart(one: End, other: End) -> float:
        return float(np.min(bonds[np.ix_(one.atoms, other.atoms)]))

    others = [end for end in ends if end.atoms != near.atoms]
    donors = ("anion site", "on a cation")
    other_side = _other_side(mol, near, others)
    like = [
        end
        for end in others
        if apart(near, end) <= REACH
        and (end.takes == near.takes or {end.takes, near.takes} <= set(donors))
        and end not in other_side
    ]
    denticity = sum(min(_TRIPOD, len(end.atoms)) for end in (near, *like))
    denticity += 0 if partner is None else 1
    far = [end for end in others if end is not partner and end not in other_side and apart(near, end) >= _FAR]
    valence = 0
    if near.family == "metal salt":
        bonded = mol.GetAtomWithIdx(near.atoms[0]).GetBonds()
        valence = round(sum(bond.GetBondTypeAsDouble() for bond in bonded))
    made = [
        Option(
            near=near,
            partner=partner,
            far=tuple(far + other_side),
            denticity=denticity,
            shape=shape,
            valence=valence,
        )
    ]
    if not fixed:
        made += [
            Option(near=end, partner=None, far=(near,), denticity=min(_TRIPOD, len(end.atoms)), shape=shape)
            for end in other_side
            if end not in ends
        ]
    return made


def _other_side(mol: Mol, near: End, others: Sequence[End]) -> list[End]:
    """Return the other donor of an ambidentate ion: O of thiosulfate, N of thiocyanate."""
    name = donor_group(near.group).get("far")
    if name is None:
        return []
    known = [end for end in others if end.group == name]
    if known:
        return known
    symbol = donor_group(name)["donor"]
    center = mol.GetAtomWithIdx(near.atoms[0]).GetNeighbors()[0]
    atoms = tuple(n.GetIdx() for n in center.GetNeighbors() if n.GetSymbol() == symbol)
    return [
        End(group=name, family=near.family, atoms=atoms, takes=near.takes, charge=near.charge, symbol=symbol)
    ]


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
