"""The estimators: neural networks for tables that know how wide they had to be."""

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, column_or_1d

from skspectral._base import BaseSpectralMLP

__all__ = ["SpectralMLPClassifier", "SpectralMLPRegressor"]


class SpectralMLPRegressor(RegressorMixin, BaseSpectralMLP):
    _regression = True

    def __init__(
        self,
        *,
        hidden_layer_sizes=256,
        activation="relu",
        fit_intercept=True,
        parametrization="spectral",
        gate="out",
        trainable="all",
        alpha=1e-4,
        alpha_phi=None,
        alpha_lambda=None,
        alpha_readout=None,
        standardize=True,
        batch_size="auto",
        learning_rate="linear",
        learning_rate_init=5e-3,
        max_iter="auto",
        tol=1e-4,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        shuffle=True,
        warm_start=False,
        random_state=None,
        dtype="float32",
        device="auto",
        verbose=False,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.fit_intercept = fit_intercept
        self.parametrization = parametrization
        self.gate = gate
        self.trainable = trainable
        self.alpha = alpha
        self.alpha_phi = alpha_phi
        self.alpha_lambda = alpha_lambda
        self.alpha_readout = alpha_readout
        self.standardize = standardize
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.shuffle = shuffle
        self.warm_start = warm_start
        self.random_state = random_state
        self.dtype = dtype
        self.device = device
        self.verbose = verbose

    def _read_targets(self, y, weight, *, reset, watched=False):
        if watched:
            if (1 if y.ndim == 1 else y.shape[1]) != self._n_targets:
                raise ValueError(
                    f"`y_val` must have as many outputs as y, {self._n_targets}; got "
                    f"shape {y.shape}. Pass all targets of the validation rows."
                )
        else:
            self._target_ndim = y.ndim
            self._n_targets = 1 if y.ndim == 1 else y.shape[1]
        return y.reshape(len(y), -1).astype(np.float64), weight

    def _strata(self, y):
        return None

    def _n_network_outputs(self, table):
        return table.y.shape[1]

    def _loss_name(self):
        return "squared_error"

    def predict(self, X):
        """Predict targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs), float64
            Shaped as the y of fit.
        """
        outputs = self._outputs(X)
        return outputs[:, 0] if self._target_ndim == 1 else outputs

    def to_sklearn(self):
        mlp = MLPRegressor(
            hidden_layer_sizes=self._state().sizes[1:-1],
            activation=self._sklearn_activation(),
        )
        return self._hand_over(mlp, "identity")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class SpectralMLPClassifier(ClassifierMixin, BaseSpectralMLP):
    _regression = False

    def __init__(
        self,
        *,
        hidden_layer_sizes=256,
        activation="relu",
        fit_intercept=True,
        parametrization="spectral",
        gate="out",
        trainable="all",
        alpha=1e-4,
        alpha_phi=None,
        alpha_lambda=None,
        alpha_readout=None,
        standardize=True,
        batch_size="auto",
        learning_rate="linear",
        learning_rate_init=5e-3,
        max_iter="auto",
        tol=1e-4,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        shuffle=True,
        warm_start=False,
        random_state=None,
        dtype="float32",
        device="auto",
        verbose=False,
        class_weight=None,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.fit_intercept = fit_intercept
        self.parametrization = parametrization
        self.gate = gate
        self.trainable = trainable
        self.alpha = alpha
        self.alpha_phi = alpha_phi
        self.alpha_lambda = alpha_lambda
        self.alpha_readout = alpha_readout
        self.standardize = standardize
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.shuffle = shuffle
        self.warm_start = warm_start
        self.random_state = random_state
        self.dtype = dtype
        self.device = device
        self.verbose = verbose
        self.class_weight = class_weight

    def _read_targets(self, y, weight, *, reset, watched=False):
        check_classification_targets(y)
        multilabel = type_of_target(y) == "multilabel-indicator"
        if not multilabel:
            y = column_or_1d(y, warn=True)
        if reset:
            self._multilabel = multilabel
            self.classes_ = np.arange(y.shape[1]) if multilabel else np.unique(y)
        if multilabel != self._multilabel or (
            multilabel and y.shape[1] != len(self.classes_)
        ):
            raise ValueError(
                "y must be of the kind that the classifier was fitted on, "
                f"{len(self.classes_)} {'labels' if self._multilabel else 'classes'}; "
                f"got y of shape {y.shape}. Clone the estimator to start anew."
            )
        if multilabel:
            return self._read_multilabel(y, weight)
        if len(self.classes_) < 2:
            raise ValueError(
                "y must hold at least two classes; got one class, "
                f"{self.classes_[0]!r}. Check how the rows were selected."
            )
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"y must hold the classes {self.classes_.tolist()}; got "
                f"{unknown.tolist()} as well. In partial_fit, name all classes in the "
                "first call with `classes`."
            )
        codes = np.searchsorted(self.classes_, y).astype(np.int64)
        if not watched:
            self._class_factors = self._factors_of_classes(y)
        if self._class_factors is not None:
            factors = self._class_factors[codes]
            weight = factors if weight is None else weight * factors
        if len(self.classes_) == 2:
            return codes[:, None].astype(np.float64), weight
        return codes[:, None], weight

    def _read_multilabel(self, y, weight):
        if self.class_weight is not None:
            raise ValueError(
                "`class_weight` weighs the classes of one target; got class_weight="
                f"{self.class_weight!r} for several labels. Pass sample_weight instead."
            )
        y = y.toarray() if hasattr(y, "toarray") else y
        return np.asarray(y, dtype=np.float64), weight

    def _factors_of_classes(self, y):
        if self.class_weight is None:
            return None
        present = np.unique(y)
        named = self.class_weight
        if isinstance(named, dict):
            strangers = [c for c in named if c not in self.classes_]
            if strangers:
                raise ValueError(
                    f"`class_weight` must name classes of y, {self.classes_.tolist()}; "
                    f"got {strangers} as well. Leave these out: a class that is not "
                    "named weighs 1."
                )
        factors = np.ones(len(self.classes_))
        values = compute_class_weight(named, classes=present, y=y)
        factors[np.searchsorted(self.classes_, present)] = values
        return factors

    def _strata(self, y):
        return None if self._multilabel else y[:, 0].astype(np.int64)

    def _n_network_outputs(self, table):
        if self._multilabel or len(self.classes_) == 2:
            return table.y.shape[1]
        return len(self.classes_)

    def _loss_name(self):
        if self._multilabel or len(self.classes_) == 2:
            return "sigmoid"
        return "cross_entropy"

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        first = not self.__sklearn_is_fitted__()
        if isinstance(self.class_weight, str):
            raise ValueError(
                "partial_fit sees a chunk at a time and cannot balance classes; got "
                f"class_weight={self.class_weight!r}. Pass a dict of weights."
            )
        if first and classes is not None:
            self._announced = np.unique(np.asarray(classes))
        try:
            return self._partial_fit(X, y, sample_weight)
        finally:
            vars(self).pop("_announced", None)

    def decision_function(self, X):
        outputs = self._outputs(X)
        return outputs[:, 0] if self._is_binary() else outputs

    def _is_binary(self):
        return not self._multilabel and len(self.classes_) == 2

    def predict_proba(self, X):
        outputs = self._outputs(X)
        if self._is_binary():
            p = expit(outputs[:, 0])
            return np.stack([1 - p, p], axis=1)
        return expit(outputs) if self._multilabel else softmax(outputs, axis=1)

    def predict(self, X):
        outputs = self._outputs(X)
        if self._multilabel:
            return (outputs > 0).astype(np.int64)
        if self._is_binary():
            return self.classes_[(outputs[:, 0] > 0).astype(np.int64)]
        return self.classes_[outputs.argmax(1)]

    def to_sklearn(self):
        mlp = MLPClassifier(
            hidden_layer_sizes=self._state().sizes[1:-1],
            activation=self._sklearn_activation(),
        )
        binarizer = LabelBinarizer()
        if self._multilabel:
            binarizer.fit(np.eye(2, len(self.classes_), dtype=int) + [[0], [1]] > 0)
        else:
            binarizer.fit(self.classes_)
        mlp._label_binarizer = binarizer
        mlp.classes_ = self.classes_
        kind = "logistic" if self._multilabel or self._is_binary() else "softmax"
        return self._hand_over(mlp, kind)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
