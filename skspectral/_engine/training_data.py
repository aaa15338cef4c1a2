"""What runs learn from, or are validated on."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from skspectral._engine.losses import Loss
from skspectral._engine.rows import Rows, rows_of_runs

__all__ = ["TrainingData"]

EVALUATION_ROWS = 4096  # of the validation rows, at a time
EVALUATION_NUMBERS = 2**24  # and inputs of these rows


@dataclass(frozen=True)
class TrainingData:
    """Rows, targets and loss: what the runs learn, or are validated on.

    Attributes
    ----------
    rows : Rows
    target : Tensor of shape (n_samples, n_numbers)
        What the loss knows of each row, of the dtype of the network; class indices
        (n_samples, 1) for cross-entropy.
    loss : Loss
    weight : Tensor of shape (K, n_samples) or None
        Only for validation, where it says on which rows a run is validated, and how
        much they count. The training weights are in the table of runs.
    index : list of K index tensors or None
        Rows of each run. None: its rows of non-zero weight.
    """

    rows: Rows
    target: Tensor
    loss: Loss
    weight: Tensor | None = None
    index: list[Tensor] | None = None

    def index_of_runs(self, weight: Tensor | None, n_runs: int) -> list[Tensor]:
        """Return the rows of each run: K index tensors."""
        if self.index is not None:
            return self.index
        return rows_of_runs(weight, self.rows.n_rows, n_runs)

    def mean_loss(
        self,
        forward: Callable[[Tensor], Tensor],
        index: Tensor,
        run: int,
        *,
        like: Tensor,
    ) -> float:
        """Return the weighted mean loss of one network on some rows.

        Parameters
        ----------
        forward : callable
            Outputs (n, o) of the network for rows (n, d).
        index : Tensor
            The rows.
        run : int
            Row of `weight`.
        like : Tensor
            Of the dtype and on the device of the network.
        """
        total = mass = torch.zeros((), dtype=torch.float64, device=like.device)
        at_once = min(EVALUATION_ROWS, EVALUATION_NUMBERS // self.rows.n_columns)
        for part in index.split(max(1, at_once)):
            on_device = part.to(like.device)
            x = like.new_empty(len(part), self.rows.n_columns)
            self.rows.take(on_device, x)
            losses = self.loss.evaluate(forward(x), self.target[on_device]).double()
            if self.weight is not None:
                weight = self.weight[run, part].to(losses)
                losses, mass = losses * weight, mass + weight.sum()
            else:
                mass = mass + len(part)
            total = total + losses.sum()
        return float(total / mass)
