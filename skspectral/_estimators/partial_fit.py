"""Fits chunk by chunk: what goes on from one call of partial_fit to the next."""

import dataclasses

import numpy as np
import torch
from sklearn.utils import check_random_state

from skspectral._columns import fit_statistics
from skspectral._engine import Schedule
from skspectral._estimators.base import BaseSpectralMLP
from skspectral._estimators.batch_training import train_together
from skspectral._estimators.fit_plan import FitData
from skspectral._estimators.parameters import check_parameters
from skspectral._estimators.validation import validate_training_rows

__all__ = ["IncrementalSpectralMLP"]


class IncrementalSpectralMLP(BaseSpectralMLP):
    """A network that can be fitted chunk by chunk: the method `partial_fit`."""

    def partial_fit(self, X, y, sample_weight=None):
        """Update the network with one pass over a chunk of rows.

        The rate is constant at `learning_rate_init`. Column statistics are merged over
        the chunks and the first and last layers re-expressed, so that the function does
        not jump when they change (a network without intercepts keeps the statistics of
        its first chunk). Adam's state goes on from chunk to chunk. The penalty is there
        from the first chunk on. `n_iter_` counts chunks.

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
                raise ValueError(
                    "partial_fit makes one pass and never stops early; got "
                    "early_stopping=True. Turn it off."
                )
            table = validate_training_rows(
                self, X, y, sample_weight, reset=first, first=first
            )
            self._partial_fit_table(table, first)
        return self

    def _partial_fit_table(self, table, first):
        n_rows = len(table.y)
        seed = int(
            check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        )
        self._resolve_alpha(n_rows + (0 if first else self._n_rows))
        x_and_y = fit_statistics(table, self.standardize, regression=self._regression)
        data = FitData(table, None, *x_and_y)
        state, kept, losses = None, {}, []
        if not first:
            self._check_same_shape(table)
            state, x, y = self._carry_over(data.x, data.y, merge=True)
            data = dataclasses.replace(data, x=x, y=y)
            kept = getattr(self, "_partial", {})
            losses = list(self.loss_curve_)
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
        }
        self.loss_curve_ = losses + self.loss_curve_
        self.n_iter_ = len(self.loss_curve_)
