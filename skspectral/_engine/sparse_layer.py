"""A first layer for sparse rows, none of which is made dense.

Of a row only the columns that are not 0 are read. What columns of 0 add to a node,
since they are centred, is the same for all rows. The gradient is computed likewise.
"""

from typing import Any

import torch
from scipy import sparse
from torch import Tensor

from skspectral._engine.flat_parameters import FlatParameters
from skspectral._engine.layers import Layer
from skspectral._engine.lookup_layer import sums
from skspectral._engine.rows import SparseRows

__all__ = ["SparseLookups", "sparse_lookups_pay"]

LARGEST_SHIFT = 100  # of a column, in its deviations: beyond, float32 loses digits
SMALLEST = 2**17  # weights of a layer; several networks of fewer share their products


class SparseMinibatch:
    """A minibatch as the layer reads it; filled anew for each one.

    Forward rows are bags of columns, backward columns are bags of rows.
    """

    def fill(self, matrix: Any) -> None:
        """Take rows, CSR."""
        self.column, self.starts, self.share = _bags(matrix)
        self.back_row, self.back_starts, self.back_share = _bags(matrix.tocsc())


class SparseLookups:
    """The first layer of one network on sparse rows, and its minibatches.

    Parameters
    ----------
    rows : SparseRows
        Whose columns are centred and scaled.
    first : int
        The number of their first row, among those of other tables.
    like : Tensor
    """

    def __init__(self, rows: SparseRows, first: int, like: Tensor) -> None:
        assert rows.scales is not None
        matrix = rows.matrix
        mean, divisor, fill = (_copied(own) for own in rows.scales)
        column = torch.from_numpy(matrix.indices.astype("int64"))
        values = _copied(matrix.data)
        values = torch.where(values.isnan(), fill[column], values) / divisor[column]
        self.scaled = sparse.csr_array(
            (values.to(like.dtype).numpy(), matrix.indices, matrix.indptr),
            shape=matrix.shape,
        )
        self.first = first
        self.shift = (-mean / divisor).to(like)[None]
        self.n_columns = 4 * (1 + matrix.nnz // len(matrix.indptr))

    def layer(
        self, parameters: FlatParameters, gradient: Tensor, *, bare: bool
    ) -> "SparseLayer":
        return SparseLayer(parameters, gradient, self.shift, bare=bare)

    def block(
        self, streams: list[int], n_batches: int, batch_size: int
    ) -> "SparseBlock":
        return SparseBlock(self, n_batches, batch_size)


def sparse_lookups_pay(rows: SparseRows, batch_size: int, width: int) -> bool:
    """Whether it takes less time than products with rows that are made dense."""
    if rows.scales is None or rows.n_columns * width < SMALLEST:
        return False
    mean, divisor, _ = rows.scales
    if abs(mean / divisor).max() > LARGEST_SHIFT:
        return False  # such columns have to be centred before they are multiplied
    n_rows, n_columns = rows.matrix.shape
    n_read = rows.matrix.nnz / n_rows
    products = batch_size * n_columns * (200 + width)
    lookups = batch_size * n_read * (190 + 2.4 * width) + 9 * n_columns * width
    return lookups < products


class SparseBlock:
    """Consecutive minibatches of sparse rows.

    Parameters
    ----------
    source : SparseLookups
    n_batches, batch_size : int
    """

    def __init__(self, source: SparseLookups, n_batches: int, batch_size: int) -> None:
        self.source, self.batch_size = source, batch_size
        self.batches = [SparseMinibatch() for _ in range(n_batches)]

    def fill(self, rows: Tensor) -> None:
        """Take rows, ordered by minibatch."""
        # What fills up the last minibatch is of no weight: any row will do.
        parts = (rows - self.source.first).clamp_min(0).split(self.batch_size)
        for own, batch in zip(parts, self.batches, strict=False):
            batch.fill(self.source.scaled[own.numpy()])

    def batch(self, number: int) -> SparseMinibatch:
        return self.batches[number]


def _copied(values: Any) -> Tensor:
    """Return a copy, as arrays in shared memory may be read-only."""
    return torch.tensor(values, dtype=torch.float64, device="cpu")


def _bags(matrix: Any) -> tuple[Tensor, Tensor, Tensor]:
    index, ends = (
        torch.from_numpy(own.astype("int32", copy=False))
        for own in (matrix.indices, matrix.indptr)
    )
    return index, ends[:-1], torch.from_numpy(matrix.data)


class SparseLayer(Layer):
    """A first layer that reads the columns of a row that are not 0.

    Parameters
    ----------
    parameters : FlatParameters of one network
    gradient : Tensor
    shift : Tensor of shape (1, n_in)
        What the other columns are, centred and scaled.
    """

    def __init__(
        self,
        parameters: FlatParameters,
        gradient: Tensor,
        shift: Tensor,
        *,
        bare: bool = False,
    ) -> None:
        super().__init__(parameters, gradient, 0, bare=bare)
        self.shift = shift
        self.is_shifted = bool(shift.count_nonzero())
        self.constant = self.phi.new_zeros(1, self.phi.shape[1])
        self.total = torch.empty_like(self.constant)  # of the gradient over rows

    def affine(self, x: SparseMinibatch, out: Tensor, members: None) -> None:
        """Write the pre-activations of the layer for the rows of a minibatch."""
        constant = self.constant if self.bias is None else self.bias
        if self.is_shifted:
            constant = torch.addmm(constant, self.shift, self.weight)
        torch.add(constant, sums(self.weight, x.column, x.starts, x.share), out=out)

    def _weight_gradient(
        self, x: SparseMinibatch, d: Tensor, ones: Tensor, product: Tensor
    ) -> None:
        found = sums(d, x.back_row, x.back_starts, x.back_share)
        if not self.is_shifted:
            product.copy_(found)
            return
        total = self.g_bias
        if total is None:
            total = torch.mm(ones, d, out=self.total)
        torch.addmm(found, self.shift.mT, total, out=product)
