"""Torch's default device is the user's: where it is another one, nothing changes.

``meta`` serves as the other device. Its tensors hold no numbers, so that one that the
package makes there fails at its first use.
"""

import ast
import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse
from torch import nn
from torch.utils._device import _device_constructors

import skspectral
from skspectral import (
    PruningCurveDisplay,
    RegularizationPathDisplay,
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

# Short fits: what they warn of is not asked here. ConvergenceWarning is one as well.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
ROOT = Path(skspectral.__file__).parent
QUICK = {"hidden_layer_sizes": (20, 6), "max_iter": 8, "random_state": 0}
RNG = np.random.default_rng(0)
X, W = RNG.normal(size=(90, 3)), 1 + RNG.random(90)
Y = np.abs(X[:, 0])
C = np.digitize(Y, [0.4, 0.9])


@pytest.fixture
def other_default_device():
    torch.set_default_device("meta")
    yield
    torch.set_default_device(None)


def tensor_makers(path):
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
    for call in tensor_makers(path):
        given = {keyword.arg for keyword in call.keywords}
        assert "device" in given, f"line {call.lineno}: {ast.unparse(call)}"


def attributes(model):
    """All that a fit tells, but for the networks that the model holds."""
    names = {name for name in dir(model) if name.endswith("_") and name[0] != "_"}
    names -= {"estimator_", "best_estimator_", "refit_time_", "scorer_"}
    found = {name: getattr(model, name) for name in names if hasattr(model, name)}
    if "cv_results_" in found:
        found["cv_results_"] = found["cv_results_"]["mean_test_score"]
    return found


def fits(kind, y):
    yield kind(**QUICK).fit(X, y, W)
    yield kind(**QUICK, early_stopping=True, dtype="float64").fit(
        sparse.csr_array(X), y
    )
    yield kind(**QUICK, n_iter_warmup=2).fit(X, y, X_val=X[:9], y_val=y[:9])
    yield kind(**{**QUICK, "max_iter": 900}, alpha=0.05).fit(X, y)  # nodes are removed
    model = kind(**QUICK, gate="in", warm_start=True).fit(X, y)
    yield copy.deepcopy(model).fit(X[::-1], y[::-1])
    yield kind(**QUICK).partial_fit(X[:30], y[:30]).partial_fit(X[30:], y[30:])


def outputs(model):
    yield model.predict(X)
    if hasattr(model, "predict_proba"):
        yield model.decision_function(X)
        yield model.predict_proba(X)
        yield model.predict_log_proba(X)


def of_an_estimator(kind, y):
    for model in fits(kind, y):
        yield attributes(model)
        yield from outputs(pickle.loads(pickle.dumps(model)))
        model._repr_html_()  # no error; its identifiers are counted
        module = model.to_torch()
        yield module(torch.from_numpy(X)).detach().numpy()
        yield model.to_sklearn().predict(X)
        for small in (
            model.prune(merge=False),
            model.prune(n_nodes=3),
            model.prune(threshold=0.2, relevance="path"),
            model.prune(X, sample_weight=W, merge="fold"),
            model.prune(X, y, n_nodes=3, refit=True),
        ):
            yield attributes(small)
            yield from outputs(small)


def of_what_holds_an_estimator(kind, y):
    model = kind(**QUICK)
    fitted = kind(**QUICK).fit(X, y)
    grid = {"alpha": [1e-3, 1e-1], "learning_rate_init": [0.01, 0.02]}
    search = SpectralGridSearchCV(model, grid, cv=2).fit(X, y)
    pruner = SpectralPruner(model, max_loss=0.1, cv=2, merge="fold", refit=True)
    pruner.fit(X, y)
    for meta in (search, pruner):
        yield attributes(meta)
        yield from outputs(meta)
    yield pruner.transform(X)
    alphas = [1e-3, 1e-2]
    for warm_start in (True, False):
        path = regularization_path(model, X, y, alphas=alphas, warm_start=warm_start)
        yield dict(path)
    yield dict(pruning_curve(fitted, X, y, random_state=0))
    yield dict(null_importances(model, X, y, n_repeats=2, random_state=0))
    RelevanceDisplay.from_estimator(fitted)
    PruningCurveDisplay.from_estimator(fitted, X, y)
    RegularizationPathDisplay.from_estimator(model, X, y, alphas=alphas)


def of_networks_on_the_cpu(kind, y):
    network = kind(**QUICK).fit(X, y).to_torch().network
    x = torch.from_numpy(X).float()
    keep = [np.arange(width) % 2 == 0 for width in network.sizes[1:-1]]
    linear = nn.Linear(3, 2, device="cpu")
    with torch.no_grad():
        linear.weight.fill_(0.5)
        linear.bias.fill_(0.25)
    batch = SpectralLinear(3, 2, batch_shape=(2,), device="cpu")
    with torch.no_grad():
        batch.phi.fill_(0.5)
    for module in (
        remove_nodes(network, [mask.tolist() for mask in keep]),
        remove_nodes(network, [torch.from_numpy(mask) for mask in keep]),
        merge_parallel_nodes(network),
        fold_nodes(network, x),
        spectralize(nn.Sequential(linear)),
        SpectralLinear.from_linear(linear).to_linear(),
        batch.select(1),
    ):
        yield module(x).detach().numpy()


def assert_same(ours, theirs):
    assert type(ours) is type(theirs)
    if isinstance(ours, dict):
        assert ours.keys() == theirs.keys()
        for name in ours:
            assert_same(ours[name], theirs[name])
    elif isinstance(ours, (list, tuple)):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert_same(a, b)
    else:
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("kind", "y"), [(SpectralMLPRegressor, Y), (SpectralMLPClassifier, C)]
)
@pytest.mark.parametrize(
    "results", [of_an_estimator, of_what_holds_an_estimator, of_networks_on_the_cpu]
)
def test_nothing_depends_on_the_default_device(results, kind, y, request):
    expected = list(results(kind, y))
    request.getfixturevalue("other_default_device")
    found = list(results(kind, y))
    assert torch.get_default_device().type == "meta"
    for ours, theirs in zip(found, expected, strict=True):
        assert_same(ours, theirs)


def test_layers_are_made_on_the_default_device_as_those_of_torch(other_default_device):
    ours, theirs = SpectralLinear(3, 2), nn.Linear(3, 2)
    assert ours.phi.device == theirs.weight.device == torch.device("meta")
