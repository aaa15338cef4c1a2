"""Networks of several widths on one task: each at its best alpha, cut, and compared.

Claim 6 asks the same of every set of real data: is the spectral network as good as the
dense one, what is lost when it is cut to its core, and do core and knee stay where they
are when the width grows?
"""

import warnings

import numpy as np
from _reproduction import digits, legend_below, mean_and_sd, table, ticks_at
from matplotlib import pyplot as plt
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import PredefinedSplit, ShuffleSplit

from skspectral import SpectralGridSearchCV, pruning_curve

KINDS = ("spectral", "dense")
ALPHAS = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3)
STRONGER = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)  # where the best of ALPHAS was its largest
POINT = 0.01  # of the score: what the knee may cost
NODES = (1, 3, 10, 30, 100, 300, 1000)  # ticks
MARGINS = (1.05, 1.2, 1.5)  # times the best loss of a dense network


def loss_of(model, X, y):
    """Squared error in units of the variance, or mean cross-entropy."""
    if hasattr(model, "classes_"):
        return float(log_loss(y, model.predict_proba(X), labels=model.classes_))
    return float(np.mean((model.predict(X) - y) ** 2) / np.var(y))


def knee_of(curve):
    """Fewest nodes from which on the score is within a point of the whole network's."""
    below = np.flatnonzero(curve.scores["path"] < curve.full_score - POINT)
    return int(curve.n_nodes[below[-1] + 1]) if len(below) else 1


def measures(model, X, y):
    """Of a candidate on the rows held back; a scorer wants the larger to be better."""
    curve = pruning_curve(model, X, y, relevance="path")
    return {
        "minus loss": -loss_of(model, X, y),
        "core": model.core_sizes_[0],
        "knee": knee_of(curve),
    }


