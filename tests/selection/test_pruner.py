"""The pruner: what it keeps, what it hands on, and where it stands in a Pipeline."""

import copy
import dataclasses
import pickle
from inspect import signature

import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris, make_friedman1
from sklearn.ensemble import AdaBoostClassifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.feature_selection import SelectFromModel
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression, RANSACRegressor, Ridge
from sklearn.metrics import make_scorer, mean_absolute_error, r2_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    RepeatedKFold,
    StratifiedKFold,
    check_cv,
    cross_val_score,
)
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import has_fit_parameter

from skspectral import SpectralMLPClassifier, SpectralMLPRegressor, SpectralPruner
from skspectral._engine.network_batch import NetworkBatch
from skspectral._selection.max_loss import candidate_cuts, smallest_allowed
from skspectral.datasets import make_teacher_student

pytestmark = pytest.mark.filterwarnings("ignore:the core is still forming")
QUICK = {"hidden_layer_sizes": 12, "max_iter": 10, "random_state": 0}
KINDS = [SpectralMLPRegressor, SpectralMLPClassifier]
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(60, 3)), RNG.normal(size=60)
C = np.arange(60) % 3


@parametrize_with_checks(
    [
        SpectralPruner(
            # In float64, in which weights are repetitions to the checks' tolerance.
            kind(hidden_layer_sizes=16, max_iter=20, dtype="float64", random_state=0)
        )
        for kind in KINDS
    ]
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def data(kind):
    rows, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    rows, y = rows[order], y[order]
    return (rows, y) if kind is SpectralMLPClassifier else (rows[:, :3], rows[:, 3])


@pytest.fixture(scope="module")
def student():
    """A fitted student of 30 nodes, its rows, and a teacher of 4 nodes."""
    rows, y, _ = make_teacher_student(1500, n_teacher_nodes=4, random_state=0)
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=30, random_state=0
    ).fit(rows, y)
    return model, rows, y


@pytest.fixture(scope="module")
def deep():
    """A briefly fitted network of two hidden layers."""
    model = SpectralMLPRegressor(
        encoding="linear", **{**QUICK, "hidden_layer_sizes": (12, 6)}
    )
    return model.fit(X, Y)


CUTS = [
    {},
    {"threshold": 0.05},
    {"threshold": 0.3, "merge": False},
    {"n_nodes": 3, "relevance": "path"},
    {"n_nodes": 0.5},
    {"refit": True},
]


@pytest.mark.parametrize("cut", CUTS, ids=str)
def test_the_small_network_is_that_of_prune(student, cut):
    model, rows, y = student
    arguments = (rows, y) if cut.get("refit") else ()
    expected = model.prune(*arguments, **cut)
    pruner = SpectralPruner(FrozenEstimator(model), **cut).fit(rows, y)
    assert pruner.estimator_.hidden_layer_sizes == expected.hidden_layer_sizes
    np.testing.assert_array_equal(pruner.predict(rows), expected.predict(rows))
    assert pruner.score(rows, y) == expected.score(rows, y)
    assert [len(nodes) for nodes in pruner.kept_nodes_] == list(
        expected.hidden_layer_sizes
    )


@pytest.mark.parametrize("kind", KINDS)
def test_an_estimator_that_is_not_frozen_is_cloned_and_trained(kind):
    rows, y = data(kind)
    estimator = kind(**QUICK)
    weight = np.random.default_rng(1).random(len(y))
    pruner = SpectralPruner(estimator, n_nodes=4, refit=True)
    pruner.fit(rows, y, sample_weight=weight, X_val=rows[:20], y_val=y[:20])
    fitted = clone(estimator).fit(rows, y, weight, X_val=rows[:20], y_val=y[:20])
    expected = fitted.prune(rows, y, weight, n_nodes=4, refit=True)
    np.testing.assert_array_equal(pruner.predict(rows), expected.predict(rows))
    with pytest.raises(NotFittedError):
        estimator.predict(rows)


def test_the_validation_rows_reach_the_fit():
    estimator = SpectralMLPRegressor(encoding="linear", **QUICK)
    pruner = SpectralPruner(estimator, n_nodes=4).fit(X, Y, X_val=X[:20], y_val=Y[:20])
    expected = estimator.fit(X, Y, X_val=X[:20], y_val=Y[:20]).validation_loss_curve_
    assert pruner.estimator_.validation_loss_curve_ == expected


def test_a_frozen_estimator_is_not_trained_again(student, monkeypatch):
    model, rows, y = student
    before = copy.deepcopy(model)
    monkeypatch.setattr(SpectralMLPRegressor, "fit", lambda *_: pytest.fail("trained"))
    for cut in ({}, {"max_loss": 0.01}):
        pruner = SpectralPruner(FrozenEstimator(model), **cut).fit(rows, y)
        assert pruner.estimator_.hidden_layer_sizes[0] < 30
    np.testing.assert_array_equal(model.predict(rows), before.predict(rows))
    assert model.hidden_layer_sizes == 30


def test_a_frozen_estimator_needs_no_targets(student):
    model, rows, y = student
    pruner = SpectralPruner(FrozenEstimator(model)).fit(rows)
    expected = SpectralPruner(FrozenEstimator(model)).fit(rows, y)
    np.testing.assert_array_equal(pruner.transform(rows), expected.transform(rows))
    assert [row["score"] for row in pruner.report_] == [None, None]


@pytest.mark.parametrize("gate", ["out", "in"])
def test_the_core_is_that_of_the_teacher(gate):
    rows, y, _ = make_teacher_student(1500, n_teacher_nodes=4, random_state=0)
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=30, gate=gate, random_state=0
    )
    pruner = SpectralPruner(model).fit(rows, y)
    assert pruner.estimator_.hidden_layer_sizes == (4,)
    assert pruner.transform(rows).shape == (1500, 4)


def relu(z):
    return np.maximum(z, 0)


