"""Minibatches of K runs: each run permutes and draws its own rows."""

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from skspectral._rows import Rows
from skspectral._runs import Schedule
from skspectral._step import Batch, Step

__all__ = ["Block", "Minibatches", "count_batches"]

BLOCK_BYTES = {"cpu": 2**19, "cuda": 2**28}  # rows gathered at once: half an L2 cache


def count_batches(n_rows: int, batch_size: int) -> int:
    """Minibatches of an epoch."""
    return max(1, math.ceil(n_rows / batch_size))


class Block(NamedTuple):
    """Some minibatches in a row, and the buffers they lie in."""

    batches: list[Batch]
    output: Tensor  # (*K, rows, o)
    y: Tensor  # (*K, rows, o)
    row_factor: Tensor  # (*K, rows)


class Minibatches:
    """Supply of minibatches to a step.

    Rows are gathered in blocks of many minibatches, which is cheaper than one by one
    and needs no permuted copy of the table.

    Parameters
    ----------
    step : Step
    rows : Rows
    target : Tensor of shape (n, o)
    index : list of K index tensors
        The rows of each run. All runs must have equally many minibatches.
    weight : Tensor of shape (K, n), on the CPU, or None
    schedule : Schedule
    generators : list of K torch.Generator
    n_outputs : int
    factor : float
        Of the row weights, see Loss.
    """

    def __init__(
        self,
        step: Step,
        rows: Rows,
        target: Tensor,
        index: list[Tensor],
        weight: Tensor | None,
        schedule: Schedule,
        generators: list[torch.Generator],
        n_outputs: int,
        factor: float,
    ) -> None:
        self.rows, self.target, self.index = rows, target, index
        self.shuffle, self.generators = schedule.shuffle, generators
        self.n_batches = count_batches(len(index[0]), schedule.batch_size)
        # An epoch is cut into equal minibatches, so that none is a noisy remainder.
        self.sizes = [math.ceil(len(i) / self.n_batches) for i in index]
        self.batch_size = max(self.sizes)
        self.weight, self.factor = weight, factor
        self.mean_weight = None
        if weight is not None:
            pairs = zip(weight, index, strict=True)
            self.mean_weight = torch.stack([w[i].double().mean() for w, i in pairs])

        like = step.gradient
        self.device, self.dtype = like.device, like.dtype
        n_runs = len(index)
        self.axis = () if step.single else (n_runs,)
        kind = "cpu" if self.device.type == "cpu" else "cuda"
        batch_bytes = n_runs * self.batch_size * rows.n_columns * like.element_size()
        self.per_block = min(
            max(1, BLOCK_BYTES[kind] // max(1, batch_bytes)), self.n_batches
        )
        n_rows = self.per_block * self.batch_size
        self.x = like.new_empty(*self.axis, n_rows, rows.n_columns)
        self.y = target.new_empty(*self.axis, n_rows, target.shape[1])
        self.w = like.new_empty(*self.axis, n_rows, 1)
        self.output = like.new_empty(*self.axis, n_rows, n_outputs)
        self.ones = like.new_ones(*self.axis, 1, self.batch_size)
        self.work = step.buffers(self.batch_size)
        self._views: dict[tuple[int, int], Batch] = {}
        self._w_key: tuple[int, bool] | None = None

    def epoch(self) -> Iterator[Block]:
        """Permute the rows of each run and go through them once."""
        orders = []
        for generator, rows in zip(self.generators, self.index, strict=True):
            if self.shuffle:
                rows = rows[torch.randperm(len(rows), generator=generator)]
            orders.append(rows)
        if len(orders) == 1:
            order = orders[0][None]
        else:
            pairs = zip(orders, self.sizes, strict=True)
            order = torch.stack([self._padded(o, size) for o, size in pairs])
        for first in range(0, self.n_batches, self.per_block):
            last = min(first + self.per_block, self.n_batches)
            rows = order[:, first * self.batch_size : last * self.batch_size]
            yield self._fill(rows, last == self.n_batches)

    def _padded(self, order: Tensor, size: int) -> Tensor:
        """Rows of one run, its minibatches filled up to the common size.

        -1 stands for no row: it will weigh nothing.
        """
        out = order.new_full((self.n_batches, self.batch_size), -1)
        whole = len(order) // size
        out[:whole, :size] = order[: whole * size].view(whole, size)
        if whole < self.n_batches:
            out[whole, : len(order) - whole * size] = order[whole * size :]
        return out.flatten()

    def _fill(self, index: Tensor, at_end: bool) -> Block:  # (K, rows)
        n_rows = index.shape[1]
        cuts = [*range(0, n_rows, self.batch_size), n_rows]
        x, y, w = (t[..., :n_rows, :] for t in (self.x, self.y, self.w))
        on_device = index.clamp_min(0).to(self.device)
        if n_rows == self.x.shape[-2]:  # the whole buffer: all runs in one go
            rows = on_device.flatten()
            self.rows.take(rows, self.x.view(len(rows), -1))
            torch.index_select(self.target, 0, rows, out=self.y.view(len(rows), -1))
        else:
            runs = [(x, y)] if not self.axis else zip(x, y, strict=True)
            for rows, (x_run, y_run) in zip(on_device, runs, strict=True):
                self.rows.take(rows, x_run)
                torch.index_select(self.target, 0, rows, out=y_run)
        # Without weights the factors depend on how many rows are there, and only at the
        # end of an epoch may rows be missing.
        if self.weight is not None or self._w_key != (n_rows, at_end):
            self._w_key = (n_rows, at_end)
            w.copy_(self._row_factor(index, cuts).view(*self.axis, n_rows, 1))
        batches = [self._view(a, b) for a, b in itertools.pairwise(cuts)]
        return Block(batches, self.output[..., :n_rows, :], y, w[..., 0])

    def _row_factor(self, index: Tensor, cuts: list[int]) -> Tensor:
        """Factor w_i / (b mean w), (K, rows); b: rows of this run in the minibatch."""
        present = index >= 0
        w = present.to(self.dtype) * self.factor
        if self.weight is not None and self.mean_weight is not None:
            w *= self.weight.gather(1, index.clamp_min(0))
            w /= self.mean_weight[:, None]
        for a, b in itertools.pairwise(cuts):
            w[:, a:b] /= present[:, a:b].sum(1, keepdim=True)
        return w

    def _view(self, start: int, stop: int) -> Batch:
        """Views of one minibatch of the block, made once."""
        batch = self._views.get((start, stop))
        if batch is None:
            n = stop - start
            z, a, d = (tuple(t[..., :n, :] for t in work) for work in self.work)
            tensors = (self.x, self.y, self.w, self.output)
            x, y, w, output = (t[..., start:stop, :] for t in tensors)
            batch = Batch(x, y, w, self.ones[..., :n], output, z, a, d)
            self._views[start, stop] = batch
        return batch
