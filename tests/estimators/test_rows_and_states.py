"""Which rows count, and what a fitted network may go on as."""

import dataclasses
import warnings
from functools import partial

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris

from skspectral import (
    SpectralMLPClassifier,
    SpectralMLPRegressor,
    null_importances,
    pruning_curve,
)

pytestmark = pytest.mark.filterwarnings("ignore:the core is still forming")


def test_what_a_prune_has_left_is_a_core():
    X, y = load_diabetes(return_X_y=True)
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=40, alpha=1e-2, random_state=0
    )
    model.fit(X, y)
    assert model.core_formed_
    relevance = torch.tensor(model.feature_relevance_)
    # Two living nodes, the second so small that nothing but the dead ones shows a gap.
    state = model._state()
    strong, weak = relevance.argsort(descending=True)[:2].tolist()
    scale = np.zeros(40)
    scale[strong] = 1
    scale[weak] = 0.02 * relevance[strong] / relevance[weak]
    lambda_out = (state.lambda_out[0] * scale, state.lambda_out[1])
    model._network_state = dataclasses.replace(state, lambda_out=lambda_out)
    assert model.core_sizes_ == (2,)
    assert model.core_formed_
    small = model.prune(merge=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = small.prune(merge=False)
    for pruned in (small, again):
        assert pruned.core_sizes_ == (2,)
        assert pruned.core_formed_
    fitted = small.set_params(warm_start=True, max_iter=1, learning_rate_init=1e-9)
    assert not fitted.fit(X, y).core_formed_


@pytest.mark.parametrize("meant", [0.05, 10, "gap", [3], (3,), np.array([3, 2])])
def test_a_cut_is_not_taken_for_rows(meant):
    X, y = load_diabetes(return_X_y=True)
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=4, max_iter=2
    ).fit(X, y)
    with pytest.raises(ValueError, match=r"X must be a table of rows.*n_nodes"):
        model.prune(meant)


def test_folding_on_few_of_the_rows_warns():
    X, y = load_diabetes(return_X_y=True)
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=8, alpha=1e-2, random_state=0
    )
    model.fit(X, y)
    with pytest.warns(UserWarning, match=r"got 100 rows, where fit had 442"):
        model.prune(X[:100], merge="fold")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "prune removed")
        model.prune(X[:300], merge="fold")


@pytest.mark.parametrize(
    "changed",
    [
        {"gate": "in"},
        {"parametrization": "dense"},
        {"activation": "tanh"},
        {"fit_intercept": False},
    ],
)
def test_going_on_with_another_kind_of_network_is_an_error(changed):
    X, y = load_diabetes(return_X_y=True)
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=4, max_iter=2, warm_start=True
    )
    model.fit(X, y).set_params(**changed)
    before = model.predict(X)
    for go_on in (
        model.fit,
        model.partial_fit,
        partial(model.prune, refit=True, n_nodes=4),
    ):
        with pytest.raises(ValueError, match=r"go on with the fitted network, with"):
            go_on(X, y)
    np.testing.assert_array_equal(model.predict(X), before)


def test_a_fit_forgets_the_optimizer_of_chunks():
    X, y = load_diabetes(return_X_y=True)
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=8, max_iter=3, random_state=0
    )
    fresh = clone(model).fit(X, y).partial_fit(X, y)
    model.set_params(hidden_layer_sizes=30).partial_fit(X, 100 * y)
    model.set_params(hidden_layer_sizes=8).fit(X, y).partial_fit(X, y)
    np.testing.assert_array_equal(model.predict(X), fresh.predict(X))


@pytest.mark.filterwarnings("ignore:Maximum iterations")
@pytest.mark.parametrize("learning_rate", ["constant", "linear"])
def test_rows_to_watch_change_nothing_without_early_stopping(learning_rate):
    X, y = load_diabetes(return_X_y=True)
    model = SpectralMLPRegressor(
        encoding="linear",
        hidden_layer_sizes=8,
        max_iter=60,
        learning_rate=learning_rate,
        random_state=0,
    )
    alone = clone(model).fit(X, y)
    watched = model.fit(X, y, X_val=X[:50] + 1, y_val=-y[:50])
    assert len(watched.validation_loss_curve_) == watched.n_iter_ == alone.n_iter_
    assert watched.best_epoch_ is None
    np.testing.assert_array_equal(watched.predict(X), alone.predict(X))


