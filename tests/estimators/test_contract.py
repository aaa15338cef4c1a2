"""scikit-learn's own checks, and what its users rely on."""

import copy
import pickle
import warnings

import joblib
import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.feature_selection import SelectFromModel
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skspectral import SpectralMLPClassifier, SpectralMLPRegressor

ESTIMATORS = [SpectralMLPRegressor, SpectralMLPClassifier]
QUICK = {"hidden_layer_sizes": 16, "max_iter": 20, "random_state": 0}
forming = pytest.mark.filterwarnings("ignore:the core is still forming")
pytestmark = forming


def expected_failures(estimator):
    reason = (
        "minibatches are drawn among the rows there are, so a row of weight 2 is not "
        "two rows; with batch_size=n_samples and a fixed alpha it is, see "
        "test_in_full_batches_a_weight_is_a_repetition"
    )
    return {
        "check_sample_weight_equivalence_on_dense_data": reason,
        "check_sample_weight_equivalence_on_sparse_data": reason,
    }


@parametrize_with_checks(
    [SpectralMLPRegressor(), SpectralMLPClassifier()],
    expected_failed_checks=expected_failures,
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def data(kind, n=150):
    X, y = load_iris(return_X_y=True)
    rng = np.random.default_rng(0).permutation(len(y))[:n]
    X, y = X[rng], y[rng]
    return (X, y) if kind is SpectralMLPClassifier else (X[:, :3], X[:, 3])


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_in_full_batches_a_weight_is_a_repetition(kind):
    X, y = data(kind)
    weight = np.random.default_rng(1).integers(0, 4, size=len(y))
    n = int(weight.sum())
    # One minibatch an epoch, a fixed alpha: what depends on the number of rows is off.
    fixed = {"batch_size": n, "alpha": 1e-3, "dtype": "float64", "encoding": "linear"}
    weighted = kind(**QUICK, **fixed).fit(X, y, sample_weight=weight)
    repeated = kind(**QUICK, **fixed).fit(np.repeat(X, weight, 0), np.repeat(y, weight))
    for a, b in zip(weighted.coefs_, repeated.coefs_):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_the_scale_of_weights_does_not_matter(kind):
    X, y = data(kind)
    weight = np.random.default_rng(1).random(len(y))
    one = kind(**QUICK, dtype="float64").fit(X, y, weight)
    two = kind(**QUICK, dtype="float64").fit(X, y, 1000 * weight)
    np.testing.assert_allclose(one.coefs_[0], two.coefs_[0], rtol=1e-7)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_a_row_of_weight_zero_is_not_there(kind):
    X, y = data(kind)
    weight = np.ones(len(y))
    weight[::3] = 0
    wild = X.copy()
    wild[::3] = 1e6
    for extra in ({}, {"early_stopping": True}):
        there = kind(**QUICK, **extra).fit(wild, y, weight)
        absent = kind(**QUICK, **extra).fit(X[weight > 0], y[weight > 0])
        np.testing.assert_allclose(there.coefs_[0], absent.coefs_[0])


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize(
    "through",
    [
        lambda e: pickle.loads(pickle.dumps(e)),
        copy.deepcopy,
        lambda e: joblib.load(_dumped(e)),
    ],
    ids=["pickle", "deepcopy", "joblib"],
)
def test_a_copy_predicts_the_same(kind, through):
    X, y = data(kind)
    fitted = kind(**QUICK).fit(X, y)
    np.testing.assert_array_equal(through(fitted).predict(X), fitted.predict(X))
    pruned = fitted.prune(n_nodes=3)
    np.testing.assert_array_equal(through(pruned).predict(X), pruned.predict(X))


def _dumped(estimator):
    import io

    buffer = io.BytesIO()
    joblib.dump(estimator, buffer)
    buffer.seek(0)
    return buffer


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_the_fitted_state_is_numpy(kind):
    """It loads where there is no GPU, and pickles small."""
    X, y = data(kind)
    fitted = kind(**QUICK).fit(X, y)
    assert b"torch" not in pickle.dumps(fitted)
    assert len(pickle.dumps(fitted)) < 20_000


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_clone_forgets_the_fit_and_keeps_every_parameter(kind):
    X, y = data(kind)
    fitted = kind(**QUICK, gate="in", alpha_phi=1e-5, tol=0.5).fit(X, y)
    other = clone(fitted)
    assert other.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        other.predict(X)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_attributes_before_fit_are_not_there(kind):
    for name in ("feature_relevance_", "core_sizes_", "coefs_", "feature_importances_"):
        assert not hasattr(kind(), name)
    with pytest.raises(NotFittedError):
        kind().prune()


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_the_same_seed_gives_the_same_network(kind):
    X, y = data(kind)
    one, two = kind(**QUICK).fit(X, y), kind(**QUICK).fit(X, y)
    np.testing.assert_array_equal(one.coefs_[0], two.coefs_[0])
    other = kind(**{**QUICK, "random_state": 1}).fit(X, y)
    assert not np.array_equal(one.coefs_[0], other.coefs_[0])


def test_fit_leaves_global_state_alone():
    import random

    import torch

    X, y = data(SpectralMLPRegressor)
    before = (np.random.get_state()[1].tolist(), random.getstate())
    rng, threads = torch.get_rng_state(), torch.get_num_threads()
    fitted = SpectralMLPRegressor(**QUICK).fit(X, y)
    fitted.prune(n_nodes=3).predict(X)
    fitted.to_torch()
    assert (np.random.get_state()[1].tolist(), random.getstate()) == before
    assert torch.equal(torch.get_rng_state(), rng)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_grid_over_width_and_alpha(kind, n_jobs):
    X, y = data(kind)
    grid = {"hidden_layer_sizes": [5, 20], "alpha": [1e-5, 1e-2]}
    search = GridSearchCV(kind(max_iter=20, random_state=0), grid, n_jobs=n_jobs, cv=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search.fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_score_ > 0.5


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_in_a_pipeline(kind):
    X, y = data(kind)
    model = make_pipeline(StandardScaler(), kind(**QUICK)).fit(X, y)
    assert model.score(X, y) > 0.5


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_validation_rows_pass_through_a_pipeline(kind):
    import sklearn

    X, y = data(kind)
    with sklearn.config_context(enable_metadata_routing=True):
        model = kind(**QUICK, early_stopping=True, standardize=False)
        model.set_fit_request(X_val=True, y_val=True)
        pipe = make_pipeline(StandardScaler(), model, transform_input=["X_val"])
        pipe.fit(X[:100], y[:100], X_val=X[100:], y_val=y[100:])
    scaler = StandardScaler().fit(X[:100])
    direct = kind(**QUICK, early_stopping=True, standardize=False).fit(
        scaler.transform(X[:100]),
        y[:100],
        X_val=scaler.transform(X[100:]),
        y_val=y[100:],
    )
    np.testing.assert_allclose(
        pipe[-1].validation_loss_curve_, direct.validation_loss_curve_
    )


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize(
    "layout", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array]
)
def test_sparse_rows_are_dense_rows(kind, layout):
    X, y = data(kind)
    X = np.where(X > 3, X, 0.0)
    dense = kind(**QUICK, early_stopping=True).fit(X, y)
    other = kind(**QUICK, early_stopping=True).fit(layout(X), y)
    np.testing.assert_allclose(other.coefs_[0], dense.coefs_[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        dense.to_sklearn().predict(X), dense.predict(layout(X)), rtol=1e-6
    )


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_keep_their_names(kind, library):
    frames = pytest.importorskip(library)
    X, y = data(kind)
    frame = frames.DataFrame({f"c{i}": X[:, i] for i in range(X.shape[1])})
    fitted = kind(**QUICK).fit(frame, y)
    assert fitted.feature_names_in_.tolist() == [f"c{i}" for i in range(X.shape[1])]
    expected = kind(**QUICK).fit(X, y).predict(X)
    same = expected == fitted.predict(frame)
    assert (same | np.isclose(fitted.predict(frame), expected, rtol=1e-9)).all()
    renamed = frames.DataFrame({f"d{i}": X[:, i] for i in range(X.shape[1])})
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(renamed)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.int8, bool])
def test_the_dtype_of_the_rows_never_decides(dtype):
    X = np.random.default_rng(0).integers(0, 2, size=(80, 4))
    y = X @ [1.0, 2.0, 3.0, 4.0]
    expected = SpectralMLPRegressor(**QUICK).fit(X.astype(float), y)
    fitted = SpectralMLPRegressor(**QUICK).fit(X.astype(dtype), y)
    assert fitted.eigenvectors_[0].dtype == np.float32
    np.testing.assert_array_equal(fitted.coefs_[0], expected.coefs_[0])
    assert fitted.predict(X.astype(dtype)).dtype == np.float64


def test_importances_select_columns():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 6))
    y = np.maximum(X[:, 0], 0) - 2 * X[:, 3]
    model = SpectralMLPRegressor(hidden_layer_sizes=30, gate="in", random_state=0)
    selector = SelectFromModel(model, threshold=1e-3).fit(X, y)
    assert selector.get_support().tolist() == [True, False, False, True, False, False]
    importances = selector.estimator_.feature_importances_
    assert importances.sum() == pytest.approx(1.0)
    assert (importances >= 0).all()
