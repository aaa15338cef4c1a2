"""Seconds of whole fits with all defaults, beside scikit-learn's default MLP.

Run ``python benchmarks/fits.py``. Each table is fitted whole, on one thread. In each
repetition ours and scikit-learn's MLP are fitted one after the other with the same
seed; which of them goes first alternates. Seconds and steps are medians over the
repetitions, "ours / MLP" is the median of the ratio within a repetition. A step is one
minibatch.

scikit-learn's MLP stands behind StandardScaler, and in regression its targets are
standardised too; ours standardises inside. The time of both is part of the fit. The
MLP ends when its loss no longer falls, or after 200 epochs. Ours takes 8,000 steps or
more, since a core needs them. California Housing is skipped where scikit-learn has not
downloaded it.
"""

import argparse
import math
import platform
import time
import warnings

import numpy as np
import sklearn
import torch
from sklearn import datasets
from sklearn.compose import TransformedTargetRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skspectral import SpectralMLPClassifier, SpectralMLPRegressor

TABLES = {
    "iris": datasets.load_iris,
    "diabetes": datasets.load_diabetes,
    "digits": datasets.load_digits,
    "california": lambda return_X_y: datasets.fetch_california_housing(
        return_X_y=return_X_y, download_if_missing=False
    ),
}
REGRESSION = ("diabetes", "california")


def spectral(name, seed):
    """Ours at its defaults, and a function for the steps of its fit on n rows."""
    kind = SpectralMLPRegressor if name in REGRESSION else SpectralMLPClassifier
    model = kind(encoding="linear", random_state=seed)

    def n_steps(n):
        batch_size = min(512, max(64, n // 40))  # what batch_size="auto" stands for
        return model.n_iter_ * math.ceil(n / batch_size)

    return model, n_steps


def mlp(name, seed):
    """scikit-learn's network behind scalers, and a function for its steps."""
    kind = MLPRegressor if name in REGRESSION else MLPClassifier
    model = make_pipeline(StandardScaler(), kind(random_state=seed))
    if name in REGRESSION:
        model = TransformedTargetRegressor(model, transformer=StandardScaler())

    def n_steps(n):
        network = getattr(model, "regressor_", model)[-1]
        return network.n_iter_ * math.ceil(n / min(200, n))

    return model, n_steps


def measure(name, X, y, n_repetitions):
    """Seconds and steps of ours and of the MLP: two arrays (repetitions, 2)."""
    seconds, steps = np.zeros((2, n_repetitions, 2))
    for r in range(n_repetitions):
        fits = [(0, spectral), (1, mlp)]
        for column, make in fits if r % 2 == 0 else fits[::-1]:
            model, n_steps = make(name, r)
            start = time.perf_counter()
            model.fit(X, y)
            seconds[r, column] = time.perf_counter() - start
            steps[r, column] = n_steps(len(y))
    return seconds, steps


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=TABLES, help="names of tables")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # most MLPs have not converged after 200 epochs
    torch.set_num_threads(1)
    print(
        f"{platform.machine()}, Python {platform.python_version()}, torch "
        f"{torch.__version__}, scikit-learn {sklearn.__version__}, numpy "
        f"{np.__version__}; medians of {arguments.repetitions} repetitions, one thread"
    )
    print(
        f"{'table':12}{'rows':>7}{'ours: s':>9}{'steps':>8}{'MLP: s':>9}{'steps':>8}"
        f"{'ours / MLP':>12}{'from':>7}{'to':>7}"
    )
    with threadpool_limits(1):
        # The first fit of a process also loads and warms up libraries.
        for name in ("iris", "diabetes"):
            X, y = TABLES[name](return_X_y=True)
            for make in (spectral, mlp):
                make(name, 0)[0].fit(X, y)
        for name in arguments.only or TABLES:
            try:
                X, y = TABLES[name](return_X_y=True)
            except OSError:
                print(f"{name:12} absent")
                continue
            seconds, steps = measure(name, X, y, arguments.repetitions)
            ours, theirs = np.median(seconds, 0)
            our_steps, their_steps = np.median(steps, 0)
            ratio = seconds[:, 0] / seconds[:, 1]
            print(
                f"{name:12}{len(y):7}{ours:9.2f}{our_steps:8.0f}{theirs:9.2f}"
                f"{their_steps:8.0f}{np.median(ratio):12.2f}{ratio.min():7.2f}"
                f"{ratio.max():7.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
