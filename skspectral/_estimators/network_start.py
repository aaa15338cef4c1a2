"""The random start of a network."""

from typing import Any

import torch

from skspectral._estimators.network_state import set_gate
from skspectral.nn import START, SpectralMLP, in_memory

__all__ = ["start_network"]


@torch.no_grad()
def start_network(
    sizes: tuple[int, ...],
    rules: tuple[Any, ...],
    *,
    activation: str,
    generator: torch.Generator,
    dtype: torch.dtype,
) -> SpectralMLP:
    """Return the start of one fit, as a batch of one on the CPU.

    The weight of every layer is Glorot uniform, drawn layer after layer, whatever the
    parametrization. Where eigenvectors and eigenvalues are both trained they start
    balanced, ``alpha_lambda lambda_j^2 = alpha_phi ||phi_j||^2``, which is where the
    penalties would bring them (an alpha of 0 counts as equal to the other).
    """
    # NOTE[DIFF] The paper starts all eigenvalues at 1. The penalties would first spend
    # steps on the balance between the two factors, which costs nodes.
    network = SpectralMLP(
        sizes,
        gate=None,
        activation=activation,
        batch_shape=(1,),
        dtype=dtype,
        device="meta",  # to be filled: nothing is drawn from torch's generator
    )
    network = in_memory(network, "cpu")
    for layer, rule in zip(network.layers, rules, strict=True):
        # Drawn in float64, so that float32 and float64 fits start alike.
        bound = (6 / (layer.in_features + layer.out_features)) ** 0.5
        draw = torch.rand(
            layer.phi.shape, generator=generator, dtype=torch.float64, device="cpu"
        )
        weight = (2 * draw - 1) * bound
        layer.phi.copy_(weight)
        set_gate(layer, rule.gate)
        layer.lambda_in.fill_(START[rule.gate][0])
        layer.lambda_out.fill_(START[rule.gate][1])
        if rule.bias and layer.bias is not None:
            layer.bias.zero_()
        else:
            layer.bias = None
        if rule.gate is None:
            continue
        if rule.gate == "both":
            continue
        own = layer.lambda_out if rule.gate == "out" else layer.lambda_in
        sign = -1.0 if rule.gate == "out" else 1.0  # w = (lambda_in - lambda_out) phi
        if not (rule.phi and rule.lambda_):
            layer.phi.copy_(sign * weight)
            continue
        axis = -1 if rule.gate == "out" else -2
        a_phi, a_lambda = float(rule.alpha_phi), float(rule.alpha_lambda)
        ratio = a_phi / a_lambda if a_phi > 0 and a_lambda > 0 else 1.0
        norm = weight.norm(dim=axis)
        if rule.groups is not None:  # of all that an eigenvalue gates
            groups = torch.tensor(rule.groups, device="cpu")
            squares = norm.new_zeros(1, len(set(rule.groups)))
            squares.index_add_(1, groups, norm**2)
            norm = squares.sqrt()[:, groups]
        value = norm.sqrt() * ratio**0.25
        own.copy_(value)
        safe = torch.where(value > 0, value, 1.0)
        layer.phi.copy_(sign * weight / safe.unsqueeze(axis))
    return network
