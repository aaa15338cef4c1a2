"""Frames of numbers, categories, strings, booleans and gaps, through every call."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone, is_classifier
from sklearn.compose import make_column_transformer
from sklearn.ensemble import BaggingRegressor
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline

from skspectral import (
    ColumnEncoder,
    NodeDisplay,
    RelevanceDisplay,
    SpectralGridSearchCV,
    SpectralMLPClassifier,
    SpectralMLPRegressor,
    SpectralPruner,
    node_functions,
    null_importances,
    pruning_curve,
    regularization_path,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore:the core is still forming"),
    pytest.mark.filterwarnings("ignore:prune removed"),
]
KINDS = [SpectralMLPRegressor, SpectralMLPClassifier]
QUICK = {
    **{"hidden_layer_sizes": 12, "max_iter": 15, "random_state": 0, "alpha": 1e-3},
    **{"encoding": "piecewise", "n_knots": 6, "dtype": "float64"},
}
N = 240


def data():
    rng = np.random.default_rng(0)
    columns = {
        "size": rng.normal(size=N),
        "rooms": rng.integers(1, 6, N),
        "kind": rng.choice(["flat", "house", "villa"], N),
        "sold": rng.random(N) < 0.4,
        "grade": rng.choice(["a", "b"], N),
    }
    y = np.abs(columns["size"]) + (columns["kind"] == "villa") + columns["sold"]
    columns["size"][::8] = np.nan
    columns["kind"] = np.where(np.arange(N) % 11 == 0, None, columns["kind"])
    return columns, y + 0.1 * rng.normal(size=N)


FRAMES = {
    "pandas": lambda columns: pd.DataFrame(columns).astype({"grade": "category"}),
    "polars": lambda columns: pytest.importorskip("polars").DataFrame(columns),
    "pyarrow": lambda columns: pytest.importorskip("pyarrow").table(columns),
}


def table(kind, frame="pandas"):
    columns, y = data()
    y = np.where(y > 1, "high", "low") if is_classifier(kind()) else y
    return FRAMES[frame](columns), y


def outputs(model, X):
    return model.predict_proba(X) if is_classifier(model) else model.predict(X)


@pytest.fixture(params=KINDS, ids=["regressor", "classifier"])
def kind(request):
    return request.param


@pytest.mark.parametrize("frame", FRAMES)
def test_frames_are_fitted_alike(kind, frame):
    X, y = table(kind, frame)
    plain, _ = table(kind)
    expected = outputs(kind(**QUICK).fit(plain, y), plain)
    model = kind(**QUICK).fit(X, y)
    np.testing.assert_allclose(outputs(model, X), expected)
    assert model.n_features_in_ == 5
    assert model.score(X, y) > 0.5
    if frame != "pyarrow":  # of which scikit-learn reads no names
        assert [*model.feature_names_in_] == ["size", "rooms", "kind", "sold", "grade"]


def test_it_is_the_network_on_the_encoded_columns(kind):
    """The oracle: an encoder in front of a network that leaves columns as they are."""
    X, y = table(kind)
    whole = kind(**QUICK).fit(X, y)
    encoder = ColumnEncoder(encoding="piecewise", n_knots=6).fit(X)
    after = {**QUICK, "encoding": "linear", "standardize": "y"}
    apart = make_pipeline(encoder, kind(**after)).fit(X, y)
    np.testing.assert_allclose(outputs(whole, X), outputs(apart, X), atol=1e-7)


@pytest.mark.parametrize("gate", ["out", "in", "both"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_every_gate_and_early_stopping(kind, gate, early_stopping):
    X, y = table(kind)
    model = kind(**QUICK, gate=gate, early_stopping=early_stopping).fit(X, y)
    assert np.isfinite(model.loss_)
    assert model.feature_importances_.shape == (5,)


def test_all_inputs_of_a_column_share_an_eigenvalue(kind):
    X, y = table(kind)
    model = kind(**QUICK, gate="in").fit(X, y)
    columns = model.encoder_.input_columns_
    for column in range(5):
        own = model.eigenvalues_in_[0][columns == column]
        assert len(own) > 1 or column == 3
        np.testing.assert_array_equal(own, own[0])
    share = np.abs(model.eigenvalues_in_[0]) * np.linalg.norm(
        model.eigenvectors_[0], axis=0
    )
    expected = np.sqrt(np.bincount(columns, share**2))
    np.testing.assert_allclose(
        model.feature_importances_, expected / expected.sum(), rtol=1e-6
    )


def test_a_column_of_noise_is_dropped_as_a_whole():
    columns, y = data()
    columns["noise"] = np.random.default_rng(1).choice(list("pqrstu"), N)
    parameters = {**QUICK, "max_iter": 600, "alpha": 3e-2, "dtype": "float32"}
    model = SpectralMLPRegressor(**parameters, gate="in").fit(pd.DataFrame(columns), y)
    importances = dict(
        zip(model.feature_names_in_, model.feature_importances_, strict=True)
    )
    assert importances["noise"] < 1e-3
    assert min(importances["size"], importances["kind"], importances["sold"]) > 0.1


def test_validation_rows_partial_fit_and_warm_start(kind):
    X, y = table(kind)
    model = kind(**QUICK).fit(X[:160], y[:160], X_val=X[160:], y_val=y[160:])
    assert len(model.validation_loss_curve_) == 15
    chunks = kind(**QUICK)
    for start in range(0, N, 80):
        chunks.partial_fit(X[start : start + 80], y[start : start + 80])
    first = kind(**QUICK).fit(X[:80], y[:80]).encoder_
    np.testing.assert_array_equal(chunks.encoder_.knots_["size"], first.knots_["size"])
    warm = kind(**QUICK, warm_start=True).fit(X[:120], y[:120])
    before = warm.loss_
    assert warm.fit(X[:120], y[:120]).loss_ < before
    warm.fit(X, y)
    assert warm.n_features_in_ == 5


def test_unseen_categories_and_gaps_are_predicted(kind):
    X, y = table(kind)
    model = kind(**QUICK).fit(X, y)
    new = X[:4].copy()
    new["kind"] = ["castle", None, "flat", "tent"]
    new["rooms"] = [np.nan, 1, 2, 3]
    assert np.isfinite(
        outputs(model, new) if is_classifier(model) else model.predict(new)
    ).all()


def test_columns_in_another_order_are_refused_as_scikit_learn_does(kind):
    X, y = table(kind)
    model = kind(**QUICK).fit(X, y)
    with pytest.raises(ValueError, match="in the same order"):
        model.predict(X[X.columns[::-1]])


@pytest.mark.parametrize("frame", FRAMES)
def test_searches(kind, frame):
    if frame == "pyarrow":
        pytest.skip("scikit-learn before 1.9 cannot split its tables")
    X, y = table(kind, frame)
    grid = {"alpha": [1e-3, 1e-2], "n_knots": [4, 6], "hidden_layer_sizes": [4, 8]}
    ours = SpectralGridSearchCV(kind(**QUICK), grid, cv=2).fit(X, y)
    theirs = GridSearchCV(kind(**QUICK), grid, cv=2).fit(X, y)
    for name in ("split0_test_score", "split1_test_score"):
        np.testing.assert_allclose(
            ours.cv_results_[name], theirs.cv_results_[name], rtol=1e-6
        )
    assert ours.predict(X).shape == (N,)
    assert cross_val_predict(kind(**QUICK), X, y, cv=2).shape == (N,)


@pytest.mark.parametrize("options", [{}, {"max_loss": 0.1, "cv": 2}, {"merge": "fold"}])
def test_the_pruner(kind, options):
    X, y = table(kind)
    pruner = SpectralPruner(kind(**QUICK), **options).fit(X, y)
    assert pruner.transform(X).shape[0] == N
    assert pruner.feature_importances_.shape == (5,)
    frozen = SpectralPruner(FrozenEstimator(kind(**QUICK).fit(X, y)), n_nodes=3)
    assert frozen.fit(X, y).transform(X).shape == (N, 3)
    assert pruner.score(X, y) > 0.3


def test_prune_and_refit(kind):
    X, y = table(kind)
    model = kind(**QUICK).fit(X, y)
    small = model.prune(X, y, n_nodes=6, refit=True)
    assert small.hidden_layer_sizes[0] <= 6
    assert small.score(X, y) > 0.5
    folded = model.prune(X, merge="fold")
    np.testing.assert_allclose(outputs(folded, X), outputs(model, X), atol=0.2)


def test_inspection(kind):
    X, y = table(kind)
    model = kind(**QUICK).fit(X, y)
    curve = pruning_curve(model, X, y, n_nodes=[2, 12], random_state=0)
    assert curve.scores["R"][-1] == pytest.approx(curve.full_score)
    path = regularization_path(kind(**QUICK), X, y, alphas=[1e-1, 1e-3])
    assert len(path.alphas) == 2
    few = {**QUICK, "max_iter": 5}
    with pytest.warns(UserWarning, match="repeats cannot tell"):
        importances = null_importances(kind(**few), X, y, n_repeats=2, random_state=0)
    assert importances.importances.shape == (5, 2)
    assert [*importances.feature_names] == [*X.columns]
    RelevanceDisplay.from_estimator(model)
    assert permutation_importance(model, X, y, n_repeats=1).importances.shape == (5, 1)
    floats = X.astype({"rooms": float})
    numbers = partial_dependence(model, floats, ["rooms"], grid_resolution=4)
    assert np.isfinite(numbers["average"]).all()


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_functions_of_nodes_add_up_to_their_inputs(kind, activation):
    X, y = table(kind)
    model = kind(**QUICK, activation=activation).fit(X, y)
    functions = node_functions(model, X)
    inputs = model._x_columns.standardized(model.encoder_.to_numbers(X))
    weights, bias = model._state().weights(), model._state().bias
    scale = np.ones(12)
    if activation == "relu":
        outgoing = weights[1].T * model._y_columns.multiplier
        scale = np.linalg.norm(outgoing, axis=1)
    z = (inputs @ weights[0].T + bias[0]) * scale
    numbers = model.encoder_.to_numbers(X)
    total = np.tile(functions.bias, (N, 1))
    for column in functions.columns:
        x = numbers[:, column.column]
        for place in range(len(functions.nodes)):
            f = column.values[place]
            if column.is_categorical:
                own = np.append(f, 0.0)[np.nan_to_num(x, nan=-1).astype(int)]
            else:
                own = np.interp(x, column.points, f)
            if column.missing is not None:
                own = np.where(np.isnan(x), column.missing[place], own)
            total[:, place] += own
    np.testing.assert_allclose(total, z[:, functions.nodes], atol=1e-9)


def test_the_display_of_nodes(kind):
    X, y = table(kind)
    model = kind(**QUICK).fit(X, y)
    display = NodeDisplay.from_estimator(model, X, node=[0, 1], n_columns=3)
    assert display.axes_.shape == (2, 3)
    shared = NodeDisplay.from_estimator(model, X, node=[0, 1, 2], column="size")
    assert shared.axes_.shape == (1, 1)
    assert len(shared.axes_[0, 0].get_legend().get_texts()) == 3
    whole = NodeDisplay.from_estimator(model, X, node="all")
    assert len(whole.axes_) == len(whole.functions.nodes)
    with pytest.raises(ValueError, match="`node` must be ranks below"):
        NodeDisplay.from_estimator(model, X, node=99)
    with pytest.raises(ValueError, match="`column` must name columns of X"):
        NodeDisplay.from_estimator(model, X, column="weight")


def test_exports(kind):
    X, y = table(kind)
    model = kind(**QUICK).fit(X, y)
    pipe = model.to_sklearn()
    assert isinstance(pipe[-1], (MLPRegressor, MLPClassifier))
    np.testing.assert_allclose(outputs(pipe, X), outputs(model, X), atol=1e-12)
    z = pipe[0].transform(X) @ model.coefs_[0] + model.intercepts_[0]
    last = np.maximum(z, 0) @ model.coefs_[1] + model.intercepts_[1]
    numbers = torch.from_numpy(model.encoder_.to_numbers(X))
    np.testing.assert_allclose(model.to_torch()(numbers).detach().numpy(), last)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(outputs(loaded, X), outputs(model, X))
    assert clone(loaded).get_params() == model.get_params()


def test_onnx(kind):
    pytest.importorskip("skl2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    from skl2onnx import to_onnx
    from skl2onnx.common import data_types

    from skspectral.onnx import register_converters

    register_converters()
    X, y = table(kind)
    model = kind(**QUICK).fit(X, y)
    types = {
        **{"size": data_types.DoubleTensorType, "rooms": data_types.Int64TensorType},
        **{"kind": data_types.StringTensorType, "sold": data_types.BooleanTensorType},
        "grade": data_types.StringTensorType,
    }
    options = {"zipmap": False} if is_classifier(model) else None
    graph = to_onnx(
        model,
        initial_types=[(name, own([None, 1])) for name, own in types.items()],
        options=options,
    )
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    new = X.copy()
    new.loc[:4, "kind"] = "castle"
    feed = {name: new[[name]].to_numpy() for name in X}
    feed["kind"] = new[["kind"]].fillna("").to_numpy(object)
    feed["grade"] = new[["grade"]].to_numpy(object)
    found = session.run(None, feed)[-1]
    expected = outputs(model, new)
    np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=1e-9)


def test_onnx_of_an_array_with_categories_and_gaps():
    pytest.importorskip("skl2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    from skl2onnx import to_onnx

    from skspectral.onnx import register_converters

    register_converters()
    rng = np.random.default_rng(0)
    X = np.c_[rng.normal(size=200), rng.integers(0, 5, 200), rng.normal(size=200)]
    X[::9, 0] = np.nan
    X[::7, 1] = np.nan
    model = SpectralMLPRegressor(**QUICK, categorical_features=[1])
    model.fit(X, np.nan_to_num(X).sum(1))
    session = onnxruntime.InferenceSession(to_onnx(model, X[:1]).SerializeToString())
    X[:3, 1] = 77  # unseen
    X[3:6, 2] = np.nan  # never missing in fit
    np.testing.assert_allclose(
        session.run(None, {"X": X})[0][:, 0], model.predict(X), atol=1e-9
    )


def test_selectors_speak_of_raw_columns():
    X, y = table(SpectralMLPRegressor)
    model = SpectralMLPRegressor(**{**QUICK, "gate": "in"})
    chosen = SelectFromModel(model, max_features=3, threshold=-np.inf).fit(X, y)
    assert chosen.get_support().sum() == 3
    numbers = X[["size", "rooms", "sold"]].fillna(0).astype(float)
    assert RFE(model, n_features_to_select=2).fit(numbers, y).support_.sum() == 2


def test_in_pipelines_and_ensembles():
    X, y = table(SpectralMLPRegressor)
    front = make_column_transformer(
        ("passthrough", ["size", "kind"]), ("drop", ["grade"]), remainder="passthrough"
    ).set_output(transform="pandas")
    pipe = make_pipeline(front, SpectralMLPRegressor(**QUICK)).fit(X, y)
    assert pipe.score(X, y) > 0.5
    numbers = X[["size", "rooms"]]
    bag = BaggingRegressor(SpectralMLPRegressor(**QUICK), 2).fit(numbers, y)
    assert bag.predict(numbers).shape == (N,)


def test_weights_and_class_weights(kind):
    X, y = table(kind)
    weight = np.random.default_rng(0).random(N)
    weight[:20] = 0
    extra = {"class_weight": "balanced"} if kind is SpectralMLPClassifier else {}
    one = kind(**QUICK, **extra).fit(X, y, sample_weight=weight)
    two = kind(**QUICK, **extra).fit(X, y, sample_weight=7 * weight)
    np.testing.assert_allclose(outputs(one, X), outputs(two, X), rtol=1e-6)
    absent = kind(**QUICK, **extra).fit(X[20:], y[20:], sample_weight=weight[20:])
    np.testing.assert_allclose(outputs(one, X), outputs(absent, X), rtol=1e-6)


def test_several_outputs_and_depth():
    X, y = table(SpectralMLPRegressor)
    many = np.c_[y, -y, y**2]
    parameters = {**QUICK, "hidden_layer_sizes": (10, 6)}
    model = SpectralMLPRegressor(**parameters).fit(X, many)
    assert model.predict(X).shape == (N, 3)
    assert node_functions(model, X).weight is None
    linear = SpectralMLPRegressor(**{**QUICK, "hidden_layer_sizes": ()}).fit(X, y)
    np.testing.assert_allclose(linear.to_sklearn().predict(X), linear.predict(X))


@pytest.mark.parametrize("activation", ["relu", "logistic"])
@pytest.mark.parametrize("widths", [(12,), (12, 7), (12, 7, 5), ()])
@pytest.mark.parametrize("extra", [{}, {"max_iter": 400, "alpha": 1e-1}])
def test_looking_up_is_the_product(widths, activation, extra):
    """Also with nodes that no row moves, and far outside the rows of fit."""
    X, y = table(SpectralMLPRegressor)
    parameters = {**QUICK, "hidden_layer_sizes": widths, **extra}
    model = SpectralMLPRegressor(**parameters, activation=activation).fit(X, y)
    X.loc[:20, "size"] *= 100
    X.loc[5:9, "kind"] = "castle"
    state, inputs = model._state(), model._x_columns
    x = inputs.standardized(model.encoder_.to_numbers(X))
    np.testing.assert_allclose(
        model.predict(X),
        state.propagate(x)[:, 0] * model._y_columns.scale + model._y_columns.mean,
        atol=1e-9,
    )
    if widths:
        hidden = state.propagate(x, hidden=True)
        np.testing.assert_allclose(model._hidden(X), hidden, atol=1e-9)


def test_gaps_alone(kind):
    X, y = table(kind)
    numbers = X[["size", "rooms"]]
    model = kind(**{**QUICK, "encoding": "linear"}).fit(numbers, y)
    pipe = model.to_sklearn()
    np.testing.assert_allclose(outputs(model, numbers), outputs(pipe, numbers))


@pytest.mark.parametrize("held_bytes", [0, 2**26])
def test_sparse_rows_are_fitted_like_dense_ones(kind, held_bytes, monkeypatch):
    from scipy import sparse

    import skspectral._estimators.batch_training

    monkeypatch.setattr(skspectral._estimators.batch_training, "HELD_BYTES", held_bytes)
    X, y = table(kind)
    numbers = X[["size", "rooms"]].to_numpy(float, copy=True)
    numbers[numbers < 0] = 0
    dense = kind(**QUICK).fit(numbers, y)
    thin = kind(**QUICK).fit(sparse.csr_matrix(numbers), y)
    np.testing.assert_allclose(
        outputs(thin, sparse.csr_matrix(numbers)), outputs(dense, numbers), atol=1e-9
    )


def test_many_columns_that_say_nothing_are_warned_of():
    X = np.random.default_rng(0).normal(size=(1500, 25))
    y = np.abs(X[:, 0]) + X[:, 1]
    quick = {"hidden_layer_sizes": 4, "max_iter": 2, "random_state": 0}
    # 23 are noise; with 1,500 rows chance lends a few of them a gain of .1 %.
    with pytest.warns(UserWarning, match="2[0-3] of 25 columns say nothing of y"):
        SpectralMLPRegressor(**quick).fit(X, y)
    for silent in ({"gate": "in"}, {"encoding": "linear"}):
        SpectralMLPRegressor(**quick, **silent).fit(X, y)
    SpectralMLPRegressor(**quick).fit(X[:, :10], y)  # too few to matter


def test_alpha_is_divided_by_the_root_of_half_the_classes():
    X = np.random.default_rng(0).normal(size=(400, 3))
    y = np.arange(400) % 8
    quick = {"hidden_layer_sizes": 4, "max_iter": 2, "random_state": 0}
    assert SpectralMLPClassifier(**quick).fit(X, y).alpha_ == pytest.approx(0.0025)
    linear = SpectralMLPClassifier(**quick, encoding="linear").fit(X, y)
    assert linear.alpha_ == pytest.approx(0.005)
    assert SpectralMLPClassifier(**quick).fit(X, y % 2).alpha_ == pytest.approx(0.005)


def test_what_matters_most_is_named(kind):
    X, y = table(kind)
    model = kind(**QUICK)
    assert "columns that matter most" not in model._repr_html_()
    page = model.fit(X, y)._repr_html_()
    top = X.columns[model.feature_importances_.argmax()]
    assert f"columns that matter most: {top}" in page
    assert f"nodes in use: {model.core_sizes_[0]} of 12" in page
    label = RelevanceDisplay.from_estimator(model).axes_[0].get_xlabel()
    assert f"columns that matter most: {top}" in label


def test_an_error_names_the_column_of_the_table():
    X = pd.DataFrame({"kind": ["a", "b"] * 20, "n": 1.0, "far": [1e200, -1e200] * 20})
    with pytest.raises(ValueError, match="column 2 has values up to 1e[+]200"):
        SpectralMLPRegressor(**QUICK).fit(X, np.arange(40.0))
