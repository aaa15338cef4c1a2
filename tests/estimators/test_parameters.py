"""Parameters: scikit-learn's error, subclasses with fewer of them, what is reported."""

import numpy as np
import pytest
import sklearn
from sklearn.base import _fit_context, clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from sklearn.utils._param_validation import InvalidParameterError

from skspectral import (
    SpectralGridSearchCV,
    SpectralMLPRegressor,
    SpectralPruner,
    null_importances,
    pruning_curve,
    regularization_path,
)
from skspectral._estimators.auto import auto_patience

pytestmark = [
    pytest.mark.filterwarnings("ignore:the core is still forming"),
    pytest.mark.filterwarnings("ignore:prune removed nothing"),
    pytest.mark.filterwarnings("ignore:.*repeats cannot tell"),
]
QUICK = {"hidden_layer_sizes": 6, "max_iter": 5, "random_state": 0}
X, Y = load_diabetes(return_X_y=True)


WRONG = {
    "random_state": ["a", -1, 1.5],
    "alpha": [10**400, np.float64("inf"), True],
    "n_iter_no_change": [-np.inf, np.nan, 0],
    "max_iter": ["many", 0],
    "hidden_layer_sizes": [10**400, (3, 10**400)],
    "device": ["tpu", "cuda:99", "meta"],
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param(name, value, id=f"{name}-{number}")
        for name, values in WRONG.items()
        for number, value in enumerate(values)
    ],
)
def test_a_wrong_parameter_is_scikit_learns_error(name, value):
    message = f"`{name}` must .*; got {name}="
    with pytest.raises(InvalidParameterError, match=message):
        SpectralMLPRegressor(**{**QUICK, name: value}).fit(X, Y)


@pytest.mark.parametrize(
    "value", [10**5000, "a" * 10_000, list(range(10_000))], ids=["int", "str", "list"]
)
def test_a_long_value_is_not_printed_in_full(value):
    model = SpectralMLPRegressor(**{**QUICK, "alpha": value})
    with pytest.raises(InvalidParameterError, match="`alpha` must be") as error:
        model.fit(X, Y)
    assert len(str(error.value)) < 300
    assert str(error.value).endswith(". Pass 0 for no penalty.")


def test_more_epochs_than_a_float_can_count():
    stops = {"learning_rate": "constant", "tol": 1e9, "n_iter_no_change": 2}
    options = {**QUICK, **stops, "max_iter": 10**400}
    assert SpectralMLPRegressor(**options).fit(X, Y).n_iter_ == 3


def test_a_penalty_too_large_for_float32_is_reported():
    with pytest.raises(ValueError, match=r"loss must stay finite.*alpha \(1e\+80\)"):
        SpectralMLPRegressor(**QUICK, alpha=10**80).fit(X, Y)


@pytest.mark.parametrize(
    "arguments",
    [{"refit": "False"}, {"refit": 1}, {"merge": "yes"}, {"merge": None}],
    ids=str,
)
def test_arguments_of_prune_are_checked_by_type(arguments):
    model = SpectralMLPRegressor(**QUICK).fit(X, Y)
    (name,) = arguments
    with pytest.raises(InvalidParameterError, match=f"`{name}` must be True.*got"):
        model.prune(X, Y, **arguments)


def test_validation_of_parameters_can_be_skipped():
    model = SpectralMLPRegressor(**{**QUICK, "verbose": -1, "tol": -1.0})
    with pytest.raises(InvalidParameterError):
        model.fit(X, Y)
    with sklearn.config_context(skip_parameter_validation=True):
        model.fit(X, Y)


