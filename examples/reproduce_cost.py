"""The abstract's "negligible increase in computational load", measured.

Three things cost: time beside a dense network in the same loop, memory, and the epochs
until the core stands. Time is of whole fits, spectral and dense in turn on one thread,
with nodes leaving as they die and without. Memory is what tensors hold after the first
epoch: table, minibatches, parameters, moments, gradients. The core counts as standing
from the first epoch after which it never again differs by more than one node from that
at the end.
"""

import dataclasses
import gc
import time

import numpy as np
import torch
from _reproduction import Results, arguments, digits, save, table, ticks_at
from _students import N_ROWS
from matplotlib import pyplot as plt

from skspectral import SpectralMLPRegressor
from skspectral._core.cuts import cut_widest_gap
from skspectral._core.relevance import hidden_relevance
from skspectral._estimators.batch_training import train_together
from skspectral.datasets import make_teacher_student

EVERY = 5  # epochs


KINDS = {  # parametrization, and whether nodes leave
    "spectral": ("spectral", True),
    "all nodes": ("spectral", False),
    "dense": ("dense", True),
}


def held():
    """Bytes that tensors hold now."""
    tensors = (o for o in gc.get_objects() if type(o) is torch.Tensor)
    storages = (t.untyped_storage() for t in tensors)
    return sum({s.data_ptr(): s.nbytes() for s in storages}.values())


def plan_of(kind, X, y, h, seed, max_iter):
    parametrization, shrink = KINDS[kind]
    model = SpectralMLPRegressor(
        encoding="linear",
        hidden_layer_sizes=h,
        parametrization=parametrization,
        max_iter=max_iter,
        random_state=seed,
    )
    plan = model._plan(*model._read(X, y))
    plan.schedule = dataclasses.replace(plan.schedule, shrink=shrink)
    return plan


def bytes_of(plan):
    """What the tensors of a fit hold after its first epoch."""
    found = []

    def look(_):
        found.append(held() - before)
        return True  # that is enough

    plan.on_epoch = look
    gc.collect()
    before = held()
    train_together([plan])
    return found[0]


def cores_of(plan):
    """Size of the core every few epochs."""
    sizes = []

    def look(epoch):
        if (epoch.number + 1) % EVERY == 0:
            r = hidden_relevance(epoch.state().to_network())
            sizes.append(int(cut_widest_gap(r).masks[0].sum()))
        return False

    plan.on_epoch = look
    train_together([plan])
    return sizes


def cost(h_teacher, h, seed, max_iter):
    """Times and bytes of each kind, and the core of ours every few epochs."""
    X, y, _ = make_teacher_student(N_ROWS, n_teacher_nodes=h_teacher, random_state=seed)
    times = {kind: [] for kind in KINDS}
    for _ in range(3):
        for kind, own in times.items():
            plan = plan_of(kind, X, y, h, seed, max_iter)
            start = time.perf_counter()
            train_together([plan])
            own.append(time.perf_counter() - start)
    memory = {k: bytes_of(plan_of(k, X, y, h, seed, max_iter)) for k in KINDS}
    plan = plan_of("spectral", X, y, h, seed, max_iter)
    sizes = cores_of(plan)
    away = np.flatnonzero(np.abs(np.array(sizes) - sizes[-1]) > 1)
    stands = EVERY * (int(away[-1]) + 2 if len(away) else 1)
    return {
        "times": {kind: digits(np.median(own))[0] for kind, own in times.items()},
        "bytes": memory,
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
        cells = [t, h]
        for kind in ("spectral", "all nodes"):
            ratios = [r["times"][kind] / r["times"]["dense"] for r in own]
            cells.append(f"{np.median(ratios):.3f}")
        cells += [
            f"{np.median([r['bytes'][kind] for r in own]) / 1e6:.2f}"
            for kind in ("spectral", "dense")
        ]
        cells += [", ".join(str(r["stands"]) for r in own), own[0]["epochs"]]
        lines.append([*cells, ", ".join(str(r["cores"][-1]) for r in own)])
    header = ["teacher", "h", "time / dense", "if no node leaves", "MB", "MB, dense"]
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
        ticks_at(ax.yaxis, (10, 20, 50, 100, 300))
    axes[0, 0].set_ylabel("nodes of the core")
    axes[0, -1].legend(frameon=False)
    figure.tight_layout()
    return figure


if __name__ == "__main__":
    main()
