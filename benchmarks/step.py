"""Microseconds per training step: scikit-learn, plain torch, ours dense and spectral.

Run ``python benchmarks/step.py``. All four fit the same float32 table (10 inputs, one
output) at the same width, batch and number of epochs, with Adam, one after another in
each repetition, with equal numbers of threads. A step is the whole fit divided by its
steps: data checks, permutations, loss curves and all. Ratios are medians over the
repetitions of the ratio within a repetition; "from" and "to" are the smallest and the
largest of spectral/dense, which of seven hold the median with 98 percent.
"""

import argparse
import platform
import time
import warnings

import numpy as np
import sklearn
import torch
from sklearn.neural_network import MLPRegressor
from threadpoolctl import threadpool_limits

from skspectral import SpectralMLPRegressor

N_INPUTS = 10
SHAPES = [
    *(((h,), b) for h in (20, 100, 500) for b in (200, 1024)),
    ((100, 100), 200),
]


def plain_torch(X, y, widths, batch_size, n_epochs):
    """Autograd, nn.Linear, fused Adam, a permutation an epoch, slices of tensors."""
    torch.manual_seed(0)
    layers = []
    for n_in, n_out in zip((N_INPUTS, *widths[:-1]), widths, strict=True):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers, torch.nn.Linear(widths[-1], 1))
    optimiser = torch.optim.Adam(network.parameters(), fused=True, weight_decay=1e-4)
    X, y = torch.from_numpy(X), torch.from_numpy(y)[:, None]
    for _ in range(n_epochs):
        order = torch.randperm(len(X))
        X_epoch, y_epoch = X[order], y[order]
        total = torch.zeros(())
        for start in range(0, len(X), batch_size):
            rows = slice(start, start + batch_size)
            optimiser.zero_grad()
            loss = torch.nn.functional.mse_loss(network(X_epoch[rows]), y_epoch[rows])
            loss.backward()
            optimiser.step()
            total += loss.detach()
        total.item()


def fitters(widths, batch_size, n_epochs):
    """Name and function of the four."""
    common = {"hidden_layer_sizes": widths, "batch_size": batch_size}
    common |= {"max_iter": n_epochs, "random_state": 0}
    mlp = MLPRegressor(**common, tol=0, n_iter_no_change=n_epochs)
    dense = SpectralMLPRegressor(
        encoding="linear", **common, parametrization="dense", device="cpu"
    )
    spectral = SpectralMLPRegressor(encoding="linear", **common, device="cpu")
    return {
        "scikit-learn": mlp.fit,
        "torch": lambda X, y: plain_torch(X, y, widths, batch_size, n_epochs),
        "dense": dense.fit,
        "spectral": spectral.fit,
    }


def measure(widths, batch_size, n_steps, n_repetitions, names=None):
    """Seconds per step of the four, or of those named: (repetitions, fits)."""
    n_batches = 10_000 // batch_size
    n_epochs = max(1, n_steps // n_batches)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_batches * batch_size, N_INPUTS)).astype(np.float32)
    y = np.maximum(X, 0).sum(1).astype(np.float32)
    y = (y - y.mean()) / y.std()
    fits = fitters(widths, batch_size, n_epochs)
    seconds = []
    for _ in range(n_repetitions + 1):
        row = []
        for name in names or fits:
            start = time.perf_counter()
            fits[name](X, y)
            row.append((time.perf_counter() - start) / (n_epochs * n_batches))
        seconds.append(row)
    return np.array(seconds[1:])  # the first repetition warms up


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", nargs="*", type=int, default=[1, 2])
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--steps", type=int, default=2000)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    print(
        f"{platform.machine()}, Python {platform.python_version()}, torch "
        f"{torch.__version__}, scikit-learn {sklearn.__version__}, numpy "
        f"{np.__version__}; {arguments.repetitions} repetitions of "
        f"{arguments.steps} steps, float32"
    )
    for n_threads in arguments.threads:
        torch.set_num_threads(n_threads)
        print(f"\n{n_threads} thread(s): microseconds per step; ratios of times")
        print(
            f"{'widths':>12} {'batch':>6} {'sklearn':>8} {'torch':>8} {'dense':>8} "
            f"{'spectral':>8}  {'sklearn/ours':>12} {'torch/ours':>10} "
            f"{'spectral/dense':>14} {'from':>6} {'to':>6}"
        )
        for widths, batch_size in SHAPES:
            with threadpool_limits(n_threads):
                seconds = measure(
                    widths, batch_size, arguments.steps, arguments.repetitions
                )
            times = "".join(f"{t:9.0f}" for t in 1e6 * np.median(seconds, 0))
            mlp, plain, dense, spectral = seconds.T
            ratios = [np.median(r) for r in (mlp / spectral, plain / spectral)]
            paired = spectral / dense
            print(
                f"{widths!s:>12} {batch_size:>6}{times}  {ratios[0]:12.2f} "
                f"{ratios[1]:10.2f} {np.median(paired):14.3f} {paired.min():6.3f} "
                f"{paired.max():6.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
