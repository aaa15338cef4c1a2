"""The rows of a fold, and what of the parameters of fit belongs to them."""

from typing import Any

from skspectral._selection.sklearn_internals import check_method_params, safe_split

__all__ = ["rows_of", "slice_parameters"]

# Parameters of fit with rows of their own. A fold does not slice them, even where they
# are as long as X.
NOT_SLICED_BY_FOLD = ("X_val", "y_val", "sample_weight_val")


def slice_parameters(X: Any, parameters: dict[str, Any], rows: Any) -> dict[str, Any]:
    """Return parameters of fit or score for some rows: weights, groups and the like."""
    sliced = {
        name: value
        for name, value in parameters.items()
        if name.rpartition("__")[2] not in NOT_SLICED_BY_FOLD
    }
    return {**parameters, **check_method_params(X, sliced, rows)}


def rows_of(estimator: Any, X: Any, y: Any, parameters: dict[str, Any], rows: Any):
    """Return X, y and the parameters of fit, for the rows of a fold."""
    X_rows, y_rows = safe_split(estimator, X, y, rows)
    return X_rows, y_rows, slice_parameters(X, parameters, rows)
