"""How time and memory grow: rows, columns, texts, classes, chunks, a cluster.

Run ``python benchmarks/scale.py`` for all sections, or name some of them; ``rows``
writes a memory map of 800 MB to the temporary folder. Linux only: memory, in MB, is
read from /proc. "own" is the peak of what a process allocates, less that before the
call; "with map" adds the pages of mapped files, which the system may take back.
"""

import argparse
import ctypes
import gc
import tempfile
import threading
import time
import warnings
from pathlib import Path

import joblib
import numpy as np
import torch
from scipy import sparse
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
    """Own memory, and that with mapped files, of this process now."""
    lines = Path("/proc/self/status").read_text().splitlines()
    size = {line.split(":")[0]: line.split()[1] for line in lines if "Rss" in line}
    own, mapped = (int(size[name]) * 1024 / 1e6 for name in ("RssAnon", "RssFile"))
    return np.array([own, own + mapped])


class Cost:
    """Seconds of a with-block, and its peaks of memory less those before."""

    def __enter__(self):
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)  # what an earlier fit has left free
        self.before = self.peak = resident()
        self.done = threading.Event()
        self.watcher = threading.Thread(target=self._watch)
        self.watcher.start()
        self.start = time.perf_counter()
        return self

    def _watch(self):
        while not self.done.wait(0.001):
            self.peak = np.maximum(self.peak, resident())

    def __exit__(self, *_):
        self.seconds = time.perf_counter() - self.start
        self.done.set()
        self.watcher.join()
        self.own, self.with_map = (round(mb) for mb in self.peak - self.before)


def line(first, *cells):
    """Print a row of a table."""
    texts = (f"{c:.4f}" if isinstance(c, float) else str(c) for c in cells)
    print(f"{first!s:26s}" + "".join(f"{text:>11s}" for text in texts), flush=True)


def table(n_rows, n_columns=20, seed=0):
    """Rows, and five ramps of the first columns with some noise."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, n_columns), dtype=np.float32)
    noise = rng.standard_normal(n_rows, dtype=np.float32)
    return X, np.maximum(X[:, :5], 0).sum(1) + 0.1 * noise


def memory_map(path, n_rows):
    """The same on disk, never held as a whole."""
    shape = (n_rows, 20)
    X = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    y = np.empty(n_rows, dtype=np.float32)
    for seed, start in enumerate(range(0, n_rows, 10_000)):
        block = slice(start, start + 10_000)
        X[block], y[block] = table(10_000, seed=seed)
    X.flush()
    return np.load(path, mmap_mode="r"), y


def rows(folder):
    """Fit, max_iter="auto", and predict from a memory map of 20 float32 columns."""
    line(
        "rows", "map", "epochs", "s/epoch", "own", "with map", "predict: s", "own", "R2"
    )
    X_test, y_test = table(100_000, seed=12345)
    for exponent in range(4, 8):
        X, y = memory_map(f"{folder}/{exponent}.npy", 10**exponent)
        model = SpectralMLPRegressor(encoding="linear", **NETWORK)
        with Cost() as fit:
            model.fit(X, y)
        with Cost() as predict:
            model.predict(X)
        seconds, score = fit.seconds / model.n_iter_, model.score(X_test, y_test)
        costs = (seconds, fit.own, fit.with_map, predict.seconds, predict.own)
        line(f"10^{exponent}", X.nbytes // 10**6, model.n_iter_, *costs, score)


def beside_mlp(models, X, y, n_epochs):
    """Cost of ours and of scikit-learn's MLP on the same minibatches, and ours."""
    ours, theirs = (model(max_iter=n_epochs, **NETWORK) for model in models)
    ours.set_params(encoding="linear")
    theirs.set_params(tol=0, n_iter_no_change=n_epochs)
    costs = []
    for model in (ours, theirs):
        with Cost() as cost:
            model.fit(X, y)
        costs += [cost.seconds, cost.own]
    return costs, ours


