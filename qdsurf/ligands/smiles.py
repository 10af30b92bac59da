"""A ligand from a SMILES: which group binds, which class it has, which site it takes, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from qdsurf.errors import AnchorError, AskError
from qdsurf.ligands.conformers import Conformers
from qdsurf.ligands.forms import ANION_OF_ACID, acidic_atom, free_forms, remove_proton
from qdsurf.ligands.groups import GROUPS, Found, find_groups, pattern
from qdsurf.model.nouns import Anchor, Ligand, Source, Takes

if TYPE_CHECKING:
    from rdkit.Chem import Mol

ChargeState = Literal["as written", "auto"]
_CHOOSE = 'anchor="<SMARTS or group name>" chooses'


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
    anchor: str | Sequence[str] | None = None,
    charge_state: ChargeState = "as written",
    conformers: int = 8,
    seed: int = 0,
) -> Ligand:
    """Make a ligand from the SMILES of the form in which it binds.

    Parameters
    ----------
    smiles
        One molecule or ion, charged as at the surface.
    name
        Name of the ligand; the canonical SMILES where None.
    anchor
        SMARTS that holds the binding atoms, or the name of a group in ``GROUPS``; two for a zwitterion
        that takes a pair of sites. None where the molecule leaves one choice.
    charge_state
        "as written", or "auto": the one acidic group (COOH, SH, phosphonic or sulfonic acid) loses a
        proton; amines stay neutral.
    conformers
        Largest number of geometries in Å; rigid molecules give fewer.
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
    """
    from rdkit import Chem

    if charge_state not in ("as written", "auto"):
        raise AskError(f"charge_state is {charge_state!r}; allowed: 'as written', 'auto'")
    if conformers < 1:
        raise AskError(f"conformers is {conformers}; at least 1 is needed")
    mol = read_smiles(smiles)
    wanted = (anchor,) if isinstance(anchor, str) else tuple(anchor or ())
    reasons: list[str] = []
    if charge_state == "auto":
        mol, wanted = _deprotonate(mol, wanted, reasons, smiles)
    chosen = _choose(mol, wanted, reasons, smiles)
    group = chosen[0].group
    binds: Takes = "pair" if len(chosen) == 2 else group.takes
    canonical = Chem.MolToSmiles(mol)
    full = Chem.AddHs(mol)
    Chem.Kekulize(full, clearAromaticFlags=False)
    bonds = tuple(
        (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), float(bond.GetBondTypeAsDouble()))
        for bond in full.GetBonds()
    )
    return Ligand(
        name=name or canonical,
        smiles=canonical,
        charge=Chem.GetFormalCharge(mol),
        cbc_class=group.cbc_class,
        anchors=tuple(
            Anchor(name=one.group.name, atoms=one.atoms, smarts=one.group.smarts, takes=one.group.takes)
            for one in chosen
        ),
        binds=binds,
        conformers=Conformers(mol, chosen[0].atoms, count=conformers, seed=seed),
        bonds=bonds,
        free_forms=free_forms(mol, chosen),
        source=Source(text="SMILES given by the user"),
        reasons=tuple(reasons),
    )


def _deprotonate(
    mol: Mol, wanted: tuple[str, ...], reasons: list[str], smiles: str
) -> tuple[Mol, tuple[str, ...]]:
    """Take the proton of the one acidic group, or of the one that *wanted* names."""
    acids = [one for one in find_groups(mol) if one.group.name in ANION_OF_ACID]
    if len(wanted) == 1:
        acids = [
            one
            for one in acids
            if ANION_OF_ACID[one.group.name] == wanted[0] or _is_wanted(mol, one, wanted[0])
        ]
    if not wanted and any(one.group.takes == "anion site" for one in find_groups(mol)):
        reasons.append("already an anion: no proton was taken")
        return mol, wanted
    if len(acids) > 1 and not (wanted and _equivalent(mol, acids)):
        raise AnchorError(
            f"{smiles!r}: several groups can lose a proton: {', '.join(map(str, acids))}; {_CHOOSE}"
        )
    if any(one.group.name == "amine" for one in find_groups(mol)):
        reasons.append("amine left neutral: whether it takes up a proton depends on the acid around it")
    if not acids:
        return mol, wanted
    acid = acids[0]
    anion = ANION_OF_ACID[acid.group.name]
    reasons.append(f"{acid} gave its proton to the medium and binds as {anion}")
    return remove_proton(mol, acidic_atom(mol, acid)), (anion,) if wanted else ()


def _is_wanted(mol: Mol, found: Found, wanted: str) -> bool:
    """Whether *wanted*, a group name or a SMARTS, points at the group *found*."""
    if wanted == found.group.name:
        return True
    if any(wanted == group.name for group in GROUPS):
        return False
    query = pattern(wanted)
    if query is None:
        raise AnchorError(
            f"anchor {wanted!r} is neither valid SMARTS nor a group; "
            f"groups: {', '.join(group.name for group in GROUPS)}"
        )
    return any(
        set(found.atoms) & set(match) and found.whole >= set(match)
        for match in mol.GetSubstructMatches(query, uniquify=False)
    ) or any(set(found.atoms) <= set(match) for match in mol.GetSubstructMatches(query, uniquify=False))


def _choose(mol: Mol, wanted: tuple[str, ...], reasons: list[str], smiles: str) -> tuple[Found, ...]:
    """Return the group that binds, or the two of a zwitterion, anion first."""
    found = find_groups(mol)
    if not found:
        raise AnchorError(
            f"{smiles!r} has no group that can bind; these can: {', '.join(group.name for group in GROUPS)}"
        )
    if len(wanted) > 2:
        raise AnchorError(f"{smiles!r}: {len(wanted)} anchors given; one, or two for a pair of sites")
    if wanted:
        chosen = tuple(_one(mol, found, text, smiles) for text in wanted)
        reasons.extend(f"{one} was named as the anchor" for one in chosen)
    else:
        chosen = _unique(found, reasons, smiles)
    if len(chosen) == 2:
        chosen = tuple(sorted(chosen, key=lambda one: one.group.takes))
        if [one.group.takes for one in chosen] != ["anion site", "cation site"]:
            raise AnchorError(
                f"{smiles!r}: two anchors must be an anionic and a cationic group, not "
                f"{' and '.join(map(str, chosen))}"
            )
        reasons.append("a zwitterion: its X-type anion and its ammonium take a pair of sites")
    else:
        reasons.append(_why(chosen[0]))
    return chosen


def _why(chosen: Found) -> str:
    """Return why *chosen* has its class."""
    group = chosen.group
    if group.takes == "cation site":
        return f"class X: {group.name} is an ion that fills the site of a lattice cation"
    if group.cbc_class == "Z":
        return "class Z: the metal of a neutral salt takes two electrons from an anion of the surface"
    if group.name in ("sulfide", "thiosulfate"):
        return f"class X, twice: {group.name} makes two one-electron bonds (X2), charge -2"
    electrons = "two electrons" if group.cbc_class == "L" else "one electron"
    return f"class {group.cbc_class}: counted as a neutral ligand, {group.name} gives {electrons} to the bond"


def _one(mol: Mol, found: tuple[Found, ...], wanted: str, smiles: str) -> Found:
    """Return the one group that *wanted* points at; equivalent ones by symmetry count as one."""
    hits = [one for one in found if _is_wanted(mol, one, wanted)]
    listed = ", ".join(map(str, found))
    if not hits:
        raise AnchorError(f"{smiles!r}: anchor {wanted!r} is none of its groups: {listed}")
    if not _equivalent(mol, hits):
        raise AnchorError(
            f"{smiles!r}: anchor {wanted!r} fits {', '.join(map(str, hits))}; {_CHOOSE} if it fits one only"
        )
    return hits[0]


def _equivalent(mol: Mol, groups: Sequence[Found]) -> bool:
    """Whether all *groups* are related by the symmetry of the molecule."""
    from rdkit import Chem

    ranks = list(Chem.CanonicalRankAtoms(mol, breakTies=False))
    return len({tuple(sorted(ranks[index] for index in one.atoms)) for one in groups}) == 1


def _unique(found: tuple[Found, ...], reasons: list[str], smiles: str) -> tuple[Found, ...]:
    """Return the only possible choice: a charged group before neutral ones, both of a zwitterion."""
    anions = [one for one in found if one.group.takes == "anion site"]
    cations = [one for one in found if one.group.takes == "cation site"]
    candidates = anions + cations or list(found)
    if len(candidates) > 1 and not (len(anions) == len(cations) == 1):
        raise AnchorError(
            f"{smiles!r} can bind by {', '.join(map(str, candidates))}; {_CHOOSE} (atoms count from 0 in "
            "the order of the SMILES)"
        )
    free = [str(one) for one in found if one not in candidates]
    if free:
        reasons.append(f"the charged group binds; left free: {', '.join(free)}")
    return tuple(candidates)
