"""Classes without weight, missing targets, constant targets and columns."""

import datetime
from functools import partial

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from skspectral import (
    SpectralGridSearchCV,
    SpectralMLPClassifier,
    SpectralMLPRegressor,
    SpectralPruner,
    null_importances,
    pruning_curve,
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
    model = make(SpectralMLPClassifier(encoding="linear", **QUICK)).fit(
        X, y, sample_weight=weight
    )
    assert model.classes_.tolist() == expected.classes_.tolist() == [0, 1, 2]
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (150, 3)
    assert probabilities[y != 2, 2].max() < 0.05
    assert (model.predict(X)[y != 2] == y[y != 2]).mean() > 0.95
    # Its rows only say that the class exists.
    moved = np.where(weight[:, None] > 0, X, 1e3)
    again = make(SpectralMLPClassifier(encoding="linear", **QUICK)).fit(
        moved, y, sample_weight=weight
    )
    if not isinstance(model, SpectralGridSearchCV):  # whose folds score these rows
        np.testing.assert_array_equal(again.predict_proba(X), probabilities)


def test_a_class_of_class_weight_zero_is_kept():
    X, y = load_iris(return_X_y=True)
    model = SpectralMLPClassifier(encoding="linear", **QUICK, class_weight={2: 0}).fit(
        X, y
    )
    weight = (y != 2).astype(float)
    weighted = SpectralMLPClassifier(encoding="linear", **QUICK).fit(
        X, y, sample_weight=weight
    )
    np.testing.assert_array_equal(model.predict_proba(X), weighted.predict_proba(X))


def test_one_of_two_classes_without_weight_is_kept():
    X, y = load_iris(return_X_y=True)
    X, y = X[y < 2], y[y < 2]
    model = SpectralMLPClassifier(encoding="linear", **QUICK).fit(
        X, y, sample_weight=1.0 - y
    )
    assert model.classes_.tolist() == [0, 1]
    assert model.predict_proba(X)[y == 0, 1].max() < 0.05


def test_chunks_and_warm_starts_keep_a_class_without_weight():
    X, y, weight = iris_without_weight_on_class_two()
    model = SpectralMLPClassifier(
        encoding="linear", hidden_layer_sizes=4, random_state=0
    )
    model.partial_fit(X, y, sample_weight=weight)
    assert model.classes_.tolist() == [0, 1, 2]
    model.partial_fit(X, y)
    warm = SpectralMLPClassifier(encoding="linear", **QUICK, warm_start=True).fit(X, y)
    warm.fit(X, y, sample_weight=weight)
    assert warm.predict_proba(X).shape == (150, 3)


def test_bagging_voting_and_log_loss_meet_every_class():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = (rng.random(200) < 0.05).astype(int)
    network = SpectralMLPClassifier(encoding="linear", **QUICK)
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
    pd.Series(pd.to_datetime(["2020", "2021", None, "2020"])),
    ("a", "b", pd.NA, "a"),
    np.ma.array([1, 0, 1, 0], mask=[0, 0, 1, 0]),
    np.array([[1, 0], [0, 1], [np.nan, 1], [1, 1]]),
    sparse.csr_matrix([[1, 0], [0, 1], [np.nan, 1], [1, 1]]),
]


@pytest.mark.parametrize("y", MISSING, ids=lambda y: f"{type(y).__name__}")
def test_missing_labels_are_refused(y):
    X = np.arange(4.0)[:, None]
    model = SpectralMLPClassifier(encoding="linear", **QUICK)
    message = r"Input y contains NaN.*a class in every row; got .* in row 2.*Leave"
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    with pytest.raises(ValueError, match=message):
        model.partial_fit(X, y)


@pytest.mark.parametrize("kind", ["Series", "Categorical", "array", "dictionary"])
def test_missing_labels_of_other_libraries_are_refused(kind):
    X, values = np.arange(4.0)[:, None], ["a", "b", None, "a"]
    if kind in ("Series", "Categorical"):
        pl = pytest.importorskip("polars")
        y = pl.Series(values, dtype=pl.Categorical if kind != "Series" else None)
    else:
        y = pytest.importorskip("pyarrow").array(values)
        y = y.dictionary_encode() if kind == "dictionary" else y
    with pytest.raises(ValueError, match="a class in every row; got None in row 2"):
        SpectralMLPClassifier(encoding="linear", **QUICK).fit(X, y)