def mlp(_):
    """1,000,000 x 20, ten epochs, three pairs of fits one after the other."""
    line("copy", "ours: s", "own", "MLP: s", "own", "MLP / ours")
    X, y = table(1_000_000)
    for _ in range(3):
        costs, _ = beside_mlp((SpectralMLPRegressor, MLPRegressor), X, y, 10)
        line(X.nbytes // 10**6, *costs, costs[2] / costs[0])


def columns(_):
    """Five epochs of 20,000 rows."""
    line("columns", "copy", "ours: s", "own", "MLP: s", "own", "predict: s", "own")
    for n_columns in (10, 100, 1000, 5000):
        X, y = table(20_000, n_columns)
        costs, model = beside_mlp((SpectralMLPRegressor, MLPRegressor), X, y, 5)
        with Cost() as predict:
            model.predict(X)
        line(n_columns, X.nbytes // 10**6, *costs, predict.seconds, predict.own)


def texts(_):
    """Two epochs of 11,000 CSR rows in 20 classes, 100 words of each, 100 nodes."""
    line("columns", "copy", "ours: s", "own", "MLP: s", "own", "predict: s", "own")
    for n_columns in (10_000, 100_000):
        X, labels = words(11_000, n_columns)
        models = (SpectralMLPClassifier, MLPClassifier)
        costs, model = beside_mlp(models, X, labels, 2)
        with Cost() as predict:
            model.predict(X)
        line(n_columns, X.data.nbytes // 10**6, *costs, predict.seconds, predict.own)


def words(n_rows, n_columns, n_words=100, n_classes=20):
    """Texts of words as frequent as words are; those of a class share some."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, n_classes, n_rows)
    share = 1 / np.arange(1, n_columns + 1)
    found = rng.choice(n_columns, (n_rows, n_words), p=share / share.sum())
    own = rng.integers(0, 200, (n_rows, 10)) * n_classes + labels[:, None]
    found[:, :10] = 100 + own
    counts = np.ones(found.size, dtype=np.float32)
    starts = np.arange(0, found.size + 1, n_words)
    X = sparse.csr_matrix((counts, found.ravel(), starts), shape=(n_rows, n_columns))
    X.sum_duplicates()
    return X, labels


def classes(_):
    """Ten epochs of 100,000 rows of 20 columns, in classes of equal size."""
    line("classes", "ours: s", "own", "MLP: s", "own", "proba: s", "own", "accuracy")
    X, y = table(100_000)
    for n_classes in (2, 10, 100, 1000):
        labels = y.argsort().argsort() * n_classes // len(y)
        models = (SpectralMLPClassifier, MLPClassifier)
        costs, model = beside_mlp(models, X, labels, 10)
        with Cost() as proba:
            model.predict_proba(X)
        line(n_classes, *costs, proba.seconds, proba.own, model.score(X, labels))


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
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(20)])
    X_test, y_test = table(100_000, seed=1)
    X_test = pd.DataFrame(X_test, columns=frame.columns)
    model = SpectralMLPRegressor(encoding="linear", max_iter=10, **NETWORK)
    line("", "s", "own", "R2")
    with Cost() as cost:
        model.fit(frame, y)
    line("fit", cost.seconds, cost.own, model.score(X_test, y_test))
    frame["y"] = y
    frame.to_parquet(f"{folder}/parquet", row_group_size=50_000)
    frame.to_csv(f"{folder}/csv", index=False)
    del frame, X, y
    for source in (parquet_groups, csv_chunks):
        kind = source.__name__.split("_")[0]
        for rate in ("constant", "falling"):
            model = SpectralMLPRegressor(encoding="linear", **NETWORK)
            with Cost() as cost:
                for done in range(10):
                    for number, (X, y) in enumerate(source(f"{folder}/{kind}")):
                        if rate == "falling":
                            left = 1 - (done + number / 20) / 10
                            model.set_params(learning_rate_init=1e-2 * left)
                        model.partial_fit(X, y)
            score = model.score(X_test, y_test)
            line(f"{kind}, {rate} rate", cost.seconds, cost.own, score)


def search(_):
    """Two alphas and five folds of 500,000 rows of 20 columns, two epochs each."""
    line("", "copy", "seconds", "own")
    X, y = table(500_000)
    model = SpectralMLPRegressor(encoding="linear", **NETWORK, max_iter=2)
    for kind in (GridSearchCV, SpectralGridSearchCV):
        with Cost() as cost:
            kind(model, {"alpha": [1e-4, 1e-3]}, cv=5, refit=False).fit(X, y)
        line(kind.__name__, X.nbytes // 10**6, cost.seconds, cost.own)


def dask(_):
    """Five alphas and five folds of 10,000 x 10: one process, and a cluster of two."""
    from distributed import Client, LocalCluster

    def searched(search):
        start = time.perf_counter()
        scores = search.fit(X, y).cv_results_["mean_test_score"]
        return time.perf_counter() - start, scores

    X, y = table(10_000, 10)
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    line("", "one: s", "two: s", "one / two", "equal")
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        client.run(torch.set_num_threads, 1)
        for width in (16, 100):
            model = SpectralMLPRegressor(
                encoding="linear", **NETWORK | {"hidden_layer_sizes": width}
            )
            for kind in (GridSearchCV, SpectralGridSearchCV):
                grid = {"alpha": np.logspace(-4, -2, 5)}
                search = kind(model, grid, cv=5, refit=False)
                one, scores = searched(search)
                with joblib.parallel_config(backend="dask"):
                    two, others = searched(search.set_params(n_jobs=2))
                name = f"{kind.__name__}, {width}"
                line(name, one, two, one / two, np.array_equal(scores, others))


SECTIONS = {
    f.__name__: f for f in (rows, mlp, columns, texts, classes, chunks, search, dask)
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sections", nargs="*", metavar="section", help=str([*SECTIONS]))
    names = parser.parse_args().sections or SECTIONS
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    X, y = table(5000)  # threads, libraries and buffers that any first fit brings
    SpectralMLPRegressor(encoding="linear", **NETWORK, max_iter=1).fit(X, y).predict(X)
    for name in names:
        with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
            print(f"\n{name}: {SECTIONS[name].__doc__}")
            SECTIONS[name](folder)


if __name__ == "__main__":
    main()
