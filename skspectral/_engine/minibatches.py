"""Minibatches of K runs: each run permutes and draws its own rows."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from skspectral._engine.first_layers import Block, Lookups
from skspectral._engine.forward_backward import ForwardBackward, Minibatch
from skspectral._engine.rows import gather_rows
from skspectral._engine.run_table import Schedule
from skspectral._engine.training_data import TrainingData

__all__ = ["MinibatchBlock", "Minibatches", "epoch_shape"]

BLOCK_BYTES = {"cpu": 2**19, "cuda": 2**28}  # rows gathered at once: half an L2 cache
BLOCK_LENGTH = {"cpu": 2**62, "cuda": 256}  # minibatches: a graph of steps has an end


def epoch_shape(n_rows: int, batch_size: int) -> tuple[int, int]:
    """Return the number of minibatches of an epoch, and the rows of each.

    All are of equal size, so that no gradient is noisier than the others.
    """
    n_batches = max(1, math.ceil(n_rows / batch_size))
    return n_batches, math.ceil(n_rows / n_batches)


class MinibatchBlock(NamedTuple):
    """Consecutive minibatches, and the buffers that hold them.

    With K networks the rows are ordered by minibatch, then by network, (m, K, b). With
    a single network they are one axis, (rows,).
    """

    batches: list[Minibatch]
    output: Tensor  # (m, K, b, o) or (rows, o)
    y: Tensor
    row_factor: Tensor  # (m, K, b, 1) or (rows, 1)


class Minibatches:
    """The minibatches of K runs, epoch by epoch.

    Rows are gathered in blocks of many minibatches, which is cheaper than one by one
    and needs no permuted copy of the table.

    Parameters
    ----------
    step : ForwardBackward
    data : TrainingData
    lookups : Lookups or None
        What the first layer reads instead of rows, where it looks values up.
    index : list of K index tensors
        The rows of each run. All runs must have equally many minibatches of equal size.
    weight : Tensor of shape (K, n), on the CPU, or None
    schedule : Schedule
    generators : list of K torch.Generator
        Runs of equally many rows may share one.
    """

    def __init__(
        self,
        step: ForwardBackward,
        data: TrainingData,
        lookups: Lookups | None,
        index: list[Tensor],
        weight: Tensor | None,
        schedule: Schedule,
        generators: list[torch.Generator],
    ) -> None:
        rows, target = data.rows, data.target
        n_outputs = step.parameters.sizes[-1]
        self.step, self.rows, self.target, self.index = step, rows, target, index
        self.loss = data.loss
        self.shuffle = schedule.shuffle
        self.weight, self.factor = weight, self.loss.factor(n_outputs)
        cut = epoch_shape(len(index[0]), schedule.batch_size)
        self.n_batches, self.batch_size = cut
        self.single = step.single
        like = step.gradient
        self.device = like.device
        n_runs = len(index)
        # Runs that draw the same rows in the same order share a stream of them.
        streams: dict[tuple[int, int], int] = {}
        self.stream = [
            streams.setdefault((id(own), id(generator)), len(streams))
            for own, generator in zip(index, generators, strict=True)
        ]
        self.first = [self.stream.index(s) for s in range(len(streams))]  # run of each
        self.drawers: dict[torch.Generator, list[int]] = {}
        for s, k in enumerate(self.first):
            self.drawers.setdefault(generators[k], []).append(s)
        kind = "cpu" if self.device.type == "cpu" else "cuda"
        n_read = rows.n_columns if lookups is None else lookups.n_columns
        batch_bytes = n_runs * self.batch_size * n_read * like.element_size()
        self.per_block = min(
            max(1, BLOCK_BYTES[kind] // max(1, batch_bytes)),
            BLOCK_LENGTH[kind],
            self.n_batches,
        )
        n_rows = self.per_block * n_runs * self.batch_size
        self.x: Tensor | Block
        if lookups is None:
            self.x = like.new_empty(n_rows, rows.n_columns)
        else:
            self.x = lookups.block(self.stream, self.per_block, self.batch_size)
        self.y = target.new_empty(n_rows, target.shape[1])
        self.w = like.new_empty(n_rows, 1)
        self.output = like.new_empty(n_rows, n_outputs)
        self.shares_rows = len(streams) < n_runs
        if self.shares_rows:
            self.of_run = torch.tensor(self.stream, device=self.device)
        axis = () if self.single else (n_runs,)
        self.ones = like.new_ones(*axis, 1, self.batch_size)
        self.work = step.buffers(self.batch_size)
        self._views: dict[int, Minibatch] = {}
        # Rows of an epoch, (n_batches, streams, b), and their factors, by run. The last
        # minibatches are filled up by row 0 with a factor of 0.
        shape = (self.n_batches, len(streams), self.batch_size)
        pinned = self.device.type == "cuda"  # an epoch ends before the next is drawn
        self.order = torch.zeros(
            shape, dtype=torch.int64, device="cpu", pin_memory=pinned
        )
        for s, k in enumerate(self.first):
            self._set_order(s, index[k])
        self.permutation, self.permuted = self.order.new_empty(2, max(map(len, index)))
        self.row_factor = self._row_factor(like)
        if weight is not None:
            self.weight = weight.to(like)
            runs = torch.arange(n_runs, device=self.device)
            self.run = runs.repeat_interleave(self.batch_size).repeat(self.per_block)

    def _set_order(self, stream: int, rows: Tensor) -> None:
        size, line = self.batch_size, self.order[:, stream]
        whole, rest = divmod(len(rows), size)
        line[:whole] = rows[: whole * size].view(whole, size)
        if rest:
            line[whole, :rest] = rows[whole * size :]

    def _row_factor(self, like: Tensor) -> Tensor:
        """Return factor / (b mean w) by place, with b the rows of run and minibatch."""
        n_rows = torch.tensor([len(i) for i in self.index], device="cpu")
        first = torch.arange(self.n_batches, device="cpu")[:, None] * self.batch_size
        counts = (n_rows - first).clamp(0, self.batch_size)[..., None]
        factor = self.factor / counts.clamp_min(1).double()
        if self.weight is not None:
            pairs = zip(self.weight, self.index, strict=True)
            factor /= torch.stack([w[i].double().mean() for w, i in pairs])[:, None]
        present = torch.arange(self.batch_size, device="cpu") < counts
        return (present * factor.to(like.dtype)).to(like).view(-1, 1)

    def epoch(self) -> Iterator[MinibatchBlock]:
        """Permute the rows of each run; yield all minibatches once."""
        if self.shuffle:
            self._permute()
        places = self.order.view(-1)
        n_streams, n_runs = self.order.shape[1], len(self.index)
        per_block = self.per_block * n_streams * self.batch_size
        for start in range(0, len(places), per_block):
            rows = places[start : start + per_block].to(self.device, non_blocking=True)
            first, n = (k // n_streams * n_runs for k in (start, len(rows)))
            yield self._fill(slice(first, first + n), rows)

    def _permute(self) -> None:
        for generator, streams in self.drawers.items():
            n = len(self.index[self.first[streams[0]]])
            order, rows = self.permutation[:n], self.permuted[:n]
            torch.randperm(n, generator=generator, out=order, device="cpu")
            for s in streams:
                torch.index_select(self.index[self.first[s]], 0, order, out=rows)
                self._set_order(s, rows)

    def _fill(self, places: slice, rows: Tensor) -> MinibatchBlock:
        """Gather rows of the streams for these places of an epoch."""
        n = places.stop - places.start
        y, w, output = (t[:n] for t in (self.y, self.w, self.output))
        if isinstance(self.x, Tensor):
            self._gather(self.rows.take, rows, self.x[:n])
        else:
            self.x.fill(rows)
        self._gather(partial(gather_rows, self.target), rows, y)
        w.copy_(self.row_factor[places])
        if self.weight is not None:
            if self.shares_rows:
                by_run = rows.new_empty(n)
                self._scatter_to_runs(rows, by_run)
                rows = by_run
            w.mul_(self.weight[self.run[:n], rows][:, None])
        step = len(self.index) * self.batch_size
        batches = [self._view(slice(a, a + step)) for a in range(0, n, step)]
        if self.single:
            return MinibatchBlock(batches, output, y, w)
        shape = (-1, len(self.index), self.batch_size)
        return MinibatchBlock(batches, *(t.unflatten(0, shape) for t in (output, y, w)))

    def _gather(self, take: Callable, rows: Tensor, out: Tensor) -> None:
        """Take rows of the streams, and give them to their runs."""
        if not self.shares_rows:
            take(rows, out)
            return
        drawn = out.new_empty(len(rows), out.shape[1])
        take(rows, drawn)
        self._scatter_to_runs(drawn, out)

    def _scatter_to_runs(self, drawn: Tensor, out: Tensor) -> None:
        """Copy the rows of each stream to its runs, minibatch by minibatch."""
        n_streams, n_runs = self.order.shape[1], len(self.index)
        n_batches = len(drawn) // (n_streams * self.batch_size)
        torch.index_select(
            drawn.view(n_batches, n_streams, -1),
            1,
            self.of_run,
            out=out.view(n_batches, n_runs, -1),
        )

    def _view(self, places: slice) -> Minibatch:
        """Return views of one minibatch of the block, made once."""
        batch = self._views.get(places.start)
        if batch is None:
            if isinstance(self.x, Tensor):
                x = self._of_batch(self.x, places)
            else:
                number = places.start // (len(self.index) * self.batch_size)
                x = self.x.batch(number)
            y, w, output = (
                self._of_batch(t, places) for t in (self.y, self.w, self.output)
            )
            z, a, d = map(tuple, self.work)
            members = self.step.members(x, a, [*z, output])
            parts = self.loss.parts(y)
            batch = Minibatch(x, parts, w, self.ones, output, z, a, d, members)
            self._views[places.start] = batch
        return batch

    def _of_batch(self, rows: Tensor, places: slice) -> Tensor:
        own = rows[places]
        return own if self.single else own.unflatten(0, (-1, self.batch_size))
