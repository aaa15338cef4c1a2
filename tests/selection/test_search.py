"""A search is GridSearchCV, only faster."""

import copy
import pickle
import re
import time

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone, is_classifier
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, load_iris, make_friedman1
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import Ridge
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, GroupKFold, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skspectral import (
    SpectralGridSearchCV,
    SpectralMLPClassifier,
    SpectralMLPRegressor,
    SpectralPruner,
)
from skspectral._selection import candidates, search
from skspectral._selection.candidates import train_chunk
from skspectral._selection.fold_rows import rows_of

pytestmark = pytest.mark.filterwarnings("ignore:the core is still forming")
QUICK = {"hidden_layer_sizes": 6, "max_iter": 8, "random_state": 0}
DOUBLE = {**QUICK, "dtype": "float64"}


def both(estimator, grid, X, y, *, fit=None, **options):
    """The same search by scikit-learn and by ours."""
    pair = [
        kind(clone(estimator), grid, **options)
        for kind in (GridSearchCV, SpectralGridSearchCV)
    ]
    return [search.fit(X, y, **(fit or {})) for search in pair]


def assert_equal_results(expected, found):
    assert set(found.cv_results_) == set(expected.cv_results_)
    assert found.cv_results_["params"] == expected.cv_results_["params"]
    for key, value in expected.cv_results_.items():
        if "time" in key or key.startswith(("param", "rank")):
            continue  # ranks of equal scores hang on rounding
        np.testing.assert_allclose(found.cv_results_[key], value, atol=1e-9)


CASES = {
    "regressor": (
        SpectralMLPRegressor(encoding="linear", **DOUBLE),
        {
            "hidden_layer_sizes": [4, (6, 3)],
            "alpha": [1e-4, 1e-1],
            "learning_rate_init": [1e-2, 3e-3],
            "alpha_phi": [None, 0.0],
        },
        {"return_train_score": True},
    ),
    "classifier": (
        SpectralMLPClassifier(encoding="linear", **DOUBLE, early_stopping=True),
        [
            {"class_weight": [None, "balanced"], "alpha": [1e-3, 1e-1]},
            {"gate": ["in", "both"], "random_state": [0, 1]},
        ],
        {"scoring": "neg_log_loss", "cv": 3},
    ),
    "pipeline": (
        make_pipeline(
            PolynomialFeatures(include_bias=False),
            SpectralMLPRegressor(encoding="linear", **DOUBLE),
        ),
        [
            {
                "polynomialfeatures__degree": [1, 2],
                "spectralmlpregressor__alpha": [1e-3, 1e-1],
            },
            {"polynomialfeatures": [PolynomialFeatures(2, interaction_only=True)]},
        ],
        {"scoring": ["r2", "neg_mean_absolute_error"], "refit": "r2", "cv": 3},
    ),
    "last step": (
        make_pipeline(StandardScaler(), Ridge()),
        {"ridge": [Ridge(10), SpectralMLPRegressor(encoding="linear", **DOUBLE)]},
        {"cv": ShuffleSplit(3, random_state=0)},
    ),
    "not spectral": (Ridge(), {"alpha": [0.1, 1.0]}, {}),
}


@pytest.mark.parametrize("name", CASES)
def test_the_results_are_those_of_grid_search(name):
    estimator, grid, options = CASES[name]
    load = load_iris if name == "classifier" else load_diabetes
    X, y = load(return_X_y=True)
    expected, found = both(estimator, grid, X, y, **options)
    if name in (
        "last step",
        "pipeline",
    ):  # compared by repr: estimators are never equal
        for search in (expected, found):
            search.cv_results_["params"] = repr(search.cv_results_["params"])
    assert_equal_results(expected, found)
    assert repr(found.best_params_) == repr(expected.best_params_)
    assert found.best_index_ == expected.best_index_
    np.testing.assert_allclose(found.predict(X), expected.predict(X), atol=1e-9)


