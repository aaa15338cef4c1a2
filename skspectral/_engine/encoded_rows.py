"""Rows whose inputs are computed when they are taken: ramps and dummies of columns.

A table of 20 columns with 48 ramps each has 960 inputs. Held as such it would be fifty
times as large as the table. What is held are two numbers a column, its value and its
place among its knots, and one number for a column of categories.
"""

import torch
from torch import Tensor

from skspectral._engine.rows import Rows

__all__ = ["EncodedRows", "Expansion"]


class Expansion:
    """The inputs of rows that are held as fewer numbers.

    Input i is ``clip(a_i s + b_i, low_i, high_i)``, with s the number `source_i` of the
    row. Then, for each column of categories, one input is set to another value.

    Parameters
    ----------
    source : Tensor of shape (n_inputs,), int64
    slope, offset, low, high : Tensor of shape (n_inputs,)
    n_slots : int
        Columns of categories. The last numbers of a row are its slots in these.
    place : Tensor of int64
        The input that each slot sets.
    value : Tensor
        Its value.
    """

    def __init__(
        self,
        source: Tensor,
        slope: Tensor,
        offset: Tensor,
        low: Tensor,
        high: Tensor,
        n_slots: int,
        place: Tensor,
        value: Tensor,
    ) -> None:
        self.source, self.slope, self.offset = source, slope, offset
        self.low, self.high = low, high
        self.n_slots, self.place, self.value = n_slots, place, value

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
