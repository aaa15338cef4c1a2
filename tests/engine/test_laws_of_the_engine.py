"""The laws of the engine."""

import os
import threading

import pytest
import torch

from skspectral._engine import threads
from skspectral._engine.forward_backward import ForwardBackward
from skspectral._engine.losses import CrossEntropy, Sigmoid, SquaredError
from skspectral._engine.regression_losses import (
    Huber,
    LogLink,
    Quantile,
    QuantileCurves,
)
from skspectral._engine.rows import DenseRows
from skspectral._engine.run_table import LayerRule, RunTable, Schedule, layer_rules
from skspectral._engine.threads import one_thread_for
from skspectral._engine.training_data import TrainingData
from skspectral._engine.training_loop import train
from skspectral._estimators.network_start import start_network
from skspectral.nn import SpectralMLP

DOUBLE = torch.float64
N_RUNS = 4


def stack(networks):
    """Networks of batch shape (1,) as one batch."""
    batch = SpectralMLP(
        networks[0].sizes,
        gate=None,
        activation=networks[0].activation,
        batch_shape=(len(networks),),
        dtype=networks[0].layers[0].phi.dtype,
        device="meta",
    ).to_empty(device="cpu")
    with torch.no_grad():
        for index, layer in enumerate(batch.layers):
            layer.gate = networks[0].layers[index].gate
            for name, parameter in layer.named_parameters():
                parts = [getattr(n.layers[index], name) for n in networks]
                parameter.copy_(torch.cat(parts))
    return batch


def table(*, weighted=True, schedule=None, decay="linear"):
    """Four runs that differ in everything a run may own."""
    g = torch.Generator().manual_seed(7)
    weight = None
    if weighted:  # folds of unequal numbers of rows, and weights among the rest
        weight = (torch.rand(N_RUNS, 40, generator=g) > 0.2) * torch.rand(
            N_RUNS, 40, generator=g, dtype=DOUBLE
        )
    alphas = torch.logspace(-4, -1, N_RUNS, dtype=DOUBLE).tolist()
    return RunTable(
        learning_rate=torch.tensor([1e-2, 2e-2, 5e-3, 1e-2], dtype=DOUBLE),
        seeds=(3, 1, 4, 1),
        layers=(
            LayerRule("out", alpha_phi=alphas, alpha_lambda=alphas),
            LayerRule(None, lambda_=False, alpha_phi=alphas),
        ),
        weight=weight,
        schedule=schedule or Schedule(n_epochs=12, batch_size=8, decay=decay),
    )


SQUARED = SquaredError()


def fit_rows(rows, runs, *, validation=None, outputs=1, loss=SQUARED):
    """Train the listed rows of the table as one batch; networks and histories."""
    g = torch.Generator().manual_seed(0)
    X = torch.randn(40, 5, generator=g, dtype=DOUBLE)
    y = torch.randn(40, outputs, generator=g, dtype=DOUBLE)
    if isinstance(loss, Sigmoid):
        y = (y > 0).double()
    if isinstance(loss, CrossEntropy):
        y = torch.randint(0, outputs, (40, 1), generator=g)
    if isinstance(loss, LogLink):
        y = loss.targets(y.exp(), *torch.tensor([[0.8], [1.5]], dtype=DOUBLE))
    if isinstance(loss, QuantileCurves):
        y = torch.cat([y[:, :1], 0.5 + torch.rand(40, 3, generator=g).double()], -1)
    part = runs.select(rows)
    starts = []
    for seed in part.seeds:
        plain = layer_rules(2, alpha_phi=0.1, alpha_lambda=0.1, alpha_readout=0.1)
        starts.append(
            start_network(
                (5, 7, outputs),
                plain,
                activation="relu",
                generator=torch.Generator().manual_seed(seed),
                dtype=DOUBLE,
            )
        )
    network = stack(starts)
    if validation is not None:
        validation = TrainingData(DenseRows(X), y, loss, validation[rows])
    histories = train(
        network, TrainingData(DenseRows(X), y, loss), part, validation=validation
    )
    return network, histories


def assert_same(network, other, rows, *, rtol=1e-9):
    for a, b in zip(network.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a[rows], b, rtol=rtol, atol=1e-12)


COMPANY = [[0, 1, 2, 3], [3, 2, 1, 0], [2], [0, 3], [1, 1, 2]]


@pytest.mark.parametrize("rows", COMPANY)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("loss", "outputs"),
    [
        (SquaredError(), 1),
        (Sigmoid(), 2),
        (CrossEntropy(), 3),
        (Huber(0.7), 2),
        (Quantile(0.3), 1),
        (QuantileCurves((0.1, 0.5, 0.8), 1), 3),
        (LogLink(1.0), 2),
        (LogLink(1.6), 1),
        (LogLink(2.0), 2),
    ],
)
def test_a_run_does_not_feel_its_neighbours(rows, weighted, loss, outputs):
    runs = table(weighted=weighted)
    together, histories = fit_rows([0, 1, 2, 3], runs, outputs=outputs, loss=loss)
    other, others = fit_rows(rows, runs, outputs=outputs, loss=loss)
    assert_same(together, other, rows)
    for k, history in zip(rows, others, strict=True):
        assert history.loss == pytest.approx(histories[k].loss, rel=1e-9)


