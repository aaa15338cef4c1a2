"""Plans of a kind train together, each as if it were alone."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

from skspectral import SpectralMLPRegressor
from skspectral._estimators import batch_training
from skspectral._estimators.batch_training import train_together

pytestmark = pytest.mark.filterwarnings("ignore:the core is still forming")
X, Y = load_diabetes(return_X_y=True)
QUICK = {"max_iter": 5, "random_state": 0, "dtype": "float64"}


def plan(weight=None, rows=slice(None), **parameters):
    model = SpectralMLPRegressor(**{"hidden_layer_sizes": 6, **QUICK, **parameters})
    return model._plan(*model._read(X[rows], Y[rows], weight))


def test_plans_of_any_kinds_train_as_if_alone():
    def plans():
        return [
            plan(),
            plan(np.linspace(0, 2, len(Y))),
            plan(alpha=1.0, random_state=3),
            plan(hidden_layer_sizes=(4, 3)),
            plan(rows=slice(0, 300), learning_rate_init=1e-3),
            plan(early_stopping=True),
            plan(early_stopping=True, random_state=1),
            plan(standardize="X"),
        ]

    together = train_together(plans())
    for (state, history), alone in zip(together, plans(), strict=True):
        ((own_state, own_history),) = train_together([alone])
        np.testing.assert_allclose(history.loss, own_history.loss)
        for a, b in zip(state.weights(), own_state.weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_wide_networks_train_in_small_batches():
    sizes = [plan(hidden_layer_sizes=h).runs_at_once for h in (4, 64, 1024, 100_000)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 50
    assert sizes[-1] == 1


def test_an_interrupt_of_several_is_raised():
    def interrupt(epoch):
        raise KeyboardInterrupt

    first, second = plan(), plan(alpha=1.0)
    second.on_epoch = interrupt
    with pytest.raises(KeyboardInterrupt):
        train_together([first, second])


@pytest.mark.parametrize("activation", ["relu", "identity", "tanh", "silu", "logistic"])
@pytest.mark.parametrize("gate", ["out", "in", "both", None])
def test_dead_nodes_beside_a_narrow_network_change_nothing(
    monkeypatch, gate, activation
):
    X, y = load_diabetes(return_X_y=True)
    kind = {"parametrization": "dense"} if gate is None else {"gate": gate}
    model = SpectralMLPRegressor(
        hidden_layer_sizes=(5, 20, 3),
        activation=activation,
        max_iter=20,
        dtype="float64",
        random_state=0,
        **kind,
    )
    states = []
    for least in (batch_training.NARROW, 1):
        monkeypatch.setattr(batch_training, "NARROW", least)
        plan = model._plan(*model._read(X, y))
        ((state, _),) = train_together([plan])
        assert state.sizes == (10, 5, 20, 3, 1)
        states.append(state)
    for name in ("phi", "lambda_in", "lambda_out", "bias"):
        for a, b in zip(*(getattr(state, name) for state in states)):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
