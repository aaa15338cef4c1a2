"""Past the paper: what makes the core equal the teacher, each thing alone and together.

Starting from the paper's protocol, one of three ingredients of the estimators' defaults
is added at a time; starting from all three, one is left out. Further, a schedule of
alpha is added to all three: one that grows from zero over the first half of the steps,
one that falls, from three times its value to it, over the first 70% of the steps, and
a warm-up, no penalty in the first 20 epochs.

What comes after training is measured on every one of these networks: its core as it is,
with parallel nodes merged, folded (one node per kink, see ``reproduce_signs.py``), and
folded and refitted without penalty.
"""

import dataclasses
import warnings

import numpy as np
import torch
from _reproduction import (
    Results,
    arguments,
    digits,
    legend_below,
    mean_and_sd,
    save,
    table,
)
from _students import N_ROWS, measure, measure_folded
from matplotlib import pyplot as plt
from sklearn.datasets import fetch_california_housing
from sklearn.model_selection import train_test_split

from skspectral import SpectralMLPRegressor
from skspectral._estimators.batch_training import train_together
from skspectral._estimators.export import as_torch_module
from skspectral.datasets import make_teacher_student
from skspectral.nn import SpectralMLP

THREE = ("readout", "balanced", "decay")
VARIANTS = {
    "none of the three": (),
    "+ readout penalised": ("readout",),
    "+ balanced start": ("balanced",),
    "+ rate falls to zero": ("decay",),
    "all three": THREE,
    "- readout penalised": ("balanced", "decay"),
    "- balanced start": ("readout", "decay"),
    "- rate falls to zero": ("readout", "balanced"),
    "all three, alpha grows": (*THREE, "grows"),
    "all three, alpha falls": (*THREE, "falls"),
    "all three, warm-up": (*THREE, "warmup"),
}


class Scaled:
    """Scales the penalty, step by step, by a function of the share of steps done."""

    def __init__(self, factor, n_steps):
        self.factor, self.n_steps = factor, n_steps

    def __call__(self, parameters, adam, rate):
        factor = self.factor(adam.t / self.n_steps)
        torch.mul(parameters.alphas, 2 * factor, out=parameters.decay)


SIZES = ("gap", "merged", "folded")
ERRORS = ("error", "error folded", "error refitted")
SCALES = {
    "grows": lambda t: min(1.0, 2 * t),
    "falls": lambda t: 3.0 ** max(0.0, 1 - t / 0.7),
}


def estimator_of(parts, h, seed):
    return SpectralMLPRegressor(
        encoding="linear",
        hidden_layer_sizes=h,
        alpha_readout=None if "readout" in parts else 0.0,
        learning_rate="linear" if "decay" in parts else "constant",
        tol=0,
        n_iter_no_change=10**6,
        n_iter_warmup=20 if "warmup" in parts else 0,
        random_state=seed,
    )


def unbalanced(state):
    """The same weights with every eigenvalue at one, where the paper starts."""
    weight = state.weights()[0]
    return dataclasses.replace(
        state,
        phi=[(-weight).astype(state.phi[0].dtype), state.phi[1]],
        lambda_out=[np.ones_like(state.lambda_out[0]), state.lambda_out[1]],
    )


