"""Folding: one function written with many nodes is written with its kinks again."""

import math

import pytest
import torch

from skspectral.nn import SpectralMLP, fold_nodes, remove_nodes
from skspectral.nn._kink_orientation import best_orientation


def plain(*weights, bias=True, gate="out"):
    """Network of these (weight, bias) layers, whose gates are not at one."""
    sizes = [weights[0][0].shape[1], *(len(w) for w, _ in weights)]
    network = SpectralMLP(sizes, dtype=torch.float64, gate=gate, bias=bias)
    with torch.no_grad():
        for layer, (weight, shift) in zip(network.layers, weights):
            if layer.gate == "out":
                layer.lambda_out.fill_(-0.5)
            elif layer.gate == "in":
                layer.lambda_in.fill_(2.0)
            scale = {"out": 0.5, "in": 2.0, None: 1.0}[layer.gate]
            layer.phi.copy_(weight / scale)
            if bias:
                layer.bias.copy_(shift)
    return network


def normal(generator, *shape):
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def written_otherwise(w, b, v, c, x):
    """The same function of the rows x with more nodes than the rows of w.

    Node 0 reversed; node 1 in both directions, the reverse with other weights; node 2
    in three parallel pieces; nodes that are active on no row; the linear function that
    is missing, held in two nodes that are active on every row.
    """
    assert len(w) >= 4
    # v0 relu(z0) = v0 relu(-z0) + v0 z0, v1 relu(z1) + .4 v1 relu(-z1) ... etc.
    rows = [-2.0 * w[:1], w[1:2], -0.5 * w[1:2], 0.1 * w[2:3], w[2:3], 3 * w[2:3]]
    shifts = [-2.0 * b[:1], b[1:2], -0.5 * b[1:2], 0.1 * b[2:3], b[2:3], 3 * b[2:3]]
    # node 1: a relu(z) + d relu(-z) = (a + d) relu(z) - d z
    out = [v[:, :1] / 2, 0.6 * v[:, 1:2], 0.8 * v[:, 1:2]]
    out += [2.0 * v[:, 2:3], 0.2 * v[:, 2:3], 0.2 * v[:, 2:3]]
    line, at_zero = v[:, :1] @ w[:1], v[:, 0] * b[0]
    line, at_zero = line + 0.4 * v[:, 1:2] @ w[1:2], at_zero + 0.4 * v[:, 1] * b[1]
    never = w[:1] * 0.1
    rows, shifts = [*rows, w[3:], never], [*shifts, b[3:], b.new_tensor([-40.0])]
    out = [*out, v[:, 3:], v[:, :1]]
    # line x, as one node for each of its two dimensions, twice where one will do
    for column, row in ((v[:, 0], w[0]), (v[:, 1], 0.4 * w[1])):
        lift = float((x @ row).abs().max()) + 1
        rows, out = [*rows, row[None]], [*out, column[:, None]]
        shifts, at_zero = [*shifts, row.new_tensor([lift])], at_zero - column * lift
    return (torch.cat(rows), torch.cat(shifts)), (torch.cat(out, 1), c + at_zero)


@pytest.mark.parametrize("gate", ["out", "in", None])
@pytest.mark.parametrize("n_outputs", [1, 2, 5])
def test_a_network_written_otherwise_is_folded_back(n_outputs, gate, generator):
    w, b = normal(generator, 6, 4), 0.3 * normal(generator, 6)
    v, c = normal(generator, n_outputs, 6), normal(generator, n_outputs)
    x = normal(generator, 500, 4)
    first, last = written_otherwise(w, b, v, c, x)
    teacher, network = plain((w, b), (v, c)), plain(first, last, gate=gate)
    assert network.sizes == (4, 12, n_outputs)
    torch.testing.assert_close(network(x), teacher(x))
    folded = fold_nodes(network, x)
    assert folded.sizes == teacher.sizes
    torch.testing.assert_close(folded(x), teacher(x), rtol=1e-10, atol=1e-10)
    assert [layer.gate for layer in folded.layers] == [
        layer.gate for layer in network.layers
    ]
    # Beyond the rows too: its nodes are the teacher's, not others that agree on them.
    far = 10 * normal(generator, 50, 4)
    torch.testing.assert_close(folded(far), teacher(far), rtol=1e-8, atol=1e-8)


