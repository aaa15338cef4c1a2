"""Losses, and their gradients at the outputs in closed form.

`output` has shape ``(*K, b, o)``, with or without the leading axis of networks. Two
things make the gradient cheap. A loss overwrites `output` with the residue that its
value needs later (residuals, log probabilities, or the logits themselves), so that
values are computed for many minibatches in one call. And a constant in the gradient is
a factor of the row weights, not an operation of its own.
"""

from typing import Protocol

import torch
from torch import Tensor

__all__ = ["LOSSES", "CrossEntropy", "Loss", "Sigmoid", "SquaredError", "penalty"]


class Loss(Protocol):
    """The interface of a loss; another one also needs a line in `LOSSES`."""

    @staticmethod
    def factor(n_outputs: int) -> float:
        """Return the constant in the gradient, which `row_factor` contains."""

    @staticmethod
    def gradient(
        output: Tensor, target: Tensor, row_factor: Tensor, out: Tensor
    ) -> None:
        """Write the weighted gradient into `out`, the residue into `output`.

        `row_factor` (*K, b, 1) is the weight of each row times the constant.
        """

    @staticmethod
    def rows(residue: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each row, (*K, b), from the residue of `gradient`.

        It may overwrite the residue.
        """

    @staticmethod
    def evaluate(output: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each row, (*K, b), from the outputs."""


class SquaredError:
    """Mean over the outputs of (output - target)^2; targets (*K, b, o)."""

    @staticmethod
    def factor(n_outputs: int) -> float:
        return 2 / n_outputs

    @staticmethod
    def gradient(
        output: Tensor, target: Tensor, row_factor: Tensor, out: Tensor
    ) -> None:
        output.sub_(target)
        torch.mul(output, row_factor, out=out)

    @staticmethod
    def rows(residue: Tensor, target: Tensor) -> Tensor:
        squares = residue.square_()
        return squares[..., 0] if squares.shape[-1] == 1 else squares.mean(-1)

    @staticmethod
    def evaluate(output: Tensor, target: Tensor) -> Tensor:
        return (output - target).square().mean(-1)


class Sigmoid:
    """Binary cross-entropy, mean over the outputs; targets 0 or 1, (*K, b, o)."""

    @staticmethod
    def factor(n_outputs: int) -> float:
        return 1 / n_outputs

    @staticmethod
    def gradient(
        output: Tensor, target: Tensor, row_factor: Tensor, out: Tensor
    ) -> None:
        torch.sigmoid(output, out=out)
        out.sub_(target).mul_(row_factor)

    @staticmethod
    def rows(residue: Tensor, target: Tensor) -> Tensor:
        # softplus(z) - y z = -log of the probability given to the truth
        return (torch.nn.functional.softplus(residue) - target * residue).mean(-1)

    @staticmethod
    def evaluate(output: Tensor, target: Tensor) -> Tensor:
        return Sigmoid.rows(output, target)  # the residue is the output itself


class CrossEntropy:
    """Multiclass cross-entropy; targets are class indices, (*K, b, 1)."""

    @staticmethod
    def factor(n_outputs: int) -> float:
        return 1.0

    @staticmethod
    def gradient(
        output: Tensor, target: Tensor, row_factor: Tensor, out: Tensor
    ) -> None:
        output.sub_(output.logsumexp(-1, keepdim=True))  # log probabilities
        torch.exp(output, out=out)
        out.scatter_add_(-1, target, out.new_full((), -1.0).expand(target.shape))
        out.mul_(row_factor)

    @staticmethod
    def rows(residue: Tensor, target: Tensor) -> Tensor:
        return -residue.gather(-1, target).squeeze(-1)

    @staticmethod
    def evaluate(output: Tensor, target: Tensor) -> Tensor:
        return CrossEntropy.rows(output.log_softmax(-1), target)


LOSSES: dict[str, type[Loss]] = {
    "squared_error": SquaredError,
    "sigmoid": Sigmoid,
    "cross_entropy": CrossEntropy,
}


def penalty(parameters: Tensor, alphas: Tensor) -> Tensor:
    """Return the sum of alpha p^2 of each network: (K, P), (K, P) -> (K,)."""
    return (alphas * parameters.square()).sum(-1)
