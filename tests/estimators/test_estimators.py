"""What fit finds, and what can be done with it."""

import copy
import dataclasses
import pickle
import re

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPRegressor

from skspectral import SpectralMLPClassifier, SpectralMLPRegressor
from skspectral._core.cuts import cut_widest_gap
from skspectral._core.relevance import path_relevance
from skspectral.datasets import make_teacher_student

pytestmark = pytest.mark.filterwarnings("ignore:the core is still forming")
QUICK = {"hidden_layer_sizes": 16, "max_iter": 30, "random_state": 0}


@pytest.fixture(scope="module")
def student():
    """A student of 60 nodes for a teacher of 5, and fresh rows."""
    X, y, teacher = make_teacher_student(4000, n_teacher_nodes=5, random_state=0)
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=60, random_state=0
    )
    model.fit(X[:2000], y[:2000])
    return model, X[2000:], y[2000:], teacher


def test_the_core_is_the_teacher(student):
    model, X, y, _ = student
    assert model.core_sizes_ == (5,)
    assert model.core_mask_.sum() == 5
    assert model.core_mask_.shape == model.feature_relevance_.shape == (60,)
    assert model.score(X, y) > 0.999


def test_the_core_points_where_the_teacher_points(student):
    model, _, _, teacher = student
    small = model.prune()
    found, truth = small.coefs_[0], teacher.weights[0]
    cosine = (found / np.linalg.norm(found, axis=0)).T @ (
        truth / np.linalg.norm(truth, axis=0)
    )
    assert (cosine.max(0) > 0.99).all()


def test_pruning_keeps_the_predictions_and_shrinks(student):
    model, X, _, _ = student
    small = model.prune()
    assert small.hidden_layer_sizes == (5,)
    assert small.n_features_in_ == 10
    assert small.n_trained_parameters_ == 10 * 5 + 5 + 5 + 5 + 1
    np.testing.assert_allclose(small.predict(X), model.predict(X), atol=1e-4)
    assert model.core_sizes_ == (5,)
    assert len(model.feature_relevance_) == 60  # the original is untouched


@pytest.mark.filterwarnings("ignore:prune removed only nodes")  # by chance, or not
def test_a_dense_network_keeps_many_more_nodes():
    X, y, _ = make_teacher_student(2000, n_teacher_nodes=5, random_state=0)
    dense = SpectralMLPRegressor(
        encoding="linear",
        hidden_layer_sizes=60,
        parametrization="dense",
        random_state=0,
    ).fit(X, y)
    assert dense.core_sizes_[0] >= 10
    assert set(dense._state().gates) == {None}
    small = dense.prune(merge=False)
    assert small.hidden_layer_sizes == dense.core_sizes_
    np.testing.assert_allclose(small.predict(X), dense.predict(X), rtol=1e-5, atol=1e-6)
    assert dense.prune(n_nodes=7).hidden_layer_sizes == (7,)


def test_prune_says_that_a_core_is_still_forming():
    X, y = load_diabetes(return_X_y=True)
    reg = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=10, max_iter=1
    ).fit(X, y)
    phi = np.ones((10, X.shape[1]))  # three orders of magnitude without a gap
    state = reg._state()
    lambda_out = np.logspace(-3, 0, 10)
    reg._network_state = dataclasses.replace(
        state, phi=[phi, *state.phi[1:]], lambda_out=[lambda_out, *state.lambda_out[1:]]
    )
    assert not reg.core_formed_
    with pytest.warns(UserWarning, match="prune removed nothing: the core is still"):
        assert reg.prune(merge=False).hidden_layer_sizes == (10,)
    reg._network_state = dataclasses.replace(
        reg._state(), lambda_out=[np.append(lambda_out[1:], 0), *state.lambda_out[1:]]
    )
    assert reg.core_sizes_ == (9,)


