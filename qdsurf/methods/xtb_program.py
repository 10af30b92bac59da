"""The xtb program of the Grimme group as an ASE calculator: GFN-FF, GFN1 and GFN2 for molecules and dots."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, SCFError, all_changes
from ase.io import write
from ase.units import Bohr, Hartree
from numpy.typing import NDArray

from qdsurf.errors import EvaluationError
from qdsurf.methods.process import run_program, why

_LEVELS = {"ff": ["--gfnff"], "1": ["--gfn", "1"], "2": ["--gfn", "2"]}


class XTB(Calculator):
    """Energy and forces by the xtb program, which runs once for each geometry.

    The folder of its files lives as long as the calculator: the wave function of the last geometry is the
    guess of the next, and GFN-FF keeps the bonds that it found in the first.

    Parameters
    ----------
    gfn
        "ff", "1" or "2".
    charge, unpaired
        Net charge in elementary charges; unpaired electrons, None for the fewest.
    electronic_temperature
        K, of the occupations.
    max_iterations, damping, guess
        Of the SCF: most iterations; Broyden damping (xtb's own is 0.4); "gasteiger", "goedecker" or "sad".
    solvent
        Name of a solvent of ALPB; "" for vacuum.
    program, threads
        What is run, on how many cores.
    """

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def __init__(
        self,
        *,
        gfn: str = "2",
        charge: int = 0,
        unpaired: int | None = None,
        electronic_temperature: float = 300.0,
        max_iterations: int = 250,
        damping: float = 0.4,
        guess: str = "",
        solvent: str = "",
        program: str = "xtb",
        threads: int = 1,
    ) -> None:
        """Take the settings; nothing is run."""
        Calculator.__init__(self)
        if gfn not in _LEVELS:
            raise ValueError(f"gfn is one of {', '.join(_LEVELS)}, not {gfn!r}")
        self._options: list[str] = [
            *_LEVELS[gfn], "--grad", "--chrg", str(charge), "--etemp", str(electronic_temperature),
            "--iterations", str(max_iterations), *(["--alpb", solvent] if solvent else []),
        ]  # fmt: skip
        self._control = f"$scc\n broydamp={damping}\n" + (f" guess={guess}\n" if guess else "") + "$end\n"
        self._charge, self._unpaired = charge, unpaired
        self._program, self._threads = program, threads
        self._folder: Any = None

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Run the program for *atoms*."""
        Calculator.calculate(self, atoms, properties, system_changes)
        assert self.atoms is not None
        if self._folder is None or "numbers" in system_changes:
            self._folder = tempfile.TemporaryDirectory(prefix="qdsurf-xtb-")
        folder = Path(self._folder.name)
        (folder / "gradient").unlink(missing_ok=True)
        bare = Atoms(numbers=self.atoms.numbers, positions=self.atoms.positions)
        write(folder / "in.xyz", bare, format="xyz", fmt="%22.15f")
        (folder / "control").write_text(self._control)
        unpaired = self._unpaired
        if unpaired is None:
            unpaired = int(self.atoms.numbers.sum() - self._charge) % 2
        command = [self._program, "in.xyz", *self._options, "--uhf", str(unpaired), "--input", "control"]
        done = run_program(command, folder, threads=self._threads)
        if done.returncode or not (folder / "gradient").exists():
            said = done.stdout
            # What its SCF left is no guess for another attempt.
            (folder / "xtbrestart").unlink(missing_ok=True)
            if "not converge" in said.lower() or (folder / ".sccnotconverged").exists():
                raise SCFError(f"the SCF of xtb {why(done.returncode, said)}")
            raise EvaluationError(f"xtb {why(done.returncode, said)}")
        energy, gradient = read_gradient((folder / "gradient").read_text(), len(self.atoms))
        self.results = {"energy": energy * Hartree, "forces": -gradient * Hartree / Bohr}


def read_gradient(text: str, count: int) -> tuple[float, NDArray[np.float64]]:
    """Return energy (hartree) and gradient (hartree/bohr) of a Turbomole file of *count* atoms.

    Raises
    ------
    EvaluationError
        The file is not whole, as on a full disk.
    """
    lines = text.splitlines()
    try:
        energy = float(lines[1].split("energy =")[1].split()[0])
        rows = [[float(x) for x in line.split()] for line in lines[2 + count : 2 + 2 * count]]
        gradient = np.array(rows, dtype=float).reshape(count, 3)
    except (IndexError, ValueError) as error:
        raise EvaluationError("xtb left a gradient that is not whole; is the disk full?") from error
    return energy, gradient
