"""The table of groups that can bind a surface, and the search for them in a molecule.

What a group does follows from the table; the class of a ligand is counted from the molecule itself, see
``qdsurf.ligands.classes``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from qdsurf.model.nouns import Takes

if TYPE_CHECKING:
    from rdkit.Chem import Mol

# pKa of the conjugate acid below which a neutral donor keeps no proton in water: measured in strong acids,
# and no order of what binds metal ions.
UNPROTONATED = 0.0
_METALS = "Li,Na,K,Rb,Cs,Mg,Ca,Sr,Ba,Zn,Cd,Hg,Pb,Sn,Ge,Cu,Ag,Mn,Fe,Co,Ni,Al,Ga,In,Tl,Bi,Sb,Sc,Y,La,Ce,Eu,Yb"
METALS = frozenset(_METALS.split(","))


@dataclass(frozen=True, kw_only=True)
class Group:
    """A rule: a pattern, and what a molecule that has it does at a surface.

    Attributes
    ----------
    name
        Chemical name of the group.
    smarts
        Pattern. Atoms with map number 1 bind; matches that share the atom with map number 9 are one
        group, such as the two oxygen atoms of a carboxylate.
    takes
        Site that the group takes.
    basicity
        Rounded pKa in water of the group with one proton more: the order in which the groups of one
        molecule are tried, and which of them gives its proton to which. Textbook values, recalled and
        not verified; an order, not an energy.
    weak
        Whether the group binds only where nothing better is there (ether, carbonyl, nitrile).
    """

    name: str
    smarts: str
    takes: Takes
    basicity: float
    weak: bool = False


@dataclass(frozen=True, kw_only=True)
class Found:
    """A group found in a molecule; *atoms* bind, *whole* also holds the rest of the pattern."""

    group: Group
    atoms: tuple[int, ...]
    whole: frozenset[int]

    def __str__(self) -> str:
        """Return the name of the group with the numbers of its binding atoms."""
        kind = "atom" if len(self.atoms) == 1 else "atoms"
        return f"{self.group.name} ({kind} {', '.join(map(str, self.atoms))})"


def _anion(name: str, basicity: float, smarts: str) -> Group:
    return Group(name=name, smarts=smarts, takes="anion site", basicity=basicity)


def _cation(name: str, smarts: str) -> Group:
    # A cation has no lone pair; its hydrogens or its size decide, and no pKa orders that.
    return Group(name=name, smarts=smarts, takes="cation site", basicity=0.0)


def _donor(name: str, basicity: float, smarts: str, *, weak: bool = False) -> Group:
    return Group(name=name, smarts=smarts, takes="on a cation", basicity=basicity, weak=weak)


# Where two patterns claim the same binding atom the earlier one keeps it, so that the sulfur atom of
# thiocyanate is not also a thiolate.
GROUPS: tuple[Group, ...] = (
    _anion("thiosulfate", 1.6, "[SX1:1]~[$([SX4](~[OX1])(~[OX1])~[OX1]):9]"),
    # HNCS is a strong acid; the sulfur end comes first because the ions of interest are soft or borderline.
    _anion("thiocyanate", -1.0, "[SX1:1]~[CX2:9]~[NX1]"),
    _anion("isothiocyanate", -1.1, "[NX1:1]~[CX2:9]~[SX1]"),
    _anion("selenocyanate", -1.0, "[SeX1:1]~[CX2:9]~[NX1]"),
    _anion("isoselenocyanate", -1.1, "[NX1:1]~[CX2:9]~[SeX1]"),
    _anion("cyanate", 3.5, "[NX1:1]~[CX2:9]~[OX1]"),
    _anion("azide", 4.7, "[NX1:1]~[$([NX2+](~[NX1])~[NX1]):9]"),
    _anion("cyanide", 9.2, "[CX1-:1]#[NX1]"),
    _anion("dithiocarbamate", 3.3, "[SX1:1]~[$([CX3]([#7])([SX1-])=[SX1]):9]"),
    _anion("xanthate", 1.6, "[SX1:1]~[$([CX3]([OX2])([SX1-])=[SX1]):9]"),
    _anion("trithiocarbonate", 2.7, "[SX1:1]~[$([CX3]([SX2])([SX1-])=[SX1]):9]"),
    _anion("dithiocarboxylate", 2.6, "[SX1:1]~[$([CX3]([#6])([SX1-])=[SX1]):9]"),
    _anion("thiocarboxylate", 3.3, "[O,S;X1:1]~[$([CX3]([SX1-])=[OX1]),$([CX3]([OX1-])=[SX1]):9]"),
    _anion("dithiophosphate", 1.6, "[SX1:1]~[$([PX4]([SX1-])(=[SX1])([OX2])[OX2]):9]"),
    _anion("dithiophosphinate", 1.7, "[SX1:1]~[$([PX4]([SX1-])(=[SX1])([#6])[#6]):9]"),
    _anion("carbonate", 6.4, "[OX1:1]~[$([CX3]([OX1-])(=[OX1])[OX1-,OX2H1]):9]"),
    _anion("carbamate", 5.0, "[OX1:1]~[$([CX3]([OX1-])(=[OX1])[NX3]):9]"),
    _anion("carboxylate", 4.8, "[OX1:1]~[$([CX3]([OX1-])=[OX1]):9]"),
    _anion("phosphonate", 2.4, "[OX1:1]~[$([PX4]([#6])([OX1-])[OX2,OX1-]):9]"),
    _anion("phosphinate", 3.1, "[OX1:1]~[$([PX4]([#6])([#6])[OX1-]):9]"),
    _anion("phosphate", 1.5, "[OX1:1]~[$([PX4](~[OX1,OX2])(~[OX1,OX2])(~[OX1,OX2])[OX1-]):9]"),
    _anion("sulfonate", -1.9, "[OX1:1]~[$([SX4]([#6])(~[OX1])(~[OX1])[OX1-]):9]"),
    _anion("sulfate", -3.0, "[OX1:1]~[$([SX4](~[OX1,OX2])(~[OX1])(~[OX1])[OX1-]):9]"),
    _anion("sulfinate", 2.0, "[OX1:1]~[$([SX3]([#6])(~[OX1])[OX1-]):9]"),
    _anion("chalcogenidometallate", 9.0, "[S,Se,Te;X1;-:1]~[Sn,Ge,As,Sb,In,Ga,Zn,Cd,Hg:9]"),
    _anion("selenolate", 5.9, "[SeX1-:1][#6]"),
    _anion("thiolate", 10.4, "[SX1-:1][#6]"),
    _anion("nitrate", -1.4, "[OX1:1]~[$([NX3+](~[OX1])(~[OX1])[OX1-]):9]"),
    _anion("nitrite", 3.3, "[OX1:1]~[$([NX2](~[OX1])[OX1-]):9]"),
    _anion("perchlorate", -10.0, "[OX1:1]~[$([Cl](~[OX1])(~[OX1])(~[OX1])[OX1-]):9]"),
    _anion("tetrafluoroborate", -10.0, "[F:1]~[$([B-](F)(F)(F)F):9]"),
    _anion("hexafluorophosphate", -10.0, "[F:1]~[$([P-](F)(F)(F)(F)(F)F):9]"),
    _anion("halide", -7.0, "[F-,Cl-,Br-,I-;X0:1]"),
    _anion("hydroxide", 15.7, "[OX1H1-:1]"),
    _anion("oxide", 30.0, "[O-2;X0:1]"),
    _anion("sulfide", 14.0, "[S-2,Se-2,Te-2;X0:1]"),
    _anion("hydrosulfide", 7.0, "[SX1H1-:1]"),
    _anion("hydroxamate", 8.8, "[OX1-:1][NX3][CX3:9]=[OX1:1]"),
    _anion("diketonate", 9.0, "[OX1:1]~[#6X3]~[$([#6X3](~[#6X3]~[OX1-])~[#6X3]=[OX1]):9]"),
    _anion("phenolate", 10.0, "[OX1-:1]c"),
    _anion("alkoxide", 16.0, "[OX1-:1][#6;!$([#6]=[O,N,S]);!$(C#N)]"),
    _anion("azolate", 12.0, "[nX2-:1]"),
    _anion("acetylide", 25.0, "[CX1-:1]#[CX2]"),
    _cation("guanidinium", "[CX3;$(C(=[NX3+])([NX3])[NX3]):1]"),
    _cation("amidinium", "[CX3;$(C(=[NX3+])[NX3]):1]"),
    _cation("imidazolium", "[cX3;r5;$(c([nX3+;!$(n[O-])])[nX3+0]):1]"),
    _cation("iminium", "[NX3+;$(N=[#6]);!$(N=C[NX3]):1]"),
    _cation("ammonium", "[NX4H4+:1]"),
    _cation("hydrazinium", "[NX4H3+:1][NX3]"),
    _cation("hydroxylammonium", "[NX4H3+:1][OX2]"),
    _cation("primary ammonium", "[NX4H3+:1][#6]"),
    _cation("secondary ammonium", "[NX4H2+:1]([#6])[#6]"),
    _cation("tertiary ammonium", "[NX4H1+:1]([#6])([#6])[#6]"),
    _cation("quaternary ammonium", "[NX4H0+;!$([N+][O-]):1]"),
    _cation("phosphonium", "[PX4+;!$(P[O-,S-]):1]"),
    _cation("sulfonium", "[SX3+;!$([S+][O-]):1]"),
    _cation("pyridinium", "[nX3+;!$(n[O-]);!$(n[cX3;r5][nX3+0]):1]"),
    _cation("metal cation", f"[{_METALS};+,+2,+3,+4;X0:1]"),
    Group(
        name="metal salt",
        smarts=f"[{_METALS};+0;!X0;!$(*~[S-,Se-,Te-]):1]",
        takes="on an anion",
        basicity=0.0,
    ),
    Group(name="borane", smarts="[BX3+0;!$(B[OX2H1]):1]", takes="on an anion", basicity=0.0),
    _donor("phosphine oxide", -0.5, "[OX1:1]=[$([PX4]([#6])([#6])[#6]):9]"),
    _donor("phosphine chalcogenide", -3.0, "[SX1,SeX1:1]=[$([PX4]([#6])([#6])[#6]):9]"),
    _donor("amine oxide", 4.7, "[OX1-:1][$([NX4+]),$([nX3+]):9]"),
    _donor("phosphinic acid", -3.0, "[OX1:1]=[$([PX4]([#6])([#6])[OX2H1]):9]"),
    _donor("phosphonic acid", -3.0, "[OX1:1]=[$([PX4]([#6])[OX2H1]):9]"),
    _donor("phosphoric acid", -3.0, "[OX1:1]=[$([PX4]([OX2])([OX2])[OX2H1]):9]"),
    _donor("phosphoryl", -3.0, "[OX1:1]=[$([PX4]([#6,OX2,NX3])([#6,OX2,NX3])[#6,OX2,NX3]):9]"),
    _donor("sulfonic acid", -9.0, "[OX1:1]=[$([SX4]([#6])(=O)(=O)[OX2H1]):9]"),
    _donor("dithiocarbamic acid", -4.0, "[SX1:1]=[$([CX3]([#7])[SX2H1]):9]"),
    _donor("thiocarboxylic acid", -6.0, "[OX1:1]=[$([CX3][SX2H1]):9]"),
    _donor("hydroxamic acid", -1.0, "[OX1:1]=[$([CX3][NX3][OX2H1]):9]"),
    _donor("carboxylic acid", -6.0, "[OX1:1]=[$([CX3][OX2H1]):9]"),
    _donor("phosphine", 8.7, "[PX3+0;!$(P=*);!$(P~[!#6]):1]"),
    _donor("phosphite", 3.0, "[PX3+0;$(P([OX2])([OX2])[OX2]):1]"),
    _donor("aminophosphine", 8.0, "[PX3+0;$(P([#6,NX3])([#6,NX3])[NX3]):1]"),
    _donor("carbene", 24.0, "[#6X2+0;$([#6X2]([#7])[#7]):1]"),
    # A lone pair next to C=O, C=S, C=N or S=O, or to C#N, is given to that bond and does not bind.
    _donor("amine", 10.6, "[NX3+0;!$(N[#6X3]=[O,S,N]);!$(NC#N);!$(N~[!#6]):1]"),
    _donor("hydrazine", 8.0, "[NX3+0;$(N[NX3]);!$(N[#6X3]=[O,S,N]);!$(NS=O):1]"),
    _donor("guanidine", 13.6, "[NX2+0:1]=[$([CX3]([NX3])[NX3]):9]"),
    _donor("amidine", 12.0, "[NX2+0:1]=[$([CX3][NX3]):9]"),
    _donor("imine", 7.0, "[NX2+0;$(N([#6])=[#6]),$([NH]=[#6]);!$(N=C=[O,S]):1]"),
    _donor("imidazole", 7.0, "[nX2+0;$([n;r5]1c[nX3+0]cc1):1]"),
    _donor("azole", 2.5, "[nX2+0;r5:1]"),
    _donor("pyridine", 5.2, "[nX2+0:1]"),
    _donor("selenol", -7.0, "[SeX2H1:1][#6]"),
    _donor("thiol", -7.0, "[SX2H1:1][#6;!$([#6]=[O,S])]"),
    _donor("selenoether", -6.5, "[SeX2H0:1]([#6])[#6]"),
    _donor("thioether", -6.5, "[SX2H0:1]([#6;!$([#6]=[O,S])])[#6;!$([#6]=[O,S])]"),
    _donor("thiocarbonyl", -1.0, "[SX1:1]=[#6X3]"),
    _donor("isocyanide", -5.0, "[CX1-:1]#[NX2+]"),
    _donor("sulfoxide", -1.5, "[OX1:1]=[$([SX3]([#6])[#6]):9]"),
    _donor("water", -1.7, "[OX2H2:1]"),
    _donor("phenol", -6.5, "[OX2H1:1]c"),
    _donor("alcohol", -2.2, "[OX2H1:1][#6;!$([#6]=[O,S])]"),
    _donor("amide", -0.5, "[OX1:1]=[$([#6X3][#7X3]):9]", weak=True),
    _donor("ester", -6.5, "[OX1:1]=[$([CX3][OX2H0]):9]", weak=True),
    _donor("carbonyl", -7.0, "[OX1:1]=[#6X3;!$([#6]=*=*)]", weak=True),
    _donor("ether", -3.5, "[OX2H0:1]([#6;!$([#6]=[O,S])])[#6;!$([#6]=[O,S])]", weak=True),
    _donor("nitrile", -10.0, "[NX1:1]#[CX2;$(C[#6,#7])]", weak=True),
    _donor("disulfide", -9.0, "[SX2H0:1]([#6])[SX2]", weak=True),
)
BY_NAME = {group.name: group for group in GROUPS}
COMMON = (
    "carboxylate, phosphonate, sulfonate, thiolate, thiocyanate, halide, ammonium, amidinium, guanidinium, "
    "metal salt, phosphine oxide, amine, pyridine, thiol, phosphine"
)


def no_group(smiles: str) -> str:
    """Return the message that nothing in *smiles* can bind."""
    return (
        f"{smiles!r} has no group that can bind; such as these can: {COMMON} "
        f"({len(GROUPS)} in qdsurf.ligands.GROUPS)"
    )


@cache
def pattern(smarts: str) -> Any:
    """Return the RDKit query of *smarts*, or None where it is not valid SMARTS."""
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        return Chem.MolFromSmarts(smarts)


@cache
def _compiled() -> tuple[tuple[Group, Any, tuple[int, ...]], ...]:
    """Return each group with its query and the map numbers of the query's atoms."""
    queries = [(group, pattern(group.smarts)) for group in GROUPS]
    return tuple((g, query, tuple(a.GetAtomMapNum() for a in query.GetAtoms())) for g, query in queries)


