"""The check of a table that a user passes: any table in, numbers out."""

from reprlib import repr as shorten

import numpy as np
from sklearn.utils import check_array, check_X_y
from sklearn.utils.validation import validate_data

from skspectral._columns.readers import table_reader
from skspectral._columns.validation import refuse_equal_names

__all__ = ["refuse_ragged", "validate_table"]


def validate_table(
    estimator, X, *, reset, ensure_min_samples=1, y_numeric=False, **targets
):
    """Return X as numbers, float64 or float32, dense or sparse; with y, both.

    Categories become codes, see :class:`skspectral._columns.TableReader`; NaN stays. It
    sets what ``validate_data`` sets on the estimator. Raises with a way out where
    ``validate_data`` has none.
    """
    refuse_equal_names(X)
    options = {
        "accept_sparse": ["csr", "csc"],
        "dtype": [np.float64, np.float32],
        "ensure_all_finite": "allow-nan",
        "ensure_min_samples": ensure_min_samples,
    }
    if targets:
        options |= {"multi_output": True, "y_numeric": y_numeric}
    try:
        if reset:
            estimator._reader = table_reader(X, estimator.categorical_features)
        reader = estimator._reader
        if not reader.reads(X):
            return validate_data(estimator, X, reset=reset, **targets, **options)
        validate_data(estimator, X, reset=reset, skip_check_array=True, **targets)
        numbers = reader.read(X)
        if targets:
            return check_X_y(numbers, **targets, estimator=estimator, **options)
        return check_array(numbers, estimator=estimator, input_name="X", **options)
    except ValueError:
        refuse_ragged("X", X)
        raise


def refuse_ragged(name: str, values) -> None:
    """Raise where the rows of a list are of different lengths."""
    if not isinstance(values, (list, tuple)):
        return
    try:
        np.asarray(values)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} must hold rows of one length; got {shorten(values)}. Fill the "
            "short ones up, or leave them out."
        ) from error
