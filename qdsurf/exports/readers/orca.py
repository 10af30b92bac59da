"""Output of ORCA: energy, gradient, orbital energies, convergence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from qdsurf.exports.readers.found import Found, edges, last_frame, last_line, last_number, text_of
from qdsurf.exports.writers.texts import BOHR, HARTREE

# an irreducible representation follows where symmetry is used
_LEVELS = re.compile(r"^\s+\d+\s+(\d\.\d{4})\s+-?\d+\.\d+\s+(-?\d+\.\d+)(?:\s+\d+-\w+)?\s*$", re.M)
_FAILURES = r"ERROR|aborting|error termination|not fully converged"


def read(folder: Path, manifest: dict[str, Any]) -> Found:
    """Return what orca.out and the files beside it say; run.sh names them job.*."""
    text = text_of(folder / "orca.out")
    if text is None:
        return Found(ended=False)
    ended = "ORCA TERMINATED NORMALLY" in text
    homo, lumo = _levels(text)
    energy = last_number(r"FINAL SINGLE POINT ENERGY\s+(-?\d+\.\d+)", text)
    return Found(
        ended=ended,
        reason="" if ended else last_line(_FAILURES, text),
        energy=None if energy is None else energy * HARTREE,
        forces=_forces(_beside(folder, ".engrad"), len(manifest["system"]["order"])),
        converged=None if energy is None else _converged(text, manifest["purpose"]),
        charge=last_number(r"Total Charge\s+Charge\s+\.{2,}\s+(-?\d+)", text),
        homo=homo,
        lumo=lumo,
        atoms=last_frame(_beside(folder, ".xyz"), manifest),
    )


def _beside(folder: Path, ending: str) -> Path:
    """Return the file that ORCA leaves beside its input."""
    made = folder / f"job{ending}"
    return made if made.is_file() else folder / f"orca{ending}"


def _converged(text: str, purpose: str) -> bool:
    """Return whether the last self-consistent cycle converged, and the relaxation where there was one."""
    last = text[text.rfind("FINAL SINGLE POINT ENERGY") :].partition("\n")[0]
    if "SCF NOT CONVERGED" in text or "not fully converged" in last:
        return False
    return purpose not in ("relax", "binding") or "THE OPTIMIZATION HAS CONVERGED" in text


def _levels(text: str) -> tuple[float | None, float | None]:
    """Return the highest occupied and the lowest empty level of both spins."""
    at = text.rfind("ORBITAL ENERGIES")
    end = text.find("MULLIKEN", at)
    found = _LEVELS.findall(text[at : end if end > 0 else None]) if at >= 0 else []
    rows = np.array(found, dtype=float).reshape(-1, 2)
    return edges(rows[:, 1], rows[:, 0])


def _forces(path: Path, count: int) -> Any:
    """Return minus the gradient of the file *path*, in eV/Å."""
    text = text_of(path)
    block = re.search(r"gradient.*?\n#\s*\n((?:\s*-?\d\S*\s*\n)+)", text) if text else None
    if block is None:
        return None
    values = np.array(block[1].split(), dtype=float)
    return -values.reshape(-1, 3) * HARTREE / BOHR if len(values) == 3 * count else None