@pytest.mark.parametrize("decay", ["constant", "linear", "cosine"])
@pytest.mark.parametrize("rows", COMPANY)
def test_early_stopping_is_each_runs_own(rows, decay):
    schedule = Schedule(60, 8, decay=decay, patience=3, tol=1e-3)
    runs = table(schedule=schedule)
    g = torch.Generator().manual_seed(9)
    watched = (torch.rand(N_RUNS, 40, generator=g) > 0.5).double()
    together, histories = fit_rows([0, 1, 2, 3], runs, validation=watched)
    other, others = fit_rows(rows, runs, validation=watched)
    lengths = [len(h.loss) for h in histories]
    assert len(set(lengths)) > 1  # they do not all end together
    assert_same(together, other, rows)
    for k, history in zip(rows, others, strict=True):
        assert len(history.loss) == lengths[k]
        assert history.best_epoch == histories[k].best_epoch
        assert history.ended == histories[k].ended


def test_a_weight_row_is_a_fold():
    """Row k of a search is the fit on that fold's rows alone."""
    runs = table()
    together, _ = fit_rows([0, 1, 2, 3], runs)
    g = torch.Generator().manual_seed(0)
    X = torch.randn(40, 5, generator=g, dtype=DOUBLE)
    y = torch.randn(40, 1, generator=g, dtype=DOUBLE)
    for k in range(N_RUNS):
        own = runs.weight[k].nonzero()[:, 0]
        alone = runs.select([k])
        fold = RunTable(
            alone.learning_rate,
            alone.seeds,
            alone.layers,
            alone.weight[:, own],
            alone.schedule,
        )
        start = start_network(
            (5, 7, 1),
            layer_rules(2, alpha_phi=0.1, alpha_lambda=0.1, alpha_readout=0.1),
            activation="relu",
            generator=torch.Generator().manual_seed(runs.seeds[k]),
            dtype=DOUBLE,
        )
        train(start, TrainingData(DenseRows(X[own]), y[own], SquaredError()), fold)
        assert_same(together, start, [k])


def test_a_run_that_diverges_ends_alone():
    runs = table()
    rate = runs.learning_rate.clone()
    rate[1] = 1e200
    wild = RunTable(rate, runs.seeds, runs.layers, runs.weight, runs.schedule)
    network, histories = fit_rows([0, 1, 2, 3], wild)
    assert [h.ended for h in histories] == ["max_iter", "diverged"] + ["max_iter"] * 2
    assert len(histories[1].loss) < 12
    calm, _ = fit_rows([0, 2, 3], wild)
    assert_same(network, calm, [0, 2, 3])


def test_the_loss_curve_is_the_objective():
    """At a rate of nearly zero nothing moves, so the objective is that of the start."""
    runs = table()
    still = RunTable(
        torch.full((N_RUNS,), 1e-14, dtype=DOUBLE),
        runs.seeds,
        runs.layers,
        runs.weight,
        Schedule(n_epochs=1, batch_size=40),
    )
    network, histories = fit_rows([0, 1, 2, 3], still)
    g = torch.Generator().manual_seed(0)
    X = torch.randn(40, 5, generator=g, dtype=DOUBLE)
    y = torch.randn(40, 1, generator=g, dtype=DOUBLE)
    errors = (network(X) - y).square().mean(-1)
    expected = (runs.weight * errors).sum(1) / runs.weight.sum(1)
    for k in range(N_RUNS):
        hidden, readout = (layer.select(k) for layer in network.layers)
        alpha = runs.layers[0].alpha_phi[k]
        squares = sum(p.square().sum() for p in (hidden.phi, hidden.lambda_out))
        objective = expected[k] + alpha * (squares + readout.phi.square().sum())
        assert histories[k].loss[0] == pytest.approx(objective.item(), rel=1e-9)


def test_the_penalty_is_felt_and_zero_is_no_penalty():
    runs = table()
    free = tuple(LayerRule(rule.gate, lambda_=rule.lambda_) for rule in runs.layers)
    without = RunTable(runs.learning_rate, runs.seeds, free, runs.weight, runs.schedule)
    strong, _ = fit_rows([3], runs)
    none, _ = fit_rows([3], without)
    norm = strong.layers[0].phi.square().sum(), none.layers[0].phi.square().sum()
    assert norm[0] < 0.9 * norm[1]


