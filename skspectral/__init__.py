"""Neural networks for tables that tell how wide they had to be."""

from skspectral import datasets, nn
from skspectral._estimator import SpectralMLPClassifier, SpectralMLPRegressor

__all__ = ["SpectralMLPClassifier", "SpectralMLPRegressor", "datasets", "nn"]
