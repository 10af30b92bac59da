"""PySCF: a Python script that runs, relaxes and writes result.json."""

from __future__ import annotations

import io

import numpy as np

from qdsurf.exports.calculation import Calculation, load_potentials
from qdsurf.exports.codes import Written
from qdsurf.exports.system import System
from qdsurf.exports.writers.scripts import constants
from qdsurf.exports.writers.texts import core_notes, functions, held, ranges, spin_orbit_note, valence

_FUNCTIONALS = {"PBE": "pbe", "PBEsol": "pbe_sol,pbe_sol", "LDA": "lda,pw", "PBE0": "pbe0", "HSE06": "hse06"}


def write(system: System, calculation: Calculation, purpose: str) -> Written:
    """Return a script for PySCF; see https://pyscf.org."""
    from ase.io import write as write_by_ase

    potentials = load_potentials("molecules", system.elements, calculation)
    text = io.StringIO()
    write_by_ase(
        text, system.atoms, format="xyz", comment=f"{system.name} charge {system.charge:+d}", fmt="%18.10f"
    )
    relaxed = purpose in ("relax", "binding")
    settings = {
        "FUNCTIONAL": _FUNCTIONALS[calculation.functional],
        "BASIS": calculation.basis,
        "DISPERSION": calculation.dispersion,
        "CHARGE": system.charge,
        "UNPAIRED": system.unpaired,
        "ENERGY_TOLERANCE": calculation.energy_tolerance,
        "RELAX": relaxed,
        "FMAX": calculation.force_tolerance,
        "STEPS": calculation.steps,
        "FIXED": np.flatnonzero(system.fixed).tolist(),
    }
    needs = ["pip install pyscf"]
    if relaxed:
        needs.append("pip install geometric, for the relaxation")
    if calculation.dispersion == "D3(BJ)":
        needs.append("pip install pyscf-dispersion")
    files = {"structure.xyz": text.getvalue(), "run.py": f"{_HEAD}{constants(settings)}{_SCRIPT}"}
    if relaxed and system.fixed.any():
        files["constraints.txt"] = f"$freeze\nxyz {','.join(ranges(held(system), '-'))}\n"
    return Written(
        files=files,
        command="${PYSCF_PYTHON:-python3} run.py > pyscf.out",
        expect="result.json",
        needs=tuple(needs),
        notes=(*core_notes(potentials), *spin_orbit_note(system, calculation, purpose)),
        electrons=valence(system, potentials),
        functions=functions(system, potentials),
    )


_HEAD = '''"""Run by PySCF; everything that can be set stands here, in eV and Å."""
import json
import os

from pyscf import dft, gto
from pyscf.data.nist import BOHR, HARTREE2EV

'''
_SCRIPT = """
molecule = gto.M(
    atom="structure.xyz", basis=BASIS, ecp=BASIS if BASIS.startswith("def2") else None,
    charge=CHARGE, spin=UNPAIRED, verbose=4,
)


def mean_field(molecule):
    made = (dft.UKS if UNPAIRED else dft.RKS)(molecule).density_fit()
    made.xc = FUNCTIONAL
    made.conv_tol = ENERGY_TOLERANCE / HARTREE2EV
    made.max_cycle = 200
    if DISPERSION == "D3(BJ)":
        made.disp = "d3bj"
    return made


relaxed = True
if RELAX:
    from pyscf.geomopt.geometric_solver import kernel

    limit = FMAX / (HARTREE2EV / BOHR)
    relaxed, molecule = kernel(
        mean_field(molecule), maxsteps=STEPS, convergence_gmax=limit, convergence_grms=limit / 1.5,
        **({"constraints": "constraints.txt"} if FIXED else {}),
    )
field = mean_field(molecule)
energy = field.kernel() * HARTREE2EV
forces = -field.nuc_grad_method().kernel() * HARTREE2EV / BOHR
pairs = []
for energies, numbers in zip(
    field.mo_energy if UNPAIRED else [field.mo_energy], field.mo_occ if UNPAIRED else [field.mo_occ]
):
    pairs += [(float(e) * HARTREE2EV, n > 0) for e, n in zip(energies, numbers)]
empty = [e for e, full in pairs if not full]
result = {
    "code": "pyscf", "energy": float(energy), "forces": forces.tolist(), "charge": CHARGE,
    "converged": bool(relaxed and field.converged), "scf_converged": bool(field.converged),
    "homo": max(e for e, full in pairs if full), "lumo": min(empty) if empty else None,
    "positions": (molecule.atom_coords() * BOHR).tolist(),
}
with open("result.part", "w") as file:
    json.dump(result, file)
os.replace("result.part", "result.json")
"""
