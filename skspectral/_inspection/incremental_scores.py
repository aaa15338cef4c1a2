"""Scores of a network at every number of kept nodes, in one pass over the rows."""

import copy
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from skspectral._columns import weighted_quantiles
from skspectral.nn import ACTIVATIONS, Standardized, output_when_shut

__all__ = ["AccuracySums", "PinballSums", "R2Sums", "scores_at_numbers"]

BLOCK = 2**21  # activations held at a time: 16 MB in float64


class R2Sums:
    """R2, averaged over the outputs, from sums over blocks of rows.

    Parameters
    ----------
    y : ndarray of shape (n, o), float64
    weight : ndarray of shape (n,)
    """

    def __init__(self, y: np.ndarray, weight: np.ndarray) -> None:
        self.y, self.weight = y, weight
        self.n_sums = y.shape[1]
        centred = y - np.average(y, axis=0, weights=weight)
        self.spread = weight @ centred**2

    def sums(self, outputs: np.ndarray, rows: slice) -> np.ndarray:
        """Weighted squared errors by output, (o,), of a block of rows."""
        return self.weight[rows] @ (outputs - self.y[rows]) ** 2

    def score(self, totals: np.ndarray) -> np.ndarray:
        """R2 of (..., o) sums; a constant target as in scikit-learn's `r2_score`."""
        constant = self.spread == 0
        share = totals / np.where(constant, 1.0, self.spread)
        share = np.where(constant, totals > 0, share)  # 1 if met exactly, else 0
        return (1 - share).mean(-1)


class PinballSums:
    """D2 of several quantiles, averaged over levels and targets.

    Parameters
    ----------
    y : ndarray of shape (n, n_targets), float64
    weight : ndarray of shape (n,)
    levels : tuple of float
    """

    def __init__(self, y: np.ndarray, weight: np.ndarray, levels) -> None:
        self.y, self.weight, self.levels = y, weight, np.array(levels)
        self.n_sums = y.shape[1] * len(levels)
        constants = weighted_quantiles(y, weight, levels).T.reshape(1, -1)
        self.null = self.sums(constants.repeat(len(y), 0), slice(None))

    def sums(self, outputs: np.ndarray, rows: slice) -> np.ndarray:
        """Weighted pinball losses by target and level, (n_sums,)."""
        y = self.y[rows]
        above = y[..., None] - outputs.reshape(*y.shape, -1)
        losses = above * (self.levels - (above < 0))
        return self.weight[rows] @ losses.reshape(len(y), -1)

    def score(self, totals: np.ndarray) -> np.ndarray:
        """D2 of (..., n_sums) sums, as in scikit-learn's `d2_pinball_score`."""
        constant = self.null == 0
        share = totals / np.where(constant, 1.0, self.null)
        return (1 - np.where(constant, totals > 0, share)).mean(-1)


class AccuracySums:
    """Accuracy from sums over blocks of rows; with several labels all must be right.

    Parameters
    ----------
    truth : ndarray of shape (n,) or (n, n_labels), int
        Codes of the classes, -1 for a class that the network does not know; or labels.
    weight : ndarray of shape (n,)
    """

    n_sums = 1

    def __init__(self, truth: np.ndarray, weight: np.ndarray) -> None:
        self.truth, self.weight = truth, weight

    def sums(self, outputs: np.ndarray, rows: slice) -> np.ndarray:
        """Weight of the rows that are right, (1,)."""
        truth = self.truth[rows]
        if truth.ndim == 2:
            right = ((outputs > 0) == truth).all(1)
        elif outputs.shape[1] == 1:
            right = (outputs[:, 0] > 0) == truth
        else:
            right = outputs.argmax(1) == truth
        return np.atleast_1d(self.weight[rows] @ right)

    def score(self, totals: np.ndarray) -> np.ndarray:
        return totals[..., 0] / self.weight.sum()


def scores_at_numbers(
    module: Standardized,
    X,
    tally: R2Sums | PinballSums | AccuracySums,
    layer: int,
    orders: np.ndarray,
    numbers: np.ndarray,
) -> np.ndarray:
    """Return the scores of the network with the first n nodes of each order.

    Parameters
    ----------
    module : Standardized
        It is not changed.
    X : ndarray or CSR matrix of shape (n, n_features)
    tally : R2Sums, PinballSums or AccuracySums
        Targets and weights of the n rows.
    layer : int
        The hidden layer that is cut, from 0; the others stay whole.
    orders : ndarray of shape (n_orders, width), int
    numbers : ndarray of shape (n_points,), int, ascending

    Returns
    -------
    ndarray of shape (n_orders, n_points)
    """
    module = copy.deepcopy(module)
    module.network.double()
    totals = np.zeros((len(orders), len(numbers), tally.n_sums))
    step = max(256, BLOCK // max(module.network.sizes))
    for start in range(0, X.shape[0], step):
        rows = slice(start, start + step)
        part = X[rows]
        part = part.toarray() if hasattr(part, "toarray") else part
        x = torch.from_numpy(part.astype(np.float64))
        for k, i, outputs in _outputs(module, x, layer, orders, numbers):
            totals[k, i] += tally.sums(outputs, rows)
    return tally.score(totals)


@torch.inference_mode()
def _outputs(
    module: Standardized,
    x: Tensor,
    layer: int,
    orders: np.ndarray,
    numbers: np.ndarray,
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield the outputs (n, o) at each (order, point), on raw rows."""
    network = module.network
    act = ACTIVATIONS[network.activation].function
    layers = list(network.layers)
    h = module.inputs(x)
    for before in layers[: layer + 1]:
        h = act(before(h))
    after = layers[layer + 1]
    weight, removed = after.weight, output_when_shut(network, layer)
    nothing_kept = weight @ removed
    if after.bias is not None:
        nothing_kept = nothing_kept + after.bias
    sent = (h - removed).T.contiguous()  # (width, n): the nodes that join are rows
    out = weight.T.contiguous()
    for k, order in enumerate(torch.from_numpy(orders)):
        z = nothing_kept.repeat(len(x), 1)
        joined = 0
        for i, number in enumerate(numbers.tolist()):
            new = order[joined:number]
            z.addmm_(sent[new].T, out[new])
            joined = number
            h = z
            for after in layers[layer + 2 :]:
                h = after(act(h))
            yield k, i, module.finish(h).numpy()
