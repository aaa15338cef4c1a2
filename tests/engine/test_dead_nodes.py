"""Nodes leave a running network, and nothing else changes."""

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.datasets import make_friedman1

import skspectral._engine.dead_nodes
import skspectral._engine.training_loop
from skspectral import SpectralMLPClassifier, SpectralMLPRegressor
from skspectral._engine.dead_nodes import (
    ProbeRows,
    _next_width,
    _probe,
    nodes_to_keep,
    removable_nodes,
    zero_nodes,
)
from skspectral._engine.flat_parameters import FlatParameters
from skspectral._engine.forward_backward import ForwardBackward
from skspectral._engine.losses import CrossEntropy, SquaredError
from skspectral._engine.network_batch import BatchMembers, NetworkBatch
from skspectral._engine.regression_losses import Huber, LogLink, Quantile
from skspectral._engine.rows import DenseRows
from skspectral._engine.run_table import LayerRule, RunTable, Schedule, layer_rules
from skspectral._engine.training_data import TrainingData
from skspectral._engine.training_loop import train
from skspectral._estimators.batch_training import train_together
from skspectral.datasets import make_teacher_student
from skspectral.nn import SpectralMLP, remove_nodes

DOUBLE = torch.float64


@pytest.fixture(autouse=True)
def look_often(monkeypatch):
    monkeypatch.setattr(skspectral._engine.training_loop, "CHECK_EVERY", 40)


def make_plan(*, shrink=True, rows=600, classes=None, validation=False, **parameters):
    """A plan of the estimators, of a small teacher; and its estimator."""
    X, y, _ = make_teacher_student(
        2 * rows, n_features=5, n_teacher_nodes=2, random_state=0
    )
    defaults = {"hidden_layer_sizes": 64, "alpha": 3e-3, "max_iter": 150}
    defaults |= {"random_state": 0, "batch_size": 60, "encoding": "linear"}
    Model = SpectralMLPRegressor
    if classes:
        Model = SpectralMLPClassifier
        y = np.searchsorted(np.quantile(y, np.arange(1, classes) / classes), y)
    model = Model(**(defaults | parameters))
    others = (X[rows:], y[rows:], None) if validation else ()
    data = model._read(X[:rows], y[:rows], None, *others)
    plan = model._plan(*data)
    plan.schedule = dataclasses.replace(plan.schedule, shrink=shrink)
    return model, plan


def outputs(state, plan):
    table = plan.data.table
    x = (table.X - plan.data.x.statistics.mean) / plan.data.x.statistics.scale
    return state.propagate(np.ascontiguousarray(x, dtype=np.float64))


def test_a_node_stays_that_only_unseen_rows_need(monkeypatch):
    """A look goes through every other row, and here every other row is special."""
    monkeypatch.setattr(skspectral._engine.dead_nodes, "PROBE_ROWS", 300)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 3))
    X[:, 0] *= 0.1
    X[1::2, 0] = rng.uniform(2, 10, size=300)
    y = np.maximum(X[:, 1], 0)
    y[1::2] += 2 * np.abs(X[1::2, 0] - 6) - 4
    model = SpectralMLPRegressor(
        encoding="linear",
        hidden_layer_sizes=128,
        alpha=1e-3,
        max_iter=200,
        batch_size=60,
        random_state=0,
    )
    plan = model._plan(*model._read(X, y))
    ((_, history),) = train_together([plan])
    assert history.widths
    for epoch, _ in history.widths:
        assert history.loss[epoch] < 1.5 * history.loss[epoch - 1]


