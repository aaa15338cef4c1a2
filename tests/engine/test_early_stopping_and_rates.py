"""From epoch to epoch: the rate, which runs stop, which parameters are restored."""

import dataclasses
import math

import pytest
import torch

import skspectral._engine.training_data
from skspectral._engine.losses import SquaredError
from skspectral._engine.rows import DenseRows
from skspectral._engine.run_table import LayerRule, RunTable, Schedule
from skspectral._engine.training_data import TrainingData
from skspectral._engine.training_loop import train
from skspectral.nn import SpectralMLP

DOUBLE = torch.float64
N_BATCHES = 5  # of 8 rows


def make_network(n_runs=1, *, dtype=DOUBLE):
    g = torch.Generator().manual_seed(2)
    network = SpectralMLP((5, 7, 1), batch_shape=(n_runs,), dtype=dtype)
    with torch.no_grad():
        for layer in network.layers:
            layer.phi.normal_(generator=g)
    return network


def make_runs(schedule, rates=(0.02,)):
    """Runs that learn from 40 of 80 rows each, and may be watched on the others."""
    rules = LayerRule("out", alpha_phi=1e-4, alpha_lambda=1e-4)
    readout = LayerRule(None, lambda_=False, alpha_phi=1e-4)
    g = torch.Generator().manual_seed(3)
    weight = torch.zeros(len(rates), 80, dtype=DOUBLE)
    for row in weight:
        own = torch.randperm(80, generator=g)[:40]
        row[own] = 0.5 + torch.rand(40, generator=g, dtype=DOUBLE)
    seeds = tuple(range(len(rates)))
    rate = torch.tensor(rates, dtype=DOUBLE)
    return RunTable(rate, seeds, (rules, readout), weight, schedule)


def make_task(weight=None):
    """A noisy function of few rows: what is learned soon is learned by heart."""
    g = torch.Generator().manual_seed(4)
    X = torch.randn(80, 5, generator=g, dtype=DOUBLE)
    y = X[:, :1].abs() + torch.randn(80, 1, generator=g, dtype=DOUBLE)
    return TrainingData(DenseRows(X), y, SquaredError(), weight)


def watched_rows(runs):
    """The rows that each run does not learn from, of weights of their own."""
    g = torch.Generator().manual_seed(5)
    return (runs.weight == 0) * (0.5 + torch.rand(runs.weight.shape, generator=g))


def snapshot(network):
    return [parameter.detach().clone() for parameter in network.parameters()]


def assert_same(parameters, others, *, k=slice(None)):
    for a, b in zip(parameters, others, strict=True):
        torch.testing.assert_close(a[k], b[k], rtol=1e-12, atol=1e-14)


def differ(parameters, others):
    return any(not torch.equal(a, b) for a, b in zip(parameters, others))


FORMULAS = {
    "constant": lambda t: 1.0,
    "linear": lambda t: 1 - t,
    "cosine": lambda t: (1 + math.cos(math.pi * t)) / 2,
}


class Steps:
    """Notes the rate of each step, and how far Adam moved the parameters."""

    def __init__(self):
        self.rates, self.before = [], None

    def __call__(self, parameters, adam, rate):
        self.rates.append(torch.as_tensor(rate, dtype=DOUBLE).flatten())
        now = parameters.trained.clone()
        if self.before is not None and len(self.before) == len(now):
            mean = adam.mean / (1 - adam.BETA1**adam.t)
            root = (adam.square / (1 - adam.BETA2**adam.t)).sqrt()
            rate = self.rates[-1][:, None]
            expected = self.before - rate * mean / (root + adam.EPS)
            torch.testing.assert_close(now, expected)
        self.before = now


