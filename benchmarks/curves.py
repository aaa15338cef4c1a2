"""Time of a pruning curve over 300 nodes, on the test rows of California Housing."""

import time

import numpy as np
import torch
from sklearn.datasets import fetch_california_housing
from sklearn.model_selection import train_test_split

from skspectral import SpectralMLPRegressor, pruning_curve


def main():
    torch.set_num_threads(1)
    X, y = fetch_california_housing(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.2, random_state=0
    )
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=300, random_state=0
    ).fit(X_train, y_train)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        curve = pruning_curve(model, X_test, y_test, random_state=0)
        seconds.append(time.perf_counter() - start)
    print(
        f"{len(curve.n_nodes)} points of 1 to {curve.n_nodes[-1]} nodes by "
        f"{', '.join(curve.scores)} on {len(y_test)} rows: "
        f"{np.median(seconds):.2f} s (median of {len(seconds)})"
    )
    every = np.arange(1, 301)
    start = time.perf_counter()
    pruning_curve(model, X_test, y_test, n_nodes=every, random_state=0)
    print(f"at every number of nodes: {time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    main()