def fit_and_cut(model, X, y, X_test, y_test, alphas, seed, held_back=None):
    """Losses, score, core, knee and pruning curve of a network at its best alpha.

    Alpha is chosen on a fifth of the training rows, or on those of `held_back`; the
    network is then trained on all of them. Test rows choose nothing.
    """
    cv = ShuffleSplit(1, test_size=0.2, random_state=seed)
    if held_back is not None:
        fold = np.full(len(y), -1)
        fold[held_back] = 0
        cv = PredefinedSplit(fold)
    search = SpectralGridSearchCV(
        model,
        {"alpha": list(alphas)},
        scoring=measures,
        refit="minus loss",
        cv=cv,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # "formed" keeps it
        warnings.filterwarnings("ignore", "prune removed")
        best = search.fit(X, y).best_estimator_
        pruned = best.prune()
    found = search.cv_results_
    curve = pruning_curve(best, X_test, y_test, relevance="path")
    width = len(curve.n_nodes)
    shown = np.unique(np.geomspace(1, width, 25).round().astype(int))
    return {
        "alpha": best.alpha,
        "loss": float(f"{loss_of(best, X_test, y_test):.5g}"),
        "pruned loss": float(f"{loss_of(pruned, X_test, y_test):.5g}"),
        "score": float(f"{curve.full_score:.5g}"),
        "core": best.core_sizes_[0],
        "kept": pruned.hidden_layer_sizes[0],
        "formed": best.core_formed_,
        "knee": knee_of(curve),
        "curve": {"nodes": shown, "scores": digits(curve.scores["path"][shown - 1])},
        "held back": {
            "loss": digits(-found["mean_test_minus loss"]),
            "core": found["mean_test_core"].astype(int),
            "knee": found["mean_test_knee"].astype(int),
        },
    }


def cases(name, widths, seeds, **settings):
    """A case for every width, seed and kind of network."""
    return [
        {"name": name, "kind": kind, "h": h, "seed": seed, **settings}
        for h in widths
        for seed in seeds
        for kind in KINDS
    ]


def groups(rows, names):
    """Name, width and runs of both kinds, seed by seed."""
    for name in names:
        for h in sorted({row["h"] for row in rows if row["name"] == name}):
            own = {
                (r["kind"], r["seed"]): r
                for r in rows
                if (r["name"], r["h"]) == (name, h)
            }
            seeds = {seed for _, seed in own}
            pairs = [
                [own.get((kind, seed)) for kind in KINDS] for seed in sorted(seeds)
            ]
            pairs = [pair for pair in pairs if None not in pair]
            if pairs:
                yield name, h, *zip(*pairs, strict=True)


def spread(values, form):
    """Mean ± standard deviation, or the value where there is but one."""
    return " ± ".join(form.format(v) for v in mean_and_sd(values) if not np.isnan(v))


def report(rows, names):
    """All tables of these sets, with what they show."""
    parts = {
        "Test loss (squared error / variance of a number, else cross-entropy):": losses,
        "Fewest nodes in use, of all widths and alphas, for a loss on the rows held "
        "back within 5, 20 and 50 % of the best of a dense network:": frontier,
        "Sizes at those alphas:": sizes,
        "Core / knee of the spectral networks, by alpha, on the rows held back:": (
            by_alpha
        ),
    }
    return "\n\n".join(f"{what}\n\n{show(rows, names)}" for what, show in parts.items())


def losses(rows, names):
    """Table of test losses, each network at its own best alpha."""
    header = ["data", "h", "runs", "loss, spectral", "loss, dense", "spectral / dense"]
    header += ["cut / whole", "score, spectral", "score, dense"]
    lines = []
    for name, h, *both in groups(rows, names):
        spectral, dense = ([row["loss"] for row in own] for own in both)
        cut = [row["pruned loss"] / row["loss"] for row in both[0]]
        lines.append([name, h, len(spectral)])
        lines[-1] += [spread(spectral, "{:.4f}"), spread(dense, "{:.4f}")]
        lines[-1] += [spread(np.divide(spectral, dense), "{:.3f}")]
        lines[-1] += [spread(cut, "{:.3f}")]
        lines[-1] += [spread([r["score"] for r in own], "{:.4f}") for own in both]
    return table(header, lines)


def sizes(rows, names):
    """Table of cores and knees, each network at its own best alpha."""
    header = ["data", "h"]
    for what in ("alpha", "core", "formed", "knee"):
        header += [f"{what}, {kind}" for kind in KINDS]
    lines = []
    for name, h, *both in groups(rows, names):
        alphas = [sorted({row["alpha"] for row in own}) for own in both]
        lines.append([name, h, *(", ".join(f"{a:g}" for a in some) for some in alphas)])
        lines[-1] += [spread([r["core"] for r in own], "{:.0f}") for own in both]
        lines[-1] += [f"{sum(r['formed'] for r in own)} of {len(own)}" for own in both]
        lines[-1] += [spread([r["knee"] for r in own], "{:.0f}") for own in both]
    return table(header, lines)


def by_alpha(rows, names):
    """Table of the spectral networks of the search: core / knee at every alpha."""
    alphas = sorted({alpha for row in rows for alpha in row["alphas"]})
    lines = []
    for name, h, spectral, _ in groups(rows, names):
        core, knee = (
            np.mean([r["held back"][key] for r in spectral], axis=0)
            for key in ("core", "knee")
        )
        own = zip(spectral[0]["alphas"], core, knee, strict=True)
        cells = {alpha: f"{c:.0f} / {k:.0f}" for alpha, c, k in own}
        lines.append([name, h, *(cells.get(alpha, "") for alpha in alphas)])
    return table(["data", "h", *(f"{alpha:g}" for alpha in alphas)], lines)


def frontier(rows, names):
    """Table of the fewest nodes in use, over all widths and alphas, for a loss."""
    lines = []
    for name in names:
        points = {kind: [] for kind in KINDS}
        for _, _, *both in groups(rows, [name]):
            for kind, own in zip(KINDS, both, strict=True):
                points[kind] += points_of(own)
        if not points["dense"]:
            continue
        best = min(loss for _, loss in points["dense"])
        cells = []
        for margin in MARGINS:
            for kind in KINDS:
                sizes = [n for n, loss in points[kind] if loss <= margin * best]
                cells.append(f"{min(sizes):.0f}" if sizes else "none")
        lines.append([name, f"{best:.4f}", *cells])
    header = ["data", "best loss of dense"]
    header += [f"within {m - 1:.0%}, {kind}" for m in MARGINS for kind in KINDS]
    return table(header, lines)


def points_of(own):
    """Nodes of the core and loss on the rows held back, at each alpha of a search."""
    kept = (
        np.mean([r["held back"][key] for r in own], axis=0) for key in ("core", "loss")
    )
    return list(zip(*kept, strict=True))


def draw(rows, names):
    """Losses, sizes and pruning curves: a column for each set, or a row for one."""
    shape = (1, 5) if len(names) == 1 else (5, len(names))
    size = (3.2 * shape[1], 2.8 * shape[0])
    figure, axes = plt.subplots(*shape, figsize=size, squeeze=False)
    columns = axes if len(names) == 1 else axes.T
    for (ratio, core, fixed, used, curve), name in zip(columns, names, strict=True):
        found = [group[1:] for group in groups(rows, [name])]
        draw_ratio(ratio, found)
        draw_sizes(core, found)
        draw_by_alpha(fixed, found)
        draw_frontier(used, found)
        draw_curves(curve, found)
        for ax in (ratio, core):
            ax.set(xscale="log", xlabel="width h (nodes)")
            ticks_at(ax.xaxis, [h for h, *_ in found])
        ratio.set_title(name)
    labels = ("test loss / that of dense", "nodes, own best alpha")
    labels += ("nodes, spectral", "loss held back / best dense", "test score")
    for ax, label in zip(columns[0], labels, strict=True):
        ax.set_ylabel(label)
    legend_below(figure, columns[0, 1], 5)
    return figure


def draw_ratio(ax, found):
    for key, label, style in (
        ("loss", "spectral", "-o"),
        ("pruned loss", "its core", ":x"),
    ):
        points = [
            mean_and_sd([s[key] / d["loss"] for s, d in zip(*both, strict=True)])
            for _, *both in found
        ]
        centre, error = np.nan_to_num(np.array(points).T)
        ax.errorbar(
            [h for h, *_ in found], centre, error, fmt=style, label=label, capsize=2
        )
    ax.axhline(1, color="black", linewidth=0.6)
    ax.axhline(1.02, color="grey", linewidth=0.6, linestyle="--")
    ax.legend(frameon=False, fontsize=8)


def draw_sizes(ax, found):
    widths = [h for h, *_ in found]
    for key, colour in (("core", "C0"), ("knee", "C1")):
        for which, kind in enumerate(KINDS):
            points = [mean_and_sd([r[key] for r in both[which]]) for _, *both in found]
            centre, error = np.nan_to_num(np.array(points).T)
            style = {"fmt": "-o" if which == 0 else "--s", "color": colour}
            label = f"{key}, {kind}"
            ax.errorbar(widths, centre, error, capsize=2, label=label, **style)
    ax.plot(widths, widths, color="black", linewidth=0.6, label="every node")
    ax.set_yscale("log")
    ticks_at(ax.yaxis, NODES)


def colours_of(found):
    return plt.get_cmap("viridis")(np.linspace(0, 0.85, len(found)))


def draw_by_alpha(ax, found):
    for (_, spectral, _), colour in zip(found, colours_of(found), strict=True):
        for key, style in (("core", "-o"), ("knee", ":")):
            sizes = np.mean([r["held back"][key] for r in spectral], axis=0)
            ax.plot(spectral[0]["alphas"], sizes, style, color=colour, markersize=4)
    ax.set(xscale="log", yscale="log", xlabel="alpha (line: core, dotted: knee)")
    ticks_at(ax.yaxis, NODES)


def draw_frontier(ax, found):
    """Loss against nodes in use, a point for every width and alpha."""
    best = min(loss for *_, dense in found for _, loss in points_of(dense))
    for which, (kind, style) in enumerate(zip(KINDS, ("o", "s"), strict=True)):
        points = [point for _, *both in found for point in points_of(both[which])]
        nodes, losses = np.transpose(points)
        ax.plot(nodes, losses / best, style, markersize=4, alpha=0.7, label=kind)
    ax.set(xscale="log", ylim=(0.95, 2), xlabel="nodes of the core")
    ticks_at(ax.xaxis, NODES)
    ax.legend(frameon=False, fontsize=8)


def draw_curves(ax, found):
    for (h, *both), colour in zip(found, colours_of(found), strict=True):
        for own, style in zip(both, ("-", ":"), strict=True):
            nodes = own[0]["curve"]["nodes"]
            mean = np.mean([r["curve"]["scores"] for r in own], axis=0)
            label = f"h = {h}" if style == "-" else None
            ax.plot(nodes, mean, style, color=colour, label=label)
    ax.set(xscale="log", xlabel="nodes kept (dotted: dense)", ylim=(0, 1))
    ticks_at(ax.xaxis, NODES)
    ax.legend(frameon=False, fontsize=8)