@pytest.mark.parametrize("rates", [(0.02,), (0.02, 0.02), (0.02, 0.01)])
@pytest.mark.parametrize("decay", list(FORMULAS))
def test_the_rate_falls_step_by_step(decay, rates):
    n_epochs = 4
    steps = Steps()
    runs = make_runs(Schedule(n_epochs, 8, decay=decay, shrink=False), rates)
    train(make_network(len(rates)), make_task(), runs, after_step=steps)
    n = n_epochs * N_BATCHES
    own = torch.tensor(rates, dtype=DOUBLE)
    expected = torch.stack([own * FORMULAS[decay](s / n) for s in range(n)])
    found = torch.stack([rate.expand(len(rates)) for rate in steps.rates])
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("n_epochs", [20, 5])
@pytest.mark.parametrize("decay", ["linear", "cosine"])
def test_after_patience_the_rate_falls_from_where_it_was_to_zero(decay, n_epochs):
    """Run 0 stands still and loses patience after epoch 2; run 1 trains on."""
    steps = Steps()
    rates = (1e-12, 0.02)
    schedule = Schedule(n_epochs, 8, decay=decay, patience=2, tol=1e-5)
    runs = make_runs(schedule, rates)
    network = make_network(2)
    still, moving = train(network, make_task(), runs, after_step=steps)
    length = min(3, n_epochs - 3)
    assert (still.ended, len(still.loss)) == ("patience", 3 + length)
    assert (moving.ended, len(moving.loss)) == ("max_iter", n_epochs)

    n = n_epochs * N_BATCHES
    formula = FORMULAS[decay]
    whole = [rates[1] * formula(s / n) for s in range(n)]
    before = [rates[0] * formula(s / n) for s in range(3 * N_BATCHES)]
    height = rates[0] * formula(3 / n_epochs)
    n_last = length * N_BATCHES
    fall = [height * (1 - s / n_last) for s in range(n_last)]
    together = len(before + fall)
    found = torch.stack(steps.rates[:together])
    expected = torch.tensor([before + fall, whole[:together]], dtype=DOUBLE).T
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
    alone = [float(rate) for rate in steps.rates[together:]]
    assert alone == pytest.approx(whole[together:], rel=1e-12)


@pytest.mark.parametrize("rates", [(0.02,), (0.02, 0.05)])
@pytest.mark.parametrize("warmup", [0, 3, 8])
def test_the_penalty_begins_after_the_warmup(warmup, rates):
    """Against torch's Adam and autograd, a whole table at a time."""
    n_epochs = 8
    schedule = Schedule(n_epochs, 40, decay="constant", shuffle=False, warmup=warmup)
    runs = make_runs(dataclasses.replace(schedule, shrink=False), rates)
    task, network = make_task(), make_network(len(rates))
    oracle = make_network(len(rates))
    first, last = oracle.layers
    parameters = first.phi, first.lambda_out, last.phi, first.bias, last.bias
    optimizers = [
        torch.optim.Adam([p.data[k].requires_grad_() for p in parameters], lr=rate)
        for k, rate in enumerate(rates)
    ]
    curves = [[] for _ in rates]
    for epoch in range(n_epochs):
        for k, optimizer in enumerate(optimizers):
            (group,) = optimizer.param_groups
            own = group["params"]
            phi, lambda_, readout, bias, last_bias = own
            w = runs.weight[k, :, None]
            rows = w[:, 0] > 0
            x, y, w = task.rows.values[rows], task.target[rows], w[rows]
            hidden = torch.relu(x @ (-lambda_[:, None] * phi).mT + bias)
            error = (hidden @ readout.mT + last_bias - y).square()
            loss = (w * error).sum() / w.sum()
            penalty = 1e-4 * sum(p.square().sum() for p in own[:3])
            objective = loss + penalty if epoch >= warmup else loss
            optimizer.zero_grad()
            objective.backward()
            optimizer.step()
            after = 1e-4 * sum(p.detach().square().sum() for p in own[:3])
            curves[k].append(float(loss.detach() + after))
    histories = train(network, task, runs)
    for k, (optimizer, history) in enumerate(zip(optimizers, histories, strict=True)):
        (group,) = optimizer.param_groups
        first, last = network.layers
        found = first.phi, first.lambda_out, last.phi, first.bias, last.bias
        for ours, theirs in zip(found, group["params"], strict=True):
            torch.testing.assert_close(
                ours[k].detach(), theirs.detach(), rtol=1e-7, atol=1e-9
            )
        assert history.loss == pytest.approx(curves[k], rel=1e-7)  # in full always


