"""Relevance of inputs, on data whose truth is known."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.feature_selection import RFE, RFECV, SelectFromModel
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline

from skspectral import (
    PruningCurveDisplay,
    RegularizationPathDisplay,
    RelevanceDisplay,
    SpectralMLPClassifier,
    SpectralMLPRegressor,
    null_importances,
    pruning_curve,
    regularization_path,
)
from skspectral._inspection import importances as module

SIGMA = 0.5  # of every column, as in Chicchi et al., Commun. Phys. 2026

few_repeats = pytest.mark.filterwarnings("ignore:.*repeats cannot tell")


def shifted_gaussians(n_rows, rng):
    """20 columns, of which 11 are shifted in class 1, by 0.2 to 1.4."""
    shifts = np.zeros(20)
    shifts[rng.permutation(20)[:11]] = np.linspace(0.2, 1.4, 11)
    y = rng.integers(0, 2, n_rows)
    return SIGMA * rng.normal(size=(n_rows, 20)) + y[:, None] * shifts, y, shifts


def flipped_pairs(n_rows, rng):
    """4 pairs equal in class 0, often of opposite sign in class 1; 2 noise columns."""
    y = rng.integers(0, 2, n_rows)
    X = SIGMA * rng.normal(size=(n_rows, 10))
    for pair, probability in enumerate((0.7, 0.8, 0.4, 0.6)):
        flip = np.where((rng.random(n_rows) < probability) & (y == 1), -1, 1)
        X[:, 2 * pair + 1] = X[:, 2 * pair] * flip
    order = rng.permutation(10)
    return X[:, order], y, order < 8


def importances(X, y, alpha, seed):
    model = SpectralMLPClassifier(
        encoding="linear",
        hidden_layer_sizes=50,
        gate="in",
        alpha=alpha,
        max_iter=20,
        random_state=seed,
    )
    return model.fit(X, y).feature_importances_


@pytest.mark.filterwarnings("ignore:the core is still forming")
@pytest.mark.parametrize("seed", range(3))
def test_noise_ends_at_zero_and_the_ranking_follows_the_truth(seed):
    X, y, shifts = shifted_gaussians(60_000, np.random.default_rng(seed))
    found = importances(X, y, 1e-3, seed)
    relevant = shifts > 0
    assert roc_auc_score(relevant, found) == 1.0
    assert found[~relevant].max() < 1e-6
    order = found[relevant].argsort()
    np.testing.assert_array_equal(order, shifts[relevant].argsort())


@pytest.mark.filterwarnings("ignore:the core is still forming")
@pytest.mark.parametrize("seed", range(3))
def test_pairs_whose_marginals_tell_nothing_are_found(seed):
    X, y, relevant = flipped_pairs(20_000, np.random.default_rng(seed))
    found = importances(X, y, 1e-3, seed)
    assert found[relevant].min() > 10 * found[~relevant].max()


def product_of_two(n_rows=1000):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 6))
    return X, X[:, 1] * X[:, 4]


MODEL = SpectralMLPRegressor(
    encoding="linear",
    hidden_layer_sizes=12,
    gate="in",
    alpha=3e-3,
    max_iter=200,
    random_state=0,
)


@pytest.mark.filterwarnings("ignore:the core is still forming")
@pytest.mark.parametrize(
    "selector",
    [
        SelectFromModel(MODEL, threshold=0.05),
        RFE(MODEL, n_features_to_select=2, step=2),
        RFECV(MODEL, step=2, cv=2, min_features_to_select=2),
    ],
    ids=lambda selector: type(selector).__name__,
)
def test_selectors_keep_the_right_columns(selector):
    X, y = product_of_two()
    X = pd.DataFrame(X, columns=list("abcdef"))
    chosen = selector.set_output(transform="pandas").fit(X, y)
    assert list(chosen.get_feature_names_out()) == ["b", "e"]
    assert list(chosen.transform(X).columns) == ["b", "e"]


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array, pd.DataFrame])
def test_columns_rise_above_their_permuted_copies(kind):
    X, y = product_of_two()
    result = null_importances(MODEL, kind(X), y, n_repeats=20, random_state=0)
    assert result.importances.shape == result.null.shape == (6, 20)
    np.testing.assert_allclose((result.importances + result.null).sum(0), 1.0)
    for column, p_value in enumerate(result.p_values):
        lost = sum(
            max(result.null[:, k]) >= result.importances[column, k] for k in range(20)
        )
        assert p_value == (1 + lost) / 21
    np.testing.assert_array_equal(result.support, [0, 1, 0, 0, 1, 0])
    np.testing.assert_array_equal(result.support, result.p_values <= 0.05)
    np.testing.assert_array_equal(result.stability == 1.0, result.support)
    if kind is pd.DataFrame:
        assert result.feature_names is None  # numbers are no names


@few_repeats
def test_the_copies_are_new_in_each_network():
    X, y = product_of_two()
    result = null_importances(
        MODEL.set_params(alpha=0.0), X, y, n_repeats=2, random_state=0
    )
    MODEL.set_params(alpha=3e-3)
    assert (result.null[:, 0] != result.null[:, 1]).all()


def test_a_target_that_is_noise_selects_nothing():
    X, _ = product_of_two()
    y = np.random.default_rng(1).normal(size=len(X))
    result = null_importances(MODEL, X, y, n_repeats=20, random_state=0)
    assert not result.support.any()


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (Ridge(), {}, "trains SpectralMLPRegressor.*got Ridge"),
        (make_pipeline(MODEL), {}, r"got Pipeline. From a Pipeline, pass `pipe\[-1\]`"),
        (MODEL, {"n_repeats": 0}, "`n_repeats` must be .* >= 1; got n_repeats=0"),
        (MODEL, {"n_repeats": True}, "got n_repeats=True. A level of 0.05 needs 19"),
        (MODEL, {"level": 5}, r"`level` must be in \(0, 1\); got level=5. It is"),
        (MODEL, {"level": np.nan}, "got level=nan"),
    ],
)
def test_bad_input_is_refused(model, options, message):
    with pytest.raises(ValueError, match=message):
        null_importances(model, *product_of_two(), **options)


@few_repeats
def test_names_are_those_that_fit_would_see():
    X = np.random.default_rng(0).normal(size=(60, 2))
    model = SpectralMLPRegressor(
        encoding="linear", gate="in", hidden_layer_sizes=4, max_iter=2
    )
    for frame, names in (
        (pd.DataFrame(X, columns=["a", "b"]), ["a", "b"]),
        (pd.DataFrame(X), None),
    ):
        found = null_importances(model, frame, X[:, 0], n_repeats=1).feature_names
        assert (None if found is None else list(found)) == names
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table({"a": X[:, 0], "b": X[:, 1]})
    found = null_importances(model, table, X[:, 0], n_repeats=1).feature_names
    assert list(found) == ["a", "b"]


def test_infinite_values_are_told_of():
    X = np.random.default_rng(0).normal(size=(60, 2))
    X[3, 1] = np.inf
    model = SpectralMLPRegressor(
        encoding="linear", gate="in", hidden_layer_sizes=4, max_iter=2
    )
    with pytest.raises(ValueError, match="Input X contains infinity"):
        null_importances(model, X, X[:, 0])


@pytest.mark.parametrize("n_repeats", [10, 30])
def test_more_repeats_select_the_same_columns(n_repeats):
    X = np.random.default_rng(0).normal(size=(500, 5))
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=16, gate="in", alpha=1e-3
    )
    y = X[:, 0] * X[:, 1]
    options = {"n_repeats": n_repeats, "level": 0.1, "random_state": 0}
    result = null_importances(model, X, y, **options)
    assert np.flatnonzero(result.support).tolist() == [0, 1]


def test_noise_is_selected_at_the_level_however_many_the_repeats():
    # A strong penalty and a linear network follow what the rows show by chance.
    model = SpectralMLPRegressor(
        encoding="linear",
        hidden_layer_sizes=4,
        max_iter=300,
        gate="in",
        alpha=3e-2,
        activation="identity",
    )
    n_tables = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=(100, 5)), rng.normal(size=100)
        result = null_importances(model, X, y, n_repeats=40, random_state=seed)
        n_tables += result.support.any()
    # At level .05 four or more of 20 have a probability of 2 %.
    assert n_tables < 4


def test_tables_come_in_turns_and_change_nothing(monkeypatch):
    X, y = product_of_two(200)
    model = clone(MODEL).set_params(dtype="float64", max_iter=10)
    options = {"n_repeats": 7, "level": 0.2, "random_state": 0}
    together = null_importances(model, X, y, **options)
    monkeypatch.setattr(module, "TABLE_BYTES", 1)
    in_turns = null_importances(model, X, y, **options)
    np.testing.assert_allclose(in_turns.importances, together.importances, rtol=1e-9)


def test_too_few_repeats_are_reported():
    X, y = product_of_two(100)
    with pytest.warns(UserWarning, match="3 repeats cannot tell .*n_repeats to 19"):
        result = null_importances(MODEL, X, y, n_repeats=3, random_state=0)
    assert not result.support.any()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        null_importances(clone(MODEL).set_params(max_iter=1), X, y, n_repeats=19)


def test_a_class_is_refused_with_a_way_out():
    X, y = product_of_two(50)
    for call in (
        lambda: null_importances(SpectralMLPRegressor, X, y),
        lambda: pruning_curve(SpectralMLPRegressor, X, y),
        lambda: regularization_path(SpectralMLPRegressor, X, y),
        lambda: RelevanceDisplay.from_estimator(SpectralMLPRegressor),
        lambda: PruningCurveDisplay.from_estimator(SpectralMLPRegressor, X, y),
        lambda: RegularizationPathDisplay.from_estimator(SpectralMLPRegressor, X, y),
    ):
        with pytest.raises((TypeError, ValueError), match="an instance is needed"):
            call()


def test_independent_fits_of_a_path_are_plain_fits():
    X, y = product_of_two(200)
    model = SpectralMLPRegressor(
        encoding="linear",
        hidden_layer_sizes=6,
        max_iter=10,
        dtype="float64",
        random_state=0,
    )
    alphas = [1e-3, 1e-2, 1e-1]
    path = regularization_path(model, X, y, alphas=alphas, warm_start=False)
    for k, alpha in enumerate(alphas):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            alone = clone(model).set_params(alpha=alpha).fit(X, y)
        np.testing.assert_allclose(path.relevances[0][k], alone.feature_relevance_)
        assert path.train_scores[k] == pytest.approx(alone.score(X, y))
