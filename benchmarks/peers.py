"""Test scores of default estimators: ours, MLPs, boosted trees, networks for tables.

Run ``python benchmarks/peers.py``. Each table is split 80/20 with ``random_state`` 0 to
4, stratified for classes. All run on one thread and with their defaults. Ours gets the
table as it is: one network, one that chooses alpha (cv), and an ensemble. The MLP of
scikit-learn stands behind a one-hot encoder and StandardScaler; in "mlp" its targets
are standardised too, "mlp_stops" has early stopping as well, "mlp_plain" neither.
HistGradientBoosting and LightGBM get categories as the dtype "category". Of pytabkit
(``pip install -r benchmarks/requirements-peers.txt``, in an environment of its own)
there are RealMLP_TD_S ("realmlp_s"), RealMLP_TD ("realmlp") and TabM_D ("tabm"); these
are slow and only run where ``--models`` names them. Scores are the RMSE over the
standard deviation of the test target, or the log-loss: lower is better. Seconds are
those of the processor: each fit is one thread, and other work then moves them less.
"predict" is for 10,000 rows, "bytes" the size of the pickle.

Tables marked "held out" had no part in the choice of the defaults. Tables beyond
scikit-learn's own are read from the folder named by the environment variable
SKSPECTRAL_TABLES (``<name>.csv.gz``, target last) and skipped without it. LightGBM is
skipped where it is not installed.
"""

import argparse
import json
import pickle
import time
import warnings

