"""Students of a teacher of known width: how they are trained, and what is measured.

Claims 1 to 5 of the reproduction rest on these runs. Each is a plan of the package's
own engine, since the protocols of the paper set penalties layer by layer; "ours" is the
plan of the estimator with its defaults, nothing else.
"""

import dataclasses
import math
from pathlib import Path

import joblib
import numpy as np
import torch
from _reproduction import Results

from skspectral import SpectralMLPRegressor
from skspectral._columns.inputs import Inputs
from skspectral._columns.samples import Samples
from skspectral._columns.statistics import ColumnStatistics, identity_statistics
from skspectral._core.cuts import cut_relative, cut_widest_gap
from skspectral._core.relevance import hidden_relevance, path_relevance
from skspectral._engine.losses import SquaredError
from skspectral._engine.optimizers import Adam
from skspectral._engine.run_table import LayerRule, Schedule
from skspectral._estimators.batch_training import train_together
from skspectral._estimators.export import as_torch_module
from skspectral._estimators.fit_plan import FitData, FitPlan
from skspectral._estimators.network_state import NetworkState
from skspectral.datasets import make_teacher_student
from skspectral.nn import SpectralMLP, fold_nodes, merge_parallel_nodes, remove_nodes
from skspectral.nn._activations import ACTIVATIONS
from skspectral.nn._standardized import Standardized

N_ROWS = 10_000  # to learn from, and as many fresh ones to test; the paper's number
KEPT = Path(__file__).resolve().parent.parent / "out" / "students"
SECOND = 20  # nodes of the second layer; the paper's code does not say

KINDS = {
    "spectral (paper)": "penalty .01 on eigenvectors, 5e-4 on eigenvalues",
    "dense (paper)": "weight decay .01 on the first layer, equal settings",
    "dense (as published)": "the same with the step and batch of the published code",
    "spectral (ours)": "SpectralMLPRegressor, every parameter its default",
    "dense (ours)": 'the same with parametrization="dense": decay on both layers',
    "group lasso": "the same objective by proximal steps on plain weights",
}
TWO_LAYERS = tuple(
    f"{kind} ({how})" for how in ("paper", "ours") for kind in ("spectral", "dense")
)
FOLDED = ("spectral (paper)", "spectral (ours)", "group lasso")  # what has a core


def as_they_are(n_columns):
    """Inputs that are the columns, without any scaling."""
    return Inputs.plain(n_columns, identity_statistics(n_columns), np.zeros(n_columns))