@pytest.mark.parametrize(("n_rows", "cv"), [(400, 5), (1249, 5), (1250, 3)])
def test_a_regression_is_equal_bit_by_bit_in_float32(n_rows, cv):
    """Folds of unequal numbers of rows, and minibatches that do not fill up, too."""
    X, y = make_friedman1(n_rows, noise=1.0, random_state=0)
    grid = {"alpha": [1e-4, 1e-3, 1e-2, 1.0]}
    wide = {**QUICK, "hidden_layer_sizes": 32, "max_iter": 40}
    model = SpectralMLPRegressor(encoding="linear", **wide)
    expected, found = both(model, grid, X, y, cv=cv)
    for split in range(cv):
        key = f"split{split}_test_score"
        np.testing.assert_array_equal(found.cv_results_[key], expected.cv_results_[key])


@pytest.mark.parametrize("spectral_last", [True, False])
def test_folds_of_a_large_table_are_in_memory_one_by_one(monkeypatch, spectral_last):
    X, y = load_diabetes(return_X_y=True)
    model = SpectralMLPRegressor(encoding="linear", **DOUBLE)
    grid = {"alpha": [1e-4, 1e-1]}
    if spectral_last:
        model = make_pipeline(StandardScaler(), model)
        grid = {
            "spectralmlpregressor__alpha": [1e-4, 1e-1],
            "standardscaler__with_mean": [True, False],
        }
    happened = []

    def noting(function):
        def noted(job, *arguments):
            happened.append(function.__name__)
            return function(job, *arguments)

        return noted

    for function in (rows_of, train_chunk):
        monkeypatch.setattr(search, function.__name__, noting(function))
    SpectralGridSearchCV(model, grid, cv=3, refit=False).fit(X, y)
    n_inputs = 6 if spectral_last else 3
    assert happened.index("train_chunk") == n_inputs  # small tables: all at once
    happened.clear()
    monkeypatch.setattr(candidates, "WAVE_BYTES", 1)
    expected, found = both(model, grid, X, y, cv=3)
    assert_equal_results(expected, found)
    assert happened == ["rows_of", "train_chunk"] * n_inputs


@pytest.mark.parametrize("verbose", [0, 2, 3])
def test_lines_of_progress_are_those_of_grid_search(capsys, verbose):
    X, y = load_diabetes(return_X_y=True)
    model, grid = (
        SpectralMLPRegressor(encoding="linear", **DOUBLE),
        {"alpha": [1e-4, 1e-1]},
    )
    printed = []
    for kind in (GridSearchCV, SpectralGridSearchCV):
        kind(model, grid, cv=2, verbose=verbose).fit(X, y)
        printed.append(re.sub(r" total time=.*", "", capsys.readouterr().out))
    # A start is not told: the fits run together, and are named once they are scored.
    expected = [line for line in printed[0].splitlines() if "START" not in line]
    assert printed[1].splitlines() == expected


def test_a_fit_is_told_its_share_of_the_time():
    X, y = load_diabetes(return_X_y=True)
    model = SpectralMLPRegressor(encoding="linear", **{**QUICK, "max_iter": 300})
    search = SpectralGridSearchCV(model, {"alpha": [1e-3, 1e-2]}, refit=False)
    start = time.perf_counter()
    search.fit(X, y)
    seconds = time.perf_counter() - start
    told = search.cv_results_["mean_fit_time"].sum() * 5
    assert 0.5 * seconds < told < seconds


def test_two_processes_give_the_same():
    X, y = load_diabetes(return_X_y=True)
    grid = {"hidden_layer_sizes": [4, 6], "alpha": [1e-4, 1e-1]}
    alone = SpectralGridSearchCV(
        SpectralMLPRegressor(encoding="linear", **DOUBLE), grid
    ).fit(X, y)
    shared = clone(alone).set_params(n_jobs=2).fit(X, y)
    assert_equal_results(alone, shared)


def mixed_frame():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "age": rng.integers(18, 80, 120),
            "income": rng.lognormal(10, 1, 120),
            "city": rng.choice(["Rome", "Ulm", "Oslo"], 120),
        }
    )
    y = np.where((X["city"] == "Ulm") | (X["age"] > 60), "yes", "no")
    return X, y


