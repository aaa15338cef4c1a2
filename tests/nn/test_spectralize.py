"""spectralize: the same function in another parametrization."""

import pytest
import torch
from torch import nn

from skspectral.nn import SpectralLinear, spectralize


class Tied(nn.Module):
    """One linear layer used twice, and another in a container."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 4)
        self.b = self.a
        self.rest = nn.ModuleDict(
            {"head": nn.Sequential(nn.Dropout(), nn.Linear(4, 2))}
        )

    def forward(self, x):
        return self.rest["head"](self.b(torch.relu(self.a(x))))


@pytest.mark.parametrize("gate", ["out", "in", "both", None])
def test_spectralize_computes_the_same(gate, generator):
    module = Tied().eval()
    x = torch.randn(7, 4, generator=generator)
    converted = spectralize(module, gate=gate)
    torch.testing.assert_close(converted(x), module(x))


def test_spectralize_leaves_the_original_and_keeps_ties():
    module = Tied()
    converted = spectralize(module)
    assert type(module.a) is nn.Linear
    assert isinstance(converted.a, SpectralLinear)
    assert converted.a is converted.b
    assert not any(type(m) is nn.Linear for m in converted.modules())


def test_spectralize_takes_a_bare_layer():
    assert isinstance(spectralize(nn.Linear(3, 2)), SpectralLinear)


def test_gradients_flow_through_the_new_layers(generator):
    converted = spectralize(Tied().eval())
    converted(torch.randn(7, 4, generator=generator)).sum().backward()
    assert converted.a.phi.grad.abs().sum() > 0
    assert converted.a.lambda_out.grad.abs().sum() > 0
    assert converted.a.lambda_in.grad is None


def test_one_row_without_an_axis_stays_one(generator):
    plain = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    x = torch.randn(3, generator=generator)
    torch.testing.assert_close(spectralize(plain)(x), plain(x))


@pytest.mark.parametrize("gate", ["out", "in", "both"])
def test_frozen_layers_stay_frozen(gate):
    plain = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 2))
    plain[0].requires_grad_(False)
    plain[1].bias.requires_grad_(False)
    frozen, free = spectralize(plain, gate=gate)
    assert not any(p.requires_grad for p in frozen.parameters())
    assert free.phi.requires_grad
    assert not free.bias.requires_grad
