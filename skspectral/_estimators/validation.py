"""From what a user passes to ``fit`` to checked tables."""

import numpy as np
from scipy import sparse
from sklearn.utils.validation import assert_all_finite, validate_data

from skspectral._columns import Samples, as_dense_or_csr, check_weight, select_rows

__all__ = ["validate_rows", "validate_training_rows", "validate_validation_rows"]


def validate_training_rows(
    estimator, X, y, sample_weight, *, reset: bool, first: bool = True
):
    """Checked rows of positive weight, with their targets and weights.

    Sets what ``validate_data`` sets on the estimator, and what its targets need.
    """
    if estimator._regression:
        _refuse_targets(y)
    X, y = _checked(estimator, X, y, reset=reset, ensure_min_samples=2 if first else 1)
    table = Samples(X, y, check_weight(sample_weight, X.shape[0]))
    if table.weight is not None and not table.weight.all():
        # A row of weight 0 is a row that is not there: not among the classes, not in
        # the statistics, not in the validation split, not in a minibatch.
        table = select_rows(table, np.flatnonzero(table.weight))
    y, weight = estimator._encode_targets(table.y, table.weight, reset=reset)
    return Samples(table.X, y, weight)


def validate_rows(estimator, X, sample_weight):
    """Checked rows of positive weight, dense or CSR, and their weights or None."""
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
        y, weight = estimator._encode_targets(y, weight, reset=False, watched=True)
    except ValueError as error:
        raise ValueError(f"in the validation rows, X_val and y_val: {error}") from error
    return Samples(X, y, weight)


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
