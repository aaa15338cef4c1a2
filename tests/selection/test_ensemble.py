"""Ensembles: members, means and spreads, cuts, pickles, processes."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectFromModel
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.estimator_checks import parametrize_with_checks

from skspectral import (
    AlphaChoiceDisplay,
    SpectralEnsembleClassifier,
    SpectralEnsembleRegressor,
    SpectralMLPClassifier,
    SpectralMLPClassifierCV,
    SpectralMLPRegressor,
    SpectralMLPRegressorCV,
)
from skspectral._selection.alpha_choice import AlphaChoice
from skspectral._selection.candidate_scores import CandidateScores

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
QUICK = {"hidden_layer_sizes": 12, "max_iter": 30, "dtype": "float64", "alpha": 1e-3}
QUICK |= {"encoding": "linear"}  # in which weights are repetitions
NETWORKS = {
    SpectralEnsembleRegressor: SpectralMLPRegressor,
    SpectralEnsembleClassifier: SpectralMLPClassifier,
}
KINDS = [*NETWORKS]


def data(kind):
    X, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    X, y = X[order], y[order]
    return (X, y) if kind is SpectralEnsembleClassifier else (X[:, :3], X[:, 3])


def quick(kind, n_members=3, **arguments):
    network = NETWORKS[kind](**QUICK)
    return kind(network, n_members, **{"random_state": 0} | arguments)


@parametrize_with_checks([quick(kind, 2) for kind in KINDS])
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def outputs(model, X):
    if hasattr(model, "predict_proba"):
        return model.predict_proba(X)
    return model.predict(X)


@pytest.mark.parametrize("kind", KINDS)
def test_the_mean_of_plain_networks(kind):
    X, y = data(kind)
    seeds = np.random.RandomState(0).randint(2**31 - 1, size=3)
    plain = [
        NETWORKS[kind](**QUICK, random_state=int(seed)).fit(X, y) for seed in seeds
    ]
    ensemble = quick(kind).fit(X, y)
    own = np.stack([outputs(network, X) for network in plain])
    np.testing.assert_allclose(outputs(ensemble, X), own.mean(0), rtol=1e-9)
    importances = np.stack([network.feature_importances_ for network in plain])
    found = ensemble.feature_importances_
    np.testing.assert_allclose(found, importances.mean(0), rtol=1e-7)
    found = ensemble.feature_importances_std_
    np.testing.assert_allclose(found, importances.std(0), atol=1e-9)
    assert ensemble.core_sizes_ == [network.core_sizes_ for network in plain]


def test_the_spread_is_that_of_the_members():
    X, y = data(SpectralEnsembleRegressor)
    for shift in (0.0, 1e8):
        ensemble = quick(SpectralEnsembleRegressor).fit(X, y + shift)
        mean, std = ensemble.predict(X, return_std=True)
        own = np.stack([member.predict(X) for member in ensemble.members_])
        np.testing.assert_allclose(mean, own.mean(0), rtol=1e-12)
        np.testing.assert_allclose(std, (own - own[0]).std(0), rtol=1e-5, atol=1e-9)
    ensemble = quick(SpectralEnsembleRegressor).fit(X, np.column_stack([y, -y]))
    mean, std = ensemble.predict(X, return_std=True)
    assert mean.shape == std.shape == (len(y), 2)


def test_one_choice_for_all_members(monkeypatch):
    monkeypatch.setattr(CandidateScores, "partner", lambda *_: None)
    X, y = load_diabetes(return_X_y=True)
    network = SpectralMLPRegressorCV(
        alphas=[1e-3, 1e-2],
        cv=3,
        encoding="linear",
        hidden_layer_sizes=12,
        max_iter=20,
        dtype="float64",
    )
    ensemble = SpectralEnsembleRegressor(network, 3, random_state=0).fit(X, y)
    choice = ensemble.choice_
    assert {member.alpha for member in ensemble.members_} == {choice.alpha_}
    assert {member.encoding for member in ensemble.members_} == {choice.encoding_}
    seeds = {member.random_state for member in ensemble.members_}
    assert len(seeds) == 3
    first = ensemble.members_[0]
    np.testing.assert_array_equal(first.predict(X), choice.predict(X))
    assert type(first) is SpectralMLPRegressor
    for member in ensemble.members_:
        again = clone(member).fit(X, y)
        np.testing.assert_allclose(again.predict(X), member.predict(X), rtol=1e-9)
    assert AlphaChoiceDisplay.from_estimator(ensemble).chosen[1] == choice.alpha_
    assert "3 members" in ensemble._repr_html_()


def test_every_second_member_has_encoding_and_alpha_of_the_partner(monkeypatch):
    X, y = load_diabetes(return_X_y=True)
    partner = ("piecewise", 3e-3)
    monkeypatch.setattr(CandidateScores, "partner", lambda *_: partner)
    network = SpectralMLPRegressorCV(
        alphas=[1e-3, 1e-2], cv=0.3, hidden_layer_sizes=12, max_iter=5
    )
    ensemble = SpectralEnsembleRegressor(network, 4, random_state=0).fit(X, y)
    chosen = (ensemble.choice_.encoding_, ensemble.choice_.alpha_)
    found = [(member.encoding, member.alpha) for member in ensemble.members_]
    assert found == [chosen, partner, chosen, partner]
    _, second, _, fourth = ensemble.members_
    assert second._x_columns is fourth._x_columns
    own = [member.predict(X) for member in ensemble.members_]
    np.testing.assert_allclose(ensemble.predict(X), np.mean(own, 0), rtol=1e-9)


A, B, C = ("linear", 1e-3), ("linear", 3e-3), ("piecewise", 1e-2)


def drawn_scores(monkeypatch, n_members, spreads):
    """Scores of candidates whose members err independently; and of any members.

    Candidates have errors of their own, which their members share.
    """
    rng = np.random.default_rng(0)
    n = 200_000
    members = {
        c: 0.3 * rng.normal(size=n) + spread * rng.normal(size=(n_members, n))
        for c, spread in spreads.items()
    }

    def score(chosen, fold=0):
        return -np.mean(np.mean([members[c][i] for c, i in chosen], 0) ** 2)

    scores = CandidateScores(
        *(None, [], None, None, None, None), seed=0, n_members=n_members, mean_of=None
    )
    scores.networks = {(c, 0): [(score([(c, 0)]), (c, 0))] for c in spreads}
    fits = []

    def fit(wanted, seed):
        assert seed == 1
        fits.extend(wanted)
        return [(score([(c, 1)]), (), (c, 1)) for c, _ in wanted]

    monkeypatch.setattr(scores, "_fit", fit)
    monkeypatch.setattr(scores, "_score", score)
    return scores, score, fits


@pytest.mark.parametrize("n_members", [2, 5, 8])
def test_the_score_of_all_members_is_worked_out_from_few(monkeypatch, n_members):
    scores, score, fits = drawn_scores(monkeypatch, n_members, {A: 0.5, B: 0.4})
    (found,) = scores.of_means([(A, 0)])
    assert fits == [(A, 0)]
    everyone = range(n_members)
    assert found == pytest.approx(score([(A, i) for i in everyone]), rel=0.02)
    scores._fit_second([(A, 0), (B, 0)])
    assert fits == [(A, 0), (B, 0)]  # none twice
    mixed = [((A, B)[i % 2], i) for i in everyone]
    assert scores._of_mean(A, B, 0) == pytest.approx(score(mixed), rel=0.02)
    assert abs(score(mixed) - score([(A, i) for i in everyone])) > 0.02


def test_the_partner_has_the_best_expected_mean(monkeypatch):
    scores, _, _ = drawn_scores(monkeypatch, 8, {A: 0.5, B: 0.4, C: 0.9})
    assert scores.partner(A, [B, C], [0]) == B
    assert scores.partner(A, [C], [0]) is not None  # 4 + 4 halve the shared errors
    bad, _, _ = drawn_scores(monkeypatch, 8, {A: 0.5, B: 3.0})
    assert bad.partner(A, [B], [0]) is None
    assert bad.partner(A, [], [0]) is None


def test_beside_a_candidate_are_its_neighbours_and_the_best_other_encodings():
    choice = AlphaChoice(
        None, encodings=["linear", "piecewise"], n_folds=2, rule="best", middle=1e-2,
        alphas=np.array([1e-3, 3e-3, 1e-2, 3e-2]), races=False,
    )  # fmt: skip
    for alpha, score in ((1e-3, 0.3), (3e-3, 0.5), (1e-2, 0.4)):
        for fold in range(2):
            choice.tried.add(("linear", alpha), fold, score, (3,))
            choice.tried.add(("piecewise", alpha), fold, score - 200 * alpha, (3,))
    choice.tried.add(("linear", 3e-2), 0, 0.1, (3,))  # not on all folds
    beside = choice.beside(("linear", 3e-3))
    assert beside == [("linear", 1e-3), ("linear", 1e-2), ("piecewise", 1e-3)]
    assert choice.beside(("linear", 1e-2)) == [("linear", 3e-3), ("piecewise", 1e-3)]


def test_by_default_it_chooses():
    X, y = data(SpectralEnsembleClassifier)
    ensemble = SpectralEnsembleClassifier(n_members=2, random_state=0).fit(X, y)
    assert isinstance(ensemble.choice_, SpectralMLPClassifierCV)
    assert ensemble.score(X, y) > 0.95


@pytest.mark.parametrize("kind", KINDS)
def test_members_may_see_fewer_rows_and_columns(kind):
    X, y = data(kind)
    ensemble = quick(
        kind, max_samples=0.5, bootstrap=True, max_features=2, n_members=4
    ).fit(X, y)
    assert [len(own) for own in ensemble.columns_] == [2] * 4
    assert ensemble.feature_importances_.shape == (X.shape[1],)
    assert ensemble.feature_importances_.sum() == pytest.approx(1)
    assert outputs(ensemble, X).shape[0] == len(X)
    frame = pd.DataFrame(X, columns=[f"c{i}" for i in range(X.shape[1])])
    named = clone(ensemble).fit(frame, y)
    np.testing.assert_allclose(outputs(named, frame), outputs(ensemble, X), rtol=1e-9)
    with pytest.raises(ValueError, match="feature"):
        named.predict(frame.iloc[:, ::-1])
    pruned = named.prune(n_nodes=2)
    assert pruned.core_sizes_ != named.core_sizes_
    assert outputs(pruned, frame).shape == outputs(named, frame).shape
    own = pickle.loads(pickle.dumps(named))
    np.testing.assert_array_equal(outputs(own, frame), outputs(named, frame))


def test_frames_and_sparse_tables():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=90), "b": rng.choice(["x", "y"], 90)})
    frame.loc[3, "a"] = np.nan
    y = frame["a"].fillna(0) + (frame["b"] == "x")
    ensemble = quick(SpectralEnsembleRegressor).fit(frame, y)
    assert ensemble.feature_names_in_.tolist() == ["a", "b"]
    assert ensemble.score(frame, y) > 0.8
    X = sparse.csr_array(np.where(rng.random((90, 4)) < 0.5, 0, rng.random((90, 4))))
    ensemble = quick(SpectralEnsembleRegressor, max_features=0.5).fit(X, y)
    np.testing.assert_allclose(ensemble.predict(X), ensemble.predict(X.toarray()))


def test_a_class_that_some_members_never_saw():
    X, y = data(SpectralEnsembleClassifier)
    y = np.where(y == 2, 0, y)
    y[:2] = 2  # two rows of their class
    ensemble = quick(SpectralEnsembleClassifier, max_samples=0.3, n_members=6)
    probabilities = ensemble.fit(X, y).predict_proba(X)
    assert ensemble.classes_.tolist() == [0, 1, 2]
    assert {len(member.classes_) for member in ensemble.members_} == {2, 3}
    np.testing.assert_allclose(probabilities.sum(1), 1)


def test_labels_of_several_kinds():
    X, y = data(SpectralEnsembleClassifier)
    names = np.array(["a", "b", "c"])[y]
    ensemble = quick(SpectralEnsembleClassifier).fit(X, names)
    assert set(ensemble.predict(X)) == {"a", "b", "c"}
    logs = ensemble.predict_log_proba(X)
    np.testing.assert_allclose(np.exp(logs), ensemble.predict_proba(X))
    labels = np.column_stack([y == 0, y > 0]).astype(int)
    found = quick(SpectralEnsembleClassifier).fit(X, labels).predict(X)
    assert (found == labels).mean() > 0.95


@pytest.mark.parametrize("kind", KINDS)
def test_in_processes_the_members_are_the_same(kind):
    X, y = data(kind)
    one, two = quick(kind).fit(X, y), quick(kind, n_jobs=2).fit(X, y)
    np.testing.assert_allclose(outputs(two, X), outputs(one, X), rtol=1e-9)


def test_members_share_what_is_equal():
    X, y = load_diabetes(return_X_y=True)
    for n_jobs in (None, 2):
        network = SpectralMLPRegressor(**QUICK | {"encoding": "piecewise"})
        ensemble = SpectralEnsembleRegressor(
            network, 6, random_state=0, n_jobs=n_jobs
        ).fit(X, y)
        first, *others = ensemble.members_
        assert all(member._x_columns is first._x_columns for member in others)
        alone = len(pickle.dumps(first))
        assert len(pickle.dumps(ensemble)) < 6 * alone


def test_it_can_be_cut():
    X, y = data(SpectralEnsembleRegressor)
    ensemble = quick(SpectralEnsembleRegressor).fit(X, y)
    before = ensemble.predict(X)
    small = ensemble.prune(n_nodes=4)
    assert {member.hidden_layer_sizes for member in small.members_} == {(4,)}
    expected = [member.prune(n_nodes=4).predict(X) for member in ensemble.members_]
    np.testing.assert_allclose(small.predict(X), np.mean(expected, 0), rtol=1e-9)
    np.testing.assert_array_equal(ensemble.predict(X), before)
    folded = ensemble.prune(X, y, n_nodes=6, merge="fold", refit=True)
    assert folded.score(X, y) > 0.8


def test_in_pipelines_and_searches():
    X, y = data(SpectralEnsembleRegressor)
    pipe = make_pipeline(StandardScaler(), quick(SpectralEnsembleRegressor))
    grid = {"spectralensembleregressor__estimator__alpha": [1e-3, 1e-1]}
    assert GridSearchCV(pipe, grid, cv=2).fit(X, y).best_score_ > 0.8
    selected = SelectFromModel(quick(SpectralEnsembleRegressor)).fit(X, y)
    assert selected.transform(X).shape[1] < 3


def test_weights_and_validation_rows_reach_the_members():
    X, y = data(SpectralEnsembleRegressor)
    weight = np.random.default_rng(0).integers(0, 2, len(y)).astype(float)
    ensemble = quick(SpectralEnsembleRegressor)
    found = clone(ensemble).fit(X, y, sample_weight=weight).predict(X)
    changed = np.where(weight == 1, y, 99.0)
    again = clone(ensemble).fit(X, changed, sample_weight=weight).predict(X)
    np.testing.assert_allclose(found, again, rtol=1e-9)
    ensemble.fit(X, y, X_val=X[:20], y_val=y[:20])
    assert all(hasattr(m, "validation_loss_curve_") for m in ensemble.members_)
    with sklearn.config_context(enable_metadata_routing=True):
        network = SpectralMLPRegressor(**QUICK).set_fit_request(sample_weight=True)
        routed = SpectralEnsembleRegressor(network, 3, random_state=0)
        routed.fit(X, y, sample_weight=weight)
        np.testing.assert_allclose(routed.predict(X), found, rtol=1e-9)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_members": 0}, "`n_members` must be an integer >= 1"),
        ({"max_samples": 0}, "`max_samples` must be"),
        ({"max_features": 1.5}, "`max_features` must be"),
        ({"bootstrap": "yes"}, "`bootstrap` must be"),
        ({"n_jobs": 0}, "`n_jobs` must be"),
        ({"random_state": "x"}, "`random_state` must be"),
        ({"estimator": SpectralMLPClassifier()}, "`estimator` must be a regressor"),
        ({"estimator": StandardScaler()}, "`estimator` must be a regressor"),
        ({"estimator": SpectralMLPRegressor(alpha=-1)}, "`alpha` must be"),
    ],
)
def test_errors_of_parameters(wrong, message):
    X, y = data(SpectralEnsembleRegressor)
    ensemble = quick(SpectralEnsembleRegressor).set_params(**wrong)
    with pytest.raises(InvalidParameterError, match=message):
        ensemble.fit(X, y)
    with pytest.raises(NotFittedError):
        ensemble.predict(X)


def test_a_failed_fit_leaves_the_ensemble_as_it_was():
    X, y = data(SpectralEnsembleRegressor)
    ensemble = quick(SpectralEnsembleRegressor).fit(X, y)
    before = ensemble.predict(X)
    with pytest.raises(ValueError, match="must not exceed the 150"):
        ensemble.set_params(max_samples=151).fit(X, y)
    with pytest.raises(ValueError, match="NaN"):
        ensemble.set_params(max_samples=1.0).fit(X, np.full(len(y), np.nan))
    np.testing.assert_array_equal(ensemble.predict(X), before)
