"""A first layer that looks its pre-activations up, and its minibatches.

Forward each row of a minibatch is a bag of entries of a table, which are summed.
Backward each entry is a bag of rows: the gradient at it is their sum.
"""

from typing import NamedTuple

import torch
from scipy import sparse
from torch import Tensor

from skspectral._engine.flat_parameters import FlatParameters
from skspectral._engine.layers import Layer
from skspectral._engine.lookup import EntryRows, Lookup

__all__ = ["EncodedLookups", "LookedUpRows", "LookupBlock", "LookupLayer", "sums"]


class LookedUpRows(NamedTuple):
    """A minibatch as the layer reads it: numbers (*K, b, n_numbers), and bags."""

    numbers: Tensor
    entry: Tensor
    starts: Tensor
    share: Tensor
    back_row: Tensor
    back_starts: Tensor
    back_share: Tensor


class EncodedLookups:
    """The first layer of networks with encoded columns, and its minibatches.

    Parameters
    ----------
    rows : EntryRows
    """

    def __init__(self, rows: EntryRows) -> None:
        self.rows, self.n_columns = rows, rows.n_columns

    def layer(
        self, parameters: FlatParameters, gradient: Tensor, *, bare: bool
    ) -> "LookupLayer":
        return LookupLayer(parameters, gradient, self.rows.lookup, bare=bare)

    def block(
        self, streams: list[int], n_batches: int, batch_size: int
    ) -> "LookupBlock":
        return LookupBlock(self.rows, streams, n_batches, batch_size)


class LookupBlock:
    """Buffers of consecutive minibatches.

    Parameters
    ----------
    rows : EntryRows
    streams : list of K ints
        The stream of rows of each network.
    n_batches, batch_size : int
    """

    def __init__(
        self, rows: EntryRows, streams: list[int], n_batches: int, batch_size: int
    ) -> None:
        self.rows, self.batch_size = rows, batch_size
        self.n_runs, self.n_streams = len(streams), max(streams) + 1
        self.of_run = torch.tensor(streams, device="cpu")
        n_entries, per_row = rows.lookup.n_entries, rows.lookup.per_row
        per_batch, n = batch_size * per_row, n_batches * self.n_streams
        shape = n_batches, self.n_streams, batch_size
        self.drawn = rows.empty(n * batch_size)
        self.parts = rows.views(self.drawn)
        numbers, index, share = (own.unflatten(0, shape) for own in self.parts)
        index, share = index.clone(), share.clone()
        starts = index.new_empty(*shape[:2], n_entries)
        # Of the streams: what is looked up, forward and backward.
        back = torch.empty_like(index), starts, torch.empty_like(share)
        self.of_streams = [numbers, index, share, *back]
        self.of_runs = self.of_streams
        if self.n_runs > 1:
            self.of_runs = [
                own.new_empty(n_batches, self.n_runs, *own.shape[2:])
                for own in self.of_streams
            ]
        self.starts = _steps(self.n_runs * batch_size, per_row)
        # Where the minibatches of streams begin, in a block of them.
        self.first_entry, self.first_row, self.first_bag = (
            _steps(n, step).view(n_batches, -1, 1)
            for step in (n_entries, batch_size, per_batch)
        )
        self.all_starts = _steps(n * batch_size + 1, per_row).numpy()
        run = _steps(self.n_runs, 1)[:, None]
        # Each run has its own part of the table, and its own rows.
        entry, row = ((run * step)[..., None] for step in (n_entries, batch_size))
        self.shifts = [None, entry, None, row, run * per_batch, None]

    def fill(self, rows: Tensor) -> None:
        """Take rows (m * streams * b,), ordered by minibatch, then stream."""
        self.rows.take(rows, self.drawn[: len(rows)])
        m = len(rows) // (self.n_streams * self.batch_size)
        _, index, share, back, starts, back_share = (own[:m] for own in self.of_streams)
        for out, own in zip((index, share), self.parts[1:], strict=True):
            out.copy_(own[: len(rows)].view(out.shape))
        entries = index.flatten(2) + self.first_entry[:m]
        # The transposed matrix of all these minibatches has the rows of each entry.
        matrix = sparse.csr_array(
            (
                share.view(-1).numpy(),
                entries.view(-1).numpy(),
                self.all_starts[: len(rows) + 1],
            ),
            shape=(len(rows), starts.numel()),
        ).tocsc()
        ends, indices, data = map(
            torch.from_numpy, (matrix.indptr, matrix.indices, matrix.data)
        )
        torch.sub(ends[:-1].view_as(starts), self.first_bag[:m], out=starts)
        own = back.flatten(2)
        torch.sub(indices.view_as(own), self.first_row[:m], out=own)
        back_share.copy_(data.view_as(back_share))
        if self.n_runs > 1:
            self._give_to_runs(m)

    def _give_to_runs(self, m: int) -> None:
        for own, out, shift in zip(
            self.of_streams, self.of_runs, self.shifts, strict=True
        ):
            torch.index_select(own[:m], 1, self.of_run, out=out[:m])
            if shift is not None:
                out[:m] += shift

    def batch(self, number: int) -> LookedUpRows:
        """Return views of one minibatch."""
        numbers, index, share, *back = (own[number] for own in self.of_runs)
        if self.n_runs == 1:
            numbers = numbers[0]
        bags = index, self.starts, share, *back
        return LookedUpRows(numbers, *(own.view(-1) for own in bags))


