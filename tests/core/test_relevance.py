"""Relevance of nodes and inputs of a small network, computed by hand."""

import math

import pytest
import torch

from skspectral._core import hidden_relevance, input_relevance
from skspectral._core.relevance import path_relevance
from skspectral.nn import SpectralMLP

# Two inputs, two hidden nodes, one output.
PHI = [[[3.0, 4.0], [0.0, 1.0]], [[2.0, -5.0]]]


def network_of(gate, eigenvalues):
    """A network of the eigenvectors above, whose trained gates are `eigenvalues`."""
    network = SpectralMLP((2, 2, 1), gate=gate, dtype=torch.float64)
    with torch.no_grad():
        for layer, phi in zip(network.layers, PHI, strict=True):
            layer.phi.copy_(torch.tensor(phi))
            layer.bias.fill_(7.0)  # has no part in any relevance
        for (number, end), values in eigenvalues.items():
            gates = getattr(network.layers[number], f"lambda_{end}")
            gates.copy_(torch.tensor(values))
    return network


OUT = network_of("out", {(0, "out"): [-2.0, 0.5]})
IN = network_of("in", {(0, "in"): [1.0, 2.0], (1, "in"): [-3.0, 0.1]})


def test_relevance_is_the_eigenvalue_times_the_norm_of_its_eigenvector():
    (found,) = hidden_relevance(OUT)  # rows of the first layer: |(3, 4)|, |(0, 1)|
    assert found.tolist() == pytest.approx([2.0 * 5.0, 0.5 * 1.0])
    (found,) = hidden_relevance(IN)  # columns of the second: |2|, |-5|
    assert found.tolist() == pytest.approx([3.0 * 2.0, 0.1 * 5.0])


def test_path_relevance_is_the_norm_in_times_the_norm_out():
    last = abs(OUT.layers[1].weight).flatten().tolist()  # the readout is dense
    (found,) = path_relevance(OUT)
    assert found.tolist() == pytest.approx([10.0 * last[0], 0.5 * last[1]])
    # The weights of the first layer are (3, 8) and (0, 2), of the second -6 and -0.5.
    (found,) = path_relevance(IN)
    assert found.tolist() == pytest.approx([math.hypot(3, 8) * 6, 2 * 0.5])


def test_relevance_of_an_input_is_its_gate_or_the_norm_of_its_paths():
    # Columns (3, 0) and (4, 1), with eigenvalues 1 and 2.
    assert input_relevance(IN).tolist() == pytest.approx([3.0, 2 * math.hypot(4, 1)])
    first, second = abs(OUT.layers[1].weight).flatten().tolist()
    expected = [6 * first, math.hypot(8 * first, 0.5 * second)]
    assert input_relevance(OUT).tolist() == pytest.approx(expected)
    assert input_relevance(OUT).dtype == torch.float64


def test_a_layer_has_a_tensor_of_its_own_and_float32_gives_float64():
    network = SpectralMLP((3, 5, 4, 2))
    for relevance in (hidden_relevance, path_relevance):
        assert [len(r) for r in relevance(network)] == [5, 4]
        assert {r.dtype for r in relevance(network)} == {torch.float64}
