"""How both estimators fit: check, plan, train, set the fitted attributes, warn."""

import contextlib
import dataclasses
import itertools
import math
import sys
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state

from skspectral._columns import (
    Inputs,
    effective_size,
    split_validation_rows,
)
from skspectral._engine import History, Schedule
from skspectral._estimators.auto import (
    auto_alpha,
    auto_batch_size,
    auto_max_iter,
    auto_patience,
    choose_device,
)
from skspectral._estimators.batch_training import train_together
from skspectral._estimators.callbacks import (
    BOOKKEEPING,
    CallbackSupportMixin,
    epoch_callbacks,
    epoch_printer,
    with_callbacks,
)
from skspectral._estimators.fit_plan import (
    FitData,
    FitPlan,
    fitted_inputs,
)
from skspectral._estimators.fit_warnings import warn_of_fit
from skspectral._estimators.fitted import FittedSpectralMLP
from skspectral._estimators.network_start import start_network
from skspectral._estimators.network_state import DTYPES, NetworkState, restandardize
from skspectral._estimators.parameters import check_parameters, hidden_sizes
from skspectral._estimators.targets import TargetStatistics, carried, target_statistics
from skspectral._estimators.validation import (
    check_finite,
    validate_training_rows,
    validate_validation_rows,
)

__all__ = ["BaseSpectralMLP"]

CONTINUES = "warm_start, partial_fit and refit go on with the fitted network"
START_ANEW = "Clone the estimator to start anew."


