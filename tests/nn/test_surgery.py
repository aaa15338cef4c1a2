"""Surgery: a gate at zero is a node removed; parallel nodes are one node."""

import pytest
import torch

from skspectral.nn import SpectralMLP, merge_parallel_nodes, remove_nodes


def random_network(generator, sizes=(5, 6, 4, 2), **arguments):
    network = SpectralMLP(sizes, dtype=torch.float64, **arguments)
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


def shut(network, keep):
    """The network with the gates of the other nodes at zero, as the paper prunes."""
    with torch.no_grad():
        for layer, after, mask in zip(
            network.layers[:-1], network.layers[1:], keep, strict=True
        ):
            if after.gate == "in":
                after.lambda_in[~mask] = 0
            elif layer.gate == "out":
                layer.lambda_out[~mask] = 0
            else:
                layer.phi[~mask] = 0
    return network


KEEP = [torch.tensor([1, 0, 1, 1, 0, 0]).bool(), torch.tensor([0, 1, 1, 0]).bool()]


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu", "silu"])
@pytest.mark.parametrize("gate", ["out", "in", None])
@pytest.mark.parametrize("bias", [True, False])
def test_a_removed_node_is_a_gate_at_zero(activation, gate, bias, generator):
    network = random_network(generator, gate=gate, activation=activation, bias=bias)
    x = torch.randn(9, 5, generator=generator, dtype=torch.float64)
    small = remove_nodes(network, KEEP)
    assert small.sizes == (5, 3, 2, 2)
    # The oracle: the network of old width whose gates are zero.
    torch.testing.assert_close(small(x), shut(network, KEEP)(x))


def test_surgery_leaves_the_old_network_untouched(generator):
    network = random_network(generator)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    small = remove_nodes(network, KEEP)
    with torch.no_grad():
        for parameter in small.parameters():
            parameter.zero_()
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        ([KEEP[0]], "one mask per hidden layer, of lengths"),
        ([KEEP[0], KEEP[1][:2]], "one mask per hidden layer, of lengths"),
        (
            [KEEP[0], torch.zeros(4).bool()],
            r"at least one node; `keep\[1\]` keeps none",
        ),
    ],
)
def test_masks_must_fit(keep, message, generator):
    with pytest.raises(ValueError, match=message):
        remove_nodes(random_network(generator), keep)


def test_a_difference_cannot_be_shut(generator):
    with pytest.raises(ValueError, match="got gate='both'"):
        remove_nodes(random_network(generator, gate="both"), KEEP)


def test_surgery_wants_one_network():
    batch = SpectralMLP((5, 6, 4, 2), batch_shape=(2,))
    with pytest.raises(ValueError, match=r"single network; got batch_shape=\(2,\)"):
        remove_nodes(batch, KEEP)
    with pytest.raises(ValueError, match=r"single network; got batch_shape=\(2,\)"):
        merge_parallel_nodes(batch)


def make_parallel(network, generator):
    """Nodes 1, 3 and 5 of the first hidden layer as multiples of node 0."""
    layer = network.layers[0]
    with torch.no_grad():
        for node, factor in ((1, 0.3), (3, 2.0), (5, 7.0)):
            gate = layer.lambda_in[None] - layer.lambda_out[:, None]
            target = factor * layer.weight[0]
            layer.phi[node] = target / gate.expand_as(layer.phi)[node]
            if layer.bias is not None:
                layer.bias[node] = factor * layer.bias[0]
    return network


@pytest.mark.parametrize("activation", ["relu", "identity"])
@pytest.mark.parametrize("gate", ["out", "in", None])
@pytest.mark.parametrize("bias", [True, False])
def test_parallel_nodes_are_one_node(activation, gate, bias, generator):
    network = random_network(generator, gate=gate, activation=activation, bias=bias)
    make_parallel(network, generator)
    x = torch.randn(9, 5, generator=generator, dtype=torch.float64)
    merged = merge_parallel_nodes(network)
    assert merged.sizes == (5, 3, 4, 2)
    torch.testing.assert_close(merged(x), network(x))


def test_opposite_nodes_are_two_nodes(generator):
    network = random_network(generator)
    with torch.no_grad():
        network.layers[0].phi[1] = -network.layers[0].phi[0]
        network.layers[0].lambda_out[1] = network.layers[0].lambda_out[0]
        network.layers[0].bias[1] = -network.layers[0].bias[0]
    assert merge_parallel_nodes(network).sizes == network.sizes


def test_nearly_parallel_nodes_merge_within_the_angle(generator):
    network = make_parallel(random_network(generator), generator)
    x = torch.randn(9, 5, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        network.layers[0].phi[3] *= 1 + 1e-4 * torch.randn(5, generator=generator)
    merged = merge_parallel_nodes(network, angle=1e-3)
    assert merged.sizes[1] == 3
    torch.testing.assert_close(merged(x), network(x), rtol=2e-3, atol=2e-2)
    assert merge_parallel_nodes(network, angle=1e-9).sizes[1] == 4


@pytest.mark.parametrize("activation", ["tanh", "logistic", "silu"])
def test_other_activations_do_not_scale(activation, generator):
    network = make_parallel(random_network(generator, activation=activation), generator)
    merged = merge_parallel_nodes(network)
    x = torch.randn(9, 5, generator=generator, dtype=torch.float64)
    assert merged.sizes == network.sizes
    torch.testing.assert_close(merged(x), network(x), rtol=0, atol=0)


@pytest.mark.parametrize("cut", [merge_parallel_nodes, lambda n: remove_nodes(n, [])])
def test_surgery_wants_a_network_it_knows(cut):
    plain = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.ReLU())
    with pytest.raises(TypeError, match=r"must be a SpectralMLP; got Sequential"):
        cut(plain)
