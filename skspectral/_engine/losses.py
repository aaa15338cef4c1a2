"""Losses: one value per network, and the gradient at its outputs in closed form.

Shapes: `output` is ``(*K, b, o)``, with or without the leading axis of networks. A loss
overwrites `output` with what its value needs later (residuals, log probabilities, or
the logits themselves), so that values are computed for many minibatches in one go. What
is constant in the gradient is a factor of the row weights, not an operation of its own.
"""

from typing import Protocol

import torch
from torch import Tensor

__all__ = ["LOSSES", "CrossEntropy", "Loss", "Sigmoid", "SquaredError", "penalty"]


class Loss(Protocol):
    """What the step and the loop ask of a loss."""

    @staticmethod
    def factor(n_outputs: int) -> float:
        """The constant in the gradient, which `row_factor` carries."""

    @staticmethod
    def gradient(
        output: Tensor, target: Tensor, row_factor: Tensor, out: Tensor
    ) -> None:
        """Write the weighted gradient into `out`, the residue into `output`.

        `row_factor` (*K, b, 1) is the weight of each row times the constant.
        """

    @staticmethod
    def rows(residue: Tensor, target: Tensor) -> Tensor:
        """Loss of each row, (*K, b), from the residue that `gradient` left.

        It may overwrite the residue.
        """

    @staticmethod
    def evaluate(output: Tensor, target: Tensor) -> Tensor:
        """Loss of each row, (*K, b), from the outputs."""


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
    """Sum of alpha p^2 over the parameters of each network: (K, P), (K, P) -> (K,)."""
    return (alphas * parameters.square()).sum(-1)