def test_sparse_labels():
    X, y = load_iris(return_X_y=True)
    labels = np.stack([y > 0, y > 1], axis=1).astype(int)
    model = SpectralMLPClassifier(
        encoding="linear", hidden_layer_sizes=4, max_iter=5, random_state=0
    )
    dense = clone(model).fit(X, labels, X_val=X, y_val=labels)
    Y = sparse.csr_matrix(labels)
    model.fit(X, Y, X_val=X, y_val=Y)
    np.testing.assert_array_equal(model.predict_proba(X), dense.predict_proba(X))


def test_a_chunk_need_not_hold_a_class_that_is_weighed():
    X, y = load_iris(return_X_y=True)
    model = SpectralMLPClassifier(
        encoding="linear", class_weight={0: 2.0}, random_state=0
    )
    model.partial_fit(X[y == 1], y[y == 1], classes=[0, 1, 2])
    with pytest.raises(ValueError, match="`classes` must be those of the first call"):
        model.partial_fit(X, y, classes=[0, 1])


@pytest.mark.parametrize("weights", [{0: -1.0}, {0: np.nan}, [1, 2, 3]])
def test_bad_class_weights(weights):
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match="`class_weight` must be None, 'balanced' or"):
        SpectralMLPClassifier(encoding="linear", class_weight=weights).fit(X, y)


@pytest.mark.parametrize("scale", [1e-50, 1e50])
def test_the_scale_of_weights_is_taken_out_in_float64(scale):
    X, y = load_diabetes(return_X_y=True)
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=4, max_iter=5, random_state=0
    )
    expected = clone(model).fit(X, y).predict(X)
    weighted = model.fit(X, y, sample_weight=np.full(len(y), scale)).predict(X)
    np.testing.assert_allclose(weighted, expected, rtol=1e-4)


def test_the_meta_device_is_refused():
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises(ValueError, match="`device` must name a device torch can use"):
        SpectralMLPRegressor(encoding="linear", device="meta").fit(X, y)


@pytest.mark.parametrize("scale", [1e4, 1e-4])
@pytest.mark.parametrize("what", ["column", "targets"])
def test_what_did_not_vary_in_the_first_chunk(what, scale):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(9000, 3))
    y = X[:, 0] + np.sin(X[:, 1]) + X[:, 2]
    X[:, 2] *= scale if what == "column" else 1
    y *= scale if what == "targets" else 1
    chunks = np.split(np.arange(6000), 20)
    if what == "column":
        X[chunks[0], 2] = 0.1 * scale
    else:
        y[chunks[0]] = 0.1 * scale
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=20, random_state=0
    )
    for n_seen, rows in enumerate(chunks * 2):
        model.partial_fit(X[rows], y[rows])
        if n_seen == 0:
            before = model.predict(X[rows])
        if n_seen == 1:  # no jump where rows were seen
            spread = max(1.0, y.std())
            np.testing.assert_allclose(model.predict(X[chunks[0]]), before, atol=spread)
    assert model.score(X[6000:], y[6000:]) > 0.9


def test_partial_fit_with_other_parameters_trained():
    """Adam's moments are of the numbers that were trained: others start anew."""
    X, y = load_diabetes(return_X_y=True)
    model = SpectralMLPRegressor(
        encoding="linear",
        hidden_layer_sizes=16,
        batch_size=500,
        alpha=1e-3,
        random_state=0,
    ).partial_fit(X, y)
    for which in ("eigenvectors", "eigenvalues", "all"):
        before = model.set_params(trainable=which)._state().phi[0]
        step = np.abs(model.partial_fit(X, y)._state().phi[0] - before)
        # Adam's first step is one of the rate; with old moments it is another.
        first = 0 if which == "eigenvalues" else model.learning_rate_init
        np.testing.assert_allclose(step, first, rtol=1e-2, atol=1e-9)


