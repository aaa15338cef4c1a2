"""``merge="fold"``: the core of a student that holds its teacher with other signs."""

import dataclasses

import numpy as np
import pytest
from scipy import sparse
from sklearn.frozen import FrozenEstimator

from skspectral import SpectralMLPClassifier, SpectralMLPRegressor, SpectralPruner
from skspectral._estimators.pruning import FOLD_ROWS
from skspectral.datasets import make_teacher_student

X, Y, TEACHER = make_teacher_student(3000, 6, n_teacher_nodes=4, random_state=0)
NEW, TRUTH = X[2000:], Y[2000:]
X, Y = X[:2000], Y[:2000]


def with_node_reversed(model, node, lift=30.0):
    """The same function: relu(z) = relu(-z) + (z + lift) - lift, with one node more."""
    state = model._state()
    (first, last), (own, _), (b, c) = state.phi, state.lambda_out, state.bias
    first, b = first.copy(), b.copy()
    row, shift = first[node].copy(), b[node]
    first[node], b[node] = -row, -shift
    weight = state.weights()[1][:, node].astype(np.float32)
    model._network_state = dataclasses.replace(
        state,
        phi=[np.vstack([first, row]), np.hstack([last, last[:, [node]]])],
        lambda_in=[state.lambda_in[0], np.append(state.lambda_in[1], np.float32(1))],
        lambda_out=[np.append(own, own[node]), state.lambda_out[1]],
        bias=[np.append(b, np.float32(shift + lift)), c - np.float32(lift) * weight],
    )
    return model.set_params(hidden_layer_sizes=len(b) + 1)


@pytest.fixture(scope="module")
def small():
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=20, random_state=0
    )
    small = model.fit(X, Y).prune()
    assert small.hidden_layer_sizes == (4,)
    return small


@pytest.fixture
def written_otherwise(small):
    model = small.prune(n_nodes=4, merge=False)
    model = with_node_reversed(with_node_reversed(model, 1), 3)
    assert len(model.feature_relevance_) == 6
    np.testing.assert_allclose(model.predict(NEW), small.predict(NEW), atol=1e-4)
    return model


def test_a_student_is_folded_to_the_size_of_its_teacher(small, written_otherwise):
    assert written_otherwise.prune().hidden_layer_sizes == (6,)
    folded = written_otherwise.prune(X, merge="fold")
    assert folded.hidden_layer_sizes == (4,)
    np.testing.assert_allclose(folded.predict(NEW), small.predict(NEW), atol=1e-4)
    for ours, theirs in zip(folded.coefs_, small.coefs_):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert len(written_otherwise.feature_relevance_) == 6


def test_a_folded_student_is_trained_on(written_otherwise):
    folded = written_otherwise.prune(X, merge="fold")
    refitted = written_otherwise.prune(X, Y, merge="fold", refit=True)
    assert refitted.hidden_layer_sizes == (4,)
    before, after = (np.mean((m.predict(NEW) - TRUTH) ** 2) for m in (folded, refitted))
    assert after < 0.01 * before
    again = folded.set_params(warm_start=True, max_iter=1).fit(X, Y)
    assert again.hidden_layer_sizes == (4,)


def test_rows_of_weight_zero_and_sparse_rows(written_otherwise):
    # Rows far out, where the lifted nodes are no longer active.
    rows, weight = np.vstack([X, 1e3 * NEW]), np.repeat([1.0, 0.0], [2000, 1000])
    far = written_otherwise.prune(rows, n_nodes=6, merge="fold")
    assert far.hidden_layer_sizes > (4,)
    folded = written_otherwise.prune(rows, sample_weight=weight, merge="fold")
    assert folded.hidden_layer_sizes == (4,)
    for layout in (sparse.csr_matrix, sparse.csc_array):
        other = written_otherwise.prune(layout(X), merge="fold")
        np.testing.assert_array_equal(other.predict(NEW), folded.predict(NEW))


def test_many_rows_are_thinned(written_otherwise):
    rows = np.resize(X, (FOLD_ROWS + 4000, 6))
    weight = np.ones(len(rows))
    folded = written_otherwise.prune(rows, sample_weight=weight, merge="fold")
    assert folded.hidden_layer_sizes == (4,)


def test_the_pruner_folds(written_otherwise):
    inner = FrozenEstimator(written_otherwise)
    pruner = SpectralPruner(inner, merge="fold").fit(X)
    assert pruner.kept_nodes_[0].tolist() == [0, 1, 2, 3]
    assert pruner.get_feature_names_out()[-1] == "spectralpruner3"
    assert pruner.transform(NEW).shape == (1000, 4)
    weight = np.ones(len(X))
    fitted = SpectralPruner(
        SpectralMLPRegressor(encoding="linear", hidden_layer_sizes=20, random_state=0),
        merge="fold",
        refit=True,
    ).fit(X, Y, sample_weight=weight)
    assert [row["nodes"] for row in fitted.report_] == [(20,), (4,)]
    assert fitted.score(NEW, TRUTH) > 0.9999


@pytest.mark.parametrize("gate", ["out", "in"])
def test_a_deep_classifier_keeps_its_classes(gate):
    labels = np.digitize(Y, np.quantile(Y, [0.3, 0.6]))
    model = SpectralMLPClassifier(
        encoding="linear",
        hidden_layer_sizes=(16, 8),
        gate=gate,
        max_iter=120,
        random_state=0,
    ).fit(X, labels)
    folded = model.prune(X, n_nodes=(12, 6), merge="fold")
    plain = model.prune(n_nodes=(12, 6), merge=False)
    pairs = zip(folded.hidden_layer_sizes, (12, 6), strict=True)
    assert all(n <= width for n, width in pairs)
    ours, theirs = folded.decision_function(X), plain.decision_function(X)
    assert np.mean((ours - theirs) ** 2) <= 1.01e-3 * theirs.var(0).mean()


@pytest.mark.parametrize("activation", ["tanh", "silu"])
def test_other_activations_do_not_fold(activation):
    model = SpectralMLPRegressor(
        encoding="linear",
        hidden_layer_sizes=5,
        activation=activation,
        max_iter=5,
        random_state=0,
    ).fit(X, Y)
    folded = model.prune(X, n_nodes=4, merge="fold")
    np.testing.assert_array_equal(
        folded.predict(NEW), model.prune(n_nodes=4, merge=False).predict(NEW)
    )


@pytest.mark.parametrize(
    ("rows", "arguments", "message"),
    [
        (None, {"merge": "fold"}, r"merge='fold' needs rows.*Call prune\(X, merge"),
        (X, {"merge": "signs"}, "`merge` must be True, False or 'fold'; got merge='s"),
        (X, {"merge": 1}, "`merge` must be True, False or 'fold'; got merge=1"),
        (X[:, :3], {"merge": "fold"}, "X has 3 features, but .* is expecting 6"),
        (X, {"merge": "fold", "sample_weight": [1.0]}, "one weight per sample"),
    ],
)
def test_each_rule_has_its_error(small, rows, arguments, message):
    with pytest.raises(ValueError, match=message):
        small.prune(rows, **arguments)
