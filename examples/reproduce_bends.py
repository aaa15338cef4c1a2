"""Past the paper: teachers whose nodes bend along every column.

A node of the teacher is a ReLU of a sum of piecewise-linear functions of single
columns. Students with ``encoding="piecewise"`` have nodes of that kind. Does their core
have the teacher's size at every width, is the test error the same, and are the
functions of the teacher's nodes found again? Beside them: straight columns, the same
network without eigenvalues ("dense"), and targets with noise.

Nodes are matched one to one by the correlation of what enters their activation, over
fresh rows (Hungarian method). Then each column's function of a node is compared with
that of its match, likewise.
"""

import warnings

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
from scipy.optimize import linear_sum_assignment
from sklearn.base import clone

from skspectral import SpectralMLPRegressor, SpectralMLPRegressorCV, node_functions
from skspectral.datasets import make_teacher_student

N_ROWS, N_COLUMNS, N_BENDS, NOISE = 10_000, 10, 3, 0.3
BENT = SpectralMLPRegressor(encoding="piecewise")
CHOSEN = "bent columns, noise, alpha chosen"
# The student, and the noise of its targets in units of their deviation.
KINDS = {
    "bent columns": (BENT, 0),
    "bent columns, noise": (BENT, NOISE),
    "bent columns, dense": (clone(BENT).set_params(parametrization="dense"), 0),
    "straight columns": (SpectralMLPRegressor(encoding="linear"), 0),
    CHOSEN: (SpectralMLPRegressorCV(encoding="piecewise"), NOISE),
}
POINTS = np.linspace(-2.5, 2.5, 41)  # where functions are drawn


def unit(values):
    """Centred, of length 1 along the last axis: products are correlations."""
    values = values - values.mean(-1, keepdims=True)
    length = np.linalg.norm(values, axis=-1, keepdims=True)
    return values / np.where(length > 0, length, 1)


def functions_of(student, X, at):
    """Functions of the core's nodes, (columns, nodes, rows of `at`)."""
    columns = node_functions(student, X).columns
    return np.stack(
        [
            [np.interp(x, column.points, values) for values in column.values]
            for x, column in zip(at.T, columns, strict=True)
        ]
    )


def functions_of_teacher(teacher, at):
    return np.stack([teacher.shape_functions(at, c).T for c in range(at.shape[1])])


def student(kind, *, t, h, seed, n_rows=N_ROWS, max_iter="auto"):
    """Core, test error and likeness to the teacher of one student."""
    model, noise = KINDS[kind]
    X, y, teacher = make_teacher_student(
        *(2 * n_rows, N_COLUMNS),
        n_teacher_nodes=t,
        n_bends=N_BENDS,
        noise=noise,
        random_state=seed,
    )
    X, fresh, y = X[:n_rows], X[n_rows:], y[:n_rows]
    y_fresh = teacher.predict(fresh)  # without noise
    model = clone(model).set_params(
        hidden_layer_sizes=h, random_state=seed, max_iter=max_iter
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y)
    own, true = functions_of(model, X, fresh), functions_of_teacher(teacher, fresh)
    likeness = unit(own.sum(0)) @ unit(true.sum(0)).T
    i, j = linear_sum_assignment(-abs(likeness))
    sign = np.sign(likeness[i, j])
    by_column = sign * (unit(own[:, i]) * unit(true[:, j])).sum(-1)
    error = np.mean((model.predict(fresh) - y_fresh) ** 2) / y_fresh.var()
    row = {
        "core": model.core_sizes_[0],
        "formed": model.core_formed_,
        "error": float(f"{error:.4g}"),
        "nodes": digits(abs(likeness[i, j])),
        "functions": digits(by_column),
    }
    if kind == "bent columns" and seed == 0:
        row["example"] = example(model, X, teacher, i, j, sign)
    return row


def example(model, X, teacher, i, j, sign):
    """Functions of the first matched node, scaled to the same deviation."""
    at = np.tile(POINTS[:, None], X.shape[1])
    own = sign[0] * functions_of(model, X, at)[:, i[0]]
    true = functions_of_teacher(teacher, at)[:, j[0]]
    own, true = (f - f.mean(1, keepdims=True) for f in (own, true))
    return {
        "student": [digits(f / own.std()) for f in own],
        "teacher": [digits(f / true.std()) for f in true],
    }