@pytest.mark.parametrize("threshold", [0.0, 1.0], ids=["dense", "sparse"])
def test_a_mixed_frame_in_a_pipeline(threshold):
    X, y = mixed_frame()
    columns = make_column_transformer(
        (OneHotEncoder(), ["city"]),
        remainder=StandardScaler(),
        sparse_threshold=threshold,
    )
    pipeline = make_pipeline(
        columns, SpectralMLPClassifier(encoding="linear", **DOUBLE)
    )
    grid = {"spectralmlpclassifier__alpha": [1e-3, 1e-1]}
    expected, found = both(pipeline, grid, X, y, cv=3)
    assert_equal_results(expected, found)
    assert list(found.feature_names_in_) == list(X.columns)


def test_sparse_rows_of_several_folds():
    X, y = load_iris(return_X_y=True)
    X = sparse.csr_array(np.where(X > 3, X, 0.0))
    model = SpectralMLPClassifier(encoding="linear", **DOUBLE)
    assert_equal_results(*both(model, {"alpha": [1e-3, 1e-2]}, X, y))


class Counting(TransformerMixin, BaseEstimator):
    """Counts its fits."""

    fits = 0

    def __init__(self, shift=0.0):
        self.shift = shift

    def fit(self, X, y=None):
        type(self).fits += 1
        return self

    def transform(self, X):
        return X + self.shift


def test_steps_before_the_network_are_fitted_once_a_fold():
    X, y = load_diabetes(return_X_y=True)
    pipeline = make_pipeline(
        Counting(), SpectralMLPRegressor(encoding="linear", **QUICK)
    )
    grid = {
        "spectralmlpregressor__alpha": [1e-3, 1e-2],
        "spectralmlpregressor__hidden_layer_sizes": [3, 4],
        "counting__shift": [0.0, 1.0],
    }
    Counting.fits = 0
    SpectralGridSearchCV(pipeline, grid, cv=3, refit=False).fit(X, y)
    assert Counting.fits == 3 * 2


def test_a_candidate_that_fails_does_not_stop_the_others():
    X, y = load_diabetes(return_X_y=True)
    grid = {"alpha": [1e-3, -1.0], "learning_rate_init": [1e-2, 1e30]}
    search = SpectralGridSearchCV(
        SpectralMLPRegressor(encoding="linear", **QUICK), grid, error_score=-7
    )
    with pytest.warns(FitFailedWarning, match="15 fits failed"):
        search.fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert (scores[1:] == -7).all()
    assert scores[0] > -7
    plain = GridSearchCV(
        SpectralMLPRegressor(encoding="linear", **QUICK), {"alpha": [1e-3]}
    ).fit(X, y)
    np.testing.assert_allclose(scores[0], plain.best_score_)
    search.set_params(error_score="raise", param_grid={"alpha": [1e-3, -1.0]})
    with pytest.raises(ValueError, match="`alpha` must be"):
        search.fit(X, y)


@pytest.mark.filterwarnings("ignore:One or more of the test scores")
def test_steps_that_fail_are_told():
    X, y = load_diabetes(return_X_y=True)
    pipeline = make_pipeline(
        Counting(), SpectralMLPRegressor(encoding="linear", **QUICK)
    )
    grid = {"counting__shift": [0.0, None]}
    with pytest.warns(FitFailedWarning, match="5 fits failed"):
        search = SpectralGridSearchCV(pipeline, grid).fit(X, y)
    assert np.isnan(search.cv_results_["mean_test_score"]).tolist() == [False, True]


def test_weights_reach_the_fits():
    X, y = load_diabetes(return_X_y=True)
    weight = np.random.default_rng(0).uniform(size=len(y)) * (np.arange(len(y)) % 3 > 0)
    grid = {"alpha": [1e-3, 1e-1]}
    model = SpectralMLPRegressor(encoding="linear", **DOUBLE)
    expected, found = both(model, grid, X, y, fit={"sample_weight": weight})
    assert_equal_results(expected, found)
    plain = SpectralGridSearchCV(model, grid).fit(X, y)
    assert plain.best_score_ != found.best_score_


