"""The networks as scikit-learn estimators: parameters, fit, results, exports."""

from skspectral._estimators.base import BaseSpectralMLP
from skspectral._estimators.batch_fits import (
    fit_together,
    interrupt_ends_all,
    networks_at_once,
    trains_in_batches,
)
from skspectral._estimators.batch_training import train_together
from skspectral._estimators.callbacks import (
    BOOKKEEPING,
    NO_CONTEXT,
    CallbackSupportMixin,
    end_callbacks,
    epoch_printer,
    with_callbacks,
)
from skspectral._estimators.classifier import SpectralMLPClassifier
from skspectral._estimators.html import HTMLBelowMixin
from skspectral._estimators.network_state import NetworkState
from skspectral._estimators.parameters import (
    FLAG,
    Rule,
    check_cut_parameters,
    check_parameters,
    check_rules,
    hidden_sizes,
    is_finite_number,
    is_flag,
    is_integer,
)
from skspectral._estimators.pruning import MERGE
from skspectral._estimators.regressor import SpectralMLPRegressor
from skspectral._estimators.target_scores import mean_d2
from skspectral._estimators.targets import link_of
from skspectral._estimators.warn import warn_user

__all__ = [
    "BOOKKEEPING",
    "FLAG",
    "MERGE",
    "NO_CONTEXT",
    "BaseSpectralMLP",
    "CallbackSupportMixin",
    "HTMLBelowMixin",
    "NetworkState",
    "Rule",
    "SpectralMLPClassifier",
    "SpectralMLPRegressor",
    "check_cut_parameters",
    "check_parameters",
    "check_rules",
    "end_callbacks",
    "epoch_printer",
    "fit_together",
    "hidden_sizes",
    "interrupt_ends_all",
    "is_finite_number",
    "is_flag",
    "is_integer",
    "link_of",
    "mean_d2",
    "networks_at_once",
    "train_together",
    "trains_in_batches",
    "warn_user",
    "with_callbacks",
]
