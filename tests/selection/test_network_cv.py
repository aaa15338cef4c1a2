"""Networks that choose alpha: what they try, what they choose, what they are."""

import pickle

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GroupKFold, KFold, cross_val_score, cross_validate
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.estimator_checks import parametrize_with_checks

from skspectral import (
    AlphaChoiceDisplay,
    SpectralMLPClassifier,
    SpectralMLPClassifierCV,
    SpectralMLPRegressor,
    SpectralMLPRegressorCV,
    SpectralPruner,
    pruning_curve,
    regularization_path,
)
from skspectral._selection.alpha_choice import AlphaChoice
from skspectral._selection.fold_fits import lowest_allowed
from skspectral._selection.scoring import likelihood_scorer
from skspectral.datasets import make_teacher_student

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
QUICK = {"hidden_layer_sizes": 12, "max_iter": 10, "dtype": "float64"}
QUICK |= {"random_state": 0}
BRIEF = QUICK | {"alphas": [1e-3, 1e-1], "cv": 2}
KINDS = [SpectralMLPRegressorCV, SpectralMLPClassifierCV]
PLAIN = {
    SpectralMLPRegressorCV: SpectralMLPRegressor,
    SpectralMLPClassifierCV: SpectralMLPClassifier,
}


def data(kind):
    X, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    X, y = X[order], y[order]
    return (X, y) if kind is SpectralMLPClassifierCV else (X[:, :3], X[:, 3])


