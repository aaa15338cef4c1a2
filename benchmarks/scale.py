"""How time and memory grow: rows, columns, classes, chunks from disk, a cluster.

Run ``python benchmarks/scale.py`` for all sections, or name some of them. ``rows``
writes a memory map of up to 800 MB to the temporary folder and fits from it. Linux
only: memory is read from /proc. "own" is the peak of a process's own (anonymous)
memory, less that before the call; "with map" adds the pages of mapped files, which the
system takes back when it needs them.
"""

import argparse
import gc
import math
import tempfile
import threading
import time
import warnings
from pathlib import Path

import joblib
import numpy as np
import torch
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from threadpoolctl import threadpool_limits

from skspectral import (
    SpectralGridSearchCV,
    SpectralMLPClassifier,
    SpectralMLPRegressor,
)

NETWORK = {"hidden_layer_sizes": 100, "batch_size": 512, "random_state": 0}


def resident():
    """Own memory, and that with mapped files, of this process now, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    size = {line.split(":")[0]: line.split()[1] for line in lines if "Rss" in line}
    own, mapped = (int(size[name]) * 1024 / 1e6 for name in ("RssAnon", "RssFile"))
    return np.array([own, own + mapped])


class Cost:
    """Seconds of a with-block, and its peaks of memory less those before."""

    def __enter__(self):
        gc.collect()
        self.before = resident()
        self.peak, self.done = self.before, threading.Event()
        self.watcher = threading.Thread(target=self.watch)
        self.watcher.start()
        self.start = time.perf_counter()
        return self

    def watch(self):
        while not self.done.wait(0.001):
            self.peak = np.maximum(self.peak, resident())

    def __exit__(self, *_):
        self.seconds = time.perf_counter() - self.start
        self.done.set()
        self.watcher.join()
        self.own, self.with_map = self.peak - self.before


def table(n_rows, n_columns=20, seed=0):
    """Rows, and five ramps of the first columns with some noise."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, n_columns), dtype=np.float32)
    noise = rng.standard_normal(n_rows, dtype=np.float32)
    return X, np.maximum(X[:, :5], 0).sum(1) + 0.1 * noise


def memory_map(folder, n_rows):
    """The same on disk, written and read back without being held as a whole."""
    path = Path(folder) / f"{n_rows}.npy"
    shape = (n_rows, 20)
    X = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    y = np.empty(n_rows, dtype=np.float32)
    for seed, start in enumerate(range(0, n_rows, 100_000)):
        rows = slice(start, min(start + 100_000, n_rows))
        X[rows], y[rows] = table(rows.stop - rows.start, seed=seed)
    X.flush()
    return np.load(path, mmap_mode="r"), y


def rows(folder):
    """Fit and predict from a memory map of 20 float32 columns, max_iter="auto"."""
    print("    rows epochs s/epoch  copy   own with map  predict: s   own       R2")
    X_test, y_test = table(100_000, seed=12345)
    for exponent in range(4, 8):
        X, y = memory_map(folder, 10**exponent)
        model = SpectralMLPRegressor(**NETWORK)
        with Cost() as fit:
            model.fit(X, y)
        with Cost() as predict:
            model.predict(X)
        print(
            f"{len(X):8d} {model.n_iter_:6d} {fit.seconds / model.n_iter_:7.3f} "
            f"{X.nbytes / 1e6:5.0f} {fit.own:5.0f} {fit.with_map:8.0f} "
            f"{predict.seconds:11.2f} {predict.own:5.0f} "
            f"{model.score(X_test, y_test):8.4f}",
            flush=True,
        )


def beside_mlp(ours, mlp, X, y, **parameters):
    """Costs of ours and of scikit-learn's MLP, on the same minibatches."""
    models = [model(**NETWORK, **parameters) for model in (ours, mlp)]
    models[1].set_params(tol=0, n_iter_no_change=parameters["max_iter"])
    costs = []
    for model in models:
        with Cost() as cost:
            model.fit(X, y)
        costs.append(cost)
    return models[0], *costs


def columns(_):
    """Two epochs of 20,000 rows."""
    print("columns  copy  ours: us/step   own  MLP: us/step   own  predict: own")
    n_steps = 2 * math.ceil(20_000 / 512)
    for n_columns in (10, 100, 1000, 5000):
        X, y = table(20_000, n_columns)
        pair = (SpectralMLPRegressor, MLPRegressor)
        model, ours, mlp = beside_mlp(*pair, X, y, max_iter=2)
        with Cost() as predict:
            model.predict(X)
        print(
            f"{n_columns:7d} {X.nbytes / 1e6:5.0f} {ours.seconds / n_steps * 1e6:14.0f}"
            f" {ours.own:5.0f} {mlp.seconds / n_steps * 1e6:13.0f} {mlp.own:5.0f} "
            f"{predict.own:13.0f}",
            flush=True,
        )


