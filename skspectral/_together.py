"""From plans to trained networks: fits that may share a batch train together.

A plan is one fit, decided but not yet trained. Plans that differ only in what a row of
the table of runs can hold (rows, alphas, rate, seed) become one batch of networks.
"""

import dataclasses
import itertools
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from skspectral._adam import Adam
from skspectral._crew import AfterStep
from skspectral._fit import Table, as_target
from skspectral._objective import LOSSES
from skspectral._rows import DenseRows, Rows, SparseRows, StackedRows
from skspectral._runs import LayerRule, Runs, Schedule
from skspectral._scaling import Columns, standardized_tensor
from skspectral._state import NetworkState
from skspectral._task import Epoch, History, Task
from skspectral._train import train
from skspectral.nn import SpectralMLP

__all__ = ["Data", "Plan", "RunEpoch", "runs_at_once", "train_together"]


NARROW = 16  # nodes; products with fewer columns take twice as long, not less
CACHE_BYTES = 6 * 2**20  # second level and a share of the third; measured: 4 to 10 MB


@dataclass(frozen=True, eq=False)
class Data:
    """What a fit learns from: checked rows and their statistics.

    Attributes
    ----------
    table : Table
    watched : Table or None
        Validation rows.
    x, y : Columns
        Statistics of inputs and targets.
    """

    table: Table
    watched: Table | None
    x: Columns
    y: Columns


@dataclass(frozen=True)
class RunEpoch:
    """What one fit is told after each of its epochs.

    Attributes
    ----------
    number : int
        From 0.
    history : History
    state : callable
        ``state()`` is the present network, as arrays.
    """

    number: int
    history: History
    state: Callable[[], NetworkState]


@dataclass
class Plan:
    """One fit, decided but not yet trained.

    Attributes
    ----------
    data : Data
        Shared between fits where it is the same object.
    start : NetworkState
    rules : tuple of LayerRule
    schedule : Schedule
    loss : str
        Key of LOSSES.
    learning_rate : float
    seed : int
    generator : torch.Generator
        On the CPU; permutes the rows.
    dtype : torch.dtype
    device : torch.device
    optimizer : Adam or None
        State to go on from.
    on_epoch : callable or None
        Told of each epoch; True ends this fit, and no other.
    after_step : callable or None
        See :func:`skspectral._train.train`; of all plans of a batch.
    """

    data: Data
    start: NetworkState
    rules: tuple[LayerRule, ...]
    schedule: Schedule
    loss: str
    learning_rate: float
    seed: int
    generator: torch.Generator
    dtype: torch.dtype
    device: torch.device
    optimizer: Adam | None = None
    on_epoch: Callable[[RunEpoch], bool] | None = None
    after_step: AfterStep | None = None

    def kind(self) -> Hashable:
        """Plans of one kind can train together."""
        table, watched = self.data.table, self.data.watched
        return (
            self.start.sizes,
            self.start.activation,
            tuple(
                dataclasses.replace(rule, alpha_phi=0.0, alpha_lambda=0.0)
                for rule in self.rules
            ),
            self.schedule,
            self.loss,
            self.dtype,
            self.device,
            sparse.issparse(table.X),
            table.weight is None,
            watched is None or (watched.weight is None, sparse.issparse(watched.X)),
            None if self.optimizer is None else id(self.optimizer),
            self.after_step,
        )


