"""Checks of the parameters of a pruner."""

from collections.abc import Iterable

from sklearn import get_config
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.validation import check_is_fitted

from skspectral._core import NO_CORE
from skspectral._estimators import (
    FLAG,
    MERGE,
    Rule,
    check_cut_parameters,
    check_parameters,
    check_rules,
    hidden_sizes,
    is_finite_number,
    is_integer,
)

__all__ = ["check_pruner"]


PRUNER_RULES = {
    "max_loss": Rule(
        "a finite number >= 0 or None",
        lambda v: v is None or (is_finite_number(v) and v >= 0),
        "It is the score that a cut may cost; None cuts by relevance alone.",
    ),
    "rule": Rule(
        "'absolute' or 'one_standard_error'",
        lambda v: isinstance(v, str) and v in ("absolute", "one_standard_error"),
        "It says what `max_loss` is counted from.",
    ),
    "scoring": Rule(
        "None, the name of one score, or a callable",
        lambda v: v is None or isinstance(v, str) or callable(v),
        "A cut is judged by a single number.",
    ),
    "cv": Rule(
        "an integer >= 2, a splitter or an iterable of splits",
        lambda v: (
            v is None
            or (is_integer(v) and v >= 2)
            or (
                not isinstance(v, (str, bytes))
                and (hasattr(v, "split") or isinstance(v, Iterable))
                and getattr(v, "ndim", 1) > 0
            )
        ),
        "An integer is the number of folds that `max_loss` is measured on.",
    ),
    "merge": MERGE,
    "refit": FLAG,
}


def _check_parameters(pruner, widths: tuple[int, ...]) -> None:
    """Raise for the first parameter of a pruner that breaks its rule.

    Raises
    ------
    InvalidParameterError
        With the rule, the value and the way out. It is scikit-learn's, a ValueError.
    """
    if get_config()["skip_parameter_validation"]:
        return
    parameters = pruner.get_params(deep=False)
    check_rules({name: parameters[name] for name in PRUNER_RULES}, PRUNER_RULES)
    threshold, n_nodes = parameters["threshold"], parameters["n_nodes"]
    given = [n for n in ("n_nodes", "max_loss") if parameters[n] is not None]
    if threshold is None and given:
        threshold = "gap"
    if not (isinstance(threshold, str) and threshold == "gap"):
        given.insert(0, "threshold")
    if len(given) > 1:
        got = " and ".join(f"{name}={parameters[name]!r}" for name in given)
        raise InvalidParameterError(
            "pass either `threshold`, `n_nodes` or `max_loss`; got "
            f"{got}. Each of them is a cut of its own: keep one."
        )
    if parameters["rule"] != "absolute" and parameters["max_loss"] is None:
        raise InvalidParameterError(
            "`rule` says what `max_loss` is counted from; got "
            f"rule={parameters['rule']!r} and max_loss=None. Pass max_loss=0 for the "
            "rule alone."
        )
    relevance = parameters["relevance"]
    check_cut_parameters(
        widths, threshold=threshold, n_nodes=n_nodes, relevance=relevance
    )


def check_pruner(pruner):
    """Return the estimator to cut, after a check of it and of all parameters."""
    inner = pruner._inner()
    if isinstance(inner, type) or not hasattr(inner, "prune"):
        raise InvalidParameterError(
            "`estimator` must be a SpectralMLPRegressor or SpectralMLPClassifier, "
            f"or a FrozenEstimator around one; got {inner!r}. A Pipeline or a "
            "search goes around the pruner: it is the step after the "
            "preprocessing, make_pipeline(SimpleImputer(), SpectralPruner(...))."
        )
    if pruner._is_frozen():
        try:
            check_is_fitted(inner)
        except NotFittedError:
            raise NotFittedError(
                "a FrozenEstimator must hold a fitted estimator; got "
                f"{inner!r}, which is not fitted yet. Fit it first, or pass it "
                "without FrozenEstimator and the pruner fits it."
            ) from None
        state = inner._state()
        widths, both = state.sizes[1:-1], "both" in state.gates
    else:
        check_parameters(inner)
        widths = hidden_sizes(inner.hidden_layer_sizes)
        both = inner.gate == "both" and inner.parametrization == "spectral"
    _check_parameters(pruner, widths)
    if not widths:
        raise ValueError(
            "a pruner cuts hidden nodes, so it needs a hidden layer; got "
            "hidden_layer_sizes=(). Give the network a width, or use it without "
            "the pruner."
        )
    if both:
        raise ValueError(NO_CORE)
    return inner
