"""Pruning curve and regularization path, against surgery and plain fits."""

import functools
import time
import warnings

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score, mean_squared_error, r2_score

from skspectral import (
    SpectralMLPClassifier,
    SpectralMLPRegressor,
    null_importances,
    pruning_curve,
    regularization_path,
)
from skspectral._engine.network_batch import NetworkBatch
from skspectral._estimators import batch_fits, train_together
from skspectral._inspection import importances, incremental_scores
from skspectral.datasets import make_teacher_student
from skspectral.nn import remove_nodes

pytestmark = pytest.mark.filterwarnings(
    "ignore:the core is still forming", "ignore:prune removed"
)
QUICK = {
    "hidden_layer_sizes": 12,
    "max_iter": 30,
    "random_state": 0,
    "dtype": "float64",
}
RNG = np.random.default_rng(0)
X = RNG.normal(3.0, 2.0, size=(120, 5))
Y = np.maximum((X - 3) @ RNG.normal(size=(5, 4)), 0)
LABELS = np.array(["ant", "bee", "cat"])[Y[:, :3].argmax(1)]


def regressor(**parameters):
    return SpectralMLPRegressor(encoding="linear", **{**QUICK, **parameters})


def classifier(**parameters):
    return SpectralMLPClassifier(encoding="linear", **{**QUICK, **parameters})


FITS = {
    "one output": (regressor(), Y[:, 0]),
    "column": (regressor(), Y[:, :1]),
    "several outputs": (regressor(), Y),
    "no bias": (regressor(fit_intercept=False, activation="logistic"), Y[:, 0]),
    "gate in": (regressor(gate="in", activation="logistic"), Y[:, 0]),
    "tanh": (regressor(activation="tanh", dtype="float64"), Y[:, 0]),
    "dense": (regressor(parametrization="dense"), Y[:, 0]),
    "two classes": (classifier(), LABELS == "bee"),
    "classes": (classifier(activation="silu"), LABELS),
    "labels": (classifier(), (Y > 0.5).astype(int)),
}


@pytest.fixture(scope="module", params=FITS, ids=lambda name: name.replace(" ", "-"))
def fitted(request):
    estimator, y = FITS[request.param]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return clone(estimator).fit(X, y), y


@pytest.fixture(scope="module")
def deep():
    model = regressor(hidden_layer_sizes=(7, 5, 6), activation="tanh")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, Y[:, 0])


@pytest.mark.parametrize("weighted", [False, True])
def test_each_point_is_the_score_of_the_pruned_estimator(fitted, weighted):
    model, y = fitted
    weight = RNG.random(len(X)) if weighted else None
    curve = pruning_curve(model, X, y, sample_weight=weight, random_state=0)
    assert curve.n_nodes.tolist() == list(range(1, 13))
    for kind in ("R", "path"):
        expected = [
            model.prune(n_nodes=n, relevance=kind, merge=False).score(X, y, weight)
            for n in range(1, 13)
        ]
        np.testing.assert_allclose(curve.scores[kind], expected, atol=1e-10)
    full = model.score(X, y, weight)
    assert curve.full_score == full
    for scores in curve.scores.values():
        np.testing.assert_allclose(scores[..., -1], full, atol=1e-10)
    assert curve.core_size == model.core_sizes_[0]


def test_random_points_are_those_of_surgery_on_their_orders(fitted):
    model, y = fitted
    curve = pruning_curve(model, X, y, relevance="random", n_random=3, random_state=1)
    orders = curve.orders["random"]
    assert curve.scores["random"].shape == (3, 12)
    np.testing.assert_array_equal(np.sort(orders, axis=1), [np.arange(12)] * 3)
    module = model.to_torch()
    whole = module.network
    for n in (1, 5, 11):
        mask = torch.zeros(12, dtype=torch.bool)
        mask[torch.tensor(orders[2, :n])] = True
        module.network = remove_nodes(whole, [mask])
        outputs = module(torch.tensor(X)).detach().numpy()
        if isinstance(model, SpectralMLPRegressor):
            expected = r2_score(y, outputs)
        elif np.ndim(y) == 2:
            expected = accuracy_score(y, outputs > 0)
        else:
            codes = outputs.argmax(1) if outputs.shape[1] > 1 else outputs[:, 0] > 0
            expected = accuracy_score(y, model.classes_[codes.astype(int)])
        np.testing.assert_allclose(curve.scores["random"][2, n - 1], expected)