def test_metadata_are_routed():
    X, y = load_diabetes(return_X_y=True)
    weight = np.random.default_rng(0).uniform(size=len(y))
    groups = np.arange(len(y)) % 7
    with config_context(enable_metadata_routing=True):
        model = SpectralMLPRegressor(encoding="linear", **DOUBLE).set_fit_request(
            sample_weight=True
        )
        scoring = get_scorer("r2").set_score_request(sample_weight=True)
        pipeline = make_pipeline(StandardScaler(), model)
        pipeline[0].set_fit_request(sample_weight=True)
        fit = {"sample_weight": weight, "groups": groups}
        grid = {"spectralmlpregressor__alpha": [1e-3, 1e-1]}
        options = {"cv": GroupKFold(3), "scoring": scoring}
        assert_equal_results(*both(pipeline, grid, X, y, fit=fit, **options))


def test_no_fit_at_all_is_an_error():
    X, y = load_diabetes(return_X_y=True)
    search = SpectralGridSearchCV(
        SpectralMLPRegressor(encoding="linear"), {"alpha": [1e-3]}, cv=[]
    )
    with pytest.raises(ValueError, match="needs a candidate and a split"):
        search.fit(X, y)


def test_threads_are_left_alone():
    X, y = load_diabetes(return_X_y=True)
    before = torch.get_num_threads(), torch.random.get_rng_state()
    SpectralGridSearchCV(
        SpectralMLPRegressor(encoding="linear", **QUICK), {"alpha": [1e-3]}
    ).fit(X, y)
    assert torch.get_num_threads() == before[0]
    assert torch.equal(torch.random.get_rng_state(), before[1])


SMALL = {"hidden_layer_sizes": 4, "max_iter": 30, "random_state": 0}
SEARCHES = [
    SpectralGridSearchCV(
        SpectralMLPRegressor(encoding="linear", **SMALL), {"alpha": [1e-3, 1e-2]}, cv=2
    ),
    SpectralGridSearchCV(
        SpectralMLPClassifier(encoding="linear", **SMALL), {"alpha": [1e-3, 1e-2]}, cv=2
    ),
]


def expected_failures(search):
    if is_classifier(search):
        return {}
    # As scikit-learn expects of GridSearchCV.
    return {"check_supervised_y_2d": "DataConversionWarning not caught"}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:One or more of the test scores")
@pytest.mark.filterwarnings("ignore:Scoring failed")
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
@parametrize_with_checks(SEARCHES, expected_failed_checks=expected_failures)
def test_check_estimator(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "parameter",
    [
        {"error_score": "rais"},
        {"return_train_score": "no"},
        {"n_jobs": "2"},
        {"verbose": "x"},
    ],
)
def test_parameters_are_refused_before_anything_trains(parameter):
    X, y = load_iris(return_X_y=True)
    model = SpectralMLPClassifier(
        encoding="linear", hidden_layer_sizes=4, max_iter=10**9
    )
    search = SpectralGridSearchCV(model, {"alpha": [1e-3]}, **parameter)
    (name,) = parameter
    with pytest.raises(ValueError, match=f"The '{name}' parameter of Spectral"):
        search.fit(X, y)


def test_lines_of_fits_say_whose_they_are(capsys):
    X, y = load_iris(return_X_y=True)
    model = SpectralMLPClassifier(
        encoding="linear", hidden_layer_sizes=4, max_iter=3, verbose=True
    )
    grid = {"alpha": [1e-3, 1e-2]}
    SpectralGridSearchCV(model, grid, cv=2, refit=False).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 * 2 * 3
    assert sum(line.startswith("split 1, alpha=0.01: epoch ") for line in lines) == 3


