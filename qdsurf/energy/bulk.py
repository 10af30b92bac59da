"""Relax crystals: the volume by a scan, the shape of the cell kept, the positions relaxed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from qdsurf.build.bonds import in_cell
from qdsurf.energy.relax import Relaxed, equilibrium_scale, gamma_repeat, relax, single_point
from qdsurf.errors import EvaluationError
from qdsurf.methods import check_system
from qdsurf.model.energies import Method
from qdsurf.model.nouns import Crystal

if TYPE_CHECKING:
    from ase import Atoms

# eV/Å; ions that feel less in the cell as given are held by symmetry.
_BY_SYMMETRY = 1e-3


def relax_bulk(atoms: Atoms, method: Method, *, fmax: float = 0.05, steps: int = 150) -> Relaxed:
    """Return a crystal at the volume and the positions that *method* gives it.

    The shape of the cell stays as measured: methods without dispersion let the layers of a crystal such
    as lead bromide drift apart when every length is free, for a gain of a few meV per atom. It also asks
    no stress of the method.

    Parameters
    ----------
    atoms
        Periodic in three directions; not changed.
    method
        How energies are computed.
    fmax
        Force threshold, eV/Å.
    steps
        Most steps of each of the two relaxations of positions.

    Returns
    -------
    Relaxed
        The energy is of *atoms*, whatever repeat of them was computed.

    Raises
    ------
    AskError
        The method cannot do this crystal.
    EvaluationError
        The engine failed, or no minimum lies between 0.96 and 1.06 of the cell.
    """
    check_system(method, atoms)
    work = gamma_repeat(atoms, method)
    times = len(work) // len(atoms)
    work.set_constraint()
    held = single_point(work, method).fmax < _BY_SYMMETRY
    if not held:
        work = relax(work, method, fmax=fmax, steps=steps).atoms
    # The repeat is long enough already, so that nothing is repeated again inside the scan.
    work = in_cell(work, work.cell.array * equilibrium_scale(work, method))
    result = single_point(work, method) if held else relax(work, method, fmax=fmax, steps=steps)
    return replace(
        result,
        atoms=_first(result.atoms, atoms),
        energy=result.energy / times,
        members={name: energy / times for name, energy in result.members.items()},
    )


def relax_crystal(crystal: Crystal, method: Method, *, fmax: float = 0.02, steps: int = 300) -> Crystal:
    """Return *crystal* at the volume and the positions that *method* gives it, for slabs free of strain.

    Raises
    ------
    AskError
        The method cannot do it.
    EvaluationError
        The engine failed, or the positions did not converge.

    Examples
    --------
    >>> import qdsurf as qs
    >>> copper = relax_crystal(qs.load_crystal("Pt"), qs.load_method("emt"))
    >>> round(copper.atoms.cell.lengths()[0], 2)
    3.92
    """
    result = relax_bulk(crystal.atoms, method, fmax=fmax, steps=steps)
    if not result.converged:
        raise EvaluationError(
            f"{method.title}: {crystal.name} did not relax to {fmax} eV/Å in {steps} steps "
            f"(reached {result.fmax:.3f})"
        )
    recipe = {
        "verb": "relax_crystal",
        "crystal": dict(crystal.recipe) or crystal.name,
        "method": method.name,
        "fmax": fmax,
    }
    return replace(crystal, atoms=result.atoms, recipe=recipe)


def _first(work: Atoms, atoms: Atoms) -> Atoms:
    """Return *atoms* with the cell and positions of the first of the repeats in *work*."""
    result: Atoms = atoms.copy()
    result.set_constraint()
    times = np.round(work.cell.lengths() / atoms.cell.lengths()).clip(1)
    result.set_cell(work.cell.array / times[:, None])
    result.positions = work.positions[: len(atoms)]
    return result
