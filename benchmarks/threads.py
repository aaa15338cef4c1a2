"""Whole fits on one thread, on all threads of torch, and as they are.

Run ``python benchmarks/threads.py``, with nothing else on the machine. Needs California
Housing in scikit-learn's data folder. "work" counts the multiplications of a forward
pass of one minibatch at the start; skspectral/_engine/threads.py decides by it and by
the activations that are written, anew where a network has lost nodes. Medians of three
rounds of the three ways; a ratio above 1 is slower than one thread. Some fits then run
in new processes, as it depends on the process what a second thread brings them.
"""

import multiprocessing
import statistics
import time
import warnings
from concurrent.futures import ProcessPoolExecutor

import torch
from sklearn.datasets import fetch_california_housing

from skspectral import SpectralMLPRegressor
from skspectral._engine import threads
from skspectral._engine.network_batch import NetworkBatch

N_PROCESSES = 6
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
            "hidden_layer_sizes": width, "max_iter": 30, "batch_size": 1024,
        }
        for width in (500, 1000, 2000)
    },
    "500 + 500 nodes, 1024 rows": {
        "hidden_layer_sizes": (500, 500), "max_iter": 3, "batch_size": 1024,
    },
    "200 + 200 nodes": {"hidden_layer_sizes": (200, 200), "max_iter": 10},
    "encoded columns, 32 nodes": {
        "hidden_layer_sizes": 32, "max_iter": 60, "encoding": "auto",
    },
    "encoded columns, 256 nodes": {"max_iter": 20, "encoding": "auto"},
    "encoded columns, whole fit": {"encoding": "auto"},
}  # fmt: skip


AGAIN = (
    "100 + 100 nodes",
    "500 nodes, 1024 rows",
    "2000 nodes, 1024 rows",
    "200 + 200 nodes",
)


def ratios(name):
    """Multiplications, median seconds on one thread, and over these those of others."""
    X, y = fetch_california_housing(return_X_y=True)
    taken = {way: [] for way in LIMITS}
    work = []
    start = NetworkBatch.__init__

    def noted(self, *args):
        start(self, *args)
        work.append(self.work)

    NetworkBatch.__init__ = noted
    for _ in range(3):
        for way, limits in LIMITS.items():
            threads.LARGE, threads.PER_ACTIVATION = limits
            model = SpectralMLPRegressor(
                random_state=0, **{"encoding": "linear"} | FITS[name]
            )
            begin = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.fit(X, y)
            taken[way].append(time.perf_counter() - begin)
    NetworkBatch.__init__ = start
    others = [
        statistics.median(a / b for a, b in zip(taken[w], taken["one"], strict=True))
        for w in ("all", "ours")
    ]
    return work[0], statistics.median(taken["one"]), *others


def in_new_process(name):
    """Threads lie on other cores there, and memory elsewhere."""
    new = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=new) as pool:
        return pool.submit(ratios, name).result()


def main():
    print(f"threads of torch: {torch.get_num_threads()}; seconds of a fit")
    print(f"{'':28}{'work':>9}{'one':>8}{'all / one':>11}{'ours / one':>11}")
    for name in FITS:
        work, one, *others = ratios(name)
        line = f"{name:28}{work:9.1e}{one:8.2f}"
        print(line + "".join(f"{ratio:11.2f}" for ratio in others), flush=True)
    print(f"\nin {N_PROCESSES} processes, one after the other; all / one, ours / one")
    for name in AGAIN:
        found = [in_new_process(name)[2:] for _ in range(N_PROCESSES)]
        for way, values in zip(("all", "ours"), zip(*found, strict=True), strict=True):
            line = "".join(f"{value:7.2f}" for value in sorted(values))
            print(f"{name:28}{way:>5}{line}", flush=True)


if __name__ == "__main__":
    main()
