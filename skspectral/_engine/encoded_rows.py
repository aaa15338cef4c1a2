"""Rows whose inputs are computed when they are taken: ramps and dummies of columns.

A table of 20 columns with 48 ramps each has 960 inputs. Held as such it would be fifty
times as large as the table. What is held are two numbers a column, its value and its
place among its knots, and one number for a column of categories.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from skspectral._engine.rows import Rows

__all__ = ["EncodedRows", "Expansion", "Layout"]


class Layout(NamedTuple):
    """Which inputs a table has: numbers, then ramps, then dummies.

    Attributes
    ----------
    n_numbers : int
        Inputs that are held as they are.
    n_ramps : tuple of int
        Of each column with knots.
    n_dummies : tuple of int
        Of each column of categories.
    """

    n_numbers: int
    n_ramps: tuple[int, ...]
    n_dummies: tuple[int, ...]

    @property
    def n_encoded(self) -> int:
        """Ramps and dummies."""
        return sum(self.n_ramps) + sum(self.n_dummies)

    def starts(self) -> tuple[list[int], list[int]]:
        """First ramp of each column, and first dummy, counted from the first ramp."""
        ends, total = [], 0
        for count in (*self.n_ramps, *self.n_dummies):
            ends.append(total)
            total += count
        return ends[: len(self.n_ramps)], ends[len(self.n_ramps) :]


class Expansion:
    """The inputs of rows that are held as fewer numbers.

    A held row has its numbers, its place among the knots of each column that has some,
    from 0 to their last, and for each column of categories the dummy that is 1, counted
    over all columns; for none of them, the number of all dummies and of the columns
    before. A ramp is 0 before its knot and 1 from the next on; ramps and dummies are
    centred and scaled.

    Parameters
    ----------
    layout : Layout
    mean, divisor : Tensor of shape (n_encoded,), float64
        Of ramps and dummies.
    dtype : torch.dtype
        Of the inputs.
    """

    def __init__(
        self, layout: Layout, mean: Tensor, divisor: Tensor, dtype: torch.dtype
    ) -> None:
        self.layout, self.mean, self.divisor = layout, mean, divisor
        n_numbers, n_ramps = layout.n_numbers, sum(layout.n_ramps)
        n_dummies, n_bent = sum(layout.n_dummies), len(layout.n_ramps)

        def joined(number: float, ramps: Tensor, dummies: float | Tensor) -> Tensor:
            if not isinstance(dummies, Tensor):
                dummies = mean.new_full((n_dummies,), dummies)
            numbers = mean.new_full((n_numbers,), number)
            return torch.cat([numbers, ramps, dummies]).to(dtype)

        # Input i is clip(a_i s + b_i, low_i, high_i), s one of the numbers of the row.
        column = torch.arange(n_bent, device=mean.device).repeat_interleave(
            torch.tensor(layout.n_ramps, dtype=torch.int64, device=mean.device)
        )
        first, first_dummy = layout.starts()
        starts = torch.tensor(first, dtype=torch.int64, device=mean.device)
        ramp = torch.arange(n_ramps, device=mean.device) - starts[column]
        of_ramps = mean[:n_ramps], divisor[:n_ramps]
        of_dummies = mean[n_ramps:], divisor[n_ramps:]
        numbers = torch.arange(n_numbers, device=mean.device)
        nothing = numbers.new_zeros(n_dummies)
        self.source = torch.cat([numbers, n_numbers + column, nothing])
        slope, offset = 1 / of_ramps[1], -(ramp + of_ramps[0]) / of_ramps[1]
        off = -of_dummies[0] / of_dummies[1]
        self.slope = joined(1.0, slope, 0.0)
        self.offset = joined(0.0, offset, off)
        self.low = joined(-torch.inf, -of_ramps[0] / of_ramps[1], -torch.inf)
        self.high = joined(torch.inf, (1 - of_ramps[0]) / of_ramps[1], torch.inf)
        # Then one dummy is set to another value. That of no dummy sets the first of
        # the column to what it is anyway.
        none = torch.tensor(first_dummy, dtype=torch.int64, device=mean.device)
        none -= n_ramps
        place = torch.cat([torch.arange(n_dummies, device=mean.device), none])
        on = (1 - of_dummies[0]) / of_dummies[1]
        self.place = n_numbers + n_ramps + place
        self.value = torch.cat([on, off[none]]).to(dtype)
        self.n_slots = len(layout.n_dummies)

    def __call__(self, held: Tensor, out: Tensor) -> None:
        """Write the inputs (m, n_inputs) of rows (m, n_held) into `out`."""
        torch.index_select(held, 1, self.source, out=out)
        torch.addcmul(self.offset, out, self.slope, out=out)
        torch.clamp(out, self.low, self.high, out=out)
        if self.n_slots:
            slots = held[:, -self.n_slots :].long()
            out.scatter_(1, self.place[slots], self.value[slots])


class EncodedRows:
    """Rows that are held as few numbers, and expanded when they are taken.

    Parameters
    ----------
    held : Rows
    expansion : Expansion
    """

    def __init__(self, held: Rows, expansion: Expansion) -> None:
        self.held, self.expansion = held, expansion
        self.n_rows, self.n_columns = held.n_rows, len(expansion.source)

    def take(self, index: Tensor, out: Tensor) -> None:
        """Write the inputs of the rows `index` (m,) into `out` (m, n_inputs)."""
        rows = out.new_empty(len(index), self.held.n_columns)
        self.held.take(index, rows)
        self.expansion(rows, out)
