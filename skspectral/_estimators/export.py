"""The fitted network in other hands: scikit-learn's MLP, a torch module."""

import copy

import numpy as np
import torch
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelBinarizer

from skspectral._estimators.targets import link_of
from skspectral.nn import ACTIVATIONS, Exponential, QuantileSteps, Standardized

__all__ = ["as_sklearn_mlp", "as_torch_module"]


def as_torch_module(network, x, y) -> Standardized:
    """Network between its inputs (Inputs x) and predictions (TargetStatistics y)."""
    arrays = (x.statistics.mean, x.statistics.divisor, y.mean, y.multiplier)
    x_mean, x_scale, y_mean, y_scale = (
        torch.tensor(array, device="cpu") for array in arrays
    )
    columns = None if x.is_plain else copy.deepcopy(x.module)
    link = link_of(y)
    return Standardized(network, x_mean, x_scale, y_mean, y_scale, columns, link)


def as_sklearn_mlp(estimator, *, classes=None, multilabel: bool = False):
    """The same network as MLPRegressor, or as MLPClassifier where classes are given.

    Where the inputs are not the columns of the table, a Pipeline of the encoder and the
    MLP.

    Raises
    ------
    ValueError
        For ``activation="silu"``, which scikit-learn's MLP does not have.
    """
    state = estimator._state()
    if not ACTIVATIONS[state.activation].in_sklearn:
        names = [name for name, known in ACTIVATIONS.items() if known.in_sklearn]
        raise ValueError(
            f"scikit-learn's MLP has the activations {', '.join(names)}; "
            f"got activation={state.activation!r}. Export with to_torch() instead."
        )
    kind = MLPRegressor if classes is None else MLPClassifier
    link = link_of(estimator._y_columns)
    parameters = {"loss": "poisson"} if isinstance(link, Exponential) else {}
    if not set(parameters) <= set(kind().get_params()):
        raise ValueError(
            "the MLP of scikit-learn 1.6 has no log link; got "
            f"loss={estimator.loss!r}. Update it, or export with to_torch()."
        )
    if isinstance(link, QuantileSteps):
        raise ValueError(
            "scikit-learn's MLP has no curves that do not cross; got quantile="
            f"{estimator.quantile!r}. Export with to_torch(), or fit one level."
        )
    mlp = kind(
        hidden_layer_sizes=state.sizes[1:-1],
        activation=state.activation,
        **parameters,
    )
    mlp.coefs_, mlp.intercepts_ = estimator.coefs_, estimator.intercepts_
    mlp.n_layers_ = len(mlp.coefs_) + 1
    mlp.n_outputs_ = mlp.coefs_[-1].shape[1]
    mlp.out_activation_ = "exp" if parameters else "identity"
    mlp.n_iter_, mlp.loss_ = estimator.n_iter_, estimator.loss_
    mlp.loss_curve_ = list(estimator.loss_curve_)
    mlp.best_loss_ = estimator.best_loss_
    # Scores on validation rows, which scikit-learn's early stopping watches.
    mlp.validation_scores_ = mlp.best_validation_score_ = None
    mlp.n_features_in_ = mlp.coefs_[0].shape[0]
    is_plain = estimator._x_columns.is_plain
    if is_plain and hasattr(estimator, "feature_names_in_"):
        mlp.feature_names_in_ = estimator.feature_names_in_
    if classes is not None:
        # MLPClassifier keeps its decoder in a private attribute; there is no other way
        # to give it one short of fitting it.
        every_label = np.stack(
            [np.zeros(len(classes), int), np.ones(len(classes), int)]
        )
        mlp.classes_ = classes
        mlp._label_binarizer = LabelBinarizer().fit(
            every_label if multilabel else classes
        )
        binary = multilabel or len(classes) == 2
        mlp.out_activation_ = "logistic" if binary else "softmax"
    return mlp if is_plain else make_pipeline(estimator.encoder_, mlp)
