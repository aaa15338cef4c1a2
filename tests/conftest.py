"""One thread, as the machine's other cores run other tests; nothing drawn on screen."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

os.environ.setdefault("MPLBACKEND", "Agg")
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def same_draws_in_every_run():
    """Models without random_state draw from numpy's global generator."""
    np.random.seed(0)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="session")
def tables():
    """Folder of real tables beyond scikit-learn's own; skips where it is absent."""
    folder = Path(os.environ.get("SKSPECTRAL_TABLES", ""))
    if not (folder / "adult.csv.gz").is_file():
        pytest.skip("SKSPECTRAL_TABLES does not name a folder with adult.csv.gz")
    return folder


@pytest.fixture(scope="session")
def california():
    from sklearn.datasets import fetch_california_housing

    try:
        return fetch_california_housing(return_X_y=True, download_if_missing=False)
    except OSError:
        pytest.skip("California Housing is not in SCIKIT_LEARN_DATA")


@pytest.fixture
def regression():
    """Small noisy table: (X, y) of 200 rows and 6 columns."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 6))
    y = np.maximum(X @ rng.normal(size=(6, 3)), 0).sum(1) + 0.1 * rng.normal(size=200)
    return X, y
