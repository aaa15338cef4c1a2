"""Sources of rows: dense tensors, or sparse rows made dense block by block."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

__all__ = [
    "DenseRows",
    "Rows",
    "SparseRows",
    "StackedRows",
    "gather_rows",
    "rows_of_runs",
]


class Rows(Protocol):
    """The interface of a source of rows."""

    n_rows: int
    n_columns: int

    def take(self, index: Tensor, out: Tensor) -> None:
        """Write the rows `index` (m,) into `out` (m, n_columns)."""


class DenseRows:
    """Rows of a tensor, (n, d), on the device of the training."""

    def __init__(self, values: Tensor) -> None:
        self.values = values
        self.n_rows, self.n_columns = values.shape

    def take(self, index: Tensor, out: Tensor) -> None:
        gather_rows(self.values, index, out)


class SparseRows:
    """Rows of a SciPy CSR matrix, made dense and standardised block by block.

    Parameters
    ----------
    matrix : scipy.sparse CSR of shape (n, d)
    standardized : callable
        Makes some of its rows a dense ndarray, centred and scaled.
    n_columns : int, optional
        Of that array, if not d.
    scales : tuple of three ndarray of shape (d,), optional
        Where that is all that `standardized` does: the means and divisors of columns,
        and what stands for a missing value.
    """

    def __init__(
        self,
        matrix: Any,
        standardized: Callable[[Any], Any],
        n_columns: int | None = None,
        scales: tuple[Any, Any, Any] | None = None,
    ) -> None:
        self.matrix, self.standardized, self.scales = matrix, standardized, scales
        self.n_rows, width = matrix.shape
        self.n_columns = width if n_columns is None else n_columns

    def take(self, index: Tensor, out: Tensor) -> None:
        rows = self.matrix[index.cpu().numpy()]
        out.copy_(torch.from_numpy(self.standardized(rows)))


class StackedRows:
    """Several tables, stacked row-wise.

    Parameters
    ----------
    parts : sequence of Rows, of equally many columns
    """

    def __init__(self, parts: Sequence[Rows]) -> None:
        self.parts = parts
        starts = itertools.accumulate((p.n_rows for p in parts), initial=0)
        self.starts = torch.tensor(list(starts), device="cpu")
        self.n_rows, self.n_columns = int(self.starts[-1]), parts[0].n_columns

    def part_of(self, row: int) -> int:
        """Return the table that a row is from."""
        return int(torch.searchsorted(self.starts, row, right=True)) - 1

    def by_part(self, index: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Yield the number of each table, and which of the rows are from it."""
        home = torch.searchsorted(self.starts, index.cpu(), right=True) - 1
        for number in home.unique().tolist():
            yield number, (home == number).to(index.device)

    def take(self, index: Tensor, out: Tensor) -> None:
        for number, own in self.by_part(index):
            rows = out.new_empty(int(own.sum()), self.n_columns)
            self.parts[number].take(index[own] - self.starts[number], rows)
            out[own] = rows


def gather_rows(values: Tensor, index: Tensor, out: Tensor) -> None:
    """Write the rows `index` of a matrix into `out`."""
    if values.shape[1] == 1:  # a vector is gathered four times as fast
        values, out = values[:, 0], out[:, 0]
    torch.index_select(values, 0, index, out=out)


def rows_of_runs(weight: Tensor | None, n_rows: int, n_runs: int) -> list[Tensor]:
    """Return the rows of non-zero weight of each run: K index tensors on the CPU."""
    if weight is None:
        return [torch.arange(n_rows, device="cpu")] * n_runs
    return [row.nonzero()[:, 0] for row in weight.cpu()]
