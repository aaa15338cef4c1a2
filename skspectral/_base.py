"""How both estimators fit: read the rows, train, name the results, warn."""

import itertools
import warnings
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from skspectral import _fit
from skspectral._fitted import FittedSpectralMLP
from skspectral._objective import LOSSES
from skspectral._parameters import check_parameters, hidden_sizes
from skspectral._runs import Runs, Schedule
from skspectral._scaling import Columns
from skspectral._state import NetworkState, reexpress, start_network
from skspectral._step import Adam
from skspectral._train import Epoch, History, Task, train

__all__ = ["BaseSpectralMLP"]

DTYPES = {"float32": torch.float32, "float64": torch.float64}


class BaseSpectralMLP(FittedSpectralMLP):
    """Shared mechanics; see the two public classes for the parameters.

    A subclass says what its targets are: ``_read_targets(y, reset)``, and names its
    outputs; ``_regression`` tells whether targets are scaled.
    """

    _regression: bool

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
        check_parameters(self)
        before = vars(self).copy()
        try:
            table = self._read(X, y, sample_weight, reset=not self._continues())
            watched = self._read_watched(X_val, y_val, sample_weight_val)
            self._fit_table(table, watched)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise
        return self

    def _continues(self) -> bool:
        return self.warm_start and self.__sklearn_is_fitted__()

    def _read(self, X, y, sample_weight, *, reset: bool, first: bool = True):
        """Checked rows of positive weight, with their targets and weights."""
        self._refuse_strings(y)
        X, y = validate_data(
            self,
            X,
            y,
            reset=reset,
            accept_sparse=["csr", "csc"],
            dtype=[np.float64, np.float32],
            multi_output=True,
            y_numeric=self._regression,
            ensure_min_samples=2 if first else 1,
        )
        weight = self._check_weight(sample_weight, len(y))
        y, weight = self._read_targets(y, weight, reset=reset)
        if hasattr(X, "tocsr"):
            X = X.tocsr()
        table = _fit.Table(X, y, weight)
        if weight is not None and not weight.all():
            # A row of weight 0 is a row that is not there: not in the statistics, not
            # in the validation split, not in a minibatch.
            table = _fit.take_rows(table, np.flatnonzero(weight))
        return table

    def _refuse_strings(self, y) -> None:
        if not self._regression or y is None:
            return
        strings = [v for v in np.ravel(np.asarray(y))[:1] if isinstance(v, str)]
        if strings:
            raise ValueError(
                f"y must hold numbers; got {strings[0]!r}. For classes use "
                "SpectralMLPClassifier."
            )

    @staticmethod
    def _check_weight(weight, n_rows: int, name: str = "sample_weight"):
        if weight is None:
            return None
        weight = np.asarray(weight, dtype=np.float64)
        if weight.ndim == 0:
            weight = np.full(n_rows, float(weight))
        if weight.shape != (n_rows,):
            raise ValueError(
                f"`{name}` must hold one weight per sample, shape ({n_rows},); got "
                f"shape {weight.shape}. Sample weights must be 1D array or scalar."
            )
        if not np.isfinite(weight).all() or (weight < 0).any():
            bad = weight[~(np.isfinite(weight) & (weight >= 0))][0]
            raise ValueError(
                f"`{name}` must be finite and >= 0; got a weight of {bad}. Negative "
                "values in data passed to `sample_weight` have no meaning here; give "
                "rows to leave out a weight of 0."
            )
        if not weight.any():
            raise ValueError(
                f"`{name}` must have a positive entry; got all-zero weights "
                "(sample weights are all zero). Leave it out to weigh rows alike."
            )
        return weight

    def _read_watched(self, X, y, sample_weight):
        if (X is None) != (y is None):
            missing, given = ("y_val", "X_val") if y is None else ("X_val", "y_val")
            raise ValueError(
                "`X_val` and `y_val` must be passed together; got only "
                f"{given}. Pass {missing} as well, or neither."
            )
        if X is None:
            if sample_weight is not None:
                raise ValueError(
                    "`sample_weight_val` weighs the rows of X_val; got it without "
                    "X_val and y_val. Pass these as well."
                )
            return None
        X, y = validate_data(
            self,
            X,
            y,
            reset=False,
            accept_sparse=["csr", "csc"],
            dtype=[np.float64, np.float32],
            multi_output=True,
            y_numeric=self._regression,
        )
        weight = self._check_weight(sample_weight, len(y), "sample_weight_val")
        y, weight = self._read_targets(y, weight, reset=False, watched=True)
        return _fit.Table(X.tocsr() if hasattr(X, "tocsr") else X, y, weight)

    def _fit_table(self, table, watched) -> None:
        continues = self._continues()
        rng = check_random_state(self.random_state)
        seed = int(rng.randint(np.iinfo(np.int32).max))
        if self.early_stopping and watched is None:
            table, watched = _fit.split_off(
                table,
                self.validation_fraction,
                classes=self._strata(table.y),
                seed=int(rng.randint(np.iinfo(np.int32).max)),
            )
        self._resolve_alpha(len(table.y))
        regression = self._regression
        x, y = _fit.statistics(table, self.standardize, regression=regression)
        if continues:
            self._check_same_shape(table)
            state, x, y = self._carry_over(x, y)
        else:
            state = None
        batch_size = self._batch_size(len(table.y))
        n_epochs = _fit.auto_max_iter(len(table.y), batch_size)
        if self.max_iter != "auto":
            n_epochs = int(self.max_iter)
        patience = max(10, n_epochs // 20)
        if self.n_iter_no_change != "auto":
            patience = int(self.n_iter_no_change)
        stops = self.early_stopping or self.learning_rate == "constant"
        schedule = Schedule(
            n_epochs=n_epochs,
            batch_size=batch_size,
            decay=self.learning_rate,
            shuffle=self.shuffle,
            tol=float(self.tol),
            patience=patience if stops else None,
        )
        self._run(table, watched, x, y, schedule, seed, state)
        self._report(schedule)

    def _run(
        self,
        table,
        watched,
        x: Columns,
        y: Columns,
        schedule: Schedule,
        seed: int,
        state: NetworkState | None,
        *,
        alpha: float | None = None,
        generator: torch.Generator | None = None,
        optimizer: dict[str, Any] | None = None,
    ) -> History:
        """Train one network on checked rows and name the results."""
        dtype = DTYPES[self.dtype]
        sizes = (
            table.X.shape[1],
            *hidden_sizes(self.hidden_layer_sizes),
            self._n_network_outputs(table),
        )
        device = _fit.choose_device(
            self.device,
            work=self._batch_size(len(table.y))
            * sum(a * b for a, b in itertools.pairwise(sizes)),
        )
        rules = self._rules(len(sizes) - 1, alpha)
        generator = generator or torch.Generator().manual_seed(seed)
        if state is None:
            network = start_network(
                sizes,
                rules,
                activation=self.activation,
                generator=generator,
                dtype=dtype,
            ).to(device)
        else:
            network = state.to_network(batch=True, dtype=dtype, device=device)
        loss = LOSSES[self._loss_name()]
        task = Task(
            _fit.as_rows(table.X, x, dtype, device),
            _fit.as_target(table.y, y, dtype, device),
            loss,
        )
        validation = None
        if watched is not None:
            weight = watched.weight
            validation = Task(
                _fit.as_rows(watched.X, x, dtype, device),
                _fit.as_target(watched.y, y, dtype, device),
                loss,
                None if weight is None else torch.tensor(weight)[None],
            )
        weight = table.weight
        runs = Runs(
            learning_rate=torch.tensor([self.learning_rate_init], dtype=torch.float64),
            seeds=(seed,),
            layers=rules,
            weight=None if weight is None else torch.tensor(weight, dtype=dtype)[None],
            schedule=schedule,
        )
        adam = None
        if optimizer is not None:
            adam = Adam(torch.tensor(optimizer["mean"]))
            adam.mean.copy_(adam.parameters)
            adam.square.copy_(torch.tensor(optimizer["square"]))
            adam.t = optimizer["t"]
        (history,) = train(
            network,
            task,
            runs,
            validation=validation,
            optimizer=adam,
            generators=[generator],
            on_epoch=self._progress(schedule.n_epochs),
        )
        if history.ended == "diverged":
            raise ValueError(
                "the loss must stay finite; it became "
                f"{history.loss[-1]} in epoch {len(history.loss)} with "
                f"learning_rate_init={self.learning_rate_init}. Lower "
                "learning_rate_init, or look for extreme values in X and y."
            )
        if history.ended == "interrupted" and not history.loss:
            raise KeyboardInterrupt
        self._name_results(network, history, x, y, table, device)
        return history

    def _name_results(self, network, history, x, y, table, device) -> None:
        self._take_state(NetworkState.from_network(network, run=0))
        self._x_columns, self._y_columns = x, y
        self.n_iter_ = len(history.loss)
        self.loss_curve_ = history.loss
        self.loss_ = history.loss[-1] if history.loss else None
        if history.validation_loss:
            self.validation_loss_curve_ = history.validation_loss
        elif hasattr(self, "validation_loss_curve_"):
            del self.validation_loss_curve_
        self.best_epoch_ = history.best_epoch
        self.n_layers_ = len(self.eigenvectors_) + 1
        self.n_outputs_ = self._n_network_outputs(table)
        self.device_ = str(device)
        self._ended = history.ended

    def _resolve_alpha(self, n_rows: int) -> None:
        # Squared error is twice a negative log-likelihood: the same prior on the
        # weights, of variance 1/2, is 1/n beside cross-entropy and 2/n beside it. Below
        # 1e-4 noisy tables are overfitted; above 1e-2 no node is worth its price.
        auto = min(max((2.0 if self._regression else 1.0) / n_rows, 1e-4), 1e-2)
        self.alpha_ = auto if self.alpha == "auto" else float(self.alpha)
        self._n_rows = n_rows

    def _batch_size(self, n_rows: int) -> int:
        if self.batch_size == "auto":
            return _fit.auto_batch_size(n_rows)
        return min(int(self.batch_size), n_rows)

    def _progress(self, n_epochs: int):
        """Lines of ``verbose``, about ten of them; every epoch from 2 on."""
        if not self.verbose:
            return None
        every = 1 if self.verbose > 1 else max(1, n_epochs // 10)

        def tell(epoch: Epoch) -> None:
            number = epoch.number + 1
            if number % every and number != n_epochs:
                return
            history = epoch.histories[0]
            line = f"epoch {number:>{len(str(n_epochs))}}/{n_epochs}"
            line += f"  loss {history.loss[-1]:.6f}"
            if history.validation_loss:
                line += f"  validation {history.validation_loss[-1]:.6f}"
            print(line, flush=True)  # noqa: T201

        return tell

    def _report(self, schedule: Schedule) -> None:
        """Warn of what a user should know about the fit."""
        if self._ended == "interrupted":
            warnings.warn(
                f"fit was interrupted; the network is that of epoch {self.n_iter_} of "
                f"{schedule.n_epochs}.",
                ConvergenceWarning,
                stacklevel=4,
            )
            return
        if len(self.eigenvectors_) < 2 or self.gate == "both":
            return
        core = self._core()
        if core.vanished:
            warnings.warn(
                "the relevance of every node of a hidden layer vanished: the targets "
                "need no hidden node, or alpha is too large. One node is kept.",
                ConvergenceWarning,
                stacklevel=4,
            )
        penalised = min(self._alphas(None)[a] for a in ("alpha_phi", "alpha_lambda"))
        gated = self.parametrization == "spectral" and self.trainable == "all"
        if core.forming and gated and penalised > 0:
            warnings.warn(
                f"the core is still forming after max_iter={schedule.n_epochs} epochs: "
                "no gap sets the dead nodes apart from the living. Raise max_iter, or "
                f"alpha (now {self.alpha_:.3g}); or cut with prune(threshold=0.05).",
                ConvergenceWarning,
                stacklevel=4,
            )

    def partial_fit(self, X, y, sample_weight=None):
        """Update the network with one pass over a chunk of rows.

        The rate is constant at `learning_rate_init`. Column statistics are merged over
        the chunks and the first and last layers re-expressed, so that the function does
        not jump when they change (a network without intercepts keeps the statistics of
        its first chunk). Adam's state goes on from chunk to chunk.

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
        check_parameters(self)
        first = not self.__sklearn_is_fitted__()
        before = vars(self).copy()
        try:
            table = self._read(X, y, sample_weight, reset=first, first=first)
            self._partial_fit_table(table, first)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise
        return self

    def _partial_fit_table(self, table, first: bool) -> None:
        rng = check_random_state(self.random_state)
        seed = int(rng.randint(np.iinfo(np.int32).max))
        generator = torch.Generator().manual_seed(seed)
        self._resolve_alpha(len(table.y) + (0 if first else self._n_rows))
        regression = self._regression
        x, y = _fit.statistics(table, self.standardize, regression=regression)
        state, optimizer, losses = None, None, []
        if not first:
            self._check_same_shape(table)
            state, x, y = self._carry_over(x, y, merge=True)
            kept = getattr(self, "_partial", None)
            losses = list(self.loss_curve_)
            if kept is not None:
                optimizer = kept["optimizer"]
                generator.set_state(torch.tensor(kept["generator"]))
        schedule = Schedule(
            n_epochs=1,
            batch_size=self._batch_size(len(table.y)),
            decay="constant",
            shuffle=self.shuffle,
        )
        history = self._run(
            table,
            None,
            x,
            y,
            schedule,
            seed,
            state,
            generator=generator,
            optimizer=optimizer,
        )
        adam = history.optimizer
        assert adam is not None
        self._partial = {
            "generator": generator.get_state().numpy(),
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
        have = self._state().sizes
        if wanted != have:
            raise ValueError(
                "warm_start and partial_fit go on with the fitted network, of sizes "
                f"{have}; got data and parameters for {wanted}. Clone the estimator "
                "to start anew."
            )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
