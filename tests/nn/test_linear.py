"""The layer against the adjacency matrix it comes from."""

import copy

import pytest
import torch
from torch import nn

from skspectral.nn import SpectralLinear, SpectralMLP


def block_of_the_adjacency_matrix(phi, lambda_in, lambda_out):
    """Weight as the paper defines it: lower-left block of Phi Lambda Phi^-1."""
    n_out, n_in = phi.shape
    Phi = torch.eye(n_in + n_out, dtype=phi.dtype)
    Phi[n_in:, :n_in] = phi
    Lambda = torch.diag(torch.cat([lambda_in, lambda_out]))
    return (Phi @ Lambda @ torch.linalg.inv(Phi))[n_in:, :n_in]


@pytest.fixture
def layer(generator):
    layer = SpectralLinear(5, 3, gate="both", dtype=torch.float64)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(generator=generator)
    return layer


def test_weight_is_the_block_of_the_adjacency_matrix(layer):
    phi, lambda_in, lambda_out = (
        p.detach() for p in (layer.phi, layer.lambda_in, layer.lambda_out)
    )
    expected = block_of_the_adjacency_matrix(phi, lambda_in, lambda_out)
    torch.testing.assert_close(layer.weight.detach(), expected)


def test_forward_is_the_affine_map_of_the_block(layer, generator):
    x = torch.randn(7, 5, generator=generator, dtype=torch.float64)
    parameters = (layer.phi, layer.lambda_in, layer.lambda_out)
    weight = block_of_the_adjacency_matrix(*(p.detach() for p in parameters))
    expected = x @ weight.T + layer.bias.detach()
    torch.testing.assert_close(layer(x).detach(), expected)


@pytest.mark.parametrize("gate", ["out", "in", "both", None])
def test_a_batch_of_layers_is_its_layers(gate, generator):
    batch = SpectralLinear(5, 3, gate=gate, batch_shape=(4,))
    x = torch.randn(4, 7, 5, generator=generator)
    for k in range(4):
        torch.testing.assert_close(batch.select(k)(x[k]), batch(x)[k])
        assert batch.select(k).phi.data_ptr() != batch.phi.data_ptr()


@pytest.mark.parametrize("gate", ["out", "in", "both", None])
@pytest.mark.parametrize("bias", [True, False])
def test_from_linear_and_to_linear_compute_the_same(gate, bias, generator):
    linear = nn.Linear(5, 3, bias=bias).eval()
    x = torch.randn(7, 5, generator=generator)
    layer = SpectralLinear.from_linear(linear, gate=gate)
    torch.testing.assert_close(layer(x), linear(x))
    torch.testing.assert_close(layer.to_linear()(x), linear(x))
    assert not layer.training
    assert not layer.to_linear().training


@pytest.mark.parametrize(
    ("gate", "trained"),
    [
        ("out", {"phi", "lambda_out", "bias"}),
        ("in", {"phi", "lambda_in", "bias"}),
        ("both", {"phi", "lambda_in", "lambda_out", "bias"}),
        (None, {"phi", "bias"}),
    ],
)
def test_the_gate_says_which_eigenvalues_are_trained(gate, trained):
    layer = SpectralLinear(5, 3, gate=gate)
    assert {n for n, p in layer.named_parameters() if p.requires_grad} == trained


@pytest.mark.parametrize("gate", ["out", "in", "both", None])
def test_a_layer_starts_with_a_gate_of_one(gate):
    layer = SpectralLinear(5, 3, gate=gate)
    torch.testing.assert_close(layer.weight.abs(), layer.phi.abs())
    assert layer.phi.abs().max() <= (6 / 8) ** 0.5


def test_state_dict_and_deepcopy_keep_the_layer(layer, generator):
    x = torch.randn(7, 5, generator=generator, dtype=torch.float64)
    other = SpectralLinear(5, 3, gate="both", dtype=torch.float64)
    other.load_state_dict(layer.state_dict())
    torch.testing.assert_close(other(x), layer(x))
    torch.testing.assert_close(copy.deepcopy(layer)(x), layer(x))


def test_an_unknown_gate_is_refused():
    with pytest.raises(ValueError, match=r"`gate` must be .*; got gate='up'"):
        SpectralLinear(5, 3, gate="up")


def test_a_batch_has_no_linear():
    with pytest.raises(ValueError, match=r"single layer; got batch_shape=\(2,\)"):
        SpectralLinear(5, 3, batch_shape=(2,)).to_linear()


def test_a_network_is_its_layers(generator):
    network = SpectralMLP((5, 4, 2), activation="tanh", dtype=torch.float64)
    x = torch.randn(7, 5, generator=generator, dtype=torch.float64)
    first, last = network.layers
    hidden = torch.tanh(x @ first.weight.T + first.bias)
    torch.testing.assert_close(network(x), hidden @ last.weight.T + last.bias)
    assert network.sizes == (5, 4, 2)
    assert [layer.gate for layer in network.layers] == ["out", None]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sizes": (3,)}, "`sizes` must be a sequence"),
        ({"sizes": (3, 1), "activation": "gelu"}, "`activation` must be one of"),
    ],
)
def test_a_wrong_network_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        SpectralMLP(**arguments)
