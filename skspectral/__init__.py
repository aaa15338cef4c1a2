"""Neural networks for tables that tell how wide they had to be."""

from skspectral import datasets, nn
from skspectral._estimator import SpectralMLPClassifier, SpectralMLPRegressor
from skspectral._inputs import null_importances
from skspectral._pruner import SpectralPruner
from skspectral._search import SpectralGridSearchCV

__all__ = [
    "SpectralGridSearchCV",
    "SpectralMLPClassifier",
    "SpectralMLPRegressor",
    "SpectralPruner",
    "datasets",
    "nn",
    "null_importances",
]
