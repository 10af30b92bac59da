"""Results of the Python scripts for GPAW and PySCF."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from qdsurf.exports.readers.found import Found, Spectrum

# The program's own output, for the reason of a failure.
_OUTPUTS = ("gpaw.txt", "pyscf.out")


def read(folder: Path, manifest: dict[str, Any]) -> Found:
    """Return what result.json says; the scripts write it last, and in one step."""
    path = folder / "result.json"
    if not path.is_file():
        started = any((folder / name).is_file() for name in _OUTPUTS)
        return Found(ended=False, reason="stopped before result.json was written" if started else "")
    found = json.loads(path.read_text(encoding="utf-8"))
    from ase import Atoms

    cell = np.array(found.get("cell", manifest["system"]["cell"]), dtype=float)
    atoms = Atoms(manifest["system"]["symbols"], positions=found["positions"], cell=cell)
    potential = None
    if "potential_z" in found:
        values = np.array(found["potential_z"], dtype=float)
        potential = (np.linspace(0, cell[2, 2], len(values), endpoint=False), values)
    spectrum = None
    if "dos" in found:
        dos = found["dos"]
        by_atom = np.array(dos["atoms"], dtype=float)
        outer = by_atom[manifest["system"]["outer"]].sum(axis=0) if manifest["system"]["outer"] else 0.0
        spectrum = Spectrum(
            energies=np.array(dos["energies"], dtype=float),
            total=by_atom.sum(axis=0),
            outer=outer + np.zeros(by_atom.shape[1]),
        )
    return Found(
        ended=True,
        energy=float(found["energy"]),
        forces=np.array(found["forces"], dtype=float),
        converged=bool(found["converged"]),
        charge=float(found["charge"]),
        fermi=found.get("fermi"),
        homo=found["homo"],
        lumo=found["lumo"],
        potential=potential,
        spectrum=spectrum,
        atoms=atoms,
    )
