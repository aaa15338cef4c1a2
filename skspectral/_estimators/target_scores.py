"""The share of its loss that a regressor explains: D2."""

import numpy as np
from sklearn.metrics import d2_pinball_score, d2_tweedie_score, r2_score
from sklearn.utils.validation import check_consistent_length

from skspectral._engine import Huber, LogLink, Loss, Quantile, QuantileCurves
from skspectral._estimators.targets import centre_and_spread

__all__ = ["mean_d2"]


def mean_d2(loss: Loss, y, predicted: np.ndarray, sample_weight=None) -> float:
    """Return 1 minus the loss over that of a constant, the mean over the outputs.

    It is R2 for squared error, and scikit-learn's D2 for deviances and quantiles. The
    constant is the best one on these rows; of the Huber loss their median.

    Parameters
    ----------
    loss : Loss
    y : array-like of shape (n,) or (n, n_outputs)
    predicted : ndarray
        As `predict` returns it, with an axis of levels for several quantiles.
    sample_weight : array-like of shape (n,), default=None
    """
    y = np.asarray(y, dtype=np.float64)
    check_consistent_length(y, predicted)
    y = y.reshape(len(y), -1)
    predicted = predicted.reshape(*y.shape, -1)
    weight = {"sample_weight": sample_weight}
    found = []
    for own, curves in zip(y.T, predicted.transpose(1, 2, 0), strict=True):
        if isinstance(loss, (Quantile, QuantileCurves)):
            found += [
                d2_pinball_score(own, curve, alpha=level, **weight)
                for curve, level in zip(curves, loss.levels, strict=True)
            ]
        elif isinstance(loss, LogLink):
            found.append(d2_tweedie_score(own, curves[0], power=loss.power, **weight))
        elif isinstance(loss, Huber):
            found.append(_d2_huber(own, curves[0], loss.delta, sample_weight))
        else:
            found.append(r2_score(own, curves[0], **weight))
    return float(np.mean(found))


def _d2_huber(y, predicted, delta: float, sample_weight) -> float:
    (median,), spread = centre_and_spread(y[:, None], sample_weight, [0.5])
    knee = delta * spread[0]

    def loss(constant):
        far = np.abs(y - constant)
        near = np.minimum(far, knee)
        return np.average(near * (2 * far - near), weights=sample_weight)

    null, reached = loss(median), loss(predicted)
    return 1 - reached / null if null > 0 else float(reached == 0)
