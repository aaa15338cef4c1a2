"""Checks of constructor parameters: rule, value, way out."""

import itertools
import math
import sys
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import InvalidParameterError

from skspectral._columns import (
    FLAG,
    Rule,
    check_rules,
    count_of,
    is_finite_number,
    is_flag,
    is_integer,
    one_of,
    strength_of,
)
from skspectral._columns import RULES as RULES_OF_COLUMNS
from skspectral._core import check_cut
from skspectral._estimators.targets import LOSS_NAMES
from skspectral.nn import ACTIVATIONS

__all__ = [
    "FLAG",
    "Rule",
    "check_cut_parameters",
    "check_parameters",
    "check_rules",
    "hidden_sizes",
    "is_finite_number",
    "is_flag",
    "is_integer",
]


def _is_random_state(value: Any) -> bool:
    try:
        check_random_state(value)
    except (TypeError, ValueError):
        return False
    return True


def _widths(value: Any) -> bool:
    if is_integer(value):
        return 1 <= value <= sys.maxsize
    return (isinstance(value, (tuple, list)) or np.ndim(value) == 1) and all(
        is_integer(width) and 1 <= width <= sys.maxsize for width in value
    )


def _level(value: Any) -> bool:
    return is_finite_number(value) and 0 < value < 1


def _levels(value: Any) -> bool:
    if is_finite_number(value):
        return _level(value)
    if not (isinstance(value, (tuple, list)) or np.ndim(value) == 1):
        return False
    return (
        len(value) > 0
        and all(map(_level, value))
        and all(a < b for a, b in itertools.pairwise(value))
    )


RULES: dict[str, Rule] = {
    "loss": one_of(*LOSS_NAMES),
    "quantile": Rule(
        "a number in (0, 1), or several in ascending order",
        _levels,
        "0.5 is the median.",
    ),
    "power": Rule(
        "a number from 1 to 3",
        lambda v: is_finite_number(v) and 1 <= v <= 3,
        "Between 1 and 2 is for sums of few amounts, zeros among them.",
    ),
    "delta": Rule(
        "a finite number > 0",
        lambda v: is_finite_number(v) and v > 0,
        "It counts robust spreads of the target; 0.5 is usual.",
    ),
    "hidden_layer_sizes": Rule(
        "an integer >= 1, of 64 bits, or a tuple of them",
        _widths,
        "For a linear model pass ().",
    ),
    "activation": one_of(*ACTIVATIONS),
    "fit_intercept": FLAG,
    "parametrization": one_of("spectral", "dense"),
    "gate": one_of("out", "in", "both"),
    "trainable": one_of("all", "eigenvalues", "eigenvectors"),
    "alpha": Rule(
        "a finite number >= 0 or 'auto'",
        lambda v: (
            (isinstance(v, str) and v == "auto") or (is_finite_number(v) and v >= 0)
        ),
        "Pass 0 for no penalty.",
    ),
    "alpha_phi": strength_of("None takes `alpha`; 0 is no penalty."),
    "alpha_lambda": strength_of("None takes `alpha`; 0 is no penalty."),
    "alpha_readout": strength_of("None takes `alpha`; 0 is no penalty."),
    "standardize": Rule(
        "True, False, 'X' or 'y'",
        lambda v: (
            isinstance(v, (bool, np.bool_)) or (isinstance(v, str) and v in ("X", "y"))
        ),
        "True scales both X and y.",
    ),
    **RULES_OF_COLUMNS,
    "batch_size": count_of("'auto' chooses by the number of rows.", auto=True),
    "learning_rate": one_of("constant", "linear", "cosine")._replace(
        way_out="It is the schedule; the rate itself is `learning_rate_init`."
    ),
    "learning_rate_init": Rule(
        "a finite number > 0",
        lambda v: is_finite_number(v) and v > 0,
        "The default, 1e-2, suits standardised data.",
    ),
    "max_iter": count_of("It counts epochs; 'auto' lets a core form.", auto=True),
    "tol": strength_of("Pass 0 to count any improvement.", none=False),
    "early_stopping": FLAG,
    "validation_fraction": Rule(
        "a number in (0, 1)",
        lambda v: is_finite_number(v) and 0 < v < 1,
        "It is the share of the rows that early stopping watches.",
    ),
    "n_iter_no_change": Rule(
        "an integer >= 1, infinity or 'auto'",
        lambda v: (
            (isinstance(v, str) and v == "auto")
            or (is_integer(v) and v >= 1)
            or (isinstance(v, Real) and v == math.inf)
        ),
        "It counts epochs; infinity never stops.",
    ),
    "n_iter_warmup": count_of("It counts epochs without penalty; 0 is none.", least=0),
    "shuffle": FLAG,
    "warm_start": FLAG,
    "random_state": Rule(
        "None, an integer from 0 to 2**32 - 1 or a RandomState",
        _is_random_state,
        "An integer makes results reproducible.",
    ),
    "dtype": one_of("float32", "float64"),
    "device": Rule(
        "a string such as 'auto', 'cpu' or 'cuda:0'",
        lambda v: isinstance(v, str),
        "'auto' takes a GPU where the work is large enough to gain.",
    ),
    "verbose": Rule(
        "a bool or an integer >= 0",
        lambda v: isinstance(v, (bool, np.bool_)) or (is_integer(v) and v >= 0),
        "True prints a line now and then.",
    ),
    "class_weight": Rule(
        "None, 'balanced' or a dict from class to a finite weight >= 0",
        lambda v: (
            v is None
            or (
                isinstance(v, dict)
                and all(is_finite_number(w) and w >= 0 for w in v.values())
            )
            or (isinstance(v, str) and v == "balanced")
        ),
        "'balanced' weighs classes inversely to their frequencies.",
    ),
}


def check_parameters(estimator: Any) -> None:
    """Raise for the first constructor parameter that breaks its rule.

    Parameters are read as attributes: a subclass may have fewer of them in its own
    constructor, and set the others.

    Raises
    ------
    InvalidParameterError
        With the rule, the value and the way out. It is scikit-learn's, a ValueError.
    """
    # No `_parameter_constraints`: scikit-learn would check these in words of its own,
    # which have no way out.
    check_rules(
        {name: getattr(estimator, name) for name in RULES if hasattr(estimator, name)},
        RULES,
    )
    if get_config()["skip_parameter_validation"]:
        return
    if estimator.parametrization == "dense" and estimator.trainable == "eigenvalues":
        raise InvalidParameterError(
            "`trainable='eigenvalues'` needs `parametrization='spectral'`; got "
            "parametrization='dense', which has no eigenvalues to train. Leave "
            "`trainable='all'` for a dense network."
        )


def check_cut_parameters(widths: tuple[int, ...], **cut: Any) -> None:
    """Raise for the parameters of a cut as for other parameters: see `check_cut`."""
    if get_config()["skip_parameter_validation"]:
        return
    try:
        check_cut(widths, **cut)
    except ValueError as error:
        raise InvalidParameterError(str(error)) from None


def hidden_sizes(value: Any) -> tuple[int, ...]:
    """Widths of the hidden layers as a tuple."""
    return (
        (int(value),) if isinstance(value, Integral) else tuple(int(v) for v in value)
    )
