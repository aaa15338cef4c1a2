"""Spectral layers, networks of them, and surgery, for torch users."""

from skspectral.nn._folding import fold_nodes
from skspectral.nn._linear import SpectralLinear
from skspectral.nn._mlp import SpectralMLP
from skspectral.nn._spectralize import spectralize
from skspectral.nn._surgery import merge_parallel_nodes, remove_nodes

__all__ = [
    "SpectralLinear",
    "SpectralMLP",
    "fold_nodes",
    "merge_parallel_nodes",
    "remove_nodes",
    "spectralize",
]
