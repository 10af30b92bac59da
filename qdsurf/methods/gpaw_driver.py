"""Run by a Python that has GPAW, as a program: one geometry a line in, energy and forces a line out.

It imports nothing of qdsurf, which that Python need not have.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any


def calculator(settings: dict[str, Any], mesh: list[int], gpaw: Any) -> Any:
    """Return GPAW with *settings* and a Gamma-centred *mesh* of k-points."""
    mode: Any = settings["mode"]
    if mode == "pw":
        mode = gpaw.PW(settings["cutoff"])
    return gpaw.GPAW(
        mode=mode,
        basis=settings["basis"],
        xc=settings["functional"],
        h=settings["grid_spacing"],
        kpts={"size": mesh, "gamma": True},
        charge=settings["charge"],
        occupations={"name": "fermi-dirac", "width": settings["smearing"]},
        mixer=gpaw.Mixer(settings["mixing"], 5, settings["metric"]),
        convergence={"energy": settings["energy_tolerance"]},
        maxiter=settings["max_iterations"],
        symmetry={"point_group": False},
        txt="gpaw.txt",
    )


def main() -> None:
    """Answer until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print does not get among the answers
    settings = json.loads(sys.stdin.readline())
    gpaw = importlib.import_module("gpaw")
    ase = importlib.import_module("ase")
    atoms: Any = None
    mesh: Any = None
    for line in sys.stdin:
        try:
            request = json.loads(line)
            asked = request.pop("mesh")
            fresh = ase.Atoms(**request)
            same = atoms is not None and list(atoms.numbers) == list(fresh.numbers) and mesh == asked
            if not same or (atoms.pbc != fresh.pbc).any():
                atoms, mesh = fresh, asked
                atoms.calc = calculator(settings, mesh, gpaw)
            else:
                atoms.set_cell(fresh.cell)
                atoms.positions = fresh.positions
            answer = {
                "energy": float(atoms.get_potential_energy()),
                "forces": atoms.get_forces().tolist(),
            }
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
            atoms = None
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
