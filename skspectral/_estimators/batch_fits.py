"""Several fits of this package at once."""

import contextlib
import warnings

from sklearn.exceptions import ConvergenceWarning

from skspectral._estimators.base import BaseSpectralMLP
from skspectral._estimators.batch_training import train_together
from skspectral._estimators.parameters import check_parameters

__all__ = ["fit_together", "interrupt_ends_all", "trains_in_batches"]


@contextlib.contextmanager
def interrupt_ends_all():
    """One Ctrl-C ends all that happens inside, not only the fit at hand."""
    told = "fit was interrupted"
    with warnings.catch_warnings():
        warnings.filterwarnings("error", told, ConvergenceWarning)
        try:
            yield
        except ConvergenceWarning as warning:
            if told not in str(warning):
                raise
            raise KeyboardInterrupt from None


def trains_in_batches(estimator) -> bool:
    """Whether its fit is that of this package: then such fits can share a batch."""
    return (
        isinstance(estimator, BaseSpectralMLP)
        and type(estimator).fit is BaseSpectralMLP.fit
    )


def fit_together(estimators, arguments, *, warn=True):
    """Fit estimators of this package, in batches where they are alike enough.

    Parameters
    ----------
    estimators : sequence of unfitted estimators
        Of one class. A subclass with a fit of its own is fitted by it, one by one.
    arguments : sequence of (X, y, parameters of fit)
    warn : bool, default=True
        Whether each may warn as in its fit.
    """
    plans = []
    for estimator, (X, y, parameters) in zip(estimators, arguments, strict=True):
        if not trains_in_batches(estimator):
            estimator.fit(X, y, **parameters)
            continue
        check_parameters(estimator)
        plans.append(estimator._plan(*estimator._read(X, y, **parameters)))
    trained = train_together(plans)
    planned = [estimator for estimator in estimators if trains_in_batches(estimator)]
    for estimator, plan, (state, history) in zip(planned, plans, trained, strict=True):
        estimator._finish(plan, state, history, warn=warn)
