"""ORCA: one input file for a molecule."""

from __future__ import annotations

import numpy as np

from qdsurf.exports.calculation import Calculation, load_potentials
from qdsurf.exports.codes import Written
from qdsurf.exports.system import System
from qdsurf.exports.writers.texts import BOHR, HARTREE, core_notes, functions, spin_orbit_note, valence


def write(system: System, calculation: Calculation, purpose: str) -> Written:
    """Return the input of ORCA; see its manual for each keyword."""
    potentials = load_potentials("molecules", system.elements, calculation)
    relaxed = purpose in ("relax", "binding")
    words = [calculation.functional, calculation.basis, "def2/J", "TightSCF"]
    words += ["D3BJ"] if calculation.dispersion == "D3(BJ)" else []
    words += ["RIJCOSX"] if calculation.functional == "PBE0" else []
    words += ["Opt"] if relaxed else ["EnGrad"]
    words += ["UKS"] if system.unpaired else []
    lines = [f"# {system.name}", "! " + " ".join(words), "%maxcore 3000", "%scf", "  MaxIter 300", "end"]
    if relaxed:
        limit = calculation.force_tolerance / (HARTREE / BOHR)
        lines += ["%geom", f"  MaxIter {calculation.steps}", f"  TolMaxG {limit:.3e}"]
        if system.fixed.any():
            lines += ["  Constraints", *(f"    {{ C {i} C }}" for i in np.flatnonzero(system.fixed)), "  end"]
        lines.append("end")
    lines.append(f"*xyz {system.charge} {system.unpaired + 1}")
    for symbol, (x, y, z) in zip(system.atoms.get_chemical_symbols(), system.atoms.positions, strict=True):
        lines.append(f"  {symbol:2s} {x:16.10f} {y:16.10f} {z:16.10f}")
    lines.append("*")
    return Written(
        files={"orca.inp": "\n".join(lines) + "\n"},
        # the number of processes is known where it runs, so that job.inp is made there
        command='{ echo "%pal nprocs ${NPROCS:-1} end"; cat orca.inp; } > job.inp && '
        "${ORCA:-orca} job.inp > orca.out",
        expect="orca.out",
        needs=("ORCA 5 or later; NPROCS=8 runs it on 8 cores, for which ORCA must be its full path",),
        notes=(*core_notes(potentials), *spin_orbit_note(system, calculation, purpose)),
        electrons=valence(system, potentials),
        functions=functions(system, potentials),
    )
