"""Classes without weight, missing targets, constant targets and columns."""

import datetime

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from skspectral import (
    SpectralGridSearchCV,
    SpectralMLPClassifier,
    SpectralMLPRegressor,
    SpectralPruner,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore:the core is still forming"),
    pytest.mark.filterwarnings("ignore:the relevance of every node"),
    pytest.mark.filterwarnings("ignore:prune removed nothing"),
]
QUICK = {"hidden_layer_sizes": 4, "max_iter": 400, "random_state": 0}


def iris_without_weight_on_class_two():
    X, y = load_iris(return_X_y=True)
    return X, y, (y != 2).astype(float)


@pytest.mark.parametrize(
    "make",
    [
        lambda net: net,
        lambda net: net.set_params(early_stopping=True),
        lambda net: net.set_params(class_weight="balanced"),
        lambda net: SpectralPruner(net),
        lambda net: SpectralGridSearchCV(net, {"alpha": [1e-3]}, cv=2),
    ],
    ids=["network", "early stopping", "balanced", "pruner", "search"],
)
def test_a_class_without_weight_is_kept_as_scikit_learn_does(make):
    X, y, weight = iris_without_weight_on_class_two()
    expected = LogisticRegression().fit(X, y, weight)
    model = make(SpectralMLPClassifier(**QUICK)).fit(X, y, sample_weight=weight)
    assert model.classes_.tolist() == expected.classes_.tolist() == [0, 1, 2]
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (150, 3)
    assert probabilities[y != 2, 2].max() < 0.05
    assert (model.predict(X)[y != 2] == y[y != 2]).mean() > 0.95
    # Its rows only say that the class exists.
    moved = np.where(weight[:, None] > 0, X, 1e3)
    again = make(SpectralMLPClassifier(**QUICK)).fit(moved, y, sample_weight=weight)
    if not isinstance(model, SpectralGridSearchCV):  # whose folds score these rows
        np.testing.assert_array_equal(again.predict_proba(X), probabilities)


def test_a_class_of_class_weight_zero_is_kept():
    X, y = load_iris(return_X_y=True)
    model = SpectralMLPClassifier(**QUICK, class_weight={2: 0}).fit(X, y)
    weight = (y != 2).astype(float)
    weighted = SpectralMLPClassifier(**QUICK).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(model.predict_proba(X), weighted.predict_proba(X))


def test_one_of_two_classes_without_weight_is_kept():
    X, y = load_iris(return_X_y=True)
    X, y = X[y < 2], y[y < 2]
    model = SpectralMLPClassifier(**QUICK).fit(X, y, sample_weight=1.0 - y)
    assert model.classes_.tolist() == [0, 1]
    assert model.predict_proba(X)[y == 0, 1].max() < 0.05


def test_chunks_and_warm_starts_keep_a_class_without_weight():
    X, y, weight = iris_without_weight_on_class_two()
    model = SpectralMLPClassifier(hidden_layer_sizes=4, random_state=0)
    model.partial_fit(X, y, sample_weight=weight)
    assert model.classes_.tolist() == [0, 1, 2]
    model.partial_fit(X, y)
    warm = SpectralMLPClassifier(**QUICK, warm_start=True).fit(X, y)
    warm.fit(X, y, sample_weight=weight)
    assert warm.predict_proba(X).shape == (150, 3)


def test_bagging_voting_and_log_loss_meet_every_class():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = (rng.random(200) < 0.05).astype(int)
    network = SpectralMLPClassifier(**QUICK)
    bagging = BaggingClassifier(
        network, n_estimators=8, max_samples=0.2, random_state=0
    ).fit(X, y)
    assert bagging.predict_proba(X).shape == (200, 2)
    X, y, weight = iris_without_weight_on_class_two()
    voting = VotingClassifier(
        [("a", network), ("b", LogisticRegression())], voting="soft"
    ).fit(X, y, sample_weight=weight)
    assert log_loss(y, voting.predict_proba(X), labels=[0, 1, 2]) > 0
    assert (voting.predict(X)[y != 2] == y[y != 2]).mean() > 0.95


MISSING = [
    ["a", "b", None, "a"],
    ["a", "b", np.nan, "a"],
    [1.0, 0.0, np.nan, 1.0],
    np.array(["a", "b", None, "a"], dtype=object),
    np.array(["2020", "2021", "NaT", "2020"], dtype="datetime64[s]"),
    pd.Series(["a", "b", None, "a"]),
    pd.Series(["a", "b", None, "a"], dtype="string"),
    pd.Series(["a", "b", None, "a"], dtype="category"),
    pd.Series([1, 0, None, 1], dtype="Int64"),
    pd.Series([True, False, None, True], dtype="boolean"),
    pd.DataFrame({"y": ["a", "b", None, "a"]}),
]


@pytest.mark.parametrize("y", MISSING, ids=lambda y: f"{type(y).__name__}")
def test_missing_labels_are_refused(y):
    X = np.arange(4.0)[:, None]
    model = SpectralMLPClassifier(**QUICK)
    message = r"Input y contains NaN.*a class in every row; got .* in row 2.*Leave"
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    with pytest.raises(ValueError, match=message):
        model.partial_fit(X, y)


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_missing_labels_of_other_libraries_are_refused(library):
    X, values = np.arange(4.0)[:, None], ["a", "b", None, "a"]
    if library == "polars":
        y = pytest.importorskip("polars").Series(values)
    else:
        y = pytest.importorskip("pyarrow").array(values)
    with pytest.raises(ValueError, match="a class in every row; got None in row 2"):
        SpectralMLPClassifier(**QUICK).fit(X, y)


