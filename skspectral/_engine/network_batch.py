"""Networks of equal shape that train in step, and the buffers they train in."""

import copy
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from skspectral._engine.flat_parameters import FlatParameters
from skspectral._engine.forward_backward import ForwardBackward
from skspectral._engine.losses import Loss, penalty
from skspectral._engine.minibatches import Minibatches
from skspectral._engine.optimizers import Adam
from skspectral._engine.rows import Rows
from skspectral._engine.run_table import RunTable, rows_of
from skspectral.nn import SpectralMLP

__all__ = ["AfterStep", "BatchMembers", "Checkpoint", "NetworkBatch", "copy_generators"]

AfterStep = Callable[[FlatParameters, Adam, float | Tensor], None]


class Checkpoint(NamedTuple):
    """All that a run takes along, each in the shape of the whole network.

    Attributes
    ----------
    network : SpectralMLP
        The parameters.
    mean, square : SpectralMLP
        Adam's moments of them.
    best : SpectralMLP
        The parameters that early stopping would restore.
    """

    network: SpectralMLP
    mean: SpectralMLP
    square: SpectralMLP
    best: SpectralMLP

    @classmethod
    def like(cls, network: SpectralMLP) -> "Checkpoint":
        return cls(network, *(copy.deepcopy(network) for _ in range(3)))


class BatchMembers(NamedTuple):
    """Who is in a crew.

    Attributes
    ----------
    members : list of int
        Rows of the table of runs.
    nodes : list of index tensors (K, width)
        Nodes of each member that are still there, by hidden layer.
    generators : list of torch.Generator
    """

    members: list[int]
    nodes: list[Tensor]
    generators: list[torch.Generator]


class NetworkBatch:
    """Networks of equal shape: their parameters, optimiser, minibatches.

    Parameters
    ----------
    who : BatchMembers
    network : SpectralMLP
        The whole networks of all runs: the start.
    table : RunTable
        Of all runs, as are `index` and `weight`.
    rows, target, loss
        See Task.
    index : list of index tensors
    weight : Tensor of shape (K, n), on the CPU, or None
    """

    def __init__(
        self,
        who: BatchMembers,
        network: SpectralMLP,
        table: RunTable,
        rows: Rows,
        target: Tensor,
        loss: type[Loss],
        index: list[Tensor],
        weight: Tensor | None,
    ) -> None:
        self.members, self.nodes, _ = who
        own_index = [index[k] for k in self.members]
        self.generators = _share_generators(who.generators, own_index)
        self.loss = loss
        rules = table.select(self.members).layers
        self.parameters = FlatParameters(network, rules, self.members, self.nodes)
        self.optimizer = Adam(self.parameters.trained)
        self.step = ForwardBackward(self.parameters, loss)
        n_outputs = network.sizes[-1]
        self.minibatches = Minibatches(
            self.step,
            rows,
            target,
            own_index,
            None if weight is None else rows_of(weight, self.members),
            table.schedule,
            self.generators,
            n_outputs,
            loss.factor(n_outputs),
        )
        self.best = self.parameters.trained.clone()
        self.completed = self.parameters.trained.clone()  # epochs, if interrupted

    def resume(self, stored: Checkpoint, t: int) -> None:
        """Take up what was stored, after `t` steps."""
        read = self.parameters.read
        self.optimizer.mean.copy_(read(stored.mean))
        self.optimizer.square.copy_(read(stored.square))
        self.optimizer.t = t
        self.best.copy_(read(stored.best))

    def store(self, stored: Checkpoint) -> None:
        """Put away what these members need to go on elsewhere."""
        write, optimizer = self.parameters.write, self.optimizer
        matrices = (
            self.parameters.trained,
            optimizer.mean,
            optimizer.square,
            self.best,
        )
        for matrix, network in zip(matrices, stored, strict=True):
            write(matrix, network)

    def set_penalty(self, whether: bool) -> None:
        """Whether the steps to come have the penalty."""
        parameters, factor = self.parameters, 2.0 if whether else 0.0
        torch.mul(parameters.alphas, factor, out=parameters.decay)

    def epoch(
        self, rates: Sequence[Any] | Tensor, after_step: AfterStep | None
    ) -> list[float]:
        """All steps of one epoch; the mean objective of each member."""
        step, move, gradient = self.step, self.optimizer.step, self.step.gradient
        number = 0
        total = gradient.new_zeros(len(self.members), dtype=torch.float64)
        for block in self.minibatches.epoch():
            for batch in block.batches:
                step(batch)
                move(gradient, rates[number])
                if after_step is not None:
                    after_step(self.parameters, self.optimizer, rates[number])
                number += 1
            values = self.loss.rows(block.output, block.y)
            values.mul_(block.row_factor[..., 0])
            # over (minibatches, K, rows), or the rows of a single network
            axes = (0, 2) if values.ndim == 3 else (0,)
            total += values.sum(axes)
        total /= number * self.minibatches.factor
        objective = total + penalty(self.parameters.trained, self.parameters.alphas)
        self.optimizer.flush()
        return objective.tolist()


def copy_generators(
    generators: Sequence[torch.Generator],
) -> list[torch.Generator]:
    """Copies, for a crew that must not draw what another crew is to draw."""
    copies = {id(g): torch.Generator().set_state(g.get_state()) for g in generators}
    return [copies[id(g)] for g in generators]


def _share_generators(
    generators: list[torch.Generator], index: list[Tensor]
) -> list[torch.Generator]:
    """One generator for all runs that would draw the same permutations."""
    first: dict[tuple[bytes, int], torch.Generator] = {}
    shared = []
    for generator, rows in zip(generators, index, strict=True):
        draws = (generator.get_state().numpy().tobytes(), len(rows))
        shared.append(first.setdefault(draws, generator))
    return shared
