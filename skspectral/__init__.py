"""Neural networks for tables that tell which of their nodes are in use."""

from skspectral import datasets, nn
from skspectral._columns import ColumnEncoder
from skspectral._estimators import SpectralMLPClassifier, SpectralMLPRegressor
from skspectral._inspection import (
    AlphaChoiceDisplay,
    NodeDisplay,
    PruningCurveDisplay,
    RegularizationPathDisplay,
    RelevanceDisplay,
    node_functions,
    null_importances,
    pruning_curve,
    regularization_path,
)
from skspectral._selection import (
    SpectralEnsembleClassifier,
    SpectralEnsembleRegressor,
    SpectralGridSearchCV,
    SpectralMLPClassifierCV,
    SpectralMLPRegressorCV,
    SpectralPruner,
)

__version__ = "0.1.0"

__all__ = [
    "AlphaChoiceDisplay",
    "ColumnEncoder",
    "NodeDisplay",
    "PruningCurveDisplay",
    "RegularizationPathDisplay",
    "RelevanceDisplay",
    "SpectralEnsembleClassifier",
    "SpectralEnsembleRegressor",
    "SpectralGridSearchCV",
    "SpectralMLPClassifier",
    "SpectralMLPClassifierCV",
    "SpectralMLPRegressor",
    "SpectralMLPRegressorCV",
    "SpectralPruner",
    "datasets",
    "nn",
    "node_functions",
    "null_importances",
    "pruning_curve",
    "regularization_path",
]
