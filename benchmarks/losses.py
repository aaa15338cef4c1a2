"""Losses of the regressor beside those of HistGradientBoostingRegressor.

Run ``python benchmarks/losses.py``. On bike sharing (the folder of it is named by the
environment variable SKSPECTRAL_TABLES), 80/20 splits with ``random_state`` 0 to 4, all
at their defaults on one thread:

* counts: mean Poisson deviance, of both with ``loss="poisson"``;
* quantiles 0.05, 0.5 and 0.95: pinball loss, share of the test rows below each curve,
  rows on which curves cross;
* with ``--only alphas``, how "auto" was chosen for quantiles: half, once and twice
  that alpha on four other tables, of 8,000 rows at most;
* outliers: 2 % of the training targets times 100, and the median absolute error on
  clean test rows, beside that of the same fit on clean ones;
* with ``--steps``: seconds of a training step under each loss over those under squared
  error, medians of paired fits; nothing else should run then.
"""

import argparse
import time
import warnings

import numpy as np
from joblib import delayed
from kept import Kept
from peers import frame, with_categories
from sklearn.base import clone
from sklearn.datasets import make_regression
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import (
    mean_pinball_loss,
    mean_poisson_deviance,
    median_absolute_error,
)
from sklearn.model_selection import train_test_split

from skspectral import SpectralMLPRegressor

LEVELS = [0.05, 0.5, 0.95]
N_SPLITS = 5
MOST_ROWS = 8_000
OUTLIERS = {
    "squared_error": {"loss": "squared_error"},
    "absolute_error": {"loss": "absolute_error"},
    "huber": {"loss": "huber"},
    "huber, delta=0.25": {"loss": "huber", "delta": 0.25},
    "huber, delta=1": {"loss": "huber", "delta": 1.0},
}
CHOSEN_ON = ("wine_quality", "kin8nm", "diabetes", "california")
FACTORS = (0.5, 1.0, 2.0)  # of alpha="auto"
STEPS = {
    "absolute_error": {},
    "huber": {},
    "quantile": {"quantile": 0.9},
    "poisson": {},
    "gamma": {},
    "tweedie": {},
}


def split(seed):
    X, y = frame("bike_sharing")
    return train_test_split(with_categories(X, X), y, random_state=seed, test_size=0.2)


def trees(seed, **parameters):
    return HistGradientBoostingRegressor(
        random_state=seed, categorical_features="from_dtype", **parameters
    )


def of_counts(seed):
    X_a, X_b, y_a, y_b = split(seed)
    ours = SpectralMLPRegressor(loss="poisson", random_state=seed).fit(X_a, y_a)
    theirs = trees(seed, loss="poisson").fit(X_a, y_a)
    deviances = [mean_poisson_deviance(y_b, m.predict(X_b)) for m in (ours, theirs)]
    return {"deviance": deviances, "core": sum(ours.core_sizes_)}


def of_quantiles(seed):
    X_a, X_b, y_a, y_b = split(seed)
    ours = SpectralMLPRegressor(loss="quantile", quantile=LEVELS, random_state=seed)
    curves = ours.fit(X_a, y_a).predict(X_b)
    alone = [
        SpectralMLPRegressor(loss="quantile", quantile=level, random_state=seed)
        .fit(X_a, y_a)
        .predict(X_b)
        for level in LEVELS
    ]
    theirs = [
        trees(seed, loss="quantile", quantile=level).fit(X_a, y_a).predict(X_b)
        for level in LEVELS
    ]
    result = {"core": sum(ours.core_sizes_)}
    for name, found in (("curves", curves.T), ("alone", alone), ("trees", theirs)):
        result[name] = {
            "pinball": [
                mean_pinball_loss(y_b, own, alpha=level)
                for own, level in zip(found, LEVELS, strict=True)
            ],
            "below": [float(np.mean(y_b <= own)) for own in found],
            "crossing": int((np.diff(found, axis=0) < 0).any(0).sum()),
            "width": float(np.mean(found[-1] - found[0])),
        }
    return result


def of_outliers(seed):
    X_a, X_b, y_a, y_b = split(seed)
    rng = np.random.default_rng(seed)
    spoilt = y_a.astype(float)
    spoilt[rng.choice(len(y_a), round(0.02 * len(y_a)), replace=False)] *= 100
    found = {}
    for name, parameters in OUTLIERS.items():
        found[name] = [
            median_absolute_error(
                y_b,
                SpectralMLPRegressor(random_state=seed, **parameters)
                .fit(X_a, targets)
                .predict(X_b),
            )
            for targets in (y_a, spoilt)
        ]
    return found


