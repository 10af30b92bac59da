"""GPAW: a Python script that runs, relaxes and writes result.json."""

from __future__ import annotations

import numpy as np

from qdsurf.errors import AskError
from qdsurf.exports.calculation import Calculation, load_potentials
from qdsurf.exports.codes import Written
from qdsurf.exports.system import System
from qdsurf.exports.writers.scripts import as_extxyz, constants
from qdsurf.exports.writers.texts import spin_orbit_note, valence

MODES = ("pw", "fd", "lcao")
_SPACING = 0.18  # Å, of the grid of the modes fd and lcao: the usual choice of GPAW's manual


def write(system: System, calculation: Calculation, purpose: str) -> Written:
    """Return a script for GPAW; see https://gpaw.readthedocs.io."""
    if calculation.basis not in MODES:
        raise AskError(f"basis of GPAW must be one of {', '.join(MODES)}, not {calculation.basis!r}")
    # the valence of VASP's recommended potentials is that of GPAW's setups for the elements of both
    potentials = load_potentials("vasp", system.elements, calculation)
    mode = "fd" if system.kind == "dot" and system.charge else calculation.basis
    settings = {
        "MODE": mode,
        "CUTOFF": calculation.cutoff,
        "GRID": _SPACING,
        "FUNCTIONAL": calculation.functional,
        "KPOINTS": list(system.kpoints),
        "CHARGE": system.charge,
        "UNPAIRED": system.unpaired,
        "SMEARING": calculation.smearing_width,
        "ENERGY_TOLERANCE": calculation.energy_tolerance,
        "DISPERSION": calculation.dispersion,
        "FIXED": np.flatnonzero(system.fixed).tolist(),
        "DIPOLE": system.dipole,
        "PERIODIC": _periodic(system, mode),
        "RELAX": purpose in ("relax", "binding"),
        "CELL": system.cell_relaxed,
        "FMAX": calculation.force_tolerance,
        "STEPS": calculation.steps,
        "PURPOSE": purpose,
    }
    needs = ["GPAW with its setups: pip install gpaw gpaw-data, or apt install gpaw"]
    if calculation.dispersion == "D3(BJ)":
        needs.append("pip install dftd3")
    return Written(
        files={
            "structure.extxyz": as_extxyz(system.atoms),
            "run.py": f"{_HEAD}{constants(settings)}{_SCRIPT}",
        },
        command="${MPI:-} ${GPAW_PYTHON:-python3} run.py",
        expect="result.json",
        needs=tuple(needs),
        notes=(*spin_orbit_note(system, calculation, purpose), *_dataset_note(calculation)),
        electrons=valence(system, potentials),
    )


def _dataset_note(calculation: Calculation) -> tuple[str, ...]:
    """Return what the frozen cores were made with, where that is another functional."""
    if calculation.functional in ("LDA", "PBE"):
        return ()
    return (f"the PAW datasets are those of PBE: GPAW comes with none for {calculation.functional}",)


def _periodic(system: System, mode: str) -> list[bool]:
    """Return the periodicity for GPAW: plane waves repeat in all directions but across a dipole layer."""
    if mode == "pw":
        return [True, True, not system.dipole]
    return [bool(p) for p in system.atoms.pbc]


