"""torch's default device changes nothing: "meta" stands for any other than the CPU."""

import pickle

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.datasets import load_diabetes, load_iris

from skspectral import (
    RelevanceDisplay,
    SpectralGridSearchCV,
    SpectralMLPClassifier,
    SpectralMLPRegressor,
    SpectralPruner,
    null_importances,
    pruning_curve,
    regularization_path,
)

pytestmark = pytest.mark.filterwarnings("ignore")
QUICK = {"hidden_layer_sizes": (6, 4), "max_iter": 5, "random_state": 0}
X, Y = load_diabetes(return_X_y=True)
X, Y = X[:120], Y[:120]
WEIGHT = np.random.default_rng(0).uniform(size=120)


def regressor(**options):
    return SpectralMLPRegressor(**{**QUICK, **options})


def predictions(model):
    return [model.predict(X)]


def everything_fitted():
    model = regressor().fit(X, Y)
    yield from predictions(model)
    yield from predictions(pickle.loads(pickle.dumps(model)))
    yield model.to_torch()(torch.tensor(X, device="cpu")).detach().numpy()
    yield model.to_sklearn().predict(X)
    for name in dir(model):
        if name.endswith("_") and name[0] != "_":
            value = getattr(model, name)
            if isinstance(value, (np.ndarray, tuple, float, int)):
                yield np.asarray(value)


def every_fit():
    for options in (
        {"gate": "in"},
        {"gate": "both"},
        {"early_stopping": True},
        {"parametrization": "dense"},
        {"hidden_layer_sizes": 100, "max_iter": 600, "alpha": 1e-2},
    ):
        yield from predictions(regressor(**options).fit(X, Y))
    yield from predictions(regressor().fit(X, Y, sample_weight=WEIGHT))
    yield from predictions(regressor().fit(sparse.csr_matrix(X), Y))
    yield from predictions(regressor(warm_start=True).fit(X, Y).fit(X, Y))
    yield from predictions(regressor().partial_fit(X, Y).partial_fit(X, Y))
    iris = load_iris(return_X_y=True)
    yield SpectralMLPClassifier(**QUICK).fit(*iris).predict_proba(iris[0])


def every_cut():
    model = regressor().fit(X, Y)
    for options in ({"n_nodes": 2}, {"threshold": 0.05}, {"merge": "fold"}):
        yield from predictions(model.prune(X, **options))
    yield from predictions(model.prune(X, Y, n_nodes=2, refit=True))
    pruner = SpectralPruner(regressor(), max_loss=0.1, cv=2).fit(X, Y)
    yield pruner.transform(X)


def everything_inspected():
    model = regressor().fit(X, Y)
    for scoring in (None, "r2"):
        curve = pruning_curve(model, X, Y, scoring=scoring, random_state=0)
        yield from curve.scores.values()
    yield regularization_path(regressor(), X, Y, alphas=[1e-3, 1e-2]).train_scores
    yield null_importances(regressor(), X, Y, n_repeats=2, random_state=0).importances
    RelevanceDisplay.from_estimator(model)


def a_search():
    grid = {"alpha": [1e-3, 1e-2], "learning_rate_init": [1e-2, 1e-3]}
    search = SpectralGridSearchCV(regressor(), grid, cv=2).fit(X, Y)
    yield search.cv_results_["mean_test_score"]


def a_graph():
    skl2onnx = pytest.importorskip("skl2onnx")
    from skspectral.onnx import register_converters

    register_converters()
    graph = skl2onnx.to_onnx(regressor().fit(X, Y), X[:1])
    yield np.frombuffer(graph.SerializeToString(), dtype=np.uint8)


@pytest.mark.parametrize(
    "calls",
    [everything_fitted, every_fit, every_cut, everything_inspected, a_search, a_graph],
    ids=lambda calls: calls.__name__,
)
def test_the_default_device_changes_nothing(calls):
    expected = list(calls())
    torch.set_default_device("meta")
    try:
        found = list(calls())
    finally:
        torch.set_default_device(None)
    assert len(found) == len(expected) > 0
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
