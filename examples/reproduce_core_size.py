"""Claim 2: the core has the size of the teacher, whatever the width of the student.

Students of 10 to 1500 nodes learn from teachers of 5 to 40. Beside the paper's spectral
and dense networks, at equal settings and as published, stand this package's defaults,
the dense network with decay on both layers, which is the honest baseline, and a group
lasso by proximal steps, which is what the method is at its minima. Cores are counted as
they are, with parallel nodes merged, and folded: with one node per kink.

Run ``python examples/reproduce_core_size.py --scale full``; what it computes serves
claims 3 and 4 as well. ``--layers 2`` takes the paper's teacher of two layers.
"""

import numpy as np
from _reproduction import (
    arguments,
    legend_below,
    mean_and_sd,
    save,
    table,
    ticks_at,
)
from _students import KINDS, gather, rows_of
from matplotlib import pyplot as plt
from scipy import stats

CUTS = ("gap", "merged", "folded", "R >= .05", "path >= .05")
ERRORS = ("error", "error folded", "error refitted")


def slope(widths, sizes, h_teacher):
    """Growth of the core in teachers' sizes per decade of h, and its 95% interval."""
    x = np.log10(widths)
    y = np.asarray(sizes) / h_teacher
    if len(set(widths)) < 2 or len(x) < 3 or np.ptp(y) == 0:
        return 0.0, (0.0, 0.0) if np.ptp(y) == 0 else (np.nan, np.nan)
    line = stats.linregress(x, y)
    half = line.stderr * stats.t.ppf(0.975, len(x) - 2)
    return line.slope, (line.slope - half, line.slope + half)


def counted(sizes):
    """Mean and standard deviation; nothing where nothing was counted."""
    return "{:.1f} ± {:.1f}".format(*mean_and_sd(sizes)) if sizes else ""


def geometric_mean(errors):
    return f"{np.exp(np.log(np.maximum(errors, 1e-30)).mean()):.2e}" if errors else ""


def main():
    options = arguments(__doc__)
    rows, teachers, widths, suffix = rows_of(options)

    lines = []
    for kind in KINDS:
        for t in teachers:
            for h in widths:
                own = gather(rows, kind, t, h)
                if not own:
                    continue
                sizes = [counted([m[cut] for m in own if cut in m]) for cut in CUTS]
                lines.append([kind, t, h, len(own), *sizes])
    text = table(["network", "teacher", "h", "runs", *CUTS], lines)

    lines = []
    for kind in KINDS:
        for t in teachers:
            for h in widths:
                own = gather(rows, kind, t, h)
                errors = [[m[key] for m in own if key in m] for key in ERRORS]
                lines += [[kind, t, h, *map(geometric_mean, errors)]] if own else []
    header = ["network", "teacher", "h", "test error", "core folded", "then refitted"]
    text += "\n\nTest error over the variance, geometric means\n\n"
    text += table(header, lines)

    lines = []
    for kind in KINDS:
        for t in teachers:
            beyond = [h for h in widths if h >= 2 * t]
            pairs = [(h, m) for h in beyond for m in gather(rows, kind, t, h)]
            for cut in CUTS:
                sizes = [(h, m[cut]) for h, m in pairs if cut in m]
                if not sizes:
                    continue
                found, interval = slope(*zip(*sizes, strict=True), t)
                band = "{:+.3f} to {:+.3f}".format(*interval)
                lines.append([kind, t, cut, f"{found:+.3f}", band])
    header = ["network", "teacher", "cut", "growth a decade / teacher", "95% interval"]
    text += "\n\n" + table(header, lines)
    figure = draw(rows, teachers, widths)
    save(options, f"core_size{suffix}", figure, text)


def draw(rows, teachers, widths):
    shown = [("spectral (ours)", "gap"), ("spectral (ours)", "folded")]
    shown += [("group lasso", "gap")]
    shown += [("spectral (paper)", "gap"), ("spectral (paper)", "R >= .05")]
    shown += [("dense (paper)", "R >= .05"), ("dense (paper)", "path >= .05")]
    shown += [("dense (ours)", "R >= .05"), ("dense (ours)", "path >= .05")]
    colours = {kind: f"C{place}" for place, kind in enumerate(KINDS)}
    styles = {"gap": "-", "folded": ":", "R >= .05": "--", "path >= .05": "-."}
    figure, axes = plt.subplots(
        1, len(teachers), figsize=(3.6 * len(teachers), 3.6), squeeze=False
    )
    for ax, t in zip(axes[0], teachers, strict=True):
        for kind, cut in shown:
            points = [(h, gather(rows, kind, t, h)) for h in widths]
            points = [(h, [m[cut] for m in own]) for h, own in points if own]
            if not points:
                continue
            centre, spread = zip(*(mean_and_sd(v) for _, v in points), strict=True)
            ax.errorbar(
                [h for h, _ in points],
                centre,
                yerr=np.nan_to_num(spread),
                marker="o" if kind.startswith("spectral") else "s",
                markersize=4,
                capsize=2,
                color=colours[kind],
                linestyle=styles[cut],
                label=f"{kind}: {cut}",
            )
        ax.axhline(t, color="black", linewidth=0.8)
        ax.set(
            xscale="log",
            yscale="log",
            xlabel="width h of the student (nodes)",
            title=f"teacher of {t} nodes",
        )
        ticks_at(ax.xaxis, [h for h in widths if h != 1000])
        ticks_at(ax.yaxis, (5, 10, 20, 40, 100, 200, 500, 1500))
    axes[0, 0].set_ylabel("nodes of the core")
    legend_below(figure, max(axes[0], key=lambda ax: len(ax.containers)))
    return figure


if __name__ == "__main__":
    main()
