"""Output of CP2K: energies, forces, levels, projected densities of states, the Hartree potential."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qdsurf.exports.readers.found import Found, Spectrum, edges, last_frame, text_of
from qdsurf.exports.writers.texts import BOHR, HARTREE

_ENERGY = re.compile(r"ENERGY\| Total FORCE_EVAL .*?:\s+(-?\d\S+)")
_FORCES = re.compile(
    r"ATOMIC FORCES in \[a\.u\.\]\s*\n\s*\n\s*# Atom.*\n((?:\s*\d+\s+\d+\s+\w+(?:\s+-?\d\S*){3}\s*\n)+)"
)
_LEVEL = re.compile(r"^ MO\|\s+\d+\s+(-?\d+\.\d+)\s+(-?\d+\.\d+)\s+(\d+\.\d+)\s*$", re.M)
_RELAXED = ("GEOMETRY OPTIMIZATION COMPLETED", "CELL OPTIMIZATION COMPLETED")


def read(folder: Path, manifest: dict[str, Any]) -> Found:
    """Return what cp2k.out and the files beside it say."""
    text = text_of(folder / "cp2k.out")
    if text is None:
        return Found(ended=False)
    ended = "PROGRAM ENDED AT" in text
    energies = _ENERGY.findall(text)
    blocks = _FORCES.findall(text)
    forces = None
    if blocks:
        rows = [line.split()[3:6] for line in blocks[-1].strip().splitlines()]
        forces = np.array(rows, dtype=float) * HARTREE / BOHR
    last = max(text.rfind("SCF run converged"), text.rfind("outer SCF loop converged"))
    converged = last > text.rfind("SCF run NOT converged") and "did NOT converge" not in text[last:]
    if manifest["purpose"] in ("relax", "binding"):
        converged = converged and any(words in text for words in _RELAXED)
    charge = re.findall(r"^ DFT\| Charge\s+(-?\d+)", text, re.M)
    homo, lumo, fermi = _levels(folder, text)
    return Found(
        ended=ended,
        reason="" if ended else _why(text),
        energy=float(energies[-1]) * HARTREE if energies else None,
        forces=forces,
        converged=converged if energies else None,
        charge=float(charge[-1]) if charge else None,
        fermi=fermi,
        homo=homo,
        lumo=lumo,
        potential=_potential(folder),
        spectrum=_spectrum(folder),
        atoms=_atoms(folder, manifest),
    )


def _why(text: str) -> str:
    """Return the words of CP2K's error box."""
    box = re.search(r"\[ABORT\].*?\n(.*?)\*{40}", text, re.S)
    if not box:
        return "the output ends early"
    words = re.sub(r"[\s*|/\\_]+(?:O|/)?[\s*|/\\_]*", " ", box[1])
    return f"ABORT: {words.strip()[:200]}"


def _levels(folder: Path, text: str) -> tuple[float | None, float | None, float | None]:
    """Return highest occupied, lowest empty and Fermi level in eV."""
    fermis = re.findall(r"E\(Fermi\):\s+\S+ a\.u\.\s+(-?\d+\.\d+) eV", text) or re.findall(
        r"Fermi [Ee]nergy \[eV\] :\s+(-?\d+\.\d+)", text
    )
    fermi = float(fermis[-1]) if fermis else None
    levels = _LEVEL.findall(text)
    if levels:
        rows = np.array(levels, dtype=float)
        return (*edges(rows[:, 1], rows[:, 2]), fermi)
    occupied = _numbers(text, "Eigenvalues of the occupied subspace")
    empty = _numbers(text, "Lowest Eigenvalues of the unoccupied subspace")
    homo = float(occupied.max()) * HARTREE if len(occupied) else None
    lumo = float(empty.min()) * HARTREE if len(empty) else None
    return homo, lumo, fermi if fermi is not None else homo


def _numbers(text: str, title: str) -> NDArray[np.float64]:
    """Return the numbers of the last blocks under *title*, of all spins."""
    found: dict[str, list[float]] = {}
    for match in re.finditer(rf"{title} spin\s+(\d)\s*\n\s*-+\s*\n(?: OT\|.*\n)?((?:\s+-?\d+\.\d+)+)", text):
        found[match[1]] = [float(x) for x in match[2].split()]
    return np.array([x for values in found.values() for x in values])


def _spectrum(folder: Path) -> Spectrum | None:
    """Return the levels with their weight on all atoms and on the list of outer atoms."""
    kinds = sorted(folder.glob("qdsurf*-k*-1.pdos"))
    if not kinds:
        return None
    energies, total = _sum(kinds)
    lists = sorted(folder.glob("qdsurf*-list*-1.pdos"))
    outer = _sum(lists)[1] if lists else np.zeros(len(energies))
    return Spectrum(energies=energies, total=total, outer=outer, levels=True)


def _sum(files: list[Path]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return levels in eV and their weight summed over the orbitals of *files*, spins one after the other."""
    spins: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    for path in files:
        rows = np.loadtxt(path, ndmin=2)
        spin = next((s for s in ("ALPHA", "BETA") if s in path.name), "")
        energies, weight = rows[:, 1] * HARTREE, rows[:, 3:].sum(axis=1)
        spins[spin] = (energies, spins[spin][1] + weight if spin in spins else weight)
    return (
        np.concatenate([e for e, _ in spins.values()]),
        np.concatenate([w for _, w in spins.values()]),
    )


def _potential(folder: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the planar average of the Hartree potential, as CP2K writes it for electrons."""
    cubes = sorted(folder.glob("qdsurf-v_hartree-1_*.cube"))
    if not cubes:
        return None
    from ase.io.cube import read_cube_data

    values, atoms = read_cube_data(str(cubes[-1]))
    average = np.asarray(values).mean(axis=(0, 1)) * HARTREE
    return np.linspace(0, atoms.cell.array[2, 2], len(average), endpoint=False), average


def _atoms(folder: Path, manifest: dict[str, Any]) -> Any:
    """Return the last structure, in the cell of the restart file: a relaxation of the cell changes it."""
    atoms = last_frame(folder / "qdsurf-pos-1.xyz", manifest)
    restart = text_of(folder / "qdsurf-1.restart")
    cell = re.search(r"&CELL\s*\n((?:\s+[ABC](?:\s+\S+){3}\s*\n){3})", restart or "")
    if atoms is not None and cell:
        rows = [line.split()[1:] for line in cell[1].strip().splitlines()]
        atoms.set_cell(np.array(rows, dtype=float))
    return atoms
