"""Binding energies: plan the reaction, evaluate its states with one method, combine them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from qdsurf.energy.poses import lowest_pose
from qdsurf.energy.reactions import COMPLEX, Plan, State, plan
from qdsurf.energy.relax import Relaxed, equilibrium_scale, gamma_repeat, relax, single_point
from qdsurf.errors import EvaluationError
from qdsurf.methods import check_system, engine_version
from qdsurf.model.nouns import Energy, Ligand, Method, Reaction, Surface


class References(Protocol):
    """A cache of state energies; a dict will do, and so will a store of JSON values."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of *key*, or *default*."""

    def __setitem__(self, key: str, value: Any) -> None: ...


@dataclass(frozen=True, kw_only=True, eq=False)
class BindingResult:
    """An energy with the structure that it belongs to.

    Attributes
    ----------
    energy
        The energy of the reaction.
    surface
        The relaxed surface with the ligand, in its lowest pose.
    """

    energy: Energy
    surface: Surface


def combine(reaction: Reaction, terms: Mapping[str, float]) -> float:
    """Return the energy of *reaction* in eV from the energies of its states.

    The sum of coefficient times energy; negative binds.

    Raises
    ------
    EvaluationError
        A state has no energy, or one that is not a number.

    Examples
    --------
    >>> r = Reaction(name="adsorption", equation="S + L -> SL", stoichiometry={"S": -1, "L": -1, "SL": 1})
    >>> combine(r, {"S": -10.0, "L": -5.0, "SL": -15.5})
    -0.5
    """
    bad = [n for n in reaction.stoichiometry if not math.isfinite(terms.get(n, math.nan))]
    if bad:
        raise EvaluationError(f"{reaction.name}: no energy for {', '.join(bad)}")
    return math.fsum(c * terms[n] for n, c in reaction.stoichiometry.items())


def combined_uncertainty(class_error: float, poses: list[float]) -> float:
    """Return the uncertainty in eV of a binding energy.

    The class error of the method (its mean absolute error against a reference) and half the spread
    of the relaxed poses, added in quadrature: how wrong the method is for this class of ligands, and
    how far the answer depends on where the ligand started. It is no statistical interval, and the
    choice of reaction is not in it.

    Examples
    --------
    >>> combined_uncertainty(0.3, [-1.0, -0.2])
    0.5
    """
    return math.hypot(class_error, (max(poses) - min(poses)) / 2)


