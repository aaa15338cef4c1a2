"""Cut a fitted estimator to its core: a new, smaller, fitted estimator."""

import copy
import math
import warnings
from numbers import Integral, Real

from sklearn.base import clone

from skspectral._reading import read_table
from skspectral._relevance import (
    Core,
    cut_relative,
    cut_to_number,
    cut_widest_gap,
    hidden_relevance,
    path_relevance,
)
from skspectral._runs import Schedule
from skspectral._state import NetworkState
from skspectral._together import Data, train_together
from skspectral.nn import SpectralMLP, merge_parallel_nodes, remove_nodes

__all__ = ["find_core", "prune_estimator"]

RELEVANCES = {"R": hidden_relevance, "path": path_relevance}


def find_core(
    network: SpectralMLP, *, threshold="gap", n_nodes=None, relevance="R"
) -> Core:
    """Nodes to keep, by the parameters of ``prune``.

    Raises
    ------
    ValueError
        For a cut outside its rule, or a gate that defines no core.
    """
    if relevance not in RELEVANCES:
        raise ValueError(
            f"`relevance` must be 'R' or 'path'; got relevance={relevance!r}. 'R' is "
            "the gated norm of a node, 'path' counts its outgoing weights as well."
        )
    if any(layer.gate == "both" for layer in network.layers):
        raise ValueError(
            "a core needs a gate of one eigenvalue per node; got gate='both', where "
            "the gate is a difference. Fit with gate='out' or gate='in'."
        )
    values = RELEVANCES[relevance](network)
    if n_nodes is not None:
        if threshold != "gap":
            raise ValueError(
                "pass either `threshold` or `n_nodes`; got "
                f"threshold={threshold!r} and n_nodes={n_nodes!r}. Leave one out."
            )
        return cut_to_number(values, _numbers(n_nodes, network.sizes[1:-1]))
    if isinstance(threshold, str) and threshold == "gap":
        return cut_widest_gap(values)
    is_number = isinstance(threshold, Real) and not isinstance(threshold, bool)
    if not is_number or not 0 <= threshold < 1:
        raise ValueError(
            f"`threshold` must be 'gap' or in [0, 1); got threshold={threshold!r}. It "
            "is a fraction of the largest relevance."
        )
    return cut_relative(values, float(threshold))


def _numbers(n_nodes, widths: tuple[int, ...]) -> tuple[int, ...]:
    numbers = (
        (n_nodes,) * len(widths) if isinstance(n_nodes, Integral) else tuple(n_nodes)
    )
    fits = len(numbers) == len(widths) and all(
        isinstance(n, Integral) and not isinstance(n, bool) and 1 <= int(n) <= width
        for n, width in zip(numbers, widths, strict=True)
    )
    if not fits:
        raise ValueError(
            "`n_nodes` must be an integer or one per hidden layer, each from 1 to the "
            f"width of the layer, {widths}; got n_nodes={n_nodes!r}. Ask for as many "
            "nodes as there are, or fewer."
        )
    return tuple(int(n) for n in numbers)


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
    """See the ``prune`` method of the estimators."""
    if refit and (X is None or y is None):
        raise ValueError(
            "refit=True needs the rows to refit on; got prune(refit=True) without X "
            "and y. Call prune(X, y, refit=True)."
        )
    network = estimator._network()
    core = find_core(network, threshold=threshold, n_nodes=n_nodes, relevance=relevance)
    if core.vanished:
        warnings.warn(
            "every relevance of a hidden layer vanished; one node of it is kept.",
            UserWarning,
            stacklevel=3,
        )
    small = remove_nodes(network, core.masks)
    if merge:
        small = merge_parallel_nodes(small)
    if small.sizes == network.sizes:
        hint = (
            "the core is still forming: raise max_iter or alpha, or cut by a number"
            if core.forming
            else "every node is needed at this alpha"
        )
        warnings.warn(
            f"prune removed nothing: {hint}. The network is returned as it is.",
            UserWarning,
            stacklevel=3,
        )
    pruned = clone(estimator).set_params(hidden_layer_sizes=small.sizes[1:-1])
    # Not the state of an optimiser of another shape; callbacks the clone has already.
    left_out = {*pruned.get_params(), "_partial", "_skl_callbacks"}
    fitted = {k: v for k, v in vars(estimator).items() if k not in left_out}
    vars(pruned).update(copy.deepcopy(fitted))
    vars(pruned).update(pruned._state_attributes(NetworkState.from_network(small)))
    if refit:
        _refit(pruned, X, y, sample_weight)
    return pruned


def _refit(estimator, X, y, sample_weight) -> None:
    """Train on without penalty: the lasso's shrinkage of the survivors is undone."""
    table = read_table(estimator, X, y, sample_weight, reset=False)
    schedule = Schedule(
        n_epochs=max(1, math.ceil(estimator.n_iter_ / 4)),
        batch_size=estimator._batch_size(len(table.y)),
        decay="linear",
        shuffle=estimator.shuffle,
    )
    plan = estimator._plan_training(
        Data(table, None, estimator._x_columns, estimator._y_columns),
        schedule,
        estimator._draw_seeds()[0],
        estimator._state(),
        alpha=0.0,
    )
    ((state, history),) = train_together([plan])
    estimator._finish(plan, state, history, warn=False)
