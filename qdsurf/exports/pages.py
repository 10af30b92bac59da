"""The README, the run script and the Slurm job of an export."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from qdsurf.exports.calculation import Calculation
from qdsurf.exports.codes import Code, Written
from qdsurf.exports.cost import Cost
from qdsurf.exports.system import System

_PURPOSES = {
    "relax": "relaxation of the atoms that are not fixed",
    "static": "one energy and its forces",
    "dos": "density of states, with its share on each atom",
    "workfunction": "work function from the planar average of the electrostatic potential",
    "binding": "relaxation of one state of a reaction",
}


def run_script(written: Written) -> str:
    """Return the script that runs one folder."""
    return (
        "#!/usr/bin/env bash\n# Runs this folder. MPI='mpirun -np 32' runs it in parallel.\n"
        f'set -euo pipefail\ncd "$(dirname "$0")"\n{written.command}\n'
    )


def slurm_script(name: str, folders: Sequence[str] = ()) -> str:
    """Return a Slurm job: one task for a folder, or an array over *folders*."""
    short = "".join(c if c.isalnum() or c in "-_" else "-" for c in name)[:40]
    array = f"#SBATCH --array=1-{len(folders)}\n" if folders else ""
    if folders:
        listed = " ".join(folders)
        run = f'folders=({listed})\nbash "${{folders[$((SLURM_ARRAY_TASK_ID - 1))]}}/run.sh"\n'
    else:
        run = "bash run.sh\n"
    return (
        f"#!/usr/bin/env bash\n#SBATCH --job-name={short}\n#SBATCH --nodes=1\n#SBATCH --ntasks-per-node=32\n"
        f"#SBATCH --cpus-per-task=1\n#SBATCH --time=24:00:00\n{array}"
        "# Load the modules of your machine here, and set account, partition and the tasks of a node above.\n"
        'set -euo pipefail\ncd "${SLURM_SUBMIT_DIR:-.}"\nexport OMP_NUM_THREADS=1\n'
        f'export MPI="${{MPI:-srun}}"\n{run}'
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
        lines += _calculation(system, calculation, purpose, cost)
        lines += ["## To run", ""]
        lines += [f"You bring: {need}." for need in written.needs]
        lines += [
            "",
            "    bash run.sh           # here",
            "    sbatch job.slurm      # on a cluster with Slurm",
            "",
        ]
        lines += [f"A finished run leaves `{written.expect}`."]
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


def _calculation(system: System, calculation: Calculation, purpose: str, cost: Cost) -> list[str]:
    """Return the section that says what is computed."""
    mesh = "x".join(map(str, system.kpoints))
    dipole = "with" if system.dipole else "no"
    return [
        "## What is computed",
        "",
        f"{_PURPOSES[purpose].capitalize()}: {calculation.title} (preset {calculation.name}).",
        "",
        f"- functional {calculation.functional}, dispersion {calculation.dispersion}, spin-orbit coupling "
        f"{'on' if calculation.spin_orbit else 'off'}",
        f"- k-points {mesh} with Gamma ({calculation.kpoint_spacing:g} 1/Å at most), "
        f"{dipole} dipole correction",
        f"- cutoff {calculation.cutoff:g} eV (0: that of the potentials), "
        f"basis {calculation.basis or 'none'}",
        f"- Gaussian smearing {calculation.smearing_width:g} eV; energy to "
        f"{calculation.energy_tolerance:g} eV, forces to {calculation.force_tolerance:g} eV/Å",
        f"- cost, to the order of magnitude: {cost.electrons} electrons, {cost.functions} basis functions or "
        f"plane waves, {cost.bands} bands, {cost.kpoints} k-points, {cost.memory:.2g} GB",
        "",
    ]
