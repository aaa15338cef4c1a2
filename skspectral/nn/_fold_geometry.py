"""The geometry of folding: a hidden layer on given rows, its kinks, its bound."""

from collections.abc import Sequence

import torch
from torch import Tensor

from skspectral.nn._linear import SpectralLinear

__all__ = ["Bound", "Kink", "LayerOnRows", "propagate"]

ROUNDING = 1e-20  # a change of the outputs, as a share of their variance, that is none


class Bound:
    """How far the outputs may change while one layer is rewritten.

    Parameters
    ----------
    tolerance : float
    share : Tensor of shape (n,)
        Weights of the rows, of sum 1.
    outputs : Tensor of shape (n, n_outputs)
        What the whole network made of the rows.
    layers : sequence of SpectralLinear
        Those behind.
    """

    def __init__(
        self,
        tolerance: float,
        share: Tensor,
        outputs: Tensor,
        layers: Sequence[SpectralLinear],
    ) -> None:
        self.share, self.outputs = share, outputs
        self.bias, self.rest = layers[0].bias, layers[1:]
        variance = share @ (outputs - share @ outputs).square().sum(1)
        # Of outputs that do not vary, the last digits may.
        last_digits = (8 * torch.finfo(outputs.dtype).eps) ** 2
        size = share @ outputs.square().sum(1)
        self.limit = float(max(tolerance, ROUNDING) * variance + last_digits * size)

    def holds(self, emitted: Tensor) -> bool:
        """Whether the outputs stay within the bound.

        `emitted` is what arrives at the next layer, without its bias: (n, m).
        """
        z = emitted if self.bias is None else emitted + self.bias.double()
        if self.rest:
            z = propagate(self.rest, z.relu())
        return float(self.share @ (z - self.outputs).square().sum(1)) <= self.limit


class LayerOnRows:
    """Inputs, weights and pre-activations of a hidden layer on given rows, float64.

    Attributes
    ----------
    x : Tensor of shape (n, d)
        Inputs; a column of ones behind them where the layer has biases.
    incoming : Tensor of shape (h, d)
        Weights, the bias behind them.
    out : Tensor of shape (m, h)
    z : Tensor of shape (n, h)
    size : Tensor of shape (h,)
        Size of a node on the rows: the norm of its outgoing weights times the root mean
        square of its pre-activation.
    """

    def __init__(
        self,
        layer: SpectralLinear,
        after: SpectralLinear,
        x: Tensor,
        share: Tensor,
        bound: Bound,
    ) -> None:
        self.share, self.bound = share, bound
        self.has_bias = layer.bias is not None
        self.x, self.incoming = x, layer.weight.double()
        if layer.bias is not None:
            self.x = torch.cat([x, x.new_ones(len(x), 1)], 1)
            bias = layer.bias.double()[:, None]
            self.incoming = torch.cat([self.incoming, bias], 1)
        self.out = after.weight.double()
        self.z = self.x @ self.incoming.T
        self.size = self.out.norm(dim=0) * self.rms(self.z)
        # A shut gate holds no weight: such a node cannot carry a linear function.
        self.is_open = (layer.weight != 0).any(1) & (self.out != 0).any(0)

    def rms(self, values: Tensor) -> Tensor:
        return (self.share @ values.square()).sqrt()

    def centred(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return values without the mean that a bias can carry, and that mean."""
        mean = self.share @ values
        mean = mean if self.has_bias else torch.zeros_like(mean)
        return values - mean, mean


class Kink:
    """Nodes on one hyperplane: ``column relu(direction . x) + line x``.

    Parameters
    ----------
    on_rows : LayerOnRows
    nodes : list of int
        The first is the largest, and represents all.
    signs : list of {1.0, -1.0}
        -1 for a node that points against the first.
    """

    def __init__(
        self, on_rows: LayerOnRows, nodes: list[int], signs: list[float]
    ) -> None:
        self.on_rows, self.nodes, self.signs = on_rows, nodes, signs
        sign = on_rows.z.new_tensor(signs)
        self.out, self.z = on_rows.out[:, nodes], on_rows.z[:, nodes]
        # A node that points against the first is linear, less its own reverse; so the
        # sum of all jumps by `out @ (sign z)` at the hyperplane. The kink is that of
        # rank one: exact where there is one output, else a step of the power iteration.
        aligned = sign * self.z
        column = self.out @ self._shares(aligned, aligned[:, 0])
        average = column @ self.out
        self.direction = average @ (sign[:, None] * on_rows.incoming[nodes])
        self.s = aligned @ average
        self.column = self.out @ self._shares(aligned, self.s)
        self.against = sign < 0

    def _shares(self, z: Tensor, s: Tensor) -> Tensor:
        # The multiple of s that is closest to each column of z, on the rows.
        tiny = torch.finfo(s.dtype).tiny
        weighted = self.on_rows.share * s
        return (weighted @ z) / (weighted @ s).clamp_min(tiny)

    @property
    def emitted(self) -> Tensor:  # (n, m)
        against = self.z[:, self.against] @ self.out[:, self.against].T
        return torch.outer(self.s.relu(), self.column) + against

    @property
    def line(self) -> Tensor:  # (m, d)
        nodes = [n for n, sign in zip(self.nodes, self.signs, strict=True) if sign < 0]
        return self.out[:, self.against] @ self.on_rows.incoming[nodes]

    @property
    def bends(self) -> float:
        """Size of the bend on the rows, as a share of what the nodes emit."""
        rms, tiny = self.on_rows.rms, torch.finfo(self.s.dtype).tiny
        bend = torch.minimum(rms(self.s.relu()), rms((-self.s).relu()))
        whole = (self.out.norm(dim=0) * rms(self.z.relu())).sum()
        return float(self.column.norm() * bend / whole.clamp_min(tiny))

    def straight(self) -> tuple[Tensor, Tensor]:
        """Return the output without the bend, (n, m), and as a linear map, (m, d)."""
        mostly = self.on_rows.rms(self.s.relu()) > self.on_rows.rms((-self.s).relu())
        line = self.line + float(mostly) * torch.outer(self.column, self.direction)
        return self.on_rows.x @ line.T, line

    def joined(self, other: "Kink", sign: float) -> "Kink":
        """Return one kink of both, where the other points the same way or against."""
        first, second = self, other
        if other.on_rows.size[other.nodes[0]] > self.on_rows.size[self.nodes[0]]:
            first, second = other, self
        signs = [*first.signs, *(sign * s for s in second.signs)]
        return Kink(self.on_rows, [*first.nodes, *second.nodes], signs)


def propagate(layers: Sequence[SpectralLinear], x: Tensor) -> Tensor:
    """Return the pre-activations of the last of these layers, in float64."""
    for index, layer in enumerate(layers):
        x = (x if index == 0 else x.relu()) @ layer.weight.double().T
        x = x if layer.bias is None else x + layer.bias.double()
    return x
