"""The inputs of a network, computed from the columns of a table."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

__all__ = ["Coordinates", "TableInputs"]


class Coordinates(NamedTuple):
    """Rows of a table in as few numbers as determine the inputs, float64.

    Attributes
    ----------
    numbers : Tensor of shape (n, n_numbers + n_missing)
        Numeric columns, without gaps; then, for some of them, 1 where there is a gap.
    positions : Tensor of shape (n, n_bent)
        Places of numbers among the knots of their column: 2.25 is a quarter of the way
        from knot 2 to knot 3, both counted from 0.
    slots : Tensor of shape (n, n_categorical), int64
        Number of the dummy that is 1, counted over all dummies; -1 for none.
    """

    numbers: Tensor
    positions: Tensor
    slots: Tensor


class TableInputs(nn.Module):
    """From the columns of a table to the inputs of a network, before any scaling.

    Inputs are, one after another: the numeric columns; for some of them 1 where the
    number is missing; ramps; dummies. Ramp k of a column is
    ``clip((x - e_k) / (e_{k+1} - e_k), 0, 1)`` between the knots e_k and e_{k+1} [1]_.

    Parameters
    ----------
    numbers : sequence of int
        The numeric columns.
    fill : Tensor of shape (n_numbers,)
        What stands for a missing number, by column.
    low, high : Tensor of shape (n_numbers,)
        Smaller and larger numbers are set to these; infinite where none are.
    missing : sequence of int
        Places, among the numeric columns, of those with an indicator.
    bent : sequence of int
        Places, among the numeric columns, of those with ramps.
    knots : sequence of Tensor
        The knots of each bent column, ascending.
    categorical : sequence of int
        The columns of categories, which hold codes 0, 1, ...; -1 for an unseen value
        and NaN for a missing one.
    dummies : sequence of Tensor of int64
        The dummy of each code of such a column, followed by that of an unseen and that
        of a missing value; -1 for none. Counted from 0 over all columns.
    n_dummies : int

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev, A. Babenko, "On embeddings for numerical features
       in tabular deep learning", NeurIPS 2022, arXiv:2203.05556.
    """

    numbers: Tensor
    fill: Tensor
    low: Tensor
    high: Tensor
    missing: Tensor
    bent: Tensor
    knots: Tensor
    last: Tensor
    ramp_column: Tensor
    ramp: Tensor
    categorical: Tensor
    dummies: Tensor
    first_code: Tensor
    n_codes: Tensor

    def __init__(
        self,
        numbers: Sequence[int],
        fill: Tensor,
        low: Tensor,
        high: Tensor,
        missing: Sequence[int],
        bent: Sequence[int],
        knots: Sequence[Tensor],
        categorical: Sequence[int],
        dummies: Sequence[Tensor],
        n_dummies: int,
    ) -> None:
        super().__init__()
        self.n_dummies = n_dummies
        # Steps that change nothing are left out.
        self.has_indicators = len(missing) > 0
        self.all_numbers = not categorical and [*numbers] == [*range(len(numbers))]
        self.bounded = bool((low > -torch.inf).any() | (high < torch.inf).any())

        def integers(values: Sequence[int]) -> Tensor:
            return torch.tensor(values, dtype=torch.int64, device="cpu")

        def ranges(lengths: Sequence[int]) -> Tensor:
            return integers([k for length in lengths for k in range(length)])

        n_ramps = [len(k) - 1 for k in knots]
        n_codes = [len(d) - 2 for d in dummies]
        width = max([len(k) for k in knots], default=2)
        padded = fill.new_full((len(knots), width), torch.inf)
        for row, own in zip(padded, knots, strict=True):
            row[: len(own)] = own
        starts = [0, *itertools.accumulate(n + 2 for n in n_codes)]
        arrays = {
            "numbers": integers(numbers),
            "fill": fill,
            "low": low,
            "high": high,
            "missing": integers(missing),
            "bent": integers(bent),
            "knots": padded,
            "last": integers(n_ramps) - 1,
            "ramp": ranges(n_ramps),
            "ramp_column": integers(
                [c for c, n in enumerate(n_ramps) for _ in range(n)]
            ),
            "categorical": integers(categorical),
            "dummies": torch.cat([integers([]), *dummies]),
            "first_code": integers(starts[:-1]),
            "n_codes": integers(n_codes),
        }
        for name, array in arrays.items():
            self.register_buffer(name, array)

    def coordinates(self, x: Tensor) -> Coordinates:
        """Return rows (n, d), float64, as their coordinates."""
        numbers = self.filled(x)
        own = numbers[:, : len(self.numbers)]
        return Coordinates(numbers, self._positions(own), self.slots(x))

    def filled(self, x: Tensor) -> Tensor:
        """Return the numeric columns without gaps, and the indicators of gaps."""
        numbers = x if self.all_numbers else x[:, self.numbers]
        is_missing = numbers.isnan()
        numbers = torch.where(is_missing, self.fill, numbers)
        if self.bounded:
            numbers = numbers.clamp(self.low, self.high)
        if not self.has_indicators:
            return numbers
        return torch.cat([numbers, is_missing[:, self.missing].to(x.dtype)], 1)

    def _positions(self, numbers: Tensor) -> Tensor:
        x = numbers[:, self.bent].T.contiguous()  # (n_bent, n)
        k = torch.searchsorted(self.knots, x, right=True) - 1
        k = torch.minimum(k.clamp_min(0), self.last[:, None])
        low, high = self.knots.gather(1, k), self.knots.gather(1, k + 1)
        return (k + ((x - low) / (high - low)).clamp(0, 1)).T

    def slots(self, x: Tensor) -> Tensor:
        """Return the number of the dummy that is 1, by categorical column."""
        codes = x[:, self.categorical]
        unseen, missing = self.n_codes, self.n_codes + 1
        known = (codes >= 0) & (codes < self.n_codes)
        place = torch.where(known, codes.nan_to_num(0.0).long(), unseen)
        place = torch.where(codes.isnan(), missing, place)
        return self.dummies[self.first_code + place]

    def forward(self, x: Tensor) -> Tensor:  # (n, d) -> (n, n_inputs), float64
        numbers, positions, slots = self.coordinates(x.double())
        ramps = (positions[:, self.ramp_column] - self.ramp).clamp(0, 1)
        inputs = [numbers, ramps]
        if self.n_dummies:
            on = numbers.new_zeros(len(x), self.n_dummies + 1)  # the last is none
            inputs.append(on.scatter(1, slots % (self.n_dummies + 1), 1.0)[:, :-1])
        return torch.cat(inputs, 1)
