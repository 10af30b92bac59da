"""Evaluate one system with one method: single points, relaxations, lattice constants."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.bonds import in_cell
from qdsurf.errors import AskError, EvaluationError, QdsurfError
from qdsurf.methods import check_system, is_gamma_only, make_calculator
from qdsurf.methods.boxing import boxed
from qdsurf.model.arguments import check_whole
from qdsurf.model.energies import Method
from qdsurf.model.nouns import Crystal

if TYPE_CHECKING:
    from ase import Atoms

# Å; smallest repeat at which the Gamma point alone is used for a bulk crystal.
GAMMA_CELL = 12.0
# Å; longest step of one atom, short enough for a rough pose not to break a bond.
MAX_STEP = 0.1


@dataclass(frozen=True, kw_only=True, eq=False)
class Relaxed:
    """What an evaluation gave.

    Attributes
    ----------
    atoms
        A new copy with the final positions in Å, in the cell it came in, without a calculator.
    energy
        eV, for the whole system.
    fmax
        Largest force on a free atom, eV/Å.
    steps
        Relaxation steps taken; 0 for a single point.
    converged
        Whether ``fmax`` is at or below the threshold asked for; true for a single point.
    members
        Energy in eV by name of each member of a committee, for the whole system; empty for one method.
        Energies of reactions are made of these member by member, and their spread is the committee's:
        the spread of total energies means nothing, as each member counts from a zero of its own.
    warnings
        What was done to get the energy and has to be known: the rung of the SCF ladder that gave it, the
        correction of a charged cell.
    """

    atoms: Atoms
    energy: float
    fmax: float
    steps: int
    converged: bool
    members: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@contextmanager
def _blame(atoms: Atoms, method: Method) -> Iterator[None]:
    """Turn whatever an engine raises into an EvaluationError that names formula and method."""
    try:
        yield
    except AskError:
        raise
    except Exception as error:
        formula = atoms.get_chemical_formula()
        if isinstance(error, QdsurfError) and formula in str(error):
            raise
        raise EvaluationError(f"{method.title} failed on {formula}: {error}") from error


def _prepare(atoms: Atoms, method: Method, charge: int) -> Atoms:
    """Return a copy of *atoms* with a calculator, boxed where the method needs a box."""
    check_system(method, atoms, charge)
    work: Atoms = boxed(atoms) if method.boxed else atoms.copy()
    work.set_constraint()
    with _blame(atoms, method):
        work.calc = make_calculator(method, charge=charge)
    return work


def _read(work: Atoms, method: Method) -> tuple[float, float]:
    """Return energy (eV) and largest free force (eV/Å) of *work*; refuse what is not a number."""
    energy = float(work.get_potential_energy())
    fmax = float(np.linalg.norm(work.get_forces(), axis=1).max(initial=0.0))
    require_numbers(work, method, energy, fmax)
    return energy, fmax


def require_numbers(atoms: Atoms, method: Method, energy: float, fmax: float) -> None:
    """Refuse an energy (eV) or a largest force (eV/Å) of *atoms* that is not a number."""
    if not (math.isfinite(energy) and math.isfinite(fmax)):
        raise EvaluationError(
            f"{method.title} gave no number for {atoms.get_chemical_formula()}: "
            f"energy {energy} eV, largest force {fmax} eV/Å"
        )


def _charged_cell(work: Atoms, method: Method, charge: int) -> tuple[float, tuple[str, ...]]:
    """Return what a net charge in a periodic cell adds to the energy in eV, and the words that say so."""
    if not charge or not work.pbc.any():
        return 0.0, ()
    from qdsurf.methods.charged import makov_payne

    shift = makov_payne(work.cell.array, charge, method.dielectric)
    return shift, (
        f"charged periodic cell ({charge:+d}): {shift:+.3f} eV added after Makov and Payne (point charge, "
        f"relative permittivity {method.dielectric:g}, no quadrupole term)",
    )


def _found(
    work: Atoms,
    method: Method,
    charge: int,
    atoms: Atoms,
    energy: float,
    fmax: float,
    steps: int,
    goal: float,
) -> Relaxed:
    """Return what *work*, which was computed, says of a copy of *atoms*."""
    shift, said = _charged_cell(work, method, charge)
    return Relaxed(
        atoms=atoms,
        energy=energy + shift,
        fmax=fmax,
        steps=steps,
        converged=fmax <= goal,
        members=dict(work.calc.results.get("members", {})),
        warnings=(*getattr(work.calc, "notes", ()), *said),
    )


def _returned(work: Atoms, start: NDArray[np.float64], atoms: Atoms) -> Atoms:
    """Return a copy of *atoms* moved as *work* moved from *start*; undoes the boxing."""
    result: Atoms = atoms.copy()
    result.set_constraint()
    result.positions += work.positions - start
    return result


def single_point(atoms: Atoms, method: Method, *, charge: int = 0) -> Relaxed:
    """Return energy and largest force of *atoms* as they are.

    Parameters
    ----------
    atoms
        The system, positions in Å; not changed.
    method
        How to compute it.
    charge
        Net charge in elementary charges.

    Raises
    ------
    AskError
        The method cannot do this system; nothing was run.
    EvaluationError
        The engine failed or gave no number; its own error is chained.

    Examples
    --------
    >>> from ase.build import bulk
    >>> from qdsurf.methods import load_method
    >>> round(single_point(bulk("Cu"), load_method("emt")).energy, 3)
    -0.006
    """
    work = _prepare(atoms, method, charge)
    with _blame(atoms, method):
        energy, fmax = _read(work, method)
    same = _returned(work, work.positions.copy(), atoms)
    return _found(work, method, charge, same, energy, fmax, 0, math.inf)


def check_limits(fmax: float, steps: int) -> None:
    """Refuse a force threshold, eV/Å, or a step limit with which nothing would ever end, or begin.

    Raises
    ------
    AskError
        *fmax* is not a number above 0, or *steps* is no whole number of 0 or more.
    """
    if not (math.isfinite(fmax) and fmax > 0):
        raise AskError(f"fmax is a force above 0 eV/Å, such as 0.05; got {fmax}")
    check_whole("steps", steps)
    if steps < 0:
        raise AskError(f"steps is a whole number of 0 or more; got {steps}")


def relax(
    atoms: Atoms,
    method: Method,
    *,
    fixed: NDArray[np.bool_] | None = None,
    fmax: float = 0.05,
    steps: int = 150,
    charge: int = 0,
) -> Relaxed:
    """Relax the positions of *atoms* in their cell with L-BFGS.

    Parameters
    ----------
    atoms
        The system, positions in Å; not changed. Constraints on it are ignored; use *fixed*.
    method
        How to compute it.
    fixed
        (n_atoms,) true for atoms that stay where they are; None frees all.
    fmax
        Stop when no free atom feels more than this, eV/Å.
    steps
        Stop after this many steps all the same; ``converged`` is then false.
    charge
        Net charge in elementary charges.

    Raises
    ------
    AskError
        The method cannot do this system, *fixed* has the wrong length, or *fmax* or *steps* means nothing;
        nothing was run.
    EvaluationError
        The engine failed or gave no number; its own error is chained.

    References
    ----------
    Liu and Nocedal, doi:10.1007/BF01589116.

    Examples
    --------
    >>> from ase import Atoms
    >>> from qdsurf.methods import load_method
    >>> result = relax(Atoms("N2", positions=[(0, 0, 0), (0, 0, 1.2)]), load_method("emt"))
    >>> result.converged, f"{result.atoms.get_distance(0, 1):.1f} Å"
    (True, '1.0 Å')
    """
    from ase.constraints import FixAtoms
    from ase.optimize import LBFGS

    check_limits(fmax, steps)
    if fixed is not None and len(fixed) != len(atoms):
        raise AskError(f"the mask of fixed atoms has {len(fixed)} entries for {len(atoms)} atoms")
    work = _prepare(atoms, method, charge)
    start = work.positions.copy()
    if fixed is not None and np.any(fixed):
        work.set_constraint(FixAtoms(mask=np.asarray(fixed, dtype=bool)))
    with _blame(atoms, method):
        _read(work, method)
        optimizer = LBFGS(work, logfile=os.devnull, maxstep=MAX_STEP)
        optimizer.run(fmax=fmax, steps=steps)
        energy, reached = _read(work, method)
    moved = _returned(work, start, atoms)
    return _found(work, method, charge, moved, energy, reached, int(optimizer.nsteps), fmax)


def gamma_repeat(atoms: Atoms, method: Method) -> Atoms:
    """Return *atoms* repeated so that *method* may sample it as it does.

    A copy, except for methods limited to the Gamma point: there every periodic cell vector becomes
    at least 12 Å long.
    """
    times = [1, 1, 1]
    if is_gamma_only(method):
        lengths = atoms.cell.lengths()
        times = [math.ceil(GAMMA_CELL / x) if p else 1 for x, p in zip(lengths, atoms.pbc, strict=True)]
    repeated: Atoms = atoms.repeat(times)
    if "fragment" in atoms.arrays:
        ions = int(atoms.arrays["fragment"].max()) + 1
        repeated.arrays["fragment"] += np.repeat(np.arange(math.prod(times)) * ions, len(atoms))
    return repeated


def equilibrium_scale(atoms: Atoms, method: Method, *, points: int = 9) -> float:
    """Return the factor on the cell vectors at which the energy of *atoms* is lowest.

    The fractional positions of ions are kept, and the size of molecules. A quartic is fitted to *points*
    energies from 0.96 to 1.06.

    Raises
    ------
    EvaluationError
        No minimum lies inside that range.
    """
    scales = np.linspace(0.96, 1.06, points)
    work = gamma_repeat(atoms, method)
    energies = [single_point(in_cell(work, work.cell.array * s), method).energy for s in scales]
    curve = np.polynomial.Polynomial.fit(scales, np.array(energies), 4)
    fine = np.linspace(scales[0], scales[-1], 2001)
    lowest = int(np.argmin(curve(fine)))
    if lowest in (0, len(fine) - 1):
        raise EvaluationError(
            f"{method.title}: no minimum of the energy of {atoms.get_chemical_formula()} between 0.96 "
            "and 1.06 of its cell"
        )
    return float(fine[lowest])


def lattice_constant(crystal: Crystal, method: Method) -> float:
    """Return the lattice constant in Å that *method* gives a cubic *crystal*.

    Ions stay at their fractional positions, which the symmetry of simple cubic crystals fixes; molecular
    ones keep their size.

    Raises
    ------
    AskError
        The cell is not cubic, or the method cannot do it.
    EvaluationError
        The engine failed, or no minimum lies within -4 % and +6 % of the cell given.

    Examples
    --------
    >>> import qdsurf as qs  # doctest: +SKIP
    >>> lattice_constant(qs.load_crystal("CsPbBr3-cubic"), qs.load_method("sevennet-0"))  # doctest: +SKIP
    6.007
    """
    a, b, c, *angles = crystal.atoms.cell.cellpar()
    if not (np.allclose([b, c], a, rtol=1e-4) and np.allclose(angles, 90.0, atol=1e-2)):
        raise AskError(f"{crystal.name} is not cubic; its cell must be relaxed with another tool")
    return float(a) * equilibrium_scale(crystal.atoms, method)
