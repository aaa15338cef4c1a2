"""A GPU beside the CPU and plain torch: steps, many networks, a search, a large table.

Run ``make gpu`` on a machine with a GPU, or ``python benchmarks/gpu.py``; with
``--device cpu`` it shows that the script runs. The tables come in the order of what
they are worth, and none is begun after ``--seconds``. A time is the median over the
epochs of a fit, without its start; all of a row are taken in one process, one after
another. Lines of JSON go to ``--out``.

* step: microseconds per step of one network, 8 columns, linear and with 48 ramps each:
  ours with recorded steps, ours with steps started one by one, plain torch (autograd,
  fused Adam, inputs computed before) and torch.compile on the GPU; ours and plain torch
  on the CPU, on one thread.
* many: microseconds per step and network of K networks of 100 nodes.
* search: seconds of a whole grid search of 100 candidates and 5 folds.
* rows: seconds per epoch of 10,000,000 rows and 20 columns, and of all around it.
"""

import argparse
import json
import statistics
import time
import warnings
from contextlib import contextmanager

import numpy as np
import torch

from skspectral import SpectralGridSearchCV, SpectralMLPRegressor
from skspectral._engine import network_batch, recorded_steps
from skspectral._estimators.batch_training import train_together
from skspectral.datasets import make_teacher_student

BATCHES = (200, 1024, 4096, 16_384)


@contextmanager
def seconds_of_epochs():
    """Collect the seconds of each epoch of the fits within."""
    seconds, epoch = [], network_batch.NetworkBatch.epoch

    def timed(self, *arguments):
        start = time.perf_counter()
        losses = epoch(self, *arguments)  # ends with the losses on the host
        seconds.append(time.perf_counter() - start)
        return losses

    network_batch.NetworkBatch.epoch = timed
    try:
        yield seconds
    finally:
        network_batch.NetworkBatch.epoch = epoch


@contextmanager
def recorded(is_on):
    before, recorded_steps.IS_ON = recorded_steps.IS_ON, is_on
    try:
        yield
    finally:
        recorded_steps.IS_ON = before


def median_step(seconds, n_steps):
    """Microseconds per step; the first two epochs warm up and record."""
    return 1e6 * statistics.median(seconds[2:] or seconds[-1:]) / n_steps


