"""Rows of encoded columns as entries of a table: what a first layer looks up.

What a column adds to a node is linear between its knots: of the sums of weights at the
two knots beside a value, a share each. A category is one weight. So a row reads two
entries a column instead of multiplying some fifty inputs. On a CPU only: a GPU
multiplies by the inputs in no time.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from skspectral._engine.encoded_rows import EncodedRows, Expansion, Layout
from skspectral._engine.rows import StackedRows

__all__ = ["EntryRows", "Lookup", "entry_rows", "lookups_pay"]

NARROWEST = 8  # nodes
MULTIPLE = 8  # ramps; products of other lengths take longer
HELD_BYTES = 2**26  # of entries that are held; of more, they are computed when taken
BLOCK_ROWS = 4096  # for which they are computed at a time


class ColumnGroup(NamedTuple):
    """Columns of similar numbers of ramps, whose sums are one product.

    Attributes
    ----------
    length : int
        Ramps of a column; the shorter ones are padded.
    ramps : Tensor of shape (n_columns * length,)
        Which of all ramps they are.
    entries : slice
        Of their knots.
    sums : Tensor of shape (K * n_columns, length, length)
        From the weights of a column to their sums at its knots.
    """

    length: int
    ramps: Tensor
    entries: slice
    sums: Tensor


class Lookup:
    """The table of one first layer: where its entries are.

    Entries are, one after another: of each column with ramps, the sums at its knots but
    the first; the weights of dummies; and a zero.

    Parameters
    ----------
    layout : Layout
    mean, divisor : Tensor of shape (K, n_encoded), float64
        Of ramps and dummies, for each network.
    dtype : torch.dtype
    """

    def __init__(
        self, layout: Layout, mean: Tensor, divisor: Tensor, dtype: torch.dtype
    ) -> None:
        self.layout = layout
        inverse, shift = 1 / divisor, (-mean / divisor).to(dtype)
        # What ramps and dummies of 0 add to a node, by weight.
        self.shift = shift if len(mean) == 1 else shift[:, None, :]
        _, n_ramps, n_dummies = layout
        first, _ = layout.starts()
        self.groups, start, knots = [], 0, [0] * len(n_ramps)
        for columns in _similar(n_ramps):
            length = _padded(max(n_ramps[c] for c in columns))
            begin, ramps, sums = start, [], []
            for c in columns:
                knots[c], start = start, start + length
                own = range(first[c], first[c] + n_ramps[c])
                padded = [*own, *[first[c]] * (length - n_ramps[c])]
                ramps += padded
                sums.append(inverse[:, padded].unsqueeze(1).expand(-1, length, -1))
            products = torch.stack(sums, 1).tril().flatten(0, 1).to(dtype)
            entries = slice(begin, start)
            self.groups.append(ColumnGroup(length, _integers(ramps), entries, products))
        # Knots, dummies and the zero.
        self.parts = [start, sum(n_dummies), 1]
        self.zero = start + sum(n_dummies)
        self.n_entries = self.zero + 1
        self.per_row = 2 * len(n_ramps) + len(n_dummies)
        self.last_piece = _integers(n_ramps) - 1
        self.first_knot = _integers(knots)
        # The knot at the end of each ramp.
        self.knot_of_ramp = _integers(
            [knots[c] + k for c, n in enumerate(n_ramps) for k in range(n)]
        )

    def entries(
        self, held: Tensor, expansion: Expansion, index: Tensor, share: Tensor
    ) -> None:
        """Write the entries of rows (n, n_held), and how much of each counts."""
        (n, n_ramps, n_dummies), n_bent = self.layout, len(self.layout.n_ramps)
        place = held[:, n : n + n_bent]
        piece = torch.minimum(place.int(), self.last_piece)
        right = piece + self.first_knot
        index[:, :n_bent] = torch.where(piece > 0, right - 1, self.zero)
        index[:, n_bent : 2 * n_bent] = right
        beyond = place - piece
        share[:, :n_bent] = 1 - beyond
        share[:, n_bent : 2 * n_bent] = beyond
        if n_dummies:
            # The last is for rows without a dummy of the column.
            dummy = held[:, n + n_bent :].int().clamp_(max=sum(n_dummies))
            index[:, 2 * n_bent :] = dummy + self.parts[0]
            inverse = (1 / expansion.divisor[sum(n_ramps) :]).to(held.dtype)
            share[:, 2 * n_bent :] = torch.cat([inverse, inverse.new_ones(1)])[dummy]


def _similar(lengths: Sequence[int]) -> list[list[int]]:
    """Return columns in groups in which none is less than half as long as another."""
    groups: list[list[int]] = []
    for c in sorted(range(len(lengths)), key=lambda c: -lengths[c]):
        if groups and 2 * lengths[c] >= lengths[groups[-1][0]]:
            groups[-1].append(c)
        else:
            groups.append([c])
    return [sorted(group) for group in groups]


def _integers(values: Sequence[int]) -> Tensor:
    return torch.tensor(values, dtype=torch.int32, device="cpu")


class EntryRows:
    """Rows as their numbers and their entries of a table.

    Parameters
    ----------
    parts : sequence of EncodedRows, of one layout
        Tables, one below the other.
    lookup : Lookup
    dtype : torch.dtype
        Of numbers and shares.
    """

    def __init__(
        self, parts: Sequence[EncodedRows], lookup: Lookup, dtype: torch.dtype
    ) -> None:
        self.parts, self.lookup, self.dtype = parts, lookup, dtype
        held = [part.held for part in parts]
        self.held = held[0] if len(held) == 1 else StackedRows(held)
        self.n_columns = lookup.layout.n_numbers + lookup.per_row
        # Words of 4 bytes: those of numbers and shares, then one of each entry.
        self.words = dtype.itemsize // 4
        self.first_entry = self.words * self.n_columns
        self.known: Tensor | None = None

    def keep(self) -> None:
        """Compute all entries now, unless they are too many."""
        n_rows, n_numbers = self.held.n_rows, self.lookup.layout.n_numbers
        if 4 * n_rows * (n_numbers + 2 * self.lookup.per_row) > HELD_BYTES:
            return
        known = self.empty(n_rows)
        for rows in torch.arange(n_rows, device="cpu").split(BLOCK_ROWS):
            own = slice(int(rows[0]), int(rows[-1]) + 1)
            self.take(rows, known[own])
        self.known = known

    def empty(self, n_rows: int) -> Tensor:
        """Room for rows: numbers, shares and entries, side by side in memory.

        A row that is gathered is then in one place.
        """
        n_words = self.first_entry + self.lookup.per_row
        n_words += n_words % self.words
        return torch.empty(n_rows, n_words, dtype=torch.int32, device="cpu")

    def views(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the numbers, entries and shares of rows from `empty`."""
        floats = rows[:, : self.first_entry].view(self.dtype)
        numbers = floats[:, : self.lookup.layout.n_numbers]
        index = rows[:, self.first_entry : self.first_entry + self.lookup.per_row]
        return numbers, index, floats[:, numbers.shape[1] :]

    def take(self, rows: Tensor, out: Tensor) -> None:
        """Write the rows (m,) into `out`."""
        if self.known is not None:
            torch.index_select(self.known, 0, rows, out=out)
            return
        numbers, index, share = self.views(out)
        held = numbers.new_empty(len(rows), self.held.n_columns)
        self.held.take(rows, held)
        numbers.copy_(held[:, : numbers.shape[1]])
        if not isinstance(self.held, StackedRows):
            self.lookup.entries(held, self.parts[0].expansion, index, share)
            return
        for number, own in self.held.by_part(rows):
            found = index[own], share[own]
            self.lookup.entries(held[own], self.parts[number].expansion, *found)
            index[own], share[own] = found


