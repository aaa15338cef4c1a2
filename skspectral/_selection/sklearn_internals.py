"""Private names of scikit-learn that a search needs, all in one place.

:class:`~sklearn.model_selection.GridSearchCV` has no hook for how its fits are trained:
``fit`` hands ``_run_search`` a closure that trains them one by one. So the search here
repeats the outline of that method, with these parts of it. Tested from scikit-learn 1.6
to 1.9.
"""

import warnings
from collections.abc import Callable
from typing import Any

from sklearn.metrics._scorer import _BaseScorer, _PassthroughScorer
from sklearn.model_selection._search import _MultimetricScorer
from sklearn.model_selection._validation import (
    _insert_error_scores,
    _score,
    _warn_or_raise_about_fit_failures,
)
from sklearn.utils import parallel
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _check_method_params

__all__ = [
    "check_method_params",
    "insert_error_scores",
    "is_multimetric",
    "only_predicts",
    "safe_split",
    "score",
    "warn_or_raise_about_fit_failures",
    "with_warning_filters",
]

check_method_params = _check_method_params
insert_error_scores = _insert_error_scores
safe_split = _safe_split
score = _score
warn_or_raise_about_fit_failures = _warn_or_raise_about_fit_failures

# scikit-learn 1.7 and later carry the warning filters to workers themselves.
CARRIES_FILTERS = hasattr(parallel._FuncWrapper, "with_config_and_warning_filters")


def is_multimetric(scorer: Any) -> bool:
    """Whether a scorer gives a dict of scores."""
    return isinstance(scorer, _MultimetricScorer)


def only_predicts(scorer: Any) -> bool:
    """Whether a scorer only asks an estimator for predictions, or for its own score.

    Such a scorer may be given the last step of a Pipeline, with transformed rows.
    """
    scorers = scorer._scorers.values() if is_multimetric(scorer) else [scorer]
    return all(isinstance(s, (_BaseScorer, _PassthroughScorer)) for s in scorers)


def with_warning_filters(function: Callable) -> Callable:
    """Return a function that runs under the present warning filters, in any process."""
    return function if CARRIES_FILTERS else _Filtered(function, list(warnings.filters))


class _Filtered:
    def __init__(self, function: Callable, filters: list) -> None:
        self.function, self.filters = function, filters
        self.__name__ = function.__name__

    def __call__(self, *args: Any) -> Any:
        with warnings.catch_warnings():
            warnings.filters[:] = self.filters  # type: ignore[index]
            warnings._filters_mutated()  # type: ignore[attr-defined]
            return self.function(*args)
