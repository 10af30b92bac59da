"""The ways in which a molecule can bind: by which end, with how many atoms, and what points away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qdsurf.errors import AnchorError
from qdsurf.rank.geometry import Shape
from qdsurf.rank.hsab_tables import donor_group
from qdsurf.rank.softness import group_variant

if TYPE_CHECKING:
    from rdkit.Chem import Mol

    from qdsurf.ligands.groups import Found
    from qdsurf.model.nouns import Takes

# Groups whose binding atoms are at most this many bonds apart reach the same or neighbouring ions.
REACH = 8
# A group touches a flat surface with three atoms at most.
_TRIPOD = 3
# Groups closer than this to the bound one are no other end of the molecule.
_FAR = 3


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


def end_of(mol: Mol, one: Found) -> End:
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


def chosen_ends(mol: Mol, ends: Sequence[End], anchors: Sequence[str], name: str) -> list[End]:
    """Return the ends that *anchors* of the ligand *name* say; all where there are none.

    Raises
    ------
    AnchorError
        An anchor that is neither a group nor SMARTS, or that the molecule has not.
    """
    from qdsurf.ligands.groups import GROUPS, pattern

    if not anchors:
        return list(ends)
    picked: list[End] = []
    for text in anchors:
        if any(text == group.name for group in GROUPS):
            hits = [end for end in ends if end.family == text]
        else:
            query = pattern(text)
            if query is None:
                raise AnchorError(f"{name}: {text!r} is neither a group nor SMARTS")
            matches = [set(m) for m in mol.GetSubstructMatches(query, uniquify=False)]
            hits = [end for end in ends if any(set(end.atoms) & m for m in matches)]
        if not hits:
            raise AnchorError(f"{name}: its anchor {text!r} is no group of it")
        picked.append(hits[0])
    return picked


def ways_of(ends: Sequence[End], fixed: bool) -> list[tuple[End, End | None]]:
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


def options_of(
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
    bent = bool(other_side) and _bent(mol, near)
    like = [
        end
        for end in others
        if apart(near, end) <= REACH
        and (end.takes == near.takes or {end.takes, near.takes} <= set(donors))
        and end not in other_side
    ]
    denticity = sum(min(_TRIPOD, len(end.atoms)) for end in (near, *like))
    denticity += int(partner is not None) + int(bent)
    far = [end for end in others if end is not partner and end not in other_side and apart(near, end) >= _FAR]
    made = [
        Option(
            near=near,
            partner=partner,
            far=tuple(far + other_side),
            denticity=denticity,
            shape=shape,
            valence=_valence(mol, near),
        )
    ]
    if not fixed:
        made += [
            Option(
                near=end,
                partner=None,
                far=(near,),
                shape=shape,
                denticity=min(_TRIPOD, len(end.atoms) + int(bent)),
            )
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


def _valence(mol: Mol, near: End) -> int:
    """Return the charge of the metal of a salt in elementary charges; 0 for any other end."""
    if near.family != "metal salt":
        return 0
    bonded = mol.GetAtomWithIdx(near.atoms[0]).GetBonds()
    return int(sum(bond.GetBondTypeAsDouble() for bond in bonded) + 0.5)


def _bent(mol: Mol, near: End) -> bool:
    """Tell whether the other donor of an ion reaches beside *near*: O of thiosulfate does, N of SCN- not."""
    return bool(mol.GetAtomWithIdx(near.atoms[0]).GetNeighbors()[0].GetDegree() > 2)
