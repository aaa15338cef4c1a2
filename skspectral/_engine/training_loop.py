"""The training loop: K networks at once, each as if it were alone.

A run is a row of the table in :mod:`skspectral._engine.run_table`. It owns its
generator, its rows, its minibatches, its rate and its end; nothing here reduces over
the axis of runs.
"""

import math
from functools import partial
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor

from skspectral._engine.dead_nodes import (
    CHECK_EVERY,
    ProbeRows,
    nodes_to_keep,
    zero_nodes,
)
from skspectral._engine.early_stopping import EarlyStopping
from skspectral._engine.history import Epoch, History, OnEpoch
from skspectral._engine.learning_rate import epoch_rates
from skspectral._engine.minibatches import epoch_shape
from skspectral._engine.network_batch import (
    AfterStep,
    BatchMembers,
    Checkpoint,
    NetworkBatch,
    copy_generators,
)
from skspectral._engine.run_table import RunTable, Schedule
from skspectral._engine.training_data import TrainingData
from skspectral.nn import SpectralMLP

__all__ = ["TrainingLoop", "train"]


@torch.inference_mode()
def train(
    network: SpectralMLP,
    data: TrainingData,
    runs: RunTable,
    *,
    validation: TrainingData | None = None,
    optimizer_state: dict[str, Any] | None = None,
    generators: list[torch.Generator] | None = None,
    on_epoch: OnEpoch | None = None,
    after_step: AfterStep | None = None,
) -> list[History]:
    """Train the K networks of `network`, in place.

    Parameters
    ----------
    network : SpectralMLP with batch_shape (K,)
        The start, and after the call the result.
    data : TrainingData
        What is learned.
    runs : RunTable
        How: a row per network.
    validation : TrainingData, optional
        What early stopping watches.
    optimizer_state : dict, optional
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
    again but reported in ``History.ended``.
    """
    index = data.index_of_runs(runs.weight, len(runs))
    if generators is None:
        generators = [torch.Generator().manual_seed(seed) for seed in runs.seeds]
    histories = [History() for _ in range(len(runs))]
    # Runs of equally many minibatches of equal size take their steps together.
    loops: dict[tuple[int, int], list[int]] = {}
    for k, own in enumerate(index):
        shape = epoch_shape(len(own), runs.schedule.batch_size)
        loops.setdefault(shape, []).append(k)
    for members in loops.values():
        own_generators = [generators[k] for k in members]
        loop = TrainingLoop(
            network, data, runs, validation, histories, index, members, own_generators
        )
        if optimizer_state is not None:
            loop.load_optimizer(optimizer_state)
        if not loop.run(on_epoch, after_step):
            break
    return histories


