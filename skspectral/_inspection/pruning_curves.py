"""Score against the number of nodes kept."""

import copy

import numpy as np
import torch
from sklearn.base import is_classifier
from sklearn.utils import Bunch, check_random_state
from sklearn.utils.validation import check_is_fitted, column_or_1d

from skspectral._columns import check_weight, refuse_missing_targets, validate_table
from skspectral._core import RELEVANCES, find_core
from skspectral._estimators import NetworkState, is_integer
from skspectral._inspection.incremental_scores import (
    AccuracySums,
    PinballSums,
    R2Sums,
    scores_at_numbers,
)
from skspectral._selection import named_scorer
from skspectral.nn import SpectralMLP, remove_nodes

__all__ = ["check_spectral", "name_of", "pruning_curve"]

RANKINGS = (*RELEVANCES, "random")


def pruning_curve(
    estimator,
    X,
    y,
    *,
    sample_weight=None,
    n_nodes=None,
    relevance=("R", "path", "random"),
    layer=-1,
    scoring=None,
    n_random=5,
    random_state=None,
):
    """Score of a fitted network against the number of nodes it keeps.

    The nodes of one hidden layer are removed, the least relevant first, without
    training on. At each number the network is that of ``estimator.prune(n_nodes=...,
    relevance=..., merge=False)``: the constant that a removed node still emits is added
    to the next layer. A ranking is good if the score stays flat until few nodes are
    left, while it falls at once for random orders. The core is where it begins to fall.

    Parameters
    ----------
    estimator : SpectralMLPRegressor or SpectralMLPClassifier
        Fitted, with a hidden layer and a gate that defines a core. It is not changed.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Rows to score on. Test rows show how few nodes are enough.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows in the score, where it takes weights.
    n_nodes : int or sequence of int, default=None
        Numbers of nodes to keep, from 1 to the width of the layer. None is every
        number.
    relevance : {"R", "path", "random"} or sequence of these, default=("R", "path", \
"random")
        Rankings: by R, by path relevance (see ``prune``), and in random order, the
        baseline of the other two.
    layer : int, default=-1
        Index of the hidden layer to cut, from 0; -1 is the last. The other hidden
        layers stay whole: a network with several has a curve for each.
    scoring : str or callable, default=None
        Any scorer of scikit-learn. None is the estimator's own score, R2 or accuracy,
        and fast: the hidden activations are computed once, and each further node adds
        one term to the outputs. A scorer is called with a pruned estimator at every
        point, which takes one prediction each.
    n_random : int, default=5
        Random orders. More give a smoother mean.
    random_state : int, RandomState instance or None, default=None
        Draws the random orders.

    Returns
    -------
    curve : :class:`~sklearn.utils.Bunch`
        n_nodes : ndarray of shape (n_points,), int
            Numbers of nodes kept, ascending, each once.
        scores : dict of ndarray
            Scores by ranking: ``"R"`` and ``"path"`` of shape (n_points,), ``"random"``
            of shape (n_random, n_points).
        orders : dict of ndarray of int
            Indices of the layer's nodes, the first to be kept first: shapes (width,)
            and (n_random, width).
        full_score : float
            Score of the whole network.
        core_size : int
            Nodes of the layer's core, as in `core_sizes_`.
        layer : int
            Index of the layer, from 0.
        n_hidden_layers : int
            Hidden layers of the network.
        score_name : str
            For the axis of a figure.

    Raises
    ------
    TypeError
        If the estimator is not one of this package.
    NotFittedError
        If it is not fitted.
    ValueError
        For a parameter outside its rule, a network without a hidden layer, or
        ``gate="both"``, which defines no core.

    See Also
    --------
    PruningCurveDisplay : Draws the curve.
    SpectralMLPRegressor.prune : The smaller network itself.

    Notes
    -----
    With one hidden layer the outputs of n + 1 nodes are those of n plus
    ``v_j (a_j - c_j)``, with ``a_j`` the activations of the node, ``v_j`` its outgoing
    weights and ``c_j`` its output once removed: ``activation(bias)``, or 0 for
    ``gate="in"``. So 300 nodes cost little more than one prediction. Memory does not
    grow with the number of rows. Computed in float64; ``prune`` folds in the dtype of
    the network, hence for float32 the two agree to about 1e-7.

    References
    ----------
    .. [1] L. Giambagli, L. Buffoni, L. Chicchi, D. Fanelli, "How a student becomes a
       teacher", NeurIPS 2023, arXiv:2310.12612.

    Examples
    --------
    >>> from skspectral import SpectralMLPRegressor, pruning_curve
    >>> from skspectral.datasets import make_teacher_student
    >>> X, y, teacher = make_teacher_student(2000, n_teacher_nodes=5, random_state=0)
    >>> reg = SpectralMLPRegressor(
    ...     hidden_layer_sizes=50, encoding="linear", random_state=0
    ... ).fit(X, y)
    >>> curve = pruning_curve(reg, X, y, n_nodes=[4, 5, 50], random_state=0)
    >>> curve.core_size, curve.n_nodes
    (5, array([ 4,  5, 50]))
    >>> bool(curve.scores["R"][1] > curve.full_score - 1e-3)
    True
    """
    check_spectral(estimator)
    check_is_fitted(estimator)
    module = estimator.to_torch()
    network = module.network
    widths = network.sizes[1:-1]
    index = _check_layer(layer, widths)
    # Raises for a gate that defines no core.
    core = find_core(network, is_core=estimator._is_core)
    numbers = _check_numbers(n_nodes, widths[index])
    kinds = _check_rankings(relevance)
    if not (is_integer(n_random) and n_random >= 1):
        raise ValueError(
            f"`n_random` must be an integer >= 1; got n_random={n_random!r}. Leave "
            "'random' out of `relevance` to draw none."
        )
    n_rows = X.shape[0] if hasattr(X, "shape") else len(X)
    weight = check_weight(sample_weight, n_rows)
    if is_classifier(estimator):
        refuse_missing_targets(y, is_label=True)  # scorers fail on None and NA
    scorer = named_scorer(estimator, scoring)

    orders = {}
    for kind in kinds:
        if kind == "random":
            rng = check_random_state(random_state)
            orders[kind] = np.stack(
                [rng.permutation(widths[index]) for _ in range(n_random)]
            )
        else:
            values = RELEVANCES[kind](network)[index]
            orders[kind] = values.argsort(descending=True, stable=True).numpy()
    kwargs = scorer.weights(weight)
    full_score = float(scorer.score(estimator, X, y, **kwargs))  # checks X and y first
    rows = np.concatenate([np.atleast_2d(order) for order in orders.values()])
    if scoring is None:
        flat = _own_scores(estimator, module, X, y, weight, index, rows, numbers)
    else:
        cuts = (order[:n] for order in rows for n in numbers)
        flat = np.array(
            [
                scorer.score(_cut(estimator, network, index, c), X, y, **kwargs)
                for c in cuts
            ]
        ).reshape(len(rows), len(numbers))
    scores, start = {}, 0
    for kind, order in orders.items():
        stop = start + len(np.atleast_2d(order))
        scores[kind] = flat[start:stop] if order.ndim == 2 else flat[start]
        start = stop
    return Bunch(
        n_nodes=numbers,
        scores=scores,
        orders=orders,
        full_score=full_score,
        core_size=int(core.masks[index].sum()),
        layer=index,
        n_hidden_layers=len(widths),
        score_name=scorer.name,
    )


