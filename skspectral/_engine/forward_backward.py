"""Forward and backward pass of K networks: gradients in closed form, in place.

This is the hot path of the package. Every buffer is allocated once; a step is some
twenty calls of torch kernels and nothing else. Weights are stored as ``(in, out)``, the
transpose of the module's ``(out, in)``: with ten input columns, as tables have, the
products run three times faster that way. Layers that narrow keep the module's order,
which is up to five times faster where outputs are few. A single network drops the axis
of networks, since a matrix product is faster than a batch of one.

On a CPU a network in a batch trains as it would alone, mostly to the last bit: torch's
batched product equals the single products, except where a layer has one output, so
there the networks are multiplied one by one. (Where a width is no multiple of 4, the
batched kernels may still round differently.)
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from skspectral._engine.flat_parameters import FlatParameters
from skspectral._engine.losses import Loss
from skspectral.nn import ACTIVATIONS

__all__ = ["ForwardBackward", "Minibatch"]


class Minibatch(NamedTuple):
    """Views of one minibatch: its rows, and the buffers of a pass."""

    x: Tensor  # (*K, b, in)
    parts: Any  # of the targets, see Loss.parts
    row_factor: Tensor  # (*K, b, 1), weight / (b mean weight), times Loss.factor
    ones: Tensor  # (*K, 1, b): sums over rows are products with it, which is faster
    output: Tensor  # (*K, b, o): outputs, then the residue of the loss
    z: tuple[Tensor, ...]  # by hidden layer (*K, b, h)
    a: tuple[Tensor, ...]
    d: tuple[Tensor, ...]  # by layer, gradient at its pre-activations
    # By layer: input and output of each member, where they are multiplied one by one.
    members: tuple[list[tuple[Tensor, Tensor]] | None, ...]


class _Layer:
    """One layer: parameters and gradients as views, the weight as a buffer."""

    def __init__(
        self, parameters: FlatParameters, gradient: Tensor, index: int
    ) -> None:
        rule = parameters.rules[index]
        phi = parameters.value(index, "phi")
        assert phi is not None
        self.phi = phi
        self.gate_kind = rule.gate
        self.spread: Callable  # d (*K, b, out), weight (*K, out, in) -> (*K, b, in)
        self.members: list[Tensor] | None = None  # weight of each
        self.flipped = parameters.flipped[index]
        self.bias = _row(parameters.value(index, "bias"))
        # None where no gradient is wanted. Products are written to contiguous buffers
        # and then copied, where the slot of K runs is not contiguous: far faster.
        self.copies: list[tuple[Tensor, Tensor]] = []
        self.g_phi = parameters.view(gradient, index, "phi")
        self.g_bias = self._buffer(_row(parameters.view(gradient, index, "bias")))
        self.groups: Tensor | None = None
        self.g_groups: Tensor | None = None  # where nodes share an eigenvalue
        g_in = _column(parameters.view(gradient, index, "lambda_in"))
        if rule.groups is not None:
            self.groups = torch.tensor(rule.groups, device=phi.device)
            if g_in is not None:
                self.g_groups, g_in = g_in, torch.empty_like(phi[..., :1])
        self.g_in = self._buffer(g_in)
        self.g_out = self._buffer(_row(parameters.view(gradient, index, "lambda_out")))
        if rule.gate is None:
            self.weight = phi
            self.product = None
            if self.g_phi is not None:
                self.product = self._like_phi()
                if self.product is not self.g_phi:
                    self.copies.append((self.product, self.g_phi))
            return
        lambda_in = _column(parameters.value(index, "lambda_in"))
        minus_lambda_out = _row(parameters.value(index, "lambda_out"))
        assert lambda_in is not None
        assert minus_lambda_out is not None
        self.both = None
        self.shared = lambda_in
        if self.groups is not None:
            lambda_in = torch.empty_like(phi[..., :1])
        self.lambda_in = lambda_in
        if rule.gate == "both":
            self.both = (lambda_in, minus_lambda_out)
            self.gate = self._like_phi(own=True)
        else:
            self.gate = lambda_in if rule.gate == "in" else minus_lambda_out
        self.weight = self._like_phi(own=True)
        self.product = self._like_phi()  # gradient at the weight
        self.ones_in = phi.new_ones(*phi.shape[:-2], 1, phi.shape[-2])
        self.ones_out = phi.new_ones(*phi.shape[:-2], phi.shape[-1], 1)

    def _like_phi(self, *, own: bool = False) -> Tensor:
        """Return a contiguous buffer in the order of phi, if possible its gradient."""
        if not own and self.g_phi is not None:
            kept = self.g_phi.mT if self.flipped else self.g_phi
            if kept.is_contiguous():
                return self.g_phi
        *axis, n_in, n_out = self.phi.shape
        if self.flipped:
            return self.phi.new_empty(*axis, n_out, n_in).mT
        return self.phi.new_empty(*axis, n_in, n_out)

    def _buffer(self, slot: Tensor | None) -> Tensor | None:
        if slot is None or slot.is_contiguous():
            return slot
        buffer = slot.contiguous()
        self.copies.append((buffer, slot))
        return buffer

    def refresh(self) -> None:
        """Compute the weight of a gated layer."""
        if self.groups is not None:
            torch.index_select(self.shared, -2, self.groups, out=self.lambda_in)
        if self.both is not None:
            torch.add(*self.both, out=self.gate)
        torch.mul(self.phi, self.gate, out=self.weight)

    def gradients(self, matmul: Callable, x: Tensor, d: Tensor, ones: Tensor) -> None:
        """Gradients of the parameters. Overwrites the weight: use it before."""
        product = self.product
        if self.g_bias is not None:
            matmul(ones, d, out=self.g_bias)
        if product is not None:
            if self.flipped:
                matmul(d.mT, x, out=product.mT)
            else:
                matmul(x.mT, d, out=product)
            if self.gate_kind is not None:
                self._gate_gradients(matmul, product)
            if self.g_groups is not None and self.groups is not None:
                assert self.g_in is not None
                self.g_groups.zero_().index_add_(-2, self.groups, self.g_in)
        for buffer, slot in self.copies:
            slot.copy_(buffer)

    def _gate_gradients(self, matmul: Callable, product: Tensor) -> None:
        if self.g_in is not None or self.g_out is not None:
            scratch = self.weight
            torch.mul(product, self.phi, out=scratch)
            if self.g_in is not None:
                matmul(scratch, self.ones_out, out=self.g_in)
            if self.g_out is not None:
                matmul(self.ones_in, scratch, out=self.g_out)
        if self.g_phi is not None:
            torch.mul(product, self.gate, out=self.g_phi)


class ForwardBackward:
    """Gradient of the objective of K networks, in closed form.

    Parameters
    ----------
    parameters : FlatParameters
    loss : Loss
    """

    def __init__(self, parameters: FlatParameters, loss: Loss) -> None:
        self.parameters = parameters
        self.loss = loss
        self.gradient = torch.zeros_like(parameters.trained)
        self.activation = ACTIVATIONS[parameters.activation]
        self.layers = [
            _Layer(parameters, self.gradient, index)
            for index in range(len(parameters.rules))
        ]
        self.gated = [layer for layer in self.layers if layer.gate_kind is not None]
        self.single = parameters.n_runs == 1
        self.matmul = torch.mm if self.single else torch.bmm
        self.addmm = torch.addmm if self.single else torch.baddbmm
        on_cpu = self.gradient.device.type == "cpu"
        for layer in self.layers:
            one = layer.phi.shape[-1] == 1
            # The product of a column and a row is a product of elements.
            layer.spread = torch.mul if one else self.matmul
            if one and on_cpu and not self.single:
                layer.members = list(layer.weight.select(-1, 0).unsqueeze(-1))

    def buffers(self, n_rows: int) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Return buffers for a minibatch of n_rows: z, a and d, see `Minibatch`."""
        axis = () if self.single else (self.parameters.n_runs,)
        like = self.gradient
        widths = [layer.phi.shape[-1] for layer in self.layers]
        z = [like.new_empty(*axis, n_rows, width) for width in widths[:-1]]
        a = z if self.activation.overwrites_input else [torch.empty_like(t) for t in z]
        d = [like.new_empty(*axis, n_rows, width) for width in widths]
        return z, a, d

    def members(
        self, x: Tensor, a: Sequence[Tensor], out: Sequence[Tensor]
    ) -> tuple[list[tuple[Tensor, Tensor]] | None, ...]:
        """Field of a Batch with inputs x, activations a and pre-activations out."""
        inputs = [x, *a]
        return tuple(
            None if layer.members is None else list(zip(inputs[i], out[i], strict=True))
            for i, layer in enumerate(self.layers)
        )

    def _affine(self, layer: _Layer, x: Tensor, out: Tensor, members: Any) -> None:
        if members is not None:
            for weight, (own_x, own_out) in zip(
                layer.members or (), members, strict=True
            ):
                torch.mm(own_x, weight, out=own_out)
            if layer.bias is not None:
                out.add_(layer.bias)
        elif layer.bias is None:
            self.matmul(x, layer.weight, out=out)
        else:
            self.addmm(layer.bias, x, layer.weight, out=out)

    def __call__(self, batch: Minibatch) -> None:
        """Write the gradient of mean loss + penalty into `self.gradient`."""
        layers = self.layers
        forward, backward = self.activation.forward, self.activation.backward
        x = batch.x
        inputs = [x]
        for layer in self.gated:
            layer.refresh()
        for layer, z, a, m in zip(
            layers, batch.z, batch.a, batch.members, strict=False
        ):
            self._affine(layer, x, z, m)
            forward(z, a)
            inputs.append(a)
            x = a
        self._affine(layers[-1], x, batch.output, batch.members[-1])
        self.loss.gradient(batch.output, batch.parts, batch.row_factor, batch.d[-1])
        for index in range(len(layers) - 1, 0, -1):
            layer, d, below = layers[index], batch.d[index], batch.d[index - 1]
            layer.spread(d, layer.weight.mT, out=below)
            backward(below, batch.z[index - 1], batch.a[index - 1])
            layer.gradients(self.matmul, inputs[index], d, batch.ones)
        layers[0].gradients(self.matmul, batch.x, batch.d[0], batch.ones)
        self.gradient.addcmul_(self.parameters.trained, self.parameters.decay)

    def affine(self, run: int) -> list[tuple[Tensor, Tensor | None]]:
        """Return weight (in, out) and bias (1, out) of each layer of one network."""
        for layer in self.gated:
            layer.refresh()
        return [
            (
                layer.weight if self.single else layer.weight[run],
                layer.bias if self.single or layer.bias is None else layer.bias[run],
            )
            for layer in self.layers
        ]

    def forward(self, x: Tensor, run: int) -> Tensor:
        """Return new outputs of one network: (n, in) -> (n, o)."""
        *hidden, (last, last_bias) = self.affine(run)
        for weight, bias in hidden:
            x = x @ weight
            if bias is not None:
                x += bias
            a = x if self.activation.overwrites_input else torch.empty_like(x)
            self.activation.forward(x, a)
            x = a
        x = x @ last
        return x if last_bias is None else x.add_(last_bias)


def _row(vector: Tensor | None) -> Tensor | None:
    return None if vector is None else vector.unsqueeze(-2)  # (*K, 1, out)


def _column(vector: Tensor | None) -> Tensor | None:
    return None if vector is None else vector.unsqueeze(-1)  # (*K, in, 1)
