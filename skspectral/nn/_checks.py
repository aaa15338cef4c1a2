"""Checks of what users pass to layers and to surgery: rule, value, way out."""

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor, nn

__all__ = [
    "check_angle",
    "check_feature_count",
    "check_finite",
    "check_masks",
    "check_share",
    "check_sizes",
]


def is_number(value: Any) -> bool:
    """Whether a value is a finite real number, and no bool."""
    is_real = isinstance(value, Real) and not isinstance(value, bool)
    return is_real and math.isfinite(value)


def check_feature_count(name: str, value: Any) -> None:
    """Raise for a number of nodes that is not an integer >= 1."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(
            f"`{name}` must be an integer >= 1; got {name}={value!r}. It is a number "
            "of nodes."
        )


def check_sizes(sizes: Any) -> tuple[int, ...]:
    """Return the sizes of a network as a tuple, or raise."""
    is_sequence = isinstance(sizes, Sequence) and not isinstance(sizes, str)
    if not is_sequence or len(sizes) < 2:
        raise ValueError(
            "`sizes` must be a sequence that names the inputs and the outputs at "
            f"least; got sizes={sizes!r}. A network of 3 inputs, 5 hidden nodes and 1 "
            "output is (3, 5, 1)."
        )
    for size in sizes:
        check_feature_count("sizes", size)
    return tuple(int(size) for size in sizes)


def check_angle(angle: Any, *, largest: float, name_of_largest: str) -> None:
    """Raise for an angle outside [0, largest]; NaN is outside."""
    if not is_number(angle) or not 0 <= angle <= largest:
        raise ValueError(
            f"`angle` must be in [0, {name_of_largest}]; got angle={angle!r}. It is in "
            "radians."
        )


def check_share(name: str, value: Any, way_out: str) -> None:
    """Raise for a number outside [0, 1)."""
    if not is_number(value) or not 0 <= value < 1:
        raise ValueError(f"`{name}` must be in [0, 1); got {name}={value!r}. {way_out}")


def check_masks(
    keep: Any, widths: tuple[int, ...], device: torch.device
) -> list[Tensor]:
    """Return one bool mask per hidden layer, on a device, or raise."""
    way_out = "A layer is kept whole by torch.ones(width, dtype=torch.bool)."
    try:
        masks = [torch.as_tensor(mask, device=device) for mask in keep]
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            "`keep` must be a sequence of bool masks, one per hidden layer; got "
            f"keep={keep!r}. {way_out}"
        ) from error
    lengths = tuple(len(mask) if mask.dim() == 1 else -1 for mask in masks)
    if lengths != widths:
        shapes = [tuple(mask.shape) for mask in masks]
        raise ValueError(
            f"`keep` must hold one mask per hidden layer, of lengths {widths}; got "
            f"shapes {shapes}. {way_out}"
        )
    for index, mask in enumerate(masks):
        if mask.dtype != torch.bool:
            raise TypeError(
                f"`keep` must hold masks of bool; got keep[{index}] of {mask.dtype}. "
                "From indices of nodes make one with "
                "torch.zeros(width, dtype=torch.bool).index_fill(0, indices, True)."
            )
        if not mask.any():
            raise ValueError(
                f"each hidden layer must keep at least one node; `keep[{index}]` keeps "
                "none. Keep its most relevant node instead."
            )
    return masks


def check_finite(network: nn.Module, **tensors: Tensor | None) -> None:
    """Raise where a parameter of a network, or one of the tensors, is not finite."""
    named: list[tuple[str, Tensor]] = [
        (f"`network`, {name}", p) for name, p in network.named_parameters()
    ]
    named += [(f"`{n}`", t) for n, t in tensors.items() if t is not None]
    for name, tensor in named:
        if not torch.isfinite(tensor).all():
            raise ValueError(
                f"all numbers must be finite; got NaN or infinity in {name}. Train "
                "with a lower learning rate, or leave such rows out."
            )
