"""What a regressor learns of y under each loss, and predictions from its outputs.

Outputs of a network are scaled so that `alpha` means the same under every loss: a
constant prediction has a loss near 1, and the functions to be learned a spread near 1.

=================  ======================  =======================================
Loss               Where an output of 0 is  One unit of the output
=================  ======================  =======================================
squared error      mean                    standard deviation
absolute error,    median, or the          interquartile range / 1.349, that of
Huber, quantile    quantile                the standard normal distribution
Poisson, gamma,    logarithm of the mean   ``sqrt(log(1 + v))`` with v the squared
Tweedie                                    coefficient of variation: the standard
                                           deviation of the logarithm, were y
                                           log-normal
=================  ======================  =======================================

Deviances are divided by that of the mean, so that the loss is 1 - D2, as squared error
in standard deviations is 1 - R2.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skspectral._columns import (
    ColumnStatistics,
    Samples,
    column_statistics,
    identity_statistics,
    row_blocks,
    standardized_tensor,
    weighted_quantiles,
)
from skspectral._engine import (
    Huber,
    LogLink,
    Loss,
    Quantile,
    QuantileCurves,
    SquaredError,
)
from skspectral.nn import Exponential, QuantileSteps

__all__ = [
    "LOSS_NAMES",
    "CurveScale",
    "TargetScale",
    "TargetStatistics",
    "as_target",
    "carried",
    "centre_and_spread",
    "check_targets",
    "link_of",
    "predictions_of",
    "regression_loss",
    "target_statistics",
    "working_targets",
]

LOSS_NAMES = (
    *("squared_error", "absolute_error", "huber", "quantile"),
    *("poisson", "gamma", "tweedie"),
)
NORMAL_RANGE = 1.349  # interquartile range of the standard normal distribution
NORMAL_DEVIATION = 0.7979  # its mean absolute deviation
FARTHEST = 1e30  # spreads from the median; squares of more are not float32
LEAST_GAP = 0.1  # spreads between the curves of two quantiles, at outputs of 0
CLIPPED = 3.0  # spreads; what lies farther says nothing of how columns bend


def regression_loss(name: str, *, quantile: Any, power: float, delta: float) -> Loss:
    """Return the loss that the parameters of a regressor name."""
    if name == "squared_error":
        return SquaredError()
    if name == "absolute_error":
        return Quantile(0.5)
    if name == "huber":
        return Huber(float(delta))
    if name == "quantile":
        if np.ndim(quantile) == 0:
            return Quantile(float(quantile))
        levels = tuple(float(level) for level in quantile)
        middle = int(np.argmin(np.abs(np.array(levels) - 0.5)))
        return QuantileCurves(levels, middle)
    return LogLink({"poisson": 1.0, "gamma": 2.0}.get(name, float(power)))


def check_targets(y: np.ndarray, loss: Loss, name: str) -> None:
    """Raise for targets that a loss with a log link has no prediction for."""
    if not isinstance(loss, LogLink):
        return
    positive = loss.power >= 2
    bad = (y <= 0 if positive else y < 0).ravel()
    if bad.any():
        rule = "> 0" if positive else ">= 0"
        what = f"loss={name!r}" + (
            f" with power={loss.power:g}" if name == "tweedie" else ""
        )
        way_out = "Take loss='squared_error', which takes any number."
        if positive and not (y < 0).any():
            way_out = "Take loss='tweedie' with power=1.5, say, which takes zeros."
        raise ValueError(
            f"{what} needs targets {rule}; got {y.ravel()[bad][0]:.6g}, one of "
            f"{int(bad.sum())} such targets. {way_out}"
        )


@dataclass(frozen=True, eq=False)
class TargetScale:
    """Where the outputs of a network are 0, and their unit.

    Unlike column statistics it is not merged over chunks: medians cannot be.

    Attributes
    ----------
    mean, scale : ndarray of shape (n_outputs,)
    is_constant : ndarray of shape (n_outputs,), bool
        Outputs that are their `mean`, as the target does not vary.
    """

    mean: np.ndarray
    scale: np.ndarray
    is_constant: np.ndarray

    active = True

    @property
    def variance(self) -> np.ndarray:
        return self.scale**2

    @property
    def multiplier(self) -> np.ndarray:
        """Scales to multiply by; 0 for constant outputs."""
        return np.where(self.is_constant, 0.0, self.scale)

    @property
    def link(self) -> nn.Module | None:
        """From outputs in these units to predictions."""
        return None

    def unstandardized(self, outputs: np.ndarray) -> np.ndarray:
        """Return outputs of a network in the units of the link."""
        return outputs * self.multiplier + self.mean

    def targets(self, y: np.ndarray) -> np.ndarray:
        """Return what the loss knows of rows of y, float64."""
        return self._relative(y)

    def working(self, y: np.ndarray) -> np.ndarray:
        """Return numbers that a linear model of the columns may be fitted to."""
        return np.clip(self._relative(y), -CLIPPED, CLIPPED)

    def _relative(self, y: np.ndarray) -> np.ndarray:
        return np.where(self.is_constant, 0.0, (y - self.mean) / self.scale)

    def merge(self, other: "TargetScale") -> "TargetScale":
        """The first that varies is kept."""
        return other if self.is_constant.any() else self

    def carried(self, new: "TargetScale") -> "TargetScale":
        """Statistics of new rows, under which the network stays the same function."""
        return new


@dataclass(frozen=True, eq=False)
class LogScale(TargetScale):
    """Scale of outputs whose exponential is the prediction.

    Attributes
    ----------
    power : float
        Of the deviance.
    null : ndarray of shape (n_outputs,)
        Half the mean deviance of the mean, of targets divided by it.
    """

    power: float
    null: np.ndarray

    @property
    def link(self) -> nn.Module:
        return Exponential()

    def targets(self, y: np.ndarray) -> np.ndarray:
        t = torch.from_numpy(self._relative(y))
        s, null = torch.from_numpy(self.scale), torch.from_numpy(self.null)
        return LogLink(self.power).targets(t, s, s / null).numpy()

    def working(self, y: np.ndarray) -> np.ndarray:
        return np.log1p(self._relative(y))

    def _relative(self, y: np.ndarray) -> np.ndarray:
        return np.where(self.is_constant, 1.0, y / np.exp(self.mean))


@dataclass(frozen=True, eq=False)
class CurveScale(TargetScale):
    """Scale of the curves of several quantiles of each target.

    Attributes
    ----------
    middle : int
    gaps : ndarray of shape (n_targets, n_levels)
        Between neighbouring curves where outputs are 0, in units of y.
    """

    middle: int
    gaps: np.ndarray

    @property
    def link(self) -> nn.Module:
        return QuantileSteps(torch.tensor(self.gaps, device="cpu"), self.middle)

    def targets(self, y: np.ndarray) -> np.ndarray:
        own = slice(self.middle, None, self.gaps.shape[1])
        gaps = self.gaps / (self.scale[own, None] * math.log(2))
        return np.c_[self._relative(y), np.tile(gaps.ravel(), (len(y), 1))]

    def _relative(self, y: np.ndarray) -> np.ndarray:
        own = slice(self.middle, None, self.gaps.shape[1])
        z = (y - self.mean[own]) / self.scale[own]
        return np.where(self.is_constant[own], 0.0, z)

    def carried(self, new: "TargetScale") -> "TargetScale":
        if self.is_constant.any() or not isinstance(new, CurveScale):
            return new
        return dataclasses.replace(new, gaps=self.gaps)


TargetStatistics = ColumnStatistics | TargetScale


def target_statistics(estimator: Any, table: Samples) -> TargetStatistics:
    """Return the statistics that targets are scaled by."""
    scaled = estimator.standardize in (True, "y")
    loss, y = estimator._loss(), table.y
    if not estimator._regression:
        return identity_statistics(y.shape[1])
    if isinstance(loss, SquaredError):
        if scaled:
            return column_statistics(y, table.weight, "y")
        return identity_statistics(y.shape[1])
    if isinstance(loss, LogLink):
        return _log_scale(y, table.weight, loss.power, scaled)
    if isinstance(loss, QuantileCurves):
        return _curve_scale(y, table.weight, loss, scaled)
    level = loss.level if isinstance(loss, Quantile) else 0.5
    if not scaled:
        ones = np.ones(y.shape[1])
        return TargetScale(0 * ones, ones, np.zeros(y.shape[1], dtype=bool))
    centre, spread = centre_and_spread(y, table.weight, [level])
    return TargetScale(centre[0], np.where(spread > 0, spread, 1.0), spread == 0)


def centre_and_spread(
    y: np.ndarray, weight: np.ndarray | None, levels: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Quantiles (n_levels, o), and robust spreads (o,): 0 of what is constant."""
    found = weighted_quantiles(y, weight, [*levels, 0.25, 0.5, 0.75])
    *quantiles, low, median, high = found
    spread = (high - low) / NORMAL_RANGE
    with np.errstate(over="ignore"):
        apart = np.abs(y - median)
        deviation = np.average(apart, axis=0, weights=weight) / NORMAL_DEVIATION
    # Where most targets are equal.
    spread = np.where(spread > 0, spread, deviation)
    farthest = apart.max(0)
    with np.errstate(over="ignore"):
        spreads = farthest / np.where(spread > 0, spread, 1.0)
    if not (spreads <= FARTHEST).all():
        column = int(np.argmax(spreads))
        raise ValueError(
            f"targets must be within {FARTHEST:g} of their spread around the median; "
            f"column {column} of y has a spread of {spread[column]:.3g}, and one "
            f"{farthest[column]:.3g} from the median. Leave such rows out, or take a "
            "logarithm."
        )
    return np.array(quantiles), spread


