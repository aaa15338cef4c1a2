"""From a user's table to a task for the engine: everything between fit and train."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.model_selection import train_test_split

__all__ = ["Samples", "select_rows", "split_validation_rows"]


@dataclass
class Samples:
    """Checked samples: inputs, targets and weights.

    Attributes
    ----------
    X : ndarray, RowSelection or CSR matrix of shape (n, d)
    y : ndarray
        Float64 of shape (n, o), or class indices of shape (n, 1).
    weight : ndarray of shape (n,), float64, or None
        None weighs all rows alike.
    """

    X: Any
    y: np.ndarray
    weight: np.ndarray | None = None


class RowSelection:
    """Some rows of a dense table, which are copied only block by block."""

    def __init__(self, table: Any, index: np.ndarray) -> None:
        self.table, self.index = table, index
        self.shape = (len(index), table.shape[1])

    def __getitem__(self, rows) -> np.ndarray:
        """Some rows, or, as of an array, a pair of rows and a column."""
        if isinstance(rows, tuple):
            rows, column = rows
            return self.table[self.index[rows], column]
        return self.table[self.index[rows]]


def select_rows(table: Samples, index: np.ndarray) -> Samples:
    """The given rows."""
    X = table.X[index] if sparse.issparse(table.X) else RowSelection(table.X, index)
    weight = None if table.weight is None else table.weight[index]
    return Samples(X, table.y[index], weight)


def split_validation_rows(
    table: Samples, fraction: float, *, classes: np.ndarray | None, seed: int
) -> tuple[Samples, Samples]:
    """Rows to train on and rows to watch; stratified where classes are given."""
    n_rows = len(table.y)
    advice = "Pass X_val and y_val to fit, or turn early_stopping off."
    if classes is not None:
        counts = np.bincount(classes)
        rarest = int(counts[counts > 0].min())
        if rarest < 2:
            raise ValueError(
                "early_stopping needs at least two rows of each class to split off "
                f"validation rows; got a class with {rarest}. {advice}"
            )
        n_classes = int((counts > 0).sum())
        n_val = math.ceil(fraction * n_rows)
        if n_val < n_classes or n_rows - n_val < n_classes:
            raise ValueError(
                "early_stopping needs a validation row and a training row for each of "
                f"the {n_classes} classes; got validation_fraction={fraction} of "
                f"{n_rows} rows. {advice}"
            )
    try:
        train, watched = train_test_split(
            np.arange(n_rows), test_size=fraction, stratify=classes, random_state=seed
        )
    except ValueError as error:
        raise ValueError(
            "early_stopping needs validation rows and training rows; got "
            f"validation_fraction={fraction} of {n_rows} rows. {advice}"
        ) from error
    return select_rows(table, np.sort(train)), select_rows(table, np.sort(watched))