@parametrize_with_checks(
    [kind(**BRIEF | {"alphas": [1e-3, 1e-2], "max_iter": 30}) for kind in KINDS]
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("kind", KINDS)
def test_the_network_is_the_plain_one_at_the_chosen_alpha(kind):
    X, y = data(kind)
    chosen = kind(**BRIEF).fit(X, y)
    plain = PLAIN[kind](**QUICK, alpha=chosen.alpha_, encoding=chosen.encoding_)
    plain.fit(X, y)
    np.testing.assert_array_equal(chosen.predict(X), plain.predict(X))
    assert chosen.core_sizes_ == plain.core_sizes_
    own = chosen._chosen_network()
    assert type(own) is PLAIN[kind]
    np.testing.assert_array_equal(own.predict(X), plain.predict(X))
    assert clone(own).fit(X, y).alpha_ == chosen.alpha_


def test_scores_are_those_of_scikit_learns_folds():
    X, y = data(SpectralMLPRegressorCV)
    cv = KFold(3, shuffle=True, random_state=1)
    chosen = SpectralMLPRegressorCV(**BRIEF | {"cv": cv, "encoding": "linear"})
    chosen.fit(X, y)
    for place, alpha in enumerate(chosen.alphas_):
        plain = SpectralMLPRegressor(**QUICK, alpha=alpha, encoding="linear")
        found = cross_validate(plain, X, y, cv=cv, return_estimator=True)
        scores = chosen.scores_path_[0, place]
        np.testing.assert_allclose(scores, found["test_score"], rtol=1e-9)
        cores = [network.core_sizes_[0] for network in found["estimator"]]
        np.testing.assert_array_equal(chosen.core_sizes_path_[0, place, :, 0], cores)
    best = chosen.scores_path_[0].mean(-1)
    assert chosen.alpha_ == chosen.alphas_[best.argmax()]
    assert chosen.best_score_ == pytest.approx(best.max())
    cores = chosen.core_sizes_path_[0, best.argmax(), :, 0]
    assert chosen.core_interval_ == (cores.min(), cores.max())


def made_up(scores, cores=None, **arguments):
    """A choice among candidates of known scores: {(encoding, alpha): by fold}."""
    calls = []

    def evaluate(wanted):
        calls.extend(wanted)
        return [
            (scores(encoding, alpha)[fold], (cores(alpha) if cores else 5,))
            for (encoding, alpha), fold in wanted
        ]

    arguments = {
        "encodings": ["linear"], "n_folds": 3, "rule": "best", "middle": 1e-3,
        "alphas": None, "races": False,
    } | arguments  # fmt: skip
    choice = AlphaChoice(evaluate, **arguments)
    return choice.run(), choice, calls


@pytest.mark.parametrize("peak", [-4.5, -3.5, -3, -2.5, -1.5, -1])
@pytest.mark.parametrize("races", [True, False])
def test_the_search_climbs_to_the_peak(peak, races):
    def scores(encoding, alpha):
        return [-abs(np.log10(alpha) - peak) + 0.01 * fold for fold in range(3)]

    (_, alpha), choice, calls = made_up(scores, races=races)
    assert np.log10(alpha) == pytest.approx(peak)
    assert len(calls) == len(set(calls))
    tried = {a for _, a in choice.tried.scores}
    neighbours = {alpha * 10**0.5, alpha / 10**0.5}
    assert all(any(np.isclose(a, t) for t in tried) for a in neighbours)
    n_folds = sum(not np.isnan(s).any() for s in choice.tried.scores.values())
    assert n_folds == (2 if races else len(choice.tried.scores))


def test_the_best_two_of_the_first_fold_meet_again():
    def scores(encoding, alpha):
        step = round(2 * np.log10(alpha / 1e-3))
        luck = 0.2 if step == 1 else 0.0  # on the first fold
        return [luck - 0.1 * step**2] + [-0.1 * step**2] * 4

    (_, alpha), choice, _ = made_up(scores, n_folds=5, races=True)
    assert alpha == pytest.approx(1e-3)
    n_tried = sorted((~np.isnan(s)).sum() for s in choice.tried.scores.values())
    assert n_tried[-2:] == [3, 5]


def test_of_two_encodings_the_worse_is_left_early():
    def scores(encoding, alpha):
        behind = 2 if encoding == "linear" else 0
        return [-abs(np.log10(alpha) + 2) - behind] * 3

    chosen, choice, _ = made_up(scores, encodings=["auto", "linear"])
    assert chosen[0] == "auto"
    assert sum(encoding == "linear" for encoding, _ in choice.tried.scores) == 2


def test_given_alphas_are_tried_from_weak_to_strong_until_it_hurts():
    alphas = np.logspace(-6, 0, 13)
    _, _, calls = made_up(
        lambda _, alpha: [-abs(np.log10(alpha) + 4)] * 3, alphas=alphas
    )
    tried = [alpha for (_, alpha), fold in calls if fold == 0]
    assert tried == alphas[:7].tolist()  # two beyond 1e-4


def test_one_standard_error_takes_the_smallest_core_within_it():
    # Means -1, -.8, -.5 at steps of half a decade; the best has folds 0, .3, .6.
    def scores(encoding, alpha):
        step = round(2 * np.log10(alpha / 1e-3))
        return np.array([-0.3, 0.0, 0.3]) - 0.1 * step**2

    error = 0.3 / np.sqrt(3)
    (_, alpha), choice, _ = made_up(
        scores, rule="one_standard_error", cores=lambda alpha: round(1 / alpha)
    )
    assert alpha == pytest.approx(1e-3 * 10**0.5)  # .1 below, error .173
    assert 0.1 < error < 0.4
    assert np.isnan(list(choice.tried.scores.values())).sum() == 0


def test_a_standard_error_is_that_of_the_mean():
    scores = np.array([[0.0, 0.3, 0.6], [0.1, 0.1, 0.1], [np.nan] * 3])
    expected = 0.3 - np.std(scores[0], ddof=1) / 3**0.5 - 0.01
    assert lowest_allowed(scores, max_loss=0.01) == pytest.approx(expected)
    assert expected == pytest.approx(0.29 - 0.3 / 3**0.5)


def test_large_tables_race_on_the_first_fold():
    X, y, _ = make_teacher_student(5_000, n_teacher_nodes=3, random_state=0)
    chosen = SpectralMLPRegressorCV(**QUICK | {"max_iter": 2}, cv=3).fit(X, y)
    on_all = ~np.isnan(chosen.scores_path_).any(-1)
    assert on_all.sum() <= 2
    assert not np.isnan(chosen.scores_path_[..., 0]).all()
    place = chosen.alphas_ == chosen.alpha_
    row = chosen.encodings_.index(chosen.encoding_)
    assert chosen.best_score_ == pytest.approx(chosen.scores_path_[row, place].mean())


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_a_fitted_network(kind):
    X, y = data(kind)
    chosen = kind(**BRIEF).fit(X, y)
    assert chosen.prune(n_nodes=3).hidden_layer_sizes == (3,)
    assert chosen.to_torch() is not None
    np.testing.assert_allclose(
        chosen.to_sklearn().predict(X), chosen.predict(X), rtol=1e-6
    )
    assert pruning_curve(chosen, X, y).n_nodes[-1] == 12
    copy = pickle.loads(pickle.dumps(chosen))
    np.testing.assert_array_equal(copy.predict(X), chosen.predict(X))
    assert not hasattr(chosen, "partial_fit")
    pruner = SpectralPruner(kind(**BRIEF), n_nodes=2).fit(X, y)
    assert pruner.estimator_.hidden_layer_sizes == (2,)


def test_how_wide_is_a_sentence():
    X, y = data(SpectralMLPRegressorCV)
    chosen = SpectralMLPRegressorCV(**BRIEF)
    assert "nodes" not in repr(chosen)
    chosen.fit(X, y)
    low, _ = chosen.core_interval_
    last = repr(chosen).splitlines()[-1]
    assert last.startswith(f"{sum(chosen.core_sizes_)} nodes (")
    assert f"of 12, alpha {chosen.alpha_:.2g}" in last
    assert str(low) in last
    assert last.replace("'", "&#x27;") in chosen._repr_html_()


def test_a_fraction_holds_out_rows_once():
    X, y = data(SpectralMLPRegressorCV)
    chosen = SpectralMLPRegressorCV(**BRIEF | {"cv": 0.25}).fit(X, y)
    assert chosen.n_splits_ == 1
    assert "over held-out rows" in repr(chosen)
    X, y = data(SpectralMLPClassifierCV)
    assert SpectralMLPClassifierCV(**BRIEF | {"cv": 0.25}).fit(X, y).n_splits_ == 1


def test_weights_reach_fits_and_scores():
    X, y = load_diabetes(return_X_y=True)
    weight = np.random.default_rng(0).integers(0, 2, len(y)).astype(float)
    chosen = SpectralMLPRegressorCV(**BRIEF, encoding="linear")
    weighted = clone(chosen).fit(X, y, sample_weight=weight)
    changed = np.where(weight == 1, y, 1e4)
    again = clone(chosen).fit(X, changed, sample_weight=weight)
    np.testing.assert_allclose(weighted.scores_path_, again.scores_path_, rtol=1e-9)


def test_groups_reach_the_splitter():
    X, y = load_diabetes(return_X_y=True)
    groups = np.arange(len(y)) % 7
    chosen = SpectralMLPRegressorCV(**BRIEF | {"cv": GroupKFold(3)})
    assert chosen.fit(X, y, groups=groups).n_splits_ == 3
    with pytest.raises(TypeError, match="groups.*got.*'group'"):
        chosen.fit(X, y, group=groups)
    with sklearn.config_context(enable_metadata_routing=True):
        chosen = clone(chosen).set_fit_request(sample_weight=True)
        routed = chosen.fit(X, y, groups=groups, sample_weight=np.ones(len(y)))
        assert routed.n_splits_ == 3


def test_the_likelihood_is_scikit_learns_log_loss():
    X, y = load_breast_cancer(return_X_y=True)
    for target in (y, np.arange(len(y)) % 3):
        network = SpectralMLPClassifier(**QUICK).fit(X, target)
        weight = np.random.default_rng(0).random(len(y))
        found = likelihood_scorer().score(network, X, target, sample_weight=weight)
        p = network.predict_proba(X)
        assert found == pytest.approx(
            -sklearn.metrics.log_loss(target, p, sample_weight=weight)
        )
    labels = np.column_stack([y, 1 - y, X[:, 0] > X[:, 0].mean()]).astype(int)
    network = SpectralMLPClassifier(**QUICK).fit(X, labels)
    p = network.predict_proba(X)
    losses = [sklearn.metrics.log_loss(labels[:, k], p[:, k]) for k in range(3)]
    found = likelihood_scorer().score(network, X, labels)
    assert found == pytest.approx(-np.mean(losses))


def test_in_processes_the_numbers_are_the_same():
    X, y = data(SpectralMLPRegressorCV)
    alone = SpectralMLPRegressorCV(**BRIEF, encoding="linear").fit(X, y)
    two = SpectralMLPRegressorCV(**BRIEF, encoding="linear", n_jobs=2).fit(X, y)
    np.testing.assert_allclose(two.scores_path_, alone.scores_path_, rtol=1e-9)
    np.testing.assert_allclose(two.predict(X), alone.predict(X), rtol=1e-9)


def test_inside_cross_validation():
    X, y = data(SpectralMLPClassifierCV)
    assert cross_val_score(SpectralMLPClassifierCV(**BRIEF), X, y, cv=2).shape == (2,)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"alphas": "auto"}, "`alphas` must be None or a list"),
        ({"alphas": []}, "`alphas` must be"),
        ({"alphas": [0.0]}, "`alphas` must be"),
        ({"alphas": [np.nan]}, "`alphas` must be"),
        ({"cv": 1}, "`cv` must be an integer >= 2, a fraction"),
        ({"cv": 1.5}, "`cv` must be"),
        ({"rule": "first"}, "`rule` must be 'best' or 'one_standard_error'"),
        ({"scoring": ["r2"]}, "`scoring` must be"),
        ({"n_jobs": 0}, "`n_jobs` must be"),
        ({"hidden_layer_sizes": 0}, "`hidden_layer_sizes` must be"),
        ({"rule": "one_standard_error", "cv": 0.2}, "two folds.*cv=0.2"),
        ({"rule": "one_standard_error", "gate": "both"}, "a core needs a gate"),
    ],
)
def test_errors_of_parameters(wrong, message):
    X, y = data(SpectralMLPRegressorCV)
    chosen = SpectralMLPRegressorCV(**BRIEF | wrong)
    with pytest.raises(InvalidParameterError, match=message):
        chosen.fit(X, y)
    assert not hasattr(chosen, "alphas_")


