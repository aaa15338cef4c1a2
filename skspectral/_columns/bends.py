"""How much numeric columns bend: a test by an additive model.

A linear model of all columns comes first. Its residue is regressed on each column
alone, without and with the ramps of that column. The gain is the share by which ramps
lower the generalised cross-validation score (Golub, Heath, Wahba, "Generalized
cross-validation as a method for choosing a good ridge parameter", Technometrics 1979),
an estimate of the error on other rows in closed form.
"""

from typing import NamedTuple

import numpy as np

from skspectral._columns.statistics import row_blocks

__all__ = ["as_numbers", "ask_columns", "strengths_of_ramps"]

# Measured, see docs/defaults.md.
BENT = 0.05  # gain of one column at least, or no column has ramps
LEAST_GAIN = 0.001  # of a column that has ramps
FULL_GAIN = 0.2  # of a column whose ramps have their full spread
FEWEST_ROWS = 20  # a gain of a share g needs 20 / g rows, or chance brings it
RIDGE = 1e-3  # of the linear model, times the number of rows
RIDGES = np.logspace(-6, 2, 17)  # to choose from, of a column alone


def as_numbers(y: np.ndarray) -> np.ndarray:
    """Return targets as numbers of like scale: classes as indicators.

    Parameters
    ----------
    y : ndarray
        Numbers of shape (n, o), or class indices of shape (n, 1).
    """
    if y.dtype.kind == "i":
        return (y == np.unique(y)).astype(np.float64)
    scale = y.std(0)
    return y / np.where(scale > 0, scale, 1.0)


def strengths_of_ramps(gains: np.ndarray, n_rows: float) -> np.ndarray:
    """Return the share of `tau` that the ramps of each column have; 0 for no ramps.

    Where no column gains much, all are taken for linear. Else the ramps of a column
    have a spread that goes with the root of its gain: what bends little in a model of
    single columns may still bend beside others.
    """
    if gains.max(initial=0.0) < max(BENT, FEWEST_ROWS / n_rows):
        return np.zeros(len(gains))
    share = np.sqrt(np.clip(gains / FULL_GAIN, 0.0, 1.0))
    return np.where(gains >= LEAST_GAIN, share, 0.0)


class ColumnTest(NamedTuple):
    """What an additive model says of the columns.

    Attributes
    ----------
    gains : ndarray of shape (n_bent,)
        Share of the error that the ramps of a column save.
    is_used : ndarray of shape (n_inputs,), bool
        Inputs of the linear model whose weight is not 0 by chance, at three standard
        errors, for any target.
    """

    gains: np.ndarray
    is_used: np.ndarray


def ask_columns(
    inputs: np.ndarray,
    numbers: np.ndarray,
    knots: dict[int, np.ndarray],
    y: np.ndarray,
    weight: np.ndarray | None,
) -> ColumnTest:
    """Return which columns bend, and which say anything of y in a linear model.

    Parameters
    ----------
    inputs : ndarray of shape (n, n_inputs)
        Of the linear model, standardised.
    numbers : ndarray of shape (n, n_numbers)
        Without gaps.
    knots : dict of int to ndarray
        By column of `numbers`: its knots.
    y : ndarray of shape (n, o)
        Numbers of like scale.
    weight : ndarray of shape (n,) or None
    """
    n_rows = len(y)
    root = np.ones(n_rows) if weight is None else np.sqrt(weight / weight.mean())
    root = root[:, None]
    y = (y - np.average(y, axis=0, weights=weight)) * root
    x = np.c_[root, inputs * root]
    gram = x.T @ x
    gram[np.diag_indices_from(gram)] += RIDGE * n_rows
    inverse = np.linalg.inv(gram)
    slopes = inverse @ (x.T @ y)
    residue = y - x @ slopes
    noise = np.maximum((residue**2).mean(0), 1e-300)
    errors = np.sqrt(np.maximum(np.diag(inverse)[:, None] * noise, 1e-300))
    is_used = (np.abs(slopes) > 3 * errors).any(1)[1:]
    if not (residue**2).sum() > 0:
        return ColumnTest(np.zeros(len(knots)), is_used)
    gains = []
    for place, own in knots.items():
        gram, along = _squares(numbers[:, place], own, residue, root)
        total = float((residue**2).sum())
        without = _validation_error(gram[:2, :2], along[:2], total, n_rows)
        gains.append(1 - _validation_error(gram, along, total, n_rows) / without)
    return ColumnTest(np.array(gains), is_used)


def _squares(
    x: np.ndarray, knots: np.ndarray, y: np.ndarray, root: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Squares of (1, column, ramps), and products with y.

    Summed over blocks of rows, as the ramps of all are many numbers; then as of ramps
    that are centred and scaled.
    """
    n_inputs = len(knots) + 1
    gram, along = np.zeros((n_inputs, n_inputs)), np.zeros((n_inputs, y.shape[1]))
    sums = np.zeros((2, len(knots) - 1))
    x_mean, x_scale = x.mean(), x.std() or 1.0
    for rows in row_blocks(len(x), n_inputs):
        ramps = np.clip((x[rows, None] - knots[:-1]) / np.diff(knots), 0, 1)
        sums += ramps.sum(0), (ramps**2).sum(0)
        own = np.c_[np.ones(len(ramps)), (x[rows] - x_mean) / x_scale, ramps]
        own *= root[rows]
        gram += own.T @ own
        along += own.T @ y[rows]
    mean, square = sums / len(x)
    scale = np.sqrt(np.maximum(square - mean**2, 0.0))
    units = np.eye(n_inputs)
    units[2:, 0] = -mean
    units[2:] /= np.where(scale > 0, scale, 1.0)[:, None]
    return units @ gram @ units.T, units @ along


def _validation_error(
    gram: np.ndarray, along: np.ndarray, total: float, n_rows: int
) -> float:
    """Smallest score over the ridges: n^-1 RSS / (1 - df / n)^2.

    Parameters
    ----------
    gram : ndarray of shape (p, p)
        ``x.T @ x``.
    along : ndarray of shape (p, o)
        ``x.T @ y``.
    total : float
        Sum of the squares of y.
    n_rows : int
    """
    values, vectors = np.linalg.eigh(gram)
    values = np.maximum(values, 0.0)
    squares = ((vectors.T @ along) ** 2).sum(1)
    # Per unit of the eigenvalue; directions of rounding hold nothing.
    real = values > 1e-12 * values.max()
    squares = np.divide(squares, values, out=np.zeros_like(values), where=real)
    kept = values / (values + RIDGES[:, None] * n_rows)  # (ridges, p)
    error = np.maximum(total - (kept * (2 - kept)) @ squares, 0.0) / n_rows
    return float((error / (1 - np.minimum(kept.sum(1) / n_rows, 0.99)) ** 2).min())
