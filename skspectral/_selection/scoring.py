"""Scorers, with their names and whether they take sample weights."""

from collections.abc import Callable
from functools import partial
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring
from sklearn.utils import column_or_1d

from skspectral._estimators import mean_d2

__all__ = ["NamedScorer", "d2_scorer", "likelihood_scorer", "named_scorer"]

LEAST = -36.0  # logarithm of a probability: that of the rounding of 1


class NamedScorer(NamedTuple):
    """A scorer of scikit-learn, and what is known of it.

    Attributes
    ----------
    score : callable
        ``score(estimator, X, y)``, and ``sample_weight=...`` if it takes weights.
    name : str
        For the axis of a figure.
    takes_weight : bool
    """

    score: Callable[..., Any]
    name: str
    takes_weight: bool

    def weights(self, sample_weight: Any) -> dict[str, Any]:
        """Return the keywords to call `score` with, for rows of these weights."""
        passes = self.takes_weight and sample_weight is not None
        return {"sample_weight": sample_weight} if passes else {}


def named_scorer(estimator: Any, scoring: Any) -> NamedScorer:
    """Return the scorer that the parameter `scoring` names.

    Raises
    ------
    ValueError
        For several scores, or a name that scikit-learn does not know.
    """
    if scoring is None:
        name = "accuracy" if is_classifier(estimator) else "R²"
    elif isinstance(scoring, str):
        name = scoring
    elif callable(scoring):
        name = getattr(scoring, "__name__", "score")
    else:
        raise ValueError(
            "`scoring` must be None, the name of a scorer or a callable; got "
            f"scoring={scoring!r}. Pass one score at a time."
        )
    score = check_scoring(estimator, scoring=scoring)
    return NamedScorer(score, name, scoring is None or _takes_weight(score))


def _takes_weight(scorer: Any) -> bool:
    # A scorer of `make_scorer` takes any keyword; the metric inside may not.
    metric = getattr(scorer, "_score_func", scorer)
    try:
        return "sample_weight" in signature(metric).parameters
    except ValueError:  # a builtin has no signature
        return False


def d2_scorer(estimator: Any) -> NamedScorer:
    """Return the scorer of regressors by their own loss: the share it explains."""
    return NamedScorer(partial(_d2, estimator._loss()), "D²", True)


def _d2(loss, regressor, X, y, sample_weight=None) -> float:
    return mean_d2(loss, y, regressor.predict(X), sample_weight)


def likelihood_scorer() -> NamedScorer:
    """Return the scorer of classifiers by the probability they give to the truth."""
    return NamedScorer(_mean_log_likelihood, "mean log-likelihood", True)


def _mean_log_likelihood(classifier, X, y, sample_weight=None) -> float:
    """Return the mean logarithm of the probability given to the true classes.

    Of several labels, the mean over rows and labels.
    """
    logs = classifier.predict_log_proba(X)
    y = y.toarray() if hasattr(y, "toarray") else np.asarray(y)
    if y.ndim == 2 and logs.shape == y.shape:
        # log(1 - p) where the label is absent
        own = np.where(y == 1, logs, np.log1p(-np.exp(np.minimum(logs, -1e-16))))
        own = own.mean(axis=1)
    else:
        y = column_or_1d(y)
        places = np.searchsorted(classifier.classes_, y)
        places = places.clip(0, len(classifier.classes_) - 1)
        own = logs[np.arange(len(y)), places]
        # A class that is only in the test rows has no probability.
        own = np.where(classifier.classes_[places] == y, own, LEAST)
    return float(np.average(np.maximum(own, LEAST), weights=sample_weight))
