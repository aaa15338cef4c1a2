"""The learning rate of each step, for each run."""

import math

__all__ = ["decay_factor", "epoch_rates"]


def decay_factor(decay: str, t: float) -> float:
    """Return the rate at time t in [0, 1] of a fit, as a share of the first one."""
    if decay == "linear":
        return 1 - t
    if decay == "cosine":
        return 0.5 * (1 + math.cos(math.pi * t))
    return 1.0


def epoch_rates(
    rate: float,
    decay: str,
    epoch: int,
    *,
    n_epochs: int,
    n_batches: int,
    anneal: tuple[int, int] | None,
) -> list[float]:
    """Return the rate of each step of an epoch, for one run.

    Parameters
    ----------
    rate : float
        The first one.
    decay : {"constant", "linear", "cosine"}
    epoch : int
        From 0.
    n_epochs, n_batches : int
        Epochs of the fit, minibatches of an epoch.
    anneal : (int, int) or None
        After early stopping: the epoch from which the rate falls to zero along a line,
        from where it was, and the number of epochs in which it does.
    """
    times = [epoch + step / n_batches for step in range(n_batches)]
    if anneal is None:
        return [rate * decay_factor(decay, t / n_epochs) for t in times]
    first, length = anneal
    height = decay_factor(decay, first / n_epochs)
    return [rate * (height * (1 - (t - first) / length)) for t in times]
