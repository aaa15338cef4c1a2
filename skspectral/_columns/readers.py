"""Read tables of numbers and categories as matrices of numbers."""

import datetime
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from skspectral._columns.validation import is_missing, is_real

__all__ = ["TableReader", "table_reader"]

UNSEEN = -1.0
DATES = (datetime.date, datetime.time, datetime.timedelta)
DATE_TYPES = (*DATES, np.datetime64, np.timedelta64)
WAY_OUT_OF_DATES = (
    "Make numbers of it, days since a date, for instance, or put skrub's "
    "DatetimeEncoder or TableVectorizer in front."
)


@dataclass(frozen=True)
class TableReader:
    """How the columns of a table are read as numbers.

    Attributes
    ----------
    names : tuple of str
        Of the columns, for errors.
    categories : dict of int to tuple
        By column: the values of a column of categories, in the order of their codes.
    """

    names: tuple[str, ...]
    categories: dict[int, tuple]

    def reads(self, X: Any) -> bool:
        """Return whether a table has to be read; else it is one of numbers already."""
        return bool(self.categories) or _holds_objects(X)

    def read(self, X: Any) -> np.ndarray:
        """Return a table as numbers, (n, d), float64.

        Categories become their codes, -1 for a value that is not known; what is missing
        becomes NaN.
        """
        columns = _columns_of(X)
        table = np.empty((_n_rows(X), len(columns)))
        for place, column in enumerate(columns):
            name = self._name(place)
            known = self.categories.get(place)
            if known is None:
                table[:, place] = _as_numbers(column, name)
            else:
                table[:, place] = _codes(_values_of(column, name), known)
        return table

    def _name(self, place: int) -> str:
        return self.names[place] if place < len(self.names) else f"column {place}"


def table_reader(X: Any, categorical_features: Any) -> TableReader:
    """Return how a table is to be read.

    Parameters
    ----------
    X : array-like, frame or sparse matrix
    categorical_features : "from_dtype", None or sequence
        Names, positions or a mask of the columns of categories. ``"from_dtype"``: those
        of strings, categories or other objects than numbers.

    Raises
    ------
    ValueError
        Where columns are named that are not there, and for columns of dates and of
        other things that are neither numbers nor categories.
    """
    if sparse.issparse(X):
        chosen = _chosen(categorical_features, X.shape[1], None)
        if chosen:
            raise ValueError(
                "`categorical_features` must be None for a sparse X, of which all "
                f"columns are numbers; got {categorical_features!r}. Pass a frame or a "
                "dense array, or encode the categories first."
            )
        return TableReader((), {})
    is_frame = hasattr(X, "columns") or hasattr(X, "schema")
    if not (is_frame or isinstance(X, np.ndarray)):
        if not isinstance(X, (list, tuple)):
            return TableReader((), {})  # validate_data says what it is
        X = _as_array(X)
    if not is_frame and (X.ndim != 2 or X.dtype.kind in "cV"):
        return TableReader((), {})  # refused by validate_data
    names = tuple(map(str, _names_of(X)))
    chosen = _chosen(categorical_features, len(names), _names_of(X))
    if not (chosen or _holds_objects(X)):
        return TableReader(names, {})
    categories = {}
    for place, column in enumerate(_columns_of(X)):
        own = _is_category(column, names[place])
        if chosen is None and own:
            categories[place] = _distinct(_values_of(column, names[place]))
        elif chosen and place in chosen:
            categories[place] = _distinct(_values_of(column, names[place]))
        elif own:
            raise ValueError(
                f"columns that `categorical_features` does not name must hold numbers; "
                f"got column {names[place]!r} of other values. Name it as well, leave "
                "it out of X, or pass categorical_features='from_dtype'."
            )
    return TableReader(names, categories)


def _as_array(rows: Any) -> np.ndarray:
    """Return a list of rows as an array, in which numbers stay numbers."""
    try:
        X = np.asarray(rows)
        return np.asarray(rows, dtype=object) if X.dtype.kind in "US" else X
    except (TypeError, ValueError):  # ragged: refused by validate_data
        return np.empty(0)


def _holds_objects(X: Any) -> bool:
    """Return whether a table has columns that are no numbers by their dtype."""
    if sparse.issparse(X):
        return False
    if isinstance(X, np.ndarray):
        return X.ndim == 2 and X.dtype.kind in "OUSmM"
    if isinstance(X, (list, tuple)):
        return _holds_objects(_as_array(X))
    if not (hasattr(X, "columns") or hasattr(X, "schema")):
        return False
    return any(not _is_numeric(dtype) for dtype in _frame(X).schema.values())


def _frame(X: Any) -> Any:
    """Return a frame of pandas, polars, pyarrow and others, behind one interface."""
    import narwhals.stable.v2 as nw

    return nw.from_native(X, eager_only=True)


def _is_numeric(dtype: Any) -> bool:
    return dtype.is_numeric() or str(dtype) == "Boolean"


def _names_of(X: Any) -> Sequence[Any]:
    if isinstance(X, np.ndarray):
        return [f"x{place}" for place in range(X.shape[1])]
    return list(_frame(X).columns)