def test_relevance_is_the_gated_norm():
    X, y = load_iris(return_X_y=True)
    out = SpectralMLPRegressor(encoding="linear", **QUICK).fit(X, y)
    phi, own = out.eigenvectors_[0], out.eigenvalues_out_[0]
    expected = np.abs(own) * np.linalg.norm(phi.astype(float), axis=1)
    np.testing.assert_allclose(out.feature_relevance_, expected, rtol=1e-6)
    gated = SpectralMLPRegressor(encoding="linear", **QUICK, gate="in").fit(X, y)
    phi, own = gated.eigenvectors_[1], gated.eigenvalues_in_[1]
    expected = np.abs(own) * np.linalg.norm(phi.astype(float), axis=0)
    np.testing.assert_allclose(gated.feature_relevance_, expected, rtol=1e-6)
    phi, own = gated.eigenvectors_[0], gated.eigenvalues_in_[0]
    expected = np.abs(own) * np.linalg.norm(phi.astype(float), axis=0)
    expected /= expected.sum()
    np.testing.assert_allclose(gated.feature_importances_, expected, rtol=1e-6)


def test_path_relevance_is_incoming_times_outgoing():
    X, y = load_iris(return_X_y=True)
    model = SpectralMLPRegressor(encoding="linear", **QUICK, standardize=False).fit(
        X, y
    )
    first, last = model.coefs_
    expected = np.linalg.norm(first, axis=0) * np.linalg.norm(last, axis=1)
    found = path_relevance(model._network())[0].numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_importances_follow_the_paths():
    X, y = load_iris(return_X_y=True)
    model = SpectralMLPRegressor(
        encoding="linear", **{**QUICK, "hidden_layer_sizes": (8, 6)}
    ).fit(X, y)
    state = model._state()
    one, two, three = state.weights()
    # path norm from a node of the first layer to the output: root of summed squares
    paths = np.sqrt(((three**2) @ (two**2)).ravel())
    expected = np.sqrt(((one * paths[:, None]) ** 2).sum(0))
    expected /= expected.sum()
    np.testing.assert_allclose(model.feature_importances_, expected, rtol=1e-6)


def test_coefs_are_the_network_on_raw_columns():
    X, y = load_iris(return_X_y=True)
    X = X * [1.0, 100.0, 1e-3, 5.0] + [0.0, 1e4, 3.0, -7.0]
    model = SpectralMLPRegressor(
        encoding="linear", **{**QUICK, "hidden_layer_sizes": (8, 6)}
    ).fit(X, y)
    a = X
    for weight, bias in zip(model.coefs_[:-1], model.intercepts_[:-1]):
        a = np.maximum(a @ weight + bias, 0)
    by_hand = (a @ model.coefs_[-1] + model.intercepts_[-1])[:, 0]
    np.testing.assert_allclose(model.predict(X), by_hand, rtol=1e-9)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("gate", ["out", "in", "both"])
def test_scikit_learns_mlp_predicts_the_same(activation, gate):
    X, y = load_iris(return_X_y=True)
    arguments = {**QUICK, "activation": activation, "gate": gate}
    for targets in (y.astype(float), np.stack([y, X[:, 0]], 1)):
        model = SpectralMLPRegressor(encoding="linear", **arguments).fit(X, targets)
        exported, found = model.to_sklearn(), model.predict(X)
        assert type(exported) is MLPRegressor
        np.testing.assert_allclose(exported.predict(X), found, rtol=1e-9, atol=1e-12)
    names = np.array(["a", "b", "c"])[y]
    labels = np.stack([y == 0, y > 0, X[:, 0] > 5], 1).astype(int)
    for targets in (names, names[:100], labels):
        model = SpectralMLPClassifier(encoding="linear", **arguments).fit(
            X[: len(targets)], targets
        )
        exported = model.to_sklearn()
        np.testing.assert_array_equal(exported.predict(X), model.predict(X))
        np.testing.assert_allclose(
            exported.predict_proba(X), model.predict_proba(X), rtol=1e-7
        )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_torch_module_predicts_the_same(dtype):
    X, y = load_iris(return_X_y=True)
    model = SpectralMLPRegressor(encoding="linear", **QUICK, dtype=dtype).fit(X, y)
    module = model.to_torch()
    rtol = 1e-4 if dtype == "float32" else 1e-12
    found = module(torch.tensor(X)).detach().numpy()[:, 0]
    np.testing.assert_allclose(found, model.predict(X), rtol=rtol, atol=rtol)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    assert np.abs(model.predict(X)).max() > 0.1


