"""Which nodes may leave a network that is still training.

A node leaves once nothing notices: what it sends, beyond a constant, is below the
rounding of what receives it, and the data pull at it less than the group lasso that the
penalty amounts to pushes, so that it would stay where it is. The rest of the fit is
that much faster, and weights never sink to denormal numbers.
"""

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from skspectral._engine.forward_backward import ForwardBackward
from skspectral._engine.losses import Loss
from skspectral._engine.network_batch import NetworkBatch
from skspectral._engine.rows import Rows
from skspectral.nn import ACTIVATIONS, SpectralMLP

__all__ = ["CHECK_EVERY", "ProbeRows", "nodes_to_keep", "removable_nodes", "remove"]

CHECK_EVERY = 500  # steps between two looks; a look costs some 4 percent of them
PROBE_ROWS = 8192  # that a look goes through, at most
NARROWEST = 16  # nodes; fewer are no faster
WORTH = 0.75  # of its width: a layer shrinks to that or less, or not at all


@dataclass(frozen=True)
class ProbeRows:
    """Rows to judge the nodes of one run by."""

    rows: Rows
    target: Tensor
    loss: type[Loss]
    index: Tensor  # of these rows
    weight: Tensor | None  # of all rows, (n_samples,)
    at_once: int

    def chunks(self, step: ForwardBackward):
        """Pieces (x, y, factor) of the sample; the factors sum to that of the loss."""
        like = step.gradient
        stride = math.ceil(len(self.index) / PROBE_ROWS)
        sampled = self.index[::stride]
        weight = torch.ones(len(sampled), dtype=torch.float64)
        if self.weight is not None:
            weight = self.weight[sampled].double()
        n_outputs = step.parameters.sizes[-1]
        weight = weight * (self.loss.factor(n_outputs) / weight.sum())
        pieces = zip(
            sampled.split(self.at_once), weight.split(self.at_once), strict=True
        )
        for index, factor in pieces:
            index = index.to(like.device)
            x = like.new_empty(len(index), self.rows.n_columns)
            self.rows.take(index, x)
            yield x, self.target[index], factor.to(like)[:, None]


@torch.no_grad()
def nodes_to_keep(
    crew: NetworkBatch, member: int, sample: ProbeRows
) -> list[Tensor] | None:
    """Nodes that stay, by hidden layer, as places in the layer; None: all of them.

    A layer shrinks to one of few widths, whose products are fast and at which runs
    meet again; the weakest leave.
    """
    step = crew.step
    paths = _paths(step, member)
    widths = step.parameters.sizes[1:-1]
    if not any(
        _next_width(width, int(small.sum())) < width
        for width, (_, small) in zip(widths, paths, strict=True)
    ):
        return None
    stay, shrinks = [], False
    # Both: of a node that no row of the sample reaches nothing is seen but its weights.
    for width, (path, small), leave in zip(
        widths, paths, removable_nodes(step, member, sample), strict=True
    ):
        leave = leave & small
        left = _next_width(width, int(leave.sum()))
        # By weights: what such a node sends is rounding, which company may change.
        weakest = torch.where(leave, path, math.inf).argsort(stable=True)
        gone = torch.zeros_like(leave)
        gone[weakest[: width - left]] = True
        stay.append((~gone).nonzero()[:, 0])
        shrinks |= left < width
    return stay if shrinks else None


def removable_nodes(
    step: ForwardBackward, member: int, sample: ProbeRows
) -> list[Tensor]:
    """Which nodes may leave as far as the rows can tell, by hidden layer."""
    return [
        (share < torch.finfo(share.dtype).eps / 2) & (pull < 1)
        for share, pull in _probe(step, member, sample)
    ]


def _next_width(width: int, n_leaving: int) -> int:
    """Width to shrink to: 16, 24, 32, 48, 64, 96, ... or as it is."""
    need = max(width - n_leaving, NARROWEST)
    power = 1 << (need - 1).bit_length()
    level = 3 * power // 4 if need <= 3 * power // 4 >= NARROWEST else power
    return level if level <= WORTH * width else width


def _paths(step: ForwardBackward, member: int) -> list[tuple[Tensor, Tensor]]:
    """Path norms of the nodes of each hidden layer, and which are below rounding.

    Only these can leave, and at no cost.
    """
    weights = itertools.pairwise(weight for weight, _ in step.affine(member))
    found = []
    for (weight, after), strength in zip(
        weights, _strengths(step, member), strict=True
    ):
        path = weight.norm(dim=0) * after.norm(dim=1)
        eps = torch.finfo(path.dtype).eps
        found.append((path, (path <= eps * path.sum()) & (strength > 0)))
    return found


