"""The closed-form gradient and Adam against autograd and torch's own optimiser."""

import pytest
import torch
from torch.nn import functional as F

import skspectral._engine.optimizers
from skspectral._engine.flat_parameters import FlatParameters
from skspectral._engine.forward_backward import ForwardBackward, Minibatch
from skspectral._engine.layers import OutputGatedLayer
from skspectral._engine.losses import CrossEntropy, Sigmoid, SquaredError
from skspectral._engine.optimizers import Adam
from skspectral._engine.run_table import LayerRule
from skspectral.nn import SpectralMLP
from skspectral.nn._activations import ACTIVATIONS

DOUBLE = torch.float64


def randomise(network, generator):
    """Random parameters; eigenvalues of both kinds where the gate has them."""
    with torch.no_grad():
        for layer in network.layers:
            layer.phi.normal_(generator=generator)
            if layer.gate in ("in", "both"):
                layer.lambda_in.normal_(generator=generator)
            if layer.gate in ("out", "both"):
                layer.lambda_out.normal_(generator=generator)
            if layer.bias is not None:
                layer.bias.normal_(generator=generator)
    return network


LOSSES = {
    "squared_error": SquaredError(),
    "sigmoid": Sigmoid(),
    "cross_entropy": CrossEntropy(),
}


def torch_loss(name, output, target):
    """Loss of each row, in torch's own words; output and target (K, b, o)."""
    if name == "squared_error":
        return F.mse_loss(output, target, reduction="none").mean(-1)
    if name == "sigmoid":
        rows = F.binary_cross_entropy_with_logits(output, target, reduction="none")
        return rows.mean(-1)
    flat = F.cross_entropy(output.flatten(0, -2), target.flatten(), reduction="none")
    return flat.view(target.shape[:-1])


def random_target(name, shape, generator):
    if name == "squared_error":
        return torch.randn(shape, generator=generator, dtype=DOUBLE)
    if name == "sigmoid":
        return torch.randint(0, 2, shape, generator=generator).double()
    return torch.randint(0, shape[-1], (*shape[:-1], 1), generator=generator)


def closed_form(network, rules, loss, x, y, row_weight):
    """Gradients of the step, by layer and name, in the module's shapes."""
    parameters = FlatParameters(network, rules)
    n_runs, n_rows, _ = x.shape
    step = ForwardBackward(parameters, LOSSES[loss], n_rows=n_rows)
    z, a, d = (tuple(t) for t in step.buffers(n_rows))
    squeeze = (lambda t: t[0]) if n_runs == 1 else (lambda t: t)
    output = x.new_empty(n_runs, n_rows, network.sizes[-1])
    ones = x.new_ones(n_runs, 1, n_rows)
    factor = step.loss.factor(network.sizes[-1])
    tensors = (x, y, row_weight[..., None] * factor, ones, output)
    x, y, *rest = (squeeze(t) for t in tensors)
    members = step.members(x, a, [*z, rest[-1]])
    step(Minibatch(x, step.loss.parts(y), *rest, z, a, d, members))
    gradients = {}
    for index, name in parameters.slots:
        value = parameters.view(step.gradient, index, name)
        value = value[None] if n_runs == 1 else value
        if name == "phi":
            value = value.mT
        gradients[index, name] = -value if name == "lambda_out" else value
    return gradients


