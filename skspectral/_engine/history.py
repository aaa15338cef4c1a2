"""The history of a training run, and the report after each epoch."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Epoch", "History", "OnEpoch"]


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
    optimizer_state : dict or None
        For `load_state_dict`, to go on from; only where a single run was trained.
    widths : list of (epoch, widths)
        When nodes left while it trained: after how many epochs, and the widths of the
        hidden layers from then on.
    """

    loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    best_epoch: int | None = None
    ended: str = "max_iter"
    optimizer_state: dict[str, Any] | None = None
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