@pytest.mark.parametrize("y", [[1.0, None, 2.0], [1.0, np.nan, 2.0]])
def test_missing_numbers_are_refused(y):
    X = np.arange(3.0)[:, None]
    for targets in (y, pd.Series(y), np.array(y, dtype=object)):
        with pytest.raises(ValueError, match="a number in every row; got .* in row 1"):
            SpectralMLPRegressor(**QUICK).fit(X, targets)


@pytest.mark.parametrize("gate", ["out", "in", "both"])
def test_a_constant_target_is_predicted_as_that_constant(gate):
    X, y = load_diabetes(return_X_y=True)
    model = SpectralMLPRegressor(
        hidden_layer_sizes=8, max_iter=5, gate=gate, random_state=0
    )
    one = clone(model).fit(X, np.full(len(y), 0.1))
    np.testing.assert_array_equal(one.predict(X), 0.1)
    both = clone(model).fit(X, np.stack([y, np.full(len(y), -7.0)], 1))
    np.testing.assert_array_equal(both.predict(X)[:, 1], -7.0)
    assert np.ptp(both.predict(X)[:, 0]) > 1
    for fitted in (one, both):
        expected = fitted.predict(X)
        np.testing.assert_allclose(fitted.to_sklearn().predict(X), expected, atol=1e-3)
        exported = fitted.to_torch()(torch.tensor(X)).detach().numpy()
        np.testing.assert_allclose(exported.reshape(expected.shape), expected, 1e-4)
    weight = np.where(y > 100, 2.0, 0.0)
    weighted = clone(model).fit(X, np.where(y > 100, 3.0, y), sample_weight=weight)
    np.testing.assert_array_equal(weighted.predict(X), 3.0)


def test_a_target_may_begin_to_vary_in_a_later_chunk():
    X, y = load_diabetes(return_X_y=True)
    model = SpectralMLPRegressor(hidden_layer_sizes=8, alpha=1e-3, random_state=0)
    model.partial_fit(X, np.full(len(y), 5.0))
    np.testing.assert_array_equal(model.predict(X), 5.0)
    for _ in range(60):
        model.partial_fit(X, y)
    assert model.score(X, y) > 0.3


@pytest.mark.parametrize(
    "options",
    [{"alpha": 0.0}, {"trainable": "eigenvalues"}, {}, {"gate": "in", "alpha": 0.0}],
    ids=str,
)
def test_a_column_that_is_constant_in_training_says_nothing(options):
    X, y = load_diabetes(return_X_y=True)
    X[:, 3] = 0.1
    model = SpectralMLPRegressor(
        **{"hidden_layer_sizes": 8, "max_iter": 5, "dtype": "float64", **options},
        random_state=0,
    ).fit(X, y)
    moved = X.copy()
    moved[:, 3] = 1e6
    expected = model.predict(X)
    np.testing.assert_array_equal(model.predict(moved), expected)
    assert model.feature_importances_[3] == 0
    assert not model.coefs_[0][3].any()
    np.testing.assert_allclose(model.to_sklearn().predict(moved), expected)
    exported = model.to_torch()(torch.tensor(moved))[:, 0].detach().numpy()
    np.testing.assert_allclose(exported, expected)


def test_a_column_that_stops_to_vary_leaves_the_function_where_it_is():
    """A warm start whose new rows hold one value of a column: still the same there."""
    X, y = load_diabetes(return_X_y=True)
    model = SpectralMLPRegressor(
        hidden_layer_sizes=8, max_iter=20, dtype="float64", random_state=0
    ).fit(X, y)
    X[:, 2] = 0.05
    before = model.predict(X)
    model.set_params(warm_start=True, max_iter=1, learning_rate_init=1e-12)
    after = model.fit(X, y).predict(X)
    np.testing.assert_allclose(after, before, rtol=1e-6)


@pytest.mark.parametrize("standardize", [True, False])
def test_unchecked_nan_is_called_by_its_name(standardize):
    import sklearn

    X, y = load_diabetes(return_X_y=True)
    X[7, 2] = np.nan
    model = SpectralMLPRegressor(**QUICK, standardize=standardize)
    with (
        sklearn.config_context(assume_finite=True),
        pytest.raises(ValueError, match="X must hold finite numbers; got NaN or inf"),
    ):
        model.fit(X, y)


TODAY = datetime.date(2026, 1, 1)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1j] * 4, "must hold real numbers; got complex"),
        ([[1.0], [1.0, 2.0], [1.0], [1.0]], "entries of different lengths"),
        (np.array(["2020"] * 4, dtype="datetime64[D]"), "must hold real numbers"),
        ([TODAY] * 4, "that fit a float; got datetime.date"),
        (["1", "2", "3", "x"], "must hold real numbers"),
        ([10**400] * 4, "that fit a float; got 1000"),
        ([1.0, None, 1.0, 1.0], "must hold real numbers that fit a float; got None"),
        ([1.7e308] * 4, "finite sum.*divide them by the largest"),
    ],
    ids=str,
)
def test_weights_that_are_no_numbers_are_refused(weight, message):
    X, y = np.arange(4.0)[:, None], np.array([0, 1, 0, 1])
    for Model in (SpectralMLPRegressor, SpectralMLPClassifier):
        with pytest.raises(ValueError, match=message):
            Model(**QUICK).fit(X, y, sample_weight=weight)


def test_weights_that_overflow_with_class_weights_are_refused():
    X, y = np.arange(4.0)[:, None], np.array([0, 1, 0, 1])
    model = SpectralMLPClassifier(**QUICK, class_weight={0: 1e200})
    with pytest.raises(ValueError, match="sample_weight times class_weight.*finite"):
        model.fit(X, y, sample_weight=[1e200] * 4)
