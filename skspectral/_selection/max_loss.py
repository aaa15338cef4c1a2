"""How deep a cut may go: its rules, candidates, their scores, the smallest allowed."""

import numpy as np
from sklearn.base import clone
from sklearn.utils import _safe_indexing, indexable
from sklearn.utils.validation import _num_samples

from skspectral._estimators import fit_together, interrupt_ends_all
from skspectral._selection.fold_rows import slice_parameters

__all__ = ["candidate_cuts", "choose_cut", "smallest_allowed", "split_rows"]

N_CANDIDATES = 20
ROUNDING = 1e-9  # of a score: dead nodes are not zero to the last digit


def candidate_cuts(
    widths: tuple[int, ...], core: tuple[int, ...] | None = None
) -> list[tuple[int, ...]]:
    """Numbers of nodes to try, by hidden layer: a geometric grid up to `widths`.

    The grid is that of the widest layer; the others keep the same fraction. `core` is
    one candidate more. Sorted by their sum.
    """
    widest = max(widths)
    grid = np.unique(np.geomspace(1, widest, N_CANDIDATES).round().astype(int))
    cuts = {
        tuple(max(1, round(int(n) / widest * width)) for width in widths) for n in grid
    }
    return sorted(cuts | {core or widths}, key=lambda cut: (sum(cut), cut))


def split_rows(cv, X, y, parameters, *, rule) -> list:
    """Training and test rows of each fold.

    Raises
    ------
    ValueError
        For fewer rows than folds, or a single fold where a standard error is asked for.
    """
    X, y = indexable(X, y)
    n_rows, n_folds = _num_samples(X), cv.get_n_splits(X, y, **parameters)
    if n_rows < n_folds:
        raise ValueError(
            "`max_loss` needs a row for each of the folds at least; got "
            f"{n_rows} rows and {n_folds} folds. Lower `cv`, or cut by `threshold`."
        )
    if rule == "one_standard_error" and n_folds < 2:
        raise ValueError(
            f"a standard error needs two folds at least; got {n_folds} from `cv`. Let "
            "`cv` split more often, or take rule='absolute'."
        )
    return list(cv.split(X, y, **parameters))


def choose_cut(
    large, estimator, X, y, folds, scorer, routed, *, max_loss, rule, relevance
) -> dict:
    """The smallest cut that is allowed, with the scores that say so.

    Parameters
    ----------
    large : estimator
        The network to cut, fitted.
    estimator : estimator or None
        Cloned and trained on the training rows of each fold. None scores `large`.
    folds : list of (training rows, test rows)
    routed : Bunch
        ``estimator.fit`` and ``scorer.score``: who gets what.

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
        X_rows, y_rows = _safe_indexing(X, rows), _safe_indexing(y, rows)
        parameters = slice_parameters(X, routed.scorer.score, rows)
        scores = []
        for cut in cuts:
            # Without merging: it costs more than a score, and hardly moves it.
            small = network
            if cut != widths:
                small = network.prune(n_nodes=cut, relevance=relevance, merge=False)
            scores.append(float(scorer(small, X_rows, y_rows, **parameters)))
        return np.array(scores)

    cuts, columns = candidate_cuts(widths, large.core_sizes_), []
    networks = [large] * len(folds)
    if estimator is not None:
        networks = [clone(estimator) for _ in folds]
        arguments = [
            (
                _safe_indexing(X, train),
                _safe_indexing(y, train),
                slice_parameters(X, routed.estimator.fit, train),
            )
            for train, _ in folds
        ]
        with interrupt_ends_all():
            fit_together(networks, arguments)
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
        # The core of `large` may have more nodes than those of the folds, which saw
        # fewer rows; their number would then cut nodes that are alive.
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
    """The smallest cut whose mean score is allowed, and the lowest mean allowed.

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
        best = int(mean.argmax())
        error = scores[best].std(ddof=1) / np.sqrt(scores.shape[1])
        lowest = mean[best] - error - max_loss
    allowed = mean >= lowest - ROUNDING * abs(lowest)
    return int(allowed.argmax()), float(lowest)
