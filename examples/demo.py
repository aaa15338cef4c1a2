"""How wide did the network have to be? The main job of the package, in two minutes.

A random network of 20 nodes, the teacher, makes the data; students of 50 to 500 nodes
learn them. Each student is fitted once, its core is read and the rest cut away. Beside
them dense networks from the same start, through the same loop. Then the same on real
data: California Housing where scikit-learn finds it (no download is tried), else the
diabetes data that come with scikit-learn.
"""

import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import fetch_california_housing, load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from skspectral import SpectralMLPRegressor
from skspectral.datasets import make_teacher_student

WIDTHS = (50, 100, 200, 500)
FIGURE = Path("out/demo.png")
COLOURS = {"spectral": "#1f77b4", "dense": "#ff7f0e"}


def rmse(model, X, y):
    """Root mean squared error on test rows, in units of the target's deviation."""
    return np.sqrt(np.mean((model.predict(X) - y) ** 2)) / np.std(y)


def study(title, X, X_test, y, y_test):
    """Fit, cut and print one table; the fitted models by kind and width."""
    print(f"\n{title}\n")
    print(
        f"{'':10}{'nodes':>6}{'R >= 0.05':>11}{'core':>6}{'error':>10}"
        f"{'core only':>11}{'seconds':>9}"
    )
    models = {}
    for kind in COLOURS:
        for width in WIDTHS:
            model = SpectralMLPRegressor(
                hidden_layer_sizes=width,
                encoding="linear",
                parametrization=kind,
                random_state=0,
            )
            start = time.perf_counter()
            with warnings.catch_warnings():  # the table says where no core formed
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(X, y)
            seconds = time.perf_counter() - start
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                small = model.prune()
            relevance = model.feature_relevance_
            above = int((relevance >= 0.05 * relevance.max()).sum())
            core = small.hidden_layer_sizes[0]
            errors = [rmse(m, X_test, y_test) for m in (model, small)]
            print(
                f"{kind:10}{width:6}{above:11}{core if core < width else 'none':>6}"
                f"{errors[0]:10.4f}{errors[1]:11.4f}{seconds:9.1f}"
            )
            models[kind, width] = model
    return models


def draw(axes, models, name, truth=None):
    """Poster's histogram for the widest student, and core size against width."""
    left, right = axes
    bins = np.linspace(0, 1, 41)
    for kind, colour in COLOURS.items():
        relevance = models[kind, WIDTHS[-1]].feature_relevance_
        share = relevance / relevance.max()
        style = (
            {"alpha": 0.6} if kind == "spectral" else {"histtype": "step", "lw": 1.5}
        )
        left.hist(share, bins, color=colour, label=kind, **style)
        sizes = [
            int((r >= 0.05 * r.max()).sum())
            for r in (models[kind, width].feature_relevance_ for width in WIDTHS)
        ]
        right.plot(WIDTHS, sizes, "o-", color=colour, label=kind)
    left.axvline(0.05, color="0.4", lw=0.8, ls=":", label="R / max R = 0.05")
    left.set(
        yscale="symlog",
        xlabel="relevance R / max R of a hidden node",
        ylabel="number of nodes",
        title=f"{name}: {WIDTHS[-1]} nodes",
    )
    left.legend()
    if truth is not None:
        right.axhline(truth, color="0.4", lw=0.8, ls="--")
        right.text(WIDTHS[0], 0.93 * truth, "teacher", va="top", color="0.3")
    right.set(
        xscale="log",
        yscale="log",
        xlabel="nodes of the student",
        ylabel="nodes with R / max R >= 0.05",
        title=f"{name}: nodes in use",
    )
    right.set_xticks(WIDTHS, WIDTHS)
    right.minorticks_off()
    right.set_ylim(2, 600)
    ticks = [2, 5, 10, 20, 50, 100, 200, 500]
    right.set_yticks(ticks, ticks)
    right.legend()


def real_data():
    """California Housing if it is at hand, else diabetes."""
    try:
        X, y = fetch_california_housing(return_X_y=True, download_if_missing=False)
        return "California Housing", X, y
    except OSError:
        X, y = load_diabetes(return_X_y=True)
        return "diabetes (California Housing is not at hand)", X, y


def main():
    print("Errors: RMSE on test rows over the standard deviation of the target.")
    print("core: nodes above the widest gap in R, parallel ones merged; without a gap")
    print("of two decades, nodes above 1e-6 of the largest R; none: all of them.")
    X, y, _ = make_teacher_student(20_000, n_teacher_nodes=20, random_state=0)
    halves = X[:10_000], X[10_000:], y[:10_000], y[10_000:]
    teacher = study("A teacher of 20 nodes, 10,000 rows", *halves)
    name, X, y = real_data()
    parts = train_test_split(X, y, test_size=0.2, random_state=0)
    real = study(f"{name}, {len(parts[0]):,} rows", *parts)

    figure, axes = plt.subplots(2, 2, figsize=(9, 7), layout="constrained")
    draw(axes[0], teacher, "Teacher of 20 nodes", truth=20)
    draw(axes[1], real, name.split(" (")[0])
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=110)
    print(f"\nFigure: {FIGURE.resolve()}")


if __name__ == "__main__":
    main()