def name_of(estimator) -> str:
    """Return the name of an estimator for an error message."""
    if isinstance(estimator, type):
        return f"the class {estimator.__name__}, where an instance is needed"
    return type(estimator).__name__


def check_spectral(estimator) -> None:
    """Raise for anything but an estimator of this package, fitted or not."""
    is_class = isinstance(estimator, type)
    if is_class or not callable(getattr(estimator, "to_torch", None)):
        raise TypeError(
            "`estimator` must be a SpectralMLPRegressor or SpectralMLPClassifier; got "
            f"{name_of(estimator)}. For a pruner pass `estimator_`, for a search "
            "`best_estimator_`, for a Pipeline `pipe[-1]` and the rows that reach it, "
            "`pipe[:-1].transform(X)`."
        )


def _check_layer(layer, widths: tuple[int, ...]) -> int:
    if not widths:
        raise ValueError(
            "a pruning curve needs a hidden layer; got a network without one "
            "(hidden_layer_sizes=()). Fit with hidden_layer_sizes=100, say."
        )
    if not is_integer(layer) or not -len(widths) <= layer < len(widths):
        raise ValueError(
            f"`layer` must be the index of a hidden layer, from {-len(widths)} to "
            f"{len(widths) - 1}; got layer={layer!r}. The last one is -1."
        )
    return int(layer) % len(widths)