def _steps(n: int, step: int) -> Tensor:
    return torch.arange(0, n * step, step, dtype=torch.int32, device="cpu")


class LookupLayer(Layer):
    """A first layer whose products with ramps and dummies are lookups."""

    def __init__(
        self,
        parameters: FlatParameters,
        gradient: Tensor,
        lookup: Lookup,
        *,
        bare: bool = False,
    ) -> None:
        super().__init__(parameters, gradient, 0, bare=bare)
        self.lookup = lookup
        *axis, _, width = self.phi.shape
        self.table = self.phi.new_zeros(*axis, lookup.n_entries, width)
        self.flat = self.table.view(-1, width)
        self.knots, self.dummies, _ = self.table.split(lookup.parts, -2)
        layout = lookup.layout
        kinds = [layout.n_numbers, sum(layout.n_ramps), sum(layout.n_dummies)]
        self.of_numbers, self.of_ramps, self.of_dummies = self.weight.split(kinds, -2)
        self.of_encoded = self.weight[..., layout.n_numbers :, :]
        if self.product is not None:
            self.g_numbers, self.g_ramps, self.g_dummies = self.product.split(kinds, -2)
            self.g_encoded = self.product[..., layout.n_numbers :, :]
        self.constant = self.phi.new_empty(*axis, 1, width)
        self.total = torch.empty_like(self.constant)  # of the gradient over rows
        # By group: the weights of its columns, padded, the sums, and their gradients.
        self.after = torch.empty_like(self.knots)
        self.columns = []
        for group in lookup.groups:
            padded = self.phi.new_empty(*axis, len(group.ramps), width)
            knots, after = (
                own[..., group.entries, :] for own in (self.knots, self.after)
            )
            self.columns.append((group, padded, knots, after))

    def affine(self, x: LookedUpRows, out: Tensor, members: None) -> None:
        """Write the pre-activations of the layer for the rows of a minibatch."""
        lookup = self.lookup
        for group, padded, knots, _ in self.columns:
            torch.index_select(self.of_ramps, -2, group.ramps, out=padded)
            _products(group.sums, padded, knots)
        if lookup.parts[1]:
            self.dummies.copy_(self.of_dummies)
        if self.bias is None:
            self.matmul(lookup.shift, self.of_encoded, out=self.constant)
        else:
            self.addmm(self.bias, lookup.shift, self.of_encoded, out=self.constant)
        self.addmm(self.constant, x.numbers, self.of_numbers, out=out)
        out.add_(sums(self.flat, x.entry, x.starts, x.share).view(out.shape))

    def _weight_gradient(
        self, x: LookedUpRows, d: Tensor, ones: Tensor, product: Tensor
    ) -> None:
        lookup = self.lookup
        total = self.g_bias
        if total is None:
            total = self.matmul(ones, d, out=self.total)
        rows = d.view(-1, d.shape[-1])
        bags = sums(rows, x.back_row, x.back_starts, x.back_share)
        bags = bags.view(self.table.shape)
        # A weight adds to the sums at its own knot and at those after.
        for group, _, _, after in self.columns:
            _products(group.sums.mT, bags[..., group.entries, :], after)
        torch.index_select(self.after, -2, lookup.knot_of_ramp, out=self.g_ramps)
        if lookup.parts[1]:
            self.g_dummies.copy_(bags[..., lookup.parts[0] : -1, :])
        self.addmm(self.g_encoded, lookup.shift.mT, total, out=self.g_encoded)
        self.matmul(x.numbers.mT, d, out=self.g_numbers)


def _products(by_column: Tensor, rows: Tensor, out: Tensor) -> None:
    """Multiply the rows of each column, (*K, n_columns * length, n), by a matrix."""
    length, width = by_column.shape[-1], rows.shape[-1]
    if out.ndim == 2:
        rows, out = (own.view(-1, length, width) for own in (rows, out))
        torch.bmm(by_column, rows, out=out)
        return
    rows = rows.reshape(-1, length, width)
    out.copy_(torch.bmm(by_column, rows).view(out.shape))


def sums(table: Tensor, index: Tensor, starts: Tensor, share: Tensor) -> Tensor:
    """Sums over bags of rows of a table."""
    found, *_ = torch.embedding_bag(table, index, starts, per_sample_weights=share)
    return found
