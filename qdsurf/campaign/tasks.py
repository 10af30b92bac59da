"""What one worker does for one ligand: evaluate, make the row, write it to the store."""

from __future__ import annotations

import logging
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import qdsurf
from qdsurf.methods import engine_version
from qdsurf.store import Store, content_key, to_json

if TYPE_CHECKING:
    from qdsurf.model import Crystal, Ligand, Method, Surface

log = logging.getLogger("qdsurf.campaign")


@dataclass(frozen=True, kw_only=True)
class Task:
    """One ligand on the surface; travels to a worker, so all of it can be pickled.

    Attributes
    ----------
    store
        Path of the store.
    protocol
        poses, fmax (eV/Å), steps.
    evaluate
        Takes (surface, ligand, method, poses=, fmax=, steps=, references=); returns an object with
        ``energy`` and ``surface``. None means ``qdsurf.energy.binding.bind``.
    """

    key: str
    store: str
    surface: Surface
    ligand: Ligand
    method: Method
    protocol: Mapping[str, Any]
    evaluate: Callable[..., Any] | None = None


def task_key(surface: Surface, ligand: Ligand, method: Method, protocol: Mapping[str, Any]) -> str:
    """Return the key of a piece of work: everything that can change its result."""
    from ase import __version__ as ase_version

    return content_key(
        {
            # The cell is here because the lattice constant of a method is not part of its recipe.
            "surface": {"recipe": surface.recipe, "cell": surface.atoms.cell.array.round(6)},
            "ligand": {
                "name": ligand.name,
                "smiles": ligand.smiles,
                "charge": ligand.charge,
                "anchors": [[anchor.name, anchor.atoms] for anchor in ligand.anchors],
            },
            "method": {"name": method.name, "calculator": method.calculator, "settings": method.settings},
            "versions": [qdsurf.__version__, ase_version, engine_version(method)],
            "protocol": protocol,
        }
    )


def start_worker() -> None:
    """Prepare a worker process: one thread, and Ctrl-C left to the process that began."""
    # Several workers with many threads each slow one another down. torch reads this when an engine
    # loads it; importing it here would cost seconds where no engine needs it.
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["MKL_NUM_THREADS"] = "1"
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


def find_lattice(crystal: Crystal, method: Method) -> float:
    """Return the lattice constant in Å that *method* gives *crystal*."""
    from qdsurf.energy.relax import lattice_constant

    return float(lattice_constant(crystal, method))


def extxyz(surface: Surface) -> str:
    """Return the structure of *surface* as extended XYZ text."""
    from io import StringIO

    from ase.io import write

    text = StringIO()
    write(text, surface.atoms, format="extxyz")
    return text.getvalue()


def _identity(task: Task) -> dict[str, Any]:
    """Return the part of the row that is known before anything is computed."""
    ligand, method = task.ligand, task.method
    return {
        "key": task.key,
        "ligand": ligand.name,
        "smiles": ligand.smiles,
        "cbc_class": ligand.cbc_class,
        "binds": ligand.binds,
        "anchor": " + ".join(anchor.name for anchor in ligand.anchors),
        "surface": task.surface.name,
        "method": method.name,
        "cite": list(method.cite),
        "reaction": None,
        "equation": None,
        "energy_eV": None,
        "uncertainty_eV": None,
        "converged": None,
        "worst_contact": None,
        "warnings": list(method.warnings),
        "cause": None,
        "terms": {},
        "stoichiometry": {},
    }


def _outcome(task: Task, result: Any) -> dict[str, Any]:
    """Return the part of the row that the result of an evaluation gives."""
    energy = result.energy
    if not math.isfinite(energy.value):
        raise ValueError(f"the energy is {energy.value}")
    contact = result.surface.contacts()
    return {
        "status": "done",
        "reaction": energy.reaction.name,
        "equation": energy.reaction.equation,
        "energy_eV": float(energy.value),
        "uncertainty_eV": float(energy.uncertainty),
        "converged": bool(energy.converged),
        "worst_contact": None if contact is None else str(contact),
        # In order and once each: an engine repeats the warnings of its method.
        "warnings": list(dict.fromkeys([*task.method.warnings, *energy.warnings])),
        "terms": dict(energy.terms),
        "stoichiometry": dict(energy.reaction.stoichiometry),
    }


def _evaluator(task: Task) -> Callable[..., Any]:
    """Return what evaluates *task*."""
    if task.evaluate is not None:
        return task.evaluate
    from qdsurf.energy import binding

    evaluate: Callable[..., Any] = binding.bind
    return evaluate


def failed_row(task: Task, cause: str, seconds: float = 0.0) -> dict[str, Any]:
    """Return the row of a ligand that could not be evaluated."""
    return {**_identity(task), "status": "failed", "cause": cause, "seconds": round(seconds, 1)}


def run_task(task: Task) -> tuple[str, str]:
    """Evaluate *task*, write its row to the store, and return its key and status.

    Whatever goes wrong with one ligand becomes a row with the cause; the campaign goes on.
    """
    began = time.perf_counter()
    # The worker writes its own row, so that nothing finished is lost if the main process dies.
    with Store(task.store, check=False) as store:
        structure = None
        try:
            evaluate = _evaluator(task)
            result = evaluate(
                task.surface, task.ligand, task.method, references=store.references, **task.protocol
            )
            structure = extxyz(result.surface)
            row = {**_identity(task), **_outcome(task, result)}
            row["seconds"] = round(time.perf_counter() - began, 1)
            to_json(row)  # raises here, where it is recorded, if a number is not finite
        except Exception as error:
            log.debug("%s failed", task.ligand.name, exc_info=True)
            structure = None
            row = failed_row(task, f"{type(error).__name__}: {error}", time.perf_counter() - began)
        store.put(row, structure)
    return task.key, str(row["status"])