def test_errors_of_data():
    X, y = data(SpectralMLPRegressorCV)
    with pytest.raises(ValueError, match=r"choice of alpha needs a row.*3 rows and 5"):
        SpectralMLPRegressorCV(**BRIEF | {"cv": 5}).fit(X[:3], y[:3])
    with pytest.raises(AttributeError, match="Take SpectralMLPRegressor"):
        SpectralMLPRegressorCV(**BRIEF).partial_fit(X, y)
    with pytest.raises(ValueError, match="finite scores; got nan on fold 0"):
        SpectralMLPRegressorCV(**BRIEF, scoring=lambda *_: np.nan).fit(X, y)
    with pytest.raises(TypeError, match="chooses alpha itself"):
        regularization_path(SpectralMLPRegressorCV(**BRIEF), X, y)
    with pytest.raises(NotFittedError):
        AlphaChoiceDisplay.from_estimator(SpectralMLPRegressorCV())


def test_the_display_marks_the_choices():
    pytest.importorskip("matplotlib")
    X, y = load_diabetes(return_X_y=True)
    chosen = SpectralMLPRegressorCV(
        **BRIEF | {"alphas": [1e-3, 1e-2, 1e-1], "cv": 4}, encoding="linear"
    ).fit(X, y)
    display = AlphaChoiceDisplay.from_estimator(chosen)
    assert display.choices()["best"] == (chosen.encoding_, chosen.alpha_)
    small = clone(chosen).set_params(rule="one_standard_error").fit(X, y)
    found = AlphaChoiceDisplay.from_estimator(small).choices()
    assert found["one_standard_error"] == (small.encoding_, small.alpha_)
    mean = chosen.scores_path_[0].mean(-1)
    np.testing.assert_allclose(display.score_lines_[0].get_ydata(), mean)
    np.testing.assert_allclose(
        display.core_lines_[0].get_ydata(), chosen.core_sizes_path_[0, ..., 0].mean(-1)
    )
    lines = display.choice_lines_["best"]
    assert [line.get_xdata()[0] for line in lines] == [chosen.alpha_] * 2
    with pytest.raises(TypeError, match="must have chosen alpha"):
        AlphaChoiceDisplay.from_estimator(SpectralMLPRegressor(**QUICK).fit(X, y))


def test_a_mean_of_members_prefers_a_weaker_alpha():
    """One network is best at 1e-3, the mean of several at 1e-4."""

    def evaluate_means(wanted):
        return [-abs(np.log10(alpha) + 4) for (_, alpha), _ in wanted]

    (_, alpha), _, _ = made_up(
        lambda _, alpha: [-abs(np.log10(alpha) + 3)] * 3,
        alphas=np.logspace(-5, -1, 9),
        evaluate_means=evaluate_means,
    )
    assert alpha == pytest.approx(1e-4)
