"""Relax the starting poses of a ligand, keep the lowest, and see whether it still is what it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from qdsurf.energy.reactions import Plan
from qdsurf.energy.relax import Relaxed, relax
from qdsurf.energy.states import slab_state
from qdsurf.errors import EvaluationError
from qdsurf.model.nouns import Method, Surface

if TYPE_CHECKING:
    from ase import Atoms

# Anchors farther from the surface than this many times their first distance are off it.
DETACHED = 1.5
# Bonds longer than this many times the sum of covalent radii are broken.
BROKEN = 1.3


def lowest_pose(
    planned: Plan, method: Method, fmax: float, steps: int, say: Callable[[str], None]
) -> tuple[Surface, Relaxed, list[dict[str, Any]], list[str]]:
    """Return the starting Surface and the relaxation of the lowest pose, all tried, and warnings.

    A pose that fails is recorded with its cause, and the others go on.

    Raises
    ------
    EvaluationError
        Every pose failed; the last cause is chained.
    """
    done: list[tuple[Surface, Relaxed]] = []
    tried: list[dict[str, Any]] = []
    warnings: list[str] = []
    last: EvaluationError | None = None
    for number, (pose, seed) in enumerate(zip(planned.poses, planned.seeds, strict=True), start=1):
        state = slab_state(pose, planned.lowest_free)
        say(f"{method.title}: pose {number} of {len(planned.poses)} ({pose.atoms.get_chemical_formula()})")
        try:
            result = relax(
                state.atoms, method, fixed=state.fixed, fmax=fmax, steps=steps, charge=state.charge
            )
        except EvaluationError as error:
            last = error
            warnings.append(f"pose {number} failed: {error}")
            tried.append({"seed": seed, "cause": str(error)})
            continue
        done.append((pose, result))
        tried.append(
            {
                "seed": seed,
                "energy": result.energy,
                "fmax": result.fmax,
                "steps": result.steps,
                "converged": result.converged,
            }
        )
    if not done:
        raise EvaluationError(f"{method.title} failed on every pose: {last}") from last
    pose, result = min(done, key=lambda pair: pair[1].energy)
    return pose, result, tried, warnings + damage(pose, result.atoms)


def damage(before: Surface, after: Atoms) -> list[str]:
    """Return a warning for each way in which a relaxation changed what a ligand is.

    Parameters
    ----------
    before
        The surface with ligands as it was placed.
    after
        The same atoms relaxed, Å.

    Returns
    -------
    list
        "detached: ..." where the anchors moved off the surface, "fragmented: ..." where a bond of
        the ligand broke; empty where neither happened.
    """
    from ase.data import covalent_radii

    atoms, found = before.atoms, []
    first, last = _anchor_distance(atoms), _anchor_distance(after)
    if first is not None and last is not None and last > DETACHED * first:
        found.append(f"detached: the anchor moved from {first:.2f} to {last:.2f} Å from the surface")
    if before.bonds:
        pairs = np.array([(i, j) for i, j, _ in before.bonds])
        numbers = atoms.numbers
        broken = [
            f"{after[int(i)].symbol}{i}-{after[int(j)].symbol}{j}"
            for i, j in pairs
            if after.get_distance(i, j, mic=True)
            > BROKEN * (covalent_radii[numbers[i]] + covalent_radii[numbers[j]])
        ]
        if broken:
            found.append(f"fragmented: broken bonds {', '.join(broken)}")
    return found


def _anchor_distance(atoms: Atoms) -> float | None:
    """Return the shortest distance in Å between an anchor and the surface; None without both."""
    from ase.geometry import get_distances

    ligand = atoms.arrays["role"] == "ligand"
    anchor = ligand & atoms.arrays["anchor"]
    if not anchor.any() or ligand.all():
        return None
    _, gaps = get_distances(atoms.positions[anchor], atoms.positions[~ligand], cell=atoms.cell, pbc=atoms.pbc)
    return float(gaps.min())
