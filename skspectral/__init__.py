"""Neural networks for tables that tell which of their nodes are in use."""

from skspectral import datasets, nn
from skspectral._estimators import SpectralMLPClassifier, SpectralMLPRegressor
from skspectral._inspection import (
    PruningCurveDisplay,
    RegularizationPathDisplay,
    RelevanceDisplay,
    null_importances,
    pruning_curve,
    regularization_path,
)
from skspectral._selection import SpectralGridSearchCV, SpectralPruner

__version__ = "0.1.0"

__all__ = [
    "PruningCurveDisplay",
    "RegularizationPathDisplay",
    "RelevanceDisplay",
    "SpectralGridSearchCV",
    "SpectralMLPClassifier",
    "SpectralMLPRegressor",
    "SpectralPruner",
    "datasets",
    "nn",
    "null_importances",
    "pruning_curve",
    "regularization_path",
]
