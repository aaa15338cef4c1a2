"""A network between the scaling of its inputs and that of its outputs."""

from torch import Tensor, nn

from skspectral.nn._mlp import SpectralMLP
from skspectral.nn._table_inputs import TableInputs

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
    columns : TableInputs, optional
        From the columns of a table to the inputs, where these are not the columns.
    link : Module, optional
        From scaled outputs to predictions, where these are not the predictions.
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
        columns: TableInputs | None = None,
        link: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.columns = columns
        self.link = link
        self.register_buffer("x_mean", x_mean.double())
        self.register_buffer("x_scale", x_scale.double())
        self.register_buffer("y_mean", y_mean.double())
        self.register_buffer("y_scale", y_scale.double())

    def inputs(self, x: Tensor) -> Tensor:  # (n, columns) -> (n, in), float64
        """Inputs of the network, for rows of a table."""
        x = x.double()
        if self.columns is not None:
            x = self.columns(x)
        return (x - self.x_mean) / self.x_scale

    def forward(self, x: Tensor) -> Tensor:  # (n, columns) -> (n, out), float64
        x = self.inputs(x)
        return self.finish(self.network(x.to(self.network.layers[0].phi.dtype)))

    def finish(self, outputs: Tensor) -> Tensor:  # (n, out), float64
        """Predictions from outputs of the network."""
        y = outputs.double() * self.y_scale + self.y_mean
        return y if self.link is None else self.link(y)
