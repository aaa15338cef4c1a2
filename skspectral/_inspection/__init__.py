"""Curves, paths and importances of networks, and the figures that show them."""

from skspectral._inspection.alpha_choice_display import AlphaChoiceDisplay
from skspectral._inspection.importances import null_importances
from skspectral._inspection.node_display import NodeDisplay
from skspectral._inspection.node_functions import node_functions
from skspectral._inspection.pruning_curve_display import PruningCurveDisplay
from skspectral._inspection.pruning_curves import pruning_curve
from skspectral._inspection.regularization_path_display import RegularizationPathDisplay
from skspectral._inspection.regularization_paths import regularization_path
from skspectral._inspection.relevance_display import RelevanceDisplay

__all__ = [
    "AlphaChoiceDisplay",
    "NodeDisplay",
    "PruningCurveDisplay",
    "RegularizationPathDisplay",
    "RelevanceDisplay",
    "node_functions",
    "null_importances",
    "pruning_curve",
    "regularization_path",
]
