"""Scores: which of them take sample weights."""

from inspect import signature

__all__ = ["accepts_weight"]


def accepts_weight(scoring, scorer) -> bool:
    """Whether the scorer that `scoring` names takes `sample_weight`.

    None names the estimator's own score, which does; of others the metric inside tells.
    """
    metric = getattr(scorer, "_score_func", scorer)
    return scoring is None or "sample_weight" in signature(metric).parameters
