"""What encoded columns cost: fits, predictions, and ways to compute a first layer.

Run ``python benchmarks/encoded.py``, on one thread. Needs California Housing in
scikit-learn's data folder. Fits are in pairs, so that a slow machine is slow for both;
each number is a median. "ways" times whole steps, with what their minibatches take, at
several shapes: with products of the first layer and with lookups
(skspectral/_engine/lookup.py), and says which of them fits of that shape use. "memory"
fits 1,000,000 rows of 20 columns for one epoch.
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
from skspectral._engine.encoded_rows import EncodedRows, Expansion, Layout
from skspectral._engine.flat_parameters import FlatParameters
from skspectral._engine.forward_backward import ForwardBackward
from skspectral._engine.lookup import entry_rows, lookups_pay
from skspectral._engine.lookup_layer import EncodedLookups
from skspectral._engine.losses import SquaredError
from skspectral._engine.minibatches import Minibatches
from skspectral._engine.optimizers import make_optimizer
from skspectral._engine.rows import DenseRows
from skspectral._engine.run_table import LayerRule, Schedule
from skspectral._engine.training_data import TrainingData
from skspectral.nn import SpectralMLP

LAYOUTS = {
    "8 of 48 ramps": Layout(8, (48,) * 8, ()),
    "8 of 24 ramps": Layout(8, (24,) * 8, ()),
    "8 of 8 ramps": Layout(8, (8,) * 8, ()),
    "64 of 14 ramps": Layout(64, (14,) * 64, ()),
    "3 of 48, 75 categories": Layout(6, (48,) * 3, (5, 10, 20, 40)),
    "98 categories": Layout(6, (), (8, 16, 7, 14, 6, 5, 2, 40)),
}


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
    """A step with the first layer as products and as lookups, and which is chosen."""
    print("\nA step, microseconds: the first layer by products, by lookups, the choice")
    print(f"{'columns':24}{'rows':>6}{'nodes':>6}{'products':>10}{'lookups':>10}")
    for name, layout in LAYOUTS.items():
        for batch_size in (50, 200, 500):
            for width in (16, 64, 256):
                products, lookups = step_times(layout, batch_size, width)
                chosen = lookups_pay(layout, batch_size, width)
                line = (
                    f"{name:24}{batch_size:6}{width:6}{products:10.0f}{lookups:10.0f}"
                )
                print(line + ("  lookups" if chosen else "  products"))


def step_times(layout, batch_size, width, n_batches=24):
    """Microseconds of a step in both ways, with all that its minibatch takes."""
    generator = torch.Generator().manual_seed(0)
    n = n_batches * batch_size

    def places(counts):
        return [torch.rand(n, 1, generator=generator) * m for m in counts]

    n_numbers, n_ramps, n_dummies = layout
    first = np.cumsum([0, *n_dummies])
    slots = [p.floor() + f for p, f in zip(places(n_dummies), first, strict=False)]
    numbers = torch.randn(n, n_numbers, generator=generator)
    held = torch.cat([numbers, *places(n_ramps), *slots], 1)
    mean, divisor = torch.rand(2, layout.n_encoded, dtype=torch.float64) + 0.5
    rows = EncodedRows(DenseRows(held), Expansion(layout, mean, divisor, held.dtype))
    y = torch.randn(n, 1, generator=generator)
    network = SpectralMLP((rows.n_columns, width, 1), gate="out", batch_shape=(1,))
    rules = [LayerRule("out", alpha_phi=1e-4, alpha_lambda=1e-4)]
    rules.append(LayerRule(None, lambda_=False, alpha_phi=1e-4))
    data = TrainingData(rows, y, SquaredError())
    index, schedule = [torch.arange(n)], Schedule(n_epochs=1, batch_size=batch_size)
    calls = []
    for lookups in (None, EncodedLookups(entry_rows([rows], [rows], y))):
        parameters = FlatParameters(network, rules, rows_first=lookups is not None)
        step = ForwardBackward(parameters, data.loss, lookups)
        optimizer = make_optimizer(parameters.trained)
        minibatches = Minibatches(
            step, data, lookups, index, None, schedule, [generator]
        )

        def epoch(step=step, optimizer=optimizer, minibatches=minibatches):
            for block in minibatches.epoch():
                for batch in block.batches:
                    step(batch)
                    optimizer.step(step.gradient, 1e-3)

        calls.append(epoch)
    pairs = [[seconds(call, 1) for call in calls] for _ in range(9)]
    return (
        1e6 * statistics.median(own) / n_batches for own in zip(*pairs, strict=True)
    )


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
