"""From a user's table to numbers: checks, weights, column statistics."""

from skspectral._columns.distinct_rows import DistinctRows
from skspectral._columns.samples import Samples, select_rows, split_validation_rows
from skspectral._columns.statistics import (
    ColumnStatistics,
    as_target,
    fit_statistics,
    non_finite_message,
    row_blocks,
    standardized_tensor,
)
from skspectral._columns.validation import (
    as_dense_or_csr,
    check_weight,
    check_weight_values,
    effective_size,
    refuse_missing_targets,
)

__all__ = [
    "ColumnStatistics",
    "DistinctRows",
    "Samples",
    "as_dense_or_csr",
    "as_target",
    "check_weight",
    "check_weight_values",
    "effective_size",
    "fit_statistics",
    "non_finite_message",
    "refuse_missing_targets",
    "row_blocks",
    "select_rows",
    "split_validation_rows",
    "standardized_tensor",
]