@pytest.mark.parametrize("layer", [0, 1, 2, -1, -3])
@pytest.mark.parametrize("kind", ["R", "path"])
def test_of_several_layers_one_is_cut(deep, layer, kind):
    curve = pruning_curve(
        deep, X, Y[:, 0], layer=layer, n_nodes=[4, 1, 2, 4], relevance=kind
    )
    assert curve.n_nodes.tolist() == [1, 2, 4]
    assert curve.layer == layer % 3
    assert curve.n_hidden_layers == 3
    assert list(curve.scores) == [kind]
    for n, score in zip(curve.n_nodes, curve.scores[kind]):
        widths = [7, 5, 6]
        widths[layer] = int(n)
        small = deep.prune(n_nodes=tuple(widths), relevance=kind, merge=False)
        np.testing.assert_allclose(score, small.score(X, Y[:, 0]), atol=1e-10)


@pytest.mark.parametrize("layer", [0, 2])
def test_a_scorer_sees_the_pruned_estimator(deep, layer):
    def width(estimator, X, y):
        assert estimator.hidden_layer_sizes == estimator._state().sizes[1:-1]
        return estimator.hidden_layer_sizes[layer]

    before = deep.predict(X)
    arguments = {"n_nodes": [1, 3], "layer": layer, "random_state": 0}
    curve = pruning_curve(deep, X, Y[:, 0], scoring=width, **arguments)
    assert curve.scores["path"].tolist() == [1, 3]
    assert curve.score_name == "width"
    slow = pruning_curve(deep, X, Y[:, 0], scoring="r2", **arguments)
    fast = pruning_curve(deep, X, Y[:, 0], **arguments)
    for kind in ("R", "path", "random"):
        np.testing.assert_allclose(slow.scores[kind], fast.scores[kind], atol=1e-10)
    assert fast.score_name == "R²"
    assert deep.hidden_layer_sizes == (7, 5, 6)
    np.testing.assert_array_equal(deep.predict(X), before)


def test_a_scorer_gets_the_weights(fitted):
    model, y = fitted
    of_numbers = isinstance(model, SpectralMLPRegressor)
    weight = np.arange(len(X)) % 3
    curve = pruning_curve(
        model,
        X,
        y,
        sample_weight=weight,
        relevance=["path"],
        n_nodes=4,
        scoring="neg_mean_squared_error" if of_numbers else "accuracy",
    )
    small = model.prune(n_nodes=4, relevance="path", merge=False)
    metric = mean_squared_error if of_numbers else accuracy_score
    expected = metric(y, small.predict(X), sample_weight=weight)
    sign = -1 if of_numbers else 1
    np.testing.assert_allclose(curve.scores["path"], [sign * expected])


def test_blocks_of_rows_sparse_rows_and_frames_change_nothing(monkeypatch):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcde"))
    model = regressor().fit(frame, Y)
    rows = np.tile(X, (5, 1))
    names = pandas.DataFrame(rows, columns=list("abcde"))
    whole = pruning_curve(model, names, np.tile(Y, (5, 1)), random_state=0)
    monkeypatch.setattr(incremental_scores, "BLOCK", 1)  # 256 rows at a time
    parts = pruning_curve(model, names, np.tile(Y, (5, 1)), random_state=0)
    for kind, scores in whole.scores.items():
        np.testing.assert_allclose(parts.scores[kind], scores, atol=1e-12)
    model = regressor().fit(X, Y)
    sparse = pruning_curve(model, csr_matrix(X), Y, relevance="R")
    dense = pruning_curve(model, X.tolist(), Y.tolist(), relevance="R")
    np.testing.assert_allclose(sparse.scores["R"], dense.scores["R"], atol=1e-12)


