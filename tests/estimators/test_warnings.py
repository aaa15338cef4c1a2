"""A warning names the line of the user, whatever stands between it and the fit."""

import contextlib
import functools
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skspectral
from skspectral import SpectralGridSearchCV, SpectralMLPRegressor, SpectralPruner

BESIDE = Path(skspectral.__file__).parents[1]
X = np.random.default_rng(0).normal(size=(60, 2))
MODEL = SpectralMLPRegressor(
    encoding="linear",
    hidden_layer_sizes=3,
    max_iter=2,
    learning_rate="constant",
    random_state=0,
)
MODELS = {
    "alone": MODEL,
    "pipeline": make_pipeline(StandardScaler(), MODEL),
    "pruner": SpectralPruner(MODEL, n_nodes=2),
    "search": SpectralGridSearchCV(MODEL, {}, cv=2),
    "scikit-learn's search": GridSearchCV(MODEL, {}, cv=2),
}


def call(function):
    return function()


def with_context(function):
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: None)
        return function()


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
@pytest.mark.parametrize("around", [call, with_context])
@pytest.mark.parametrize(
    "filename",
    [
        "/home/user/app.py",
        str(BESIDE / "skspectral_demo" / "app.py"),
        "/home/user/my_contextlib.py",
        "<string>",
    ],
)
def test_the_line_of_a_warning_is_the_users(filename, around, model):
    source = "\n\n\nresult = model.fit(X, X[:, 0])\n"
    names = {"model": model, "X": X}
    run = functools.partial(exec, compile(source, filename, "exec"), names)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        around(run)
    own = [w for w in caught if "Maximum iterations" in str(w.message)]
    assert own
    assert {(w.filename, w.lineno) for w in own} == {(filename, 4)}
