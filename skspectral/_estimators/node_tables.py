"""The first layer of a network with encoded columns, as a table to look values up in.

What a column with ramps adds to a node is linear between two knots, so it is read from
two rows of a table instead of being a product with some fifty inputs; what a category
adds is one row. Measured on predictions of 10,000 rows: see docs/speed.md.
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
        # A number without ramps is a product; so is what lies beyond the knots.
        bent = list(inputs.knots)
        straight = np.setdiff1d(np.arange(n_first), bent)
        self.straight, self.bent = straight, bent
        self.lines = _tensor(scaled[straight])
        self.beyond = _tensor(scaled[bent])
        ends = [(k[0], k[-1]) for k in inputs.knots.values()]
        self.low, self.high = _tensor(np.array(ends).reshape(-1, 2).T)
        rows = [
            knots[:, None] * scaled[place]
            + np.r_[np.zeros((1, len(bias))), own].cumsum(0)
            for (place, knots), own in zip(inputs.knots.items(), ramps, strict=False)
        ]
        starts = np.cumsum([0, *map(len, rows)])
        self.starts = torch.from_numpy(starts[:-1])
        self.last = torch.tensor([len(r) - 2 for r in rows], device="cpu")
        # Dummies, and a row of zeros for none.
        self.first_dummy = int(starts[-1])
        self.table = _tensor(
            np.concatenate([*rows, ramps[-1], np.zeros_like(bias)[None]])
        )
        # The mean of an input is taken off once and for all.
        self.bias = _tensor(bias - statistics.mean @ scaled)

    def __call__(self, rows: np.ndarray) -> Tensor:
        """Inputs of the activations of the first layer, (n, n_nodes), float64."""
        x = rows_as_tensor(rows)
        numbers, positions, slots = self.module.coordinates(x)
        z = torch.addmm(self.bias, numbers[:, self.straight], self.lines)
        n_bent = positions.shape[1]
        indices = [
            torch.where(slots < 0, len(self.table) - 1, slots + self.first_dummy)
        ]
        shares = [torch.ones_like(indices[0], dtype=torch.float64)]
        if n_bent:
            knot = torch.minimum(positions.long(), self.last)
            share = positions - knot
            knot = knot + self.starts
            indices += [knot, knot + 1]
            shares += [1 - share, share]
            own = numbers[:, self.bent]
            outside = own - torch.clamp(own, self.low, self.high)
            if outside.any():
                z.addmm_(outside, self.beyond)
        index, share = torch.cat(indices, 1), torch.cat(shares, 1)
        if not index.shape[1]:  # gaps are all there is
            return z
        return z + torch.nn.functional.embedding_bag(
            index, self.table, mode="sum", per_sample_weights=share
        )


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))
