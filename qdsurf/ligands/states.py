"""The charge state that was asked for, made from the molecule that was given, with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qdsurf.errors import AnchorError
from qdsurf.ligands.choose import BEST, CHOOSE, is_wanted
from qdsurf.ligands.groups import Found, basicity, find_groups
from qdsurf.ligands.protonation import (
    ANION_OF_ACID,
    ChargeState,
    acidic_atoms,
    acidity,
    acids_of,
    bases_of,
    equivalent,
    gives_proton,
    neutralised,
    shift_protons,
)

if TYPE_CHECKING:
    from rdkit.Chem import Mol

Wanted = tuple[str, ...]


def in_state(
    mol: Mol, state: ChargeState, wanted: Wanted, reasons: list[str], smiles: str
) -> tuple[Mol, Wanted]:
    """Return *mol* in the charge state *state*, and what binds it then; adds to *reasons*.

    Raises
    ------
    AnchorError
        The molecule has no such state, or several groups could make it and *wanted* does not choose.
    """
    if state == "as written":
        return mol, wanted
    if state == "auto":
        return _automatic(mol, wanted, reasons, smiles)
    plain = neutralised(mol)
    if state == "neutral":
        reasons.append("made neutral, as asked: every acid keeps its proton, every amine its lone pair")
        return plain, wanted
    if state == "cation":
        base = _one_of(plain, bases_of(plain), wanted, "can take up a proton", smiles)
        reasons.append(f"{base} took up a proton, as asked")
        return shift_protons(plain, {base.atoms[0]: 1}), ()
    acid = _one_of(plain, acids_of(plain), wanted, "can lose a proton", smiles)
    if state == "zwitterion":
        base = _one_of(plain, bases_of(plain), wanted, "can take up a proton", smiles)
        return _transfer(plain, acid, base, reasons, "as asked"), _anion_name(acid, wanted)
    return _anion(plain, acid, 2 if state == "dianion" else 1, reasons, smiles), _anion_name(acid, wanted)


def _automatic(mol: Mol, wanted: Wanted, reasons: list[str], smiles: str) -> tuple[Mol, Wanted]:
    """Take the proton of the one acidic group, or of the one that *wanted* names; give it to an amine."""
    acids = acids_of(mol)
    free = wanted in ((), (BEST,))
    if free and any(one.group.takes == "anion site" for one in find_groups(mol)):
        reasons.append("already an anion: no proton was taken")
        return mol, wanted
    bases = bases_of(mol)
    if not free:
        acids = [one for one in acids if _names(mol, one, wanted)]
    if not acids:
        if bases:
            reasons.append(
                "amine left neutral: whether it takes up a proton depends on the acid around it; "
                'charge_state="cation" makes the ammonium'
            )
        return mol, wanted
    acid = _one_of(mol, acids, wanted, "can lose a proton", smiles)
    base = max(bases, key=lambda one: basicity(mol, one), default=None)
    if base is not None and free and gives_proton(acidity(mol, acid), basicity(mol, base)):
        return _transfer(mol, acid, base, reasons, "the stronger base of the molecule"), wanted
    if base is not None:
        reasons.append(f"{base} left neutral: it is no stronger base than the anion, or it was not asked for")
    anion = ANION_OF_ACID[acid.group.name]
    reasons.append(f"{acid} gave its proton to the medium and binds as {anion}")
    return shift_protons(mol, {acidic_atoms(mol, acid)[0]: -1}), _anion_name(acid, wanted)


def _anion(mol: Mol, acid: Found, protons: int, reasons: list[str], smiles: str) -> Mol:
    """Return *mol* with one or two protons less: two of one acid, or one of each of two equal acids."""
    sites = list(acidic_atoms(mol, acid))
    if len(sites) < protons:
        same = [one for one in acids_of(mol) if one != acid and equivalent(mol, (acid, one))]
        sites += [index for one in same for index in acidic_atoms(mol, one)]
    if len(sites) < protons:
        raise AnchorError(f'{smiles!r}: {acid} has one proton to give; charge_state="anion" takes it')
    reasons.append(f"{acid} gave up {'two protons' if protons == 2 else 'its proton'}, as asked")
    return shift_protons(mol, dict.fromkeys(sites[:protons], -1))


def _transfer(mol: Mol, acid: Found, base: Found, reasons: list[str], why: str) -> Mol:
    """Return *mol* with the proton of *acid* on *base*."""
    reasons.append(
        f"a zwitterion: {acid} (pKa about {acidity(mol, acid):g}) gave its proton to {base} "
        f"(pKa about {basicity(mol, base):g}), {why}"
    )
    return shift_protons(mol, {acidic_atoms(mol, acid)[0]: -1, base.atoms[0]: 1})


def _one_of(mol: Mol, groups: list[Found], wanted: Wanted, what: str, smiles: str) -> Found:
    """Return the one of *groups* that is named, or the only one up to symmetry, or the strongest."""
    if not groups:
        raise AnchorError(f"{smiles!r} has no group that {what}")
    named = [one for one in groups if _names(mol, one, wanted)]
    left = named or groups
    if wanted == (BEST,):
        key = acidity if left[0].group.name in ANION_OF_ACID else lambda m, one: -basicity(m, one)
        return min(left, key=lambda one: key(mol, one))
    if not equivalent(mol, left):
        raise AnchorError(f"{smiles!r}: several groups {what}: {', '.join(map(str, left))}; {CHOOSE}")
    return left[0]


def _names(mol: Mol, one: Found, wanted: Wanted) -> bool:
    """Whether one of *wanted* points at the group, by the name of its ion too."""
    return any(
        ANION_OF_ACID.get(one.group.name) == text or is_wanted(mol, one, text)
        for text in wanted
        if text != BEST
    )


def _anion_name(acid: Found, wanted: Wanted) -> Wanted:
    """Return what binds after the proton is gone: the anion, if an anchor was named."""
    return (ANION_OF_ACID[acid.group.name],) if len(wanted) == 1 and wanted != (BEST,) else wanted
