"""Column statistics: against NumPy, over chunks, and with weights."""

import numpy as np
import pytest
from scipy import sparse

from skspectral import _scaling
from skspectral._scaling import column_statistics, neutral


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(_scaling, "BLOCK_NUMBERS", 7 * 4)


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
    assert merged.mass == 50


def test_neutral_statistics_stay_neutral(table):
    merged = neutral(4).merge(column_statistics(table, None))
    assert (merged.mean == 0).all()
    assert (merged.scale == 1).all()
