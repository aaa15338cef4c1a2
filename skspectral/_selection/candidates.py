"""One candidate on one fold, and how such fits share their work.

These functions run wherever joblib sends them.
"""

import contextlib
import math
import time
from collections import defaultdict
from typing import Any

from joblib import hash as hash_of
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _check_method_params

from skspectral._estimators import (
    check_parameters,
    end_callbacks,
    epoch_printer,
    runs_at_once,
    train_together,
    trains_in_batches,
)

__all__ = [
    "CandidateFold",
    "chunks_of",
    "fit_steps",
    "rows_of",
    "train_chunk",
    "waves_of",
]

WAVE_BYTES = 2**27  # of training rows held at once, but for a fold that is larger

# What a row of the table of runs can hold: fits may differ in it and train together.
BATCHABLE_PARAMETERS = (
    *("alpha", "alpha_phi", "alpha_lambda", "alpha_readout"),
    *("learning_rate_init", "random_state"),
)


class CandidateFold:
    """One candidate on one fold: from its parameters to its fitted estimator."""

    def __init__(self, estimator, parameters, split, train, context) -> None:
        self.estimator = clone(estimator).set_params(**clone(parameters, safe=False))
        self.parameters, self.split = parameters, split
        self.train, self.context = train, context
        last = self.estimator
        self.name = None
        if isinstance(last, Pipeline):
            self.name, last = last.steps[-1]
        self.network = last if trains_in_batches(last) else None
        # Fits that agree on this share the steps before the network.
        own = (f"{self.name}__", self.name)
        others = {k: v for k, v in parameters.items() if not k.startswith(own[0])}
        others.pop(self.name, None)
        # Where the last one is no network the whole Pipeline is fitted at once.
        whole = self.network is None
        self.before = (split, whole, hash_of(others) if self.name else "")
        self.steps: list[Any] = []
        self.input: Any = None
        self.error: Exception | None = None
        self.seconds = 0.0

    def kind(self):
        """Fits of one kind can train together, if their data agree as well."""
        if self.network is None:
            return id(self)
        parameters = self.network.get_params()
        for name in BATCHABLE_PARAMETERS:
            parameters.pop(name, None)
        return type(self.network).__name__, hash_of(parameters)

    def take_input(self, result, seconds: float) -> None:
        self.seconds += seconds
        if isinstance(result, Exception):
            self.error = result
        else:
            self.steps, self.input = result

    def take_result(self, result, seconds: float) -> None:
        self.input = None
        self.seconds += seconds
        if isinstance(result, Exception):
            self.error = result
        else:
            self.network = result

    def assembled(self):
        """The estimator, fitted."""
        if self.error is not None:
            return self.estimator
        if self.name is None or not trains_in_batches(self.network):
            return self.network
        self.estimator.steps = [*self.steps, (self.name, self.network)]
        return self.estimator

    def return_fitted_or_raise(self, *_args, **_params):
        """Stands for fit, once: it was done, or has failed."""
        for name in ("fit", "set_params"):  # what comes now is meant
            vars(self.estimator).pop(name, None)
        if self.error is not None:
            raise self.error
        return self.estimator


class _Recorder(BaseEstimator):
    """Takes the place of the last step, and notes what it is given to fit."""

    def __init__(self, network=None):
        self.network = network

    def fit(self, X, y=None, **params):
        self.noted_ = (X, y, params)
        return self

    def get_metadata_routing(self):
        return self.network.get_metadata_routing()


def rows_of(fit, X, y, fit_params):
    """Training rows of a fold, and what else its fit gets."""
    X_train, y_train = _safe_split(fit.estimator, X, y, fit.train)
    return X_train, y_train, _check_method_params(X, fit_params, indices=fit.train)


