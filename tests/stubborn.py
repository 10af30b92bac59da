"""A calculator whose SCF fails as often as it is told; tests name it "stubborn:Stubborn"."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase.calculators.calculator import Calculator, SCFError, all_changes


class Stubborn(Calculator):
    """Give -1 eV and no force; fail to converge while *fails* is above 0, and crash below."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def __init__(self, *, fails: int = 0, charge: int = 0) -> None:
        Calculator.__init__(self)
        self._fails = fails

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        Calculator.calculate(self, atoms, properties, system_changes)
        if self._fails < 0:
            raise MemoryError("out of memory")
        if self._fails:
            raise SCFError(f"no convergence, {self._fails} more to come")
        self.results = {"energy": -1.0, "forces": np.zeros((len(self.atoms), 3))}
