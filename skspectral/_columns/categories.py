"""Dummies of columns of categories: which values get one."""

import math

import numpy as np

__all__ = ["dummies_of"]

FEWEST_ROWS = 10  # of a dummy of its own; of small tables one row in a hundred
IDENTIFIERS = 20  # values; more of them, and mostly rare ones, are no categories


def dummies_of(
    codes: np.ndarray,
    weight: np.ndarray | None,
    n_codes: int,
    *,
    max_categories: int,
    name: str,
) -> np.ndarray:
    """Return the dummy of each code, then that of an unseen and of a missing value.

    Values with fewer than ten rows (of small tables, one row in a hundred) share a
    dummy, with those beyond the most frequent `max_categories`. Unseen values are rare
    ones, where there are any. Missing values are a category like the others.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        NaN is a missing value.
    weight : ndarray of shape (n,) or None
    n_codes : int
    max_categories : int
    name : str
        Of the column, for errors.

    Returns
    -------
    ndarray of shape (n_codes + 2,), int64
        Counted from 0; -1 for none.

    Raises
    ------
    ValueError
        Where most rows hold a rare value, as in free text and identifiers.
    """
    n_rows = len(codes)
    place = np.where(np.isnan(codes), n_codes, codes).astype(np.int64)
    rows = np.bincount(place, minlength=n_codes + 1)
    mass = rows.astype(np.float64)
    if weight is not None:
        mass = np.bincount(place, weight, minlength=n_codes + 1) * n_rows / weight.sum()
    fewest = min(FEWEST_ROWS, math.ceil(n_rows / 100))
    is_frequent = (mass >= fewest) & (rows > 0)
    if is_frequent.sum() > max_categories:
        ranked = np.argsort(-mass, kind="stable")
        is_frequent[ranked[max_categories:]] = False
    is_rare = (rows > 0) & ~is_frequent
    _refuse_identifiers(rows[:-1], is_rare[:-1], name, max_categories)
    slots = np.full(n_codes + 2, -1, dtype=np.int64)
    n_frequent = int(is_frequent.sum())
    known = np.r_[slice(0, n_codes), n_codes + 1]  # the unseen are between
    slots[known[is_frequent]] = np.arange(n_frequent)
    if mass[is_rare].sum() >= fewest or (n_frequent == 0 and is_rare.any()):
        slots[known[is_rare]] = n_frequent
        slots[n_codes] = n_frequent  # unseen
    if rows[-1] == 0:
        slots[-1] = slots[n_codes]  # missing, and never before
    return slots


def _refuse_identifiers(
    rows: np.ndarray, is_rare: np.ndarray, name: str, max_categories: int
) -> None:
    """Raise where most rows of a column hold a value that is rare."""
    n_rows, n_values = int(rows.sum()), int((rows > 0).sum())
    n_once = int((rows == 1).sum())
    if n_values <= IDENTIFIERS or max(n_once, rows[is_rare].sum()) <= n_rows / 2:
        return
    raise ValueError(
        f"a column of categories must repeat its values; got {n_values} values in "
        f"{n_rows} rows of column {name!r}, most of them too rare for a dummy of their "
        f"own (at most {max_categories} get one), as in identifiers and free text. "
        "Leave the column out, encode it first by scikit-learn's TargetEncoder, or, if "
        "it is text, by skrub's StringEncoder."
    )
