"""The README, the run script and the Slurm job of an export."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from qdsurf.exports.calculation import Calculation
from qdsurf.exports.codes import Code, Written
from qdsurf.exports.cost import DENSITY_GRID, Cost
from qdsurf.exports.system import System

_PURPOSES = {
    "relax": "relaxation of the atoms that are not fixed",
    "static": "one energy and its forces",
    "dos": "density of states, with its share on each atom",
    "workfunction": "work function from the planar average of the electrostatic potential",
    "binding": "relaxation of one state of a reaction",
}


_PARALLEL = {"mpi": "MPI='mpirun -np 32'", "threads": "OMP_NUM_THREADS=32", "own": "NPROCS=32"}


def run_script(written: Written, code: Code) -> str:
    """Return the script that runs one folder of *code*."""
    return (
        f"#!/usr/bin/env bash\n# Runs this folder. {_PARALLEL[code.parallel]} runs it in parallel.\n"
        'set -euo pipefail\ncd "$(dirname "$0")"\n'
        f"# shellcheck disable=SC2086  # a variable may hold several words\n{written.command}\n"
    )


def slurm_script(name: str, code: Code, folders: Sequence[str] = ()) -> str:
    """Return a Slurm job for *code*: one task for a folder, or an array over *folders*."""
    short = "".join(c if c.isalnum() or c in "-_" else "-" for c in name)[:40]
    array = f"#SBATCH --array=1-{len(folders)}\n" if folders else ""
    if folders:
        listed = " ".join(folders)
        run = f'folders=({listed})\nbash "${{folders[$((SLURM_ARRAY_TASK_ID - 1))]}}/run.sh"\n'
    else:
        run = "bash run.sh\n"
    tasks, threads, setting = {
        "mpi": (32, 1, 'export OMP_NUM_THREADS=1\nexport MPI="${MPI:-srun}"\n'),
        "threads": (1, 32, 'export OMP_NUM_THREADS="${SLURM_CPUS_PER_TASK:-1}"\n'),
        "own": (32, 1, 'export OMP_NUM_THREADS=1\nexport NPROCS="${SLURM_NTASKS:-1}"\n'),
    }[code.parallel]
    return (
        f"#!/usr/bin/env bash\n#SBATCH --job-name={short}\n#SBATCH --nodes=1\n"
        f"#SBATCH --ntasks-per-node={tasks}\n#SBATCH --cpus-per-task={threads}\n#SBATCH --time=24:00:00\n"
        f"{array}# Load the modules of your machine here, and set account, partition and cores above.\n"
        f'set -euo pipefail\ncd "${{SLURM_SUBMIT_DIR:-.}}"\n{setting}{run}'
    )


def readme(
    code: Code,
    system: System,
    calculation: Calculation,
    purpose: str,
    written: Written,
    cost: Cost | None,
    recipe: Mapping[str, Any],
) -> str:
    """Return the README of one folder."""
    fixed = int(system.fixed.sum())
    spin = f"{system.electrons} electrons, {system.unpaired} unpaired"
    if system.electrons % 2:
        spin += ": an odd number, so the calculation is spin polarised"
    lines = [
        f"# {system.name}: {code.title}",
        "",
        f"{system.atoms.get_chemical_formula()}, {system.kind} of {len(system.atoms)} atoms, charge "
        f"{system.charge:+d} e; {spin}. {fixed} atoms are fixed.",
        "",
    ]
    if cost is None:
        lines += ["A structure file; nothing to run.", ""]
    else:
        lines += _calculation(code, system, calculation, purpose, cost)
        lines += ["## To run", ""]
        lines += [f"You bring: {need}." for need in written.needs]
        lines += [
            "",
            "    bash run.sh           # here",
            "    sbatch job.slurm      # on a cluster with Slurm",
            "",
        ]
        lines += [f"A finished run leaves `{written.expect}`."]
        lines += [f"To go on with an unfinished one: {written.again}."] if written.again else []
        lines += [_expected(code, purpose), ""]
    notes = [*written.notes, *(cost.warnings if cost else ())]
    if notes:
        lines += ["## To know", "", *(f"- {note}" for note in notes), ""]
    lines += ["## How it was made", "", "    " + json.dumps(recipe, default=str), ""]
    lines += ["## References", "", f"- settings: {calculation.source}"]
    lines += [f"- doi:{doi}" for doi in calculation.cite]
    lines += [f"- {code.title}: {code.home}"] if code.home else []
    lines += [f"- this format is {code.checked}", "- checksums of all files: manifest.json"]
    return "\n".join(lines) + "\n"


def _expected(code: Code, purpose: str) -> str:
    """Return what comes back."""
    back = " `qdsurf collect` reads it." if code.collected else " `qdsurf collect` does not read this code."
    what = {
        "relax": "Forces below the tolerance, and the relaxed structure.",
        "binding": "Forces below the tolerance, and one energy of the reaction.",
        "static": "One energy and the forces; large forces mean that it is not relaxed with this method.",
        "dos": "Levels and their weight on each atom; states in the gap sit on few atoms.",
        "workfunction": "A potential that is flat in the vacuum; where it is not, the vacuum is too thin.",
    }[purpose]
    return what + back


def _calculation(code: Code, system: System, calculation: Calculation, purpose: str, cost: Cost) -> list[str]:
    """Return the section that says what is computed."""
    mesh = "x".join(map(str, system.kpoints))
    purposely = _PURPOSES[purpose].capitalize()
    lines = ["## What is computed", ""]
    if code.hamiltonian:
        lines += [f"{purposely}: {code.hamiltonian}, whatever the functional of the preset.", ""]
    else:
        lines += [f"{purposely}: {calculation.title} (preset {calculation.name}).", ""]
        lines += [
            f"- functional {calculation.functional}, dispersion {calculation.dispersion}, spin-orbit "
            f"coupling {'on' if calculation.spin_orbit else 'off'}",
            f"- {_basis(code, calculation)}",
        ]
    if code.periodic:
        lines += [
            f"- k-points {mesh} with Gamma ({calculation.kpoint_spacing:g} 1/Å at most), "
            f"{'with' if system.dipole and code.dipole else 'no'} dipole correction",
        ]
    if code.smearing and calculation.smearing_width:
        lines += [f"- {code.smearing} smearing {calculation.smearing_width:g} eV"]
    tolerances = f"energy to {calculation.energy_tolerance:g} eV"
    if purpose in ("relax", "binding"):
        tolerances += f", forces to {calculation.force_tolerance:g} eV/Å in at most {calculation.steps} steps"
    return [
        *lines,
        f"- {tolerances}",
        f"- cost, to the order of magnitude: {cost.electrons} electrons, {cost.functions} basis functions or "
        f"plane waves, {cost.bands} bands, {cost.kpoints} k-points, {cost.memory:.2g} GB",
        "",
    ]


def _basis(code: Code, calculation: Calculation) -> str:
    """Return what the orbitals and the density are expanded in."""
    said = [f"basis {calculation.basis}"] if calculation.basis else []
    if calculation.cutoff:
        # CP2K and SIESTA expand only the density in plane waves
        what = " of the density grid" if calculation.cutoff > DENSITY_GRID else ""
        said.append(f"cutoff {calculation.cutoff:g} eV{what}")
    if not said:
        said.append("cutoffs of the pseudopotentials")
    return ", ".join(said)