class TrainingLoop:
    """Runs whose epochs have equally many steps, trained epoch by epoch.

    Runs of equal shape form one batch and share each step. A run that ends leaves its
    batch; a run that loses nodes joins the batch of its new shape.

    Parameters
    ----------
    network, data, table, validation
        See :func:`train`.
    histories : list of History
        One for each row of the table.
    index : list of index tensors
        The rows of data of each row of the table.
    members : list of int
        The rows of the table that this loop trains.
    generators : list of torch.Generator
        One for each member.
    """

    def __init__(
        self,
        network: SpectralMLP,
        data: TrainingData,
        table: RunTable,
        validation: TrainingData | None,
        histories: list[History],
        index: list[Tensor],
        members: list[int],
        generators: list[torch.Generator],
    ) -> None:
        self.network, self.data, self.table = network, data, table
        self.validation, self.histories = validation, histories
        self.index = index
        self.schedule: Schedule = table.schedule
        self.weight = None if table.weight is None else table.weight.cpu()
        if validation is not None:
            self.validation_index = validation.index_of_runs(
                validation.weight, len(table)
            )
        # Whether runs go back to the best of their validation losses.
        self.restores = validation is not None and self.schedule.watch
        self.restores &= self.schedule.patience is not None
        self.stopping = {k: EarlyStopping() for k in members}
        widths = network.sizes[1:-1]
        nodes = [
            torch.arange(width, device="cpu").expand(len(members), -1)
            for width in widths
        ]
        self.batches = [self._make_batch(BatchMembers(members, nodes, generators))]
        self.n_minibatches = self.batches[0].minibatches.n_batches

    def load_optimizer(self, state: dict[str, Any]) -> None:
        """Go on from the state of an optimiser, where a single run is trained."""
        (batch,) = self.batches
        batch.optimizer.load_state_dict(state)

    def _make_batch(self, members: BatchMembers) -> NetworkBatch:
        return NetworkBatch(
            members, self.network, self.table, self.data, self.index, self.weight
        )

    @property
    def members(self) -> list[int]:
        """Rows of the table that are still training."""
        return sorted(k for batch in self.batches for k in batch.members)

    def run(self, on_epoch: OnEpoch | None, after_step: AfterStep | None) -> bool:
        """Train until every member has ended; False if interrupted."""
        epoch = 0
        steps_at_check = 0  # when dead nodes were last looked for
        try:
            while self.batches and epoch < self.schedule.n_epochs:
                self._run_epoch(epoch, on_epoch, after_step)
                epoch += 1
                steps = epoch * self.n_minibatches
                is_due = steps - steps_at_check >= CHECK_EVERY
                if is_due and epoch < self.schedule.n_epochs:
                    steps_at_check = steps
                    self._remove_dead_nodes(epoch)
        except KeyboardInterrupt:
            for batch in self.batches:
                batch.parameters.trained.copy_(batch.completed)
            self._end_runs(dict.fromkeys(self.members, "interrupted"))
            return False
        self._end_runs(dict.fromkeys(self.members, "max_iter"))
        return True

    def _run_epoch(
        self, epoch: int, on_epoch: OnEpoch | None, after_step: AfterStep | None
    ) -> None:
        if epoch <= self.schedule.warmup:
            for batch in self.batches:
                batch.set_penalty(epoch == self.schedule.warmup)
        losses = [
            batch.epoch(self._rates(batch, epoch), after_step) for batch in self.batches
        ]
        ended: dict[int, str] = {}
        for batch, own in zip(self.batches, losses, strict=True):
            ended |= self._record_losses(batch, epoch, own)
            batch.completed.copy_(batch.parameters.trained)
        if on_epoch is not None:
            report = Epoch(epoch, self.members, self.histories, self.write_back)
            with torch.inference_mode(False):
                stopped = on_epoch(report) or ()
            ended |= {k: "callback" for k in stopped if k not in ended}
        self._end_runs(ended)

    def _rates(self, batch: NetworkBatch, epoch: int) -> list[float] | Tensor:
        """Rate of each step of an epoch: numbers, or (n_minibatches, K, 1)."""
        # Most runs share a rate: its steps are computed once.
        keys = [
            (float(self.table.learning_rate[k]), self.stopping[k].anneal)
            for k in batch.members
        ]
        steps = {
            (rate, anneal): epoch_rates(
                rate,
                self.schedule.decay,
                epoch,
                n_epochs=self.schedule.n_epochs,
                n_batches=self.n_minibatches,
                anneal=anneal,
            )
            for rate, anneal in set(keys)
        }
        if len(steps) == 1:
            return steps[keys[0]]
        rates = [steps[key] for key in keys]
        return torch.tensor(rates, dtype=torch.float64, device="cpu").T[:, :, None]

    def _record_losses(
        self, batch: NetworkBatch, epoch: int, losses: list[float]
    ) -> dict[int, str]:
        """Note the losses of an epoch; return which runs end, and why.

        Parameters of runs that are out of patience are set back to the best ones.
        """
        schedule, watched = self.schedule, losses
        if self.validation is not None:
            validation = [
                self.validation.mean_loss(
                    partial(batch.step.forward, run=m),
                    self.validation_index[k],
                    k,
                    like=batch.parameters.trained,
                )
                for m, k in enumerate(batch.members)
            ]
            for k, loss in zip(batch.members, validation, strict=True):
                self.histories[k].validation_loss.append(loss)
            watched = validation if schedule.watch else losses
        # Without a penalty yet, the objective is not the one that is to fall.
        counts = self.restores or epoch >= schedule.warmup
        ended: dict[int, str] = {}
        improved, restore = [], []
        for k, loss, seen in zip(batch.members, losses, watched, strict=True):
            history, stopping = self.histories[k], self.stopping[k]
            history.loss.append(loss)
            better = exhausted = False
            if not (math.isfinite(loss) and math.isfinite(seen)):
                ended[k] = "diverged"
            elif counts or stopping.anneal is not None:
                better, exhausted, why = stopping.update(epoch, seen, schedule)
                if why is not None:
                    ended[k] = why
                if exhausted and self.restores:
                    history.best_epoch = stopping.best_epoch
            improved.append(better)
            restore.append(exhausted)
        if self.restores:
            batch.keep_best(improved, restore)
        return ended

    def _end_runs(self, ended: dict[int, str]) -> None:
        """Write back the runs that ended; rebuild their batches from the others."""
        if not ended:
            return
        left = [batch for batch in self.batches if ended.keys() & set(batch.members)]
        for batch in left:
            for m, k in enumerate(batch.members):
                if k in ended:
                    self._end_run(batch, m, ended[k])
        self._regroup(left, {k for batch in left for k in batch.members} - set(ended))

    def _end_run(self, batch: NetworkBatch, m: int, why: str) -> None:
        k = batch.members[m]
        history = self.histories[k]
        history.ended = why
        if self.restores and self.stopping[k].goes_back(why, self.schedule):
            history.best_epoch = self.stopping[k].best_epoch
            batch.parameters.trained[m] = batch.best[m]
        if len(self.table) == 1:
            history.optimizer_state = batch.optimizer.state_dict()

    def _remove_dead_nodes(self, epoch: int) -> None:
        """Let runs go on without the nodes that no longer matter to them."""
        if not self.schedule.shrink or epoch < self.schedule.warmup:
            return
        kept: dict[int, list[Tensor]] = {}
        for batch in self.batches:
            for m, k in enumerate(batch.members):
                if self.restores and self.stopping[k].anneal is None:
                    continue  # early stopping may yet go back to these parameters
                rows = ProbeRows(
                    self.data,
                    self.index[k],
                    None if self.weight is None else self.weight[k],
                    self.schedule.batch_size,
                )
                places = nodes_to_keep(batch.step, m, rows)
                if places is not None:
                    kept[k] = places
        if not kept:
            return
        shapes = {tuple(map(len, places)) for places in kept.values()}
        moved = [
            batch
            for batch in self.batches
            if kept.keys() & set(batch.members)
            or batch.parameters.sizes[1:-1] in shapes
        ]
        self._regroup(moved, {k for batch in moved for k in batch.members}, kept)
        for k, places in kept.items():
            self.histories[k].widths.append((epoch, tuple(map(len, places))))

    def _regroup(
        self,
        old: list[NetworkBatch],
        members: set[int],
        kept: dict[int, list[Tensor]] | None = None,
    ) -> None:
        """Dissolve some batches; `members` of them go on in batches of their shapes.

        `kept` holds the nodes that are kept, for the runs that lose some.
        """
        batches = [batch for batch in self.batches if batch not in old]
        if not members:
            for batch in old:
                batch.parameters.write(batch.parameters.trained, self.network)
            self.batches = batches
            return
        checkpoint = Checkpoint.like(self.network, len(old[0].optimizer.moments))
        shapes: dict[tuple[int, ...], list[tuple[int, list[Tensor], Any]]] = {}
        for batch in old:
            batch.store(checkpoint)
            del batch.minibatches  # frees its copies of rows before others are made
            for m, k in enumerate(batch.members):
                if k not in members:
                    continue
                nodes = [layer[m] for layer in batch.nodes]
                if kept is not None and k in kept:
                    nodes = self._zero_removed(k, nodes, kept[k])
                shape = tuple(map(len, nodes))
                shapes.setdefault(shape, []).append((k, nodes, batch.generators[m]))
        for runs in shapes.values():
            runs.sort(key=itemgetter(0))
            layers = [
                torch.stack(layer)
                for layer in zip(*(run[1] for run in runs), strict=True)
            ]
            generators = copy_generators([run[2] for run in runs])
            batch = self._make_batch(
                BatchMembers([run[0] for run in runs], layers, generators)
            )
            batch.resume(checkpoint, old[0].optimizer.t)
            batches.append(batch)
        self.batches = batches  # last: until then an interrupt finds the old ones

    def _zero_removed(
        self, k: int, nodes: list[Tensor], kept: list[Tensor]
    ) -> list[Tensor]:
        """Zero the nodes that run k loses; return those it keeps.

        `nodes` and the result are places in the whole network, `kept` in `nodes`.
        """
        left = [own[places.cpu()] for own, places in zip(nodes, kept, strict=True)]
        for layer, (before, after) in enumerate(zip(nodes, left, strict=True)):
            gone = before[~torch.isin(before, after)]
            gone = gone.to(self.network.layers[0].phi.device)
            zero_nodes(self.network, k, layer, gone)
        return left

    def write_back(self) -> None:
        """Copy the present parameters into the network."""
        for batch in self.batches:
            batch.parameters.write(batch.parameters.trained, self.network)
