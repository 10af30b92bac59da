"""Write every state of a binding reaction as a numbered folder, with one script that runs them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qdsurf.energy.reactions import Plan, plan
from qdsurf.energy.states import pieces
from qdsurf.errors import AskError
from qdsurf.exports.calculation import Calculation
from qdsurf.exports.codes import CODES
from qdsurf.exports.folder import put, with_manifest
from qdsurf.exports.inputs import Exported, one
from qdsurf.exports.pages import slurm_script
from qdsurf.exports.system import kind_of, needed_height, prepare
from qdsurf.model.files import described, extxyz_text
from qdsurf.model.nouns import Ligand, Surface

# The pose as it was placed, by which collect sees what became of the ligand.
START = "start.extxyz"


def export_binding(
    surface: Surface,
    key: str,
    folder: Path,
    calculation: Calculation,
    ligand: Ligand,
    *,
    reaction: str,
    poses: int,
    force: bool,
    arguments: Mapping[str, Any],
) -> Exported:
    """Write all states; see :func:`qdsurf.exports.inputs.export`."""
    from qdsurf import __version__

    code = CODES[key]
    if "binding" not in code.purposes:
        able = ", ".join(k for k, c in CODES.items() if "binding" in c.purposes)
        raise AskError(f"{code.title} is not written for the purpose 'binding'; codes that are: {able}")
    planned = plan(surface, ligand, reaction=reaction, poses=poses)
    recipe = {"verb": "export", **arguments, "ligand": ligand.name, "reaction": planned.reaction.name}
    recipe["from"] = dict(surface.recipe)
    files: dict[str, str] = {}
    states: list[dict[str, Any]] = []
    costs, notes = [], list(planned.warnings)
    slabs = [s.atoms for _, _, s, _ in pieces(planned) if s.kind == "slab" and s.atoms.pbc.any()]
    height = max((needed_height(a, calculation.vacuum) for a in slabs), default=0.0)
    for number, (name, pose, state, built) in enumerate(pieces(planned), start=1):
        where = f"{number:02d}-{name.replace(' ', '-')}" + (f"-pose-{pose}" if pose else "")
        system = prepare(
            f"{surface.name} {name}", state.atoms, calculation, charge=state.charge, fixed=state.fixed,
            height=height, cell_relaxed=state.kind == "bulk",
        )  # fmt: skip
        inner, manifest, cost, said = one(key, system, calculation, "binding", recipe, built)
        if built is not None:
            inner[START] = extxyz_text(described(built))
        files |= {f"{where}/{path}": text for path, text in with_manifest(inner, manifest).items()}
        states.append({"folder": where, "state": name, "pose": pose, "per_formula": state.per_formula,
                       "kind": state.kind, "system": kind_of(state.atoms)})  # fmt: skip
        costs.append(cost)
        notes += [n for n in said if n not in notes]
    folders = [str(s["folder"]) for s in states]
    files |= {
        "README.md": _readme(planned, surface, ligand, code.title, states, notes),
        "run.sh": _run(folders),
        "job.slurm": slurm_script(f"{ligand.name}-{surface.name}", code, folders),
    }
    whole = {
        "export": key,
        "qdsurf": __version__,
        "purpose": "binding",
        "ligand": ligand.name,
        "reaction": asdict(planned.reaction),
        "warnings": list(planned.warnings),
        "states": states,
        "calculation": asdict(calculation),
        "recipe": recipe,
    }
    put(folder, files, whole, force=force)
    return Exported(
        folder=folder,
        code=key,
        purpose="binding",
        files=tuple(sorted([*files, "manifest.json"])),
        cost=max((c for c in costs if c), key=lambda c: c.memory, default=None),
        notes=tuple(notes),
    )


def _run(folders: list[str]) -> str:
    """Return the script that runs all states one after the other."""
    return (
        "#!/usr/bin/env bash\n# Runs every state, one after the other; one that is finished is left\n"
        "# out, until its marker .finished is removed. MPI='mpirun -np 32' runs each in parallel.\n"
        'set -uo pipefail\ncd "$(dirname "$0")"\nfailed=0\n'
        f"for folder in {' '.join(folders)}; do\n"
        '  if [ -e "$folder/.finished" ]; then continue; fi\n'
        '  echo "$folder"\n'
        '  if bash "$folder/run.sh"; then touch "$folder/.finished"\n'
        '  else echo "$folder failed" >&2; failed=1; fi\n'
        "done\nexit $failed\n"
    )


def _readme(
    planned: Plan,
    surface: Surface,
    ligand: Ligand,
    title: str,
    states: list[dict[str, Any]],
    notes: list[str],
) -> str:
    """Return the README of the reaction."""
    coefficients = planned.reaction.stoichiometry
    lines = [
        f"# Binding of {ligand.name} on {surface.name}: {title}",
        "",
        f"{planned.reaction.name}: {planned.reaction.equation}",
        "",
        "The energy of the reaction is the sum of coefficient times energy of the state, per formula unit; "
        "negative binds. All slabs have one cell, one k-point mesh and the same fixed planes.",
        "",
        "| folder | state | coefficient | formula units |",
        "| --- | --- | --- | --- |",
        *(
            f"| {s['folder']} | {s['state']} | {coefficients.get(s['state'], 0):+g} | {s['per_formula']} |"
            for s in states
        ),
        "",
        "## To run",
        "",
        "    bash run.sh           # all, one after the other",
        "    sbatch job.slurm      # as an array of jobs",
        "    qdsurf collect .      # the energy of the reaction, and which states failed",
        "",
        "Of several poses the lowest counts. What each folder needs is said in its README.",
        "",
    ]
    if notes:
        lines += ["## To know", "", *(f"- {note}" for note in notes), ""]
    return "\n".join(lines)
