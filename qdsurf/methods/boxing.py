"""A periodic box around what is not periodic, for methods that know nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ase import Atoms

# Å on each side: more than the reach of the machine-learned potentials, 5 to 6 Å, even from image to image.
BOX_VACUUM = 8.0


def boxed(atoms: Atoms) -> Atoms:
    """Return a copy of *atoms*, periodic in all directions, with vacuum where it was not.

    Examples
    --------
    >>> from ase import Atoms
    >>> boxed(Atoms("H2", positions=[(0, 0, 0), (0, 0, 1)])).cell.lengths().tolist()
    [16.0, 16.0, 17.0]
    """
    work: Atoms = atoms.copy()
    if not work.pbc.all():
        work.center(vacuum=BOX_VACUUM, axis=[i for i in range(3) if not work.pbc[i]])
        work.pbc = True
    return work