@pytest.mark.parametrize("order", [1, -1])
def test_last_steps_of_other_kinds(order):
    """A Ridge beside a network: what comes before is fitted for each as it should."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 3))
    y = X[:, 0] * X[:, 1] + 0.1 * rng.normal(size=90)
    net = SpectralMLPRegressor(
        encoding="linear",
        hidden_layer_sizes=6,
        max_iter=30,
        dtype="float64",
        random_state=0,
    )
    pipe = make_pipeline(PolynomialFeatures(2, include_bias=False), net)
    models = [net, Ridge(), SpectralPruner(net, n_nodes=3)][::order]
    grid = {"spectralmlpregressor": models}
    ours = SpectralGridSearchCV(pipe, grid, cv=3).fit(X, y)
    theirs = GridSearchCV(pipe, grid, cv=3).fit(X, y)
    key = "mean_test_score"
    np.testing.assert_allclose(ours.cv_results_[key], theirs.cv_results_[key])
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X))


def trains_on(model, X, y):
    copied = copy.deepcopy(model).set_params(alpha=1.0, max_iter=40)
    return copied.fit(X, y).score(X, y) + model.prune(n_nodes=2).fit(X, y).score(X, y)


def is_kept(model, X, y):
    return pickle.loads(pickle.dumps(model)).score(X, y)


@pytest.mark.parametrize("scoring", [trains_on, is_kept])
def test_a_scorer_may_train_copy_and_store(scoring):
    X, y = make_friedman1(60, random_state=0)
    net = SpectralMLPRegressor(
        encoding="linear",
        hidden_layer_sizes=6,
        max_iter=20,
        dtype="float64",
        random_state=0,
    )
    arguments = net, {"alpha": [1e-2, 1e-1]}
    ours, theirs = (
        Search(*arguments, scoring=scoring, cv=2, error_score="raise").fit(X, y)
        for Search in (SpectralGridSearchCV, GridSearchCV)
    )
    key = "mean_test_score"
    np.testing.assert_allclose(ours.cv_results_[key], theirs.cv_results_[key])


class LogInputs(SpectralMLPRegressor):
    """A fit of its own, which no batch can stand for."""

    def fit(self, X, y, sample_weight=None):
        return super().fit(np.log(X), y, sample_weight)

    def predict(self, X):
        return super().predict(np.log(X))


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_a_subclass_is_fitted_by_its_own_fit(in_pipeline):
    X = np.exp(np.random.default_rng(0).normal(size=(120, 2)))
    y = np.log(X).sum(1)
    model, grid = LogInputs(**DOUBLE), {"alpha": [1e-4, 1e-2]}
    if in_pipeline:
        scaled = PolynomialFeatures(1, include_bias=False)
        model, grid = make_pipeline(scaled, model), {"loginputs__alpha": [1e-4, 1e-2]}
    assert_equal_results(*both(model, grid, X, y, cv=3))


def test_a_pruner_fits_the_folds_of_a_subclass_by_its_own_fit():
    X = np.exp(np.random.default_rng(0).normal(size=(120, 2)))
    y = np.log(X).sum(1)
    model = LogInputs(**{**DOUBLE, "max_iter": 100})
    pruner = SpectralPruner(model, max_loss=0.1, cv=3).fit(X, y)
    assert pruner.cut_results_["mean_score"][-1] > 0.8


def test_a_fold_of_tiny_weights_is_a_fold():
    """Beside the other fold its weights are below the smallest float32."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2))
    y = X[:, 0] + X[:, 1] ** 2
    weight = np.where(np.arange(400) < 200, 1e-60, 1.0)
    model = SpectralMLPRegressor(encoding="linear", **QUICK)
    expected, found = both(
        model,
        {"alpha": [1e-3, 1e-2]},
        X,
        y,
        cv=2,
        fit={"sample_weight": weight},
    )
    for key in ("split0_test_score", "split1_test_score"):
        assert np.isfinite(found.cv_results_[key]).all()
        np.testing.assert_allclose(
            found.cv_results_[key], expected.cv_results_[key], rtol=1e-3
        )
