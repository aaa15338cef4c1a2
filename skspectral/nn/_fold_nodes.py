"""Fold nodes: those on one hyperplane become one kink, linear parts a few nodes.

relu(z) = z + relu(-z): a node and its reverse differ by a linear function only. So one
function can be written with more nodes than it has kinks, and no gradient leads from
one way to the other. Folding does, without any training.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from skspectral.nn._checks import check_angle, check_finite, check_share
from skspectral.nn._fold_geometry import Bound, Kink, LayerOnRows, propagate
from skspectral.nn._kink_orientation import best_orientation
from skspectral.nn._layer_surgery import (
    check_single,
    copy_layer,
    sub_layer,
    with_weight,
)
from skspectral.nn._linear import SpectralLinear
from skspectral.nn._mlp import SpectralMLP

__all__ = ["fold_nodes"]

STRAIGHT = 0.01  # a node that bends by less of what it emits may count as linear
STEPS = (0.0, 0.01, 1.0)  # of the tolerance: what saves no node is not spent


@torch.no_grad()
def fold_nodes(
    network: SpectralMLP,
    x: Tensor,
    *,
    weight: Tensor | None = None,
    angle: float = 0.3,
    tolerance: float = 1e-3,
    return_kept: bool = False,
) -> Any:
    r"""Return a network that computes the same on these rows with one node per kink.

    Layer by layer: a node that is active on every row is a linear function, one that is
    active on none is nothing, and nodes on the same hyperplane, whichever way they
    point, are one kink and a linear function, by ``relu(z) = z + relu(-z)``. The kinks
    are then reversed so that the linear functions cancel as well as they can. What is
    left of them is carried by as few nodes as it has dimensions, active on every row.

    Parameters
    ----------
    network : SpectralMLP
        A single network (``batch_shape=()``).
    x : Tensor of shape (n, n_inputs)
        Rows that the network is to keep its function on, in its own units: standardised
        ones for the network of an estimator. Elsewhere the function may change, so
        these should be rows like all those to come.
    weight : Tensor of shape (n,), default=None
        Weights of the rows; one of weight 0 is not there.
    angle : float in [0, pi / 2], default=0.3
        Largest angle, in radians, between nodes that count as being on one hyperplane,
        either way: of their pre-activations as vectors over the rows. Larger folds
        more; what it may cost is bounded by `tolerance`.
    tolerance : float, default=1e-3
        Largest change of the outputs, as a mean square over the rows and a share of
        their variance. What costs least is folded first, what would cost more in sum
        is not folded, and a hundredth or nothing of it is spent where that leads to as
        few nodes. 0 folds only what is exact, up to rounding.
    return_kept : bool, default=False
        Whether to return the nodes that are kept as well.

    Returns
    -------
    network : SpectralMLP
        With fewer nodes in the hidden layers that fold, else an equal copy. Activations
        other than ``"relu"`` do not fold.
    kept : list of bool Tensor of shape (nodes,)
        Only with `return_kept`: a mask per hidden layer. Among nodes on one hyperplane,
        the one that does most is kept. A node that carries a linear function takes the
        place of one that was folded away.

    Raises
    ------
    TypeError
        If `network` is not a SpectralMLP, or `x` or `weight` not a tensor.
    ValueError
        For a batch of networks, ``gate="both"``, rows that do not fit or are not
        finite, or an `angle` or a `tolerance` outside its rule.

    See Also
    --------
    merge_parallel_nodes : Merges nodes that point the same way; needs no rows.
    remove_nodes : Removes dead nodes, which is best done before.

    Notes
    -----
    Nodes on one hyperplane become one that is tangent to their sum on both sides of it:
    with a single outgoing weight each, the function changes only between the
    hyperplanes. In a layer without biases no node is active on every row, and a linear
    function takes two nodes. Signs are the best of all up to 24 kinks, beyond that
    as good as blocks of 16 get them. Kinks are what the function of a ReLU network
    determines, up to their signs [1]_.

    References
    ----------
    .. [1] M. Phuong, C. Lampert, "Functional vs. parametric equivalence of ReLU
       networks", ICLR 2020.

    Examples
    --------
    >>> import torch
    >>> from skspectral.nn import SpectralMLP, fold_nodes
    >>> network = SpectralMLP((3, 2, 1))
    >>> with torch.no_grad():  # both directions of one node: z, held by two kinks
    ...     _ = network.layers[0].phi[1].copy_(-network.layers[0].phi[0])
    ...     _ = network.layers[1].phi.copy_(torch.tensor([[1.0, -1.0]]))
    >>> fold_nodes(network, torch.randn(100, 3)).sizes
    (3, 1, 1)
    """
    _check(network, x, weight, angle, tolerance)
    layers = [copy_layer(layer) for layer in network.layers]
    kept = [
        torch.ones_like(layer.lambda_out, dtype=torch.bool) for layer in layers[:-1]
    ]
    if network.activation != "relu":
        unchanged = network._with_layers(layers)
        return (unchanged, kept) if return_kept else unchanged
    x = x.detach().to(layers[0].phi.device, torch.float64)
    share = x.new_ones(len(x)) if weight is None else weight.detach().to(x)
    x, share = x[share > 0], share[share > 0] / share.sum()
    outputs = propagate(layers, x)
    for index in range(len(kept)):
        layer, after = layers[index], layers[index + 1]
        best: Folded | None = None
        for step in STEPS:
            bound = Bound(step * tolerance, share, outputs, layers[index + 1 :])
            try:
                folded = _fold(LayerOnRows(layer, after, x, share, bound), angle)
            except torch.linalg.LinAlgError as error:
                raise ValueError(
                    "folding solves eigenvalue problems of the outputs on `x`; got "
                    f"rows with numbers up to {float(x.abs().max()):.3g}, on which "
                    "these overflow or do not converge. Pass standardised rows."
                ) from error
            if folded is not None and (best is None or folded.size < best.size):
                best = folded
        if best is not None:
            kept[index] = best.keep
            layers[index], layers[index + 1] = _write(layer, after, best)
        x = propagate([layers[index]], x).relu()
    folded_network = network._with_layers(layers)
    return (folded_network, kept) if return_kept else folded_network


@dataclass
class Folded:
    """A layer after folding.

    Attributes
    ----------
    keep : bool Tensor of shape (h,)
    incoming : Tensor of shape (h, d)
    out : Tensor of shape (m, h)
    constant : Tensor of shape (m,)
        For the bias of the next layer.
    """

    keep: Tensor
    incoming: Tensor
    out: Tensor
    constant: Tensor

    @property
    def size(self) -> int:
        return int(self.keep.sum())


def _fold(on_rows: LayerOnRows, angle: float) -> Folded | None:
    """Return the layer with fewer nodes, or None where it does not fold."""
    kinks = [Kink(on_rows, [j], [1.0]) for j in range(len(on_rows.size))]
    emitted = on_rows.z.relu() @ on_rows.out.T
    line = torch.zeros_like(on_rows.out @ on_rows.incoming)
    kinks, line, emitted = _straighten(on_rows, kinks, line, emitted)
    kinks, emitted = _join(on_rows, kinks, emitted, angle)
    kinks, line, emitted = _straighten(on_rows, kinks, line, emitted)
    for kink in kinks:
        line = line + kink.line

    reversed_ = _orientations(on_rows, kinks, line)
    turned = line.clone()
    for kink, turn in zip(kinks, reversed_, strict=True):
        turned += float(turn) * torch.outer(kink.column, kink.direction)
    # A smaller linear function, which may have more dimensions: then as it was.
    best: Folded | None = None
    for signs, left in ((reversed_, turned), (torch.zeros_like(reversed_), line)):
        limit = len(on_rows.size) if best is None else best.size
        carriers = _carriers(on_rows, left, emitted, limit - len(kinks))
        if carriers is not None:
            best = _assemble(on_rows, kinks, signs, carriers) or best
    return best


def _straighten(
    on_rows: LayerOnRows, kinks: list[Kink], line: Tensor, emitted: Tensor
) -> tuple[list[Kink], Tensor, Tensor]:
    """Replace kinks that hardly bend on the rows by linear functions."""
    bent = []
    for bends, kink in sorted(((k.bends, k) for k in kinks), key=lambda pair: pair[0]):
        if bends <= STRAIGHT:
            straight, own = kink.straight()
            proposed = emitted - kink.emitted + straight
            if on_rows.bound.holds(proposed):
                emitted, line = proposed, line + own
                continue
        bent.append(kink)
    return bent, line, emitted


def _join(
    on_rows: LayerOnRows, kinks: list[Kink], emitted: Tensor, angle: float
) -> tuple[list[Kink], Tensor]:
    """Replace kinks near one hyperplane by one kink, the cheapest pair first."""
    home = sorted(kinks, key=lambda k: float(-on_rows.size[k.nodes[0]]))
    unit = on_rows.z[:, [k.nodes[0] for k in home]] * on_rows.share.sqrt()[:, None]
    unit = unit / unit.norm(dim=0).clamp_min(torch.finfo(unit.dtype).tiny)
    cosine = unit.T @ unit
    pairs = []
    for small in range(1, len(home)):
        large = int(cosine[small, :small].abs().argmax())
        sign = float(cosine[small, large].sign())
        apart = float((unit[:, small] - sign * unit[:, large]).norm())
        if apart <= 2 * math.sin(angle / 2):  # accurate where the cosine is not
            size = float(on_rows.size[home[small].nodes[0]])
            pairs.append((size * apart, small, large))
    for _, small, large in sorted(pairs):
        ours, theirs = home[large], home[small]
        sign = float((on_rows.share * ours.z[:, 0] @ theirs.z[:, 0]).sign())
        whole = ours.joined(theirs, sign)
        proposed = emitted - ours.emitted - theirs.emitted + whole.emitted
        if on_rows.bound.holds(proposed):
            emitted = proposed
            home = [whole if k in (ours, theirs) else k for k in home]
    return list(dict.fromkeys(home)), emitted


def _orientations(on_rows: LayerOnRows, kinks: list[Kink], line: Tensor) -> Tensor:
    """Return which kinks to reverse, so that the rest is small on the rows."""
    if not kinks:
        return torch.zeros(0, dtype=torch.bool, device=line.device)
    s, _ = on_rows.centred(torch.stack([k.s for k in kinks], 1))
    column = torch.stack([k.column for k in kinks], 1)
    moved, _ = on_rows.centred(on_rows.x @ line.T)
    weighted = on_rows.share[:, None] * s
    quadratic = (s.T @ weighted) * (column.T @ column)
    return best_orientation(quadratic, (weighted * (moved @ column)).sum(0))


Nodes = list[tuple[Tensor, Tensor]]  # incoming (d,) and outgoing (m,) weights of each


def _carriers(
    on_rows: LayerOnRows, line: Tensor, emitted: Tensor, room: int
) -> tuple[Nodes, Tensor] | None:
    """Return fewer than `room` nodes that carry a linear function, and a constant.

    As few as keep the outputs within their bound; the constant is (m,).
    """
    moved, mean = on_rows.centred(on_rows.x @ line.T)
    _, vectors = torch.linalg.eigh(moved.T @ (on_rows.share[:, None] * moved))
    for rank in range(min(room, len(line) + 1)):
        kept = vectors[:, len(line) - rank :]  # eigenvalues ascend
        part = moved @ kept
        if on_rows.bound.holds(emitted - moved + part @ kept.T):
            break
    else:
        return None
    nodes: Nodes = []
    constant = mean
    for s, column in zip(part.T, kept.T, strict=True):
        incoming = column @ line
        if on_rows.has_bias:
            # Active on every row, and as far beyond them as they reach.
            lift = s.max() - 2 * s.min()
            incoming[-1] += lift - column @ mean
            constant = constant - lift * column
            nodes.append((incoming, column))
        else:
            both = ((sign * incoming, sign * column) for sign in (1, -1))
            nodes += [n for n in both if (on_rows.x @ n[0]).max() > 0]
    return (nodes, constant) if len(nodes) < room else None


def _assemble(
    on_rows: LayerOnRows,
    kinks: list[Kink],
    reversed_: Tensor,
    carriers: tuple[Nodes, Tensor],
) -> Folded | None:
    """Return the layer of these nodes; None if it cannot hold them, or is empty."""
    linear, constant = carriers
    stand = [kink.nodes[0] for kink in kinks]
    free = set(range(len(on_rows.size))) - set(stand)
    places = [j for j in on_rows.size.argsort(descending=True).tolist() if j in free]
    places = [j for j in places if on_rows.is_open[j]][: len(linear)]
    if len(places) < len(linear) or not stand + places:
        return None
    incoming, out = on_rows.incoming.clone(), on_rows.out.clone()
    signs = (1 - 2 * reversed_.double()).tolist()
    for kink, node, sign in zip(kinks, stand, signs, strict=True):
        scale = sign * on_rows.incoming[node].norm() / kink.direction.norm()
        incoming[node] = kink.direction * scale
        out[:, node] = kink.column / scale.abs()
    for (weights, column), node in zip(linear, places, strict=True):
        scale = (column.norm() / weights.norm()).sqrt()
        incoming[node], out[:, node] = weights * scale, column / scale
    keep = torch.zeros_like(on_rows.is_open)
    keep[stand + places] = True
    return Folded(keep, incoming, out, constant)


def _write(
    layer: SpectralLinear, after: SpectralLinear, folded: Folded
) -> tuple[SpectralLinear, SpectralLinear]:
    everyone = torch.ones_like(layer.lambda_in, dtype=torch.bool)
    receivers = torch.ones_like(after.lambda_out, dtype=torch.bool)
    weight = folded.incoming[:, : layer.in_features]
    bias = None if layer.bias is None else folded.incoming[:, -1]
    constant: Tensor | None = folded.constant
    if after.bias is not None:
        constant = after.bias + folded.constant
    elif not folded.constant.any():
        constant = None
    return (
        sub_layer(with_weight(layer, weight, bias), folded.keep, everyone),
        sub_layer(with_weight(after, folded.out), receivers, folded.keep, constant),
    )


def _check(
    network: SpectralMLP,
    x: Tensor,
    weight: Tensor | None,
    angle: float,
    tolerance: float,
) -> None:
    check_single(network)
    for name, tensor in (("x", x), ("weight", weight)):
        if not (isinstance(tensor, Tensor) or (name == "weight" and tensor is None)):
            raise TypeError(
                f"`{name}` must be a torch tensor; got {type(tensor).__name__}. "
                "Convert it with torch.as_tensor."
            )
    if any(layer.gate == "both" for layer in network.layers):
        raise ValueError(
            "gates must be 'out', 'in' or None; got gate='both', where a difference "
            "gates each connection, and a node has none of its own."
        )
    if x.dim() != 2 or x.shape[1] != network.sizes[0] or len(x) == 0:
        raise ValueError(
            f"`x` must hold rows of {network.sizes[0]} inputs, shape (n, "
            f"{network.sizes[0]}); got shape {tuple(x.shape)}. Pass the rows that the "
            "network is to keep its function on."
        )
    if weight is not None and (
        weight.shape != x.shape[:1] or not (weight >= 0).all() or not weight.any()
    ):
        raise ValueError(
            f"`weight` must hold one number >= 0 per row, shape ({len(x)},), one of "
            f"them positive; got shape {tuple(weight.shape)}, from "
            f"{float(weight.min())} to {float(weight.max())}. Leave it out to weigh "
            "rows alike."
        )
    check_angle(angle, largest=math.pi / 2, name_of_largest="pi / 2")
    check_share("tolerance", tolerance, "It is a share of the variance of the outputs.")
    check_finite(network, x=x, weight=weight)
