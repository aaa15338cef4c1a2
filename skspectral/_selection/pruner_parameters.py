"""Checks of the parameters of a pruner."""

import math
from collections.abc import Iterable
from numbers import Integral, Real

import numpy as np

from skspectral._core import check_cut
from skspectral._estimators import MERGE, Rule, is_merge

__all__ = ["check_pruner"]


def _flag(value) -> bool:
    return isinstance(value, (bool, np.bool_))


PRUNER_RULES = {
    "max_loss": Rule(
        "a finite number >= 0 or None",
        lambda v: (
            v is None
            or (
                isinstance(v, Real)
                and not _flag(v)
                and math.isfinite(v)
                and float(v) >= 0
            )
        ),
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
            or (isinstance(v, Integral) and not _flag(v) and int(v) >= 2)
            or (not isinstance(v, str) and hasattr(v, "split"))
            or (not isinstance(v, str) and isinstance(v, Iterable))
        ),
        "An integer is the number of folds that `max_loss` is measured on.",
    ),
    "merge": Rule(MERGE[0], is_merge, MERGE[1]),
    "refit": Rule("True or False", _flag, "Use True or False."),
}


def check_pruner(pruner, widths: tuple[int, ...]) -> None:
    """Raise for the first parameter of a pruner that breaks its rule.

    Raises
    ------
    ValueError
        With the rule, the value and the way out.
    """
    parameters = pruner.get_params(deep=False)
    for name, rule in PRUNER_RULES.items():
        if not rule.holds(parameters[name]):
            raise ValueError(
                f"`{name}` must be {rule.must}; got {name}={parameters[name]!r}. "
                f"{rule.way_out}"
            )
    threshold, n_nodes = parameters["threshold"], parameters["n_nodes"]
    given = [n for n in ("n_nodes", "max_loss") if parameters[n] is not None]
    if threshold is None and given:
        threshold = "gap"
    if not (isinstance(threshold, str) and threshold == "gap"):
        given.insert(0, "threshold")
    if len(given) > 1:
        got = " and ".join(f"{name}={parameters[name]!r}" for name in given)
        raise ValueError(
            "pass either `threshold`, `n_nodes` or `max_loss`; got "
            f"{got}. Each of them is a cut of its own: keep one."
        )
    if parameters["rule"] != "absolute" and parameters["max_loss"] is None:
        raise ValueError(
            "`rule` says what `max_loss` is counted from; got "
            f"rule={parameters['rule']!r} and max_loss=None. Pass max_loss=0 for the "
            "rule alone."
        )
    relevance = parameters["relevance"]
    check_cut(widths, threshold=threshold, n_nodes=n_nodes, relevance=relevance)
