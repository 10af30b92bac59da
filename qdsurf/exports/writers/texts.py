"""Pieces of text that several writers share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from qdsurf.exports.calculation import Calculation, Potential
from qdsurf.exports.system import System

if TYPE_CHECKING:
    from numpy.typing import NDArray

RYDBERG = 13.605693122994  # eV, CODATA 2018 (doi:10.1103/RevModPhys.93.025010)
HARTREE = 2 * RYDBERG
BOHR = 0.529177210903  # Å, CODATA 2018
# From this element on spin-orbit coupling moves band edges by tenths of an eV and more.
HEAVY = {"I", "Pb", "Bi", "Hg", "Te", "Sn", "Sb", "Yb", "Au", "Pt", "Tl"}


def vectors(rows: NDArray[np.float64], indent: str = "  ") -> str:
    """Return lines of three numbers."""
    return "\n".join(indent + "  ".join(f"{x:16.10f}" for x in row) for row in rows)


def ranges(indices: Iterable[int], joint: str = "..") -> list[str]:
    """Return runs of whole numbers: 1, 2, 3, 7 as "1..3" and "7".

    >>> ranges([1, 2, 3, 7])
    ['1..3', '7']
    """
    runs: list[list[int]] = []
    for i in indices:
        if runs and i == runs[-1][1] + 1:
            runs[-1][1] = i
        else:
            runs.append([i, i])
    return [str(a) if a == b else f"{a}{joint}{b}" for a, b in runs]


def held(system: System) -> list[int]:
    """Return the fixed atoms, counted from 1."""
    return [int(i) + 1 for i in np.flatnonzero(system.fixed)]


def valence(system: System, potentials: dict[str, Potential]) -> int:
    """Return the electrons that are computed with *potentials*."""
    symbols: Sequence[str] = system.atoms.get_chemical_symbols()
    return sum(potentials[s].electrons for s in symbols) - system.charge


# Atomic numbers of the noble gases, whose shells are the cores of xTB.
_CORES = (0, 2, 10, 18, 36, 54)


def tight_binding(system: System) -> tuple[int, int]:
    """Return electrons and basis functions of GFN-xTB, the latter as an upper bound (s, p and d).

    Filled d and f shells are in the core (doi:10.1021/acs.jctc.8b01176, table of valence shells).

    >>> from ase import Atoms
    >>> from qdsurf.exports.calculation import load_calculation
    >>> from qdsurf.exports.system import prepare
    >>> tight_binding(prepare("x", Atoms("PbBr2", positions=[(0, 0, 0), (2, 2, 0), (2, -2, 0)]),
    ...                       load_calculation("pbe-d3", "xtb")))
    (18, 27)
    """
    numbers = system.atoms.numbers.tolist()
    electrons = sum(_outer_electrons(z) for z in numbers) - system.charge
    return electrons, sum(1 if z == 1 else 9 for z in numbers)


def _outer_electrons(number: int) -> int:
    """Return the electrons outside of the core of one element up to Rn."""
    outer = number - max(c for c in _CORES if c < number)
    if number > 56:
        outer = 3 if number < 72 else outer - 14
    if number > 20 and outer >= 12:
        outer -= 10
    return outer


def functions(system: System, potentials: dict[str, Potential]) -> int:
    """Return the number of basis functions."""
    return sum(potentials[s].functions for s in system.atoms.get_chemical_symbols())


def core_notes(potentials: dict[str, Potential]) -> tuple[str, ...]:
    """Return what the potentials leave out."""
    return tuple(f"{e}: {p.warning}" for e, p in potentials.items() if p.warning)


def spin_orbit_note(system: System, calculation: Calculation, purpose: str) -> tuple[str, ...]:
    """Return a warning where spin-orbit coupling matters and is left out."""
    heavy = sorted(HEAVY & set(system.elements))
    if not heavy or calculation.spin_orbit:
        return ()
    what = "the levels, gap and band edges asked for" if purpose in ("dos", "workfunction") else "band edges"
    return (
        f"without spin-orbit coupling {what} are wrong by up to about 1 eV where Pb takes part "
        f"({', '.join(heavy)} here); relaxation and binding energies change little",
    )
