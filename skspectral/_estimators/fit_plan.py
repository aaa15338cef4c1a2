"""The plan of a fit: all that training needs, decided before anything is trained.

Plans that differ only in rows, alphas, learning rate and seed can train as one batch of
networks: these are the columns of :class:`skspectral._engine.RunTable`.
"""

import dataclasses
import itertools
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import torch
from scipy import sparse

from skspectral._columns import (
    Encoding,
    Inputs,
    Samples,
    as_numbers,
    fit_inputs,
)
from skspectral._engine import AfterStep, History, LayerRule, Loss, Schedule
from skspectral._estimators.network_state import NetworkState
from skspectral._estimators.targets import TargetStatistics, working_targets

__all__ = [
    "FitData",
    "FitEpoch",
    "FitPlan",
    "fitted_inputs",
    "runs_at_once",
]


CACHE_BYTES = 6 * 2**20  # second level and a share of the third; measured: 4 to 10 MB


@dataclass(frozen=True, eq=False)
class FitData:
    """The data of a fit: checked rows, inputs, statistics of targets.

    Attributes
    ----------
    table : Samples
    watched : Samples or None
        Validation rows.
    x : Inputs
    y : ColumnStatistics or TargetScale
        Statistics of the targets.
    """

    table: Samples
    watched: Samples | None
    x: Inputs
    y: TargetStatistics


def fitted_inputs(estimator: Any, table: Samples, y: TargetStatistics) -> Inputs:
    """Return inputs fitted on checked rows; a fit that goes on keeps those it has."""
    standardize = estimator.standardize in (True, "X")
    if estimator._continues():
        return estimator._x_columns.refitted(table, standardize=standardize)
    reader = estimator._reader
    return fit_inputs(
        table,
        Encoding(estimator.encoding, estimator.n_knots),
        standardize=standardize,
        n_codes={c: len(values) for c, values in reader.categories.items()},
        names=reader.names,
        targets=lambda rows: as_numbers(working_targets(table.y[rows], y)),
    )


@dataclass(frozen=True)
class FitEpoch:
    """The state of one fit after an epoch, as its callback receives it.

    Attributes
    ----------
    number : int
        From 0.
    history : History
    state : callable
        ``state()`` returns the present network, as arrays.
    """

    number: int
    history: History
    state: Callable[[], NetworkState]


@dataclass
class FitPlan:
    """One fit, decided but not yet trained.

    Attributes
    ----------
    data : FitData
        Fits that have the same object share its rows on the device.
    start : NetworkState
    rules : tuple of LayerRule
    schedule : Schedule
    loss : Loss
    learning_rate : float
    seed : int
    generator : torch.Generator
        On the CPU; permutes the rows.
    dtype : torch.dtype
    device : torch.device
    optimizer_state : dict or None
        State to go on from.
    on_epoch : callable or None
        Called after each epoch; if it returns True this fit ends, and no other.
    after_step : callable or None
        See :func:`skspectral._engine.train`; the same for all plans of a batch.
    """

    data: FitData
    start: NetworkState
    rules: tuple[LayerRule, ...]
    schedule: Schedule
    loss: Loss
    learning_rate: float
    seed: int
    generator: torch.Generator
    dtype: torch.dtype
    device: torch.device
    optimizer_state: dict[str, Any] | None = None
    on_epoch: Callable[[FitEpoch], bool] | None = None
    after_step: AfterStep | None = None

    @property
    def runs_at_once(self) -> int:
        """Networks like this one that are worth training in one batch."""
        batch_size = min(self.schedule.batch_size, len(self.data.table.y))
        return runs_at_once(self.start.sizes, batch_size, self.dtype, self.device)

    def kind(self) -> Hashable:
        """Return a key: plans of equal keys can train together."""
        table, watched = self.data.table, self.data.watched
        return (
            self.start.sizes,
            self.data.x.layout,
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
            None if self.optimizer_state is None else id(self.optimizer_state),
            self.after_step,
        )


def runs_at_once(
    sizes: tuple[int, ...], batch_size: int, dtype: torch.dtype, device: torch.device
) -> int:
    """Return how many networks of these sizes are worth training in one batch.

    On a CPU: as many as keep what a step touches within a core's caches; a larger batch
    is slower than one network at a time. On a GPU: as many as a tenth of its free
    memory holds.
    """
    parameters = sum((a + 2) * b for a, b in itertools.pairwise(sizes))
    activations = batch_size * (sizes[0] + 2 * sum(sizes[1:]))
    itemsize = 8 if dtype == torch.float64 else 4
    n_bytes = itemsize * (7 * parameters + activations)
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return max(1, int(free / 10 / n_bytes))
    return max(1, CACHE_BYTES // n_bytes)
