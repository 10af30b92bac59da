"""DFTB+ with the GFN1-xTB Hamiltonian, which needs no Slater-Koster files."""

from __future__ import annotations

import io

import numpy as np

from qdsurf.exports.calculation import Calculation
from qdsurf.exports.codes import Written
from qdsurf.exports.system import System
from qdsurf.exports.writers.texts import BOHR, HARTREE, ranges, tight_binding

_KELVIN = 8.617333262e-5  # eV/K, CODATA 2018


def write(system: System, calculation: Calculation, purpose: str) -> Written:
    """Return the input of DFTB+; see its manual for each keyword."""
    from ase.io import write as write_by_ase

    electrons, functions = tight_binding(system)
    atoms = system.atoms.copy()
    atoms.pbc = system.kind != "dot"
    geometry = io.StringIO()
    write_by_ase(geometry, atoms, format="gen")
    relaxed = purpose in ("relax", "binding")
    text = 'Geometry = GenFormat {\n  <<< "geometry.gen"\n}\n\n'
    if relaxed:
        force = calculation.force_tolerance / (HARTREE / BOHR)
        free = [int(i) + 1 for i in np.flatnonzero(~system.fixed)]
        text += (
            f"Driver = GeometryOptimization {{\n  Optimizer = Rational {{}}\n"
            f"  MovedAtoms = {' '.join(ranges(free, ':'))}\n"
            f"  MaxSteps = {calculation.steps}\n  LatticeOpt = {'Yes' if system.cell_relaxed else 'No'}\n"
            f"  Convergence {{\n    GradElem = {force:.4e}\n  }}\n}}\n\n"
        )
    text += (
        f'Hamiltonian = xTB {{\n  Method = "GFN1-xTB"\n  Charge = {system.charge}\n  SCC = Yes\n'
        f"  SCCTolerance = 1.0e-6\n  MaxSCCIterations = 300\n"
        f"  Filling = Fermi {{\n    Temperature [Kelvin] = {calculation.smearing_width / _KELVIN:.1f}\n  }}\n"
        f"{_kpoints(system)}}}\n\n"
        "Options {\n  WriteDetailedOut = Yes\n  WriteResultsTag = Yes\n}\n\n"
        # the keys are those of parser version 11 (DFTB+ 22.1), which later versions translate
        "Analysis {\n  CalculateForces = Yes\n}\n\nParserOptions {\n  ParserVersion = 11\n}\n"
    )
    notes = [
        "GFN1-xTB has its own Hamiltonian and dispersion: functional and cutoffs of the preset are not used; "
        "on halide perovskites it gives carboxylate and ammonium exchange the wrong sign",
    ]
    if system.dipole:
        notes.append("no dipole correction: DFTB+ has none; make both faces alike, or use more vacuum")
    if system.unpaired:
        notes.append("xTB in DFTB+ is not spin polarised: the unpaired electron is smeared over two spins")
    return Written(
        files={"dftb_in.hsd": text, "geometry.gen": geometry.getvalue()},
        command="${DFTB:-dftb+} > dftb.out",
        expect="detailed.out",
        needs=("DFTB+ 22.1 or later, built with tblite",),
        notes=tuple(notes),
        electrons=electrons,
        functions=functions,
    )


def _kpoints(system: System) -> str:
    """Return the mesh; one shifted by half a step where the number is even would miss Gamma."""
    if system.kind == "dot":
        return ""
    rows = "".join(
        "    " + " ".join(str(n if i == j else 0) for j in range(3)) + "\n"
        for i, n in enumerate(system.kpoints)
    )
    return f"  KPointsAndWeights = SupercellFolding {{\n{rows}    0.0 0.0 0.0\n  }}\n"
