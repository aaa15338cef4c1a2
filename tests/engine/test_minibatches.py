"""Every row of a run once an epoch, in minibatches that weigh alike."""

import itertools
import math

import pytest
import torch

from skspectral._engine import minibatches
from skspectral._engine.losses import SquaredError
from skspectral._engine.minibatches import epoch_shape
from skspectral._engine.rows import DenseRows
from skspectral._engine.run_table import LayerRule, RunTable, Schedule
from skspectral._engine.training_data import TrainingData
from skspectral._engine.training_loop import train
from skspectral.nn import SpectralMLP

DOUBLE = torch.float64
SIZES = (3, 5, 2)


class Spying(DenseRows):
    """Notes which rows are taken, call by call."""

    def __init__(self, values):
        super().__init__(values)
        self.taken = []

    def take(self, index, out):
        self.taken.append(index.clone())
        super().take(index, out)


@pytest.fixture
def data(generator):
    """Rows, targets, and weights of two runs: one has all 12 rows, the other 11."""
    X = torch.randn(12, SIZES[0], generator=generator, dtype=DOUBLE)
    y = torch.randn(12, SIZES[-1], generator=generator, dtype=DOUBLE)
    weight = 0.1 + torch.rand(2, 12, generator=generator, dtype=DOUBLE)
    weight[1, 4] = 0
    return X, y, weight


def at_rest(data, *, seeds=(0, 1), weight=None, n_epochs=1, **schedule):
    """Train at a rate of zero; the network, the histories and the rows taken."""
    X, y, _ = data
    g = torch.Generator().manual_seed(1)
    network = SpectralMLP(SIZES, gate=None, batch_shape=(len(seeds),), dtype=DOUBLE)
    with torch.no_grad():
        for layer in network.layers:
            layer.phi.normal_(generator=g)
            layer.bias.normal_(generator=g)
    runs = RunTable(
        torch.zeros(len(seeds), dtype=DOUBLE),
        seeds,
        (LayerRule(None, lambda_=False),) * 2,
        weight,
        Schedule(n_epochs, 5, **schedule),
    )
    rows = Spying(X)
    return (
        network,
        train(network, TrainingData(rows, y, SquaredError()), runs),
        rows.taken,
    )


@pytest.mark.parametrize("block_bytes", [1, 2**19])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seeds", [(0, 1), (0, 0), (3,)])
def test_the_loss_of_an_epoch_is_the_mean_over_its_minibatches(
    data, seeds, weighted, block_bytes, monkeypatch
):
    """12 and 11 rows: minibatches of 4, 4, 4 and of 4, 4, 3, in the order of rows."""
    monkeypatch.setitem(minibatches.BLOCK_BYTES, "cpu", block_bytes)
    X, y, weight = data
    if weighted:
        weight = weight[-len(seeds) :]
    else:
        X, y, weight = X[:11], y[:11], None
    network, histories, taken = at_rest(
        (X, y, None), seeds=seeds, weight=weight, shuffle=False
    )
    assert len(taken) == (3 if block_bytes == 1 else 1)
    errors = (network(X) - y).square().mean(-1).detach()
    for k, history in enumerate(histories):
        own = torch.ones(len(X), dtype=DOUBLE) if weight is None else weight[k]
        places = own.nonzero()[:, 0]
        parts = [
            (own[part] * errors[k, part]).mean() / own[places].mean()
            for part in places.split(4)
        ]
        assert [len(part) for part in places.split(4)][:2] == [4, 4]
        assert history.loss[0] == pytest.approx(float(sum(parts)) / 3, rel=1e-12)


def test_without_shuffling_rows_come_in_their_order(data, monkeypatch):
    monkeypatch.setitem(minibatches.BLOCK_BYTES, "cpu", 1)
    _, _, weight = data
    part = {"seeds": (0,), "weight": weight[1:], "n_epochs": 2}
    _, _, taken = at_rest(data, shuffle=False, **part)
    # Of the 11 rows that count; what fills up the last minibatch counts for nothing.
    assert [len(rows) for rows in taken] == [4] * 6
    for epoch in (taken[:3], taken[3:]):
        assert torch.cat(epoch)[:11].tolist() == [0, 1, 2, 3, *range(5, 12)]


def test_shuffling_is_another_order_each_epoch(data, monkeypatch):
    monkeypatch.setitem(minibatches.BLOCK_BYTES, "cpu", 1)
    _, _, weight = data
    _, _, taken = at_rest(data, seeds=(0,), weight=weight[1:], n_epochs=3)
    orders = [torch.cat(taken[i : i + 3])[:11].tolist() for i in (0, 3, 6)]
    for order in orders:
        assert sorted(order) == [0, 1, 2, 3, *range(5, 12)]
        assert order != sorted(order)
    assert all(a != b for a, b in itertools.combinations(orders, 2))


@pytest.mark.parametrize("batch_size", [1, 4, 5, 7, 100])
@pytest.mark.parametrize("n_rows", [1, 11, 12, 41, 100, 101])
def test_minibatches_are_few_and_equal(n_rows, batch_size):
    n_batches, size = epoch_shape(n_rows, batch_size)
    assert n_batches == math.ceil(n_rows / batch_size)
    assert size <= batch_size
    # All the places that stay empty are fewer than the minibatches.
    assert 0 <= n_batches * size - n_rows < n_batches
