"""Whole fits on one thread, on all threads of torch, and as they are.

Run ``python benchmarks/threads.py``, with nothing else on the machine. Needs California
Housing in scikit-learn's data folder. "work" counts the multiplications of a forward
pass of one minibatch at the start; skspectral/_engine/threads.py decides by it and by
the activations that are written, anew where a network has lost nodes. Medians of three
rounds of the three ways; a ratio above 1 is slower than one thread.
"""

import statistics
import time
import warnings

import torch
from sklearn.datasets import fetch_california_housing

from skspectral import SpectralMLPRegressor
from skspectral._engine import threads
from skspectral._engine.network_batch import NetworkBatch

LIMITS = {
    "one": (float("inf"), 0),
    "all": (0, 0),
    "ours": (threads.LARGE, threads.PER_ACTIVATION),
}
FITS = {
    "20 nodes": {"hidden_layer_sizes": 20, "max_iter": 40},
    "256 nodes": {"hidden_layer_sizes": 256, "max_iter": 20},
    "100 + 100 nodes": {"hidden_layer_sizes": (100, 100), "max_iter": 20},
    **{
        f"{width} nodes, 1024 rows": {
            "hidden_layer_sizes": width, "max_iter": 5, "batch_size": 1024,
        }
        for width in (500, 1000, 2000)
    },
    "500 + 500 nodes, 1024 rows": {
        "hidden_layer_sizes": (500, 500), "max_iter": 3, "batch_size": 1024,
    },
    "encoded columns, 32 nodes": {
        "hidden_layer_sizes": 32, "max_iter": 60, "encoding": "auto",
    },
    "encoded columns, 256 nodes": {"max_iter": 20, "encoding": "auto"},
    "encoded columns, whole fit": {"encoding": "auto"},
}  # fmt: skip


def main():
    warnings.simplefilter("ignore")
    X, y = fetch_california_housing(return_X_y=True)
    work = []
    start = NetworkBatch.__init__

    def noted(self, *args):
        start(self, *args)
        work.append(self.work)

    NetworkBatch.__init__ = noted
    print(f"threads of torch: {torch.get_num_threads()}; seconds of a fit")
    print(f"{'':28}{'work':>9}{'one':>8}{'all / one':>11}{'ours / one':>11}")
    for name, options in FITS.items():
        taken = {way: [] for way in LIMITS}
        work.clear()
        for _ in range(3):
            for way, limits in LIMITS.items():
                threads.LARGE, threads.PER_ACTIVATION = limits
                model = SpectralMLPRegressor(
                    random_state=0, **{"encoding": "linear"} | options
                )
                begin = time.perf_counter()
                model.fit(X, y)
                taken[way].append(time.perf_counter() - begin)
        ratios = [
            statistics.median(
                a / b for a, b in zip(taken[w], taken["one"], strict=True)
            )
            for w in ("all", "ours")
        ]
        line = f"{name:28}{work[0]:9.1e}{statistics.median(taken['one']):8.2f}"
        print(line + "".join(f"{ratio:11.2f}" for ratio in ratios), flush=True)


if __name__ == "__main__":
    main()