@pytest.mark.parametrize("decay", ["constant", "linear"])
@pytest.mark.parametrize("watch", [False, True])
def test_patience_is_not_lost_in_the_warmup(decay, watch):
    """Of a run that stands still. The best validation loss may lie there, though."""
    schedule = Schedule(30, 8, decay, False, patience=2, warmup=9, watch=watch)
    runs = make_runs(schedule, (0.0,))
    validation = make_task(watched_rows(runs)) if watch else None
    (history,) = train(make_network(), make_task(), runs, validation=validation)
    length = 9 + 2 if watch else 9 + 3  # the objective's first one counts from there
    if decay == "linear":
        length += 1 if watch else 10  # a fall as long as the way to the best
    assert (history.ended, len(history.loss)) == ("patience", length)
    if watch:
        assert len(history.validation_loss) == length
        assert history.best_epoch == 0


STOPPING = Schedule(60, 8, patience=4, tol=1e-3)


def stopped_after(epoch, runs, k):
    """All runs without patience; run k stops after an epoch."""
    runs = dataclasses.replace(
        runs, schedule=dataclasses.replace(runs.schedule, patience=None)
    )
    network = make_network(len(runs))
    train(
        network,
        make_task(),
        runs,
        on_epoch=lambda report: [k] if report.number == epoch else [],
    )
    return snapshot(network)


@pytest.mark.parametrize("rates", [(0.02,), (0.02, 0.05)])
@pytest.mark.parametrize("decay", ["constant", "linear", "cosine"])
def test_when_patience_is_over_the_best_parameters_are_back(decay, rates):
    """At a constant rate the run ends with them, else the fall begins there."""
    runs = make_runs(dataclasses.replace(STOPPING, decay=decay), rates)
    network = make_network(len(rates))
    back, ends = {}, {}

    def look(report):
        report.write_back()
        for k in report.runs:
            history = report.histories[k]
            if history.best_epoch is not None and k not in back:
                back[k] = snapshot(network)
                ends[k] = report.number

    validation = make_task(watched_rows(runs))
    histories = train(network, make_task(), runs, validation=validation, on_epoch=look)
    result = snapshot(network)
    for k, history in enumerate(histories):
        assert history.ended == "patience"
        losses = history.validation_loss
        end = len(losses) - 1 if decay == "constant" else ends[k]
        best = min(range(end + 1), key=losses.__getitem__)
        assert history.best_epoch == best < end
        expected = stopped_after(best, runs, k)
        if decay == "constant":
            assert_same(result, expected, k=k)
        else:
            assert_same(back[k], expected, k=k)
            assert differ([a[k] for a in result], [b[k] for b in expected])


@pytest.mark.parametrize("patience", [100, math.inf])
@pytest.mark.parametrize("tol", [1e-4, 1e9])
@pytest.mark.parametrize("decay", ["constant", "linear", "cosine"])
def test_a_run_that_keeps_its_patience_ends_with_the_best_or_close_to_it(
    decay, tol, patience
):
    """At a falling rate the end may lie within tol of the best: noise has settled."""
    schedule = Schedule(40, 8, decay=decay, patience=patience, tol=tol)
    runs = make_runs(schedule)
    network = make_network()
    validation = make_task(watched_rows(runs))
    (history,) = train(network, make_task(), runs, validation=validation)
    assert history.ended == "max_iter"
    losses = history.validation_loss
    best = min(range(40), key=losses.__getitem__)
    assert best < 39
    assert losses[-1] > losses[best] + 1e-4
    is_restored = decay == "constant" or tol < 1
    assert history.best_epoch == (best if is_restored else None)
    epoch = best if is_restored else 39
    assert_same(snapshot(network), stopped_after(epoch, runs, 0))


