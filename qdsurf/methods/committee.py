"""Several machine-learned potentials as one: the mean of their energies, with each member's beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from qdsurf.errors import AskError
from qdsurf.methods.boxing import boxed
from qdsurf.methods.making import make_calculator
from qdsurf.methods.presets import load_method


class Committee(Calculator):
    """The mean of the energies and forces of *members*, which share one geometry.

    The results hold ``members`` (name: energy in eV) and ``energy_spread`` (their standard deviation in
    eV). Members count from zeros of their own, so take the spread of an energy of reaction, member by
    member; that of a total energy says little.

    Examples
    --------
    >>> Committee(members=["emt"]).members
    ('emt',)
    """

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def __init__(self, members: Sequence[str], device: str = "cpu") -> None:
        """Take the names of the *members* on the shelf and the *device* they run on."""
        Calculator.__init__(self)
        if not members:
            raise AskError("a committee has at least one member")
        self.members = tuple(members)
        self._methods = [load_method(name) for name in members]
        keys = ("device", "use_device")
        self._calculators = [
            make_calculator(load_method(name, **{key: device for key in keys if key in method.settings}))
            for name, method in zip(members, self._methods, strict=True)
        ]

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Compute *atoms* with every member."""
        Calculator.calculate(self, atoms, properties, system_changes)
        assert self.atoms is not None
        energies, forces = [], []
        for calculator, method in zip(self._calculators, self._methods, strict=True):
            work = boxed(self.atoms) if method.boxed else self.atoms.copy()
            work.calc = calculator
            energies.append(float(work.get_potential_energy()))
            forces.append(work.get_forces())
        spread = float(np.std(energies, ddof=1)) if len(energies) > 1 else 0.0
        self.results = {
            "energy": float(np.mean(energies)),
            "forces": np.mean(forces, axis=0),
            "energy_spread": spread,
            "members": dict(zip(self.members, energies, strict=True)),
        }