_HEAD = '''"""Run by GPAW; everything that can be set stands here, in eV and Å."""
import json

import numpy as np
from ase.constraints import FixAtoms
from ase.io import read
from gpaw import GPAW, PW, FermiDirac

'''
_SCRIPT = '''

def functional():
    """PAW datasets come with GPAW for LDA and PBE; other functionals take those of PBE."""
    if FUNCTIONAL in ("LDA", "PBE"):
        return FUNCTIONAL
    from gpaw.xc import XC

    made = XC(FUNCTIONAL)
    made.get_setup_name = lambda: "PBE"
    return made


def calculator(atoms):
    options = {
        "xc": functional(), "kpts": {"size": KPOINTS, "gamma": True}, "charge": CHARGE, "txt": "gpaw.txt",
        "occupations": FermiDirac(SMEARING, fixmagmom=UNPAIRED > 0), "spinpol": UNPAIRED > 0,
        "convergence": {"energy": ENERGY_TOLERANCE / max(1, len(atoms))}, "maxiter": 300,
    }
    if MODE == "pw":
        options["mode"] = PW(CUTOFF)
    else:
        options |= {"mode": MODE, "h": GRID, "basis": "dzp"}
    if DIPOLE:
        options["poissonsolver"] = {"dipolelayer": "xy"}
    return GPAW(**options)


def levels(gpaw):
    """Highest occupied and lowest empty level in eV, over all k-points and spins."""
    occupied, empty = [], []
    for spin in range(gpaw.get_number_of_spins()):
        for k in range(len(gpaw.get_ibz_k_points())):
            energies = gpaw.get_eigenvalues(kpt=k, spin=spin)
            numbers = gpaw.get_occupation_numbers(kpt=k, spin=spin)
            full = numbers.max()
            occupied += [float(e) for e, f in zip(energies, numbers) if f > 0.5 * full]
            empty += [float(e) for e, f in zip(energies, numbers) if f <= 0.5 * full]
    return max(occupied), (min(empty) if empty else None)


def densities(gpaw, atoms, fermi):
    """States of each atom 10 eV around the Fermi level, summed over spins and orbitals, in 1/eV."""
    grid = [fermi + 0.01 * i for i in range(-1000, 1001)]
    found = {"energies": grid, "atoms": []}
    for a in range(len(atoms)):
        weight = np.zeros(len(grid))
        for spin in range(gpaw.get_number_of_spins()):
            energies, w = gpaw.get_orbital_ldos(a=a, spin=spin, angular="spdf", npts=4001, width=0.1)
            weight += np.interp(grid, energies, w, left=0.0, right=0.0)
        found["atoms"].append(weight.tolist())
    return found


atoms = read("structure.extxyz")
atoms.pbc = PERIODIC
if FIXED:
    atoms.set_constraint(FixAtoms(indices=FIXED))
if UNPAIRED:
    atoms.set_initial_magnetic_moments([UNPAIRED / len(atoms)] * len(atoms))
gpaw = calculator(atoms)
atoms.calc = gpaw
if DISPERSION == "D3(BJ)":
    from dftd3.ase import DFTD3

    atoms.calc = DFTD3(method=FUNCTIONAL, damping="d3bj").add_calculator(gpaw)

converged = True
if RELAX:
    from ase.optimize import BFGS

    moving = atoms
    if CELL:
        try:
            from ase.filters import ExpCellFilter
        except ModuleNotFoundError:  # ASE before 3.23
            from ase.constraints import ExpCellFilter

        moving = ExpCellFilter(atoms)
    converged = bool(BFGS(moving, trajectory="relax.traj", logfile="relax.log").run(fmax=FMAX, steps=STEPS))

energy = float(atoms.get_potential_energy())
forces = atoms.get_forces().tolist()
homo, lumo = levels(gpaw)
if UNPAIRED:  # a fixed moment has one Fermi level for each spin
    fermi = float(max(gpaw.get_fermi_levels()))
else:
    fermi = float(gpaw.get_fermi_level())
result = {
    "code": "gpaw", "energy": energy, "forces": forces, "converged": converged, "charge": CHARGE,
    "fermi": fermi, "homo": homo, "lumo": lumo,
    "positions": atoms.positions.tolist(), "cell": atoms.cell.array.tolist(),
}
if PURPOSE == "workfunction":
    potential = gpaw.get_electrostatic_potential()
    result["potential_z"] = [float(x) for x in potential.mean(axis=(0, 1))]
if PURPOSE == "dos":
    result["dos"] = densities(gpaw, atoms, result["fermi"])
if gpaw.wfs.world.rank == 0:
    with open("result.part", "w") as file:
        json.dump(result, file)
    import os

    os.replace("result.part", "result.json")
'''
