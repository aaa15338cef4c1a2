"""The encoder alone: against scikit-learn's own encoders, and what it refuses."""

import datetime
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_friedman1
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, SplineTransformer, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skspectral import ColumnEncoder, SpectralMLPRegressor

REASON = "a row of weight 2 is not two rows where the additive model counts rows"
CHECKS = {
    "check_sample_weight_equivalence_on_dense_data": REASON,
    "check_sample_weight_equivalence_on_sparse_data": REASON,
}


@parametrize_with_checks(
    [ColumnEncoder(), ColumnEncoder(encoding="piecewise", n_knots=4)],
    expected_failed_checks=lambda encoder: CHECKS if encoder.encoding == "auto" else {},
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_the_functions_are_those_of_linear_splines(rng):
    """Ramps span what SplineTransformer's hats of degree 1 span, on the same knots."""
    X, y = rng.normal(size=(300, 1)), rng.normal(size=300)
    encoder = ColumnEncoder(encoding="piecewise", n_knots=7).fit(X)
    (knots,) = encoder.knots_.values()
    splines = SplineTransformer(degree=1, knots=knots[:, None]).fit(X)
    ours = LinearRegression().fit(encoder.transform(X), y)
    theirs = LinearRegression().fit(splines.transform(X), y)
    np.testing.assert_allclose(
        ours.predict(encoder.transform(X)), theirs.predict(splines.transform(X))
    )


def test_without_ramps_numbers_are_scaled_as_by_standard_scaler(rng):
    X = rng.normal(size=(50, 3)) * [1, 1e6, 1e-6] + [1e3, 0, 3]
    ours = ColumnEncoder(encoding="linear").fit_transform(X)
    np.testing.assert_allclose(ours, StandardScaler().fit_transform(X), rtol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_knots", [3, 10, 48])
def test_ramps_have_the_spread_of_tau(rng, n_knots, weighted):
    X = rng.exponential(size=(400, 2))
    weight = rng.random(400) if weighted else None
    encoder = ColumnEncoder(encoding="piecewise", n_knots=n_knots, tau=3.0)
    Z = encoder.fit(X, sample_weight=weight).transform(X)
    names = encoder.get_feature_names_out()
    mean = np.average(Z, axis=0, weights=weight)
    spread = np.sqrt(np.average((Z - mean) ** 2, axis=0, weights=weight))
    np.testing.assert_allclose(mean, 0, atol=1e-12)
    for column, knots in zip("01", encoder.knots_.values(), strict=True):
        own = [name.startswith(f"x{column}_ramp") for name in names]
        assert sum(own) == len(knots) - 1 <= n_knots
        np.testing.assert_allclose(spread[own], 3.0 / np.sqrt(sum(own)))


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([5.0] * 40, []),  # constant
        ([0.0, 1.0] * 20, []),  # binary: a ramp would be the column itself
        ([0.0, 1.0, 2.0, 7.0] * 10, [0, 1, 2, 7]),  # fewer values than knots
        ([0.0] * 390 + list(range(1, 11)), range(11)),  # most values equal
    ],
)
def test_knots_of_columns_of_few_values(column, expected):
    X = np.array(column, dtype=float)[:, None]
    knots = ColumnEncoder(encoding="piecewise", n_knots=12).fit(X).knots_
    assert [*knots.get("x0", [])] == [*expected]


def test_where_most_values_are_equal_the_others_still_get_knots(rng):
    X = np.where(rng.random(5000) < 0.95, 0.0, rng.exponential(size=5000))[:, None]
    (knots,) = ColumnEncoder(encoding="piecewise", n_knots=20).fit(X).knots_.values()
    assert (knots > 0).sum() >= 9


def test_weights_move_knots_like_repetitions(rng):
    X = rng.normal(size=(200, 1))
    weight = rng.integers(0, 4, size=200)
    one = ColumnEncoder(encoding="piecewise", n_knots=9).fit(X, sample_weight=weight)
    two = ColumnEncoder(encoding="piecewise", n_knots=9).fit(X.repeat(weight, 0))
    np.testing.assert_allclose(one.transform(X), two.transform(X))


