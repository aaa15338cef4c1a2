"""Time of predictions: a single row, and many, by full and pruned networks.

Run ``python benchmarks/predict.py``. Rows of 20 columns, float64 but for the graphs of
float32; one thread. Latency is that of one row: median and 99th percentile of 10,000
calls, the ways in turn. Throughput is rows a second of 100,000 rows, the median of 5
calls. The estimators check their input; the torch module and ONNX's runtime do not.
"""

import time
import warnings

import numpy as np
import torch
from sklearn.neural_network import MLPRegressor
from threadpoolctl import threadpool_limits

from skspectral import SpectralMLPRegressor
from skspectral.datasets import make_teacher_student

try:
    import onnxruntime
    from skl2onnx import to_onnx

    from skspectral.onnx import register_converters
except ImportError:
    onnxruntime = None

N_CALLS, N_REPEATS, N_ROWS = 10_000, 5, 100_000
WIDTH, N_KEPT = 500, 50


def as_torch(estimator):
    module = estimator.to_torch().eval()

    def predict(X):
        with torch.inference_mode():
            return module(torch.from_numpy(X)).numpy()

    return predict


def as_onnx(estimator, X):
    """Predict through a graph of the dtype of X."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    graph = to_onnx(estimator, X[:1]).SerializeToString()
    session = onnxruntime.InferenceSession(graph, options)
    return lambda X: session.run(None, {"X": X})[0]


def ways(estimator, X):
    """What predicts, and the rows it takes, by name."""
    found = {
        "fitted estimator": (estimator.predict, X),
        "to_sklearn()": (estimator.to_sklearn().predict, X),
        "to_torch()": (as_torch(estimator), X),
    }
    if onnxruntime is not None:
        for rows in (X, X.astype(np.float32)):
            found[f"ONNX, {rows.dtype}"] = (as_onnx(estimator, rows), rows)
    return found


def seconds(predict, rows):
    start = time.perf_counter()
    predict(rows)
    return time.perf_counter() - start


def main():
    torch.set_num_threads(1)
    threadpool_limits(1)  # NumPy's
    warnings.simplefilter("ignore")
    if onnxruntime is None:
        print("ONNX is left out: skl2onnx or onnxruntime is not installed.")
    else:
        register_converters()
    X, y, _ = make_teacher_student(N_ROWS, n_features=20, random_state=0)
    short = {"max_iter": 2, "random_state": 0}
    full = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=WIDTH, **short
    ).fit(X[:5000], y[:5000])
    pruned = full.prune(n_nodes=N_KEPT, merge=False)
    table = {
        f"{nodes:3} nodes, {name}": way
        for nodes, estimator in ((WIDTH, full), (N_KEPT, pruned))
        for name, way in ways(estimator, X).items()
    }
    mlp = MLPRegressor(hidden_layer_sizes=(WIDTH,), **short).fit(X[:5000], y[:5000])
    table[f"{WIDTH} nodes, scikit-learn's own fit"] = (mlp.predict, X)
    latency = {name: [] for name in table}
    for _ in range(N_CALLS):
        for name, (predict, rows) in table.items():
            latency[name].append(seconds(predict, rows[:1]))
    print(f"{'20 columns':35} {'one row, us':>11} {'99 %':>8} {'rows a second':>14}")
    for name, (predict, rows) in table.items():
        middle, high = 1e6 * np.percentile(latency[name], [50, 99])
        rate = N_ROWS / np.median([seconds(predict, rows) for _ in range(N_REPEATS)])
        print(f"{name:35} {middle:11.0f} {high:8.0f} {rate:14,.0f}")


if __name__ == "__main__":
    main()
