"""A network between the scaling of its inputs and that of its outputs."""

from torch import Tensor, nn

from skspectral.nn._mlp import SpectralMLP

__all__ = ["Standardized"]


class Standardized(nn.Module):
    """A network between the scaling of its inputs and that of its outputs.

    Inputs are centred and scaled in float64, so that a column like a timestamp keeps
    its digits, and only then cast to the dtype of the network.

    Parameters
    ----------
    network : SpectralMLP
    x_mean, x_scale : Tensor of shape (n_inputs,)
    y_mean, y_scale : Tensor of shape (n_outputs,)
        Zeros and ones where nothing is scaled. Kept as float64 buffers.
    """

    x_mean: Tensor
    x_scale: Tensor
    y_mean: Tensor
    y_scale: Tensor

    def __init__(
        self,
        network: SpectralMLP,
        x_mean: Tensor,
        x_scale: Tensor,
        y_mean: Tensor,
        y_scale: Tensor,
    ) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("x_mean", x_mean.double())
        self.register_buffer("x_scale", x_scale.double())
        self.register_buffer("y_mean", y_mean.double())
        self.register_buffer("y_scale", y_scale.double())

    def forward(self, x: Tensor) -> Tensor:  # (n, in) -> (n, out), float64
        x = (x.double() - self.x_mean) / self.x_scale
        y = self.network(x.to(self.network.layers[0].phi.dtype))
        return y.double() * self.y_scale + self.y_mean
