"""From what a user passes to ``fit`` to checked tables."""

from inspect import signature

import numpy as np
from scipy import sparse
from sklearn.utils.validation import assert_all_finite, validate_data

from skspectral._fit import Table, take_rows

__all__ = [
    "accepts_weight",
    "check_weight",
    "read_rows",
    "read_table",
    "read_watched",
]


def read_table(estimator, X, y, sample_weight, *, reset: bool, first: bool = True):
    """Checked rows of positive weight, with their targets and weights.

    Sets what ``validate_data`` sets on the estimator, and what its targets need.
    """
    if estimator._regression:
        _refuse_targets(y)
    X, y = _checked(estimator, X, y, reset=reset, ensure_min_samples=2 if first else 1)
    table = Table(X, y, check_weight(sample_weight, X.shape[0]))
    if table.weight is not None and not table.weight.all():
        # A row of weight 0 is a row that is not there: not among the classes, not in
        # the statistics, not in the validation split, not in a minibatch.
        table = take_rows(table, np.flatnonzero(table.weight))
    y, weight = estimator._read_targets(table.y, table.weight, reset=reset)
    return Table(table.X, y, weight)


def read_rows(estimator, X, sample_weight):
    """Checked rows of positive weight, dense or CSR, and their weights or None."""
    X = validate_data(
        estimator,
        X,
        reset=False,
        accept_sparse=["csr", "csc"],
        dtype=[np.float64, np.float32],
    )
    X = _as_rows(X)
    weight = check_weight(sample_weight, X.shape[0])
    if weight is not None and not weight.all():
        rows = np.flatnonzero(weight)
        X, weight = X[rows], weight[rows]
    return X, weight


def read_watched(estimator, X, y, sample_weight):
    """Checked validation rows, or None where there are none."""
    if (X is None) != (y is None):
        missing, given = ("y_val", "X_val") if y is None else ("X_val", "y_val")
        raise ValueError(
            "`X_val` and `y_val` must be passed together; got only "
            f"{given}. Pass {missing} as well, or neither."
        )
    if X is None:
        if sample_weight is not None:
            raise ValueError(
                "`sample_weight_val` weighs the rows of X_val; got it without "
                "X_val and y_val. Pass these as well."
            )
        return None
    try:
        X, y = _checked(estimator, X, y, reset=False)
        weight = check_weight(sample_weight, X.shape[0], "sample_weight_val")
        y, weight = estimator._read_targets(y, weight, reset=False, watched=True)
    except ValueError as error:
        raise ValueError(f"in the validation rows, X_val and y_val: {error}") from error
    return Table(X, y, weight)


def _checked(estimator, X, y, **options):
    """X dense or CSR, and y, as ``validate_data`` passes them."""
    X, y = validate_data(
        estimator,
        X,
        y,
        accept_sparse=["csr", "csc"],
        dtype=[np.float64, np.float32],
        multi_output=True,
        y_numeric=estimator._regression,
        **options,
    )
    if estimator._regression:
        assert_all_finite(y, input_name="y")  # None in a column of objects is NaN now
    return _as_rows(X), y


def _as_rows(X):
    """Dense, or CSR with one entry a cell, as sums over entries want it."""
    if not sparse.issparse(X):
        return X
    X = X.tocsr()
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X


def _refuse_targets(y) -> None:
    if y is None:
        return
    if sparse.issparse(y):
        raise TypeError(
            "y must be dense; got a sparse matrix. Use '.toarray()' to convert it."
        )
    strings = [v for v in np.ravel(np.asarray(y))[:1] if isinstance(v, str)]
    if strings:
        raise ValueError(
            f"y must hold numbers; got {strings[0]!r}. For classes use "
            "SpectralMLPClassifier."
        )


def check_weight(weight, n_rows: int, name: str = "sample_weight"):
    """Weights of rows as float64, or None."""
    if weight is None:
        return None
    if isinstance(weight, str):
        raise ValueError(
            f"`{name}` must hold numbers; got {name}={weight!r}. To weigh classes "
            "alike pass class_weight='balanced' to the classifier."
        )
    weight = np.asarray(weight, dtype=np.float64)
    if weight.ndim == 0:
        weight = np.full(n_rows, float(weight))
    if weight.shape != (n_rows,):
        raise ValueError(
            f"`{name}` must hold one weight per sample, shape ({n_rows},); got "
            f"shape {weight.shape}. Pass a 1D array as long as X, or a scalar."
        )
    if not np.isfinite(weight).all() or (weight < 0).any():
        bad = weight[~(np.isfinite(weight) & (weight >= 0))][0]
        negative = "Negative values in data passed to `sample_weight` mean nothing. "
        raise ValueError(
            f"`{name}` must be finite and >= 0; got a weight of {bad}. "
            f"{negative if bad < 0 else ''}Give rows to leave out a weight of 0."
        )
    if not weight.any():
        raise ValueError(
            f"`{name}` must have a positive entry; got all-zero weights "
            "(sample weights are all zero). Leave it out to weigh rows alike."
        )
    return weight


def accepts_weight(scoring, scorer) -> bool:
    """Whether the scorer that `scoring` names takes `sample_weight`.

    None names the estimator's own score, which does; of others the metric inside tells.
    """
    metric = getattr(scorer, "_score_func", scorer)
    return scoring is None or "sample_weight" in signature(metric).parameters
