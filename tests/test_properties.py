"""What must hold for every call: parameters, tables, targets and weights are drawn.

A few dozen cases in the suite. ``make properties`` runs as many as SKSPECTRAL_CASES
says, 20,000 by default.
"""

import copy
import os
import pickle
import traceback
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone

from skspectral import (
    SpectralGridSearchCV,
    SpectralMLPClassifier,
    SpectralMLPRegressor,
    SpectralPruner,
)

N_CASES = int(os.environ.get("SKSPECTRAL_CASES", 60))
pytestmark = pytest.mark.filterwarnings("ignore")


def mostly(usual, rarely):
    """Draw from `usual`, and one time in thirty from `rarely`."""
    # Not 0, which is drawn more often than others.
    return st.integers(0, 29).flatmap(lambda n: rarely if n == 17 else usual)


PARAMETERS = {
    "hidden_layer_sizes": mostly(
        st.sampled_from([(), 1, 3, 20, (3, 2), [4], np.int64(2), (2, 1, 2)]),
        st.sampled_from([0, -1, 2.5, (3, 0), "3", None]),
    ),
    "activation": mostly(
        st.sampled_from(["relu", "identity", "logistic", "tanh", "silu"]),
        st.sampled_from(["gelu", None]),
    ),
    "fit_intercept": mostly(st.booleans(), st.just(2)),
    "parametrization": st.sampled_from(["spectral", "dense"]),
    "gate": st.sampled_from(["out", "in", "both"]),
    "trainable": st.sampled_from(["all", "eigenvalues", "eigenvectors"]),
    "alpha": mostly(
        st.sampled_from(["auto", 0, 1e-3, 0.1, 10.0]),
        st.sampled_from([-1, np.nan, np.inf, "much", 10**80, True]),
    ),
    "alpha_phi": mostly(st.sampled_from([None, 0.0, 1e-2]), st.just(-1)),
    "alpha_readout": mostly(st.sampled_from([None, 0.0, 1e-2]), st.just("a")),
    "standardize": mostly(st.sampled_from([True, False, "X", "y"]), st.just("z")),
    "batch_size": mostly(st.sampled_from(["auto", 1, 5, 1000]), st.just(0)),
    "learning_rate": st.sampled_from(["linear", "cosine", "constant"]),
    "learning_rate_init": mostly(
        st.sampled_from([1e-2, 1e-4, 1.0]), st.sampled_from([0, 1e30, np.nan])
    ),
    "max_iter": mostly(st.integers(1, 3), st.sampled_from([0, 1.5])),
    "early_stopping": st.booleans(),
    "validation_fraction": mostly(st.sampled_from([0.1, 0.5]), st.just(1.0)),
    "n_iter_no_change": mostly(st.sampled_from(["auto", 1, 5]), st.just(0)),
    "n_iter_warmup": st.integers(0, 1),
    "shuffle": st.booleans(),
    "warm_start": st.booleans(),
    "dtype": mostly(st.sampled_from(["float32", "float64"]), st.just("float16")),
    "random_state": mostly(st.integers(0, 5), st.sampled_from(["a", -1, 1.5])),
}
FIRM = {"random_state", "max_iter"}  # drawn in every case: time, and equal repeats


@st.composite
def parameters(draw, is_classifier):
    names = draw(st.sets(st.sampled_from(sorted(PARAMETERS)), max_size=6)) | FIRM
    drawn = {name: draw(PARAMETERS[name]) for name in sorted(names)}
    if is_classifier and draw(st.booleans()):
        drawn["class_weight"] = draw(
            st.sampled_from([None, "balanced", {0: 2.0, 1: 0.0}, {"b": 1}, "b"])
        )
    return drawn


@st.composite
def tables(draw, n_columns):
    """A table of numbers, and the array it holds."""
    n_rows = draw(mostly(st.integers(6, 30), st.integers(0, 5)))
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    X = rng.normal(size=(n_rows, n_columns))
    kind = draw(
        st.sampled_from(["plain", "constant", "large", "tiny", "integer", "equal"])
    )
    if kind == "constant":
        X[:, 0] = 0.1
    elif kind == "large":
        X[:, 0] = 1e12 + X[:, 0]
    elif kind == "tiny":
        X *= 1e-200
    elif kind == "integer":
        X = np.round(3 * X)
    elif kind == "equal":
        X[:] = X[:1]
    if n_rows and draw(st.integers(0, 29)) == 17:
        X[0, 0] = draw(st.sampled_from([np.nan, np.inf, 1e300]))
    return X


