"""Past the paper: the widths of two hidden layers at once.

The paper's students of teachers with two hidden layers have one wide layer; how many
nodes the other has is told to them. Here both layers of the student are wide, and all
else is the default. Does it find how many nodes each layer of its teacher has, and the
nodes themselves? Beside them: a penalty of equal strength for all layers, the same
network without eigenvalues ("dense"), a second layer that is told its size, alpha
chosen from the data, and targets with noise.

Nodes are matched one to one by the correlation of their activations over fresh rows
(Hungarian method).
"""

import contextlib
import warnings
from unittest import mock

import numpy as np
import torch
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
from _widths import spread
from matplotlib import pyplot as plt
from reproduce_bends import unit
from scipy.optimize import linear_sum_assignment
from sklearn.base import clone

from skspectral import SpectralMLPRegressor, SpectralMLPRegressorCV
from skspectral._engine import run_table
from skspectral.datasets import make_teacher_student

N_ROWS = 10_000
BOTH = SpectralMLPRegressor(encoding="linear")
CHOSEN = SpectralMLPRegressorCV(encoding="linear")
EQUAL, TOLD = "equal strengths", "second layer is told its size"
# The student, and the noise of its targets in units of their deviation.
KINDS = {
    "both wide": (BOTH, 0),
    EQUAL: (BOTH, 0),
    "dense": (clone(BOTH).set_params(parametrization="dense"), 0),
    TOLD: (BOTH, 0),
    "both wide, noise .1": (BOTH, 0.1),
    "both wide, noise .3": (BOTH, 0.3),
    "alpha chosen": (CHOSEN, 0),
    "alpha chosen, noise .3": (CHOSEN, 0.3),
}
DRAWN = {"both wide": "o-", EQUAL: "s--", "dense": "d:", TOLD: "^-."}


def hidden_of_teacher(teacher, X):
    """Activations of both hidden layers, (rows, nodes) each."""
    first = np.maximum(X @ teacher.weights[0], 0)
    return first, np.maximum(first @ teacher.weights[1], 0)


@torch.no_grad()
def hidden_of_student(model, X):
    """Activations of both hidden layers of the core, (rows, nodes) each."""
    student = model.prune(merge=False).to_torch().double()
    first, second, _ = student.network.layers
    a = torch.relu(first(student.inputs(torch.tensor(X))))
    return a.numpy(), torch.relu(second(a)).numpy()


def likeness(own, true):
    """Correlations of the teacher's nodes with their matches; 0 where there is none."""
    correlation = unit(own.T) @ unit(true.T).T
    i, j = linear_sum_assignment(-correlation)
    found = np.zeros(true.shape[1])
    found[j] = correlation[i, j]
    return found


def student(kind, *, t, h, seed, n_rows=N_ROWS, max_iter="auto"):
    """Cores of both layers, test error and likeness to the teacher of one student."""
    model, noise = KINDS[kind]
    X, y, teacher = make_teacher_student(
        2 * n_rows,
        n_teacher_nodes=t[0],
        second_layer=t[1],
        noise=noise,
        random_state=seed,
    )
    X, fresh, y = X[:n_rows], X[n_rows:], y[:n_rows]
    y_fresh = teacher.predict(fresh)  # without noise
    model = clone(model).set_params(
        hidden_layer_sizes=(h, t[1] if kind == TOLD else h),
        random_state=seed,
        max_iter=max_iter,
    )
    shares = {"FIRST": 1.0, "BEHIND": 1.0} if kind == EQUAL else {}
    with contextlib.ExitStack() as stack:
        for name, value in shares.items():
            stack.enter_context(mock.patch.object(run_table, name, value))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        model.fit(X, y)
        hidden = hidden_of_student(model, fresh)
    error = np.mean((model.predict(fresh) - y_fresh) ** 2) / y_fresh.var()
    nodes = [
        digits(likeness(own, true))
        for own, true in zip(hidden, hidden_of_teacher(teacher, fresh), strict=True)
    ]
    return {
        "alpha": float(f"{model.alpha_:.3g}"),
        "core": model.core_sizes_,
        "formed": model.core_formed_,
        "error": float(f"{error:.4g}"),
        "nodes": nodes,
    }