def make_plans(kind, X, y, *, h, layers, seeds, shorten=1):
    """A plan for each seed. `shorten` divides the epochs, for quick looks."""
    if "paper" in kind or "published" in kind:
        data = FitData(
            Samples(X, y[:, None]),
            None,
            as_they_are(X.shape[1]),
            identity_statistics(1),
        )
        return [paper_plan(kind, data, h, layers, seed, shorten) for seed in seeds]
    plans, known = [], {}
    for seed in seeds:
        model = SpectralMLPRegressor(
            encoding="linear",
            hidden_layer_sizes=(h,) if layers == 1 else (h, SECOND),
            parametrization="spectral" if kind == "spectral (ours)" else "dense",
            random_state=seed,
        )
        plan = model._plan(*model._read(X, y), known=known)
        epochs = max(1, plan.schedule.n_epochs // shorten)
        plan.schedule = dataclasses.replace(plan.schedule, n_epochs=epochs)
        plans.append(plan)
    if kind == "group lasso":
        proximal = Proximal(2 * model.alpha_)
        for plan in plans:
            first = dataclasses.replace(plan.rules[0], alpha_phi=0.0)
            plan.rules, plan.after_step = (first, *plan.rules[1:]), proximal
    return plans


def paper_plan(kind, data, h, layers, seed, shorten):
    """The protocol of the NeurIPS paper: no biases, targets as they are."""
    spectral = kind.startswith("spectral")
    published = kind == "dense (as published)"
    generator = torch.Generator().manual_seed(seed)
    sizes = (data.table.X.shape[1], h, *([SECOND] * (layers - 1)), 1)
    network = SpectralMLP(sizes, gate=None, bias=False)
    first = network.layers[0]
    first.gate = "out" if spectral else None
    for layer in network.layers:
        layer.reset_parameters(generator)
    penalty = {"alpha_phi": 0.01, "alpha_lambda": 5e-4 if spectral else 0.0}
    free = LayerRule(gate=None, lambda_=False, bias=False)
    rules = [LayerRule(first.gate, lambda_=spectral, bias=False, **penalty)]
    rules += [free] * layers
    if layers == 2:  # the paper's last layer is frozen at ones
        torch.nn.init.ones_(network.layers[-1].phi)
        rules[-1] = dataclasses.replace(free, phi=False)
    return FitPlan(
        data=data,
        start=NetworkState.from_network(network),
        rules=tuple(rules),
        schedule=Schedule(
            n_epochs=2000 // shorten,
            batch_size=500 if published else 300,
            decay="constant",
            shrink=False,
        ),
        loss=SquaredError(),
        learning_rate=0.002 if published else 0.005,
        seed=seed,
        generator=generator,
        dtype=torch.float32,
        device=torch.device("cpu"),
    )


class Proximal:
    """Proximal step of a group lasso on the weights into each node of the first layer.

    Adam divides each number by its own second moment, for which the group's proximal
    map has no closed form; so the moments of a node are averaged, and its threshold is
    the strength times the step that is left.
    """

    def __init__(self, strength):
        self.strength = strength

    def __call__(self, parameters, adam, rate):
        weight = parameters.value(0, "phi")  # (*K, in, out)
        square = parameters.view(adam.square, 0, "phi")
        mean = square.mean(-2, keepdim=True)
        square.copy_(mean.expand_as(square))
        correction = (1 - Adam.BETA2**adam.t) ** 0.5
        step = rate * correction / (mean.sqrt() + Adam.EPS * correction)
        norm = weight.norm(dim=-2, keepdim=True).clamp_min(1e-30)
        weight.mul_((1 - self.strength * step / norm).clamp_min(0))


def train_students(kind, *, h_teacher, h, layers=1, teacher=0, seeds=(0,), shorten=1):
    """Trained students, their rows and their teacher.

    A student that was trained before is read from ``out/students``. Empty that folder
    after a change to how networks are trained.

    Returns
    -------
    students : list of skspectral.nn module, from raw rows to targets
    X, y : ndarray
        N_ROWS that they learned from, and behind these as many fresh ones.
    teacher : Teacher
    """
    X, y, truth = make_teacher_student(
        2 * N_ROWS,
        n_teacher_nodes=h_teacher,
        second_layer=SECOND if layers == 2 else None,
        random_state=teacher,
    )
    case = f"{kind}, teacher {teacher} of {h_teacher}, h {h}, {layers} layers"
    paths = {s: KEPT / f"{case}, seed {s}, 1 in {shorten}.joblib" for s in seeds}
    missing = [seed for seed, path in paths.items() if not path.exists()]
    if missing:
        table = X[:N_ROWS], y[:N_ROWS]
        plans = make_plans(
            kind, *table, h=h, layers=layers, seeds=missing, shorten=shorten
        )
        trained = train_together(plans)
        KEPT.mkdir(parents=True, exist_ok=True)
        for seed, plan, (state, _) in zip(missing, plans, trained, strict=True):
            partial = paths[seed].with_suffix(".partial")
            joblib.dump((state, plan.data.x, plan.data.y), partial)
            partial.replace(paths[seed])
    students = []
    for path in paths.values():
        state, x, y_columns = joblib.load(path)
        students.append(as_torch_module(state.to_network(), x, y_columns))
    return students, X, y, truth


@torch.no_grad()
def errors_by_nodes(student, X, y, order, numbers):
    """Mean squared error with the first n nodes of `order` in the first hidden layer.

    What a removed node emits is folded into the next layer, as `prune` does. In float64
    and in units of the variance of y.
    """
    network = student.network.double()
    act = ACTIVATIONS[network.activation].function
    first, second, *rest = network.layers
    x = (torch.tensor(X) - student.x_mean) / student.x_scale
    a = act(first(x))
    silent = act(first.bias) if first.bias is not None else a.new_zeros(a.shape[1])
    z = second(silent.expand(len(x), -1)).clone()
    wanted, errors = set(numbers), {}
    for n in range(max(numbers) + 1):
        if n > 0:
            j = order[n - 1]
            z += (a[:, j] - silent[j])[:, None] * second.weight[:, j]
        if n in wanted:
            out = z
            for layer in rest:
                out = layer(act(out))
            out = out[:, 0] * student.y_scale + student.y_mean
            errors[n] = float(((out - torch.tensor(y)) ** 2).mean()) / np.var(y)
    return [errors[n] for n in numbers]


def measure(student, X, y, h_teacher):
    """Core sizes of the first hidden layer, test error, and error by nodes kept."""
    network = student.network
    r, path = hidden_relevance(network)[0], path_relevance(network)[0]
    gap = cut_widest_gap([r])
    merged = merge_parallel_nodes(core_of(network))
    h = len(r)
    numbers = sorted({*range(1, min(h, 2 * h_teacher) + 1), h})
    order = path.argsort(descending=True, stable=True).tolist()
    errors = errors_by_nodes(student, X, y, order, numbers)
    return {
        "gap": int(gap.masks[0].sum()),
        "forming": bool(gap.forming),
        "merged": merged.sizes[1],
        "R >= .05": int(cut_relative([r], 0.05).masks[0].sum()),
        "path >= .05": int(cut_relative([path], 0.05).masks[0].sum()),
        "error": float(f"{errors[-1]:.4g}"),
        "kept": numbers,
        "errors by path": [float(f"{e:.3g}") for e in errors],
    }


def core_of(network):
    """The network without the dead nodes of its first hidden layer, by the gap."""
    return _keep_first(network, cut_widest_gap(hidden_relevance(network)[:1]).masks[0])


def with_network(student, network):
    """The student, between the same scalings, with another network."""
    scalings = student.x_mean, student.x_scale, student.y_mean, student.y_scale
    return Standardized(network, *scalings)


def folded(student, X, **arguments):
    """The core of a student, folded on rows it learned from."""
    x = (torch.tensor(X) - student.x_mean) / student.x_scale
    return with_network(student, fold_nodes(core_of(student.network), x, **arguments))


def refitted(student, X, y):
    """The student trained on without penalty, as ``prune(..., refit=True)`` does."""
    network = student.network.float()
    columns, target = (
        ColumnStatistics(float(len(X)), mean.numpy(), scale.numpy() ** 2)
        for mean, scale in (
            (student.x_mean, student.x_scale),
            (student.y_mean, student.y_scale),
        )
    )
    model = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=network.sizes[1:-1], random_state=0
    )
    plan = model._plan(*model._read(X, y))
    n_epochs = math.ceil(plan.schedule.n_epochs / 4)
    x = Inputs.plain(X.shape[1], columns, columns.mean)
    plan.data = FitData(Samples(X, y[:, None]), None, x, target)
    plan.start = NetworkState.from_network(network)
    plan.schedule = dataclasses.replace(plan.schedule, n_epochs=n_epochs)
    plan.rules = tuple(
        LayerRule(e.gate, lambda_=e.gate is not None, bias=e.bias is not None)
        for e in network.layers
    )
    ((state, _),) = train_together([plan])
    return with_network(student, state.to_network())


