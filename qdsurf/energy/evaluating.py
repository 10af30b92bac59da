"""Evaluate the states of a plan with one method and combine them into the energy of the reaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from qdsurf.energy.bulk import relax_bulk
from qdsurf.energy.combining import class_error, combine, combined_uncertainty, committee_spread
from qdsurf.energy.poses import Lowest, lowest_pose
from qdsurf.energy.procedure import Procedure
from qdsurf.energy.reactions import Plan, State
from qdsurf.energy.relax import Relaxed, relax
from qdsurf.errors import AskError
from qdsurf.methods import check_system, engine_version
from qdsurf.model.energies import Energy, Method
from qdsurf.model.nouns import Surface

# Raised whenever the energy of a state comes to mean something else, so that no cache serves the old one.
_VERSION = 2


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
        The relaxed surface with the ligand, in its lowest pose; for a vacancy the surface with it.
    """

    energy: Energy
    surface: Surface


def state_content(state: State) -> list[Any]:
    """Return all that tells *state* from another, in plain values; equal states are one."""
    atoms = state.atoms
    return [
        atoms.get_atomic_numbers().tolist(),
        (atoms.positions.round(5) + 0.0).tolist(),
        (atoms.cell.array.round(5) + 0.0).tolist(),
        atoms.pbc.tolist(),
        state.charge,
        None if state.fixed is None else state.fixed.tolist(),
        [state.kind, state.per_formula],
    ]


