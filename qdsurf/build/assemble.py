"""Mark which atoms of a body are at its surface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from qdsurf.build.bonds import Neighbours, stored_bonds
from qdsurf.build.sites import exposure_of

if TYPE_CHECKING:
    from ase import Atoms


def set_roles(atoms: Atoms, charges: Mapping[str, int]) -> None:
    """Write the array ``role``: "surface" for ions of the outermost planes and under-coordinated ones."""
    around = Neighbours(atoms, charges, stored_bonds(atoms))
    exposed = around.deficits()[0] > 0
    exposure = exposure_of(atoms, around)
    exposed[exposure.ions[exposure.outermost]] = True
    numbers = np.array(around.fragments)[exposed]
    lattice = atoms.arrays["role"] != "ligand"
    role = np.where(np.isin(atoms.arrays["fragment"], numbers), "surface", "core")
    atoms.arrays["role"][lattice] = role[lattice]
