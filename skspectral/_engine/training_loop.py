"""From epoch to epoch: who trains on, who ends, who shrinks."""

import math
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor

from skspectral._engine.dead_nodes import CHECK_EVERY, ProbeRows, nodes_to_keep, remove
from skspectral._engine.early_stopping import EarlyStopping
from skspectral._engine.history import Epoch, History, OnEpoch
from skspectral._engine.minibatches import epoch_shape
from skspectral._engine.network_batch import (
    AfterStep,
    BatchMembers,
    Checkpoint,
    NetworkBatch,
    copy_generators,
)
from skspectral._engine.optimizers import Adam
from skspectral._engine.run_table import RunTable, Schedule
from skspectral._engine.training_data import TrainingData
from skspectral.nn import SpectralMLP

__all__ = ["TrainingLoop", "train"]

EVALUATION_ROWS = 4096  # of the validation rows, at a time


class TrainingLoop:
    """Runs whose epochs have equally many steps: they go from epoch to epoch together.

    Those of equal shape are a crew and share each step. Runs that end leave; runs that
    lose nodes go over to a crew of their new shape.

    Parameters
    ----------
    network, task, table, validation
        See :func:`skspectral._engine.train.train`.
    histories : list of History
        Of all rows of the table, as is `index`.
    index : list of index tensors
        The rows of each run.
    members : list of int
        The rows of the table that are in this group.
    generators : list of torch.Generator
        Theirs.
    """

    def __init__(
        self,
        network: SpectralMLP,
        task: TrainingData,
        table: RunTable,
        validation: TrainingData | None,
        histories: list[History],
        index: list[Tensor],
        members: list[int],
        generators: list[torch.Generator],
    ) -> None:
        self.network, self.task, self.table = network, task, table
        self.validation, self.histories = validation, histories
        self.index = index
        self.schedule: Schedule = table.schedule
        self.weight = None if table.weight is None else table.weight.cpu()
        if validation is not None:
            watched = validation.index_of_runs(validation.weight, len(table))
            self.watched_rows = watched
        # Whether runs go back to the best of their validation losses.
        self.restores = validation is not None and self.schedule.watch
        self.restores &= self.schedule.patience is not None
        self.stopping = {k: EarlyStopping() for k in members}
        widths = network.sizes[1:-1]
        nodes = [torch.arange(width).expand(len(members), -1) for width in widths]
        self.crews = [self._crew(BatchMembers(members, nodes, generators))]
        self.n_batches = self.crews[0].minibatches.n_batches

    def load_optimizer(self, optimizer: Adam) -> None:
        """Take over the state of an optimiser: that of a single run."""
        (crew,) = self.crews
        crew.optimizer = optimizer.on(crew.parameters.trained)

    def _crew(self, who: BatchMembers) -> NetworkBatch:
        task = self.task
        rows = task.rows, task.target, task.loss
        return NetworkBatch(
            who, self.network, self.table, *rows, self.index, self.weight
        )

    @property
    def members(self) -> list[int]:
        """Rows of the table that are still training."""
        return sorted(k for crew in self.crews for k in crew.members)

    def run(self, on_epoch: OnEpoch | None, after_step: AfterStep | None) -> bool:
        """Train until every member has ended; False if interrupted."""
        epoch = 0
        looked = 0  # steps, at the last look for nodes to leave
        try:
            while self.crews and epoch < self.schedule.n_epochs:
                if epoch <= self.schedule.warmup:
                    for crew in self.crews:
                        crew.set_penalty(epoch == self.schedule.warmup)
                losses = [
                    crew.epoch(self._rates(crew, epoch), after_step)
                    for crew in self.crews
                ]
                ended: dict[int, str] = {}
                for crew, own in zip(self.crews, losses, strict=True):
                    ended |= self._record_losses(crew, epoch, own)
                    crew.completed.copy_(crew.parameters.trained)
                if on_epoch is not None:
                    told = Epoch(epoch, self.members, self.histories, self.write_back)
                    with torch.inference_mode(False):
                        stopped = on_epoch(told) or ()
                    ended |= {k: "callback" for k in stopped if k not in ended}
                self._end_runs(ended)
                epoch += 1
                steps = epoch * self.n_batches
                if epoch < self.schedule.n_epochs and steps - looked >= CHECK_EVERY:
                    looked = steps
                    self._shrink(epoch)
        except KeyboardInterrupt:
            for crew in self.crews:
                crew.parameters.trained.copy_(crew.completed)
            self._end_runs(dict.fromkeys(self.members, "interrupted"))
            return False
        self._end_runs(dict.fromkeys(self.members, "max_iter"))
        return True

    def _rates(self, crew: NetworkBatch, epoch: int) -> list[float] | Tensor:
        """Rate of each step of an epoch: numbers, or (n_batches, K, 1)."""
        n_epochs = self.schedule.n_epochs
        times = [epoch + step / self.n_batches for step in range(self.n_batches)]
        columns = []
        for k in crew.members:
            anneal = self.stopping[k].anneal
            if anneal is None:
                factors = [self._decay(t / n_epochs) for t in times]
            else:
                begin, length = anneal
                height = self._decay(begin / n_epochs)
                factors = [height * (1 - (t - begin) / length) for t in times]
            rate = float(self.table.learning_rate[k])
            columns.append([rate * factor for factor in factors])
        if all(column == columns[0] for column in columns):
            return columns[0]
        table = torch.tensor(columns, dtype=torch.float64).T[:, :, None]
        return table.to(crew.step.gradient.device)

    def _decay(self, t: float) -> float:
        if self.schedule.decay == "linear":
            return 1 - t
        if self.schedule.decay == "cosine":
            return 0.5 * (1 + math.cos(math.pi * t))
        return 1.0

    def _record_losses(
        self, crew: NetworkBatch, epoch: int, losses: list[float]
    ) -> dict[int, str]:
        """Note the losses; who ends now, and why. Restores and anneals."""
        schedule, watched = self.schedule, losses
        if self.validation is not None:
            validation = self._validation_losses(crew, self.validation)
            for k, seen in zip(crew.members, validation, strict=True):
                self.histories[k].validation_loss.append(seen)
            watched = validation if schedule.watch else losses
        ended: dict[int, str] = {}
        improved, restore = [], []
        free = epoch < schedule.warmup  # the objective is then not what falls
        for k, loss, seen in zip(crew.members, losses, watched, strict=True):
            history, stopping = self.histories[k], self.stopping[k]
            history.loss.append(loss)
            better = enough = False
            if not (math.isfinite(loss) and math.isfinite(seen)):
                ended[k] = "diverged"
            elif stopping.anneal is not None:
                if epoch + 1 >= sum(stopping.anneal):
                    ended[k] = "patience"
            elif schedule.patience is not None and (self.restores or not free):
                better = stopping.watch(epoch, seen, schedule.tol)
                if free:
                    stopping.since = 0
                enough = stopping.since >= schedule.patience
                left = schedule.n_epochs - epoch - 1
                if enough and (schedule.decay == "constant" or left == 0):
                    ended[k] = "patience"
                elif enough:
                    assert stopping.best_epoch is not None  # of finite losses
                    # As long as the way to the best: a longer fall would overfit.
                    stopping.anneal = (epoch + 1, min(stopping.best_epoch + 1, left))
                if enough and self.restores:
                    history.best_epoch = stopping.best_epoch
            improved.append(better)
            restore.append(enough)
        if self.restores:
            trained, best = crew.parameters.trained, crew.best
            better_rows = torch.tensor(improved, device=trained.device)[:, None]
            torch.where(better_rows, trained, best, out=best)
            restored_rows = torch.tensor(restore, device=trained.device)[:, None]
            trained.copy_(torch.where(restored_rows, best, trained))
        return ended

    def _validation_losses(
        self, crew: NetworkBatch, validation: TrainingData
    ) -> list[float]:
        """Weighted mean loss of each member on its validation rows."""
        like = crew.parameters.trained
        losses = []
        for m, k in enumerate(crew.members):
            total, mass = 0.0, 0.0
            for index in self.watched_rows[k].split(EVALUATION_ROWS):
                on_device = index.to(like.device)
                x = like.new_empty(len(index), validation.rows.n_columns)
                validation.rows.take(on_device, x)
                output = crew.step.forward(x, m)
                rows = validation.loss.evaluate(output, validation.target[on_device])
                rows = rows.double()
                if validation.weight is not None:
                    weight = validation.weight[k, index].to(rows)
                    rows, mass = rows * weight, mass + float(weight.sum())
                else:
                    mass += len(index)
                total += float(rows.sum())
            losses.append(total / mass)
        return losses

    def _end_runs(self, ended: dict[int, str]) -> None:
        """Members that ended write their parameters; the others close ranks."""
        if not ended:
            return
        left = [crew for crew in self.crews if ended.keys() & set(crew.members)]
        for crew in left:
            for m, k in enumerate(crew.members):
                if k in ended:
                    self._end_run(crew, m, ended[k])
        self._regroup(left, {k for crew in left for k in crew.members} - set(ended))

    def _end_run(self, crew: NetworkBatch, m: int, why: str) -> None:
        k = crew.members[m]
        history = self.histories[k]
        history.ended = why
        # At a constant rate nothing anneals: the best is the result. At a falling one
        # the end of the fall is.
        if self.restores and self.schedule.decay == "constant":
            history.best_epoch = self.stopping[k].best_epoch
            if history.best_epoch is not None:
                crew.parameters.trained[m] = crew.best[m]
        if len(self.table) == 1:
            history.optimizer = crew.optimizer

    def _shrink(self, epoch: int) -> None:
        """Nodes that no longer matter leave."""
        if not self.schedule.shrink or epoch < self.schedule.warmup:
            return
        stays: dict[int, list[Tensor]] = {}
        for crew in self.crews:
            for m, k in enumerate(crew.members):
                if self.restores and self.stopping[k].anneal is None:
                    continue  # early stopping may yet go back to these parameters
                task, weight = self.task, self.weight
                sample = ProbeRows(
                    task.rows,
                    task.target,
                    task.loss,
                    self.index[k],
                    None if weight is None else weight[k],
                    self.schedule.batch_size,
                )
                places = nodes_to_keep(crew, m, sample)
                if places is not None:
                    stays[k] = places
        if not stays:
            return
        shapes = {tuple(map(len, places)) for places in stays.values()}
        moved = [
            crew
            for crew in self.crews
            if stays.keys() & set(crew.members) or crew.parameters.sizes[1:-1] in shapes
        ]
        self._regroup(moved, {k for crew in moved for k in crew.members}, stays)
        for k, places in stays.items():
            self.histories[k].widths.append((epoch, tuple(map(len, places))))

    def _regroup(
        self,
        old: list[NetworkBatch],
        members: set[int],
        stays: dict[int, list[Tensor]] | None = None,
    ) -> None:
        """Dissolve some crews; `members` of them go on in crews of their shapes.

        `stays` says which nodes stay, of the runs that lose some.
        """
        crews = [crew for crew in self.crews if crew not in old]
        if not members:
            for crew in old:
                crew.parameters.write(crew.parameters.trained, self.network)
            self.crews = crews
            return
        stored = Checkpoint.like(self.network)
        shapes: dict[tuple[int, ...], list[tuple[int, list[Tensor], Any]]] = {}
        for crew in old:
            crew.store(stored)
            del crew.minibatches  # its tables of rows, before others are made
            for m, k in enumerate(crew.members):
                if k not in members:
                    continue
                nodes = [layer[m] for layer in crew.nodes]
                if stays is not None and k in stays:
                    nodes = self._remove(k, nodes, stays[k])
                shape = tuple(map(len, nodes))
                shapes.setdefault(shape, []).append((k, nodes, crew.generators[m]))
        for runs in shapes.values():
            runs.sort(key=itemgetter(0))
            layers = [
                torch.stack(layer)
                for layer in zip(*(run[1] for run in runs), strict=True)
            ]
            generators = copy_generators([run[2] for run in runs])
            who = BatchMembers([run[0] for run in runs], layers, generators)
            crew = self._crew(who)
            crew.resume(stored, old[0].optimizer.t)
            crews.append(crew)
        self.crews = crews  # in the end: until then an interrupt finds the old ones

    def _remove(self, k: int, nodes: list[Tensor], stay: list[Tensor]) -> list[Tensor]:
        """Take nodes out of run k; those that stay, as places in the whole network."""
        kept = [own[places.cpu()] for own, places in zip(nodes, stay, strict=True)]
        for layer, (before, after) in enumerate(zip(nodes, kept, strict=True)):
            gone = before[~torch.isin(before, after)]
            remove(self.network, k, layer, gone.to(self.network.layers[0].phi.device))
        return kept

    def write_back(self) -> None:
        """Copy the present parameters into the network."""
        for crew in self.crews:
            crew.parameters.write(crew.parameters.trained, self.network)


@torch.inference_mode()
def train(
    network: SpectralMLP,
    task: TrainingData,
    runs: RunTable,
    *,
    validation: TrainingData | None = None,
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
    task : TrainingData
        What is learned.
    runs : RunTable
        How: a row per network.
    validation : TrainingData, optional
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
        shape = epoch_shape(len(own), runs.schedule.batch_size)
        groups.setdefault(shape, []).append(k)
    for members in groups.values():
        who = [generators[k] for k in members]
        group = TrainingLoop(
            network, task, runs, validation, histories, index, members, who
        )
        if optimizer is not None:
            group.load_optimizer(optimizer)
        if not group.run(on_epoch, after_step):
            break
    return histories