def test_a_timestamp_does_no_harm():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 3))
    y = np.maximum(X[:, 0], 0) + X[:, 1]
    stamped = X.copy()
    stamped[:, 0] = 1.7e9 + 60 * X[:, 0]  # seconds: float32 would see steps of 128
    plain = SpectralMLPRegressor(encoding="linear", **QUICK).fit(X, y)
    model = SpectralMLPRegressor(encoding="linear", **QUICK).fit(stamped, y)
    np.testing.assert_allclose(model.predict(stamped), plain.predict(X), atol=2e-3)
    found = model.to_torch()(torch.tensor(stamped)).detach().numpy()[:, 0]
    np.testing.assert_allclose(found, model.predict(stamped), atol=1e-5)
    exported = model.to_sklearn().predict(stamped)
    np.testing.assert_allclose(exported, model.predict(stamped), atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda X: X[0], "Expected 2D array"),
        (lambda X: X[:0], r"0 sample\(s\)"),
        (lambda X: X[:, :-1], "expecting 6 features"),
        (lambda X: np.where(X == X[3, 2], np.inf, X), "contains infinity"),
        (lambda X: X + 1j, "Complex data"),
    ],
)
def test_predict_refuses_what_scikit_learn_refuses(regression, spoil, message, dtype):
    X, y = regression
    reg = SpectralMLPRegressor(encoding="linear", max_iter=1).fit(X, y)
    with pytest.raises(ValueError, match=message):
        reg.predict(spoil(X.astype(dtype)))


def test_an_array_without_the_names_of_fit_is_warned_of(regression):
    pd = pytest.importorskip("pandas")
    X, y = regression
    reg = SpectralMLPRegressor(encoding="linear", max_iter=1).fit(
        pd.DataFrame(X).add_prefix("x"), y
    )
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        reg.predict(X)


def test_no_hidden_layer_is_a_linear_model():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4))
    y = X @ [1.0, -2.0, 0.5, 0.0] + 3 + 0.1 * rng.normal(size=300)
    model = SpectralMLPRegressor(
        encoding="linear",
        hidden_layer_sizes=(),
        alpha=0,
        random_state=0,
        dtype="float64",
    ).fit(X, y)
    exact = LinearRegression().fit(X, y)
    np.testing.assert_allclose(model.coefs_[0][:, 0], exact.coef_, atol=2e-3)
    assert model.core_sizes_ == ()
    assert model.feature_relevance_.shape == (0,)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, 4 * 16 + 16 + 16 + 16 + 1),
        ({"fit_intercept": False}, 4 * 16 + 16 + 16),
        ({"trainable": "eigenvalues"}, 16 + 16 + 16 + 1),
        ({"trainable": "eigenvectors"}, 4 * 16 + 16 + 16 + 1),
        ({"parametrization": "dense"}, 4 * 16 + 16 + 16 + 1),
        ({"gate": "in"}, 4 * 16 + 4 + 16 + 16 + 16 + 1),
        ({"gate": "both"}, 4 * 16 + (4 + 16) + 16 + 16 + (16 + 1) + 1),
        (
            {"gate": "both", "trainable": "eigenvalues", "fit_intercept": False},
            (4 + 16) + (16 + 1),
        ),
    ],
)
def test_what_is_trained_is_counted_and_the_rest_stays(arguments, expected):
    X, y = load_iris(return_X_y=True)
    short, long = (
        SpectralMLPRegressor(
            encoding="linear", **{**QUICK, "max_iter": n}, **arguments
        ).fit(X, y)
        for n in (1, 30)
    )
    assert short.n_trained_parameters_ == expected
    changed = 0
    before, after = short._state(), long._state()
    for index in range(2):
        for name in ("phi", "lambda_in", "lambda_out", "bias"):
            a, b = getattr(before, name)[index], getattr(after, name)[index]
            if a is not None and not np.array_equal(a, b):
                changed += a.size
    assert changed == expected


def test_the_fitted_network_is_read_only_and_stays_so_in_a_pickle(regression):
    X, y = regression
    model = SpectralMLPRegressor(encoding="linear", **QUICK).fit(X, y)
    expected = model.predict(X)
    again = pickle.loads(pickle.dumps(model))
    for fitted in (model, again, copy.deepcopy(model)):
        np.testing.assert_array_equal(fitted.predict(X), expected)
        for array in (*fitted.eigenvectors_, *fitted.eigenvalues_out_):
            with pytest.raises(ValueError, match="read-only"):
                array += 1
    # What is computed for predictions is not carried along.
    unused = SpectralMLPRegressor(encoding="linear", **QUICK).fit(X, y)
    assert len(pickle.dumps(model)) == len(pickle.dumps(unused))


