"""Chunks: statistics, strengths and weights that do not depend on how rows come."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_diabetes, load_iris
from sklearn.preprocessing import StandardScaler

from skspectral import SpectralMLPClassifier, SpectralMLPRegressor
from skspectral._columns import DistinctRows, effective_size


def test_a_stream_may_start_with_one_row():
    X, y = load_diabetes(return_X_y=True)
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=4, random_state=0
    )
    for k in range(60):
        model.partial_fit(X[k : k + 1], y[k : k + 1])
        assert np.isfinite(model.predict(X)).all()
    scaler = StandardScaler().fit(X[:60])
    np.testing.assert_allclose(model._x_columns.statistics.mean, scaler.mean_)
    np.testing.assert_allclose(model._x_columns.statistics.scale, scaler.scale_)
    X, y = load_iris(return_X_y=True)
    classifier = SpectralMLPClassifier(
        encoding="linear", hidden_layer_sizes=4, random_state=0
    )
    classifier.partial_fit(X[:1], y[:1], classes=[0, 1, 2])
    for k in range(0, 150, 7):
        classifier.partial_fit(X[k : k + 1], y[k : k + 1])
    assert classifier.predict_proba(X).shape == (150, 3)


def test_a_fit_still_needs_two_rows():
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        SpectralMLPRegressor(encoding="linear").fit([[1.0]], [1.0])


def test_passes_over_the_same_rows_do_not_weaken_the_penalty():
    X, y = load_diabetes(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    X, y = X[order], y[order]
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=32, random_state=0
    )
    whole = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=32, max_iter=1
    ).fit(X[:300], y[:300])
    for _ in range(60):
        for start in (0, 100, 200):
            chunk = slice(start, start + 100)
            model.partial_fit(X[chunk], y[chunk])
    assert model.alpha_ == whole.alpha_  # 2 / 300
    assert model.score(X[300:], y[300:]) > 0.35


def test_new_rows_weaken_the_penalty_as_in_a_fit():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5000, 3))
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=4, random_state=0
    )
    for start in range(0, 5000, 500):
        model.partial_fit(X[start : start + 500], X[start : start + 500, 0])
    assert model.alpha_ == pytest.approx(2 / 5000, rel=0.1)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("n", [1, 700, 20_000])
def test_different_rows_are_counted(container, n):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(n, 3)), rng.normal(size=(n, 1))
    X[::3, 1] = 0
    rows = DistinctRows()
    for _ in range(3):
        order = rng.permutation(n)
        rows.add(container(X[order]), y[order])
    exact = n < 1024
    assert rows.count == n if exact else rows.count == pytest.approx(n, rel=0.12)
    # Equal inputs of another target are another row; minus zero is zero.
    rows = DistinctRows()
    rows.add(container(np.array([[0.0, 1.0], [-0.0, 1.0], [0.0, 1.0]])), np.eye(3, 1))
    assert rows.count == 2


def test_a_chunk_counts_by_its_rows_whatever_it_weighs():
    X, y = load_diabetes(return_X_y=True)
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=4, random_state=0
    )
    for scale in (1.0, 1000.0):
        chunks = SpectralMLPRegressor(
            encoding="linear", hidden_layer_sizes=4, random_state=0
        )
        chunks.partial_fit(X[:200], y[:200], sample_weight=np.ones(200))
        chunks.partial_fit(X[200:400], y[200:400], sample_weight=np.full(200, scale))
        np.testing.assert_allclose(
            chunks._x_columns.statistics.mean, X[:400].mean(0), atol=1e-12
        )
    model.partial_fit(X[:200], y[:200]).partial_fit(X[200:400], y[200:400])
    np.testing.assert_allclose(chunks.predict(X), model.predict(X), rtol=1e-4)


def test_auto_alpha_counts_what_rows_say():
    assert effective_size(None, 7) == 7
    assert effective_size(np.full(7, 3e-7), 7) == 7
    rng = np.random.default_rng(0)
    # Rows of weight w repeated: the variance of a weighted mean, by simulation.
    w = np.repeat([1.0, 3.0], [60, 20])
    means = (rng.normal(size=(40_000, 80)) * w).sum(1) / w.sum()
    assert effective_size(w, 80) == pytest.approx(1 / means.var(), rel=0.03)
    X = rng.normal(size=(10_000, 5))
    y = X[:, 0] * X[:, 1]
    weight = np.where(np.arange(10_000) < 300, 1.0, 1e-6)
    model = SpectralMLPRegressor(encoding="linear", hidden_layer_sizes=4, max_iter=1)
    assert model.fit(X, y).alpha_ == 2e-4
    assert model.fit(X, y, sample_weight=np.full(10_000, 5.0)).alpha_ == 2e-4
    model.fit(X, y, sample_weight=weight)
    assert model.alpha_ == pytest.approx(2 / 300, rel=0.1)


def test_chunks_after_a_weighted_fit_count_by_their_rows():
    X, y = load_diabetes(return_X_y=True)
    weight = np.where(np.arange(400) < 100, 1000.0, 1e-3)
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=4, max_iter=2, random_state=0
    )
    model.fit(X[:400], y[:400], sample_weight=weight)
    strength = model.alpha_
    model.partial_fit(X[400:], y[400:])
    scaler = StandardScaler().partial_fit(X[:400], sample_weight=weight / weight.mean())
    scaler.partial_fit(X[400:], sample_weight=np.ones(len(X) - 400))
    np.testing.assert_allclose(
        model._x_columns.statistics.mean, scaler.mean_, atol=1e-12
    )
    np.testing.assert_allclose(model._x_columns.statistics.scale, scaler.scale_)
    # 100 rows, then 42: at 2 / 142 the strength is still the largest there is.
    assert model.alpha_ == strength == 1e-2


def test_passes_are_not_taken_for_rows_to_fold_on():
    X, y = load_diabetes(return_X_y=True)
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=8, alpha=1e-2, random_state=0
    )
    for _ in range(20):
        model.partial_fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "prune removed")
        model.prune(X, merge="fold")
