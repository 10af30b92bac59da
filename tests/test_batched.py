"""Many states at once: the same results as one by one, and failures that stay with their state."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import numpy as np
import pytest
from ase import Atoms
from ase.build import fcc111, molecule

from qdsurf.energy.batched import relax_states
from qdsurf.energy.reactions import State
from qdsurf.energy.relax import relax
from qdsurf.errors import AskError, EvaluationError, MissingExtra
from qdsurf.methods import load_method


def states() -> list[State]:
    """Two molecules and a slab whose lower atoms are fixed, all away from their minima."""
    found = []
    for seed, name in enumerate(("H2O", "CH3OH")):
        atoms = molecule(name)
        atoms.rattle(0.05, seed=seed)
        found.append(State(atoms=atoms))
    slab: Atoms = fcc111("Cu", (2, 2, 3), vacuum=8.0)
    slab.pbc = (True, True, False)
    slab.rattle(0.05, seed=3)
    fixed = np.arange(len(slab)) < 4
    return [*found, State(atoms=slab, fixed=fixed, kind="slab")]


def test_without_a_batched_model_each_state_is_relaxed_as_relax_does() -> None:
    emt = load_method("emt")
    slab = states()[2]
    for found in relax_states([slab, slab], emt, steps=60):
        alone = relax(slab.atoms, emt, fixed=slab.fixed, steps=60)
        assert not isinstance(found, EvaluationError)
        assert found.energy == alone.energy
        assert np.array_equal(found.atoms.positions, alone.atoms.positions)


def test_a_state_that_fails_leaves_the_others_alone() -> None:
    slab = states()[2]
    broken = State(atoms=slab.atoms.copy())
    broken.atoms.positions[0] = np.nan
    bad, good = relax_states([broken, slab], load_method("emt"))
    assert isinstance(bad, EvaluationError)
    assert "Cu12" in str(bad)
    assert not isinstance(good, EvaluationError)


def test_each_state_is_relaxed_only_when_it_is_asked_for() -> None:
    wrong = State(atoms=molecule("H2O"), charge=1)
    results = relax_states([states()[2], wrong], load_method("emt"))
    assert not isinstance(next(results), EvaluationError)
    with pytest.raises(AskError, match="charge"):
        next(results)


def test_a_batch_does_not_drop_the_dispersion_that_was_asked_for() -> None:
    with pytest.raises(AskError, match="no added dispersion"):
        list(relax_states(states(), load_method("sevennet-0-gpu", dispersion="d3")))


if find_spec("torch_sim") is None:

    def test_without_torch_sim_the_command_that_installs_it_is_said() -> None:
        with pytest.raises(MissingExtra, match=r"pip install 'qdsurf\[gpu\]' with Python 3\.12"):
            list(relax_states(states(), load_method("sevennet-0-gpu", device="cpu")))


# torch-sim that works with SevenNet cannot be installed below, so there is nothing to skip.
if sys.version_info >= (3, 12) and find_spec("torch_sim") is not None:

    @pytest.mark.engine
    def test_a_batch_ends_where_one_by_one_does() -> None:
        together = list(relax_states(states(), load_method("sevennet-0-gpu", device="cpu")))
        alone = list(relax_states(states(), load_method("sevennet-0")))
        for start, one, other in zip(states(), together, alone, strict=True):
            assert not isinstance(one, EvaluationError)
            assert not isinstance(other, EvaluationError)
            assert one.converged
            assert one.steps > 1
            assert one.energy == pytest.approx(other.energy, abs=0.005)
            # Soft modes leave room below the threshold of the forces.
            assert one.atoms.get_all_distances() == pytest.approx(other.atoms.get_all_distances(), abs=0.05)
            if start.fixed is not None:
                assert np.array_equal(one.atoms.positions[start.fixed], start.atoms.positions[start.fixed])

    @pytest.mark.engine
    def test_a_broken_state_does_not_take_its_batch_along() -> None:
        broken = State(atoms=molecule("H2O"))
        broken.atoms.positions[0] = np.nan
        bad, good = relax_states([broken, states()[0]], load_method("sevennet-0-gpu", device="cpu"))
        assert isinstance(bad, EvaluationError)
        assert not isinstance(good, EvaluationError)

    @pytest.mark.engine
    def test_a_missing_graphics_card_is_refused_with_what_works(monkeypatch: pytest.MonkeyPatch) -> None:
        import torch

        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        with pytest.raises(AskError, match="device='cpu'"):
            list(relax_states(states(), load_method("sevennet-0-gpu")))
