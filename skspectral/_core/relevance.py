"""Relevance of nodes, and the core: the nodes that survive.

All functions take a single :class:`skspectral.nn.SpectralMLP`, or plain tensors.
"""

import itertools

import torch
from torch import Tensor

from skspectral.nn import SpectralMLP

__all__ = ["hidden_relevance", "input_relevance", "path_relevance"]


@torch.no_grad()
def hidden_relevance(network: SpectralMLP) -> list[Tensor]:
    """R of each hidden node, in float64: one tensor of shape (nodes,) per layer.

    Where the node's own eigenvalue gates it (or nothing does, or both ends do): the
    norm of its effective incoming row, which is ``|lambda_out_j| ||phi_j||`` for
    ``gate="out"``. For ``gate="in"``, the norm of its gated outgoing column
    ``|lambda_in_j| ||phi_:j||`` in the next layer.
    """
    layers = list(network.layers)
    return [
        after.weight.double().norm(dim=0)
        if after.gate == "in"
        else layer.weight.double().norm(dim=1)
        for layer, after in itertools.pairwise(layers)
    ]


@torch.no_grad()
def path_relevance(network: SpectralMLP) -> list[Tensor]:
    """Norm of the incoming times norm of the outgoing effective weights, by layer."""
    layers = list(network.layers)
    return [
        layer.weight.double().norm(dim=1) * after.weight.double().norm(dim=0)
        for layer, after in itertools.pairwise(layers)
    ]


@torch.no_grad()
def input_relevance(network: SpectralMLP) -> Tensor:
    """Relevance of each input, float64, shape (n_inputs,).

    With ``gate="in"`` it is R of the input nodes. Otherwise it is
    ``sqrt(sum_j (|w_ji| p_j)^2)`` with ``p_j`` the path norm from node j of the first
    layer to the outputs: a ranking, not a gate.
    """
    layers = list(network.layers)
    first = layers[0].weight.double()
    if layers[0].gate == "in":
        return first.norm(dim=0)
    paths = first.new_ones(layers[-1].out_features)
    for layer in reversed(layers[1:]):
        # (sum over receivers of squared paths)^(1/2), layer after layer
        paths = ((layer.weight.double() * paths[:, None]) ** 2).sum(0).sqrt()
    return ((first * paths[:, None]) ** 2).sum(0).sqrt()