@torch.no_grad()
def relative_error(student, X, y):
    """Mean squared error in units of the variance of y."""
    output = student.double()(torch.tensor(X))[:, 0].numpy()
    return float(f"{np.mean((output - y) ** 2) / np.var(y):.4g}")


def measure_folded(student, X, y, h_teacher):
    """The core after folding: its nodes, its error, and its error by nodes kept.

    Parameters
    ----------
    X, y : ndarray
        Rows learned from, to fold and refit on, and fresh ones behind them.
    """
    small = folded(student, X[:N_ROWS])
    path = path_relevance(small.network)[0]
    order = path.argsort(descending=True, stable=True).tolist()
    numbers = sorted({*range(1, min(len(path), 2 * h_teacher) + 1), len(path)})
    errors = errors_by_nodes(small, X[N_ROWS:], y[N_ROWS:], order, numbers)
    again = refitted(small, X[:N_ROWS], y[:N_ROWS])
    return {
        "folded": len(path),
        "error folded": float(f"{errors[-1]:.4g}"),
        "error refitted": relative_error(again, X[N_ROWS:], y[N_ROWS:]),
        "kept folded": numbers,
        "errors folded": [float(f"{e:.3g}") for e in errors],
    }


def _keep_first(network, mask):
    """The network with some nodes of its first hidden layer; others as they are."""
    masks = [torch.ones(n, dtype=torch.bool) for n in network.sizes[1:-1]]
    return remove_nodes(network, [mask, *masks[1:]])


