"""Warnings that point at the line of the user."""

import sys
import warnings
from pathlib import Path

import joblib
import sklearn

__all__ = ["warn_user"]

# Files whose frames are passed over: ours, the libraries that call us, and the wrappers
# of the standard library that stand between.
LIBRARIES = (
    str(Path(__file__).parents[1]),
    str(Path(sklearn.__file__).parent),
    str(Path(joblib.__file__).parent),
)
WRAPPERS = ("contextlib.py", "functools.py")


def warn_user(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn of something as if the user's own line had.

    A fixed `stacklevel` would name a file of a library where a Pipeline, a search or a
    decorator stands between the user and the fit.
    """
    level, frame = 1, sys._getframe(0)
    while frame.f_back is not None and _is_library(frame.f_code.co_filename):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _is_library(filename: str) -> bool:
    return filename.startswith(LIBRARIES) or filename.endswith(WRAPPERS)
