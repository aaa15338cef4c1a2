"""How both estimators fit: read the rows, plan, train, name the results, warn."""

import contextlib
import dataclasses
import itertools
import warnings
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from skspectral import _fit
from skspectral._adam import Adam
from skspectral._callbacks import (
    BOOKKEEPING,
    CallbackSupportMixin,
    follow_epochs,
    tell_lines,
    with_callbacks,
)
from skspectral._fitted import FittedSpectralMLP
from skspectral._parameters import check_parameters, hidden_sizes
from skspectral._reading import read_table, read_watched
from skspectral._runs import Schedule
from skspectral._scaling import Columns
from skspectral._state import DTYPES, NetworkState, reexpress, start_network
from skspectral._task import History
from skspectral._together import Data, Plan, train_together

__all__ = ["BaseSpectralMLP", "ended_as_a_whole", "fit_together", "trains_here"]

GOES_ON = "warm_start, partial_fit and refit go on with the fitted network"
ANEW = "Clone the estimator to start anew."


class BaseSpectralMLP(CallbackSupportMixin, FittedSpectralMLP):
    """Shared mechanics; see the two public classes for the parameters.

    A subclass says what its targets are: ``_read_targets(y, reset)``, and names its
    outputs; ``_regression`` tells whether targets are scaled. A fit is three steps,
    which a search takes for many fits at once: ``_read`` the rows, ``_plan`` the
    training, ``_finish`` with its results.
    """

    _regression: bool

    @with_callbacks
    def fit(
        self,
        X,
        y,
        sample_weight=None,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
    ):
        """Fit the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Sparse rows are made dense minibatch by minibatch.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets; classes for the classifier, or an indicator matrix of labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0. A row of weight 0 is a row that is not there.
        X_val, y_val : array-like, default=None
            Rows to watch: `validation_loss_curve_` is computed on them, and
            `early_stopping` uses them instead of a part of X.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the rows to watch.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For a parameter or data outside its rule, or a loss that became non-finite.
            The estimator is then what it was before the call.
        """
        with self._all_or_nothing():
            check_parameters(self)
            reset = not self._continues()
            validation = (X_val, y_val, sample_weight_val)
            tables = self._read(X, y, sample_weight, *validation, reset=reset)
            plan = self._plan(*tables)
            tell_end = self._tell_callbacks(plan, X, y, sample_weight)
            ((state, history),) = train_together([plan])
            self._finish(plan, state, history)
            vars(self).pop("_partial", None)  # of another training
            tell_end()
        return self

    @contextlib.contextmanager
    def _all_or_nothing(self):
        """An error leaves the estimator as it was before."""
        before = vars(self).copy()
        try:
            yield
        except BaseException:
            # What callbacks keep here they clear themselves.
            before |= {k: v for k, v in vars(self).items() if k.startswith(BOOKKEEPING)}
            vars(self).clear()
            vars(self).update(before)
            raise

    def _continues(self) -> bool:
        return self.warm_start and self.__sklearn_is_fitted__()

    def _read(
        self,
        X,
        y,
        sample_weight=None,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
        *,
        reset=True,
    ):
        """Checked rows to learn from, and rows to watch or None."""
        table = read_table(self, X, y, sample_weight, reset=reset)
        return table, read_watched(self, X_val, y_val, sample_weight_val)

    def _plan(self, table, watched=None, *, known: dict | None = None) -> Plan:
        """Decide all of a fit.

        `known` keeps the data of plans on the same rows, so that they can share them.
        """
        seed, split_seed = self._draw_seeds()
        splits = self.early_stopping and watched is None
        key = (self.standardize, splits and (self.validation_fraction, split_seed))
        data = None if known is None else known.get(key)
        if data is None:
            if splits:
                table, watched = _fit.split_off(
                    table,
                    self.validation_fraction,
                    classes=self._strata(table.y),
                    seed=split_seed,
                )
            statistics = _fit.statistics(
                table, self.standardize, regression=self._regression
            )
            data = Data(table, watched, *statistics)
            if known is not None:
                known[key] = data
        self._resolve_alpha(len(data.table.y))
        state = None
        if self._continues():
            self._check_same_shape(data.table)
            state, x, y = self._carry_over(data.x, data.y)
            data = dataclasses.replace(data, x=x, y=y)
        return self._plan_training(data, self._schedule(len(data.table.y)), seed, state)

    def _draw_seeds(self) -> tuple[int, int]:
        """Seeds of the network and of the split."""
        rng = check_random_state(self.random_state)
        first, second = rng.randint(np.iinfo(np.int32).max, size=2)
        return int(first), int(second)

    def _schedule(self, n_rows: int) -> Schedule:
        batch_size = self._batch_size(n_rows)
        n_epochs = _fit.auto_max_iter(n_rows, batch_size)
        if self.max_iter != "auto":
            n_epochs = int(self.max_iter)
        patience = max(10, n_epochs // 20)
        if self.n_iter_no_change != "auto":
            patience = int(self.n_iter_no_change)
        stops = self.early_stopping or self.learning_rate == "constant"
        # Nodes of a fitted network have learned.
        warmup = 0 if self._continues() else int(self.n_iter_warmup)
        return Schedule(
            n_epochs=n_epochs,
            batch_size=batch_size,
            decay=self.learning_rate,
            shuffle=self.shuffle,
            tol=float(self.tol),
            patience=patience if stops else None,
            warmup=warmup,
            watch=self.early_stopping,
        )

    def _plan_training(
        self,
        data: Data,
        schedule: Schedule,
        seed: int,
        state: NetworkState | None,
        *,
        alpha: float | None = None,
        optimizer: dict[str, Any] | None = None,
    ) -> Plan:
        """Plan on given data, from a given network or a fresh start."""
        sizes = (
            data.table.X.shape[1],
            *hidden_sizes(self.hidden_layer_sizes),
            self._n_network_outputs(data.table),
        )
        rules = self._rules(len(sizes) - 1, alpha)
        generator = torch.Generator().manual_seed(seed)
        dtype = DTYPES[self.dtype]
        if state is None:
            network = start_network(
                sizes,
                rules,
                activation=self.activation,
                generator=generator,
                dtype=dtype,
            )
            state = NetworkState.from_network(network, run=0)
        device = _fit.choose_device(
            self.device,
            work=schedule.batch_size * sum(a * b for a, b in itertools.pairwise(sizes)),
        )
        adam = None
        if optimizer is not None:
            adam = Adam(torch.tensor(optimizer["mean"]))
            adam.mean.copy_(adam.parameters)
            adam.square.copy_(torch.tensor(optimizer["square"]))
            adam.t = optimizer["t"]
        plan = Plan(
            data=data,
            start=state,
            rules=rules,
            schedule=schedule,
            loss=self._loss_name(),
            learning_rate=float(self.learning_rate_init),
            seed=seed,
            generator=generator,
            dtype=dtype,
            device=device,
            optimizer=adam,
        )
        if self.verbose:
            plan.on_epoch = tell_lines(schedule.n_epochs, self.verbose)
        return plan

    def _tell_callbacks(self, plan: Plan, X, y, sample_weight):
        """Begin a task for callbacks, if there are any; returns what ends it."""
        context = self._init_callback_context(max_subtasks=plan.schedule.n_epochs)
        if not getattr(self, "_skl_callbacks", None):
            return lambda: None
        weight = None if sample_weight is None else {"sample_weight": sample_weight}
        data = {"X": X, "y": y, "metadata": weight}
        context.call_on_fit_task_begin(estimator=self, **data)
        follow = follow_epochs(
            context,
            self,
            lambda epoch: self._results(plan, epoch.state(), epoch.history),
            **data,
        )
        lines = plan.on_epoch
        plan.on_epoch = (
            follow if lines is None else lambda epoch: lines(epoch) or follow(epoch)
        )
        return lambda: context.call_on_fit_task_end(
            estimator=self, reconstruction_attributes=dict, **data
        )

    def _results(self, plan: Plan, state: NetworkState, history: History) -> dict:
        """Fitted attributes, from a trained network."""
        results = {
            "_network_state": state,
            "_is_core": False,
            "_x_columns": plan.data.x,
            "_y_columns": plan.data.y,
            "n_iter_": len(history.loss),
            "loss_curve_": list(history.loss),
            "loss_": history.loss[-1] if history.loss else None,
            "best_epoch_": history.best_epoch,
            "n_layers_": len(state.phi) + 1,
            "n_outputs_": self._n_network_outputs(plan.data.table),
            "_trained_rules": plan.rules,
            "device_": str(plan.device),
        }
        if history.validation_loss:
            results["validation_loss_curve_"] = list(history.validation_loss)
        return results

    def _finish(self, plan, state, history, *, warn=True):
        """Name the results of a training, or raise for its failure."""
        if history.ended == "diverged":
            name, losses = "loss", history.loss
            if np.isfinite(losses[-1]):
                name, losses = "validation loss", history.validation_loss
            raise ValueError(
                f"the {name} must stay finite; it became {losses[-1]} in epoch "
                f"{len(losses)} with learning_rate_init={self.learning_rate_init}. "
                f"Lower it or alpha ({self.alpha_:.3g}), or look for extreme values in "
                "X and y."
            )
        if history.ended == "interrupted" and not history.loss:
            raise KeyboardInterrupt
        vars(self).pop("validation_loss_curve_", None)
        vars(self).update(self._results(plan, state, history))
        if warn:
            self._warn(history, plan.schedule.n_epochs)

    def _resolve_alpha(self, n_rows: int) -> None:
        # Chosen on tables: weaker ones overfit those with noise, below 1e-4 large ones
        # as well; above 1e-2 no node is worth its price.
        auto = min(max(2.0 / n_rows, 1e-4), 1e-2)
        self.alpha_ = auto if self.alpha == "auto" else float(self.alpha)
        self._n_rows = n_rows

    def _batch_size(self, n_rows: int) -> int:
        if self.batch_size == "auto":
            return _fit.auto_batch_size(n_rows)
        return min(int(self.batch_size), n_rows)

    def _warn(self, history: History, n_epochs: int) -> None:
        """Warn of what a user should know about the fit."""
        if history.ended == "callback":
            return  # whoever stopped it knows
        if history.ended == "interrupted":
            warnings.warn(
                f"fit was interrupted; the network is that of epoch {self.n_iter_} of "
                f"{n_epochs}.",
                ConvergenceWarning,
                stacklevel=5,
            )
            return
        if len(self._network_state.phi) < 2 or self.gate == "both":
            return
        core = self._core()
        if core.vanished:
            warnings.warn(
                "the relevance of every node of a hidden layer vanished: the targets "
                "need no hidden node, or alpha is too large. One node is kept.",
                ConvergenceWarning,
                stacklevel=5,
            )
        penalised = min(self._alphas(None)[a] for a in ("alpha_phi", "alpha_lambda"))
        gated = self.parametrization == "spectral" and self.trainable == "all"
        if core.forming and gated and penalised > 0:
            longer = "Raise max_iter"
            if self.n_iter_ < n_epochs:
                longer = "It was stopped early: lower tol, or raise n_iter_no_change"
            # No number in it: warnings that differ are all shown, one a candidate.
            warnings.warn(
                "the core is still forming: no gap sets the dying nodes apart from the "
                f"living, so that the core counts both. {longer} or alpha; or cut with "
                "prune(threshold=0.05).",
                ConvergenceWarning,
                stacklevel=5,
            )

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
            table = read_table(self, X, y, sample_weight, reset=first, first=first)
            self._partial_fit_table(table, first)
        return self

    def _partial_fit_table(self, table, first):
        n_rows = len(table.y)
        seed = int(
            check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        )
        self._resolve_alpha(n_rows + (0 if first else self._n_rows))
        statistics = _fit.statistics(
            table, self.standardize, regression=self._regression
        )
        data = Data(table, None, *statistics)
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
        optimizer = kept.get("optimizer") if same else None
        plan = self._plan_training(data, schedule, seed, state, optimizer=optimizer)
        if kept:
            plan.generator.set_state(torch.tensor(kept["generator"]))
        ((state, history),) = train_together([plan])
        self._finish(plan, state, history, warn=False)
        adam = history.optimizer
        assert adam is not None
        self._partial = {
            "trainable": self.trainable,
            "generator": plan.generator.get_state().numpy(),
            "optimizer": {
                "mean": adam.mean.cpu().numpy(),
                "square": adam.square.cpu().numpy(),
                "t": adam.t,
            },
        }
        self.loss_curve_ = losses + self.loss_curve_
        self.n_iter_ = len(self.loss_curve_)

    def _carry_over(self, x: Columns, y: Columns, *, merge: bool = False):
        """The fitted network under the statistics of new rows."""
        x_old, y_old = self._x_columns, self._y_columns
        if merge:
            x, y = x_old.merge(x), y_old.merge(y)
        state = self._state()
        if state.bias[0] is None:
            x = x_old
        if state.bias[-1] is None:
            y = y_old
        return reexpress(state, (x_old, x), (y_old, y)), x, y

    def _check_same_shape(self, table) -> None:
        sizes = hidden_sizes(self.hidden_layer_sizes)
        wanted = (table.X.shape[1], *sizes, self._n_network_outputs(table))
        state = self._state()
        if wanted != state.sizes:
            raise ValueError(
                f"{GOES_ON}, of sizes {state.sizes}; got data and parameters for "
                f"{wanted}. {ANEW}"
            )
        gates = tuple(rule.gate for rule in self._rules(len(wanted) - 1, None))
        has_bias = state.bias[0] is not None
        for what, have, asked in (
            ("gates", state.gates, gates),
            ("activation", state.activation, self.activation),
            ("fit_intercept", has_bias, bool(self.fit_intercept)),
        ):
            if have != asked:
                raise ValueError(
                    f"{GOES_ON}, with {what}={have!r}; got parameters for "
                    f"{what}={asked!r}. {ANEW}"
                )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


@contextlib.contextmanager
def ended_as_a_whole():
    """One Ctrl-C ends all that happens inside, not only the fit at hand."""
    told = "fit was interrupted"
    with warnings.catch_warnings():
        warnings.filterwarnings("error", told, ConvergenceWarning)
        try:
            yield
        except ConvergenceWarning as warning:
            if told not in str(warning):
                raise
            raise KeyboardInterrupt from None


def trains_here(estimator) -> bool:
    """Whether its fit is that of this package: then such fits can share a batch."""
    return (
        isinstance(estimator, BaseSpectralMLP)
        and type(estimator).fit is BaseSpectralMLP.fit
    )


def fit_together(estimators, arguments, *, warn=True):
    """Fit estimators of this package, in batches where they are alike enough.

    Parameters
    ----------
    estimators : sequence of unfitted estimators
        Of one class. A subclass with a fit of its own is fitted by it, one by one.
    arguments : sequence of (X, y, parameters of fit)
    warn : bool, default=True
        Whether each may warn as in its fit.
    """
    plans = []
    for estimator, (X, y, parameters) in zip(estimators, arguments, strict=True):
        if not trains_here(estimator):
            estimator.fit(X, y, **parameters)
            continue
        check_parameters(estimator)
        plans.append(estimator._plan(*estimator._read(X, y, **parameters)))
    trained = train_together(plans)
    planned = [estimator for estimator in estimators if trains_here(estimator)]
    for estimator, plan, (state, history) in zip(planned, plans, trained, strict=True):
        estimator._finish(plan, state, history, warn=warn)