def measured(kind, h_teacher, h, layers, teacher, seeds, shorten=1):
    """The rows that claims 2 to 4 are made of: a measurement for each seed."""
    students, X, y, _ = train_students(
        kind,
        h_teacher=h_teacher,
        h=h,
        layers=layers,
        teacher=teacher,
        seeds=seeds,
        shorten=shorten,
    )
    # Folded before it is measured, which makes its network one of float64.
    fold = kind in FOLDED
    after = [measure_folded(s, X, y, h_teacher) if fold else {} for s in students]
    before = [measure(s, X[N_ROWS:], y[N_ROWS:], h_teacher) for s in students]
    return {"students": [{**b, **a} for b, a in zip(before, after, strict=True)]}


def cases(scale, *, layers=1, kinds=tuple(KINDS)):
    """Cases of a scale; those of a smaller one are among those of a larger.

    Beyond quick, two layers are asked of teachers of 20 alone; always of `TWO_LAYERS`.
    """
    if scale == "quick":
        grid = [(t, h, 0, [0, 1]) for t in (5, 10) for h in (10, 40)]
    else:
        teachers = (10, 20) if scale == "reduced" else (5, 10, 20, 40)
        widths = (10, 20, 40, 100, 200, 500)
        longest = (1000, 1500) if scale == "full" else ()
        if layers == 2:
            teachers, widths, longest = (20,), widths[1:], ()
        seeds = [[0, 1]] if scale == "reduced" else [[0, 1], [2, 3, 4]]
        grid = [
            (t, h, teacher, seed)
            for t in teachers
            for h in widths + (longest if t == 20 else ())
            for teacher in ((0, 1) if scale == "reduced" else (0, 1, 2))
            for seed in seeds
        ]
    shorten = 10 if scale == "quick" else 1
    return [
        {
            "kind": kind,
            "h_teacher": t,
            "h": h,
            "layers": layers,
            "teacher": teacher,
            "seeds": seeds,
            "shorten": shorten,
        }
        for t, h, teacher, seeds in grid
        for kind in kinds
        if layers == 1 or kind in TWO_LAYERS
    ]


def rows_of(options, kinds=tuple(KINDS)):
    """Measurements of the students of claims 2 to 4, those missing computed now.

    Returns
    -------
    rows : list of dict
    teachers, widths : list of int
        That are there.
    suffix : str
        Of the names of figures and tables.
    """
    results = Results(options.folder / "students.json")
    wanted = cases(options.scale, layers=options.layers, kinds=kinds)
    rows = results.rows(wanted, measured, options)
    teachers = sorted({row["h_teacher"] for row in rows})
    widths = sorted({row["h"] for row in rows})
    return rows, teachers, widths, "" if options.layers == 1 else "_two_layers"


def gather(rows, kind, h_teacher, h):
    """Measurements of all students of this kind and width."""
    return [
        student
        for row in rows
        if (row["kind"], row["h_teacher"], row["h"]) == (kind, h_teacher, h)
        for student in row["students"]
    ]
