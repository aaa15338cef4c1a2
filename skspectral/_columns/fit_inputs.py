"""Fit the inputs of a network on the rows of a table."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from skspectral._columns.bends import (
    LEAST_GAIN,
    ask_columns,
    strengths_of_ramps,
)
from skspectral._columns.categories import dummies_of
from skspectral._columns.inputs import Inputs, input_statistics
from skspectral._columns.knots import knots_of
from skspectral._columns.samples import Samples
from skspectral._columns.statistics import (
    ColumnStatistics,
    column_means,
    column_statistics,
    identity_statistics,
    row_blocks,
    weighted_quantiles,
)

__all__ = ["Encoding", "fit_inputs"]

# Of the table that says which columns bend: rows and numbers at most.
TEST_ROWS = 20_000
TEST_NUMBERS = 2**22
FEWEST_TEST_ROWS = 4_000  # or the table is too wide
FEWEST_IDLE_ROWS = 1_000  # to say that a column says nothing
MIDDLE = (0.05, 0.95)  # of the rows: their span is how far a column goes on


class Encoding(NamedTuple):
    """Rules for the inputs: see :class:`skspectral.ColumnEncoder`."""

    encoding: str = "linear"
    n_knots: int = 48
    tau: float = 2.0
    extrapolation: str = "limited"
    max_categories: int = 100


def fit_inputs(
    table: Samples,
    rules: Encoding,
    *,
    standardize: bool,
    n_codes: dict[int, int],
    names: Any,
    targets: Callable[[np.ndarray], np.ndarray] | None,
) -> Inputs:
    """Fit inputs on checked rows.

    Parameters
    ----------
    table : Samples
        Its y is not used.
    rules : Encoding
    standardize : bool
        False leaves numbers as they are. Ramps and dummies are always scaled.
    n_codes : dict of int to int
        Number of codes of each column of categories.
    names : sequence of str
        Of the columns, for errors.
    targets : callable or None
        Targets (m, o) of some rows, as numbers of like scale: they say which columns
        bend, for ``encoding="auto"``. None for all.
    """
    X, weight = table.X, table.weight
    n_columns = X.shape[1]
    numbers = tuple(c for c in range(n_columns) if c not in n_codes)
    table_of_numbers = X if not n_codes else _Columns(X, numbers)
    missing, bends = _missing(table_of_numbers), rules.encoding != "linear"
    if not (standardize or n_codes or missing or bends):
        fill = column_means(X, weight)
        return Inputs.plain(n_columns, identity_statistics(n_columns), fill)
    own = column_statistics(table_of_numbers, weight, places=numbers)
    statistics = own if standardize else identity_statistics(len(numbers))
    dummies = {
        column: dummies_of(
            np.asarray(X[:, column], dtype=np.float64),
            weight,
            count,
            max_categories=rules.max_categories,
            name=names[column],
        )
        for column, count in n_codes.items()
    }
    layout = Inputs(
        n_columns, numbers, own.mean, None, missing, {}, dummies, statistics
    )
    linear = _with_statistics(layout, statistics, table, {})
    if not bends:
        return linear
    shares = dict.fromkeys(range(len(numbers)), 1.0)
    if targets is not None and rules.encoding == "auto":
        shares, idle = _shares(linear, table, targets, rules.n_knots)
        layout = dataclasses.replace(layout, idle=idle)
        linear = dataclasses.replace(linear, idle=idle)
    knots, spans = _knots_of_columns(table, numbers, list(shares), rules.n_knots)
    if not knots:
        return linear
    limits = None
    if rules.extrapolation != "linear":
        limits = np.outer([-np.inf, np.inf], np.ones(len(numbers)))
        for place, between in knots.items():
            more = spans[place] if rules.extrapolation == "limited" else 0.0
            limits[:, place] = between[0] - more, between[-1] + more
    layout = dataclasses.replace(layout, knots=knots, range=limits)
    tau = {place: rules.tau * shares[place] for place in knots}
    return _with_statistics(layout, statistics, table, tau)


class _Columns:
    """Some columns of a dense table, which are copied only block by block."""

    def __init__(self, table: Any, columns: tuple[int, ...]) -> None:
        self.table, self.columns = table, list(columns)
        self.shape = (table.shape[0], len(columns))

    def __getitem__(self, rows) -> np.ndarray:
        return self.table[rows][..., self.columns]


def _missing(table: Any) -> tuple[int, ...]:
    """Columns of which a number is missing."""
    if sparse.issparse(table):
        holes = np.isnan(table.data)
        return tuple(np.unique(table.indices[holes]).tolist())
    found = np.zeros(table.shape[1], dtype=bool)
    if not table.shape[1]:
        return ()
    for rows in row_blocks(*table.shape):
        part = table[rows]
        found |= np.isnan(part).any(0)
    return tuple(np.flatnonzero(found).tolist())


def _with_statistics(
    layout: Inputs,
    of_numbers: ColumnStatistics,
    table: Samples,
    tau: dict[int, float],
) -> Inputs:
    """Inputs of this layout, with the statistics of all; `tau` by bent column."""
    n_numbers = len(layout.numbers)
    n_ramps = [len(knots) - 1 for knots in layout.knots.values()]
    counts = (n_numbers, len(layout.missing), sum(n_ramps), sum(layout.n_dummies))
    if sum(counts) == n_numbers:
        return layout
    # Ramps have a standard deviation of tau / sqrt(n), so that a function may bend as
    # much with many knots as with few. What is 0 or 1 is only centred: the rarer it is
    # in these rows, the dearer is a weight on it.
    strength = [
        np.full(n, own / math.sqrt(n))
        for n, own in zip(n_ramps, tau.values(), strict=True)
    ]
    rest = sum(counts[1:])
    statistics = ColumnStatistics(
        of_numbers.n_rows,
        np.append(of_numbers.mean, np.zeros(rest)),
        np.append(of_numbers.variance, np.ones(rest)),
        np.append(np.full(n_numbers, of_numbers.active), np.ones(rest, dtype=bool)),
        np.repeat([1.0, 0.0, 1.0, 0.0], counts),
        np.concatenate([np.ones(sum(counts[:2])), *strength, np.ones(counts[3])]),
    )
    inputs = dataclasses.replace(layout, statistics=statistics)
    found = input_statistics(inputs, table.X, table.weight)
    statistics.mean[n_numbers:] = found.mean[n_numbers:]
    statistics.variance[n_numbers:] = found.variance[n_numbers:]
    return inputs


def _knots_of_columns(
    table: Samples, numbers: tuple[int, ...], places: list[int], n_knots: int
) -> tuple[dict[int, np.ndarray], dict[int, float]]:
    """Knots of the numeric columns at some places that have more than two values.

    And what the middle nine tenths of their rows span.
    """
    X = table.X.tocsc() if places and sparse.issparse(table.X) else table.X
    knots, spans = {}, {}
    for place in places:
        values = X[:, numbers[place]]
        values = values.toarray() if sparse.issparse(X) else values
        values, weight = np.asarray(values, dtype=np.float64).ravel(), table.weight
        there = ~np.isnan(values)
        if not there.all():
            values, weight = values[there], None if weight is None else weight[there]
        own = knots_of(values, weight, n_knots) if len(values) else values
        if len(own) > 2:
            knots[place] = own
            low, high = weighted_quantiles(values[:, None], weight, MIDDLE)[:, 0]
            spans[place] = float(high - low)
    return knots, spans


def _shares(
    inputs: Inputs, table: Samples, targets: Callable, n_knots: int
) -> tuple[dict[int, float], tuple[int, ...]]:
    """The share of `tau` for each column that bends; columns that say nothing."""
    n_rows, most = table.X.shape[0], TEST_NUMBERS // len(inputs)
    if most < FEWEST_TEST_ROWS:
        return {}, ()
    rows = np.arange(n_rows)
    if n_rows > min(TEST_ROWS, most):
        rows = np.linspace(0, n_rows - 1, min(TEST_ROWS, most)).round().astype(int)
    part = table.X[rows]
    part = part.toarray() if sparse.issparse(part) else part
    numbers = part.astype(np.float64)[:, inputs.numbers]
    numbers = np.where(np.isnan(numbers), inputs.fill, numbers)
    weight = None if table.weight is None else table.weight[rows]
    places = list(range(len(inputs.numbers)))
    some = Samples(numbers, table.y, weight)
    knots, _ = _knots_of_columns(some, tuple(places), places, n_knots)
    test = ask_columns(inputs.standardized(part), numbers, knots, targets(rows), weight)
    shares = strengths_of_ramps(test.gains, len(rows))
    moving = [p for p, gain in zip(knots, test.gains, strict=True) if gain > LEAST_GAIN]
    used = {*inputs.columns[test.is_used], *np.array(inputs.numbers)[moving]}
    idle = tuple(c for c in range(inputs.n_columns) if c not in used)
    if n_rows < FEWEST_IDLE_ROWS:  # too few to tell
        idle = ()
    bent = {p: float(s) for p, s in zip(knots, shares, strict=True) if s > 0}
    return bent, idle
