"""Claim 5: the pruned spectral student is the teacher, node by node and path by path.

Students of 200 nodes for teachers of 20. Compared with the teacher are the magnitudes
of all paths from an input to the output, |w_ij v_j|, the in-degrees of the nodes (the
sum of |w_ij| of a node times |v_j|), and the nodes themselves: teacher and student
nodes are matched one to one by the cosine of their incoming weights, and a teacher node
counts as found where the cosine is above .99. The spectral student is cut to its core;
the dense one is taken as it is, and cut by path relevance to as many nodes as spectral
cores have on average.

The sign of a node cannot be known: relu(z) = z + relu(-z), so a student may hold a
teacher's node reversed, or partly one way and partly the other, where linear functions
make up the difference. Cosines are therefore taken without their sign, and two more
numbers are counted: "linear", nodes that are active on practically every row (bias
above three norms of the weights), and "kinks", the distinct hyperplanes of the others,
whichever way they point.
"""

import numpy as np
from _reproduction import (
    Results,
    arguments,
    digits,
    legend_below,
    mean_and_sd,
    save,
    table,
)
from _students import train_students
from matplotlib import pyplot as plt
from scipy.optimize import linear_sum_assignment
from scipy.stats import ks_2samp

from skspectral._core.cuts import cut_widest_gap
from skspectral._core.relevance import hidden_relevance

KINDS = ("spectral (ours)", "dense (ours)", "spectral (paper)", "dense (paper)")
H, H_TEACHER, N_CUT = 200, 20, 22


def weights_of(student):
    """Incoming (in, h), biases and outgoing (h,), on raw rows and raw targets."""
    first, last = student.network.layers
    w = first.weight.detach().double().numpy() / student.x_scale.numpy()
    b = np.zeros(len(w))
    if first.bias is not None:
        b = first.bias.detach().double().numpy() - w @ student.x_mean.numpy()
    v = last.weight.detach().double().numpy()[0] * float(student.y_scale[0])
    return w.T, b, v


def paths(w, v):
    """Magnitude of each path from an input through a node to the output."""
    return np.abs(w * v)


def distance(own, true):
    """Kolmogorov-Smirnov distance of two samples, three digits."""
    return float(f"{ks_2samp(own, true).statistic:.3g}")


def count_kinks(directions):
    """Distinct hyperplanes of unit vectors (in, n), up to their sign."""
    kinks = 0
    while directions.shape[1]:
        kinks += 1
        near = np.abs(directions[:, 0] @ directions) > 0.97
        near[0] = True
        directions = directions[:, ~near]
    return kinks


def compare(w, b, v, teacher):
    """Distances to the teacher, and how many of its nodes are there."""
    true_w, true_v = teacher.weights[0], np.ones(teacher.n_teacher_nodes)
    true_paths, own_paths = paths(true_w, true_v), paths(w, v)
    norms = np.linalg.norm(w, axis=0) + 1e-300
    cosine = true_w.T @ (w / norms) / np.linalg.norm(true_w, axis=0)[:, None]
    cosine = np.abs(cosine)
    linear = b > 3 * norms
    rows, columns = linear_sum_assignment(-cosine)
    best = cosine[rows, columns]
    return {
        "nodes": w.shape[1],
        "linear": int(linear.sum()),
        "kinks": count_kinks((w / norms)[:, ~linear]),
        "found": int((best > 0.99).sum()),
        "cosine": float(f"{best.mean():.4g}"),
        "KS of paths": distance(own_paths.ravel(), true_paths.ravel()),
        "KS of in-degrees": distance(own_paths.sum(0), true_paths.sum(0)),
    }


def topology(kind, teacher, seeds, shorten, n_cut):
    """Comparison of each student, whole and cut, and quantiles of its paths."""
    students, _, _, truth = train_students(
        kind,
        h_teacher=H_TEACHER,
        h=H,
        teacher=teacher,
        seeds=seeds,
        shorten=shorten,
    )
    levels = np.linspace(0, 1, 101)
    truth_paths = paths(truth.weights[0], np.ones(H_TEACHER)).ravel()
    found = {"whole": [], "cut": [], "quantiles": [], "teacher's quantiles": []}
    found["teacher's quantiles"] = digits(np.quantile(truth_paths, levels))
    for student in students:
        w, b, v = weights_of(student)
        found["whole"].append(compare(w, b, v, truth))
        keep = cut_widest_gap([hidden_relevance(student.network)[0]]).masks[0].numpy()
        if kind.startswith("dense"):
            relevance = np.linalg.norm(w, axis=0) * np.abs(v)
            keep = relevance >= np.sort(relevance)[-n_cut]
        found["cut"].append(compare(w[:, keep], b[keep], v[keep], truth))
        quantiles = np.quantile(paths(w[:, keep], v[keep]).ravel(), levels)
        found["quantiles"].append(digits(quantiles))
    return found


def main():
    options = arguments(__doc__)
    quick = options.scale == "quick"
    n_teachers = {"quick": 1, "reduced": 2, "full": 3}[options.scale]
    cases = [
        {
            "kind": kind,
            "teacher": teacher,
            "seeds": [0] if quick else [0, 1, 2, 3, 4],
            "shorten": 20 if quick else 1,
            "n_cut": N_CUT,
        }
        for teacher in range(n_teachers)
        for kind in KINDS
    ]
    results = Results(options.folder / "topology.json")
    rows = results.rows(cases, topology, options)
    columns = ("nodes", "linear", "kinks", "found", "cosine")
    columns += ("KS of paths", "KS of in-degrees")
    lines = []
    for kind in KINDS:
        for state in ("whole", "cut"):
            own = [m for r in rows if r["kind"] == kind for m in r[state]]
            cells = [
                "{:.3g} ± {:.2g}".format(*mean_and_sd([m[name] for m in own]))
                for name in columns
            ]
            lines.append([kind, state, len(own), *cells])
    text = table(["network", "student", "runs", *columns], lines)
    save(options, "topology", draw(rows), text)


def draw(rows):
    figure, axes = plt.subplots(1, 4, figsize=(13, 3.4), sharey=True, sharex=True)
    levels = np.linspace(0, 1, 101)
    for ax, kind in zip(axes, KINDS, strict=True):
        own = [r for r in rows if r["kind"] == kind]
        for number, row in enumerate(own):
            for k, quantiles in enumerate(row["quantiles"]):
                label = "students, cut" if number == k == 0 else None
                ax.plot(quantiles, levels, color="C0", alpha=0.4, label=label)
            label = "teachers" if number == 0 else None
            ax.plot(row["teacher's quantiles"], levels, color="black", label=label)
        ax.set(title=kind, xlabel="magnitude of a path |w v|")
    axes[0].set_ylabel("share of paths below")
    legend_below(figure, axes[0])
    return figure


if __name__ == "__main__":
    main()
