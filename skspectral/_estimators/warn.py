"""Warnings that point at the line of the user."""

import contextlib
import functools
import os
import sys
import warnings
from pathlib import Path

import joblib
import sklearn

__all__ = ["warn_user"]

# Files whose frames are passed over: this package, the libraries that call it, and the
# standard library's wrappers between them. With a separator at the end: a folder beside
# the package may have a name that begins like it.
LIBRARIES = tuple(
    f"{folder}{os.sep}"
    for folder in (
        Path(__file__).parents[1],
        Path(sklearn.__file__).parent,
        Path(joblib.__file__).parent,
    )
)
WRAPPERS = (contextlib.__file__, functools.__file__)


def warn_user(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line of the user's own file that led here.

    A fixed `stacklevel` would name a file of a library where a Pipeline, a search or a
    decorator stands between the user and the fit.
    """
    level, frame = 1, sys._getframe(0)
    while frame.f_back is not None and _is_library(frame.f_code.co_filename):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _is_library(filename: str) -> bool:
    return filename.startswith(LIBRARIES) or filename in WRAPPERS
