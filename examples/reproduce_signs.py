"""Past the paper: what a core has too many of is signs.

relu(z) = z + relu(-z): whether a student finds a node of its teacher as it is or
reversed makes a difference of a linear function only. So a student may reverse some
nodes, or hold one partly in each direction, and let nodes that are active on every row
carry the linear function that is missing. Such networks fit as well as the teacher with
more nodes, and a gradient finds no way from one to the other.

Here the core of a student, trained with the defaults, is folded by
`skspectral.nn.fold_nodes`, at several tolerances, and compared with the teacher; then
trained on without penalty, as `prune(X, y, merge="fold", refit=True)` does.
"""

import numpy as np
import torch
from _reproduction import Results, arguments, mean_and_sd, save, table, ticks_at
from _students import (
    N_ROWS,
    core_of,
    folded,
    refitted,
    relative_error,
    train_students,
    with_network,
)
from matplotlib import pyplot as plt

TOLERANCES = (1e-4, 1e-3, 1e-2)  # shares of the variance of the outputs
DEFAULT = 1e-3


def linear_nodes(student, X):
    """Nodes of the first layer that are active on 99.9 percent of the rows."""
    z = student.network.layers[0].double()
    x = (X - student.x_mean.numpy()) / student.x_scale.numpy()
    z = x @ z.weight.detach().numpy().T + z.bias.detach().numpy()
    return int(((z > 0).mean(0) > 0.999).sum())


def outputs(student, X):
    return student.double()(torch.tensor(X)).detach().numpy()


def fold(student, X, y):
    """Nodes of the core and its error, and both after folding at each tolerance."""
    core = with_network(student, core_of(student.network))
    found = {
        "core": core.network.sizes[1],
        "linear": linear_nodes(core, X[:N_ROWS]),
        "error": relative_error(core, X[N_ROWS:], y[N_ROWS:]),
        "at": {},
    }
    before = outputs(core, X[N_ROWS:])
    for tolerance in TOLERANCES:
        small = folded(student, X[:N_ROWS], tolerance=tolerance)
        change = np.var(outputs(small, X[N_ROWS:]) - before) / np.var(before)
        nodes, linear = small.network.sizes[1], linear_nodes(small, X[:N_ROWS])
        error = relative_error(small, X[N_ROWS:], y[N_ROWS:])
        again = refitted(small, X[:N_ROWS], y[:N_ROWS])
        found["at"][str(tolerance)] = {
            "folded": nodes,
            "kinks": nodes - linear,
            "change": float(f"{change:.3g}"),
            "error": error,
            "error refitted": relative_error(again, X[N_ROWS:], y[N_ROWS:]),
        }
    return found


def folds(h_teacher, h, teacher, seeds, shorten):
    students, X, y, _ = train_students(
        "spectral (ours)",
        h_teacher=h_teacher,
        h=h,
        teacher=teacher,
        seeds=seeds,
        shorten=shorten,
    )
    return {"students": [fold(student, X, y) for student in students]}


def main():
    options = arguments(__doc__)
    quick, full = options.scale == "quick", options.scale == "full"
    widths = (100,) if quick else (100, 200, 500)
    cases = [
        {
            "h_teacher": t,
            "h": h,
            "teacher": teacher,
            "seeds": [0] if quick else [0, 1],
            "shorten": 3 if quick else 1,
        }
        for t in ((5,) if quick else (5, 10, 20, 40) if full else (10, 20))
        for h in sorted({2 * t, *widths})
        for teacher in ((0,) if quick else (0, 1, 2))
    ]
    results = Results(options.folder / "signs.json")
    rows = results.rows(cases, folds, options)
    lines = []
    for t, h in sorted({(r["h_teacher"], r["h"]) for r in rows}):
        own = [
            m for r in rows if (r["h_teacher"], r["h"]) == (t, h) for m in r["students"]
        ]
        core = "{:.2f} ± {:.2f}".format(*mean_and_sd([m["core"] for m in own]))
        errors = np.median([m["error"] for m in own])
        lines.append([t, h, len(own), "before", core, "", "", f"{errors:.1e}", ""])
        for tolerance in TOLERANCES:
            at = [m["at"][str(tolerance)] for m in own]
            nodes = [
                "{:.2f} ± {:.2f}".format(*mean_and_sd([m[key] for m in at]))
                for key in ("folded", "kinks")
            ]
            medians = [
                f"{np.median([m[key] for m in at]):.1e}"
                for key in ("change", "error", "error refitted")
            ]
            lines.append([t, h, len(own), f"{tolerance:g}", *nodes, *medians])
    header = ["teacher", "h", "runs", "tolerance", "nodes", "kinks"]
    header += ["change / variance", "test error", "refitted"]
    text = table(header, lines)
    save(options, "signs", draw(rows), text + "\n\nMedians of change and errors.")


def draw(rows):
    teachers = sorted({r["h_teacher"] for r in rows})
    figure, axes = plt.subplots(
        1, len(teachers), figsize=(4 * len(teachers), 3.4), squeeze=False
    )
    shown = {
        "core (gap)": lambda m: m["core"],
        "after folding": lambda m: m["at"][str(DEFAULT)]["folded"],
        "its kinks": lambda m: m["at"][str(DEFAULT)]["kinks"],
    }
    for ax, t in zip(axes[0], teachers, strict=True):
        own = [r for r in rows if r["h_teacher"] == t]
        widths = sorted({r["h"] for r in own})
        for (label, read), marker in zip(shown.items(), "o^s", strict=True):
            values = [
                [read(m) for r in own if r["h"] == h for m in r["students"]]
                for h in widths
            ]
            centre, spread = np.array([mean_and_sd(v) for v in values]).T
            ax.errorbar(
                *(widths, centre, np.nan_to_num(spread)),
                marker=marker,
                capsize=2,
                label=label,
            )
        ax.axhline(t, color="black", linewidth=0.8)
        ax.set(xscale="log", xlabel="width h (nodes)", title=f"teacher of {t} nodes")
        ticks_at(ax.xaxis, widths)
    axes[0, 0].set_ylabel("nodes")
    axes[0, 0].legend(frameon=False)
    figure.tight_layout()
    return figure


if __name__ == "__main__":
    main()
