"""Copies of single layers: some of their nodes, or with another weight."""

import torch
from torch import Tensor, nn

from skspectral.nn._linear import SpectralLinear, empty_layer
from skspectral.nn._mlp import SpectralMLP

__all__ = ["check_single", "copy_layer", "sub_layer", "with_weight"]


def with_weight(
    layer: SpectralLinear, weight: Tensor, bias: Tensor | None = None
) -> SpectralLinear:
    # Keep the eigenvalues and write the weight into the eigenvectors. Where a gate is
    # shut the weight is zero and its eigenvector may stay as it is.
    new = copy_layer(layer)
    gate = (layer.lambda_in[None, :] - layer.lambda_out[:, None]).double()
    phi = torch.where(gate != 0, weight / gate, layer.phi.double())
    new.phi.copy_(phi)
    if bias is not None and new.bias is not None:
        new.bias.copy_(bias)
    return new


def sub_layer(
    layer: SpectralLinear,
    receivers: Tensor,
    senders: Tensor,
    bias: Tensor | None = None,
) -> SpectralLinear:
    bias = layer.bias if bias is None else bias
    new = empty_layer(
        int(senders.sum()),
        int(receivers.sum()),
        gate=layer.gate,
        bias=bias is not None,
        like=layer.phi,
    )
    new.phi.copy_(layer.phi[receivers][:, senders])
    new.lambda_in.copy_(layer.lambda_in[senders])
    new.lambda_out.copy_(layer.lambda_out[receivers])
    if bias is not None and new.bias is not None:
        new.bias.copy_(bias[receivers])
    for name, theirs in layer.named_parameters():
        new.get_parameter(name).requires_grad_(theirs.requires_grad)
    if layer.bias is None and new.bias is not None:
        new.bias.requires_grad_(False)  # a folded constant, in a layer without bias
    return new.train(layer.training)


def copy_layer(layer: SpectralLinear) -> SpectralLinear:
    everyone = torch.ones_like(layer.lambda_in, dtype=torch.bool)
    receivers = torch.ones_like(layer.lambda_out, dtype=torch.bool)
    return sub_layer(layer, receivers, everyone)


def check_single(network: nn.Module) -> None:
    """Raise for anything but a single SpectralMLP."""
    if not isinstance(network, SpectralMLP):
        raise TypeError(
            f"`network` must be a SpectralMLP; got {type(network).__name__}. That of a "
            "fitted estimator is `estimator.to_torch().network`."
        )
    if network.batch_shape != ():
        raise ValueError(
            "surgery needs a single network; got batch_shape="
            f"{network.batch_shape}. Take one with `network.select(k)`."
        )
