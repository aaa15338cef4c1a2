"""Weighted means and scales of columns, in float64, mergeable over chunks."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import torch
from scipy import sparse
from sklearn.utils.sparsefuncs import mean_variance_axis

__all__ = [
    "BLOCK_NUMBERS",
    "ColumnStatistics",
    "column_means",
    "column_statistics",
    "identity_statistics",
    "non_finite_message",
    "row_blocks",
    "standardized_tensor",
    "weighted_quantiles",
]

BLOCK_NUMBERS = 2**18  # that are float64 at a time: 2 MB, which stay in a cache


@dataclass(frozen=True)
class ColumnStatistics:
    """Statistics of the columns of a table.

    Attributes
    ----------
    n_rows : float
        Rows seen. Tables are merged by it, whatever their rows weigh: weights compare
        the rows of one table, in statistics as in gradients.
    mean, variance : ndarray of shape (d,), float64
        Weighted, over the rows that have a value; the variance is that of the
        population.
    active : bool or ndarray of shape (d,), bool
        False leaves columns as they are: mean 0, scale 1.
    power, strength : float or ndarray of shape (d,)
        A column is divided by its standard deviation to the `power`, and multiplied by
        the `strength`.
    """

    n_rows: float
    mean: np.ndarray
    variance: np.ndarray
    active: bool | np.ndarray = True
    power: float | np.ndarray = 1.0
    strength: float | np.ndarray = 1.0

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
        """Scales to divide by: standard deviations, as a rule; 1 for constant ones."""
        deviation = np.where(self.is_constant, 1.0, np.sqrt(self.variance))
        scale = deviation**self.power / self.strength
        return np.where(self.active, scale, 1.0)

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
        if not np.any(self.active):
            return self
        n_rows = self.n_rows + other.n_rows
        share = other.n_rows / n_rows
        shift = other.mean - self.mean
        mean = self.mean + share * shift
        variance = (
            (1 - share) * self.variance
            + share * other.variance
            + share * (1 - share) * shift**2
        )
        mean = np.where(self.active, mean, self.mean)
        variance = np.where(self.active, variance, self.variance)
        return dataclasses.replace(self, n_rows=n_rows, mean=mean, variance=variance)


def identity_statistics(n_columns: int) -> ColumnStatistics:
    """Statistics that leave columns as they are."""
    return ColumnStatistics(0.0, np.zeros(n_columns), np.ones(n_columns), active=False)


def column_statistics(
    table,
    weight: np.ndarray | None,
    name: str = "X",
    places: Sequence[int] | None = None,
) -> ColumnStatistics:
    """Statistics of a dense or sparse table of shape (n, d), in float64.

    Two passes over blocks of rows, so that a column like a timestamp loses nothing and
    no float64 copy of the table is made. Means are summed as differences to the first
    row: the mean of a constant column is that constant, to the last digit. NaN is a
    missing value and left out; a column without any value has mean 0. Errors name the
    columns by `places`, if given.
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
        largest = _largest(table, column)
        column = column if places is None else places[column]
        if not np.isfinite(largest):
            raise ValueError(non_finite_message(name, f"column {column}"))
        raise ValueError(
            f"the variance of every column of {name} must be finite in float64; column "
            f"{column} has values up to {largest:.3g}. Rescale it, "
            "or take its logarithm."
        )
    return ColumnStatistics(float(n_rows), mean, variance)


def _largest(table, column: int) -> float:
    """Largest absolute value of a column, without its gaps."""
    largest = 0.0
    for rows in row_blocks(*table.shape):
        part = table[rows][:, [column]]
        part = part.data if sparse.issparse(part) else part
        largest = max(largest, float(np.nanmax(np.abs(part), initial=0.0)))
    return largest


