"""Tell an energy of binding apart: how far surface and ligand deform, and how they interact."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qdsurf.energy.poses import Lowest
from qdsurf.energy.reactions import Plan
from qdsurf.energy.relax import single_point
from qdsurf.errors import AskError, EvaluationError
from qdsurf.model.energies import Method
from qdsurf.model.nouns import Surface

if TYPE_CHECKING:
    from ase import Atoms

# States whose atoms, beside the ligand, are those of the surface part of the complex.
_BASES = ("surface", "surface with a pair vacancy", "surface without the ion")


def energy_parts(
    plan: Plan,
    best: Lowest,
    method: Method,
    found: Mapping[str, Mapping[str, Any]],
    *,
    counterpoise: bool = False,
) -> tuple[dict[str, float], list[str]]:
    """Return deformation and interaction energies of the lowest pose in eV, and what could not be told.

    interaction = E(complex) - E(its surface part) - E(its ligand part), both parts frozen as they are in
    the complex; a deformation is the energy of a frozen part less that of the relaxed state. Where the
    parts are the states of the reaction, the three sum to its energy.

    Parameters
    ----------
    best
        The lowest pose.
    found
        Numbers of the states of the reaction.
    counterpoise
        Whether to add the correction for the basis functions that the parts lend one another: what they
        gain by them, positive, so that it weakens the interaction. With PySCF and CP2K.

    Returns
    -------
    dict
        "interaction", "surface deformation", "ligand deformation", "counterpoise" in eV; a deformation is
        absent where the complex's part is no state of the reaction.

    References
    ----------
    Boys and Bernardi, doi:10.1080/00268977000101561, for the counterpoise correction.
    """
    atoms = best.relaxed.atoms
    own = ligand_mask(plan, best.start)
    charge = ligand_charge(best.start, own)
    whole = best.start.charge
    try:
        rest = single_point(atoms[~own], method, charge=whole - charge).energy
        alone = single_point(atoms[own], method, charge=charge).energy
    except (AskError, EvaluationError) as error:
        return {}, [f"no deformation and interaction energies: the parts have no energy ({error})"]
    parts = {"interaction": best.relaxed.energy - rest - alone}
    for name, (frozen, size) in {
        "surface": (rest, sorted(atoms[~own].numbers)),
        "ligand": (alone, sorted(atoms[own].numbers)),
    }.items():
        state = _same(plan, name, size, charge if name == "ligand" else whole - charge)
        if state:
            parts[f"{name} deformation"] = frozen - float(found[state]["energy"])
    if not counterpoise:
        return parts, []
    correction, said = counterpoise_correction(atoms, own, method, charge, whole)
    return {**parts, **({} if correction is None else {"counterpoise": correction})}, said


def ligand_mask(plan: Plan, pose: Surface) -> NDArray[np.bool_]:
    """Return (n_atoms,) true for the ligand that the reaction brought; others that were there are surface."""
    role, fragment = pose.atoms.arrays["role"], pose.atoms.arrays["fragment"]
    before = next((plan.states[n].atoms.arrays for n in _BASES if n in plan.states), None)
    own = np.asarray(role == "ligand")
    if before is not None and (before["role"] == "ligand").any():
        own &= fragment > int(before["fragment"].max())
    return own


def ligand_charge(pose: Surface, own: NDArray[np.bool_]) -> int:
    """Return the formal charge of the fragments that *own* marks, in elementary charges."""
    arrays = pose.atoms.arrays
    here = {
        int(f): str(s) for f, s in zip(arrays["fragment"][own], arrays["species"][own], strict=True)
    }  # fmt: skip
    return sum(pose.charges[s] for s in here.values())


def _same(plan: Plan, part: str, numbers: list[int], charge: int) -> str:
    """Return the state of the reaction that has the atoms and the charge of a part, or ""."""
    for name in ("free ligand", "adduct with the donor") if part == "ligand" else _BASES:
        state = plan.states.get(name)
        if state is not None and sorted(state.atoms.numbers) == numbers and state.charge == charge:
            return name
    return ""


def counterpoise_correction(
    atoms: Atoms, own: NDArray[np.bool_], method: Method, charge: int, whole: int
) -> tuple[float | None, list[str]]:
    """Return the counterpoise correction in eV, positive, or why there is none.

    What each part, frozen as it is in *atoms*, gains by the basis functions of the other.

    Parameters
    ----------
    own
        (n_atoms,) true for one part.
    charge, whole
        Of that part and of the complex, in elementary charges.

    References
    ----------
    Boys and Bernardi, doi:10.1080/00268977000101561.
    """
    taken = _taken(method)
    if "ghosts" not in taken:
        return None, [f"no counterpoise correction: {method.title} places no ghost atoms"]
    # Dispersion is a sum over nuclei: it is the same with the basis of the other part and without.
    settings = {**method.settings, **({"dispersion": ""} if "dispersion" in taken else {})}
    if "frame" in taken:
        settings["frame"] = atoms.positions.tolist()
    bare = replace(method, added_dispersion="", settings=settings)
    gained = 0.0
    for mask, q in ((own, charge), (~own, whole - charge)):
        ghosts = tuple(int(i) for i in np.flatnonzero(~mask))
        lent = replace(bare, settings={**settings, "ghosts": ghosts})
        try:
            alone, helped = single_point(atoms[mask], bare, charge=q), single_point(atoms, lent, charge=q)
        except (AskError, EvaluationError) as error:
            return None, [f"no counterpoise correction: a part has no energy ({error})"]
        gained += alone.energy - helped.energy
    return gained, []


def _taken(method: Method) -> frozenset[str]:
    """Return the names of the settings that the calculator of *method* takes, where it says them."""
    module, _, name = method.calculator.partition(":")
    try:
        made = getattr(import_module(module), name).__init__
        return frozenset(inspect.signature(made).parameters)
    except (ImportError, AttributeError, ValueError):
        return frozenset()
