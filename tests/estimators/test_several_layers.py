"""Several hidden layers share the penalty."""

import numpy as np
import pytest

from skspectral import SpectralMLPRegressor
from skspectral._engine import layer_rules
from skspectral.datasets import make_teacher_student


@pytest.mark.parametrize(
    ("widths", "shares"), [((12,), (1, 1)), ((12, 10), (5, 0.3, 0.3))]
)
def test_layers_pay_alike_where_training_ends(widths, shares):
    """Strength times the sum of norms; the readout's squared (theory: penalty)."""
    second = 3 if len(widths) == 2 else None
    X, y, _ = make_teacher_student(
        500, 5, n_teacher_nodes=3, second_layer=second, random_state=0
    )
    model = SpectralMLPRegressor(
        encoding="linear",
        hidden_layer_sizes=widths,
        alpha=2e-3,
        batch_size=len(y),
        max_iter=6000,
        dtype="float64",
        random_state=0,
    ).fit(X, y)
    *hidden, readout = (e.weight.detach() for e in model.to_torch().network.layers)
    norms = [*(w.norm(dim=1).sum() for w in hidden), readout.square().sum()]
    paid = np.multiply(shares, norms)
    np.testing.assert_allclose(paid / paid.mean(), 1, rtol=0.03)


def test_first_layer_takes_more_of_several():
    strengths = {"alpha_phi": 1.0, "alpha_lambda": 2.0, "alpha_readout": 4.0}

    def found(n_layers, **options):
        rules = layer_rules(n_layers, **strengths, **options)
        return [(rule.alpha_phi, rule.alpha_lambda) for rule in rules]

    assert found(1) == [(4, 0)]
    assert found(2) == [(1, 2), (4, 0)]
    expected = [(5, 10), (0.3, 0.6), (0.3, 0.6), (1.2, 0)]
    np.testing.assert_allclose(found(4), expected)
    np.testing.assert_allclose(found(4, parametrization="dense"), expected)
    for gate in ("in", "both"):
        assert found(4, gate=gate) == [(1, 2)] * 4
