"""Remove hidden nodes of a network; the old network is left untouched."""

from collections.abc import Sequence

import torch
from torch import Tensor

from skspectral.nn._activations import ACTIVATIONS
from skspectral.nn._checks import check_masks
from skspectral.nn._layer_surgery import check_single, sub_layer
from skspectral.nn._linear import SpectralLinear
from skspectral.nn._mlp import SpectralMLP

__all__ = ["output_when_shut", "remove_nodes"]


@torch.no_grad()
def remove_nodes(network: SpectralMLP, keep: Sequence[Tensor]) -> SpectralMLP:
    r"""Return the network of the kept hidden nodes only.

    Where a node is gated by its own eigenvalue (``gate="out"``), or not at all, it
    emits the constant ``activation(bias)`` once its gate is shut; that constant, times
    its outgoing weights, goes into the bias of the next layer. So the function stays
    the same where the gate was zero, and is that of ``lambda := 0`` where it was not.
    Where the eigenvalue of the *next* layer gates it (``gate="in"``), a shut gate lets
    nothing through and there is nothing to fold.

    Parameters
    ----------
    network : SpectralMLP
        A single network (``batch_shape=()``).
    keep : sequence of bool tensors
        One mask per hidden layer, of shape (nodes,). Each must keep a node.

    Returns
    -------
    SpectralMLP

    Raises
    ------
    TypeError
        If `network` is not a SpectralMLP, or a mask is not one of bool.
    ValueError
        If the masks do not fit the hidden layers, or one of them is empty, or a gate
        is ``"both"``: a gate that is a difference cannot be shut by one eigenvalue.
    """
    check_single(network)
    device = network.layers[0].phi.device
    masks = check_masks(keep, network.sizes[1:-1], device)
    if any(layer.gate == "both" for layer in network.layers):
        raise ValueError(
            "gates must be 'out', 'in' or None; got gate='both', where no single "
            "eigenvalue shuts a node. Train with one of these gates."
        )

    n_inputs = network.sizes[0]
    senders = [torch.ones(n_inputs, dtype=torch.bool, device=device), *masks]
    receivers = [
        *masks,
        torch.ones(network.sizes[-1], dtype=torch.bool, device=device),
    ]
    layers: list[SpectralLinear] = []
    for index, layer in enumerate(network.layers):
        bias: Tensor | None = layer.bias
        removed = ~senders[index]
        if index > 0 and removed.any():
            constant = output_when_shut(network, index - 1)
            if constant.any():
                fold = layer.weight[:, removed] @ constant[removed]
                bias = fold if bias is None else bias + fold
        layers.append(sub_layer(layer, receivers[index], senders[index], bias))
    return network._with_layers(layers)


@torch.no_grad()
def output_when_shut(network: SpectralMLP, layer: int) -> Tensor:
    """Return what each node of a hidden layer emits once its gate is shut, (nodes,).

    A shut node receives nothing, so it emits the activation of its own bias, without
    what is folded into that bias when nodes of an earlier layer are removed. Where the
    next layer gates the node (``gate="in"``), a shut gate lets nothing through.
    """
    own, after = network.layers[layer], network.layers[layer + 1]
    if after.gate == "in":
        return torch.zeros_like(own.lambda_out)
    bias = torch.zeros_like(own.lambda_out) if own.bias is None else own.bias
    return ACTIVATIONS[network.activation].function(bias)