def variant(name, h_teacher, h, teacher, seeds, shorten):
    """Measurements of the students of one variant."""
    parts = VARIANTS[name]
    X, y, _ = make_teacher_student(
        2 * N_ROWS, n_teacher_nodes=h_teacher, random_state=teacher
    )
    known, models, plans = {}, [], []
    n_batches = -(-N_ROWS // estimator_of(parts, h, 0)._batch_size(N_ROWS))
    hook = None
    for seed in seeds:
        model = estimator_of(parts, h, seed)
        plan = model._plan(*model._read(X[:N_ROWS], y[:N_ROWS]), known=known)
        schedule = plan.schedule
        n_epochs = max(1, schedule.n_epochs // shorten)
        plan.schedule = dataclasses.replace(schedule, n_epochs=n_epochs)
        if "balanced" not in parts:
            plan.start = unbalanced(plan.start)
        for scale, factor in SCALES.items():
            if scale in parts:
                hook = hook or Scaled(factor, n_epochs * n_batches)
                plan.after_step = hook
        models.append(model)
        plans.append(plan)
    found = []
    for model, plan, outcome in zip(models, plans, train_together(plans), strict=True):
        model._finish(plan, *outcome, warn=False)
        network: SpectralMLP = model._state().to_network()
        student = as_torch_module(network, plan.data.x, plan.data.y)
        after = measure_folded(student, X, y, h_teacher)
        before = measure(student, X[N_ROWS:], y[N_ROWS:], h_teacher)
        found.append({key: (before | after)[key] for key in (*SIZES, *ERRORS)})
    return {"students": found}


def on_california(name, split, shorten):
    """Test error and core on real data: what an ingredient costs there."""
    X, y = fetch_california_housing(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.2, random_state=split)
    model = estimator_of(VARIANTS[name], 256, split)
    plan = model._plan(*model._read(X, y))
    n_epochs = max(1, plan.schedule.n_epochs // shorten)
    plan.schedule = dataclasses.replace(plan.schedule, n_epochs=n_epochs)
    for scale, factor in SCALES.items():
        if scale in VARIANTS[name]:
            n_batches = -(-len(y) // plan.schedule.batch_size)
            plan.after_step = Scaled(factor, n_epochs * n_batches)
    ((state, history),) = train_together([plan])
    model._finish(plan, state, history, warn=False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "prune removed")  # a fit cut short, or folded
        folded = model.prune(X, merge="fold")
        refitted = folded.prune(X, y, refit=True)
    errors = [
        np.sqrt(np.mean((m.predict(X_test) - y_test) ** 2))
        for m in (model, folded, refitted)
    ]
    sizes = [model.core_sizes_[0], folded.hidden_layer_sizes[0]]
    return {"rmse": digits(errors, 4), "sizes": sizes}


def california(options, results):
    """Table of the ingredients on California Housing; empty where it is absent."""
    try:
        fetch_california_housing()
    except OSError as error:
        print(f"California Housing is left out: {error}")
        return ""
    quick = options.scale == "quick"
    names = tuple(name for name in VARIANTS if name.startswith("all three"))
    cases = [
        {"name": name, "split": split, "shorten": 50 if quick else 1}
        for split in range(1 if quick else 5)
        for name in names
    ]
    rows = results.rows(cases, on_california, options)
    lines = []
    for name in names:
        own = [r for r in rows if r["name"] == name]
        sizes, errors = (np.array([r[key] for r in own]).T for key in ("sizes", "rmse"))
        cells = ["{:.1f} ± {:.1f}".format(*mean_and_sd(v)) for v in sizes]
        cells += ["{:.4f} ± {:.4f}".format(*mean_and_sd(v)) for v in errors]
        lines.append([name, len(own), *cells])
    header = ["California", "splits", "core", "folded", "RMSE", "folded", "refitted"]
    return "\n\n" + table(header, lines)


def main():
    options = arguments(__doc__)
    quick = options.scale == "quick"
    full = options.scale == "full"
    cases = [
        {
            "name": name,
            "h_teacher": t,
            "h": h,
            "teacher": teacher,
            "seeds": [0] if quick else [0, 1],
            "shorten": 20 if quick else 1,
        }
        for t in ((10,) if quick else (5, 10, 20, 40) if full else (10, 20))
        for h in ((40,) if quick else (2 * t, 100, 300))
        for teacher in ((0, 1, 2) if full else (0,))
        for name in VARIANTS
    ]
    results = Results(options.folder / "beyond.json")
    rows = results.rows(cases, variant, options)
    lines = []
    for name in VARIANTS:
        own = [
            (m, r["h_teacher"])
            for r in rows
            if r["name"] == name
            for m in r["students"]
        ]
        if not own:
            continue
        sizes = {cut: np.array([m[cut] / t for m, t in own]) for cut in SIZES}
        cells = ["{:.3f} ± {:.3f}".format(*mean_and_sd(v)) for v in sizes.values()]
        cells += [
            f"{(np.abs(sizes[cut] - 1) <= 0.05).mean():.0%}"
            for cut in ("gap", "folded")
        ]
        errors = [np.maximum([m[key] for m, _ in own], 1e-30) for key in ERRORS]
        cells += [f"{np.exp(np.log(e).mean()):.2e}" for e in errors]
        lines.append([name, len(own), *cells])
    header = ["variant", "runs", *(f"{cut} / teacher" for cut in SIZES)]
    header += ["within 5%", "folded within 5%", *ERRORS]
    text = table(header, lines)
    text += california(options, Results(options.folder / "beyond_california.json"))
    save(options, "beyond", draw(rows), text)


def draw(rows):
    figure, ax = plt.subplots(figsize=(7, 4.2))
    for place, name in enumerate(VARIANTS):
        for cut, shift, colour in (("gap", 0.15, "C0"), ("folded", -0.15, "C1")):
            sizes = [
                m[cut] / r["h_teacher"]
                for r in rows
                if r["name"] == name
                for m in r["students"]
            ]
            heights = np.full(len(sizes), len(VARIANTS) - place + shift)
            label = {"gap": "core by the gap", "folded": "after folding"}[cut]
            ax.plot(
                *(sizes, heights),
                "o",
                color=colour,
                alpha=0.4,
                markersize=5,
                label=label if place == 0 else None,
            )
    ax.axvline(1, color="black", linewidth=0.8)
    ax.set_yticks(range(len(VARIANTS), 0, -1), VARIANTS)
    ax.set_xlabel("nodes of the core / nodes of the teacher")
    legend_below(figure, ax)
    return figure


if __name__ == "__main__":
    main()
