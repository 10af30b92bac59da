"""The energy of a net charge in a periodic cell, corrected for its images and its background."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

# eV Å: e^2 / (4 pi epsilon_0), CODATA 2018.
COULOMB = 14.399645
# Terms of the Ewald sums below exp(-ACCURACY^2) are left out.
ACCURACY = 6.0


def madelung_energy(cell: NDArray[np.floating]) -> float:
    """Return the energy in eV of a unit point charge in *cell* with its images and a neutral background.

    An Ewald sum; negative. For a cube of edge L it is -2.8373 e^2 / (2 L).

    Parameters
    ----------
    cell
        (3, 3) cell vectors in Å, as rows.

    References
    ----------
    Leslie and Gillan, doi:10.1088/0022-3719/18/5/005.

    Examples
    --------
    >>> import numpy as np
    >>> round(float(-2 * 10 * madelung_energy(10 * np.eye(3)) / COULOMB), 4)
    2.8373
    """
    volume = abs(float(np.linalg.det(cell)))
    eta = math.sqrt(math.pi) / volume ** (1 / 3)  # balances both sums
    reciprocal = 2 * math.pi * np.linalg.inv(cell).T
    real = np.linalg.norm(_lattice(cell, ACCURACY / eta), axis=1)
    waves = (_lattice(reciprocal, 2 * eta * ACCURACY) ** 2).sum(axis=1)
    images = sum(math.erfc(eta * r) / r for r in real)
    smooth = 4 * math.pi / volume * float(np.sum(np.exp(-waves / (4 * eta**2)) / waves))
    itself = 2 * eta / math.sqrt(math.pi)
    background = math.pi / (volume * eta**2)
    return float(COULOMB / 2 * (images + smooth - itself - background))


def _lattice(vectors: NDArray[np.floating], radius: float) -> NDArray[np.float64]:
    """Return the points of the lattice of *vectors* within *radius* of the origin, without the origin."""
    heights = 1 / np.linalg.norm(np.linalg.inv(vectors), axis=0)
    counts = [math.ceil(radius / h) for h in heights]
    grids = np.meshgrid(*[np.arange(-n, n + 1) for n in counts], indexing="ij")
    points = np.stack([g.ravel() for g in grids], axis=1) @ vectors
    lengths = np.linalg.norm(points, axis=1)
    return np.asarray(points[(lengths > 1e-9) & (lengths <= radius)])


def makov_payne(cell: NDArray[np.floating], charge: int, dielectric: float) -> float:
    """Return what is added in eV to the energy of a charged periodic *cell*; positive.

    The first term of Makov and Payne: the energy of a point charge with its images and the background,
    screened by the relative permittivity *dielectric*. The quadrupole term, of order 1/L^3, is left out.

    References
    ----------
    Makov and Payne, doi:10.1103/PhysRevB.51.4014.

    Examples
    --------
    >>> import numpy as np
    >>> round(makov_payne(10 * np.eye(3), 1, 1.0), 3), round(makov_payne(10 * np.eye(3), -2, 4.0), 3)
    (2.043, 2.043)
    """
    return -(charge**2) * madelung_energy(cell) / dielectric
