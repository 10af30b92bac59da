"""GPAW, where it is installed as a program of the system, as an ASE calculator."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, SCFError, all_changes

from qdsurf.errors import EvaluationError
from qdsurf.methods.process import environment, tied, why


class GPAWProgram(Calculator):
    """Energy and forces by GPAW in a Python of its own, which lives as long as the calculator.

    Debian's GPAW belongs to Debian's Python and its NumPy; it is asked over a pipe, so that neither has to
    suit this one.

    Parameters
    ----------
    mode
        "lcao", "fd" or "pw".
    basis, cutoff, grid_spacing
        Atomic orbitals of "lcao"; eV, of "pw"; Å, of the real-space grid.
    functional
        In GPAW's words.
    kpoint_spacing
        1/Å, with the factor 2 pi; the mesh contains Gamma and has the nearest whole number of points.
    charge
        Net charge in elementary charges.
    smearing
        eV, Fermi-Dirac; the energy is extrapolated to none.
    energy_tolerance
        eV for each electron.
    max_iterations, mixing, metric
        Of the SCF: most steps; share of the new density; weight of long waves.
    program, threads
        What is run, on how many cores.
    """

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def __init__(
        self,
        *,
        mode: str = "lcao",
        basis: str = "dzp",
        cutoff: float = 500.0,
        grid_spacing: float = 0.2,
        functional: str = "PBE",
        kpoint_spacing: float = 0.3,
        charge: int = 0,
        smearing: float = 0.05,
        energy_tolerance: float = 1e-5,
        max_iterations: int = 200,
        mixing: float = 0.1,
        metric: float = 50.0,
        program: str = "gpaw",
        threads: int = 1,
    ) -> None:
        """Take the settings; nothing is started."""
        Calculator.__init__(self)
        if mode not in ("lcao", "fd", "pw"):
            raise ValueError(f"mode is lcao, fd or pw, not {mode!r}")
        self._settings = {
            "mode": mode, "basis": basis, "cutoff": cutoff, "grid_spacing": grid_spacing,
            "functional": functional, "charge": charge,
            "smearing": smearing, "energy_tolerance": energy_tolerance,
            "max_iterations": max_iterations, "mixing": mixing, "metric": metric,
        }  # fmt: skip
        self._spacing, self._program, self._threads = kpoint_spacing, program, threads
        self._process: subprocess.Popen[str] | None = None
        self._folder: Any = None

    def __del__(self) -> None:
        """End the program."""
        self._stop()

    def _stop(self) -> None:
        process = getattr(self, "_process", None)
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None

    def _start(self) -> subprocess.Popen[str]:
        """Return the running program, started with the settings."""
        if self._process is None:
            self._folder = tempfile.TemporaryDirectory(prefix="qdsurf-gpaw-")
            driver = Path(__file__).with_name("gpaw_driver.py")
            program = shutil.which(self._program) or self._program
            with open(Path(self._folder.name) / "errors", "w") as errors:
                self._process = subprocess.Popen(
                    tied([program, "python", str(driver)]),
                    cwd=self._folder.name, env=environment(self._threads), text=True,
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                )  # fmt: skip
            self._say(self._process, self._settings)
        return self._process

    def _say(self, process: subprocess.Popen[str], what: dict[str, Any]) -> None:
        """Write one line; a broken pipe is seen when the answer is read."""
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(what) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            return

    def _mesh(self) -> list[int]:
        """Return the numbers of k-points along the three reciprocal vectors."""
        assert self.atoms is not None
        lengths = 2 * np.pi * self.atoms.cell.reciprocal().lengths()
        return [
            max(1, round(k / self._spacing)) if p else 1 for k, p in zip(lengths, self.atoms.pbc, strict=True)
        ]

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Ask the program for *atoms*."""
        Calculator.calculate(self, atoms, properties, system_changes)
        assert self.atoms is not None
        process = self._start()
        request = {
            "numbers": self.atoms.numbers.tolist(),
            "positions": self.atoms.positions.tolist(),
            "cell": self.atoms.cell.array.tolist(),
            "pbc": self.atoms.pbc.tolist(),
            "mesh": self._mesh(),
        }
        self._say(process, request)
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            code = process.wait()
            said = (Path(self._folder.name) / "errors").read_text(errors="replace")
            self._stop()
            raise EvaluationError(f"gpaw {why(code, said)}")
        answer = json.loads(line)
        if "error" in answer:
            self._stop()
            if "KohnShamConvergence" in answer["error"]:
                raise SCFError(f"the SCF of GPAW did not converge: {answer['error']}")
            raise EvaluationError(f"gpaw: {answer['error']}")
        self.results = {"energy": answer["energy"], "forces": np.array(answer["forces"])}