def of_alpha(seed):
    """Share of rows below each curve and pinball losses, by table and alpha."""
    found = {}
    for name in CHOSEN_ON:
        X, y = frame(name)
        X, y = X.iloc[:MOST_ROWS], y[:MOST_ROWS]
        X_a, X_b, y_a, y_b = train_test_split(X, y, random_state=seed, test_size=0.2)
        for factor in FACTORS:
            model = SpectralMLPRegressor(
                loss="quantile", quantile=LEVELS, random_state=seed
            )
            alpha = clone(model).set_params(max_iter=1).fit(X_a, y_a).alpha_
            curves = model.set_params(alpha=factor * alpha).fit(X_a, y_a).predict(X_b).T
            found[f"{name} {factor}"] = {
                "below": [float(np.mean(y_b <= own)) for own in curves],
                "pinball": [
                    mean_pinball_loss(y_b, own, alpha=level)
                    for own, level in zip(curves, LEVELS, strict=True)
                ],
            }
    return found


PARTS = {
    "counts": of_counts,
    "quantiles": of_quantiles,
    "outliers": of_outliers,
    "alphas": of_alpha,
}


def measure(part, seed):
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    return PARTS[part](seed)


def time_steps():
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    X, y = make_regression(16_000, 10, noise=20.0, random_state=0)
    y = np.exp(y / y.std())
    for width in (20, 256):

        def seconds(loss, width=width, **parameters):
            model = SpectralMLPRegressor(
                hidden_layer_sizes=width, loss=loss, encoding="linear", max_iter=60,
                alpha=1e-9, batch_size=400, random_state=0, **parameters,
            )  # fmt: skip
            start = time.process_time()
            model.fit(X, y)
            return time.process_time() - start

        seconds("squared_error")
        for loss, parameters in STEPS.items():
            ratios = [
                seconds(loss, **parameters) / seconds("squared_error")
                for _ in range(11)
            ]
            print(f"steps, {width} nodes: {loss:15} {np.median(ratios):.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="*", default=list(PARTS)[:3], choices=PARTS)
    kept = Kept(parser, "losses")
    parser.add_argument("--steps", action="store_true")
    arguments = parser.parse_args()
    if arguments.steps:
        time_steps()
        return
    if frame("bike_sharing") is None:
        print("bike_sharing is absent")
        return
    kept.open(arguments)
    results = {}
    for part in arguments.only:
        results[part] = kept.results(
            {f"{part}-{seed}": delayed(measure)(part, seed) for seed in range(N_SPLITS)}
        )
    kept.pack()
    if "counts" in results:
        own = results["counts"]
        ours, theirs = np.mean([r["deviance"] for r in own], 0)
        core = np.mean([r["core"] for r in own])
        print(
            f"Poisson deviance: ours {ours:.3f} ({core:.0f} nodes), "
            f"HistGradientBoosting {theirs:.3f}, ratio {ours / theirs:.3f}"
        )
    if "quantiles" in results:
        own = results["quantiles"]
        for name in ("curves", "alone", "trees"):
            pinball = np.mean([r[name]["pinball"] for r in own], 0)
            below = np.mean([r[name]["below"] for r in own], 0)
            crossing = np.mean([r[name]["crossing"] for r in own])
            width = np.mean([r[name]["width"] for r in own])
            against = np.mean([r["trees"]["pinball"] for r in own], 0)
            print(
                f"quantiles, {name:6} below "
                + " ".join(f"{b:.3f}" for b in below)
                + "  pinball "
                + " ".join(f"{p:.3f}" for p in pinball)
                + f" (over trees {np.mean(pinball / against):.3f}, in sum "
                f"{pinball.sum() / against.sum():.3f})  width {width:.1f}  "
                f"rows that cross {crossing:.0f}"
            )
    if "alphas" in results:
        for factor in FACTORS:
            apart, over = [], []
            for own in results["alphas"]:
                for name in CHOSEN_ON:
                    low, _, high = own[f"{name} {factor}"]["below"]
                    apart.append(abs(high - low - 0.9))
                    pinball = own[f"{name} {factor}"]["pinball"]
                    base = own[f"{name} {FACTORS[0]}"]["pinball"]
                    over += np.divide(pinball, base).tolist()
            print(
                f"alpha, {factor:3} times auto: coverage of 0.9 missed by "
                f"{np.mean(apart):.3f}, pinball {np.mean(over):.3f} times that of "
                f"{FACTORS[0]}"
            )
    if "outliers" in results:
        own = results["outliers"]
        for loss in OUTLIERS:
            clean, spoilt = np.mean([r[loss] for r in own], 0)
            print(
                f"outliers, {loss:17} median absolute error {clean:.2f} clean, "
                f"{spoilt:.2f} with outliers, {spoilt / clean - 1:+.1%}"
            )


if __name__ == "__main__":
    main()
