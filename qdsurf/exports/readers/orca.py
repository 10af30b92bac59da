"""Output of ORCA: energy, gradient, orbital energies, convergence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from qdsurf.exports.readers.found import Found, edges
from qdsurf.exports.writers.texts import BOHR, HARTREE

_LEVELS = re.compile(r"^\s+\d+\s+(\d\.\d{4})\s+-?\d+\.\d+\s+(-?\d+\.\d+)\s*$", re.M)


def read(folder: Path, manifest: dict[str, Any]) -> Found:
    """Return what orca.out and orca.engrad say."""
    path = folder / "orca.out"
    if not path.is_file():
        return Found(ended=False)
    text = path.read_text(encoding="utf-8", errors="replace")
    ended = "ORCA TERMINATED NORMALLY" in text
    energies = re.findall(r"FINAL SINGLE POINT ENERGY\s+(-?\d+\.\d+)", text)
    converged = "SCF NOT CONVERGED" not in text and bool(energies)
    if manifest["purpose"] in ("relax", "binding"):
        converged = converged and "THE OPTIMIZATION HAS CONVERGED" in text
    homo = lumo = None
    at = text.rfind("ORBITAL ENERGIES")
    if at >= 0:
        end = text.find("MULLIKEN", at)
        rows = np.array(_LEVELS.findall(text[at : end if end > 0 else None]), dtype=float).reshape(-1, 2)
        if len(rows):
            homo, lumo = edges(rows[:, 1], rows[:, 0])
    charge = re.findall(r"Total Charge\s+Charge\s+\.{2,}\s+(-?\d+)", text)
    return Found(
        ended=ended,
        reason="" if ended else _why(text),
        energy=float(energies[-1]) * HARTREE if energies else None,
        forces=_forces(folder, len(manifest["system"]["order"])),
        converged=converged if energies else None,
        charge=float(charge[-1]) if charge else None,
        homo=homo,
        lumo=lumo,
        atoms=_atoms(folder, manifest),
    )


def _why(text: str) -> str:
    """Return the line in which ORCA says what went wrong."""
    words = re.findall(r"^.*(?:ERROR|aborting|error termination|not fully converged).*$", text, re.M | re.I)
    return words[-1].strip()[:200] if words else "the output ends early"


def _forces(folder: Path, count: int) -> Any:
    """Return minus the gradient of orca.engrad, in eV/Å."""
    path = folder / "orca.engrad"
    if not path.is_file():
        return None
    block = re.search(r"gradient.*?\n#\s*\n((?:\s*-?\d\S*\s*\n)+)", path.read_text())
    if block is None:
        return None
    values = np.array(block[1].split(), dtype=float)
    return -values.reshape(-1, 3) * HARTREE / BOHR if len(values) == 3 * count else None


def _atoms(folder: Path, manifest: dict[str, Any]) -> Any:
    """Return the relaxed structure that ORCA leaves in orca.xyz."""
    path = folder / "orca.xyz"
    if not path.is_file():
        return None
    from ase.io import read as read_by_ase

    atoms: Any = read_by_ase(path, format="xyz")
    atoms.set_cell(manifest["system"]["cell"])
    return atoms
