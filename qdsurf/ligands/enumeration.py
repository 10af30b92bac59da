"""All forms in which one molecule can bind: every end, every charge state that a surface can take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from qdsurf.errors import AnchorError, AskError
from qdsurf.ligands.choose import agree
from qdsurf.ligands.classes import group_charge
from qdsurf.ligands.groups import Found, basicity, find_groups, no_group, ranked
from qdsurf.ligands.protonation import (
    ANION_OF_ACID,
    BASES,
    acidic_atoms,
    acids_of,
    bases_of,
    gives_proton,
    neutralised,
    proton_donor,
    shift_protons,
)
from qdsurf.ligands.smiles import assemble, read_smiles
from qdsurf.model.nouns import Ligand

if TYPE_CHECKING:
    from rdkit.Chem import Mol

# Most anionic groups of one molecule that bind together, and most sets of protons that are looked at.
_MOST_ENDS = 4
_MOST_STATES = 2000
_ORDER = ("anion site", "pair", "cation site", "on a cation", "on an anion")


@dataclass(frozen=True)
class _Form:
    """A molecule in one charge state, and the groups that bind."""

    mol: Mol
    chosen: tuple[Found, ...]


def enumerate_forms(
    smiles: str, *, name: str | None = None, conformers: int = 8, seed: int = 0
) -> tuple[Ligand, ...]:
    """Return every form in which a molecule can bind, whatever its charge in *smiles*.

    Each acid may have lost its protons or not, each amine taken one up or not; each group may bind,
    several anionic ones together, or an anion with a cation. What is left free must be neutral or a
    stable zwitterion (its acid stronger than its ammonium by two units of pKa). A form fits the charge
    ledger: anionic ones have their negative charge, cationic ones their positive, the others none. Forms
    that the symmetry of the molecule makes equal are one.

    Parameters
    ----------
    smiles
        One molecule or ion, in any charge state.
    name
        Name of the molecule; a form is called ``name@group``. The SMILES where None.
    conformers, seed
        As for :func:`ligand_from_smiles`.

    Returns
    -------
    tuple of Ligand
        Anionic forms first, then zwitterions, cations, L- and Z-type; in each the one that binds by the
        strongest base first.

    Raises
    ------
    AskError
        The SMILES cannot be read.
    AnchorError
        Nothing can bind.

    Examples
    --------
    >>> for form in enumerate_forms("NCC(=O)O", name="glycine"):
    ...     print(form.name, form.charge, form.cbc_class, form.binds)
    glycine@carboxylate -1 X anion site
    glycine@carboxylate+primary-ammonium 0 X pair
    glycine@primary-ammonium 1 X cation site
    glycine@amine 0 L on a cation
    glycine@carboxylic-acid 0 L on a cation
    """
    mol = neutralised(read_smiles(smiles))
    unique: dict[tuple[str, str], _Form] = {}
    for form in _forms(mol):
        unique.setdefault(_key(form), form)
    if not unique:
        raise AnchorError(no_group(smiles))
    ligands: list[Ligand] = []
    taken: dict[str, int] = {}
    for form in sorted(unique.values(), key=_rank):
        reasons = [f"one of {len(unique)} forms of {smiles}"]
        chosen = agree(form.mol, form.chosen, reasons, smiles)
        label = f"{name or smiles}@{'+'.join(one.group.name.replace(' ', '-') for one in chosen)}"
        taken[label] = taken.get(label, 0) + 1
        label = label if taken[label] == 1 else f"{label}.{taken[label]}"
        ligands.append(assemble(form.mol, chosen, reasons, name=label, conformers=conformers, seed=seed))
    return tuple(ligands)


def _forms(mol: Mol) -> Iterator[_Form]:
    """Yield every form, equal ones more than once."""
    for state in _states(mol):
        found = find_groups(state)
        strong = [one for one in found if not one.group.weak] or list(found)
        anions = [one for one in found if one.group.takes == "anion site"]
        cations = [one for one in found if one.group.takes == "cation site"]
        donors = [one for one in strong if one.group.takes in ("on a cation", "on an anion")]
        for size in range(1, min(len(anions), _MOST_ENDS) + 1):
            for bound in combinations(anions, size):
                if len({one.whole for one in bound}) == size:
                    yield from _if_balanced(state, bound, anions, cations)
        for cation in cations:
            yield from _if_balanced(state, (cation,), anions, cations)
            for anion in anions:
                yield from _if_balanced(state, (anion, cation), anions, cations)
        for donor in donors:
            # An acid beside a zwitterion of the same molecule adds nothing that its neutral form has not.
            if not (cations and donor.group.name in ANION_OF_ACID):
                yield from _if_balanced(state, (donor,), anions, cations)
        for two in combinations(donors, 2):
            if two[0].group == two[1].group and two[0].group.name in BASES:
                yield from _if_balanced(state, two, anions, cations)


def _if_balanced(
    state: Mol, bound: tuple[Found, ...], anions: list[Found], cations: list[Found]
) -> Iterator[_Form]:
    """Yield the form if what is left free is neutral, or a stable zwitterion; a pair must be neutral."""
    whole = frozenset().union(*(one.whole for one in bound))
    left = [one for one in anions if not one.whole & whole]
    right = [one for one in cations if not one.whole & whole]
    if sum(_charge(state, one) for one in (*left, *right)) != 0:
        return
    if len({one.group.takes for one in bound}) == 2 and sum(_charge(state, one) for one in bound) != 0:
        return
    # The two ends of one ion are no two groups; of several free ones every pair must be stable.
    if all(gives_proton(basicity(state, one), _base_of(state, other)) for one in left for other in right):
        yield _Form(state, bound)


def _charge(state: Mol, one: Found) -> int:
    """Return the charge of a group; that of an amidinium sits on a neighbour of its binding atom."""
    if one.group.takes == "cation site":
        return max(1, group_charge(state, one))
    return group_charge(state, one)


def _base_of(state: Mol, cation: Found) -> float:
    """Return the pKa of *cation*; infinite where it has no proton to give."""
    donor = proton_donor(state, cation)
    if donor is None:
        return float("inf")
    base = shift_protons(state, {donor: -1})
    return max((basicity(base, one) for one in bases_of(base) if donor in one.atoms), default=0.0)


def _states(mol: Mol) -> Iterator[Mol]:
    """Yield *mol* with every set of protons taken from its acids and at most one given to its bases."""
    acids, bases = acids_of(mol), bases_of(mol)
    # An acid with two protons to give can give none, one or both.
    givers = [index for acid in acids for index in acidic_atoms(mol, acid)]
    taken = [()] + [set_of for size in range(1, _MOST_ENDS + 1) for set_of in combinations(givers, size)]
    if len(taken) * (len(bases) + 1) > _MOST_STATES:
        raise AskError(
            f"{len(acids)} acids and {len(bases)} amines have too many charge states; "
            "ligand_from_smiles makes one by name"
        )
    for lost in taken:
        for gained in (None, *bases):
            protons = dict.fromkeys(lost, -1)
            if gained is not None:
                protons[gained.atoms[0]] = 1
            yield shift_protons(mol, protons) if protons else mol


def _key(form: _Form) -> tuple[str, str]:
    """Return what is the same for forms that symmetry makes equal."""
    from rdkit import Chem

    marked = Chem.Mol(form.mol)
    for one in form.chosen:
        for index in one.atoms:
            marked.GetAtomWithIdx(index).SetAtomMapNum(1)
    names = sorted(one.group.name for one in form.chosen)
    return Chem.MolToSmiles(marked), "+".join(names)


def _rank(form: _Form) -> tuple[int, int, int, float]:
    """Return the place of a form in the list."""
    kinds = {one.group.takes for one in form.chosen}
    kind = "pair" if len(kinds) == 2 else form.chosen[0].group.takes
    first = ranked(form.mol, form.chosen)[0]
    charged = sum(atom.GetFormalCharge() != 0 for atom in form.mol.GetAtoms())
    return _ORDER.index(kind), len(form.chosen), charged, -basicity(form.mol, first)