def all_cases(scale):
    if scale == "quick":
        settings = {"n_rows": 1000, "max_iter": 100}
        return [
            {"kind": kind, "t": [5, 5], "h": 20, "seed": 0, **settings}
            for kind in DRAWN
        ]
    full = scale == "full"
    grid = [([20, 20], h) for h in ((50, 100, 200, 500) if full else (50, 200))]
    if full:
        grid += [(t, 100) for t in ([10, 10], [10, 20], [20, 10])]
    return [
        {"kind": kind, "t": t, "h": h, "seed": seed}
        for seed in range(5 if full else 2)
        for t, h in grid
        for kind, (model, _) in KINDS.items()
        if kind in DRAWN
        or (full and (t, h) == ([20, 20], 100) and (model is BOTH or seed < 3))
    ]


def main():
    options = arguments(__doc__)
    results = Results(options.folder / "two_layers.json")
    rows = results.rows(all_cases(options.scale), student, options)
    if not rows:
        raise SystemExit("there are no results to show")
    for row in rows:
        row["t"] = tuple(row["t"])
    save(options, "two_layers", draw(rows), report(rows))


def report(rows):
    """A line for each teacher, kind of student and width."""
    lines = []
    for t in sorted({row["t"] for row in rows}, reverse=True):
        for kind in KINDS:
            own = [row for row in rows if (row["t"], row["kind"]) == (t, kind)]
            for h in sorted({row["h"] for row in own}):
                runs = [row for row in own if row["h"] == h]
                cores = np.transpose([row["core"] for row in runs])
                found = [
                    np.concatenate([row["nodes"][layer] for row in runs])
                    for layer in (0, 1)
                ]
                lines.append(
                    [
                        "{}, {}".format(*t),
                        kind,
                        h,
                        len(runs),
                        *(spread(c, "{:.1f}") for c in cores),
                        f"{np.median([row['error'] for row in runs]):.1e}",
                        *(f"{np.mean(f > 0.95):.2f}" for f in found),
                    ]
                )
    header = ["teacher", "student", "width", "runs", "first core", "second core"]
    header += ["test error", "first nodes found", "second nodes found"]
    return table(header, lines)


def draw(rows):
    """Cores of both layers and test error against the width, for one teacher."""
    teacher = max(row["t"] for row in rows)
    rows = [row for row in rows if row["t"] == teacher]
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.4))
    for kind, style in DRAWN.items():
        own = [row for row in rows if row["kind"] == kind]
        widths = sorted({row["h"] for row in own})
        if not own:
            continue
        for layer in (0, 1):
            cores = [[r["core"][layer] for r in own if r["h"] == h] for h in widths]
            core, spread = np.nan_to_num([mean_and_sd(c) for c in cores]).T
            axes[layer].errorbar(widths, core, spread, fmt=style, capsize=2, label=kind)
        errors = [[r["error"] for r in own if r["h"] == h] for h in widths]
        axes[2].plot(widths, [np.median(values) for values in errors], style)
    for layer, ax in enumerate(axes[:2]):
        ax.axhline(teacher[layer], color="black", linewidth=0.8)
        ax.set_ylabel(f"core of the {('first', 'second')[layer]} layer (nodes)")
        ax.set_yscale("log")
        ticks_at(ax.yaxis, (5, 10, 20, 50, 100, 200, 500))
    axes[2].set(yscale="log", ylabel="test error / variance")
    for ax in axes:
        ax.set(xscale="log", xlabel="width of the student (nodes)")
        ticks_at(ax.xaxis, sorted({row["h"] for row in rows}))
    legend_below(figure, axes[0], 3)
    return figure


if __name__ == "__main__":
    main()
