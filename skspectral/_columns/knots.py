"""Knots of piecewise-linear columns."""

import numpy as np

__all__ = ["knots_of"]


def knots_of(values: np.ndarray, weight: np.ndarray | None, n_knots: int) -> np.ndarray:
    """Return knots of a column, ascending and different.

    Half of them lie at weighted quantiles, half at quantiles of the *distinct* values:
    where most rows hold one value, quantiles alone leave the others without a knot.
    Columns of at most `n_knots` values have a knot at each.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Finite.
    weight : ndarray of shape (n,) or None
    n_knots : int
        At least 2; ends included.
    """
    distinct, place = np.unique(values, return_inverse=True)
    if len(distinct) <= n_knots:
        return distinct
    mass = np.cumsum(np.bincount(place, weight))
    levels = np.linspace(0, 1, (n_knots + 1) // 2 + 1)
    by_row = np.searchsorted(mass, levels * mass[-1] * (1 - 1e-12))
    by_value = np.linspace(0, len(distinct) - 1, n_knots // 2 + 1).round().astype(int)
    by_row = np.minimum(by_row, len(distinct) - 1)
    return distinct[np.union1d(by_row, by_value)]
