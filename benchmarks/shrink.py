"""Nodes that leave while a network trains: time, core, error, and who would return.

Run ``python benchmarks/shrink.py``. A teacher of 20 nodes, 10 inputs, 10,000 rows to
fit and 10,000 to test; students of several widths with the same alphas, 600 epochs,
each trained with nodes leaving and with all of them kept, one after the other. "leave"
lists after how many epochs the layer got which width. "return" is counted in the fit
that keeps all nodes: nodes that met the condition to leave at some look (every 500
steps), and of these the ones that are in its core at the end.
"""

import argparse
import dataclasses
import time
import warnings

import numpy as np
import torch

from skspectral import SpectralMLPRegressor
from skspectral._columns.statistics import standardized_tensor
from skspectral._engine.dead_nodes import CHECK_EVERY, ProbeRows, removable_nodes
from skspectral._engine.flat_parameters import FlatParameters
from skspectral._engine.forward_backward import ForwardBackward
from skspectral._engine.losses import SquaredError
from skspectral._engine.rows import DenseRows
from skspectral._engine.training_data import TrainingData
from skspectral._estimators.batch_training import train_together
from skspectral.datasets import make_teacher_student

N_ROWS, TEACHER = 10_000, 20


def fit(X, y, width, n_epochs, *, shrink, watch=None):
    """Fitted student, its history and the seconds it took."""
    student = SpectralMLPRegressor(
        encoding="linear", hidden_layer_sizes=width, max_iter=n_epochs, random_state=0
    )
    start = time.perf_counter()
    plan = student._plan(*student._read(X, y))
    plan.schedule = dataclasses.replace(plan.schedule, shrink=shrink)
    if watch is not None:
        plan.on_epoch = watch(plan)
    ((state, history),) = train_together([plan])
    student._finish(plan, state, history, warn=False)
    return student, history, time.perf_counter() - start


def who_would_leave(met):
    """A watcher for `fit` that collects the nodes which meet the condition."""

    def watch(plan):
        data, schedule = plan.data, plan.schedule
        X = standardized_tensor(
            data.table.X, data.x.statistics, plan.dtype, plan.device
        )
        y = standardized_tensor(data.table.y, data.y, plan.dtype, plan.device)
        everyone = torch.arange(len(X))
        sample = ProbeRows(
            TrainingData(DenseRows(X), y, SquaredError()),
            everyone,
            None,
            schedule.batch_size,
        )
        every = round(CHECK_EVERY * schedule.batch_size / len(X))

        def on_epoch(epoch):
            if epoch.number % every == every - 1:
                network = epoch.state().to_network(batch=True)
                step = ForwardBackward(
                    FlatParameters(network, plan.rules), SquaredError()
                )
                (_, leave), *_ = removable_nodes(step, 0, sample)
                met.update(leave.nonzero()[:, 0].tolist())
            return False

        return on_epoch

    return watch


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--widths", nargs="*", type=int, default=[100, 500, 1500])
    parser.add_argument("--epochs", type=int, default=600)
    parser.add_argument("--repetitions", type=int, default=3)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    X, y, _ = make_teacher_student(2 * N_ROWS, n_teacher_nodes=TEACHER, random_state=0)
    rows = X[:N_ROWS], y[:N_ROWS]
    print(f"{'width':>6} {'nodes':>6} {'seconds':>8} {'core':>5} {'1 - R2':>9}")
    for width in arguments.widths:
        for shrink in (True, False):
            seconds = []
            for _ in range(arguments.repetitions):
                student, history, took = fit(
                    *rows, width, arguments.epochs, shrink=shrink
                )
                seconds.append(took)
            error = 1 - student.score(X[N_ROWS:], y[N_ROWS:])
            print(
                f"{width:6} {'leave' if shrink else 'stay':>6} "
                f"{np.median(seconds):8.2f} {student.core_sizes_[0]:5} {error:9.2e}",
                flush=True,
            )
            if shrink:
                steps = ", ".join(f"{e}: {w[0]}" for e, w in history.widths)
                print(f"       leave: {steps}")
        met = set()
        student, *_ = fit(
            *rows, width, arguments.epochs, shrink=False, watch=who_would_leave(met)
        )
        back = met & set(np.flatnonzero(student.core_mask_).tolist())
        print(f"       return: {len(back)} of {len(met)}", flush=True)


if __name__ == "__main__":
    main()