def test_every_layer_of_a_deep_network_folds(generator):
    x = normal(generator, 500, 4)
    w, b = normal(generator, 5, 4), 0.3 * normal(generator, 5)
    v, c = normal(generator, 6, 5), 0.3 * normal(generator, 6)
    u, e = normal(generator, 2, 6), normal(generator, 2)
    teacher = plain((w, b), (v, c), (u, e))
    hidden = torch.relu(x @ w.T + b)
    two, three = written_otherwise(v, c, u, e, hidden)
    first, second = written_otherwise(w, b, *two, x)
    network = plain(first, second, three)
    torch.testing.assert_close(network(x), teacher(x))
    assert network.sizes == (4, 11, 12, 2)
    folded = fold_nodes(network, x)
    assert folded.sizes == teacher.sizes
    torch.testing.assert_close(folded(x), teacher(x), rtol=1e-10, atol=1e-10)


def test_a_linear_function_takes_as_many_nodes_as_it_has_dimensions(generator):
    x = normal(generator, 300, 5)
    w = torch.cat([0.1 * normal(generator, 7, 5), normal(generator, 3, 5)])
    b = torch.cat([w.new_full((7,), 9.0), 0.2 * normal(generator, 3)])
    v = normal(generator, 4, 10)
    v[:, 2:7] = v[:, :2] @ normal(generator, 2, 5)  # seven linear nodes, rank two
    network = plain((w, b), (v, normal(generator, 4)))
    folded = fold_nodes(network, x)
    assert folded.sizes == (5, 5, 4)
    torch.testing.assert_close(folded(x), network(x), rtol=1e-10, atol=1e-10)
    # Active on every row, and as far beyond as the rows reach.
    assert ((folded.layers[0](x) > 0).all(0)).sum() == 2


def test_without_biases_a_linear_function_takes_two_nodes(generator):
    x = normal(generator, 300, 5)
    w, v = normal(generator, 4, 5), normal(generator, 1, 4)
    line = normal(generator, 1, 5)
    rows = torch.cat([w, line, -line, 2 * line, -2 * line])
    out = torch.cat([v, v.new_tensor([[1.0, -1.0, 1.0, -1.0]])], 1)
    network = plain((rows, None), (out, None), bias=False)
    folded = fold_nodes(network, x)
    assert folded.sizes == (5, 6, 1)
    assert all(layer.bias is None for layer in folded.layers)
    expected = torch.relu(x @ w.T) @ v.T + 3 * x @ line.T
    torch.testing.assert_close(folded(x), expected, rtol=1e-10, atol=1e-10)


