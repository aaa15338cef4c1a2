"""Losses of regression against scikit-learn's own formulas and finite differences."""

import math

import numpy as np
import pytest
import torch
from sklearn._loss import loss as formulas
from sklearn.metrics import d2_tweedie_score, mean_pinball_loss

from skspectral._engine.regression_losses import (
    Huber,
    LogLink,
    Quantile,
    QuantileCurves,
)

DOUBLE = torch.float64
S, K = 0.7, 2.5  # scale of the outputs; k / s is the weight of the half deviance
N = 200


def drawn(positive=False):
    """Outputs (n,) and targets (n,), float64."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=N) * 2
    y = np.exp(y) if positive else y
    return rng.normal(size=N) * 2, y


def tensor(array):
    return torch.tensor(np.asarray(array, dtype=float))[:, None]


def log_targets(loss, y):
    one = torch.ones(1, dtype=DOUBLE)
    return loss.targets(tensor(y), S * one, K * one)


def value_and_gradient(loss, outputs, target, weight=None):
    """What the engine makes of one minibatch: values by row, gradient."""
    output = outputs.clone()
    weight = torch.ones(len(output), 1, dtype=DOUBLE) if weight is None else weight
    out = torch.empty_like(output)
    factor = weight * loss.factor(output.shape[1])
    loss.gradient(output, loss.parts(target), factor, out)
    return loss.rows(output, target), out


# Name, our loss, scikit-learn's, our value over theirs, positive targets, link.
CASES = [
    ("absolute", Quantile(0.5), formulas.AbsoluteError(), 1.0, False),
    ("pinball", Quantile(0.9), formulas.PinballLoss(quantile=0.9), 2.0, False),
    ("low", Quantile(0.02), formulas.PinballLoss(quantile=0.02), 2.0, False),
    ("huber", Huber(0.6), formulas.HuberLoss(delta=0.6), 2.0, False),
    ("poisson", LogLink(1.0), formulas.HalfPoissonLoss(), K / S, True),
    ("gamma", LogLink(2.0), formulas.HalfGammaLoss(), K / S, True),
    ("tweedie", LogLink(1.5), formulas.HalfTweedieLoss(power=1.5), K / S, True),
    ("near 1", LogLink(1.05), formulas.HalfTweedieLoss(power=1.05), K / S, True),
    ("near 2", LogLink(1.95), formulas.HalfTweedieLoss(power=1.95), K / S, True),
    ("inverse", LogLink(3.0), formulas.HalfTweedieLoss(power=3.0), K / S, True),
]


@pytest.mark.parametrize(
    ("loss", "formula", "share", "positive"), [c[1:] for c in CASES],
    ids=[c[0] for c in CASES],
)  # fmt: skip
@pytest.mark.parametrize("zeros", [False, True])
def test_value_and_gradient_are_scikit_learns(loss, formula, share, positive, zeros):
    raw, y = drawn(positive)
    is_log = isinstance(loss, LogLink)
    if zeros:
        if is_log and loss.power >= 2:
            pytest.skip("its targets are positive")
        y[::3] = 0.0
    target = log_targets(loss, y) if is_log else tensor(y)
    weight = torch.rand(N, 1, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
    rows, gradient = value_and_gradient(loss, tensor(raw), target, weight)
    scale = S if is_log else 1.0
    their_rows = formula.loss(y, scale * raw)
    their_gradient = formula.gradient(y, scale * raw) * scale
    if is_log:  # theirs leave out what does not depend on the prediction
        their_rows = their_rows + formula.constant_to_optimal_zero(y)
    np.testing.assert_allclose(rows, share * their_rows, rtol=1e-12, atol=1e-12)
    found = gradient[:, 0] / weight[:, 0]
    np.testing.assert_allclose(found, share * their_gradient, rtol=1e-12, atol=1e-12)
    evaluated = loss.evaluate(tensor(raw), target)
    np.testing.assert_allclose(evaluated, rows, rtol=1e-12, atol=1e-12)


SEVERAL = {
    "huber": Huber(0.6),
    "quantile": Quantile(0.9),
    "poisson": LogLink(1.0),
    "tweedie": LogLink(1.3),
    "gamma": LogLink(2.0),
    "curves": QuantileCurves((0.1, 0.4, 0.6, 0.9), 1),
    "one curve": QuantileCurves((0.7,), 0),
}


def several(loss):
    """Outputs and targets of two targets y."""
    g = torch.Generator().manual_seed(1)
    y = torch.randn(N, 2, generator=g, dtype=DOUBLE)
    if isinstance(loss, LogLink):
        s, k = torch.tensor([[0.5, 2.0], [3.0, 1.0]], dtype=DOUBLE)
        y = loss.targets(y.exp(), s, k)
    n_outputs = 2
    if isinstance(loss, QuantileCurves):
        n_outputs = 2 * len(loss.levels)
        gaps = 0.5 + torch.rand(N, n_outputs, generator=g, dtype=DOUBLE)
        y = torch.cat([y, gaps], -1)
    return torch.randn(N, n_outputs, generator=g, dtype=DOUBLE), y


@pytest.mark.parametrize("loss", SEVERAL.values(), ids=SEVERAL)
def test_the_gradient_is_that_of_the_value_by_finite_differences(loss):
    outputs, target = several(loss)
    rows, gradient = value_and_gradient(loss, outputs, target)
    step = 1e-6
    for column in range(outputs.shape[1]):
        moved = torch.zeros_like(outputs)
        moved[:, column] = step
        upper = loss.evaluate(outputs + moved, target)
        lower = loss.evaluate(outputs - moved, target)
        slope = (upper - lower) / (2 * step)
        # no row has its kink within a step, as none is drawn so near
        np.testing.assert_allclose(gradient[:, column], slope, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(loss.evaluate(outputs, target), rows, rtol=1e-12)


@pytest.mark.parametrize("loss", SEVERAL.values(), ids=SEVERAL)
def test_the_gradient_is_autograds_in_a_batch_of_networks(loss):
    outputs, target = several(loss)
    outputs, target = (t.unflatten(0, (4, -1)).clone() for t in (outputs, target))
    wanted = outputs.clone().requires_grad_()
    loss.evaluate(wanted, target).sum().backward()
    out = torch.empty_like(outputs)
    factor = torch.full((*outputs.shape[:2], 1), loss.factor(outputs.shape[-1]))
    residue = outputs.clone()
    loss.gradient(residue, loss.parts(target), factor.double(), out)
    torch.testing.assert_close(out, wanted.grad)
    assert loss.rows(residue, target).shape == outputs.shape[:2]


def test_curves_have_the_pinball_loss_of_their_levels():
    loss = QuantileCurves((0.1, 0.4, 0.6, 0.9), 1)
    outputs, target = several(loss)
    y, gaps = target[:, :2], target[:, 2:].unflatten(-1, (2, 4))
    g = outputs.unflatten(-1, (2, 4))
    steps = (gaps * torch.log1p(g.exp())).numpy()
    curves = np.empty((N, 2, 4))
    curves[..., 1] = g[..., 1]
    curves[..., 0] = curves[..., 1] - steps[..., 0]
    curves[..., 2] = curves[..., 1] + steps[..., 2]
    curves[..., 3] = curves[..., 2] + steps[..., 3]
    expected = np.mean([
        2 * mean_pinball_loss(y[:, o].numpy(), curves[:, o, level], alpha=alpha)
        for o in range(2)
        for level, alpha in enumerate(loss.levels)
    ])  # fmt: skip
    assert loss.evaluate(outputs, target).mean() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("power", [1.0, 1.5, 2.0, 3.0])
def test_over_the_null_deviance_the_loss_is_one_minus_d2(power):
    raw, y = drawn(positive=True)
    loss, one = LogLink(power), torch.ones(1, dtype=DOUBLE)
    t = tensor(y / y.mean())
    nothing = torch.zeros_like(t)
    null = loss.evaluate(nothing, loss.targets(t, one, one)).mean()
    found = loss.evaluate(tensor(raw), loss.targets(t, S * one, S * one / null)).mean()
    d2 = d2_tweedie_score(y, y.mean() * np.exp(S * raw), power=power)
    assert 1 - found.item() == pytest.approx(d2, rel=1e-10)


def test_losses_that_are_equal_can_train_together():
    assert Quantile(0.5) == Quantile(0.5)
    assert hash(LogLink(1.5)) == hash(LogLink(1.5))
    assert Quantile(0.5) != Quantile(0.6)
    assert QuantileCurves((0.1, 0.9), 0) != QuantileCurves((0.1, 0.9), 1)


def test_a_gradient_in_float32_stays_finite_far_out():
    for power in (1.0, 1.5, 2.0):
        loss, one = LogLink(power), torch.ones(1, dtype=DOUBLE)
        y = torch.tensor([[1e-3], [1.0], [1e3]], dtype=DOUBLE)
        target = loss.targets(y, one, one).float()
        output = torch.tensor([[-20.0], [0.0], [20.0]])
        out = torch.empty_like(output)
        loss.gradient(output, loss.parts(target), torch.ones(3, 1), out)
        assert out.isfinite().all()
        assert loss.rows(output, target).isfinite().all()
    assert math.isfinite(float(out.abs().max()))
