"""How a search spreads its work: configuration, candidates, scores, subclasses."""

import gc
import time
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes
from sklearn.metrics import get_scorer, r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skspectral import SpectralGridSearchCV, SpectralMLPRegressor, SpectralPruner

pytestmark = pytest.mark.filterwarnings("ignore:the core is still forming")
QUICK = {"hidden_layer_sizes": 4, "max_iter": 5, "random_state": 0, "dtype": "float64"}
X, Y = load_diabetes(return_X_y=True)
BACKENDS = ["loky", "threading", "dask"]


@pytest.fixture(params=BACKENDS)
def backend(request):
    if request.param != "dask":
        with joblib.parallel_config(backend=request.param):
            yield request.param
        return
    distributed = pytest.importorskip("distributed")
    with (
        warnings.catch_warnings(action="ignore"),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        yield request.param


def scores(search):
    return search.cv_results_["mean_test_score"]


@pytest.mark.filterwarnings("ignore")
def test_workers_have_the_configuration_of_the_caller(backend):
    """Columns by name need frames between the steps; weights need routing."""
    frame = pd.DataFrame(X, columns=[f"c{i}" for i in range(10)])
    weight = np.random.default_rng(0).uniform(size=len(Y))
    columns = make_column_transformer(
        ("passthrough", ["c1", "c2"]), verbose_feature_names_out=False
    )
    with sklearn.config_context(
        transform_output="pandas", enable_metadata_routing=True
    ):
        network = SpectralMLPRegressor(encoding="linear", **QUICK).set_fit_request(
            sample_weight=True
        )
        pipe = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=True), columns, network
        )
        grid = {"spectralmlpregressor__alpha": [1e-3, 1e-1]}
        scoring = get_scorer("r2").set_score_request(sample_weight=True)
        options = {"cv": 3, "scoring": scoring}
        expected = GridSearchCV(pipe, grid, **options)
        expected.fit(frame, Y, sample_weight=weight)
        found = SpectralGridSearchCV(pipe, grid, n_jobs=2, **options)
        found.fit(frame, Y, sample_weight=weight)
    np.testing.assert_allclose(scores(found), scores(expected), rtol=1e-9)


@pytest.mark.filterwarnings("ignore")
def test_weights_of_a_pruner_inside_are_routed_in_workers(backend):
    """Weighted and unweighted scores must not be swapped in silence."""
    weight = np.random.default_rng(0).uniform(size=len(Y)) ** 4
    with sklearn.config_context(enable_metadata_routing=True):
        network = SpectralMLPRegressor(encoding="linear", **QUICK).set_fit_request(
            sample_weight=True
        )
        network.set_score_request(sample_weight=True)
        pipe = make_pipeline(SpectralPruner(network))
        grid = {"spectralpruner__threshold": [0.05, 0.5]}
        scoring = get_scorer("r2").set_score_request(sample_weight=True)
        options = {"cv": 3, "scoring": scoring}
        expected = GridSearchCV(pipe, grid, **options)
        expected.fit(X, Y, sample_weight=weight)
        found = SpectralGridSearchCV(pipe, grid, n_jobs=2, **options)
        found.fit(X, Y, sample_weight=weight)
    np.testing.assert_allclose(scores(found), scores(expected), rtol=1e-9)


class Warning_(UserWarning):
    """Of these tests."""


class Warner(TransformerMixin, BaseEstimator):
    """Fails where its warning is an error, and says whether it was shown."""

    def fit(self, X, y=None):
        warnings.warn("a step warns", Warning_, stacklevel=1)
        return self

    def transform(self, X):
        return X