def entry_rows(
    tables: Sequence[EncodedRows], of_runs: Sequence[EncodedRows], like: Tensor
) -> EntryRows:
    """Return rows as entries for K networks, each of which is given one of the tables.

    Entries are kept where they are not too many.
    """
    mean, divisor = (
        torch.stack([getattr(table.expansion, name) for table in of_runs])
        for name in ("mean", "divisor")
    )
    layout = tables[0].expansion.layout
    lookup = Lookup(layout, mean, divisor, like.dtype)
    rows = EntryRows(tables, lookup, like.dtype)
    rows.keep()
    return rows


def lookups_pay(layout: Layout, batch_size: int, width: int) -> bool:
    """Whether lookups take less time than products, by their measured costs.

    In multiplications of a product, see benchmarks/encoded.py.
    """
    n, lengths = layout.n_encoded, [_padded(m) for m in layout.n_ramps]
    n_read = 2 * len(layout.n_ramps) + len(layout.n_dummies)
    products = batch_size * n * (27 + width)
    lookups = 1.3e6 + batch_size * n_read * (190 + 2.4 * width)
    lookups += (1.7 * sum(m * m for m in lengths) + 9 * n) * width
    return width >= NARROWEST and lookups < products


def _padded(n_ramps: int) -> int:
    return math.ceil(n_ramps / MULTIPLE) * MULTIPLE
