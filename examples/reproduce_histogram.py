"""Claim 1: most nodes of a wide spectral student are zero, not those of a dense one.

The figure of the poster: histograms of the relevance R of the nodes of students with
10, 40 and 500 nodes, for a teacher of 20. Beside it path relevance, which counts the
outgoing weights as well and shows that a dense network with decay on both of its layers
is thin too, though less.
"""

import numpy as np
from _reproduction import (
    Results,
    arguments,
    digits,
    legend_below,
    save,
    table,
    ticks_at,
)
from _students import train_students
from matplotlib import pyplot as plt

from skspectral._core.relevance import hidden_relevance, path_relevance

KINDS = ("spectral (paper)", "dense (paper)", "spectral (ours)", "dense (ours)")
H_TEACHER = 20


def relevances(kind, h, teacher, seeds, shorten):
    """R and path relevance over the largest of each student, from the largest on."""
    students, *_ = train_students(
        kind,
        h_teacher=H_TEACHER,
        h=h,
        teacher=teacher,
        seeds=seeds,
        shorten=shorten,
    )
    found = {"R": [], "path": []}
    for student in students:
        for name, measure in (("R", hidden_relevance), ("path", path_relevance)):
            values = measure(student.network)[0].sort(descending=True).values
            found[name].append(digits(values / values[0], 3))
    return found


def main():
    options = arguments(__doc__)
    quick = options.scale == "quick"
    n_teachers = {"quick": 1, "reduced": 1, "full": 3}[options.scale]
    cases = [
        {
            "kind": kind,
            "h": h,
            "teacher": teacher,
            "seeds": [0] if quick else [0, 1, 2, 3, 4],
            "shorten": 20 if quick else 1,
        }
        for h in (10, 40, 500)
        for kind in KINDS
        for teacher in range(n_teachers)
    ]
    results = Results(options.folder / "histogram.json")
    rows = results.rows(cases, relevances, options)
    lines = []
    for kind in KINDS:
        for h in (10, 40, 500):
            own = [r for r in rows if r["kind"] == kind and r["h"] == h]
            cells = []
            for name in ("R", "path"):
                values = np.concatenate([np.array(r[name]) for r in own])
                for threshold in (0.05, 1e-3, 1e-6):
                    share = (values >= threshold).sum(1)
                    cells.append(f"{share.mean():.1f}")
            lines.append([kind, h, sum(len(r["R"]) for r in own), *cells])
    header = ["network", "h", "students"]
    header += [f"{n} >= {t:g}" for n in ("R", "path") for t in (0.05, 1e-3, 1e-6)]
    text = "Nodes above a share of the largest relevance, mean over students\n\n"
    text += table(header, lines)
    save(options, "histogram", draw(rows), text)


def draw(rows):
    figure, axes = plt.subplots(2, 3, figsize=(11, 6), sharey="col")
    bins = np.linspace(0, 1, 21)  # bins of .05, the paper's
    for line, name in zip(axes, ("R", "path"), strict=True):
        for ax, h in zip(line, (10, 40, 500), strict=True):
            for kind in KINDS:
                own = [r for r in rows if r["kind"] == kind and r["h"] == h]
                values = np.concatenate([np.array(r[name]) for r in own])
                counts = np.mean([np.histogram(v, bins)[0] for v in values], axis=0)
                ax.stairs(
                    counts,
                    bins,
                    label=kind,
                    linewidth=1.5,
                    linestyle="-" if kind.startswith("spectral") else "--",
                )
            ax.set_yscale("symlog", linthresh=1)
            ax.set_ylim(bottom=0)
            ticks_at(ax.yaxis, (0, 0.5, 1, 2, 5, 10, 30, 100, 500))
            title = "relevance R" if name == "R" else "path relevance"
            ax.set(xlabel=f"{title} / largest", title=f"h = {h}")
        line[0].set_ylabel("nodes of a student (mean)")
    legend_below(figure, axes[0, 0], n_columns=4)
    return figure


if __name__ == "__main__":
    main()
