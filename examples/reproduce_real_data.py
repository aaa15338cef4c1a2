"""Claim 6 (and 3 on real data): how the core and the score depend on the width.

Spectral and dense networks of a decade of widths learn California Housing, adult,
letter, MNIST and Fashion-MNIST. Both get the alpha of a grid that is best on rows held
back from training; then the network is trained on all training rows, scored on the test
rows, cut to its core and scored again. Pruning curves say whether the knee is at the
same number of nodes for every width. The paper gives no protocol for real data, so
these numbers stand for themselves.

Sets that cannot be loaded here are left out, and named.
"""

import os
import warnings
from pathlib import Path

import numpy as np
from _reproduction import (
    Results,
    arguments,
    digits,
    legend_below,
    mean_and_sd,
    save,
    table,
    ticks_at,
)
from matplotlib import pyplot as plt
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import fetch_california_housing, fetch_openml
from sklearn.impute import SimpleImputer
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder

from skspectral import SpectralMLPClassifier, SpectralMLPRegressor, pruning_curve

OPENML = {
    "adult": {"data_id": 1590},
    "letter": {"data_id": 6},
    "mnist": {"name": "mnist_784", "version": 1},
    "fashion": {"name": "Fashion-MNIST", "version": 1},
}
NAMES = ("california", "letter", "adult", "mnist", "fashion")
IMAGES = ("mnist", "fashion")
KINDS = ("spectral", "dense")
FACTORS = (0.3, 1.0, 3.0)  # times what alpha="auto" stands for


def load(name):
    """X and y as arrays, from scikit-learn's fetchers or a folder of tables."""
    if name == "california":
        return fetch_california_housing(return_X_y=True)
    path = Path(os.environ.get("SKSPECTRAL_TABLES", "")) / f"{name}.csv.gz"
    if path.is_file():
        import pandas as pd

        frame = pd.read_csv(path)
        X, y = frame.iloc[:, :-1], frame.iloc[:, -1].to_numpy()
    else:
        frame = name not in IMAGES
        X, y = fetch_openml(**OPENML[name], return_X_y=True, as_frame=frame)
    if name in IMAGES:
        return np.asarray(X, dtype=np.float32) / 255, np.asarray(y)
    encode = make_column_transformer(
        (SimpleImputer(), make_column_selector(dtype_include="number")),
        (
            OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            make_column_selector(dtype_exclude="number"),
        ),
    )
    return encode.fit_transform(X).astype(np.float32), np.asarray(y)


def loss(model, X, y):
    """Squared error in units of the variance, or mean cross-entropy."""
    if hasattr(model, "classes_"):
        return float(log_loss(y, model.predict_proba(X), labels=model.classes_))
    return float(np.mean((model.predict(X) - y) ** 2) / np.var(y))


def one_network(name, kind, h, seed, n_rows, factors, max_iter="auto"):
    """Losses, scores, core and pruning curve of one network."""
    warnings.simplefilter("ignore")
    X, y = load(name)
    regression = name == "california"
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.2, random_state=seed, stratify=None if regression else y
    )
    X, y = X[:n_rows], y[:n_rows]
    estimator = SpectralMLPRegressor if regression else SpectralMLPClassifier
    # Images share one scale already; a column scale would blow up rare pixels.
    model = estimator(
        hidden_layer_sizes=h,
        parametrization=kind,
        standardize="y" if name in IMAGES else True,
        max_iter=max_iter,
        random_state=seed,
    )
    fit, held = train_test_split(np.arange(len(y)), test_size=0.2, random_state=seed)
    auto = min(max((2.0 if regression else 1.0) / len(y), 1e-4), 1e-2)
    alphas = [auto * factor for factor in factors]
    best = alphas[0]
    if len(alphas) > 1:
        losses = []
        for alpha in alphas:
            model.set_params(alpha=alpha).fit(X[fit], y[fit])
            losses.append(loss(model, X[held], y[held]))
        best = alphas[int(np.argmin(losses))]
    model.set_params(alpha=best).fit(X, y)
    pruned = model.prune()
    numbers = np.unique(np.geomspace(1, h, 25).round().astype(int))
    curve = pruning_curve(
        model, X_test, y_test, n_nodes=numbers, relevance=("path",), random_state=0
    )
    return {
        "alpha": float(f"{best:.3g}"),
        "loss": float(f"{loss(model, X_test, y_test):.5g}"),
        "pruned loss": float(f"{loss(pruned, X_test, y_test):.5g}"),
        "score": float(f"{model.score(X_test, y_test):.5g}"),
        "core": model.core_sizes_[0],
        "kept": pruned.hidden_layer_sizes[0],
        "formed": model.core_formed_,
        "curve": {
            "nodes": numbers.tolist(),
            "scores": digits(curve.scores["path"]),
        },
    }


