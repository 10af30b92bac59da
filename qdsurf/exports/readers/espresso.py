"""Output of pw.x by ASE, and of projwfc.x and average.x."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qdsurf.exports.readers.found import Found, Spectrum, edges, text_of
from qdsurf.exports.writers.texts import BOHR, RYDBERG


def read(folder: Path, manifest: dict[str, Any]) -> Found:
    """Return what pw.out and the files beside it say."""
    path = folder / "pw.out"
    text = text_of(path)
    if text is None:
        return Found(ended=False)
    ended = "JOB DONE" in text
    fermi = _fermi(text)
    converged = "convergence NOT achieved" not in text and "convergence has been achieved" in text
    if manifest["purpose"] in ("relax", "binding"):
        converged = converged and "End of BFGS Geometry Optimization" in text
        converged = converged and "maximum number of steps" not in text
    energies = re.findall(r"^!\s+total energy\s+=\s+(-?\d+\.\d+) Ry", text, re.M)
    atoms = _last(path) if energies else None
    forces = None
    homo = lumo = None
    if atoms is not None and atoms.calc is not None:
        forces = atoms.calc.results.get("forces")
        homo, lumo = _levels(atoms.calc, fermi)
        atoms.calc = None
    return Found(
        ended=ended,
        reason="" if ended else _why(text),
        energy=float(energies[-1]) * RYDBERG if energies else None,
        forces=forces,
        converged=converged if energies else None,
        charge=_charge(text, manifest),
        fermi=max(fermi) if fermi else None,
        homo=homo,
        lumo=lumo,
        potential=_potential(folder),
        spectrum=_spectrum(folder, manifest),
        atoms=atoms,
    )


def _fermi(text: str) -> list[float]:
    """Return the last Fermi energy, or that of each spin where the moment is fixed, in eV."""
    both = re.findall(r"spin up/dw Fermi energies are\s+(-?\d+\.\d+)\s+(-?\d+\.\d+) ev", text)
    if both:
        return [float(x) for x in both[-1]]
    return [float(x) for x in re.findall(r"the Fermi energy is\s+(-?\d+\.\d+) ev", text)[-1:]]


def _last(path: Path) -> Any:
    """Return the last structure with its results, as ASE reads it; None where ASE cannot."""
    from ase.io import read as read_by_ase

    try:
        return read_by_ase(path, index=-1, format="espresso-out")
    except (ValueError, IndexError, KeyError, AssertionError, StopIteration):
        return None


def _why(text: str) -> str:
    """Return the words of the error box of Quantum ESPRESSO."""
    box = re.search(r"%{20,}\s*\n(.*?)%{20,}", text, re.S)
    return " ".join(box[1].split())[:200] if box else "the output ends early"


def _charge(text: str, manifest: dict[str, Any]) -> float | None:
    """Return the charge from the number of electrons that pw.x computed."""
    electrons = re.search(r"number of electrons\s+=\s+(\d+\.\d+)", text)
    cost = manifest.get("cost")
    if electrons is None or not cost:
        return None
    neutral = cost["electrons"] + manifest["system"]["charge"]
    return round(float(neutral) - float(electrons[1]), 4)


def _levels(calculator: Any, fermi: list[float]) -> tuple[float | None, float | None]:
    """Return highest occupied and lowest empty level, by the Fermi energy of each spin."""
    points = getattr(calculator, "kpts", None)
    if not fermi or not points:
        return None, None
    energies = np.concatenate([np.asarray(k.eps_n, dtype=float) for k in points])
    limits = np.concatenate([np.full(len(k.eps_n), fermi[min(k.s, len(fermi) - 1)]) for k in points])
    return edges(energies, (energies <= limits).astype(float))


def _spectrum(folder: Path, manifest: dict[str, Any]) -> Spectrum | None:
    """Return the sum of the projected densities of states of all atoms, and of the outer ones."""
    files = sorted(folder.glob("qdsurf.pdos_atm#*"))
    if not files:
        return None
    outer_atoms = {int(i) + 1 for i in manifest["system"]["outer"]}
    spinors = manifest["calculation"]["spin_orbit"]
    polarised = manifest["system"]["unpaired"] > 0 and not spinors
    energies: NDArray[np.float64] | None = None
    total = outer = np.zeros(0)
    for path in files:
        rows = np.loadtxt(path, ndmin=2)
        if energies is None:
            energies, total, outer = rows[:, 0], np.zeros(len(rows)), np.zeros(len(rows))
        weight = rows[:, 1] + rows[:, 2] if polarised else rows[:, 1]
        number = re.search(r"atm#(\d+)", path.name)
        total = total + weight
        if number and int(number[1]) in outer_atoms:
            outer = outer + weight
    return None if energies is None else Spectrum(energies=energies, total=total, outer=outer)


def _potential(folder: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the planar average that average.x wrote."""
    path = folder / "avg.dat"
    if not path.is_file():
        return None
    rows = np.loadtxt(path, ndmin=2)
    return rows[:, 0] * BOHR, rows[:, 1] * RYDBERG
