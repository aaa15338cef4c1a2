"""Bad input: rule, value, way out; and nothing half-fitted."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import InvalidParameterError

from skspectral import SpectralMLPClassifier, SpectralMLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore:the core is still forming")
QUICK = {"hidden_layer_sizes": 8, "max_iter": 3, "random_state": 0}
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(30, 3)), RNG.normal(size=30)
C = np.arange(30) % 3


def with_value(value):
    other = X.copy()
    other[3, 1] = value
    return other


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hidden_layer_sizes": 0}, "`hidden_layer_sizes` must be .* >= 1.*got .*=0"),
        ({"hidden_layer_sizes": -3}, "got hidden_layer_sizes=-3"),
        ({"hidden_layer_sizes": 2.5}, r"got hidden_layer_sizes=2.5.*pass \(\)"),
        ({"hidden_layer_sizes": (5, 0)}, r"got hidden_layer_sizes=\(5, 0\)"),
        ({"hidden_layer_sizes": True}, "got hidden_layer_sizes=True"),
        ({"alpha": -1e-3}, "`alpha` must be a finite number >= 0.*got alpha=-0.001"),
        ({"alpha": float("nan")}, "got alpha=nan"),
        ({"alpha_phi": float("inf")}, "got alpha_phi=inf"),
        ({"alpha_lambda": "1"}, "got alpha_lambda='1'"),
        ({"alpha_readout": -1}, "got alpha_readout=-1"),
        ({"activation": "gelu"}, "`activation` must be one of .*'relu'"),
        ({"gate": "up"}, "`gate` must be one of"),
        ({"learning_rate": 0.01}, "the rate itself is `learning_rate_init`"),
        ({"learning_rate_init": 0}, "`learning_rate_init` must be .* > 0"),
        ({"batch_size": 0}, "`batch_size` must be"),
        ({"max_iter": 0}, "`max_iter` must be"),
        ({"validation_fraction": 1.0}, r"must be a number in \(0, 1\)"),
        ({"standardize": 1}, "`standardize` must be"),
        ({"dtype": "float16"}, "`dtype` must be one of"),
        ({"device": "tpu"}, "`device` must name a device.*got device='tpu'"),
        ({"device": "cuda:99"}, "got device='cuda:99'.*Use 'auto' or 'cpu'"),
        (
            {"parametrization": "dense", "trainable": "eigenvalues"},
            "no eigenvalues to train",
        ),
    ],
)
@pytest.mark.parametrize("kind", [SpectralMLPRegressor, SpectralMLPClassifier])
def test_parameters_outside_their_rule(kind, parameters, message):
    model = kind(**{**QUICK, **parameters})
    with pytest.raises(InvalidParameterError, match=message):
        model.fit(X, C)
    assert set(vars(model)) == set(model.get_params())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((with_value(np.inf), Y), "contains infinity"),
        ((X, np.where(Y > 0, Y, np.nan)), "contains NaN"),
        ((X[:0], Y[:0]), r"0 sample\(s\)"),
        ((X[:1], Y[:1]), "minimum of 2 is required"),
        ((X[:, :0], Y), r"0 feature\(s\)"),
        ((X, Y[:-1]), "inconsistent numbers of samples"),
        ((X, np.full(30, "a")), "y must hold numbers.*'a'.*Classifier"),
        ((X, Y, -np.ones(30)), "`sample_weight` must be finite and >= 0; got .* -1.0"),
        ((X, Y, np.zeros(30)), "all-zero weights"),
        ((X, Y, np.ones(29)), r"shape \(30,\); got shape \(29,\)"),
        ((X, Y, None, X), "must be passed together; got only X_val"),
        ((X, Y, None, None, Y), "must be passed together; got only y_val"),
        ((X, Y, None, None, None, Y), "without X_val and y_val"),
        ((X, Y, None, X[:, :2], Y), "X has 2 features"),
        ((X, Y, None, X, np.stack([Y, Y], 1)), "`y_val` must have as many outputs"),
        ((1e200 * X, Y), "variance of every column of X must be finite"),
        ((1.7e308 * (X > 0), Y), "variance of every column of X must be finite"),
        ((X, 1e200 * Y), "variance of every column of y must be finite"),
    ],
)
def test_data_outside_their_rule(arguments, message):
    model = SpectralMLPRegressor(encoding="linear", **QUICK)
    with pytest.raises(ValueError, match=message):
        model.fit(*arguments)
    assert set(vars(model)) == set(model.get_params())
    with pytest.raises(NotFittedError):
        model.predict(X)


@pytest.mark.filterwarnings("ignore:The number of unique classes")
@pytest.mark.parametrize(
    ("y", "parameters", "message"),
    [
        (np.zeros(30), {}, "at least two classes; got one class"),
        (Y, {}, "Unknown label type"),
        (np.stack([C, C], 1), {}, "multiclass-multioutput"),
        (np.arange(30), {"early_stopping": True}, "Pass X_val and y_val"),
        (C, {"early_stopping": True, "validation_fraction": 0.01}, "Pass X_val"),
        (C, {"class_weight": {7: 1.0}}, r"got \[7\] as well"),
        (
            np.eye(3, dtype=int)[C],
            {"class_weight": "balanced"},
            "sample_weight instead",
        ),
    ],
)
def test_classes_outside_their_rule(y, parameters, message):
    model = SpectralMLPClassifier(encoding="linear", **QUICK, **parameters)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    assert set(vars(model)) == set(model.get_params())


def test_a_failed_fit_leaves_the_last_one():
    model = SpectralMLPRegressor(encoding="linear", **QUICK).fit(X, Y)
    before = model.predict(X)
    with pytest.raises(ValueError, match="contains infinity"):
        model.fit(with_value(np.inf)[:, :2], Y)
    np.testing.assert_array_equal(model.predict(X), before)


def test_a_loss_that_blows_up_names_rate_and_epoch():
    model = SpectralMLPRegressor(
        encoding="linear", **{**QUICK, "learning_rate_init": 1e30}
    )
    message = (
        r"must stay finite; it became .* in epoch \d with learning_rate_init=1e\+30"
    )
    with pytest.raises(ValueError, match=message):
        model.fit(X, Y)
    assert not hasattr(model, "eigenvectors_")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"threshold": 5}, r"in \[0, 1\); got threshold=5.*fraction of the largest"),
        ({"threshold": -0.1}, "got threshold=-0.1"),
        ({"threshold": "big"}, "got threshold='big'"),
        ({"n_nodes": 9}, r"width of the layer, \(8,\); got n_nodes=9"),
        ({"n_nodes": 0}, "got n_nodes=0"),
        ({"n_nodes": (2, 2)}, "one per hidden layer"),
        ({"n_nodes": 3, "threshold": 0.05}, "either `threshold` or `n_nodes`"),
        ({"relevance": "S"}, "`relevance` must be 'R' or 'path'"),
        ({"refit": True}, "without X and y"),
    ],
)
def test_cuts_outside_their_rule(arguments, message):
    model = SpectralMLPRegressor(encoding="linear", **QUICK).fit(X, Y)
    with pytest.raises(ValueError, match=message):
        model.prune(**arguments)


def test_a_difference_of_gates_has_no_core():
    model = SpectralMLPRegressor(encoding="linear", **QUICK, gate="both").fit(X, Y)
    assert not hasattr(model, "core_sizes_")
    with pytest.raises(ValueError, match="got gate='both'.*Fit with gate='out'"):
        model.prune()


def test_other_columns_at_predict():
    model = SpectralMLPRegressor(encoding="linear", **QUICK).fit(X, Y)
    with pytest.raises(ValueError, match="X has 2 features, but .* is expecting 3"):
        model.predict(X[:, :2])


@pytest.mark.parametrize(
    ("X_odd", "y_odd"),
    [
        (X, np.full(30, 3.0)),
        (np.full((30, 3), 7.0), Y),
        (np.repeat(X[:3], 10, 0), np.repeat(Y[:3], 10)),
        (1e30 * X, 1e30 * Y),
        (RNG.normal(size=(10, 50)), Y[:10]),
        (X * [1.0, 0.0, 1e-30], Y),
    ],
    ids=["constant y", "constant X", "duplicates", "1e30", "wide", "constant column"],
)
@pytest.mark.filterwarnings("ignore:the relevance of every node")
def test_odd_data_fit(X_odd, y_odd):
    model = SpectralMLPRegressor(encoding="linear", **{**QUICK, "max_iter": 100}).fit(
        X_odd, y_odd
    )
    predicted = model.predict(X_odd)
    assert np.isfinite(predicted).all()
    spread = np.abs(y_odd).max()
    assert np.abs(predicted).max() < 10 * spread


@pytest.mark.filterwarnings("ignore:The number of unique classes")
def test_one_row_per_class_fits():
    model = SpectralMLPClassifier(encoding="linear", **QUICK).fit(X, np.arange(30))
    assert model.predict_proba(X).shape == (30, 30)


def test_a_constant_target_keeps_one_node_and_says_so():
    model = SpectralMLPRegressor(
        encoding="linear",
        hidden_layer_sizes=8,
        alpha=0.1,
        random_state=0,
        max_iter=3000,
    )
    with pytest.warns(UserWarning, match="relevance of every node .* vanished"):
        model.fit(X, np.full(30, 3.0))
    assert model.core_sizes_ == (1,)
    np.testing.assert_allclose(model.predict(X), 3.0)


def test_partial_fit_wants_known_classes():
    model = SpectralMLPClassifier(encoding="linear", **QUICK).partial_fit(
        X[:10], C[:10], classes=[0, 1, 2]
    )
    with pytest.raises(ValueError, match=r"got \[9\] as well.*name all classes"):
        model.partial_fit(X[:2], [0, 9])
    balanced = SpectralMLPClassifier(
        encoding="linear", **QUICK, class_weight="balanced"
    )
    with pytest.raises(ValueError, match="cannot balance classes"):
        balanced.partial_fit(X, C)


def test_warm_start_wants_the_same_shape():
    model = SpectralMLPRegressor(encoding="linear", **QUICK, warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match="go on with the fitted network"):
        model.set_params(hidden_layer_sizes=9).fit(X, Y)


def test_silu_is_not_in_scikit_learn():
    model = SpectralMLPRegressor(encoding="linear", **QUICK, activation="silu").fit(
        X, Y
    )
    with pytest.raises(ValueError, match="got activation='silu'.*to_torch"):
        model.to_sklearn()


def test_widths_without_an_axis_are_no_widths():
    with pytest.raises(ValueError, match="`hidden_layer_sizes` must be"):
        SpectralMLPRegressor(encoding="linear", hidden_layer_sizes=np.array(10)).fit(
            X, Y
        )


def test_targets_that_are_no_column_of_numbers():
    model = SpectralMLPRegressor(encoding="linear", **QUICK)
    some = Y.astype(object)
    some[3] = None
    with pytest.raises(ValueError, match="Input y contains NaN"):
        model.fit(X, some)
    with pytest.raises(TypeError, match=r"y must be dense.*toarray"):
        model.fit(X, sparse.csr_matrix(Y[:, None]))
    with pytest.raises(ValueError, match=r"must hold numbers.*class_weight='balanced'"):
        model.fit(X, Y, sample_weight="balanced")
    with pytest.raises(ValueError, match=r"Lower it or alpha \(1e\+300\)"):
        SpectralMLPRegressor(encoding="linear", **QUICK, alpha=1e300).fit(X, Y)
    flat = SpectralMLPRegressor(
        encoding="linear", **{**QUICK, "hidden_layer_sizes": ()}
    ).fit(X, Y)
    with pytest.raises(ValueError, match="prune cuts hidden nodes; got a network"):
        flat.prune()


def test_strings_of_numpy_are_strings():
    parameters = {
        "activation": "tanh",
        "gate": "in",
        "learning_rate": "cosine",
        "dtype": "float64",
    }
    of_numpy = {name: np.str_(value) for name, value in parameters.items()}
    ours = SpectralMLPRegressor(encoding="linear", **QUICK, **parameters).fit(X, Y)
    theirs = SpectralMLPRegressor(encoding="linear", **QUICK, **of_numpy).fit(X, Y)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