def test_an_interrupt_while_nodes_leave_loses_nothing(monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    model, plan = make_plan(alpha=3e-2)
    monkeypatch.setattr(skspectral._engine.training_loop.Checkpoint, "like", interrupt)
    ((state, history),) = train_together([plan])
    assert history.ended == "interrupted"
    assert state.sizes == plan.start.sizes
    model._finish(plan, state, history, warn=False)
    # The loss of the epochs that are reported, not the start and not zeros.
    table = plan.data.table
    error = np.mean((model.predict(table.X) - table.y[:, 0]) ** 2)
    assert error < 0.5 * np.var(table.y)
    assert error < history.loss[-1] * np.var(table.y)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"dtype": "float64"},
        {"gate": "in", "alpha": 1e-2, "max_iter": 250},
        {"activation": "tanh"},
        {"activation": "silu"},
        {"activation": "logistic", "alpha": 1e-2},
        {"fit_intercept": False, "max_iter": 250},
        {"hidden_layer_sizes": (64, 48)},
        {"classes": 2},
        {"classes": 3},
        {"learning_rate": "cosine"},
    ],
    ids=str,
)
def test_a_fit_is_the_same_with_fewer_nodes(parameters):
    (_, plan), (model, whole) = (
        make_plan(shrink=shrink, **parameters) for shrink in (True, False)
    )
    ((state, history),) = train_together([plan])
    ((other, other_history),) = train_together([whole])
    assert history.widths
    assert not other_history.widths
    assert state.sizes == other.sizes == plan.start.sizes
    network = state.to_network()
    gone = [layer.weight.abs().sum(1) == 0 for layer in network.layers[:-1]]
    if parameters.get("gate") == "in":
        gone = [layer.weight.abs().sum(0) == 0 for layer in network.layers[1:]]
    for layer, mask in enumerate(gone):
        width = history.widths[-1][1][layer]
        assert int(mask.sum()) >= plan.start.sizes[1 + layer] - width
    assert history.loss[-1] == pytest.approx(other_history.loss[-1], rel=0.02)
    difference = outputs(state, plan) - outputs(other, plan)
    assert np.mean(difference**2) < 2e-3 * np.var(outputs(other, plan))
    cores = []
    for result, own_history in ((state, history), (other, other_history)):
        model._finish(plan, result, own_history, warn=False)
        cores.append(model.core_sizes_)
    assert np.abs(np.subtract(*cores)).max() <= 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("validation", [False, True])
def test_a_run_that_shrinks_does_not_feel_its_neighbours(dtype, validation):
    """Runs of different strengths lose nodes at different times."""

    def plans():
        many = []
        for alpha, seed in ((3e-3, 0), (1e-2, 0), (3e-2, 1), (0.0, 0), (3e-3, 2)):
            _, plan = make_plan(
                alpha=alpha,
                random_state=seed,
                dtype=dtype,
                validation=validation,
                early_stopping=validation,
                n_iter_no_change=10,
            )
            many.append(plan)
        return many

    together = train_together(plans(), at_once=5)
    assert len({tuple(history.widths) for _, history in together}) >= 3
    for plan, (state, history) in zip(plans(), together, strict=True):
        ((alone, other),) = train_together([plan])
        assert other.widths == history.widths
        assert other.loss == pytest.approx(history.loss, rel=1e-6)
        for a, b in zip(alone.phi, state.phi, strict=True):
            assert np.array_equal(a, b)


@pytest.mark.parametrize(
    "parameters",
    [
        {"alpha": 0.0},
        {"alpha_lambda": 0.0},
        {"parametrization": "dense"},
        {"trainable": "eigenvalues"},
        {"trainable": "eigenvectors"},
        {"gate": "both"},
        {"hidden_layer_sizes": 16},
        {"hidden_layer_sizes": ()},
    ],
    ids=str,
)
def test_where_no_lasso_holds_a_node_down_all_stay(parameters):
    _, plan = make_plan(**parameters)
    ((_, history),) = train_together([plan])
    assert not history.widths


def test_nodes_stay_while_early_stopping_may_bring_them_back():
    _, plan = make_plan(
        validation=True, early_stopping=True, n_iter_no_change=40, max_iter=400
    )
    ((_, history),) = train_together([plan])
    assert history.best_epoch is not None
    assert history.widths
    assert min(epoch for epoch, _ in history.widths) > history.best_epoch


