"""What layers and surgery refuse: rule, value, way out."""

import math

import pytest
import torch

from skspectral.nn import (
    SpectralLinear,
    SpectralMLP,
    fold_nodes,
    merge_parallel_nodes,
    remove_nodes,
)

NETWORK = SpectralMLP((3, 4, 1))
X = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
MASK = torch.ones(4, dtype=torch.bool)


@pytest.mark.parametrize("size", [0, -1, 2.0, True, "3", None])
def test_numbers_of_nodes_are_integers(size):
    with pytest.raises(ValueError, match=r"`in_features` must be an integer >= 1; got"):
        SpectralLinear(size, 2)
    with pytest.raises(ValueError, match=r"`sizes` must be an integer >= 1; got"):
        SpectralMLP((3, size, 1))


@pytest.mark.parametrize("sizes", [5, (3,), "31", None, ()])
def test_sizes_name_inputs_and_outputs(sizes):
    with pytest.raises(ValueError, match=r"`sizes` must be a sequence.*\(3, 5, 1\)"):
        SpectralMLP(sizes)


@pytest.mark.parametrize("gate", ["no", 1, ["out"]])
def test_gates_are_named(gate):
    with pytest.raises(ValueError, match=r"`gate` must be .*plain linear layer"):
        SpectralLinear(3, 2, gate=gate)


@pytest.mark.parametrize("activation", ["gelu", None, ["relu"], torch.relu])
def test_activations_are_named(activation):
    with pytest.raises(ValueError, match=r"`activation` must be .*Sequential"):
        SpectralMLP((3, 4, 1), activation=activation)


@pytest.mark.parametrize("angle", [math.nan, -0.1, 4, "0.1", None, True, math.inf])
def test_angles_are_radians(angle):
    with pytest.raises(ValueError, match=r"`angle` must be in \[0, pi\]; got angle="):
        merge_parallel_nodes(NETWORK, angle=angle)
    with pytest.raises(ValueError, match=r"`angle` must be in \[0, pi / 2\]; got"):
        fold_nodes(NETWORK, X, angle=angle)


@pytest.mark.parametrize("tolerance", [math.nan, -1, 1, "0.1", None, True])
def test_tolerances_are_shares(tolerance):
    with pytest.raises(ValueError, match=r"`tolerance` must be in \[0, 1\); got"):
        fold_nodes(NETWORK, X, tolerance=tolerance)


@pytest.mark.parametrize(
    ("keep", "error", "message"),
    [
        (None, TypeError, "must be a sequence of bool masks"),
        (3, TypeError, "must be a sequence of bool masks"),
        (["a"], TypeError, "must be a sequence of bool masks"),
        ([MASK.int()], TypeError, r"must hold masks of bool; got keep\[0\] of torch"),
        ([torch.tensor([0, 2])], ValueError, r"of lengths \(4,\); got shapes"),
        ([MASK[None]], ValueError, r"of lengths \(4,\); got shapes"),
        ([~MASK], ValueError, r"`keep\[0\]` keeps none"),
        ([], ValueError, r"of lengths \(4,\); got shapes \[\]"),
    ],
)
def test_masks_are_of_bool_and_of_the_width(keep, error, message):
    with pytest.raises(error, match=message):
        remove_nodes(NETWORK, keep)


def test_masks_may_be_lists_and_arrays():
    kept = remove_nodes(NETWORK, [[True, False, True, True]])
    assert kept.sizes == (3, 3, 1)
    assert remove_nodes(NETWORK, [MASK.numpy()]).sizes == (3, 4, 1)


@pytest.mark.parametrize("surgery", [remove_nodes, fold_nodes, merge_parallel_nodes])
def test_surgery_needs_a_network(surgery):
    arguments = () if surgery is merge_parallel_nodes else (X,)
    with pytest.raises(TypeError, match=r"must be a SpectralMLP; got Linear.*to_torch"):
        surgery(torch.nn.Linear(3, 1), *arguments)


def test_rows_to_fold_on_are_finite_tensors():
    for x, weight in ((X.numpy(), None), (X, [1.0] * 20)):
        with pytest.raises(TypeError, match=r"must be a torch tensor; got .*as_tensor"):
            fold_nodes(NETWORK, x, weight=weight)
    with pytest.raises(ValueError, match=r"must be finite; got NaN or infinity in `x`"):
        fold_nodes(NETWORK, X.where(X < 1, math.nan))
    broken = SpectralMLP((3, 4, 1))
    with torch.no_grad():
        broken.layers[0].phi[0, 0] = math.inf
    with pytest.raises(ValueError, match=r"infinity in `network`, layers.0.phi"):
        fold_nodes(broken, X)


def test_eigenvalue_routines_that_do_not_converge_are_reported(monkeypatch):
    def fail(*_):
        raise torch.linalg.LinAlgError("did not converge")

    monkeypatch.setattr(torch.linalg, "eigh", fail)
    with pytest.raises(ValueError, match=r"do not converge. Pass standardised rows"):
        fold_nodes(SpectralMLP((3, 6, 1)), X)
