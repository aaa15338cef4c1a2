"""Neural networks for tables that tell which of their nodes are in use."""

from skspectral import datasets, nn
from skspectral._columns import ColumnEncoder
from skspectral._estimators import SpectralMLPClassifier, SpectralMLPRegressor
from skspectral._inspection import (
    NodeDisplay,
    PruningCurveDisplay,
    RegularizationPathDisplay,
    RelevanceDisplay,
    node_functions,
    null_importances,
    pruning_curve,
    regularization_path,
)
from skspectral._selection import SpectralGridSearchCV, SpectralPruner

__version__ = "0.1.0"

__all__ = [
    "ColumnEncoder",
    "NodeDisplay",
    "PruningCurveDisplay",
    "RegularizationPathDisplay",
    "RelevanceDisplay",
    "SpectralGridSearchCV",
    "SpectralMLPClassifier",
    "SpectralMLPRegressor",
    "SpectralPruner",
    "datasets",
    "nn",
    "node_functions",
    "null_importances",
    "pruning_curve",
    "regularization_path",
]
