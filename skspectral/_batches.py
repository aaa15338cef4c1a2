"""Minibatches of K runs: each run permutes and draws its own rows."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from skspectral._rows import Rows, take_rows
from skspectral._runs import Schedule
from skspectral._step import Batch, Step

__all__ = ["Block", "Minibatches", "count_batches"]

BLOCK_BYTES = {"cpu": 2**19, "cuda": 2**28}  # rows gathered at once: half an L2 cache


def count_batches(n_rows: int, batch_size: int) -> int:
    """Minibatches of an epoch."""
    return max(1, math.ceil(n_rows / batch_size))


class Block(NamedTuple):
    """Some minibatches in a row, and the buffers they lie in.

    The rows of K networks lie minibatch by minibatch, (m, K, b), those of a single one
    simply follow each other, (rows,).
    """

    batches: list[Batch]
    output: Tensor  # (m, K, b, o) or (rows, o)
    y: Tensor
    row_factor: Tensor  # (m, K, b, 1) or (rows, 1)


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
        Runs of equally many rows may share one.
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
        self.step, self.rows, self.target, self.index = step, rows, target, index
        self.shuffle = schedule.shuffle
        self.weight, self.factor = weight, factor
        self.n_batches = count_batches(len(index[0]), schedule.batch_size)
        # An epoch is cut into equal minibatches, so that none is a noisy remainder.
        self.sizes = [math.ceil(len(i) / self.n_batches) for i in index]
        self.batch_size = max(self.sizes)
        self.single = step.single
        like = step.gradient
        self.device = like.device
        n_runs = len(index)
        kind = "cpu" if self.device.type == "cpu" else "cuda"
        batch_bytes = n_runs * self.batch_size * rows.n_columns * like.element_size()
        self.per_block = min(
            max(1, BLOCK_BYTES[kind] // max(1, batch_bytes)), self.n_batches
        )
        n_rows = self.per_block * n_runs * self.batch_size
        self.x = like.new_empty(n_rows, rows.n_columns)
        self.y = target.new_empty(n_rows, target.shape[1])
        self.w = like.new_empty(n_rows, 1)
        self.output = like.new_empty(n_rows, n_outputs)
        axis = () if self.single else (n_runs,)
        self.ones = like.new_ones(*axis, 1, self.batch_size)
        self.work = step.buffers(self.batch_size)
        self._views: dict[tuple[int, int], Batch] = {}
        # Rows of an epoch, (n_batches, K, b), and their factors. All runs have b rows:
        # what fills up shorter ones is row 0 with a factor of 0.
        self.order = torch.zeros(self.n_batches, n_runs, self.batch_size).long()
        for k, own in enumerate(index):
            self._set_order(k, own)
        longest = max(len(i) for i in index)
        self.permutation, self.permuted = torch.empty(2, longest).long()
        # Runs with one generator draw the same permutation, and draw it once.
        self.drawers: dict[torch.Generator, list[int]] = {}
        for k, generator in enumerate(generators):
            self.drawers.setdefault(generator, []).append(k)
        self.row_factor = self._row_factor(like)
        self.n_places = len(index[0]) if self.single else self.order.numel()
        if weight is not None:
            self.weight = weight.to(like)
            runs = torch.arange(n_runs, device=self.device)
            self.run = runs.repeat_interleave(self.batch_size).repeat(self.per_block)

    def _set_order(self, k: int, rows: Tensor) -> None:
        size, line = self.sizes[k], self.order[:, k]
        whole, rest = divmod(len(rows), size)
        line[:whole, :size] = rows[: whole * size].view(whole, size)
        if rest:
            line[whole, :rest] = rows[whole * size :]

    def _row_factor(self, like: Tensor) -> Tensor:
        """Factor / (b mean w) of each place; b: the rows of this run and minibatch."""
        sizes = torch.tensor(self.sizes)
        n_rows = torch.tensor([len(i) for i in self.index])
        first = torch.arange(self.n_batches)[:, None] * sizes
        counts = torch.minimum((n_rows - first).clamp_min(0), sizes)[..., None]
        present = torch.arange(self.batch_size) < counts
        out = self.factor * present.double() / counts.clamp_min(1)
        if self.weight is not None:
            pairs = zip(self.weight, self.index, strict=True)
            out /= torch.stack([w[i].double().mean() for w, i in pairs])[:, None]
        return out.to(like).view(-1, 1)

    def epoch(self) -> Iterator[Block]:
        """Permute the rows of each run and go through them once."""
        if self.shuffle:
            self._permute()
        places = self.order.view(-1)[: self.n_places]
        per_block = self.per_block * len(self.index) * self.batch_size
        for start in range(0, self.n_places, per_block):
            yield self._fill(start, places[start : start + per_block].to(self.device))

    def _permute(self) -> None:
        for generator, runs in self.drawers.items():
            n = len(self.index[runs[0]])
            order, rows = self.permutation[:n], self.permuted[:n]
            torch.randperm(n, generator=generator, out=order)
            for k in runs:
                torch.index_select(self.index[k], 0, order, out=rows)
                self._set_order(k, rows)

    def _fill(self, start: int, rows: Tensor) -> Block:
        """Gather the given rows, which stand at `start` in the epoch."""
        n = len(rows)
        x, y, w, output = (t[:n] for t in (self.x, self.y, self.w, self.output))
        self.rows.take(rows, x)
        take_rows(self.target, rows, y)
        w.copy_(self.row_factor[start : start + n])
        if self.weight is not None:
            w.mul_(self.weight[self.run[:n], rows][:, None])
        step = len(self.index) * self.batch_size
        batches = [self._view(a, min(a + step, n)) for a in range(0, n, step)]
        if self.single:
            return Block(batches, output, y, w)
        shape = (-1, len(self.index), self.batch_size)
        return Block(batches, *(t.unflatten(0, shape) for t in (output, y, w)))

    def _view(self, start: int, stop: int) -> Batch:
        """Views of one minibatch of the block, made once."""
        batch = self._views.get((start, stop))
        if batch is None:
            tensors = [t[start:stop] for t in (self.x, self.y, self.w, self.output)]
            n = stop - start
            if not self.single:
                n = self.batch_size
                tensors = [t.unflatten(0, (-1, n)) for t in tensors]
            z, a, d = (tuple(t[..., :n, :] for t in work) for work in self.work)
            x, y, w, output = tensors
            members = self.step.members(x, a, [*z, output])
            batch = Batch(x, y, w, self.ones[..., :n], output, z, a, d, members)
            self._views[start, stop] = batch
        return batch