@pytest.mark.parametrize("n_inputs", [4, 14])  # fewer, and more than rows
@pytest.mark.parametrize("n_runs", [1, 3])
@pytest.mark.parametrize("gate", ["out", "in", "both", None])
@pytest.mark.parametrize("loss", list(LOSSES))
@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_the_gradient_is_autograds(activation, loss, gate, n_runs, n_inputs, generator):
    sizes = (n_inputs, 6, 5, 3)
    network = SpectralMLP(
        sizes, gate=gate, activation=activation, batch_shape=(n_runs,), dtype=DOUBLE
    )
    randomise(network, generator)
    alphas = torch.rand(6, n_runs, generator=generator, dtype=DOUBLE)
    rules = tuple(
        LayerRule(
            gate=layer.gate,
            lambda_=layer.gate is not None,
            alpha_phi=alphas[2 * i].tolist(),
            alpha_lambda=alphas[2 * i + 1].tolist(),
        )
        for i, layer in enumerate(network.layers)
    )
    x = torch.randn(n_runs, 9, n_inputs, generator=generator, dtype=DOUBLE)
    y = random_target(loss, (n_runs, 9, 3), generator)
    row_weight = torch.rand(n_runs, 9, generator=generator, dtype=DOUBLE)
    gradients = closed_form(network, rules, loss, x, y, row_weight)

    objective = (row_weight * torch_loss(loss, network(x), y)).sum()
    for i, layer in enumerate(network.layers):
        squares = layer.phi.square().sum((1, 2))
        objective = objective + (alphas[2 * i] * squares).sum()
        for eigenvalues in (layer.lambda_in, layer.lambda_out):
            if eigenvalues.requires_grad:
                squares = eigenvalues.square().sum(1)
                objective = objective + (alphas[2 * i + 1] * squares).sum()
    objective.backward()
    expected = {
        (i, name): parameter.grad
        for i, layer in enumerate(network.layers)
        for name, parameter in layer.named_parameters()
        if parameter.requires_grad
    }
    assert gradients.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(
            gradients[key], value, msg=lambda m, k=key: f"{k}: {m}"
        )


@pytest.mark.parametrize("gate", ["out", "in", "both", None])
@pytest.mark.parametrize("n_inputs", [9, 10])
def test_gates_multiply_the_outputs_of_layers_with_more_inputs_than_rows(
    n_inputs, gate
):
    network = SpectralMLP((n_inputs, 6, 1), gate=gate, batch_shape=(1,), dtype=DOUBLE)
    rules = (LayerRule(gate, lambda_=gate is not None), LayerRule(None, lambda_=False))
    step = ForwardBackward(FlatParameters(network, rules), LOSSES["sigmoid"], n_rows=9)
    is_output_gated = isinstance(step.layers[0], OutputGatedLayer)
    assert is_output_gated == (n_inputs > 9 and gate == "out")


@pytest.mark.parametrize(
    ("rule", "trained"),
    [
        (LayerRule("out"), {"phi", "lambda_out", "bias"}),
        (LayerRule("out", phi=False), {"lambda_out", "bias"}),
        (LayerRule("out", lambda_=False), {"phi", "bias"}),
        (LayerRule("in", phi=False, bias=False), {"lambda_in"}),
        (LayerRule("both", lambda_=False, bias=False), {"phi"}),
        (LayerRule(None, phi=False, lambda_=False), {"bias"}),
    ],
)
@pytest.mark.parametrize("n_inputs", [4, 14])
@pytest.mark.parametrize("n_runs", [1, 2])
def test_what_is_frozen_has_no_gradient_and_the_rest_has_its_own(
    rule, trained, n_runs, n_inputs, generator
):
    network = SpectralMLP(
        (n_inputs, 6, 1), gate=rule.gate, batch_shape=(n_runs,), dtype=DOUBLE
    )
    network.layers[1].gate = None  # a plain readout, whatever the first layer is
    randomise(network, generator)
    with torch.no_grad():
        network.layers[1].lambda_in.fill_(1.0)
        network.layers[1].lambda_out.zero_()
    rules = (rule, LayerRule(None, lambda_=False))
    x = torch.randn(n_runs, 9, n_inputs, generator=generator, dtype=DOUBLE)
    y = torch.randn(n_runs, 9, 1, generator=generator, dtype=DOUBLE)
    weight = torch.ones(n_runs, 9, dtype=DOUBLE)
    gradients = closed_form(network, rules, "squared_error", x, y, weight)
    torch_loss("squared_error", network(x), y).sum().backward()
    assert {name for index, name in gradients if index == 0} == trained
    for (index, name), value in gradients.items():
        expected = getattr(network.layers[index], name).grad
        torch.testing.assert_close(value, expected)


@pytest.fixture(params=[False, True], ids=["formula", "fused"])
def fused(request, monkeypatch):
    """Both ways to compute Adam: torch's kernel, and the formula it replaces."""
    if request.param and skspectral._engine.optimizers.FUSED is None:
        pytest.skip("this torch has no fused Adam")
    if not request.param:
        monkeypatch.setattr(skspectral._engine.optimizers, "FUSED", None)
    return request.param


