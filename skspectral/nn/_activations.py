"""The activations of hidden layers: one record each, which all rooms read."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

__all__ = ["ACTIVATIONS", "Activation"]

aten = torch.ops.aten


class Activation(NamedTuple):
    """All that the package knows of an activation.

    Attributes
    ----------
    function : callable
        ``function(z)``, a new tensor that autograd can follow.
    module : type of torch.nn.Module
        The same as a module, for tools that attach hooks to activations.
    forward : callable
        ``forward(z, a)`` writes the activations of z into `a`, without autograd.
    backward : callable
        ``backward(d, z, a)`` multiplies `d` by the derivative at z, in place.
    to_onnx : callable
        ``to_onnx(graph, z)`` is the ONNX node; ``graph.Relu`` makes one of that name.
    overwrites_input : bool
        Whether `a` may be z itself: the derivative follows from the activations.
    is_homogeneous : bool
        ``f(c z) = c f(z)`` for c > 0: only then can parallel nodes be merged.
    in_sklearn : bool
        Whether scikit-learn's MLP has it, under the same name.
    """

    function: Callable[[Tensor], Tensor]
    module: type[nn.Module]
    forward: Callable[[Tensor, Tensor], Any]
    backward: Callable[[Tensor, Tensor, Tensor], Any]
    to_onnx: Callable[[Any, Any], Any]
    overwrites_input: bool = True
    is_homogeneous: bool = False
    in_sklearn: bool = True

    @property
    def keeps_zero(self) -> bool:
        """Whether a node that receives nothing sends nothing."""
        return not bool(self.function(torch.zeros((), device="cpu")))


def _silu_to_onnx(graph: Any, z: Any) -> Any:
    # Not z * sigmoid(z), of which onnxruntime 1.18 to 1.22 make a kernel that has no
    # float64.
    return graph.Div(z, graph.Add(graph.one(), graph.Exp(graph.Neg(z))))


ACTIVATIONS = {
    "identity": Activation(
        function=lambda z: z,
        module=nn.Identity,
        forward=lambda z, a: None,
        backward=lambda d, z, a: None,
        to_onnx=lambda graph, z: z,
        is_homogeneous=True,
    ),
    "logistic": Activation(
        function=torch.sigmoid,
        module=nn.Sigmoid,
        forward=lambda z, a: torch.sigmoid(z, out=a),
        backward=lambda d, z, a: aten.sigmoid_backward.grad_input(d, a, grad_input=d),
        to_onnx=lambda graph, z: graph.Sigmoid(z),
    ),
    "tanh": Activation(
        function=torch.tanh,
        module=nn.Tanh,
        forward=lambda z, a: torch.tanh(z, out=a),
        backward=lambda d, z, a: aten.tanh_backward.grad_input(d, a, grad_input=d),
        to_onnx=lambda graph, z: graph.Tanh(z),
    ),
    "relu": Activation(
        function=torch.relu,
        module=nn.ReLU,
        forward=lambda z, a: torch.relu_(a),
        backward=lambda d, z, a: aten.threshold_backward.grad_input(
            d, a, 0, grad_input=d
        ),
        to_onnx=lambda graph, z: graph.Relu(z),
        is_homogeneous=True,
    ),
    "silu": Activation(
        function=nn.functional.silu,
        module=nn.SiLU,
        forward=lambda z, a: aten.silu.out(z, out=a),
        backward=lambda d, z, a: aten.silu_backward.grad_input(d, z, grad_input=d),
        to_onnx=_silu_to_onnx,
        overwrites_input=False,
        in_sklearn=False,
    ),
}
