"""Cut a fitted estimator to its core: a new, smaller, fitted estimator."""

import copy
import math
import warnings
from numbers import Real

import numpy as np
import torch
from sklearn.base import clone

from skspectral._core import find_core, gap_core
from skspectral._engine import Schedule
from skspectral._estimators.batch_training import train_together
from skspectral._estimators.fit_plan import FitData
from skspectral._estimators.network_state import NetworkState
from skspectral._estimators.validation import validate_rows, validate_training_rows
from skspectral.nn import fold_and_tell, merge_and_tell, remove_nodes

__all__ = ["FOLD_ROWS", "MERGE", "is_merge", "prune_estimator"]

MERGE = (
    "True, False or 'fold'",
    "True merges nodes that point the same way, 'fold' all on one hyperplane.",
)
FOLD_ROWS = 20_000  # of more rows these many, evenly spaced, say what a network does


def is_merge(value) -> bool:
    """Whether the parameter `merge` keeps its rule."""
    return isinstance(value, (bool, np.bool_)) or (
        isinstance(value, str) and value == "fold"
    )


def prune_estimator(
    estimator,
    X,
    y,
    sample_weight,
    *,
    threshold,
    n_nodes,
    relevance,
    merge,
    refit,
):
    """See the ``prune`` method of the estimators.

    Returns
    -------
    pruned : estimator
    nodes : list of ndarray of int, one per hidden layer
        Where the nodes of `pruned` were before; of merged ones the representative, of
        one that carries a linear function a node that was folded into it.
    """
    missing = [name for name, given in (("X", X), ("y", y)) if given is None]
    if refit and missing:
        raise ValueError(
            "refit=True needs the rows to refit on; got prune(refit=True) without "
            f"{' and '.join(missing)}. Call prune(X, y, refit=True)."
        )
    if not is_merge(merge):
        raise ValueError(f"`merge` must be {MERGE[0]}; got merge={merge!r}. {MERGE[1]}")
    if isinstance(merge, str) and X is None:
        raise ValueError(
            "merge='fold' needs rows that the network is to keep its function on; got "
            "prune(merge='fold') without X. Call prune(X, merge='fold') with the rows "
            "of fit, or pass merge=True, which needs none."
        )
    is_flat = isinstance(X, (list, tuple, np.ndarray)) and np.ndim(X[:1]) == 1
    if is_flat or isinstance(X, (str, Real)):
        raise ValueError(
            f"X must be a table of rows, to fold or to refit on; got {X!r}. Name what "
            "you meant: prune(threshold=...) or prune(n_nodes=...)."
        )
    network = estimator._network()
    if len(network.sizes) == 2:
        raise ValueError(
            "prune cuts hidden nodes; got a network without any "
            "(hidden_layer_sizes=()). Fit with hidden_layer_sizes=100, say."
        )
    was_core = estimator._is_core
    core = find_core(
        network,
        threshold=threshold,
        n_nodes=n_nodes,
        relevance=relevance,
        is_core=was_core,
    )
    if core.vanished:
        warnings.warn(
            "every relevance of a hidden layer vanished; one node of it is kept.",
            UserWarning,
            stacklevel=3,
        )
    small = remove_nodes(network, core.masks)
    nodes = [np.flatnonzero(mask.numpy()) for mask in core.masks]
    if merge:
        if isinstance(merge, str):
            rows, weight = _rows_to_fold_on(estimator, X, sample_weight)
            small, stands = fold_and_tell(small, rows, weight)
        else:
            small, stands = merge_and_tell(small)
        nodes = [n[mask.numpy()] for n, mask in zip(nodes, stands, strict=True)]
    nothing = small.sizes == network.sizes
    forming = core.forming
    if n_nodes is None and not was_core and (nothing or forming):
        what = "nothing" if nothing else "only nodes without any relevance"
        hint = "every one is needed at this alpha, or the fit was too short to tell"
        if forming:
            hint = (
                "the core is still forming: raise max_iter or alpha, or cut by number"
            )
        warnings.warn(f"prune removed {what}: {hint}.", UserWarning, stacklevel=3)
    pruned = clone(estimator).set_params(hidden_layer_sizes=small.sizes[1:-1])
    # Not the state of an optimiser of another shape; callbacks the clone has already.
    left_out = {*pruned.get_params(), "_partial", "_skl_callbacks"}
    fitted = {k: v for k, v in vars(estimator).items() if k not in left_out}
    vars(pruned).update(copy.deepcopy(fitted))
    pruned._network_state = NetworkState.from_network(small)
    if refit:
        _refit(pruned, X, y, sample_weight)
    # A cut network has no dead nodes to find a gap by; but for those asked for.
    by_gap = n_nodes is None and isinstance(threshold, str)
    whole = core if by_gap else gap_core(network, is_core=was_core)
    pairs = zip(core.masks, whole.masks, strict=True)
    dead_kept = any(bool((kept & ~alive).any()) for kept, alive in pairs)
    pruned._is_core = not (dead_kept or whole.forming)
    return pruned, nodes


def _rows_to_fold_on(estimator, X, sample_weight):
    """Rows in the units of the network, and their weights, as tensors."""
    X, weight = validate_rows(estimator, X, sample_weight)
    if X.shape[0] < min(estimator._n_rows, FOLD_ROWS) / 2:
        warnings.warn(
            "merge='fold' keeps the function on the rows it is given, not elsewhere; "
            f"got {X.shape[0]} rows, where fit had {estimator._n_rows}. Pass those.",
            UserWarning,
            stacklevel=4,
        )
    if X.shape[0] > FOLD_ROWS:
        rows = np.linspace(0, X.shape[0] - 1, FOLD_ROWS).round().astype(int)
        X, weight = X[rows], None if weight is None else weight[rows]
    x = torch.from_numpy(estimator._x_columns.standardized(X))
    return x, None if weight is None else torch.tensor(weight)


def _refit(estimator, X, y, sample_weight) -> None:
    """Train on without penalty: the lasso's shrinkage of the survivors is undone."""
    table = validate_training_rows(estimator, X, y, sample_weight, reset=False)
    estimator._check_same_shape(table)
    schedule = Schedule(
        n_epochs=max(1, math.ceil(estimator.n_iter_ / 4)),
        batch_size=estimator._batch_size(len(table.y)),
        decay="linear",
        shuffle=estimator.shuffle,
    )
    plan = estimator._plan_training(
        FitData(table, None, estimator._x_columns, estimator._y_columns),
        schedule,
        estimator._draw_seeds()[0],
        estimator._state(),
        alpha=0.0,
    )
    ((state, history),) = train_together([plan])
    estimator._finish(plan, state, history, warn=False)