def test_partial_fit_keeps_every_node():
    X, y, _ = make_teacher_student(600, n_teacher_nodes=2, random_state=0)
    reg = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=64, alpha=1e-1, batch_size=10
    )
    for _ in range(5):
        reg.partial_fit(X, y)
    assert all(np.linalg.norm(row) > 0 for row in reg._state().phi[0])


def randomised(sizes, gates, activation, generator, n_runs):
    network = SpectralMLP(
        sizes, gate=None, activation=activation, batch_shape=(n_runs,), dtype=DOUBLE
    )
    with torch.no_grad():
        for layer, gate in zip(network.layers, gates, strict=True):
            layer.gate = gate
            for parameter in (layer.phi, layer.bias):
                parameter.normal_(generator=generator)
            if gate in ("in", "out"):
                layer.lambda_in.zero_()
                layer.lambda_out.zero_()
                own = layer.lambda_in if gate == "in" else layer.lambda_out
                own.normal_(generator=generator)
    return network


CASES = [
    ((4, 7, 3), ("out", None)),
    ((4, 6, 5, 3), ("out", "out", None)),
    ((4, 6, 5, 3), ("in", "in", "in")),
]


@pytest.mark.parametrize("n_runs", [1, 2])
@pytest.mark.parametrize("activation", ["relu", "tanh", "silu"])
@pytest.mark.parametrize(("sizes", "gates"), CASES)
@pytest.mark.parametrize(
    "loss",
    [SquaredError(), CrossEntropy(), Huber(0.5), Quantile(0.2), LogLink(1.0)],
)
def test_what_a_look_sees_is_autograds(sizes, gates, activation, n_runs, loss):
    g = torch.Generator().manual_seed(0)
    network = randomised(sizes, gates, activation, g, n_runs)
    rules = tuple(
        LayerRule(gate, lambda_=gate is not None, alpha_phi=0.02, alpha_lambda=0.08)
        for gate in gates
    )
    step = ForwardBackward(FlatParameters(network, rules), loss)
    run, n = n_runs - 1, 50
    X = torch.randn(n, 4, generator=g, dtype=DOUBLE)
    weight = torch.rand(n, generator=g, dtype=DOUBLE)
    y = torch.randn(n, 3, generator=g, dtype=DOUBLE)
    if isinstance(loss, CrossEntropy):
        y = torch.randint(0, 3, (n, 1), generator=g)
    if isinstance(loss, LogLink):
        y = loss.targets(y.exp(), *torch.tensor([[0.8], [1.5]], dtype=DOUBLE))
    sample = ProbeRows(
        TrainingData(DenseRows(X), y, loss), torch.arange(n), weight, at_once=20
    )
    found = _probe(step, run, sample)

    one = network.select(run)
    weights = [layer.weight.detach().requires_grad_() for layer in one.layers]
    biases = [layer.bias.detach() for layer in one.layers]
    act = {"relu": torch.relu, "tanh": torch.tanh}.get(
        activation, torch.nn.functional.silu
    )
    a, received, sent = X, [], []
    for w, b in zip(weights, biases, strict=True):
        received.append(a @ w.T + b)
        a = act(received[-1])
        sent.append(a)
    rows = loss.evaluate(received[-1], y)
    ((weight * rows).sum() / weight.sum()).backward()
    for layer, (share, pull) in enumerate(found):
        grad = weights[layer + 1].grad if gates[layer + 1] == "in" else None
        norm = weights[layer].grad.norm(dim=1) if grad is None else grad.norm(dim=0)
        torch.testing.assert_close(pull, norm / (2 * (0.02 * 0.08) ** 0.5))
        # What goes on for ever once the gate is shut: of the receiver's gate nothing.
        silent = 0 if gates[layer + 1] == "in" else act(biases[layer])
        change = (sent[layer] - silent).abs().amax(0)
        reach = change * weights[layer + 1].norm(dim=0)
        scale = received[layer + 1].square().sum(1).mean().sqrt()
        torch.testing.assert_close(share, (reach / scale).detach())


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic"])
@pytest.mark.parametrize(("sizes", "gates"), CASES)
def test_removing_in_place_is_the_surgery(sizes, gates, activation):
    g = torch.Generator().manual_seed(1)
    network = randomised(sizes, gates, activation, g, 2)
    others = [p.clone()[0] for p in network.parameters()]
    gone = torch.tensor([1, 4])
    keep = [torch.ones(width, dtype=torch.bool) for width in sizes[1:-1]]
    keep[0][gone] = False
    small = remove_nodes(network.select(1), keep)
    zero_nodes(network, 1, 0, gone)
    X = torch.randn(20, 4, generator=g, dtype=DOUBLE)
    torch.testing.assert_close(network.select(1)(X), small(X))
    for before, after in zip(others, network.parameters(), strict=True):
        assert torch.equal(before, after[0])


