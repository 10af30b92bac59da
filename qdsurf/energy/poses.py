"""Relax the starting poses of a ligand: all a little, the best fully, the lowest kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from qdsurf.energy.batched import relax_states
from qdsurf.energy.outcomes import is_lost, outcomes
from qdsurf.energy.procedure import Procedure
from qdsurf.energy.reactions import Plan, State
from qdsurf.energy.relax import Relaxed
from qdsurf.energy.states import pose_state
from qdsurf.errors import EvaluationError
from qdsurf.model.energies import Method
from qdsurf.model.nouns import Surface

# Energies within this many eV are the same pose.
_SAME = 1e-3


@dataclass(frozen=True, kw_only=True, eq=False)
class Lowest:
    """What the poses of one state came to.

    Attributes
    ----------
    start
        The starting pose that led to the lowest, with its ledger and sites.
    relaxed
        Its relaxation.
    tried
        One plain row for each starting pose, with its energy in eV or its cause.
    warnings
        What happened to the lowest, and which poses failed.
    """

    start: Surface
    relaxed: Relaxed
    tried: list[dict[str, Any]]
    warnings: list[str]

    @property
    def spread(self) -> float:
        """How far apart in eV the fully relaxed poses are; those that broke do not count."""
        whole = [row["energy"] for row in self.tried if "energy" in row and not is_lost(row["outcomes"])]
        return max(whole) - min(whole) if whole else 0.0


def lowest_pose(
    plan: Plan,
    name: str,
    method: Method,
    *,
    fmax: float,
    steps: int,
    poses: int | None,
    procedure: Procedure,
    say: Callable[[str], None],
) -> Lowest:
    """Return the lowest of the relaxed poses of the state *name*.

    A pose that fails is recorded with its cause, and the others go on. A pose in which the ligand came
    off or broke is another state, and is kept only where no whole one is left.

    Parameters
    ----------
    poses
        How many are relaxed fully, the lowest after pre-relaxation; None for all.

    Raises
    ------
    EvaluationError
        Every pose failed; the last cause is chained.
    """
    starts = plan.posed[name]
    rows = [pose_row(plan, name, number) for number in range(len(starts))]
    states = [pose_state(plan, name, pose) for pose in starts]
    if poses is not None and poses < len(starts):
        chosen = _prescreened(states, rows, method, procedure, poses, fmax, say)
    else:
        chosen = list(range(len(starts)))
    done: list[tuple[int, Relaxed]] = []
    warnings: list[str] = []
    last: EvaluationError | None = None
    results = relax_states([states[number] for number in chosen], method, fmax=fmax, steps=steps)
    for number in chosen:
        formula = states[number].atoms.get_chemical_formula()
        say(f"{method.title}: {rows[number]['label'] or f'pose {number + 1}'} of {name} ({formula})")
        result = next(results)
        if isinstance(result, EvaluationError):
            last = result
            warnings.append(f"pose {number + 1} failed: {result}")
            rows[number]["cause"] = str(result)
        else:
            done.append((number, result))
    if not done:
        raise EvaluationError(f"{method.title} failed on every pose of {name}: {last}") from last
    return settled(starts, done, rows, warnings)


def settled(
    starts: Sequence[Surface],
    done: list[tuple[int, Relaxed]],
    rows: list[dict[str, Any]],
    warnings: list[str],
) -> Lowest:
    """Return the lowest of the poses that are *done*, written into the *rows* of all.

    Parameters
    ----------
    starts
        All starting poses.
    done
        Number and relaxation of those that have an energy, one at least.
    """
    for number, result in done:
        rows[number] |= {
            "energy": result.energy,
            "fmax": result.fmax,
            "steps": result.steps,
            "converged": result.converged,
            "outcomes": outcomes(starts[number], result.atoms),
        }
    best, result = _kept(done, rows)
    said = [*warnings, *rows[best]["outcomes"], *_passed_over(best, rows)]
    return Lowest(start=starts[best], relaxed=result, tried=rows, warnings=said)


def pose_row(plan: Plan, name: str, number: int) -> dict[str, Any]:
    """Return the beginning of what is written down of a pose; seeds and modes are known of the product."""
    if name != plan.product:
        return {"seed": number, "label": ""}
    return {
        "seed": plan.seeds[number] if number < len(plan.seeds) else 0,
        "label": plan.labels[number] if number < len(plan.labels) else "",
    }


def _prescreened(
    states: list[State],
    rows: list[dict[str, Any]],
    method: Method,
    procedure: Procedure,
    poses: int,
    fmax: float,
    say: Callable[[str], None],
) -> list[int]:
    """Relax all *states* a little, put what came out in their places, and return the lowest *poses*."""
    cheap = procedure.prescreen or method
    energies: dict[int, float] = {}
    results = relax_states(list(states), cheap, fmax=fmax, steps=procedure.prescreen_steps)
    for number, state in enumerate(states):
        say(f"{cheap.title}: pre-relaxation of pose {number + 1} of {len(states)}")
        result = next(results)
        if isinstance(result, EvaluationError):
            rows[number]["prescreen"] = {"method": cheap.name, "cause": str(result)}
            continue
        energies[number] = result.energy
        rows[number]["prescreen"] = {
            "method": cheap.name, "energy": result.energy, "steps": result.steps, "fmax": result.fmax,
        }  # fmt: skip
        states[number] = replace(state, atoms=result.atoms)
    # Poses whose pre-relaxation failed come last: another method may do them.
    order = sorted(range(len(states)), key=lambda n: (n not in energies, energies.get(n, 0.0), n))
    chosen: list[int] = []
    for number in order:
        near = [m for m in chosen if abs(energies.get(m, 0.0) - energies.get(number, 1e9)) < _SAME]
        if not near and len(chosen) < poses:
            chosen.append(number)
    for number in order:
        if len(chosen) == min(poses, len(states)):
            break
        if number not in chosen:
            chosen.append(number)
    return chosen


def _kept(done: list[tuple[int, Relaxed]], rows: list[dict[str, Any]]) -> tuple[int, Relaxed]:
    """Return the lowest pose whose ligand is whole and bound; the lowest of all where there is none."""
    whole = [pair for pair in done if not is_lost(rows[pair[0]]["outcomes"])]
    return min(whole or done, key=lambda pair: pair[1].energy)


def _passed_over(best: int, rows: list[dict[str, Any]]) -> list[str]:
    """Return a line for each pose that lies lower than the one kept and is another state."""
    lower = [
        (number, row)
        for number, row in enumerate(rows)
        if "energy" in row and row["energy"] < rows[best]["energy"] - _SAME
    ]
    return [
        f"pose {number + 1} is lower by {rows[best]['energy'] - row['energy']:.2f} eV and was not taken, as "
        f"it is another state ({'; '.join(row['outcomes'])})"
        for number, row in lower
    ]
