"""What is learned, what is told on the way, and what is told in the end."""

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from skspectral._adam import Adam
from skspectral._objective import Loss
from skspectral._rows import Rows, index_table

__all__ = ["Epoch", "History", "OnEpoch", "Task"]


@dataclass(frozen=True)
class Task:
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
        return index_table(weight, self.rows.n_rows, n_runs)


@dataclass
class History:
    """What happened to one run.

    Attributes
    ----------
    loss : list of float
        Objective of each epoch: weighted mean loss over its minibatches plus penalty.
    validation_loss : list of float
        Data loss on the validation rows after each epoch.
    best_epoch : int or None
        Epoch (from 0) whose parameters were restored, if any were.
    ended : {"max_iter", "patience", "diverged", "callback", "interrupted"}
    optimizer : Adam or None
        State to go on from; only where a single run was trained.
    widths : list of (epoch, widths)
        When nodes left while it trained: after how many epochs, and the widths of the
        hidden layers from then on.
    """

    loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    best_epoch: int | None = None
    ended: str = "max_iter"
    optimizer: Adam | None = None
    widths: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)


@dataclass(frozen=True)
class Epoch:
    """What a callback sees after an epoch.

    Attributes
    ----------
    number : int
        From 0.
    runs : list of int
        The rows of the table that are still training.
    histories : list of History
        Of all rows of the table.
    write_back : callable
        ``write_back()`` copies the current parameters into the network.
    """

    number: int
    runs: list[int]
    histories: list[History]
    write_back: Callable[[], None]


OnEpoch = Callable[[Epoch], list[int] | None]
