"""The training loop: K networks at once, each as if it were alone.

A run is a row of the table in :mod:`skspectral._runs`. It owns its generator, its rows,
its minibatches, its rate and its end; nothing here reduces over the axis of runs.
"""

import torch

from skspectral._adam import Adam
from skspectral._batches import cut_epoch
from skspectral._crew import AfterStep
from skspectral._group import Group
from skspectral._runs import Runs
from skspectral._task import History, OnEpoch, Task
from skspectral.nn import SpectralMLP

__all__ = ["train"]


@torch.inference_mode()
def train(
    network: SpectralMLP,
    task: Task,
    runs: Runs,
    *,
    validation: Task | None = None,
    optimizer: Adam | None = None,
    generators: list[torch.Generator] | None = None,
    on_epoch: OnEpoch | None = None,
    after_step: AfterStep | None = None,
) -> list[History]:
    """Train the K networks of `network`, in place.

    Parameters
    ----------
    network : SpectralMLP with batch_shape (K,)
        The start, and after the call the result.
    task : Task
        What is learned.
    runs : Runs
        How: a row per network.
    validation : Task, optional
        What early stopping watches.
    optimizer : Adam, optional
        State to go on from, K = 1 only; a fresh one by default.
    generators : list of K torch.Generator, optional
        CPU generators to go on from; by default new ones, seeded by the table.
    on_epoch : callable, optional
        Called after each epoch; may return the rows of the table to stop.
    after_step : callable, optional
        Called after each step with the parameters, the optimiser and the rate, (K, 1)
        where runs differ in it: the place of a proximal step.

    Returns
    -------
    list of K History

    Notes
    -----
    A KeyboardInterrupt ends all runs at their last completed epoch; it is not raised
    again but told by ``History.ended``.
    """
    index = task.index_of_runs(runs.weight, len(runs))
    if generators is None:
        generators = [torch.Generator().manual_seed(seed) for seed in runs.seeds]
    histories = [History() for _ in range(len(runs))]
    # Runs of equally many minibatches of equal size take their steps together.
    groups: dict[tuple[int, int], list[int]] = {}
    for k, own in enumerate(index):
        shape = cut_epoch(len(own), runs.schedule.batch_size)
        groups.setdefault(shape, []).append(k)
    for members in groups.values():
        who = [generators[k] for k in members]
        group = Group(network, task, runs, validation, histories, index, members, who)
        if optimizer is not None:
            group.go_on_with(optimizer)
        if not group.run(on_epoch, after_step):
            break
    return histories