def test_the_missing_entry_of_several_targets_is_named():
    X = np.arange(4.0)[:, None]
    for y in ([[1, 2], [3, 4], [5, None], [6, 7]], pd.DataFrame([[1], [2], [None]])):
        rows = len(y)
        with pytest.raises(ValueError, match=r"got (None|np.float64\(nan\)) in row 2"):
            SpectralMLPRegressor(encoding="linear", **QUICK).fit(X[:rows], y)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
def test_a_missing_class_is_refused_among_classes(missing):
    X, y = np.arange(4.0)[:, None], ["a", "b", "a", "b"]
    with pytest.raises(ValueError, match="`classes` must name classes; got .*Leave"):
        SpectralMLPClassifier(encoding="linear").partial_fit(
            X, y, classes=["a", "b", missing]
        )


def test_missing_labels_are_refused_wherever_labels_are_read():
    X, y = np.arange(8.0)[:, None], np.array(["a", "b", None, "a"] * 2, dtype=object)
    network = SpectralMLPClassifier(encoding="linear", **QUICK)
    fitted = clone(network).fit(X, np.where(X[:, 0] > 3, "a", "b"))
    for use in (
        SpectralGridSearchCV(network, {"alpha": [1.0]}, cv=2).fit,
        SpectralPruner(network, max_loss=0.1, cv=2).fit,
        SpectralPruner(network).fit,
        partial(pruning_curve, fitted),
        partial(null_importances, network),
        partial(fitted.prune, refit=True),
    ):
        with pytest.raises(ValueError, match="y must hold a class.*None in row 2"):
            use(X, y)


@pytest.mark.parametrize(
    "y",
    [
        np.array(["2020"] * 3, dtype="datetime64[D]"),
        np.array([1, 2, 3], dtype="timedelta64[D]"),
        np.array([1, 2j, 3], dtype=object),
        np.array([1, "2", 3], dtype=object),
        [datetime.date(2026, 1, 1)] * 3,
    ],
    ids=str,
)
def test_targets_of_a_regression_are_numbers(y):
    X = np.arange(3.0)[:, None]
    with pytest.raises(
        ValueError, match="y must hold numbers; got .*(Make|For classes)"
    ):
        SpectralMLPRegressor(encoding="linear", **QUICK).fit(X, y)


@pytest.mark.parametrize("y", [[1.0, None, 2.0], [1.0, np.nan, 2.0]])
def test_missing_numbers_are_refused(y):
    X = np.arange(3.0)[:, None]
    for targets in (y, pd.Series(y), np.array(y, dtype=object)):
        with pytest.raises(ValueError, match="a number in every row; got .* in row 1"):
            SpectralMLPRegressor(encoding="linear", **QUICK).fit(X, targets)


@pytest.mark.parametrize("gate", ["out", "in", "both"])
def test_a_constant_target_is_predicted_as_that_constant(gate):
    X, y = load_diabetes(return_X_y=True)
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=8, max_iter=5, gate=gate, random_state=0
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


def test_nothing_is_important_to_a_constant_target():
    X, y = load_diabetes(return_X_y=True)
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=8, max_iter=5, random_state=0
    )
    for gate in ("out", "in"):
        one = clone(model).set_params(gate=gate).fit(X, np.full(len(y), 0.1))
        permuted = permutation_importance(one, X, y, n_repeats=1, random_state=0)
        np.testing.assert_array_equal(one.feature_importances_, 0.0)
        np.testing.assert_array_equal(permuted.importances_mean, 0.0)
    both = clone(model).fit(X, np.stack([y, np.full(len(y), -7.0)], 1))
    weights, readout = both.coefs_[0], both.coefs_[1]
    by_hand = np.linalg.norm(weights * np.abs(readout[:, 0]), axis=1) * X.std(0)
    np.testing.assert_allclose(
        both.feature_importances_, by_hand / by_hand.sum(), rtol=1e-4
    )


def test_onnx_predicts_constant_targets_and_columns_alike():
    skl2onnx = pytest.importorskip("skl2onnx")
    runtime = pytest.importorskip("onnxruntime")
    from skspectral.onnx import register_converters

    register_converters()
    X, y = load_diabetes(return_X_y=True)
    X[:, 3] = 0.1
    moved = X.copy()
    moved[:, 3] = 1e6
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=8, alpha=0.0, max_iter=5
    )
    model.fit(X, np.stack([y, np.full(len(y), -7.0)], 1))
    graph = skl2onnx.to_onnx(model, X[:1]).SerializeToString()
    (exported,) = runtime.InferenceSession(graph).run(None, {"X": moved})
    np.testing.assert_array_equal(exported[:, 1], -7.0)
    np.testing.assert_allclose(exported, model.predict(X))


