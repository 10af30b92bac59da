"""Formal charges of ions by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from qdsurf.errors import ChargeError

# Oxidation states that the elements have in nearly all of their binary and perovskite solids.
# Elements with several common states (Fe, Cu, Mn, ...) are left out on purpose: the user says.
# Tin and germanium are +2 as in the halide perovskites and monochalcogenides.
COMMON_CHARGES: Mapping[str, int] = {
    **dict.fromkeys(("Li", "Na", "K", "Rb", "Cs", "Ag"), 1),
    **dict.fromkeys(("Be", "Mg", "Ca", "Sr", "Ba", "Zn", "Cd", "Hg", "Pb", "Sn", "Ge"), 2),
    **dict.fromkeys(("B", "Al", "Ga", "In", "Bi", "Sc", "Y", "La"), 3),
    **dict.fromkeys(("Ti", "Zr", "Hf", "Si"), 4),
    **dict.fromkeys(("F", "Cl", "Br", "I"), -1),
    **dict.fromkeys(("O", "S", "Se", "Te"), -2),
    **dict.fromkeys(("N", "P", "As"), -3),
}

# States that these elements have as dopants of halide perovskites and of lead and cadmium
# chalcogenides; other states are written out, as in "Yb2+". Europium has two: it is written out.
DOPANT_CHARGES: Mapping[str, int] = {
    **dict.fromkeys(("Mn", "Ni", "Co"), 2),
    **dict.fromkeys(("Ce", "Pr", "Nd", "Sm", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb", "Lu", "Sb"), 3),
}

# Every ion of one element whose charge its name tells.
KNOWN_CHARGES: Mapping[str, int] = {**DOPANT_CHARGES, **COMMON_CHARGES}

MOLECULAR_CHARGES: Mapping[str, int] = {"methylammonium": 1, "formamidinium": 1}
SHORT_NAMES: Mapping[str, str] = {"MA": "methylammonium", "FA": "formamidinium"}


def ion(text: str) -> tuple[str, int]:
    """Return species and formal charge of an ion named "Zn", "FA", "Yb3+", "Na+" or "I-".

    Raises
    ------
    ChargeError
        The charge is not known from the name alone, or the name is no ion.

    Examples
    --------
    >>> ion("Yb3+"), ion("FA"), ion("Br")
    (('Yb', 3), ('formamidinium', 1), ('Br', -1))
    """
    from ase.data import chemical_symbols

    found = re.fullmatch(r"([A-Za-z]+?)(?:(\d?)([+-]))?", text)
    name = SHORT_NAMES.get(found[1], found[1]) if found else text
    if found and found[3]:
        charge = int(found[2] or 1) * (1 if found[3] == "+" else -1)
        if MOLECULAR_CHARGES.get(name, charge) != charge:
            raise ChargeError(f"{name} has the charge {MOLECULAR_CHARGES[name]:+d}, not {charge:+d}")
        if name in chemical_symbols[1:] or name in MOLECULAR_CHARGES:
            return name, charge
    known = {**KNOWN_CHARGES, **MOLECULAR_CHARGES}
    if name in known:
        return name, known[name]
    if name in chemical_symbols[1:]:
        raise ChargeError(f"no formal charge is known for {name}; write it out, such as '{name}2+'")
    raise ChargeError(f"{text!r} is no ion; known are elements, such as 'Zn' or 'Yb3+', and MA and FA")
