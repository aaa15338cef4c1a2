"""Neural networks for tables that tell how wide they had to be."""

from skspectral import datasets, nn
from skspectral._curve_display import PruningCurveDisplay, RegularizationPathDisplay
from skspectral._curves import pruning_curve
from skspectral._display import RelevanceDisplay
from skspectral._estimator import SpectralMLPClassifier, SpectralMLPRegressor
from skspectral._path import regularization_path

__all__ = [
    "PruningCurveDisplay",
    "RegularizationPathDisplay",
    "RelevanceDisplay",
    "SpectralMLPClassifier",
    "SpectralMLPRegressor",
    "datasets",
    "nn",
    "pruning_curve",
    "regularization_path",
]
