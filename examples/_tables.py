"""Tables of mixed columns that the claims on real data use.

California Housing comes from scikit-learn's fetcher; the others are read from the
folder that the environment variable SKSPECTRAL_TABLES names (``<name>.csv.gz``, target
last).
"""

import os
from pathlib import Path

import pandas as pd
from sklearn.datasets import fetch_california_housing
from sklearn.model_selection import train_test_split

REGRESSIONS = ("california", "bike_sharing")


def read(name):
    """Columns as a frame, and the target."""
    if name == "california":
        return fetch_california_housing(return_X_y=True, as_frame=True)
    folder = Path(os.environ.get("SKSPECTRAL_TABLES", ""))
    frame = pd.read_csv(folder / f"{name}.csv.gz")
    return frame.iloc[:, :-1], frame.iloc[:, -1]


def split(name, seed, n_rows):
    """Training rows, at most n_rows of them, and a fifth of all rows to test."""
    X, y = read(name)
    X, X_test, y, y_test = train_test_split(
        *(X, y.to_numpy()),
        test_size=0.2,
        random_state=seed,
        stratify=None if name in REGRESSIONS else y,
    )
    return X[:n_rows], y[:n_rows], X_test, y_test


def available(name):
    """Whether a table is here or can be fetched; says so where it is not."""
    try:
        read(name)
    except OSError as error:
        print(f"{name} is left out: {error}")
        return False
    return True
