"""Past the paper: what a core has too many of is signs.

relu(z) = z + relu(-z): whether a student finds a node of its teacher as it is or
reversed makes a difference of a linear function only. So a student may reverse some
nodes, or hold one partly in each direction, and let nodes that are active on every row
carry the linear function that is missing. Such networks fit as well as the teacher with
more nodes, and a gradient finds no way from one to the other.

Here the core of a student, trained with the defaults, is folded: nodes that are active
on every row are one linear function; nodes on the same hyperplane, whichever way they
point, are one kink and a linear function; and the signs of the kinks are chosen, by an
integer program, so that the linear functions cancel as well as they can. Nothing is
trained again. What is left is compared with the teacher.
"""

import numpy as np
import torch
from _reproduction import Results, arguments, mean_and_sd, save, table, ticks_at
from _students import train_students
from matplotlib import pyplot as plt
from scipy.optimize import Bounds, LinearConstraint, milp

from skspectral._relevance import cut_widest_gap, hidden_relevance

SAME = 0.95  # cosine of two normals whose hyperplanes count as one
SMALL = 0.01  # share of the variance that what does not cancel may have


def kinks_and_line(w, b, v, x):
    """The core as kinks, rows (w, b) that already carry v, and one linear function.

    Parameters
    ----------
    w : ndarray of shape (n, d)
    b, v : ndarray of shape (n,)
    x : ndarray of shape (rows, d)
        A node that is active on 99.9 percent of them counts as linear.
    """
    nodes = v[:, None] * np.column_stack([w, b])
    linear = (x @ w.T + b > 0).mean(0) > 0.999
    line = nodes[linear].sum(0)
    rest = nodes[~linear]
    rest = rest[np.argsort(-np.linalg.norm(rest, axis=1))]
    kinks = []
    while len(rest):
        cosine = rest[:, :-1] @ rest[0, :-1]
        cosine /= np.linalg.norm(rest[:, :-1], axis=1) * np.linalg.norm(rest[0, :-1])
        same, against = cosine > SAME, cosine < -SAME
        # relu(z) = z + relu(-z), where positive weights carry it
        line = line + rest[against].sum(0)
        kinks.append(rest[same].sum(0) - rest[against].sum(0))
        rest = rest[~(same | against)]
    return np.array(kinks), line, int(linear.sum())


def best_signs(kinks, line):
    """Which kinks to reverse for linear functions to cancel: an integer program."""
    n, d = len(kinks), kinks.shape[1] - 1
    moved = kinks[:, :-1].T
    # minimise sum t subject to -t <= line + moved s <= t, s in {0, 1}
    matrix = np.block([[moved, -np.eye(d)], [-moved, -np.eye(d)]])
    bound = np.concatenate([-line[:-1], line[:-1]])
    found = milp(
        np.concatenate([np.zeros(n), np.ones(d)]),
        constraints=LinearConstraint(matrix, -np.inf, bound),
        integrality=np.concatenate([np.ones(n), np.zeros(d)]),
        bounds=Bounds(0, np.concatenate([np.ones(n), np.full(d, np.inf)])),
        options={"time_limit": 30},
    )
    return np.zeros(n, bool) if found.x is None else found.x[:n] > 0.5


def fold(student, X):
    """Numbers of nodes of the core, before and after, and what folding changes."""
    first, last = student.network.layers
    core = cut_widest_gap([hidden_relevance(student.network)[0]]).masks[0]
    w = first.weight.detach().double()[core].numpy()
    b = first.bias.detach().double()[core].numpy()
    v = last.weight.detach().double()[0, core].numpy()
    x = ((torch.tensor(X) - student.x_mean) / student.x_scale).numpy()
    kinks, line, n_linear = kinks_and_line(w, b, v, x)
    reversed_ = best_signs(kinks, line)
    rows = np.column_stack([x, np.ones(len(x))])
    whole = np.maximum(x @ w.T + b, 0) @ v
    left = line + kinks[reversed_].sum(0)
    sign = np.where(reversed_, -1.0, 1.0)[:, None]
    folded = np.maximum(rows @ (sign * kinks).T, 0).sum(1)
    variance = np.var(whole)
    share = float(np.var(rows @ left) / variance)
    return {
        "core": len(w),
        "linear": n_linear,
        "kinks": len(kinks),
        "folded": len(kinks) + (share > SMALL),
        "left": float(f"{share:.3g}"),
        "change": float(f"{np.var(whole - folded) / variance:.3g}"),
    }


def folded(h_teacher, h, teacher, seeds, shorten):
    students, X, _, _ = train_students(
        "spectral (ours)",
        h_teacher=h_teacher,
        h=h,
        teacher=teacher,
        seeds=seeds,
        shorten=shorten,
    )
    return {"students": [fold(student, X) for student in students]}


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
    rows = results.rows(cases, folded, options)
    keys = ("core", "linear", "kinks", "folded")
    lines = []
    for t, h in sorted({(r["h_teacher"], r["h"]) for r in rows}):
        own = [
            m for r in rows if (r["h_teacher"], r["h"]) == (t, h) for m in r["students"]
        ]
        cells = [
            "{:.2f} ± {:.2f}".format(*mean_and_sd([m[k] for m in own])) for k in keys
        ]
        change = [m["change"] for m in own]
        lines.append([t, h, len(own), *cells, f"{np.median(change):.1e}"])
    header = ["teacher", "h", "runs", "core", "linear nodes", "kinks"]
    header += ["nodes after folding", "change / variance (median)"]
    save(options, "signs", draw(rows), table(header, lines))


def draw(rows):
    teachers = sorted({r["h_teacher"] for r in rows})
    figure, axes = plt.subplots(
        1, len(teachers), figsize=(4 * len(teachers), 3.4), squeeze=False
    )
    for ax, t in zip(axes[0], teachers, strict=True):
        own = [r for r in rows if r["h_teacher"] == t]
        widths = sorted({r["h"] for r in own})
        for key, marker in (("core", "o"), ("kinks", "s"), ("folded", "^")):
            values = [
                [m[key] for r in own if r["h"] == h for m in r["students"]]
                for h in widths
            ]
            centre, spread = np.array([mean_and_sd(v) for v in values]).T
            label = {"folded": "after folding", "core": "core (gap)"}.get(key, key)
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
