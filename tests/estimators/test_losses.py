"""Regression under every loss: against scikit-learn, in closed form, at the edges."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from sklearn.base import clone
from sklearn.linear_model import (
    GammaRegressor,
    PoissonRegressor,
    QuantileRegressor,
    TweedieRegressor,
)
from sklearn.metrics import (
    d2_absolute_error_score,
    d2_pinball_score,
    d2_tweedie_score,
    r2_score,
)
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skspectral import (
    SpectralEnsembleRegressor,
    SpectralGridSearchCV,
    SpectralMLPRegressor,
    SpectralMLPRegressorCV,
    SpectralPruner,
    node_functions,
    pruning_curve,
    regularization_path,
)
from skspectral._columns import weighted_quantiles
from skspectral._estimators.target_scores import mean_d2

pytestmark = pytest.mark.filterwarnings("ignore:the core is still forming")

LEVELS = [0.1, 0.5, 0.8]
CASES = {
    "absolute_error": {"loss": "absolute_error"},
    "huber": {"loss": "huber", "delta": 0.5},
    "quantile": {"loss": "quantile", "quantile": 0.8},
    "curves": {"loss": "quantile", "quantile": LEVELS},
    "poisson": {"loss": "poisson"},
    "gamma": {"loss": "gamma"},
    "tweedie": {"loss": "tweedie", "power": 1.4},
}
EVERY = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
LINKED = ("poisson", "gamma", "tweedie")


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    mean = np.exp(1 + 0.6 * X[:, 0] - 0.4 * np.abs(X[:, 1]))
    return X, 1.0 + rng.poisson(mean)


def regressor(case=None, **changes):
    parameters = {"hidden_layer_sizes": 12, "max_iter": 60, "random_state": 0}
    return SpectralMLPRegressor(**{**parameters, **(case or {}), **changes})


def linear(**changes):
    """A linear model without penalty, trained to its minimum."""
    parameters = {
        "hidden_layer_sizes": (), "alpha": 0.0, "max_iter": 2000, "dtype": "float64",
        "batch_size": 1000, "encoding": "linear", "random_state": 0,
    }  # fmt: skip
    return SpectralMLPRegressor(**{**parameters, **changes})


# Closed forms, and scikit-learn's own models.


@pytest.mark.parametrize(
    ("case", "model"),
    [
        ({"loss": "poisson"}, PoissonRegressor(alpha=0, tol=1e-10)),
        ({"loss": "gamma"}, GammaRegressor(alpha=0, tol=1e-10)),
        (
            {"loss": "tweedie", "power": 1.4},
            TweedieRegressor(power=1.4, link="log", alpha=0, tol=1e-10),
        ),
        (
            {"loss": "tweedie", "power": 3.0},
            TweedieRegressor(power=3, link="log", alpha=0, tol=1e-10),
        ),
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_a_linear_model_is_scikit_learns(table, case, model, weighted):
    X, y = table
    weight = np.random.default_rng(1).uniform(0.2, 3, len(y)) if weighted else None
    ours = linear(**case).fit(X, y, sample_weight=weight)
    model.fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(ours.predict(X), model.predict(X), rtol=1e-5)
    np.testing.assert_allclose(ours.coefs_[0][:, 0], model.coef_, atol=1e-5)


@pytest.mark.parametrize("level", [0.2, 0.5])
def test_a_linear_quantile_is_scikit_learns(table, level):
    X, y = table
    y = y + np.random.default_rng(2).normal(size=len(y))
    ours = linear(loss="quantile", quantile=level, max_iter=4000).fit(X, y)
    model = QuantileRegressor(quantile=level, alpha=0).fit(X, y)
    ours, model = (
        d2_pinball_score(y, m.predict(X), alpha=level) for m in (ours, model)
    )
    assert model - 2e-4 < ours <= model + 1e-9  # theirs is the optimum


@pytest.mark.parametrize(
    ("case", "of"),
    [
        ({"loss": "absolute_error"}, np.median),
        ({"loss": "quantile", "quantile": 0.3}, lambda y: np.quantile(y, 0.3)),
        ({"loss": "poisson"}, np.mean),
        ({"loss": "gamma"}, np.mean),
        ({"loss": "tweedie"}, np.mean),
    ],
)
def test_without_columns_to_use_it_is_the_sample_statistic(case, of):
    y = np.exp(np.random.default_rng(0).normal(size=101))
    X = np.zeros((101, 1))
    start = linear(max_iter=1, learning_rate_init=1e-12, **case).fit(X, y)
    assert start.predict(X[:1])[0] == pytest.approx(of(y), rel=1e-9)  # the right start
    end = linear(max_iter=500, **case).fit(X, y)
    assert end.predict(X[:1])[0] == pytest.approx(of(y), rel=0.02)


def test_several_quantiles_start_at_those_of_the_sample():
    y = np.random.default_rng(0).gamma(1.0, size=999)
    X = np.zeros((999, 1))
    levels = [0.05, 0.25, 0.5, 0.9]
    start = linear(
        loss="quantile", quantile=levels, max_iter=1, learning_rate_init=1e-12
    ).fit(X, y)
    expected = np.quantile(y, levels, method="averaged_inverted_cdf")
    np.testing.assert_allclose(start.predict(X[:1])[0], expected, rtol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_weighted_quantiles_are_those_of_repeated_rows(weighted):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(37, 2)).round(1)
    counts = rng.integers(1, 4, 37) if weighted else np.ones(37, dtype=int)
    levels = [0.05, 0.25, 0.5, 0.75, 1 / 3]
    found = weighted_quantiles(values, counts if weighted else None, levels)
    repeated = np.repeat(values, counts, axis=0)
    expected = np.quantile(repeated, levels, axis=0, method="averaged_inverted_cdf")
    np.testing.assert_allclose(found, expected)


def test_huber_lies_between_mean_and_median():
    y = np.random.default_rng(0).exponential(size=501)
    X = np.zeros((501, 1))
    found = [
        linear(loss="huber", delta=delta, max_iter=1000).fit(X, y).predict(X[:1])[0]
        for delta in (1e-3, 1.0, 1e3)
    ]
    assert found[0] == pytest.approx(np.median(y), abs=0.02)
    assert found[2] == pytest.approx(np.mean(y), rel=1e-3)
    assert found[0] < found[1] < found[2]


# What is learned, and how it is scored.


@EVERY
def test_it_learns_and_the_score_is_scikit_learns(table, case):
    X, y = table
    model = regressor(case).fit(X, y)
    predicted = model.predict(X)
    loss = case["loss"]
    if "quantile" in case and np.ndim(case["quantile"]):
        d2 = np.mean([
            d2_pinball_score(y, own, alpha=level)
            for own, level in zip(predicted.T, LEVELS, strict=True)
        ])  # fmt: skip
        assert model.score(X, y) == pytest.approx(d2)
    else:
        assert model.score(X, y) == pytest.approx(r2_score(y, predicted))
        d2 = {
            "absolute_error": lambda: d2_absolute_error_score(y, predicted),
            "quantile": lambda: d2_pinball_score(y, predicted, alpha=0.8),
            "poisson": lambda: d2_tweedie_score(y, predicted, power=1),
            "gamma": lambda: d2_tweedie_score(y, predicted, power=2),
            "tweedie": lambda: d2_tweedie_score(y, predicted, power=1.4),
            "huber": lambda: mean_d2(model._loss(), y, predicted),
        }[loss]()
    assert mean_d2(model._loss(), y, predicted) == pytest.approx(d2)
    assert d2 > 0.2
    if loss in LINKED:
        assert (predicted > 0).all()


def test_d2_of_huber_is_one_minus_a_ratio_of_losses(table):
    X, y = table
    model = regressor(CASES["huber"]).fit(X, y)
    knee = 0.5 * stats.iqr(y, interpolation="midpoint") / 1.349

    def total(r):
        inside = np.abs(r) <= knee
        return np.where(inside, r**2, 2 * knee * np.abs(r) - knee**2).sum()

    expected = 1 - total(y - model.predict(X)) / total(y - np.median(y))
    assert mean_d2(model._loss(), y, model.predict(X)) == pytest.approx(expected)


@pytest.mark.parametrize("name", LINKED)
def test_the_loss_of_a_fit_is_one_minus_d2(table, name):
    """So that alpha means the same under every loss."""
    X, y = table
    case = CASES[name]
    model = regressor(case, alpha=0.0, max_iter=1, learning_rate_init=1e-12).fit(X, y)
    score = d2_tweedie_score(y, model.predict(X), power=model._loss().power)
    assert model.loss_ == pytest.approx(1 - score, rel=1e-5)
    # neither units of y nor its level change the fit
    other = regressor(case).fit(X, 1000 * y)
    np.testing.assert_allclose(
        other.predict(X), 1000 * regressor(case).fit(X, y).predict(X), rtol=1e-3
    )


@EVERY
def test_several_targets_share_a_network(table, case):
    X, y = table
    Y = np.c_[y, 5 * y[::-1] + 1]
    model = regressor(case).fit(X, Y)
    shape = (300, 2, 3) if case is CASES["curves"] else (300, 2)
    assert model.predict(X).shape == shape
    assert np.isfinite(model.score(X, Y))
    column = regressor(case).fit(X, Y[:, :1])
    assert column.predict(X).shape == (300, 1, *shape[2:])


def test_curves_never_cross(table):
    X, y = table
    levels = np.linspace(0.05, 0.95, 11)
    model = regressor(loss="quantile", quantile=levels, alpha=1e-6, max_iter=300)
    curves = model.fit(X, y).predict(100 * X)  # far outside as well
    assert curves.shape == (300, 11)
    assert (np.diff(curves, axis=1) >= 0).all()
    below = (y[:, None] <= model.predict(X)).mean(0)
    assert np.all(np.diff(below) >= 0)
    np.testing.assert_allclose(below, levels, atol=0.12)


@EVERY
@pytest.mark.parametrize("standardize", [False, "X", "y"])
def test_targets_may_stay_as_they_are(table, case, standardize):
    X, y = table
    model = regressor(case, standardize=standardize, max_iter=200).fit(X, y / y.mean())
    assert mean_d2(model._loss(), y / y.mean(), model.predict(X)) > 0.2


@EVERY
def test_a_weight_of_zero_is_a_row_that_is_not_there(table, case):
    X, y = table
    weight = np.ones(len(y))
    weight[200:] = 0
    outlier = np.where(weight > 0, y, 1e6)
    ours = regressor(case).fit(X, outlier, sample_weight=weight)
    there = regressor(case).fit(X[:200], y[:200])
    np.testing.assert_allclose(ours.predict(X), there.predict(X), rtol=1e-5)


def test_an_exposure_is_a_weight():
    """Rates weighted by exposures: the likelihood of counts."""
    rng = np.random.default_rng(0)
    X, exposure = rng.normal(size=(400, 1)), rng.uniform(0.5, 4, 400)
    counts = rng.poisson(exposure * np.exp(0.5 * X[:, 0]))
    ours = linear(loss="poisson").fit(X, counts / exposure, sample_weight=exposure)
    theirs = PoissonRegressor(alpha=0, tol=1e-10)
    theirs.fit(X, counts / exposure, sample_weight=exposure)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-5)


# Through the package.


@EVERY
@pytest.mark.parametrize("n_targets", [1, 2])
def test_cuts_exports_and_copies_predict_the_same(table, case, n_targets):
    X, y = table
    y = y if n_targets == 1 else np.c_[y, 2 * y[::-1]]
    model = regressor(case, alpha=3e-3, max_iter=300).fit(X, y)
    expected = model.predict(X)
    found = [pickle.loads(pickle.dumps(model)), copy.deepcopy(model)]
    if model.core_formed_:
        found.append(model.prune(merge=False))
    for other in found:
        np.testing.assert_allclose(other.predict(X), expected, rtol=1e-4, atol=1e-4)
    outputs = model.to_torch()(torch.tensor(X)).detach().numpy()
    np.testing.assert_allclose(
        outputs.reshape(expected.shape), expected, rtol=1e-4, atol=1e-4
    )
    if case is CASES["curves"]:
        with pytest.raises(ValueError, match="has no curves that do not cross"):
            model.to_sklearn()
        return
    mlp = model.to_sklearn()
    np.testing.assert_allclose(mlp.predict(X), expected, rtol=1e-9)
    last = mlp[-1] if isinstance(mlp, Pipeline) else mlp
    assert last.out_activation_ == ("exp" if case["loss"] in LINKED else "identity")


@EVERY
def test_a_search_is_grid_search(table, case):
    X, y = table
    grid = {"alpha": [1e-3, 1e-2], "learning_rate_init": [1e-2, 3e-3]}
    estimator = regressor(case, max_iter=5, dtype="float64")
    ours, theirs = (
        kind(clone(estimator), grid, cv=3).fit(X, y)
        for kind in (SpectralGridSearchCV, GridSearchCV)
    )
    for key in ("mean_test_score", "split1_test_score"):
        np.testing.assert_allclose(
            ours.cv_results_[key], theirs.cv_results_[key], rtol=1e-7
        )


def test_a_search_over_losses_mixes_them_up_with_nothing(table):
    X, y = table
    grid = {
        "loss": ["squared_error", "poisson", "huber", "quantile", "tweedie"],
        "quantile": [0.2, 0.7],
        "power": [1.2, 1.8],
    }
    estimator = regressor(max_iter=4, dtype="float64")
    ours, theirs = (
        kind(clone(estimator), grid, cv=2).fit(X, y)
        for kind in (SpectralGridSearchCV, GridSearchCV)
    )
    np.testing.assert_allclose(
        ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"]
    )


@EVERY
def test_chunk_by_chunk(table, case):
    X, y = table
    model = regressor(case).partial_fit(X[:1], y[:1])
    assert np.ravel(model.predict(X[:1])) == pytest.approx(y[0])
    for _ in range(40):
        for start in range(0, 300, 50):
            model.partial_fit(X[start : start + 50], y[start : start + 50])
    whole = mean_d2(model._loss(), y, model.predict(X))
    assert whole > 0.2


@EVERY
def test_a_warm_start_goes_on_with_the_same_function(table, case):
    X, y = table
    model = regressor(case, warm_start=True).fit(X, y)
    before = model.predict(X)
    model.set_params(learning_rate_init=1e-12, max_iter=1).fit(X[:150], 1.5 * y[:150])
    np.testing.assert_allclose(model.predict(X), before, rtol=1e-4, atol=1e-4)


@EVERY
def test_early_stopping_watches_the_same_loss(table, case):
    X, y = table
    model = regressor(case, early_stopping=True, max_iter=3, alpha=0.0)
    model.fit(X, y, X_val=X, y_val=y)
    again = regressor(case, alpha=0.0, max_iter=1, learning_rate_init=1e-12)
    again.fit(X, y, X_val=X, y_val=y)
    assert again.validation_loss_curve_[0] == pytest.approx(again.loss_, rel=1e-4)
    assert len(model.validation_loss_curve_) == 3


@EVERY
def test_curves_paths_pruners_and_nodes(table, case):
    X, y = table
    model = regressor(case).fit(X, y)
    curve = pruning_curve(model, X, y)
    for scores in curve.scores.values():
        assert np.ravel(scores)[-1] == pytest.approx(model.score(X, y))
    pruned = model.prune(n_nodes=4, merge=False)
    of_r = np.atleast_2d(curve.scores["R"])[0]
    assert of_r[3] == pytest.approx(pruned.score(X, y))
    path = regularization_path(regressor(case), X, y, alphas=[1e-3, 1e-2])
    assert len(path.core_sizes) == 2
    pruner = SpectralPruner(regressor(case), n_nodes=5).fit(X, y)
    assert pruner.estimator_.hidden_layer_sizes == (5,)
    assert np.isfinite(pruner.score(X, y))
    functions = node_functions(model, X)
    assert len(functions.nodes) == sum(model.core_sizes_)


@EVERY
def test_alpha_is_chosen_by_the_loss_and_ensembles_average(table, case):
    X, y = table
    quick = {"hidden_layer_sizes": 6, "max_iter": 15, "random_state": 0}
    choice = SpectralMLPRegressorCV(alphas=[1e-3, 1e-1], cv=2, **quick, **case)
    choice.fit(X, y)
    assert choice.score_name_ == "D²"
    plain = regressor(
        case, alpha=choice.alpha_, encoding=choice.encoding_,
        **{**quick, "random_state": choice._seed},
    )  # fmt: skip
    np.testing.assert_array_equal(plain.fit(X, y).predict(X), choice.predict(X))
    ensemble = SpectralEnsembleRegressor(regressor(case, **quick), n_members=3)
    ensemble.fit(X, y)
    members = [member.predict(X) for member in ensemble.members_]
    np.testing.assert_allclose(ensemble.predict(X), np.mean(members, 0))
    assert mean_d2(choice._loss(), y, ensemble.predict(X)) > 0.03
    assert np.isfinite(ensemble.score(X, y))


def test_outliers_do_not_reach_a_robust_loss():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 2))
    y = 10 + 3 * np.abs(X[:, 0]) + rng.normal(size=1000)
    spoilt = y.copy()
    spoilt[rng.choice(1000, 20, replace=False)] *= 100
    errors = {
        loss: np.median(np.abs(
            SpectralMLPRegressor(
                loss=loss, hidden_layer_sizes=20, random_state=0, max_iter=150
            ).fit(X, spoilt).predict(X) - y
        ))
        for loss in ("squared_error", "absolute_error", "huber")
    }  # fmt: skip
    assert errors["absolute_error"] < 0.8
    assert errors["huber"] < 0.8
    assert errors["squared_error"] > 5


def test_ramps_are_found_behind_outliers():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.uniform(-3, 3, size=(1500, 2)), columns=["a", "b"])
    y = np.sin(3 * X["a"].to_numpy()) + 0.1 * rng.normal(size=1500) + 5
    y[::50] *= 100
    model = regressor(loss="absolute_error", max_iter=1).fit(X, y)
    assert len(model._x_columns.knots) > 0
    counts = np.exp(1 + np.sin(3 * X["a"].to_numpy()))
    model = regressor(loss="poisson", max_iter=1).fit(X, counts)
    assert len(model._x_columns.knots) > 0


# Edges.


@pytest.mark.parametrize(
    ("case", "bad", "message"),
    [
        ({"loss": "poisson"}, -2.0, "loss='poisson' needs targets >= 0; got -2"),
        ({"loss": "gamma"}, 0.0, "loss='gamma' needs targets > 0; got 0"),
        ({"loss": "gamma"}, -1.5, "Take loss='squared_error', which takes any"),
        (
            {"loss": "tweedie", "power": 1.2}, -1.0,
            "loss='tweedie' with power=1.2 needs targets >= 0",
        ),
        ({"loss": "tweedie", "power": 2.5}, 0.0, "Take loss='tweedie' with power=1.5"),
    ],
)  # fmt: skip
def test_targets_without_a_prediction_are_refused(table, case, bad, message):
    X, y = table
    y = y.copy()
    y[7] = bad
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        regressor(case).fit(X, y)
    with pytest.raises(ValueError, match="in the validation rows"):
        regressor(case).fit(X, table[1], X_val=X, y_val=y)
    with pytest.raises(ValueError, match=message):
        regressor(case).partial_fit(X, y)


def test_zeros_alone_are_refused_under_a_log_link(table):
    X, y = table
    with pytest.raises(ValueError, match="needs a target above 0; got zeros alone"):
        regressor(loss="poisson").fit(X, 0 * y)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"loss": "absolute"}, "`loss` must be one of 'squared_error'"),
        ({"quantile": 0}, r"`quantile` must be a number in \(0, 1\)"),
        ({"quantile": 1.0}, "`quantile` must be"),
        ({"quantile": [0.5, 0.2]}, "in ascending order; got quantile="),
        ({"quantile": [0.2, 0.2]}, "in ascending order"),
        ({"quantile": []}, "`quantile` must be"),
        ({"quantile": "0.5"}, "`quantile` must be"),
        ({"power": 0.5}, "`power` must be a number from 1 to 3; got power=0.5"),
        ({"power": None}, "`power` must be"),
        ({"delta": 0}, "`delta` must be a finite number > 0; got delta=0"),
        ({"delta": np.inf}, "`delta` must be"),
    ],
)
def test_parameters_outside_their_rules(table, parameters, message):
    with pytest.raises(ValueError, match=message):
        regressor(parameters).fit(*table)


@EVERY
@pytest.mark.parametrize("scale", [1e-300, 1e-8, 1e8, 1e300])
def test_any_unit_of_the_target_works(table, case, scale):
    X, y = table
    model = regressor(case).fit(X, scale * y)
    expected = regressor(case).fit(X, y).predict(X)
    np.testing.assert_allclose(model.predict(X) / scale, expected, rtol=2e-3)


@EVERY
@pytest.mark.parametrize("constant", [3.0, 1e-300, 1e300])
def test_a_constant_target_is_predicted(table, case, constant):
    X, _ = table
    model = regressor(case).fit(X, np.full(len(X), constant))
    np.testing.assert_allclose(model.predict(X), constant, rtol=1e-12)
    assert not model.feature_importances_.any()


def test_a_target_too_far_out_is_refused(table):
    X, y = table
    y = y.copy()
    y[3] = 1e300
    with pytest.raises(ValueError, match=r"within 1e\+30 of their spread .* logarithm"):
        regressor(loss="absolute_error").fit(X, y)


@pytest.mark.parametrize("name", ["absolute_error", "huber", "quantile", "curves"])
def test_where_most_targets_are_equal(table, name):
    X, _ = table
    y = np.where(np.arange(300) % 10 == 0, 5.0 + X[:, 0], 0.0)
    model = regressor(CASES[name]).fit(X, y)
    assert np.isfinite(model.predict(X)).all()


def test_the_repr_names_what_differs():
    shown = repr(SpectralMLPRegressor(loss="quantile", quantile=[0.1, 0.9]))
    assert shown == "SpectralMLPRegressor(loss='quantile', quantile=[0.1, 0.9])"


def test_a_fitted_network_is_what_it_was_fitted_as(table):
    """Parameters that are set afterwards count for the next fit."""
    X, y = table
    curves = regressor(CASES["curves"]).fit(X, y)
    plain = regressor(CASES["quantile"]).fit(X, y)
    expected = curves.predict(X), curves.score(X, y), plain.predict(X)
    curves.set_params(loss="poisson", quantile=0.3)
    plain.set_params(quantile=[0.1, 0.9])
    np.testing.assert_array_equal(curves.predict(X), expected[0])
    assert curves.score(X, y) == expected[1]
    np.testing.assert_array_equal(plain.predict(X), expected[2])
    assert plain.predict(X).shape == y.shape
    for values in pruning_curve(curves, X, y).scores.values():
        assert np.ravel(values)[-1] == pytest.approx(expected[1])


@pytest.mark.parametrize("first", ["squared_error", "poisson", "huber"])
@pytest.mark.parametrize("then", ["squared_error", "poisson", "huber", "tweedie"])
@pytest.mark.parametrize("how", ["partial_fit", "warm_start", "refit"])
def test_what_goes_on_has_the_same_loss(table, first, then, how):
    X, y = table
    model = regressor(loss=first, warm_start=how == "warm_start", max_iter=5).fit(X, y)
    before = model.predict(X)
    model.set_params(loss=then)

    def go_on():
        if how == "refit":
            return model.prune(X, y, n_nodes=5, refit=True)
        return model.partial_fit(X, y) if how == "partial_fit" else model.fit(X, y)

    if first == then:
        assert np.isfinite(go_on().predict(X)).all()
        return
    with pytest.raises(ValueError, match="go on with the fitted network, with loss="):
        go_on()
    np.testing.assert_array_equal(model.predict(X), before)
