"""A potential for any element that costs nothing and means nothing: for tests of how energies are used."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from ase.calculators.calculator import all_changes
from ase.calculators.lj import LennardJones

from qdsurf.methods import load_method
from qdsurf.model import Method


class Pairwise(LennardJones):
    """Lennard-Jones; PAIRWISE_FAILS names formulas that it fails on, and two members disagree by a tenth."""

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        formula = atoms.get_chemical_formula()
        if formula in os.environ.get("PAIRWISE_FAILS", "").split(","):
            raise RuntimeError(f"no luck with {formula}")
        if formula in os.environ.get("PAIRWISE_NAN", "").split(","):
            self.results["energy"] = float("nan")
        energy = self.results["energy"]
        self.results["members"] = {"first": energy, "second": 1.1 * energy + 5.0}


def pairwise(**changes: Any) -> Method:
    """Return the method."""
    method = replace(
        load_method("emt"),
        name="pairwise",
        title="Pairwise",
        calculator="pair_potential:Pairwise",
        elements=(),
        settings={"sigma": 2.2, "epsilon": 0.05, "rc": 5.0},
        class_error=0.1,
        warnings=(),
    )
    return replace(method, **changes)
