"""One candidate on one fold, and how such fits share their work.

A search is two kinds of jobs. ``fit_steps`` fits the steps before the network and
transforms the rows of a fold, once for all candidates that agree on these steps.
``train_chunk`` trains a batch of networks and scores them where they were trained, so
that only scores travel back. Both run wherever joblib sends them.
"""

import contextlib
import math
import time
from collections import defaultdict
from traceback import format_exc
from typing import Any

import numpy as np
from joblib import hash as hash_of
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.pipeline import Pipeline

from skspectral._estimators import (
    check_parameters,
    end_callbacks,
    epoch_printer,
    hidden_sizes,
    networks_at_once,
    train_together,
    trains_in_batches,
)

__all__ = [
    "CandidateFold",
    "FoldRows",
    "chunks_of",
    "fit_steps",
    "train_chunk",
    "waves_of",
]

WAVE_BYTES = 2**27  # rows of folds held at once, but for a fold that is larger

# Parameters in which fits of one batch may differ: a row of the table of runs.
BATCHABLE_PARAMETERS = (
    *("alpha", "alpha_phi", "alpha_lambda", "alpha_readout"),
    *("learning_rate_init", "random_state"),
)


class CandidateFold:
    """One candidate on one fold.

    Parameters
    ----------
    number : int
        Place among all fits of the search.
    estimator : estimator
        Cloned.
    parameters : dict
        Of the candidate.
    split : int
        Number of the fold.
    train, test : ndarray of int
        Its rows.
    context : callback context
    """

    def __init__(
        self, number, estimator, parameters, split, train, test, context
    ) -> None:
        self.number, self.parameters, self.split = number, parameters, split
        self.train, self.test, self.context = train, test, context
        self.estimator = clone(estimator).set_params(**clone(parameters, safe=False))
        last, self.name = self.estimator, None
        # A subclass of Pipeline may do anything in its fit: it is fitted as it is.
        if type(last) is Pipeline:
            self.name, last = last.steps[-1]
        self.network = last if trains_in_batches(last) else None
        if self.network is None:
            self.name = None
        # Fits that agree on this share the steps before the network.
        prefix = f"{self.name}__"
        others = {
            name: value
            for name, value in parameters.items()
            if name != self.name and not name.startswith(prefix)
        }
        self.shared = (split, self.network is None, _key(others) if self.name else "")
        self.steps: list[Any] = []
        self.rows: Any = None
        self.error: str | None = None
        self.seconds = 0.0

    def kind(self) -> Any:
        """Fits of one kind can train together, if their data agree as well."""
        if self.network is None:
            return id(self)
        parameters = self.network.get_params()
        for name in BATCHABLE_PARAMETERS:
            parameters.pop(name, None)
        return type(self.network), _key(parameters)

    def fitted(self, network: Any) -> Any:
        """Return the whole estimator, around a fitted network."""
        if self.name is None:
            return network
        self.estimator.steps = [*self.steps, (self.name, network)]
        return self.estimator


def _key(parameters: dict[str, Any]) -> Any:
    """Return something equal for equal parameters; by identity, if not picklable."""
    try:
        return hash_of(parameters)
    except Exception:  # a lambda, a closure, a local class: pickle refuses in many ways
        return tuple(
            (name, _key_of_value(value)) for name, value in sorted(parameters.items())
        )


def _key_of_value(value: Any) -> Any:
    try:
        return hash_of(value)
    except Exception:
        return id(value)


class _Recorder(BaseEstimator):
    """Stands in for the last step, and keeps what it is given to fit."""

    def __init__(self, network=None):
        self.network = network

    def fit(self, X, y=None, **params):
        self.recorded_ = (X, y, params)
        return self

    def get_metadata_routing(self):
        return self.network.get_metadata_routing()


class FoldRows:
    """Rows of a fold as the network gets them, and as the scorer gets them.

    Attributes
    ----------
    train : tuple (X, y, parameters of fit)
    test : tuple (X, y)
    raw : tuple (X_train, y_train)
        Before any step; for training scores.
    transformed : bool
        Whether `test` went through the steps before the network.
    """

    def __init__(self, train, test, raw) -> None:
        self.train, self.test, self.raw = train, test, raw
        self.transformed = False


