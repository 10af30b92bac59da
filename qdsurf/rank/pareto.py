"""Which rows no other row beats, and how firmly a rank stands when the weights change."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def pareto_front(objectives: Matrix) -> NDArray[np.bool_]:
    """Return which rows are on the Pareto front: none is at least as good in all and better in one.

    Parameters
    ----------
    objectives
        (rows, objectives); larger is better.

    Examples
    --------
    >>> pareto_front(np.array([[1.0, 0.0], [0.5, 0.5], [0.4, 0.4], [0.0, 1.0]])).tolist()
    [True, True, False, True]
    """
    front = np.zeros(len(objectives), dtype=bool)
    kept = np.empty((0, objectives.shape[1]))
    # No row is beaten by one with a smaller sum, so rows are asked in the order of their sums.
    for index in np.argsort(-objectives.sum(axis=1), kind="stable"):
        row = objectives[index]
        beaten = ((kept >= row).all(axis=1) & (kept > row).any(axis=1)).any()
        if not beaten:
            front[index] = True
            kept = np.vstack([kept, row])
    return front


def rank_stability(
    desirabilities: Matrix, weights: Matrix, *, top: int, draws: int = 200, spread: float = 0.5, seed: int = 0
) -> Matrix:
    """Return for each row the share of draws in which it is among the first *top*.

    Parameters
    ----------
    desirabilities
        (rows, terms), 0 to 1.
    weights
        (terms,); each draw multiplies them by exp(spread z) with z of the normal distribution.
    top
        How many places count.
    draws, spread, seed
        Number of draws, width of the distribution in natural logarithms, seed.

    Examples
    --------
    >>> rank_stability(np.array([[1.0, 1.0], [0.0, 0.0]]), np.array([1.0, 1.0]), top=1).tolist()
    [1.0, 0.0]
    """
    generator = np.random.default_rng(seed)
    factors = np.exp(spread * generator.standard_normal((draws, len(weights))))
    inside = np.zeros(len(desirabilities))
    for factor in factors:
        drawn = weights * factor
        scores = desirabilities @ (drawn / drawn.sum())
        limit = np.sort(scores)[-min(top, len(scores))]
        # Ties at the limit are all inside: chance decides nothing. The margin is that of rounding.
        inside += scores >= limit - 1e-12
    shares: Matrix = inside / draws
    return shares