@pytest.mark.parametrize("action", ["error", "ignore"])
def test_workers_have_the_warning_filters_of_the_caller(backend, action):
    pipe = make_pipeline(Warner(), SpectralMLPRegressor(encoding="linear", **QUICK))
    grid = {"spectralmlpregressor__alpha": [1e-3, 1e-1]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings(action, "a step warns")
        search = SpectralGridSearchCV(pipe, grid, cv=3, n_jobs=2, refit=False)
        if action == "error":
            with pytest.raises(ValueError, match="Warning_: a step warns"):
                search.fit(X, Y)
        else:
            assert np.isfinite(scores(search.fit(X, Y))).all()


class Shifted(Pipeline):
    """A Pipeline whose fit is its own."""

    shift_ = 0.0

    def fit(self, X, y, **params):
        self.shift_ = 100.0
        return super().fit(X, y - self.shift_, **params)

    def predict(self, X):
        return super().predict(X) + self.shift_


class Clipped(Pipeline):
    """A Pipeline that predicts in its own way."""

    def predict(self, X):
        return super().predict(X).clip(100, 200)


@pytest.mark.parametrize("kind", [Shifted, Clipped])
def test_a_subclass_of_pipeline_is_fitted_as_it_is(kind):
    pipe = kind(
        [
            ("s", StandardScaler()),
            ("m", SpectralMLPRegressor(encoding="linear", **QUICK)),
        ]
    )
    options = {"cv": 3, "scoring": "neg_mean_absolute_error"}
    pair = [
        search(pipe, {"m__alpha": [1e-3]}, **options).fit(X, Y)
        for search in (GridSearchCV, SpectralGridSearchCV)
    ]
    np.testing.assert_array_equal(scores(pair[1]), scores(pair[0]))


def test_candidates_need_not_be_picklable():
    class Local(TransformerMixin, BaseEstimator):
        def fit(self, X, y=None):
            return self

        def transform(self, X):
            return 2 * X

    power = 3
    steps = [
        ("f", FunctionTransformer()),
        ("m", SpectralMLPRegressor(encoding="linear", **QUICK)),
    ]
    grid = [
        {
            "f__func": [np.abs, lambda X: X**2, lambda X: X**power],
            "m__alpha": [1e-3, 1],
        },
        {"f": [Local(), Local()]},
    ]
    pair = [
        search(Pipeline(steps), grid, cv=3).fit(X, Y)
        for search in (GridSearchCV, SpectralGridSearchCV)
    ]
    np.testing.assert_allclose(scores(pair[1]), scores(pair[0]), rtol=1e-9)


class Slow(TransformerMixin, BaseEstimator):
    """Counts the rows it transforms."""

    rows = 0

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        type(self).rows += len(X)
        return X


def test_test_rows_go_through_shared_steps_once():
    pipe = make_pipeline(Slow(), SpectralMLPRegressor(encoding="linear", **QUICK))
    grid = {"spectralmlpregressor__alpha": np.logspace(-4, -1, 6)}
    Slow.rows = 0
    SpectralGridSearchCV(pipe, grid, cv=3, refit=False).fit(X, Y)
    assert Slow.rows == 3 * len(X)  # each fold: its training and its test rows
    seen = []

    def scorer(estimator, X, y):
        seen.append(estimator)
        return r2_score(y, estimator.predict(X))

    found = SpectralGridSearchCV(pipe, grid, cv=3, refit=False, scoring=scorer)
    expected = GridSearchCV(pipe, grid, cv=3, refit=False)
    np.testing.assert_allclose(scores(found.fit(X, Y)), scores(expected.fit(X, Y)))
    # A scorer that may look at the estimator gets the whole Pipeline.
    assert all(isinstance(estimator, Pipeline) for estimator in seen)


def test_networks_are_let_go_once_they_are_scored():
    def count():
        gc.collect()
        return sum(type(o) is SpectralMLPRegressor for o in gc.get_objects())

    before = count()
    alive = []

    def scorer(estimator, X, y):
        return r2_score(y, estimator.predict(X))

    grid = {"hidden_layer_sizes": list(range(2, 12))}
    search = SpectralGridSearchCV(
        SpectralMLPRegressor(encoding="linear", **QUICK),
        grid,
        cv=2,
        refit=False,
        scoring=scorer,
    )
    search.fit(X, Y)
    alive.append(count() - before)
    assert alive[-1] <= 1  # the one that was searched


@pytest.mark.parametrize("bad", [{"alpha": -1.0}, {"activation": "no"}])
def test_a_wrong_parameter_is_raised_before_anything_trains(bad, monkeypatch):
    from skspectral._selection import candidates

    calls = []
    monkeypatch.setattr(
        candidates, "train_together", lambda *a, **k: calls.append(a) or []
    )
    ((name, value),) = bad.items()
    good = {"alpha": 1e-3, "activation": "relu"}[name]
    search = SpectralGridSearchCV(
        SpectralMLPRegressor(encoding="linear", **QUICK),
        {name: [good, value]},
        error_score="raise",
    )
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        search.fit(X, Y)
    assert not calls


def test_validation_rows_are_passed_whole_to_every_fold():
    X_val, y_val = X + 1, -Y  # as long as X
    seen = []

    class Noting(SpectralMLPRegressor):
        def fit(self, X, y, sample_weight=None, X_val=None, y_val=None):
            seen.append(len(X_val))
            return super().fit(X, y, sample_weight, X_val, y_val)

    grid = {"alpha": [1e-3]}
    for model in (SpectralMLPRegressor(encoding="linear", **QUICK), Noting(**QUICK)):
        search = SpectralGridSearchCV(model, grid, cv=2, refit=False)
        search.fit(X, Y, X_val=X_val, y_val=y_val)
    assert seen == [len(X), len(X)]
    pruner = SpectralPruner(Noting(**QUICK), max_loss=0.5, cv=2)
    seen.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pruner.fit(X, Y, X_val=X_val, y_val=y_val)
    assert seen == [len(X)] * 3


class FirstThenNeighbours(SpectralGridSearchCV):
    """Evaluates in two rounds, the second around the best of the first."""

    def _run_search(self, evaluate_candidates):
        first = evaluate_candidates([{"alpha": a} for a in (1e-4, 1e-2)])
        best = first["params"][int(np.argmax(first["mean_test_score"]))]["alpha"]
        evaluate_candidates([{"alpha": 2 * best}])


def test_a_subclass_may_choose_its_candidates():
    model = SpectralMLPRegressor(encoding="linear", **QUICK)
    search = FirstThenNeighbours(model, {}, cv=3).fit(X, Y)
    alphas = [p["alpha"] for p in search.cv_results_["params"]]
    assert len(alphas) == 3
    expected = GridSearchCV(model, {"alpha": alphas}, cv=3).fit(X, Y)
    np.testing.assert_allclose(scores(search), scores(expected), rtol=1e-9)


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_a_failure_in_training_is_raised_at_once():
    grid = [{"learning_rate_init": [1e200]}, {"hidden_layer_sizes": [300, 301, 302]}]
    model = SpectralMLPRegressor(encoding="linear", **{**QUICK, "max_iter": 1500})
    search = SpectralGridSearchCV(model, grid, cv=3, error_score="raise")
    start = time.perf_counter()
    with pytest.raises(ValueError, match="loss must stay finite"):
        search.fit(X, Y)
    first = time.perf_counter() - start
    start = time.perf_counter()
    SpectralGridSearchCV(model, grid[1:], cv=3, refit=False).fit(X, Y)
    assert first < 0.7 * (time.perf_counter() - start)
