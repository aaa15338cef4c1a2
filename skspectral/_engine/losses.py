"""Losses, and their gradients at the outputs in closed form.

`output` has shape ``(*K, b, o)``, with or without the leading axis of networks. Two
things make the gradient cheap. A loss overwrites `output` with the residue that its
value needs later (residuals, log probabilities, or the logits themselves), so that
values are computed for many minibatches in one call. And a constant in the gradient is
a factor of the row weights, not an operation of its own.

What a loss knows of a row is its target, which may hold more than y: constants of one
fit go there too, since the networks of a batch may differ in them.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

__all__ = ["CrossEntropy", "Loss", "Sigmoid", "SquaredError", "penalty"]


class Loss(Protocol):
    """The interface of a loss. Losses that are equal can train together."""

    def factor(self, n_outputs: int) -> float:
        """Return the constant in the gradient, which `row_factor` contains."""

    def parts(self, target: Tensor) -> Any:
        """Return views of the targets of a minibatch, as `gradient` wants them."""

    def gradient(
        self, output: Tensor, parts: Any, row_factor: Tensor, out: Tensor
    ) -> None:
        """Write the weighted gradient into `out`, the residue into `output`.

        `row_factor` (*K, b, 1) is the weight of each row times the constant.
        """

    def rows(self, residue: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each row, (*K, b), from the residue of `gradient`.

        It may overwrite the residue.
        """

    def evaluate(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each row, (*K, b), from the outputs."""


@dataclass(frozen=True)
class SquaredError:
    """Mean over the outputs of (output - target)^2; targets (*K, b, o)."""

    def factor(self, n_outputs: int) -> float:
        return 2 / n_outputs

    def parts(self, target: Tensor) -> Tensor:
        return target

    def gradient(
        self, output: Tensor, parts: Tensor, row_factor: Tensor, out: Tensor
    ) -> None:
        output.sub_(parts)
        torch.mul(output, row_factor, out=out)

    def rows(self, residue: Tensor, target: Tensor) -> Tensor:
        return mean_of_outputs(residue.square_())

    def evaluate(self, output: Tensor, target: Tensor) -> Tensor:
        return (output - target).square().mean(-1)


@dataclass(frozen=True)
class Sigmoid:
    """Binary cross-entropy, mean over the outputs; targets 0 or 1, (*K, b, o)."""

    def factor(self, n_outputs: int) -> float:
        return 1 / n_outputs

    def parts(self, target: Tensor) -> Tensor:
        return target

    def gradient(
        self, output: Tensor, parts: Tensor, row_factor: Tensor, out: Tensor
    ) -> None:
        torch.sigmoid(output, out=out)
        out.sub_(parts).mul_(row_factor)

    def rows(self, residue: Tensor, target: Tensor) -> Tensor:
        # softplus(z) - y z = -log of the probability given to the truth
        return (torch.nn.functional.softplus(residue) - target * residue).mean(-1)

    def evaluate(self, output: Tensor, target: Tensor) -> Tensor:
        return self.rows(output, target)  # the residue is the output itself


@dataclass(frozen=True)
class CrossEntropy:
    """Multiclass cross-entropy; targets are class indices, (*K, b, 1)."""

    def factor(self, n_outputs: int) -> float:
        return 1.0

    def parts(self, target: Tensor) -> Tensor:
        return target

    def gradient(
        self, output: Tensor, parts: Tensor, row_factor: Tensor, out: Tensor
    ) -> None:
        output.sub_(output.logsumexp(-1, keepdim=True))  # log probabilities
        torch.exp(output, out=out)
        out.scatter_add_(-1, parts, out.new_full((), -1.0).expand(parts.shape))
        out.mul_(row_factor)

    def rows(self, residue: Tensor, target: Tensor) -> Tensor:
        return -residue.gather(-1, target).squeeze(-1)

    def evaluate(self, output: Tensor, target: Tensor) -> Tensor:
        return self.rows(output.log_softmax(-1), target)


def mean_of_outputs(values: Tensor) -> Tensor:
    """Return means over the last axis: (*K, b, o) -> (*K, b)."""
    return values[..., 0] if values.shape[-1] == 1 else values.mean(-1)


def penalty(parameters: Tensor, alphas: Tensor) -> Tensor:
    """Return the sum of alpha p^2 of each network: (K, P), (K, P) -> (K,)."""
    return (alphas * parameters.square()).sum(-1)
