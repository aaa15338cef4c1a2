"""Checks of what users pass to ``fit``: rows, targets, weights."""

import datetime

import numpy as np
from scipy import sparse
from sklearn.utils.validation import assert_all_finite

from skspectral._columns import (
    Samples,
    as_dense_or_csr,
    check_weight,
    is_missing,
    is_real,
    non_finite_message,
    refuse_missing_targets,
    refuse_ragged,
    row_blocks,
    select_rows,
    validate_table,
)

__all__ = [
    "check_finite",
    "validate_rows",
    "validate_training_rows",
    "validate_validation_rows",
]

DATES = (datetime.date, datetime.timedelta, np.datetime64, np.timedelta64)


def validate_training_rows(
    estimator, X, y, sample_weight, *, reset: bool, least: int = 2
):
    """Return checked rows of positive weight, with their targets and weights.

    `least` is the number of rows that there must be.

    Sets what ``validate_data`` sets on the estimator, and what its targets need.
    """
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
    X = as_dense_or_csr(validate_table(estimator, X, reset=False))
    weight = check_weight(sample_weight, X.shape[0])
    _check_finite("X", X)
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
    refuse_ragged("y", y)
    if estimator._regression:
        _refuse_targets(y)
    refuse_missing_targets(y, is_label=not estimator._regression)
    y_numeric = estimator._regression
    X, y = validate_table(estimator, X, y=y, y_numeric=y_numeric, **options)
    if estimator._regression:
        assert_all_finite(y, input_name="y")  # infinity in a column of objects
    return as_dense_or_csr(X), y


def _refuse_targets(y) -> None:
    """Raise for targets of a regression that are no numbers."""
    if y is None:
        return
    if sparse.issparse(y):
        raise TypeError(
            "y must be dense; got a sparse matrix. Use '.toarray()' to convert it."
        )
    values = np.ravel(np.asarray(y))
    odd = list(values[:1]) if values.dtype.kind in "USmM" else []
    if values.dtype.kind == "O":
        odd = [v for v in values if not (is_real(v) or is_missing(v))]
    if odd:
        way_out = "Make numbers of them."
        if isinstance(odd[0], str):
            way_out = "For classes use SpectralMLPClassifier."
        elif isinstance(odd[0], DATES):
            way_out = "Make numbers of them: days since a date, for instance."
        raise ValueError(f"y must hold numbers; got {odd[0]!r}. {way_out}")


def check_finite(table: Samples, validation: Samples | None = None) -> None:
    """Raise where rows or targets, to train or to validate on, are not finite.

    Asked once a fit has failed: usually scikit-learn's checks come before.
    """
    _check_finite("X", table.X)
    _check_finite("y", table.y)
    if validation is not None:
        _check_finite("X of the validation rows", validation.X)
        _check_finite("y of the validation rows", validation.y)


def _check_finite(name: str, numbers) -> None:
    for rows in row_blocks(*numbers.shape):
        part = numbers[rows]
        part = part.tocoo() if sparse.issparse(part) else part
        values = part.data if sparse.issparse(part) else part
        finite = ~np.isinf(values) if name != "y" else np.isfinite(values)
        if not finite.all():
            place = np.unravel_index(int(np.argmin(finite)), finite.shape)
            column = part.col[place] if sparse.issparse(part) else place[1]
            raise ValueError(non_finite_message(name, f"column {column}"))
