"""What a reader found in the files of one run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True, kw_only=True, eq=False)
class Spectrum:
    """A density of states.

    Attributes
    ----------
    energies
        (n,) eV, as the code counts them.
    total
        (n,) states per eV, or the weight of each level where ``levels``.
    outer
        (n,) the part on the outermost atoms and the ligands, in the same units.
    levels
        Whether the energies are single levels.
    """

    energies: NDArray[np.float64]
    total: NDArray[np.float64]
    outer: NDArray[np.float64]
    levels: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """Plain numbers of one run; None for what its files do not say.

    Attributes
    ----------
    ended
        Whether the program came to its end.
    reason
        Why not, in the program's words.
    energy
        eV, of all atoms, extrapolated to no smearing where the code does.
    forces
        (n_atoms, 3) eV/Å, in the order of the input.
    converged
        Whether the last self-consistent cycle and the relaxation, where there was one, converged.
    charge
        That the program computed.
    fermi, homo, lumo
        eV.
    potential
        (height in Å, planar average in eV of the potential energy of an electron) along z.
    atoms
        The last structure, in the order of the input.
    """

    ended: bool
    reason: str = ""
    energy: float | None = None
    forces: NDArray[np.float64] | None = None
    converged: bool | None = None
    charge: float | None = None
    fermi: float | None = None
    homo: float | None = None
    lumo: float | None = None
    potential: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
    spectrum: Spectrum | None = None
    atoms: Atoms | None = None


def edges(
    energies: NDArray[np.float64], occupations: NDArray[np.float64]
) -> tuple[float | None, float | None]:
    """Return the highest occupied and the lowest empty level: more or less than half full."""
    full = occupations > 0.5 * max(float(occupations.max(initial=0.0)), 1e-12)
    occupied, empty = energies[full], energies[~full]
    return (
        float(occupied.max()) if len(occupied) else None,
        float(empty.min()) if len(empty) else None,
    )


def text_of(path: Path) -> str | None:
    """Return the text of an output; None where the file is not there."""
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None


def last_number(pattern: str, text: str) -> float | None:
    """Return the number that *pattern* catches last in *text*; None where it catches none."""
    found = re.findall(pattern, text, re.M)
    return float(found[-1]) if found else None


def last_line(pattern: str, text: str) -> str:
    """Return the last line of *text* with *pattern*, in which a program says why it stopped."""
    lines = re.findall(rf"^.*(?:{pattern}).*$", text, re.M | re.I)
    return lines[-1].strip()[:200] if lines else "the output ends early"


def last_frame(path: Path, manifest: dict[str, Any]) -> Any:
    """Return the last structure of an XYZ file, in the cell of the input; None where there is no file."""
    if not path.is_file():
        return None
    from ase.io import read as read_by_ase

    atoms: Any = read_by_ase(path, index=-1, format="xyz")
    atoms.set_cell(manifest["system"]["cell"])
    return atoms