def test_a_column_of_timestamps_keeps_its_digits():
    late = X + 1.7e9 * np.eye(5)[0]
    model = regressor().fit(late, Y)
    curve = pruning_curve(model, late, Y, n_nodes=7, relevance="R")
    expected = model.prune(n_nodes=7, merge=False).score(late, Y)
    np.testing.assert_allclose(curve.scores["R"], [expected], atol=1e-10)


def test_a_constant_target_scores_as_in_scikit_learn():
    model = regressor().fit(X, Y[:, :2])
    y = np.stack([np.full(len(X), 2.0), Y[:, 1]], axis=1)
    curve = pruning_curve(model, X, y, n_nodes=3, relevance="R")
    expected = model.prune(n_nodes=3, merge=False).score(X, y)
    np.testing.assert_allclose(curve.scores["R"], [expected])


def test_a_class_the_network_never_saw_is_a_miss():
    model = classifier().fit(X, LABELS)
    strange = np.where(np.arange(len(X)) < 20, "dog", LABELS)
    curve = pruning_curve(model, X, strange, relevance="R")
    expected = model.prune(n_nodes=2, merge=False).score(X, strange)
    np.testing.assert_allclose(curve.scores["R"][1], expected)


def test_relevance_finds_the_teacher_and_chance_does_not():
    X, y, _ = make_teacher_student(4000, n_teacher_nodes=5, random_state=1)
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=60, random_state=0
    )
    model.fit(X[:2000], y[:2000])
    curve = pruning_curve(model, X[2000:], y[2000:], random_state=0)
    core = curve.core_size
    assert 5 <= core <= 7
    assert curve.scores["R"][core - 1] > curve.full_score - 1e-3
    assert curve.scores["R"][core - 2] < curve.full_score - 1e-3
    assert curve.scores["random"][:, core - 1].max() < 0.5


def test_three_hundred_numbers_on_four_thousand_rows_are_quick():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4128, 8))
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=300, max_iter=1, random_state=0
    )
    model.fit(X[:200], X[:200, 0])
    start = time.perf_counter()
    curve = pruning_curve(model, X, X[:, 0], random_state=0)
    assert time.perf_counter() - start < 2
    assert curve.scores["random"].shape == (5, 300)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_nodes": 0}, "`n_nodes` must be integers from 1 .* 12; got n_nodes=0"),
        ({"n_nodes": [3, 13]}, r"got n_nodes=\[3, 13\]. Leave it out"),
        ({"n_nodes": []}, r"got n_nodes=\[\]"),
        ({"n_nodes": 2.5}, "got n_nodes=2.5"),
        ({"n_nodes": True}, "got n_nodes=True"),
        ({"layer": 1}, "`layer` must be .* from -1 to 0; got layer=1.*last one is -1"),
        ({"layer": -2}, "got layer=-2"),
        ({"layer": 0.0}, "got layer=0.0"),
        ({"relevance": "magnitude"}, "`relevance` must name .* got .*'magnitude'"),
        ({"relevance": ()}, r"got relevance=\(\)"),
        ({"n_random": 0}, "`n_random` must be an integer >= 1; got n_random=0"),
        ({"scoring": ["r2"]}, "`scoring` must be None.*got .*Pass one score at a time"),
        ({"sample_weight": -np.ones(120)}, "`sample_weight` must be finite and >= 0"),
        ({"sample_weight": np.ones(3)}, r"shape \(120,\); got shape \(3,\)"),
    ],
)
def test_a_curve_of_bad_input(arguments, message):
    model = regressor(max_iter=1).fit(X, Y)
    with pytest.raises(ValueError, match=message):
        pruning_curve(model, X, Y, **arguments)