@pytest.mark.parametrize("learning_rate", ["linear", "constant"])
def test_a_validation_loss_that_is_not_finite(learning_rate):
    X, y = load_diabetes(return_X_y=True)
    y_val = y[:40].copy()
    y_val[3] = 1e25
    model = SpectralMLPRegressor(
        encoding="linear",
        early_stopping=True,
        learning_rate=learning_rate,
        random_state=0,
    )
    with pytest.raises(ValueError, match=r"the validation loss must stay finite.*inf"):
        model.fit(X[40:], y[40:], X_val=X[:40], y_val=y_val)


def test_balanced_counts_weights():
    X, y = load_iris(return_X_y=True)
    times = np.random.default_rng(0).integers(0, 4, size=len(y))
    settings = {"hidden_layer_sizes": 4, "max_iter": 1, "class_weight": "balanced"}
    weighted = SpectralMLPClassifier(encoding="linear", **settings).fit(
        X, y, sample_weight=times
    )
    repeated = SpectralMLPClassifier(encoding="linear", **settings).fit(
        X.repeat(times, 0), y.repeat(times)
    )
    np.testing.assert_allclose(weighted._class_factors, repeated._class_factors)
    counts = np.bincount(y, times)
    np.testing.assert_allclose(weighted._class_factors, times.sum() / (3 * counts))


def test_class_weights_of_a_fold_without_a_class():
    X, y = load_iris(return_X_y=True)
    model = SpectralMLPClassifier(
        encoding="linear",
        hidden_layer_sizes=4,
        max_iter=1,
        class_weight={0: 1, 1: 2, 2: 5},
    )
    assert len(model.fit(X[y < 2], y[y < 2]).classes_) == 2
    nothing = clone(model).set_params(class_weight={0: 0, 1: 0, 2: 0})
    with pytest.raises(ValueError, match="`class_weight` must leave a row of positive"):
        nothing.fit(X, y)
    only_first = clone(model).set_params(class_weight={0: 0}, early_stopping=True)
    with pytest.raises(ValueError, match="`class_weight` must leave a row of positive"):
        only_first.fit(X, y, X_val=X[y == 0], y_val=y[y == 0])


def test_a_fall_as_long_as_the_way_to_the_best_weights():
    X, y = load_diabetes(return_X_y=True)
    settings = {"hidden_layer_sizes": 32, "early_stopping": True, "random_state": 0}
    settings |= {"n_iter_no_change": 15, "tol": 0.0}
    falling = SpectralMLPRegressor(encoding="linear", **settings).fit(X, y)
    best = falling.best_epoch_
    assert falling.n_iter_ == best + 1 + 15 + best + 1
    losses = falling.validation_loss_curve_[: best + 1 + 15]
    assert int(np.argmin(losses)) == best


def test_trained_parameters_are_those_of_the_fit():
    X, y = load_diabetes(return_X_y=True)
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=8, alpha=0.02, random_state=0
    )
    n_trained = model.fit(X, y).n_trained_parameters_
    assert n_trained == 10 * 8 + 8 + 8 + 8 + 1
    for other in ({"trainable": "eigenvalues"}, {"gate": "in"}):
        assert clone(model).set_params(**other).fit(X, y).n_trained_parameters_ != (
            n_trained
        )
        again = model.set_params(**other)
        assert again.n_trained_parameters_ == n_trained
    (core,) = model.core_sizes_
    pruned = model.prune(merge=False)
    assert pruned.n_trained_parameters_ == 10 * core + 3 * core + 1


def test_log_probabilities_beyond_the_smallest_float():
    X, y = load_iris(return_X_y=True)
    labels = np.stack([y == 0, y == 1], axis=1).astype(int)
    for targets in (y, y > 0, labels):
        model = SpectralMLPClassifier(
            encoding="linear", hidden_layer_sizes=4, max_iter=20, random_state=0
        )
        model.fit(X, targets)
        near = model.predict_log_proba(X)
        np.testing.assert_allclose(near, np.log(model.predict_proba(X)))
        far = model.predict_log_proba(1e6 * X)
        assert np.isfinite(far).all()
        assert far.min() < -1000