def test_a_core_that_is_still_forming_is_told():
    X, y = load_iris(return_X_y=True)
    arguments = {"hidden_layer_sizes": 50, "alpha": 1e-3, "random_state": 0}
    short = SpectralMLPRegressor(encoding="linear", **arguments, max_iter=200)
    with pytest.warns(ConvergenceWarning, match="still forming"):
        short.fit(X, y)
    assert not short.core_formed_
    assert clone(short).set_params(max_iter="auto").fit(X, y).core_formed_


def test_dense_and_spectral_start_alike():
    X, y = load_iris(return_X_y=True)
    still = {**QUICK, "max_iter": 1, "learning_rate_init": 1e-12}
    spectral = SpectralMLPRegressor(encoding="linear", **still).fit(X, y)
    for other in ({"parametrization": "dense"}, {"gate": "in"}, {"gate": "both"}):
        model = SpectralMLPRegressor(encoding="linear", **still, **other).fit(X, y)
        np.testing.assert_allclose(model.coefs_[0], spectral.coefs_[0], rtol=1e-5)
    phi, own = spectral.eigenvectors_[0], spectral.eigenvalues_out_[0]
    np.testing.assert_allclose(np.linalg.norm(phi, axis=1), np.abs(own), rtol=1e-5)


def test_unequal_alphas_start_balanced():
    X, y = load_iris(return_X_y=True)
    still = {**QUICK, "max_iter": 1, "learning_rate_init": 1e-12}
    model = SpectralMLPRegressor(
        encoding="linear", **still, alpha_phi=1e-3, alpha_lambda=1e-5
    ).fit(X, y)
    phi, own = model.eigenvectors_[0], model.eigenvalues_out_[0]
    left = 1e-3 * (phi.astype(float) ** 2).sum(1)
    np.testing.assert_allclose(left, 1e-5 * own.astype(float) ** 2, rtol=1e-4)


def test_early_stopping_restores_the_best_epoch_and_anneals(regression):
    X, y = regression
    arguments = {"hidden_layer_sizes": 64, "random_state": 0, "alpha": 0}
    model = SpectralMLPRegressor(
        encoding="linear",
        **arguments,
        early_stopping=True,
        n_iter_no_change=5,
        max_iter=400,
        tol=0,
    ).fit(X, y)
    curve = model.validation_loss_curve_
    assert len(curve) == model.n_iter_ < 400
    stopped = model.best_epoch_ + 5
    assert model.best_epoch_ == int(np.argmin(curve[: stopped + 1]))
    assert model.n_iter_ > stopped + 1  # the rate fell to zero before the end
    moves = np.abs(np.diff(curve))
    assert moves[-3:].max() < moves[:10].max()


@pytest.mark.filterwarnings("ignore:Maximum iterations")
@pytest.mark.parametrize("patience", [5, 1000, np.inf])  # stopped by it, or by max_iter
def test_a_constant_rate_ends_with_the_best_weights(regression, patience):
    X, y = regression
    model = SpectralMLPRegressor(
        encoding="linear",
        hidden_layer_sizes=64,
        random_state=0,
        alpha=0,
        learning_rate="constant",
        early_stopping=True,
        standardize="X",
        n_iter_no_change=patience,
        max_iter=200,
    ).fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:])
    curve = model.validation_loss_curve_
    assert model.best_epoch_ == int(np.argmin(curve))
    loss = np.mean((model.predict(X[150:]) - y[150:]) ** 2)
    assert loss == pytest.approx(min(curve), rel=1e-4)


