"""The inputs of a network, fitted on the columns of a table."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import torch
from scipy import sparse

from skspectral._columns.samples import Samples
from skspectral._columns.statistics import (
    ColumnStatistics,
    column_statistics,
    identity_statistics,
)
from skspectral.nn import TableInputs

__all__ = ["Inputs", "input_statistics", "rows_as_tensor"]


@dataclass(frozen=True, eq=False)
class Inputs:
    """How the inputs of a network are computed from the columns of a table.

    Inputs are, one after another: numbers; indicators of missing numbers; ramps;
    dummies. See :class:`skspectral.nn.TableInputs`.

    Attributes
    ----------
    n_columns : int
        Columns of the table.
    numbers : tuple of int
        The numeric ones.
    fill : ndarray of shape (n_numbers,)
        Their means, which stand for missing numbers.
    range : ndarray of shape (2, n_numbers) or None
        Ends that numbers are cut at.
    missing : tuple of int
        Places, among the numbers, of those with an indicator.
    knots : dict of int to ndarray
        By place among the numbers: the knots of those with ramps, ascending.
    dummies : dict of int to ndarray of int64
        By column: the dummy of each code of a column of categories, then that of an
        unseen and that of a missing value; -1 for none. Counted from 0 in each column.
    statistics : ColumnStatistics
        Of the inputs, which are scaled by it.
    idle : tuple of int
        Columns that say nothing of the targets in an additive model, where it was
        asked.
    """

    n_columns: int
    numbers: tuple[int, ...]
    fill: np.ndarray
    range: np.ndarray | None
    missing: tuple[int, ...]
    knots: dict[int, np.ndarray]
    dummies: dict[int, np.ndarray]
    statistics: ColumnStatistics
    idle: tuple[int, ...] = ()

    def __getstate__(self) -> dict:
        # Without what is cached: a pickle does not grow with use.
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def plain(
        cls, n_columns: int, statistics: ColumnStatistics, fill: np.ndarray
    ) -> "Inputs":
        """Inputs that are the columns, centred and scaled."""
        numbers = tuple(range(n_columns))
        return cls(n_columns, numbers, fill, None, (), {}, {}, statistics)

    @property
    def is_plain(self) -> bool:
        """Whether each column is one input."""
        return not (self.missing or self.knots or self.dummies)

    @cached_property
    def n_dummies(self) -> tuple[int, ...]:
        """Number of dummies of each column of categories."""
        return tuple(int(d.max(initial=-1)) + 1 for d in self.dummies.values())

    @cached_property
    def columns(self) -> np.ndarray:
        """The column that each input is computed from, (n_inputs,)."""
        numbers = np.array(self.numbers, dtype=np.int64)
        ramps = [
            np.full(len(knots) - 1, self.numbers[place])
            for place, knots in self.knots.items()
        ]
        dummies = [
            np.full(n, column)
            for column, n in zip(self.dummies, self.n_dummies, strict=True)
        ]
        indicators = numbers[list(self.missing)]
        return np.concatenate([numbers, indicators, *ramps, *dummies]).astype(np.int64)

    def __len__(self) -> int:
        return len(self.columns)

    @cached_property
    def module(self) -> TableInputs:
        """The inputs before any scaling, as a torch module on the CPU."""

        def tensor(array: Any) -> torch.Tensor:
            return torch.tensor(array, device="cpu")

        ends = self.range
        if ends is None:
            ends = np.outer([-np.inf, np.inf], np.ones(len(self.numbers)))
        starts = np.cumsum([0, *self.n_dummies])[:-1]
        dummies = [
            tensor(np.where(d >= 0, d + start, -1))
            for d, start in zip(self.dummies.values(), starts, strict=True)
        ]
        return TableInputs(
            self.numbers,
            tensor(self.fill),
            tensor(ends[0]),
            tensor(ends[1]),
            self.missing,
            list(self.knots),
            [tensor(knots) for knots in self.knots.values()],
            list(self.dummies),
            dummies,
            sum(self.n_dummies),
        )

    def standardized(self, rows) -> np.ndarray:
        """Return rows of a table, dense or CSR, as inputs: (n, n_inputs), float64."""
        rows = rows.toarray() if sparse.issparse(rows) else rows
        return self.statistics.standardized(self.unscaled(rows))

    def unscaled(self, rows: np.ndarray) -> np.ndarray:
        """Return rows of a dense table as inputs that are not scaled yet."""
        if not self.is_plain:
            with torch.inference_mode():
                return self.module(rows_as_tensor(rows)).numpy()
        is_missing = np.isnan(rows)  # of columns that had all their numbers in fit
        return np.where(is_missing, self.fill, rows) if is_missing.any() else rows

    def held(self, rows) -> np.ndarray:
        """Return rows of a table as they are held in training, float64.

        Numbers and indicators are scaled, then there are places among knots, then the
        slots that are 1. See :class:`skspectral._engine.Expansion`.
        """
        if self.is_plain:
            return self.standardized(rows)
        rows = rows.toarray() if sparse.issparse(rows) else rows
        with torch.inference_mode():
            own = self.module.coordinates(rows_as_tensor(rows))
        numbers, positions, slots = (part.numpy() for part in own)
        n, statistics = numbers.shape[1], self.statistics
        numbers = (numbers - statistics.mean[:n]) / statistics.divisor[:n]
        none = sum(self.n_dummies) + np.arange(len(self.dummies))
        return np.concatenate([numbers, positions, np.where(slots < 0, none, slots)], 1)

    @property
    def layout(self) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
        """Counts of numbers with indicators, of ramps by column, of dummies by column.

        As in :class:`skspectral._engine.Layout`.
        """
        n_ramps = tuple(len(knots) - 1 for knots in self.knots.values())
        return len(self.numbers) + len(self.missing), n_ramps, self.n_dummies

    def updated(self, table: Samples) -> "Inputs":
        """The same inputs, with statistics of these rows and of those before."""
        if not np.any(self.statistics.active):
            return self
        own = input_statistics(self, table.X, table.weight)
        return dataclasses.replace(self, statistics=self.statistics.merge(own))

    def refitted(self, table: Samples, *, standardize: bool) -> "Inputs":
        """The same inputs, with statistics of these rows alone."""
        known, n_numbers = self.statistics, len(self.numbers)
        if self.is_plain and not standardize:
            identity = identity_statistics(n_numbers)
            return dataclasses.replace(self, statistics=identity)
        own = input_statistics(self, table.X, table.weight)
        if not self.is_plain:
            active = np.arange(len(self)) >= (0 if standardize else n_numbers)
            own = dataclasses.replace(
                own,
                mean=np.where(active, own.mean, 0.0),
                variance=np.where(active, own.variance, 1.0),
                active=active,
                power=known.power,
                strength=known.strength,
            )
        return dataclasses.replace(self, statistics=own)

    def names(self, columns: Sequence[str], categories: dict[int, Sequence[Any]]):
        """Name of each input, (n_inputs,).

        Parameters
        ----------
        columns : sequence of str
            Names of the columns.
        categories : dict of int to sequence
            Values of the columns of categories, by code.
        """
        names = [columns[c] for c in self.numbers]
        names += [f"{columns[self.numbers[p]]}_missing" for p in self.missing]
        for place, knots in self.knots.items():
            name = columns[self.numbers[place]]
            names += [f"{name}_ramp{k}" for k in range(len(knots) - 1)]
        for (column, slots), n in zip(
            self.dummies.items(), self.n_dummies, strict=True
        ):
            own = [""] * n
            values = [*categories[column], "rare", "missing"]
            for slot in range(n):
                codes = np.flatnonzero(slots == slot)
                # Several values that share a dummy are rare ones.
                value = values[codes[0]] if len(codes) == 1 else "rare"
                if isinstance(value, float) and value.is_integer():
                    value = int(value)
                own[slot] = f"{columns[column]}_{value}"
            names += own
        return np.array(names, dtype=object)


def input_statistics(inputs: Inputs, X, weight: np.ndarray | None) -> ColumnStatistics:
    """Statistics of inputs over rows, to be merged with those they have."""
    if inputs.is_plain:
        return column_statistics(X, weight)
    return column_statistics(_Unscaled(inputs, X), weight)


class _Unscaled:
    """The inputs of a table, computed block by block."""

    def __init__(self, inputs: Inputs, X: Any) -> None:
        self.inputs, self.X = inputs, X
        self.shape = (X.shape[0], len(inputs))

    def __getitem__(self, rows) -> np.ndarray:
        if not isinstance(rows, slice):  # the first row, which moments are taken from
            return self[rows : rows + 1][0]
        part = self.X[rows]
        return self.inputs.unscaled(part.toarray() if sparse.issparse(part) else part)


def rows_as_tensor(rows: np.ndarray) -> torch.Tensor:
    """Return dense rows as a float64 tensor; a copy, where torch would warn."""
    rows = np.ascontiguousarray(rows, dtype=np.float64)
    return torch.from_numpy(rows if rows.flags.writeable else rows.copy())