def test_validation_rows_are_named():
    X, y = load_iris(return_X_y=True)
    model = SpectralMLPClassifier(encoding="linear", hidden_layer_sizes=4, max_iter=2)
    kept = y < 2
    for X_val, y_val, message in (
        (X, y, r"in the validation rows.*got \[2\] as well. Leave these rows out"),
        (X[kept, :3], y[kept], r"in the validation rows.*3 features"),
        (X[:4], y[:3], r"in the validation rows.*inconsistent"),
        (np.full((2, 4), np.inf), y[:2], r"in the validation rows.*infinity"),
    ):
        with pytest.raises(ValueError, match=message):
            model.fit(X[kept], y[kept], X_val=X_val, y_val=y_val)


def with_relevances(model, *layers):
    """The fitted model with these relevances of its hidden nodes (gate "out")."""
    state = model._state()
    lambda_out = list(state.lambda_out)
    for index, wanted in enumerate(layers):
        norms = np.linalg.norm(state.phi[index], axis=1)
        lambda_out[index] = (-np.asarray(wanted) / norms).astype(norms.dtype)
    model._network_state = dataclasses.replace(state, lambda_out=tuple(lambda_out))
    return model


def test_a_core_is_not_cut_again():
    """Once the dead are gone the widest gap is one between the living."""
    X, y = load_diabetes(return_X_y=True)
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=5, max_iter=2, random_state=0
    )
    with_relevances(model.fit(X, y), [1.0, 0.96, 3.6e-3, 9e-13, 4e-14])
    assert model.core_sizes_ == (3,)
    once = model.prune(merge=False)
    assert once.core_sizes_ == (3,)
    assert once.prune(merge=False).hidden_layer_sizes == (3,)
    assert pruning_curve(once, X, y).core_size == 3
    # Of more nodes than the core the gap tells the dead as before.
    four = model.prune(n_nodes=4, merge=False)
    assert four.hidden_layer_sizes == (4,)
    assert four.core_sizes_ == (3,)
    assert model.prune(n_nodes=2, merge=False).core_sizes_ == (2,)


def test_a_node_that_hears_the_dead_only():
    X, y = load_diabetes(return_X_y=True)
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=(3, 3), max_iter=2, random_state=0
    )
    model.fit(X, y)
    phi = [p.copy() for p in model._state().phi]
    phi[1][2, :2] = 0  # of the second layer one hears the third of the first only
    model._network_state = dataclasses.replace(model._state(), phi=tuple(phi))
    with_relevances(model, [1.0, 0.9, 1e-9], [1.0, 0.9, 0.8])
    assert model.core_sizes_ == (2, 2)
    small = model.prune(merge=False)
    assert small.hidden_layer_sizes == small.core_sizes_ == (2, 2)
    np.testing.assert_allclose(small.predict(X), model.predict(X), rtol=1e-4)


@pytest.mark.filterwarnings("ignore:.*repeats cannot tell")
def test_rows_of_weight_zero_are_in_no_copy():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = X[:, 0] + 0.1 * rng.normal(size=200)
    weight = np.ones(200)
    weight[150:] = 0
    wild = X.copy()
    wild[150:] = -9999
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=6, gate="in", alpha=1e-2, max_iter=20
    )
    arguments = {"n_repeats": 2, "random_state": 0}
    found = null_importances(model, wild, y, sample_weight=weight, **arguments)
    dropped = null_importances(model, X[:150], y[:150], **arguments)
    np.testing.assert_allclose(found.null, dropped.null, rtol=1e-5)


def test_two_entries_of_a_cell_are_one_number():
    X, y = load_diabetes(return_X_y=True)
    once = sparse.csr_matrix(X)
    data = np.concatenate([once.data, np.ones(len(y)), -np.ones(len(y))])
    rows = np.concatenate([once.tocoo().row, *2 * [np.arange(len(y))]])
    columns = np.concatenate([once.indices, *2 * [np.zeros(len(y), int)]])
    order = np.argsort(rows, kind="stable")
    starts = np.concatenate([[0], np.bincount(rows).cumsum()])
    twice = sparse.csr_matrix((data[order], columns[order], starts), shape=X.shape)
    n_entries = twice.nnz
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=4, max_iter=2, random_state=0
    )
    expected = clone(model).fit(X, y).predict(X)
    np.testing.assert_allclose(model.fit(twice, y).predict(twice), expected, rtol=1e-5)
    assert twice.nnz == n_entries  # the user's matrix is the user's
