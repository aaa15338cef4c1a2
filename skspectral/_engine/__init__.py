"""Trains K networks of one shape at once; tensors only."""

from skspectral._engine.encoded_rows import EncodedRows, Expansion
from skspectral._engine.history import Epoch, History
from skspectral._engine.losses import LOSSES
from skspectral._engine.network_batch import AfterStep
from skspectral._engine.rows import DenseRows, Rows, SparseRows, StackedRows
from skspectral._engine.run_table import LayerRule, RunTable, Schedule, layer_rules
from skspectral._engine.training_data import TrainingData
from skspectral._engine.training_loop import train

__all__ = [
    "LOSSES",
    "AfterStep",
    "DenseRows",
    "EncodedRows",
    "Epoch",
    "Expansion",
    "History",
    "LayerRule",
    "Rows",
    "RunTable",
    "Schedule",
    "SparseRows",
    "StackedRows",
    "TrainingData",
    "layer_rules",
    "train",
]