def available(names):
    there = []
    for name in names:
        try:
            load(name)
        except Exception as error:  # whatever a missing network connection raises
            print(f"{name} is left out: {type(error).__name__}: {error}")
            continue
        there.append(name)
    return there


def cases_of(scale, names):
    cases = []
    for name in names:
        if scale == "quick":
            widths, seeds = (8, 16), (0,)
        elif scale == "reduced":
            widths = (30, 100, 300) if name in IMAGES else (16, 64, 256)
            seeds = (0,) if name in IMAGES else (0, 1, 2)
        else:
            widths = (30, 100, 300, 1000) if name in IMAGES else (16, 32, 64, 256, 512)
            seeds = (0, 1, 2)
        n_rows = {"quick": 1000, "reduced": 10_000, "full": 100_000}[scale]
        extra = {"max_iter": 5} if scale == "quick" else {}
        one = scale == "quick" or (scale == "reduced" and name in IMAGES)
        cases += [
            {
                "name": name,
                "kind": kind,
                "h": h,
                "seed": seed,
                "n_rows": n_rows,
                "factors": [1.0] if one else list(FACTORS),
                **extra,
            }
            for h in widths
            for seed in seeds
            for kind in KINDS
        ]
    return cases


def main():
    options = arguments(__doc__)
    names = ("california",) if options.scale == "quick" else NAMES
    cases = cases_of(options.scale, available(names))
    results = Results(options.folder / "real_data.json")
    rows = results.rows(cases, one_network, options)
    lines = []
    names = [name for name in names if any(r["name"] == name for r in rows)]
    for name in names:
        for h in sorted({r["h"] for r in rows if r["name"] == name}):
            own = {
                kind: [
                    r for r in rows if (r["name"], r["h"], r["kind"]) == (name, h, kind)
                ]
                for kind in KINDS
            }
            spectral, dense = own["spectral"], own["dense"]
            if not spectral or not dense:
                continue
            ratio = np.mean([r["loss"] for r in spectral])
            ratio /= np.mean([r["loss"] for r in dense])
            kept = np.mean([r["pruned loss"] / r["loss"] for r in spectral])
            lines.append(
                [
                    name,
                    h,
                    len(spectral),
                    *(
                        "{:.4f} ± {:.4f}".format(*mean_and_sd([r["loss"] for r in o]))
                        for o in (spectral, dense)
                    ),
                    f"{ratio:.3f}",
                    f"{kept:.3f}",
                    "{:.1f} ± {:.1f}".format(
                        *mean_and_sd([r["core"] for r in spectral])
                    ),
                    "{:.1f} ± {:.1f}".format(*mean_and_sd([r["core"] for r in dense])),
                ]
            )
    header = ["data", "h", "runs", "loss, spectral", "loss, dense", "ratio"]
    header += ["pruned / whole", "core, spectral", "core, dense"]
    text = "Loss: squared error / variance for california, else cross-entropy\n\n"
    text += table(header, lines)
    save(options, "real_data", draw(rows, names), text)


def draw(rows, names):
    figure, axes = plt.subplots(
        2, len(names), figsize=(3.2 * len(names), 6), squeeze=False
    )
    for column, name in enumerate(names):
        own = [r for r in rows if r["name"] == name]
        widths = sorted({r["h"] for r in own})
        top, below = axes[:, column]
        for kind in KINDS:
            points = [
                [r["core"] for r in own if (r["kind"], r["h"]) == (kind, h)]
                for h in widths
            ]
            centre, spread = np.array([mean_and_sd(p) for p in points]).T
            style = "-o" if kind == "spectral" else "--s"
            spread = np.nan_to_num(spread)
            top.errorbar(widths, centre, spread, fmt=style, capsize=2, label=kind)
        top.plot(widths, widths, color="black", linewidth=0.6, label="every node")
        top.set(xscale="log", yscale="log", title=name, xlabel="width h (nodes)")
        ticks_at(top.xaxis, widths)
        colours = plt.get_cmap("viridis")(np.linspace(0, 0.85, len(widths)))
        for h, colour in zip(widths, colours, strict=True):
            curves = [r["curve"] for r in own if (r["kind"], r["h"]) == ("spectral", h)]
            mean = np.mean([c["scores"] for c in curves], axis=0)
            below.plot(curves[0]["nodes"], mean, color=colour, label=f"h = {h}")
        below.set(xscale="log", xlabel="nodes kept, by path relevance")
        low = 0.0 if name == "california" else None
        below.set_ylim(bottom=low)
        below.legend(frameon=False, fontsize=8)
    axes[0, 0].set_ylabel("nodes of the core")
    axes[1, 0].set_ylabel("test score (R2 or accuracy)")
    legend_below(figure, axes[0, 0])
    return figure


if __name__ == "__main__":
    main()
