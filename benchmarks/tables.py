"""Test scores on tables: default estimators beside scikit-learn's default MLP.

Run ``python benchmarks/tables.py``. Each table is split 80/20 five times (ten times
below 2,000 rows, with three seeds of the networks each, since a test set of 36 rows
says little). scikit-learn's MLP stands behind StandardScaler, and its targets are
standardised by TransformedTargetRegressor. Ours standardises columns and targets inside
and gets them raw. Categories are one-hot for both. Regression is scored by the RMSE in
units of the target's standard deviation, classification by error rate and log-loss:
lower is better throughout. "raw targets" is the RMSE of scikit-learn's MLP without the
scaling of the targets; it enters no comparison.

Two tables were kept out of the choice of the defaults: they are marked "held out".
Tables beyond scikit-learn's own are read from the folder named by the environment
variable SKSPECTRAL_TABLES (``<name>.csv.gz``, target last) and skipped without it.
"""

import argparse
import ast
import json
import os
import time
import warnings
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from sklearn import datasets
from sklearn.compose import (
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.impute import SimpleImputer
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skspectral import SpectralMLPClassifier, SpectralMLPRegressor

HELD_OUT = ("bike_sharing", "letter")
REGRESSION = ("diabetes", "california", "kin8nm", "wine_quality", "bike_sharing")
BUNDLED = ("diabetes", "iris", "wine", "breast_cancer", "digits", "california")
TABLES = ("kin8nm", "wine_quality", "bike_sharing", "letter", "adult")


def load(name):
    """X (a frame or an array) and y of a table; None where it is absent."""
    if name == "california":
        try:
            return datasets.fetch_california_housing(
                return_X_y=True, download_if_missing=False
            )
        except OSError:
            return None
    if name in BUNDLED:
        return getattr(datasets, f"load_{name}")(return_X_y=True)
    import pandas as pd

    path = Path(os.environ.get("SKSPECTRAL_TABLES", "")) / f"{name}.csv.gz"
    if not path.is_file():
        return None
    frame = pd.read_csv(path)
    return frame.iloc[:, :-1], frame.iloc[:, -1].to_numpy()


def splits(name):
    """Encoded training and test sets of each split."""
    loaded = load(name)
    if loaded is None:
        return
    X, y = loaded
    stratify = None if name in REGRESSION else y
    for seed in range(10 if len(y) < 2000 else 5):
        X_a, X_b, y_a, y_b = train_test_split(
            X, y, test_size=0.2, random_state=seed, stratify=stratify
        )
        if hasattr(X_a, "columns"):
            encode = make_column_transformer(
                (
                    make_pipeline(SimpleImputer()),
                    make_column_selector(dtype_include="number"),
                ),
                (
                    OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                    make_column_selector(dtype_exclude="number"),
                ),
            )
            X_a, X_b = encode.fit_transform(X_a), encode.transform(X_b)
        yield seed, X_a, X_b, y_a, y_b


def measure(model, X_a, X_b, y_a, y_b):
    """Scores of one fit, its seconds, and the core where there is one."""
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X_a, y_a)
    result = {"seconds": time.perf_counter() - start}
    predicted = model.predict(X_b)
    if hasattr(model, "predict_proba"):
        result["error"] = float(np.mean(predicted != y_b))
        result["log_loss"] = float(log_loss(y_b, model.predict_proba(X_b)))
    else:
        deviation = np.sqrt(np.mean((predicted - y_b) ** 2))
        result["rmse"] = float(deviation / np.std(y_b))
    if hasattr(model, "core_sizes_"):
        result["core"] = [*model.core_sizes_, len(model.feature_relevance_)]
    return result


def one_split(name, seed, state, who, changes):
    """Scores of one network on one split."""
    import torch

    torch.set_num_threads(1)
    data = next(data for number, *data in splits(name) if number == seed)
    if who != "ours":
        kind = MLPRegressor if name in REGRESSION else MLPClassifier
        model = make_pipeline(StandardScaler(), kind(random_state=state))
        if who == "mlp_scaled_targets":
            model = TransformedTargetRegressor(model, transformer=StandardScaler())
    else:
        regression = name in REGRESSION
        kind = SpectralMLPRegressor if regression else SpectralMLPClassifier
        model = kind(random_state=state, **({"encoding": "linear"} | changes))
    return measure(model, *data)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="*", help="names of tables")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument("--out", default="out/tables", help="folder of the results")
    parser.add_argument("--jobs", type=int, default=2, help="processes, a thread each")
    arguments = parser.parse_args()
    changes = {}
    for item in arguments.set:
        key, value = item.split("=")
        try:
            changes[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            changes[key] = value
    folder = Path(arguments.out)
    folder.mkdir(parents=True, exist_ok=True)
    label = ",".join(sorted(arguments.set)) or "default"
    print(f"ours: {label}")
    wins = []
    for name in arguments.only or (*BUNDLED, *TABLES):
        loaded = load(name)
        if loaded is None:
            print(f"{name:14} absent")
            continue
        small = len(loaded[1]) < 2000
        seeds = range(10 if small else 5)
        states = range(3 if small else 1)
        if name in REGRESSION:
            baseline, others = "mlp_scaled_targets", ["mlp_raw_targets"]
        else:
            baseline, others = "mlp", []
        results = {}
        for who in (baseline, "ours", *others):
            path = folder / f"{name}-{label if who == 'ours' else who}.json"
            if not path.is_file():
                jobs = (
                    delayed(one_split)(name, s, s + 100 * t, who, changes)
                    for s in seeds
                    for t in states
                )
                parallel = Parallel(n_jobs=arguments.jobs, inner_max_num_threads=1)
                path.write_text(json.dumps(parallel(jobs)))
            results[who] = json.loads(path.read_text())
        line = f"{name:14}"
        for metric in ("rmse", "error", "log_loss"):
            if metric not in results["ours"][0]:
                continue
            # mean over the seeds of a split: the splits are the sample
            shape = (len(seeds), len(states))
            mlp = np.reshape([r[metric] for r in results[baseline]], shape).mean(1)
            ours = np.reshape([r[metric] for r in results["ours"]], shape).mean(1)
            bound = (ours - mlp).std(ddof=1) / np.sqrt(len(ours))
            verdict = "ok  " if ours.mean() - mlp.mean() <= bound else "WORSE"
            wins.append(np.log(ours.mean() / mlp.mean()))
            line += f" {metric} {ours.mean():.4f} mlp {mlp.mean():.4f}"
            line += f" se {bound:.4f} {verdict}"
        for who in others:
            line += f" raw targets {np.mean([r['rmse'] for r in results[who]]):.4f}"
        ours, mlp = (
            np.median([r["seconds"] for r in results[who]])
            for who in ("ours", baseline)
        )
        line += f"  s {ours:.2f} mlp {mlp:.2f}"
        if "core" in results["ours"][0]:
            core, width = np.mean([r["core"] for r in results["ours"]], 0)
            line += f"  core {core:.1f} of {width:.0f}"
        print(line + ("  held out" if name in HELD_OUT else ""), flush=True)
    print(f"geometric mean of ours / mlp: {np.exp(np.mean(wins)):.4f}")


if __name__ == "__main__":
    main()
