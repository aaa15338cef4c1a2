"""torch's default device changes nothing: "meta" stands for any other than the CPU."""

import ast
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.datasets import load_diabetes, load_iris
from torch import nn
from torch.utils._device import _device_constructors

import skspectral
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
from skspectral.nn import (
    SpectralLinear,
    fold_nodes,
    merge_parallel_nodes,
    remove_nodes,
    spectralize,
)

pytestmark = pytest.mark.filterwarnings("ignore")
ROOT = Path(skspectral.__file__).parent
QUICK = {"hidden_layer_sizes": (6, 4), "max_iter": 5, "random_state": 0}
X, Y = load_diabetes(return_X_y=True)
X, Y = X[:120], Y[:120]
WEIGHT = np.random.default_rng(0).uniform(size=120)


def regressor(**options):
    return SpectralMLPRegressor(encoding="linear", **{**QUICK, **options})


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
    rows, classes = load_iris(return_X_y=True)
    for weights in (None, "balanced"):
        model = SpectralMLPClassifier(encoding="linear", **QUICK, class_weight=weights)
        yield model.fit(rows, classes).predict_proba(rows)
    yield (
        SpectralMLPClassifier(encoding="linear", **QUICK)
        .fit(rows, classes > 0)
        .predict(rows)
    )
    labels = np.eye(3, dtype=int)[classes]
    yield (
        SpectralMLPClassifier(encoding="linear", **QUICK)
        .fit(rows, labels)
        .decision_function(rows)
    )


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


def networks_on_the_cpu():
    """Tools of `skspectral.nn`: their results are where the given network is."""
    network = regressor().fit(X, Y).to_torch().network
    x = torch.from_numpy(X).float()
    keep = [np.arange(width) % 2 == 0 for width in network.sizes[1:-1]]
    linear = nn.Linear(10, 2, device="cpu")
    batch = SpectralLinear(10, 2, batch_shape=(2,), device="cpu")
    with torch.no_grad():
        for number, parameter in enumerate((linear.weight, linear.bias, batch.phi)):
            parameter.fill_(0.25 + number)
    for module in (
        remove_nodes(network, [torch.from_numpy(mask) for mask in keep]),
        merge_parallel_nodes(network),
        fold_nodes(network, x),
        spectralize(nn.Sequential(linear)),
        SpectralLinear.from_linear(linear).to_linear(),
        batch.select(1),
    ):
        yield module(x).detach().numpy()


ALL = [
    everything_fitted,
    every_fit,
    every_cut,
    everything_inspected,
    a_search,
    a_graph,
    networks_on_the_cpu,
]


@pytest.mark.parametrize(
    "calls",
    ALL,
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


def test_layers_are_made_on_the_default_device_as_those_of_torch():
    torch.set_default_device("meta")
    try:
        ours, theirs = SpectralLinear(3, 2), nn.Linear(3, 2)
    finally:
        torch.set_default_device(None)
    assert ours.phi.device == theirs.weight.device == torch.device("meta")


def calls_of_factories(path):
    """Calls of torch's functions that read the default device."""
    names = {function.__name__ for function in _device_constructors()}
    for node in ast.walk(ast.parse(path.read_text())):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "torch"
            and node.func.attr in names
        ):
            yield node


@pytest.mark.parametrize(
    "path", sorted(ROOT.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT))
)
def test_every_new_tensor_names_its_device(path):
    """Also where no call of the tests above comes by."""
    for call in calls_of_factories(path):
        given = {keyword.arg for keyword in call.keywords}
        assert "device" in given, f"line {call.lineno}: {ast.unparse(call)}"
