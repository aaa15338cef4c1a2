"""Inputs that are computed when rows are taken, and eigenvalues that inputs share."""

import dataclasses

import numpy as np
import pytest
import torch

from skspectral import ColumnEncoder
from skspectral._engine.encoded_rows import EncodedRows, Expansion, Layout
from skspectral._engine.flat_parameters import FlatParameters
from skspectral._engine.forward_backward import ForwardBackward, Minibatch
from skspectral._engine.losses import SquaredError
from skspectral._engine.rows import DenseRows, SparseRows, StackedRows
from skspectral._engine.run_table import LayerRule
from skspectral.nn import SpectralMLP

DOUBLE = torch.float64


def fitted(seed):
    """Inputs of numbers with gaps, ramps and two columns of categories; some rows."""
    rng = np.random.default_rng(seed)
    X = np.c_[
        rng.normal(size=(90, 2)), rng.integers(0, 5, 90), rng.integers(0, 3, (90, 1))
    ]
    X[::9, 0] = np.nan
    X[::7, 2] = np.nan
    encoder = ColumnEncoder(
        encoding="piecewise", n_knots=6, categorical_features=[2, 3]
    )
    inputs = encoder.fit(X)._inputs
    X[4, 3] = 77  # no category of fit
    X[5, 1] = 1e6
    return inputs, encoder.to_numbers(X)


def rows_of(inputs, X, dtype=DOUBLE, held=None):
    n_numbers = inputs.layout[0]
    statistics = inputs.statistics
    mean, divisor = (
        torch.tensor(own[n_numbers:]) for own in (statistics.mean, statistics.divisor)
    )
    expansion = Expansion(Layout(*inputs.layout), mean, divisor, dtype)
    held = held or DenseRows(torch.tensor(inputs.held(X), dtype=dtype))
    return EncodedRows(held, expansion)


def take(rows, index, dtype=DOUBLE):
    out = torch.empty(len(index), rows.n_columns, dtype=dtype)
    rows.take(torch.as_tensor(index), out)
    return out.numpy()


@pytest.mark.parametrize(("dtype", "error"), [(DOUBLE, 1e-12), (torch.float32, 1e-5)])
def test_rows_that_are_taken_are_the_encoded_ones(dtype, error):
    inputs, X = fitted(0)
    index = [3, 5, 3, 4, 80, 0, 7]
    found = take(rows_of(inputs, X, dtype), index, dtype)
    expected = inputs.standardized(X)[index]
    np.testing.assert_allclose(found, expected, rtol=error, atol=error)


def test_sparse_and_stacked_rows_are_encoded_alike():
    from scipy import sparse

    (one, X), (two, Y) = fitted(0), fitted(1)
    assert len(one) == len(two)
    matrix = sparse.csr_matrix(X)
    held = SparseRows(matrix, one.held, one.held(X[:1]).shape[1])
    sparse_rows = rows_of(one, X, held=held)
    stacked = StackedRows([sparse_rows, rows_of(two, Y)])
    index = [5, 95, 0, 179, 91]
    expected = np.concatenate([one.standardized(X), two.standardized(Y)])[index]
    np.testing.assert_allclose(take(stacked, index), expected, atol=1e-12)


@pytest.mark.parametrize("n_runs", [1, 3])
@pytest.mark.parametrize("gate", ["in", "both"])
@pytest.mark.parametrize("trained", [True, False])
def test_the_gradient_of_a_shared_eigenvalue_is_autograds(
    n_runs, gate, trained, generator
):
    groups = (0, 2, 0, 1, 2, 2)
    sizes, n_rows = (6, 5, 2), 20
    network = SpectralMLP(sizes, gate=gate, batch_shape=(n_runs,), dtype=DOUBLE)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(generator=generator)
        first = network.layers[0]
        shared = torch.randn(n_runs, 3, generator=generator, dtype=DOUBLE)
        first.lambda_in.copy_(shared[:, list(groups)])
    rule = LayerRule(gate=gate, lambda_=trained, alpha_phi=0.01, alpha_lambda=0.02)
    rules = (dataclasses.replace(rule, groups=groups), rule)
    x = torch.randn(n_runs, n_rows, 6, generator=generator, dtype=DOUBLE)
    y = torch.randn(n_runs, n_rows, 2, generator=generator, dtype=DOUBLE)

    parameters = FlatParameters(network, rules)
    assert parameters.slots.keys() >= {(0, "phi")}
    step = ForwardBackward(parameters, SquaredError())
    buffers = [tuple(t) for t in step.buffers(n_rows)]
    squeeze = (lambda t: t[0]) if n_runs == 1 else (lambda t: t)
    factor = torch.full((n_runs, n_rows, 1), 1 / n_rows, dtype=DOUBLE)
    ones, output = x.new_ones(n_runs, 1, n_rows), x.new_empty(n_runs, n_rows, 2)
    tensors = [squeeze(t) for t in (x, y, factor, ones, output)]
    members = step.members(tensors[0], buffers[1], [*buffers[0], tensors[-1]])
    batch = Minibatch(*tensors, *buffers, members)
    for _ in range(2):  # nothing is left from the step before
        step(batch)

    # The oracle: the module, with its eigenvalues gathered from shared ones.
    leaves = {"shared": shared.clone().requires_grad_(trained)}
    penalty = 0.0
    z = x
    for index, layer in enumerate(network.layers):
        own = {
            name: getattr(layer, name).detach().clone().requires_grad_()
            for name in ("phi", "bias", "lambda_out", "lambda_in")
        }
        leaves |= {(index, name): value for name, value in own.items()}
        lambda_in = own["lambda_in"]
        if index == 0:
            lambda_in = leaves["shared"][:, list(groups)]
            eigenvalues = [leaves["shared"]]
        else:
            eigenvalues = [lambda_in]
        lambda_out = own["lambda_out"]
        if gate == "in":
            lambda_out = torch.zeros_like(lambda_out)
        else:
            eigenvalues.append(lambda_out)
        weight = own["phi"] * (lambda_in[:, None, :] - lambda_out[:, :, None])
        z = z @ weight.mT + own["bias"][:, None]
        z = torch.relu(z) if index == 0 else z
        penalty = penalty + 0.01 * own["phi"].square().sum()
        if trained:
            penalty = penalty + 0.02 * sum(e.square().sum() for e in eigenvalues)
    loss = ((z - y) ** 2).mean((1, 2)).sum()
    (loss + penalty).backward()

    def found(index, name):
        value = parameters.view(step.gradient, index, name)
        value = value[None] if n_runs == 1 else value
        return value.mT if name == "phi" else value

    np.testing.assert_allclose(found(0, "phi"), leaves[0, "phi"].grad, rtol=1e-9)
    if trained:
        np.testing.assert_allclose(
            found(0, "lambda_in"), leaves["shared"].grad, rtol=1e-9
        )
        np.testing.assert_allclose(
            found(1, "lambda_in"), leaves[1, "lambda_in"].grad, rtol=1e-9
        )
        if gate == "both":
            np.testing.assert_allclose(
                -found(0, "lambda_out"), leaves[0, "lambda_out"].grad, rtol=1e-9
            )

    # What is read is written back: the same numbers for each of a group.
    parameters.write(parameters.trained, network)
    np.testing.assert_array_equal(
        network.layers[0].lambda_in.detach(), shared[:, list(groups)]
    )