import numpy as np
from joblib import delayed
from kept import Kept
from sklearn.compose import (
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.datasets import make_friedman1
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from tables import REGRESSION, load

from skspectral import (
    SpectralEnsembleClassifier,
    SpectralEnsembleRegressor,
    SpectralMLPClassifier,
    SpectralMLPClassifierCV,
    SpectralMLPRegressor,
    SpectralMLPRegressorCV,
)

OPEN = ("california", "bike_sharing", "adult", "letter", "kin8nm", "wine_quality")
BUNDLED = ("diabetes", "iris", "wine", "breast_cancer", "digits")
MADE = ("friedman1", "california_noise")  # the latter with 20 columns of noise
HELD_OUT = ("letter", "digits", "wine")
MODELS = ("ours", "cv", "ensemble", "mlp", "mlp_stops", "hgb", "lightgbm")
SLOW = ("realmlp_s", "realmlp", "tabm")
OURS = {
    "ours": (SpectralMLPRegressor, SpectralMLPClassifier),
    "cv": (SpectralMLPRegressorCV, SpectralMLPClassifierCV),
    "ensemble": (SpectralEnsembleRegressor, SpectralEnsembleClassifier),
}
N_PREDICTED = 10_000


def is_regression(name):
    return name in (*REGRESSION, *MADE)


def frame(name):
    """X as a frame, and y; None where the table is absent."""
    import pandas as pd

    if name == "friedman1":
        X, y = make_friedman1(1000, noise=1.0, random_state=0)
    elif name == "california_noise":
        loaded = load("california")
        if loaded is None:
            return None
        noise = np.random.default_rng(0).normal(size=(len(loaded[1]), 20))
        X, y = np.hstack([loaded[0], noise]), loaded[1]
    else:
        loaded = load(name)
        if loaded is None:
            return None
        X, y = loaded
    X = pd.DataFrame(X)
    X.columns = [str(c) for c in X.columns]
    return X, np.asarray(y)


def with_categories(X, like):
    """The frame, with strings as the categories of all rows."""
    import pandas as pd

    X = X.copy()
    for column in X.select_dtypes(exclude="number"):
        X[column] = pd.Categorical(
            X[column], like[column].astype("category").cat.categories
        )
    return X


def make_model(who, name, seed, changes):
    regression = is_regression(name)
    if who in OURS:
        kind = OURS[who][0 if regression else 1]
        return kind(random_state=seed, **changes)
    if who in SLOW:
        import pytabkit

        name = {"realmlp_s": "RealMLP_TD_S", "realmlp": "RealMLP_TD", "tabm": "TabM_D"}
        kind = getattr(
            pytabkit, f"{name[who]}_{'Regressor' if regression else 'Classifier'}"
        )
        return kind(random_state=seed, n_threads=1, device="cpu")
    if who == "hgb":
        kind = (
            HistGradientBoostingRegressor
            if regression
            else HistGradientBoostingClassifier
        )
        return kind(random_state=seed, categorical_features="from_dtype")
    if who == "lightgbm":
        from lightgbm import LGBMClassifier, LGBMRegressor

        kind = LGBMRegressor if regression else LGBMClassifier
        return kind(random_state=seed, n_jobs=1, verbose=-1)
    encode = make_column_transformer(
        (SimpleImputer(), make_column_selector(dtype_include="number")),
        (
            OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            make_column_selector(dtype_exclude="number"),
        ),
    )
    kind = MLPRegressor if regression else MLPClassifier
    stops = who == "mlp_stops"
    mlp = kind(random_state=seed, early_stopping=stops)
    model = make_pipeline(encode, StandardScaler(), mlp)
    if regression and who != "mlp_plain":
        return TransformedTargetRegressor(model, transformer=StandardScaler())
    return model


def measure(who, name, seed, changes):
    """Score, seconds and more of one fit on one split."""
    import torch

    torch.set_num_threads(1)
    X, y = frame(name)
    regression = is_regression(name)
    rows = train_test_split(
        np.arange(len(y)),
        test_size=0.2,
        random_state=seed,
        stratify=None if regression else y,
    )
    if who in ("hgb", "lightgbm"):
        X = with_categories(X, X)
    elif who in SLOW:  # pytabkit takes strings as objects for categories
        strings = X.select_dtypes(exclude="number").columns
        X = X.astype(dict.fromkeys(strings, object))
    X_a, X_b = (X.iloc[own] for own in rows)
    y_a, y_b = (y[own] for own in rows)
    model = make_model(who, name, seed, changes)
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X_a, y_a)
        fitted = time.process_time()
        if regression:
            outputs = model.predict(X_b)
            score = np.sqrt(np.mean((outputs - y_b) ** 2)) / np.std(y_b)
        else:
            score = log_loss(y_b, model.predict_proba(X_b))
        many = X_b.iloc[np.arange(N_PREDICTED) % len(X_b)]
        begin = time.process_time()
        model.predict(many)
        predict = time.process_time() - begin
    result = {"score": float(score), "seconds": fitted - start, "predict": predict}
    try:
        result["bytes"] = len(pickle.dumps(model))
    except Exception:  # some hold what cannot be pickled
        result["bytes"] = None
    if who in OURS:
        sizes = model.core_sizes_ if who == "ensemble" else [model.core_sizes_]
        result["core"] = float(np.mean([sum(own) for own in sizes]))
        first = model.members_[0] if who == "ensemble" else model
        result["inputs"] = first.eigenvectors_[0].shape[1]
        choice = getattr(model, "choice_", model)
        result["alpha"] = float(choice.alpha_)
        result["encoding"] = getattr(choice, "encoding_", choice.encoding)
    if who == "cv":
        result["tried"] = [
            [model.encodings_[e], float(model.alphas_[a])]
            for e, a in np.argwhere(np.isfinite(model.scores_path_).any(-1))
        ]
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="*", default=[*OPEN, *BUNDLED, *MADE])
    parser.add_argument("--models", nargs="*", default=MODELS, help=f"also {SLOW}")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    kept = Kept(parser, "peers")
    arguments = parser.parse_args()
    changes = {}
    for item in arguments.set:
        key, value = item.split("=")
        try:
            changes[key] = json.loads(value)
        except ValueError:
            changes[key] = value
    kept.open(arguments)
    label = ",".join(sorted(arguments.set))
    print("ours: " + (label or "defaults"))
    tables = {}
    for name in arguments.only:
        if frame(name) is None:
            print(f"{name:17} absent")
            continue
        results = {}
        for who in arguments.models:
            tag = f"{who}({label})" if who in OURS and label else who
            jobs = {
                f"{name}-{tag}-{seed}": delayed(measure)(who, name, seed, changes)
                for seed in range(arguments.splits)
            }
            try:
                results[who] = kept.results(jobs)
            except ImportError:
                continue
        tables[name] = results
        print(f"{name}{'  held out' if name in HELD_OUT else ''}")
        print(f"  {'':10} {'score':>7} {'fit s':>7} {'predict s':>9} {'KB':>8} core")
        for who, own in results.items():
            score = np.mean([r["score"] for r in own])
            seconds, predict = (
                np.median([r[key] for r in own]) for key in ("seconds", "predict")
            )
            size = own[0].get("bytes")
            size = "" if size is None else f"{size / 1e3:.0f}"
            line = f"  {who:10} {score:7.4f} {seconds:7.1f} {predict:9.3f} {size:>8}"
            if "core" in own[0]:
                line += f" {np.mean([r['core'] for r in own]):.0f}"
            print(line, flush=True)
    kept.pack()
    counted = [name for name in tables if name not in MADE]
    everywhere = [w for w in arguments.models if all(w in tables[n] for n in counted)]
    scores = np.array(
        [
            [np.mean([r["score"] for r in tables[name][who]]) for who in everywhere]
            for name in counted
        ]
    )
    if not len(scores):
        return
    ranks = scores.argsort(1).argsort(1).mean(0) + 1
    print(f"{len(counted)} tables: mean rank, and mean ratio to LightGBM (geometric)")
    for place, who in enumerate(everywhere):
        line = f"  {who:10} {ranks[place]:5.2f}"
        if "lightgbm" in everywhere:
            ratio = scores[:, place] / scores[:, everywhere.index("lightgbm")]
            line += f"  {np.exp(np.log(ratio).mean()):.4f}"
        print(line)


if __name__ == "__main__":
    main()
