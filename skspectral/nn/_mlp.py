"""A stack of spectral layers, and the activations between them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn

from skspectral.nn._activations import ACTIVATIONS
from skspectral.nn._checks import check_sizes
from skspectral.nn._linear import SpectralLinear

__all__ = ["SpectralMLP"]


class SpectralMLP(nn.Module):
    """Multi-layer perceptron made of spectral layers.

    Parameters
    ----------
    sizes : sequence of int
        Nodes of every layer, inputs and outputs included: ``(10, 300, 1)``.
    gate : {"out", "in", "both", None}, default="out"
        Of the layers. ``"out"`` gates the hidden nodes by their own eigenvalue and
        leaves the readout plain, as nobody would remove an output; ``"in"`` and
        ``"both"`` gate every layer; None makes a plain network.
    activation : {"identity", "logistic", "tanh", "relu", "silu"}, default="relu"
        Of the hidden layers. The last layer is linear.
    batch_shape : tuple of int, default=()
        ``(K,)`` holds K networks of this shape.
    bias : bool, default=True
    device, dtype : optional
        Of the parameters.

    Attributes
    ----------
    layers : ModuleList of SpectralLinear
    activations : ModuleList
        One module per hidden layer.
    sizes : tuple of int

    Raises
    ------
    ValueError
        For sizes that are not integers >= 1, or an unknown activation or gate.

    Examples
    --------
    >>> import torch
    >>> from skspectral.nn import SpectralMLP
    >>> SpectralMLP((3, 4, 1), batch_shape=(2,))(torch.zeros(7, 3)).shape
    torch.Size([2, 7, 1])
    """

    if TYPE_CHECKING:  # an nn.ModuleList, whose items mypy does not know
        layers: Sequence[SpectralLinear]
    # Not compiled by torch.jit.script.
    __jit_unused_properties__: ClassVar = ["sizes", "batch_shape"]

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        gate: str | None = "out",
        activation: str = "relu",
        batch_shape: tuple[int, ...] = (),
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        sizes = check_sizes(sizes)
        if not isinstance(activation, str) or activation not in ACTIVATIONS:
            raise ValueError(
                f"`activation` must be one of {sorted(ACTIVATIONS)}; got "
                f"activation={activation!r}. For another one put SpectralLinear layers "
                "into a torch.nn.Sequential."
            )
        super().__init__()
        self.activation = activation
        n_layers = len(sizes) - 1
        self.layers = nn.ModuleList(  # type: ignore[assignment]
            SpectralLinear(
                sizes[i],
                sizes[i + 1],
                gate=None if gate == "out" and i == n_layers - 1 else gate,
                batch_shape=batch_shape,
                bias=bias,
                device=device,
                dtype=dtype,
            )
            for i in range(n_layers)
        )
        self._add_activations()

    def _add_activations(self) -> None:
        # A module for each use, as tools that attach hooks to activations ask for.
        module = ACTIVATIONS[self.activation].module
        self.activations = nn.ModuleList(module() for _ in self.layers[:-1])

    @property
    def sizes(self) -> tuple[int, ...]:
        return (
            self.layers[0].in_features,
            *(layer.out_features for layer in self.layers),
        )

    @property
    def batch_shape(self) -> tuple[int, ...]:
        return tuple(self.layers[0].phi.shape[:-2])

    def hidden(self, x: Tensor) -> Tensor:
        """Activations of the last hidden layer, (*batch, n, nodes)."""
        # TorchScript knows no `strict`; the last layer has no activation.
        for layer, activation in zip(self.layers, self.activations):  # noqa: B905
            x = activation(layer(x))
        return x

    def forward(self, x: Tensor) -> Tensor:  # (*batch, n, in) -> (*batch, n, out)
        return self.layers[-1](self.hidden(x))

    def select(self, k: int) -> "SpectralMLP":
        """Network `k` of a batch of shape (K,), as a network of its own (a copy)."""
        return self._with_layers([layer.select(k) for layer in self.layers])

    def _with_layers(self, layers: Sequence[SpectralLinear]) -> "SpectralMLP":
        # A network is its layers and its activation: nothing else to copy.
        network = SpectralMLP.__new__(SpectralMLP)
        nn.Module.__init__(network)
        network.activation = self.activation
        network.layers = nn.ModuleList(layers)  # type: ignore[assignment]
        network._add_activations()
        return network.train(self.training)

    def extra_repr(self) -> str:
        return f"activation={self.activation!r}"