class BaseSpectralMLP(CallbackSupportMixin, FittedSpectralMLP):
    """What both estimators share; see the two public classes for the parameters.

    A subclass says how its targets are encoded (``_encode_targets``), which loss it
    trains with (``_loss``), what it multiplies ``alpha="auto"`` by (``_alpha_factor``),
    and whether its targets are numbers (``_regression``).
    A fit takes three steps, which a search takes for many fits at once: ``_read``
    checks the rows, ``_plan`` decides the training, ``_finish`` sets the attributes.
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
            Weights >= 0; only their ratios matter. A row of weight 0 is not there, but
            for its class.
        X_val, y_val : array-like, default=None
            Validation rows: `validation_loss_curve_` is computed on them, and
            `early_stopping` uses them instead of a part of X.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the validation rows.

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
            end_callbacks = self._start_callbacks(plan, X, y, sample_weight)
            ((state, history),) = train_together([plan])
            self._finish(plan, state, history)
            vars(self).pop("_partial", None)  # of another training
            end_callbacks()
        return self

    @contextlib.contextmanager
    def _all_or_nothing(self):
        """Set the estimator back to what it was, if an error is raised inside."""
        before = vars(self).copy()
        try:
            yield
        except BaseException:
            # Callbacks clear their own attributes.
            before |= {k: v for k, v in vars(self).items() if k.startswith(BOOKKEEPING)}
            vars(self).clear()
            vars(self).update(before)
            raise

    def _validate_params(self) -> None:
        # scikit-learn's name for it: its decorator of fit, which a subclass may use,
        # calls this. `_parameter_constraints` would be a second table of the rules.
        check_parameters(self)

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
        """Return checked training rows, and validation rows or None."""
        table = validate_training_rows(self, X, y, sample_weight, reset=reset)
        return table, validate_validation_rows(self, X_val, y_val, sample_weight_val)

    def _plan(self, table, watched=None, *, known: dict | None = None) -> FitPlan:
        """Decide everything about a fit, before any training.

        `known` keeps the data of plans on the same rows, so that they can share them.
        """
        seed, split_seed = self._draw_seeds()
        splits = self.early_stopping and watched is None
        key = (
            *(self.standardize, self.encoding, self.n_knots, self._loss()),
            splits and (self.validation_fraction, split_seed),
        )
        data = None if known is None else known.get(key)
        if data is None:
            if splits:
                table, watched = split_validation_rows(
                    table,
                    self.validation_fraction,
                    classes=self._strata(table.y),
                    seed=split_seed,
                )
            y = target_statistics(self, table)
            data = FitData(table, watched, fitted_inputs(self, table, y), y)
            if known is not None:
                known[key] = data
        n_rows = len(data.table.y)
        state = None
        if self._continues():
            self._check_same_shape(data)
            state, x, y = self._carry_over(data.x, data.y)
            data = dataclasses.replace(data, x=x, y=y)
        effective = effective_size(data.table.weight, n_rows)
        self._resolve_alpha(n_rows, effective, data.x)
        return self._plan_training(data, self._schedule(n_rows), seed, state)

    def _draw_seeds(self) -> tuple[int, int]:
        """Seeds of the network and of the split."""
        rng = check_random_state(self.random_state)
        first, second = rng.randint(np.iinfo(np.int32).max, size=2)
        return int(first), int(second)

    def _schedule(self, n_rows: int) -> Schedule:
        batch_size = self._batch_size(n_rows)
        n_epochs = auto_max_iter(n_rows, batch_size)
        if self.max_iter != "auto":
            # Larger integers do not divide into a float, and this many never end.
            n_epochs = min(int(self.max_iter), sys.maxsize)
        patience: float = auto_patience(n_epochs)
        stops = self.early_stopping or self.learning_rate == "constant"
        if self.n_iter_no_change == math.inf:
            # Not None: nothing stops the fit, but it still ends with its best weights.
            patience = math.inf
        elif self.n_iter_no_change != "auto":
            patience = int(self.n_iter_no_change)
        # The nodes of a fitted network have learned already.
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
        data: FitData,
        schedule: Schedule,
        seed: int,
        state: NetworkState | None,
        *,
        alpha: float | None = None,
        optimizer_state: dict[str, Any] | None = None,
    ) -> FitPlan:
        """Plan on given data, from a given network or a fresh start."""
        sizes = (
            len(data.x),
            *hidden_sizes(self.hidden_layer_sizes),
            self._n_network_outputs(data.table),
        )
        rules = self._rules(len(sizes) - 1, alpha)
        if rules[0].gate in ("in", "both") and not data.x.is_plain:
            # All inputs of a column share one: it is kept or dropped as a whole.
            _, groups = np.unique(data.x.columns, return_inverse=True)
            shared = dataclasses.replace(rules[0], groups=tuple(groups.tolist()))
            rules = (shared, *rules[1:])
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
        device = choose_device(
            self.device,
            work=schedule.batch_size * sum(a * b for a, b in itertools.pairwise(sizes)),
        )
        plan = FitPlan(
            data=data,
            start=state,
            rules=rules,
            schedule=schedule,
            loss=self._loss(),
            learning_rate=float(self.learning_rate_init),
            seed=seed,
            generator=generator,
            dtype=dtype,
            device=device,
            optimizer_state=optimizer_state,
        )
        if self.verbose:
            plan.on_epoch = epoch_printer(schedule.n_epochs, self.verbose)
        return plan

    def _start_callbacks(self, plan: FitPlan, X, y, sample_weight):
        """Start the callbacks of a fit, if it has any; return what ends them."""
        context = self._init_callback_context(max_subtasks=plan.schedule.n_epochs)
        if not getattr(self, "_skl_callbacks", None):
            return lambda: None
        weight = None if sample_weight is None else {"sample_weight": sample_weight}
        data = {"X": X, "y": y, "metadata": weight}
        context.call_on_fit_task_begin(estimator=self, **data)
        follow = epoch_callbacks(
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

    def _results(self, plan: FitPlan, state: NetworkState, history: History) -> dict:
        """Return the fitted attributes, from a trained network."""
        watches = self.early_stopping and bool(history.validation_loss)
        results = {
            "_network_state": state,
            "_is_core": False,
            "_x_columns": plan.data.x,
            "_y_columns": plan.data.y,
            "n_iter_": len(history.loss),
            "loss_curve_": list(history.loss),
            "loss_": history.loss[-1] if history.loss else None,
            "best_epoch_": history.best_epoch,
            "best_loss_": None if watches else min(history.loss, default=None),
            "best_validation_loss_": min(history.validation_loss, default=None),
            "n_layers_": len(state.phi) + 1,
            "n_outputs_": self._n_network_outputs(plan.data.table),
            "_trained_rules": plan.rules,
            "_trained_loss": plan.loss,
            "device_": str(plan.device),
        }
        if history.validation_loss:
            results["validation_loss_curve_"] = list(history.validation_loss)
        return results

    def _finish(self, plan, state, history, *, warn=True):
        """Set the fitted attributes, or raise where the training failed."""
        if history.ended == "diverged":
            check_finite(plan.data.table, plan.data.watched)
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
            warn_of_fit(self, history, plan.schedule.n_epochs)

    def _resolve_alpha(self, n_rows: int, effective: float, x: Inputs) -> None:
        if not isinstance(self.alpha, str):
            self.alpha_ = float(self.alpha)
        else:
            self.alpha_ = auto_alpha(
                effective, bends=bool(x.knots), factor=self._alpha_factor()
            )
        self._n_rows, self._n_effective = n_rows, effective

    def _batch_size(self, n_rows: int) -> int:
        if self.batch_size == "auto":
            return auto_batch_size(n_rows)
        return min(int(self.batch_size), n_rows)

    def _carry_over(self, x: Inputs, y: TargetStatistics):
        """Return the fitted network, expressed in the statistics of new rows."""
        x_old, y_old = self._x_columns, self._y_columns
        state = self._state()
        if state.bias[0] is None:
            x = x_old
        if state.bias[-1] is None:
            y = y_old
        else:
            y = carried(y_old, y)
        scales = (x_old.statistics, x.statistics), (y_old, y)
        return restandardize(state, *scales), x, y

    def _check_same_shape(self, data: FitData) -> None:
        sizes = hidden_sizes(self.hidden_layer_sizes)
        wanted = (len(data.x), *sizes, self._n_network_outputs(data.table))
        state = self._state()
        if wanted != state.sizes:
            raise ValueError(
                f"{CONTINUES}, of sizes {state.sizes}; got data and parameters for "
                f"{wanted}. {START_ANEW}"
            )
        gates = tuple(rule.gate for rule in self._rules(len(wanted) - 1, None))
        has_bias = state.bias[0] is not None
        for what, have, asked in (
            ("gates", state.gates, gates),
            ("activation", state.activation, self.activation),
            ("loss", self._trained_loss, self._loss()),
            ("fit_intercept", has_bias, bool(self.fit_intercept)),
        ):
            if have != asked:
                raise ValueError(
                    f"{CONTINUES}, with {what}={have!r}; got parameters for "
                    f"{what}={asked!r}. {START_ANEW}"
                )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags
