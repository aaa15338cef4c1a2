"""Merge parallel nodes of a network."""

import math
from typing import Any

import torch
from torch import Tensor

from skspectral.nn._activations import ACTIVATIONS
from skspectral.nn._checks import check_angle
from skspectral.nn._layer_surgery import (
    check_single,
    copy_layer,
    sub_layer,
    with_weight,
)
from skspectral.nn._linear import SpectralLinear
from skspectral.nn._mlp import SpectralMLP

__all__ = ["merge_parallel_nodes"]


@torch.no_grad()
def merge_parallel_nodes(
    network: SpectralMLP, *, angle: float = 1e-3, return_kept: bool = False
) -> Any:
    r"""Return the network where nodes that differ by a positive factor are one.

    Two ReLU nodes with ``(w, b)`` pointing the same way differ by a positive factor
    only, which their outgoing weights can carry: outgoing columns add.

    Parameters
    ----------
    network : SpectralMLP
        A single network (``batch_shape=()``).
    angle : float in [0, pi], default=1e-3
        Largest angle, in radians, between the incoming vectors ``(w, b)`` of two nodes
        that count as parallel. Exact for angle zero; in general the merged node
        points along the average, weighted by path norms, and its output is off by
        `angle` relative to its size. Larger merges more.
    return_kept : bool, default=False
        Whether to return the nodes that are kept as well.

    Returns
    -------
    network : SpectralMLP
        Unchanged, as a copy, for activations other than ``"relu"`` and ``"identity"``,
        whose outputs do not scale with their inputs.
    kept : list of bool Tensor of shape (nodes,)
        Only with `return_kept`: a mask per hidden layer. Among parallel nodes, the one
        with the largest path norm is kept.

    Raises
    ------
    TypeError
        If `network` is not a SpectralMLP.
    ValueError
        For a batch of networks, or an angle outside its rule.

    See Also
    --------
    fold_nodes : Nodes on one hyperplane, whichever way they point; needs rows.
    """
    check_single(network)
    check_angle(angle, largest=math.pi, name_of_largest="pi")
    layers = [copy_layer(layer) for layer in network.layers]
    kept = [
        torch.ones_like(layer.lambda_out, dtype=torch.bool) for layer in layers[:-1]
    ]
    if ACTIVATIONS[network.activation].is_homogeneous:
        for index in range(len(layers) - 1):
            layers[index], layers[index + 1], kept[index] = _merge_pair(
                layers[index], layers[index + 1], angle
            )
    merged = network._with_layers(layers)
    return (merged, kept) if return_kept else merged


def _merge_pair(
    layer: SpectralLinear, after: SpectralLinear, angle: float
) -> tuple[SpectralLinear, SpectralLinear, Tensor]:
    # In float64: an angle of 1e-3 is a cosine of 1 - 5e-7, which float32 rounds to 1.
    weight, out = layer.weight.double(), after.weight.double()
    bias = None if layer.bias is None else layer.bias.double()
    incoming = weight if bias is None else torch.cat([weight, bias[:, None]], 1)
    norm = incoming.norm(dim=1)
    unit = incoming / norm.clamp_min(torch.finfo(torch.float64).tiny)[:, None]
    path = norm * out.norm(dim=0)

    keep = torch.ones(len(unit), dtype=torch.bool, device=unit.device)
    merged: list[tuple[int, Tensor]] = []  # (node that stays, all nodes of its bundle)
    free = norm > 0
    for node in torch.argsort(path, descending=True).tolist():
        if not free[node]:
            continue
        # |u - v| = 2 sin(angle / 2): accurate where the cosine is not.
        near = free & ((unit - unit[node]).norm(dim=1) <= angle)
        free &= ~near
        if near.sum() > 1:
            keep &= ~near
            keep[node] = True
            merged.append((node, near.nonzero()[:, 0]))
    if not merged:
        return layer, after, keep

    for node, bundle in merged:
        share = path[bundle]
        if share.sum() > 0:
            direction = (share[:, None] * unit[bundle]).sum(0)
        else:
            direction = unit[node]
        direction = direction / direction.norm()
        total = (out[:, bundle] * norm[bundle]).sum(1)  # carried by a unit vector
        out[:, node] = total / norm[node]
        incoming[node] = direction * norm[node]
    weight = incoming[:, : weight.shape[1]]
    if bias is not None:
        bias = incoming[:, -1]
    everyone = torch.ones_like(layer.lambda_in, dtype=torch.bool)
    receivers = torch.ones_like(after.lambda_out, dtype=torch.bool)
    return (
        sub_layer(with_weight(layer, weight, bias), keep, everyone),
        sub_layer(with_weight(after, out), receivers, keep),
        keep,
    )
