"""From a user's table to numbers: checks, weights, column statistics."""

from skspectral._columns.samples import Samples, select_rows, split_validation_rows
from skspectral._columns.statistics import (
    ColumnStatistics,
    as_target,
    fit_statistics,
    row_blocks,
    standardized_tensor,
)
from skspectral._columns.validation import as_dense_or_csr, check_weight

__all__ = [
    "ColumnStatistics",
    "Samples",
    "as_dense_or_csr",
    "as_target",
    "check_weight",
    "fit_statistics",
    "row_blocks",
    "select_rows",
    "split_validation_rows",
    "standardized_tensor",
]
