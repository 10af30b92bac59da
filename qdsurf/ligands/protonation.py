"""Charge states of a molecule: which group gives a proton, which takes it, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, get_args

from qdsurf.errors import AskError
from qdsurf.ligands.groups import BY_NAME, Found, find_groups

if TYPE_CHECKING:
    from rdkit.Chem import Mol

ChargeState = Literal["as written", "auto", "neutral", "anion", "dianion", "cation", "zwitterion"]

# Name of the anion that each acidic group becomes.
ANION_OF_ACID = {
    "carboxylic acid": "carboxylate",
    "sulfonic acid": "sulfonate",
    "phosphonic acid": "phosphonate",
    "phosphinic acid": "phosphinate",
    "phosphoric acid": "phosphate",
    "thiocarboxylic acid": "thiocarboxylate",
    "dithiocarbamic acid": "dithiocarbamate",
    "hydroxamic acid": "hydroxamate",
    "thiol": "thiolate",
    "selenol": "selenolate",
}
# Groups whose binding atom takes up a proton.
BASES = frozenset(
    {"amine", "pyridine", "imidazole", "azole", "amidine", "guanidine", "imine", "hydrazine", "phosphine"}
)
# An acid gives its proton to a base of the same molecule if its pKa is lower by at least this.
_MARGIN = 2.0


def check_state(state: str) -> None:
    """Refuse what is no charge state."""
    if state not in get_args(ChargeState):
        raise AskError(f"charge_state is {state!r}; allowed: {', '.join(map(repr, get_args(ChargeState)))}")


def shift_protons(mol: Mol, protons: dict[int, int]) -> Mol:
    """Return a copy of *mol* with protons added to, or taken from, atoms; the atom order is kept."""
    from rdkit import Chem

    new = Chem.RWMol(mol)
    for index, change in protons.items():
        atom = new.GetAtomWithIdx(index)
        hydrogens = atom.GetTotalNumHs() + change
        atom.SetFormalCharge(atom.GetFormalCharge() + change)
        atom.SetNoImplicit(True)
        atom.SetNumExplicitHs(hydrogens)
    Chem.SanitizeMol(new)
    return new.GetMol()


def acids_of(mol: Mol) -> list[Found]:
    """Return the acidic groups of *mol*."""
    return [one for one in find_groups(mol) if one.group.name in ANION_OF_ACID]


def bases_of(mol: Mol) -> list[Found]:
    """Return the groups of *mol* that take up a proton and stay at the surface as a cation."""
    return [one for one in find_groups(mol) if one.group.name in BASES]


def acidic_atoms(mol: Mol, acid: Found) -> tuple[int, ...]:
    """Return the atoms of an acidic group that carry a proton to give."""
    if acid.group.name in ("thiol", "selenol"):
        return acid.atoms
    center = next(iter(mol.GetAtomWithIdx(acid.atoms[0]).GetNeighbors()))
    shell = list(center.GetNeighbors())
    if acid.group.name == "hydroxamic acid":
        shell = [atom for near in shell if near.GetAtomicNum() == 7 for atom in near.GetNeighbors()]
    return tuple(a.GetIdx() for a in shell if a.GetAtomicNum() in (8, 16) and a.GetTotalNumHs())


def acidity(mol: Mol, acid: Found) -> float:
    """Return the rounded pKa of *acid*: that of its anion in the table, 6.6 for an aryl thiol."""
    if acid.group.name == "thiol" and any(
        near.GetIsAromatic() for near in mol.GetAtomWithIdx(acid.atoms[0]).GetNeighbors()
    ):
        return 6.6
    return BY_NAME[ANION_OF_ACID[acid.group.name]].basicity


def gives_proton(acid_pka: float, base_pka: float) -> bool:
    """Whether an acid hands its proton to a base of the same molecule.

    >>> gives_proton(4.8, 10.6), gives_proton(10.4, 10.6)
    (True, False)
    """
    return acid_pka + _MARGIN <= base_pka


def neutralised(mol: Mol) -> Mol:
    """Return *mol* with every group uncharged that a proton can make so.

    Cations without such a proton (quaternary ammonium) and anions of acids that do not exist as
    molecules at a surface (halide, tetrafluoroborate, thiocyanate) stay; so does the anion of a betaine.
    """
    from rdkit import Chem

    anions = set(ANION_OF_ACID.values())
    protons: dict[int, int] = {}
    permanent = 0
    for one in find_groups(mol):
        if one.group.name in anions:
            protons |= {i: -q for i in one.atoms if (q := mol.GetAtomWithIdx(i).GetFormalCharge()) < 0}
        elif one.group.takes == "cation site":
            donor = proton_donor(mol, one)
            if donor is None:
                permanent += 1
            else:
                protons[donor] = -1
    plain = shift_protons(mol, protons)
    for acid in sorted(acids_of(plain), key=lambda one: acidity(plain, one)):
        if permanent <= 0 or Chem.GetFormalCharge(plain) <= 0:
            break
        plain = shift_protons(plain, {acidic_atoms(plain, acid)[0]: -1})
    return plain


def proton_donor(mol: Mol, cation: Found) -> int | None:
    """Return the charged nitrogen or phosphorus atom of *cation* that carries a hydrogen atom, if any."""
    center = mol.GetAtomWithIdx(cation.atoms[0])
    for atom in (center, *center.GetNeighbors()):
        if atom.GetAtomicNum() in (7, 15) and atom.GetFormalCharge() > 0 and atom.GetTotalNumHs():
            return int(atom.GetIdx())
    return None


def equivalent(mol: Mol, groups: Sequence[Found]) -> bool:
    """Whether all *groups* are related by the symmetry of the molecule."""
    from rdkit import Chem

    ranks = list(Chem.CanonicalRankAtoms(mol, breakTies=False))
    return len({tuple(sorted(ranks[index] for index in one.atoms)) for one in groups}) == 1
