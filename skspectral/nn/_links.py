"""From outputs in the units of a link to predictions."""

import math
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Exponential", "QuantileSteps"]


class Exponential(nn.Module):
    """Predictions whose logarithm is the output."""

    def forward(self, z: Tensor) -> Tensor:
        return z.exp()

    def to_onnx(self, graph: Any, z: Any) -> Any:
        return graph.Exp(z)


class QuantileSteps(nn.Module):
    """Curves that do not cross, from steps between neighbours.

    Parameters
    ----------
    gaps : Tensor of shape (n_targets, n_levels)
        Steps where the outputs are 0. Kept as a float64 buffer.
    middle : int
        The level whose curve is an output itself. Each other curve is its neighbour
        towards the middle plus, or minus, ``gap softplus(z) / log 2``.
    """

    gaps: Tensor

    def __init__(self, gaps: Tensor, middle: int) -> None:
        super().__init__()
        self.middle = middle
        self.register_buffer("gaps", gaps.double())

    def forward(self, z: Tensor) -> Tensor:  # (n, n_targets * n_levels), the same
        z = z.unflatten(-1, tuple(self.gaps.shape))
        steps = nn.functional.softplus(z) * (self.gaps / math.log(2))
        # Neighbour by neighbour: sums in another order might cross by rounding.
        curves = list(z.unbind(-1))
        for level in range(self.middle + 1, len(curves)):
            curves[level] = curves[level - 1] + steps[..., level]
        for level in range(self.middle - 1, -1, -1):
            curves[level] = curves[level + 1] - steps[..., level]
        return torch.stack(curves, -1).flatten(-2)

    def to_onnx(self, graph: Any, z: Any) -> Any:
        n_targets, n_levels = self.gaps.shape
        gaps = (self.gaps / math.log(2)).flatten().numpy().astype(graph.dtype)
        # Its own operator is not there for float64 in onnxruntime.
        rest = graph.Log(graph.Add(graph.Exp(graph.Neg(graph.Abs(z))), graph.one()))
        steps = graph.Mul(graph.Add(graph.Max(z, 0 * graph.one()), rest), gaps)
        curves: list[Any] = []
        for first in range(0, n_targets * n_levels, n_levels):
            own = [graph.column(z, first + level) for level in range(n_levels)]
            for level in range(self.middle + 1, n_levels):
                step = graph.column(steps, first + level)
                own[level] = graph.Add(own[level - 1], step)
            for level in range(self.middle - 1, -1, -1):
                step = graph.column(steps, first + level)
                own[level] = graph.Sub(own[level + 1], step)
            curves += own
        return curves[0] if len(curves) == 1 else graph.Concat(*curves, axis=1)
