"""The first layer of a network with encoded columns, as a table to look values up in.

What a column with ramps adds to a node is linear between two knots, so it is read from
two rows of a table, the value at the knot and the rise, instead of being a product
with some fifty inputs; what a category adds is one row. Measured: see docs/speed.md.
"""

import numpy as np
import torch
from torch import Tensor

from skspectral._columns import Inputs, rows_as_tensor

__all__ = ["NodeTables"]


class NodeTables:
    """What columns add to the nodes of the first layer, by lookup.

    Parameters
    ----------
    inputs : Inputs
        Not plain.
    weight : ndarray of shape (n_inputs, n_nodes), float64
    bias : ndarray of shape (n_nodes,)
    """

    def __init__(self, inputs: Inputs, weight: np.ndarray, bias: np.ndarray) -> None:
        self.module = inputs.module
        statistics = inputs.statistics
        n_numbers = len(inputs.numbers)
        n_first = n_numbers + len(inputs.missing)
        scaled = weight / statistics.divisor[:, None]
        ramps = np.split(
            scaled[n_first:],
            np.cumsum([len(k) - 1 for k in inputs.knots.values()], dtype=np.int64),
        )
        # A number without ramps is a product.
        self.bent = list(inputs.knots)
        self.straight = np.setdiff1d(np.arange(n_first), self.bent)
        self.lines = _tensor(scaled[self.straight])
        # Of each piece: start and length, value at the start and rise of every node.
        pieces = [
            _pieces(knots, scaled[place], own)
            for (place, knots), own in zip(inputs.knots.items(), ramps, strict=False)
        ]
        starts = np.cumsum([0, *(len(first) for first, *_ in pieces)])
        self.starts = torch.from_numpy(starts[:-1, None])
        self.knots = inputs.module.knots
        none = np.empty((0, len(bias)))
        columns = zip((np.empty(0), np.empty(0), none, none), *pieces, strict=True)
        firsts, lengths, values, rises = (np.concatenate(own) for own in columns)
        self.firsts, self.lengths = _tensor(firsts), _tensor(lengths)
        # Of each piece its value, then of each piece its rise.
        self.n_pieces, self.pieces = len(values), _tensor(np.r_[values, rises])
        # Dummies, and a row of zeros for none.
        self.has_dummies = len(inputs.dummies) > 0
        self.dummies = _tensor(np.concatenate([ramps[-1], np.zeros_like(bias)[None]]))
        # The mean of an input is taken off once and for all.
        self.bias = _tensor(bias - statistics.mean @ scaled)

    def __call__(self, rows: np.ndarray) -> Tensor:
        """Inputs of the activations of the first layer, (n, n_nodes), float64."""
        x = rows_as_tensor(rows)
        numbers = self.module.filled(x)
        z = self.bias
        if len(self.straight):
            z = torch.addmm(z, numbers[:, self.straight], self.lines)
        if self.bent:
            every = len(self.bent) == numbers.shape[1]
            own = (numbers if every else numbers[:, self.bent]).T.contiguous()
            piece = torch.searchsorted(self.knots, own, right=True).add_(self.starts)
            own.sub_(self.firsts.take(piece)).div_(self.lengths.take(piece))
            entries = torch.cat([piece, piece + self.n_pieces]).T.contiguous()
            share = torch.cat([torch.ones_like(own), own]).T.contiguous()
            z = _sums(self.pieces, entries, share).add_(z)
        if self.has_dummies:
            z = _sums(self.dummies, self.module.slots(x) % len(self.dummies)).add_(z)
        return z.expand(len(x), -1)  # gaps may be all there is


def _sums(table: Tensor, index: Tensor, share: Tensor | None = None) -> Tensor:
    """Sums over the rows of a table named by each row of `index`, weighted."""
    n, length = index.shape
    if share is None:  # without weights torch takes twice as long
        share = torch.ones(n, length, dtype=table.dtype, device="cpu")
    starts = torch.arange(0, n * length, length, device="cpu")
    sums, *_ = torch.embedding_bag(
        table, index.view(-1), starts, per_sample_weights=share.view(-1)
    )
    return sums


def _pieces(knots: np.ndarray, line: np.ndarray, ramps: np.ndarray):
    """Start, length, value at the start and rise of each linear piece.

    The first lies below the knots, the last above; their length is 1. Rises, not
    slopes: those of two knots as near as the smallest numbers are infinite.

    Parameters
    ----------
    knots : ndarray of shape (m + 1,)
    line : ndarray of shape (n_nodes,)
        Weights of the number itself.
    ramps : ndarray of shape (m, n_nodes)
    """
    values = knots[:, None] * line + np.r_[np.zeros((1, len(line))), ramps].cumsum(0)
    lengths = np.diff(knots)
    return (
        np.r_[knots[:1], knots],
        np.r_[1.0, lengths, 1.0],
        np.concatenate([values[:1], values]),
        np.concatenate([line[None], ramps + lengths[:, None] * line, line[None]]),
    )


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))
