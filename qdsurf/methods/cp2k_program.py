"""CP2K as an ASE calculator: PBE-D3 for molecules, dots, slabs and crystals, through its shell mode.

Small systems spend their time on the grid, so every step of the self-consistent field counts: direct
diagonalisation with DIIS takes a third of the steps of the orbital transformation there, and the program
stays alive through a relaxation so that each geometry starts from the extrapolated density of the last.
"""

from __future__ import annotations

import subprocess
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, SCFError, all_changes
from ase.calculators.cp2k import CP2K

from qdsurf.errors import AskError, EvaluationError
from qdsurf.methods.cp2k_input import GHOST, CP2KInput
from qdsurf.methods.process import environment, tied


class _Engine(CP2K):
    """ASE's driver of the shell mode, with ghost atoms."""

    def __init__(self, ghosts: frozenset[int], **settings: Any) -> None:
        """Start the program."""
        self.ghosts = ghosts
        CP2K.__init__(self, **settings)

    def _generate_input(self) -> str:
        """Return ASE's input with the kind of ghosts beside the ghosts."""
        lines: list[str] = CP2K._generate_input(self).splitlines()
        first = [line.strip() for line in lines].index("&COORD") + 1
        for number in self.ghosts:
            symbol, place = lines[first + number].split(maxsplit=1)
            lines[first + number] = f"{symbol}{GHOST} {place}"
        return "\n".join(lines)


