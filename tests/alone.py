"""What a test runs in a process of its own, which imports this module by its name."""

from __future__ import annotations

from typing import Any

from ase import Atoms

from qdsurf.energy.relax import single_point
from qdsurf.methods import load_method


def energies_of(name: str, settings: dict[str, Any], systems: list[Atoms]) -> list[float]:
    """Return the energies in eV of *systems* with the method *name*, one after the other."""
    method = load_method(name, **settings)
    return [single_point(atoms, method).energy for atoms in systems]
