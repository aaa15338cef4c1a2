"""Early stopping of one run."""

import math

__all__ = ["EarlyStopping"]


class EarlyStopping:
    """Early stopping of one run: the best loss so far, and the fall of the rate."""

    def __init__(self) -> None:
        self.best = math.inf
        self.best_epoch: int | None = None
        self.since = 0  # epochs without an improvement by tol
        self.anneal: tuple[int, int] | None = None  # first epoch, number of epochs

    def watch(self, epoch: int, loss: float, tol: float) -> bool:
        """Note the loss of an epoch; whether it is the best."""
        self.since = 0 if loss < self.best - tol else self.since + 1
        if loss < self.best:
            self.best, self.best_epoch = loss, epoch
        return self.best_epoch == epoch
