"""Output of VASP through pymatgen: vasprun.xml and LOCPOT."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qdsurf.errors import MissingExtra
from qdsurf.exports.readers.found import Found, Spectrum, edges


def read(folder: Path, manifest: dict[str, Any]) -> Found:
    """Return what vasprun.xml and LOCPOT say."""
    path = folder / "vasprun.xml"
    if not path.is_file() or not path.stat().st_size:
        started = any((folder / name).is_file() for name in ("vasp.out", "OUTCAR", "start/vasp.out"))
        return Found(ended=False, reason=_why(folder) if started else "")
    try:
        from pymatgen.io.vasp.outputs import Vasprun
    except ModuleNotFoundError as error:
        raise MissingExtra("reading the output of VASP", "dft") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run = Vasprun(str(path), parse_potcar_file=False)
            steps = run.ionic_steps
            converged = bool(run.converged_electronic)
            if manifest["purpose"] in ("relax", "binding"):
                converged = converged and bool(run.converged_ionic)
    except (SyntaxError, IndexError, KeyError, ValueError, AttributeError) as error:
        return Found(ended=False, reason=f"vasprun.xml ends early: {_why(folder) or error}")
    last = steps[-1]
    homo = lumo = None
    if run.eigenvalues:
        rows = np.concatenate([v.reshape(-1, 2) for v in run.eigenvalues.values()])
        homo, lumo = edges(rows[:, 0], rows[:, 1])
    electrons = run.parameters.get("NELECT")
    cost = manifest.get("cost")
    charge = None
    if electrons is not None and cost:
        charge = round(cost["electrons"] + manifest["system"]["charge"] - float(electrons), 4)
    return Found(
        ended=True,
        energy=float(last["electronic_steps"][-1]["e_0_energy"]),
        forces=np.array(last["forces"], dtype=float),
        converged=converged,
        charge=charge,
        fermi=None if run.efermi is None else float(run.efermi),
        homo=homo,
        lumo=lumo,
        potential=_potential(folder),
        spectrum=_spectrum(run, manifest["system"]["outer"]),
        atoms=run.final_structure.to_ase_atoms(),
    )


def _why(folder: Path) -> str:
    """Return the last words of VASP's own output, where it stopped with an error."""
    # start/ holds the run that converges the orbitals before the dipole correction is on
    path = next((p for p in (folder / "vasp.out", folder / "start" / "vasp.out") if p.is_file()), None)
    if path is None:
        return "stopped before vasprun.xml was complete"
    lines = [x.strip(" |*\n") for x in path.read_text(errors="replace").splitlines()]
    marked = [x for x in lines if "error" in x.lower() or "VERY BAD NEWS" in x]
    return (marked or [x for x in lines if x] or ["stopped early"])[-1][:200]


def _spectrum(run: Any, outer_atoms: list[int]) -> Spectrum | None:
    """Return the density of states summed over spins, where it was projected on atoms."""
    if not getattr(run, "pdos", None):
        return None

    def summed(atoms: list[int]) -> NDArray[np.float64]:
        found = np.zeros(len(run.tdos.energies))
        for i in atoms:
            for orbital in run.pdos[i].values():
                for values in orbital.values():
                    found += np.asarray(values)
        return found

    return Spectrum(
        energies=np.asarray(run.tdos.energies, dtype=float),
        total=summed(list(range(len(run.pdos)))),
        outer=summed(outer_atoms),
    )


def _potential(folder: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the planar average of LOCPOT, the potential energy of an electron in eV."""
    path = folder / "LOCPOT"
    if not path.is_file():
        return None
    from pymatgen.io.vasp.outputs import Locpot

    found = Locpot.from_file(str(path))
    average = np.asarray(found.get_average_along_axis(2), dtype=float)
    height = found.structure.lattice.matrix[2, 2]
    return np.linspace(0, height, len(average), endpoint=False), average
