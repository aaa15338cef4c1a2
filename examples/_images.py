"""MNIST and Fashion-MNIST as the reproductions take them: pixels from 0 to 1."""

import functools

import numpy as np
from sklearn.datasets import fetch_openml


@functools.cache
def images(name):
    """Rows of the training set (60,000) and of the test set (10,000) with labels.

    `name` is "mnist_784" or "Fashion-MNIST". Nothing is centred: pixels are divided by
    255, as the papers do.
    """
    X, y = fetch_openml(
        name,
        version=1,
        as_frame=False,
        n_retries=1,
        return_X_y=True,
    )
    X = X.astype(np.float32) / 255
    y = y.astype(int)
    return (X[:60_000], y[:60_000]), (X[60_000:], y[60_000:])