def classes(_):
    """Ten epochs of 100,000 rows of 20 columns, in classes of equal size."""
    print("classes ours: us/step   own  score  MLP: us/step   own  proba: s   own")
    n_steps = 10 * math.ceil(100_000 / 512)
    X, y = table(100_000)
    for n_classes in (2, 10, 100, 1000):
        labels = y.argsort().argsort() * n_classes // len(y)
        pair = (SpectralMLPClassifier, MLPClassifier)
        model, ours, mlp = beside_mlp(*pair, X, labels, max_iter=10)
        with Cost() as proba:
            model.predict_proba(X)
        print(
            f"{n_classes:7d} {ours.seconds / n_steps * 1e6:13.0f} {ours.own:5.0f} "
            f"{model.score(X, labels):6.3f} {mlp.seconds / n_steps * 1e6:13.0f} "
            f"{mlp.own:5.0f} {proba.seconds:9.2f} {proba.own:5.0f}",
            flush=True,
        )


def mlp(_):
    """1,000,000 x 20, ten epochs, three pairs of fits one after the other."""
    print("copy  ours: s   own   MLP: s   own  MLP / ours")
    X, y = table(1_000_000)
    pair = (SpectralMLPRegressor, MLPRegressor)
    for _ in range(3):
        _, ours, theirs = beside_mlp(*pair, X, y, max_iter=10)
        print(
            f"{X.nbytes / 1e6:4.0f} {ours.seconds:8.1f} {ours.own:5.0f} "
            f"{theirs.seconds:8.1f} {theirs.own:5.0f} "
            f"{theirs.seconds / ours.seconds:11.2f}",
            flush=True,
        )


def parquet_groups(path):
    from pyarrow.parquet import ParquetFile

    file = ParquetFile(path)
    for group in range(file.num_row_groups):
        frame = file.read_row_group(group).to_pandas()
        yield frame, frame.pop("y")


def csv_chunks(path):
    import pandas as pd

    for frame in pd.read_csv(path, dtype=np.float32, chunksize=50_000):
        yield frame, frame.pop("y")


def chunks(folder):
    """1,000,000 x 20 in 20 chunks, ten passes, against ten epochs of fit."""
    import pandas as pd

    X, y = table(1_000_000)
    X_test, y_test = table(100_000, seed=1)
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(20)]).assign(y=y)
    frame.to_parquet(f"{folder}/table.parquet", row_group_size=50_000)
    frame.to_csv(f"{folder}/table.csv", index=False)
    X_test = pd.DataFrame(X_test, columns=frame.columns[:20])
    print("                               s   own      R2")

    def report(name, model, cost):
        score = model.score(X_test, y_test)
        print(f"{name:26s} {cost.seconds:5.1f} {cost.own:5.0f} {score:.5f}", flush=True)

    model = SpectralMLPRegressor(max_iter=10, **NETWORK)
    with Cost() as cost:
        model.fit(frame.drop(columns="y"), frame["y"])
    report("fit", model, cost)
    del frame, X, y
    for name, source, path in (
        ("parquet", parquet_groups, f"{folder}/table.parquet"),
        ("csv", csv_chunks, f"{folder}/table.csv"),
    ):
        for rate in ("constant", "falling"):
            model = SpectralMLPRegressor(**NETWORK)
            with Cost() as cost:
                for done in range(10):
                    for number, (part, target) in enumerate(source(path)):
                        if rate == "falling":
                            left = 1 - (done + number / 20) / 10
                            model.set_params(learning_rate_init=1e-2 * left)
                        model.partial_fit(part, target)
            report(f"{name}, {rate} rate", model, cost)


def dask(_):
    """Five alphas and five folds of 20,000 x 10, in one process and in two."""
    from distributed import Client, LocalCluster

    X, y = table(20_000, 10)
    print("                        1 process: s  2 processes: s  gain  largest difference")
    for width in (16, 100):
        model = SpectralMLPRegressor(**NETWORK | {"hidden_layer_sizes": width})
        for search_class in (GridSearchCV, SpectralGridSearchCV):
            grid = {"alpha": np.logspace(-4, -2, 5)}
            search = search_class(model, grid, cv=5, refit=False)
            seconds, scores = [], []
            for n_processes in (1, 2):
                options = {"n_workers": 2, "threads_per_worker": 1}
                with (
                    LocalCluster(**options, dashboard_address=None) as cluster,
                    Client(cluster) as client,
                    joblib.parallel_config(backend="dask"),
                ):
                    client.run(torch.set_num_threads, 1)
                    n_jobs = 2 if n_processes == 2 else None
                    start = time.perf_counter()
                    search.set_params(n_jobs=n_jobs).fit(X, y)
                seconds.append(time.perf_counter() - start)
                scores.append(search.cv_results_["mean_test_score"])
            name = f"{search_class.__name__}, {width}"
            print(
                f"{name:26s} {seconds[0]:9.1f} {seconds[1]:15.1f} "
                f"{seconds[0] / seconds[1]:5.2f} {np.ptp(scores, 0).max():19.1e}",
                flush=True,
            )


SECTIONS = {f.__name__: f for f in (rows, columns, classes, mlp, chunks, dask)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], default=[])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    X, y = table(5000)  # threads, libraries and buffers that any first fit brings
    SpectralMLPRegressor(**NETWORK, max_iter=1).fit(X, y).predict(X)
    for name in arguments.sections or SECTIONS:
        with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
            print(f"\n{name}: {SECTIONS[name].__doc__} Memory in MB.")
            SECTIONS[name](folder)


if __name__ == "__main__":
    main()
