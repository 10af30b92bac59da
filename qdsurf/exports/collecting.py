"""Read the outputs of an export back: each run with its state, and the energy of a reaction."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from qdsurf.energy.combining import class_error, combine, combined_uncertainty
from qdsurf.energy.poses import Lowest, settled
from qdsurf.energy.reactions import COMPLEX
from qdsurf.energy.relax import Relaxed
from qdsurf.errors import AskError
from qdsurf.exports.binding import START
from qdsurf.exports.codes import CODES
from qdsurf.exports.folder import changed, read_manifest
from qdsurf.exports.readers.found import Found, Spectrum
from qdsurf.methods import load_method
from qdsurf.model.energies import Energy, Reaction
from qdsurf.model.files import read_surface
from qdsurf.model.nouns import Surface

if TYPE_CHECKING:
    from ase import Atoms

Status = Literal["done", "unfinished", "failed", "not started"]
_READERS = {"gpaw": "script", "pyscf": "script"}
# eV: two codes with the same functional differed by this much for one reaction of a Cs4PbBr6 cluster.
CODE_ERROR = 0.2
CODE_ERROR_SOURCE = (
    "difference of CP2K (PBE-D3, DZVP-MOLOPT-SR-GTH) and PySCF (PBE-D3, def2-SVP) for acetate on Cs4PbBr6: "
    "basis and potentials, not the error of the functional"
)
# Codes whose method is on the shelf of calculators, with an error that was measured.
_METHODS = {"xtb": "gfn2-xtb"}
# eV below and above the gap in which the share of the outer atoms is taken.
EDGE = 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """What came back from one folder; None for what its files do not say.

    Attributes
    ----------
    folder, code, name
        Where, by which code, of what.
    status
        "done", "unfinished", "failed" or "not started".
    reason
        Why it is not done.
    energy
        eV, of all atoms.
    converged
        Whether electrons and, in a relaxation, atoms converged.
    forces
        (n_atoms, 3) eV/Å, in the order of the structure that was exported; fixed atoms too.
    largest_force
        eV/Å, of the free atoms.
    charge
        That the code computed.
    fermi, homo, lumo
        eV, as the code counts them.
    vacuum_levels
        eV, above the top face and below the bottom face, where the potential was written.
    edge_shares
        Share of the outer atoms and ligands in the states within 0.5 eV below the highest occupied and
        above the lowest empty level: near 1 for a trap at the surface.
    atoms
        The last structure, in the order of the structure that was exported.
    warnings
        What to know before believing it.
    """

    folder: Path
    code: str
    name: str
    status: Status
    reason: str = ""
    energy: float | None = None
    converged: bool | None = None
    forces: NDArray[np.float64] | None = None
    largest_force: float | None = None
    charge: float | None = None
    fermi: float | None = None
    homo: float | None = None
    lumo: float | None = None
    vacuum_levels: tuple[float, float] | None = None
    edge_shares: tuple[float, float] | None = None
    spectrum: Spectrum | None = None
    atoms: Atoms | None = None
    warnings: tuple[str, ...] = ()

    @property
    def work_function(self) -> tuple[float, float] | None:
        """Vacuum level less Fermi energy of both faces, eV; for a gap see `ionization_energy`."""
        return self._below_vacuum(self.fermi)

    @property
    def ionization_energy(self) -> tuple[float, float] | None:
        """Vacuum level less highest occupied level of both faces, eV.

        The number to compare where there is a gap, in which the Fermi energy may lie anywhere.
        """
        return self._below_vacuum(self.homo)

    def _below_vacuum(self, level: float | None) -> tuple[float, float] | None:
        if self.vacuum_levels is None or level is None:
            return None
        return self.vacuum_levels[0] - level, self.vacuum_levels[1] - level

    @property
    def gap(self) -> float | None:
        """Lowest empty less highest occupied level, eV."""
        return None if self.homo is None or self.lumo is None else self.lumo - self.homo


@dataclass(frozen=True, kw_only=True, eq=False)
class Collection:
    """All that came back from an export.

    Attributes
    ----------
    runs
        One for each folder.
    energy
        Of the reaction, for the purpose "binding", once every state is done; else None.
    missing
        Why there is no energy.
    """

    folder: Path
    code: str
    purpose: str
    runs: tuple[Run, ...]
    energy: Energy | None = None
    missing: str = ""

    @property
    def done(self) -> bool:
        """Whether every run is done and converged, and there is an energy where one was asked for."""
        fine = all(r.status == "done" and r.converged for r in self.runs)
        return fine and (self.purpose != "binding" or self.energy is not None)


def collect(folder: str | Path) -> Collection:
    """Read the outputs of the export in *folder*.

    Runs that failed or have not finished are said to be so, with the reason in the code's words. The
    energy of a reaction is given only when each of its states has one.

    Raises
    ------
    AskError
        The folder is no export, or its code is none that is read.

    Examples
    --------
    >>> import tempfile, qdsurf as qs
    >>> dot = qs.carve_dot(qs.load_crystal("CsPbBr3-cubic"), cells=1, termination="CsBr")
    >>> with tempfile.TemporaryDirectory() as where:
    ...     made = qs.export(dot, "cp2k", where + "/dot")
    ...     qs.collect(made.folder).runs[0].status
    'not started'
    """
    root = Path(folder)
    if (root / "plan.json").is_file():
        from qdsurf.exports.planned import collect_plan

        return collect_plan(root)
    manifest = read_manifest(root)
    if manifest is None:
        raise AskError(f"{str(root)!r} holds no manifest.json that export wrote, and no plan.json of bind")
    code = str(manifest["export"])
    if code not in CODES or not CODES[code].collected:
        able = ", ".join(k for k, c in CODES.items() if c.collected)
        raise AskError(f"outputs of {code} are not read; codes whose outputs are: {able}")
    if "states" not in manifest:
        run = read_run(root, manifest)
        return Collection(folder=root, code=code, purpose=str(manifest["purpose"]), runs=(run,))
    runs = []
    for state in manifest["states"]:
        inner = read_manifest(root / state["folder"])
        if inner is None:
            raise AskError(f"{str(root / state['folder'])!r} is gone or holds no manifest.json")
        runs.append(read_run(root / state["folder"], inner))
    energy, missing = reaction_energy(root, manifest, runs)
    return Collection(
        folder=root, code=code, purpose="binding", runs=tuple(runs), energy=energy, missing=missing
    )


def read_run(folder: Path, manifest: dict[str, Any]) -> Run:
    """Return the Run of one folder."""
    code = str(manifest["export"])
    reader = importlib.import_module(f"qdsurf.exports.readers.{_READERS.get(code, code)}")
    found: Found = reader.read(folder, manifest)
    system = manifest["system"]
    warnings = [f"{name} differs from what export wrote" for name in changed(folder, manifest)]
    status: Status = "done"
    if not found.ended:
        failed = any(w in found.reason.lower() for w in ("abort", "abnormal", "error", "bad news", "failed"))
        nothing = not found.reason and found.energy is None
        status = "not started" if nothing else ("failed" if failed else "unfinished")
    elif found.energy is None:
        status = "failed"
    if found.charge is not None and abs(found.charge - system["charge"]) > 0.01:
        warnings.append(f"computed with charge {found.charge:+g}, exported with {system['charge']:+d}")
    if status == "done" and not found.converged:
        warnings.append("not converged")
    order = np.array(system["order"], dtype=int)
    forces = _as_given(found.forces, order)
    free = np.setdiff1d(np.arange(len(order)), order[np.array(system["fixed"], dtype=int)])
    largest = None
    if forces is not None:
        largest = float(np.linalg.norm(forces[free], axis=1).max()) if len(free) else 0.0
    ended = status == "done"
    return Run(
        folder=folder,
        code=code,
        name=str(system["name"]),
        status=status,
        reason=found.reason or ("no energy in the output" if status == "failed" else ""),
        energy=found.energy if ended else None,
        converged=found.converged if ended else None,
        forces=forces,
        largest_force=largest,
        charge=found.charge,
        fermi=found.fermi,
        homo=found.homo,
        lumo=found.lumo,
        vacuum_levels=vacuum_levels(found, system),
        edge_shares=edge_shares(found.spectrum, found.homo, found.lumo),
        spectrum=found.spectrum,
        atoms=_reordered(found.atoms, order),
        warnings=tuple(warnings),
    )


def _as_given(values: NDArray[np.float64] | None, order: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """Return *values* of atoms in the order of the exported structure."""
    if values is None or len(values) != len(order):
        return None
    given = np.empty_like(values)
    given[order] = values
    return given


def _reordered(atoms: Atoms | None, order: NDArray[np.int64]) -> Atoms | None:
    """Return *atoms* in the order of the exported structure; None where they are other atoms."""
    if atoms is None or len(atoms) != len(order):
        return None
    return atoms[np.argsort(order)]


def vacuum_levels(found: Found, system: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the potential energy in eV of an electron above the top face and below the bottom face.

    The mean of the planar average from 3 Å above the outermost atom to 2 Å below
    the edge of the cell, where the dipole correction may put its jump.
    """
    if found.potential is None:
        return None
    height, values = found.potential
    cell = float(np.array(system["cell"])[2][2])
    low, high = (float(z) for z in system["extent"])
    top = values[(height > high + 3.0) & (height < cell - 2.0)]
    bottom = values[(height < low - 3.0) & (height > 2.0)]
    if not len(top) or not len(bottom):
        return None
    return float(top.mean()), float(bottom.mean())