@pytest.mark.parametrize("decay", ["linear", "cosine"])
def test_a_run_that_someone_ends_at_a_falling_rate_keeps_its_last_parameters(decay):
    runs = make_runs(Schedule(40, 8, decay=decay, patience=100))
    validation, network = make_task(watched_rows(runs)), make_network()
    (history,) = train(
        network,
        make_task(),
        runs,
        validation=validation,
        on_epoch=lambda report: [0] if report.number == 30 else [],
    )
    assert history.ended == "callback"
    assert history.validation_loss[-1] > min(history.validation_loss) + 1e-4
    assert history.best_epoch is None
    assert_same(snapshot(network), stopped_after(30, runs, 0))


def interrupt_at(step):
    """A hook that interrupts after so many steps."""

    def hook(parameters, adam, rate):
        if adam.t == step:
            raise KeyboardInterrupt

    return hook


@pytest.mark.parametrize("step", [3 * N_BATCHES + 1, 3 * N_BATCHES + 3, 4 * N_BATCHES])
@pytest.mark.parametrize("rates", [(0.02,), (0.02, 0.05)])
def test_an_interrupt_in_an_epoch_takes_back_its_steps(rates, step):
    runs = make_runs(Schedule(10, 8), rates)
    network = make_network(len(rates))
    histories = train(network, make_task(), runs, after_step=interrupt_at(step))
    assert [history.ended for history in histories] == ["interrupted"] * len(rates)
    assert [len(history.loss) for history in histories] == [3] * len(rates)
    for k in range(len(rates)):
        assert_same(snapshot(network), stopped_after(2, runs, k), k=k)


def test_an_interrupt_as_the_rate_begins_to_fall_leaves_the_best():
    runs = make_runs(STOPPING)
    validation = make_task(watched_rows(runs))
    ends = []

    def look(report):
        if report.histories[0].best_epoch is not None:
            ends.append(report.number)

    task = make_task()
    train(make_network(), task, runs, validation=validation, on_epoch=look)
    network = make_network()
    hook = interrupt_at((ends[0] + 1) * N_BATCHES + 2)
    (history,) = train(network, task, runs, validation=validation, after_step=hook)
    assert history.ended == "interrupted"
    assert len(history.loss) == ends[0] + 1
    assert history.best_epoch < ends[0]
    assert_same(snapshot(network), stopped_after(history.best_epoch, runs, 0))


@pytest.mark.parametrize("rows_at_once", [1, 7, 4096])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_validation_loss_is_a_mean_over_all_rows(
    weighted, rows_at_once, monkeypatch
):
    monkeypatch.setattr(
        skspectral._engine.training_data, "EVALUATION_ROWS", rows_at_once
    )
    runs = make_runs(Schedule(2, 8), (0.02, 0.05))
    network = make_network(2)
    weight = watched_rows(runs) if weighted else None
    validation = make_task(weight)
    histories = train(network, make_task(), runs, validation=validation)
    errors = (network(validation.rows.values) - validation.target).square().mean(-1)
    if weight is None:
        weight = torch.ones(2, 80)
    expected = (weight * errors).sum(1) / weight.sum(1)
    for history, value in zip(histories, expected.tolist()):
        assert history.validation_loss[-1] == pytest.approx(value, rel=1e-6)


def test_nothing_denormal_is_left_where_all_nodes_stay():
    """Columns in tiny units: gradients, or their squares, would be denormal."""
    units = torch.tensor([1.0, 0.0, 1e-37, 1e-19, 1e-21])
    task = make_task()
    X = task.rows.values.float() * units
    network = make_network(dtype=torch.float32)
    with torch.no_grad():
        network.layers[0].phi[..., 1] = 1e-39  # and nothing moves it
    runs = make_runs(Schedule(1, 8, shrink=False))
    free = tuple(LayerRule(rule.gate, lambda_=rule.lambda_) for rule in runs.layers)
    runs = dataclasses.replace(runs, layers=free)
    task = TrainingData(DenseRows(X), task.target.float(), SquaredError())
    (history,) = train(network, task, runs)
    assert (network.layers[0].phi[..., 1] == 0).all()
    adam = history.optimizer_state
    tiny = torch.finfo(torch.float32).tiny
    moments = (torch.from_numpy(adam[name]) for name in ("mean", "square"))
    for numbers in (*snapshot(network), *moments):
        assert not ((numbers != 0) & (numbers.abs() < tiny)).any()
