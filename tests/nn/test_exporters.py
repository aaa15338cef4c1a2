"""Layers and networks in the hands of torch's exporters and of attribution tools."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from skspectral import SpectralMLPRegressor
from skspectral.nn import SpectralLinear, SpectralMLP, spectralize
from skspectral.nn._activations import ACTIVATIONS


def modules():
    yield "layer", SpectralLinear(3, 4)
    yield "layer without bias", SpectralLinear(3, 4, gate="both", bias=False)
    for activation in ACTIVATIONS:
        yield activation, SpectralMLP((3, 5, 4, 2), activation=activation)
    plain = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    yield "spectralized", spectralize(plain)


CASES = [pytest.param(module.eval(), id=name) for name, module in modules()]


@pytest.mark.parametrize("module", CASES)
def test_script_trace_and_fx_compute_the_same(module, generator):
    x = torch.randn(6, 3, generator=generator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls some of these deprecated
        scripted, traced = torch.jit.script(module), torch.jit.trace(module, x)
    for exported in (scripted, traced, torch.fx.symbolic_trace(module)):
        torch.testing.assert_close(exported(x), module(x))
        torch.testing.assert_close(exported(x[:2]), module(x[:2]))


@pytest.mark.parametrize("module", CASES)
def test_torch_writes_an_onnx_graph_that_computes_the_same(module, generator, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    x, path = torch.randn(6, 3, generator=generator), str(tmp_path / "network.onnx")
    options = {"input_names": ["x"], "dynamic_axes": {"x": {0: "n"}}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(module, (x,), path, dynamo=False, **options)
        except TypeError:  # torch 2.4 has no `dynamo` yet: there is one exporter
            torch.onnx.export(module, (x,), path, **options)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for rows in (x, x[:2]):
        (output,) = session.run(None, {"x": rows.numpy()})
        np.testing.assert_allclose(output, module(rows).detach(), rtol=1e-4, atol=1e-5)


def deep_lift(module, x, baseline):
    """Attributions of a module by DeepLift's rescale rule, written out with hooks.

    The gradient of each activation module is replaced by the slope of its secant from
    the baseline to x, which only works where activations are modules, each used once.
    """
    seen, handles, slopes = {}, [], {}
    acts = [m for m in module.modules() if isinstance(m, (nn.ReLU, nn.Tanh))]
    for m in acts:
        handles.append(
            m.register_forward_hook(
                lambda m, i, o: seen.setdefault(m, []).append((i[0], o))
            )
        )
    module(baseline), module(x)
    for m, ((i0, o0), (i1, o1)) in seen.items():
        slopes[m] = ((o1 - o0) / (i1 - i0)).detach()
    for handle in handles:
        handle.remove()
    for m in acts:
        handles.append(
            m.register_full_backward_hook(lambda m, i, o: (o[0] * slopes[m],))
        )
    x = x.clone().requires_grad_()
    module(x).sum().backward()
    for handle in handles:
        handle.remove()
    return x.grad * (x.detach() - baseline)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("sizes", [(16,), (8, 6)])
def test_attributions_are_those_of_a_plain_sequential(activation, sizes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    model = SpectralMLPRegressor(
        encoding="linear",
        hidden_layer_sizes=sizes,
        activation=activation,
        max_iter=5,
        dtype="float64",
        random_state=0,
    ).fit(X, X[:, 0] - X[:, 1] ** 2)
    parts = []
    for coef, intercept in zip(model.coefs_, model.intercepts_, strict=True):
        linear = nn.Linear(*coef.shape, dtype=torch.float64)
        linear.weight.data = torch.from_numpy(coef.T.copy())
        linear.bias.data = torch.from_numpy(intercept)
        parts += [linear, {"relu": nn.ReLU, "tanh": nn.Tanh}[activation]()]
    plain = nn.Sequential(*parts[:-1])
    x, baseline = torch.tensor(X[:5]), torch.tensor(X[50:55])
    ours = deep_lift(model.to_torch(), x, baseline)
    torch.testing.assert_close(ours, deep_lift(plain, x, baseline))
    difference = model.predict(X[:5]) - model.predict(X[50:55])
    np.testing.assert_allclose(ours.sum(1), difference)
