"""Checks of what users pass to ``fit``: rows, targets, weights."""

import numpy as np
from scipy import sparse
from sklearn.utils.validation import assert_all_finite, validate_data

from skspectral._columns import (
    Samples,
    as_dense_or_csr,
    check_weight,
    non_finite_message,
    refuse_missing_targets,
    row_blocks,
    select_rows,
)

__all__ = [
    "check_finite",
    "validate_rows",
    "validate_training_rows",
    "validate_validation_rows",
]


def validate_training_rows(
    estimator, X, y, sample_weight, *, reset: bool, least: int = 2
):
    """Return checked rows of positive weight, with their targets and weights.

    `least` is the number of rows that there must be.

    Sets what ``validate_data`` sets on the estimator, and what its targets need.
    """
    if estimator._regression:
        _refuse_targets(y)
    X, y = _checked(estimator, X, y, reset=reset, ensure_min_samples=least)
    weight = check_weight(sample_weight, X.shape[0])
    y, weight = estimator._encode_targets(y, weight, reset=reset)
    table = Samples(X, y, weight)
    if weight is not None and not weight.all():
        # A row of weight 0 only says that its class exists. It is not in the
        # statistics, nor in the validation split, nor in a minibatch.
        table = select_rows(table, np.flatnonzero(weight))
    return table


def validate_rows(estimator, X, sample_weight):
    """Return checked rows of positive weight, and their weights or None."""
    X = validate_data(
        estimator,
        X,
        reset=False,
        accept_sparse=["csr", "csc"],
        dtype=[np.float64, np.float32],
    )
    X = as_dense_or_csr(X)
    weight = check_weight(sample_weight, X.shape[0])
    if weight is not None and not weight.all():
        rows = np.flatnonzero(weight)
        X, weight = X[rows], weight[rows]
    return X, weight


def validate_validation_rows(estimator, X, y, sample_weight):
    """Return checked validation rows, or None where there are none."""
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
        y, weight = estimator._encode_targets(y, weight, reset=False, watched=True)
    except ValueError as error:
        raise ValueError(f"in the validation rows, X_val and y_val: {error}") from error
    return Samples(X, y, weight)


def _checked(estimator, X, y, **options):
    """Return X, dense or CSR, and y, as ``validate_data`` passes them."""
    refuse_missing_targets(y, is_label=not estimator._regression)
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
    return as_dense_or_csr(X), y


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


def check_finite(table: Samples) -> None:
    """Raise where training rows or targets are not finite.

    Asked once a fit has failed: usually scikit-learn's checks come before.
    """
    for name, numbers in (("X", table.X), ("y", table.y)):
        for rows in row_blocks(*numbers.shape):
            part = numbers[rows]
            values = part.data if hasattr(part, "tocsr") else np.asarray(part)
            if not np.isfinite(values).all():
                first = f"rows {rows.start} to {rows.stop - 1}"
                raise ValueError(non_finite_message(name, first))