CONTAINERS = {
    "array": lambda X: X,
    "float32": lambda X: X.astype(np.float32),
    "fortran": np.asfortranarray,
    "list": lambda X: X.tolist(),
    "frame": lambda X: pd.DataFrame(X, columns=[f"c{i}" for i in range(X.shape[1])]),
    "mixed frame": lambda X: pd.DataFrame(X).rename(columns=str).astype({"0": object}),
    "csr": sparse.csr_matrix,
    "csc": sparse.csc_matrix,
    "csr array": sparse.csr_array,
    "read-only": lambda X: np.frombuffer(X.tobytes()).reshape(X.shape),
    "strided": lambda X: np.repeat(X, 2, axis=0)[::2],
}


@st.composite
def targets(draw, n_rows, is_classifier):
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    if not is_classifier:
        kind = draw(
            st.sampled_from(["one", "column", "two", "constant", "large", "list"])
        )
        y = rng.normal(size=(n_rows, 2))
        return {
            "one": y[:, 0],
            "column": y[:, :1],
            "two": y,
            "constant": np.full(n_rows, 7.25),
            "large": 1e20 * y[:, 0],
            "list": y[:, 0].tolist(),
        }[kind]
    kinds = ["two", "three", "strings", "bools", "labels"]
    kind = draw(mostly(st.sampled_from(kinds), st.just("one")))
    codes = rng.integers(0, {"three": 3, "one": 1}.get(kind, 2), n_rows)
    if kind == "strings":
        return np.array(["a", "b"])[codes]
    if kind == "bools":
        return codes.astype(bool)
    if kind == "labels":
        return rng.integers(0, 2, (n_rows, 3))
    return codes


@st.composite
def weights(draw, n_rows):
    rng = np.random.default_rng(0)
    kind = draw(
        st.sampled_from(
            [
                *("none", "none", "none", "none", "ones", "drawn", "zeros", "list"),
                *("drawn", "zeros", "tiny", "huge", "all zero", "negative", "short"),
                "nan",
            ]
        )
    )
    drawn = rng.uniform(size=n_rows)
    return {
        "none": None,
        "ones": np.ones(n_rows),
        "drawn": drawn,
        "zeros": np.where(drawn > 0.5, drawn, 0),
        "all zero": np.zeros(n_rows),
        "negative": drawn - 0.5,
        "tiny": 1e-300 * drawn,
        "huge": 1e300 * drawn,
        "list": drawn.tolist(),
        "short": drawn[1:],
        "nan": np.full(n_rows, np.nan),
    }[kind]


FITS = ("fit", "fit", "partial_fit")
CALLS = (
    *FITS,
    "prune",
    "refit pruned",
    "pickle",
    "fit other columns",
    "pruner",
    "search",
)


def global_state():
    return (
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.get_num_threads(),
        torch.is_grad_enabled(),
        torch.get_rng_state().tolist(),
        np.random.get_state()[1].tolist(),
        sklearn.get_config(),
        list(warnings.filters),
        np.geterr(),
    )


def contents(model):
    """All that an estimator holds, as bytes."""
    return pickle.dumps({k: v for k, v in vars(model).items() if k[:5] != "_skl_"})


def outputs(model, X):
    if hasattr(model, "predict_proba"):
        return model.predict_proba(X)
    return model.predict(X)


def check_fitted(model, X, table, y, *, is_moderate):
    """What holds for every fitted network."""
    predicted = model.predict(table)
    assert len(predicted) == len(X)
    assert predicted.shape[1:] == np.shape(y)[1:] or np.shape(y)[1:] == (1,)
    found = outputs(model, table)
    if is_moderate:
        assert np.isfinite(found).all()
    if hasattr(model, "predict_proba") and not model._multilabel:
        np.testing.assert_allclose(found.sum(1), 1)
    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        np.testing.assert_array_equal(outputs(twin, table), found)
    assert model.feature_importances_.shape == (X.shape[1],)
    assert np.isfinite(model.feature_importances_).all()
    assert len(model.feature_relevance_) == sum(model._state().sizes[1:-1])
    raw = np.asarray(X, dtype=np.float64)
    logits = model.to_torch()(torch.tensor(raw)).detach().numpy()
    exact = model.dtype == "float64" and is_moderate
    tolerance = {"rtol": 1e-6, "atol": 1e-9} if exact else {"rtol": 1e-2, "atol": 1e-2}
    if not is_moderate:
        return
    if not hasattr(model, "predict_proba"):
        expected = predicted.reshape(len(X), -1)
        scale = max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(logits / scale, expected / scale, **tolerance)
    if exact and model.activation != "silu":
        theirs = model.to_sklearn()
        theirs = np.reshape(outputs(theirs, raw), np.shape(found))  # (n,) for (n, 1)
        np.testing.assert_allclose(theirs, found, **tolerance)
    both = "both" in model._state().gates
    if len(model._state().sizes) > 2 and not both:
        whole = model.prune(n_nodes=1.0, merge=False)
        np.testing.assert_array_equal(outputs(whole, table), found)


