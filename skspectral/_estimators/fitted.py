"""A fitted network: relevance, core, weights on raw columns, outputs, exports."""

import html

import numpy as np
import torch
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from skspectral._columns import ColumnEncoder, row_blocks, validate_table
from skspectral._core import (
    NO_CORE,
    Core,
    hidden_relevance,
    input_relevance,
    named_core,
)
from skspectral._engine import layer_rules
from skspectral._estimators.export import as_torch_module
from skspectral._estimators.html import HTMLBelowMixin
from skspectral._estimators.network_state import NetworkState
from skspectral._estimators.targets import predictions_of

__all__ = ["FittedSpectralMLP"]

N_NAMED = 5  # columns that matter most
SPARSE = 0.1  # of the numbers of a sparse table; with more, products take no longer
FAST_PATH_SIZE = 10_000  # of X: more are checked by scikit-learn, which is fast enough


class FittedSpectralMLP(HTMLBelowMixin, BaseEstimator):
    """Fitted attributes, exports and raw outputs of both estimators.

    A fit leaves a network of read-only arrays, `_network_state`, and two sets of column
    statistics; all else is computed from them when asked for.
    """

    _is_core = False  # True after a prune: there is nothing more to cut

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_network_state")

    def _state(self) -> NetworkState:
        if not self.__sklearn_is_fitted__():
            # AttributeError too, so that hasattr is False before fit.
            raise NotFittedError(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' "
                "with appropriate arguments before using this attribute."
            )
        return self._network_state

    def _network(self):
        """The fitted network as a module on the CPU, in standardised units."""
        return self._state().to_network()

    def _core(self) -> Core:
        state = self._state()
        if "both" in state.gates:
            raise AttributeError(NO_CORE)
        return named_core(state.to_network(), is_core=self._is_core)

    def _rules(self, n_layers: int, alpha: float | None = None):
        return layer_rules(
            n_layers,
            gate=self.gate,
            parametrization=self.parametrization,
            trainable=self.trainable,
            bias=self.fit_intercept,
            **self._alphas(alpha),
        )

    def _alphas(self, alpha: float | None) -> dict[str, float]:
        names = ("alpha_phi", "alpha_lambda", "alpha_readout")
        if alpha is not None:
            return dict.fromkeys(names, alpha)
        values = {name: getattr(self, name) for name in names}
        return {n: self.alpha_ if v is None else float(v) for n, v in values.items()}

    @property
    def eigenvectors_(self):
        """Eigenvectors phi of each layer, in standardised units: arrays (out, in)."""
        return list(self._state().phi)

    @property
    def eigenvalues_in_(self):
        """Eigenvalues of the sending nodes of each layer: arrays (in,)."""
        return list(self._state().lambda_in)

    @property
    def eigenvalues_out_(self):
        """Eigenvalues of the receiving nodes of each layer: arrays (out,)."""
        return list(self._state().lambda_out)

    @property
    def n_trained_parameters_(self):
        """Numbers that fit trained: eigenvectors, eigenvalues and biases."""
        count = 0
        for layer, rule in zip(
            self._network().layers, self._trained_rules, strict=True
        ):
            count += rule.phi * layer.phi.numel()
            count += (layer.bias is not None) * rule.bias * layer.out_features
            if rule.lambda_:
                senders = len(set(rule.groups)) if rule.groups else layer.in_features
                count += (rule.gate in ("in", "both")) * senders
                count += (rule.gate in ("out", "both")) * layer.out_features
        return int(count)

    @property
    def layer_relevances_(self):
        """R of the hidden nodes: a list of arrays, one per hidden layer."""
        return [r.numpy() for r in hidden_relevance(self._network())]

    @property
    def feature_relevance_(self):
        """R of every hidden node (not of columns), of shape (n_hidden_nodes,)."""
        return np.concatenate([np.zeros(0), *self.layer_relevances_])

    @property
    def core_mask_(self):
        """Whether each hidden node survives the gap cut, (n_hidden_nodes,)."""
        masks = [mask.numpy() for mask in self._core().masks]
        return np.concatenate([np.zeros(0, dtype=bool), *masks])

    @property
    def core_sizes_(self):
        """Nodes of the core by hidden layer; fits `hidden_layer_sizes`."""
        return tuple(int(mask.sum()) for mask in self._core().masks)

    @property
    def core_formed_(self):
        """Whether a gap sets the dead nodes apart, or no node is dead or nearly so."""
        return self._is_core or not self._core().forming

    @property
    def feature_importances_(self):
        """Importance of each input column, summing to 1 (or all zero)."""
        network, constant = self._network(), self._y_columns.is_constant
        if constant.any():
            with torch.no_grad():
                network.layers[-1].phi[constant] = 0  # no column moves these outputs
        of_inputs, x = input_relevance(network).numpy(), self._x_columns
        # The network never sees a constant input.
        of_inputs[x.statistics.is_constant | constant.all()] = 0.0
        relevance = of_inputs
        if not x.is_plain:  # the norm over the inputs of a column
            squares = np.bincount(x.columns, of_inputs**2, minlength=x.n_columns)
            relevance = np.sqrt(squares)
        total = relevance.sum()
        return relevance / total if total > 0 else relevance

    def _top_columns(self) -> list[tuple[str, float]]:
        """Names and importances of the columns that matter most."""
        importances = self.feature_importances_
        names = getattr(self, "feature_names_in_", None)
        top = np.argsort(-importances, kind="stable")[:N_NAMED]
        return [
            (f"x{c}" if names is None else str(names[c]), float(importances[c]))
            for c in top
            if importances[c] > 0
        ]

    def _html_below(self) -> str:
        """What a fitted network says of itself, in a line."""
        if not self.__sklearn_is_fitted__():
            return ""
        parts = []
        if len(self._network_state.phi) > 1 and self.gate != "both":
            pairs = zip(self.core_sizes_, self._network_state.sizes[1:-1], strict=True)
            counts = ", ".join(f"{n} of {width}" for n, width in pairs)
            parts.append(f"nodes in use: {counts}")
        top = ", ".join(
            f"{html.escape(name)} {s:.2f}" for name, s in self._top_columns()
        )
        if top:
            parts.append(f"columns that matter most: {top}")
        return f"<p>{'; '.join(parts)}</p>" if parts else ""

    @property
    def coefs_(self):
        """Effective weights: float64 arrays (in, out), as in scikit-learn's MLP.

        The first are those of raw columns, where each column is one input of the
        network, else those of the columns of ``encoder_.transform(X)``.
        """
        return self._raw_units()[0]

    @property
    def intercepts_(self):
        """Effective biases: float64 arrays (out,), to go with `coefs_`."""
        return self._raw_units()[1]

    @property
    def encoder_(self):
        """The encoder in front of the network: a fitted ColumnEncoder."""
        check_is_fitted(self)
        return ColumnEncoder._of_network(self, self._reader, self._x_columns)

    def _raw_units(self):
        check_is_fitted(self)
        state, x, y = self._state(), self._x_columns, self._y_columns
        weights = state.weights()
        bias = [
            np.zeros(w.shape[0]) if b is None else b.astype(np.float64)
            for w, b in zip(weights, state.bias, strict=True)
        ]
        if x.is_plain:
            weights[0] = weights[0] / x.statistics.divisor
            bias[0] = bias[0] - weights[0] @ x.statistics.mean
        weights[-1] = weights[-1] * y.multiplier[:, None]
        bias[-1] = y.unstandardized(bias[-1])
        return [np.ascontiguousarray(w.T) for w in weights], bias

    def _outputs(self, X, finish=lambda outputs: outputs) -> np.ndarray:
        """Outputs for raw rows, (n, o), float64, or what `finish` makes of them.

        `finish` sees a block of rows at a time, so that of many classes only the most
        probable one is kept for all rows.
        """

        def scaled_back(outputs):
            return finish(predictions_of(outputs, self._y_columns))

        return self._propagate(X, scaled_back)

    def _hidden(self, X) -> np.ndarray:
        """Activations of the last hidden layer for raw rows, (n, nodes), float64."""
        return self._propagate(X, lambda a: a, hidden=True)

    def _propagate(self, X, finish, *, hidden=False) -> np.ndarray:
        check_is_fitted(self)
        if not self._is_valid(X):
            X = validate_table(self, X, reset=False)
        state, x = self._state(), self._x_columns
        n_rows, out = X.shape[0], np.empty(0)
        X = X.tocsr() if sparse.issparse(X) else X
        is_sparse = sparse.issparse(X) and X.nnz < SPARSE * n_rows * X.shape[1]
        for rows in row_blocks(n_rows, state.widest(x, is_sparse=is_sparse)):
            own = X[rows]
            if sparse.issparse(X) and not is_sparse:
                own = own.toarray()
            values = finish(state.outputs(own, x, hidden=hidden))
            if rows.start == 0:
                # One array, not a list of blocks: kept between the large buffers of
                # the network they would split the memory these need again.
                out = np.empty((n_rows, *values.shape[1:]), values.dtype)
            out[rows] = values
        return out

    def _is_valid(self, X) -> bool:
        """Whether validate_data would return X as it is, without a word.

        Asked first, as validate_data is most of the time of predicting one row.
        """
        return (
            type(X) is np.ndarray
            and X.size <= FAST_PATH_SIZE
            and X.dtype in (np.float64, np.float32)
            and X.ndim == 2
            and len(X) > 0
            and X.shape[1] == self.n_features_in_
            and not hasattr(self, "feature_names_in_")
            and not self._reader.categories
            and bool(np.isfinite(X).all())
        )

    def to_torch(self):
        """The fitted network as a torch module, from raw rows to outputs.

        Returns
        -------
        torch.nn.Module
            Centres and scales its input in float64, applies the network (attribute
            `network`, a :class:`skspectral.nn.SpectralMLP`) and scales back. Takes rows
            of numbers, NaN where one is missing; of categories the codes, as
            ``encoder_.to_numbers(X)`` returns them. Returns float64 of shape (n,
            n_outputs): predictions of the regressor, logits of the classifier. A copy:
            training it does not touch the estimator.
        """
        return as_torch_module(self._network(), self._x_columns, self._y_columns)
