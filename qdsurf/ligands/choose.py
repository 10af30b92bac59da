"""Which group of a molecule binds: the one named, the only one, or the best one; never by accident."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from qdsurf.errors import AnchorError
from qdsurf.ligands.classes import classify, lone_electrons
from qdsurf.ligands.groups import (
    BY_NAME,
    COMMON,
    Found,
    Group,
    find_groups,
    matches_of,
    no_group,
    pattern,
    ranked,
)
from qdsurf.ligands.protonation import equivalent

if TYPE_CHECKING:
    from rdkit.Chem import Mol

    from qdsurf.model.nouns import Takes

BEST = "best"
CHOOSE = 'anchor="<SMARTS or group name>" (--anchor) chooses'


def choose(mol: Mol, wanted: tuple[str, ...], reasons: list[str], smiles: str) -> tuple[Found, ...]:
    """Return the groups that bind: one, an anion and a cation, or several of one kind; adds to *reasons*.

    Raises
    ------
    AnchorError
        Nothing can bind, or several groups can and *wanted* does not choose.
    """
    found = find_groups(mol)
    if wanted and wanted != (BEST,):
        chosen = tuple(_one(mol, found, text, smiles) for text in wanted)
        if len(wanted) > 1 and len(set(wanted)) == 1:
            chosen = _alike(mol, found, wanted, smiles)
        reasons.extend(f"{one} was named as the anchor" for one in chosen)
    elif not found:
        raise AnchorError(no_group(smiles))
    else:
        chosen = _unique(mol, found, reasons, smiles, best=wanted == (BEST,))
    return agree(mol, chosen, reasons, smiles)


def agree(mol: Mol, chosen: tuple[Found, ...], reasons: list[str], smiles: str) -> tuple[Found, ...]:
    """Return *chosen*, anion first, if these groups can bind together; says why in *reasons*."""
    kinds = {one.group.takes for one in chosen}
    if len(chosen) > 1 and len(kinds) > 1:
        chosen = tuple(sorted(chosen, key=lambda one: one.group.takes))
        if [one.group.takes for one in chosen] != ["anion site", "cation site"]:
            raise AnchorError(
                f"{smiles!r}: several anchors must be of one kind, or an anionic and a cationic group, not "
                f"{' and '.join(map(str, chosen))}"
            )
        reasons.append("a zwitterion: its X-type anion and its ammonium take a pair of sites")
        return chosen
    reasons.append(classify(mol, chosen[0])[1])
    if len(chosen) > 1:
        reasons.append(f"{len(chosen)} groups bind, at a site each")
    return chosen


def takes_of(chosen: tuple[Found, ...]) -> Takes:
    """Return the site that *chosen* takes."""
    return "pair" if len({one.group.takes for one in chosen}) == 2 else chosen[0].group.takes


def is_wanted(mol: Mol, found: Found, wanted: str) -> bool:
    """Whether *wanted*, a group name or a SMARTS, points at the group *found*."""
    if wanted in BY_NAME:
        return wanted == found.group.name
    query = pattern(wanted)
    if query is None:
        raise AnchorError(
            f"anchor {wanted!r} is neither valid SMARTS nor a group, such as {COMMON}, or {BEST!r}"
        )
    hits = [set(match) for match in mol.GetSubstructMatches(query, uniquify=False)]
    return any(set(found.atoms) & hit and found.whole >= hit for hit in hits) or any(
        set(found.atoms) <= hit for hit in hits
    )


def _one(mol: Mol, found: tuple[Found, ...], wanted: str, smiles: str) -> Found:
    """Return the one group that *wanted* points at; equivalent ones by symmetry count as one."""
    listed = ", ".join(map(str, found)) or "none"
    if wanted not in BY_NAME and pattern(wanted) is None:
        raise AnchorError(
            f"{smiles!r}: anchor {wanted!r} is neither a group of the table nor valid SMARTS; its groups: "
            f"{listed}"
        )
    hits = _without_other_end(one for one in found if is_wanted(mol, one, wanted))
    if not hits:
        own = _custom(mol, wanted)
        if own is None:
            raise AnchorError(f"{smiles!r}: anchor {wanted!r} is none of its groups: {listed}")
        return own
    if not equivalent(mol, hits):
        raise AnchorError(
            f"{smiles!r}: anchor {wanted!r} fits {', '.join(map(str, hits))}; {CHOOSE} if it fits one only"
        )
    return hits[0]


def _alike(mol: Mol, found: tuple[Found, ...], wanted: tuple[str, ...], smiles: str) -> tuple[Found, ...]:
    """Return as many groups as one name was given times."""
    hits = [one for one in found if is_wanted(mol, one, wanted[0])]
    if len(hits) != len(wanted):
        raise AnchorError(f"{smiles!r}: anchor {wanted[0]!r} fits {len(hits)} groups, not {len(wanted)}")
    return tuple(hits)


def _custom(mol: Mol, wanted: str) -> Found | None:
    """Return the group that a SMARTS outside the table describes, if its atoms can bind.

    Atoms with map number 1 bind, or those with a lone pair where none is numbered.
    """
    query = None if wanted in BY_NAME else pattern(wanted)
    if query is None or not mol.HasSubstructMatch(query):
        return None
    maps = tuple(atom.GetAtomMapNum() for atom in query.GetAtoms())
    if 1 in maps:
        atoms, whole = matches_of(mol, query, maps)[0]
    else:
        whole = set(mol.GetSubstructMatch(query))
        atoms = {index for index in whole if lone_electrons(mol, index) >= 2}
    if not atoms:
        return None
    charge = sum(mol.GetAtomWithIdx(index).GetFormalCharge() for index in whole)
    takes: Takes = "anion site" if charge < 0 else "cation site" if charge > 0 else "on a cation"
    group = Group(name="custom", smarts=wanted, takes=takes, basicity=0.0)
    return Found(group=group, atoms=tuple(sorted(atoms)), whole=frozenset(whole))


def _unique(
    mol: Mol, found: tuple[Found, ...], reasons: list[str], smiles: str, *, best: bool
) -> tuple[Found, ...]:
    """Return the only possible choice: charged groups first, both of a zwitterion, weak donors last."""
    from rdkit import Chem

    anions = [one for one in found if one.group.takes == "anion site"]
    cations = [one for one in found if one.group.takes == "cation site"]
    anions = _without_other_end(anions)
    neutral = [one for one in found if not one.group.weak]
    candidates = anions + cations or neutral or list(found)
    charge = Chem.GetFormalCharge(mol)
    if charge and not anions + cations:
        raise AnchorError(
            f"{smiles!r} has charge {charge:+d}, but none of its charged atoms can bind; it has "
            f"{', '.join(map(str, found))}"
        )
    if best:
        candidates = _best(mol, anions, cations, candidates, charge)
    elif len(candidates) > 1 and not (len(anions) == len(cations) == 1):
        raise AnchorError(
            f"{smiles!r} can bind by {', '.join(map(str, candidates))}; {CHOOSE}, or "
            f'anchor="{BEST}" takes the first of its ranking (atoms count from 0 in the order of the SMILES)'
        )
    free = [str(one) for one in ranked(mol, found) if one not in candidates]
    if free and best:
        order = "charged, then the stronger base, of very weak bases the softer"
        reasons.append(f"the first in rank binds ({order}); left: {', '.join(free)}")
    elif free:
        kind = "charged group" if anions + cations else "stronger donor"
        reasons.append(f"the {kind} binds; left free: {', '.join(free)}")
    return tuple(candidates)


def _best(
    mol: Mol, anions: list[Found], cations: list[Found], candidates: list[Found], charge: int
) -> list[Found]:
    """Return the first in rank: an anion of an anion, a cation of a cation, one of each of a zwitterion."""
    if anions and cations and charge == 0:
        return [ranked(mol, anions)[0], ranked(mol, cations)[0]]
    if anions and cations:
        candidates = anions if charge < 0 else cations
    return [ranked(mol, candidates)[0]]


def _without_other_end(anions: Iterable[Found]) -> list[Found]:
    """Return *anions* without the second end of one ion: thiocyanate binds by sulfur unless asked."""
    centers: set[frozenset[int]] = set()
    kept = []
    for one in anions:
        if one.whole not in centers or len(one.whole) == 1:
            kept.append(one)
        centers.add(one.whole)
    return kept
