"""What is tried, and written down, where a self-consistent field does not converge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ase import Atoms
from ase.calculators.calculator import Calculator, SCFError, all_changes

from qdsurf.errors import AskError
from qdsurf.model.energies import Method

Make = Callable[[Mapping[str, Any]], Calculator]


def is_scf_failure(error: BaseException) -> bool:
    """Return whether *error* says that a self-consistent field did not converge.

    Engines have no common class for it: ASE's own, one that is named for it, or what the message says.

    >>> is_scf_failure(RuntimeError("SCF not converged in 3 cycles")), is_scf_failure(OSError("no space"))
    (True, False)
    """
    if isinstance(error, (AskError, OSError)):
        return False
    words = f"{type(error).__name__} {error}".lower()
    return isinstance(error, SCFError) or "converge" in words


class Laddered(Calculator):
    """A calculator that climbs the ladder of its method where the SCF does not converge.

    A rung changes how the SCF gets there (mixing, guess, an electronic temperature that falls back to the
    one asked for), never what it converges to, so energies of different rungs compare. The rung that
    helped is kept for the geometries that follow and noted.

    Attributes
    ----------
    notes
        What to know about the last energy: which rung gave it; empty for the settings of the preset.
    """

    def __init__(self, method: Method, make: Make) -> None:
        """Take the *method* with its ladder and *make*, which makes its calculator with changed settings."""
        Calculator.__init__(self)
        self._method = method
        self._make = make
        self._rungs: list[tuple[str, Mapping[str, Any]]] = [
            ("the settings of the preset", {}),
            *((rung["name"], rung["settings"]) for rung in method.ladder),
        ]
        self._rung = 0
        self._engine = make({})
        self.implemented_properties = self._engine.implemented_properties
        self.notes: tuple[str, ...] = ()

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Compute *atoms* on the present rung, or on the first above it that converges."""
        Calculator.calculate(self, atoms, properties, system_changes)
        tried: list[str] = []
        while True:
            try:
                self._engine.calculate(self.atoms, properties or ["energy"], system_changes)
                break
            except Exception as error:
                if not is_scf_failure(error):
                    raise
                tried.append(self._rungs[self._rung][0])
                if self._rung + 1 == len(self._rungs):
                    raise SCFError(
                        f"the SCF did not converge; tried: {', '.join(tried)}; last: {error}"
                    ) from error
                self._rung += 1
                self._engine = self._make(self._rungs[self._rung][1])
                system_changes = all_changes
        self.results = dict(self._engine.results)
        if self._rung:
            self.notes = (f"the SCF converged only with: {self._rungs[self._rung][0]}",)
