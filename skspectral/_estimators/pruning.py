"""Cut a fitted estimator to its core: a new, smaller, fitted estimator."""

import copy
import math
from numbers import Real

import numpy as np
import torch
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from skspectral._core import Core, find_core, named_core
from skspectral._engine import Schedule
from skspectral._estimators.batch_training import train_together
from skspectral._estimators.fit_plan import FitData
from skspectral._estimators.network_state import NetworkState
from skspectral._estimators.parameters import (
    FLAG,
    Rule,
    check_cut_parameters,
    check_rules,
    is_flag,
)
from skspectral._estimators.partial_fit import IncrementalSpectralMLP
from skspectral._estimators.validation import validate_rows, validate_training_rows
from skspectral._estimators.warn import warn_user
from skspectral.nn import SpectralMLP, fold_nodes, merge_parallel_nodes, remove_nodes

__all__ = ["FOLD_ROWS", "MERGE", "PrunableSpectralMLP"]

# Rows that a fold computes with, evenly spaced where there are more: its time grows
# with their number, and a network of some dozen nodes does not need more.
FOLD_ROWS = 20_000


MERGE = Rule(
    "True, False or 'fold'",
    lambda v: is_flag(v) or (isinstance(v, str) and v == "fold"),
    "True merges nodes that point the same way, 'fold' all on one hyperplane.",
)


class PrunableSpectralMLP(IncrementalSpectralMLP):
    """A network that can be cut to its core: the method `prune`."""

    def prune(
        self,
        X=None,
        y=None,
        sample_weight=None,
        *,
        threshold="gap",
        n_nodes=None,
        relevance="R",
        merge=True,
        refit=False,
    ):
        """Cut the network to its core.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            Rows to fold on, with ``merge="fold"``, and to refit on, with
            ``refit=True``; not used without these. Those of fit, as a rule: away from
            the rows it is given, folding may change the function a lot.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Their targets, for ``refit=True``.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        threshold : "gap" or float in [0, 1), default="gap"
            ``"gap"`` cuts each layer at the widest gap of its sorted relevance, if that
            spans two decades, else at 1e-6 of the largest. A number keeps the nodes
            with at least that fraction of the layer's largest relevance; the paper's is
            0.05, the histogram bin of [1]_.
        n_nodes : int, float or tuple of them, default=None
            Keep that many nodes in each hidden layer instead, before any are merged; a
            float in (0, 1] is a fraction of them, rounded, one node at least.
        relevance : {"R", "path"}, default="R"
            ``"R"``: gated norm of a node. ``"path"``: norm of its incoming times norm
            of its outgoing weights.
        merge : bool or "fold", default=True
            Which nodes of a ReLU network become one. True: those that point the same
            way (see :func:`skspectral.nn.merge_parallel_nodes`), which changes next to
            nothing. ``"fold"``: all on one hyperplane, whichever way they point (see
            :func:`skspectral.nn.fold_nodes`), and linear functions as few nodes as can
            be; the outputs on X change by up to 0.1 % of their variance, of more than
            20,000 rows on these many, evenly spaced. Fewer nodes for the same
            function. False: none.
        refit : bool, default=False
            Train the survivors on, without penalty, for a quarter of the epochs. On
            data without much noise this helps; on noisy data it overfits, so compare
            on other rows (the user guide has numbers).

        Returns
        -------
        estimator
            A new fitted estimator whose `hidden_layer_sizes` are those of the core.
            What a removed node still emits is folded into the next layer. The
            original is left untouched. Where `threshold` finds nothing dead it is an
            equal network, and a warning says so. `loss_`, `loss_curve_` and `n_iter_`
            are those of the fit before the cut, unless `refit`. Where a subclass has no
            parameter `hidden_layer_sizes`, its attribute says the sizes of the core,
            and a clone starts anew at the width of the subclass.

        Raises
        ------
        ValueError
            For a cut or a `merge` outside its rule, ``gate="both"``, which defines no
            core, or rows that are missing.

        References
        ----------
        .. [1] L. Giambagli et al., "How a student becomes a teacher", NeurIPS 2023,
           arXiv:2310.12612.
        """
        check_is_fitted(self)
        pruned, _ = self._prune(
            X,
            y,
            sample_weight,
            threshold=threshold,
            n_nodes=n_nodes,
            relevance=relevance,
            merge=merge,
            refit=refit,
        )
        return pruned

    def _prune(
        self, X, y, sample_weight, *, threshold, n_nodes, relevance, merge, refit
    ):
        """Cut as `prune` does, and return which nodes are kept as well.

        Returns
        -------
        pruned : estimator
        nodes : list of ndarray of int, one per hidden layer
            Index of each node before the cut. Of merged nodes, the representative; for
            a node that carries a linear function, a node that was folded into it.
        """
        _check_rows(X, y, merge=merge, refit=refit)
        network = self._network()
        if len(network.sizes) == 2:
            raise ValueError(
                "prune cuts hidden nodes; got a network without any "
                "(hidden_layer_sizes=()). Fit with hidden_layer_sizes=100, say."
            )
        check_cut_parameters(
            network.sizes[1:-1],
            threshold=threshold,
            n_nodes=n_nodes,
            relevance=relevance,
        )
        core = find_core(
            network,
            threshold=threshold,
            n_nodes=n_nodes,
            relevance=relevance,
            is_core=self._is_core,
        )
        rows = None
        if isinstance(merge, str):
            rows = _rows_to_fold_on(self, X, sample_weight)
        small, nodes = _cut(network, core, merge=bool(merge), rows=rows)
        _warn_of_cut(
            core,
            removed_nothing=small.sizes == network.sizes,
            by_number=n_nodes is not None,
            was_core=self._is_core,
        )
        # A network that was cut to its core has no dead nodes to find a gap by. One
        # that was cut by number or threshold may still have some.
        by_gap = n_nodes is None and isinstance(threshold, str)
        whole = core if by_gap else named_core(network, is_core=self._is_core)
        pairs = zip(core.masks, whole.masks, strict=True)
        keeps_dead_nodes = any(bool((kept & ~alive).any()) for kept, alive in pairs)

        pruned = self._with_network(small)
        if refit:
            pruned._refit_without_penalty(X, y, sample_weight)
        pruned._is_core = not (keeps_dead_nodes or whole.forming)
        return pruned, nodes

    def _with_network(self, network: SpectralMLP):
        """A fitted estimator like this one, with another network."""
        other = clone(self)
        # Not by `set_params`: the constructor of a subclass may not have it.
        other.hidden_layer_sizes = network.sizes[1:-1]
        # The state of Adam has the old shape; `clone` has set up callbacks already.
        left_out = {"hidden_layer_sizes", "_partial", "_skl_callbacks"}
        left_out |= set(other.get_params(deep=False))
        fitted = {k: v for k, v in vars(self).items() if k not in left_out}
        vars(other).update(copy.deepcopy(fitted))
        other._network_state = NetworkState.from_network(network)
        return other

    def _refit_without_penalty(self, X, y, sample_weight):
        """Train on without penalty, which undoes the shrinkage of the survivors."""
        table = validate_training_rows(self, X, y, sample_weight, reset=False)
        data = FitData(table, None, self._x_columns, self._y_columns)
        self._check_same_shape(data)
        schedule = Schedule(
            n_epochs=max(1, math.ceil(self.n_iter_ / 4)),
            batch_size=self._batch_size(len(table.y)),
            decay="linear",
            shuffle=self.shuffle,
        )
        plan = self._plan_training(
            data,
            schedule,
            self._draw_seeds()[0],
            self._state(),
            alpha=0.0,
        )
        ((state, history),) = train_together([plan])
        self._finish(plan, state, history, warn=False)


