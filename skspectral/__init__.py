"""Neural networks for tables that tell how wide they had to be."""

from skspectral import datasets, nn
from skspectral._classifier import SpectralMLPClassifier
from skspectral._curve_display import PruningCurveDisplay
from skspectral._curves import pruning_curve
from skspectral._display import RelevanceDisplay
from skspectral._inputs import null_importances
from skspectral._path import regularization_path
from skspectral._path_display import RegularizationPathDisplay
from skspectral._pruner import SpectralPruner
from skspectral._regressor import SpectralMLPRegressor
from skspectral._search import SpectralGridSearchCV

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
