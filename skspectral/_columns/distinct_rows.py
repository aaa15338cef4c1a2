"""How many different rows a stream has shown, from a sketch of fixed size."""

import numpy as np
from scipy import sparse

from skspectral._columns.statistics import row_blocks

__all__ = ["DistinctRows"]

N_KEPT = 1024  # hashes: 8 kB. The estimate has a standard error of 1 / sqrt(1024), 3 %


class DistinctRows:
    """Count of the different rows of tables that come one after another.

    Keeps the smallest hashes of the rows. While they are fewer than 1,024 the count is
    exact; beyond, it is estimated from the largest hash that is kept [1]_.

    References
    ----------
    .. [1] Z. Bar-Yossef et al., "Counting distinct elements in a data stream", RANDOM
       2002.
    """

    def __init__(self) -> None:
        self.smallest = np.zeros(0, dtype=np.uint64)

    def add(self, X, y: np.ndarray) -> None:
        """Note the rows of a dense or CSR table, with their targets (n, o)."""
        for rows in row_blocks(*X.shape):
            hashes = _mix(_hash(X[rows]) + np.uint64(3) * _hash(y[rows]))
            both = np.union1d(self.smallest, hashes)
            self.smallest = both[:N_KEPT]

    @property
    def count(self) -> float:
        """Different rows so far."""
        if len(self.smallest) < N_KEPT:
            return float(len(self.smallest))
        return (N_KEPT - 1) / (float(self.smallest[-1]) / 2.0**64)


def _hash(rows) -> np.ndarray:
    """One 64-bit number per row: a sum over its columns, modulo 2^64."""
    factors = _mix(np.arange(1, rows.shape[1] + 1, dtype=np.uint64)) | np.uint64(1)
    if not sparse.issparse(rows):
        return (_bits(rows) * factors).sum(1, dtype=np.uint64)
    values = _bits(rows.data) * factors[rows.indices]
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(values, dtype=np.uint64)])
    return sums[rows.indptr[1:]] - sums[rows.indptr[:-1]]


def _bits(values: np.ndarray) -> np.ndarray:
    # Adding 0.0 makes -0.0 the same number as 0.0.
    numbers = np.ascontiguousarray(values, dtype=np.float64) + 0.0
    return _mix(numbers.view(np.uint64))


def _mix(x: np.ndarray) -> np.ndarray:
    """The finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