def _curve_scale(
    y: np.ndarray, weight: np.ndarray | None, loss: QuantileCurves, scaled: bool
) -> CurveScale:
    n_targets, n_levels, middle = y.shape[1], len(loss.levels), loss.middle
    mean, scale = np.zeros((n_targets, n_levels)), np.ones((n_targets, n_levels))
    gaps, constant = np.ones((n_targets, n_levels)), np.zeros(n_targets, dtype=bool)
    if scaled:
        quantiles, spread = centre_and_spread(y, weight, loss.levels)
        steps = np.diff(quantiles, axis=0).T
        own = np.maximum(steps, LEAST_GAP * spread[:, None])
        gaps[:, :middle], gaps[:, middle + 1 :] = own[:, :middle], own[:, middle:]
        constant = spread == 0
        mean[:, middle] = quantiles[middle]
        scale[:, middle] = np.where(constant, 1.0, spread)
    return CurveScale(
        mean.ravel(), scale.ravel(), np.repeat(constant, n_levels), middle, gaps
    )


def _log_scale(
    y: np.ndarray, weight: np.ndarray | None, power: float, scaled: bool
) -> LogScale:
    n_targets = y.shape[1]
    never = np.zeros(n_targets, dtype=bool)
    if not scaled:
        half = np.full(n_targets, 0.5)
        return LogScale(np.zeros(n_targets), np.ones(n_targets), never, power, half)
    largest = y.max(0)
    if not (largest > 0).all():
        column = int(np.argmin(largest))
        raise ValueError(
            "a loss with a log link needs a target above 0; got zeros alone in column "
            f"{column} of y. Take loss='squared_error', which predicts zero."
        )
    share = y / largest  # no sum of these overflows
    mean = np.average(share, axis=0, weights=weight)
    t = share / mean
    variance = np.average((t - 1) ** 2, axis=0, weights=weight)
    constant = np.sqrt(variance) <= 8 * np.finfo(np.float64).eps
    scale = np.where(constant, 1.0, np.sqrt(np.log1p(variance)))
    # The loss is half the deviance over `null`, at output 0.
    ones = torch.ones(n_targets, dtype=torch.float64, device="cpu")
    loss = LogLink(power)
    null = np.array([
        np.average(
            loss.evaluate(
                torch.zeros(len(y), 1, dtype=torch.float64, device="cpu"),
                loss.targets(torch.from_numpy(t[:, [c]]), ones[[c]], ones[[c]]),
            ).numpy(),
            weights=weight,
        )
        for c in range(n_targets)
    ])  # fmt: skip
    null = np.where(constant, 1.0, np.maximum(null, 1e-300))
    return LogScale(np.log(largest) + np.log(mean), scale, constant, power, null)


