"""Column statistics: against NumPy, over chunks, and with weights."""

import numpy as np
import pytest
from scipy import sparse

from skspectral._columns import statistics
from skspectral._columns.statistics import column_statistics, identity_statistics


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(statistics, "BLOCK_NUMBERS", 7 * 4)


@pytest.fixture
def table():
    X = np.random.default_rng(0).normal(size=(50, 4)) * [1, 1e-6, 1e6, 1]
    X[:, 2] += 1.7e9
    X[:, 3] = 0.1
    return X


@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_matrix])
def test_statistics_are_numpys(table, layout):
    columns = column_statistics(layout(table), None)
    np.testing.assert_allclose(columns.mean, table.mean(0))
    np.testing.assert_allclose(columns.scale[:3], table.std(0)[:3], rtol=1e-6)
    assert columns.scale[3] == 1.0  # constant


def test_a_weight_is_a_repetition(table):
    weight = np.random.default_rng(1).integers(0, 4, size=50)
    weighted = column_statistics(table, weight.astype(float))
    repeated = column_statistics(np.repeat(table, weight, 0), None)
    np.testing.assert_allclose(weighted.mean, repeated.mean)
    np.testing.assert_allclose(weighted.scale, repeated.scale, rtol=1e-6)


def test_merged_statistics_are_those_of_all_rows(table):
    parts = [column_statistics(part, None) for part in (table[:3], table[3:30])]
    merged = parts[0].merge(parts[1]).merge(column_statistics(table[30:], None))
    whole = column_statistics(table, None)
    np.testing.assert_allclose(merged.mean, whole.mean)
    np.testing.assert_allclose(merged.scale, whole.scale, rtol=1e-6)
    assert merged.n_rows == 50


def test_neutral_statistics_stay_neutral(table):
    merged = identity_statistics(4).merge(column_statistics(table, None))
    assert (merged.mean == 0).all()
    assert (merged.scale == 1).all()


@pytest.mark.parametrize("value", [0.1, 1 / 3, 273.15, -1e9 / 7])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_constant_has_no_deviation(value, weighted):
    """Its sum over rows is rounded, and so is what a mean of that sum gives."""
    rng = np.random.default_rng(0)
    table = rng.normal(size=(20_000, 4))
    table[:, 2] = value
    weight = rng.uniform(0.5, 2, size=len(table)) if weighted else None
    columns = column_statistics(table, weight)
    assert columns.mean[2] == value
    assert columns.variance[2] == 0
    assert columns.is_constant.tolist() == [False, False, True, False]
    assert columns.scale[2] == 1
    mean = np.average(table, axis=0, weights=weight)
    variance = np.average((table - mean) ** 2, axis=0, weights=weight)
    np.testing.assert_allclose(columns.mean, mean, rtol=1e-12, atol=1e-12)
    varies = ~columns.is_constant
    np.testing.assert_allclose(columns.variance[varies], variance[varies], rtol=1e-9)
    halves = [column_statistics(t, None) for t in np.split(table, 2)]
    assert halves[0].merge(halves[1]).scale[2] == 1


@pytest.mark.parametrize("weighted", [False, True])
def test_a_sparse_column_whose_variance_overflows_is_named(weighted):
    X = np.where(np.arange(12).reshape(6, 2) % 3, 0, 1e155)
    X[:, 0] = 1
    weight = np.arange(1.0, 7.0) if weighted else None
    for table in (X, sparse.csr_array(X)):
        with pytest.raises(ValueError, match="column 1 has values up to 1e[+]155"):
            column_statistics(table, weight)
