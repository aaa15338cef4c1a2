"""The abstract's "negligible increase in computational load", measured.

Three things cost: the time of a step beside a dense network in the same loop, the extra
numbers, and the epochs until the core stands. Time is of whole fits, spectral and dense
in turn on one thread; the core counts as standing from the first epoch after which it
never again differs by more than one node from that at the end.
"""

import time

import numpy as np
import torch
from _reproduction import Results, arguments, save, table
from _students import N_ROWS
from matplotlib import pyplot as plt

from skspectral import SpectralMLPRegressor
from skspectral._relevance import cut_widest_gap, hidden_relevance
from skspectral._together import train_together
from skspectral.datasets import make_teacher_student

EVERY = 5  # epochs


def cost(h_teacher, h, seed, max_iter):
    """Seconds of both kinds, and the core of the spectral one every few epochs."""
    X, y, _ = make_teacher_student(N_ROWS, n_teacher_nodes=h_teacher, random_state=seed)
    seconds, sizes, numbers = {}, [], {}
    for turn in range(3):
        for kind in ("spectral", "dense"):
            model = SpectralMLPRegressor(
                hidden_layer_sizes=h,
                parametrization=kind,
                max_iter=max_iter,
                random_state=seed,
            )
            plan = model._plan(*model._read(X, y))
            start = time.perf_counter()
            ((state, history),) = train_together([plan])
            seconds.setdefault(kind, []).append(time.perf_counter() - start)
            if turn == 0:
                model._finish(plan, state, history, warn=False)
                numbers[kind] = model.n_trained_parameters_

    def look(epoch):
        if (epoch.number + 1) % EVERY == 0:
            r = hidden_relevance(epoch.state().to_network())
            sizes.append(int(cut_widest_gap(r).masks[0].sum()))
        return False

    plan = SpectralMLPRegressor(
        hidden_layer_sizes=h, max_iter=max_iter, random_state=seed
    )
    plan = plan._plan(*plan._read(X, y))
    plan.on_epoch = look
    train_together([plan])
    away = np.flatnonzero(np.abs(np.array(sizes) - sizes[-1]) > 1)
    stands = EVERY * (int(away[-1]) + 2 if len(away) else 1)
    return {
        "spectral s": float(f"{np.median(seconds['spectral']):.4g}"),
        "dense s": float(f"{np.median(seconds['dense']):.4g}"),
        "numbers": numbers,
        "cores": sizes,
        "stands": min(stands, plan.schedule.n_epochs),
        "epochs": plan.schedule.n_epochs,
    }


def main():
    options = arguments(__doc__)
    torch.set_num_threads(1)
    quick = options.scale == "quick"
    cases = [
        {"h_teacher": t, "h": h, "seed": s, "max_iter": 20 if quick else "auto"}
        for t in ((10,) if quick else (10, 20))
        for h in ((40,) if quick else (50, 100, 300))
        for s in ((0,) if quick else (0, 1, 2))
    ]
    options.jobs = 1  # nothing is timed beside something else
    results = Results(options.folder / "cost.json")
    rows = results.rows(cases, cost, options)
    lines = []
    for t, h in sorted({(r["h_teacher"], r["h"]) for r in rows}):
        own = [r for r in rows if (r["h_teacher"], r["h"]) == (t, h)]
        ratios = [r["spectral s"] / r["dense s"] for r in own]
        numbers = own[0]["numbers"]
        lines.append(
            [
                t,
                h,
                f"{np.median(ratios):.3f}",
                f"{numbers['spectral'] / numbers['dense']:.3f}",
                ", ".join(str(r["stands"]) for r in own),
                own[0]["epochs"],
                ", ".join(str(r["cores"][-1]) for r in own),
            ]
        )
    header = ["teacher", "h", "time / dense", "numbers / dense"]
    header += ["epochs until the core stands", "of", "core"]
    text = table(header, lines)
    save(options, "cost", draw(rows), text)


def draw(rows):
    teachers = sorted({r["h_teacher"] for r in rows})
    figure, axes = plt.subplots(
        1, len(teachers), figsize=(4.5 * len(teachers), 3.6), squeeze=False
    )
    for ax, t in zip(axes[0], teachers, strict=True):
        for number, h in enumerate(sorted({r["h"] for r in rows})):
            for k, row in enumerate(
                r for r in rows if (r["h_teacher"], r["h"]) == (t, h)
            ):
                epochs = EVERY * np.arange(1, len(row["cores"]) + 1)
                label = f"h = {h}" if k == 0 else None
                ax.plot(epochs, row["cores"], color=f"C{number}", label=label)
        ax.axhline(t, color="black", linewidth=0.8)
        ax.set(
            yscale="log", xlabel="epoch", title=f"teacher of {t} nodes, three students"
        )
    axes[0, 0].set_ylabel("nodes of the core")
    axes[0, -1].legend(frameon=False)
    figure.tight_layout()
    return figure


if __name__ == "__main__":
    main()
