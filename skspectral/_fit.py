"""From a user's table to a task for the engine: everything between fit and train."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import sparse
from sklearn.model_selection import train_test_split

from skspectral._scaling import (
    Columns,
    column_statistics,
    neutral,
    standardized_tensor,
)

__all__ = [
    "Table",
    "as_target",
    "auto_batch_size",
    "auto_max_iter",
    "choose_device",
    "split_off",
    "take_rows",
]


@dataclass
class Table:
    """Checked samples: inputs, targets and weights.

    Attributes
    ----------
    X : ndarray, Selection or CSR matrix of shape (n, d)
    y : ndarray
        Float64 of shape (n, o), or class indices of shape (n, 1).
    weight : ndarray of shape (n,), float64, or None
        None weighs all rows alike.
    """

    X: Any
    y: np.ndarray
    weight: np.ndarray | None = None


class Selection:
    """Some rows of a dense table, which are copied only block by block."""

    def __init__(self, table: Any, index: np.ndarray) -> None:
        self.table, self.index = table, index
        self.shape = (len(index), table.shape[1])

    def __getitem__(self, rows: slice) -> np.ndarray:
        return self.table[self.index[rows]]


def take_rows(table: Table, index: np.ndarray) -> Table:
    """The given rows."""
    X = table.X[index] if sparse.issparse(table.X) else Selection(table.X, index)
    weight = None if table.weight is None else table.weight[index]
    return Table(X, table.y[index], weight)


def split_off(
    table: Table, fraction: float, *, classes: np.ndarray | None, seed: int
) -> tuple[Table, Table]:
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
    return take_rows(table, np.sort(train)), take_rows(table, np.sort(watched))


def statistics(
    table: Table, standardize: bool | str, *, regression: bool
) -> tuple[Columns, Columns]:
    """Statistics of inputs and targets, as `standardize` asks for them."""
    n_outputs = table.y.shape[1]
    x, y = neutral(table.X.shape[1]), neutral(n_outputs)
    if standardize in (True, "X"):
        x = column_statistics(table.X, table.weight)
    if standardize in (True, "y") and regression:
        y = column_statistics(table.y, table.weight, "y")
    return x, y


def as_target(
    y: np.ndarray, columns: Columns, dtype: torch.dtype, device: torch.device
) -> torch.Tensor:
    """Targets the engine learns: standardised numbers, or class indices."""
    if y.dtype.kind == "i":
        return torch.from_numpy(y).to(device)
    return standardized_tensor(y, columns, dtype, device)


def auto_batch_size(n_rows: int) -> int:
    """Minibatch of ``batch_size="auto"``: a fortieth of the rows, from 64 to 512.

    On small and noisy tables the noise of small minibatches generalises better; on
    large ones large minibatches run faster and end nearer to the minimum.
    """
    return min(n_rows, max(64, min(512, n_rows // 40)))


def auto_max_iter(n_rows: int, batch_size: int) -> int:
    """Epochs of ``max_iter="auto"``: at least ten, and min(18000, 8000 + n) steps.

    That many steps let the core form, on teachers and on tables; fewer leave nodes
    between life and death.
    """
    n_batches = -(-n_rows // batch_size)
    return max(10, math.ceil(min(18_000, 8_000 + n_rows) / n_batches))


def _first_words(error: Exception) -> str:
    return str(error).splitlines()[0].split(". ")[0][:120].rstrip(". ")


def choose_device(device: str, *, work: float) -> torch.device:
    """Device of a fit; `work` is the multiplications of one step."""
    if device == "auto":
        # NOTE: a step of small networks is launch-bound on a GPU and faster on a CPU.
        gain = torch.cuda.is_available() and work > 2e8
        return torch.device("cuda" if gain else "cpu")
    try:
        chosen = torch.device(device)
        if torch.empty(0, device=chosen).is_meta:
            raise RuntimeError("its tensors hold no numbers")
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"`device` must name a device torch can use here; got device={device!r}, "
            f"of which torch says: {_first_words(error)}. Use 'auto' or 'cpu'."
        ) from error
    return chosen
