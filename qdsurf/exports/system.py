"""The structure as a DFT code sees it: cell, order, fixed atoms, charge, spin, k-points, dipole."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from qdsurf.errors import AskError
from qdsurf.exports.calculation import Calculation

if TYPE_CHECKING:
    from ase import Atoms

Kind = Literal["crystal", "slab", "dot"]
# Å: planes of a slab and of its mirror image closer than this count as the same.
SAME_PLANE = 0.05


@dataclass(frozen=True, kw_only=True, eq=False)
class System:
    """A structure ready to be written.

    Attributes
    ----------
    name
        Of the structure.
    atoms
        In a cell whose first vector lies along x, the second in the xy plane, right-handed; the
        vacuum of a slab along z. Dots lie in the middle of a box.
    order
        (n_atoms,) index of each atom in the structure that was given.
    charge
        In elementary charges.
    fixed
        (n_atoms,) true for atoms that stay where they are.
    kind
        "crystal", "slab" or "dot".
    kpoints
        Divisions of the mesh, which contains Gamma.
    unpaired
        Unpaired electrons.
    dipole
        Whether a dipole correction along z belongs to the calculation.
    outer
        (n_atoms,) true for atoms of the outermost planes and of ligands, on which trap states sit.
    cell_relaxed
        Whether the cell is relaxed too: the bulk salts of reactions.
    """

    name: str
    atoms: Atoms
    order: tuple[int, ...]
    charge: int
    fixed: NDArray[np.bool_]
    kind: Kind
    kpoints: tuple[int, int, int]
    unpaired: int
    dipole: bool
    outer: NDArray[np.bool_]
    cell_relaxed: bool = False

    @property
    def elements(self) -> list[str]:
        """Chemical symbols, each once, in order of appearance."""
        return list(dict.fromkeys(self.atoms.get_chemical_symbols()))

    @property
    def electrons(self) -> int:
        """All electrons."""
        return int(self.atoms.numbers.sum()) - self.charge

    def sorted_by_element(self) -> System:
        """Return the system with atoms of one element together, as VASP wants them; order recorded."""
        symbols = self.atoms.get_chemical_symbols()
        rank = {e: k for k, e in enumerate(self.elements)}
        index = sorted(range(len(symbols)), key=lambda i: rank[symbols[i]])
        return replace(
            self,
            atoms=self.atoms[index],
            order=tuple(self.order[i] for i in index),
            fixed=self.fixed[index],
            outer=self.outer[index],
        )


def prepare(
    name: str,
    atoms: Atoms,
    calculation: Calculation,
    *,
    charge: int = 0,
    fixed: NDArray[np.bool_] | None = None,
    fixed_layers: int | None = None,
    height: float = 0.0,
    cell_relaxed: bool = False,
) -> System:
    """Return *atoms* as a System.

    Parameters
    ----------
    name
        Of the structure.
    atoms
        Periodic in three directions, in the first two, or in none.
    calculation
        Vacuum, k-point spacing, spin and dipole correction are taken from it.
    charge
        In elementary charges.
    fixed
        (n_atoms,) true for fixed atoms; None: the array ``fixed`` or the FixAtoms constraints of *atoms*.
    fixed_layers
        Fix that many planes from the bottom instead.
    height
        Least height of the cell of a slab in Å, for states that share a cell.
    cell_relaxed
        Relax the cell too.

    Raises
    ------
    AskError
        A periodicity that no code knows, two atoms at one place, a spin that the electrons do not
        allow, or layers where there are none.
    """
    kind = kind_of(atoms)
    held = fixed_atoms(atoms, fixed, fixed_layers)
    work = plain(atoms)
    if kind == "dot":
        boxed(work, calculation.vacuum, charge)
    else:
        standard(work, slab=kind == "slab")
    if kind == "slab":
        raised(work, calculation.vacuum, height)
    electrons = int(work.numbers.sum()) - charge
    # the dipole of a charged slab depends on the origin
    wanted = uneven(work) if calculation.dipole is None else calculation.dipole
    return System(
        name=name,
        atoms=work,
        order=tuple(range(len(work))),
        charge=charge,
        fixed=held,
        kind=kind,
        kpoints=mesh(work.cell.array, kind, calculation.kpoint_spacing),
        unpaired=unpaired_electrons(electrons, calculation.unpaired),
        dipole=kind == "slab" and not charge and wanted,
        outer=np.asarray(atoms.arrays.get("role", np.full(len(atoms), "core")) != "core", dtype=bool),
        cell_relaxed=cell_relaxed,
    )


def kind_of(atoms: Atoms) -> Kind:
    """Return "crystal", "slab" or "dot" by the periodicity of *atoms*."""
    periodic = atoms.pbc.tolist()
    if not len(atoms):
        raise AskError("there are no atoms to write")
    if not np.isfinite(atoms.positions).all():
        raise AskError("a position is not a number")
    if all(periodic):
        return "crystal"
    if periodic == [True, True, False]:
        return "slab"
    if not any(periodic):
        return "dot"
    raise AskError(f"periodicity {periodic} is not that of a crystal, a slab along c, or a dot")


def fixed_atoms(
    atoms: Atoms, fixed: NDArray[np.bool_] | None = None, layers: int | None = None
) -> NDArray[np.bool_]:
    """Return (n_atoms,) true for fixed atoms: as given, by *layers* from the bottom, or as *atoms* say."""
    from ase.constraints import FixAtoms

    if fixed is not None:
        return np.asarray(fixed, dtype=bool)
    if layers is not None:
        if isinstance(layers, bool) or not isinstance(layers, (int, np.integer)) or layers < 0:
            raise AskError(f"fixed_layers must be a number of planes, not {layers!r}")
        layer = atoms.arrays.get("layer")
        if layer is None or layer.max() < 0:
            raise AskError("fixed_layers: the structure has no planes; mark atoms in the array 'fixed'")
        if layers > layer.max() + 1:
            raise AskError(f"fixed_layers={layers}, but there are only {layer.max() + 1} planes")
        return np.asarray((layer >= 0) & (layer < layers), dtype=bool)
    held = np.asarray(atoms.arrays.get("fixed", np.zeros(len(atoms))), dtype=bool).copy()
    for constraint in atoms.constraints:
        if not isinstance(constraint, FixAtoms):
            raise AskError(f"only whole atoms can be fixed, not {type(constraint).__name__}")
        held[constraint.get_indices()] = True
    return held


def plain(atoms: Atoms) -> Atoms:
    """Return new atoms with elements, positions, cell and periodicity only."""
    from ase import Atoms as New

    return New(numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell.array, pbc=atoms.pbc)


def standard(atoms: Atoms, *, slab: bool) -> None:
    """Turn *atoms* in place so that a lies along x and b in the xy plane of a right-handed cell.

    The crystal is never mirrored: a left-handed cell gets its first two vectors exchanged. The third
    vector of a slab, along which nothing repeats, is put along z.
    """
    cell = atoms.cell.array.copy()
    if slab:
        normal = np.cross(cell[0], cell[1])
        normal /= np.linalg.norm(normal)
        cell[2] = normal * float(np.dot(normal, cell[2]))
        if np.linalg.det(cell) < 0:
            cell = cell[[1, 0, 2]]
    if abs(np.linalg.det(cell)) < 1e-6:
        raise AskError("the cell has no volume")
    if np.linalg.det(cell) < 0:
        cell = cell[[1, 0, 2]]
    first = cell[0] / np.linalg.norm(cell[0])
    third = np.cross(cell[0], cell[1])
    third /= np.linalg.norm(third)
    axes = np.array([first, np.cross(third, first), third])
    turned = cell @ axes.T
    turned[np.abs(turned) < 1e-10] = 0.0
    atoms.set_cell(turned)
    atoms.positions = atoms.positions @ axes.T


def boxed(atoms: Atoms, vacuum: float, charge: int) -> None:
    """Put *atoms* in place into the middle of a box with *vacuum* between images.

    A charged dot gets a cubic box of at least twice its size, which the corrections of Martyna and
    Tuckerman (doi:10.1063/1.477923) and of Makov and Payne need.
    """
    size = np.ptp(atoms.positions, axis=0)
    box = np.full(3, max(2.0 * size.max(), size.max() + vacuum)) if charge else size + vacuum
    atoms.set_cell(np.ceil(box * 10) / 10)
    atoms.positions += atoms.cell.array.sum(axis=0) / 2 - (atoms.positions.min(axis=0) + size / 2)


def raised(atoms: Atoms, vacuum: float, height: float) -> None:
    """Give the cell of a slab in place at least *vacuum* above it, and put the slab into the middle."""
    z = atoms.positions[:, 2]
    cell = atoms.cell.array.copy()
    cell[2, 2] = max(cell[2, 2], math.ceil((np.ptp(z) + vacuum) * 100) / 100, height)
    atoms.set_cell(cell)
    atoms.positions[:, 2] += cell[2, 2] / 2 - (z.min() + z.max()) / 2


def needed_height(atoms: Atoms, vacuum: float) -> float:
    """Return the height in Å that the cell of a slab needs."""
    return float(
        max(abs(atoms.cell.array[2, 2]), math.ceil((np.ptp(atoms.positions[:, 2]) + vacuum) * 100) / 100)
    )


def mesh(cell: NDArray[np.float64], kind: Kind, spacing: float) -> tuple[int, int, int]:
    """Return the divisions of a mesh whose points are at most *spacing* apart, in 1/Å with 2 pi.

    One along the vacuum of a slab; Gamma only for dots.

    >>> mesh(np.diag([5.87, 5.87, 30.0]), "slab", 0.3)
    (4, 4, 1)
    """
    if kind == "dot":
        return (1, 1, 1)
    lengths = 2 * np.pi * np.linalg.norm(np.linalg.inv(cell), axis=0)
    # A spacing met but for rounding does not ask for one point more.
    a, b, c = (max(1, math.ceil(length / spacing - 1e-6)) for length in lengths)
    return (a, b, 1 if kind == "slab" else c)


def kpoint_pairs(divisions: tuple[int, int, int]) -> list[tuple[tuple[int, int, int], int]]:
    """Return (index of a point, weight) of the mesh that contains Gamma, with k and -k as one.

    >>> len(kpoint_pairs((2, 2, 1))), len(kpoint_pairs((3, 3, 1)))
    (4, 5)
    """
    found = []
    for point in itertools.product(*(range(n) for n in divisions)):
        minus = tuple(-i % n for i, n in zip(point, divisions, strict=True))
        if point <= minus:
            found.append((point, 1 if point == minus else 2))
    return found  # type: ignore[return-value]


def unpaired_electrons(electrons: int, wanted: int | None) -> int:
    """Return the number of unpaired electrons; the fewest where none was *wanted*.

    Raises
    ------
    AskError
        The number wanted does not fit the number of electrons.
    """
    if wanted is None:
        return electrons % 2
    if (electrons - wanted) % 2 or wanted > electrons:
        raise AskError(f"{electrons} electrons cannot have {wanted} unpaired ones")
    return wanted


def uneven(atoms: Atoms) -> bool:
    """Return whether the two faces of a slab differ, as judged by the planes of each element."""
    z = atoms.positions[:, 2] - (atoms.positions[:, 2].min() + atoms.positions[:, 2].max()) / 2
    for number in set(atoms.numbers.tolist()):
        up = np.sort(z[atoms.numbers == number])
        if not np.allclose(up, np.sort(-up), rtol=0, atol=SAME_PLANE):
            return True
    return False


def described(system: System) -> dict[str, Any]:
    """Return what a manifest says of *system*."""
    return {
        "name": system.name,
        "formula": system.atoms.get_chemical_formula(),
        "kind": system.kind,
        "symbols": system.atoms.get_chemical_symbols(),
        "charge": system.charge,
        "electrons": system.electrons,
        "unpaired": system.unpaired,
        "kpoints": list(system.kpoints),
        "dipole_correction": system.dipole,
        "cell": system.atoms.cell.array.round(8).tolist(),
        "extent": [float(system.atoms.positions[:, 2].min()), float(system.atoms.positions[:, 2].max())],
        "order": list(system.order),
        "fixed": np.flatnonzero(system.fixed).tolist(),
        "outer": np.flatnonzero(system.outer).tolist(),
    }
