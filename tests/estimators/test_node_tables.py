"""Predictions by lookup are those of the inputs, written out."""

import numpy as np
import pandas as pd
import pytest
import torch

from skspectral import SpectralMLPRegressor


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("columns", ["ramps", "categories", "gaps", "all"])
@pytest.mark.parametrize("hidden", [(7,), (6, 5)])
def test_lookups_are_the_network_on_inputs(columns, hidden, rng):
    n = 300
    X = pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n) * 1e6})
    if columns in ("gaps", "all"):
        X.loc[::7, "b"] = np.nan
    if columns in ("categories", "all"):
        X["c"] = rng.choice(["u", "v", "w"], n)
    encoding = "linear" if columns in ("categories", "gaps") else "piecewise"
    model = SpectralMLPRegressor(
        hidden_layer_sizes=hidden,
        encoding=encoding,
        max_iter=30,
        random_state=0,
        dtype="float64",
    ).fit(X, np.sin(3 * X["a"]) + (X["b"].fillna(0) > 0))
    new = X.iloc[[0, 1, 2, 3, 4, 5, 6, 7]].copy()
    new["a"] = [-1e3, 1e3, 0.0, np.nan, X["a"].min(), X["a"].max(), 1e-300, 7.0]
    if columns == "all":
        new.loc[new.index[3], "c"] = "never seen"
    rows = torch.from_numpy(np.asarray(model.encoder_.to_numbers(new), dtype=float))
    with torch.no_grad():
        expected = model.to_torch()(rows)[:, 0].numpy()
    np.testing.assert_allclose(model.predict(new), expected, rtol=1e-10, atol=1e-10)
    for place in range(len(new)):  # alone as in company
        alone = model.predict(new.iloc[[place]])
        np.testing.assert_allclose(alone, expected[[place]], rtol=1e-10, atol=1e-10)


def test_rows_on_knots_and_of_equal_numbers(rng):
    X = rng.integers(0, 4, (200, 2)).astype(float)
    model = SpectralMLPRegressor(
        hidden_layer_sizes=8,
        encoding="piecewise",
        max_iter=30,
        random_state=0,
        dtype="float64",
    ).fit(X, X[:, 0] ** 2 - X[:, 1])
    grid = np.stack(np.meshgrid(np.arange(-1, 5.5, 0.5), np.arange(-1, 5.5, 0.5)))
    grid = grid.reshape(2, -1).T
    with torch.no_grad():
        expected = model.to_torch()(torch.from_numpy(grid))[:, 0].numpy()
    np.testing.assert_allclose(model.predict(grid), expected, rtol=1e-10, atol=1e-10)


def test_knots_as_near_as_the_smallest_numbers(rng):
    X = np.c_[rng.choice([0, 1e-310, 2e-310, 0.1, 0.5, 1.0], 400), rng.normal(size=400)]
    model = SpectralMLPRegressor(
        hidden_layer_sizes=8, encoding="piecewise", max_iter=30, random_state=0
    ).fit(X, (X[:, 0] > 0) + X[:, 1])
    with torch.no_grad():
        expected = model.to_torch()(torch.from_numpy(X))[:, 0].numpy()
    np.testing.assert_allclose(model.predict(X), expected, atol=1e-5)