def test_networks_without_a_curve():
    with pytest.raises(NotFittedError):
        pruning_curve(regressor(), X, Y)
    with pytest.raises(TypeError, match="must be a Spectral.*got Ridge. For a pruner"):
        pruning_curve(Ridge().fit(X, Y), X, Y)
    with pytest.raises(ValueError, match="needs a hidden layer; got .*Fit with"):
        pruning_curve(regressor(hidden_layer_sizes=(), max_iter=1).fit(X, Y), X, Y)
    with pytest.raises(ValueError, match="gate='both', .*Fit with gate='out'"):
        pruning_curve(regressor(gate="both", max_iter=1).fit(X, Y), X, Y)
    with pytest.raises(ValueError, match="X has 4 features"):
        pruning_curve(regressor(max_iter=1).fit(X, Y), X[:, :4], Y)


GRID = [1e-1, 1e-3, 1e-2]


def test_a_path_is_a_chain_of_fits():
    weight = RNG.random(len(X))
    model = regressor(hidden_layer_sizes=(6, 4))
    path = regularization_path(
        model, X, Y, alphas=GRID, X_val=X[:50], y_val=Y[:50], sample_weight=weight
    )
    assert path.alphas.tolist() == sorted(GRID)
    by_hand = clone(model).set_params(warm_start=True)
    for i, alpha in enumerate(sorted(GRID)):
        by_hand.set_params(alpha=alpha).fit(X, Y, weight)
        for layer, r in enumerate(by_hand.layer_relevances_):
            np.testing.assert_array_equal(path.relevances[layer][i], r)
        assert tuple(path.core_sizes[i]) == by_hand.core_sizes_
        assert path.train_scores[i] == by_hand.score(X, Y, weight)
        assert path.val_scores[i] == by_hand.score(X[:50], Y[:50])
        assert path.losses[i] == by_hand.loss_
    assert not hasattr(model, "eigenvectors_")
    assert path.estimators is None


def test_from_strong_to_weak_and_anew():
    model, y = regressor(), Y[:, 0]
    arguments = {"alphas": GRID, "return_estimators": True}
    down = regularization_path(model, X, y, order="decreasing", **arguments)
    anew = regularization_path(model, X, y, warm_start=False, **arguments)
    by_hand = clone(model).set_params(warm_start=True)
    for i, alpha in reversed(list(enumerate(sorted(GRID)))):
        by_hand.set_params(alpha=alpha).fit(X, y)
        np.testing.assert_array_equal(down.relevances[0][i], by_hand.feature_relevance_)
        alone = clone(model).set_params(alpha=alpha).fit(X, y)
        np.testing.assert_array_equal(anew.relevances[0][i], alone.feature_relevance_)
        kept = anew.estimators[i]
        assert kept.get_params() == alone.get_params()
        np.testing.assert_array_equal(kept.predict(X), alone.predict(X))
    assert [kept.alpha for kept in down.estimators] == sorted(GRID)
    assert {kept.warm_start for kept in down.estimators} == {False}
    assert down.losses.tolist() != anew.losses.tolist()


def test_a_dead_node_does_not_come_back():
    X, y, _ = make_teacher_student(1000, n_teacher_nodes=5, random_state=0)
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=30, random_state=0
    )
    grid = [1e-3, 2e-1]
    up = regularization_path(model, X, y, alphas=grid)
    down = regularization_path(model, X, y, alphas=grid, order="decreasing")
    assert up.core_sizes[0, 0] >= 5
    assert up.core_sizes[1, 0] == down.core_sizes[0, 0] == down.core_sizes[1, 0] == 1
    assert up.train_scores[0] > down.train_scores[0] + 0.1
    dead = up.relevances[0][0] < 1e-6 * up.relevances[0][0].max()
    assert (up.relevances[0][1][dead] < 1e-6).all()


