"""Whether probabilities mean what they say: calibration beside boosted trees.

Run ``python benchmarks/calibration.py``. On adult and letter (read from the folder
named by SKSPECTRAL_TABLES), 80/20 splits, all at their defaults on one thread: the
expected calibration error, in 15 bins of the probability of the predicted class (C.
Guo, G. Pleiss, Y. Sun, K. Weinberger, "On calibration of modern neural networks", ICML
2017), and the log-loss; of our network also after temperature scaling by scikit-learn's
CalibratedClassifierCV, where it has that (1.8).
"""

import argparse
import warnings

import numpy as np
from joblib import delayed
from kept import Kept
from peers import frame, with_categories
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skspectral import SpectralMLPClassifier

TABLES = ("adult", "letter")
MODELS = ("ours", "ours, temperature", "trees")
N_BINS = 15


def calibration_error(truth, probabilities, classes):
    """Mean distance of accuracy and confidence over bins, weighted by their rows."""
    confidence = probabilities.max(1)
    right = classes[probabilities.argmax(1)] == truth
    bins = np.minimum((confidence * N_BINS).astype(int), N_BINS - 1)
    mass = np.bincount(bins, minlength=N_BINS)
    apart = np.bincount(bins, confidence - right, minlength=N_BINS)
    return float(np.abs(apart).sum() / mass.sum())


def measure(name, model, seed):
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    X, y = frame(name)
    X_a, X_b, y_a, y_b = train_test_split(
        with_categories(X, X), y, test_size=0.2, random_state=seed, stratify=y
    )
    estimator = SpectralMLPClassifier(random_state=seed)
    if model == "trees":
        estimator = HistGradientBoostingClassifier(
            categorical_features="from_dtype", random_state=seed
        )
    if "temperature" in model:
        estimator = CalibratedClassifierCV(
            estimator, method="temperature", cv=3, ensemble=False
        )
    estimator.fit(X_a, y_a)
    probabilities = estimator.predict_proba(X_b)
    return {
        "error": calibration_error(y_b, probabilities, estimator.classes_),
        "log_loss": float(log_loss(y_b, probabilities)),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--splits", type=int, default=3)
    kept = Kept(parser, "calibration")
    arguments = parser.parse_args()
    kept.open(arguments)
    for name in TABLES:
        if frame(name) is None:
            print(f"{name:8} absent")
            continue
        for model in MODELS:
            tag = model.replace(", ", "_")
            own = kept.results(
                {
                    f"{name}-{tag}-{seed}": delayed(measure)(name, model, seed)
                    for seed in range(arguments.splits)
                }
            )
            error, loss = (
                np.mean([r[key] for r in own]) for key in ("error", "log_loss")
            )
            print(
                f"{name:8} {model:18} calibration error {error:.4f}  "
                f"log-loss {loss:.4f}",
                flush=True,
            )
    kept.pack()


if __name__ == "__main__":
    main()
