"""Checks of tables and weights."""

import numpy as np
from scipy import sparse

__all__ = ["as_dense_or_csr", "check_weight"]


def as_dense_or_csr(X):
    """Dense, or CSR with one entry a cell, as sums over entries want it."""
    if not sparse.issparse(X):
        return X
    X = X.tocsr()
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X


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
