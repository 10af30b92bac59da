"""Net formal charge of a structure, and what would make it neutral."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qdsurf.crystals import COMMON_CHARGES
from qdsurf.validation.anatomy import Anatomy
from qdsurf.validation.findings import Finding, Level, where
from qdsurf.validation.graphs import Integers
from qdsurf.validation.molecules import Kind

# Other oxidation states that are common in solids (any textbook of inorganic chemistry), looked at
# where the usual ones do not balance.
OTHER_CHARGES: Mapping[str, tuple[int, ...]] = {
    "Sn": (4,), "Pb": (4,), "Ge": (4,), "Ti": (3, 2), "In": (1,), "Bi": (5,), "Ag": (2,), "Hg": (1,),
    "Mn": (2, 3, 4), "Fe": (2, 3), "Co": (2, 3), "Ni": (2,), "Cu": (1, 2), "Cr": (3, 2, 6), "V": (3, 4, 5),
    "Yb": (3, 2), "Eu": (2, 3), "Sm": (3, 2), "Ce": (3, 4), "Tl": (1, 3), "Sb": (3, 5), "Mo": (4, 6),
    "W": (4, 6), "Au": (1, 3), "Pt": (2, 4), "Pd": (2,), "Nb": (5,), "Ta": (5,), "C": (-4,), "H": (-1, 1),
    "Nd": (3,), "Gd": (3,), "Tb": (3,), "Dy": (3,), "Ho": (3,), "Er": (3,), "Tm": (3,), "Lu": (3,),
    "Pr": (3,),
}  # fmt: skip
FEW = 4


@dataclass(frozen=True, eq=False)
class Count:
    """Formal charges of a structure.

    Attributes
    ----------
    atoms
        Formal charge of each atom; 0 for ions of unknown charge.
    species
        Charge by element of the ions.
    unknown
        Elements of ions whose charge is not known.
    stated
        Elements whose charge was given rather than taken from the table.
    net
        Sum, in elementary charges.
    """

    atoms: NDArray[np.float64]
    species: Mapping[str, int]
    unknown: tuple[str, ...]
    stated: frozenset[str]
    net: int


def count_charges(
    anatomy: Anatomy,
    kinds: list[Kind],
    in_molecules: NDArray[np.float64],
    known: Mapping[str, int],
    electrons: int,
) -> Count:
    """Return the formal charges: ions by *known* and the table of common charges, metals 0."""
    table = {**COMMON_CHARGES, **known}
    elements = sorted(set(anatomy.symbols[anatomy.ion].tolist()))
    atoms = in_molecules.copy()
    hydride = anatomy.ion & (anatomy.symbols == "H") & anatomy.beside_metal
    if hydride.any() and (anatomy.symbols[anatomy.ion] == "H").sum() == hydride.sum():
        table.setdefault("H", -1)
    species = {e: table[e] for e in elements if e in table}
    for element, charge in species.items():
        atoms[anatomy.ion & (anatomy.symbols == element)] = charge
    unknown = tuple(e for e in elements if e not in table)
    total = sum(k.charge * len(k.members) for k in kinds) + atoms[anatomy.ion].sum()
    return Count(atoms, species, unknown, frozenset(known), round(float(total)) - electrons)


def check_charge(anatomy: Anatomy, kinds: list[Kind], count: Count, declared: int | None) -> list[Finding]:
    """Return what is known of the net charge, and what would make it as it should be."""
    found = _unknown(anatomy, count, declared or 0)
    if anatomy.metallic.any():
        metals = ", ".join(sorted(set(anatomy.symbols[anatomy.metallic].tolist())))
        text = f"{int(anatomy.metallic.sum())} atoms of {metals} are a metal and count as neutral"
        found.append(Finding(level="note", code="metal", message=text))
    if count.unknown:
        return found
    wanted = declared or 0
    ledger = ", ".join(_ledger(anatomy, kinds, count))
    if count.net == wanted:
        said = "neutral" if wanted == 0 else f"net formal charge {wanted:+d}, as the structure says itself"
        return [*found, Finding(level="note", code="charge", message=f"{said}: {ledger}")]
    asked = f" (the structure says {declared:+d})" if declared else ""
    text = f"net formal charge {count.net:+d}{asked}: {ledger}"
    level: Level = "error"
    other = _other_state(anatomy, count, wanted)
    if anatomy.metallic.any():
        level, text = "note", f"{text}; beside a metal formal charges say little: it takes up the difference"
    elif other:
        level, text = "warning", f"{text}; it would balance with {other}: give charges= if it is so"
    else:
        text = f"{text}. To mend it: {mend(anatomy, kinds, count, wanted)}"
    return [*found, Finding(level=level, code="charge", message=text)]


def _ledger(anatomy: Anatomy, kinds: list[Kind], count: Count) -> list[str]:
    """Return "512 Cs(+1)" for each ion and molecule."""
    ions = [
        f"{int((anatomy.ion & (anatomy.symbols == e)).sum())} {e}({q:+d})" for e, q in count.species.items()
    ]
    return ions + [f"{len(k.members)} {k.name}({k.charge:+d})" for k in kinds]


def _unknown(anatomy: Anatomy, count: Count, wanted: int) -> list[Finding]:
    """Return a finding for ions without a known charge, with the charge that would balance."""
    if not count.unknown:
        return []
    atoms = np.flatnonzero(anatomy.ion & np.isin(anatomy.symbols, count.unknown))
    names = ", ".join(count.unknown)
    text = f"no formal charge is known for {names} ({where(atoms)})"
    level: Level = "warning"
    if len(count.unknown) == 1:
        each = (wanted - count.net) / len(atoms)
        if each in OTHER_CHARGES.get(names, ()):
            level, text = "note", f"{text}; the structure is neutral if it is {each:+.0f}"
        else:
            text = f"{text}; the rest has net charge {count.net:+d}, so each would have to be {each:+.2f}"
    text += f"; to say it: charges={{{', '.join(f'{e!r}: ...' for e in count.unknown)}}}"
    return [Finding(level=level, code="unknown-charge", message=text, atoms=tuple(atoms.tolist()))]


def _other_state(anatomy: Anatomy, count: Count, wanted: int) -> str:
    """Return "Sn(+4)" where one other oxidation state of one element balances the charge.

    In small slabs and dots a sum can balance by chance, so four ions at least must agree.
    """
    for element, charge in count.species.items():
        number = int((anatomy.ion & (anatomy.symbols == element)).sum())
        for other in () if element in count.stated else OTHER_CHARGES.get(element, ()):
            if count.net + number * (other - charge) == wanted and (number >= FEW or anatomy.dimensions == 3):
                return f"{element}({other:+d})"
    return ""


def mend(anatomy: Anatomy, kinds: list[Kind], count: Count, wanted: int) -> str:
    """Return what to remove or to add, in words."""
    surplus = count.net - wanted
    sign = 1 if surplus > 0 else -1
    numbers = {e: int((anatomy.ion & (anatomy.symbols == e)).sum()) for e in count.species}
    charges = dict(count.species) | {k.name: k.charge for k in kinds if not k.problems}
    numbers |= {k.name: len(k.members) for k in kinds}
    ways = _protonate(kinds, surplus)
    for species in sorted(charges, key=lambda s: (abs(charges[s]), -numbers[s])):
        charge = charges[species]
        each, rest = divmod(abs(surplus), abs(charge)) if charge else (0, 1)
        if rest or each == 0:
            continue
        if charge * sign > 0 and each < numbers[species]:
            least = _least_bound(anatomy, species, each)
            ways.append(f"remove {each} of {numbers[species]} {species}({charge:+d}){least}")
        elif charge * sign < 0:
            ways.append(f"add {each} {species}({charge:+d})")
    if not any(abs(charges[s]) == 1 for s in charges):
        cap = "X-type caps such as chloride or a carboxylate (-1)" if sign > 0 else "cations such as Na(+1)"
        ways.append(f"add {abs(surplus)} {cap}")
    both = "; on a slab, half on each face" if anatomy.dimensions == 2 and surplus % 2 == 0 else ""
    return (", or ".join(ways) or "change the number of ions") + both


def _least_bound(anatomy: Anatomy, species: str, number: int) -> str:
    """Return the ions of an element with the fewest counter-ions, in words; "" for molecules."""
    ions = np.flatnonzero(anatomy.ion & (anatomy.symbols == species))
    if len(ions) == 0:
        return ""
    bound: Integers = anatomy.pairs.counts(anatomy.ionic, len(anatomy.symbols))[ions]
    chosen = ions[np.argsort(bound, kind="stable")][:number]
    return f" (the least bound: {where(chosen)})"


def _protonate(kinds: list[Kind], surplus: int) -> list[str]:
    """Return the amines that as many protons would turn into the ammonium ions that are missing."""
    lack = [k for k in kinds if k.charge == 0 and "N" in k.formula and len(k.members) == -surplus]
    return [f"give each of {len(k.members)} {k.name} the proton it lacks" for k in lack if not k.problems]
