"""Rows of the table: what is known of a pair before it is computed, and what came out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qdsurf.campaign.tasks import Task
    from qdsurf.model import Ligand, Surface


def extxyz(surface: Surface) -> str:
    """Return the structure of *surface* as extended XYZ text, its vacancies with it."""
    from qdsurf.model.files import extxyz_text
    from qdsurf.model.vacant import vacant_places

    atoms = surface.atoms
    vacant = [{"species": name, "position": place.tolist()} for name, place in vacant_places(surface)]
    if vacant:
        atoms = atoms.copy()
        atoms.info["vacancies"] = vacant
    return extxyz_text(atoms)


def identity(task: Task, ligand: Ligand | None) -> dict[str, Any]:
    """Return the part of the row that is known before anything is computed."""
    step, source = task.step, task.ligand
    method = step.method
    return {
        "key": task.key,
        "ligand": source.name,
        "smiles": source.smiles if ligand is None else ligand.smiles,
        "cbc_class": ligand and ligand.cbc_class,
        "binds": ligand and ligand.binds,
        "anchor": " + ".join(anchor.name for anchor in ligand.anchors) if ligand else None,
        "surface": task.surface_name,
        "site": task.site,
        "mode": step.protocol.get("mode", "auto"),
        "method": step.name,
        "cite": list(method.cite) if method else [],
        "reaction": None,
        "equation": None,
        "energy_eV": None,
        "uncertainty_eV": None,
        "converged": None,
        "worst_contact": None,
        "warnings": list(method.warnings) if method else [],
        "cause": None,
        "terms": {},
        "stoichiometry": {},
    }


def outcome(task: Task, result: Any) -> dict[str, Any]:
    """Return the part of the row that the result of an evaluation gives."""
    energy = result.energy
    if not math.isfinite(energy.value):
        raise ValueError(f"the energy is {energy.value}")
    contact = result.surface.contacts()
    warnings = task.step.method.warnings if task.step.method else ()
    return {
        "status": "done",
        "reaction": energy.reaction.name,
        "equation": energy.reaction.equation,
        "energy_eV": float(energy.value),
        "uncertainty_eV": float(energy.uncertainty),
        "converged": bool(energy.converged),
        "worst_contact": None if contact is None else str(contact),
        # In order and once each: an engine repeats the warnings of its method.
        "warnings": list(dict.fromkeys([*warnings, *energy.warnings])),
        "terms": dict(energy.terms),
        "stoichiometry": dict(energy.reaction.stoichiometry),
    }


def failed_row(task: Task, cause: str, seconds: float = 0.0) -> dict[str, Any]:
    """Return the row of a pair that could not be evaluated."""
    return {**identity(task, None), "status": "failed", "cause": cause, "seconds": round(seconds, 3)}
