"""Optimisers of a matrix of parameters, in place: Adam.

Another one needs what `Optimizer` asks for, and a line in `make_optimizer`.
"""

import math
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

__all__ = ["Adam", "Optimizer", "make_optimizer"]

# One pass over memory instead of six. Private to torch, hence the formula beside it.
FUSED = getattr(torch, "_fused_adam_", None)


class Optimizer(Protocol):
    """What the training loop asks of an optimiser.

    Attributes
    ----------
    t : int
        Steps so far.
    moments : tuple of Tensor of shape (K, P)
        What it remembers of each parameter.
    """

    t: int

    @property
    def moments(self) -> tuple[Tensor, ...]: ...

    def step(self, gradient: Tensor, rate: float | Tensor) -> None:
        """Move the parameters; `rate` is a number, or float64 of shape (K, 1)."""

    def plan(self, rates: Sequence[float] | Tensor) -> Tensor:
        """Count steps ahead; return the numbers that each of them needs, a row each."""

    def planned_step(self, gradient: Tensor, numbers: Tensor) -> None:
        """Move the parameters by a row of `plan`, reading no number of Python's."""

    def flush(self) -> None:
        """Set to zero what would become a denormal number."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class Adam:
    """Adam over a matrix of parameters, a row per network; torch's formula.

    The penalty is in the gradient ("coupled"), as in the papers: not AdamW.
    """

    BETA1, BETA2, EPS = 0.9, 0.999, 1e-8  # the defaults everywhere

    def __init__(self, parameters: Tensor) -> None:
        self.parameters = parameters
        self.mean = torch.zeros_like(parameters)
        self.square = torch.zeros_like(parameters)
        self.t = 0
        # t as the fused kernel wants it
        self.count = torch.zeros((), dtype=torch.float32, device="cpu")
        on_cpu = parameters.device.type == "cpu"
        self.fused = FUSED is not None and on_cpu
        # On a GPU the fused kernel takes its rate in single precision only.
        self.plans_fused = FUSED is not None and parameters.dtype == torch.float32
        self.scratch = None if self.fused else torch.empty_like(parameters)

    def step(self, gradient: Tensor, rate: float | Tensor) -> None:
        """Move the parameters; `rate` is a number, or float64 of shape (K, 1)."""
        self.t += 1
        if not self.fused:
            self._formula(gradient, rate)
            return
        self.count.fill_(self.t)
        matrices = (self.parameters, gradient, self.mean, self.square)
        if isinstance(rate, float):
            self._fused(*matrices, rate, self.count)
        else:
            rows = zip(*matrices, strict=True)
            for row, own_rate in zip(rows, rate.flatten().tolist(), strict=True):
                self._fused(*row, own_rate, self.count)

    def plan(self, rates: Sequence[float] | Tensor) -> Tensor:
        """Count steps ahead; return the numbers that each of them needs, a row each.

        These are the rate and t for the fused kernel, else the factor of each network
        and what is added to the root. `rates` is as for `step`, one for each step.
        """
        own = torch.as_tensor(rates, dtype=torch.float64, device="cpu")
        own = own.reshape(len(rates), -1)
        t = self.t + torch.arange(1.0, len(own) + 1, dtype=own.dtype, device="cpu")
        self.t += len(own)
        if self.plans_fused and own.shape[1] == 1:
            return torch.cat([own, t[:, None]], 1).to(self.parameters)
        bias2 = torch.sqrt(1 - self.BETA2**t)[:, None]
        factor = own * -bias2 / (1 - self.BETA1**t)[:, None]
        return torch.cat([factor, self.EPS * bias2], 1).to(self.parameters)

    def planned_step(self, gradient: Tensor, numbers: Tensor) -> None:
        """Move the parameters by a row of `plan`, reading no number of Python's."""
        if self.plans_fused and len(numbers) == 2:
            rate, t = numbers
            self._fused(self.parameters, gradient, self.mean, self.square, rate, t)
        else:
            scratch = self._moments_of(gradient, numbers[-1])
            torch.div(self.mean * numbers[:-1, None], scratch, out=scratch)
            self.parameters.add_(scratch)

    def _fused(
        self,
        parameters: Tensor,
        gradient: Tensor,
        mean: Tensor,
        square: Tensor,
        rate: float | Tensor,
        t: Tensor,
    ) -> None:
        assert FUSED is not None
        FUSED(
            [parameters],
            [gradient],
            [mean],
            [square],
            [],
            [t],
            lr=rate,
            beta1=self.BETA1,
            beta2=self.BETA2,
            weight_decay=0.0,
            eps=self.EPS,
            amsgrad=False,
            maximize=False,
        )

    def _formula(self, gradient: Tensor, rate: float | Tensor) -> None:
        bias2 = math.sqrt(1 - self.BETA2**self.t)
        scale = -bias2 / (1 - self.BETA1**self.t)
        scratch = self._moments_of(gradient, self.EPS * bias2)
        if isinstance(rate, float):
            self.parameters.addcdiv_(self.mean, scratch, value=scale * rate)
        else:  # the same operations in the same order
            factor = (scale * rate).to(self.mean)
            torch.div(self.mean * factor, scratch, out=scratch)
            self.parameters.add_(scratch)

    def _moments_of(self, gradient: Tensor, eps: float | Tensor) -> Tensor:
        """Move the moments; return the root of the second plus `eps`."""
        assert self.scratch is not None
        self.mean.lerp_(gradient, 1 - self.BETA1)
        self.square.mul_(self.BETA2)
        self.square.addcmul_(gradient, gradient, value=1 - self.BETA2)
        return torch.sqrt(self.square, out=self.scratch).add_(eps)

    @property
    def moments(self) -> tuple[Tensor, ...]:
        """Matrices of the shape of the parameters, which move with their nodes."""
        return self.mean, self.square

    def state_dict(self) -> dict[str, Any]:
        """All that another Adam needs to go on, as NumPy arrays."""
        moments = {"mean": self.mean, "square": self.square}
        return {"t": self.t} | {n: m.cpu().numpy() for n, m in moments.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state that `state_dict` returned."""
        self.mean.copy_(torch.tensor(state["mean"], device="cpu"))
        self.square.copy_(torch.tensor(state["square"], device="cpu"))
        self.t = state["t"]

    def flush(self) -> None:
        """Set to zero the numbers whose squares would be denormal.

        The penalty shrinks dead weights without end, and arithmetic on denormal numbers
        is many times slower.
        """
        tiny = torch.finfo(self.parameters.dtype).tiny
        for tensor in (self.parameters, self.mean):
            torch.ops.aten.hardshrink.out(tensor, math.sqrt(tiny), out=tensor)
        torch.threshold_(self.square, tiny / 1e-6, 0.0)


def make_optimizer(parameters: Tensor) -> Optimizer:
    """Return the optimiser that all networks train with, before its first step."""
    return Adam(parameters)
