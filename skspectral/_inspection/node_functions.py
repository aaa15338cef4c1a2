"""What the nodes of the first hidden layer do with each column."""

from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import sparse
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from skspectral._columns import validate_table
from skspectral._inspection.pruning_curves import check_spectral
from skspectral.nn import ACTIVATIONS

__all__ = ["ColumnFunctions", "node_functions"]

MOST_ROWS = 20_000  # that spreads and distributions are computed on, evenly spaced


class ColumnFunctions(NamedTuple):
    """What each node adds up of one column.

    Attributes
    ----------
    column : int
    name : str
    points : ndarray of shape (n_points,) or list
        Values of the column, in its own units: knots and ends of numbers, which
        functions are linear between; or categories.
    values : ndarray of shape (n_nodes, n_points)
        Of the functions at these.
    missing : ndarray of shape (n_nodes,) or None
        Value for a missing entry; None where it is that of the mean.
    data : ndarray
        The column of X: numbers, or codes of the categories; NaN where missing.
    """

    column: int
    name: str
    points: Any
    values: np.ndarray
    missing: np.ndarray | None
    data: np.ndarray

    @property
    def is_categorical(self) -> bool:
        """Whether the points are categories."""
        return isinstance(self.points, list)


def node_functions(estimator, X):
    """Functions of single columns that each node of the first hidden layer adds up.

    A node is ``act(sum over columns of f_c(x_c) + b)``, with f_c piecewise linear in a
    number, and a value for each category. So a node can be drawn.

    Parameters
    ----------
    estimator : fitted SpectralMLPRegressor or SpectralMLPClassifier
    X : {array-like, frame, sparse matrix} of shape (n_samples, n_features)
        Rows that say where the columns lie, those of `fit` as a rule; of more than
        20,000 rows these many.

    Returns
    -------
    Bunch
        nodes : ndarray of shape (n_nodes,), int
            The nodes of the core, the one that moves the outputs most first.
        columns : list of ColumnFunctions
            For each column of X: `points`, `values` of each node at these, `missing`.
            Centred: over the rows of `fit` a function is 0 on average.
        spread : ndarray of shape (n_nodes, n_features)
            Mean absolute value of the functions over X: how much a column moves a node.
        bias : ndarray of shape (n_nodes,)
            What each node starts from: it bends where its functions sum to minus that.
        weight : ndarray of shape (n_nodes, n_outputs) or None
            What it then adds to the outputs, times its activation; None with more than
            one hidden layer. With a ReLU or no activation the functions and the bias
            are multiplied by the norm of a node's weights, which have norm 1 then: so
            they are in units of the target, of its logarithm (with a log link) or of
            the logit. Of several quantiles all outputs but the middle one are steps.

    Raises
    ------
    TypeError, NotFittedError, ValueError
        For an estimator that is not one of this package, is not fitted, or has no
        hidden layer.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skspectral import SpectralMLPRegressor, node_functions
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> reg = SpectralMLPRegressor(random_state=0).fit(X, y)
    >>> functions = node_functions(reg, X)
    >>> column = functions.columns[2]
    >>> column.name
    'bmi'
    >>> column.values.shape == (len(functions.nodes), len(column.points))
    True
    """
    check_spectral(estimator)
    check_is_fitted(estimator)
    state, inputs = estimator._state(), estimator._x_columns
    if len(state.phi) < 2:
        raise ValueError(
            "functions belong to hidden nodes; got a network without any "
            "(hidden_layer_sizes=()). Fit with hidden_layer_sizes=100, say."
        )
    table = validate_table(estimator, X, reset=False)
    table = table.tocsr() if sparse.issparse(table) else table
    if table.shape[0] > MOST_ROWS:
        rows = np.linspace(0, table.shape[0] - 1, MOST_ROWS).round().astype(int)
        table = table[rows]
    table = table.toarray() if sparse.issparse(table) else table
    table = table.astype(np.float64)

    weights, (bias, *_) = state.weights(), state.bias
    first = weights[0]
    bias = np.zeros(len(first)) if bias is None else bias.astype(np.float64)
    outgoing, scale = None, np.ones(len(first))
    if len(weights) == 2:
        outgoing = weights[1].T * estimator._y_columns.multiplier
        if ACTIVATIONS[state.activation].is_homogeneous:
            scale = np.linalg.norm(outgoing, axis=1)
            outgoing = outgoing / np.where(scale > 0, scale, 1.0)[:, None]
    # Inputs are centred and scaled: computed for one column at a time.
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        names = [f"x{c}" for c in range(inputs.n_columns)]
    everything = inputs.standardized(table)
    columns, spread = [], np.zeros((len(first), inputs.n_columns))
    for c in range(inputs.n_columns):
        own = np.flatnonzero(inputs.columns == c)
        factors = (first[:, own] * scale[:, None]).T
        spread[:, c] = np.abs(everything[:, own] @ factors).mean(0)
        points, missing = _points(estimator, table[:, c], c)
        places = range(len(points)) if isinstance(points, list) else points
        grid = np.full((len(points) + 1, inputs.n_columns), np.nan)
        grid[:-1, c] = list(places)
        values = (inputs.standardized(grid)[:, own] @ factors).T
        columns.append(
            ColumnFunctions(
                c,
                str(names[c]),
                points,
                values[:, :-1],
                values[:, -1] if missing else None,
                table[:, c],
            )
        )
    alive = np.ones(len(first), dtype=bool)
    if "both" not in state.gates:
        alive = estimator._core().masks[0].numpy()
    act = ACTIVATIONS[state.activation].function
    activity = act(torch.from_numpy(everything @ first.T + bias)).numpy()
    effect = activity.std(0) * scale
    if outgoing is not None:
        effect = effect * np.linalg.norm(outgoing, axis=1)
    order = np.argsort(-np.where(alive, effect, -1.0), kind="stable")[: alive.sum()]
    return Bunch(
        nodes=order,
        columns=[
            c._replace(
                values=c.values[order],
                missing=None if c.missing is None else c.missing[order],
            )
            for c in columns
        ],
        spread=spread[order],
        bias=bias[order] * scale[order],
        weight=None if outgoing is None else outgoing[order],
    )


def _points(estimator, values: np.ndarray, column: int):
    """Where the functions of a column are given, and whether missing is a value."""
    inputs = estimator._x_columns
    if column in inputs.dummies:
        slots = inputs.dummies[column]
        points = list(estimator._reader.categories[column])
        return points, slots[-1] != slots[-2]
    place = inputs.numbers.index(column)
    there = values[~np.isnan(values)]
    ends = [there.min(), there.max()] if len(there) else []
    knots = inputs.knots.get(place, np.zeros(0))
    if not len(knots) and not ends:
        ends = [inputs.fill[place]]
    return np.unique(np.concatenate([knots, ends])), place in inputs.missing