def main():
    options = arguments(__doc__)
    quick, full = options.scale == "quick", options.scale == "full"
    cases = [
        {
            "kind": kind,
            "t": t,
            "h": h,
            "seed": seed,
            **({"n_rows": 1000, "max_iter": 100} if quick else {}),
        }
        for t in ((5,) if quick else (5, 10, 20))
        for h in ((50,) if quick else (50, 100, 200, 500) if full else (50, 200))
        for seed in range(1 if quick else 5 if full else 2)
        for kind in KINDS
        if kind != CHOSEN
    ]
    if full:
        cases += [
            {"kind": CHOSEN, "t": t, "h": h, "seed": seed}
            for seed in range(3)
            for t in (5, 10, 20)
            for h in (100, 500)
        ]
    results = Results(options.folder / "bends.json")
    rows = results.rows(cases, student, options)
    lines = []
    for t, h, kind in sorted(
        {(r["t"], r["h"], r["kind"]) for r in rows},
        key=lambda k: (k[0], list(KINDS).index(k[2]), k[1]),
    ):
        own = [r for r in rows if (r["t"], r["h"], r["kind"]) == (t, h, kind)]
        # A node of the teacher without a match counts as not found.
        functions = np.zeros((len(own), N_COLUMNS * t))
        for row, kept in zip(functions, own, strict=True):
            row[: len(kept["functions"])] = kept["functions"]
        lines.append(
            [
                t,
                kind,
                h,
                len(own),
                "{:.1f} ± {:.1f}".format(*mean_and_sd([r["core"] for r in own])),
                f"{np.median([r['error'] for r in own]):.1e}",
                f"{min(min(r['nodes']) for r in own):.3f}",
                f"{functions.mean():.3f}",
                f"{np.mean(functions > 0.95):.3f}",
            ]
        )
    header = ["teacher", "student", "width", "runs", "nodes of the core", "test error"]
    header += ["worst node", "functions", "of them above .95"]
    text = table(header, lines)
    save(options, "bends", draw(rows), text)
    shown = next(r for r in reversed(rows) if "example" in r)
    save(options, "bends_functions", draw_functions(shown["example"]))


def draw(rows):
    """Core and test error against the width, a column of panels for each teacher."""
    teachers = sorted({r["t"] for r in rows})
    figure, axes = plt.subplots(
        2, len(teachers), figsize=(3.7 * len(teachers), 6), squeeze=False
    )
    styles = ("o-", "s--", "d:", "^-.", "s-")
    for (ax, error_ax), t in zip(axes.T, teachers, strict=True):
        for kind, style in zip(KINDS, styles, strict=True):
            own = [r for r in rows if (r["t"], r["kind"]) == (t, kind)]
            if not own:
                continue
            widths = sorted({r["h"] for r in own})
            cores, errors = (
                [[r[key] for r in own if r["h"] == h] for h in widths]
                for key in ("core", "error")
            )
            core, spread = np.array([mean_and_sd(v) for v in cores]).T
            spread = np.nan_to_num(spread)
            ax.errorbar(widths, core, spread, fmt=style, capsize=2, label=kind)
            error_ax.plot(widths, [np.median(v) for v in errors], style)
        ax.axhline(t, color="black", linewidth=0.8)
        ax.set(xscale="log", yscale="log", title=f"teacher of {t} nodes")
        error_ax.set(xscale="log", yscale="log", xlabel="width (nodes)")
        for own_ax in (ax, error_ax):
            ticks_at(own_ax.xaxis, sorted({r["h"] for r in rows}))
        ticks_at(ax.yaxis, (5, 10, 20, 50, 100, 200, 500))
    axes[0, 0].set_ylabel("nodes of the core")
    axes[1, 0].set_ylabel("test error / variance")
    legend_below(figure, axes[0, 0], 3)
    return figure


def draw_functions(found):
    """The functions of one node, of the teacher and of the student."""
    figure, axes = plt.subplots(2, 5, figsize=(11, 4.2), sharex=True, sharey=True)
    for number, ax in enumerate(axes.flat):
        for name, style in {"teacher": "k-", "student": "C1--"}.items():
            ax.plot(POINTS, found[name][number], style, label=name)
        ax.set_title(f"column {number}", fontsize="medium")
    legend_below(figure, axes[0, 0], 2)
    return figure


if __name__ == "__main__":
    main()