@pytest.mark.parametrize("per_run", [False, True])
def test_adam_is_torchs_with_coupled_decay(per_run, fused, generator):
    alpha, rate = 0.03, 0.01
    start = torch.randn(2, 5, generator=generator, dtype=DOUBLE)
    ours, theirs = start.clone(), start.clone().requires_grad_()
    adam = Adam(ours)
    oracle = torch.optim.Adam([theirs], lr=rate, weight_decay=2 * alpha)
    rates = torch.full((2, 1), rate, dtype=DOUBLE) if per_run else rate
    for _ in range(50):
        data = torch.randn(2, 5, generator=generator, dtype=DOUBLE)
        theirs.grad = data
        oracle.step()
        adam.step(data + 2 * alpha * ours, rates)
    torch.testing.assert_close(ours, theirs.detach())


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_a_row_of_adam_does_not_feel_the_others(dtype, fused, generator):
    start = torch.randn(3, 192, generator=generator, dtype=dtype)
    together, rates = start.clone(), torch.full((3, 1), 0.01, dtype=DOUBLE)
    adam, each = Adam(together), [Adam(row.clone()[None]) for row in start]
    for turn in range(20):
        gradient = torch.randn(3, 192, generator=generator, dtype=dtype)
        adam.step(gradient, 0.01 if turn % 2 else rates)
        for row, own in zip(gradient, each, strict=True):
            own.step(row[None], 0.01)
    assert torch.equal(together, torch.cat([own.parameters for own in each]))


def test_each_network_moves_at_its_own_rate(fused):
    parameters = torch.zeros(2, 3, dtype=DOUBLE)
    rates = torch.tensor([[0.1], [0.2]], dtype=DOUBLE)
    Adam(parameters).step(torch.ones(2, 3, dtype=DOUBLE), rates)
    expected = torch.tensor([[-0.1], [-0.2]], dtype=DOUBLE).expand(2, 3)
    torch.testing.assert_close(parameters, expected)


def test_flush_removes_what_would_be_denormal_and_nothing_else():
    values = torch.tensor([[1.0, -1e-3, 1e-18, 1e-20, -1e-30]])
    adam = Adam(values)
    adam.square.copy_(torch.tensor([[1.0, 1e-20, 1e-30, 1e-36, 1e-38]]))
    adam.flush()
    assert values.tolist() == [[1.0, *torch.tensor([-1e-3, 1e-18]).tolist(), 0.0, 0.0]]
    assert (adam.square > 0).tolist() == [[True, True, True, False, False]]


def test_parameters_go_into_the_network_and_back(generator):
    network = SpectralMLP((4, 6, 2), batch_shape=(3,), dtype=DOUBLE)
    randomise(network, generator)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    rules = (LayerRule("out"), LayerRule(None, lambda_=False))
    parameters = FlatParameters(network, rules)
    parameters.write(parameters.trained, network)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
    parameters.trained.add_(1.0)
    parameters.write(parameters.trained, network)
    # -lambda_out is what was moved
    moved = network.layers[0].lambda_out.detach()
    torch.testing.assert_close(moved, before["layers.0.lambda_out"] - 1.0)
    moved = network.layers[0].phi.detach()
    torch.testing.assert_close(moved, before["layers.0.phi"] + 1.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n_networks", [1, 3])
def test_planned_steps_are_adams_steps(dtype, n_networks, generator):
    """Steps whose numbers are worked out ahead, as a recorded graph needs them."""
    start = torch.randn(n_networks, 64, generator=generator, dtype=dtype)
    rates = [0.01, 0.02, 0.005]
    if n_networks > 1:
        rates = torch.rand(3, n_networks, 1, generator=generator, dtype=torch.float64)
    own, planned = Adam(start.clone()), Adam(start.clone())
    planned.scratch = torch.empty_like(start)  # a GPU has one
    own.t = planned.t = 4
    plan = planned.plan(rates)
    for rate, numbers in zip(rates, plan, strict=True):
        gradient = torch.randn(n_networks, 64, generator=generator, dtype=dtype)
        own.step(gradient, rate)
        planned.planned_step(gradient, numbers)
    assert planned.t == own.t == 7
    torch.testing.assert_close(planned.parameters, own.parameters)
