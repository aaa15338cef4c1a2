"""Past the paper: several outputs, of different noise.

The loss is the mean over the outputs, each scaled to a variance of one. An output of
little noise then counts no more than one of pure noise, and nodes are spent on the
latter. Least squares has an old answer: divide each output by the deviation of its
noise. That is not known, but a first fit tells: it is the error it leaves on rows held
back.

Ten outputs are made in two ways: that of a teacher beside nine of pure noise, and ten
random sums of the same teacher's nodes, with noise from .03 to 3 of their deviation.
Is the core the teacher's, and what is the error of each output, of its variance without
noise?
"""

import warnings

import numpy as np
from _reproduction import Results, arguments, digits, save, table
from _widths import spread
from matplotlib import pyplot as plt
from sklearn.base import clone
from sklearn.model_selection import train_test_split

from skspectral import SpectralMLPRegressor, SpectralMLPRegressorCV
from skspectral.datasets import make_teacher_student

N_ROWS, N_OUTPUTS, N_NODES = 10_000, 10, 10
LEAST = 0.03  # of an output's deviation: what its error may be taken for
TASKS = {
    "one teacher, nine of noise": [0.0] + [np.inf] * (N_OUTPUTS - 1),
    "sums of the same nodes": np.geomspace(0.03, 3, N_OUTPUTS).round(3).tolist(),
}
DEFAULT = SpectralMLPRegressor(encoding="linear", hidden_layer_sizes=100)
CHOSEN = SpectralMLPRegressorCV(encoding="linear", hidden_layer_sizes=100)
KINDS = ("as they are", "alpha chosen", "divided", "divided, alpha chosen", "alone")


def make_task(task, seed, n_rows):
    """Columns, targets and their values without noise, for twice as many rows."""
    X, y, teacher = make_teacher_student(
        2 * n_rows, n_teacher_nodes=N_NODES, random_state=seed
    )
    rng = np.random.default_rng(seed)
    if task == "sums of the same nodes":
        nodes = np.maximum(X @ teacher.weights[0], 0)
        true = nodes @ rng.normal(size=(N_NODES, N_OUTPUTS))
    else:
        true = np.column_stack([y, np.zeros((2 * n_rows, N_OUTPUTS - 1))])
    deviation = true.std(0)
    noise = rng.normal(size=true.shape)
    share = np.array(TASKS[task])
    pure = np.isinf(share)
    noise[:, ~pure] *= (share * np.where(pure, 1, deviation))[~pure]
    return X, true + noise, true


def error_left(model, X, y):
    """Of each output, by a fit on four fifths of the rows."""
    X, held_back, y, y_held_back = train_test_split(X, y, test_size=0.2, random_state=0)
    model = clone(model).fit(X, y)
    error = np.sqrt(np.mean((model.predict(held_back) - y_held_back) ** 2, axis=0))
    return np.maximum(error, LEAST * y.std(0))


def predictions(kind, X, y, fresh, seed, max_iter):
    """Predictions for fresh rows, and nodes in use."""
    model = CHOSEN if "chosen" in kind else DEFAULT
    model = clone(model).set_params(random_state=seed, max_iter=max_iter)
    if kind == "alone":
        fits = [clone(model).fit(X, own) for own in y.T]
        nodes = [fit.core_sizes_[0] for fit in fits]
        return np.column_stack([fit.predict(fresh) for fit in fits]), nodes
    scale = 1.0
    if kind.startswith("divided"):
        scale = error_left(model, X, y)
        model.set_params(standardize="X")
    model.fit(X, y / scale)
    return model.predict(fresh) * scale, model.core_sizes_


def students(task, kind, *, seed, n_rows=N_ROWS, max_iter="auto"):
    """Nodes in use, and the error of each output that has a signal."""
    X, y, true = make_task(task, seed, n_rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, nodes = predictions(
            kind, X[:n_rows], y[:n_rows], X[n_rows:], seed, max_iter
        )
    deviation = true[n_rows:].std(0)
    error = np.mean((found - true[n_rows:]) ** 2, axis=0)
    signal = deviation > 0
    return {"nodes": nodes, "errors": digits(error[signal] / deviation[signal] ** 2)}


def main():
    options = arguments(__doc__)
    quick = options.scale == "quick"
    cases = [
        {
            "task": task,
            "kind": kind,
            "seed": seed,
            **({"n_rows": 500, "max_iter": 20} if quick else {}),
        }
        for seed in range(1 if quick else 5 if options.scale == "full" else 2)
        for task in TASKS
        for kind in KINDS
        if not (quick and "chosen" in kind)
    ]
    rows = Results(options.folder / "outputs.json").rows(cases, students, options)
    if not rows:
        raise SystemExit("there are no results to show")
    lines = []
    for task in TASKS:
        for kind in KINDS:
            own = [row for row in rows if (row["task"], row["kind"]) == (task, kind)]
            if not own:
                continue
            nodes = [sum(row["nodes"]) for row in own]
            errors = np.array([row["errors"] for row in own])
            lines.append([task, kind, len(own)])
            lines[-1] += [spread(nodes, "{:.1f}")]
            lines[-1] += [f"{np.median(errors[:, 0]):.1e}"]
            lines[-1] += [f"{np.median(errors[:, -1]):.1e}"]
    header = ["outputs", "fit", "runs", "nodes in use", "error, least noise"]
    header += ["error, most noise"]
    save(options, "outputs", draw(rows), table(header, lines))


def draw(rows):
    """Error of each output by its noise, where all have a signal."""
    task = "sums of the same nodes"
    figure, ax = plt.subplots(figsize=(5.5, 3.6))
    for kind, style in zip(KINDS, ("o-", "s-", "o--", "s--", "k:"), strict=True):
        own = [r["errors"] for r in rows if (r["task"], r["kind"]) == (task, kind)]
        if own:
            ax.plot(TASKS[task], np.median(own, axis=0), style, label=kind)
    ax.set(xscale="log", yscale="log", xlabel="noise of the output / deviation")
    ax.set_ylabel("test error / variance")
    ax.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    return figure


if __name__ == "__main__":
    main()
