"""The table of groups that can bind a surface, and the search for them in a molecule.

Classes follow the covalent bond classification, by the electrons that the neutral ligand gives to the
bond: two from a lone pair (L: R2S, RSH, RCOOH, NR3), one (X: the radicals RS, RCOO, RSO3, halogen) or
none (Z: metal salts). An ammonium ion fills the site of a lattice cation and is counted as X as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from qdsurf.model.nouns import CbcClass, Takes

if TYPE_CHECKING:
    from rdkit.Chem import Mol

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
    cbc_class
        Covalent bond classification.
    takes
        Site that the group takes.
    """

    name: str
    smarts: str
    cbc_class: CbcClass
    takes: Takes


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


def _anion(name: str, smarts: str) -> Group:
    return Group(name=name, smarts=smarts, cbc_class="X", takes="anion site")


def _cation(name: str, smarts: str) -> Group:
    return Group(name=name, smarts=smarts, cbc_class="X", takes="cation site")


def _donor(name: str, smarts: str) -> Group:
    return Group(name=name, smarts=smarts, cbc_class="L", takes="on a cation")


# Ranked: where two patterns claim the same binding atom the earlier one keeps it, so that the sulfur
# atom of thiocyanate is not also a thiolate.
GROUPS: tuple[Group, ...] = (
    _anion("thiosulfate", "[SX1:1]~[$([SX4](~[OX1])(~[OX1])~[OX1]):9]"),
    _anion("thiocyanate", "[SX1:1]~[CX2:9]~[NX1]"),
    _anion("dithiocarbamate", "[SX1:1]~[$([CX3]([#7])([SX1-])=[SX1]):9]"),
    _anion("carboxylate", "[OX1:1]~[$([CX3]([OX1-])=[OX1]):9]"),
    _anion("phosphonate", "[OX1:1]~[$([PX4]([#6])([OX1-])[OX2H1,OX1-]):9]"),
    _anion("phosphinate", "[OX1:1]~[$([PX4]([#6])([#6])[OX1-]):9]"),
    _anion("phosphate", "[OX1:1]~[$([PX4]([OX2])(~[OX1,OX2])[OX1-]):9]"),
    _anion("sulfonate", "[OX1:1]~[$([SX4]([#6])(~[OX1])(~[OX1])[OX1-]):9]"),
    _anion("sulfate", "[OX1:1]~[$([SX4]([OX2])(~[OX1])(~[OX1])[OX1-]):9]"),
    _anion("thiolate", "[SX1-:1][#6]"),
    _anion("nitrate", "[OX1:1]~[$([NX3+](~[OX1])(~[OX1])[OX1-]):9]"),
    _anion("tetrafluoroborate", "[F:1]~[$([B-](F)(F)(F)F):9]"),
    _anion("halide", "[F-,Cl-,Br-,I-;X0:1]"),
    _anion("hydroxide", "[OX1H1-:1]"),
    _anion("sulfide", "[S-2,Se-2,Te-2;X0:1]"),
    _anion("hydrosulfide", "[SX1H1-:1]"),
    _anion("alkoxide", "[OX1-:1][#6;!$([#6]=[O,N,S])]"),
    _cation("guanidinium", "[CX3;$(C(=[NX3+])([NX3])[NX3]):1]"),
    _cation("amidinium", "[CX3;$(C(=[NX3+])[NX3]):1]"),
    _cation("ammonium", "[NX4H4+:1]"),
    _cation("primary ammonium", "[NX4H3+:1][#6]"),
    _cation("secondary ammonium", "[NX4H2+:1]([#6])[#6]"),
    _cation("tertiary ammonium", "[NX4H1+:1]([#6])([#6])[#6]"),
    _cation("quaternary ammonium", "[NX4H0+;!$([N+][O-]):1]"),
    _cation("phosphonium", "[PX4+;!$(P[O-,S-]):1]"),
    _cation("pyridinium", "[nX3+:1]"),
    _cation("metal cation", f"[{_METALS};+,+2,+3,+4;X0:1]"),
    Group(name="metal salt", smarts=f"[{_METALS};+0;!X0:1]", cbc_class="Z", takes="on an anion"),
    _donor("phosphine oxide", "[OX1:1]=[$([PX4]([#6])([#6])[#6]):9]"),
    _donor("phosphonic acid", "[OX1:1]=[$([PX4]([#6])[OX2H1]):9]"),
    _donor("sulfonic acid", "[OX1:1]=[$([SX4]([#6])(=O)(=O)[OX2H1]):9]"),
    _donor("carboxylic acid", "[OX1:1]=[$([CX3][OX2H1]):9]"),
    _donor("phosphine", "[PX3+0;!$(P=*);!$(P~[!#6]):1]"),
    # A lone pair next to C=O, C=S, C=N or S=O is given to that bond and does not bind.
    _donor("amine", "[NX3+0;!$(N[#6X3]=[O,S,N]);!$(N~[!#6]):1]"),
    _donor("pyridine", "[nX2+0:1]"),
    _donor("thiol", "[SX2H1:1][#6;!$([#6]=[O,S])]"),
    _donor("thioether", "[SX2H0:1]([#6;!$([#6]=[O,S])])[#6;!$([#6]=[O,S])]"),
    _donor("sulfoxide", "[OX1:1]=[$([SX3]([#6])[#6]):9]"),
    _donor("water", "[OX2H2:1]"),
    _donor("alcohol", "[OX2H1:1][#6;!$([#6]=[O,S])]"),
)


@cache
def pattern(smarts: str) -> Any:
    """Return the RDKit query of *smarts*, or None where it is not valid SMARTS."""
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        return Chem.MolFromSmarts(smarts)


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
    for group in GROUPS:
        query = pattern(group.smarts)
        maps = [atom.GetAtomMapNum() for atom in query.GetAtoms()]
        merged: dict[int, tuple[set[int], set[int]]] = {}
        for match in mol.GetSubstructMatches(query, uniquify=False, maxMatches=10000):
            binding = {index for index, number in zip(match, maps, strict=True) if number == 1}
            center = match[maps.index(9)] if 9 in maps else min(binding)
            atoms, whole = merged.setdefault(center, (set(), set()))
            atoms |= binding
            whole |= set(match)
        for atoms, whole in merged.values():
            if not atoms & claimed:
                found.append(Found(group=group, atoms=tuple(sorted(atoms)), whole=frozenset(whole)))
        claimed |= {index for one in found for index in one.atoms}
    return tuple(found)