@pytest.mark.parametrize("tol", [1e-4, 1e9])
def test_a_falling_rate_ends_with_the_best_weights_where_the_last_are_worse(
    regression, tol
):
    X, y = regression
    y = y + np.random.default_rng(1).normal(scale=y.std(), size=len(y))  # overfits
    model = SpectralMLPRegressor(
        encoding="linear",
        hidden_layer_sizes=64,
        random_state=0,
        alpha=0,
        early_stopping=True,
        standardize="X",
        n_iter_no_change=1000,
        max_iter=200,
        tol=tol,
    ).fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:])
    curve = model.validation_loss_curve_
    assert model.n_iter_ == 200
    assert curve[-1] > min(curve) + 1e-4
    assert model.best_epoch_ == (int(np.argmin(curve)) if tol < 1 else None)
    loss = np.mean((model.predict(X[150:]) - y[150:]) ** 2)
    assert loss == pytest.approx(min(curve) if tol < 1 else curve[-1], rel=1e-4)


def test_weights_of_the_watched_rows_count(regression):
    X, y = regression
    weight = np.random.default_rng(0).random(50)
    model = SpectralMLPRegressor(encoding="linear", **QUICK, standardize="X").fit(
        X[:150], y[:150], X_val=X[150:], y_val=y[150:], sample_weight_val=weight
    )
    squares = (model.predict(X[150:]) - y[150:]) ** 2
    expected = np.average(squares, weights=weight)
    assert model.validation_loss_curve_[-1] == pytest.approx(expected, rel=1e-4)


def test_tol_stops_a_constant_rate_only(regression):
    X, y = regression
    arguments = {**QUICK, "tol": 1e9, "n_iter_no_change": 3, "n_iter_warmup": 5}
    falling = SpectralMLPRegressor(encoding="linear", **arguments).fit(X, y)
    constant = SpectralMLPRegressor(
        encoding="linear", **arguments, learning_rate="constant"
    ).fit(X, y)
    assert (falling.n_iter_, constant.n_iter_) == (30, 5 + 4)


def test_class_weight_is_a_sample_weight():
    X, y = load_iris(return_X_y=True)
    X, y = X[20:], y[20:]
    named = SpectralMLPClassifier(
        encoding="linear", **QUICK, class_weight={0: 5.0, 2: 0.5}
    ).fit(X, y)
    weight = np.array([5.0, 1.0, 0.5])[y]
    given = SpectralMLPClassifier(encoding="linear", **QUICK).fit(X, y, weight)
    np.testing.assert_array_equal(named.coefs_[0], given.coefs_[0])
    balanced = SpectralMLPClassifier(
        encoding="linear", **QUICK, class_weight="balanced"
    ).fit(X, y)
    weight = (len(y) / (3 * np.bincount(y)))[y]
    given = SpectralMLPClassifier(encoding="linear", **QUICK).fit(X, y, weight)
    np.testing.assert_allclose(balanced.coefs_[0], given.coefs_[0], rtol=1e-5)


def test_the_loss_is_the_cross_entropy():
    X, y = load_iris(return_X_y=True)
    arguments = {**QUICK, "max_iter": 1, "learning_rate_init": 1e-12, "alpha": 0}
    for targets in (y, y > 0):
        model = SpectralMLPClassifier(
            encoding="linear", **arguments, batch_size=150
        ).fit(X, targets)
        expected = log_loss(targets, model.predict_proba(X))
        assert model.loss_ == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", [SpectralMLPRegressor, SpectralMLPClassifier])
def test_warm_start_goes_on_without_a_jump(kind):
    X, y = load_iris(return_X_y=True)
    model = kind(**QUICK, warm_start=True, dtype="float64").fit(X[::2], y[::2])
    before = model._outputs(X)
    # Other rows, other statistics; a rate of nearly zero moves nothing.
    model.set_params(max_iter=1, learning_rate_init=1e-14).fit(X, y)
    np.testing.assert_allclose(model._outputs(X), before, rtol=1e-6, atol=1e-8)
    assert model._x_columns.statistics.mean[0] == pytest.approx(X[:, 0].mean())


