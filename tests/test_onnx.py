"""A graph in ONNX's runtime predicts what the estimator predicts."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import StackingClassifier, VotingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skspectral import (
    SpectralEnsembleClassifier,
    SpectralEnsembleRegressor,
    SpectralMLPClassifier,
    SpectralMLPClassifierCV,
    SpectralMLPRegressor,
    SpectralMLPRegressorCV,
    SpectralPruner,
)

skl2onnx = pytest.importorskip("skl2onnx")
runtime = pytest.importorskip("onnxruntime")
from skspectral.onnx import register_converters  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning"
)
QUICK = {"hidden_layer_sizes": 16, "max_iter": 5, "random_state": 0}
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}  # of the target's deviation
RAW = {"raw_scores": True, "zipmap": False}
both_dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


@pytest.fixture(autouse=True)
def converters():
    register_converters()


def session_of(model, X, **options):
    graph = skl2onnx.to_onnx(model, X[:1], options=options.pop("options", None))
    return runtime.InferenceSession(graph.SerializeToString())


def run(model, X, **options):
    """Outputs of the graph, for rows of one dtype or a frame."""
    names = {"X": X} if isinstance(X, np.ndarray) else {c: X[[c]].to_numpy() for c in X}
    return session_of(model, X, **options).run(None, names)


def assert_predicts(model, X, dtype="float64", **options):
    (found,), expected = run(model, X, **options), model.predict(X)
    assert found.dtype == dtype
    found = found.reshape(expected.shape)
    error = np.abs(found - expected).max(0) / expected.std(0)
    assert (error < TOLERANCE[dtype]).all()


def assert_classifies(model, X, dtype="float64"):
    labels, probabilities = run(model, X, options={id(model): {"zipmap": False}})
    np.testing.assert_array_equal(labels, model.predict(X))
    expected = model.predict_proba(X)
    np.testing.assert_allclose(probabilities, expected, atol=TOLERANCE[dtype])


@both_dtypes
@pytest.mark.parametrize(
    "arguments",
    [
        {"activation": "identity"},
        {"activation": "logistic"},
        {"activation": "tanh"},
        {"activation": "silu", "dtype": "float64"},
        {"hidden_layer_sizes": ()},
        {"hidden_layer_sizes": (12, 7, 5), "gate": "in"},
        {"hidden_layer_sizes": (12, 7), "gate": "both"},
        {"fit_intercept": False, "standardize": "y"},
        {"parametrization": "dense", "standardize": False},
    ],
)
def test_a_regressor_predicts_the_same(regression, arguments, dtype):
    X, y = regression
    for target in (y, np.stack([y, 5 + 100 * X[:, 0]], 1)):
        reg = SpectralMLPRegressor(encoding="linear", **{**QUICK, **arguments}).fit(
            X, target
        )
        assert_predicts(reg, X.astype(dtype), dtype)


@both_dtypes
@pytest.mark.parametrize(
    "names", ["01", "abc", [3, 5], [3, -5, 9], [0.0, 1.0], [True, False]]
)
def test_a_classifier_predicts_the_same(regression, names, dtype):
    X, y = regression
    codes = np.searchsorted(np.quantile(y, [1 / 3, 2 / 3][: len(names) - 1]), y)
    clf = SpectralMLPClassifier(encoding="linear", **QUICK).fit(
        X, np.array(list(names))[codes]
    )
    assert_classifies(clf, X.astype(dtype), dtype)


@both_dtypes
def test_a_classifier_of_several_labels_predicts_the_same(regression, dtype):
    X, y = regression
    labels = np.stack([y > 0, y > 1, X[:, 0] > 0], 1).astype(int)
    clf = SpectralMLPClassifier(encoding="linear", **QUICK).fit(X, labels)
    assert_classifies(clf, X.astype(dtype), dtype)


def test_the_options_of_skl2onnx(regression):
    X, y = regression[0].astype("float32"), regression[1] > 1
    clf = SpectralMLPClassifier(encoding="linear", **QUICK).fit(
        X, np.where(y, "yes", "no")
    )
    _, maps = run(clf, X)
    expected = clf.predict_proba(X)[:, 1]
    np.testing.assert_allclose([row["yes"] for row in maps], expected, rtol=1e-5)
    session = session_of(clf, X, options={"zipmap": "columns"})
    assert [o.name for o in session.get_outputs()] == ["output_label", "sno", "syes"]
    indices, _ = run(clf, X, options={"zipmap": False, "nocl": True})
    np.testing.assert_array_equal(clf.classes_[indices], clf.predict(X))
    options = {"zipmap": False, "output_class_labels": True}
    assert run(clf, X, options=options)[2].tolist() == ["no", "yes"]


def test_a_zipmap_of_float64_is_refused(regression):
    X, y = regression
    clf = SpectralMLPClassifier(encoding="linear", **QUICK).fit(X, y > 1)
    with pytest.raises(ValueError, match="no ZipMap of float64"):
        skl2onnx.to_onnx(clf, X[:1])


@pytest.mark.parametrize("dtype", ["float64", "int64"])  # int64: a float32 network
def test_a_timestamp_does_no_harm(regression, dtype):
    X, y = regression
    stamped = np.round(1.7e9 + 600 * X).astype(dtype)  # seconds; float32 steps by 128
    reg = SpectralMLPRegressor(encoding="linear", **QUICK).fit(stamped, y)
    assert_predicts(reg, stamped, "float64" if dtype == "float64" else "float32")


def test_older_operator_sets_are_written(regression):
    X, y = regression
    reg = SpectralMLPRegressor(encoding="linear", **QUICK).fit(X, y)
    graph = skl2onnx.to_onnx(reg, X[:1], target_opset=13)
    session = runtime.InferenceSession(graph.SerializeToString())
    found = session.run(None, {"X": X})[0][:, 0]
    np.testing.assert_allclose(found, reg.predict(X), rtol=1e-9)


@both_dtypes
def test_a_pruner_predicts_at_the_end_and_transforms_before_it(regression, dtype):
    X, y = regression
    pruner = SpectralPruner(SpectralMLPRegressor(encoding="linear", **QUICK), n_nodes=5)
    X = X.astype(dtype)
    for model in (
        pruner,
        make_pipeline(StandardScaler(), pruner),
        make_pipeline(pruner, LinearRegression()),
        make_pipeline(make_pipeline(StandardScaler(), pruner), LinearRegression()),
        make_pipeline(make_union(StandardScaler(), pruner), LinearRegression()),
        make_pipeline(
            make_column_transformer((pruner, [0, 1, 2]), ("drop", [3])),
            LinearRegression(),
        ),
    ):
        assert_predicts(model.fit(X, y), X, dtype)
    (found,) = run(pruner, X, options={SpectralPruner: {"transform": True}})
    np.testing.assert_allclose(found, pruner.transform(X), rtol=1e-4, atol=1e-5)


def test_a_pruner_of_a_classifier(regression):
    X, y = regression
    pruner = SpectralPruner(
        SpectralMLPClassifier(encoding="linear", **QUICK), n_nodes=5
    )
    assert_classifies(pruner.fit(X, y > 1), X)
    for pipe in (
        make_pipeline(StandardScaler(), pruner),
        make_pipeline(pruner, StandardScaler(), LogisticRegression()),
    ):
        assert_classifies(pipe.fit(X, y > 1), X)
    _, maps = run(pipe, X.astype("float32"))  # zipmap is the last step's
    assert list(maps[0]) == [0, 1]


def test_inside_the_meta_estimators_of_scikit_learn(regression):
    X, y = regression
    reg, clf = (
        SpectralMLPRegressor(encoding="linear", **QUICK),
        SpectralMLPClassifier(encoding="linear", **QUICK),
    )
    pruner = SpectralPruner(reg, n_nodes=5)
    grid = {"n_nodes": [4]}
    assert_predicts(VotingRegressor([("a", reg), ("b", pruner)]).fit(X, y), X)
    assert_predicts(GridSearchCV(pruner, grid, cv=2).fit(X, y), X)
    parts = [("a", clf), ("b", SpectralPruner(clf, n_nodes=5))]
    assert_classifies(StackingClassifier(parts, cv=2).fit(X, y > 1), X)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_calibrated_classifier_gets_scores(regression, n_classes):
    X, y = regression
    labels = np.searchsorted(np.quantile(y, np.arange(1, n_classes) / n_classes), y)
    model = CalibratedClassifierCV(
        SpectralMLPClassifier(encoding="linear", **QUICK), cv=2
    )
    assert_classifies(model.fit(X, labels), X)


@both_dtypes
def test_a_frame_of_names_and_numbers(dtype):
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(200, 2)).astype(dtype), columns=["a", "b"])
    X["name"] = rng.choice(["x", "yy"], 200)
    columns = make_column_transformer(
        (StandardScaler(), ["a", "b"]), (OneHotEncoder(), ["name"])
    )
    y = X["a"] * (X["name"] == "x")
    model = make_pipeline(
        columns, SpectralMLPRegressor(encoding="linear", **QUICK)
    ).fit(X, y)
    assert_predicts(model, X, dtype)


def test_other_pipelines_are_converted_as_before(regression):
    X, y = regression
    assert_predicts(make_pipeline(StandardScaler(), LinearRegression()).fit(X, y), X)


@both_dtypes
def test_ensembles_are_one_graph(regression, dtype):
    X, y = regression
    network = SpectralMLPRegressor(**QUICK)
    for options in ({}, {"max_features": 3}, {"max_samples": 0.5}):
        ensemble = SpectralEnsembleRegressor(network, 3, random_state=0, **options)
        assert_predicts(ensemble.fit(X, y), X.astype(dtype), dtype)
    for classes in (y > 0, np.digitize(y, [-1, 1])):
        network = SpectralMLPClassifier(**QUICK)
        ensemble = SpectralEnsembleClassifier(network, 3, random_state=0)
        assert_classifies(ensemble.fit(X, classes.astype(int)), X.astype(dtype), dtype)
    labels = np.column_stack([y > 0, X[:, 0] > 0]).astype(int)
    assert_classifies(ensemble.fit(X, labels), X.astype(dtype), dtype)
    with pytest.raises(ValueError, match="no raw scores"):
        session_of(ensemble, X, options={id(ensemble): RAW})


def test_an_ensemble_of_a_frame_is_one_graph():
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    frame = pandas.DataFrame(
        {"a": rng.normal(size=80), "b": rng.choice(["x", "y"], 80)}
    )
    y = frame["a"] + (frame["b"] == "x")
    network = SpectralMLPRegressor(**QUICK)
    ensemble = SpectralEnsembleRegressor(
        network, 4, max_features=1, random_state=0
    ).fit(frame, y)
    assert_predicts(ensemble, frame)


def test_a_network_that_chose_alpha_is_a_graph(regression):
    X, y = regression
    arguments = {**QUICK, "alphas": [1e-3, 1e-2], "cv": 2}
    assert_predicts(SpectralMLPRegressorCV(**arguments).fit(X, y), X)
    classes = np.digitize(y, [-1, 1])
    assert_classifies(SpectralMLPClassifierCV(**arguments).fit(X, classes), X)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "parameters",
    [
        {"loss": "poisson"},
        {"loss": "tweedie"},
        {"loss": "huber"},
        {"loss": "quantile", "quantile": [0.1, 0.4, 0.9]},
    ],
)
@pytest.mark.parametrize("n_targets", [1, 2])
def test_predictions_under_every_loss(regression, parameters, dtype, n_targets):
    X, y = regression
    y = np.abs(y - y.mean())
    y = y if n_targets == 1 else np.c_[y, y[::-1]]
    reg = SpectralMLPRegressor(max_iter=20, random_state=0, **parameters).fit(X, y)
    expected = reg.predict(X)
    found = run(reg, X.astype(dtype))[0].reshape(expected.shape)
    close = {"rtol": 1e-4} if dtype == "float32" else {"rtol": 1e-9}
    np.testing.assert_allclose(found, expected, atol=close["rtol"] * 10, **close)
