"""Carry the linear layers of any torch module into the spectral parametrization."""

import copy

from torch import nn

from skspectral.nn._linear import SpectralLinear

__all__ = ["spectralize"]


def spectralize(module: nn.Module, *, gate: str | None = "out") -> nn.Module:
    """Copy of `module` whose linear layers are spectral; it computes the same.

    Parameters
    ----------
    module : torch.nn.Module
        Left untouched. Its :class:`torch.nn.Linear` layers, at any depth, are replaced
        in the copy; one layer used in two places stays one layer.
    gate : {"out", "in", "both", None}, default="out"
        Of the new layers, see :class:`SpectralLinear`.

    Returns
    -------
    torch.nn.Module

    Notes
    -----
    Subclasses of ``nn.Linear`` are left alone: what they do to their weight is theirs
    to know. That includes the projections inside :class:`torch.nn.MultiheadAttention`.
    Frozen layers stay frozen. A weight that a layer shares with another module, such as
    an embedding, is shared no more.

    Examples
    --------
    >>> from torch import nn
    >>> from skspectral.nn import spectralize
    >>> spectralize(nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 1)))[0]
    SpectralLinear(in_features=3, out_features=5, gate='out', bias=True)
    """
    if type(module) is nn.Linear:
        return SpectralLinear.from_linear(module, gate=gate)
    module = copy.deepcopy(module)
    converted: dict[nn.Module, SpectralLinear] = {}
    for parent in list(module.modules()):
        for name, child in parent._modules.items():
            if type(child) is nn.Linear:
                if child not in converted:
                    converted[child] = SpectralLinear.from_linear(child, gate=gate)
                parent._modules[name] = converted[child]
    return module
