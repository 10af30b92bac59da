"""The molecules of a structure: each kind once, with its charge and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from qdsurf.validation.anatomy import Anatomy
from qdsurf.validation.findings import Finding, Level, where
from qdsurf.validation.graphs import Integers
from qdsurf.validation.lewis import FORMS, MOST_ATOMS, Lewis, lewis

# Kinds of molecules that are looked at one by one; an undamaged structure has a handful.
MOST_KINDS, NAMED_KINDS = 300, 4
NOT_JUDGED = "valences and charge were not looked at (too many atoms or kinds, or an element without rules)"
CHALCOGENS = frozenset(("O", "S", "Se", "Te"))
# A pair of chalcogen atoms longer than this multiple of the sum of covalent radii is a peroxide or
# disulfide ion (1.45 and 2.05 Å: 1.10 and 0.98), a shorter one O2 or S2 (1.21 and 1.89 Å: 0.92 and 0.90).
SINGLE_BOND = 0.96
# Forms that closed shells allow but that no ligand has: what is left when a hydrogen atom is missing.
UNLIKELY = {
    "[CX3]=[CX3]([O-])[O-]": "carbon next to a carboxylate",
    "[NX2-;!$(N~[#6X3,#16,#15,#7])]": "nitrogen",
    "[NX1-2]": "nitrogen",
}


@dataclass(frozen=True, eq=False)
class Kind:
    """Molecules with one connectivity.

    Attributes
    ----------
    name
        Name on the shelf of ligands, SMILES, or formula where the valences are wrong.
    formula
        Hill formula.
    charge
        Formal charge of one, in elementary charges.
    members
        (number, atoms) indices of the atoms of each, in no common order.
    heavy
        Number that kinds with the same heavy atoms and other hydrogens share.
    problems
        What is wrong with each of them, and the indices of these atoms in the first.
    """

    name: str
    formula: str
    charge: int
    members: Integers
    heavy: int
    problems: tuple[tuple[str, tuple[int, ...]], ...]


def find_kinds(anatomy: Anatomy) -> tuple[list[Kind], NDArray[np.float64]]:
    """Return the kinds of molecules and the formal charge of each of their atoms (0 for ions).

    Charge shared by equivalent atoms, such as the two of a carboxylate, is split between them.
    """
    charges = np.zeros(len(anatomy.symbols))
    inside = np.flatnonzero(anatomy.in_molecule)
    if len(inside) == 0:
        return [], charges
    colour = _colours(anatomy, anatomy.atoms.numbers.astype(np.uint64), anatomy.covalent)
    no_hydrogen = anatomy.symbols != "H"
    between = no_hydrogen[anatomy.pairs.i] & no_hydrogen[anatomy.pairs.j]
    skeleton = _colours(anatomy, anatomy.atoms.numbers.astype(np.uint64), anatomy.covalent & between)
    label = anatomy.molecules.label
    size = label.max() + 1
    identity = np.zeros(size, np.uint64)
    np.add.at(identity, label[inside], _mixed(colour[inside]))
    heavy = np.zeros(size, np.uint64)
    atoms = inside[no_hydrogen[inside]]
    np.add.at(heavy, label[atoms], _mixed(skeleton[atoms]))
    order = inside[np.argsort(label[inside], kind="stable")]
    numbers = np.unique(label[inside])
    first = np.searchsorted(label[order], numbers)
    kinds: list[Kind] = []
    _, place, which = np.unique(identity[numbers], return_index=True, return_inverse=True)
    bonds = _bonds_by_molecule(anatomy)
    for n in sorted(range(len(place)), key=lambda k: int(place[k])):
        of = np.flatnonzero(which == n)
        length = int(anatomy.molecules.sizes[numbers[of[0]]])
        members = order[first[of][:, None] + np.arange(length)]
        # those beyond the limit are named, not solved
        few = len(kinds) < MOST_KINDS
        found = _solve(anatomy, members[0], bonds[int(numbers[of[0]])]) if few else None
        if found is not None:
            colours = colour[members[0]]
            share = {c: float(np.mean(np.array(found.charges)[colours == c])) for c in set(colours.tolist())}
            charges[members] = np.vectorize(share.__getitem__)(colour[members])
        kinds.append(_kind(anatomy, members, int(heavy[numbers[of[0]]]), found, bonds[int(numbers[of[0]])]))
    return kinds, charges


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return well spread 64-bit numbers (the finaliser of splitmix64, doi:10.1145/2660193.2660195)."""
    z = values + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _colours(anatomy: Anatomy, start: NDArray[np.uint64], bonds: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Return a number for each atom that tells its surroundings (Weisfeiler and Leman's refinement)."""
    i, j = anatomy.pairs.i[bonds], anatomy.pairs.j[bonds]
    colour, classes = start, 0
    for _ in range(64):
        gathered = np.zeros(len(colour), np.uint64)
        spread = _mixed(colour)
        np.add.at(gathered, i, spread[j])
        np.add.at(gathered, j, spread[i])
        colour = _mixed(colour * np.uint64(3) + gathered)
        # once no class splits any further, more rounds tell nothing new
        if (number := len(np.unique(colour))) == classes:
            break
        classes = number
    return colour


def _bonds_by_molecule(anatomy: Anatomy) -> dict[int, list[tuple[int, int]]]:
    """Return the covalent bonds of each molecule by its number."""
    bonds: dict[int, list[tuple[int, int]]] = {}
    pairs = anatomy.pairs[anatomy.covalent]
    for i, j in zip(pairs.i.tolist(), pairs.j.tolist(), strict=True):
        bonds.setdefault(int(anatomy.molecules.label[i]), []).append((i, j))
    return bonds


def _solve(anatomy: Anatomy, members: Integers, bonds: list[tuple[int, int]]) -> Lewis | None:
    """Return the Lewis structure of one molecule, None where there is no rule for it."""
    symbols = anatomy.symbols[members].tolist()
    if len(members) > MOST_ATOMS or not set(symbols) <= set(FORMS):
        return None
    if len(bonds) == 1 and symbols[0] == symbols[1] and symbols[0] in CHALCOGENS:
        pair = np.flatnonzero(
            anatomy.covalent & (anatomy.pairs.i == bonds[0][0]) & (anatomy.pairs.j == bonds[0][1])
        )
        if anatomy.relative[pair[0]] > SINGLE_BOND:
            return Lewis(charges=(-1, -1), orders=(1,), lacking=(0, 0), excess=(0, 0))
    local = {int(a): n for n, a in enumerate(members)}
    return lewis(symbols, [(local[i], local[j]) for i, j in bonds])


def _kind(
    anatomy: Anatomy, members: Integers, heavy: int, found: Lewis | None, bonds: list[tuple[int, int]]
) -> Kind:
    """Name a kind and say what is wrong with it."""
    from ase.formula import Formula

    first = members[0]
    formula = Formula.from_list(anatomy.symbols[first].tolist()).format("hill")
    if found is None:
        return Kind(formula, formula, 0, members, heavy, ((NOT_JUDGED, ()),))
    problems = _wrong_valences(anatomy, first, found)
    name = formula
    if anatomy.molecules.rank[anatomy.molecules.label[first[0]]] > 0:
        name = f"{formula} (network)"
    elif not problems:
        name, problems = _sanitised(anatomy, first, found, bonds, formula)
    return Kind(name, formula, sum(found.charges), members, heavy, tuple(problems))


def _wrong_valences(anatomy: Anatomy, first: Integers, found: Lewis) -> list[tuple[str, tuple[int, ...]]]:
    """Return what is wrong with the valences of the atoms *first* of one molecule."""
    problems: dict[str, list[int]] = {}
    degree, metals = anatomy.degree, anatomy.beside_metal
    for atom, charge, lack, over in zip(
        first.tolist(), found.charges, found.lacking, found.excess, strict=True
    ):
        symbol, bonds = anatomy.symbols[atom], int(degree[atom])
        neighbours = f"{symbol} with {bonds} neighbour{'s' * (bonds != 1)}"
        if over:
            problems.setdefault(f"{neighbours} has {over} too many", []).append(atom)
        elif lack:
            problems.setdefault(f"{neighbours} lacks {lack} (a hydrogen atom, or a broken bond)", []).append(
                atom
            )
        elif symbol == "C" and charge and bonds > 1 and not metals[atom]:
            problems.setdefault(f"{neighbours} lacks one (a hydrogen atom, or a broken bond)", []).append(
                atom
            )
    return [(text, tuple(atoms)) for text, atoms in problems.items()]


def _sanitised(
    anatomy: Anatomy, first: Integers, found: Lewis, bonds: list[tuple[int, int]], formula: str
) -> tuple[str, list[tuple[str, tuple[int, ...]]]]:
    """Return the name of a molecule and the objections of RDKit."""
    from rdkit import Chem, rdBase

    mol = Chem.RWMol()
    local = {int(a): n for n, a in enumerate(first)}
    for atom, charge in zip(first.tolist(), found.charges, strict=True):
        added = Chem.Atom(str(anatomy.symbols[atom]))
        added.SetFormalCharge(charge)
        added.SetNoImplicit(True)
        mol.AddAtom(added)
    kinds = (Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE)
    for (i, j), order in zip(bonds, found.orders, strict=True):
        mol.AddBond(local[i], local[j], kinds[order - 1])
    with rdBase.BlockLogs():
        problems = [(p.Message(), ()) for p in Chem.DetectChemistryProblems(mol)]
        if problems:
            return formula, [(f"RDKit: {text}", atoms) for text, atoms in problems]
        Chem.SanitizeMol(mol)
        text = Chem.MolToSmiles(Chem.RemoveHs(mol))
        for smarts, what in UNLIKELY.items():
            match = mol.GetSubstructMatch(Chem.MolFromSmarts(smarts))
            if match:
                return text, [(f"the {what} lacks a hydrogen atom ({text})", (int(first[match[0]]),))]
    return shelf_names().get(text, text), []


@cache
def shelf_names() -> dict[str, str]:
    """Return the names of the shelf of ligands by canonical SMILES without stereochemistry."""
    from rdkit import Chem, rdBase

    from qdsurf.library import list_shelf, read_entry

    names: dict[str, str] = {}
    with rdBase.BlockLogs():
        for entry in list_shelf("ligands"):
            mol = Chem.MolFromSmiles(str(read_entry("ligands", entry).get("smiles", "")))
            if mol is not None:
                Chem.RemoveStereochemistry(mol)
                names.setdefault(Chem.MolToSmiles(mol), entry)
    return names


def check_molecules(anatomy: Anatomy, kinds: list[Kind], balanced: bool) -> list[Finding]:
    """Return what is wrong with the molecules, and which there are.

    Where the charges do not balance, a molecule in two states of protonation is a warning.
    """
    found = _problems(kinds)
    sound = [k for k in kinds if not k.problems]
    if sound:
        listed = ", ".join(f"{len(k.members)} {k.name} ({k.charge:+d})" for k in sound)
        found.append(Finding(level="note", code="molecules", message=listed))
    # beside broken molecules a comparison of the whole ones would tell nothing
    return found + (
        _lost_hydrogens(sound, "note" if balanced else "warning") if len(sound) == len(kinds) else []
    )


def _problems(kinds: list[Kind]) -> list[Finding]:
    """Return one finding for each thing that is wrong, whatever molecules have it."""
    having: dict[str, list[tuple[Kind, tuple[int, ...]]]] = {}
    for kind in kinds:
        for problem, atoms in kind.problems:
            having.setdefault(problem, []).append((kind, atoms or tuple(kind.members[0].tolist())))
    found = []
    for problem, of in having.items():
        number = sum(len(kind.members) for kind, _ in of)
        formulas = list(dict.fromkeys(kind.formula for kind, _ in of))
        named = ", ".join(formulas[:NAMED_KINDS]) + ", ..." * (len(formulas) > NAMED_KINDS)
        atoms = tuple(int(a) for _, some in of for a in some)
        first = " of the first of each" if number > len(of) else ""
        text = f"{number} molecule{'s' * (number > 1)} {named}: {problem}; {where(atoms)}{first}"
        level: Level = "warning" if problem == NOT_JUDGED else "error"
        found.append(Finding(level=level, code="molecule", message=text, atoms=atoms))
    return found


def _lost_hydrogens(kinds: list[Kind], level: Level) -> list[Finding]:
    """Return findings for kinds that differ from a more frequent one by hydrogen atoms alone."""
    groups: dict[int, list[Kind]] = {}
    for kind in kinds:
        groups.setdefault(kind.heavy, []).append(kind)
    found = []
    for group in groups.values():
        most, *fewer = sorted(group, key=lambda k: -len(k.members))
        for kind in fewer:
            change = _hydrogens(kind) - _hydrogens(most)
            if change == 0:
                continue
            text = (
                f"{len(kind.members)} {kind.name} ({kind.charge:+d}) beside {len(most.members)} {most.name} "
                f"({most.charge:+d}): the same molecule with {abs(change)} hydrogen "
                f"{'more' if change > 0 else 'less'}; {where(kind.members[0])}"
            )
            found.append(
                Finding(level=level, code="protonation", message=text, atoms=tuple(kind.members[0].tolist()))
            )
    return found


def _hydrogens(kind: Kind) -> int:
    from ase.formula import Formula

    return int(Counter(Formula(kind.formula).count()).get("H", 0))