def check_error(error):
    """An error is raised on purpose, by this package or by scikit-learn's checks."""
    assert len(str(error)) > 20, error
    *_, last = traceback.extract_tb(error.__traceback__)
    is_ours = any(folder in last.filename for folder in ("skspectral", "sklearn"))
    assert is_ours, f"{type(error).__name__} in {last.filename}: {error}"


def make_call(model, call, draw, table, y, weight):
    """Make one call; return the estimator it fitted, if it fitted one."""
    weighted = {"sample_weight": weight}
    if call == "pickle":
        pickle.loads(pickle.dumps(model))
    elif call in ("prune", "refit pruned"):
        merge = draw(st.sampled_from([True, False, "fold"]))
        refit = call == "refit pruned"
        small = model.prune(table, y, weight, merge=merge, refit=refit)
        assert sum(small._state().sizes) <= sum(model._state().sizes)
    elif call == "pruner":
        pruner = SpectralPruner(model).fit(table, y, **weighted)
        assert len(pruner.transform(table)) == len(pruner.predict(table))
    elif call == "search":
        grid = {"alpha": [1e-3, 1e-1]}
        search = SpectralGridSearchCV(model, grid, cv=2, error_score="raise")
        search.fit(table, y, **weighted)
    else:
        fit = model.fit if call.startswith("fit") else model.partial_fit
        return fit(table, y, **weighted)
    return None


@pytest.mark.parametrize(
    "Estimator", [SpectralMLPRegressor, SpectralMLPClassifier], ids=lambda e: e.__name__
)
@settings(
    max_examples=N_CASES // 2,  # of each estimator
    deadline=None,
    print_blob=True,
    derandomize=N_CASES <= 60,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_every_call_gives_finite_results_or_an_error_with_a_way_out(Estimator, data):
    draw = data.draw
    is_classifier = Estimator is SpectralMLPClassifier
    model = Estimator(**draw(parameters(is_classifier)))
    n_columns = draw(st.integers(1, 4))
    calls = draw(st.lists(st.sampled_from(CALLS), max_size=3))
    for call in [draw(st.sampled_from(FITS)), *calls]:
        width = n_columns + (call == "fit other columns")
        X = draw(tables(width))
        y = draw(targets(len(X), is_classifier))
        weight = draw(weights(len(X)))
        container = draw(st.sampled_from(sorted(CONTAINERS)))
        if container == "float32":
            X = X.astype(np.float32).astype(np.float64)  # what the table holds
        table = CONTAINERS[container](X)
        before, state = contents(model), global_state()
        fitted, raised = None, None
        try:
            fitted = make_call(model, call, draw, table, y, weight)
        except (ArithmeticError, AttributeError, LookupError) as error:
            raised = error
        except (RuntimeError, TypeError, ValueError) as error:
            raised = error
        assert global_state() == state
        event(f"{call}: {'done' if raised is None else str(raised)[:40]}")
        if fitted is None:
            assert contents(model) == before
        if raised is not None:
            check_error(raised)
        if fitted is None:
            continue
        values = np.asarray(X, dtype=np.float64)
        is_moderate = bool(np.abs(values).max() < 1e3) and model.learning_rate_init < 1
        is_moderate &= is_classifier or bool(np.abs(np.asarray(y, float)).max() < 1e6)
        check_fitted(model, values, table, y, is_moderate=is_moderate)
        scaled = not is_classifier and model.standardize in (True, "y")
        if scaled and np.ptp(np.asarray(y, float)) == 0:
            if call != "partial_fit":
                np.testing.assert_array_equal(model.predict(table), np.asarray(y))
        if call == "fit" and not model.warm_start and draw(st.booleans()):
            twin = clone(model).fit(table, y, sample_weight=weight)
            np.testing.assert_array_equal(outputs(twin, table), outputs(model, table))
        assert global_state() == state