@pytest.mark.parametrize(
    ("alpha", "max_iter", "message"),
    [(0.01, 200, "the core is still forming"), (1.0, 3000, "the relevance of every")],
)
def test_a_path_does_not_warn_of_its_cores(alpha, max_iter, message):
    model = regressor(alpha=alpha, max_iter=max_iter)
    with pytest.warns(ConvergenceWarning, match=message):
        model.fit(X, Y)
    with warnings.catch_warnings(record=True) as caught:
        regularization_path(model, X, Y, alphas=alpha)
    assert not caught


def test_a_path_of_classes_by_another_score():
    path = regularization_path(
        classifier(), X, LABELS, alphas=GRID, scoring="neg_log_loss"
    )
    assert (path.train_scores < 0).all()
    assert path.score_name == "neg_log_loss"
    assert path.val_scores is None
    assert path.relevances[0].shape == (3, 12)


def test_interrupting_a_fit_ends_the_path():
    class Interrupted(SpectralMLPRegressor):
        def fit(self, X, y):
            warnings.warn("fit was interrupted; ...", ConvergenceWarning, stacklevel=2)

    with pytest.raises(KeyboardInterrupt):
        regularization_path(Interrupted(), X, Y)


@pytest.mark.parametrize(
    ("parameters", "arguments", "message"),
    [
        ({}, {"alphas": []}, r"`alphas` must hold .* > 0 or more; got alphas=\[\]"),
        ({}, {"alphas": [1, -1]}, r"got alphas=\[1, -1\]. For alpha=0"),
        ({}, {"alphas": [np.nan]}, r"got alphas=\[nan\]"),
        ({}, {"alphas": 0}, "got alphas=0. For alpha=0 fit the estimator"),
        ({}, {"alphas": np.ones((1, 2))}, "must hold one finite number"),
        ({}, {"X_val": X}, "together; got only X_val. Pass y_val as well"),
        ({}, {"y_val": Y}, "together; got only y_val. Pass X_val as well"),
        ({}, {"order": "up"}, "`order` must be .*got order='up'.*weak to strong"),
        ({}, {"scoring": {"a": "r2"}}, "`scoring` must be None"),
        ({"gate": "both"}, {}, "gate='both'"),
        ({"hidden_layer_sizes": ()}, {}, r"needs a hidden layer; got .*\(\)"),
        ({"alpha_phi": 1, "alpha_lambda": 2}, {}, "got alpha_phi=1 and .*=2. Set one"),
        ({"max_iter": 0}, {}, "`max_iter` must be"),
    ],
)
def test_a_path_of_bad_input(parameters, arguments, message):
    with pytest.raises(ValueError, match=message):
        regularization_path(regressor(**parameters), X, Y, **arguments)


def test_a_path_of_another_estimator():
    with pytest.raises(TypeError, match="must be a SpectralMLPRegressor.*got Ridge"):
        regularization_path(Ridge(), X, Y)


def unweighted(estimator, X, y):
    """A score that takes no weights."""
    return -float(np.abs(estimator.predict(X) - y).max())


class WithoutSignature:
    """A scorer whose parameters Python does not know, such as one written in C."""

    @property
    def __signature__(self):
        raise ValueError("no signature found")

    def __call__(self, estimator, X, y):
        return unweighted(estimator, X, y)


@pytest.mark.parametrize(
    "scoring",
    ["neg_max_error", unweighted, functools.partial(unweighted), WithoutSignature()],
)
def test_a_score_that_takes_no_weights_gets_none(scoring):
    y = Y[:, 0]
    model = regressor().fit(X, y)
    weight = np.linspace(0.5, 2, len(X))
    curve = pruning_curve(model, X, y, sample_weight=weight, scoring=scoring)
    assert curve.full_score == pytest.approx(unweighted(model, X, y))
    path = regularization_path(
        regressor(), X, y, alphas=[1e-2], sample_weight=weight, scoring=scoring
    )
    assert np.isfinite(path.train_scores).all()


def test_a_number_of_alphas_is_not_an_alpha():
    with pytest.raises(ValueError, match=r"not their number; got alphas=10. Pass np"):
        regularization_path(regressor(), X, Y, alphas=10)


