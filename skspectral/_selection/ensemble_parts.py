"""The rows and columns of the members of an ensemble, and what members share."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from joblib import hash as hash_of
from sklearn.utils import _safe_indexing

from skspectral._estimators import fit_together, interrupt_ends_all

__all__ = ["columns_of", "draw_parts", "fit_chunk", "share_inputs"]


def draw_parts(ensemble: Any, rng, n_rows: int, n_columns: int):
    """Draw the rows and the columns of each member; None where all see all."""
    samples = columns = None
    n_members = ensemble.n_members
    n_drawn = count_of(ensemble.max_samples, n_rows, "max_samples")
    if ensemble.bootstrap or n_drawn < n_rows:
        samples = [
            np.sort(rng.choice(n_rows, n_drawn, replace=ensemble.bootstrap))
            for _ in range(n_members)
        ]
    n_drawn = count_of(ensemble.max_features, n_columns, "max_features")
    if n_drawn < n_columns:
        columns = [
            np.sort(rng.choice(n_columns, n_drawn, replace=False))
            for _ in range(n_members)
        ]
    return samples, columns


def count_of(value, n: int, name: str) -> int:
    """Return a number of rows or columns, from a number or a fraction of n."""
    if isinstance(value, Integral):
        if int(value) > n:
            raise ValueError(
                f"`{name}` must not exceed the {n} of X; got {value}. Pass a fraction "
                "in (0, 1]."
            )
        return int(value)
    assert isinstance(value, Real)
    return max(1, round(float(value) * n))


def columns_of(X, columns):
    if not hasattr(X, "shape") and not hasattr(X, "__dataframe__"):
        X = np.asarray(X)
    return _safe_indexing(X, columns, axis=1)


def fit_chunk(job) -> list:
    members, arguments = job
    with interrupt_ends_all():
        fit_together(members, arguments, warn=False)
    return members


def share_inputs(members) -> None:
    """Let members that were fitted on the same rows hold one copy of their inputs.

    In other processes each got its own, equal one.
    """
    for name in ("_x_columns", "_y_columns", "_reader"):
        known: dict[str, object] = {}
        for member in members:
            own = getattr(member, name)
            setattr(member, name, known.setdefault(hash_of(own), own))
