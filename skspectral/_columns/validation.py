"""Checks of tables, targets and weights."""

import numpy as np
from scipy import sparse

__all__ = [
    "as_dense_or_csr",
    "check_weight",
    "check_weight_values",
    "effective_size",
    "refuse_missing_targets",
]


def as_dense_or_csr(X):
    """Return X dense, or as CSR with one entry per cell, as sums over entries need."""
    if not sparse.issparse(X):
        return X
    X = X.tocsr()
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X


def refuse_missing_targets(y, *, is_label: bool) -> None:
    """Raise where a target is None, NaN, NaT or NA, in any container."""
    if y is None or sparse.issparse(y):
        return
    try:
        # A list of strings and NaN would become one of strings, "nan" among them.
        values = np.asarray(y, dtype=object if isinstance(y, (list, tuple)) else None)
    except (TypeError, ValueError):  # ragged: refused by the checks that follow
        return
    if values.ndim == 0 or values.size == 0:
        return
    if values.dtype.kind == "f":
        missing = np.isnan(values).reshape(len(values), -1).any(1)
        rows = np.flatnonzero(missing)
    elif values.dtype.kind in "OmM":
        table = values.astype(object).reshape(len(values), -1)
        rows = np.flatnonzero([any(map(_is_missing, row)) for row in table])
    else:
        return
    if len(rows):
        kind = "a class" if is_label else "a number"
        raise ValueError(
            f"Input y contains NaN: y must hold {kind} in every row; got "
            f"{np.ravel(values[rows[0]])[0]!r} in row {rows[0]}, and {len(rows)} rows "
            "without one in all. Leave these rows out of X and y."
        )


def _is_missing(value) -> bool:
    if value is None:
        return True
    if isinstance(value, (str, bytes)):
        return False
    try:
        return bool(value != value)  # NaN and NaT differ from themselves
    except TypeError:  # the truth of pandas.NA is not defined
        return True
    except ValueError:  # an array: ragged targets are refused elsewhere
        return False


def check_weight(weight, n_rows: int, name: str = "sample_weight"):
    """Return weights of rows as float64, or None."""
    if weight is None:
        return None
    if isinstance(weight, str):
        raise ValueError(
            f"`{name}` must hold numbers; got {name}={weight!r}. To weigh classes "
            "alike pass class_weight='balanced' to the classifier."
        )
    weight = _as_numbers(weight, name)
    if weight.ndim == 0:
        weight = np.full(n_rows, float(weight))
    if weight.shape != (n_rows,):
        raise ValueError(
            f"`{name}` must hold one weight per sample, shape ({n_rows},); got "
            f"shape {weight.shape}. Pass a 1D array as long as X, or a scalar."
        )
    check_weight_values(weight, name)
    return weight


def check_weight_values(weight: np.ndarray, name: str) -> None:
    """Raise for weights that are negative, all zero, or too large to be summed."""
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
    with np.errstate(over="ignore"):
        total = weight.sum()
    if not np.isfinite(total):
        raise ValueError(
            f"`{name}` must have a finite sum; got weights up to {weight.max():.3g}. "
            "Only their ratios matter: divide them by the largest."
        )


def _as_numbers(weight, name: str) -> np.ndarray:
    """Return weights as float64 of any shape, or raise."""
    way_out = "Pass a 1D array of real numbers as long as X."
    try:
        values = np.asarray(weight)
    except (TypeError, ValueError) as error:  # ragged
        raise ValueError(
            f"`{name}` must hold one weight per sample; got entries of different "
            f"lengths. {way_out}"
        ) from error
    if values.dtype.kind not in "biufO":
        raise ValueError(
            f"`{name}` must hold real numbers; got {values.dtype}. {way_out}"
        )
    try:
        if values.dtype.kind == "O" and any(v is None for v in values.ravel()):
            raise TypeError("None is no number")
        return values.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"`{name}` must hold real numbers that fit a float; got "
            f"{_first_odd(values)!r}. {way_out}"
        ) from error


def _first_odd(values: np.ndarray):
    """Return the first entry that is no number or does not fit a float."""
    for value in values.ravel():
        try:
            float(value)
        except (TypeError, ValueError, OverflowError):
            return value
    return values.ravel()[0]


def effective_size(weight: np.ndarray | None, n_rows: int) -> float:
    """Return the number of rows of equal weight that say as much as these.

    It is ``(sum w)^2 / sum w^2`` (Kish, "Survey Sampling", 1965): the variance of a
    weighted mean is that of a mean over so many rows.
    """
    if weight is None:
        return float(n_rows)
    share = weight / weight.max()
    size = float(share.sum() ** 2 / (share**2).sum())
    # Equal weights are no weights, to the last digit.
    return float(n_rows) if np.isclose(size, n_rows, rtol=1e-12) else size
