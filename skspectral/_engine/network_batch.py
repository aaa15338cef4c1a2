"""A batch of networks of the same shape, with all that their training needs."""

import copy
import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from skspectral._engine import recorded_steps
from skspectral._engine.first_layers import lookups_of
from skspectral._engine.flat_parameters import FlatParameters
from skspectral._engine.forward_backward import ForwardBackward, Minibatch
from skspectral._engine.losses import penalty
from skspectral._engine.minibatches import Minibatches, epoch_shape
from skspectral._engine.optimizers import Optimizer, make_optimizer
from skspectral._engine.recorded_steps import RecordedSteps
from skspectral._engine.run_table import RunTable, rows_of
from skspectral._engine.threads import one_thread_for
from skspectral._engine.training_data import TrainingData
from skspectral.nn import SpectralMLP

__all__ = ["AfterStep", "BatchMembers", "Checkpoint", "NetworkBatch", "copy_generators"]

AfterStep = Callable[[FlatParameters, Optimizer, float | Tensor], None]


class Checkpoint(NamedTuple):
    """All that runs need to go on in another batch, in the shape of whole networks.

    Attributes
    ----------
    network : SpectralMLP
        The parameters.
    best : SpectralMLP
        The parameters that early stopping would restore.
    moments : list of SpectralMLP
        What the optimiser remembers of the parameters.
    """

    network: SpectralMLP
    best: SpectralMLP
    moments: list[SpectralMLP]

    @classmethod
    def like(cls, network: SpectralMLP, n_moments: int) -> "Checkpoint":
        """Room for a checkpoint of these networks, which are its parameters."""
        best, *moments = (copy.deepcopy(network) for _ in range(1 + n_moments))
        return cls(network, best, moments)


class BatchMembers(NamedTuple):
    """The runs of a batch, and what is left of their networks.

    Attributes
    ----------
    runs : list of K ints
        Rows of the table of runs.
    kept_nodes : list of index tensors (K, width)
        Nodes of each run that are still there, by hidden layer.
    generators : list of K torch.Generator
    """

    runs: list[int]
    kept_nodes: list[Tensor]
    generators: list[torch.Generator]


class NetworkBatch:
    """K networks of the same shape: parameters, optimiser, minibatches.

    Parameters
    ----------
    members : BatchMembers
    network : SpectralMLP
        The whole networks of all runs: the start.
    table : RunTable
        Of all runs, as are `index` and `weight`.
    data : TrainingData
    index : list of index tensors
    weight : Tensor of shape (K, n), on the CPU, or None
    """

    def __init__(
        self,
        members: BatchMembers,
        network: SpectralMLP,
        table: RunTable,
        data: TrainingData,
        index: list[Tensor],
        weight: Tensor | None,
    ) -> None:
        self.members, self.nodes = members.runs, members.kept_nodes
        own_index = [index[k] for k in self.members]
        self.generators = _share_generators(members.generators, own_index)
        self.loss = data.loss
        rules = table.select(self.members).layers
        _, batch_size = epoch_shape(len(own_index[0]), table.schedule.batch_size)
        lookups = lookups_of(
            data.rows,
            own_index,
            batch_size,
            self.nodes[0].shape[1] if self.nodes else 0,
            network.layers[0].phi,
        )
        self.parameters = FlatParameters(
            network, rules, self.members, self.nodes, rows_first=lookups is not None
        )
        self.optimizer = make_optimizer(self.parameters.trained)
        self.step = ForwardBackward(self.parameters, self.loss, lookups, batch_size)
        self.minibatches = Minibatches(
            self.step,
            data,
            lookups,
            own_index,
            None if weight is None else rows_of(weight, self.members),
            table.schedule,
            self.generators,
        )
        # Multiplications of a forward pass: what is read of a row, and the widths.
        n_read = data.rows.n_columns if lookups is None else lookups.n_columns
        widths = self.parameters.sizes[1:]
        layers = itertools.pairwise((n_read, *widths))
        n_rows = len(self.members) * batch_size
        self.work = n_rows * sum(a * b for a, b in layers)
        self.n_activations = n_rows * sum(widths)
        self.recorded = RecordedSteps(self._planned_steps)
        self.best = self.parameters.trained.clone()
        self.completed = self.parameters.trained.clone()  # of the last whole epoch

    def resume(self, checkpoint: Checkpoint, t: int) -> None:
        """Go on from a checkpoint, after `t` steps."""
        read = self.parameters.read
        for moment, network in zip(
            self.optimizer.moments, checkpoint.moments, strict=True
        ):
            moment.copy_(read(network))
        self.optimizer.t = t
        self.best.copy_(read(checkpoint.best))

    def store(self, checkpoint: Checkpoint) -> None:
        """Write what these runs need to go on in another batch."""
        write = self.parameters.write
        write(self.parameters.trained, checkpoint.network)
        write(self.best, checkpoint.best)
        for moment, network in zip(
            self.optimizer.moments, checkpoint.moments, strict=True
        ):
            write(moment, network)

    def set_penalty(self, is_on: bool) -> None:
        """Switch the penalty of the steps to come on or off."""
        parameters, factor = self.parameters, 2.0 if is_on else 0.0
        torch.mul(parameters.alphas, factor, out=parameters.decay)

    def keep_best(self, improved: list[bool], restore: list[bool]) -> None:
        """Note the parameters of runs that improved; set others back to their best."""
        trained, best = self.parameters.trained, self.best
        better_rows = torch.tensor(improved, device=trained.device)[:, None]
        torch.where(better_rows, trained, best, out=best)
        recheckpoint_rows = torch.tensor(restore, device=trained.device)[:, None]
        trained.copy_(torch.where(recheckpoint_rows, best, trained))

    def _planned_steps(self, batches: Sequence[Minibatch], plan: Tensor) -> None:
        for batch, numbers in zip(batches, plan, strict=True):
            self.step(batch)
            self.optimizer.planned_step(self.step.gradient, numbers)

    def epoch(
        self, rates: Sequence[Any] | Tensor, after_step: AfterStep | None
    ) -> list[float]:
        """Take all steps of one epoch; return the mean objective of each run."""
        with one_thread_for(self.work, self.n_activations):
            return self._epoch(rates, after_step)

    def _epoch(
        self, rates: Sequence[Any] | Tensor, after_step: AfterStep | None
    ) -> list[float]:
        step, move, gradient = self.step, self.optimizer.step, self.step.gradient
        number = 0
        total = gradient.new_zeros(len(self.members), dtype=torch.float64)
        plan = None
        on_gpu = gradient.device.type == "cuda"
        if recorded_steps.IS_ON and on_gpu and after_step is None:
            plan = self.optimizer.plan(rates)
        for block in self.minibatches.epoch():
            if plan is not None:
                self.recorded(block.batches, plan[number : number + len(block.batches)])
                number += len(block.batches)
            else:
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
    """Copies, so that no batch draws what another one is to draw."""
    copies = {id(g): torch.Generator().set_state(g.get_state()) for g in generators}
    return [copies[id(g)] for g in generators]


def _share_generators(
    generators: list[torch.Generator], index: list[Tensor]
) -> list[torch.Generator]:
    """Let all runs that would draw the same permutations share one generator."""
    first: dict[tuple[bytes, int], torch.Generator] = {}
    shared = []
    for generator, rows in zip(generators, index, strict=True):
        draws = (generator.get_state().numpy().tobytes(), len(rows))
        shared.append(first.setdefault(draws, generator))
    return shared
