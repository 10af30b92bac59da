"""What a calculation costs, to the order of magnitude, before anybody queues it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from qdsurf.exports.calculation import Calculation
from qdsurf.exports.codes import Written
from qdsurf.exports.system import System, kpoint_pairs

# eV Å^2: hbar^2 / (2 m), CODATA 2018
KINETIC = 3.8099821161
# eV: a cutoff above it is that of a density grid (CP2K, SIESTA), not of orbitals.
DENSITY_GRID = 1500.0
# Empty bands that plane-wave codes carry along, as a share of the occupied ones.
_EMPTY = 0.2
# Copies of the density and potential on the grid of a code with a localised basis: round, too.
_GRIDS = 15
# Copies of the wave functions that an iterative eigensolver holds, and of a dense matrix that a localised
# basis needs: round numbers, the largest uncertainty of the estimate.
_COPIES, _MATRICES = 3, 12


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The size of a calculation.

    Attributes
    ----------
    electrons
        Computed ones.
    functions
        Plane waves at one k-point, or basis functions.
    kpoints
        Points left of the mesh when k and -k are one.
    bands
        Occupied and empty bands or orbitals.
    memory
        GB over all nodes, to the order of magnitude.
    warnings
        Where it will not fit into one node.
    """

    electrons: int
    functions: int
    kpoints: int
    bands: int
    memory: float
    warnings: tuple[str, ...] = ()


def estimate(system: System, calculation: Calculation, written: Written) -> Cost:
    """Return the cost of *written*.

    Plane waves: V k^3 / (6 pi^2) with hbar^2 k^2 / 2m the cutoff; memory is that of the wave functions.
    Localised bases: dense matrices over the basis functions, and the density on its grid.

    Examples
    --------
    >>> from ase.build import bulk
    >>> from qdsurf.exports.calculation import load_calculation
    >>> from qdsurf.exports.system import prepare
    >>> calculation = load_calculation("pbe-d3", "vasp")
    >>> system = prepare("Si", bulk("Si"), calculation)
    >>> estimate(system, calculation, Written(files={}, electrons=8)).bands
    5
    """
    kpoints = len(kpoint_pairs(system.kpoints))
    spins = 2 if system.unpaired else 1
    if written.functions:
        functions, bands = written.functions, math.ceil(written.electrons / 2)
        memory = _MATRICES * functions**2 * (16 if kpoints > 1 else 8) * spins * kpoints / 1e9
        memory += _GRIDS * 8 * grid_points(system, calculation) * spins / 1e9
    else:
        # tight numerical orbitals and grids are compared with plane waves of 400 eV
        wave = math.sqrt((calculation.cutoff if 0 < calculation.cutoff < DENSITY_GRID else 400.0) / KINETIC)
        functions = math.ceil(abs(system.atoms.cell.volume) * wave**3 / (6 * math.pi**2))
        bands = math.ceil(written.electrons / 2 * (1 + _EMPTY))
        if calculation.spin_orbit:
            functions, bands = 2 * functions, 2 * bands
        memory = _COPIES * 16 * functions * bands * spins * kpoints / 1e9
    warnings = []
    if memory > calculation.node_memory:
        nodes = math.ceil(memory / calculation.node_memory)
        warnings.append(
            f"about {memory:.0f} GB are needed and a node has {calculation.node_memory:g} GB: spread it over "
            f"{nodes} nodes or more, or make the model smaller"
        )
    return Cost(
        electrons=written.electrons,
        functions=functions,
        kpoints=kpoints,
        bands=bands,
        memory=memory,
        warnings=tuple(warnings),
    )


def grid_points(system: System, calculation: Calculation) -> int:
    """Return the points of a density grid, pi / k apart where hbar^2 k^2 / 2m is its cutoff; 0 for none."""
    if calculation.cutoff <= DENSITY_GRID:
        return 0
    wave = math.sqrt(calculation.cutoff / KINETIC)
    return math.ceil(abs(float(system.atoms.cell.volume)) * (wave / math.pi) ** 3)
