"""The activations of hidden layers: a record each, which every room reads."""

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["ACTIVATIONS"]


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda z: z,
    "logistic": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "silu": torch.nn.functional.silu,
}
