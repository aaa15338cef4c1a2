"""The training loop: K networks at once, each as if it were alone.

A run is a row of the table in :mod:`skspectral._runs`. It owns its generator, its rows,
its minibatches, its rate and its end; nothing here reduces over the axis of runs.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from skspectral._batches import Minibatches, count_batches
from skspectral._objective import Loss, penalty
from skspectral._rows import Rows, index_table
from skspectral._runs import Runs, Schedule
from skspectral._step import Adam, Parameters, Step
from skspectral.nn import SpectralMLP

__all__ = ["AfterStep", "Epoch", "History", "Task", "train"]

EVALUATION_ROWS = 4096  # of the validation rows, at a time


@dataclass(frozen=True)
class Task:
    """Rows, targets and loss: what the runs learn, or are watched on.

    Attributes
    ----------
    rows : Rows
    target : Tensor of shape (n_samples, n_outputs)
        Of the dtype of the network; class indices (n_samples, 1) for cross-entropy.
    loss : Loss
    weight : Tensor of shape (K, n_samples) or None
        Only for validation, where it says which rows a run is watched on, and how much
        they count; the training weights are in the table of runs.
    index : list of K index tensors or None
        Rows of each run. None: its rows of non-zero weight.
    """

    rows: Rows
    target: Tensor
    loss: type[Loss]
    weight: Tensor | None = None
    index: list[Tensor] | None = None

    def index_of_runs(self, weight: Tensor | None, n_runs: int) -> list[Tensor]:
        if self.index is not None:
            return self.index
        return index_table(weight, self.rows.n_rows, n_runs)


@dataclass
class History:
    """What happened to one run.

    Attributes
    ----------
    loss : list of float
        Objective of each epoch: weighted mean loss over its minibatches plus penalty.
    validation_loss : list of float
        Data loss on the validation rows after each epoch.
    best_epoch : int or None
        Epoch (from 0) whose parameters were restored, if any were.
    ended : {"max_iter", "patience", "diverged", "callback", "interrupted"}
    optimizer : Adam or None
        State to go on from; only where a single run was trained.
    """

    loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    best_epoch: int | None = None
    ended: str = "max_iter"
    optimizer: Adam | None = None


@dataclass(frozen=True)
class Epoch:
    """What a callback sees after an epoch.

    Attributes
    ----------
    number : int
        From 0.
    runs : list of int
        The rows of the table that are still training.
    histories : list of History
        Of all rows of the table.
    write_back : callable
        ``write_back()`` copies the current parameters into the network.
    """

    number: int
    runs: list[int]
    histories: list[History]
    write_back: Callable[[], None]


OnEpoch = Callable[[Epoch], list[int] | None]
AfterStep = Callable[[Parameters, Adam, float | Tensor], None]


@torch.no_grad()
def train(
    network: SpectralMLP,
    task: Task,
    runs: Runs,
    *,
    validation: Task | None = None,
    optimizer: Adam | None = None,
    generators: list[torch.Generator] | None = None,
    on_epoch: OnEpoch | None = None,
    after_step: AfterStep | None = None,
) -> list[History]:
    """Train the K networks of `network`, in place.

    Parameters
    ----------
    network : SpectralMLP with batch_shape (K,)
        The start, and after the call the result.
    task : Task
        What is learned.
    runs : Runs
        How: a row per network.
    validation : Task, optional
        What early stopping watches.
    optimizer : Adam, optional
        State to go on from, K = 1 only; a fresh one by default.
    generators : list of K torch.Generator, optional
        CPU generators to go on from; by default new ones, seeded by the table.
    on_epoch : callable, optional
        Called after each epoch; may return the rows of the table to stop.
    after_step : callable, optional
        Called after each step with the parameters, the optimiser and the rate, (K, 1)
        where runs differ in it: the place of a proximal step.

    Returns
    -------
    list of K History

    Notes
    -----
    A KeyboardInterrupt ends all runs at their last completed epoch; it is not raised
    again but told by ``History.ended``.
    """
    index = task.index_of_runs(runs.weight, len(runs))
    if generators is None:
        generators = [torch.Generator().manual_seed(seed) for seed in runs.seeds]
    generators = _share(generators, index)
    histories = [History() for _ in range(len(runs))]
    # Runs that take equally many steps an epoch take them together.
    groups: dict[int, list[int]] = {}
    for k, own in enumerate(index):
        n_batches = count_batches(len(own), runs.schedule.batch_size)
        groups.setdefault(n_batches, []).append(k)
    for members in groups.values():
        group = _Group(network, task, runs, validation, histories, index, generators)
        group.after_step = after_step
        group.admit(members, optimizer)
        if not group.run(on_epoch):
            break
    return histories


def _share(
    generators: list[torch.Generator], index: list[Tensor]
) -> list[torch.Generator]:
    """One generator for all runs that would draw the same permutations."""
    first: dict[tuple[bytes, int], torch.Generator] = {}
    shared = []
    for generator, rows in zip(generators, index, strict=True):
        draws = (generator.get_state().numpy().tobytes(), len(rows))
        shared.append(first.setdefault(draws, generator))
    return shared


class _Stopping:
    """Early stopping of one run: the best loss so far, and the fall of the rate."""

    def __init__(self) -> None:
        self.best = math.inf
        self.since = 0  # epochs without an improvement by tol
        self.anneal: tuple[int, int] | None = None  # first epoch, number of epochs

    def watch(self, loss: float, tol: float) -> bool:
        """Note the loss of an epoch; whether it is the best."""
        self.since = 0 if loss < self.best - tol else self.since + 1
        improved = loss < self.best
        self.best = min(self.best, loss)
        return improved


class _Group:
    """Runs that train in step; those that end leave, and the others go on."""

    after_step: AfterStep | None = None

    def __init__(
        self,
        network: SpectralMLP,
        task: Task,
        table: Runs,
        validation: Task | None,
        histories: list[History],
        index: list[Tensor],
        generators: list[torch.Generator],
    ) -> None:
        self.network, self.task, self.table = network, task, table
        self.validation, self.histories = validation, histories
        self.index, self.generators = index, generators
        self.schedule: Schedule = table.schedule
        self.weight = None if table.weight is None else table.weight.cpu()
        if validation is not None:
            watched = validation.index_of_runs(validation.weight, len(table))
            self.watched_rows = watched

    def admit(self, members: list[int], optimizer: Adam | None = None) -> None:
        """Begin with the given rows of the table."""
        self.stopping = {k: _Stopping() for k in members}
        self._assemble(members)
        self.best = self.parameters.trained.clone()
        if optimizer is not None:
            self.optimizer = optimizer.on(self.parameters.trained)

    def _assemble(self, members: list[int]) -> None:
        """Buffers for these members, from the parameters in the network."""
        self.members = members
        part = _select(self.network, members)
        rules = self.table.select(members).layers
        self.parameters = Parameters(part, rules)
        self.optimizer = Adam(self.parameters.trained)
        self.step = Step(self.parameters, self.task.loss)
        self.minibatches = Minibatches(
            self.step,
            self.task.rows,
            self.task.target,
            [self.index[k] for k in members],
            None if self.weight is None else self.weight[members],
            self.schedule,
            [self.generators[k] for k in members],
            self.network.sizes[-1],
            self.task.loss.factor(self.network.sizes[-1]),
        )

    def run(self, on_epoch: OnEpoch | None) -> bool:
        """Train until every member has ended; False if interrupted."""
        epoch = 0
        completed = self.parameters.trained.clone()
        try:
            while self.members and epoch < self.schedule.n_epochs:
                losses = self._epoch(epoch)
                self.optimizer.flush()
                completed.copy_(self.parameters.trained)
                ended = self._judge(epoch, losses)
                if on_epoch is not None:
                    present = list(self.members)
                    told = Epoch(epoch, present, self.histories, self.write_back)
                    for k in on_epoch(told) or ():
                        ended.setdefault(k, "callback")
                if ended:
                    self._leave(ended)
                    completed = self.parameters.trained.clone()
                epoch += 1
        except KeyboardInterrupt:
            self.parameters.trained.copy_(completed)
            self._leave(dict.fromkeys(self.members, "interrupted"))
            return False
        self._leave(dict.fromkeys(self.members, "max_iter"))
        return True

    def _epoch(self, epoch: int) -> list[float]:
        """All steps of one epoch; the mean objective of each member."""
        step, move, gradient = self.step, self.optimizer.step, self.step.gradient
        after_step = self.after_step
        rates = self._rates(epoch)
        number = 0
        total = gradient.new_zeros(len(self.members), dtype=torch.float64)
        for block in self.minibatches.epoch():
            for batch in block.batches:
                step(batch)
                move(gradient, rates[number])
                if after_step is not None:
                    after_step(self.parameters, self.optimizer, rates[number])
                number += 1
            values = self.task.loss.rows(block.output, block.y)
            values.mul_(block.row_factor[..., 0])
            # over (minibatches, K, rows), or the rows of a single network
            axes = (0, 2) if values.ndim == 3 else (0,)
            total += values.sum(axes)
        alphas = self.parameters.alphas
        total /= number * self.minibatches.factor
        objective = total + penalty(self.parameters.trained, alphas)
        return objective.tolist()

    def _rates(self, epoch: int) -> list[float] | Tensor:
        """Rate of each step of an epoch: numbers, or (n_batches, K, 1)."""
        n_batches, n_epochs = self.minibatches.n_batches, self.schedule.n_epochs
        t = epoch + torch.arange(n_batches, dtype=torch.float64) / n_batches  # epochs
        columns = []
        for k in self.members:
            anneal = self.stopping[k].anneal
            if anneal is None:
                factor = self._decay(t / n_epochs)
            else:
                begin, length = anneal
                height = self._decay(torch.tensor(begin / n_epochs))
                factor = height * (1 - (t - begin) / length)
            columns.append(float(self.table.learning_rate[k]) * factor)
        if all(torch.equal(column, columns[0]) for column in columns):
            return columns[0].tolist()
        return torch.stack(columns, 1)[:, :, None].to(self.step.gradient.device)

    def _decay(self, t: Tensor) -> Tensor:
        if self.schedule.decay == "linear":
            return 1 - t
        if self.schedule.decay == "cosine":
            return 0.5 * (1 + torch.cos(math.pi * t))
        return torch.ones_like(t)

    def _judge(self, epoch: int, losses: list[float]) -> dict[int, str]:
        """Note the losses; who ends now, and why. Restores and anneals."""
        schedule, watched = self.schedule, losses
        if self.validation is not None:
            watched = self._validation_losses(self.validation)
        ended: dict[int, str] = {}
        improved, restore = [], []
        for k, loss, seen in zip(self.members, losses, watched, strict=True):
            history, stopping = self.histories[k], self.stopping[k]
            history.loss.append(loss)
            if self.validation is not None:
                history.validation_loss.append(seen)
            better = enough = False
            if not math.isfinite(loss):
                ended[k] = "diverged"
            elif stopping.anneal is not None:
                if epoch + 1 >= sum(stopping.anneal):
                    ended[k] = "patience"
            elif schedule.patience is not None:
                better = stopping.watch(seen, schedule.tol)
                if better:
                    history.best_epoch = epoch
                enough = stopping.since >= schedule.patience
                left = schedule.n_epochs - epoch - 1
                if enough and (schedule.decay == "constant" or left == 0):
                    ended[k] = "patience"
                elif enough:
                    stopping.anneal = (epoch + 1, min(epoch + 1, left))
            improved.append(better)
            restore.append(enough)
        if self.validation is not None and schedule.patience is not None:
            trained = self.parameters.trained
            better_rows = torch.tensor(improved, device=trained.device)[:, None]
            torch.where(better_rows, trained, self.best, out=self.best)
            restored_rows = torch.tensor(restore, device=trained.device)[:, None]
            trained.copy_(torch.where(restored_rows, self.best, trained))
        return ended

    def _validation_losses(self, validation: Task) -> list[float]:
        """Weighted mean loss of each member on its validation rows."""
        like = self.parameters.trained
        losses = []
        for m, k in enumerate(self.members):
            total, mass = 0.0, 0.0
            for index in self.watched_rows[k].split(EVALUATION_ROWS):
                on_device = index.to(like.device)
                x = like.new_empty(len(index), validation.rows.n_columns)
                validation.rows.take(on_device, x)
                output = self.step.forward(x, m)
                rows = validation.loss.evaluate(output, validation.target[on_device])
                rows = rows.double()
                if validation.weight is not None:
                    weight = validation.weight[k, index].to(rows)
                    rows, mass = rows * weight, mass + float(weight.sum())
                else:
                    mass += len(index)
                total += float(rows.sum())
            losses.append(total / mass)
        return losses

    def _leave(self, ended: dict[int, str]) -> None:
        """Members that ended write their parameters; the others close ranks."""
        if not ended:
            return
        for m, k in enumerate(self.members):
            if k not in ended:
                continue
            history = self.histories[k]
            history.ended = ended[k]
            # At a constant rate nothing anneals: the best is the result. At a falling
            # one the end of the fall is, unless patience ended the run before.
            if self.validation is None or history.best_epoch is None:
                history.best_epoch = None
            elif self.schedule.decay == "constant":
                self.parameters.trained[m] = self.best[m]
            elif self.stopping[k].anneal is None and ended[k] != "patience":
                history.best_epoch = None
            if len(self.table) == 1:
                history.optimizer = self.optimizer
        self.write_back()
        stay = [m for m, k in enumerate(self.members) if k not in ended]
        if not stay:
            self.members = []
            return
        old = self.optimizer
        self.best = self.best[stay]
        self._assemble([self.members[m] for m in stay])
        self.optimizer.resume(old, stay)

    def write_back(self) -> None:
        """Copy the present parameters into the network."""
        self.parameters.write_back(self.members, self.network)


def _select(network: SpectralMLP, members: list[int]) -> SpectralMLP:
    """Copy of some of the K networks, as a batch of its own."""
    if members == list(range(network.batch_shape[0])):
        return network
    part = copy.deepcopy(network)
    for parameter in part.parameters():
        parameter.data = parameter.data[members]
    return part
