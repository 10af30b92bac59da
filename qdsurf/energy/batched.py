"""Relax many states with one method: one after the other, or together on a graphics card by torch-sim."""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from qdsurf.energy.reactions import State
from qdsurf.energy.relax import MAX_STEP, Relaxed, check_limits, relax, require_numbers
from qdsurf.errors import AskError, EvaluationError, MissingExtra
from qdsurf.methods import check_system, lacks
from qdsurf.methods.boxing import boxed
from qdsurf.model.energies import Method

if TYPE_CHECKING:
    from ase import Atoms

# Steps between two looks at who has converged.
_STRIDE = 5


def relax_states(
    states: Sequence[State], method: Method, *, fmax: float = 0.05, steps: int = 150
) -> Iterator[Relaxed | EvaluationError]:
    """Relax the positions of each of *states* in its cell; yield each result, or why there is none.

    A method with a batched model relaxes all at once, by FIRE, before the first is yielded. Any other
    relaxes one by one, by L-BFGS, each when it is asked for. Both end at the same threshold.

    Parameters
    ----------
    states
        Systems with their fixed atoms and charges; not changed.
    method
        How to compute them.
    fmax
        Stop when no free atom feels more than this, eV/Å.
    steps
        Most steps of one state.

    Raises
    ------
    AskError
        The method cannot do one of them.
    MissingExtra
        The method is batched, and torch-sim is not installed.

    References
    ----------
    FIRE: Bitzek et al., doi:10.1103/PhysRevLett.97.170201. L-BFGS: Liu and Nocedal, doi:10.1007/BF01589116.

    Examples
    --------
    >>> from ase import Atoms
    >>> from qdsurf.methods import load_method
    >>> dimer = Atoms("N2", positions=[(0, 0, 0), (0, 0, 1.2)])
    >>> states = [State(atoms=dimer, charge=0), State(atoms=dimer, charge=0)]
    >>> [found.converged for found in relax_states(states, load_method("emt"))]
    [True, True]
    """
    check_limits(fmax, steps)
    if method.batched:
        yield from _together(states, method, fmax, steps)
        return
    for state in states:
        try:
            yield relax(state.atoms, method, fixed=state.fixed, fmax=fmax, steps=steps, charge=state.charge)
        except EvaluationError as error:
            yield error


def _together(
    states: Sequence[State], method: Method, fmax: float, steps: int
) -> list[Relaxed | EvaluationError]:
    """Return what one batch of *states* gave; where it fails as a whole, each is tried alone."""
    for state in states:
        check_system(method, state.atoms, state.charge)
    model = batched_model(method)
    try:
        return _optimized(states, method, model, fmax, steps)
    except Exception as error:
        if len(states) > 1:
            return [_together([state], method, fmax, steps)[0] for state in states]
        formula = states[0].atoms.get_chemical_formula()
        failed = EvaluationError(f"{method.title} failed on {formula}: {error}")
        failed.__cause__ = error
        return [failed]


def batched_model(method: Method) -> Any:
    """Return the torch-sim model of *method*, loaded once per process.

    Raises
    ------
    MissingExtra
        torch-sim or the package of the model is not installed.
    AskError
        The device that the method asks for is not here, or dispersion was added, which no batch has.
    """
    if method.added_dispersion:
        raise AskError(f"{method.title}: batches have no added dispersion; take sevennet-0-d3, one by one")
    if missing := lacks(method):
        raise MissingExtra(method.title, method.extra, missing)
    device = str(method.settings.get("device", "cpu"))
    if device.startswith("cuda"):
        import torch

        if not torch.cuda.is_available():
            raise AskError(
                f"{method.title} asks for the device {device}, and torch {torch.__version__} finds none "
                f"here: load_method({method.name!r}, device='cpu') batches on the processor"
            )
    return _model(method.batched, json.dumps(dict(method.settings), sort_keys=True))


@lru_cache(maxsize=4)
def _model(batched: str, settings: str) -> Any:
    module, _, name = batched.partition(":")
    return getattr(importlib.import_module(module), name)(**json.loads(settings))


def _optimized(
    states: Sequence[State], method: Method, model: Any, fmax: float, steps: int
) -> list[Relaxed | EvaluationError]:
    """Relax *states* in one batch that converged ones leave and waiting ones enter as memory allows."""
    import torch
    import torch_sim
    from torch_sim.constraints import FixAtoms

    # All systems of a batch must be periodic alike.
    work: list[Atoms] = [boxed(state.atoms) for state in states]
    batch = torch_sim.initialize_state(work, model.device, model.dtype)
    fixed = np.concatenate(
        [np.zeros(len(s.atoms), dtype=bool) if s.fixed is None else np.asarray(s.fixed) for s in states]
    )
    if fixed.any():
        batch.constraints = [FixAtoms(atom_mask=torch.as_tensor(fixed, device=model.device))]
    batcher = torch_sim.InFlightAutoBatcher(
        model,
        memory_scales_with=model.memory_scales_with,
        # The room on a graphics card is measured; a processor takes all.
        max_memory_scaler=None if model.device.type == "cuda" else math.inf,
    )
    final = torch_sim.optimize(
        batch,
        model,
        optimizer=torch_sim.Optimizer.fire,
        convergence_fn=torch_sim.generate_force_convergence_fn(fmax),
        max_steps=steps,
        steps_between_swaps=_STRIDE,
        autobatcher=batcher,
        max_step=MAX_STEP,
    )
    counts = [min(_STRIDE * count, steps) for count in batcher.iteration_count]
    return [
        _result(state, method, before, after, fmax, count)
        for state, before, after, count in zip(states, work, final.split(), counts, strict=True)
    ]


def _result(
    state: State, method: Method, before: Atoms, after: Any, fmax: float, steps: int
) -> Relaxed | EvaluationError:
    """Return what torch-sim made of *state*; *before* is the boxed copy that it began from."""
    energy = float(after.energy)
    forces = after.forces.detach().cpu().numpy().astype(float)
    if state.fixed is not None:
        forces[state.fixed] = 0.0
    reached = float(np.linalg.norm(forces, axis=1).max(initial=0.0))
    try:
        require_numbers(state.atoms, method, energy, reached)
    except EvaluationError as error:
        return error
    atoms: Atoms = state.atoms.copy()
    atoms.set_constraint()
    moved = after.positions.detach().cpu().numpy() - before.positions
    # The model rounds positions to its precision, those of fixed atoms too.
    atoms.positions += moved if state.fixed is None else np.where(state.fixed[:, None], 0.0, moved)
    return Relaxed(atoms=atoms, energy=energy, fmax=reached, steps=steps, converged=reached <= fmax)
