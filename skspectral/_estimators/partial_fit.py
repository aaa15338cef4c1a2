"""Fits chunk by chunk: what goes on from one call of partial_fit to the next."""

import copy
import dataclasses

import numpy as np
import torch
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import InvalidParameterError

from skspectral._columns import DistinctRows, Samples, effective_size
from skspectral._engine import Schedule
from skspectral._estimators.base import BaseSpectralMLP
from skspectral._estimators.batch_training import train_together
from skspectral._estimators.fit_plan import (
    FitData,
    fitted_inputs,
)
from skspectral._estimators.parameters import check_parameters
from skspectral._estimators.targets import target_statistics
from skspectral._estimators.validation import validate_training_rows

__all__ = ["IncrementalSpectralMLP"]


@dataclasses.dataclass(frozen=True)
class StreamCounts:
    """What ``alpha="auto"`` knows of the chunks so far.

    Attributes
    ----------
    n_before : int
        Rows of a fit before the first chunk.
    effective_before : float
        Effective number of these rows.
    distinct : DistinctRows
        Different rows of all chunks.
    n_rows : int
        Rows of all chunks, repeated ones counted again.
    n_effective : float
        Sum of the effective sizes of the chunks.
    """

    n_before: int = 0
    effective_before: float = 0.0
    distinct: DistinctRows = dataclasses.field(default_factory=DistinctRows)
    n_rows: int = 0
    n_effective: float = 0.0

    @property
    def n_different(self) -> int:
        """Number of different rows."""
        return self.n_before + round(self.distinct.count)

    @property
    def effective(self) -> float:
        """Effective number of different rows."""
        share = self.n_effective / self.n_rows
        return self.effective_before + self.distinct.count * share

    def with_chunk(self, table: Samples) -> "StreamCounts":
        """Counts with one chunk more; these stay as they are."""
        distinct, n_chunk = copy.deepcopy(self.distinct), len(table.y)
        distinct.add(table.X, table.y)
        return dataclasses.replace(
            self,
            distinct=distinct,
            n_rows=self.n_rows + n_chunk,
            n_effective=self.n_effective + effective_size(table.weight, n_chunk),
        )


class IncrementalSpectralMLP(BaseSpectralMLP):
    """A network that can be fitted chunk by chunk: the method `partial_fit`."""

    def partial_fit(self, X, y, sample_weight=None):
        """Update the network with one pass over a chunk of rows.

        The rate is constant at `learning_rate_init`. Column statistics are merged over
        the chunks and the first and last layers re-expressed, so that the function does
        not jump when they change (a network without intercepts keeps the statistics of
        its first chunk). Adam's state goes on from chunk to chunk. The penalty is there
        from the first chunk on. `n_iter_` counts chunks.

        The first chunk may be a single row. With ``alpha="auto"`` the strength falls as
        new rows arrive: it counts the *different* rows so far (beyond 1,000 of them to
        about 3 %), so that passes over the same rows do not weaken it. The rows of a
        `fit` before count as well, as others than those of the chunks. Weights count
        within a chunk, and a chunk counts by its rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self
        """
        return self._partial_fit(X, y, sample_weight)

    def _partial_fit(self, X, y, sample_weight):
        first = not self.__sklearn_is_fitted__()
        with self._all_or_nothing():
            check_parameters(self)
            if self.early_stopping:
                raise InvalidParameterError(
                    "partial_fit makes one pass and never stops early; got "
                    "early_stopping=True. Turn it off."
                )
            table = validate_training_rows(
                self, X, y, sample_weight, reset=first, least=1
            )
            self._partial_fit_table(table, first)
        return self

    def _partial_fit_table(self, table, first):
        n_rows = len(table.y)
        seed = int(
            check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        )
        kept = {} if first else getattr(self, "_partial", {})
        counts = kept.get("counts")
        if counts is None:
            before = () if first else (self._n_rows, self._n_effective)
            counts = StreamCounts(*before)
        counts = counts.with_chunk(table)
        # Weights count within a chunk, and a chunk counts by its rows: statistics are
        # merged by these, and gradients divided by the mean weight of their chunk.
        state, losses, y = None, [], target_statistics(self, table)
        if first:
            data = FitData(table, None, fitted_inputs(self, table, y), y)
        else:
            data = FitData(table, None, self._x_columns.updated(table), y)
            self._check_same_shape(data)
            state, x, y = self._carry_over(data.x, self._y_columns.merge(y))
            data = dataclasses.replace(data, x=x, y=y)
            losses = list(self.loss_curve_)
        self._resolve_alpha(counts.n_different, counts.effective, data.x)
        schedule = Schedule(
            n_epochs=1,
            batch_size=self._batch_size(n_rows),
            decay="constant",
            shuffle=self.shuffle,
        )
        same = kept.get("trainable") == self.trainable  # else moments of other numbers
        optimizer_state = kept.get("optimizer") if same else None
        plan = self._plan_training(
            data, schedule, seed, state, optimizer_state=optimizer_state
        )
        if kept:
            plan.generator.set_state(torch.tensor(kept["generator"], device="cpu"))
        ((state, history),) = train_together([plan])
        self._finish(plan, state, history, warn=False)
        self._partial = {
            "trainable": self.trainable,
            "generator": plan.generator.get_state().numpy(),
            "optimizer": history.optimizer_state,
            "counts": counts,
        }
        self.loss_curve_ = losses + self.loss_curve_
        self.n_iter_ = len(self.loss_curve_)
