"""First layers that look their values up: the same numbers as products."""

import dataclasses

import numpy as np
import pytest
import torch
from test_encoded_rows import rows_of

from skspectral import ColumnEncoder
from skspectral._engine import first_layers
from skspectral._engine import lookup as lookup_module
from skspectral._engine.first_layers import lookups_of
from skspectral._engine.flat_parameters import FlatParameters
from skspectral._engine.forward_backward import ForwardBackward
from skspectral._engine.losses import SquaredError
from skspectral._engine.minibatches import Minibatches, epoch_shape
from skspectral._engine.rows import DenseRows, SparseRows, StackedRows
from skspectral._engine.run_table import LayerRule, RunTable, Schedule
from skspectral._engine.training_data import TrainingData
from skspectral._engine.training_loop import train
from skspectral.nn import SpectralMLP

DOUBLE = torch.float64
N_ROWS, WIDTH = 90, 16
N_COLUMNS = 40  # of sparse tables: more than a minibatch has rows
KINDS = {
    "ramps": {"n_knots": 7, "categorical_features": None},
    "ramps of many lengths": {"n_knots": 40, "categorical_features": None},
    "ramps and categories": {"n_knots": 9, "categorical_features": [2, 3]},
    "categories": {"encoding": "linear", "categorical_features": [0, 1, 2, 3]},
}


@pytest.fixture(autouse=True)
def lookups_always_pay(monkeypatch):
    monkeypatch.setattr(first_layers, "lookups_pay", lambda *shape: True)
    monkeypatch.setattr(first_layers, "sparse_lookups_pay", lambda *shape: True)


def fitted(kind, seed):
    """Inputs with gaps, ties and columns of few values; and rows, some of them new."""
    rng = np.random.default_rng(seed)
    X = np.c_[
        rng.normal(size=N_ROWS),
        rng.integers(0, 12, N_ROWS),
        rng.integers(0, 5, N_ROWS),
        rng.integers(0, 3, N_ROWS),
    ].astype(float)
    if kind == "categories":
        X = rng.integers(0, 6, (N_ROWS, 4)).astype(float)
    X[::9, 0] = np.nan
    X[::7, 2] = np.nan
    options = {"encoding": "piecewise"} | KINDS[kind]
    encoder = ColumnEncoder(**options)
    inputs = encoder.fit(X)._inputs
    X[4, 3] = 77  # beyond the rows of fit, or no category of it
    X[5, 0] = -1e6
    X[6] = X.max(where=np.isfinite(X), initial=0, axis=0)
    return inputs, encoder.to_numbers(X)


def batch_of(kind, n_runs, gate, sizes_after=(3,), dtype=DOUBLE):
    """Stacked rows of each run, targets, and networks with all numbers drawn."""
    tables = [fitted(kind, seed=0) for _ in range(n_runs)]
    parts = [rows_of(*table, dtype) for table in tables]
    rows = parts[0] if n_runs == 1 else StackedRows(parts)
    index = list(torch.arange(n_runs * N_ROWS).split(N_ROWS))
    g = torch.Generator().manual_seed(0)
    sizes = (rows.n_columns, WIDTH, *sizes_after)
    network = SpectralMLP(sizes, gate=gate, batch_shape=(n_runs,), dtype=dtype)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(generator=g)
    y = torch.randn(n_runs * N_ROWS, sizes[-1], generator=g, dtype=dtype)
    return rows, index, y, network


def gradients(rows, index, y, network, rule, looks_up, seeds=None):
    """Gradient of each minibatch of an epoch, in the order of the module."""
    n_runs = len(index)
    like = network.layers[0].phi
    lookups = lookups_of(rows, index, 32, WIDTH, like) if looks_up else None
    assert looks_up == (lookups is not None)
    rules = (dataclasses.replace(rule, groups=groups_of(rule, rows)), rule)
    parameters = FlatParameters(network, rules, rows_first=looks_up)
    # Of the two, only that with lookups may have its gates at the outputs.
    n_rows = epoch_shape(len(index[0]), 32)[1] if looks_up else None
    step = ForwardBackward(parameters, SquaredError(), lookups, n_rows)
    seeds = range(n_runs) if seeds is None else seeds
    generators = {s: torch.Generator().manual_seed(s) for s in seeds}
    weight = torch.rand(
        n_runs, rows.n_rows, generator=torch.Generator().manual_seed(3), dtype=DOUBLE
    )
    minibatches = Minibatches(
        step,
        TrainingData(rows, y, SquaredError()),
        lookups,
        index,
        weight.to(like),
        Schedule(n_epochs=1, batch_size=32),
        [generators[s] for s in seeds],
    )
    found = []
    for _ in range(2):  # nothing is left from the epoch before
        for block in minibatches.epoch():
            for minibatch in block.batches:
                step(minibatch)
                found.append([
                    parameters.view(step.gradient, *slot).clone()
                    for slot in sorted(parameters.slots)
                ])  # fmt: skip
    return found