def test_a_constant_goes_into_a_layer_without_bias(generator):
    x = normal(generator, 300, 5)
    w, b = normal(generator, 4, 5), normal(generator, 4).abs()
    w[3], b[3] = 0, 2.0
    network = plain((w, b), (normal(generator, 2, 4), torch.zeros(2)))
    network.layers[1].bias = None
    folded = fold_nodes(network, x)
    assert folded.sizes == (5, 3, 2)
    assert not folded.layers[1].bias.requires_grad
    torch.testing.assert_close(folded(x), network(x), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("activation", ["relu", "tanh", "identity"])
@pytest.mark.parametrize("n_nodes", [1, 8])
def test_what_does_not_fold_stays_as_it_is(activation, n_nodes, generator):
    network = SpectralMLP((5, n_nodes, 3), dtype=torch.float64, activation=activation)
    with torch.no_grad():
        for layer in network.layers:
            layer.phi.normal_(generator=generator)
    folded, (kept,) = fold_nodes(network, normal(generator, 200, 5), return_kept=True)
    assert kept.all()
    for name, value in network.state_dict().items():
        assert torch.equal(folded.state_dict()[name], value)
    with torch.no_grad():
        folded.layers[0].phi.zero_()  # a copy
    assert network.layers[0].phi.abs().min() > 0


def test_a_constant_output_keeps_a_node(generator):
    network = plain(
        (torch.zeros(3, 2), torch.ones(3)), (torch.zeros(1, 3), torch.ones(1))
    )
    assert fold_nodes(network, normal(generator, 20, 2)).sizes == network.sizes


def nearly_opposite(generator, angle):
    w, v = normal(generator, 4, 5), normal(generator, 1, 4)
    aside = normal(generator, 5)
    aside -= (aside @ w[0]) / (w[0] @ w[0]) * w[0]
    turned = w[0] / w[0].norm() + math.tan(angle) * aside / aside.norm()
    rows = torch.cat([w, -0.5 * turned[None], w.new_zeros(1, 5)])
    rows[5] = w[0]
    shift = torch.cat([w.new_zeros(5), w.new_tensor([30.0])])
    out = torch.cat([v, 0.5 * v[:, :1], v[:, :1]], 1)
    return plain((rows, shift), (out, torch.zeros(1)))


def test_the_tolerance_bounds_the_change(generator):
    x = normal(generator, 2000, 5)
    network = nearly_opposite(generator, 0.15)
    assert fold_nodes(network, x, tolerance=0).sizes == network.sizes
    sizes = set()
    for tolerance in (1e-6, 1e-4, 1e-3, 1e-2, 0.1):
        folded = fold_nodes(network, x, tolerance=tolerance)
        moved = (folded(x) - network(x)).square().mean()
        assert moved <= tolerance * network(x).var(unbiased=False)
        sizes.add(folded.sizes[1])
    assert {5, 6} <= sizes
    assert fold_nodes(network, x, angle=0.05, tolerance=1e-2).sizes == network.sizes


def test_a_row_of_weight_zero_is_not_there(generator):
    x = normal(generator, 400, 4)
    w, b = normal(generator, 6, 4), 0.3 * normal(generator, 6)
    v, c = normal(generator, 1, 6), normal(generator, 1)
    network = plain(*written_otherwise(w, b, v, c, x))
    weight = (torch.arange(600) < 400).double()
    rows = torch.cat([x, 1e3 * normal(generator, 200, 4)])
    assert fold_nodes(network, rows).sizes[1] > 6
    folded = fold_nodes(network, rows, weight=weight)
    torch.testing.assert_close(folded.state_dict(), fold_nodes(network, x).state_dict())
    twice = fold_nodes(network, torch.cat([x, x[:100]]))
    weighted = fold_nodes(network, x, weight=1 + (torch.arange(400) < 100).double())
    torch.testing.assert_close(twice(x), weighted(x))


def test_those_that_stand_are_the_largest_of_their_hyperplane(generator):
    x = normal(generator, 500, 4)
    w, b = normal(generator, 6, 4), 0.3 * normal(generator, 6)
    first, last = written_otherwise(w, b, normal(generator, 1, 6), torch.zeros(1), x)
    network = plain(first, last)
    folded, (kept,) = fold_nodes(network, x, return_kept=True)
    # Of 0.6 z1 and 0.8 relu(-0.5 z1) the first; of the pieces of z2 the third.
    assert kept.nonzero()[:, 0].tolist() == [0, 1, 5, 6, 7, 8]
    assert folded.layers[0].out_features == int(kept.sum())
    remove_nodes(network, [kept])  # fits as a mask


def test_a_shut_gate_cannot_carry_a_linear_function(generator):
    x = normal(generator, 300, 5)
    w = torch.cat([0.1 * normal(generator, 3, 5), normal(generator, 4, 5)])
    b = torch.cat([w.new_full((3,), 9.0), 0.2 * normal(generator, 4)])
    network = plain((w, b), (normal(generator, 1, 7), torch.zeros(1)))
    with torch.no_grad():  # the largest of the three emits a constant
        network.layers[0].lambda_out[0] = 0
        network.layers[0].bias[0] = 100.0
    folded, (kept,) = fold_nodes(network, x, return_kept=True)
    assert folded.sizes == (5, 5, 1)
    assert not kept[0]
    torch.testing.assert_close(folded(x), network(x), rtol=1e-10, atol=1e-10)


def test_float32_stays_float32_and_the_network_untouched(generator):
    x = normal(generator, 500, 4)
    w, b = normal(generator, 6, 4), 0.3 * normal(generator, 6)
    v, c = normal(generator, 2, 6), normal(generator, 2)
    network = plain(*written_otherwise(w, b, v, c, x)).float()
    before = {k: t.clone() for k, t in network.state_dict().items()}
    folded = fold_nodes(network, x)
    assert folded.layers[0].phi.dtype == torch.float32
    expected = plain((w, b), (v, c))(x)
    torch.testing.assert_close(
        folded(x.float()).double(), expected, rtol=1e-3, atol=1e-3
    )
    torch.testing.assert_close(network.state_dict(), before, rtol=0, atol=0)


@pytest.mark.parametrize("n", [1, 7, 20, 40])
def test_signs_that_cancel_are_found(n, generator):
    vectors = normal(generator, 60, n)
    taken = torch.rand(n, generator=generator) > 0.5
    target = vectors @ taken.double()
    found = best_orientation(vectors.T @ vectors, -vectors.T @ target)
    assert torch.equal(found, taken)


def test_signs_are_the_best_of_all(generator):
    """Where nothing cancels and the vectors are not independent."""
    vectors, target = normal(generator, 3, 11), normal(generator, 3)
    subsets = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 11).double()
    best = (subsets @ vectors.T - target).square().sum(1).argmin()
    found = best_orientation(vectors.T @ vectors, -vectors.T @ target)
    assert torch.equal(found.double(), subsets[best])