def _check_numbers(n_nodes, width: int) -> np.ndarray:
    if n_nodes is None:
        return np.arange(1, width + 1)
    numbers = np.atleast_1d(np.asarray(n_nodes))
    fits = (
        numbers.ndim == 1 and numbers.size and np.issubdtype(numbers.dtype, np.integer)
    )
    if not fits or numbers.min() < 1 or numbers.max() > width:
        raise ValueError(
            "`n_nodes` must be integers from 1 to the width of the layer, "
            f"{width}; got n_nodes={n_nodes!r}. Leave it out for every number."
        )
    return np.unique(numbers)


def _check_rankings(relevance) -> list[str]:
    several = isinstance(relevance, (list, tuple, np.ndarray))
    kinds = list(relevance) if several else [relevance]
    if not kinds or any(kind not in RANKINGS for kind in kinds):
        raise ValueError(
            "`relevance` must name one or several of 'R', 'path' and 'random'; got "
            f"relevance={relevance!r}. Leave it out for all three."
        )
    return list(dict.fromkeys(kinds))


def _cut(estimator, network: SpectralMLP, layer: int, kept: np.ndarray):
    """Return the estimator with the kept nodes of one layer, to be scored."""
    masks = [
        torch.ones(width, dtype=torch.bool, device="cpu")
        for width in network.sizes[1:-1]
    ]
    masks[layer] = torch.zeros_like(masks[layer])
    masks[layer][torch.from_numpy(kept)] = True
    small = remove_nodes(network, masks)
    pruned = copy.copy(estimator)  # shares the inputs: it is never trained
    pruned.hidden_layer_sizes = small.sizes[1:-1]
    pruned._network_state = NetworkState.from_network(small)
    return pruned


def _own_scores(estimator, module, X, y, weight, layer, orders, numbers) -> np.ndarray:
    """Return R2 or accuracy by order and number, (n_orders, n_points)."""
    regression = not is_classifier(estimator)
    X, y = validate_table(
        estimator,
        X,
        y=y,
        reset=False,
        y_numeric=regression,
        ensure_min_samples=2 if regression else 1,
    )
    if weight is None:
        weight = np.ones(X.shape[0])
    tally: R2Sums | PinballSums | AccuracySums
    if not regression:
        tally = AccuracySums(_as_codes(y, estimator), weight)
    else:
        y = y.reshape(len(y), -1).astype(np.float64)
        tally = R2Sums(y, weight)
        if estimator._has_curves():
            tally = PinballSums(y, weight, estimator._trained_loss.levels)
    X = X.tocsr() if hasattr(X, "tocsr") else X
    return scores_at_numbers(module, X, tally, layer, orders, numbers)


def _as_codes(y, estimator) -> np.ndarray:
    """Return the index of each row's class, or the labels."""
    y = y.toarray() if hasattr(y, "toarray") else y
    if y.ndim == 2 and y.shape[1] > 1:
        return y
    y = column_or_1d(y)
    classes = estimator.classes_
    known = np.isin(y, classes)
    codes = np.full(len(y), -1)
    codes[known] = np.searchsorted(classes, y[known])
    return codes
