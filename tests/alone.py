"""What a test runs in a process of its own, which imports this module by its name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ase import Atoms

from qdsurf.energy.relax import single_point
from qdsurf.methods import load_method


def energies_of(name: str, settings: dict[str, Any], systems: list[Atoms]) -> list[float]:
    """Return the energies in eV of *systems* with the method *name*, one after the other."""
    method = load_method(name, **settings)
    return [single_point(atoms, method).energy for atoms in systems]


def evaluate(surface: Any, ligand: Any, method: Any, *, references: Any, **_: Any) -> Any:
    """Compute the free ligand with the program named like it in the folder FAKES; two steps at most."""
    from cheap import Result

    from qdsurf.energy.relax import relax
    from qdsurf.model import Energy, Reaction

    program = Path(os.environ["FAKES"]) / ligand.name
    found = relax(ligand.conformers[0], load_method("xtb-gfn2", program=str(program)), steps=2)
    reaction = Reaction(name="none", equation="a → b", stoichiometry={"a": -1.0, "b": 1.0})
    energy = Energy(
        value=found.energy, uncertainty=0.1, reaction=reaction, terms={"a": 0.0, "b": found.energy},
        method="xtb-gfn2", converged=found.converged,
    )  # fmt: skip
    return Result(energy, surface)