def _strengths(step: ForwardBackward, member: int) -> list[float]:
    """Strength of the group lasso on the nodes of each hidden layer; 0 for none.

    It is 2 sqrt(alpha_phi alpha_lambda), see docs/theory/penalty.md.
    """
    rules = step.parameters.rules
    strengths = []
    for layer, after in itertools.pairwise(rules):
        # The eigenvalue of the node itself, or that of its sending end, is its gate.
        rule = after if after.gate == "in" else layer
        gated = rule.gate in ("out", "in") and rule.phi and rule.lambda_
        alphas = [
            torch.as_tensor(alpha).double().expand(step.parameters.n_runs)[member]
            for alpha in (rule.alpha_phi, rule.alpha_lambda)
        ]
        strengths.append(2 * float(alphas[0] * alphas[1]) ** 0.5 if gated else 0.0)
    return strengths


def _probe(
    step: ForwardBackward, member: int, sample: ProbeRows
) -> list[tuple[Tensor, Tensor]]:
    """What each node sends, and how the data pull at it; (width,) each, by layer.

    The first is the largest change it makes to its receivers, over the root mean square
    of what these receive; the second the norm of the gradient at its gated weights over
    the strength of the lasso.
    """
    layers, rules = step.affine(member), step.parameters.rules
    strengths = _strengths(step, member)
    n_hidden = len(strengths)
    forward, backward, in_place = step.activation
    silent = [
        # The gate of the next layer lets nothing through once it is shut.
        torch.zeros_like(weight[0])
        if after.gate == "in"
        else _output_when_shut(step, bias, weight)
        for (weight, bias), after in zip(layers[:-1], rules[1:], strict=True)
    ]
    peak = [torch.zeros_like(s) for s in silent]
    square = [0.0] * n_hidden
    pulls: list[Tensor | float] = [0.0] * n_hidden
    n_rows = 0
    for x, y, factor in sample.chunks(step):
        inputs, received = [x], []
        for index, (weight, bias) in enumerate(layers):
            z = inputs[-1] @ weight
            if bias is not None:
                z += bias
            received.append(z)
            if index > 0:
                square[index - 1] += float(z.square().sum())
            if index == n_hidden:
                break
            a = z if in_place else torch.empty_like(z)
            forward(z, a)
            inputs.append(a)
            change = (a - silent[index]).abs().amax(0)
            torch.maximum(peak[index], change, out=peak[index])
        n_rows += len(x)
        d = torch.empty_like(received[-1])
        sample.loss.gradient(received[-1], y, factor, d)
        for index in range(n_hidden, 0, -1):
            if rules[index].gate == "in":
                pulls[index - 1] += d.mT @ inputs[index]  # (out, nodes)
            d = d @ layers[index][0].mT
            backward(d, received[index - 1], inputs[index])
            if rules[index].gate != "in":
                pulls[index - 1] += inputs[index - 1].mT @ d  # (in, nodes)
    found = []
    for index, strength in enumerate(strengths):
        reach = layers[index + 1][0].norm(dim=1) * peak[index]
        share = reach / max(math.sqrt(square[index] / n_rows), 1e-30)
        pull = torch.as_tensor(pulls[index]).norm(dim=0)
        pull = pull / strength if strength > 0 else torch.full_like(pull, math.inf)
        if (index + 1, "bias") not in step.parameters.slots:  # which could take it up
            pull = torch.where(silent[index] == 0, pull, math.inf)
        found.append((share, pull))
    return found


def _output_when_shut(
    step: ForwardBackward, bias: Tensor | None, weight: Tensor
) -> Tensor:
    """What nodes send whose gates are shut."""
    z = weight.new_zeros(weight.shape[1]) if bias is None else bias.flatten().clone()
    a = z if step.activation.in_place else torch.empty_like(z)
    step.activation.forward(z, a)
    return a


@torch.no_grad()
def remove(network: SpectralMLP, run: int, layer: int, nodes: Tensor) -> None:
    """Set nodes of a hidden layer to zero; what they send for ever goes on as a bias.

    The same as :func:`skspectral.nn.remove_nodes`, in place and in one of K networks.
    Gates of "both" do not come here: `_strengths` has no lasso for them.
    """
    own, after = network.layers[layer], network.layers[layer + 1]
    if after.gate != "in" and own.bias is not None and after.bias is not None:
        gate = after.lambda_in[run, None, nodes] - after.lambda_out[run, :, None]
        weight = after.phi[run][:, nodes] * gate
        after.bias[run] += weight @ ACTIVATIONS[network.activation](
            own.bias[run, nodes]
        )
    if own.bias is not None:
        own.bias[run, nodes] = 0
    own.phi[run, nodes] = 0
    after.phi[run][:, nodes] = 0
    if own.gate == "out":
        own.lambda_out[run, nodes] = 0
    if after.gate == "in":
        after.lambda_in[run, nodes] = 0