class WithScikitLearnsDecorator(SpectralMLPRegressor):
    """A fit of its own, written as scikit-learn's are."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        return super().fit(X, y)


def test_scikit_learns_decorator_of_fit_checks_by_our_rules():
    plain = SpectralMLPRegressor(**QUICK).fit(X, Y)
    decorated = WithScikitLearnsDecorator(**QUICK).fit(X, Y)
    np.testing.assert_array_equal(decorated.predict(X), plain.predict(X))
    wrong = WithScikitLearnsDecorator(**QUICK, alpha=-1)
    with pytest.raises(InvalidParameterError, match="`alpha` must be .* Pass 0"):
        wrong.fit(X, Y)
    skipped = WithScikitLearnsDecorator(**QUICK, tol=-1.0)
    with sklearn.config_context(skip_parameter_validation=True):
        skipped.fit(X, Y)


class Small(SpectralMLPRegressor):
    """Fewer parameters than the class it is of."""

    def __init__(self, *, alpha=1e-3):
        super().__init__(hidden_layer_sizes=8, max_iter=5, alpha=alpha, random_state=0)


class Keywords(SpectralMLPRegressor):
    """Parameters that scikit-learn does not see."""

    def __init__(self, **kwargs):
        super().__init__(**{**QUICK, "alpha": 1e-3, "hidden_layer_sizes": 8} | kwargs)


@pytest.mark.parametrize("Model", [Small, Keywords])
def test_a_subclass_with_fewer_parameters_fits_searches_and_prunes(Model):
    plain = SpectralMLPRegressor(**{**QUICK, "hidden_layer_sizes": 8}, alpha=1e-3)
    expected = plain.fit(X, Y)
    model = Model().fit(X, Y)
    np.testing.assert_array_equal(model.predict(X), expected.predict(X))
    small = model.prune(n_nodes=3)
    assert isinstance(small, Model)
    assert small.hidden_layer_sizes == (3,)
    theirs = expected.prune(n_nodes=3)
    np.testing.assert_array_equal(small.predict(X), theirs.predict(X))
    assert isinstance(clone(small), Model)
    curve = pruning_curve(model, X, Y, n_nodes=[3], scoring="r2", relevance="R")
    assert curve.scores["R"][0] == pytest.approx(
        expected.prune(n_nodes=3, merge=False).score(X, Y)
    )
    assert SpectralPruner(Model(), n_nodes=3).fit(X, Y).transform(X).shape == (442, 3)
    for warm_start in (True, False):
        path, plain_path = (
            regularization_path(m, X, Y, alphas=[1e-3, 1e-2], warm_start=warm_start)
            for m in (Model(), plain)
        )
        assert path.losses.tolist() == plain_path.losses.tolist()
    grid = {"alpha": [1e-3, 1e-2]} if Model is Small else {}
    search = SpectralGridSearchCV(Model(), grid, cv=2).fit(X, Y)
    assert search.best_estimator_.predict(X).shape == (442,)
    assert null_importances(Model(), X, Y, n_repeats=2, random_state=0).null.any()


def test_infinite_patience_never_stops():
    options = {**QUICK, "max_iter": 60, "learning_rate": "constant", "tol": 1e9}
    short = SpectralMLPRegressor(**options, n_iter_no_change=3).fit(X, Y)
    assert short.n_iter_ < 60
    endless = SpectralMLPRegressor(**options, n_iter_no_change=np.inf)
    with pytest.warns(ConvergenceWarning, match="Maximum iterations"):
        assert endless.fit(X, Y).n_iter_ == 60
    theirs = MLPRegressor(max_iter=30, n_iter_no_change=np.inf, tol=1e9, solver="adam")
    with pytest.warns(ConvergenceWarning):
        assert theirs.fit(X, Y).n_iter_ == 30
    of_numpy = {**options, "max_iter": 20, "n_iter_no_change": np.float32(np.inf)}
    with pytest.warns(ConvergenceWarning, match="Maximum iterations"):
        assert SpectralMLPRegressor(**of_numpy).fit(X, Y).n_iter_ == 20


def test_the_best_losses_are_those_of_the_curves():
    model = SpectralMLPRegressor(**QUICK).fit(X, Y)
    assert model.best_loss_ == min(model.loss_curve_)
    assert model.best_validation_loss_ is None
    model.fit(X, Y, X_val=X, y_val=Y)
    assert model.best_loss_ == min(model.loss_curve_)
    assert model.best_validation_loss_ == min(model.validation_loss_curve_)
    model.set_params(early_stopping=True).fit(X, Y)
    assert model.best_loss_ is None  # as in scikit-learn
    assert model.best_validation_loss_ == min(model.validation_loss_curve_)
    model.set_params(early_stopping=False)
    chunks = clone(model).partial_fit(X, Y).partial_fit(X, Y)
    assert chunks.best_loss_ == min(chunks.loss_curve_)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_scikit_learns_mlp_has_the_attributes_it_has_after_its_own_fit(early_stopping):
    options = {"max_iter": 60, "early_stopping": early_stopping, "random_state": 0}
    model = SpectralMLPRegressor(hidden_layer_sizes=6, **options).fit(X, Y)
    ours = model.to_sklearn()
    theirs = MLPRegressor(hidden_layer_sizes=6, solver="sgd", tol=1e9, **options)
    theirs.fit(X, Y)
    assert (ours.best_loss_ is None) == (theirs.best_loss_ is None)
    assert ours.best_loss_ == model.best_loss_
    optimizers = {"t_"}  # the steps of an optimiser, which ours has no use for
    private = {name for name in vars(theirs) if name.startswith("_")}
    assert set(vars(theirs)) - private - optimizers <= set(vars(ours))


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_constant_rate_that_does_not_meet_tol_warns_as_scikit_learn_does(
    early_stopping,
):
    message = r"Maximum iterations \(5\) reached and the optimization hasn't converged"
    options = {**QUICK, "early_stopping": early_stopping, "n_iter_no_change": 10}
    with pytest.warns(ConvergenceWarning, match=message):
        SpectralMLPRegressor(**options, learning_rate="constant").fit(X, Y)
    with pytest.warns(ConvergenceWarning, match=message):
        MLPRegressor(**options).fit(X, Y)
    SpectralMLPRegressor(**options).fit(X, Y)  # the rate has fallen to zero


def test_early_stopping_can_stop_a_fit_of_few_epochs():
    """On a large table a fit has ten epochs or so: patience must be shorter."""
    assert [auto_patience(n) for n in (8, 10, 20, 39, 40, 1000)] == [2, 2, 5, 9, 10, 50]
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 3))
    y = rng.normal(size=2000)  # nothing to learn: the first epochs are the best
    model = SpectralMLPRegressor(
        hidden_layer_sizes=8, max_iter=12, early_stopping=True, random_state=0
    ).fit(X, y)
    assert model.best_epoch_ is not None  # it went back to the best epoch
    assert model.best_epoch_ < 8
