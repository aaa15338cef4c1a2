"""Rules of parameters, and the errors that name rule, value and way out."""

import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from sklearn import get_config
from sklearn.utils._param_validation import InvalidParameterError

__all__ = [
    "FLAG",
    "RULES",
    "Rule",
    "check_rules",
    "count_of",
    "is_finite_number",
    "is_flag",
    "is_integer",
    "one_of",
    "strength_of",
]

LONGEST = 150  # characters of a value in an error


class Rule(NamedTuple):
    """The rule of a parameter.

    Attributes
    ----------
    must : str
        What a value must be.
    holds : callable
        Whether a value keeps the rule.
    way_out : str
        What to do instead.
    """

    must: str
    holds: Callable[[Any], bool]
    way_out: str


def is_finite_number(value: Any) -> bool:
    """Whether a value is a finite number, and not True or False."""
    if not isinstance(value, Real) or isinstance(value, (bool, np.bool_)):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:  # an integer too large for a float
        return False


def is_integer(value: Any) -> bool:
    """Whether a value is an integer, NumPy's included, and not True or False."""
    return isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))


def one_of(*options: Any) -> Rule:
    names = ", ".join(repr(option) for option in options)
    must = f"one of {names}" if len(options) > 1 else names

    def holds(value: Any) -> bool:
        if isinstance(value, str):  # NumPy's strings too
            return str(value) in options
        # `in` alone would let 1 pass for True.
        return any(type(value) is type(o) and value == o for o in options)

    return Rule(must, holds, "Choose one of these.")


def is_flag(value: Any) -> bool:
    """Whether a value is True or False, NumPy's included."""
    return isinstance(value, (bool, np.bool_))


FLAG = Rule("True or False", is_flag, "Use True or False.")


def strength_of(way_out: str, *, none: bool = True) -> Rule:
    return Rule(
        "a finite number >= 0" + (" or None" if none else ""),
        lambda v: (none and v is None) or (is_finite_number(v) and v >= 0),
        way_out,
    )


def count_of(way_out: str, *, auto: bool = False, least: int = 1) -> Rule:
    def holds(value: Any) -> bool:
        if isinstance(value, str):
            return auto and value == "auto"
        return is_integer(value) and value >= least

    must = f"an integer >= {least}" + (" or 'auto'" if auto else "")
    return Rule(must, holds, way_out)


def _is_columns(value: Any) -> bool:
    """Whether a value could name columns; whether X has them is asked in fit."""
    if value is None or isinstance(value, str):
        return True
    return isinstance(value, (list, tuple, set)) or np.ndim(value) == 1


# Of what decides how columns become inputs.
RULES: dict[str, Rule] = {
    "encoding": one_of("auto", "linear", "piecewise"),
    "n_knots": count_of("It counts the knots of a column, ends included.", least=2),
    "categorical_features": Rule(
        "'from_dtype', None, or names, positions or a mask of columns",
        _is_columns,
        "None takes all columns for numbers.",
    ),
}


def check_rules(values: dict[str, Any], rules: dict[str, Rule]) -> None:
    """Raise for the first of some named values that breaks its rule.

    Nothing is checked where scikit-learn's configuration says
    ``skip_parameter_validation=True``.
    """
    if get_config()["skip_parameter_validation"]:
        return
    for name, value in values.items():
        rule = rules[name]
        if not rule.holds(value):
            raise InvalidParameterError(
                f"`{name}` must be {rule.must}; got {name}={_shown(value)}. "
                f"{rule.way_out}"
            )


def _shown(value: Any) -> str:
    """Return a value as an error shows it: not longer than two lines."""
    try:
        text = repr(value)
    except ValueError:  # Python prints no integer of more than 4,300 digits
        return f"a value of type {type(value).__name__} that is too long to print"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