def ours(X, y, width, batch, *, device, n_epochs, encoding, recording=True):
    model = SpectralMLPRegressor(
        hidden_layer_sizes=width, encoding=encoding, device=device, alpha=0.0,
        batch_size=batch, max_iter=n_epochs, random_state=0,
    )  # fmt: skip
    with seconds_of_epochs() as seconds, recorded(recording):
        model.fit(X, y)
    return median_step(seconds, -(-len(X) // batch))


def plain_torch(X, y, width, batch, *, device, n_epochs, compiled=False):
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Linear(X.shape[1], width), torch.nn.ReLU(), torch.nn.Linear(width, 1)
    ).to(device)
    optimiser = torch.optim.Adam(network.parameters(), fused=True)
    X, y = torch.from_numpy(X).to(device), torch.from_numpy(y).to(device)[:, None]

    def loss_of(x, t):
        return torch.nn.functional.mse_loss(network(x), t)

    if compiled:
        loss_of = torch.compile(loss_of, mode="reduce-overhead")
    seconds = []
    for _ in range(n_epochs):
        start = time.perf_counter()
        order = torch.randperm(len(X)).to(device)
        total = torch.zeros((), device=device)
        for rows in order.split(batch):
            optimiser.zero_grad()
            loss = loss_of(X[rows], y[rows])
            loss.backward()
            optimiser.step()
            total += loss.detach()
        total.item()
        seconds.append(time.perf_counter() - start)
    return median_step(seconds, -(-len(X) // batch))


def step(device, quick):
    """One network: the shapes, most telling first."""
    shapes = [
        (encoding, width, batch)
        for encoding, width in [
            ("linear", 100), ("piecewise", 256), ("linear", 1000), ("piecewise", 1000),
            ("linear", 10_000), ("piecewise", 10_000),
        ]
        for batch in BATCHES
    ]  # fmt: skip
    rng = np.random.default_rng(0)
    for encoding, width, batch in shapes[:2] if quick else shapes:
        n_rows = 65_536 // batch * batch
        X = rng.normal(size=(n_rows, 8)).astype(np.float32)
        y = np.sin(2 * X).sum(1)
        y = (y - y.mean()) / y.std()
        # The same inputs for torch, held as a matrix.
        wide = X if encoding == "linear" else rng.normal(size=(n_rows, 392))
        wide = wide.astype(np.float32)
        n_epochs = 5 if batch < 1024 else 7
        arguments = {"device": device, "n_epochs": n_epochs, "encoding": encoding}
        row = {"encoding": encoding, "width": width, "batch": batch}
        row["recorded"] = ours(X, y, width, batch, **arguments)
        row["eager"] = ours(X, y, width, batch, **arguments, recording=False)
        torch_arguments = {"device": device, "n_epochs": n_epochs}
        row["torch"] = plain_torch(wide, y, width, batch, **torch_arguments)
        if (width, batch) in ((100, 200), (1000, 4096)) and not quick:
            row["compiled"] = plain_torch(
                wide, y, width, batch, **torch_arguments, compiled=True
            )
        # On one thread a step of 16,384 rows and 10,000 nodes takes seconds.
        n_rows = min(len(X), max(batch, int(4e9 // (wide.shape[1] * width))))
        if batch * wide.shape[1] * width < 1e10:
            arguments = {"device": "cpu", "n_epochs": 3}
            few, few_wide, few_y = X[:n_rows], wide[:n_rows], y[:n_rows]
            row["cpu"] = ours(few, few_y, width, batch, **arguments, encoding=encoding)
            row["cpu_torch"] = plain_torch(few_wide, few_y, width, batch, **arguments)
        yield row


def many(device, quick):
    """K networks of 100 nodes: of one seed, as in a search, and of several."""
    X, y, _ = make_teacher_student(10_000, n_teacher_nodes=20, random_state=0)
    for n_networks in (1, 4) if quick else (1, 16, 256, 4096):
        for seeds in ("one", "own"):
            row = {"networks": n_networks, "seeds": seeds}
            for place in (device, "cpu"):
                if place == "cpu" and n_networks > 256:
                    continue
                known, plans = {}, []
                for seed in range(n_networks):
                    model = SpectralMLPRegressor(
                        hidden_layer_sizes=100, encoding="linear", alpha=0.0,
                        batch_size=200, max_iter=4 if place == "cpu" else 6,
                        device=place,
                        random_state=0 if seeds == "one" else seed,
                    )  # fmt: skip
                    plans.append(model._plan(*model._read(X, y), known=known))
                start = time.perf_counter()
                with seconds_of_epochs() as seconds, recorded(place == device):
                    train_together(plans)
                whole = time.perf_counter() - start
                n_batches = len(seconds) / (4 if place == "cpu" else 6)
                per_step = median_step(seconds, 50) * n_batches / n_networks
                name = "gpu" if place == device else "cpu"
                row |= {name: per_step, f"{name}_whole_seconds": whole}
            yield row


def search(device, quick):
    """A grid search, all of it, on each device."""
    X, y, _ = make_teacher_student(16_000, n_teacher_nodes=20, random_state=0)
    grid = {"alpha": np.logspace(-5, -2, 4 if quick else 20)}
    grid["learning_rate_init"] = [0.01] if quick else np.logspace(-3, -1.5, 5)
    for width in (100,):
        row = {"width": width}
        for place in (device, "cpu"):
            model = SpectralMLPRegressor(
                hidden_layer_sizes=width, encoding="linear", max_iter=8,
                device=place, random_state=0,
            )  # fmt: skip
            start = time.perf_counter()
            with recorded(place == device):
                SpectralGridSearchCV(model, grid, cv=5, refit=False).fit(X, y)
            row["gpu" if place == device else "cpu"] = time.perf_counter() - start
        yield row


def rows(device, quick):
    """Many rows: an epoch, and the whole fit of two epochs."""
    n_rows = 100_000 if quick else 10_000_000
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, 20), dtype=np.float32)
    y = np.maximum(X[:, :5], 0).sum(1)
    for place, batch in ((device, 512), (device, 16_384), ("cpu", 512)):
        model = SpectralMLPRegressor(
            hidden_layer_sizes=100, encoding="linear", batch_size=batch, max_iter=2,
            device=place, random_state=0,
        )  # fmt: skip
        start = time.perf_counter()
        with seconds_of_epochs() as seconds, recorded(place == device):
            model.fit(X, y)
        whole = time.perf_counter() - start
        yield {
            "device": place, "batch": batch, "epoch": seconds[-1], "whole": whole,
        }  # fmt: skip


TABLES = {"step": step, "many": many, "search": search, "rows": rows}


def shown(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tables", nargs="*", default=list(TABLES))
    parser.add_argument("--seconds", type=float, default=75)
    parser.add_argument("--out", default="gpu.jsonl")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    name = arguments.device
    if name == "cuda":
        name = torch.cuda.get_device_name()
    print(f"{name}; torch {torch.__version__}; CPU on one thread", flush=True)
    with open(arguments.out, "w") as file:
        for table in arguments.tables:
            print(f"\n{table}: {TABLES[table].__doc__}")
            started = time.perf_counter()
            for row in TABLES[table](arguments.device, arguments.quick):
                print("  ".join(f"{k}={shown(v)}" for k, v in row.items()), flush=True)
                print(json.dumps({"table": table, "machine": name} | row), file=file)
                file.flush()
                if time.perf_counter() - started > arguments.seconds:
                    print("  (out of time)")
                    break


if __name__ == "__main__":
    main()