def test_widths_to_shrink_to():
    assert [_next_width(256, n) for n in (0, 60, 64, 100, 128, 240, 256)] == [
        *(256, 256, 192, 192, 128, 16, 16)
    ]
    assert _next_width(1500, 1400) == 128
    assert _next_width(1500, 1410) == 96
    assert _next_width(20, 15) == 20  # 16 would not be worth it
    assert _next_width(24, 20) == 16


N_ALIVE = 16
FAINT = 1e-24


def faint_nodes(n_faint, *, n_alive=N_ALIVE, n_runs=1, activation="tanh", bias=True):
    """Networks of 16 nodes, and of others too faint to matter.

    What goes out of a faint node is as strong as of any other, so that its incoming
    weights feel the gradient.
    """
    g = torch.Generator().manual_seed(6)
    network = SpectralMLP(
        (2, n_alive + n_faint, 1),
        activation=activation,
        batch_shape=(n_runs,),
        bias=bias,
        dtype=DOUBLE,
    )
    with torch.no_grad():
        own, readout = network.layers
        own.phi.normal_(generator=g)
        own.phi[:, n_alive:] *= FAINT
        readout.phi.fill_(1.0)
    return network


def look_once(network, X, y, *, weight=None, bias=True):
    """Train so slowly that nothing moves, with one look at the nodes."""
    n_runs = network.batch_shape[0]
    rules = (
        LayerRule("out", alpha_phi=0.1, alpha_lambda=0.1, bias=bias),
        LayerRule(None, lambda_=False, bias=bias),
    )
    runs = RunTable(
        torch.full((n_runs,), 1e-40, dtype=DOUBLE),
        tuple(range(n_runs)),
        rules,
        weight,
        Schedule(n_epochs=2, batch_size=20),
    )
    return train(network, TrainingData(DenseRows(X), y, SquaredError()), runs)


@pytest.fixture
def look_at_once(monkeypatch):
    monkeypatch.setattr(skspectral._engine.training_loop, "CHECK_EVERY", 1)


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0], [1], [2], [3, 1]])
def test_each_run_looks_at_its_own_rows_by_their_weights(order, look_at_once):
    """The faint nodes would help in the last 40 rows, and in none of the others."""
    g = torch.Generator().manual_seed(7)
    X = torch.randn(80, 2, generator=g, dtype=DOUBLE)
    network = faint_nodes(48)
    y = network(X)[0].detach()
    y[40:] += 10 * X[40:, :1]
    weight = torch.zeros(4, 80, dtype=DOUBLE)
    weight[0, :40] = 1
    weight[1, 40:] = 1
    weight[2, 20:60] = 1
    weight[3, 20:40] = 1
    weight[3, 40:60] = 1e-6  # there, but they hardly count
    leave = [True, False, False, True]

    together = faint_nodes(48, n_runs=len(order))
    with torch.no_grad():
        for parameter, own in zip(together.parameters(), network.parameters()):
            parameter.copy_(own)
    histories = look_once(together, X, y, weight=weight[order])
    for place, k in enumerate(order):
        gone = (together.layers[0].phi[place, N_ALIVE:] == 0).all(1)
        assert gone.all() if leave[k] else not gone.any()
        assert (together.layers[0].phi[place, :N_ALIVE] != 0).all()
        assert histories[place].widths == ([(1, (N_ALIVE,))] if leave[k] else [])


