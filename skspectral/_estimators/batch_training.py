"""From plans to trained networks: fits that may share a batch train together."""

import dataclasses
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from skspectral._columns import (
    Inputs,
    Samples,
    row_blocks,
)
from skspectral._engine import (
    DenseRows,
    EncodedRows,
    Epoch,
    Expansion,
    History,
    LayerRule,
    Layout,
    Rows,
    RunTable,
    SparseRows,
    StackedRows,
    TrainingData,
    train,
)
from skspectral._estimators.fit_plan import FitEpoch, FitPlan
from skspectral._estimators.network_state import NetworkState
from skspectral._estimators.targets import TargetStatistics, as_target
from skspectral.nn import ACTIVATIONS, SpectralMLP

__all__ = ["train_together"]


HELD_BYTES = 2**26  # of sparse rows that are held dense, to be encoded once
NARROW = 16  # nodes; products with fewer columns take twice as long, not less


def train_together(
    plans: Sequence[FitPlan], *, at_once: int | None = None
) -> list[tuple[NetworkState, History]]:
    """Train every plan; plans of one kind train in batches.

    Parameters
    ----------
    plans : sequence of FitPlan
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
        limit = at_once or plans[numbers[0]].runs_at_once
        members = [plans[n] for n in numbers]
        tasks = _SharedData(members)
        for first in range(0, len(numbers), limit):
            batch = slice(first, first + limit)
            trained = _train_batch(members[batch], *tasks.of(members[batch]))
            for number, result in zip(numbers[batch], trained, strict=True):
                results[number] = result
            if len(plans) > 1 and any(h.ended == "interrupted" for _, h in trained):
                raise KeyboardInterrupt
    return results


class _SharedData:
    """The rows of several plans of one kind; a table that plans share is there once."""

    def __init__(self, plans: Sequence[FitPlan]) -> None:
        # by identity: plans that share their data share its rows on the device
        distinct = {id(plan.data): plan.data for plan in plans}
        self.place = {key: number for number, key in enumerate(distinct)}
        data = list(distinct.values())
        plan = plans[0]
        self.loss = plan.loss
        self.training = _stack([(d.table, d.x, d.y) for d in data], plan)
        self.validation = None
        if plan.data.watched is not None:
            tables = [(d.watched, d.x, d.y) for d in data if d.watched is not None]
            self.validation = _stack(tables, plan)

    def of(
        self, plans: Sequence[FitPlan]
    ) -> tuple[TrainingData, Tensor | None, TrainingData | None]:
        """Return the training data, the weights of its rows (K, n), the validation."""
        places = [self.place[id(plan.data)] for plan in plans]
        stack = self.training
        index = [stack.index[p] for p in places]
        task = TrainingData(stack.rows, stack.target, self.loss, index=index)
        weight, validation = stack.weights(len(plans), plans[0].dtype), None
        if self.validation is not None:
            stack = self.validation
            validation = TrainingData(
                stack.rows,
                stack.target,
                self.loss,
                stack.weights(len(plans), torch.float64),
                [stack.index[p] for p in places],
            )
        return task, weight, validation


@dataclass(frozen=True)
class _StackedTables:
    """Tables one below the other on the device."""

    rows: Rows
    target: Tensor
    weight: np.ndarray | None  # of mean 1 in each table
    index: list[Tensor]  # rows of each table

    def weights(self, n_runs: int, dtype: torch.dtype) -> Tensor | None:
        if self.weight is None:
            return None
        return torch.tensor(self.weight, dtype=dtype, device="cpu").expand(n_runs, -1)


def _stack(
    tables: list[tuple[Samples, Inputs, TargetStatistics]], plan: FitPlan
) -> _StackedTables:
    dtype, device = plan.dtype, plan.device
    lengths = [len(table.y) for table, _, _ in tables]
    X, inputs = tables[0][0].X, tables[0][1]
    rows: Rows
    if sparse.issparse(X) or not inputs.is_plain:
        parts = [_rows(table, x, plan) for table, x, _ in tables]
        rows = parts[0] if len(parts) == 1 else StackedRows(parts)
    else:
        values = torch.empty(sum(lengths), X.shape[1], dtype=dtype, device=device)
        for (table, x, _), out in zip(tables, values.split(lengths), strict=True):
            _hold(table, x, out)
        rows = DenseRows(values)
    targets = [as_target(t.y, y, dtype, device) for t, _, y in tables]
    # Only ratios within a table matter, and these are finite in float32.
    weights = [t.weight / t.weight.mean() for t, _, _ in tables if t.weight is not None]
    return _StackedTables(
        rows,
        targets[0] if len(targets) == 1 else torch.cat(targets),
        np.concatenate(weights) if weights else None,
        list(torch.arange(sum(lengths), device="cpu").split(lengths)),
    )


def _rows(table: Samples, inputs: Inputs, plan: FitPlan) -> Rows:
    """Rows of one table: sparse ones, or such whose inputs are computed when taken."""
    width = inputs.held(table.X[:1]).shape[1]
    n_bytes = len(table.y) * width * plan.dtype.itemsize
    if sparse.issparse(table.X) and (inputs.is_plain or n_bytes > HELD_BYTES):
        scales = None
        if inputs.is_plain:
            statistics = inputs.statistics
            scales = statistics.mean, statistics.divisor, inputs.fill
        held: Rows = SparseRows(table.X.tocsr(), inputs.held, width, scales)
    else:
        values = torch.empty(len(table.y), width, dtype=plan.dtype, device=plan.device)
        _hold(table, inputs, values)
        held = DenseRows(values)
    if inputs.is_plain:
        return held

    n_numbers = inputs.layout[0]
    mean, divisor = (
        torch.tensor(statistic[n_numbers:], device=plan.device)
        for statistic in (inputs.statistics.mean, inputs.statistics.divisor)
    )
    expansion = Expansion(Layout(*inputs.layout), mean, divisor, plan.dtype)
    return EncodedRows(held, expansion)


def _hold(table: Samples, inputs: Inputs, out: Tensor) -> None:
    """Write the rows of a table as they are held, computed in float64."""
    for rows in row_blocks(len(out), out.shape[1]):
        out[rows] = torch.from_numpy(inputs.held(table.X[rows]))


def _train_batch(
    plans: Sequence[FitPlan],
    task: TrainingData,
    weight: Tensor | None,
    validation: TrainingData | None,
) -> list[tuple[NetworkState, History]]:
    sizes = plans[0].start.sizes
    wide = _widened(plans[0])
    network = _batch_of([plan.start.resized(wide) for plan in plans], plans[0].dtype)
    network = network.to(plans[0].device)
    runs = RunTable(
        torch.tensor(
            [plan.learning_rate for plan in plans], dtype=torch.float64, device="cpu"
        ),
        tuple(plan.seed for plan in plans),
        _merge_rules([plan.rules for plan in plans]),
        weight,
        plans[0].schedule,
    )

    def after_epoch(epoch: Epoch) -> list[int]:
        stop = []
        for k in epoch.runs:
            on_epoch = plans[k].on_epoch
            if on_epoch is None:
                continue

            def state(k: int = k) -> NetworkState:
                epoch.write_back()
                return NetworkState.from_network(network, run=k).resized(sizes)

            if on_epoch(FitEpoch(epoch.number, epoch.histories[k], state)):
                stop.append(k)
        return stop

    has_callbacks = any(plan.on_epoch is not None for plan in plans)
    histories = train(
        network,
        task,
        runs,
        validation=validation,
        optimizer_state=plans[0].optimizer_state,
        generators=[plan.generator for plan in plans],
        on_epoch=after_epoch if has_callbacks else None,
        after_step=plans[0].after_step,
    )
    return [
        (NetworkState.from_network(network, run=k).resized(sizes), history)
        for k, history in enumerate(histories)
    ]


def _widened(plan: FitPlan) -> tuple[int, ...]:
    """Return the sizes to train with: narrow hidden layers are padded with dead nodes.

    Products with a full register of columns take half the time. A node whose weights
    are all zero gets no gradient if its activation of 0 is 0; with other activations
    nothing is padded. The same on every device, since partial_fit keeps Adam's state.
    """
    first, *hidden, last = plan.start.sizes
    if ACTIVATIONS[plan.start.activation].keeps_zero:
        hidden = [max(width, NARROW) for width in hidden]
    return (first, *hidden, last)


def _batch_of(starts: Sequence[NetworkState], dtype: torch.dtype) -> SpectralMLP:
    """Return networks of equal shape as one batch."""
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
    """Return the rules of K runs as one, with an alpha per run."""

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
