"""Cuts by `max_loss`: candidates, their scores on folds, the smallest allowed."""

import numpy as np
from sklearn.base import clone
from sklearn.utils import indexable
from sklearn.utils.validation import _num_samples

from skspectral._selection.fold_fits import (
    ROUNDING,
    fit_on_rows,
    lowest_allowed,
    score_on_rows,
)

__all__ = ["candidate_cuts", "choose_cut", "smallest_allowed"]

N_CANDIDATES = 20


def candidate_cuts(
    widths: tuple[int, ...], core: tuple[int, ...] | None = None
) -> list[tuple[int, ...]]:
    """Return the numbers of nodes to try by hidden layer, from few to `widths`.

    They are a geometric grid in the widest layer, and the same fractions of the others.
    `core` is one candidate more.
    """
    widest = max(widths)
    grid = np.unique(np.geomspace(1, widest, N_CANDIDATES).round().astype(int))
    cuts = {
        tuple(max(1, round(int(n) / widest * width)) for width in widths) for n in grid
    }
    return sorted(cuts | {core or widths}, key=lambda cut: (sum(cut), cut))


def choose_cut(
    large, estimator, X, y, folds, scorer, routed, *, max_loss, rule, relevance
) -> dict:
    """Return the smallest cut that is allowed, and the scores that decide.

    Parameters
    ----------
    large : estimator
        The network to cut, fitted.
    estimator : estimator or None
        Cloned and trained on the training rows of each fold. None scores `large`.
    folds : list of (training rows, test rows)
    routed : Bunch
        Parameters of fit for ``estimator.fit`` and ``scorer.score``.

    Returns
    -------
    dict
        The attribute `cut_results_` of the pruner.

    Raises
    ------
    ValueError
        For a score that is not finite.
    """
    X, y = indexable(X, y)
    widths = large._state().sizes[1:-1]

    def scores_of(network, cuts, rows):
        scores = []
        for cut in cuts:
            # Without merging: it costs more than a score, and hardly moves it.
            small = network
            if cut != widths:
                small = network.prune(n_nodes=cut, relevance=relevance, merge=False)
            scores.append(score_on_rows(small, scorer, X, y, routed.scorer.score, rows))
        return np.array(scores)

    cuts, columns = candidate_cuts(widths, large.core_sizes_), []
    networks = [large] * len(folds)
    if estimator is not None:
        networks = [clone(estimator) for _ in folds]
        train_rows = [train for train, _ in folds]
        fit_on_rows(networks, train_rows, X, y, routed.estimator.fit)
    for network, (_, test) in zip(networks, folds, strict=True):
        columns.append(scores_of(network, cuts, test))
        if not np.isfinite(columns[-1]).all():
            raise ValueError(
                "`max_loss` needs a finite score on every fold; got "
                f"{columns[-1].min()} on fold {len(columns)}, of {len(test)} rows. "
                "Lower `cv`, so that folds have more rows, or choose another `scoring`."
            )
    scores = np.stack(columns, axis=1)
    mean = scores.mean(axis=1)
    index, lowest = smallest_allowed(scores, max_loss=max_loss, rule=rule)
    chosen_on_folds = cuts[index]
    if estimator is not None:
        # `large` saw more rows than the networks of the folds: its core may have more
        # nodes than theirs, and their number would then cut nodes that are alive.
        losses = [
            np.diff(scores_of(network, [cuts[index], widths], train))[0]
            for network, (train, _) in zip(networks, folds, strict=True)
        ]
        allowed = max(0.0, mean[-1] - lowest, np.mean(losses))
        everyone = np.arange(_num_samples(X))
        (whole,) = scores_of(large, [widths], everyone)
        least = whole - allowed - ROUNDING * abs(whole)
        while cuts[index] != widths:
            if scores_of(large, [cuts[index]], everyone)[0] >= least:
                break
            index += 1
    return {
        "n_nodes": cuts,
        "scores": scores,
        "mean_score": mean,
        "lowest_allowed": lowest,
        "chosen_on_folds": chosen_on_folds,
        "chosen": cuts[index],
    }


def smallest_allowed(scores: np.ndarray, *, max_loss: float, rule: str):
    """Return the smallest cut whose mean score is allowed, and the lowest mean.

    Parameters
    ----------
    scores : ndarray of shape (n_cuts, n_folds)
        From the smallest cut to the uncut network.
    max_loss : float
    rule : {"absolute", "one_standard_error"}

    Returns
    -------
    index : int
    lowest : float
    """
    mean = scores.mean(axis=1)
    if rule == "absolute":
        lowest = mean[-1] - max_loss
    else:
        lowest = lowest_allowed(scores, max_loss=max_loss)
    allowed = mean >= lowest - ROUNDING * abs(lowest)
    return int(allowed.argmax()), float(lowest)