def waves_of(fits, X, n_jobs: int):
    """Yield fits in turns, so that few folds of a large table are in memory at a time.

    Yields
    ------
    list of list of CandidateFold
        Those of a list share the steps before the network, and so their rows.
    """
    shared: dict[Any, list[CandidateFold]] = defaultdict(list)
    for fit in fits:
        shared[fit.shared].append(fit)
    # Folds in order: where there are no steps, each fold is one list.
    groups = sorted(shared.values(), key=lambda same: same[0].split)
    n_numbers = len(fits[0].train) * math.prod(getattr(X, "shape", (0, 1))[1:])
    size = max(n_jobs, WAVE_BYTES // max(1, 8 * n_numbers))
    for start in range(0, len(groups), size):
        yield groups[start : start + size]


def fit_steps(job):
    """Fit the steps before the network on a fold, and transform its rows.

    Returns
    -------
    steps : list of (name, fitted transformer)
    rows : FoldRows
    error : str or None
        The traceback of what failed.
    seconds : float
    """
    fit, rows, scorer = job
    start = time.time()
    steps: list[Any] = []
    error = None
    try:
        if fit.name is not None:
            recorder = _Recorder(fit.network)
            shell = clone(fit.estimator).set_params(**{fit.name: recorder})
            X, y, params = rows.train
            shell.fit(X, y, **params)
            steps, rows.train = shell.steps[:-1], shell.steps[-1][1].recorded_
            if scorer.takes_transformed_rows and steps:
                _transform_test(steps, rows)
    except Exception:  # of this candidate: it gets error_score
        if scorer.raises:
            raise
        error = format_exc()
    return steps, rows, error, time.time() - start


def _transform_test(steps, rows: FoldRows) -> None:
    """Transform the test rows of a fold, once for all candidates that share it."""
    X, y = rows.test
    # Where this fails, the scorer meets the error again and reports it.
    with contextlib.suppress(Exception):
        for _, step in steps:
            if step not in (None, "passthrough"):
                X = step.transform(X)
        rows.test, rows.transformed = (X, y), True


def chunks_of(fits, n_jobs: int):
    """Return fits in the batches they train in."""
    groups: dict[Any, list[CandidateFold]] = defaultdict(list)
    for fit in fits:
        groups[fit.kind()].append(fit)
    chunks = []
    for group in groups.values():
        n_chunks = math.ceil(len(group) / _largest_batch(group[0]))
        n_chunks = max(n_chunks, math.ceil(n_jobs / len(groups)))
        size = math.ceil(len(group) / n_chunks)
        chunks += [group[i : i + size] for i in range(0, len(group), size)]
    return chunks


def _largest_batch(fit) -> int:
    """Return how many networks like this one are worth training at once."""
    if fit.network is None:
        return 1
    X, y, _ = fit.rows.train
    shape = np.shape(y)
    n_outputs = shape[1] if len(shape) > 1 else 1
    try:
        if is_classifier(fit.network) and len(shape) == 1:
            n_classes = len(np.unique(np.asarray(y)))
            n_outputs = n_classes if n_classes > 2 else 1
        hidden = hidden_sizes(fit.network.hidden_layer_sizes)
        # As if each column were one input. Where they are more, fewer train at once.
        sizes = (X.shape[1] if hasattr(X, "shape") else len(X[0]), *hidden, n_outputs)
        return networks_at_once(fit.network, sizes, n_rows=shape[0])
    except Exception:  # it fails in its batch as well, and is reported there
        return 1


def train_chunk(job):
    """Train a batch of networks and score them; return a result for each fit.

    Returns
    -------
    list of dict
        As ``cross_validate`` has them: scores, times, number of test rows, failure.
    """
    caller, scorer, fits = job
    start = time.time()
    with contextlib.ExitStack() as stack:
        fitted = _train(caller, scorer, fits, stack)
    share = (time.time() - start) / len(fits)
    results = []
    for fit, (network, error) in zip(fits, fitted, strict=True):
        results.append(scorer.result(fit, network, error, fit.seconds + share))
    return results


def _train(caller, scorer, fits, stack) -> list[tuple[Any, str | None]]:
    """Train a batch; return (fitted, None) or (None, traceback) for each fit."""
    results: list[tuple[Any, str | None]] = [(None, None)] * len(fits)
    plans, ends = {}, {}
    read: dict[Any, Any] = {}

    def note_error(number):
        if scorer.raises:
            raise
        results[number] = (None, format_exc())

    for number, fit in enumerate(fits):
        X, y, params = fit.rows.train
        estimator = fit.estimator if fit.network is None else fit.network
        stack.enter_context(fit.context.propagate_callback_context(estimator))
        fit.context.call_on_fit_task_begin(estimator=caller, X=X, y=y)
        stack.callback(fit.context.call_on_fit_task_end, estimator=caller, X=X, y=y)
        try:
            if fit.network is None:
                results[number] = (estimator.fit(X, y, **params), None)
                continue
            plans[number] = _plan(estimator, fit, read)
            stack.callback(end_callbacks, estimator)
            weight = params.get("sample_weight")
            ends[number] = estimator._start_callbacks(plans[number], X, y, weight)
        except Exception:  # of this candidate: it gets error_score
            plans.pop(number, None)
            note_error(number)
    trained = train_together(list(plans.values()))
    for (number, plan), outcome in zip(plans.items(), trained, strict=True):
        network = fits[number].network
        try:
            network._finish(plan, *outcome)
            ends[number]()
            results[number] = (network, None)
        except Exception:
            note_error(number)
    return results


def _plan(network, fit, read):
    """Plan one fit; the rows of a fold are read once for all fits that share them."""
    X, y, params = fit.rows.train
    check_parameters(network)
    if id(X) not in read:
        before = set(vars(network))
        tables = network._read(X, y, **params)
        noted = {k: v for k, v in vars(network).items() if k not in before}
        read[id(X)] = tables, noted, {}
    tables, noted, known = read[id(X)]
    vars(network).update(noted)
    plan = network._plan(*tables, known=known)
    if network.verbose:  # fits of a batch print by turns: each line says whose it is
        own = "".join(f", {name}={value}" for name, value in fit.parameters.items())
        name = f"split {fit.split}{own}: "
        plan.on_epoch = epoch_printer(plan.schedule.n_epochs, network.verbose, name)
    return plan
