"""Surgery: remove nodes of a network, or merge parallel ones, exactly.

Both functions return a new network and leave the old one untouched. Nodes that point
against each other are folded in `_folding`, which needs rows.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from skspectral.nn._linear import SpectralLinear, empty_layer
from skspectral.nn._mlp import ACTIVATIONS, SpectralMLP

__all__ = ["merge_parallel_nodes", "remove_nodes"]

# relu(c z) = c relu(z) for c > 0: only then can a node be scaled into another.
HOMOGENEOUS = ("relu", "identity")


@torch.no_grad()
def remove_nodes(network: SpectralMLP, keep: Sequence[Tensor]) -> SpectralMLP:
    r"""Network of the kept hidden nodes only.

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
    ValueError
        If the masks do not fit the hidden layers, or one of them is empty, or a gate
        is ``"both"``: a gate that is a difference cannot be shut by one eigenvalue.
    """
    masks = [torch.as_tensor(mask, dtype=torch.bool) for mask in keep]
    check_single(network)
    hidden_sizes = network.sizes[1:-1]
    if tuple(len(mask) for mask in masks) != hidden_sizes:
        raise ValueError(
            f"`keep` must hold one mask per hidden layer, of lengths {hidden_sizes}; "
            f"got lengths {tuple(len(mask) for mask in masks)}."
        )
    for index, mask in enumerate(masks):
        if not mask.any():
            raise ValueError(
                f"each hidden layer must keep at least one node; `keep[{index}]` keeps "
                "none. Keep its most relevant node instead."
            )
    if any(layer.gate == "both" for layer in network.layers):
        raise ValueError(
            "gates must be 'out', 'in' or None; got gate='both', where no single "
            "eigenvalue shuts a node."
        )

    act = ACTIVATIONS[network.activation]
    n_inputs = network.sizes[0]
    device = network.layers[0].phi.device
    masks = [mask.to(device) for mask in masks]
    senders = [torch.ones(n_inputs, dtype=torch.bool, device=device), *masks]
    receivers = [
        *masks,
        torch.ones(network.sizes[-1], dtype=torch.bool, device=device),
    ]
    layers = []
    constant = torch.zeros(0, device=device)  # what the removed senders still emit
    for index, layer in enumerate(network.layers):
        bias: Tensor | None = layer.bias
        removed = ~senders[index]
        if index > 0 and layer.gate != "in" and removed.any() and constant.any():
            fold = layer.weight[:, removed] @ constant[removed]
            bias = fold if bias is None else bias + fold
        layers.append(_sub_layer(layer, receivers[index], senders[index], bias))
        # With its gate shut a node hears nothing, so it emits act of its own bias,
        # without what was folded into it.
        own = torch.zeros_like(layer.lambda_out) if layer.bias is None else layer.bias
        constant = act(own)
    return network._with_layers(layers)


@torch.no_grad()
def merge_parallel_nodes(network: SpectralMLP, *, angle: float = 1e-3) -> SpectralMLP:
    r"""Network where nodes that compute the same up to a positive factor are one.

    Two ReLU nodes with ``(w, b)`` pointing the same way differ by a positive factor
    only, which their outgoing weights can carry: outgoing columns add.

    Parameters
    ----------
    network : SpectralMLP
        A single network (``batch_shape=()``).
    angle : float, default=1e-3
        Largest angle, in radians, between the incoming vectors ``(w, b)`` of two nodes
        that count as parallel. Exact for angle zero; in general the merged node
        points along the average, weighted by path norms, and its output is off by
        `angle` relative to its size. Larger merges more.

    Returns
    -------
    SpectralMLP
        Unchanged, as a copy, for activations other than ``"relu"`` and ``"identity"``,
        whose outputs do not scale with their inputs.

    See Also
    --------
    fold_nodes : Nodes on one hyperplane, whichever way they point; needs rows.
    """
    return merge_and_tell(network, angle=angle)[0]


@torch.no_grad()
def merge_and_tell(
    network: SpectralMLP, *, angle: float = 1e-3
) -> tuple[SpectralMLP, list[Tensor]]:
    """The merged network, and one mask per hidden layer of the nodes that stand on.

    Of each bundle of parallel nodes the one with the largest path norm stands on.
    """
    check_single(network)
    layers = [_copy(layer) for layer in network.layers]
    stands = [
        torch.ones_like(layer.lambda_out, dtype=torch.bool) for layer in layers[:-1]
    ]
    if network.activation in HOMOGENEOUS:
        for index in range(len(layers) - 1):
            layers[index], layers[index + 1], stands[index] = _merge_pair(
                layers[index], layers[index + 1], angle
            )
    return network._with_layers(layers), stands


def _merge_pair(
    layer: SpectralLinear, after: SpectralLinear, angle: float
) -> tuple[SpectralLinear, SpectralLinear, Tensor]:
    # Float64: an angle of 1e-3 is a cosine of 1 - 5e-7, below float32's grain.
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
        _sub_layer(_with_weight(layer, weight, bias), keep, everyone),
        _sub_layer(_with_weight(after, out), receivers, keep),
        keep,
    )


def _with_weight(
    layer: SpectralLinear, weight: Tensor, bias: Tensor | None = None
) -> SpectralLinear:
    # Keep the eigenvalues and write the weight into the eigenvectors. Where a gate is
    # shut the weight is zero and its eigenvector may stay as it is.
    new = _copy(layer)
    gate = (layer.lambda_in[None, :] - layer.lambda_out[:, None]).double()
    phi = torch.where(gate != 0, weight / gate, layer.phi.double())
    new.phi.copy_(phi)
    if bias is not None and new.bias is not None:
        new.bias.copy_(bias)
    return new


def _sub_layer(
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


def _copy(layer: SpectralLinear) -> SpectralLinear:
    everyone = torch.ones_like(layer.lambda_in, dtype=torch.bool)
    receivers = torch.ones_like(layer.lambda_out, dtype=torch.bool)
    return _sub_layer(layer, receivers, everyone)


def check_single(network: nn.Module) -> None:
    """Raise for what surgery cannot cut."""
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
