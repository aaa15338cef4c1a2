"""Losses of regression beside squared error: robust ones, quantiles, counts.

Residuals are outputs minus targets. Constants are tensors, made once for a minibatch: a
Python number costs as much as a kernel of its own. How outputs are scaled, and why, is
said in :mod:`skspectral._estimators.targets`.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from skspectral._engine.losses import mean_of_outputs

__all__ = ["Huber", "LogLink", "Quantile", "QuantileCurves"]


@dataclass(frozen=True)
class Huber:
    """Squared error up to `delta`, then straight: mean over the outputs.

    ``r^2`` where ``|r| <= delta``, else ``delta (2 |r| - delta)``: twice the loss of P.
    J. Huber, "Robust estimation of a location parameter", Ann. Math. Stat. 35, 1964.
    """

    delta: float

    def factor(self, n_outputs: int) -> float:
        return 2 / n_outputs

    def parts(self, target: Tensor) -> Tensor:
        return target

    def gradient(
        self, output: Tensor, parts: Tensor, row_factor: Tensor, out: Tensor
    ) -> None:
        output.sub_(parts)
        torch.clamp(output, -self.delta, self.delta, out=out)
        out.mul_(row_factor)

    def rows(self, residue: Tensor, target: Tensor) -> Tensor:
        far = residue.abs()
        near = far.clamp(max=self.delta)
        return mean_of_outputs((2 * far - near) * near)

    def evaluate(self, output: Tensor, target: Tensor) -> Tensor:
        return self.rows(output - target, target)


@dataclass(frozen=True)
class Quantile:
    """Twice the pinball loss at one level: mean over the outputs.

    ``|r| + (1 - 2 level) r``, so that the level 0.5 is the absolute error. R. Koenker,
    G. Bassett, "Regression quantiles", Econometrica 46, 1978.
    """

    level: float = 0.5

    @property
    def levels(self) -> tuple[float, ...]:
        return (self.level,)

    def factor(self, n_outputs: int) -> float:
        return 1 / n_outputs

    def parts(self, target: Tensor) -> tuple[Tensor, Tensor]:
        return target, target.new_full((1,), 1 - 2 * self.level)

    def gradient(
        self,
        output: Tensor,
        parts: tuple[Tensor, Tensor],
        row_factor: Tensor,
        out: Tensor,
    ) -> None:
        y, slope = parts
        output.sub_(y)
        torch.sign(output, out=out)
        if self.level != 0.5:
            out.add_(slope)
        out.mul_(row_factor)

    def rows(self, residue: Tensor, target: Tensor) -> Tensor:
        if self.level == 0.5:
            return mean_of_outputs(residue.abs())
        return mean_of_outputs(residue.abs() + (1 - 2 * self.level) * residue)

    def evaluate(self, output: Tensor, target: Tensor) -> Tensor:
        return self.rows(output - target, target)


class CurveParts(NamedTuple):
    """Views of the targets of :class:`QuantileCurves`, and its constants."""

    y: Tensor  # (*K, b, o, 1)
    gaps: Tensor  # (*K, b, o, L)
    sums: Tensor  # (L, L)
    slopes: Tensor  # (L,)


@dataclass(frozen=True)
class QuantileCurves:
    """Twice the pinball loss at several levels, whose curves do not cross.

    Of the L outputs for a target the one at `middle` is the curve of that level. Each
    other curve is its neighbour towards the middle plus, or minus, ``gap softplus(g)``,
    with g its own output. Mean over the outputs. Targets are y (*K, b, o) and the gaps
    (*K, b, o L), those at the middle unused.
    """

    levels: tuple[float, ...]
    middle: int

    def factor(self, n_outputs: int) -> float:
        return 1 / n_outputs

    def parts(self, target: Tensor) -> CurveParts:
        n_levels, middle = len(self.levels), self.middle
        n_targets = target.shape[-1] // (1 + n_levels)
        y, gaps = target.split([n_targets, n_targets * n_levels], -1)
        sums = torch.zeros(n_levels, n_levels, device="cpu")
        for j in range(n_levels):
            if j >= middle:
                sums[j, j:] = 1.0
            else:
                sums[j, : j + 1] = -1.0
        sums[middle] = 1.0
        return CurveParts(
            y[..., None],
            gaps.unflatten(-1, (n_targets, n_levels)),
            sums.to(target),
            self._slopes(target),
        )

    def gradient(
        self, output: Tensor, parts: CurveParts, row_factor: Tensor, out: Tensor
    ) -> None:
        shape = parts.gaps.shape
        g, d = output.view(shape), out.view(shape)
        steepness = torch.sigmoid(g).mul_(parts.gaps)
        steepness[..., self.middle] = 1.0
        g.copy_(self._curves(g, parts)).sub_(parts.y)
        slope = torch.sign(g).add_(parts.slopes).mul_(row_factor[..., None])
        torch.matmul(slope, parts.sums.mT, out=d)
        d.mul_(steepness)

    def _slopes(self, like: Tensor) -> Tensor:
        levels = torch.tensor(self.levels, dtype=torch.float64, device="cpu")
        return (1 - 2 * levels).to(like)

    def _curves(self, g: Tensor, parts: CurveParts) -> Tensor:
        """Curves (*K, b, o, L) of outputs of that shape."""
        steps = torch.nn.functional.softplus(g).mul_(parts.gaps)
        steps[..., self.middle] = g[..., self.middle]
        return steps @ parts.sums

    def rows(self, residue: Tensor, target: Tensor) -> Tensor:
        r = residue.unflatten(-1, (-1, len(self.levels)))
        return (r.abs() + self._slopes(r) * r).mean((-2, -1))

    def evaluate(self, output: Tensor, target: Tensor) -> Tensor:
        parts = self.parts(target)
        residue = self._curves(output.view(parts.gaps.shape), parts) - parts.y
        return self.rows(residue.flatten(-2), target)


class LogParts(NamedTuple):
    """Views of the targets of :class:`LogLink`."""

    q: Tensor
    a: Tensor
    b: Tensor
    minus_slope: Tensor
    scratch: Tensor


@dataclass(frozen=True)
class LogLink:
    """Tweedie deviance of exp(output): mean over the outputs.

    With the mean ``m = exp(s g)`` at the output g, the gradient of the half deviance is
    ``s m^(1-p) (m - t)``, of power p: 1 for counts (Poisson), 2 for the gamma
    distribution, between for compound sums. B. Jorgensen, "Exponential dispersion
    models", J. R. Stat. Soc. B 49, 1987.

    Targets are four blocks of (*K, b, o), which :meth:`targets` makes: q, a, b and c.
    With ``r = a g + b`` the gradient is ``exp(r) - q`` (its negative for gamma), or
    ``exp(r) - q exp(-slope r)``.
    """

    power: float

    @property
    def slope(self) -> float:
        return (self.power - 1) / (2 - self.power)

    def targets(self, t: Tensor, s: Tensor, k: Tensor) -> Tensor:
        """Return the targets (n, 4 o) for the loss ``k / s`` times the half deviance.

        Parameters
        ----------
        t : Tensor of shape (n, o), float64
        s, k : Tensor of shape (o,), float64
        """
        s, k, p = s.expand_as(t), k.expand_as(t), self.power
        if p == 1:
            q, a, b = k * t, s, k.log()
            c = k * (torch.xlogy(t, t) - t) + q * b
        elif p == 2:
            q, a, b = k, -s, k.log() + t.log()
            c = k * (b - t.log() - 1)
        else:
            a, b = (2 - p) * s, k.log()
            q = k * t * k**self.slope
            c = k * t ** (2 - p) / ((1 - p) * (2 - p))
        return torch.cat([q, a, b, c], -1)

    def factor(self, n_outputs: int) -> float:
        return 1 / n_outputs

    def parts(self, target: Tensor) -> LogParts:
        q, a, b, _ = target.chunk(4, -1)
        slope = 0.0 if self.power == 2 else self.slope
        return LogParts(q, a, b, target.new_full((1,), -slope), torch.empty_like(q))

    def gradient(
        self, output: Tensor, parts: LogParts, row_factor: Tensor, out: Tensor
    ) -> None:
        torch.addcmul(parts.b, output, parts.a, out=output)
        torch.exp(output, out=out)
        if self.power == 1:
            out.sub_(parts.q)
        elif self.power == 2:
            torch.sub(parts.q, out, out=out)
        else:
            torch.mul(output, parts.minus_slope, out=parts.scratch).exp_()
            out.addcmul_(parts.q, parts.scratch, value=-1)
        out.mul_(row_factor)

    def rows(self, residue: Tensor, target: Tensor) -> Tensor:
        q, a, _, c = target.chunk(4, -1)
        p = self.power
        if p in (1, 2):
            value = torch.addcmul(residue.exp(), q, residue, value=-1)
            return mean_of_outputs((value + c) / a.abs())
        # a = (2 - p) s
        value = residue.exp() / (2 - p) + q * (-self.slope * residue).exp() / (p - 1)
        return mean_of_outputs((value + c) * ((2 - p) / a))

    def evaluate(self, output: Tensor, target: Tensor) -> Tensor:
        _, a, b, _ = target.chunk(4, -1)
        return self.rows(a * output + b, target)