def edge_shares(
    spectrum: Spectrum | None, homo: float | None, lumo: float | None, width: float = EDGE
) -> tuple[float, float] | None:
    """Return the share of the outer atoms in the states within *width* eV of the two edges of the gap."""
    if spectrum is None or homo is None or lumo is None:
        return None
    shares = []
    for low, high in ((homo - width, homo + 0.05), (lumo - 0.05, lumo + width)):
        near = (spectrum.energies >= low) & (spectrum.energies <= high)
        whole = float(spectrum.total[near].sum())
        shares.append(float(spectrum.outer[near].sum()) / whole if whole > 0 else math.nan)
    return shares[0], shares[1]


def reaction_energy(folder: Path, manifest: Mapping[str, Any], runs: list[Run]) -> tuple[Energy | None, str]:
    """Return the energy of the reaction in eV per ligand, or why there is none."""
    reaction = Reaction(**manifest["reaction"])
    terms: dict[str, float] = {}
    best: dict[str, Run] = {}
    placed: list[tuple[Surface, Run]] = []
    for state, run in zip(manifest["states"], runs, strict=True):
        if state["state"] == COMPLEX:
            placed.append((read_surface(folder / state["folder"] / START), run))
        elif run.status == "done" and run.energy is not None:
            terms[state["state"]], best[state["state"]] = run.energy / state["per_formula"], run
    low = _lowest(placed)
    if low is not None:
        terms[COMPLEX] = low.relaxed.energy
        best[COMPLEX] = next(run for start, run in placed if start is low.start)
    absent = [name for name in reaction.stoichiometry if name not in terms]
    if absent or low is None:
        return None, f"no energy of the reaction without that of: {', '.join(absent)}"
    value = combine(reaction, terms)
    late = [name for name, run in best.items() if not run.converged]
    calculation = manifest["calculation"]
    warnings = [*manifest.get("warnings", ()), *(f"not converged: {name}" for name in late)]
    warnings += [f"{name}: {w}" for name, run in best.items() for w in run.warnings if w != "not converged"]
    error, source = CODE_ERROR, CODE_ERROR_SOURCE
    if manifest["export"] in _METHODS:
        method = load_method(_METHODS[manifest["export"]])
        error, source = class_error(method, reaction.name), method.class_error_source
        warnings += method.warnings
    warnings += low.warnings
    energy = Energy(
        value=value,
        uncertainty=combined_uncertainty(error, [0.0, low.spread]),
        reaction=reaction,
        terms=terms,
        method=f"{manifest['export']}: {calculation['title']}",
        converged=not late,
        warnings=tuple(warnings),
        provenance={
            "settings": calculation,
            "class_error": error,
            "class_error_source": source,
            "poses": [row["energy"] + value - terms[COMPLEX] for row in low.tried if "energy" in row],
            "tried": low.tried,
            "ligand": manifest["ligand"],
            "recipe": manifest["recipe"],
            "cite": calculation["cite"],
        },
    )
    return energy, ""