def as_target(
    y: np.ndarray,
    statistics: TargetStatistics,
    dtype: torch.dtype,
    device: torch.device,
) -> Tensor:
    """Targets the engine learns: numbers for the loss, or class indices."""
    if y.dtype.kind == "i":
        return torch.from_numpy(y).to(device)
    if not isinstance(statistics, TargetScale):
        return standardized_tensor(y, statistics, dtype, device)
    width = statistics.targets(y[:1]).shape[1]
    out = torch.empty(len(y), width, dtype=dtype, device=device)
    for rows in row_blocks(len(y), width):
        out[rows] = torch.from_numpy(statistics.targets(y[rows]))
    return out


def working_targets(y: np.ndarray, statistics: TargetStatistics) -> np.ndarray:
    """Return numbers that a linear model of the columns may be fitted to."""
    return statistics.working(y) if isinstance(statistics, TargetScale) else y


def carried(old: TargetStatistics, new: TargetStatistics) -> TargetStatistics:
    """Return statistics of new rows, under which a network stays the same function."""
    if isinstance(old, TargetScale) and isinstance(new, TargetScale):
        return old.carried(new)
    return new


def predictions_of(outputs: np.ndarray, statistics: TargetStatistics) -> np.ndarray:
    """Return predictions from the outputs of a network; of classes the logits."""
    z = statistics.unstandardized(outputs)
    link = link_of(statistics)
    return z if link is None else link(torch.from_numpy(z)).numpy()


def link_of(statistics: TargetStatistics) -> nn.Module | None:
    """Return the module from outputs in the units of the link to predictions."""
    return statistics.link if isinstance(statistics, TargetScale) else None