@pytest.mark.parametrize("shuffle", [True, False])
def test_an_epoch_visits_every_row_once(shuffle):
    """Full-batch and minibatch gradients agree in sum when nothing moves."""
    runs = table(weighted=False)
    schedule = Schedule(n_epochs=1, batch_size=7, shuffle=shuffle)
    tiny = torch.full((N_RUNS,), 1e-14, dtype=DOUBLE)
    small = RunTable(tiny, runs.seeds, runs.layers, None, schedule)
    whole = RunTable(tiny, runs.seeds, runs.layers, None, Schedule(1, 40))
    _, parts = fit_rows([0, 1], small)
    _, one = fit_rows([0, 1], whole)
    # 40 rows in six minibatches of at most seven: five of seven and one of five, so
    # the mean over minibatches differs from that over rows by less than their spread.
    for a, b in zip(parts, one, strict=True):
        assert a.loss[0] == pytest.approx(b.loss[0], rel=0.2)


def test_the_default_dtype_does_not_reach_a_fit():
    """The step count of Adam is a tensor: in bfloat16, 257 would be 256."""
    runs = table(schedule=Schedule(n_epochs=60, batch_size=8))
    expected, _ = fit_rows([0, 1], runs)
    torch.set_default_dtype(torch.bfloat16)
    try:
        found, _ = fit_rows([0, 1], runs)
    finally:
        torch.set_default_dtype(torch.float32)
    assert_same(expected, found, [0, 1], rtol=0)


def test_nothing_global_changes():
    before = (
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.get_rng_state(),
        torch.is_grad_enabled(),
        torch.are_deterministic_algorithms_enabled(),
        (torch.tensor([1e-40]) * 1).item(),  # denormal numbers are not flushed
        threading.active_count(),
        dict(os.environ),
    )
    fit_rows([0, 1], table())
    after = (
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.get_rng_state(),
        torch.is_grad_enabled(),
        torch.are_deterministic_algorithms_enabled(),
        (torch.tensor([1e-40]) * 1).item(),
        threading.active_count(),
        dict(os.environ),
    )
    assert torch.equal(before[2], after[2])
    assert before[:2] + before[3:] == after[:2] + after[3:]


@pytest.fixture
def four_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def test_small_steps_take_one_thread(four_threads):
    with one_thread_for(10, 1):
        assert torch.get_num_threads() == 1
        with one_thread_for(10, 1):
            assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 4
    with one_thread_for(1e12, int(1e6)):
        assert torch.get_num_threads() == 4
    with one_thread_for(1e12, int(1e11)):  # it would wait for memory
        assert torch.get_num_threads() == 1
    with pytest.raises(ValueError, match="within"), one_thread_for(10, 1):
        raise ValueError("within")
    assert torch.get_num_threads() == 4


def test_a_fit_takes_one_thread_where_it_is_small(four_threads, monkeypatch):
    used = []
    step = ForwardBackward.__call__

    def noted(self, batch):
        used.append(torch.get_num_threads())
        step(self, batch)

    monkeypatch.setattr(ForwardBackward, "__call__", noted)
    fit_rows([0, 1], table())
    assert set(used) == {1}
    assert torch.get_num_threads() == 4
    monkeypatch.setattr(threads, "LARGE", 10)
    # Networks of 5, 7 and 1 nodes: 42 multiplications of a row for 8 activations.
    for limit, expected in ((5, 4), (6, 1)):
        used.clear()
        monkeypatch.setattr(threads, "PER_ACTIVATION", limit)
        fit_rows([0, 1], table())
        assert set(used) == {expected}


