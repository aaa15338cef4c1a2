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
    last : float
        Present loss.
    since : int
        Epochs without an improvement by `tol`.
    anneal : (int, int) or None
        First epoch and number of epochs in which the rate falls to zero.
    """

    def __init__(self) -> None:
        self.best = math.inf
        self.best_epoch: int | None = None
        self.last = math.inf
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
        self.last = loss
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

    def goes_back(self, why: str, schedule: Schedule) -> bool:
        """Whether a run that ends now is to be set back to its best parameters.

        At a constant rate it always is. At a falling one its last parameters are the
        ones in which the noise has settled, so it is set back only if it reached its
        last epoch with a loss above the best one by more than `tol`. A run that was
        annealed has been set back already.

        Parameters
        ----------
        why : str
            See :class:`skspectral._engine.history.History`, `ended`.
        schedule : Schedule
        """
        if self.best_epoch is None:
            return False
        if schedule.decay == "constant":
            return True
        reached_end = why == "max_iter" and self.anneal is None
        return reached_end and self.last > self.best + schedule.tol