def groups_of(rule, rows):
    """Every second input shares its eigenvalue with the one before."""
    if rule.gate not in ("in", "both"):
        return None
    return tuple(i // 2 for i in range(rows.n_columns))


@pytest.mark.parametrize("n_runs", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("gate", ["out", "in", "both", None])
def test_gradients_are_those_of_products(kind, gate, n_runs):
    rows, index, y, network = batch_of(kind, n_runs, gate)
    rule = LayerRule(gate, lambda_=gate is not None, alpha_phi=0.01, alpha_lambda=0.02)
    for own, expected in zip(
        gradients(rows, index, y, network, rule, looks_up=True),
        gradients(rows, index, y, network, rule, looks_up=False),
        strict=True,
    ):
        for a, b in zip(own, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("bias", [True, False])
def test_without_a_bias(bias):
    rows, index, y, network = batch_of("ramps and categories", 1, "out")
    if not bias:
        for layer in network.layers:
            layer.bias = None
    rule = LayerRule("out", bias=bias)
    own = gradients(rows, index, y, network, rule, looks_up=True)
    expected = gradients(rows, index, y, network, rule, looks_up=False)
    for a, b in zip(own[-1], expected[-1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def test_in_single_precision():
    rows, index, y, network = batch_of(
        "ramps and categories", 1, "out", (1,), torch.float32
    )
    rule = LayerRule("out")
    own = gradients(rows, index, y, network, rule, looks_up=True)
    expected = gradients(rows, index, y, network, rule, looks_up=False)
    for a, b in zip(own[-1], expected[-1], strict=True):
        scale = float(b.abs().max())
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * scale)


def test_runs_that_draw_the_same_rows_share_them():
    rows, index, y, network = batch_of("ramps and categories", 1, "out")
    three = SpectralMLP(network.sizes, gate="out", batch_shape=(3,), dtype=DOUBLE)
    with torch.no_grad():
        for own, one in zip(three.parameters(), network.parameters(), strict=True):
            own.copy_(
                one.expand_as(own)
                * torch.tensor([1.0, 2.0, 3.0]).view(3, *[1] * (one.ndim - 1))
            )
    rule = LayerRule("out")
    index = index * 3
    own = gradients(rows, index, y, three, rule, True, seeds=[5, 5, 6])
    expected = gradients(rows, index, y, three, rule, False, seeds=[5, 5, 6])
    for a, b in zip(own[-1], expected[-1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("sparse", [False, True])
def test_entries_are_the_same_kept_or_computed_when_taken(monkeypatch, sparse):
    from scipy.sparse import csr_matrix

    inputs, X = fitted("ramps and categories", 0)
    held = None
    if sparse:
        held = SparseRows(csr_matrix(X), inputs.held, inputs.held(X[:1]).shape[1])
    rows = rows_of(inputs, X, held=held)
    stacked = StackedRows([rows, rows_of(inputs, X)])
    like = torch.empty(0, dtype=DOUBLE)
    taken = torch.tensor([5, 170, 3, 3, 90, 0])
    index = [torch.arange(N_ROWS), torch.arange(N_ROWS, 2 * N_ROWS)]
    found = []
    for limit in (2**26, 0):
        monkeypatch.setattr(lookup_module, "HELD_BYTES", limit)
        entries = lookups_of(stacked, index, 32, WIDTH, like).rows
        assert (entries.known is None) == (limit == 0)
        out = entries.empty(len(taken))
        entries.take(taken, out)
        found.append([part.clone() for part in entries.views(out)])
    for kept, computed in zip(*found, strict=True):
        assert torch.equal(kept, computed)


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_trains_in_a_batch_as_it_does_alone(kind):
    n_runs = 3
    rows, index, y, network = batch_of(kind, n_runs, "out", (1,))
    weight = torch.rand(
        n_runs, rows.n_rows, generator=torch.Generator().manual_seed(1), dtype=DOUBLE
    )

    def trained(members):
        own = SpectralMLP(
            network.sizes, gate="out", batch_shape=(len(members),), dtype=DOUBLE
        )
        with torch.no_grad():
            for a, b in zip(own.parameters(), network.parameters(), strict=True):
                a.copy_(b[members])
        rule = LayerRule(
            "out", alpha_phi=[1e-3] * len(members), alpha_lambda=[1e-3] * len(members)
        )
        train(
            own,
            TrainingData(rows, y, SquaredError(), index=[index[k] for k in members]),
            RunTable(
                torch.full((len(members),), 1e-2, dtype=DOUBLE),
                tuple(members),
                (rule, rule),
                weight[members],
                Schedule(n_epochs=5, batch_size=32),
            ),
        )
        return own

    together = trained([0, 1, 2])
    for k in range(n_runs):
        for a, b in zip(together.parameters(), trained([k]).parameters(), strict=True):
            torch.testing.assert_close(a[k], b[0], rtol=1e-12, atol=1e-14)


def sparse_rows(seed, n_rows=N_ROWS, standardize=True):
    """Sparse rows with a column of zeros, a constant one, and gaps."""
    from scipy.sparse import random_array

    from skspectral._columns import Inputs, column_statistics, identity_statistics

    rng = np.random.default_rng(seed)
    matrix = random_array((n_rows, N_COLUMNS), density=0.1, rng=rng, format="csr")
    matrix = matrix.tolil()
    matrix[:, 3], matrix[:, 4] = 0, 2.0
    matrix = matrix.tocsr()
    fill = rng.normal(size=N_COLUMNS)
    statistics = identity_statistics(N_COLUMNS)
    if standardize:
        statistics = column_statistics(matrix, None)
        fill = statistics.mean
    matrix.data[::17] = np.nan
    inputs = Inputs.plain(N_COLUMNS, statistics, fill)
    scales = statistics.mean, statistics.divisor, fill
    return SparseRows(matrix, inputs.held, N_COLUMNS, scales)


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("gate", ["out", "in", "both", None])
@pytest.mark.parametrize("part", [0, 1])
def test_sparse_rows_have_the_gradients_of_dense_ones(gate, standardize, part):
    parts = [sparse_rows(seed, N_ROWS - 7, standardize) for seed in range(2)]
    rows = StackedRows(parts)
    index = [torch.arange(N_ROWS - 7) + part * (N_ROWS - 7)]
    network = SpectralMLP(
        (N_COLUMNS, WIDTH, 3), gate=gate, batch_shape=(1,), dtype=DOUBLE
    )
    g = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(generator=g)
    y = torch.randn(rows.n_rows, 3, generator=g, dtype=DOUBLE)
    rule = LayerRule(gate, lambda_=gate is not None, alpha_phi=0.01, alpha_lambda=0.02)
    for own, expected in zip(
        gradients(rows, index, y, network, rule, looks_up=True),
        gradients(rows, index, y, network, rule, looks_up=False),
        strict=True,
    ):
        for a, b in zip(own, expected, strict=True):
            assert torch.isfinite(a).all()
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def test_only_on_a_cpu_and_only_encoded_rows():
    inputs, X = fitted("ramps", 0)
    encoded = rows_of(inputs, X)
    like = torch.empty(0, dtype=DOUBLE)
    index = [torch.arange(N_ROWS)]
    assert lookups_of(encoded, index, 32, WIDTH, like) is not None
    assert lookups_of(encoded, index, 32, WIDTH, like.to("meta")) is None
    dense = DenseRows(torch.zeros(N_ROWS, encoded.n_columns, dtype=DOUBLE))
    assert lookups_of(dense, index, 32, WIDTH, like) is None
    both = StackedRows([encoded, dense])
    assert lookups_of(both, index, 32, WIDTH, like) is None
