"""Tolerance factors from radii, on arrays: t, mu, tau and the probability of a perovskite."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

# (slope, offset) of three logistic curves whose mean is P(tau). The paper's code calibrates a linear
# classifier threefold (scikit-learn, CalibratedClassifierCV(cv=3)) and prints the mean; it prints no
# coefficients. These were fitted by least squares to the column tau_prob of its Table S1 (576 compounds,
# two decimals): largest deviation 0.0064, root mean square 0.0030.
PLATT = ((1.05828, -4.61703), (1.60452, -6.94308), (3.15098, -13.13580))


class Factors(NamedTuple):
    """t, mu, tau and P(perovskite), arrays of one shape; NaN where a factor is not defined."""

    t: Array
    mu: Array
    tau: Array
    p_perovskite: Array


def tolerance_arrays(r_a: ArrayLike, r_b: ArrayLike, r_x: ArrayLike, n_a: ArrayLike = 1.0) -> Factors:
    """Return the tolerance factors of compositions given as arrays of radii.

    Parameters
    ----------
    r_a, r_b, r_x : array_like, Å
        Mean radii of the sites: XII-coordinated A, VI-coordinated B and X. They broadcast.
    n_a : array_like
        Mean charge of the A site, in elementary charges.

    Returns
    -------
    Factors
        ``t = (r_a + r_x) / (sqrt(2) (r_b + r_x))`` (Goldschmidt), ``mu = r_b / r_x``,
        ``tau = r_x / r_b - n_a (n_a - (r_a / r_b) / ln(r_a / r_b))`` (Bartel; below 4.18 perovskite) and
        its probability. tau is NaN where r_a <= r_b, outside the range for which it was made.

    References
    ----------
    Goldschmidt, Naturwissenschaften 1926, 14, 477, doi:10.1007/BF01507527; Bartel et al., Sci. Adv.
    2019, 5, eaav0693, doi:10.1126/sciadv.aav0693.

    Examples
    --------
    >>> f = tolerance_arrays([1.88, 1.88], 1.19, [1.96, 2.20])
    >>> f.t.round(3), f.tau.round(2)
    (array([0.862, 0.851]), array([4.1, 4.3]))
    """
    a, b, x, n = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (r_a, r_b, r_x, n_a)))
    t = (a + x) / (np.sqrt(2.0) * (b + x))
    mu = b / x
    ratio = a / b
    with np.errstate(divide="ignore", invalid="ignore"):
        tau = x / b - n * (n - ratio / np.log(ratio))
    tau = np.where(ratio > 1.0, tau, np.nan)
    return Factors(t, mu, tau, probability(tau))


def probability(tau: ArrayLike) -> Array:
    """Return the probability that a compound of this tau is a perovskite.

    The mean of three logistic curves (see PLATT), which is what the paper's own calibration is. It
    crosses one half at tau = 4.25, not at the paper's limit of 4.18, where it is 0.53.

    >>> float(probability(4.3033).round(2))
    0.47
    """
    values = np.asarray(tau, dtype=np.float64)
    total = np.zeros(values.shape)
    for slope, offset in PLATT:
        # past +-60 a logistic curve is 0 or 1 to all digits; the clip only keeps exp from overflowing
        total += 1.0 / (1.0 + np.exp(np.clip(slope * values + offset, -60.0, 60.0)))
    return np.asarray(total / len(PLATT))
