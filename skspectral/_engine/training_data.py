"""What is learned, what is told on the way, and what is told in the end."""

from dataclasses import dataclass

from torch import Tensor

from skspectral._engine.losses import Loss
from skspectral._engine.rows import Rows, rows_of_runs

__all__ = ["TrainingData"]


@dataclass(frozen=True)
class TrainingData:
    """Rows, targets and loss: what the runs learn, or are watched on.

    Attributes
    ----------
    rows : Rows
    target : Tensor of shape (n_samples, n_outputs)
        Of the dtype of the network; class indices (n_samples, 1) for cross-entropy.
    loss : Loss
    weight : Tensor of shape (K, n_samples) or None
        Only for validation, where it says which rows a run is watched on, and how much
        they count; the training weights are in the table of runs.
    index : list of K index tensors or None
        Rows of each run. None: its rows of non-zero weight.
    """

    rows: Rows
    target: Tensor
    loss: type[Loss]
    weight: Tensor | None = None
    index: list[Tensor] | None = None

    def index_of_runs(self, weight: Tensor | None, n_runs: int) -> list[Tensor]:
        if self.index is not None:
            return self.index
        return rows_of_runs(weight, self.rows.n_rows, n_runs)
