"""Many networks at once: on the batch axis, in a loop, and in processes.

Run ``python benchmarks/many.py``. Students of a teacher of 20 nodes (10 inputs, 10,000
rows), 40 epochs each, the same fits three times: "together" in the batches that the
package chooses, "loop" one network after the other, both in one process and one thread,
and "processes" the loop in two joblib processes, which have both cores. Medians over
repetitions of the seconds and of the ratios within a repetition.

* seeds: 30 seeds at each of 8 widths, as the reproduction of the papers trains them;
* search: 20 alphas times 5 folds, a grid search without its bookkeeping;
* ensemble: 16 seeds of one network.
"""

import argparse
import time
import warnings

import numpy as np
import torch
from joblib import Parallel, delayed
from sklearn.model_selection import KFold

from skspectral import SpectralMLPRegressor
from skspectral._estimators.batch_training import train_together
from skspectral._estimators.fit_plan import runs_at_once
from skspectral.datasets import make_teacher_student

WIDTHS = (10, 20, 40, 60, 100, 150, 200, 500)


def plans_of(fits):
    """Plans that share their rows where the fits do."""
    known, plans = {}, []
    for parameters, X, y in fits:
        model = SpectralMLPRegressor(
            encoding="linear", max_iter=40, device="cpu", **parameters
        )
        plans.append(model._plan(*model._read(X, y), known=known))
    return plans


def alone(parameters, X, y):
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    train_together(plans_of([(parameters, X, y)]))


def measure(fits):
    """Seconds together, in a loop and in processes."""
    start = time.perf_counter()
    train_together(plans_of(fits))
    together = time.perf_counter() - start
    start = time.perf_counter()
    for fit in fits:
        alone(*fit)
    loop = time.perf_counter() - start
    start = time.perf_counter()
    Parallel(n_jobs=2)(delayed(alone)(*fit) for fit in fits)
    return together, loop, time.perf_counter() - start


def work(X, y):
    """Names and fits."""
    for width in WIDTHS:
        seeds = [{"hidden_layer_sizes": width, "random_state": s} for s in range(30)]
        yield f"seeds, {width}", [(parameters, X, y) for parameters in seeds]
    folds = [train for train, _ in KFold(5).split(X)]
    tables = [(X[rows], y[rows]) for rows in folds]
    for width in (20, 100):
        common = {"hidden_layer_sizes": width, "random_state": 0}
        grid = [common | {"alpha": alpha} for alpha in np.logspace(-5, -2, 20)]
        yield f"search, {width}", [(p, *rows) for p in grid for rows in tables]
    for width in (50, 256):
        members = [{"hidden_layer_sizes": width, "random_state": s} for s in range(16)]
        yield f"ensemble, {width}", [(parameters, X, y) for parameters in members]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repetitions", type=int, default=3)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    X, y, _ = make_teacher_student(10_000, n_teacher_nodes=20, random_state=0)
    Parallel(n_jobs=2)(delayed(alone)({}, X[:100], y[:100]) for _ in range(2))
    print(
        f"{'':14} {'fits':>5} {'at once':>8} {'together':>9} {'loop':>7} "
        f"{'processes':>10} {'loop/together':>14} {'processes/together':>19}"
    )
    for name, fits in work(X, y):
        seconds = np.array([measure(fits) for _ in range(arguments.repetitions)])
        together, loop, processes = np.median(seconds, 0)
        ratios = np.median(seconds[:, 1:] / seconds[:, :1], 0)
        print(
            f"{name:14} {len(fits):5} {runs_at_once(plans_of(fits[:1])[0]):8} "
            f"{together:9.2f} {loop:7.2f} {processes:10.2f} {ratios[0]:14.2f} "
            f"{ratios[1]:19.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