def column_means(table, weight: np.ndarray | None) -> np.ndarray:
    """Means of the columns of a table without gaps; 0 where one overflows."""
    weight = np.ones(table.shape[0]) if weight is None else weight
    with np.errstate(over="ignore", invalid="ignore"):
        if sparse.issparse(table):
            mean = table.T @ (weight / weight.sum())
        else:
            mean = _mean_of_blocks(table, weight, weight.sum(), lambda part: part)
    return np.where(np.isfinite(mean), mean, 0.0)


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
    if np.isnan(table.data).any():  # columns without any value
        mean, variance = np.nan_to_num(mean), np.nan_to_num(variance)
    return mean, np.maximum(variance, 0.0)


def _dense_moments(table, weight, mass):
    """Means and variances of the columns of a dense table, block by block."""
    origin = np.nan_to_num(table[0].astype(np.float64), posinf=np.inf, neginf=-np.inf)
    mean = _mean_of_blocks(table, weight, mass, lambda part: part - origin)
    missing = np.isnan(mean).any()
    if missing:
        seen = _mean_of_blocks(table, weight, 1.0, lambda part: ~np.isnan(part))
        mass = np.where(seen > 0, seen, 1.0)
        mean = _mean_of_blocks(table, weight, mass, lambda part: _zeroed(part - origin))
    mean = origin + mean

    def squares(part):
        part -= mean
        part *= part
        return _zeroed(part) if missing else part

    variance = _mean_of_blocks(table, weight, mass, squares)
    return mean, np.where(np.isfinite(mean), variance, np.nan)


def _zeroed(values: np.ndarray) -> np.ndarray:
    """Return values with zeros instead of NaN, in place."""
    values[np.isnan(values)] = 0.0
    return values


def _mean_of_blocks(table, weight, mass, of):
    """Weighted sum, divided by `mass`, of what `of` makes of float64 blocks of rows."""
    mean = np.zeros(table.shape[1])
    for rows in row_blocks(*table.shape):
        part = of(table[rows].astype(np.float64))
        mean += (part.sum(0) if weight is None else weight[rows] @ part) / mass
    return mean


def row_blocks(n_rows: int, width: int) -> Iterator[slice]:
    """Rows in blocks of a bounded size.

    Parameters
    ----------
    n_rows : int
    width : int
        Numbers that are float64 for each row.
    """
    size = max(1, BLOCK_NUMBERS // max(1, width))
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))


def standardized_tensor(
    table: np.ndarray,
    columns: ColumnStatistics,
    dtype: torch.dtype,
    device: torch.device,
) -> torch.Tensor:
    """Table as a tensor, each column centred and scaled in float64 before the cast."""
    out = torch.empty(table.shape, dtype=dtype, device=device)
    for rows in row_blocks(*table.shape):
        out[rows] = torch.from_numpy(columns.standardized(table[rows]))
    return out


def weighted_quantiles(
    values: np.ndarray, weight: np.ndarray | None, levels: Sequence[float]
) -> np.ndarray:
    """Quantiles (n_levels, d) of the columns of an array (n, d), without gaps.

    The average of the inverse of the distribution function and of its limit from the
    right (type 2 of R. Hyndman, Y. Fan, "Sample quantiles in statistical packages", Am.
    Stat. 50, 1996), so that a weight of 2 is a row that is there twice.
    """
    weight = np.ones(len(values)) if weight is None else weight
    order = np.argsort(values, axis=0, kind="stable")
    mass = np.cumsum(weight[order], axis=0)
    out = np.empty((len(levels), values.shape[1]))
    for c in range(values.shape[1]):
        own, total = values[order[:, c], c], mass[-1, c]
        wanted = np.asarray(levels) * total
        slack = 1e-12 * total
        low = np.searchsorted(mass[:, c], wanted - slack)
        high = np.searchsorted(mass[:, c], wanted + slack, side="right")
        ends = own[np.minimum(low, len(own) - 1)], own[np.minimum(high, len(own) - 1)]
        out[:, c] = ends[0] / 2 + ends[1] / 2
    return out
