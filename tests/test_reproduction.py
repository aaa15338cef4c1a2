"""What the reproductions rest on: a group lasso, a surgery by nodes, laws."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from skspectral import SpectralMLPRegressor
from skspectral._together import train_together
from skspectral.datasets import make_teacher_student

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
pytestmark = pytest.mark.filterwarnings("ignore:the core is still forming")


@pytest.fixture(scope="module")
def students():
    pytest.importorskip("matplotlib")
    sys.path.insert(0, str(EXAMPLES))
    try:
        yield importlib.import_module("_students")
    finally:
        sys.path.remove(str(EXAMPLES))


@pytest.fixture(scope="module")
def rows():
    X, y, _ = make_teacher_student(500, 5, n_teacher_nodes=3, random_state=0)
    return X, y


def trained(kind, students, X, y, alpha):
    """A student at the end of a long fit on whole batches, in float64."""
    model = SpectralMLPRegressor(
        hidden_layer_sizes=8,
        parametrization="spectral" if kind == "spectral" else "dense",
        alpha=alpha,
        batch_size=len(y),
        max_iter=8000,
        learning_rate_init=3e-3,
        dtype="float64",
        random_state=0,
    )
    plan = model._plan(*model._read(X, y))
    if kind == "group lasso":
        first, last = plan.rules
        plan.rules = (type(first)(gate=None, lambda_=False), last)
        plan.after_step = students.Proximal(2 * alpha)
    ((state, _),) = train_together([plan])
    return plan, state.to_network()


@pytest.mark.parametrize("kind", ["spectral", "group lasso"])
def test_both_end_where_the_group_lasso_is_stationary(students, rows, kind):
    """Of loss + 2 alpha sum_j |w_j| + alpha |v|^2, checked by autograd."""
    X, y = rows
    alpha = 0.01
    plan, network = trained(kind, students, X, y, alpha)
    first, last = network.layers
    w = first.weight.detach().clone().requires_grad_()
    v = last.weight.detach().clone().requires_grad_()
    x = torch.tensor((X - plan.data.x.mean) / plan.data.x.scale)
    target = torch.tensor((y - plan.data.y.mean) / plan.data.y.scale)
    output = torch.relu(x @ w.T + first.bias) @ v[0] + last.bias
    torch.mean((output - target) ** 2).backward()
    norm = w.detach().norm(dim=1, keepdim=True)
    alive = norm[:, 0] > 1e-4 * norm.max()
    assert 1 <= alive.sum() < 8
    towards = (w.grad + 2 * alpha * w.detach() / norm)[alive]
    assert towards.abs().max() < 0.05 * 2 * alpha
    assert (w.grad[~alive].norm(dim=1) <= 2 * alpha).all()
    assert (v.grad + 2 * alpha * v.detach()).abs().max() < 0.05 * 2 * alpha


def test_errors_by_nodes_are_those_of_the_pruned_network(students, rows):
    X, y = rows
    model = SpectralMLPRegressor(hidden_layer_sizes=12, max_iter=30, random_state=0)
    model.fit(X, y)
    order = np.argsort(-model.feature_relevance_, kind="stable").tolist()
    found = students.errors_by_nodes(model.to_torch(), X, y, order, [1, 4, 12])
    for n, error in zip((1, 4, 12), found):
        small = model.prune(n_nodes=n, merge=False)
        expected = np.mean((small.predict(X) - y) ** 2) / np.var(y)
        np.testing.assert_allclose(error, expected, rtol=1e-5)


def test_a_smaller_scale_is_part_of_a_larger(students):
    reduced = students.cases("reduced")
    full = students.cases("full")
    assert all(case in full for case in reduced)
    assert len(full) > len(reduced) > 0


def test_the_plans_of_the_paper_train_what_the_paper_trains(students, rows):
    X, y = rows
    for layers, widths in ((1, (5, 6, 1)), (2, (5, 6, students.SECOND, 1))):
        (plan,) = students.make_plans(
            "spectral (paper)", X, y, h=6, layers=layers, seeds=[0], shorten=1000
        )
        ((state, history),) = train_together([plan])
        assert state.sizes == widths
        assert len(history.loss) == 2
        assert state.gates == ("out", *(None,) * layers)
        assert set(map(type, state.bias)) == {type(None)}
        if layers == 2:
            np.testing.assert_array_equal(state.weights()[-1], 1.0)


def test_the_laws_are_told_apart(students):
    knee = importlib.import_module("reproduce_knee")
    x = np.linspace(0.05, 0.95, 60)
    noise = 0.05 * np.random.default_rng(0).normal(size=60)
    for name, law, truth in (
        ("exponential", knee.exponential, (0.3, 4.0)),
        ("power law", knee.power, (0.3, 2.0)),
    ):
        fits = knee.compare_laws(x, law(x, *truth) + noise)
        best, error, _, _ = fits[name]
        assert min(fits, key=lambda key: fits[key][2]) == name
        assert (np.abs(best - truth) < 4 * error).all()


def test_a_student_is_measured_after_folding(students, monkeypatch):
    monkeypatch.setattr(students, "N_ROWS", 1000)
    X, y, _ = make_teacher_student(2000, 5, n_teacher_nodes=3, random_state=0)
    model = SpectralMLPRegressor(hidden_layer_sizes=12, random_state=0)
    student = model.fit(X[:1000], y[:1000]).to_torch()
    found = students.measure_folded(student, X, y, 3)
    small = model.prune(X[:1000], merge="fold")
    assert (found["folded"],) == small.hidden_layer_sizes
    assert found["kept folded"][-1] == found["folded"]
    error = np.mean((small.predict(X[1000:]) - y[1000:]) ** 2) / np.var(y[1000:])
    np.testing.assert_allclose(found["error folded"], error, rtol=1e-2)
    assert found["error refitted"] < 0.01 * found["error folded"]
