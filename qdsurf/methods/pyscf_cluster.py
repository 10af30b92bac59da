"""PySCF as an ASE calculator for molecules and clusters."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, SCFError, all_changes
from ase.units import Bohr, Hartree

# The def2 bases come with core potentials for the elements after krypton: doi:10.1039/b508541a.
DEF2_FIRST_CORE = 36


class PySCF(Calculator):
    """Kohn-Sham energies and forces of finite systems, in this process.

    Parameters
    ----------
    functional, basis
        In PySCF's words. The def2 bases bring the core potentials of heavy elements.
    charge, unpaired
        Net charge in elementary charges; unpaired electrons, None for the fewest.
    energy_tolerance
        eV, of one SCF.
    max_iterations, guess, level_shift, damping, second_order
        Of the SCF: most cycles; PySCF's name of a guess; eV by which empty orbitals are lifted; share of the
        old Fock matrix that is kept; whether Newton steps are taken. None changes the converged energy.
    grid
        PySCF's level of the integration grid, 0 to 9.
    memory
        GB.
    ghosts
        Atoms, counted from 0, that lend their basis functions and have neither nucleus nor electrons: for
        the counterpoise correction. No force acts on them.
    """

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def __init__(
        self,
        *,
        functional: str = "pbe",
        basis: str = "def2-svp",
        charge: int = 0,
        unpaired: int | None = None,
        energy_tolerance: float = 1e-6,
        max_iterations: int = 80,
        guess: str = "minao",
        level_shift: float = 0.0,
        damping: float = 0.0,
        second_order: bool = False,
        grid: int = 3,
        memory: float = 4.0,
        ghosts: Sequence[int] = (),
    ) -> None:
        """Take the settings; nothing is run."""
        importlib.import_module("pyscf")  # so that its absence is known before anything runs

        Calculator.__init__(self)
        self._functional, self._basis = functional, basis
        self._charge, self._unpaired = charge, unpaired
        self._tolerance = energy_tolerance / Hartree
        self._cycles, self._guess, self._second = max_iterations, guess, second_order
        self._shift, self._damping = level_shift / Hartree, damping
        self._grid, self._memory, self._ghosts = grid, memory, frozenset(ghosts)
        self._density: Any = None

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Compute *atoms*; the density of the last geometry is the guess."""
        Calculator.calculate(self, atoms, properties, system_changes)
        if "numbers" in system_changes:
            self._density = None
        field = self._mean_field()
        field.kernel(dm0=self._density)
        if not field.converged:
            self._density = None
            raise SCFError(f"the SCF of PySCF did not converge in {self._cycles} cycles")
        self._density = field.make_rdm1()
        gradient = field.nuc_grad_method()
        gradient.verbose = 0
        self.results = {
            "energy": float(field.e_tot) * Hartree,
            "forces": -np.asarray(gradient.kernel()) * Hartree / Bohr,
        }

    def _mean_field(self) -> Any:
        """Return PySCF's mean-field object for the present atoms."""
        dft: Any = importlib.import_module("pyscf.dft")
        gto: Any = importlib.import_module("pyscf.gto")
        assert self.atoms is not None
        unpaired = self._unpaired
        if unpaired is None:
            real = [n for i, n in enumerate(self.atoms.numbers) if i not in self._ghosts]
            unpaired = int(sum(real) - self._charge) % 2
        symbols = self.atoms.get_chemical_symbols()
        names = [f"ghost-{s}" if i in self._ghosts else s for i, s in enumerate(symbols)]
        kinds = set(zip(names, self.atoms.numbers, strict=True))
        heavy = [name for name, number in kinds if number > DEF2_FIRST_CORE and not name.startswith("ghost")]
        cores = dict.fromkeys(heavy, self._basis) if self._basis.startswith("def2") else {}
        molecule = gto.M(
            atom=list(zip(names, self.atoms.positions / Bohr, strict=True)),
            unit="Bohr", basis=self._basis, ecp=cores, charge=self._charge, spin=unpaired, verbose=0,
            max_memory=self._memory * 1000,
        )  # fmt: skip
        kind = dft.UKS if unpaired else dft.RKS
        field = kind(molecule, xc=self._functional).density_fit()
        field.grids.level = self._grid
        field.conv_tol, field.max_cycle = self._tolerance, self._cycles
        field.init_guess, field.level_shift, field.damp = self._guess, self._shift, self._damping
        field.chkfile = None
        return field.newton() if self._second else field
