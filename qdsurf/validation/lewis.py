"""Bond orders and formal charges of a molecule from its connectivity alone, atoms with wrong valence named.

The assignment of lowest penalty is found exactly, as an integer program: every atom takes one of the
charges and valences that its element has in stable molecules, and what cannot be filled is a defect.
The penalties rank resonance forms as chemists draw them (charges on heteroatoms, none where possible);
they are conventions, not measured numbers. RDKit has the last word on the result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qdsurf.validation.graphs import Integers

# (formal charge, valence, penalty) by element.
FORMS: dict[str, tuple[tuple[int, int, float], ...]] = {
    "H": ((0, 1, 0),),
    "B": ((0, 3, 0), (-1, 4, 1)),
    "C": ((0, 4, 0), (-1, 3, 10), (1, 3, 12)),
    "N": ((0, 3, 0), (1, 4, 1), (-1, 2, 3), (-2, 1, 8)),
    "O": ((0, 2, 0), (-1, 1, 2), (1, 3, 4)),
    "Si": ((0, 4, 0), (-2, 6, 4)),
    "P": ((0, 3, 0), (0, 5, 1), (1, 4, 2), (-1, 2, 5), (-1, 6, 2)),
    "S": ((0, 2, 0), (-1, 1, 2), (0, 4, 1), (0, 6, 1), (1, 3, 3)),
    "F": ((0, 1, 0),),
    "Cl": ((0, 1, 0), (0, 3, 2), (0, 5, 2), (0, 7, 2)),
    "I": ((0, 1, 0), (-1, 2, 3), (0, 3, 2), (0, 5, 2), (0, 7, 2)),
}
FORMS |= {"As": FORMS["P"], "Se": FORMS["S"], "Te": FORMS["S"], "Br": FORMS["I"]}
DEFECT = 100.0
MOST_ATOMS = 3000


@dataclass(frozen=True, kw_only=True)
class Lewis:
    """Bond orders and formal charges of a molecule.

    Attributes
    ----------
    charges
        Formal charge of each atom, in elementary charges.
    orders
        Order of each bond.
    lacking, excess
        Bonds that each atom has too few, or too many.
    """

    charges: tuple[int, ...]
    orders: tuple[int, ...]
    lacking: tuple[int, ...]
    excess: tuple[int, ...]


def lewis(symbols: list[str], bonds: list[tuple[int, int]]) -> Lewis:
    """Return the bond orders and charges of lowest penalty for a connectivity.

    Parameters
    ----------
    symbols
        Chemical symbols of non-metals, hydrogen atoms included.
    bonds
        Pairs of indices; a pair may come more than once in a periodic network.

    Examples
    --------
    >>> formate = lewis(["C", "O", "O", "H"], [(0, 1), (0, 2), (0, 3)])
    >>> sum(formate.charges), sorted(formate.orders)
    (-1, [1, 1, 2])
    """
    from scipy.optimize import (  # type: ignore[attr-defined]
        Bounds,
        LinearConstraint,
        milp,
    )

    degree = np.bincount(np.array(bonds, dtype=int).ravel(), minlength=len(symbols))
    # hydrogen and four-bonded carbon cannot take part in a multiple bond
    open_ = np.array(
        [not (s == "H" or (s in ("C", "Si") and d == 4)) for s, d in zip(symbols, degree, strict=True)]
    )
    multiple = [b for b, (i, j) in enumerate(bonds) if open_[i] and open_[j] and i != j]
    forms = [
        (a, c, v, _penalty(s, int(degree[a]), c, p)) for a, s in enumerate(symbols) for c, v, p in FORMS[s]
    ]
    n, m, k = len(symbols), len(multiple), len(forms)
    # unknowns: extra order of each bond that can have one, form of each atom, bonds lacking, bonds in excess
    cost = np.concatenate([np.zeros(m), [f[3] for f in forms], np.full(2 * n, DEFECT)])
    upper = np.concatenate([np.full(m, 2.0), np.ones(k), np.full(n, 4.0), np.full(n, float(degree.max()))])
    valence, one = _rows(n, m, forms, [bonds[b] for b in multiple])
    found = milp(
        cost,
        integrality=np.ones(len(cost)),
        bounds=Bounds(np.zeros(len(cost)), upper),
        constraints=[LinearConstraint(valence, -degree, -degree), LinearConstraint(one, 1, 1)],
    )
    values = np.round(found.x).astype(int)
    orders = np.ones(len(bonds), dtype=int)
    orders[multiple] += values[:m]
    charges = np.zeros(n, dtype=int)
    for (atom, charge, _, _), taken in zip(forms, values[m : m + k], strict=True):
        charges[atom] += charge * taken
    lacking, excess = values[m + k : m + k + n], values[m + k + n :]
    return Lewis(
        charges=tuple(charges.tolist()),
        orders=tuple(orders.tolist()),
        lacking=tuple(lacking.tolist()),
        excess=tuple(excess.tolist()),
    )


def _penalty(symbol: str, degree: int, charge: int, penalty: float) -> float:
    """Return the penalty of a form; N+ with two neighbours is rarer than O- (azide, not nitrite)."""
    return 3.0 if symbol == "N" and charge == 1 and degree <= 2 else penalty


def _rows(
    n: int, m: int, forms: list[tuple[int, int, int, float]], multiple: list[tuple[int, int]]
) -> tuple[object, object]:
    """Return two sparse matrices: the valence of each atom, and one form for each atom.

    Extra orders minus the valence of the form, plus bonds lacking, minus bonds in excess, is minus the
    degree.
    """
    from scipy.sparse import csr_matrix, hstack, identity

    k = len(forms)
    atom = np.array([f[0] for f in forms])
    ends: Integers = np.array(multiple, dtype=np.int64).reshape(-1, 2)
    columns = np.repeat(np.arange(m), 2)
    extra = csr_matrix((np.ones(2 * m), (ends.ravel(), columns)), shape=(n, m))
    taken = csr_matrix(([-float(f[2]) for f in forms], (atom, np.arange(k))), shape=(n, k))
    one = csr_matrix((np.ones(k), (atom, np.arange(k))), shape=(n, k))
    unit = identity(n)
    return hstack([extra, taken, unit, -unit]).tocsr(), hstack(
        [csr_matrix((n, m)), one, csr_matrix((n, 2 * n))]
    ).tocsr()