def test_missing_numbers_are_means_with_an_indicator(rng):
    X = rng.normal(size=(100, 3))
    X[::7, 0] = np.nan
    X[::5, 2] = np.nan
    encoder = ColumnEncoder(encoding="linear").fit(X)
    Z = encoder.transform(X)
    assert encoder.get_feature_names_out().tolist() == [
        *("x0", "x1", "x2", "x0_missing", "x2_missing")
    ]
    mean, spread = np.nanmean(X, 0), np.nanstd(X, 0)
    filled = SimpleImputer().fit_transform(X)
    np.testing.assert_allclose(Z[:, :3], (filled - mean) / spread, atol=1e-12)
    indicator = MissingIndicator().fit_transform(X)
    np.testing.assert_allclose(Z[:, 3:], indicator - indicator.mean(0))


def test_a_number_missing_for_the_first_time_is_the_mean(rng):
    X = rng.normal(size=(30, 2))
    for kind in ("linear", "piecewise"):
        for standardize in (True, False):
            encoder = ColumnEncoder(encoding=kind, standardize=standardize).fit(X)
            row = [[np.nan, np.nan]]
            expected = encoder.transform(X.mean(0, keepdims=True))
            np.testing.assert_allclose(encoder.transform(row), expected, atol=1e-12)


def test_categories_are_centred_dummies():
    X = pd.DataFrame({"c": ["a"] * 30 + ["b"] * 60 + [None] * 10})
    encoder = ColumnEncoder().fit(X)
    assert encoder.get_feature_names_out().tolist() == ["c_a", "c_b", "c_missing"]
    assert encoder.categories_ == {"c": ["a", "b"]}
    new = pd.DataFrame({"c": ["b", None, "unseen"]})
    share = np.array([0.3, 0.6, 0.1])
    expected = np.array([[0, 1, 0], [0, 0, 1], [0, 0, 0]]) - share
    np.testing.assert_allclose(encoder.transform(new), expected)


def test_rare_and_unseen_categories_share_a_dummy():
    values = ["a"] * 500 + ["b"] * 480 + [f"r{i}" for i in range(15)] + ["s"] * 5
    encoder = ColumnEncoder().fit(pd.DataFrame({"c": values}))
    assert encoder.get_feature_names_out().tolist() == ["c_a", "c_b", "c_rare"]
    rows = encoder.transform(pd.DataFrame({"c": ["r3", "s", "never seen"]}))
    np.testing.assert_allclose(rows, rows[[0]].repeat(3, 0))
    assert rows[0, 2] > 0.9


def test_max_categories_keeps_the_most_frequent():
    values = np.repeat(list("abcdef"), [60, 50, 40, 30, 20, 10])
    encoder = ColumnEncoder(max_categories=2).fit(pd.DataFrame({"c": values}))
    assert encoder.categories_ == {"c": ["a", "b"]}


def test_dummies_and_ridge_predict_like_one_hot(rng):
    X = pd.DataFrame(
        {"n": rng.normal(size=200), "c": rng.choice(list("xyz"), 200), "m": 1.0}
    )
    y = X["n"] + (X["c"] == "x") + 0.1 * rng.normal(size=200)
    one_hot = make_column_transformer(
        (StandardScaler(), ["n", "m"]), (OneHotEncoder(sparse_output=False), ["c"])
    )
    ours = make_pipeline(ColumnEncoder(encoding="linear"), Ridge()).fit(X, y)
    theirs = make_pipeline(one_hot, Ridge()).fit(X, y)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X))


FRAMES = {
    "pandas": lambda data: pd.DataFrame(data),
    "pandas categories": lambda data: pd.DataFrame(data).astype({"c": "category"}),
    "polars": lambda data: pytest.importorskip("polars").DataFrame(data),
    "pyarrow": lambda data: pytest.importorskip("pyarrow").table(data),
    "objects": lambda data: np.array(list(data.values()), dtype=object).T,
    "list": lambda data: [list(row) for row in zip(*data.values(), strict=True)],
}


@pytest.mark.parametrize("kind", FRAMES)
def test_frames_of_all_kinds_are_read_alike(kind):
    data = {
        "n": [1.5, None, 3.0, 4.5] * 10,
        "c": ["x", "y", None, "x"] * 10,
        "b": [True, False, True, True] * 10,
        "i": [3, 1, 2, 2] * 10,
    }
    X = FRAMES[kind](data)
    expected = ColumnEncoder(encoding="piecewise").fit_transform(pd.DataFrame(data))
    encoder = ColumnEncoder(encoding="piecewise").fit(X)
    np.testing.assert_allclose(encoder.transform(X), expected)
    assert len(encoder.knots_) == 2
    assert len(encoder.categories_) == 1


