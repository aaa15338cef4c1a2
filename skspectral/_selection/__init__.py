"""What trains many networks to choose one: the pruner and the grid search."""

from skspectral._selection.pruner import SpectralPruner
from skspectral._selection.scoring import named_scorer
from skspectral._selection.search import SpectralGridSearchCV

__all__ = ["SpectralGridSearchCV", "SpectralPruner", "named_scorer"]
