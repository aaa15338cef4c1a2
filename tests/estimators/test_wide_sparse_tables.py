"""Wide sparse tables, as texts are: never dense, and the same numbers as dense ones."""

import numpy as np
import pytest
from scipy import sparse

from skspectral import SpectralMLPClassifier, SpectralMLPRegressor
from skspectral._engine import sparse_layer
from skspectral._engine.rows import SparseRows
from skspectral._engine.sparse_layer import SparseLayer

SHORT = {"encoding": "linear", "max_iter": 4, "random_state": 0, "dtype": "float64"}


def texts(n_rows=120, n_columns=2000, *, density=0.01, missing=False, kind="csr"):
    rng = np.random.default_rng(0)
    X = sparse.random_array((n_rows, n_columns), density=density, rng=rng, format="csr")
    if missing:
        X.data[::19] = np.nan
    y = np.nan_to_num(X[:, :20].toarray()).sum(1) + 0.1 * rng.normal(size=n_rows)
    return X.asformat(kind), y


@pytest.fixture
def layers(monkeypatch):
    """Count the first layers that read sparse rows."""
    made = []
    start = SparseLayer.__init__

    def init(self, *args, **options):
        made.append(self)
        start(self, *args, **options)

    monkeypatch.setattr(SparseLayer, "__init__", init)
    return made


@pytest.mark.parametrize("kind", ["csr", "csc"])
@pytest.mark.parametrize("standardize", [True, False])
def test_fits_and_predictions_are_those_of_dense_rows(standardize, kind, layers):
    X, y = texts(kind=kind)
    options = {"hidden_layer_sizes": 80, "standardize": standardize} | SHORT
    own = SpectralMLPRegressor(**options).fit(X, y)
    assert layers
    dense = SpectralMLPRegressor(**options).fit(X.toarray(), y)
    np.testing.assert_allclose(own.predict(X), dense.predict(X.toarray()), rtol=1e-6)
    np.testing.assert_allclose(dense.predict(X), dense.predict(X.toarray()), rtol=1e-9)
    np.testing.assert_allclose(own.loss_curve_, dense.loss_curve_, rtol=1e-9)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("early_stopping", [True, False])
def test_classifiers_with_weights(fit_intercept, early_stopping, layers):
    X, y = texts()
    labels = np.digitize(y, np.quantile(y, [0.3, 0.6]))
    weight = np.random.default_rng(1).uniform(0.5, 2, len(y))
    options = {
        "hidden_layer_sizes": (80, 5),
        "fit_intercept": fit_intercept,
        "early_stopping": early_stopping,
    } | SHORT
    own = SpectralMLPClassifier(**options).fit(X, labels, weight)
    assert layers
    dense = SpectralMLPClassifier(**options).fit(X.toarray(), labels, weight)
    found, expected = own.predict_proba(X), dense.predict_proba(X.toarray())
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_no_more_than_a_minibatch_is_made_dense(monkeypatch, layers):
    taken = []
    take = SparseRows.take

    def noted(self, index, out):
        taken.append(len(index))
        take(self, index, out)

    monkeypatch.setattr(SparseRows, "take", noted)
    monkeypatch.setattr(sparse_layer, "SMALLEST", 2**13)
    X, y = texts(400, 5000)
    SpectralMLPRegressor(
        hidden_layer_sizes=40, batch_size=50, **SHORT | {"max_iter": 90}
    ).fit(X, y)
    assert layers
    assert max(taken, default=0) <= 50  # where dead nodes are looked for


def test_columns_far_from_zero_are_centred_first(layers):
    X, _ = texts()
    time = 1.7e9 + np.arange(X.shape[0])  # seconds since 1970
    X = sparse.hstack([X, time[:, None]], format="csr")
    y = np.sin(np.arange(X.shape[0]) / 9)
    options = {"hidden_layer_sizes": 80} | SHORT | {"dtype": "float32", "max_iter": 50}
    own = SpectralMLPRegressor(**options).fit(X, y)
    dense = SpectralMLPRegressor(**options).fit(X.toarray(), y)
    assert not layers
    np.testing.assert_allclose(own.predict(X), dense.predict(X.toarray()), atol=1e-3)


def test_read_only_tables_are_read_in_silence(recwarn):
    X, y = texts()
    for own in (X.data, X.indices, X.indptr):
        own.setflags(write=False)
    reg = SpectralMLPRegressor(hidden_layer_sizes=80, **SHORT).fit(X, y)
    reg.predict(X)
    assert not [w for w in recwarn if "writable" in str(w.message)]


def test_missing_values_and_partial_fit():
    X, y = texts(missing=True)
    options = {"hidden_layer_sizes": 80} | SHORT
    own = SpectralMLPRegressor(**options).fit(X, y)
    np.testing.assert_allclose(own.predict(X), own.predict(X.toarray()), rtol=1e-9)
    X, y = texts()
    options = {"hidden_layer_sizes": 80} | SHORT | {"alpha": 1e-3}
    first, second = slice(0, 60), slice(60, None)
    own, dense = (SpectralMLPRegressor(**options) for _ in range(2))
    for rows in (first, second):
        own.partial_fit(X[rows], y[rows])
        dense.partial_fit(X[rows].toarray(), y[rows])
    np.testing.assert_allclose(own.predict(X), dense.predict(X.toarray()), rtol=1e-6)


@pytest.mark.parametrize("density", [0.02, 0.5])
@pytest.mark.parametrize("hidden", [(), 10, (10, 4)])
def test_predictions_from_tables_of_any_density(density, hidden):
    X, y = texts(90, 60, density=density)
    reg = SpectralMLPRegressor(hidden_layer_sizes=hidden, **SHORT).fit(X, y)
    np.testing.assert_allclose(reg.predict(X), reg.predict(X.toarray()), rtol=1e-9)
    one = [reg.predict(X[i : i + 1])[0] for i in range(5)]
    np.testing.assert_allclose(one, reg.predict(X)[:5], rtol=1e-12)