def test_columns_are_named_by_position_mask_or_name(rng):
    X = rng.integers(0, 4, size=(60, 3)).astype(float)
    frame = pd.DataFrame(X, columns=list("abc"))
    one = ColumnEncoder(encoding="linear", categorical_features=[1]).fit_transform(X)
    mask = ColumnEncoder(
        encoding="linear", categorical_features=[False, True, False]
    ).fit_transform(X)
    named = ColumnEncoder(encoding="linear", categorical_features=["b"])
    assert one.shape == (60, 6)
    np.testing.assert_array_equal(one, mask)
    np.testing.assert_array_equal(one, named.fit_transform(frame))


def test_auto_finds_the_columns_that_bend():
    """Columns 0, 1 and 2 of Friedman's function bend; 3 and 4 are lines, 5 on noise."""
    X, y = make_friedman1(2000, noise=1.0, random_state=0)
    assert [*ColumnEncoder().fit(X, y).knots_] == ["x0", "x1", "x2"]
    assert [*ColumnEncoder().fit(X, X[:, 3] * 10).knots_] == []
    assert len(ColumnEncoder().fit(X).knots_) == 10
    classes = np.where(np.abs(X[:, 2] - 0.5) > 0.3, "far", "near")
    assert "x2" in ColumnEncoder().fit(X, classes).knots_


def test_outside_the_rows_of_fit(rng):
    X = rng.uniform(size=(100, 1))
    far = np.array([[-10.0], [10.0]])
    options = {"encoding": "piecewise", "n_knots": 5}
    line = ColumnEncoder(**options, extrapolation="linear").fit(X).transform(far)
    flat = ColumnEncoder(**options, extrapolation="constant").fit(X)
    ends = np.array([X.min(0), X.max(0)])
    np.testing.assert_allclose(flat.transform(far), flat.transform(ends))
    assert line[1, 0] > 30
    np.testing.assert_allclose(line[:, 1:], flat.transform(far)[:, 1:])


@pytest.mark.parametrize("weighted", [False, True])
def test_beyond_the_rows_as_far_as_their_middle_spans(rng, weighted):
    X = rng.exponential(size=(200, 1)) ** 3  # a heavy tail
    weight = rng.integers(1, 4, 200) if weighted else None
    encoder = ColumnEncoder(encoding="piecewise").fit(X, sample_weight=weight)
    rows = X if weight is None else np.repeat(X, weight, axis=0)
    low, high = np.quantile(rows, [0.05, 0.95], method="averaged_inverted_cdf")
    ends = np.array([X.min() - (high - low), X.max() + (high - low)])
    line = clone(encoder).set_params(extrapolation="linear")
    line.fit(X, sample_weight=weight)
    near = np.linspace(*ends, 30)[:, None]
    np.testing.assert_array_equal(encoder.transform(near), line.transform(near))
    far = np.array([[-1e3], [1e6]])
    np.testing.assert_allclose(encoder.transform(far), encoder.transform(ends[:, None]))