def waves_of(fits, X, n_jobs: int):
    """Fits in turns, so that few folds of a large table are in memory at a time.

    Yields
    ------
    list of list of Fit
        Those of a list share the steps before the network, and so their rows.
    """
    before: dict[Any, list[CandidateFold]] = defaultdict(list)
    for fit in fits:
        before[fit.before].append(fit)
    # folds in order: where there are no steps, a fold is a list
    groups = sorted(before.values(), key=lambda same: same[0].before[0])
    n_numbers = len(fits[0].train) * math.prod(getattr(X, "shape", (0, 1))[1:])
    size = max(n_jobs, WAVE_BYTES // max(1, 8 * n_numbers))
    for start in range(0, len(groups), size):
        yield groups[start : start + size]


def fit_steps(job):
    """Fitted steps before the network and what they pass on to it, or an exception."""
    fit, X, y, params = job
    start = time.time()
    steps: list[Any] = []
    try:
        if fit.name is not None and fit.network is not None:
            recorder = _Recorder(fit.network)
            shell = clone(fit.estimator).set_params(**{fit.name: recorder})
            shell.fit(X, y, **params)
            steps, (X, y, params) = shell.steps[:-1], shell.steps[-1][1].noted_
        result = steps, (X, y, params)
    except Exception as error:  # the candidate's own: it gets error_score
        result = error
    return result, time.time() - start


def chunks_of(fits, n_jobs: int):
    """Fits in the batches they train in."""
    groups: dict[Any, list[CandidateFold]] = defaultdict(list)
    for fit in fits:
        groups[fit.kind()].append(fit)
    chunks = []
    for group in groups.values():
        n_chunks = math.ceil(len(group) / _size_of_batch(group[0]))
        n_chunks = max(n_chunks, math.ceil(n_jobs / len(groups)))
        size = math.ceil(len(group) / n_chunks)
        chunks += [group[i : i + size] for i in range(0, len(group), size)]
    return chunks


def _size_of_batch(fit) -> int:
    if fit.network is None:
        return 1
    network = clone(fit.network)
    X, y, params = fit.input
    try:
        check_parameters(network)
        return runs_at_once(network._plan(*network._read(X, y, **params)))
    except Exception:  # it will fail in its batch as well, and be told there
        return 1


def train_chunk(job):
    """Fitted networks of a batch, or the exceptions they raised, with their seconds."""
    caller, fits = job
    start = time.time()
    with contextlib.ExitStack() as stack:
        results = _train_batch(caller, fits, stack)
    share = (time.time() - start) / len(fits)
    return [(result, share) for result in results]


def _train_batch(caller, fits, stack):
    results: list[Any] = [None] * len(fits)
    plans, ends = {}, {}
    read: dict[Any, Any] = {}
    for number, fit in enumerate(fits):
        X, y, params = fit.input
        estimator = fit.estimator if fit.network is None else fit.network
        stack.enter_context(fit.context.propagate_callback_context(estimator))
        fit.context.call_on_fit_task_begin(estimator=caller, X=X, y=y)
        stack.callback(fit.context.call_on_fit_task_end, estimator=caller, X=X, y=y)
        try:
            if fit.network is None:
                results[number] = estimator.fit(X, y, **params)
                continue
            plans[number] = _plan(estimator, fit, read)
            stack.callback(end_callbacks, estimator)
            weight = params.get("sample_weight")
            ends[number] = estimator._start_callbacks(plans[number], X, y, weight)
        except Exception as error:  # the candidate's own: it gets error_score
            results[number] = error
            plans.pop(number, None)
    trained = train_together(list(plans.values()), at_once=len(fits))
    for (number, plan), outcome in zip(plans.items(), trained, strict=True):
        network = fits[number].network
        try:
            network._finish(plan, *outcome)
            ends[number]()
            results[number] = network
        except Exception as error:
            results[number] = error
    return results


def _plan(network, fit, read):
    """Plan of one fit; the rows of a fold are read once for all that agree."""
    X, y, params = fit.input
    check_parameters(network)
    if id(X) not in read:
        before = set(vars(network))
        tables = network._read(X, y, **params)
        noted = {k: v for k, v in vars(network).items() if k not in before}
        read[id(X)] = tables, noted, {}
    tables, noted, known = read[id(X)]
    vars(network).update(noted)
    plan = network._plan(*tables, known=known)
    if network.verbose:  # lines of several fits come by turns
        own = "".join(f", {name}={value}" for name, value in fit.parameters.items())
        name = f"split {fit.split}{own}: "
        plan.on_epoch = epoch_printer(plan.schedule.n_epochs, network.verbose, name)
    return plan