class CP2KProgram(Calculator):
    """Energy and forces by CP2K, alive from the first geometry to the last.

    A molecule or dot is put into a padded cube with free boundaries (wavelet Poisson solver), which stays
    what it was at the first geometry: in a padded periodic box the diffuse functions of Cs meet those of
    the images, which lowers Cs4PbBr6 by 0.15 eV with 8 Å between the images. A slab stays in its own cell,
    which must hold its vacuum. Short periodic vectors are sampled by k-points.

    Parameters
    ----------
    charge
        Net charge in elementary charges; refused where anything is periodic.
    cutoff, relative_cutoff
        Ry, of the finest grid and of the grid that a Gaussian is put on.
    basis
        Name of a MOLOPT basis set for GTH pseudopotentials, for all elements; or names by chemical symbol,
        as the sets of BASIS_MOLOPT_UZH have other names for other cores.
    functional, dispersion
        A functional with pseudopotentials of CP2K; "d3" for D3(BJ) or "" for none.
    padding
        Å of empty space on each side of a molecule or dot.
    smoothing
        "NN50", "NN10" or "": of the density in the functional. Without it the forces on oxygen carry a
        noise of 0.1 eV/Å and more from where the atoms are on the grid, even at 400 Ry; with NN50 at 280 Ry
        0.03 eV/Å. But smoothing lowers Cs4PbBr6 by 2 eV, and by how much depends on the spacing of the
        grid, so that energies of different boxes do not compare: smooth to relax, never for the energy.
    guess
        Path of orbitals to start from, as ``wave_function`` gives it; "" for free atoms.
    scf, eps_scf, max_scf
        "diis" (diagonalisation), "mixing" (the same with Broyden mixing) or "ot" (orbital
        transformation); threshold on the density matrix or the gradient; most steps.
    program, threads
        What is run, on how many cores.
    ghosts
        Atoms, counted from 0, that lend their basis functions and have neither core nor electrons: for the
        counterpoise correction. Ask for no dispersion beside them.
    frame
        Positions in Å, beside those of the atoms, that the box of a molecule or dot holds, so that parts of
        a system stand on the grid where they stand in the whole.
    """

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def __init__(
        self,
        *,
        charge: int = 0,
        cutoff: float = 300.0,
        relative_cutoff: float = 40.0,
        basis: str | Mapping[str, str] = "DZVP-MOLOPT-SR-GTH",
        functional: str = "PBE",
        dispersion: str = "d3",
        padding: float = 3.5,
        smoothing: str = "",
        guess: str = "",
        scf: str = "diis",
        eps_scf: float = 3.0e-5,
        max_scf: int = 60,
        program: str = "cp2k.psmp",
        threads: int = 1,
        ghosts: Sequence[int] = (),
        frame: Sequence[Sequence[float]] = (),
    ) -> None:
        """Take the settings; nothing is run."""
        self._engine: Any = None
        Calculator.__init__(self)
        self._padding = padding
        self._input = CP2KInput(
            charge=charge,
            cutoff=cutoff,
            relative_cutoff=relative_cutoff,
            basis=basis,
            functional=functional,
            dispersion=dispersion,
            smoothing=smoothing,
            guess=guess,
            scf=scf,
            eps_scf=eps_scf,
            max_scf=max_scf,
            ghosts=frozenset(ghosts),
        )
        self._program, self._threads = program, threads
        self._frame = np.reshape(np.asarray(frame, float), (-1, 3))
        self._folder: Any = None
        self._shift = np.zeros(3)
        self._new = True
        self._cell = np.zeros((3, 3))

    @property
    def input(self) -> str:
        """The input that the program read last, without the settings of a relaxation; "" before it ran."""
        path = Path(self._folder.name) / "qdsurf.inp" if self._folder else None
        return path.read_text() if path and path.exists() else ""

    @property
    def wave_function(self) -> str:
        """Path of the orbitals of the last geometry, which lives as long as the calculator; "" before it."""
        path = Path(self._folder.name) / "qdsurf-RESTART.wfn" if self._folder else None
        return str(path) if path and path.exists() else ""

    def close(self) -> None:
        """End the program, if it runs."""
        if self._engine is not None:
            self._end()
            self._engine = None

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Compute *atoms*; the first geometry of a system starts the program."""
        Calculator.calculate(self, atoms, properties, system_changes)
        assert self.atoms is not None
        if self._input.charge and self.atoms.pbc.any():
            raise AskError("CP2K with a net charge is for molecules and dots, not for periodic cells")
        try:
            if self._engine is None or {"numbers", "cell", "pbc"} & set(system_changes):
                self.close()
                self._start(self.atoms)
            boxed = self._boxed(self.atoms)
            self._engine.calculate(boxed, ["energy", "forces"], all_changes if self._new else ["positions"])
        except (AssertionError, RuntimeError, OSError, ValueError, EOFError) as error:
            said = self._said()
            if self._engine is None:
                raise EvaluationError(
                    f"CP2K stopped while it started: killed, or cannot run here; it said last: {_last(said)}"
                ) from error
            self.close()
            if "NOT converged" in said:
                raise SCFError("the SCF of CP2K did not converge") from error
            raise EvaluationError(f"CP2K stopped; it said last: {_last(said)}") from error
        self._new = False
        if "SCF run NOT converged" in self._said():
            self.close()
            raise SCFError("the SCF of CP2K did not converge")
        results = self._engine.results
        if not np.isfinite(results["energy"]):
            raise EvaluationError("CP2K gave no number")
        self.results = {"energy": results["energy"], "forces": results["forces"]}

    def _said(self) -> str:
        """Return what the program wrote so far."""
        if self._folder is None:
            return ""
        folder = Path(self._folder.name)
        paths = [folder / name for name in ("qdsurf.out", "qdsurf.err")]
        return "".join(path.read_text(errors="replace") for path in paths if path.exists())

    def _start(self, atoms: Atoms) -> None:
        """Start the program in a new folder, with the box of *atoms*."""
        self._folder = None
        self._folder = tempfile.TemporaryDirectory(prefix="qdsurf-cp2k-")
        self._cell, self._shift = self._box(atoms)
        env = environment(self._threads)
        names = "OMP_NUM_THREADS", "OMP_STACKSIZE"
        command = ["env", *(f"{key}={env[key]}" for key in names), *tied([self._program, "-s"])]
        self._new = True
        engine = _Engine(
            self._input.ghosts,
            command=f"cd {self._folder.name} && exec {' '.join(command)} 2> qdsurf.err",
            label="qdsurf",
            inp=self._input.text(atoms, self._cell),
            **dict.fromkeys(
                ("basis_set", "basis_set_file", "potential_file", "pseudo_potential", "cutoff", "xc")
            ),
            force_eval_method=None,
            poisson_solver=None,
            max_scf=None,
            stress_tensor=False,
        )
        # ASE would end the program politely, in its folder, which may be gone by then.
        shell: Any = engine._shell
        shell.close = _nothing
        self._end = weakref.finalize(self, _kill, shell._child)
        self._engine = engine

    def _box(self, atoms: Atoms) -> tuple[Any, Any]:
        """Return the cell of *atoms* and the shift that brings them to its middle."""
        if atoms.pbc.any():
            return atoms.cell.array.copy(), np.zeros(3)
        held = np.vstack([atoms.positions, self._frame])
        low, high = held.min(axis=0), held.max(axis=0)
        lengths = high - low + 2 * self._padding
        lengths = np.full(3, lengths.max())
        return np.diag(lengths), lengths / 2 - (low + high) / 2

    def _boxed(self, atoms: Atoms) -> Atoms:
        """Return *atoms* in the box of the calculation."""
        return Atoms(
            numbers=atoms.numbers,
            positions=atoms.positions + self._shift,
            cell=self._cell,
            pbc=bool(atoms.pbc.any()),
        )


def _nothing() -> None:
    """Do nothing."""


def _kill(child: subprocess.Popen[str]) -> None:
    """End the process *child*, whatever it does."""
    child.kill()
    child.communicate()


def _last(text: str) -> str:
    """Return the last lines of *text* that are not decoration, in one."""
    lines = [line.strip(" *") for line in text.splitlines() if line.strip(" *-")]
    return " | ".join(lines[-6:]) or "nothing"
