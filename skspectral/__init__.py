"""Neural networks for tables that tell how wide they had to be."""

from skspectral import datasets, nn
from skspectral._estimator import SpectralMLPClassifier, SpectralMLPRegressor
from skspectral._pruner import SpectralPruner

__all__ = [
    "SpectralMLPClassifier",
    "SpectralMLPRegressor",
    "SpectralPruner",
    "datasets",
    "nn",
]
