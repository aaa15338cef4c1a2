"""Past the paper: what makes the core equal the teacher, each thing alone and together.

Starting from the paper's protocol, one ingredient of the estimators' defaults is added
at a time; starting from the defaults, one is left out. Further ingredients that are not
defaults: an alpha that grows from zero over the first half of the steps, merging of
parallel nodes, and refitting the core without penalty.
"""

import dataclasses

import numpy as np
import torch
from _reproduction import Results, arguments, mean_and_sd, save, table
from _students import N_ROWS, measure
from matplotlib import pyplot as plt

from skspectral import SpectralMLPRegressor
from skspectral._export import as_torch_module
from skspectral._together import train_together
from skspectral.datasets import make_teacher_student
from skspectral.nn import SpectralMLP

DEFAULTS = ("readout", "balanced", "decay")
VARIANTS = {
    "paper's three": (),
    "+ readout penalised": ("readout",),
    "+ balanced start": ("balanced",),
    "+ rate falls to zero": ("decay",),
    "defaults": DEFAULTS,
    "- readout penalised": ("balanced", "decay"),
    "- balanced start": ("readout", "decay"),
    "- rate falls to zero": ("readout", "balanced"),
    "defaults, alpha grows": (*DEFAULTS, "anneal"),
    "defaults, refitted": (*DEFAULTS, "refit"),
}


class Growing:
    """Scales the penalty from 0 to its strength over the first half of the steps."""

    def __init__(self, n_steps):
        self.n_steps = n_steps

    def __call__(self, parameters, adam, rate):
        share = min(1.0, 2 * adam.t / self.n_steps)
        torch.mul(parameters.alphas, 2 * share, out=parameters.decay)


def estimator_of(parts, h, seed):
    return SpectralMLPRegressor(
        hidden_layer_sizes=h,
        alpha_readout=None if "readout" in parts else 0.0,
        learning_rate="linear" if "decay" in parts else "constant",
        tol=0,
        n_iter_no_change=10**6,
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
    growing = None
    for seed in seeds:
        model = estimator_of(parts, h, seed)
        plan = model._plan(*model._read(X[:N_ROWS], y[:N_ROWS]), known=known)
        schedule = plan.schedule
        n_epochs = max(1, schedule.n_epochs // shorten)
        plan.schedule = dataclasses.replace(schedule, n_epochs=n_epochs)
        if "balanced" not in parts:
            plan.start = unbalanced(plan.start)
        if "anneal" in parts:
            n_batches = -(-N_ROWS // schedule.batch_size)
            growing = growing or Growing(n_epochs * n_batches)
            plan.after_step = growing
        models.append(model)
        plans.append(plan)
    found = []
    for model, plan, outcome in zip(models, plans, train_together(plans), strict=True):
        model._finish(plan, *outcome, warn=False)
        if "refit" in parts:
            model = model.prune(X[:N_ROWS], y[:N_ROWS], refit=True)
        network: SpectralMLP = model._state().to_network()
        student = as_torch_module(network, plan.data.x, plan.data.y)
        measurement = measure(student, X[N_ROWS:], y[N_ROWS:], h_teacher)
        keep = ("gap", "merged", "R >= .05", "error", "forming")
        found.append({key: measurement[key] for key in keep})
    return {"students": found}


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
        for h in ((40,) if quick else (100, 300))
        for teacher in ((0,) if quick else (0, 1, 2))
        for name in VARIANTS
    ]
    results = Results(options.folder / "beyond.json")
    rows = results.rows(cases, variant, options)
    lines = []
    for name in VARIANTS:
        own = [
            (m["gap"] / r["h_teacher"], m["merged"] / r["h_teacher"], m["error"])
            for r in rows
            if r["name"] == name
            for m in r["students"]
        ]
        if not own:
            continue
        gap, merged, error = np.array(own).T
        lines.append(
            [
                name,
                len(own),
                *("{:.3f} ± {:.3f}".format(*mean_and_sd(v)) for v in (gap, merged)),
                f"{(np.abs(gap - 1) <= 0.05).mean():.0%}",
                f"{np.exp(np.log(error).mean()):.2e}",
            ]
        )
    header = ["variant", "runs", "core / teacher", "merged / teacher"]
    header += ["cores within 5%", "test error (geometric mean)"]
    text = table(header, lines)
    save(options, "beyond", draw(rows), text)


def draw(rows):
    figure, ax = plt.subplots(figsize=(7, 4.2))
    for place, name in enumerate(VARIANTS):
        for cut, shift, colour in (("gap", 0.15, "C0"), ("merged", -0.15, "C1")):
            sizes = [
                m[cut] / r["h_teacher"]
                for r in rows
                if r["name"] == name
                for m in r["students"]
            ]
            heights = np.full(len(sizes), len(VARIANTS) - place + shift)
            label = {"gap": "core by the gap", "merged": "after merging"}[cut]
            ax.plot(
                *(sizes, heights),
                "o",
                color=colour,
                alpha=0.4,
                markersize=5,
                label=label if place == 0 else None,
            )
    ax.axvline(1, color="black", linewidth=0.8)
    ax.set_xscale("log")
    ax.set_yticks(range(len(VARIANTS), 0, -1), VARIANTS)
    ax.set_xlabel("nodes of the core / nodes of the teacher")
    ax.legend(frameon=False)
    figure.tight_layout()
    return figure


if __name__ == "__main__":
    main()
