"""How far a core moves: over seeds, bootstrap samples and halves of a table.

Run ``python benchmarks/stability.py``. On each table, ten fits that differ in their
seed, ten on bootstrap samples of the rows, and for California Housing ten on halves of
the rows, two for each of five cuts; once at ``alpha="auto"`` and once with alpha chosen
on a fifth of the rows that is held out (``--alpha`` takes one of the two). A bootstrap
sample has each of its rows once, with a weight: repeated rows would be fitted and held
out at once. Printed are the cores, the columns among the five that matter most, and the
score on rows that no fit saw. ``--figure`` draws them. Tables beyond scikit-learn's own
are read from the folder named by SKSPECTRAL_TABLES.
"""

import argparse
import warnings
from collections import Counter

import numpy as np
from joblib import delayed
from kept import Kept
from peers import frame, is_regression
from sklearn.model_selection import train_test_split

from skspectral import (
    SpectralMLPClassifier,
    SpectralMLPClassifierCV,
    SpectralMLPRegressor,
    SpectralMLPRegressorCV,
)

TABLES = ("california", "bike_sharing", "adult")
WAYS = ("seeds", "bootstrap", "halves")
ALPHA = ("auto", "chosen")
N_TOP = 5


def rows_of(way, number, rows):
    """Rows of one fit, their weights, and its seed."""
    if way == "seeds":
        return rows, None, number
    rng = np.random.default_rng(number // 2 if way == "halves" else number)
    if way == "bootstrap":
        own, counts = np.unique(rng.choice(rows, len(rows)), return_counts=True)
        return own, counts.astype(float), 0
    return np.sort(rng.permutation(rows).reshape(2, -1)[number % 2]), None, 0


def measure(name, way, number, chooses):
    """Core, top columns, score and alpha of one fit."""
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    X, y = frame(name)
    regression = is_regression(name)
    rows, others = train_test_split(
        np.arange(len(y)), test_size=0.2, random_state=0,
        stratify=None if regression else y,
    )  # fmt: skip
    rows = rows[: len(rows) // 2 * 2]
    own, weight, seed = rows_of(way, number, rows)
    if chooses:
        kind = SpectralMLPRegressorCV if regression else SpectralMLPClassifierCV
        model = kind(cv=0.2, random_state=seed)
    else:
        kind = SpectralMLPRegressor if regression else SpectralMLPClassifier
        model = kind(random_state=seed)
    model.fit(X.iloc[own], y[own], sample_weight=weight)
    order = np.argsort(-model.feature_importances_)[:N_TOP]
    return {
        "core": sum(model.core_sizes_),
        "top": [str(X.columns[c]) for c in order],
        "score": float(model.score(X.iloc[others], y[others])),
        "alpha": float(model.alpha_),
        "encoding": getattr(model, "encoding_", model.encoding),
    }


def draw(results, path):
    """Cores of every fit: a panel a table, alpha fixed and chosen side by side."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = sorted({key[0] for key in results}, key=TABLES.index)
    figure, axes = plt.subplots(
        1, len(names), figsize=(3.4 * len(names), 3.2), layout="constrained",
        squeeze=False,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    for panel, name in zip(axes[0], names, strict=True):
        ways = [way for way in WAYS if any((name, way, c) in results for c in (0, 1))]
        top = max(
            r["core"] for key, own in results.items() if key[0] == name for r in own
        )
        for place, way in enumerate(ways):
            for shift, chooses, colour in ((-0.17, 0, "#0072B2"), (0.17, 1, "#D55E00")):
                own = results.get((name, way, chooses))
                if not own:
                    continue
                x = place + shift + rng.uniform(-0.06, 0.06, len(own))
                label = "alpha chosen" if chooses else "alpha='auto'"
                cores = [r["core"] for r in own]
                panel.plot(
                    x, cores, "o", color=colour, ms=4, alpha=0.7,
                    label=label if place == 0 else None,
                )  # fmt: skip
        panel.set(xticks=range(len(ways)), xticklabels=ways, title=name)
        panel.set(xlim=(-0.6, len(ways) - 0.4), ylim=(0, 1.25 * top))
    axes[0, 0].set_ylabel("nodes of core, of 256")
    axes[0, 0].legend(fontsize="small", loc="upper right")
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="*", default=TABLES)
    parser.add_argument("--ways", nargs="*", default=WAYS)
    parser.add_argument("--halves", nargs="*", default=TABLES[:1], metavar="TABLE")
    parser.add_argument("--alpha", nargs="*", default=ALPHA, choices=ALPHA)
    parser.add_argument("--number", type=int, default=10, help="of fits in each way")
    kept = Kept(parser, "stability")
    parser.add_argument("--figure", help="PNG to write")
    arguments = parser.parse_args()
    kept.open(arguments)
    results = {}
    for name in arguments.only:
        if frame(name) is None:
            print(f"{name:13} absent")
            continue
        for chooses in (ALPHA.index(a) for a in arguments.alpha):
            for way in arguments.ways:
                if way == "halves" and name not in arguments.halves:
                    continue
                tag = f"{name}-{way}-{'cv' if chooses else 'auto'}"
                own = kept.results(
                    {
                        f"{tag}-{number}": delayed(measure)(name, way, number, chooses)
                        for number in range(arguments.number)
                    }
                )
                results[name, way, chooses] = own
                cores = np.array([r["core"] for r in own])
                scores = np.array([r["score"] for r in own])
                top = Counter(column for r in own for column in r["top"])
                columns = ", ".join(f"{c} {n}" for c, n in top.most_common(N_TOP + 2))
                line = f"{name:13} {way:10} {'chosen' if chooses else 'auto':7}"
                line += f" core {cores.mean():.1f} ({cores.min()} to {cores.max()})"
                line += f"  score {scores.mean():.4f} +- {scores.std():.4f}"
                if way == "halves":
                    pairs = cores.reshape(-1, 2)
                    apart = 1 - pairs.min(1) / pairs.max(1)
                    line += f"  halves apart {np.mean(apart):.0%}"
                print(
                    f"{line}\n    among the {N_TOP} that matter: {columns}", flush=True
                )
    kept.pack()
    if arguments.figure:
        draw(results, arguments.figure)


if __name__ == "__main__":
    main()
