"""Several fits of this package at once."""

import contextlib
import itertools
import warnings
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from skspectral._estimators.auto import choose_device
from skspectral._estimators.base import BaseSpectralMLP
from skspectral._estimators.batch_training import train_together
from skspectral._estimators.fit_plan import FitPlan, runs_at_once
from skspectral._estimators.network_state import DTYPES
from skspectral._estimators.parameters import check_parameters

__all__ = [
    "fit_together",
    "interrupt_ends_all",
    "networks_at_once",
    "trains_in_batches",
]


@contextlib.contextmanager
def interrupt_ends_all():
    """Let one Ctrl-C end all that happens inside, not only the present fit."""
    message = "fit was interrupted"
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message, ConvergenceWarning)
        try:
            yield
        except ConvergenceWarning as warning:
            if message not in str(warning):
                raise
            raise KeyboardInterrupt from None


def trains_in_batches(estimator) -> bool:
    """Whether fits of this estimator can share a batch: `fit` is not overridden."""
    return (
        isinstance(estimator, BaseSpectralMLP)
        and type(estimator).fit is BaseSpectralMLP.fit
    )


def fit_together(estimators, arguments, *, warn=True):
    """Fit estimators of this package, in batches where they are alike enough.

    Parameters
    ----------
    estimators : sequence of unfitted estimators
        Of one class. A subclass that overrides `fit` is fitted by it, one by one.
    arguments : sequence of (X, y, parameters of fit)
        Where all of them are the same objects for several estimators, these may differ
        in alphas, rates and seeds only, and share one copy of the rows.
    warn : bool, default=True
        Whether each may warn as in its fit.

    Raises
    ------
    KeyboardInterrupt
        Without `warn`, also for a single fit: nothing else would show that it ended
        early.
    """
    plans: list[FitPlan] = []
    read: dict[Any, Any] = {}
    for estimator, (X, y, parameters) in zip(estimators, arguments, strict=True):
        if not trains_in_batches(estimator):
            estimator.fit(X, y, **parameters)
            continue
        check_parameters(estimator)
        key = tuple(map(id, (X, y, *parameters.values()))), tuple(parameters)
        if key not in read:
            before = set(vars(estimator))
            tables = estimator._read(X, y, **parameters)
            learned = {k: v for k, v in vars(estimator).items() if k not in before}
            read[key] = tables, learned, {}
        tables, learned, known = read[key]
        vars(estimator).update(learned)
        plans.append(estimator._plan(*tables, known=known))
    trained = train_together(plans)
    if not warn and any(history.ended == "interrupted" for _, history in trained):
        raise KeyboardInterrupt
    planned = [estimator for estimator in estimators if trains_in_batches(estimator)]
    for estimator, plan, (state, history) in zip(planned, plans, trained, strict=True):
        estimator._finish(plan, state, history, warn=warn)


def networks_at_once(estimator, sizes: tuple[int, ...], n_rows: int) -> int:
    """Return how many fits like this one are worth training in one batch.

    Parameters
    ----------
    estimator : estimator of this package
    sizes : tuple of int
        Of its network, inputs and outputs included.
    n_rows : int
        Rows of the fit.
    """
    batch_size = estimator._batch_size(n_rows)
    work = batch_size * sum(a * b for a, b in itertools.pairwise(sizes))
    device = choose_device(estimator.device, work=work)
    return runs_at_once(sizes, batch_size, DTYPES[estimator.dtype], device)