def test_independent_fits_train_as_one_batch_on_one_copy_of_the_rows(monkeypatch):
    plans = []

    def train(given, **options):
        plans.extend(given)
        return train_together(given, **options)

    monkeypatch.setattr(batch_fits, "train_together", train)
    path = regularization_path(
        regressor(early_stopping=True), X, Y, alphas=GRID, warm_start=False
    )
    assert len(plans) == 3
    assert len({id(plan.data) for plan in plans}) == 1
    for alpha, loss in zip(path.alphas, path.losses, strict=True):
        alone = regressor(early_stopping=True, alpha=alpha).fit(X, Y)
        assert loss == pytest.approx(alone.loss_, rel=1e-9)


def test_a_random_state_goes_on_from_fit_to_fit():
    path = regularization_path(
        regressor(random_state=np.random.RandomState(5)),
        X,
        Y,
        alphas=GRID,
        warm_start=False,
    )
    one = regressor(random_state=np.random.RandomState(5))
    for alpha, loss in zip(path.alphas, path.losses, strict=True):
        one.set_params(alpha=alpha).fit(X, Y)
        assert loss == pytest.approx(one.loss_, rel=1e-9)


@pytest.mark.parametrize("warm_start", [True, False])
def test_a_path_warns_as_its_fits_do_but_for_their_cores(warm_start):
    model = regressor(learning_rate="constant", tol=0.0)
    with pytest.warns(ConvergenceWarning, match="Maximum iterations"):
        model.fit(X, Y)
    with pytest.warns(ConvergenceWarning, match="Maximum iterations") as caught:
        regularization_path(model, X, Y, alphas=GRID, warm_start=warm_start)
    assert len(caught) == 3


@pytest.mark.parametrize("warm_start", [True, False])
def test_callbacks_see_each_fit_of_a_path(warm_start):
    pytest.importorskip("sklearn.callback", reason="scikit-learn < 1.9")

    class Counting:
        fits = 0

        def setup(self, estimator, context): ...

        def teardown(self, estimator, context): ...

        def on_fit_task_begin(self, estimator, context): ...

        def on_fit_task_end(self, estimator, context):
            Counting.fits += context.task_name == "fit"

    model = regressor(max_iter=2).set_callbacks(Counting())
    regularization_path(model, X, Y, alphas=GRID, warm_start=warm_start)
    assert Counting.fits == 3


@pytest.mark.parametrize("warm_start", [True, False])
def test_a_subclass_with_fewer_parameters_has_a_path(warm_start):
    class Small(SpectralMLPRegressor):
        def __init__(self, *, width=12):
            self.width = width
            super().__init__(
                **{**QUICK, "hidden_layer_sizes": width, "encoding": "linear"}
            )

    options = {"alphas": GRID, "warm_start": warm_start, "return_estimators": True}
    found = regularization_path(Small(), X, Y, **options)
    expected = regularization_path(regressor(), X, Y, **options)
    np.testing.assert_array_equal(found.losses, expected.losses)
    assert isinstance(found.estimators[0], Small)


@pytest.mark.parametrize("warm_start", [True, False])
def test_one_interrupt_ends_a_path_of_a_single_alpha(monkeypatch, warm_start):
    interrupt_second_epoch(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        regularization_path(regressor(), X, Y, alphas=1e-2, warm_start=warm_start)


def test_one_interrupt_ends_null_importances(monkeypatch):
    monkeypatch.setattr(importances, "TABLE_BYTES", 1)  # a batch for each network
    interrupt_second_epoch(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        null_importances(regressor(), X, Y, random_state=0)


def interrupt_second_epoch(monkeypatch):
    """Press Ctrl-C once, in the second epoch of the first batch."""
    epoch, calls = NetworkBatch.epoch, []

    def interrupted(batch, *arguments):
        calls.append(batch)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return epoch(batch, *arguments)

    monkeypatch.setattr(NetworkBatch, "epoch", interrupted)
