"""Peak memory of a fit on 1,000,000 x 20 float32, less that just before it.

Run ``python benchmarks/memory.py``. The rows are 80 MB; the fit makes one float32 copy
of them, standardised.
"""

import argparse
import resource
import threading
import time
import warnings
from pathlib import Path

import numpy as np

from skspectral import SpectralMLPRegressor


def resident():
    """Resident memory now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    X = rng.standard_normal((arguments.rows, 20), dtype=np.float32)
    y = np.maximum(X[:, :5], 0).sum(1)
    # Threads, libraries and buffers that any first fit brings.
    SpectralMLPRegressor(hidden_layer_sizes=100, max_iter=1).fit(X[:5000], y[:5000])
    before, peak, done = resident(), [0.0], threading.Event()

    def watch():
        while not done.is_set():
            peak[0] = max(peak[0], resident())
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    SpectralMLPRegressor(hidden_layer_sizes=100, max_iter=2).fit(X, y)
    seconds = time.perf_counter() - start
    done.set()
    watcher.join()
    print(
        f"{X.shape[0]:,} x {X.shape[1]} float32, {X.nbytes / 1e6:.0f} MB; two epochs "
        f"in {seconds:.1f} s; peak less before: {peak[0] - before:.0f} MB"
    )


if __name__ == "__main__":
    main()
