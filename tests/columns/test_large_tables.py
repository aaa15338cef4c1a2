"""Tables larger than memory would like: maps, blocks, and no needless copies."""

import tracemalloc

import numpy as np
import pytest

from skspectral import SpectralMLPClassifier, SpectralMLPRegressor
from skspectral._columns import statistics
from skspectral._columns.statistics import BLOCK_NUMBERS, row_blocks


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 100)).astype(np.float32)
    return X, np.maximum(X[:, :5], 0).sum(1)


def peak_of(function, *args, **kwargs):
    """Largest sum of NumPy arrays that a call holds at once, in bytes."""
    tracemalloc.start()
    try:
        function(*args, **kwargs)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_memory_map_is_a_table(tmp_path, regression, early_stopping, weighted):
    X, y = regression
    np.save(tmp_path / "X.npy", X.astype(np.float32))
    weight = np.arange(len(y)) % 3.0 if weighted else None
    models = [
        SpectralMLPRegressor(
            encoding="linear",
            hidden_layer_sizes=5,
            max_iter=3,
            early_stopping=early_stopping,
            random_state=0,
        ).fit(np.load(tmp_path / "X.npy", mmap_mode=mode), y, sample_weight=weight)
        for mode in (None, "r")
    ]
    assert models[0].loss_curve_ == models[1].loss_curve_
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    np.testing.assert_array_equal(models[0].predict(X), models[1].predict(X))
    assert models[1].predict(mapped).shape == y.shape


@pytest.mark.parametrize("parameters", [{}, {"early_stopping": True}])
@pytest.mark.parametrize("left_out", [0, 1])
def test_a_fit_makes_no_numpy_copy_of_the_rows(
    table, monkeypatch, parameters, left_out
):
    # The one copy there is, standardised, belongs to torch.
    monkeypatch.setattr(statistics, "BLOCK_NUMBERS", 2000)
    X, y = table
    weight = np.ones(len(y))
    weight[:left_out] = 0
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=2, max_iter=1, **parameters
    )
    assert peak_of(model.fit, X, y, sample_weight=weight) < X.nbytes / 2


def test_predicted_classes_cost_no_table_of_probabilities(table):
    X, y = table
    labels = y.argsort().argsort() // 200
    model = SpectralMLPClassifier(encoding="linear", hidden_layer_sizes=2, max_iter=1)
    model.fit(X[::10], labels[::10])
    X = np.tile(X, (4, 1))
    probabilities = len(X) * len(model.classes_) * 8
    assert peak_of(model.predict, X) < probabilities / 2
    assert peak_of(model.predict_proba, X) < probabilities * 2


@pytest.mark.parametrize("width", [1, 20, 5000, 10 * BLOCK_NUMBERS])
def test_blocks_are_all_rows_once_and_bounded(width):
    n_rows = 100 if width > BLOCK_NUMBERS else 100_000
    blocks = list(row_blocks(n_rows, width))
    lengths = [block.stop - block.start for block in blocks]
    assert [b.start for b in blocks] == [0, *np.cumsum(lengths)[:-1]]
    assert sum(lengths) == n_rows
    assert max(lengths) <= max(1, BLOCK_NUMBERS // width)


def test_a_message_about_many_classes_is_short():
    labels = np.arange(2000) % 1000
    model = SpectralMLPClassifier(encoding="linear", hidden_layer_sizes=2, max_iter=1)
    X = np.zeros((2000, 1))
    model.partial_fit(X, labels)
    with pytest.raises(ValueError, match=r"classes \[0, 1, .*\.\.\.\]") as error:
        model.partial_fit(X, labels + 1)
    assert len(str(error.value)) < 300
