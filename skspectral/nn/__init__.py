"""Spectral layers, and networks of them, for torch users."""

# Not public, and so not in __all__: what the other rooms need of this one.
from skspectral.nn._activations import ACTIVATIONS as ACTIVATIONS
from skspectral.nn._fold_nodes import fold_nodes
from skspectral.nn._linear import START as START
from skspectral.nn._linear import SpectralLinear
from skspectral.nn._linear import in_memory as in_memory
from skspectral.nn._links import Exponential as Exponential
from skspectral.nn._links import QuantileSteps as QuantileSteps
from skspectral.nn._merge_nodes import merge_parallel_nodes
from skspectral.nn._mlp import SpectralMLP
from skspectral.nn._remove_nodes import output_when_shut as output_when_shut
from skspectral.nn._remove_nodes import remove_nodes
from skspectral.nn._spectralize import spectralize
from skspectral.nn._standardized import Standardized as Standardized
from skspectral.nn._table_inputs import Coordinates as Coordinates
from skspectral.nn._table_inputs import TableInputs as TableInputs

__all__ = [
    "SpectralLinear",
    "SpectralMLP",
    "fold_nodes",
    "merge_parallel_nodes",
    "remove_nodes",
    "spectralize",
]
