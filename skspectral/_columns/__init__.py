"""From a user's table to numbers: checks, weights, column statistics."""

from skspectral._columns.bends import as_numbers
from skspectral._columns.distinct_rows import DistinctRows
from skspectral._columns.encoder import ColumnEncoder
from skspectral._columns.fit_inputs import Encoding, fit_inputs
from skspectral._columns.inputs import Inputs, rows_as_tensor
from skspectral._columns.parameter_rules import (
    FLAG,
    RULES,
    Rule,
    check_rules,
    count_of,
    is_finite_number,
    is_flag,
    is_integer,
    one_of,
    strength_of,
)
from skspectral._columns.readers import TableReader, table_reader
from skspectral._columns.samples import Samples, select_rows, split_validation_rows
from skspectral._columns.statistics import (
    ColumnStatistics,
    column_statistics,
    identity_statistics,
    non_finite_message,
    row_blocks,
    standardized_tensor,
    weighted_quantiles,
)
from skspectral._columns.validate_table import refuse_ragged, validate_table
from skspectral._columns.validation import (
    as_dense_or_csr,
    check_weight,
    check_weight_values,
    effective_size,
    is_missing,
    is_real,
    refuse_equal_names,
    refuse_missing_targets,
)

__all__ = [
    "FLAG",
    "RULES",
    "ColumnEncoder",
    "ColumnStatistics",
    "DistinctRows",
    "Encoding",
    "Inputs",
    "Rule",
    "Samples",
    "TableReader",
    "as_dense_or_csr",
    "as_numbers",
    "check_rules",
    "check_weight",
    "check_weight_values",
    "column_statistics",
    "count_of",
    "effective_size",
    "fit_inputs",
    "identity_statistics",
    "is_finite_number",
    "is_flag",
    "is_integer",
    "is_missing",
    "is_real",
    "non_finite_message",
    "one_of",
    "refuse_equal_names",
    "refuse_missing_targets",
    "refuse_ragged",
    "row_blocks",
    "rows_as_tensor",
    "select_rows",
    "split_validation_rows",
    "standardized_tensor",
    "strength_of",
    "table_reader",
    "validate_table",
    "weighted_quantiles",
]
