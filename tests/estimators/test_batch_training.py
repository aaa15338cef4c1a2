"""Plans of a kind train together, each as if it were alone."""

import numpy as np
import pytest
import sklearn
import torch
from sklearn.datasets import load_diabetes
from torch import nn

from skspectral import SpectralMLPRegressor
from skspectral._estimators import batch_training
from skspectral._estimators.batch_training import train_together
from skspectral.nn import ACTIVATIONS
from skspectral.nn._activations import Activation

pytestmark = pytest.mark.filterwarnings("ignore:the core is still forming")
X, Y = load_diabetes(return_X_y=True)
QUICK = {"max_iter": 5, "random_state": 0, "dtype": "float64"}


def plan(weight=None, rows=slice(None), **parameters):
    model = SpectralMLPRegressor(
        encoding="linear", **{"hidden_layer_sizes": 6, **QUICK, **parameters}
    )
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
        encoding="linear",
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


SOFTPLUS = Activation(
    function=nn.functional.softplus,
    module=nn.Softplus,
    forward=lambda z, a: torch.ops.aten.softplus.out(z, out=a),
    backward=lambda d, z, a: torch.ops.aten.softplus_backward.grad_input(
        d, z, 1, 20, grad_input=d
    ),
    to_onnx=lambda graph, z: graph.Softplus(z),
    overwrites_input=False,
    in_sklearn=False,
)


def trained_by_torch(start, alpha, rate, n_epochs):
    """A network of one hidden layer, gate "out", trained by autograd on all rows."""
    x, y = torch.from_numpy(X), torch.from_numpy(Y)[:, None]
    own = [
        torch.tensor(array).requires_grad_()
        for array in (start.phi[0], start.lambda_out[0], start.bias[0])
    ]
    last = [torch.tensor(a).requires_grad_() for a in (start.phi[1], start.bias[1])]
    (phi, lambda_, bias), (readout, last_bias) = own, last
    optimizer = torch.optim.Adam([*own, *last], lr=rate)
    for _ in range(n_epochs):
        hidden = nn.functional.softplus(x @ (-lambda_[:, None] * phi).mT + bias)
        loss = nn.functional.mse_loss(hidden @ readout.mT + last_bias, y)
        penalty = alpha * sum(p.square().sum() for p in (phi, lambda_, readout))
        optimizer.zero_grad()
        (loss + penalty).backward()
        optimizer.step()
    return [p.detach().numpy() for p in (phi, lambda_, bias, readout, last_bias)]


def test_a_new_activation_of_which_zero_is_not_zero_is_trained_as_by_torch(monkeypatch):
    """A narrow layer gets no dead nodes then: each would send softplus(0) = log 2."""
    monkeypatch.setitem(ACTIVATIONS, "softplus", SOFTPLUS)
    n_epochs, rates = 30, (0.01, 0.03)
    plans = []
    for rate in rates:
        model = SpectralMLPRegressor(
            encoding="linear",
            hidden_layer_sizes=4,
            activation="softplus",
            standardize=False,
            alpha=0.02,
            batch_size=len(Y),
            learning_rate="constant",
            learning_rate_init=rate,
            max_iter=n_epochs,
            n_iter_no_change=np.inf,
            dtype="float64",
            random_state=0,
        )
        plans.append(model._plan(*model._read(X, Y)))
    starts = [plan.start for plan in plans]
    alone = train_together(plans[:1])
    with sklearn.config_context(skip_parameter_validation=True):  # it has a new name
        model.set_params(learning_rate_init=rates[0])
        with pytest.warns(UserWarning, match="Maximum iterations"):
            model.fit(X, Y)
    for number, (state, history) in enumerate([*train_together(plans), *alone]):
        expected = trained_by_torch(starts[number % 2], 0.02, rates[number % 2], 30)
        found = (
            state.phi[0],
            state.lambda_out[0],
            state.bias[0],
            state.phi[1],
            state.bias[1],
        )
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-9)
        assert len(history.loss) == n_epochs
    phi, lambda_, bias, readout, last_bias = expected
    hidden = np.logaddexp(0, X @ (-lambda_[:, None] * phi).T + bias)
    np.testing.assert_allclose(
        model.predict(X), (hidden @ readout.T + last_bias)[:, 0], rtol=1e-7
    )
