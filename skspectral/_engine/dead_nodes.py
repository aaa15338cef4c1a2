"""Which nodes can be removed from a network that is still training.

A node is removed once its removal changes nothing: what it sends, beyond a constant, is
below the rounding of what receives it, and the norm of its data gradient is below
2 sqrt(alpha_phi alpha_lambda), the strength of the group lasso that the penalty amounts
to (docs/theory/penalty.md), so that training cannot revive it. The rest of the fit is
that much faster, and weights never become denormal numbers.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from skspectral._engine.forward_backward import ForwardBackward
from skspectral._engine.training_data import TrainingData
from skspectral.nn import ACTIVATIONS, SpectralMLP

__all__ = ["CHECK_EVERY", "ProbeRows", "nodes_to_keep", "removable_nodes", "zero_nodes"]

CHECK_EVERY = 500  # steps between two checks; a check costs 4 percent of these
PROBE_ROWS = 8192  # rows of a check, at most
NARROWEST = 16  # nodes that are always kept; fewer are no faster
WORTH = 0.75  # a layer shrinks to this share of its width or less, or not at all


@dataclass(frozen=True)
class ProbeRows:
    """Rows to judge the nodes of one run by.

    Attributes
    ----------
    data : TrainingData
    index : Tensor
        Of these rows.
    weight : Tensor of shape (n_samples,) or None
        Of all rows.
    at_once : int
        Rows in memory at a time.
    """

    data: TrainingData
    index: Tensor
    weight: Tensor | None
    at_once: int

    def chunks(self, step: ForwardBackward) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield pieces (x, parts of y, factor); the factors sum to that of the loss."""
        like = step.gradient
        stride = math.ceil(len(self.index) / PROBE_ROWS)
        sampled = self.index[::stride]
        weight = torch.ones(len(sampled), dtype=torch.float64, device="cpu")
        if self.weight is not None:
            weight = self.weight[sampled].double()
        n_outputs = step.parameters.sizes[-1]
        weight = weight * (self.data.loss.factor(n_outputs) / weight.sum())
        pieces = zip(
            sampled.split(self.at_once), weight.split(self.at_once), strict=True
        )
        for index, factor in pieces:
            index = index.to(like.device)
            x = like.new_empty(len(index), self.data.rows.n_columns)
            self.data.rows.take(index, x)
            parts = self.data.loss.parts(self.data.target[index])
            yield x, parts, factor.to(like)[:, None]


@torch.no_grad()
def nodes_to_keep(
    step: ForwardBackward, member: int, rows: ProbeRows
) -> list[Tensor] | None:
    """Return the nodes to keep, by hidden layer, as places in it; None for all.

    A layer shrinks to one of few widths, at which products are fast and runs meet in
    one batch again. The nodes with the smallest weights are removed.
    """
    paths = _paths(step, member)
    widths = step.parameters.sizes[1:-1]
    if not any(
        _next_width(width, int(small.sum())) < width
        for width, (_, small) in zip(widths, paths, strict=True)
    ):
        return None
    stay, shrinks = [], False
    # Require both tests: a node that is inactive on the probe rows has zero output
    # and gradient there, whatever its weights.
    for width, (path, small), leave in zip(
        widths, paths, removable_nodes(step, member, rows), strict=True
    ):
        leave = leave & small
        left = _next_width(width, int(leave.sum()))
        # Sort by weights, not activations: activations at rounding level differ between
        # a batch and a single run.
        weakest = torch.where(leave, path, math.inf).argsort(stable=True)
        gone = torch.zeros_like(leave)
        gone[weakest[: width - left]] = True
        stay.append((~gone).nonzero()[:, 0])
        shrinks |= left < width
    return stay if shrinks else None


def removable_nodes(
    step: ForwardBackward, member: int, rows: ProbeRows
) -> list[Tensor]:
    """Return which nodes could be removed, judged by the rows, by hidden layer."""
    return [
        (share < torch.finfo(share.dtype).eps / 2) & (pull < 1)
        for share, pull in _probe(step, member, rows)
    ]


def _next_width(width: int, n_leaving: int) -> int:
    """Width to shrink to: 16, 24, 32, 48, 64, 96, ... or as it is."""
    need = max(width - n_leaving, NARROWEST)
    power = 1 << (need - 1).bit_length()
    level = 3 * power // 4 if need <= 3 * power // 4 >= NARROWEST else power
    return level if level <= WORTH * width else width


