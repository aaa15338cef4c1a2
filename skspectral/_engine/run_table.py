"""The table of runs: row k says how network k is trained."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

__all__ = ["LayerRule", "RunTable", "Schedule", "layer_rules", "rows_of"]

# What the first of several hidden layers takes of a strength, and what those behind it
# do. Chosen on tables and on teachers: docs/claims/two_layers.md.
FIRST, BEHIND = 5.0, 0.3


@dataclass(frozen=True)
class LayerRule:
    """What is gated, trained and penalised in one layer.

    Attributes
    ----------
    gate : {"out", "in", "both", None}
        Which eigenvalues are there: see :class:`skspectral.nn.SpectralLinear`.
    phi, lambda_, bias : bool
        Whether each is trained. What is not trained is not penalised.
    alpha_phi, alpha_lambda : float or sequence of K floats
        Added to the mean loss per sample, times the sum of squares, without 1/2.
    groups : tuple of int or None
        Group of each sending node, from 0. The nodes of a group share an eigenvalue,
        which is one trained number and penalised once. None: each has its own.
    """

    gate: str | None = "out"
    phi: bool = True
    lambda_: bool = True
    bias: bool = True
    alpha_phi: float | Sequence[float] = 0.0
    alpha_lambda: float | Sequence[float] = 0.0
    groups: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Schedule:
    """Rate and length of training, the same for all runs of a table.

    Attributes
    ----------
    n_epochs : int
    batch_size : int
        Rows of a minibatch, at most: an epoch is cut into equal minibatches.
    decay : {"constant", "linear", "cosine"}
        Of the learning rate, from its start to zero, step by step.
    shuffle : bool
        Permute the rows of each run before each epoch.
    tol : float
        Smallest improvement that counts, for `patience`.
    patience : int, inf or None
        Stop a run whose watched loss has not improved by `tol` for that many epochs.
        With validation rows to `watch` the best parameters are restored, and, if the
        schedule decays, the rate falls from its present value to zero before the run
        ends. A run that reaches `n_epochs` is restored as well, unless its rate fell
        and its last loss is within `tol` of the best. ``inf`` never stops a run; None
        does not watch it either.
    warmup : int
        Epochs, from the first, without penalty. In these no node is removed, the
        patience counter is not advanced, and only validation losses can be the best.
    watch : bool
        Whether `patience` watches the validation rows, where there are any. If not,
        their losses are only noted.
    shrink : bool
        Whether nodes that no longer matter are removed during training: see
        :mod:`skspectral._engine.dead_nodes`.
    """

    n_epochs: int = 200
    batch_size: int = 256
    decay: str = "linear"
    shuffle: bool = True
    tol: float = 1e-4
    patience: float | None = None
    warmup: int = 0
    watch: bool = True
    shrink: bool = True


@dataclass(frozen=True)
class RunTable:
    """K training runs over the same rows.

    Attributes
    ----------
    learning_rate : Tensor of shape (K,)
    seeds : tuple of K ints
        Of each run's own generator, for its permutations.
    layers : tuple of LayerRule
        From the inputs to the outputs.
    weight : Tensor of shape (K, n_samples) or None
        Weight of each row in each run: a fold, a bootstrap and `sample_weight` are the
        same thing. A run draws its minibatches from its rows of non-zero weight. None
        weighs all rows alike.
    schedule : Schedule
    """

    learning_rate: Tensor
    seeds: tuple[int, ...]
    layers: tuple[LayerRule, ...]
    weight: Tensor | None = None
    schedule: Schedule = field(default_factory=Schedule)

    def __len__(self) -> int:
        return len(self.seeds)

    def select(self, rows: Sequence[int]) -> "RunTable":
        """Return the table of the given rows, in that order."""

        def pick(alpha: float | Sequence[float]) -> float | Sequence[float]:
            if isinstance(alpha, (int, float)):
                return alpha
            return [float(alpha[k]) for k in rows]

        index = torch.as_tensor(rows, dtype=torch.long, device="cpu")
        return dataclasses.replace(
            self,
            learning_rate=self.learning_rate[index],
            seeds=tuple(self.seeds[k] for k in rows),
            layers=tuple(
                dataclasses.replace(
                    rule,
                    alpha_phi=pick(rule.alpha_phi),
                    alpha_lambda=pick(rule.alpha_lambda),
                )
                for rule in self.layers
            ),
            weight=None if self.weight is None else rows_of(self.weight, index),
        )


def rows_of(weight: Tensor, index: Tensor | Sequence[int]) -> Tensor:
    """Return rows of a (K, n) matrix; as views, where it is one row K times."""
    if weight.stride(0) == 0:
        return weight[:1].expand(len(index), -1)
    return weight[index]


def layer_rules(
    n_layers: int,
    *,
    gate: str = "out",
    parametrization: str = "spectral",
    trainable: str = "all",
    bias: bool = True,
    alpha_phi: float,
    alpha_lambda: float,
    alpha_readout: float,
) -> tuple[LayerRule, ...]:
    """Return the rules of an estimator's network, from its parameters.

    Of several hidden layers with ``gate="out"`` the first takes 5 times the strengths,
    the others and the readout 0.3 times. By the scale freedom of ReLU the minima are
    nearly those of equal shares (docs/theory/penalty.md); but nodes of the first layer
    are then decided on early, and fewer of them stay.
    """
    several = gate == "out" and n_layers > 2
    shares = (FIRST, *[BEHIND] * (n_layers - 1)) if several else (1.0,) * n_layers
    gated = tuple(
        LayerRule(
            gate=gate if parametrization == "spectral" else None,
            phi=trainable != "eigenvalues" or parametrization == "dense",
            lambda_=trainable != "eigenvectors" and parametrization == "spectral",
            bias=bias,
            alpha_phi=share * alpha_phi,
            alpha_lambda=share * alpha_lambda,
        )
        for share in shares
    )
    if gate != "out":  # no layer is special: the readout is gated as well
        return gated
    # NOTE[DIFF] The paper leaves the readout free. The scale freedom of ReLU then
    # lets the penalty on the other layers drift to nothing (docs/theory/penalty.md).
    readout = LayerRule(
        gate=None, lambda_=False, bias=bias, alpha_phi=shares[-1] * alpha_readout
    )
    return (*gated[:-1], readout)
