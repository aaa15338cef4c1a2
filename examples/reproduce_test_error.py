"""Claim 3, on teachers: the test error is the same, whatever the kind of layer.

The students are those of claim 2; whatever is not yet trained is trained here. Errors
are mean squared errors on fresh rows, in units of the variance of the targets.
"""

import numpy as np
from _reproduction import arguments, legend_below, save, table, ticks_at
from _students import KINDS, gather, rows_of
from matplotlib import pyplot as plt


def main():
    options = arguments(__doc__)
    rows, teachers, widths, suffix = rows_of(options)
    lines = []
    figure, axes = plt.subplots(
        1, len(teachers), figsize=(3.6 * len(teachers), 3.6), squeeze=False, sharey=True
    )
    for ax, t in zip(axes[0], teachers, strict=True):
        for kind in KINDS:
            points = [(h, gather(rows, kind, t, h)) for h in widths]
            # Errors differ by orders of magnitude: geometric means and deviations.
            points = [(h, [m["error"] for m in own]) for h, own in points if own]
            points = [(h, np.log(errors)) for h, errors in points]
            centre = np.array([e.mean() for _, e in points])
            spread = np.array([e.std(ddof=1) for _, e in points])
            ax.fill_between(
                [h for h, _ in points],
                np.exp(centre - spread),
                np.exp(centre + spread),
                alpha=0.15,
            )
            ax.plot([h for h, _ in points], np.exp(centre), marker="o", label=kind)
            lines += [
                [kind, t, h, len(e), f"{np.exp(c):.2e}", f"x {np.exp(s):.2f}"]
                for (h, e), c, s in zip(points, centre, spread, strict=True)
            ]
        ax.set(
            xscale="log",
            yscale="log",
            xlabel="width h of the student (nodes)",
            title=f"teacher of {t} nodes",
        )
        ticks_at(ax.xaxis, [h for h in widths if h != 1000])
    axes[0, 0].set_ylabel("test error / variance of y")
    legend_below(figure, axes[0, 0])
    header = ["network", "teacher", "h", "runs", "error", "spread"]
    save(options, f"test_error{suffix}", figure, table(header, lines))


if __name__ == "__main__":
    main()
