"""The input of CP2K for a system: functional, basis, grid, boundaries, k-points."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from numpy.typing import NDArray

from qdsurf.errors import AskError

# Å; a shorter periodic vector is sampled by as many k-points as make a supercell of this length.
SAMPLED_LENGTH = 12.0
# Bolder mixing than the default of 0.4 diverges from free atoms.
_DIAGONALIZE = "MAX_SCF {max_scf}\nEPS_DIIS 0.5\n"
_ORBITALS = (
    "MAX_SCF 30\n&OT\nMINIMIZER DIIS\nPRECONDITIONER FULL_SINGLE_INVERSE\n&END OT\n"
    "&OUTER_SCF\nEPS_SCF {eps_scf}\nMAX_SCF 10\n&END OUTER_SCF\n"
)
_MIXING = "MAX_SCF {max_scf}\n&MIXING\nMETHOD BROYDEN_MIXING\nALPHA 0.2\nBETA 1.5\nNBROYDEN 8\n&END MIXING\n"
_SCF = {"diis": _DIAGONALIZE, "ot": _ORBITALS, "mixing": _MIXING}
_TEMPLATE = """&FORCE_EVAL
METHOD Quickstep
&DFT
BASIS_SET_FILE_NAME BASIS_MOLOPT
BASIS_SET_FILE_NAME BASIS_MOLOPT_UZH
POTENTIAL_FILE_NAME GTH_POTENTIALS
{orbitals}CHARGE {charge}
{spin}&MGRID
CUTOFF {cutoff}
REL_CUTOFF {relative_cutoff}
NGRIDS 5
&END MGRID
&QS
EPS_DEFAULT 1.0E-10
EXTRAPOLATION {extrapolation}
&END QS
&POISSON
{poisson}
&END POISSON
{kpoints}&SCF
{guess}
EPS_SCF {eps_scf}
{scf}&PRINT
&RESTART ON
&EACH
QS_SCF 0
&END EACH
&END RESTART
&RESTART_HISTORY OFF
&END RESTART_HISTORY
&END PRINT
&END SCF
&XC
&XC_FUNCTIONAL {functional}
&END XC_FUNCTIONAL
{smoothing}{dispersion}&END XC
&END DFT
&SUBSYS
{kinds}&END SUBSYS
&END FORCE_EVAL
"""
_DISPERSION = """&VDW_POTENTIAL
POTENTIAL_TYPE PAIR_POTENTIAL
&PAIR_POTENTIAL
TYPE DFTD3(BJ)
PARAMETER_FILE_NAME dftd3.dat
REFERENCE_FUNCTIONAL {functional}
R_CUTOFF [angstrom] 15
&END PAIR_POTENTIAL
&END VDW_POTENTIAL
"""
# What a kind of ghosts is called after its element.
GHOST = "_ghost"
_SMOOTHING = "&XC_GRID\nXC_DERIV {0}_SMOOTH\nXC_SMOOTH_RHO {0}\n&END XC_GRID\n"


@dataclass(frozen=True, kw_only=True)
class CP2KInput:
    """What the input says of any system; the arguments are those of ``CP2KProgram``."""

    charge: int
    cutoff: float
    relative_cutoff: float
    basis: str | Mapping[str, str]
    functional: str
    dispersion: str
    smoothing: str
    guess: str
    scf: str
    eps_scf: float
    max_scf: int
    ghosts: frozenset[int]

    def __post_init__(self) -> None:
        """Refuse words that mean nothing."""
        if self.scf not in _SCF:
            raise ValueError(f"scf is one of {', '.join(_SCF)}, not {self.scf!r}")
        if self.dispersion not in ("d3", ""):
            raise ValueError(f"dispersion is 'd3' or '', not {self.dispersion!r}")

    def text(self, atoms: Atoms, cell: NDArray[np.float64]) -> str:
        """Return the input for *atoms* in the box *cell*, (3, 3) in Å, without coordinates and cell."""
        counts = _sampling(atoms, cell)
        sampled = max(counts) > 1
        grid = " ".join(map(str, counts))
        return _TEMPLATE.format(
            charge=self.charge,
            cutoff=self.cutoff,
            relative_cutoff=self.relative_cutoff,
            functional=self.functional,
            eps_scf=self.eps_scf,
            guess="SCF_GUESS RESTART" if self.guess else "SCF_GUESS ATOMIC",
            orbitals=f"WFN_RESTART_FILE_NAME {self.guess}\n" if self.guess else "",
            smoothing=_SMOOTHING.format(self.smoothing) if self.smoothing else "",
            dispersion=_DISPERSION.format(functional=self.functional) if self.dispersion else "",
            spin="UKS\n" if self._odd(atoms) else "",
            poisson="PERIODIC XYZ" if atoms.pbc.any() else "PERIODIC NONE\nPSOLVER WAVELET",
            kpoints=f"&KPOINTS\nSCHEME MONKHORST-PACK {grid}\n&END KPOINTS\n" if sampled else "",
            extrapolation="USE_GUESS" if sampled else "ASPC\nEXTRAPOLATION_ORDER 2",
            scf=_SCF["mixing" if sampled else self.scf].format(max_scf=self.max_scf, eps_scf=self.eps_scf),
            kinds=self._kinds(atoms),
        )

    def _odd(self, atoms: Atoms) -> bool:
        """Return whether an electron is left alone."""
        real = [int(n) for i, n in enumerate(atoms.numbers) if i not in self.ghosts]
        return (sum(real) - self.charge) % 2 == 1

    def _kinds(self, atoms: Atoms) -> str:
        """Return the kinds of the elements, lightest first, then those of the ghosts."""
        symbols = sorted(set(atoms.symbols), key=atomic_numbers.__getitem__)
        lent = sorted({atoms.symbols[i] for i in self.ghosts}, key=atomic_numbers.__getitem__)
        real = "".join(
            f"&KIND {s}\nBASIS_SET {self._basis_of(s)}\nPOTENTIAL GTH-{self.functional}\n&END KIND\n"
            for s in symbols
        )
        return real + "".join(
            f"&KIND {s}{GHOST}\nELEMENT {s}\nBASIS_SET {self._basis_of(s)}\nGHOST TRUE\n&END KIND\n"
            for s in lent
        )

    def _basis_of(self, symbol: str) -> str:
        """Return the name of the basis set of an element."""
        if isinstance(self.basis, str):
            return self.basis
        if symbol not in self.basis:
            raise AskError(f"no basis for {symbol}; given for {', '.join(sorted(self.basis))}")
        return self.basis[symbol]


def _sampling(atoms: Atoms, cell: NDArray[np.float64]) -> list[int]:
    """Return how many k-points stand along each vector of the box."""
    lengths = np.linalg.norm(cell, axis=1)
    return [math.ceil(SAMPLED_LENGTH / x - 1e-6) if p else 1 for x, p in zip(lengths, atoms.pbc, strict=True)]