def _lowest(placed: list[tuple[Surface, Run]]) -> Lowest | None:
    """Return the lowest of the poses whose ligand is whole and bound; None where none has an energy."""
    done, late = [], []
    for number, (start, run) in enumerate(placed):
        if run.energy is None:
            late.append(f"pose {number + 1} has no energy: {run.reason or run.status}")
            continue
        final = start.atoms.copy()
        if run.atoms is None:
            late.append(
                f"pose {number + 1}: no geometry in the output; what became of the ligand is not known"
            )
        else:
            final.positions = run.atoms.positions
        force = math.nan if run.largest_force is None else run.largest_force
        done.append((number, Relaxed(atoms=final, energy=run.energy, fmax=force, steps=0,
                                     converged=bool(run.converged))))  # fmt: skip
    if not done:
        return None
    rows: list[dict[str, Any]] = [
        {"cause": run.reason or run.status} if run.energy is None else {} for _, run in placed
    ]
    return settled([start for start, _ in placed], done, rows, late)


def brief(run: Run) -> dict[str, Any]:
    """Return *run* as plain numbers, one row of a table."""
    row = {k: v for k, v in vars(run).items() if k not in ("spectrum", "atoms", "forces")}
    derived = {
        "gap": run.gap, "work_function": run.work_function, "ionization_energy": run.ionization_energy,
    }  # fmt: skip
    return {**row, "folder": str(run.folder), **derived}
