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

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from skspectral._engine.first_layers import Lookups
from skspectral._engine.flat_parameters import FlatParameters
from skspectral._engine.layers import Layer, OutputGatedLayer
from skspectral._engine.losses import Loss
from skspectral.nn import ACTIVATIONS

__all__ = ["ForwardBackward", "Minibatch"]


class Minibatch(NamedTuple):
    """Views of one minibatch: its rows, and the buffers of a pass."""

    x: Any  # (*K, b, in), or what the first layer reads instead
    parts: Any  # of the targets, see Loss.parts
    row_factor: Tensor  # (*K, b, 1), weight / (b mean weight), times Loss.factor
    ones: Tensor  # (*K, 1, b): sums over rows are products with it, which is faster
    output: Tensor  # (*K, b, o): outputs, then the residue of the loss
    z: tuple[Tensor, ...]  # by hidden layer (*K, b, h)
    a: tuple[Tensor, ...]
    d: tuple[Tensor, ...]  # by layer, gradient at its pre-activations
    # By layer: input and output of each member, where they are multiplied one by one.
    members: tuple[list[tuple[Tensor, Tensor]] | None, ...]


class ForwardBackward:
    """Gradient of the objective of K networks, in closed form.

    Parameters
    ----------
    parameters : FlatParameters
    loss : Loss
    lookups : Lookups, optional
        What makes the first layer, where it looks values up.
    n_rows : int, optional
        Of a minibatch, where that is known.
    """

    def __init__(
        self,
        parameters: FlatParameters,
        loss: Loss,
        lookups: Lookups | None = None,
        n_rows: int | None = None,
    ) -> None:
        self.parameters, self.loss = parameters, loss
        self.gradient = torch.zeros_like(parameters.trained)
        self.activation = ACTIVATIONS[parameters.activation]
        first = self._first_layer(lookups, n_rows)
        self.layers: list[Layer | OutputGatedLayer] = [first]
        self.layers += [
            Layer(parameters, self.gradient, index)
            for index in range(1, len(parameters.rules))
        ]
        self.gated = [layer for layer in self.layers if layer.gate_kind is not None]
        # Those whose weight a step needs.
        self.refreshed = [layer for layer in self.gated if isinstance(layer, Layer)]
        self.single = parameters.n_runs == 1
        matmul = torch.mm if self.single else torch.bmm
        on_cpu = self.gradient.device.type == "cpu"
        for layer in self.layers:
            one = layer.phi.shape[-1] == 1
            # The product of a column and a row is a product of elements.
            layer.spread = torch.mul if one else matmul
            if one and on_cpu and not self.single:
                layer.members = list(layer.weight.select(-1, 0).unsqueeze(-1))

    def _first_layer(
        self, lookups: Lookups | None, n_rows: int | None
    ) -> Layer | OutputGatedLayer:
        parameters, gradient = self.parameters, self.gradient
        n_inputs, width = parameters.sizes[:2]
        is_wide = n_rows is not None and n_inputs > n_rows and width > 1
        bare = is_wide and parameters.rules[0].gate == "out"
        if lookups is None:
            layer = Layer(parameters, gradient, 0, bare=bare)
        else:
            layer = lookups.layer(parameters, gradient, bare=bare)
        if not bare:
            return layer
        assert n_rows is not None
        return OutputGatedLayer(layer, parameters, gradient, n_rows)

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

    def __call__(self, batch: Minibatch) -> None:
        """Write the gradient of mean loss + penalty into `self.gradient`."""
        layers = self.layers
        forward, backward = self.activation.forward, self.activation.backward
        x = batch.x
        inputs = [x]
        for gated in self.refreshed:
            gated.refresh()
        for layer, z, a, m in zip(
            layers, batch.z, batch.a, batch.members, strict=False
        ):
            layer.affine(x, z, m)
            forward(z, a)
            inputs.append(a)
            x = a
        layers[-1].affine(x, batch.output, batch.members[-1])
        self.loss.gradient(batch.output, batch.parts, batch.row_factor, batch.d[-1])
        for index in range(len(layers) - 1, 0, -1):
            layer, d, below = layers[index], batch.d[index], batch.d[index - 1]
            layer.spread(d, layer.weight.mT, out=below)
            backward(below, batch.z[index - 1], batch.a[index - 1])
            layer.gradients(inputs[index], d, batch.ones)
        layers[0].gradients(batch.x, batch.d[0], batch.ones)
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