def _paths(step: ForwardBackward, member: int) -> list[tuple[Tensor, Tensor]]:
    """Return path norms by hidden layer, and which of them are below rounding.

    Only these nodes can be removed.
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
    """Return the strength of the group lasso on each hidden layer; 0 for none.

    It is 2 sqrt(alpha_phi alpha_lambda), see docs/theory/penalty.md.
    """
    rules = step.parameters.rules
    strengths = []
    for layer, after in itertools.pairwise(rules):
        # The eigenvalue of the node itself, or that of its sending end, is its gate.
        rule = after if after.gate == "in" else layer
        gated = rule.gate in ("out", "in") and rule.phi and rule.lambda_
        alphas = [
            torch.as_tensor(alpha, device="cpu")
            .double()
            .expand(step.parameters.n_runs)[member]
            for alpha in (rule.alpha_phi, rule.alpha_lambda)
        ]
        strengths.append(2 * float(alphas[0] * alphas[1]) ** 0.5 if gated else 0.0)
    return strengths


def _probe(
    step: ForwardBackward, member: int, rows: ProbeRows
) -> list[tuple[Tensor, Tensor]]:
    """Return what each node sends and its data gradient; (width,) each, by layer.

    The first is the largest change that the node makes to its receivers, over the root
    mean square of what these receive. The second is the norm of the data gradient at
    its gated weights, over the strength of the lasso.
    """
    layers, rules = step.affine(member), step.parameters.rules
    strengths = _strengths(step, member)
    n_hidden = len(strengths)
    activation = step.activation
    silent = [
        # Once the gate of the next layer is shut, it lets nothing through.
        torch.zeros_like(weight[0])
        if after.gate == "in"
        else _output_when_shut(step, bias, weight)
        for (weight, bias), after in zip(layers[:-1], rules[1:], strict=True)
    ]
    peak = [torch.zeros_like(s) for s in silent]
    square = [0.0] * n_hidden
    pulls: list[Tensor | float] = [0.0] * n_hidden
    n_rows = 0
    for x, parts, factor in rows.chunks(step):
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
            a = z if activation.overwrites_input else torch.empty_like(z)
            activation.forward(z, a)
            inputs.append(a)
            change = (a - silent[index]).abs().amax(0)
            torch.maximum(peak[index], change, out=peak[index])
        n_rows += len(x)
        d = torch.empty_like(received[-1])
        rows.data.loss.gradient(received[-1], parts, factor, d)
        for index in range(n_hidden, 0, -1):
            if rules[index].gate == "in":
                pulls[index - 1] += d.mT @ inputs[index]  # (out, nodes)
            d = d @ layers[index][0].mT
            activation.backward(d, received[index - 1], inputs[index])
            if rules[index].gate != "in":
                pulls[index - 1] += inputs[index - 1].mT @ d  # (in, nodes)
    found = []
    for index, strength in enumerate(strengths):
        reach = layers[index + 1][0].norm(dim=1) * peak[index]
        share = reach / max(math.sqrt(square[index] / n_rows), 1e-30)
        pull = torch.as_tensor(pulls[index], device=reach.device).norm(dim=0)
        pull = pull / strength if strength > 0 else torch.full_like(pull, math.inf)
        if (
            index + 1,
            "bias",
        ) not in step.parameters.slots:  # no bias could take up the constant
            pull = torch.where(silent[index] == 0, pull, math.inf)
        found.append((share, pull))
    return found


def _output_when_shut(
    step: ForwardBackward, bias: Tensor | None, weight: Tensor
) -> Tensor:
    """Return what each node sends once its gate is shut."""
    z = weight.new_zeros(weight.shape[1]) if bias is None else bias.flatten()
    return step.activation.function(z).clone()


@torch.no_grad()
def zero_nodes(network: SpectralMLP, run: int, layer: int, nodes: Tensor) -> None:
    """Set nodes of a hidden layer to zero; add the constant they send to a bias.

    The same as :func:`skspectral.nn.remove_nodes`, in place and in one of K networks.
    ``gate="both"`` does not occur here: `_strengths` has no lasso for it.
    """
    own, after = network.layers[layer], network.layers[layer + 1]
    if after.gate != "in" and own.bias is not None and after.bias is not None:
        gate = after.lambda_in[run, None, nodes] - after.lambda_out[run, :, None]
        weight = after.phi[run][:, nodes] * gate
        activation = ACTIVATIONS[network.activation]
        after.bias[run] += weight @ activation.function(own.bias[run, nodes])
    if own.bias is not None:
        own.bias[run, nodes] = 0
    own.phi[run, nodes] = 0
    after.phi[run][:, nodes] = 0
    if own.gate == "out":
        own.lambda_out[run, nodes] = 0
    if after.gate == "in":
        after.lambda_in[run, nodes] = 0