def test_a_target_may_begin_to_vary_in_a_later_chunk():
    X, y = load_diabetes(return_X_y=True)
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=8, alpha=1e-3, random_state=0
    )
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
        encoding="linear",
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
        encoding="linear",
        hidden_layer_sizes=8,
        max_iter=20,
        dtype="float64",
        random_state=0,
    ).fit(X, y)
    X[:, 2] = 0.05
    before = model.predict(X)
    model.set_params(warm_start=True, max_iter=1, learning_rate_init=1e-12)
    after = model.fit(X, y).predict(X)
    np.testing.assert_allclose(after, before, rtol=1e-6)


@pytest.mark.parametrize("standardize", [True, False])
def test_unchecked_nan_is_called_by_its_name(standardize):
    X, y = load_diabetes(return_X_y=True)
    X[7, 2] = np.inf
    model = SpectralMLPRegressor(encoding="linear", **QUICK, standardize=standardize)
    with (
        sklearn.config_context(assume_finite=True),
        pytest.raises(ValueError, match="X must hold finite numbers; got NaN or inf"),
    ):
        model.fit(X, y)


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("name", ["X", "y"])
def test_unchecked_nan_in_validation_rows_is_called_by_its_name(name, standardize):
    X, y = load_diabetes(return_X_y=True)
    X_val, y_val = X.copy(), y.copy()
    if name == "X":
        X_val[7, 2] = np.inf
    else:
        y_val[7] = np.inf
    model = SpectralMLPRegressor(
        encoding="linear", **QUICK, early_stopping=True, standardize=standardize
    )
    message = f"{name} of the validation rows must hold finite numbers; got NaN or inf"
    with (
        sklearn.config_context(assume_finite=True),
        pytest.raises(ValueError, match=message),
    ):
        model.fit(X, y, X_val=X_val, y_val=y_val)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
def test_the_column_of_an_unchecked_nan_is_named(container):
    X, y = load_diabetes(return_X_y=True)
    X[7, 2] = np.inf
    model = SpectralMLPRegressor(encoding="linear", **QUICK, standardize=False)
    with (
        sklearn.config_context(assume_finite=True),
        pytest.raises(ValueError, match="X must hold finite numbers; .* in column 2,"),
    ):
        model.fit(container(X), y)


def test_columns_of_equal_names_are_refused():
    X, y = load_diabetes(return_X_y=True)
    frame = pd.DataFrame(X[:, :3], columns=["a", "b", "a"])
    model = SpectralMLPRegressor(
        encoding="linear", **QUICK | {"max_iter": 2, "gate": "in"}
    )
    fitted = clone(model).fit(X[:, :3], y)
    for use in (
        partial(model.fit, frame, y),
        partial(model.partial_fit, frame, y),
        partial(fitted.predict, frame),
        partial(fitted.prune, frame, merge="fold"),
        partial(null_importances, model, frame, y),
    ):
        with pytest.raises(ValueError, match="different names .*'a' more.*Rename"):
            use()
    model.fit(frame.to_numpy(), y)


def test_rows_of_different_lengths_are_refused():
    ragged, even = [[1.0], [1.0, 2.0]], [[1.0], [2.0]]
    for Model in (SpectralMLPRegressor, SpectralMLPClassifier):
        with pytest.raises(ValueError, match="X must hold rows of one length; got"):
            Model(**QUICK).fit(ragged, [0, 1])
        with pytest.raises(ValueError, match="y must hold rows of one length; got"):
            Model(**QUICK).fit(even, ragged)


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
        (np.array(["1"] * 4, dtype=object), "that fit a float; got '1'"),
        (np.array([np.datetime64("2020")] * 4, dtype=object), "got np.datetime64"),
        (np.array([np.timedelta64(1, "s")] * 4, dtype=object), "got np.timedelta64"),
        (np.ma.array([1.0] * 4, mask=[0, 1, 0, 0]), "got a weight of nan"),
        ([np.inf] * 4, "finite and >= 0; got a weight of inf. Only ratios matter"),
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
    model = SpectralMLPClassifier(encoding="linear", **QUICK, class_weight={0: 1e200})
    with pytest.raises(ValueError, match="sample_weight times class_weight.*finite"):
        model.fit(X, y, sample_weight=[1e200] * 4)
