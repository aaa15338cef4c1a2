"""Relevance of nodes, and the core: the nodes that survive.

All functions take a single :class:`skspectral.nn.SpectralMLP`, or plain tensors.
"""

import itertools
from typing import NamedTuple

import torch
from torch import Tensor

from skspectral.nn import SpectralMLP

__all__ = [
    "GAP_FLOOR",
    "Core",
    "cut_relative",
    "cut_to_number",
    "cut_widest_gap",
    "hidden_relevance",
    "input_relevance",
    "path_relevance",
]

GAP_FLOOR = 1e-6  # relevance below this share of the largest is all the same: dead
GAP_DECADES = 2.0  # a narrower gap separates nothing
GAP_BELOW = 0.05  # only nodes below the paper's threshold may be dead [TS23]


class Core(NamedTuple):
    """What a cut found.

    Attributes
    ----------
    masks : list of bool Tensor of shape (nodes,), one per hidden layer
        True for the nodes of the core. Never empty.
    forming : bool
        Some nodes lie below the paper's threshold but no gap sets them apart: the fit
        was stopped before its core had formed. Those without any relevance are dead all
        the same.
    vanished : bool
        In some layer even the largest relevance is zero; one node is kept all the same.
    """

    masks: list[Tensor]
    forming: bool = False
    vanished: bool = False


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
    paths = torch.ones(layers[-1].out_features, dtype=torch.float64)
    for layer in reversed(layers[1:]):
        # (sum over receivers of squared paths)^(1/2), layer after layer
        paths = ((layer.weight.double() * paths[:, None]) ** 2).sum(0).sqrt()
    return ((first * paths[:, None]) ** 2).sum(0).sqrt()


def cut_widest_gap(relevance: list[Tensor]) -> Core:
    """Core of each layer by the widest gap in its sorted relevance.

    Relevance is divided by the largest of the layer and clipped at 1e-6. Among
    neighbours (in sorted order) whose lower one is below 0.05, the widest ratio is the
    cut if it spans two decades or more. If none does, only what was clipped is dead.
    """
    masks, forming, vanished = [], False, False
    for r in relevance:
        top = r.max()
        if not top > 0:
            masks.append(_largest(r, 1))
            vanished = True
            continue
        share = (r / top).clamp_min(GAP_FLOOR).log10()
        ordered = share.sort(descending=True).values
        below = ordered[1:] < torch.tensor(GAP_BELOW, dtype=r.dtype).log10()
        gaps = torch.where(below, ordered[:-1] - ordered[1:], 0.0)
        widest = int(gaps.argmax()) if len(gaps) else 0
        if len(gaps) and gaps[widest] >= GAP_DECADES:
            masks.append(_largest(r, widest + 1))
        else:
            masks.append(r > GAP_FLOOR * top)
            forming |= bool(below.any())
    return Core(masks, forming, vanished)


def cut_relative(relevance: list[Tensor], threshold: float) -> Core:
    """Core of each layer: nodes with at least `threshold` of its largest relevance."""
    masks, vanished = [], False
    for r in relevance:
        top = r.max()
        vanished |= not bool(top > 0)
        masks.append(r >= threshold * top if top > 0 else _largest(r, 1))
    return Core(masks, vanished=vanished)


def cut_to_number(relevance: list[Tensor], n_nodes: tuple[int, ...]) -> Core:
    """The `n_nodes[l]` most relevant nodes of each layer l."""
    return Core([_largest(r, n) for r, n in zip(relevance, n_nodes, strict=True)])


def _largest(r: Tensor, n: int) -> Tensor:
    mask = torch.zeros_like(r, dtype=torch.bool)
    mask[r.argsort(descending=True, stable=True)[:n]] = True
    return mask