def matches_of(mol: Mol, query: Any, maps: tuple[int, ...]) -> list[tuple[set[int], set[int]]]:
    """Return (binding atoms, all atoms) of each match of *query*; those with one center are merged."""
    merged: dict[int, tuple[set[int], set[int]]] = {}
    for match in mol.GetSubstructMatches(query, uniquify=False, maxMatches=10000):
        binding = {index for index, number in zip(match, maps, strict=True) if number == 1}
        center = match[maps.index(9)] if 9 in maps else min(binding)
        atoms, whole = merged.setdefault(center, (set(), set()))
        atoms |= binding
        whole |= set(match)
    return list(merged.values())


def find_groups(mol: Mol) -> tuple[Found, ...]:
    """Return every group of *mol* that can bind, in the order of the table, each atom claimed once.

    Parameters
    ----------
    mol
        Molecule with implicit hydrogen atoms.

    Examples
    --------
    >>> from rdkit import Chem
    >>> [str(group) for group in find_groups(Chem.MolFromSmiles("[O-]C(=O)CN"))]
    ['carboxylate (atoms 0, 2)', 'amine (atom 4)']
    """
    found: list[Found] = []
    claimed: set[int] = set()
    for group, query, maps in _compiled():
        for atoms, whole in matches_of(mol, query, maps):
            if not atoms & claimed:
                found.append(Found(group=group, atoms=tuple(sorted(atoms)), whole=frozenset(whole)))
        claimed |= {index for one in found for index in one.atoms}
    return tuple(found)


