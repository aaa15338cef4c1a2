"""Early stopping of one run: when its loss no longer improves, and what follows."""

import math
from typing import NamedTuple

from skspectral._engine.run_table import Schedule

__all__ = ["EarlyStopping", "Verdict"]


class Verdict(NamedTuple):
    """What early stopping says after an epoch.

    Attributes
    ----------
    improved : bool
        The loss is the lowest so far.
    out_of_patience : bool
        The loss has not improved by `tol` for `patience` epochs: restore the best.
    ended : str or None
        Why the run ends now; None if it goes on.
    """

    improved: bool = False
    out_of_patience: bool = False
    ended: str | None = None


class EarlyStopping:
    """Watch the loss of one run.

    A run that is out of patience ends, where the rate is constant. Where the rate falls
    it is annealed: from the best parameters the rate falls to zero in as many epochs as
    these took, since a longer fall would overfit.

    Attributes
    ----------
    best : float
        Lowest loss so far.
    best_epoch : int or None
        Its epoch, from 0.
    since : int
        Epochs without an improvement by `tol`.
    anneal : (int, int) or None
        First epoch and number of epochs in which the rate falls to zero.
    """

    def __init__(self) -> None:
        self.best = math.inf
        self.best_epoch: int | None = None
        self.since = 0
        self.anneal: tuple[int, int] | None = None

    def update(self, epoch: int, loss: float, schedule: Schedule) -> Verdict:
        """Judge a finite loss after an epoch.

        In the warm-up patience is not spent: the penalty is still to come, and with it
        another minimum.
        """
        if self.anneal is not None:
            over = epoch + 1 >= sum(self.anneal)
            return Verdict(ended="patience" if over else None)
        if schedule.patience is None:
            return Verdict()
        improved_by_tol = loss < self.best - schedule.tol
        self.since = 0 if improved_by_tol else self.since + 1
        if loss < self.best:
            self.best, self.best_epoch = loss, epoch
        if epoch < schedule.warmup:
            self.since = 0
        improved = self.best_epoch == epoch
        if self.since < schedule.patience:
            return Verdict(improved)
        epochs_left = schedule.n_epochs - epoch - 1
        if schedule.decay == "constant" or epochs_left == 0:
            return Verdict(improved, True, "patience")
        assert self.best_epoch is not None  # the losses seen so far were finite
        self.anneal = (epoch + 1, min(self.best_epoch + 1, epochs_left))
        return Verdict(improved, True)
