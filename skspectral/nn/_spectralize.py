"""Carry the linear layers of any torch module into the spectral parametrization."""

import copy

from torch import nn

from skspectral.nn._linear import SpectralLinear

__all__ = ["spectralize"]

# Attributes of a module that hold its hooks: those that see inputs, outputs and
# gradients, and those that see the names of its parameters.
HOOKS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_is_full_backward_hook",
)
STATE_DICT_HOOKS = (
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)


def spectralize(module: nn.Module, *, gate: str | None = "out") -> nn.Module:
    """Return a copy of `module` whose linear layers are spectral.

    The copy computes what `module` computes.

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

    Raises
    ------
    TypeError
        If `module` is not a torch module.
    ValueError
        For a linear layer with hooks on its state dict, whose names change.

    Notes
    -----
    Hooks on forward and backward go over to the new layers. Linear layers with other
    parameters than weight and bias are left alone. So are subclasses of ``nn.Linear``,
    which may compute something else from their weight. That includes the projections
    inside :class:`torch.nn.MultiheadAttention`.
    Frozen layers stay frozen. A weight that a layer shares with another module, such as
    an embedding, is shared no more.

    Examples
    --------
    >>> from torch import nn
    >>> from skspectral.nn import spectralize
    >>> spectralize(nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 1)))[0]
    SpectralLinear(in_features=3, out_features=5, gate='out', bias=True)
    """
    if not isinstance(module, nn.Module):
        raise TypeError(
            f"`module` must be a torch.nn.Module; got {module!r}. The network of a "
            "fitted estimator is `estimator.to_torch()`."
        )
    if _is_plain_linear(module):
        return _convert(module, gate)
    module = copy.deepcopy(module)
    converted: dict[nn.Module, SpectralLinear] = {}
    for parent in list(module.modules()):
        for name, child in parent._modules.items():
            if child is not None and _is_plain_linear(child):
                if child not in converted:
                    converted[child] = _convert(child, gate)
                parent._modules[name] = converted[child]
    return module


def _is_plain_linear(module: nn.Module) -> bool:
    return type(module) is nn.Linear and set(module._parameters) == {"weight", "bias"}


def _convert(linear: nn.Module, gate: str | None) -> SpectralLinear:
    """Spectral layer in the place of a linear one, with its hooks."""
    assert isinstance(linear, nn.Linear)
    if any(getattr(linear, name, None) for name in STATE_DICT_HOOKS):
        raise ValueError(
            "linear layers must have no hooks on their state dict, whose names change; "
            f"got one on {linear}. Remove the hook, and add one to the new layer."
        )
    layer = SpectralLinear.from_linear(linear, gate=gate)
    for name in HOOKS:
        setattr(layer, name, copy.copy(getattr(linear, name)))
    return layer