@pytest.mark.parametrize("kind", [SpectralMLPRegressor, SpectralMLPClassifier])
def test_partial_fit_does_not_jump_and_learns(kind):
    X, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(150)
    X, y = X[order], y[order].astype(float)
    model = kind(hidden_layer_sizes=16, random_state=0, dtype="float64")
    model.partial_fit(X[:30], y[:30])
    before = model._outputs(X)
    model.set_params(learning_rate_init=1e-14).partial_fit(X[30:60], y[30:60])
    np.testing.assert_allclose(model._outputs(X), before, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(model._x_columns.statistics.mean, X[:60].mean(0))
    np.testing.assert_allclose(model._x_columns.statistics.scale, X[:60].std(0))
    model.set_params(learning_rate_init=1e-2)
    for _ in range(60):
        model.partial_fit(X, y)
    assert model.score(X, y) > 0.9
    assert model.n_iter_ == len(model.loss_curve_) == 62


@pytest.mark.filterwarnings("ignore:Maximum iterations")
def test_partial_fit_keeps_adams_state():
    """Chunks of one minibatch each are the steps of one fit at a constant rate."""
    X, y = load_iris(return_X_y=True)
    arguments = {"hidden_layer_sizes": 8, "random_state": 0, "dtype": "float64"}
    arguments |= {"standardize": False, "alpha": 1e-3}
    parts = SpectralMLPRegressor(encoding="linear", **arguments)
    for _ in range(5):
        parts.partial_fit(X, y)
    whole = SpectralMLPRegressor(
        encoding="linear",
        **arguments,
        learning_rate="constant",
        max_iter=5,
        n_iter_no_change=np.inf,
    ).fit(X, y)
    np.testing.assert_allclose(parts.coefs_[0], whole.coefs_[0], rtol=1e-9)


def test_refit_undoes_the_shrinkage():
    X, y, _ = make_teacher_student(2000, n_teacher_nodes=5, random_state=0)
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=40, alpha=2e-3, random_state=0
    )
    model.fit(X[:1000], y[:1000])
    small = model.prune()
    refitted = model.prune(X[:1000], y[:1000], refit=True)
    assert refitted.hidden_layer_sizes == small.hidden_layer_sizes
    assert refitted.get_params()["alpha"] == 2e-3
    gain = (1 - small.score(X[1000:], y[1000:])) / (
        1 - refitted.score(X[1000:], y[1000:])
    )
    assert gain > 2


def test_a_pruned_network_trains_on_from_there(student):
    model, X, y, _ = student
    small = model.prune().set_params(warm_start=True, max_iter=1)
    small.set_params(learning_rate_init=1e-12)
    before = small.predict(X)
    np.testing.assert_allclose(small.fit(X, y).predict(X), before, atol=1e-3)


def test_a_fit_stopped_too_early_warns():
    X, y, _ = make_teacher_student(1000, n_teacher_nodes=5, random_state=0)
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=60, random_state=0, max_iter=30
    )
    with pytest.warns(
        ConvergenceWarning, match="still forming: no gap.* Raise max_iter or alpha"
    ):
        model.fit(X, y)
    assert 50 < model.core_sizes_[0] <= 60
    # More epochs at most would not help one that stops before them.
    model.set_params(max_iter=300, early_stopping=True, n_iter_no_change=20, tol=10)
    told = r"stopped early: lower tol, or raise n_iter_no_change or alpha"
    with pytest.warns(ConvergenceWarning, match=told):
        model.fit(X, y)
    assert model.n_iter_ < 300


@pytest.mark.parametrize(
    ("relevance", "kept", "forming"),
    [
        ([1.0, 0.5, 0.2, 1e-9, 0.0], 3, False),
        ([1.0, 0.5, 0.2], 3, False),
        ([1.0, 0.5, 0.04, 0.004, 4e-4], 5, True),  # a decade is no gap
        ([1.0, 0.06, 0.0005], 2, False),  # two decades are
        ([1.0, 1e-7, 1e-12, 0.0], 1, False),  # all below 1e-6 is the same
        ([3.0], 1, False),
        ([1.0, 0.04, 1e-5], 2, False),  # the widest gap, not the first
        ([1.0, 0.02, 1e-3, 5e-5, 4e-6, 1e-9, 0.0], 5, True),  # no gap, yet two dead
    ],
)
def test_the_gap(relevance, kept, forming):
    core = cut_widest_gap([torch.tensor(relevance, dtype=torch.float64)])
    assert (int(core.masks[0].sum()), core.forming) == (kept, forming)
    permuted = torch.tensor(relevance[::-1], dtype=torch.float64)
    assert int(cut_widest_gap([permuted]).masks[0].sum()) == kept


def test_a_layer_without_relevance_keeps_one_node():
    core = cut_widest_gap([torch.zeros(4)])
    assert (int(core.masks[0].sum()), core.vanished) == (1, True)


