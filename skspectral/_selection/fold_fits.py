"""Networks trained on folds and scored on their test rows; and what a score may lose.

One way for the cuts of a pruner and for the choice of alpha.
"""

import math

import numpy as np
from joblib import effective_n_jobs
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _num_samples

from skspectral._estimators import fit_together, interrupt_ends_all
from skspectral._selection.fold_rows import slice_parameters
from skspectral._selection.sklearn_internals import with_warning_filters

__all__ = [
    "ROUNDING",
    "fit_and_score",
    "fit_on_rows",
    "is_pair",
    "lowest_allowed",
    "score_on_rows",
    "split_rows",
]

ROUNDING = 1e-9  # of a score: dead nodes are not zero to the last digit
TOGETHER_BYTES = 2**26  # rows of all folds, below which their fits share a batch


def is_pair(fold) -> bool:
    """Whether a split is a pair of lists of rows, neither of them empty."""
    return (
        isinstance(fold, (tuple, list, np.ndarray))
        and len(fold) == 2
        and all(np.ndim(rows) == 1 and len(rows) > 0 for rows in fold)
    )


def split_rows(cv, X, y, parameters, *, rule, name, way_out, other_rule) -> list:
    """Return the training and test rows of each fold.

    Parameters
    ----------
    cv : splitter
    rule : str
        With ``"one_standard_error"`` there must be two folds.
    name, way_out : str
        What asks for the folds, and what to do without them; for errors.
    other_rule : str
        That needs no standard error.

    Raises
    ------
    ValueError
        For fewer rows than folds, a single fold where a standard error is asked for, or
        splits that are no pairs.
    """
    given = getattr(cv, "cv", None)  # a list, if the user passed an iterable of splits
    wrong = isinstance(given, list) and [fold for fold in given if not is_pair(fold)]
    if wrong or given == []:
        raise InvalidParameterError(
            "`cv` must hold pairs of training rows and test rows, one at least; got "
            f"{repr(wrong[0]) if wrong else 'none'}. Pass a number of folds, such as "
            "cv=5, or a splitter."
        )
    n_rows, n_folds = _num_samples(X), cv.get_n_splits(X, y, **parameters)
    if n_rows < n_folds:
        raise ValueError(
            f"{name} needs a row for each of the folds at least; got {n_rows} rows and "
            f"{n_folds} folds. Lower `cv`, or {way_out}."
        )
    if rule == "one_standard_error" and n_folds < 2:
        raise ValueError(
            f"a standard error needs two folds at least; got {n_folds} from `cv`. Let "
            f"`cv` split more often, or take rule={other_rule!r}."
        )
    return list(cv.split(X, y, **parameters))


def fit_on_rows(networks, rows, X, y, parameters, *, warn=True) -> None:
    """Fit each network on its rows, together where they can be.

    Networks of the same rows, as an object, share their copy.

    Parameters
    ----------
    networks : list of unfitted networks
    rows : list of ndarray of int, one per network
    parameters : dict
        Of fit, for all rows.
    warn : bool, default=True
        Whether each may warn as in its fit.
    """
    parts: dict[int, tuple] = {}
    for own in rows:
        if id(own) not in parts:
            part = slice_parameters(X, parameters, own)
            parts[id(own)] = (_safe_indexing(X, own), _safe_indexing(y, own), part)
    with interrupt_ends_all():
        fit_together(networks, [parts[id(own)] for own in rows], warn=warn)


def score_on_rows(network, scorer, X, y, parameters, rows) -> float:
    """Return the score of a network on some rows of X and y."""
    part = slice_parameters(X, parameters, rows)
    X_rows, y_rows = _safe_indexing(X, rows), _safe_indexing(y, rows)
    return float(scorer(network, X_rows, y_rows, **part))


def lowest_allowed(scores: np.ndarray, *, max_loss: float = 0.0) -> float:
    """Return one standard error below the best mean score, less `max_loss`.

    The rule of Breiman, Friedman, Olshen and Stone (1984), section 3.4.3.

    Parameters
    ----------
    scores : ndarray of shape (n_candidates, n_folds)
        NaN for candidates that were not tried on all folds.
    """
    mean = scores.mean(axis=1)
    best = int(np.nanargmax(mean))
    error = scores[best].std(ddof=1) / np.sqrt(scores.shape[1])
    return float(mean[best] - error - max_loss)


def fit_and_score(
    networks, folds, X, y, scorer, routed, *, n_jobs, keeps_networks=False
) -> list:
    """Train each network on the training rows of its fold, score it on the test rows.

    Parameters
    ----------
    networks : list of unfitted networks
    folds : list of (training rows, test rows)
        Of each network; those of one fold are the same object.
    routed : Bunch
        Parameters for ``estimator.fit`` and ``scorer.score``.
    n_jobs : int or None
    keeps_networks : bool, default=False
        Whether the networks come back; else they are let go where they were trained.

    Returns
    -------
    list of (score, core sizes, fitted network or None)
    """
    by_fold: dict[int, list[int]] = {}
    for i, fold in enumerate(folds):
        by_fold.setdefault(id(fold), []).append(i)
    order = [i for own in by_fold.values() for i in own]
    n_jobs = effective_n_jobs(n_jobs)
    n_numbers = _num_samples(X) * math.prod(getattr(X, "shape", (0, 1))[1:])
    if n_jobs == 1 and 8 * n_numbers * len(by_fold) > TOGETHER_BYTES:
        chunks = list(by_fold.values())  # one fold at a time in memory
    else:
        n_chunks = min(n_jobs, len(order)) if n_jobs > 1 else 1
        chunks = [part.tolist() for part in np.array_split(order, n_chunks)]
    job = delayed(with_warning_filters(_fit_and_score))
    # Data go inside a tuple: some backends keep large arguments on one worker, and lose
    # them with it.
    found = Parallel(n_jobs=n_jobs)(
        job(
            (
                [networks[i] for i in chunk],
                [folds[i] for i in chunk],
                (X, y, scorer, routed),
                keeps_networks,
            )
        )
        for chunk in chunks
    )
    results: list = [None] * len(networks)
    for chunk, own in zip(chunks, found, strict=True):
        for i, result in zip(chunk, own, strict=True):
            results[i] = result
    return results


def _fit_and_score(job) -> list:
    networks, folds, (X, y, scorer, routed), keeps_networks = job
    train_rows = [train for train, _ in folds]
    fit_on_rows(networks, train_rows, X, y, routed.estimator.fit, warn=False)
    return [
        (
            score_on_rows(network, scorer, X, y, routed.scorer.score, test),
            network.core_sizes_ if network.gate != "both" else (),
            network if keeps_networks else None,
        )
        for network, (_, test) in zip(networks, folds, strict=True)
    ]