def state_key(state: State, method: Method, fmax: float, steps: int) -> str:
    """Return a hash of all that the energy of *state* depends on."""
    atoms = state.atoms
    content = [
        atoms.get_atomic_numbers().tolist(),
        (atoms.positions.round(5) + 0.0).tolist(),
        (atoms.cell.array.round(5) + 0.0).tolist(),
        atoms.pbc.tolist(),
        state.charge,
        None if state.fixed is None else state.fixed.tolist(),
        [state.kind, state.per_formula],
        [method.identity, engine_version(method)],
        [fmax, steps],
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def evaluate_state(state: State, method: Method, *, fmax: float = 0.05, steps: int = 150) -> Relaxed:
    """Return *state* relaxed with *method*; the energy is of all its atoms, in eV.

    A bulk state is scaled to the lattice constant of the method and its ions keep their places;
    everything else is relaxed in its cell.
    """
    if state.kind != "bulk":
        return relax(state.atoms, method, fixed=state.fixed, fmax=fmax, steps=steps, charge=state.charge)
    work = state.atoms.copy()
    work.set_cell(work.cell * equilibrium_scale(work, method), scale_atoms=True)
    repeated = gamma_repeat(work, method)
    result = single_point(repeated, method, charge=state.charge)
    return replace(result, atoms=work, energy=result.energy * len(work) / len(repeated))


def bind(
    surface: Surface,
    ligand: Ligand,
    method: Method,
    *,
    reaction: str = "auto",
    poses: int = 2,
    mode: str = "auto",
    fmax: float = 0.05,
    steps: int = 150,
    references: References | None = None,
    progress: Callable[[str], None] | None = None,
) -> BindingResult:
    """Return the binding energy with the relaxed structure; see :func:`binding_energy`."""
    planned = plan(surface, ligand, reaction=reaction, poses=poses, mode=mode)
    return evaluate_plan(planned, method, fmax=fmax, steps=steps, references=references, progress=progress)


def binding_energy(
    surface: Surface,
    ligand: Ligand,
    method: Method,
    *,
    reaction: str = "auto",
    poses: int = 2,
    mode: str = "auto",
    fmax: float = 0.05,
    steps: int = 150,
    references: References | None = None,
    progress: Callable[[str], None] | None = None,
) -> Energy:
    """Return the energy by which *ligand* binds *surface*, in eV per ligand; negative binds.

    The surface keeps the cell that it was built with: build it at the lattice constant of the
    method for energies free of strain.

    Parameters
    ----------
    surface
        Slab or dot.
    ligand
        One of it binds, on the top face of a slab.
    method
        How energies are computed.
    reaction
        "auto", or a name of ``qdsurf.energy.reactions.REACTIONS``.
    poses
        Starting poses relaxed; the lowest is kept and all are recorded in ``provenance["poses"]``.
    mode
        How the ligand binds in the starting poses, as for ``qdsurf.attach``.
    fmax
        Force threshold, eV/Å.
    steps
        Most relaxation steps of one state.
    references
        Cache of the states that ligands share; a dict will do.
    progress
        Called with one line before each evaluation.

    Raises
    ------
    AskError
        No such reaction or site, or the method cannot do one of the states; nothing was run.
    BalanceError
        The reaction does not balance.
    PlacementError
        The ligand has no room in any pose.
    EvaluationError
        A state has no energy.

    Examples
    --------
    >>> import qdsurf as qs  # doctest: +SKIP
    >>> slab = qs.cut_slab(qs.load_crystal("CsPbBr3-cubic"), (0, 0, 1), layers=3)  # doctest: +SKIP
    >>> binding_energy(slab, qs.load_ligand("acetate"), qs.load_method("sevennet-0"))  # doctest: +SKIP
    """
    return bind(
        surface, ligand, method,
        reaction=reaction, poses=poses, mode=mode, fmax=fmax, steps=steps, references=references,
        progress=progress,
    ).energy  # fmt: skip


def evaluate_plan(
    planned: Plan,
    method: Method,
    *,
    fmax: float = 0.05,
    steps: int = 150,
    references: References | None = None,
    progress: Callable[[str], None] | None = None,
) -> BindingResult:
    """Evaluate every state of *planned* with *method* and combine them.

    Raises
    ------
    AskError
        The method cannot do one of the states; nothing was run.
    EvaluationError
        A state has no energy, or every pose failed; the last cause is chained.
    """
    for state in planned.states.values():
        check_system(method, state.atoms, state.charge)
    say = progress or (lambda line: None)
    cache: References = {} if references is None else references
    found: dict[str, dict[str, Any]] = {}
    for name, state in planned.states.items():
        if name == COMPLEX:
            continue
        key = state_key(state, method, fmax, steps)
        known = cache.get(key)
        if known is None:
            say(f"{method.title}: {name} ({state.atoms.get_chemical_formula()})")
            known = _numbers(evaluate_state(state, method, fmax=fmax, steps=steps), state.per_formula)
            cache[key] = known
        found[name] = known
    best, relaxed, tried, warnings = lowest_pose(planned, method, fmax, steps, say)
    found[COMPLEX] = _numbers(relaxed, 1)
    terms = {name: float(found[name]["energy"]) for name in planned.reaction.stoichiometry}
    value = combine(planned.reaction, terms)
    shift = value - relaxed.energy
    energies = [pose["energy"] + shift for pose in tried if "energy" in pose]
    late = [name for name in terms if not found[name]["converged"]]
    if late:
        warnings.append(f"not converged to {fmax} eV/Å in {steps} steps: {', '.join(late)}")
    energy = Energy(
        value=value,
        uncertainty=combined_uncertainty(method.class_error, energies),
        reaction=planned.reaction,
        terms=terms,
        method=method.name,
        converged=not late,
        warnings=(*method.warnings, *planned.warnings, *warnings),
        provenance={
            "settings": dict(method.settings),
            "engine": engine_version(method),
            "class_error": method.class_error,
            "class_error_source": method.class_error_source,
            "fmax": fmax,
            "steps": steps,
            "states": found,
            "poses": energies,
            "tried": tried,
            "cell": "as the surface was built",
            "cite": list(method.cite),
        },
    )
    return BindingResult(energy=energy, surface=replace(best, atoms=relaxed.atoms))


def _numbers(result: Relaxed, per_formula: int) -> dict[str, Any]:
    """Return what is kept of a state: plain numbers, the energy per formula unit in eV."""
    return {
        "energy": result.energy / per_formula,
        "fmax": result.fmax,
        "steps": result.steps,
        "converged": result.converged,
    }
