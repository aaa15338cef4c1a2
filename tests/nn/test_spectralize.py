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


def test_hooks_go_over_to_the_new_layers(generator):
    calls = []
    plain = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    plain[0].register_forward_pre_hook(lambda m, x: calls.append("before"))
    plain[0].register_forward_hook(lambda m, x, y: calls.append("after"))
    plain[2].register_forward_hook(lambda m, x, y: 2 * y)
    plain[0].register_full_backward_hook(lambda m, i, o: calls.append("backward"))
    x = torch.randn(5, 3, generator=generator).requires_grad_()
    spectral = spectralize(plain)
    expected, calls[:] = plain(x), []
    output = spectral(x)
    torch.testing.assert_close(output, expected)
    output.sum().backward()
    assert calls == ["before", "after", "backward"]


def test_hooks_on_the_names_of_parameters_are_refused():
    plain = nn.Linear(3, 4)
    plain.register_state_dict_post_hook(lambda *_: None)
    with pytest.raises(ValueError, match="no hooks on their state dict.*Remove"):
        spectralize(nn.Sequential(plain))


def test_a_layer_of_other_parameters_is_left_alone():
    plain = nn.Linear(3, 4)
    plain.register_parameter("scale", nn.Parameter(torch.ones(())))
    converted = spectralize(nn.Sequential(plain, nn.Linear(4, 1)))
    assert type(converted[0]) is nn.Linear
    assert isinstance(converted[1], SpectralLinear)


def test_what_is_no_module_is_refused():
    with pytest.raises(TypeError, match=r"`module` must be.*to_torch"):
        spectralize([nn.Linear(3, 4)])