def test_a_large_network_folds(generator):
    x = normal(generator, 2000, 30)
    w, b = normal(generator, 50, 30), normal(generator, 50)
    factor, v = normal(generator, 150), normal(generator, 10, 150)
    index = torch.arange(150) % 50
    rows, shift = factor[:, None] * w[index], factor * b[index]
    network = plain((rows, shift), (v, torch.zeros(10)))
    folded = fold_nodes(network, x)
    assert folded.sizes[1] <= 60  # 50 kinks and a linear function of rank 10
    torch.testing.assert_close(folded(x), network(x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": torch.zeros(3, 4)}, r"rows of 5 inputs, shape \(n, 5\); got shape"),
        ({"x": torch.zeros(5)}, "`x` must hold rows of 5 inputs"),
        ({"x": torch.zeros(0, 5)}, r"got shape \(0, 5\)"),
        ({"weight": torch.ones(4)}, r"one number >= 0 per row, shape \(3,\)"),
        ({"weight": -torch.ones(3)}, "from -1.0 to -1.0"),
        ({"weight": torch.zeros(3)}, "one of them positive"),
        ({"angle": 2.0}, r"`angle` must be in \[0, pi / 2\]; got angle=2.0"),
        ({"tolerance": -0.1}, r"`tolerance` must be in \[0, 1\); got tolerance=-0.1"),
    ],
)
def test_each_rule_has_its_error(arguments, message):
    network = SpectralMLP((5, 6, 2))
    with pytest.raises(ValueError, match=message):
        fold_nodes(network, **{"x": torch.zeros(3, 5), **arguments})


def test_a_batch_and_a_difference_do_not_fold():
    with pytest.raises(ValueError, match=r"single network; got batch_shape=\(2,\)"):
        fold_nodes(SpectralMLP((5, 6, 2), batch_shape=(2,)), torch.zeros(3, 5))
    with pytest.raises(ValueError, match="got gate='both'"):
        fold_nodes(SpectralMLP((5, 6, 2), gate="both"), torch.zeros(3, 5))


def test_a_network_that_is_constant_on_the_rows(generator):
    """What varies of its outputs is rounding, and must not be carried."""
    shift = torch.tensor([-9.0, -8.0, 9.0])
    rows = torch.cat([normal(generator, 2, 2), torch.zeros(1, 2)])
    out = normal(generator, 1, 3)
    network = plain((rows, shift), (out, torch.tensor([0.1])))
    x = normal(generator, 50, 2)
    folded = fold_nodes(network, x)
    torch.testing.assert_close(folded(x), network(x))
