"""Trains K networks of one shape at once; tensors only."""

from skspectral._engine.encoded_rows import EncodedRows, Expansion, Layout
from skspectral._engine.history import Epoch, History
from skspectral._engine.losses import CrossEntropy, Loss, Sigmoid, SquaredError
from skspectral._engine.network_batch import AfterStep
from skspectral._engine.regression_losses import (
    Huber,
    LogLink,
    Quantile,
    QuantileCurves,
)
from skspectral._engine.rows import DenseRows, Rows, SparseRows, StackedRows
from skspectral._engine.run_table import LayerRule, RunTable, Schedule, layer_rules
from skspectral._engine.training_data import TrainingData
from skspectral._engine.training_loop import train

__all__ = [
    "AfterStep",
    "CrossEntropy",
    "DenseRows",
    "EncodedRows",
    "Epoch",
    "Expansion",
    "History",
    "Huber",
    "LayerRule",
    "Layout",
    "LogLink",
    "Loss",
    "Quantile",
    "QuantileCurves",
    "Rows",
    "RunTable",
    "Schedule",
    "Sigmoid",
    "SparseRows",
    "SquaredError",
    "StackedRows",
    "TrainingData",
    "layer_rules",
    "train",
]
