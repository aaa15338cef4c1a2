"""Which inputs matter: gates of the inputs against the truth, and against the peers.

The two Gaussian tasks of Chicchi et al. (Commun. Phys. 2026): 60,000 rows of 20 columns
of which 11 are shifted between the classes, equally spaced in 0.2 ... 1.4; 100,000 rows
of 4 pairs whose marginals tell nothing, and 2 columns of noise. LassoNet is asked where
it is installed.
"""

import argparse
import time
import warnings

import numpy as np
import torch
from scipy.stats import spearmanr
from sklearn.inspection import permutation_importance
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from skspectral import SpectralMLPClassifier, null_importances

SIGMA = 0.5


def shifted(rng, n_rows=60_000):
    shifts = np.zeros(20)
    shifts[rng.permutation(20)[:11]] = np.linspace(0.2, 1.4, 11)
    y = rng.integers(0, 2, n_rows)
    return SIGMA * rng.normal(size=(n_rows, 20)) + y[:, None] * shifts, y, shifts


def pairs(rng, n_rows=100_000):
    y = rng.integers(0, 2, n_rows)
    X = SIGMA * rng.normal(size=(n_rows, 10))
    for pair, probability in enumerate((0.7, 0.8, 0.4, 0.6)):
        flip = np.where((rng.random(n_rows) < probability) & (y == 1), -1, 1)
        X[:, 2 * pair + 1] = X[:, 2 * pair] * flip
    order = rng.permutation(10)
    return X[:, order], y, (order < 8).astype(float)


def timed(function):
    start = time.perf_counter()
    result = function()
    return result, time.perf_counter() - start


def lassonet_importances(X, y):
    try:
        from lassonet import LassoNetClassifier
    except ImportError:
        return None
    model = LassoNetClassifier(hidden_dims=(50,), verbose=0, torch_seed=0)
    model.path(X.astype(np.float32), y)
    return model.feature_importances_.numpy()


def report(name, truth, importances, seconds):
    relevant = truth > 0
    wrong = (importances[~relevant].max() >= importances[relevant]).sum()
    area = roc_auc_score(relevant, importances)
    line = f"  {name:24} {seconds:6.1f} s  AUC {area:.3f}"
    line += f"  relevant inputs below a noise one: {wrong}"
    line += f"  largest of noise {importances[~relevant].max():.1e}"
    line += f", least relevant {importances[relevant].min():.1e}"
    if len(np.unique(truth)) > 2:
        order = spearmanr(truth[relevant], importances[relevant]).statistic
        line += f"  rank correlation {order:.3f}"
    print(line, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--peers", type=int, default=2, help="seeds with the peers")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for task in (shifted, pairs):
        print(task.__name__)
        for seed in range(options.seeds):
            X, y, truth = task(np.random.default_rng(seed))
            model = SpectralMLPClassifier(
                encoding="linear",
                hidden_layer_sizes=50,
                gate="in",
                alpha=1e-3,
                random_state=seed,
            )
            _, seconds = timed(lambda m=model, X=X, y=y: m.fit(X, y))
            report(f"gates, seed {seed}", truth, model.feature_importances_, seconds)
            if seed >= options.peers:
                continue
            found, seconds = timed(
                lambda m=model, X=X, y=y: null_importances(
                    m, X, y, n_repeats=10, level=0.1, random_state=0
                )
            )
            means = found.importances_mean
            report("null_importances, 10", truth, means, seconds)
            above = int((found.stability == 1).sum())
            print(f"  {'':24} above every copy, always: {above} of {len(truth)}")
            found, seconds = timed(
                lambda m=model, X=X, y=y: permutation_importance(
                    m, X, y, scoring="neg_log_loss", n_repeats=5, random_state=0
                )
            )
            report("permutation_importance", truth, found.importances_mean, seconds)
            agreement = spearmanr(found.importances_mean, model.feature_importances_)
            print(f"  {'':24} rank agreement with the gates {agreement.statistic:.3f}")
            found, seconds = timed(lambda X=X, y=y: lassonet_importances(X, y))
            if found is None:
                print("  LassoNet is not installed: not measured")
            else:
                report("LassoNet", truth, found, seconds)


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
