"""On a GPU as on the CPU: every way to train, in double precision, to rounding."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.datasets import load_diabetes, load_digits, load_iris

from skspectral import (
    SpectralGridSearchCV,
    SpectralMLPClassifier,
    SpectralMLPRegressor,
    SpectralPruner,
    regularization_path,
)
from skspectral._engine import recorded_steps
from skspectral._engine.recorded_steps import RecordedSteps

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]
BRIEF = {"hidden_layer_sizes": 20, "max_iter": 12, "random_state": 0}
BRIEF |= {"dtype": "float64", "batch_size": 32}


@pytest.fixture(autouse=True, params=[False, True], ids=["one by one", "recorded"])
def recorded(request, monkeypatch):
    """Whether steps are recorded as graphs; off by default until it is measured."""
    monkeypatch.setattr(recorded_steps, "IS_ON", request.param)
    return request.param


def frame():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(400, 4)), columns=list("abcd"))
    table["kind"] = pd.Categorical(rng.choice(["x", "y", "z"], 400))
    table.loc[::7, "a"] = np.nan
    y = np.sin(2 * table["b"]) + (table["kind"] == "x") + 0.1 * rng.normal(size=400)
    return table, y.to_numpy()


def outputs(model, X):
    return (model.predict_proba if hasattr(model, "predict_proba") else model.predict)(
        X
    )


def check(kind, X, y, fit_arguments=None, **parameters):
    """Fit on both devices; return the GPU's model."""
    cpu, gpu = (
        kind(**(BRIEF | parameters), device=device).fit(X, y, **(fit_arguments or {}))
        for device in ("cpu", "cuda")
    )
    assert gpu.device_ == "cuda"
    np.testing.assert_allclose(outputs(gpu, X), outputs(cpu, X), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(gpu.loss_curve_, cpu.loss_curve_, rtol=1e-5)
    return gpu


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"encoding": "linear"},
        {"encoding": "piecewise"},
        {"gate": "in", "encoding": "piecewise"},
        {"gate": "both"},
        {"parametrization": "dense"},
        {"hidden_layer_sizes": (20, 17, 9)},
        {"activation": "tanh"},
        {"early_stopping": True},
        {"learning_rate": "constant"},
        {"shuffle": False},
        {"n_iter_warmup": 4},
        {"batch_size": 71},
        {"max_iter": 300, "alpha": 0.02},
        {"loss": "absolute_error"},
        {"loss": "huber"},
        {"loss": "quantile", "quantile": [0.1, 0.5, 0.8]},
        {"loss": "poisson"},
        {"loss": "gamma"},
        {"loss": "tweedie"},
    ],
    ids=str,
)
def test_a_regression_on_a_gpu(parameters):
    check(SpectralMLPRegressor, *load_diabetes(return_X_y=True), **parameters)


@pytest.mark.parametrize("data", [load_iris, load_digits])
def test_classes_on_a_gpu(data):
    check(SpectralMLPClassifier, *data(return_X_y=True))


def test_two_classes_and_weights_on_a_gpu():
    X, y = load_iris(return_X_y=True)
    weight = np.random.default_rng(0).random(150)
    check(SpectralMLPClassifier, X, y == 1, {"sample_weight": weight})


def test_frames_sparse_tables_and_several_outputs_on_a_gpu():
    check(SpectralMLPRegressor, *frame())
    X, y = load_diabetes(return_X_y=True)
    check(SpectralMLPRegressor, X, np.column_stack([y, y**2, -y]))
    X = np.where(np.random.default_rng(0).random(X.shape) < 0.7, 0, X)
    check(SpectralMLPRegressor, sparse.csr_array(X), y)


def test_single_precision_on_a_gpu():
    """The fused optimiser: close after a few steps, and the same twice."""
    X, y = load_diabetes(return_X_y=True)
    parameters = BRIEF | {"dtype": "float32", "max_iter": 4}
    cpu, gpu, again = (
        SpectralMLPRegressor(**parameters, device=device).fit(X, y)
        for device in ("cpu", "cuda", "cuda")
    )
    np.testing.assert_allclose(gpu.predict(X), cpu.predict(X), rtol=1e-3)
    np.testing.assert_array_equal(gpu.predict(X), again.predict(X))


def test_recorded_steps_are_the_steps(monkeypatch):
    """Replayed or taken one by one: the same bits."""
    monkeypatch.setattr(recorded_steps, "IS_ON", True)
    X, y = load_diabetes(return_X_y=True)
    recorded = SpectralMLPRegressor(**BRIEF, device="cuda").fit(X, y)
    replays = []
    record = RecordedSteps._record
    monkeypatch.setattr(
        RecordedSteps, "_record", lambda *a: replays.append(1) or record(*a)
    )
    SpectralMLPRegressor(**BRIEF, device="cuda").fit(X, y)
    assert replays
    monkeypatch.setattr(RecordedSteps, "__call__", lambda self, *a: self.take(*a))
    taken = SpectralMLPRegressor(**BRIEF, device="cuda").fit(X, y)
    np.testing.assert_array_equal(recorded.predict(X), taken.predict(X))


def test_partial_fit_and_warm_start_on_a_gpu():
    X, y = load_diabetes(return_X_y=True)
    models = {}
    for device in ("cpu", "cuda"):
        model = SpectralMLPRegressor(**BRIEF, device=device)
        for _ in range(3):
            model.partial_fit(X, y)
        warm = SpectralMLPRegressor(**BRIEF, device=device, warm_start=True)
        models[device] = model, warm.fit(X, y).fit(X, y)
    for cpu, gpu in zip(*models.values(), strict=True):
        np.testing.assert_allclose(gpu.predict(X), cpu.predict(X), rtol=1e-5)


def test_many_networks_on_a_gpu():
    """A search with rates and penalties of its own for each network, a path, a cut."""
    X, y = load_diabetes(return_X_y=True)
    grid = {"alpha": [1e-3, 1e-2], "learning_rate_init": [1e-3, 1e-2]}
    scores, paths = [], []
    for device in ("cpu", "cuda"):
        model = SpectralMLPRegressor(**BRIEF, device=device)
        search = SpectralGridSearchCV(model, grid, cv=3).fit(X, y)
        scores.append(search.cv_results_["mean_test_score"])
        paths.append(regularization_path(model, X, y, alphas=[1e-3, 1e-2]))
    np.testing.assert_allclose(*scores, rtol=1e-5)
    for name, values in paths[0].items():
        if np.asarray(values).dtype.kind == "f":
            np.testing.assert_allclose(paths[1][name], values, rtol=1e-4)


def test_a_network_from_a_gpu_is_plain_arrays():
    X, y = load_diabetes(return_X_y=True)
    model = SpectralPruner(SpectralMLPRegressor(**BRIEF, device="cuda"), n_nodes=4)
    fitted = model.fit(X, y)
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.predict(X), fitted.predict(X))
    assert b"torch" not in pickle.dumps(fitted.estimator_.coefs_)