@pytest.mark.parametrize(("factor", "leave"), [(0.9, True), (1.1, False)])
def test_a_node_leaves_if_the_lasso_pushes_harder_than_the_data_pull(factor, leave):
    """The pull by autograd, and a penalty just above or below it."""
    g = torch.Generator().manual_seed(8)
    X = torch.randn(50, 2, generator=g, dtype=DOUBLE)
    y = torch.randn(50, 1, generator=g, dtype=DOUBLE)
    network = faint_nodes(1)
    one = network.select(0)
    weight = one.layers[0].weight.detach().requires_grad_()
    output = torch.tanh(X @ weight.T) @ one.layers[1].weight.detach().T
    (output - y).square().mean().backward()
    pull = float(weight.grad[N_ALIVE].norm())
    alpha = pull / factor / 2  # the lasso is 2 sqrt(alpha_phi alpha_lambda)
    rules = (
        LayerRule("out", alpha_phi=4 * alpha, alpha_lambda=alpha / 4),
        LayerRule(None, lambda_=False),
    )
    step = ForwardBackward(FlatParameters(network, rules), SquaredError())
    sample = ProbeRows(
        TrainingData(DenseRows(X), y, SquaredError()), torch.arange(50), None, 20
    )
    ((share, _),) = _probe(step, 0, sample)
    (may_leave,) = removable_nodes(step, 0, sample)
    assert share[N_ALIVE] < 1e-20
    assert bool(may_leave[N_ALIVE]) is leave
    assert not may_leave[:N_ALIVE].any()


@pytest.mark.parametrize(
    ("activation", "bias", "leave"),
    [
        ("logistic", True, True),
        ("logistic", False, False),
        ("tanh", False, True),
        ("relu", False, True),
    ],
)
def test_a_node_stays_whose_constant_has_no_bias_to_go_to(
    activation, bias, leave, look_at_once
):
    g = torch.Generator().manual_seed(9)
    X = torch.randn(40, 2, generator=g, dtype=DOUBLE)
    network = faint_nodes(48, activation=activation, bias=bias)
    y = network(X)[0].detach()
    (history,) = look_once(network, X, y, bias=bias)
    assert history.widths == ([(1, (N_ALIVE,))] if leave else [])
    torch.testing.assert_close(network(X)[0], y)


def test_of_the_nodes_that_may_leave_the_weakest_do(look_at_once):
    """28 of 64 nodes matter, and a layer of 28 is one of 32: 4 of 36 may stay."""
    g = torch.Generator().manual_seed(10)
    X = torch.randn(40, 2, generator=g, dtype=DOUBLE)
    strengths = 1.0 + torch.randperm(36, generator=g)
    network = faint_nodes(36, n_alive=28)
    with torch.no_grad():
        network.layers[0].phi[0, 28:, 0] = FAINT * strengths
        network.layers[0].phi[0, 28:, 1] = 0
    (history,) = look_once(network, X, network(X)[0].detach())
    assert history.widths == [(1, (32,))]
    stay = (network.layers[0].phi[0] != 0).any(1)
    assert stay[:28].all()
    assert stay[28:].tolist() == (strengths > 32).tolist()