def runs_at_once(plan: Plan) -> int:
    """Networks of this kind worth training in one batch.

    On a CPU: as many as keep what a step touches within a core's caches; a batch that
    does not is slower than one network at a time. On a GPU: as many as a tenth of its
    free memory holds.
    """
    sizes = plan.start.sizes
    batch = min(plan.schedule.batch_size, len(plan.data.table.y))
    parameters = sum((a + 2) * b for a, b in itertools.pairwise(sizes))
    activations = batch * (sizes[0] + 2 * sum(sizes[1:]))
    itemsize = 8 if plan.dtype == torch.float64 else 4
    if plan.device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(plan.device)
        return max(1, int(free / 10 / (itemsize * (7 * parameters + activations))))
    return max(1, CACHE_BYTES // (itemsize * (7 * parameters + activations)))


def train_together(
    plans: Sequence[Plan], *, at_once: int | None = None
) -> list[tuple[NetworkState, History]]:
    """Train every plan, those of a kind in batches.

    Parameters
    ----------
    plans : sequence of Plan
    at_once : int, optional
        Networks in a batch at most; by default as many as gain by it.

    Returns
    -------
    list of (NetworkState, History), one per plan

    Raises
    ------
    KeyboardInterrupt
        Where several plans train; a single one ends at its last completed epoch and
        says so in its history.
    """
    results: list[Any] = [None] * len(plans)
    kinds: dict[Hashable, list[int]] = {}
    for number, plan in enumerate(plans):
        kinds.setdefault(plan.kind(), []).append(number)
    for numbers in kinds.values():
        limit = at_once or runs_at_once(plans[numbers[0]])
        members = [plans[n] for n in numbers]
        tasks = _Tasks(members)
        for first in range(0, len(numbers), limit):
            batch = slice(first, first + limit)
            trained = _train_batch(members[batch], *tasks.of(members[batch]))
            for number, result in zip(numbers[batch], trained, strict=True):
                results[number] = result
            if len(plans) > 1 and any(h.ended == "interrupted" for _, h in trained):
                raise KeyboardInterrupt
    return results


class _Tasks:
    """The rows of plans of one kind, each distinct table once."""

    def __init__(self, plans: Sequence[Plan]) -> None:
        # by identity: plans that share their data share its rows on the device
        distinct = {id(plan.data): plan.data for plan in plans}
        self.place = {key: number for number, key in enumerate(distinct)}
        data = list(distinct.values())
        plan = plans[0]
        self.loss = LOSSES[plan.loss]
        self.training = _stack([(d.table, d.x, d.y) for d in data], plan)
        self.validation = None
        if plan.data.watched is not None:
            tables = [(d.watched, d.x, d.y) for d in data if d.watched is not None]
            self.validation = _stack(tables, plan)

    def of(self, plans: Sequence[Plan]) -> tuple[Task, Tensor | None, Task | None]:
        """Task, weights of its rows (K, n), and what is watched."""
        places = [self.place[id(plan.data)] for plan in plans]
        stack = self.training
        index = [stack.index[p] for p in places]
        task = Task(stack.rows, stack.target, self.loss, index=index)
        weight, validation = stack.weights(len(plans), plans[0].dtype), None
        if self.validation is not None:
            stack = self.validation
            validation = Task(
                stack.rows,
                stack.target,
                self.loss,
                stack.weights(len(plans), torch.float64),
                [stack.index[p] for p in places],
            )
        return task, weight, validation


@dataclass(frozen=True)
class _Stack:
    """Tables one below the other on the device."""

    rows: Rows
    target: Tensor
    weight: np.ndarray | None  # of mean 1 in each table
    index: list[Tensor]  # rows of each table

    def weights(self, n_runs: int, dtype: torch.dtype) -> Tensor | None:
        if self.weight is None:
            return None
        return torch.tensor(self.weight, dtype=dtype).expand(n_runs, -1)


def _stack(tables: list[tuple[Table, Columns, Columns]], plan: Plan) -> _Stack:
    dtype, device = plan.dtype, plan.device
    lengths = [len(table.y) for table, _, _ in tables]
    rows: Rows
    if sparse.issparse(tables[0][0].X):
        parts = [SparseRows(t.X.tocsr(), x.standardized) for t, x, _ in tables]
        rows = parts[0] if len(parts) == 1 else StackedRows(parts)
    else:
        values = torch.empty(
            sum(lengths), tables[0][0].X.shape[1], dtype=dtype, device=device
        )
        pieces = values.split(lengths)
        for (table, x, _), out in zip(tables, pieces, strict=True):
            standardized_tensor(table.X, x, dtype, device, out=out)
        rows = DenseRows(values)
    targets = [as_target(t.y, y, dtype, device) for t, _, y in tables]
    # Only ratios within a table matter, and these are finite in float32.
    weights = [t.weight / t.weight.mean() for t, _, _ in tables if t.weight is not None]
    return _Stack(
        rows,
        targets[0] if len(targets) == 1 else torch.cat(targets),
        np.concatenate(weights) if weights else None,
        list(torch.arange(sum(lengths)).split(lengths)),
    )


def _train_batch(
    plans: Sequence[Plan], task: Task, weight: Tensor | None, validation: Task | None
) -> list[tuple[NetworkState, History]]:
    sizes = plans[0].start.sizes
    wide = _widened(plans[0])
    network = _batch_of([plan.start.resized(wide) for plan in plans], plans[0].dtype)
    network = network.to(plans[0].device)
    runs = Runs(
        torch.tensor([plan.learning_rate for plan in plans], dtype=torch.float64),
        tuple(plan.seed for plan in plans),
        _merge_rules([plan.rules for plan in plans]),
        weight,
        plans[0].schedule,
    )

    def tell(epoch: Epoch) -> list[int]:
        stop = []
        for k in epoch.runs:
            on_epoch = plans[k].on_epoch
            if on_epoch is None:
                continue

            def state(k: int = k) -> NetworkState:
                epoch.write_back()
                return NetworkState.from_network(network, run=k).resized(sizes)

            if on_epoch(RunEpoch(epoch.number, epoch.histories[k], state)):
                stop.append(k)
        return stop

    told = any(plan.on_epoch is not None for plan in plans)
    histories = train(
        network,
        task,
        runs,
        validation=validation,
        optimizer=plans[0].optimizer,
        generators=[plan.generator for plan in plans],
        on_epoch=tell if told else None,
        after_step=plans[0].after_step,
    )
    return [
        (NetworkState.from_network(network, run=k).resized(sizes), history)
        for k, history in enumerate(histories)
    ]


def _widened(plan: Plan) -> tuple[int, ...]:
    """Sizes to train with: narrow hidden layers get dead nodes up to a full register.

    A node whose weights are all zero gets no gradient, where its activation of 0 is 0.
    On every device, since partial_fit keeps Adam's state from one to the next.
    """
    first, *hidden, last = plan.start.sizes
    if plan.start.activation != "logistic":
        hidden = [max(width, NARROW) for width in hidden]
    return (first, *hidden, last)


def _batch_of(starts: Sequence[NetworkState], dtype: torch.dtype) -> SpectralMLP:
    """Networks of equal shape as one batch."""
    network = starts[0].to_network(batch=True, dtype=dtype)
    if len(starts) == 1:
        return network
    single = [start.to_network(batch=True, dtype=dtype) for start in starts]
    for parameters in zip(
        network.parameters(), *(n.parameters() for n in single), strict=True
    ):
        parameters[0].data = torch.cat([p.detach() for p in parameters[1:]])
    return network


def _merge_rules(rules: Sequence[tuple[LayerRule, ...]]) -> tuple[LayerRule, ...]:
    """Rules of K runs as one: an alpha per run."""

    def column(layer: tuple[LayerRule, ...], name: str) -> list[float]:
        return [float(getattr(rule, name)) for rule in layer]

    return tuple(
        dataclasses.replace(
            layer[0],
            alpha_phi=column(layer, "alpha_phi"),
            alpha_lambda=column(layer, "alpha_lambda"),
        )
        for layer in zip(*rules, strict=True)
    )