def test_transform_is_the_activation_of_the_surviving_nodes(student):
    model, rows, _ = student
    pruner = SpectralPruner(FrozenEstimator(model), merge=False).fit(rows)
    # The weights of the whole network, on standardised columns, by hand.
    phi, own = model.eigenvectors_[0], model.eigenvalues_out_[0]
    weight = -own[:, None].astype(float) * phi
    bias = model.intercepts_[0] + weight / rows.std(0) @ rows.mean(0)
    whole = relu((rows - rows.mean(0)) / rows.std(0) @ weight.T + bias)
    (kept,) = pruner.kept_nodes_
    np.testing.assert_array_equal(kept, np.flatnonzero(model.core_mask_))
    found = pruner.transform(rows)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, whole[:, kept], rtol=1e-9, atol=1e-12)


def test_transform_gives_the_last_hidden_layer(deep):
    pruner = SpectralPruner(FrozenEstimator(deep), n_nodes=(7, 4)).fit(X)
    (a, b, c), (d, e, f) = pruner.estimator_.coefs_, pruner.estimator_.intercepts_
    last = relu(relu(X @ a + d) @ b + e)
    np.testing.assert_allclose(pruner.transform(X), last, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(pruner.predict(X), (last @ c + f)[:, 0])
    assert [len(nodes) for nodes in pruner.kept_nodes_] == [7, 4]
    for nodes, relevance in zip(pruner.kept_nodes_, deep.layer_relevances_):
        assert set(nodes) == set(np.argsort(-relevance)[: len(nodes)])


def with_a_twin(model, node, factor):
    """Another estimator with one node more, parallel to `node`, `factor` as large."""
    twin, state = copy.deepcopy(model), model._state()
    (first, last), own, bias = state.phi, state.lambda_out[0], state.bias[0]
    twin._network_state = dataclasses.replace(
        state,
        phi=[
            np.vstack([first, first[node]]),
            np.hstack([last, last[:, [node]]]),
        ],
        lambda_out=[
            np.append(own, np.float32(factor * own[node])),
            state.lambda_out[1],
        ],
        bias=[np.append(bias, np.float32(factor * bias[node])), state.bias[1]],
        lambda_in=[
            state.lambda_in[0],
            np.append(state.lambda_in[1], state.lambda_in[1][node]),
        ],
    )
    return twin


def test_a_merged_node_bears_the_name_of_its_representative(student):
    model, rows, _ = student
    twins = with_a_twin(with_a_twin(model.prune(), 3, 0.5), 0, 2.0)
    pruner = SpectralPruner(FrozenEstimator(twins), threshold=0.0).fit(rows)
    # Nodes 4 and 5 are the twins of 3 and 0: of each pair the larger stays.
    assert pruner.kept_nodes_[0].tolist() == [1, 2, 3, 5]
    assert pruner.get_feature_names_out()[-1] == "spectralpruner5"
    np.testing.assert_allclose(pruner.predict(rows), twins.predict(rows), atol=1e-5)
    whole = relu(rows @ twins.coefs_[0] + twins.intercepts_[0])[:, [1, 2, 3, 5]]
    np.testing.assert_allclose(pruner.transform(rows), whole, atol=1e-5)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_go_in_and_come_out(library):
    frames = pytest.importorskip(library)
    frame = frames.DataFrame({f"c{i}": X[:, i] for i in range(3)})
    pruner = SpectralPruner(SpectralMLPRegressor(encoding="linear", **QUICK), n_nodes=5)
    found = pruner.set_output(transform=library).fit_transform(frame, Y)
    assert isinstance(found, frames.DataFrame)
    names = [f"spectralpruner{j}" for j in pruner.kept_nodes_[0]]
    assert list(found.columns) == names == pruner.get_feature_names_out().tolist()
    assert pruner.feature_names_in_.tolist() == ["c0", "c1", "c2"]
    pruner.set_output(transform="default")
    np.testing.assert_array_equal(found.to_numpy(), pruner.transform(frame))
    with pytest.raises(ValueError, match="input_features is not equal"):
        pruner.get_feature_names_out(["a", "b", "c"])
    assert not hasattr(pruner.fit(X, Y), "feature_names_in_")


@pytest.mark.parametrize("layout", [sparse.csr_matrix, sparse.csc_array])
@pytest.mark.parametrize("cut", [{"n_nodes": 5}, {"max_loss": 0.1, "cv": 2}], ids=str)
def test_sparse_rows_are_dense_rows(layout, cut):
    rows = np.where(X > 0.5, X, 0.0)
    dense = SpectralPruner(SpectralMLPRegressor(encoding="linear", **QUICK), **cut).fit(
        rows, Y
    )
    other = SpectralPruner(SpectralMLPRegressor(encoding="linear", **QUICK), **cut).fit(
        layout(rows), Y
    )
    np.testing.assert_allclose(
        other.transform(layout(rows)), dense.transform(rows), rtol=1e-4, atol=1e-5
    )


def test_the_core_feeds_a_ridge(student):
    model, rows, y = student
    frozen = FrozenEstimator(model)
    pipe = make_pipeline(SpectralPruner(frozen), Ridge(alpha=1e-6)).fit(rows, y)
    assert pipe[-1].n_features_in_ == 4
    assert pipe.score(rows, y) > 0.999
    hidden = relu(
        rows @ pipe[0].estimator_.coefs_[0] + pipe[0].estimator_.intercepts_[0]
    )
    alone = Ridge(alpha=1e-6).fit(hidden, y)
    np.testing.assert_allclose(pipe.predict(rows), alone.predict(hidden), rtol=1e-6)


def test_before_a_logistic_regression_and_at_the_end():
    rows, y = data(SpectralMLPClassifier)
    pruner = SpectralPruner(
        SpectralMLPClassifier(encoding="linear", **QUICK), n_nodes=6
    )
    last = LogisticRegression(max_iter=1000)
    middle = make_pipeline(StandardScaler(), pruner, last).fit(rows, y)
    assert middle.score(rows, y) > 0.9
    end = make_pipeline(StandardScaler(), pruner).fit(rows, y)
    inner = end[-1].estimator_
    scaled = end[0].transform(rows)
    for method in ("predict", "predict_proba", "decision_function", "transform"):
        expected = getattr(inner, method, inner._hidden)(scaled)
        np.testing.assert_array_equal(getattr(end, method)(rows), expected)
    assert end.classes_.tolist() == [0, 1, 2]
    assert end.score(rows, y) == inner.score(scaled, y)


@pytest.mark.parametrize("kind", KINDS)
def test_searches_reach_the_nested_parameters(kind):
    rows, y = data(kind)
    network = kind(**{**QUICK, "max_iter": 60})
    pipe = make_pipeline(StandardScaler(), SpectralPruner(network, n_nodes=6))
    grid = {
        "spectralpruner__estimator__alpha_phi": [1e-4, 10.0],
        "spectralpruner__n_nodes": [3, 0.5],
    }
    search = GridSearchCV(pipe, grid, cv=3).fit(rows, y)
    assert search.best_params_["spectralpruner__estimator__alpha_phi"] == 1e-4
    small = pipe.set_params(**search.best_params_)
    np.testing.assert_allclose(
        cross_val_score(small, rows, y, cv=3).mean(), search.best_score_
    )


def test_it_is_of_the_kind_of_its_estimator():
    regressor, classifier = (SpectralPruner(kind(**QUICK), n_nodes=3) for kind in KINDS)
    frozen = SpectralPruner(FrozenEstimator(SpectralMLPClassifier(encoding="linear")))
    assert is_regressor(regressor)
    assert not is_classifier(regressor)
    assert is_classifier(classifier)
    assert is_classifier(frozen)
    for pruner, kind in ((regressor, KINDS[0]), (classifier, KINDS[1])):
        tags, inner = get_tags(pruner), get_tags(kind())
        for name in ("classifier_tags", "regressor_tags", "target_tags", "input_tags"):
            assert getattr(tags, name) == getattr(inner, name)
        assert tags.transformer_tags is not None
        assert tags.input_tags.sparse
    assert hasattr(classifier, "predict_proba")
    assert hasattr(classifier, "decision_function")
    assert not hasattr(regressor, "predict_proba")
    assert not hasattr(regressor, "decision_function")
    assert not hasattr(regressor.fit(X, Y, X_val=X, y_val=Y), "classes_")


def test_before_fit_there_is_nothing():
    pruner = SpectralPruner(SpectralMLPRegressor(encoding="linear", **QUICK))
    for name in ("n_features_in_", "feature_names_in_", "classes_", "report_"):
        assert not hasattr(pruner, name)
    for method in (pruner.transform, pruner.predict):
        with pytest.raises(NotFittedError):
            method(X)
    with pytest.raises(NotFittedError):
        pruner.get_feature_names_out()
    with pytest.raises(NotFittedError):
        pruner.score(X, Y)


@pytest.mark.parametrize("widths", [(1,), (7,), (256,), (12, 6), (5, 100, 1)])
def test_candidates_grow_to_the_whole_network(widths):
    cuts = candidate_cuts(widths)
    assert len(cuts) <= 20
    assert cuts[0] == (1,) * len(widths)
    assert cuts[-1] == widths
    with_core = candidate_cuts(widths, tuple(np.maximum(1, np.array(widths) // 7)))
    assert [c for c in with_core if c in cuts] == cuts
    assert candidate_cuts((256,), (100,)) == sorted([*candidate_cuts((256,)), (100,)])
    assert [sum(c) for c in with_core] == sorted(sum(c) for c in with_core)
    numbers = np.array([max(cut) for cut in cuts])
    assert (np.diff(numbers) > 0).all()
    assert (numbers[1:] / numbers[:-1] <= 2).all()
    for cut in cuts:  # the same fraction, but for rounding and the last node
        share = max(cut) / max(widths)
        wanted = np.maximum(1, share * np.array(widths))
        np.testing.assert_allclose(cut, wanted, atol=0.5)


SCORES = np.array(
    [
        [0.1, 0.3, 0.2],  # mean 0.2
        [0.8, 0.9, 1.0],  # 0.9
        [0.7, 0.9, 1.0],  # 0.867
        [0.9, 0.9, 1.0],  # 0.933, the best; its error is 0.0333
        [0.9, 0.9, 0.97],  # 0.923, uncut
    ]
)


@pytest.mark.parametrize(
    ("rule", "max_loss", "chosen", "lowest"),
    [
        ("absolute", 0.0, 3, 0.92333),
        ("absolute", 0.02, 3, 0.90333),
        ("absolute", 0.03, 1, 0.89333),
        ("absolute", 0.8, 0, 0.12333),
        ("one_standard_error", 0.0, 1, 0.93333 - 0.03333),
        ("one_standard_error", 0.7, 0, 0.2),
    ],
)
def test_the_smallest_cut_that_is_allowed(rule, max_loss, chosen, lowest):
    found = smallest_allowed(SCORES, max_loss=max_loss, rule=rule)
    assert found == (chosen, pytest.approx(lowest, abs=1e-5))


def test_the_last_digit_of_a_score_is_no_loss():
    scores = np.array([[0.9 - 1e-13, 0.9], [0.9, 0.9]])
    assert smallest_allowed(scores, max_loss=0.0, rule="absolute")[0] == 0


def by_brute_force(estimator, rows, y, folds, max_loss, rule, relevance):
    """Scores of every cut on every fold, and the cut to make."""

    def score(network, cut, k):
        small = network.prune(n_nodes=cut, merge=False, relevance=relevance)
        return small.score(rows[k], y[k])

    whole, all_rows = clone(estimator).fit(rows, y), np.arange(len(y))
    fits = [clone(estimator).fit(rows[train], y[train]) for train, _ in folds]
    widths = estimator.hidden_layer_sizes
    cuts = candidate_cuts(widths, whole.core_sizes_)
    scores = np.array(
        [[score(f, cut, test) for f, (_, test) in zip(fits, folds)] for cut in cuts]
    )
    mean = scores.mean(1)
    lowest = mean[-1] - max_loss
    if rule == "one_standard_error":
        best = scores[np.argmax(mean)]
        lowest = best.mean() - np.std(best, ddof=1) / len(folds) ** 0.5 - max_loss
    on_folds = next(c for c, m in zip(cuts, mean) if m >= lowest)
    lost = [
        score(f, widths, train) - score(f, on_folds, train)
        for f, (train, _) in zip(fits, folds)
    ]
    allowed = max(0, mean[-1] - lowest, np.mean(lost))  # never a gain asked for
    least = score(whole, widths, all_rows) - allowed
    larger = cuts[cuts.index(on_folds) :]
    chosen = next(c for c in larger if score(whole, c, all_rows) >= least - 1e-9)
    return scores, on_folds, chosen


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("widths", [(14,), (12, 6)])
@pytest.mark.parametrize(
    ("rule", "max_loss", "relevance"),
    [("absolute", 0.02, "R"), ("one_standard_error", 0.0, "path")],
)
def test_max_loss_is_what_brute_force_finds(kind, widths, rule, max_loss, relevance):
    rows, y = data(kind)
    # In float64: folds that train together round differently from folds alone.
    estimator = kind(
        hidden_layer_sizes=widths,
        encoding="linear",
        max_iter=30,
        random_state=0,
        dtype="float64",
    )
    chosen_by = {"max_loss": max_loss, "rule": rule, "relevance": relevance}
    pruner = SpectralPruner(estimator, cv=3, **chosen_by).fit(rows, y)
    split = (StratifiedKFold if kind is SpectralMLPClassifier else KFold)(3)
    folds = list(split.split(rows, y))
    scores, on_folds, chosen = by_brute_force(
        estimator, rows, y, folds, max_loss, rule, relevance
    )
    results = pruner.cut_results_
    np.testing.assert_allclose(results["scores"], scores, rtol=1e-9)
    assert results["chosen_on_folds"] == on_folds
    assert results["chosen"] == chosen
    assert sum(chosen) < sum(widths)  # else the test says little
    expected = clone(estimator).fit(rows, y).prune(n_nodes=chosen, relevance=relevance)
    np.testing.assert_array_equal(pruner.predict(rows), expected.predict(rows))
    mean = dict(zip(results["n_nodes"], scores.mean(1)))
    before, after = pruner.report_
    assert before["score"] == pytest.approx(mean[widths])
    assert after["score"] == pytest.approx(mean[chosen])
    assert after["scored_on"] == "test rows of 3 folds"


def test_living_nodes_survive_where_the_folds_needed_fewer():
    rows, y = make_friedman1(300, noise=0.5, random_state=0)
    estimator = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=40, random_state=0, max_iter=200
    )
    pruner = SpectralPruner(estimator, max_loss=0.01, cv=2).fit(rows, y)
    chosen = pruner.cut_results_["chosen"]
    on_folds = pruner.cut_results_["chosen_on_folds"]
    whole = clone(estimator).fit(rows, y)
    uncut, few = (whole.score(rows, y), whole.prune(n_nodes=on_folds).score(rows, y))
    assert few < uncut - 0.02  # what would have happened
    assert pruner.score(rows, y) > uncut - 0.011
    assert on_folds < chosen < (40,)
    assert len(pruner.kept_nodes_[0]) == chosen[0]


def test_what_was_learnt_by_heart_may_go():
    """Cuts that cost nothing on test rows cost on training rows, and are made."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(60, 3))
    y = rng.normal(size=60) + rows[:, 0]
    estimator = SpectralMLPRegressor(
        encoding="linear",
        hidden_layer_sizes=40,
        random_state=0,
        max_iter=30,
        alpha=1e-5,
    )
    pruner = SpectralPruner(estimator, max_loss=0.0, cv=3).fit(rows, y)
    assert pruner.cut_results_["chosen"] == pruner.cut_results_["chosen_on_folds"]
    assert pruner.cut_results_["chosen"] < (20,)
    assert pruner.score(rows, y) < estimator.fit(rows, y).score(rows, y) - 0.05


def test_max_loss_of_a_frozen_estimator_scores_the_given_rows(student):
    model, rows, y = student
    rows, y = rows[:200], y[:200]
    pruner = SpectralPruner(FrozenEstimator(model), max_loss=0.05, cv=4).fit(rows, y)
    expected = [
        [model.prune(n_nodes=cut, merge=False).score(rows[t], y[t]) for cut in cuts]
        for cuts in [candidate_cuts((30,), (4,))]
        for _, t in KFold(4).split(rows)
    ]
    np.testing.assert_allclose(pruner.cut_results_["scores"].T, expected, rtol=1e-9)
    assert 2 <= pruner.estimator_.hidden_layer_sizes[0] <= 4
    assert not hasattr(pruner.set_params(max_loss=None).fit(rows, y), "cut_results_")


def test_scoring_says_what_a_loss_is():
    score = make_scorer(mean_absolute_error, greater_is_better=False)
    pruner = SpectralPruner(
        SpectralMLPRegressor(encoding="linear", **QUICK),
        max_loss=0.1,
        scoring=score,
        cv=KFold(2),
    ).fit(X, Y)
    folds = list(KFold(2).split(X))
    for k, (train, test) in enumerate(folds):
        fitted = SpectralMLPRegressor(encoding="linear", **QUICK).fit(
            X[train], Y[train]
        )
        error = np.abs(fitted.predict(X[test]) - Y[test]).mean()
        assert pruner.cut_results_["scores"][-1, k] == pytest.approx(-error)
    lowest = pruner.cut_results_["lowest_allowed"]
    assert lowest == pytest.approx(pruner.cut_results_["mean_score"][-1] - 0.1)


@pytest.mark.parametrize("scoring", [None, "r2"])
def test_folds_cut_the_weights_but_not_the_validation_rows(scoring):
    weight = np.random.default_rng(1).random(60)
    weight[::4] = 0
    # As many rows as X: the case that is easily mistaken. Noise: the fit stops early.
    rng = np.random.default_rng(2)
    X_val, y_val = rng.normal(size=(60, 3)), rng.normal(size=60)
    estimator = SpectralMLPRegressor(encoding="linear", **QUICK, early_stopping=True)
    estimator.set_params(max_iter=100, n_iter_no_change=3)
    pruner = SpectralPruner(estimator, max_loss=0.1, cv=2, scoring=scoring)
    pruner.fit(X, Y, sample_weight=weight, X_val=X_val, y_val=y_val)
    for k, (train, test) in enumerate(KFold(2).split(X)):
        fitted = clone(estimator).fit(
            X[train], Y[train], weight[train], X_val=X_val, y_val=y_val
        )
        expected = r2_score(
            Y[test], fitted.predict(X[test]), sample_weight=weight[test]
        )
        assert pruner.cut_results_["scores"][-1, k] == pytest.approx(expected)


def test_a_score_without_weights_gets_none():
    def score(estimator, rows, y):
        return -np.abs(estimator.predict(rows) - y).mean()

    pruner = SpectralPruner(
        SpectralMLPRegressor(encoding="linear", **QUICK), n_nodes=3, scoring=score
    )
    pruner.fit(X, Y, sample_weight=np.arange(60))
    expected = -np.abs(pruner.predict(X) - Y).mean()
    assert pruner.report_[1]["score"] == pytest.approx(expected)


@pytest.mark.parametrize("routing", [False, True])
def test_groups_go_to_the_splitter(routing):
    groups = np.arange(60) // 7
    cv = GroupKFold(3)
    with sklearn.config_context(enable_metadata_routing=routing):
        # A GroupKFold requests groups by default.
        pruner = SpectralPruner(
            SpectralMLPRegressor(encoding="linear", **QUICK), max_loss=0.1, cv=cv
        )
        pruner.fit(X, Y, groups=groups)
    train, test = next(cv.split(X, Y, groups))
    fitted = SpectralMLPRegressor(encoding="linear", **QUICK).fit(X[train], Y[train])
    expected = fitted.score(X[test], Y[test])
    assert pruner.cut_results_["scores"][-1, 0] == pytest.approx(expected)


@sklearn.config_context(enable_metadata_routing=True)
def test_routed_metadata_reach_the_estimator():
    weight = np.random.default_rng(1).random(60)
    estimator = SpectralMLPRegressor(encoding="linear", **QUICK)
    with pytest.raises(ValueError, match="not explicitly set as requested or not"):
        SpectralPruner(estimator, n_nodes=4).fit(X, Y, sample_weight=weight)
    estimator.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    pruner = SpectralPruner(estimator, n_nodes=4).fit(X, Y, sample_weight=weight)
    expected = clone(estimator).fit(X, Y, weight).prune(n_nodes=4)
    np.testing.assert_array_equal(pruner.predict(X), expected.predict(X))
    weighted = expected.score(X, Y, weight)
    assert pruner.score(X, Y, sample_weight=weight) == weighted
    assert pruner.report_[1]["score"] == weighted != expected.score(X, Y)
    pruner.estimator.set_score_request(sample_weight=None)
    with pytest.raises(ValueError, match="not explicitly set as requested or not"):
        pruner.score(X, Y, sample_weight=weight)


@sklearn.config_context(enable_metadata_routing=True)
@pytest.mark.parametrize("last", [None, Ridge()], ids=["at the end", "in the middle"])
def test_validation_rows_pass_through_a_pipeline(last):
    estimator = SpectralMLPRegressor(encoding="linear", **QUICK, standardize=False)
    estimator.set_fit_request(X_val=True, y_val=True)
    steps = [StandardScaler(), SpectralPruner(estimator, n_nodes=4)]
    pipe = make_pipeline(*steps, *filter(None, [last]), transform_input=["X_val"])
    pipe.fit(X[:40], Y[:40], X_val=X[40:], y_val=Y[40:])
    scaler = StandardScaler().fit(X[:40])
    direct = clone(estimator).fit(
        scaler.transform(X[:40]), Y[:40], X_val=scaler.transform(X[40:]), y_val=Y[40:]
    )
    assert pipe[1].estimator_.validation_loss_curve_ == pytest.approx(
        direct.validation_loss_curve_
    )


def test_the_report_counts(student):
    model, rows, y = student
    pruner = SpectralPruner(FrozenEstimator(model)).fit(rows, y)
    before, after = pruner.report_
    assert (before["network"], after["network"]) == ("before", "after")
    for row, h, network in ((before, 30, model), (after, 4, pruner)):
        assert row["nodes"] == (h,)
        trained = 10 * h + h + h + h + 1  # phi, lambda, bias, readout and its bias
        assert row["trained_parameters"] == trained
        # Eigenvalues at both ends of both layers; means and variances are float64.
        numbers = 10 * h + h + (10 + h + h + 1) + h + 1
        assert row["bytes"] == 4 * numbers + 8 * 2 * (10 + 1)
        assert row["score"] == network.score(rows, y)
        assert row["scored_on"] == "rows passed to fit"
    trained = SpectralPruner(
        SpectralMLPRegressor(encoding="linear", **QUICK), n_nodes=3
    ).fit(X, Y)
    assert trained.report_[0]["scored_on"] == "training rows"
    pandas = pytest.importorskip("pandas")
    assert pandas.DataFrame(pruner.report_).shape == (2, 6)


def test_the_report_is_shown_once_there_is_one():
    pruner = SpectralPruner(SpectralMLPRegressor(encoding="linear", **QUICK), n_nodes=3)
    with sklearn.config_context(display="diagram"):
        assert "trained parameters" not in pruner._repr_html_()
        pruner.fit(X, Y)
        for page in (pruner._repr_html_(), pruner._repr_mimebundle_()["text/html"]):
            assert page.count("<th>trained parameters</th>") == 1
            assert page.count("<td>(3,)</td>") == 1
    with sklearn.config_context(display="text"):
        assert not hasattr(pruner, "_repr_html_")
        assert list(pruner._repr_mimebundle_()) == ["text/plain"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_predicts_the_same(kind):
    rows, y = data(kind)
    pruner = SpectralPruner(kind(**QUICK), max_loss=0.1, cv=2).fit(rows, y)
    for other in (pickle.loads(pickle.dumps(pruner)), copy.deepcopy(pruner)):
        np.testing.assert_array_equal(other.predict(rows), pruner.predict(rows))
        np.testing.assert_array_equal(other.transform(rows), pruner.transform(rows))
    assert b"torch" not in pickle.dumps(pruner)
    assert clone(pruner).get_params(deep=False)["max_loss"] == 0.1


def test_several_targets_keep_their_shape():
    targets = np.stack([Y, -2 * Y], axis=1)
    pruner = SpectralPruner(
        SpectralMLPRegressor(encoding="linear", **QUICK), n_nodes=5
    ).fit(X, targets)
    assert pruner.predict(X).shape == (60, 2)
    assert pruner.transform(X).shape == (60, 5)


GOOD = SpectralMLPRegressor(encoding="linear", **QUICK)


@pytest.mark.parametrize(
    ("estimator", "parameters", "message"),
    [
        (
            Ridge(),
            {},
            r"`estimator` must be a Spectral.*got Ridge\(\).*around the pruner",
        ),
        (
            make_pipeline(StandardScaler(), GOOD),
            {},
            r"(?s)got Pipeline.*make_pipeline\(SimpleImputer\(\), SpectralPruner",
        ),
        (GridSearchCV(GOOD, {}), {}, "(?s)got GridSearchCV.*or a search goes around"),
        (FrozenEstimator(Ridge()), {}, r"got Ridge\(\)"),
        (SpectralMLPRegressor, {}, "`estimator` must be .*got <class"),
        (None, {}, "`estimator` must be .*got None"),
        (FrozenEstimator(GOOD), {}, "(?s)must hold a fitted .*not fitted yet. Fit it"),
        (
            SpectralMLPRegressor(encoding="linear", alpha=-1),
            {},
            "`alpha` must be .*got alpha=-1",
        ),
        (
            SpectralMLPRegressor(encoding="linear", hidden_layer_sizes="wide"),
            {},
            "`hidden_layer_sizes` mu",
        ),
        (
            SpectralMLPRegressor(encoding="linear", **QUICK, gate="both"),
            {},
            "got gate='both'.*Fit with gate='out'",
        ),
        (
            SpectralMLPRegressor(encoding="linear", hidden_layer_sizes=()),
            {},
            r"needs a hidden layer; got hidden_layer_sizes=\(\)",
        ),
        (GOOD, {"threshold": 1.0}, r"in \[0, 1\); got threshold=1.0.*fraction"),
        (GOOD, {"threshold": -0.1}, "got threshold=-0.1"),
        (GOOD, {"threshold": float("nan")}, "got threshold=nan"),
        (GOOD, {"threshold": "big"}, "got threshold='big'"),
        (GOOD, {"threshold": True}, "got threshold=True"),
        (GOOD, {"n_nodes": 13}, r"width of the layer, \(12,\); got n_nodes=13.*fewer"),
        (GOOD, {"n_nodes": 0}, "got n_nodes=0"),
        (GOOD, {"n_nodes": 1.5}, r"got n_nodes=1.5.*in \(0, 1\]"),
        (GOOD, {"n_nodes": 0.0}, "got n_nodes=0.0"),
        (GOOD, {"n_nodes": True}, "got n_nodes=True"),
        (GOOD, {"n_nodes": "few"}, "got n_nodes='few'"),
        (GOOD, {"n_nodes": (3, 3)}, "one per hidden layer"),
        (
            GOOD,
            {"n_nodes": 3, "threshold": 0.05},
            "pass either .*; got threshold=0.05 and n_nodes=3.*keep one",
        ),
        (GOOD, {"n_nodes": 3, "max_loss": 0.1}, "got n_nodes=3 and max_loss=0.1"),
        (GOOD, {"threshold": 0, "max_loss": 0}, "got threshold=0 and max_loss=0"),
        (GOOD, {"max_loss": -0.1}, "`max_loss` must be .*; got max_loss=-0.1.*None"),
        (GOOD, {"max_loss": float("nan")}, "got max_loss=nan"),
        (GOOD, {"max_loss": float("inf")}, "got max_loss=inf"),
        (GOOD, {"max_loss": True}, "got max_loss=True"),
        (GOOD, {"rule": "two"}, "`rule` must be 'absolute' or .*got rule='two'"),
        (
            GOOD,
            {"rule": "one_standard_error"},
            "and max_loss=None. Pass max_loss=0 for the rule",
        ),
        (GOOD, {"relevance": "S"}, "`relevance` must be 'R' or 'path'; got .*='S'"),
        (GOOD, {"cv": 1}, "`cv` must be an integer >= 2.*got cv=1.*folds"),
        (GOOD, {"cv": "five"}, "got cv='five'"),
        (GOOD, {"cv": 2.5}, "got cv=2.5"),
        (GOOD, {"scoring": ["r2", "max_error"]}, "`scoring` must be .*single number"),
        (GOOD, {"merge": 1}, "`merge` must be True, False or 'fold'; got merge=1"),
        (GOOD, {"refit": "yes"}, "`refit` must be True or False; got refit='yes'"),
    ],
)
def test_parameters_outside_their_rule(estimator, parameters, message, monkeypatch):
    # Said before any training.
    monkeypatch.setattr(SpectralMLPRegressor, "_plan", None)
    pruner = SpectralPruner(estimator, **parameters)
    before = dict(vars(pruner))
    with pytest.raises(ValueError, match=message):
        pruner.fit(X, Y)
    assert vars(pruner) == before


@pytest.mark.parametrize(
    ("rows", "y", "parameters", "message"),
    [
        (np.where(X > 2, np.inf, X), Y, {}, "contains infinity"),
        (X[:, :0], Y, {}, r"0 feature\(s\)"),
        (X, None, {}, "requires y to be passed.*frozen estimator"),
        (X, Y[:-1], {}, "inconsistent numbers of samples"),
        (X, Y[:-1], {"max_loss": 0.1}, "inconsistent numbers of samples"),
        (X[:4], Y[:4], {"max_loss": 0.1}, "got 4 rows and 5 folds. Lower `cv`"),
        (X[:5], Y[:5], {"max_loss": 0.1}, "got nan on fold 1, of 1 rows. Lower `cv`"),
        (
            X,
            Y,
            {
                "max_loss": 0,
                "rule": "one_standard_error",
                "cv": [(np.arange(40), np.arange(40, 60))],
            },
            "two folds at least; got 1 from `cv`.*take rule='absolute'",
        ),
    ],
    ids=[
        "infinity",
        "no column",
        "no y",
        "short y",
        "short y, cv",
        "4",
        "5",
        "a split",
    ],
)
@pytest.mark.filterwarnings("ignore:R.2 score is not well-defined")
def test_a_failed_fit_leaves_the_last_one(rows, y, parameters, message):
    pruner = SpectralPruner(
        SpectralMLPRegressor(encoding="linear", **QUICK), n_nodes=3
    ).fit(X, Y)
    pruner.set_params(n_nodes=None, **parameters)
    before = dict(vars(pruner))
    with pytest.raises(ValueError, match=message):
        pruner.fit(rows, y)
    assert vars(pruner) == before
    assert pruner.predict(X).shape == (60,)


def test_a_frozen_estimator_is_judged_as_it_was_fitted(deep):
    changed = copy.deepcopy(deep).set_params(hidden_layer_sizes=(99, 99))
    with pytest.raises(ValueError, match=r"width of the layer, \(12, 6\)"):
        SpectralPruner(FrozenEstimator(changed), n_nodes=99).fit(X, Y)
    pruner = SpectralPruner(FrozenEstimator(changed), max_loss=0.0, cv=2).fit(X, Y)
    assert pruner.cut_results_["n_nodes"][-1] == (12, 6)
    both = SpectralMLPRegressor(encoding="linear", **QUICK, gate="both").fit(X, Y)
    with pytest.raises(ValueError, match="got gate='both'"):
        SpectralPruner(FrozenEstimator(both)).fit(X, Y)
    linear = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=(), max_iter=3
    ).fit(X, Y)
    with pytest.raises(ValueError, match="needs a hidden layer"):
        SpectralPruner(FrozenEstimator(linear)).fit(X, Y)
    with pytest.raises(ValueError, match="X has 2 features, but .* is expecting 3"):
        SpectralPruner(FrozenEstimator(deep), n_nodes=3).fit(X[:, :2], Y)


def test_a_dense_network_is_cut_too():
    model = SpectralMLPRegressor(
        encoding="linear", **QUICK, parametrization="dense", gate="both"
    )
    pruner = SpectralPruner(model, n_nodes=0.25).fit(X, Y)
    assert pruner.estimator_.hidden_layer_sizes == (3,)


@pytest.mark.filterwarnings("error:prune removed")
def test_a_fraction_of_one_is_all_and_a_small_one_is_a_node(student):
    model, rows, _ = student
    for n_nodes, expected in ((1.0, 30), (0.01, 1), (0.25, 8), ((0.5,), 15)):
        pruner = SpectralPruner(FrozenEstimator(model), n_nodes=n_nodes, merge=False)
        assert pruner.fit(rows).estimator_.hidden_layer_sizes == (expected,)


def test_a_cut_that_finds_nothing_warns():
    pruner = SpectralPruner(
        SpectralMLPRegressor(encoding="linear", **QUICK), merge=False
    )
    with pytest.warns(UserWarning, match="prune removed nothing"):
        pruner.fit(X, Y)


def test_a_score_that_fails_leaves_nothing_behind():
    def score(estimator, rows, y):
        raise ValueError("no score today")

    pruner = SpectralPruner(
        SpectralMLPRegressor(encoding="linear", **QUICK), n_nodes=3, scoring=score
    )
    before = dict(vars(pruner))
    with pytest.raises(ValueError, match="no score today"):
        pruner.fit(X, Y)
    assert vars(pruner) == before


def test_columns_are_selected_by_the_small_network():
    X, y, _ = make_teacher_student(1000, n_features=4, random_state=0)
    X = np.hstack([X, np.random.default_rng(0).normal(size=(1000, 2))])
    reg = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=16, alpha=1e-2, random_state=0
    )
    pruner = SpectralPruner(reg, n_nodes=8).fit(X, y)
    small = pruner.estimator_.feature_importances_
    np.testing.assert_array_equal(pruner.feature_importances_, small)
    kept = SelectFromModel(SpectralPruner(reg, n_nodes=8), max_features=4)
    assert kept.fit(X, y).get_support().tolist() == [True] * 4 + [False] * 2


def test_no_threshold_beside_another_cut():
    X, y = load_iris(return_X_y=True)
    model = SpectralMLPClassifier(
        encoding="linear", hidden_layer_sizes=8, max_iter=20, random_state=0
    )
    pruner = SpectralPruner(model, threshold=None, n_nodes=3).fit(X, y)
    assert pruner.estimator_.hidden_layer_sizes == (3,)
    np.testing.assert_allclose(
        np.exp(pruner.predict_log_proba(X)), pruner.predict_proba(X)
    )
    with pytest.raises(ValueError, match="got threshold=None"):
        SpectralPruner(model, threshold=None).fit(X, y)


def test_one_interrupt_ends_the_folds_too(monkeypatch):
    X, y = load_iris(return_X_y=True)
    model = SpectralMLPClassifier(
        encoding="linear", hidden_layer_sizes=8, max_iter=50, random_state=0
    )
    epoch, calls = NetworkBatch.epoch, []

    def interrupt(crew, *arguments):
        calls.append(crew)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return epoch(crew, *arguments)

    monkeypatch.setattr(NetworkBatch, "epoch", interrupt)
    with pytest.raises(KeyboardInterrupt):
        SpectralPruner(model, max_loss=0.01).fit(X, y)
    assert len(calls) == 5
    calls.clear()
    with pytest.warns(ConvergenceWarning, match="fit was interrupted"):
        SpectralPruner(model, n_nodes=3).fit(X, y)


@pytest.mark.filterwarnings("ignore:prune removed nothing")
def test_weights_reach_a_pruner_inside_of_scikit_learns_ensembles():
    """Calibration, AdaBoost, RANSAC and MultiOutput look for `sample_weight` in fit."""
    rows, y = data(SpectralMLPClassifier)
    y = (y == 1).astype(int)
    weight = np.where(rows[:, 0] > 5.8, 5.0, 0.1)
    network = SpectralMLPClassifier(encoding="linear", **QUICK)
    pruner = SpectralPruner(network, merge=False, threshold=0.0)
    assert has_fit_parameter(pruner, "sample_weight")
    pair = [
        CalibratedClassifierCV(estimator, cv=3).fit(rows, y, sample_weight=weight)
        for estimator in (pruner, network)
    ]
    # Nothing is cut: the pruner is its network, weights included.
    np.testing.assert_allclose(*(m.predict_proba(rows) for m in pair), rtol=1e-6)
    plain = CalibratedClassifierCV(pruner, cv=3).fit(rows, y)
    assert np.abs(plain.predict_proba(rows) - pair[0].predict_proba(rows)).max() > 1e-2
    # AdaBoost draws the seeds of its members and refuses one worse than chance.
    boosted = [
        AdaBoostClassifier(estimator, n_estimators=2, random_state=0).fit(rows, y)
        for estimator in (pruner, network)
    ]
    np.testing.assert_array_equal(*(m.predict(rows) for m in boosted))
    Y = np.stack([rows[:, 0], rows[:, 1]], 1)
    regressor = SpectralPruner(
        SpectralMLPRegressor(encoding="linear", **QUICK), merge=False, threshold=0.0
    )
    several = MultiOutputRegressor(regressor).fit(rows, Y, sample_weight=weight)
    alone = clone(regressor).fit(rows, Y[:, 1], sample_weight=weight)
    np.testing.assert_array_equal(several.predict(rows)[:, 1], alone.predict(rows))
    assert alone.score(rows, Y[:, 1], sample_weight=weight) == pytest.approx(
        r2_score(Y[:, 1], alone.predict(rows), sample_weight=weight)
    )


@pytest.mark.filterwarnings("ignore:prune removed nothing")
@pytest.mark.parametrize("routing", [False, True])
def test_a_weighted_calibration_is_the_one_made_by_hand(routing):
    rows, y = data(SpectralMLPClassifier)
    y = (y == 1).astype(int)
    weight = np.where(rows[:, 0] > 5.8, 5.0, 0.1)
    folds = list(StratifiedKFold(3).split(rows, y))
    expected = []
    for train, test in folds:
        network = SpectralMLPClassifier(encoding="linear", **QUICK).fit(
            rows[train], y[train], weight[train]
        )
        small = network.prune(n_nodes=4)
        curve = IsotonicRegression(out_of_bounds="clip").fit(
            small.decision_function(rows[test]), y[test], weight[test]
        )
        expected.append(curve.predict(small.decision_function(rows)))
    with sklearn.config_context(enable_metadata_routing=routing):
        network = SpectralMLPClassifier(encoding="linear", **QUICK)
        if routing:
            network.set_fit_request(sample_weight=True)
            network.set_score_request(sample_weight=True)
        found = CalibratedClassifierCV(
            SpectralPruner(network, n_nodes=4), method="isotonic", cv=folds
        )
        if routing:
            found.set_fit_request(sample_weight=True)
        found.fit(rows, y, sample_weight=weight)
        np.testing.assert_allclose(
            found.predict_proba(rows)[:, 1], np.mean(expected, axis=0), rtol=1e-6
        )


def test_weights_reach_a_pruner_inside_of_ransac():
    weight = np.where(np.arange(60) % 2, 1.0, 0.0)
    pruner = SpectralPruner(SpectralMLPRegressor(encoding="linear", **QUICK), n_nodes=4)
    ransac = RANSACRegressor(pruner, min_samples=60, max_trials=1, random_state=0)
    ransac.fit(X, Y, sample_weight=weight)
    inliers = ransac.inlier_mask_
    alone = clone(pruner).fit(X[inliers], Y[inliers], sample_weight=weight[inliers])
    np.testing.assert_array_equal(ransac.predict(X), alone.predict(X))


def test_weights_are_requested_of_the_estimator():
    """A request made to the pruner would have no effect, so there is none to make."""
    for method in ("fit", "score"):
        assert not hasattr(SpectralPruner, f"set_{method}_request")
        assert "sample_weight" in signature(getattr(SpectralPruner, method)).parameters


@pytest.mark.parametrize(
    "parameter",
    [
        {"refit": "False"},
        {"refit": 0},
        {"merge": "no"},
        {"max_loss": True},
        {"max_loss": float("nan")},
        {"threshold": True},
        {"threshold": float("nan")},
        {"n_nodes": np.bool_(True)},
        {"n_nodes": float("nan")},
        {"rule": None},
        {"cv": 1, "max_loss": 0.1},
        {"cv": b"five", "max_loss": 0.1},
        {"cv": [], "max_loss": 0.1},
        {"cv": [1], "max_loss": 0.1},
        {"cv": [(range(9), "rows")], "max_loss": 0.1},
        {"cv": np.array(3), "max_loss": 0.1},
        {"max_loss": 10**400},
        {"n_nodes": np.array(3)},
        {"estimator": Ridge()},
        {"estimator": SpectralMLPRegressor},
        {"scoring": 3},
        {"relevance": 1},
    ],
    ids=str,
)
def test_a_wrong_parameter_is_scikit_learns_error(parameter):
    name = next(iter(parameter))
    pruner = SpectralPruner(**{"estimator": GOOD, **parameter})
    with pytest.raises(InvalidParameterError, match=f"`{name}` must"):
        pruner.fit(X, Y)


def test_checks_of_parameters_can_be_skipped():
    pruner = SpectralPruner(GOOD, n_nodes=4, scoring=None, refit=1)
    with pytest.raises(InvalidParameterError, match="`refit` must be True or False"):
        pruner.fit(X, Y)
    expected = clone(pruner).set_params(refit=True).fit(X, Y)
    pruner.set_params(rule=None)
    with sklearn.config_context(skip_parameter_validation=True):
        pruner.fit(X, Y)
    np.testing.assert_array_equal(pruner.predict(X), expected.predict(X))


@pytest.mark.parametrize(
    "cv",
    [
        RepeatedKFold(n_splits=2, n_repeats=2, random_state=0),
        iter([([*range(40)], [*range(40, 60)]), ([*range(20, 60)], np.arange(20))]),
        [(np.arange(60) < 40, np.arange(60) >= 40)],
    ],
    ids=["repeated", "generator", "masks"],
)
def test_every_kind_of_cv_gives_its_folds(cv):
    pruner = SpectralPruner(GOOD, max_loss=10.0, cv=copy.deepcopy(cv)).fit(X, Y)
    folds = list(check_cv(cv).split(X, Y))
    assert pruner.cut_results_["scores"].shape[1] == len(folds)
    train, test = folds[0]
    expected = clone(GOOD).fit(X[train], Y[train]).score(X[test], Y[test])
    assert pruner.cut_results_["scores"][-1, 0] == pytest.approx(expected, rel=1e-5)