def _n_rows(X: Any) -> int:
    return len(X) if isinstance(X, (list, tuple)) else X.shape[0]


def _columns_of(X: Any) -> list[Any]:
    """Return the columns of a table: arrays, or series behind one interface."""
    if isinstance(X, (list, tuple)):
        X = _as_array(X)
    if isinstance(X, np.ndarray):
        return list(X.T)
    frame = _frame(X)
    return [frame[:, place] for place in range(frame.shape[1])]


def _is_category(column: Any, name: str) -> bool:
    """Return whether a column holds categories, by its dtype or its objects."""
    if isinstance(column, np.ndarray):
        kind = column.dtype.kind
        if kind in "mM":
            _refuse_dates(name, column.dtype)
        if kind != "O":
            return kind in "US"
        return not all(is_real(v) or is_missing(v) for v in column.tolist())
    dtype = column.dtype
    if _is_numeric(dtype):
        return False
    if dtype.is_temporal():
        _refuse_dates(name, dtype)
    text = str(dtype)
    if text == "Unknown":  # to narwhals: the frame's own name says more
        text = str(getattr(column.to_native(), "dtype", text))
        if text.startswith("period"):
            _refuse_dates(name, text)
    if text.startswith(("List", "Array", "Struct", "Binary", "complex")):
        raise ValueError(
            f"the columns of X must hold numbers or categories; got column {name!r} of "
            f"{text}. Take it apart into columns of numbers or strings, or leave it "
            "out."
        )
    if text == "Object":
        return not all(is_real(v) or is_missing(v) for v in column.to_list())
    return True


def _refuse_dates(name: str, dtype: Any) -> None:
    raise ValueError(
        f"the columns of X must hold numbers or categories; got column {name!r} of "
        f"dates or times ({dtype}). {WAY_OUT_OF_DATES}"
    )


def _values_of(column: Any, name: str) -> list[Any]:
    """Return the values of a column of categories, or raise where they are none."""
    is_array = isinstance(column, np.ndarray)
    values = column.tolist() if is_array else column.to_list()
    try:
        distinct = set(values)
    except TypeError:
        odd = next(v for v in values if not isinstance(v, Hashable))
        raise TypeError(  # scikit-learn's checks look for its type and these words
            "the argument must be a string or a number in every cell of X; got "
            f"{odd!r} in column {name!r}. Take it apart into columns of numbers or "
            "strings, or leave it out."
        ) from None
    for value in distinct:
        if isinstance(value, DATE_TYPES) and not is_missing(value):
            _refuse_dates(name, type(value).__name__)
    return values


def _distinct(values: list[Any]) -> tuple:
    """Return the different values, in order where they have one."""
    known = {v for v in values if not is_missing(v)}
    try:
        return tuple(sorted(known))
    except TypeError:
        return tuple(sorted(known, key=lambda v: (type(v).__name__, str(v))))


def _codes(values: list[Any], known: tuple) -> np.ndarray:
    """Return the codes of values: NaN for a missing one, -1 for an unknown one."""
    table = {value: float(code) for code, value in enumerate(known)}
    own = {
        value: table.get(value, np.nan if is_missing(value) else UNSEEN)
        for value in set(values)
    }
    return np.fromiter(map(own.__getitem__, values), dtype=np.float64)


def _as_numbers(column: Any, name: str) -> np.ndarray:
    """Return a column of numbers as float64, NaN where they are missing."""
    values = column if isinstance(column, np.ndarray) else column.to_numpy()
    if values.dtype.kind in "biuf":
        return values.astype(np.float64)
    values = values.tolist()
    odd = [v for v in values if not (is_real(v) or is_missing(v))]
    if odd:
        raise ValueError(
            f"column {name!r} must hold numbers, as in fit; got {odd[0]!r}. Name it in "
            "`categorical_features` before fit, or make numbers of it."
        )
    return np.array([np.nan if is_missing(v) else float(v) for v in values])


def _chosen(
    categorical_features: Any, n_columns: int, names: Sequence[Any] | None
) -> set[int] | None:
    """Return the columns that are named; None where the dtypes decide."""
    if categorical_features is None:
        return set()
    if isinstance(categorical_features, str):
        if categorical_features == "from_dtype":
            return None
        categorical_features = [categorical_features]
    given = np.asarray(categorical_features)
    if given.size == 0:
        return set()
    way_out = "Pass 'from_dtype', None, names, positions or a mask of the columns."
    if given.dtype.kind == "b":
        if given.shape != (n_columns,):
            raise ValueError(
                "`categorical_features` as a mask must have an entry for each of the "
                f"{n_columns} columns; got shape {given.shape}. {way_out}"
            )
        return set(np.flatnonzero(given).tolist())
    chosen = set()
    for value in given.ravel().tolist():
        if isinstance(value, str) and names is not None and value in names:
            chosen.add(list(names).index(value))
        elif isinstance(value, int) and -n_columns <= value < n_columns:
            chosen.add(int(value) % n_columns)
        else:
            known = "" if names is None else f" {list(names)[:8]}"
            raise ValueError(
                f"`categorical_features` must name columns of X,{known} or positions "
                f"below {n_columns}; got {value!r}. {way_out}"
            )
    return chosen
