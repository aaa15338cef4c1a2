"""The networks as scikit-learn estimators: parameters, fit, results, exports."""

from skspectral._estimators.base import BaseSpectralMLP
from skspectral._estimators.batch_fits import (
    fit_together,
    interrupt_ends_all,
    trains_in_batches,
)
from skspectral._estimators.batch_training import train_together
from skspectral._estimators.callbacks import (
    CallbackSupportMixin,
    end_callbacks,
    epoch_printer,
    with_callbacks,
)
from skspectral._estimators.classifier import SpectralMLPClassifier
from skspectral._estimators.fit_plan import runs_at_once
from skspectral._estimators.network_state import NetworkState
from skspectral._estimators.parameters import Rule, check_parameters, hidden_sizes
from skspectral._estimators.pruning import MERGE, is_merge
from skspectral._estimators.regressor import SpectralMLPRegressor

__all__ = [
    "MERGE",
    "BaseSpectralMLP",
    "CallbackSupportMixin",
    "NetworkState",
    "Rule",
    "SpectralMLPClassifier",
    "SpectralMLPRegressor",
    "check_parameters",
    "end_callbacks",
    "epoch_printer",
    "fit_together",
    "hidden_sizes",
    "interrupt_ends_all",
    "is_merge",
    "runs_at_once",
    "train_together",
    "trains_in_batches",
    "with_callbacks",
]