@pytest.mark.parametrize(("at_most", "rows"), [(30, 25), (100, 100), (1000, 100)])
def test_a_look_goes_through_so_many_rows_at_most(at_most, rows, monkeypatch):
    """Evenly spread over all: every fourth of 100, for 30 at most."""
    monkeypatch.setattr(skspectral._engine.dead_nodes, "PROBE_ROWS", at_most)
    taken = []

    class Spying(DenseRows):
        def take(self, index, out):
            taken.extend(index.tolist())
            super().take(index, out)

    g = torch.Generator().manual_seed(11)
    X = torch.randn(300, 2, generator=g, dtype=DOUBLE)
    index = torch.arange(0, 300, 3)
    network = faint_nodes(8)
    rules = (
        LayerRule("out", alpha_phi=0.1, alpha_lambda=0.1),
        LayerRule(None, lambda_=False),
    )
    step = ForwardBackward(FlatParameters(network, rules), SquaredError())
    sample = ProbeRows(
        TrainingData(Spying(X), X[:, :1], SquaredError()), index, None, at_once=20
    )
    removable_nodes(step, 0, sample)
    assert taken == index[:: 100 // rows].tolist()


@pytest.mark.parametrize("gate", ["in", "out"])
def test_a_node_that_sends_a_constant(gate):
    """With gate="in" nothing would take the constant up: it stays. Else it leaves."""
    network = SpectralMLP((5, 64, 1), gate=gate, batch_shape=(1,), dtype=DOUBLE)
    with torch.no_grad():
        network.layers[0].phi[0, 8:] = 0
        network.layers[0].bias[0, 8:] = 1
        network.layers[1].phi[0, 0, 8:] = 0.1
    X = torch.randn(300, 5, dtype=DOUBLE)
    y = network(X)[0].detach()
    rules = layer_rules(
        2, gate=gate, alpha_phi=1e-3, alpha_lambda=1e-3, alpha_readout=1e-3
    )
    rates = torch.tensor([1e-2], dtype=DOUBLE)
    runs = RunTable(rates, (0,), rules, None, Schedule(batch_size=100))
    members = BatchMembers([0], [torch.arange(64)[None]], [torch.Generator()])
    data = TrainingData(DenseRows(X), y, SquaredError())
    batch = NetworkBatch(members, network, runs, data, [torch.arange(300)], None)
    stays = nodes_to_keep(batch.step, 0, ProbeRows(data, torch.arange(300), None, 100))
    if gate == "in":
        assert stays is None
    else:
        assert len(stays[0]) == 16
        gone = torch.tensor(sorted(set(range(64)) - set(stays[0].tolist())))
        zero_nodes(network, 0, 0, gone)
        torch.testing.assert_close(network(X)[0], y)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_nodes_that_leave_are_the_same_in_company(seed):
    """Of nodes that send nothing but rounding, rounding must not choose."""

    def make_plans():
        plans = []
        for alpha in (4e-3, 1e-2):
            for fold in range(3):
                X, y = make_friedman1(120, 5, noise=0.5, random_state=1)
                rows = np.arange(120) % 3 != fold
                model = SpectralMLPRegressor(
                    encoding="linear",
                    hidden_layer_sizes=(40, 24),
                    activation="logistic",
                    alpha=alpha,
                    max_iter=300,
                    batch_size=28,
                    learning_rate="constant",
                    learning_rate_init=0.03,
                    n_iter_no_change=1000,
                    random_state=seed,
                    dtype="float64",
                )
                plans.append(model._plan(*model._read(X[rows], y[rows])))
        return plans

    alone = [train_together([plan])[0] for plan in make_plans()]
    together = train_together(make_plans())
    assert any(history.widths for _, history in alone)
    for (state, history), (other, others) in zip(alone, together, strict=True):
        assert history.widths == others.widths
        np.testing.assert_allclose(state.phi[0], other.phi[0], atol=1e-9)


@pytest.mark.parametrize(("warmup", "first"), [(0, 4), (20, 20)])
def test_no_node_leaves_in_the_warmup(warmup, first):
    """48 of 64 nodes are dead from the start; looks come every fourth epoch."""
    _, plan = make_plan(max_iter=30, n_iter_warmup=warmup)
    start = plan.start
    phi, gate = [array.copy() for array in start.phi], start.lambda_out[0].copy()
    phi[0][16:], phi[1][:, 16:], gate[16:] = 0, 0, 0
    lambda_out = [gate, start.lambda_out[1]]
    plan.start = dataclasses.replace(start, phi=phi, lambda_out=lambda_out)
    ((_, history),) = train_together([plan])
    assert history.widths[0] == (first, (16,))
