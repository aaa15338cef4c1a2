"""RMSE, core and seconds on California Housing, beside scikit-learn's default MLP.

Run ``python benchmarks/california.py``. Split with random_state=0, test_size=0.2; all
parameters at their defaults; one thread. scikit-learn's MLP gets standardised columns
and targets. The data are fetched by scikit-learn.
"""

import time
import warnings

import numpy as np
import torch
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import fetch_california_housing
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skspectral import SpectralMLPRegressor


def main():
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    X, y = fetch_california_housing(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.2, random_state=0)

    def measure(model):
        start = time.perf_counter()
        model.fit(X, y)
        return time.perf_counter() - start, rmse(model)

    def rmse(model):
        return np.sqrt(np.mean((model.predict(X_test) - y_test) ** 2))

    print(f"{'seed':>4}{'RMSE':>8}{'pruned':>8}{'core':>6}{'s':>6}{'MLP':>9}{'s':>6}")
    scores = []
    with threadpool_limits(1):
        # Whatever the first fit of a process brings with it.
        SpectralMLPRegressor(encoding="linear", max_iter=1).fit(X[:500], y[:500])
        for seed in range(3):
            ours = SpectralMLPRegressor(encoding="linear", random_state=seed)
            seconds, error = measure(ours)
            mlp = TransformedTargetRegressor(
                make_pipeline(StandardScaler(), MLPRegressor(random_state=seed)),
                transformer=StandardScaler(),
            )
            mlp_seconds, mlp_error = measure(mlp)
            scores.append(error)
            print(
                f"{seed:4}{error:8.4f}{rmse(ours.prune()):8.4f}{ours.core_sizes_[0]:6}"
                f"{seconds:6.1f}{mlp_error:9.4f}{mlp_seconds:6.1f}"
            )
    print(f"mean {np.mean(scores):.4f}")


if __name__ == "__main__":
    main()
