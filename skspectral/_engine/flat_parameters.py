"""The trained numbers of K networks as one matrix, which an optimiser moves."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

from skspectral._engine.run_table import LayerRule
from skspectral.nn import SpectralMLP

__all__ = ["FlatParameters"]

ALIGNMENT = 64  # numbers; the widest loops of torch's kernels take that many at once


class FlatParameters:
    """The trained numbers of K networks as one (K, P) matrix, with a view per layer.

    Parameters
    ----------
    network : SpectralMLP with a batch of networks
    rules : sequence of LayerRule
    members : sequence of K ints, optional
        The networks of the batch; all by default.
    nodes : sequence of index tensors (K, width), one per hidden layer, optional
        The nodes of each of them; all by default. The others are left alone.
    rows_first : bool
        Whether the first layer is stored as (in, out) whatever its shape.

    Attributes
    ----------
    trained : Tensor of shape (K, P)
        What the optimiser moves, layer after layer: phi (in, out), the eigenvalues,
        the bias. ``-lambda_out`` stands for ``lambda_out``, so that a gate is a factor
        of its weights; the penalty and Adam do not mind the sign. ``lambda_in`` has a
        number for each group, where nodes share one.
    alphas : Tensor of shape (K, P)
        Strength of each trained parameter's penalty.
    decay : Tensor of shape (K, P)
        Twice that: d(alpha p^2) = 2 alpha p dp.
    """

    NAMES = ("phi", "lambda_in", "lambda_out", "bias")

    def __init__(
        self,
        network: SpectralMLP,
        rules: Sequence[LayerRule],
        members: Sequence[int] | None = None,
        nodes: Sequence[Tensor] | None = None,
        *,
        rows_first: bool = False,
    ) -> None:
        device = network.layers[0].phi.device
        if members is None:
            members = range(network.batch_shape[0])
        self.members = torch.as_tensor(members, device=device)
        self.n_runs = len(self.members)
        if nodes is None:
            widths = network.sizes[1:-1]
            nodes = [
                torch.arange(n, device="cpu").expand(self.n_runs, n) for n in widths
            ]
        first, *_, last = network.sizes
        self.nodes = [
            n.to(device) if n is not None else torch.arange(width, device=device)[None]
            for width, n in ((first, None), *((0, n) for n in nodes), (last, None))
        ]
        self.sizes = tuple(n.shape[1] for n in self.nodes)
        self.activation = network.activation
        self.rules = rules
        self.flipped = [
            (n_out > 1 or self.n_runs > 1) and n_out < n_in
            for n_in, n_out in itertools.pairwise(self.sizes)
        ]
        if rows_first:
            self.flipped[0] = False
        self.slots: dict[tuple[int, str], slice] = {}  # of the trained ones
        self.frozen: dict[tuple[int, str], Tensor] = {}
        alphas, start = [], 0
        for index, rule in enumerate(rules):
            trained = {
                "phi": (rule.phi, rule.alpha_phi),
                "lambda_in": (
                    rule.lambda_ and rule.gate in ("in", "both"),
                    rule.alpha_lambda,
                ),
                "lambda_out": (
                    rule.lambda_ and rule.gate in ("out", "both"),
                    rule.alpha_lambda,
                ),
                "bias": (rule.bias, 0.0),
            }
            for name in self.NAMES:
                value = self._from_module(network, index, name)
                if value is None:
                    continue
                is_trained, alpha = trained[name]
                if not is_trained:
                    self.frozen[index, name] = value.clone()
                    continue
                length = value[0].numel()
                self.slots[index, name] = slice(start, start + length)
                start += length
                strength = torch.as_tensor(alpha, dtype=value.dtype, device=device)
                alphas.append(strength.reshape(-1, 1).expand(self.n_runs, length))
        # Rows fill whole vector registers: kernels may round a remainder differently,
        # and a run would then depend on its place in the batch.
        self.n_rest = -start % ALIGNMENT
        self.trained = self.read(network)
        rest = self.trained.new_zeros(self.n_runs, self.n_rest)
        self.alphas = torch.cat([*alphas, rest], 1)
        self.decay = 2 * self.alphas

    def _place(self, index: int, name: str) -> tuple[Tensor, ...]:
        """Return the index of these members and nodes in a network's parameter."""
        senders, receivers = self.nodes[index], self.nodes[index + 1]
        if name == "phi":
            members = self.members[:, None, None]
            return members, receivers[:, :, None], senders[:, None, :]
        return self.members[:, None], senders if name == "lambda_in" else receivers

    def _from_module(
        self, network: SpectralMLP, index: int, name: str
    ) -> Tensor | None:
        value = getattr(network.layers[index], name)
        if value is None:
            return None
        value = value.detach()[self._place(index, name)]
        groups = self.rules[index].groups
        if name == "lambda_in" and groups is not None:
            value = value[:, [groups.index(g) for g in range(max(groups) + 1)]]
        if name == "phi" and not self.flipped[index]:
            return value.mT
        return -value if name == "lambda_out" else value

    def read(self, network: SpectralMLP) -> Tensor:
        """Return the trained numbers of a network of the same structure, (K, P)."""
        values = []
        for index, name in self.slots:
            value = self._from_module(network, index, name)
            assert value is not None
            values.append(value.reshape(self.n_runs, -1))
        like = network.layers[0].phi
        return torch.cat([*values, like.new_zeros(self.n_runs, self.n_rest)], 1)

    def view(self, matrix: Tensor, index: int, name: str) -> Tensor | None:
        """Return one parameter of a (K, P) matrix, without the first axis if K is 1.

        phi comes as (*K, in, out), whichever way it is stored.
        """
        slot = self.slots.get((index, name))
        if slot is None:
            return None
        flat = matrix[0, slot] if self.n_runs == 1 else matrix[:, slot]
        if name != "phi":
            return flat
        shape = self.sizes[index : index + 2]
        if self.flipped[index]:
            return flat.unflatten(-1, shape[::-1]).mT
        return flat.unflatten(-1, shape)

    def value(self, index: int, name: str) -> Tensor | None:
        """Return a parameter of one layer, trained or frozen; None if absent."""
        view = self.view(self.trained, index, name)
        if view is not None:
            return view
        frozen = self.frozen.get((index, name))
        if frozen is None:
            return None
        if name == "phi" and self.flipped[index]:
            frozen = frozen.mT
        return frozen[0] if self.n_runs == 1 else frozen

    @torch.no_grad()
    def write(self, matrix: Tensor, network: SpectralMLP) -> None:
        """Write numbers laid out as `trained` into the parameters of `network`."""
        for (index, name), slot in self.slots.items():
            value = matrix[:, slot]
            if name == "phi":
                n_in, n_out = self.sizes[index : index + 2]
                if self.flipped[index]:
                    value = value.unflatten(1, (n_out, n_in))
                else:
                    value = value.unflatten(1, (n_in, n_out)).mT
            parameter = getattr(network.layers[index], name)
            value = -value if name == "lambda_out" else value
            groups = self.rules[index].groups
            if name == "lambda_in" and groups is not None:
                value = value[:, list(groups)]
            parameter[self._place(index, name)] = value
