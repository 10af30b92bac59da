"""Output of xtb: energy, gradient, orbital energies, convergence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from qdsurf.exports.readers.found import Found
from qdsurf.exports.writers.texts import BOHR, HARTREE


def read(folder: Path, manifest: dict[str, Any]) -> Found:
    """Return what xtb.out and the files beside it say."""
    path = folder / "xtb.out"
    if not path.is_file():
        return Found(ended=False)
    text = path.read_text(encoding="utf-8", errors="replace")
    ended = "finished run on" in text
    energies = re.findall(r"TOTAL ENERGY\s+(-?\d+\.\d+) Eh", text)
    converged = "convergence criteria cannot be satisfied" not in text and bool(energies)
    if manifest["purpose"] in ("relax", "binding"):
        converged = converged and "GEOMETRY OPTIMIZATION CONVERGED" in text
    homo = re.findall(r"(-?\d+\.\d+) \(HOMO\)", text)
    lumo = re.findall(r"(-?\d+\.\d+) \(LUMO\)", text)
    charge = re.findall(r"total charge\s+(-?\d+\.\d+) e", text)
    return Found(
        ended=ended,
        reason="" if ended else _why(text),
        energy=float(energies[-1]) * HARTREE if energies else None,
        forces=_forces(folder, len(manifest["system"]["order"])),
        converged=converged if energies else None,
        charge=float(charge[-1]) if charge else None,
        homo=float(homo[-1]) if homo else None,
        lumo=float(lumo[-1]) if lumo else None,
        atoms=_atoms(folder, manifest),
    )


def _why(text: str) -> str:
    """Return the line in which xtb says what went wrong."""
    words = re.findall(r"^.*(?:\[ERROR\]|abnormal termination).*$", text, re.M)
    return words[-1].strip()[:200] if words else "the output ends early"


def _forces(folder: Path, count: int) -> Any:
    """Return minus the last gradient of the file ``gradient``, in eV/Å; None after a relaxation."""
    path = folder / "gradient"
    if not path.is_file():
        return None
    rows = [line.split() for line in path.read_text().splitlines() if len(line.split()) == 3]
    if len(rows) < count:
        return None
    values = np.array([[float(x.replace("D", "E")) for x in row] for row in rows[-count:]])
    return -values * HARTREE / BOHR


def _atoms(folder: Path, manifest: dict[str, Any]) -> Any:
    """Return the relaxed structure."""
    path = folder / "xtbopt.xyz"
    if not path.is_file():
        return None
    from ase.io import read as read_by_ase

    atoms: Any = read_by_ase(path, format="xyz")
    atoms.set_cell(manifest["system"]["cell"])
    return atoms
