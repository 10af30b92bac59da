"""Read a plan that ``qdsurf bind --plan`` wrote back as a collection of runs."""

from __future__ import annotations

from pathlib import Path

from qdsurf.energy.planfiles import combine_runs, read_plan, read_runs
from qdsurf.errors import EvaluationError
from qdsurf.exports.collecting import Collection, Run


def collect_plan(root: Path) -> Collection:
    """Return what came back in the folders of the plan in *root*, with the energy once all have one.

    Raises
    ------
    AskError
        The plan is damaged.
    """
    plan, method, _ = read_plan(root)
    found = read_runs(root)
    runs = tuple(
        Run(
            folder=run.folder,
            code=method.name,
            name=run.state if not run.pose else f"{run.state}, pose {run.pose}",
            status="done" if run.result else ("not started" if run.cause == "no output yet" else "failed"),
            reason=run.cause,
            energy=None if run.result is None else run.result.energy,
            converged=None if run.result is None else run.result.converged,
            largest_force=None if run.result is None else run.result.fmax,
            atoms=None if run.result is None else run.result.atoms,
            warnings=() if run.result is None else run.result.warnings,
        )
        for run in found
    )
    try:
        energy, missing = combine_runs(root, found).energy, ""
    except EvaluationError as error:
        energy, missing = None, str(error)
    return Collection(
        folder=root, code=plan.reaction.name, purpose="binding", runs=runs, energy=energy, missing=missing
    )
