"""Time of predictions: a single row, and many, by full and pruned networks.

Run ``python benchmarks/predict.py``. One thread. Latency is that of ``predict`` on one
row of NumPy numbers, with scikit-learn's checks of it: median and 99th percentile of
10,000 calls, the models in turn. Throughput is rows a second of 100,000 rows.
"""

import time
import warnings

import numpy as np
import torch
from sklearn.neural_network import MLPRegressor

from skspectral import SpectralMLPRegressor
from skspectral.datasets import make_teacher_student

N_CALLS, N_ROWS = 10_000, 100_000


def models(X, y, width, n_kept):
    """A full network, the same pruned, and others, by name: something that predicts."""
    full = SpectralMLPRegressor(hidden_layer_sizes=width, max_iter=2, random_state=0)
    full.fit(X, y)
    small = full.prune(n_nodes=n_kept, merge=False)
    mlp = MLPRegressor(hidden_layer_sizes=(width,), max_iter=2, random_state=0)
    mlp.fit(X, y)
    module = full.to_torch().eval()

    def through_torch(rows):
        with torch.inference_mode():
            return module(torch.from_numpy(rows)).numpy()

    return {
        f"ours, {width} nodes": full.predict,
        f"pruned to {n_kept}": small.predict,
        f"scikit-learn's MLP, {width} nodes": mlp.predict,
        "ours as scikit-learn's MLP": full.to_sklearn().predict,
        f"pruned to {n_kept}, as scikit-learn's MLP": small.to_sklearn().predict,
        "ours as a torch module": through_torch,
    }


def main():
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    X, y, _ = make_teacher_student(N_ROWS, n_features=20, random_state=0)
    for width, n_kept in ((50, 10), (500, 50)):
        predict = models(X[:5000], y[:5000], width, n_kept)
        row = X[:1]
        latency = {name: [] for name in predict}
        for _ in range(N_CALLS):
            for name, function in predict.items():
                start = time.perf_counter()
                function(row)
                latency[name].append(time.perf_counter() - start)
        print(
            f"{'20 columns':45} {'one row, us':>12} {'99 %':>8} {'rows a second':>14}"
        )
        for name, function in predict.items():
            seconds = []
            for _ in range(5):
                start = time.perf_counter()
                function(X)
                seconds.append(time.perf_counter() - start)
            middle, high = 1e6 * np.percentile(latency[name], [50, 99])
            rate = N_ROWS / np.median(seconds)
            print(f"{name:45} {middle:12.0f} {high:8.0f} {rate:14,.0f}")


if __name__ == "__main__":
    main()