def basicity(mol: Mol, found: Found) -> float:
    """Return the rounded pKa of *found* with one proton more; lower beside an aromatic ring.

    Thiophenol 6.6 and anilinium 4.6 in place of 10.4 and 10.6: textbook values, recalled, not verified.

    >>> from rdkit import Chem
    >>> aniline = Chem.MolFromSmiles("Nc1ccccc1")
    >>> basicity(aniline, find_groups(aniline)[0])
    4.6
    """
    atom = mol.GetAtomWithIdx(found.atoms[0])
    if any(near.GetIsAromatic() for near in atom.GetNeighbors()):
        return {"thiolate": 6.6, "amine": 4.6}.get(found.group.name, found.group.basicity)
    return found.group.basicity


def ranked(mol: Mol, groups: Iterable[Found]) -> tuple[Found, ...]:
    """Return *groups*, the one that is most likely to bind first.

    Charged ones come before neutral ones and these before weak donors; then the stronger base; then the
    less crowded one; then the order of the atoms. Neutral donors that water does not protonate (pKa of
    the conjugate acid below 0) come in the order of their softness before that of their pKa: the proton
    is the hardest of acids, and the metal ions of these surfaces are borderline or soft, so that a thiol
    binds before an alcohol.

    >>> from rdkit import Chem
    >>> both = Chem.MolFromSmiles("OCCS")
    >>> [str(one) for one in ranked(both, find_groups(both))]
    ['thiol (atom 3)', 'alcohol (atom 0)']
    """
    from qdsurf.ligands.softness import group_softness

    def key(one: Found) -> tuple[bool, bool, float, float, float, int, tuple[int, ...]]:
        neutral = one.group.takes in ("on a cation", "on an anion")
        crowd = {
            second.GetIdx()
            for index in one.atoms
            for first in mol.GetAtomWithIdx(index).GetNeighbors()
            for second in first.GetNeighbors()
        }
        base, floored = basicity(mol, one), neutral and not one.group.weak
        softness = group_softness(one.group.name) if floored and base < UNPROTONATED else 0.0
        floor = max(base, UNPROTONATED) if floored else base
        return neutral, one.group.weak, -floor, -softness, -base, len(crowd), one.atoms

    return tuple(sorted(groups, key=key))