def state_key(state: State, method: Method, fmax: float, steps: int) -> str:
    """Return a hash of all that the energy of *state* depends on."""
    content = [
        _VERSION,
        *state_content(state),
        [method.identity, engine_version(method)],
        [fmax, steps],
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def evaluate_state(state: State, method: Method, *, fmax: float = 0.05, steps: int = 150) -> Relaxed:
    """Return *state* relaxed with *method*; the energy is of all its atoms, in eV.

    A bulk state takes the volume and the positions that the method gives it; everything else is relaxed
    in its cell.
    """
    if state.kind == "bulk":
        return relax_bulk(state.atoms, method, fmax=fmax, steps=steps)
    return relax(state.atoms, method, fixed=state.fixed, fmax=fmax, steps=steps, charge=state.charge)


def require_able(plan: Plan, method: Method, procedure: Procedure) -> None:
    """Refuse a *method* that cannot do one of the states of *plan*, before anything is run.

    Raises
    ------
    AskError
        It cannot; says why.
    """
    for one in (method, procedure.prescreen) if procedure.prescreen else (method,):
        for state in plan.states.values():
            check_system(one, state.atoms, state.charge)
    ions = any(s.charge and s.kind == "molecule" for s in plan.states.values())
    if ions and "gfn1" in f"{method.name} {method.settings.get('method', '')}".lower():
        raise AskError(
            f"{plan.reaction.name}: {method.title} is wrong by about 5 eV for bare halide ions; take "
            "a reaction between neutral states, or another method"
        )


def evaluate_plan(
    plan: Plan,
    method: Method,
    *,
    fmax: float = 0.05,
    steps: int = 150,
    poses: int | None = None,
    references: References | None = None,
    progress: Callable[[str], None] | None = None,
    procedure: Procedure | None = None,
) -> BindingResult:
    """Evaluate every state of *plan* with *method* and combine them.

    Parameters
    ----------
    fmax
        Force threshold, eV/Å.
    steps
        Most steps of one state.
    poses
        How many of the starting poses are relaxed fully; None for all.
    references
        Cache of the states that ligands share.
    progress
        Called with one line before each evaluation.
    procedure
        What else is done.

    Raises
    ------
    AskError
        The method cannot do one of the states; nothing was run.
    EvaluationError
        A state has no energy, or every pose failed; the last cause is chained.
    """
    how = procedure or Procedure()
    require_able(plan, method, how)
    say = progress or (lambda line: None)
    found = _shared_states(plan, method, fmax, steps, {} if references is None else references, say)
    lowest = {
        name: lowest_pose(
            plan, name, method, fmax=fmax, steps=steps, poses=poses, procedure=how, say=say
        )
        for name in plan.posed
    }  # fmt: skip
    for name, low in lowest.items():
        found[name] = state_numbers(low.relaxed, 1)
    energy = assembled(plan, method, found, lowest, fmax, steps)
    best = lowest[plan.product]
    energy = _told_apart(energy, plan, lowest, method, found, how, say)
    return BindingResult(energy=energy, surface=replace(best.start, atoms=best.relaxed.atoms))


def _shared_states(
    plan: Plan, method: Method, fmax: float, steps: int, cache: References, say: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    """Return the numbers of all states without poses, from the *cache* where it has them."""
    return {
        name: shared_state(name, state, method, fmax, steps, cache, say)
        for name, state in plan.states.items()
        if name not in plan.posed
    }


def shared_state(
    name: str,
    state: State,
    method: Method,
    fmax: float,
    steps: int,
    cache: References,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Return the numbers of a *state* without poses, from the *cache* where it has them."""
    key = state_key(state, method, fmax, steps)
    known: dict[str, Any] | None = cache.get(key)
    if known is None:
        say(f"{method.title}: {name} ({state.atoms.get_chemical_formula()})")
        known = state_numbers(evaluate_state(state, method, fmax=fmax, steps=steps), state.per_formula)
        cache[key] = known
    return known


def assembled(
    plan: Plan,
    method: Method,
    found: Mapping[str, Mapping[str, Any]],
    lowest: Mapping[str, Lowest],
    fmax: float,
    steps: int,
) -> Energy:
    """Return the energy of the reaction from the numbers of its states, wherever these were computed.

    Parameters
    ----------
    found
        Numbers by state, as :func:`state_numbers` gives them.
    lowest
        What the poses of the states with a ligand came to.
    fmax, steps
        Thresholds that were asked for.

    Raises
    ------
    EvaluationError
        A state has no energy.
    """
    reaction = plan.reaction
    terms = {name: float(found[name]["energy"]) for name in reaction.stoichiometry}
    value = combine(reaction, terms)
    warnings = [w for low in lowest.values() for w in low.warnings]
    warnings += [f"{name}: {w}" for name in terms for w in found[name].get("warnings", ())]
    late = [name for name in terms if not found[name]["converged"]]
    if late:
        warnings.append(f"not converged to {fmax} eV/Å in {steps} steps: {', '.join(late)}")
    best = lowest[plan.product]
    # Energies of poses are of all ligands of a state, the energy of the reaction is of one.
    share = {name: abs(reaction.stoichiometry[name]) for name in lowest}
    above = [row["energy"] - best.relaxed.energy for row in best.tried if "energy" in row]
    whole = [value + share[plan.product] * e for e in above]
    spreads = [share[name] * low.spread for name, low in lowest.items()]
    committee = committee_spread(reaction, found)
    error = class_error(method, reaction.name)
    return Energy(
        value=value,
        uncertainty=combined_uncertainty(error, [0.0, sum(s**2 for s in spreads) ** 0.5], committee or 0.0),
        reaction=reaction,
        terms=terms,
        method=method.name,
        converged=not late,
        warnings=(*method.warnings, *plan.warnings, *warnings),
        provenance={
            "settings": dict(method.settings),
            "dispersion": method.dispersion,
            "engine": engine_version(method),
            "class_error": error,
            "class_error_source": method.class_error_source,
            "uncertainty": {"class": error, "poses": spreads, "committee": committee},
            "fmax": fmax,
            "steps": steps,
            "states": {name: dict(numbers) for name, numbers in found.items()},
            "poses": whole,
            "tried": best.tried,
            "tried_others": {name: low.tried for name, low in lowest.items() if name != plan.product},
            "outcomes": best.tried[_number(best)].get("outcomes", []),
            "cell": "as the surface was built",
            "cite": list(method.cite),
        },
    )


def _number(low: Lowest) -> int:
    """Return the number of the pose that was kept."""
    return next(n for n, row in enumerate(low.tried) if row.get("energy") == low.relaxed.energy)


def _told_apart(
    energy: Energy,
    plan: Plan,
    lowest: Mapping[str, Lowest],
    method: Method,
    found: Mapping[str, Mapping[str, Any]],
    how: Procedure,
    say: Callable[[str], None],
) -> Energy:
    """Return *energy* with the parts and the free energy that the procedure asks for."""
    provenance, warnings = dict(energy.provenance), list(energy.warnings)
    if how.parts or how.counterpoise:
        from qdsurf.energy.parts import energy_parts

        say(f"{method.title}: deformation and interaction")
        provenance["parts"], said = energy_parts(
            plan, lowest[plan.product], method, found, counterpoise=how.counterpoise
        )
        warnings += said
    if how.temperature is not None:
        from qdsurf.energy.thermal import free_energy

        say(f"{method.title}: vibrations")
        provenance["free_energy"], said = free_energy(
            energy, plan, lowest, method, how.temperature, fmax=energy.provenance["fmax"],
            steps=energy.provenance["steps"],
        )  # fmt: skip
        warnings += said
    return replace(energy, provenance=provenance, warnings=tuple(warnings))


def state_numbers(result: Relaxed, per_formula: int) -> dict[str, Any]:
    """Return what is kept of a state: plain numbers, the energy per formula unit in eV."""
    numbers: dict[str, Any] = {
        "energy": result.energy / per_formula,
        "fmax": result.fmax,
        "steps": result.steps,
        "converged": result.converged,
    }
    if result.members:
        numbers["members"] = {name: energy / per_formula for name, energy in result.members.items()}
    if result.warnings:
        numbers["warnings"] = list(result.warnings)
    return numbers
