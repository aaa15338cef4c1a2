"""Weighted means and scales of columns, in float64, mergeable over chunks."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import torch
from scipy import sparse
from sklearn.utils.sparsefuncs import mean_variance_axis

from skspectral._columns.samples import Samples

__all__ = [
    "BLOCK_NUMBERS",
    "ColumnStatistics",
    "as_target",
    "column_statistics",
    "fit_statistics",
    "identity_statistics",
    "non_finite_message",
    "row_blocks",
    "standardized_tensor",
]

BLOCK_NUMBERS = 2**18  # that are float64 at a time: 2 MB, which stay in a cache


@dataclass(frozen=True)
class ColumnStatistics:
    """Statistics of the columns of a table.

    Attributes
    ----------
    mass : float
        Sum of the weights of the rows seen.
    mean, variance : ndarray of shape (d,), float64
        Weighted; the variance is that of the population (divided by `mass`).
    active : bool
        False leaves columns as they are: mean 0, scale 1.
    """

    mass: float
    mean: np.ndarray
    variance: np.ndarray
    active: bool = True

    def __getstate__(self) -> dict:
        # Without what is cached: a pickle does not grow with use.
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def is_constant(self) -> np.ndarray:
        """Columns that have not varied so far; all False where left as they are."""
        # Of the values of a constant column the last digits may differ.
        error = 8 * np.finfo(np.float64).eps * np.abs(self.mean)
        return (np.sqrt(self.variance) <= error) & self.active

    @cached_property
    def scale(self) -> np.ndarray:
        """Standard deviations; 1 for constant columns."""
        if not self.active:
            return np.ones_like(self.mean)
        return np.where(self.is_constant, 1.0, np.sqrt(self.variance))

    @cached_property
    def divisor(self) -> np.ndarray:
        """Scales to divide by; infinite for constant columns.

        A constant column says nothing: whatever its value is in new rows, the network
        gets a zero.
        """
        return np.where(self.is_constant, np.inf, self.scale)

    @cached_property
    def multiplier(self) -> np.ndarray:
        """Scales to multiply by; 0 for constant columns, which are their mean."""
        return np.where(self.is_constant, 0.0, self.scale)

    def standardized(self, rows) -> np.ndarray:
        """Return rows of a table, dense or CSR, in float64: centred, then scaled."""
        rows = rows.toarray() if sparse.issparse(rows) else rows
        rows = rows.astype(np.float64)
        rows -= self.mean
        rows /= self.divisor
        return rows

    def unstandardized(self, outputs: np.ndarray) -> np.ndarray:
        """Return outputs of a network in the units of the columns."""
        return outputs * self.multiplier + self.mean

    def merge(self, other: "ColumnStatistics") -> "ColumnStatistics":
        """Statistics of both tables together (Chan, Golub, LeVeque 1979)."""
        if not self.active:
            return self
        mass = self.mass + other.mass
        share = other.mass / mass
        shift = other.mean - self.mean
        mean = self.mean + share * shift
        variance = (
            (1 - share) * self.variance
            + share * other.variance
            + share * (1 - share) * shift**2
        )
        return ColumnStatistics(mass, mean, variance)


def identity_statistics(n_columns: int) -> ColumnStatistics:
    """Statistics that leave columns as they are."""
    return ColumnStatistics(0.0, np.zeros(n_columns), np.ones(n_columns), active=False)


def column_statistics(
    table, weight: np.ndarray | None, name: str = "X"
) -> ColumnStatistics:
    """Statistics of a dense or sparse table of shape (n, d), in float64.

    Two passes over blocks of rows, so that a column like a timestamp loses nothing and
    no float64 copy of the table is made. Means are summed as differences to the first
    row: the mean of a constant column is that constant, to the last digit.
    """
    n_rows = table.shape[0]
    mass = float(n_rows) if weight is None else float(weight.sum())
    with np.errstate(over="ignore", invalid="ignore"):  # raised below
        if sparse.issparse(table):
            mean, variance = _sparse_moments(table, weight)
        else:
            mean, variance = _dense_moments(table, weight, mass)
    finite = np.isfinite(variance)
    if not finite.all():
        column = int(np.argmin(finite))
        blocks = row_blocks(*table.shape)
        largest = max(abs(table[rows][:, [column]]).max() for rows in blocks)
        if not np.isfinite(largest):
            raise ValueError(non_finite_message(name, f"column {column}"))
        raise ValueError(
            f"the variance of every column of {name} must be finite in float64; column "
            f"{column} has values up to {largest:.3g}. Rescale it, "
            "or take its logarithm."
        )
    return ColumnStatistics(mass, mean, variance)


def non_finite_message(name: str, where: str) -> str:
    """Return what to say of NaN or infinity that no check has met before."""
    return (
        f"{name} must hold finite numbers; got NaN or infinity in {where}, which was "
        "not checked, since scikit-learn's configuration has assume_finite=True. Leave "
        "such rows out, or fill the gaps with SimpleImputer."
    )


def _sparse_moments(table, weight):
    """Means and variances of the columns of a sparse table."""
    weights = None if weight is None else weight.astype(np.float64)
    mean, variance = mean_variance_axis(
        table.astype(np.float64), axis=0, weights=weights
    )
    return mean, np.maximum(variance, 0.0)


def _dense_moments(table, weight, mass):
    """Means and variances of the columns of a dense table, block by block."""
    origin = table[0].astype(np.float64)
    shift = np.zeros(table.shape[1])
    for rows, w in _weighted_blocks(table.shape, weight):
        part = table[rows].astype(np.float64)
        part -= origin
        shift += part.sum(0) / mass if w is None else w @ part / mass
    mean = origin + shift
    variance = np.zeros(table.shape[1])
    for rows, w in _weighted_blocks(table.shape, weight):
        part = table[rows].astype(np.float64)
        part -= mean
        part *= part
        variance += part.sum(0) / mass if w is None else w @ part / mass
    return mean, variance


def row_blocks(n_rows: int, width: int) -> Iterator[slice]:
    """Rows in blocks of a bounded size.

    Parameters
    ----------
    n_rows : int
    width : int
        Numbers that are float64 for each row.
    """
    size = max(1, BLOCK_NUMBERS // width)
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))


def _weighted_blocks(shape: tuple[int, int], weight: np.ndarray | None):
    for rows in row_blocks(*shape):
        yield rows, None if weight is None else weight[rows]


def standardized_tensor(
    table: np.ndarray,
    columns: ColumnStatistics,
    dtype: torch.dtype,
    device: torch.device,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Table as a tensor, each column centred and scaled in float64 before the cast."""
    if out is None:
        out = torch.empty(table.shape, dtype=dtype, device=device)
    for rows in row_blocks(*table.shape):
        out[rows] = torch.from_numpy(columns.standardized(table[rows]))
    return out


def fit_statistics(
    table: Samples, standardize: bool | str, *, regression: bool
) -> tuple[ColumnStatistics, ColumnStatistics]:
    """Statistics of inputs and targets, as `standardize` asks for them."""
    n_outputs = table.y.shape[1]
    x, y = identity_statistics(table.X.shape[1]), identity_statistics(n_outputs)
    if standardize in (True, "X"):
        x = column_statistics(table.X, table.weight)
    if standardize in (True, "y") and regression:
        y = column_statistics(table.y, table.weight, "y")
    return x, y


def as_target(
    y: np.ndarray, columns: ColumnStatistics, dtype: torch.dtype, device: torch.device
) -> torch.Tensor:
    """Targets the engine learns: standardised numbers, or class indices."""
    if y.dtype.kind == "i":
        return torch.from_numpy(y).to(device)
    return standardized_tensor(y, columns, dtype, device)
