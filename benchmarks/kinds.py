"""Which kinds of functions suit a network, and which boosted trees.

Run ``python benchmarks/kinds.py``. Tables are made whose function is known; each
differs from the first, "smooth", in one thing. Both models are at their defaults, ours
once alone and once as an ensemble with ``--ensemble``. Scores are the RMSE over the
standard deviation of the target without noise, on 10,000 test rows without noise: 0 is
the true function, 1 its mean. Means of three draws.
"""

import argparse
import warnings

import numpy as np
from joblib import Parallel, delayed
from sklearn.ensemble import HistGradientBoostingRegressor

from skspectral import SpectralEnsembleRegressor, SpectralMLPRegressor

N_TEST = 10_000


def smooth(x):
    return np.sin(2 * x[:, 0] * x[:, 1]) + np.cos(2 * x[:, 2]) + x[:, 3] * x[:, 4]


def steps(x):
    return sum(np.sign(np.sin(3 * x[:, c] + c)) for c in range(5))


def boxes(x):
    inside = (np.floor(1.5 * x[:, 0]) + np.floor(1.5 * x[:, 1])) % 2
    return 2 * inside + np.sign(x[:, 2]) * np.sign(x[:, 3]) + np.sign(x[:, 4])


def rotated(x):
    """The smooth function, of columns none of which is one of its variables."""
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))[0]
    return smooth(x[:, :5] @ turn)


def line(x):
    slopes = np.random.default_rng(2).normal(size=x.shape[1])
    return x @ slopes + 0.5 * np.maximum(x @ slopes[::-1], 0)


KINDS = {  # function, rows, columns, noise over the spread of the function
    "smooth": (smooth, 4_000, 5, 0.3),
    "smooth, 300 rows": (smooth, 300, 5, 0.3),
    "smooth, 40,000 rows": (smooth, 40_000, 5, 0.3),
    "smooth, no noise": (smooth, 4_000, 5, 0.0),
    "smooth, noise twice the signal": (smooth, 4_000, 5, 2.0),
    "smooth, 50 more columns of noise": (smooth, 4_000, 55, 0.3),
    "smooth, rotated": (rotated, 4_000, 5, 0.3),
    "one bent line in 100 columns": (line, 4_000, 100, 0.3),
    "sum of steps": (steps, 4_000, 5, 0.3),
    "boxes": (boxes, 4_000, 5, 0.3),
}


def measure(kind, seed, ensemble):
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    function, n_rows, n_columns, noise = KINDS[kind]
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, size=(n_rows + N_TEST, n_columns))
    truth = function(X)
    y = truth + noise * truth.std() * rng.normal(size=len(truth))
    models = [
        SpectralMLPRegressor(random_state=seed),
        HistGradientBoostingRegressor(random_state=seed),
    ]
    if ensemble:
        models.append(SpectralEnsembleRegressor(random_state=seed))
    errors = []
    for model in models:
        predicted = model.fit(X[N_TEST:], y[N_TEST:]).predict(X[:N_TEST])
        apart = predicted - truth[:N_TEST]
        errors.append(np.sqrt(np.mean(apart**2)) / truth[:N_TEST].std())
    return [*errors, sum(models[0].core_sizes_)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="*", default=list(KINDS))
    parser.add_argument("--ensemble", action="store_true")
    parser.add_argument("--jobs", type=int, default=1, help="processes, a thread each")
    arguments = parser.parse_args()
    title = f"{'':34}{'ours':>7}{'trees':>7}"
    print(title + ("  ensemble" if arguments.ensemble else "") + "  nodes")
    for kind in arguments.only:
        found = Parallel(n_jobs=arguments.jobs)(
            delayed(measure)(kind, seed, arguments.ensemble) for seed in range(3)
        )
        *errors, core = np.mean(found, 0)
        line = f"{kind:34}" + "".join(f"{error:7.3f}" for error in errors[:2])
        line += "".join(f"{error:10.3f}" for error in errors[2:])
        print(f"{line}{core:7.0f}", flush=True)


if __name__ == "__main__":
    main()