def test_threads_are_what_they_were_after_fits_in_several_threads(four_threads):
    started, done = threading.Barrier(3), threading.Barrier(3)
    found = []

    def fit():
        with one_thread_for(10, 1):
            started.wait()  # all at once
            done.wait()
        found.append(torch.get_num_threads())

    workers = [threading.Thread(target=fit) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == [4, 4, 4]
    assert torch.get_num_threads() == 4


def test_an_interrupt_leaves_the_last_completed_epoch():
    runs = table()
    g = torch.Generator().manual_seed(0)
    X = torch.randn(40, 5, generator=g, dtype=DOUBLE)
    y = torch.randn(40, 1, generator=g, dtype=DOUBLE)

    class Interrupting(DenseRows):
        calls = 0

        def take(self, index, out):
            super().take(index, out)
            self.calls += 1
            if self.calls == 4:
                raise KeyboardInterrupt

    def start():
        return start_network(
            (5, 7, 1),
            layer_rules(2, alpha_phi=0.1, alpha_lambda=0.1, alpha_readout=0.1),
            activation="relu",
            generator=torch.Generator().manual_seed(0),
            dtype=DOUBLE,
        )

    network, three = start(), start()
    alone = runs.select([0])
    (history,) = train(network, TrainingData(Interrupting(X), y, SquaredError()), alone)
    assert history.ended == "interrupted"
    assert len(history.loss) == 3
    # Three epochs of the same schedule, ended by a callback.
    stop = lambda epoch: [0] if epoch.number == 2 else None  # noqa: E731
    task = TrainingData(DenseRows(X), y, SquaredError())
    (other,) = train(three, task, alone, on_epoch=stop)
    assert other.ended == "callback"
    assert_same(network, three, [0])


def test_the_seed_of_a_row_orders_its_minibatches():
    g = torch.Generator().manual_seed(0)
    X = torch.randn(40, 5, generator=g, dtype=DOUBLE)
    y = torch.randn(40, 1, generator=g, dtype=DOUBLE)
    rules = layer_rules(2, alpha_phi=0.1, alpha_lambda=0.1, alpha_readout=0.1)
    start = [
        start_network(
            (5, 7, 1),
            rules,
            activation="relu",
            generator=torch.Generator().manual_seed(0),
            dtype=DOUBLE,
        )
    ] * 3
    network = stack(start)
    rate = torch.full((3,), 1e-2, dtype=DOUBLE)
    runs = RunTable(rate, (5, 6, 5), rules, schedule=Schedule(n_epochs=3, batch_size=8))
    train(network, TrainingData(DenseRows(X), y, SquaredError()), runs)
    first, second, third = network.layers[0].phi.detach()
    torch.testing.assert_close(first, third, rtol=0, atol=0)
    assert not torch.allclose(first, second)


@pytest.mark.skipif(not torch.backends.mkl.is_available(), reason="known of MKL only")
def test_in_float32_a_run_is_the_same_bit_by_bit():
    # 353 parameters: no whole number of vector registers.
    g = torch.Generator().manual_seed(0)
    X, y = torch.randn(1320, 8, generator=g), torch.randn(1320, 1, generator=g)
    rules = layer_rules(2, alpha_phi=1e-4, alpha_lambda=1e-4, alpha_readout=1e-4)
    runs = RunTable(
        learning_rate=torch.full((3,), 1e-2, dtype=DOUBLE),
        seeds=(0, 1, 2),
        layers=rules,
        schedule=Schedule(n_epochs=10, batch_size=330),
    )
    starts = [
        start_network(
            (8, 32, 1), rules, activation="relu", generator=g, dtype=torch.float32
        )
        for _ in range(3)
    ]
    task = TrainingData(DenseRows(X), y, SquaredError())
    together = stack(starts)
    train(together, task, runs)
    for k, alone in enumerate(starts):
        train(alone, task, runs.select([k]))
        for layer, own in zip(together.layers, alone.layers, strict=True):
            assert torch.equal(layer.phi[k], own.phi[0])


def test_after_each_step_the_hook_is_called_and_may_move_parameters():
    calls = []

    def hold(parameters, adam, rate):
        calls.append((adam.t, float(torch.as_tensor(rate).max())))
        parameters.value(0, "phi").fill_(0.5)

    rule = LayerRule("out", alpha_phi=0.1, alpha_lambda=0.1)
    network = SpectralMLP((5, 2), batch_shape=(2,), dtype=DOUBLE)
    network.layers[0].gate = "out"
    network.layers[0].lambda_out.requires_grad_()
    task = TrainingData(
        DenseRows(torch.randn(100, 5).double()),
        torch.zeros(100, 2).double(),
        SquaredError(),
    )
    schedule = Schedule(n_epochs=3, batch_size=40)
    runs = RunTable(torch.tensor([0.01, 0.01]), (0, 1), (rule,), schedule=schedule)
    train(network, task, runs, after_step=hold)
    assert [t for t, _ in calls] == list(range(1, 10))  # 3 epochs of 3 minibatches
    assert calls[0][1] > calls[-1][1]
    assert (network.layers[0].phi == 0.5).all()


def test_callbacks_may_compute_gradients_of_their_own():
    """The loop runs in inference mode; what it calls does not."""
    seen = []

    def on_epoch(epoch):
        x = torch.ones(2, requires_grad=True)
        (x**2).sum().backward()
        seen.append(x.grad.tolist())
        epoch.write_back()

    g = torch.Generator().manual_seed(0)
    X, y = (torch.randn(40, k, generator=g, dtype=DOUBLE) for k in (5, 1))
    network = SpectralMLP((5, 7, 1), batch_shape=(1,), dtype=DOUBLE)
    runs = table(weighted=False, schedule=Schedule(2, 8)).select([0])
    task = TrainingData(DenseRows(X), y, SquaredError())
    train(network, task, runs, on_epoch=on_epoch)
    assert seen == [[2.0, 2.0]] * 2
    (network(X[None]) ** 2).mean().backward()  # the result is an ordinary network
    assert network.layers[0].phi.grad is not None