def _check_rows(X, y, *, merge, refit) -> None:
    """Raise where `merge` or `refit` breaks its rule, or their rows are missing."""
    check_rules({"merge": merge, "refit": refit}, {"merge": MERGE, "refit": FLAG})
    missing = [name for name, given in (("X", X), ("y", y)) if given is None]
    if refit and missing:
        raise ValueError(
            "refit=True needs the rows to refit on; got prune(refit=True) without "
            f"{' and '.join(missing)}. Call prune(X, y, refit=True)."
        )
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


def _cut(network: SpectralMLP, core: Core, *, merge: bool, rows):
    """Remove the nodes outside the core, then fold on the rows or merge the rest."""
    small = remove_nodes(network, core.masks)
    nodes = [np.flatnonzero(mask.numpy()) for mask in core.masks]
    if not merge:
        return small, nodes
    if rows is None:
        small, kept = merge_parallel_nodes(small, return_kept=True)
    else:
        x, weight = rows
        small, kept = fold_nodes(small, x, weight=weight, return_kept=True)
    return small, [n[mask.numpy()] for n, mask in zip(nodes, kept, strict=True)]


def _rows_to_fold_on(estimator, X, sample_weight):
    """Rows in the units of the network, and their weights, as tensors."""
    X, weight = validate_rows(estimator, X, sample_weight)
    if X.shape[0] < min(estimator._n_rows, FOLD_ROWS) / 2:
        warn_user(
            "merge='fold' keeps the function on the rows it is given, not elsewhere; "
            f"got {X.shape[0]} rows, where fit had {estimator._n_rows}. Pass those."
        )
    if X.shape[0] > FOLD_ROWS:
        rows = np.linspace(0, X.shape[0] - 1, FOLD_ROWS).round().astype(int)
        X, weight = X[rows], None if weight is None else weight[rows]
    x = torch.from_numpy(estimator._x_columns.standardized(X))
    return x, None if weight is None else torch.tensor(weight, device="cpu")


def _warn_of_cut(
    core: Core, *, removed_nothing: bool, by_number: bool, was_core: bool
) -> None:
    """Warn where a cut found no dead node, or no gap beside the dead ones."""
    if core.vanished:
        warn_user("every relevance of a hidden layer vanished; one node of it is kept.")
    if by_number or was_core or not (removed_nothing or core.forming):
        return
    what = "nothing" if removed_nothing else "only nodes without any relevance"
    hint = "every one is needed at this alpha, or the fit was too short to tell"
    if core.forming:
        hint = "the core is still forming: raise max_iter or alpha, or cut by number"
    warn_user(f"prune removed {what}: {hint}.")
