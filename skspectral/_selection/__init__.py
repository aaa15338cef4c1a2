"""What trains many networks: the pruner, the grid search, CV estimators, ensembles."""

from skspectral._selection.ensemble import (
    SpectralEnsembleClassifier,
    SpectralEnsembleRegressor,
)
from skspectral._selection.fold_fits import lowest_allowed
from skspectral._selection.network_cv import (
    SpectralMLPClassifierCV,
    SpectralMLPRegressorCV,
)
from skspectral._selection.pruner import SpectralPruner
from skspectral._selection.scoring import named_scorer
from skspectral._selection.search import SpectralGridSearchCV

__all__ = [
    "SpectralEnsembleClassifier",
    "SpectralEnsembleRegressor",
    "SpectralGridSearchCV",
    "SpectralMLPClassifierCV",
    "SpectralMLPRegressorCV",
    "SpectralPruner",
    "lowest_allowed",
    "named_scorer",
]
