"""One layer of K networks: its parameters as views, its products, its gradients."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from skspectral._engine.flat_parameters import FlatParameters

__all__ = ["Layer", "OutputGatedLayer"]


class Layer:
    """One layer: parameters and gradients as views, the weight as a buffer.

    Parameters
    ----------
    parameters : FlatParameters
    gradient : Tensor of the shape of its numbers
    index : int
    bare : bool
        Whether it multiplies by phi alone, without gates and bias.
    """

    def __init__(
        self,
        parameters: FlatParameters,
        gradient: Tensor,
        index: int,
        *,
        bare: bool = False,
    ) -> None:
        single = parameters.n_runs == 1
        self.matmul = torch.mm if single else torch.bmm
        self.addmm = torch.addmm if single else torch.baddbmm
        rule = parameters.rules[index]
        phi = parameters.value(index, "phi")
        assert phi is not None
        self.phi = phi
        self.gate_kind = None if bare else rule.gate
        self.spread: Callable  # d (*K, b, out), weight (*K, out, in) -> (*K, b, in)
        self.members: list[Tensor] | None = None  # weight of each
        self.flipped = parameters.flipped[index]
        self.bias = None if bare else _row(parameters.value(index, "bias"))
        # None where no gradient is wanted. Products are written to contiguous buffers
        # and then copied, where the slot of K runs is not contiguous: far faster.
        self.copies: list[tuple[Tensor, Tensor]] = []
        self.g_phi = parameters.view(gradient, index, "phi")
        self.groups: Tensor | None = None
        self.g_groups: Tensor | None = None  # where nodes share an eigenvalue
        self.g_bias = self.g_in = self.g_out = None
        if self.gate_kind is None:
            self.weight = phi
            self.product = None
            if not bare:
                g_bias = parameters.view(gradient, index, "bias")
                self.g_bias = _buffer(self.copies, _row(g_bias))
            if self.g_phi is not None:
                self.product = self._like_phi()
                if self.product is not self.g_phi:
                    self.copies.append((self.product, self.g_phi))
            return
        self.g_bias = _buffer(
            self.copies, _row(parameters.view(gradient, index, "bias"))
        )
        g_in = _column(parameters.view(gradient, index, "lambda_in"))
        if rule.groups is not None:
            self.groups = torch.tensor(rule.groups, device=phi.device)
            if g_in is not None:
                self.g_groups, g_in = g_in, torch.empty_like(phi[..., :1])
        self.g_in = _buffer(self.copies, g_in)
        self.g_out = _buffer(
            self.copies, _row(parameters.view(gradient, index, "lambda_out"))
        )
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

    def refresh(self) -> None:
        """Compute the weight of a gated layer."""
        if self.groups is not None:
            torch.index_select(self.shared, -2, self.groups, out=self.lambda_in)
        if self.both is not None:
            torch.add(*self.both, out=self.gate)
        torch.mul(self.phi, self.gate, out=self.weight)

    def affine(self, x: Any, out: Tensor, members: Any) -> None:
        """Write the pre-activations of the layer for inputs x (*K, b, in)."""
        if members is not None:
            for weight, (own_x, own_out) in zip(
                self.members or (), members, strict=True
            ):
                torch.mm(own_x, weight, out=own_out)
            if self.bias is not None:
                out.add_(self.bias)
        elif self.bias is None:
            self.matmul(x, self.weight, out=out)
        else:
            self.addmm(self.bias, x, self.weight, out=out)

    def gradients(self, x: Any, d: Tensor, ones: Tensor) -> None:
        """Gradients of the parameters. Overwrites the weight: use it before."""
        if self.g_bias is not None:
            self.matmul(ones, d, out=self.g_bias)
        if self.product is not None:
            self._weight_gradient(x, d, ones, self.product)
            if self.gate_kind is not None:
                self._gate_gradients(self.product)
            if self.g_groups is not None and self.groups is not None:
                assert self.g_in is not None
                self.g_groups.zero_().index_add_(-2, self.groups, self.g_in)
        for buffer, slot in self.copies:
            slot.copy_(buffer)

    def _weight_gradient(
        self, x: Any, d: Tensor, ones: Tensor, product: Tensor
    ) -> None:
        if self.flipped:
            self.matmul(d.mT, x, out=product.mT)
        else:
            self.matmul(x.mT, d, out=product)

    def _gate_gradients(self, product: Tensor) -> None:
        if self.g_in is not None or self.g_out is not None:
            scratch = self.weight
            torch.mul(product, self.phi, out=scratch)
            if self.g_in is not None:
                self.matmul(scratch, self.ones_out, out=self.g_in)
            if self.g_out is not None:
                self.matmul(self.ones_in, scratch, out=self.g_out)
        if self.g_phi is not None:
            torch.mul(product, self.gate, out=self.g_phi)


class OutputGatedLayer:
    """A first layer of gate "out" whose gates multiply its outputs, not its weights.

    The same numbers. Where a layer has more inputs than a minibatch has rows that is
    less: what is multiplied is (b, out), not (in, out).

    Parameters
    ----------
    inner : Layer
        A bare one.
    parameters : FlatParameters
    gradient : Tensor
    n_rows : int
        Of a minibatch.
    """

    gate_kind = "out"
    members = None
    spread: Callable

    def __init__(
        self, inner: Layer, parameters: FlatParameters, gradient: Tensor, n_rows: int
    ) -> None:
        self.inner, self.phi, self.matmul = inner, inner.phi, inner.matmul
        self.weight: Tensor
        gate = _row(parameters.value(0, "lambda_out"))
        assert gate is not None
        self.gate = gate
        self.bias = _row(parameters.value(0, "bias"))
        self.copies: list[tuple[Tensor, Tensor]] = []
        self.g_gate, self.g_bias = (
            _buffer(self.copies, _row(parameters.view(gradient, 0, name)))
            for name in ("lambda_out", "bias")
        )
        *axis, _, width = self.phi.shape
        self.sums, self.scaled = self.phi.new_empty(2, *axis, n_rows, width)

    def refresh(self) -> None:
        """Compute the weight, which the steps do not need."""
        self.weight = self.phi * self.gate

    def affine(self, x: Any, out: Tensor, members: Any) -> None:
        """Write the pre-activations of the layer for a minibatch."""
        self.inner.affine(x, self.sums, None)
        if self.bias is None:
            torch.mul(self.sums, self.gate, out=out)
        else:
            torch.addcmul(self.bias, self.sums, self.gate, out=out)

    def gradients(self, x: Any, d: Tensor, ones: Tensor) -> None:
        """Gradients of the parameters."""
        if self.g_bias is not None:
            self.matmul(ones, d, out=self.g_bias)
        if self.g_gate is not None:
            torch.mul(d, self.sums, out=self.scaled)
            self.matmul(ones, self.scaled, out=self.g_gate)
        if self.inner.product is not None:
            torch.mul(d, self.gate, out=self.scaled)
            self.inner.gradients(x, self.scaled, ones)
        for buffer, slot in self.copies:
            slot.copy_(buffer)


def _buffer(copies: list[tuple[Tensor, Tensor]], slot: Tensor | None) -> Tensor | None:
    """Return the slot, or a contiguous buffer that is to be copied to it."""
    if slot is None or slot.is_contiguous():
        return slot
    buffer = slot.contiguous()
    copies.append((buffer, slot))
    return buffer


def _row(vector: Tensor | None) -> Tensor | None:
    return None if vector is None else vector.unsqueeze(-2)  # (*K, 1, out)


def _column(vector: Tensor | None) -> Tensor | None:
    return None if vector is None else vector.unsqueeze(-1)  # (*K, in, 1)
