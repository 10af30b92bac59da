"""Output of xtb: energy, gradient, orbital energies, convergence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from qdsurf.exports.readers.found import Found, last_frame, last_line, last_number, text_of
from qdsurf.exports.writers.texts import BOHR, HARTREE


def read(folder: Path, manifest: dict[str, Any]) -> Found:
    """Return what xtb.out and the files beside it say."""
    text = text_of(folder / "xtb.out")
    if text is None:
        return Found(ended=False)
    ended = "finished run on" in text
    energy = last_number(r"TOTAL ENERGY\s+(-?\d+\.\d+) Eh", text)
    converged = "convergence criteria cannot be satisfied" not in text
    if manifest["purpose"] in ("relax", "binding"):
        converged = converged and "GEOMETRY OPTIMIZATION CONVERGED" in text
    return Found(
        ended=ended,
        reason="" if ended else _why(text),
        energy=None if energy is None else energy * HARTREE,
        forces=_forces(folder / "gradient", len(manifest["system"]["order"])),
        converged=None if energy is None else converged,
        charge=last_number(r"total charge\s+(-?\d+\.\d+) e", text),
        homo=last_number(r"(-?\d+\.\d+) \(HOMO\)", text),
        lumo=last_number(r"(-?\d+\.\d+) \(LUMO\)", text),
        atoms=last_frame(folder / "xtbopt.xyz", manifest),
    )


def _why(text: str) -> str:
    """Return the cause that xtb names last, or the line in which it says that it stopped."""
    causes = [line.strip() for line in text.splitlines() if line.startswith("-")]
    marked = last_line(r"\[ERROR\]|abnormal termination", text)
    named = [line for line in causes if line[1:2].isdigit()]
    return f"{marked}: {named[-1]}"[:200] if named else marked


def _forces(path: Path, count: int) -> Any:
    """Return minus the last gradient of the file *path*, in eV/Å; None after a relaxation."""
    text = text_of(path)
    if text is None:
        return None
    rows = [line.split() for line in text.splitlines() if len(line.split()) == 3]
    if len(rows) < count:
        return None
    values = np.array([[float(x.replace("D", "E")) for x in row] for row in rows[-count:]])
    return -values * HARTREE / BOHR
