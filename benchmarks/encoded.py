"""What encoded columns cost: fits, predictions, and ways to compute a first layer.

Run ``python benchmarks/encoded.py``, on one thread. Needs California Housing in
scikit-learn's data folder. Fits are in pairs, so that a slow machine is slow for both;
each number is a median. "ways" times the products of the first layer of one step, with
8 columns of 48 knots and 412 rows: as one product with the inputs, which have to be
computed from what is held first; and as a lookup in a table of the values at the knots,
forward, and backward as a scatter of as many rows. "memory" fits 1,000,000 rows of 20
columns for one epoch.
"""

import argparse
import resource
import statistics
import time
import warnings

import numpy as np
import torch
from sklearn.datasets import fetch_california_housing

from skspectral import SpectralMLPRegressor
from skspectral._engine.encoded_rows import Expansion

N_ROWS, N_COLUMNS, N_KNOTS = 412, 8, 48


def seconds(call, repeats):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def fits(X, y, repeats):
    """Whole fits of a linear network and of encoded ones, in pairs."""
    names = ("linear", "auto, 24 knots", "auto, 48 knots")
    options = (
        {"encoding": "linear"},
        {"n_knots": 24},
        {},
    )
    taken = {name: [] for name in names}
    for seed in range(repeats):
        for name, own in zip(names, options, strict=True):
            model = SpectralMLPRegressor(random_state=seed, **own)
            taken[name].append(seconds(lambda model=model: model.fit(X, y), 1))
    print("\nCalifornia Housing, a whole fit by defaults")
    print(f"{'':16}{'s':>8}{'times linear':>14}")
    for name in names:
        ratios = [a / b for a, b in zip(taken[name], taken["linear"], strict=True)]
        median = statistics.median(taken[name])
        print(f"{name:16}{median:8.2f}{statistics.median(ratios):14.2f}")


def predictions(X, y):
    """One row and 10,000 rows, by the whole network and by its core."""
    print("\nPredictions, float64: microseconds of a row, milliseconds of 10,000")
    print(f"{'':24}{'one row':>10}{'10,000':>10}{'as a product':>14}")
    many = np.tile(X, (1 + 10_000 // len(X), 1))[:10_000]
    for name, own in (("linear", {"encoding": "linear"}), ("auto, 48 knots", {})):
        model = SpectralMLPRegressor(random_state=0, **own).fit(X, y)
        for kind, network in (("whole", model), ("core", model.prune())):
            row = X[:1]
            one = seconds(lambda network=network, row=row: network.predict(row), 2000)
            all_rows = seconds(lambda network=network: network.predict(many), 11)
            state, inputs = network._network_state, network._x_columns
            product = seconds(
                lambda state=state, inputs=inputs: state.propagate(
                    inputs.standardized(many)
                ),
                5,
            )
            line = f"{name + ', ' + kind:24}{1e6 * one:10.0f}{1e3 * all_rows:10.1f}"
            print(line + f"{1e3 * product:14.1f}")


def ways():
    """The products of the first layer of one step, as a product and as a lookup."""
    n_ramps = N_KNOTS - 1
    n_inputs = N_COLUMNS * (1 + n_ramps)
    held = torch.rand(N_ROWS, 2 * N_COLUMNS)
    own = torch.arange(N_COLUMNS)
    source = torch.cat([own, N_COLUMNS + own.repeat_interleave(n_ramps)])
    numbers = (torch.rand(n_inputs) for _ in range(4))
    none = torch.zeros(0, dtype=torch.int64)
    expand = Expansion(source, *numbers, 0, none, torch.zeros(0))
    x = torch.empty(N_ROWS, n_inputs)
    n_values = N_COLUMNS * N_KNOTS
    index = torch.randint(0, n_values, (N_ROWS, 2 * N_COLUMNS))
    share = torch.rand(N_ROWS, 2 * N_COLUMNS)
    print(f"\nFirst layer of a step, {n_inputs} inputs, {N_ROWS} rows: microseconds")
    print(
        f"inputs from what is held: {1e6 * seconds(lambda: expand(held, x), 500):.0f}"
    )
    print(f"{'nodes':>6}{'product':>10}{'gradient':>10}{'lookup':>10}{'scatter':>10}")
    for width in (16, 32, 64, 256):
        weight, d = torch.rand(n_inputs, width), torch.rand(N_ROWS, width)
        z, gradient = torch.empty(N_ROWS, width), torch.empty(width, n_inputs)
        table, scattered = torch.rand(n_values, width), torch.zeros(n_values, width)
        parts = torch.rand(index.numel(), width)
        calls = (
            lambda w=weight, z=z: torch.mm(x, w, out=z),
            lambda d=d, g=gradient: torch.mm(d.T, x, out=g),
            lambda t=table: torch.nn.functional.embedding_bag(
                index, t, mode="sum", per_sample_weights=share
            ),
            lambda s=scattered, p=parts: s.index_add_(0, index.view(-1), p),
        )
        times = (1e6 * seconds(call, 200) for call in calls)
        print(f"{width:6}" + "".join(f"{t:10.0f}" for t in times))


def memory():
    """The most memory of a fit beside the table, in MB, and its time."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1_000_000, 20)).astype(np.float32)
    y = np.abs(X[:, 0]) + np.sin(3 * X[:, 1]) + X[:, 2]
    model = SpectralMLPRegressor(encoding="piecewise", max_iter=1, random_state=0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    took = seconds(lambda: model.fit(X, y), 1)
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    raw = X.nbytes / 2**20
    print("\n1,000,000 rows x 20 columns, float32, all with ramps, one epoch")
    print(f"inputs of the network {len(model.encoder_.input_columns_)}, {took:.0f} s")
    print(f"table {raw:.0f} MB, memory beside it {more:.0f} MB, {more / raw:.1f} times")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5, help="pairs of fits")
    parser.add_argument(
        "--only", nargs="*", default=["fits", "predictions", "ways", "memory"]
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    X, y = fetch_california_housing(return_X_y=True)
    if "memory" in arguments.only:  # first: memory that was used once stays taken
        memory()
    if "fits" in arguments.only:
        fits(X, y, arguments.repeats)
    if "predictions" in arguments.only:
        predictions(X, y)
    if "ways" in arguments.only:
        with torch.inference_mode():
            ways()


if __name__ == "__main__":
    main()