def test_any_depth_has_a_core():
    X, y, _ = make_teacher_student(
        2000, n_teacher_nodes=6, second_layer=3, random_state=0
    )
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=(40, 20), random_state=0
    ).fit(X, y)
    assert all(a < b for a, b in zip(model.core_sizes_, (40, 20)))
    assert [len(r) for r in model.layer_relevances_] == [40, 20]
    small = model.prune(merge=False)
    assert small.hidden_layer_sizes == model.core_sizes_
    np.testing.assert_allclose(small.predict(X), model.predict(X), atol=1e-4)


def test_verbose_prints_and_is_silent_by_default(capsys):
    X, y = load_iris(return_X_y=True)
    SpectralMLPRegressor(encoding="linear", **QUICK).fit(X, y)
    assert capsys.readouterr().out == ""
    SpectralMLPRegressor(encoding="linear", **QUICK, verbose=True).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert lines[-1].startswith("epoch 30/30  loss ")


def test_an_interrupt_warns_and_leaves_a_usable_network(monkeypatch):
    from skspectral._estimators import base

    X, y = load_iris(return_X_y=True)
    calls = []

    def interrupting(n_epochs, verbose):
        def on_epoch(epoch):
            calls.append(epoch.number)
            if epoch.number == 3:
                raise KeyboardInterrupt

        return on_epoch

    monkeypatch.setattr(base, "epoch_printer", interrupting)
    model = SpectralMLPRegressor(encoding="linear", **QUICK, verbose=True)
    with pytest.warns(ConvergenceWarning, match="interrupted.*epoch 4 of 30"):
        model.fit(X, y)
    assert model.n_iter_ == 4
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_fit_on_cuda_is_a_fit_on_the_cpu():
    X, y = load_iris(return_X_y=True)
    for kind in (SpectralMLPRegressor, SpectralMLPClassifier):
        cpu = kind(**QUICK, dtype="float64", device="cpu", early_stopping=True)
        gpu = kind(**QUICK, dtype="float64", device="cuda", early_stopping=True)
        np.testing.assert_allclose(
            gpu.fit(X, y).coefs_[0], cpu.fit(X, y).coefs_[0], rtol=1e-6
        )
        assert gpu.device_ == "cuda"


def test_the_html_shows_the_core():
    pytest.importorskip("sklearn.callback", reason="scikit-learn < 1.9")
    X, y = load_iris(return_X_y=True)
    model = SpectralMLPClassifier(encoding="linear", **QUICK).fit(X, y)
    assert re.search(r"core_sizes_.{0,400}\(\d+,\)", model._repr_html_(), re.DOTALL)


def test_the_penalty_begins_after_the_warmup(regression):
    """Until then a fit is one without penalty, but for the objective it tells."""
    X, y = regression
    arguments = {**QUICK, "max_iter": 20}
    free = SpectralMLPRegressor(encoding="linear", **arguments, alpha=0).fit(X, y)
    whole = SpectralMLPRegressor(
        encoding="linear", **arguments, alpha=0.3, n_iter_warmup=20
    ).fit(X, y)
    np.testing.assert_array_equal(whole.coefs_[0], free.coefs_[0])
    assert whole.loss_ > free.loss_
    some = SpectralMLPRegressor(
        encoding="linear", **arguments, alpha=0.3, n_iter_warmup=2
    ).fit(X, y)
    none = SpectralMLPRegressor(encoding="linear", **arguments, alpha=0.3).fit(X, y)
    assert some.loss_curve_[1] > none.loss_curve_[1]
    assert not np.array_equal(some.coefs_[0], none.coefs_[0])


def test_a_fitted_network_needs_no_warmup(regression):
    X, y = regression
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=4, max_iter=2, n_iter_warmup=7
    )
    assert model._plan(*model._read(X, y)).schedule.warmup == 7
    model.fit(X, y).set_params(warm_start=True)
    assert model._plan(*model._read(X, y, reset=False)).schedule.warmup == 0


def test_partial_fit_does_not_stop_early(regression):
    X, y = regression
    model = SpectralMLPRegressor(encoding="linear", early_stopping=True)
    with pytest.raises(ValueError, match="never stops early; got early_stopping=True"):
        model.partial_fit(X, y)