def test_one_row_far_outside_does_not_explode():
    rng = np.random.default_rng(0)
    X = rng.exponential(size=(600, 2))
    y = np.minimum(X[:, 0], 1.0) + 0.3 * np.sin(3 * X[:, 1])
    network = SpectralMLPRegressor(encoding="piecewise", max_iter=60, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network.fit(X, y)
    far = network.predict([[1e4, 0.5], [0.5, 1e4]])
    assert y.min() - 3 < far.min()
    assert far.max() < y.max() + 3


@pytest.mark.parametrize("encoding", ["linear", "piecewise"])
def test_sparse_rows_are_encoded_like_dense_ones(rng, encoding):
    X = sparse.random(80, 5, density=0.3, random_state=0, format="csr")
    encoder = ColumnEncoder(encoding=encoding)
    dense = clone(encoder).fit(X.toarray())
    np.testing.assert_allclose(
        encoder.fit_transform(X), dense.transform(X.toarray()), atol=1e-12
    )


def test_chunks_keep_knots_and_merge_statistics(rng):
    X = pd.DataFrame({"n": rng.normal(size=300), "c": rng.choice(["x", "y", "z"], 300)})
    X.loc[::9, "n"] = np.nan
    whole = ColumnEncoder(encoding="piecewise").fit(X)
    chunks = ColumnEncoder(encoding="piecewise")
    for start in range(0, 300, 100):
        chunks.partial_fit(X[start : start + 100])
    first = ColumnEncoder(encoding="piecewise").fit(X[:100])
    np.testing.assert_array_equal(chunks.knots_["n"], first.knots_["n"])
    dummies = [f"c_{value}" for value in "xyz"]
    for encoder in (whole, chunks):
        encoder.set_output(transform="pandas")
    np.testing.assert_allclose(
        chunks.transform(X)[dummies], whole.transform(X)[dummies]
    )


def test_output_frames_and_names(rng):
    X = pd.DataFrame({"size": rng.normal(size=20), "kind": list("ab") * 10})
    encoder = ColumnEncoder(encoding="linear").set_output(transform="pandas").fit(X)
    assert [*encoder.transform(X).columns] == ["size", "kind_a", "kind_b"]
    assert encoder.input_columns_.tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (pd.date_range("2020", periods=40), "'odd' of dates or times"),
        ([datetime.date(2020, 1, 1)] * 40, "'odd' of dates or times"),
        (pd.to_timedelta(range(40), "s"), "DatetimeEncoder"),
        (pd.period_range("2020", periods=40), "'odd' of dates or times"),
        (np.arange(40) * 1j, "'odd' of complex"),
        ([f"a text of its own, {i}" for i in range(40)], "TargetEncoder"),
        ([f"id{i % 39}" for i in range(40)], "40 rows of column 'odd'"),
        ([[1, 2]] * 40, "column 'odd'"),
        ([{"a": 1}] * 40, "column 'odd'"),
    ],
    ids=[
        "dates",
        "objects",
        "durations",
        "periods",
        "complex",
        "text",
        "ids",
        "lists",
        "dicts",
    ],
)
def test_other_columns_are_refused_by_name(column, words):
    X = pd.DataFrame({"n": range(40), "odd": column})
    with pytest.raises((ValueError, TypeError), match=words):
        ColumnEncoder().fit(X)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"encoding": "spline"}, "`encoding` must be one of 'auto'"),
        ({"n_knots": 1}, "`n_knots` must be an integer >= 2"),
        ({"tau": 0}, "`tau` must be a finite number > 0"),
        ({"extrapolation": "none"}, "`extrapolation` must be one of"),
        ({"max_categories": 0}, "`max_categories` must be an integer >= 1"),
        ({"categorical_features": 3.5}, "`categorical_features` must be 'from_dtype'"),
        ({"categorical_features": ["z"]}, "got 'z'"),
        ({"categorical_features": [7]}, "positions below 2; got 7"),
        ({"categorical_features": [True]}, "each of the 2 columns"),
        ({"categorical_features": None}, "got column 'c' of other values"),
    ],
)
def test_parameters_are_checked(parameters, words):
    X = pd.DataFrame({"n": range(40), "c": ["x", "y"] * 20})
    encoder = ColumnEncoder(**parameters)
    with pytest.raises(ValueError, match=words):
        encoder.fit(X)
    assert not hasattr(encoder, "n_features_in_")


def test_read_only_rows_are_read_in_silence():
    """torch warns of them once in a process: whichever test comes first."""
    code = (
        "import warnings, numpy as np; warnings.simplefilter('error');"
        "from skspectral import ColumnEncoder, SpectralMLPRegressor as R;"
        "X = np.random.default_rng(0).normal(size=(60, 2)); X.setflags(write=False);"
        "ColumnEncoder(encoding='piecewise').fit_transform(X);"
        "model = R(hidden_layer_sizes=4, encoding='piecewise', max_iter=600,"
        " random_state=0);"
        "model.fit(X, abs(X[:, 0])).predict(X)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_infinite_numbers_are_refused():
    with pytest.raises(ValueError, match="infinity"):
        ColumnEncoder().fit([[1.0], [np.inf]])


def test_strings_where_fit_saw_numbers_are_refused_by_name():
    encoder = ColumnEncoder().fit(pd.DataFrame({"n": [1.0, 2.0, 3.0]}))
    with pytest.raises(ValueError, match="column 'n' must hold numbers, as in fit"):
        encoder.transform(pd.DataFrame({"n": ["a", "b", "c"]}))
