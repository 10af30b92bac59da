"""Harmonic free energies: vibrations of the ligand and of what it binds, bound and free."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qdsurf.energy.combining import combine
from qdsurf.energy.parts import ligand_mask
from qdsurf.energy.poses import Lowest
from qdsurf.energy.reactions import Plan
from qdsurf.energy.relax import relax
from qdsurf.errors import EvaluationError, QdsurfError
from qdsurf.methods import make_calculator
from qdsurf.model.energies import Energy, Method
from qdsurf.model.nouns import Surface

if TYPE_CHECKING:
    from ase import Atoms

# Å: displacement of the finite differences.
STEP = 0.01
# Å: surface atoms this near to an anchor vibrate with the ligand.
REACH = 3.5
# eV: softer modes count as this (50 cm^-1), since the harmonic entropy of a softer one has no bound.
# The cut-off is a habit of the field, not a measured number.
SOFTEST = 50 * 1.239842e-4


def free_energy(
    energy: Energy,
    plan: Plan,
    lowest: Mapping[str, Lowest],
    method: Method,
    temperature: float,
    *,
    fmax: float = 0.05,
    steps: int = 150,
) -> tuple[dict[str, Any], list[str]]:
    """Return the vibrational free energy of the reaction in the harmonic approximation, and what to know.

    The sum over the states of coefficient times F, the zero-point energy and the free energy of the
    vibrations. On a surface the ligand, the atoms next to its anchors and the ion it took the place of
    vibrate, all else is held; a molecule vibrates whole. Rotation and translation of free molecules are
    left out, since their phase (solution, gas, solid) is not known to the reaction.

    Parameters
    ----------
    lowest
        What the poses of the states with a ligand came to.
    temperature
        K.
    fmax, steps
        As for the energy; the other states are relaxed once more, because caches keep no geometries.

    Returns
    -------
    dict
        "temperature" (K), "vibrational" (eV, to be added to the energy), "value" (their sum, eV),
        "states" (F in eV by state), "imaginary" (modes left out), "label"; empty where there is none.

    Raises
    ------
    EvaluationError
        The engine failed.

    References
    ----------
    McQuarrie, Statistical Mechanics, chapter 8: the harmonic oscillator.
    """
    if any(plan.states[name].kind == "bulk" for name in plan.reaction.stoichiometry):
        return {}, ["no free energy: a bulk crystal is among the states, and phonons are not computed"]
    best = lowest[plan.product]
    own = ligand_mask(plan, best.start)
    near = _near_anchors(best.start, best.relaxed.atoms, own)
    parts: dict[str, float] = {}
    imaginary = 0
    moving: NDArray[np.int64] | None
    for name in plan.reaction.stoichiometry:
        state = plan.states[name]
        if name == plan.product:
            atoms, moving = best.relaxed.atoms, np.flatnonzero(own | near).astype(np.int64)
        elif name in lowest:
            atoms = lowest[name].relaxed.atoms
            moving = _counterparts(lowest[name].start.atoms, best.start, near)
        else:
            atoms = relax(
                state.atoms, method, fixed=state.fixed, fmax=fmax, steps=steps, charge=state.charge
            ).atoms
            moving = _counterparts(state.atoms, best.start, near) if state.kind == "slab" else None
        if moving is None:
            modes = vibrations(atoms, np.arange(len(atoms)), method, charge=state.charge)
            modes = internal(modes, atoms)
        else:
            modes = vibrations(atoms, moving, method, charge=state.charge)
        parts[name], lost = harmonic(modes, temperature)
        imaginary += lost
    total = combine(plan.reaction, parts)
    label = f"harmonic, vibrations only, {temperature:g} K, ligand and {int(near.sum())} surface atoms"
    found = {
        "temperature": temperature,
        "vibrational": total,
        "value": energy.value + total,
        "states": parts,
        "imaginary": imaginary,
        "label": label,
    }
    said = [f"free energy {energy.value + total:+.3f} eV: {label}; no rotation, translation or solvent"]
    if imaginary:
        said.append(f"free energy: {imaginary} imaginary modes were left out; relax further")
    return found, said


def _counterparts(atoms: Atoms, pose: Surface, near: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the atoms of the bare surface that are *near* in the *pose*, and those that were replaced."""
    from ase.geometry import get_distances

    _, gaps = get_distances(atoms.positions, pose.atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    partner = np.argmin(gaps, axis=1)
    gone = gaps.min(axis=1) > 0.1
    return np.flatnonzero(near[partner] | gone).astype(np.int64)


def internal(modes: NDArray[np.float64], atoms: Atoms) -> NDArray[np.float64]:
    """Return *modes* (eV) of a molecule without its translation and rotation.

    These are the smallest, not the lowest: an imaginary mode is none of them.
    """
    linear = len(atoms) > 1 and float(np.min(atoms.get_moments_of_inertia())) < 1e-3
    free = 3 if len(atoms) == 1 else 5 if linear else 6
    return modes[np.argsort(np.abs(modes))][free:]


def _near_anchors(start: Surface, atoms: Atoms, own: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the surface atoms next to the anchors."""
    from ase.geometry import get_distances

    anchor = own & start.atoms.arrays["anchor"]
    _, gaps = get_distances(atoms.positions, atoms.positions[anchor], cell=atoms.cell, pbc=atoms.pbc)
    return np.asarray((gaps.min(axis=1) < REACH) & ~own)


def vibrations(
    atoms: Atoms, moving: NDArray[np.int64], method: Method, *, charge: int = 0
) -> NDArray[np.float64]:
    """Return the energies in eV of the modes of the atoms *moving*, all others held; imaginary ones negative.

    Central differences of the forces, 6 evaluations for each moving atom.

    Raises
    ------
    EvaluationError
        The engine failed.
    """
    from ase.units import _amu, _e, _hbar

    work = atoms.copy()
    work.set_constraint()
    if method.boxed and not work.pbc.all():
        work.center(vacuum=8.0, axis=[i for i in range(3) if not atoms.pbc[i]])
        work.pbc = True
    hessian = np.zeros((3 * len(moving), 3 * len(moving)))
    start = work.positions.copy()
    try:
        work.calc = make_calculator(method, charge=charge)
        for row, (index, axis) in enumerate((i, k) for i in moving for k in range(3)):
            sides = []
            for sign in (1, -1):
                work.positions = start
                work.positions[index, axis] += sign * STEP
                sides.append(work.get_forces()[moving].ravel())
            hessian[row] = (sides[1] - sides[0]) / (2 * STEP)
    except QdsurfError:
        raise
    except Exception as error:
        raise EvaluationError(
            f"{method.title} gave no forces for the vibrations of {atoms.get_chemical_formula()}: {error}"
        ) from error
    root = np.repeat(1 / np.sqrt(work.get_masses()[moving]), 3)
    squares = np.linalg.eigvalsh((hessian + hessian.T) / 2 * root[:, None] * root[None])
    unit = _hbar * 1e10 / np.sqrt(_e * _amu)
    return np.asarray(np.sign(squares) * np.sqrt(np.abs(squares)) * unit)


def harmonic(modes: NDArray[np.float64], temperature: float) -> tuple[float, int]:
    """Return the free energy in eV of harmonic *modes* (eV) at *temperature* (K), and how many are imaginary.

    Zero-point energy included; modes below 50 cm^-1 count as 50 cm^-1, imaginary ones do not count.

    Examples
    --------
    >>> import numpy as np
    >>> value, lost = harmonic(np.array([-0.01, 0.2]), 1.0)
    >>> round(value, 3), lost
    (0.1, 1)
    """
    from ase.units import kB

    real = np.maximum(modes[modes > 0], SOFTEST)
    kt = kB * temperature
    value = float((real / 2 + kt * np.log1p(-np.exp(-real / kt))).sum())
    return value, int((modes < -SOFTEST).sum())
