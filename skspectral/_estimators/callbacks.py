"""Callbacks of a fit: those of scikit-learn, and the lines that ``verbose`` prints.

scikit-learn has callbacks from 1.9 on. With older versions the names here do nothing.
"""

import contextlib
from collections.abc import Callable
from typing import Any

from skspectral._estimators.fit_plan import FitEpoch


class _NoContext:
    """A context without callbacks."""

    def subcontext(self, *_: Any, **__: Any) -> "_NoContext":
        return self

    def call_on_fit_task_begin(self, **_: Any) -> "_NoContext":
        return self

    def call_on_fit_task_end(self, **_: Any) -> bool:
        return False

    def propagate_callback_context(self, _: Any) -> Any:
        return contextlib.nullcontext()


NO_CONTEXT = _NoContext()

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """No callbacks before scikit-learn 1.9."""

        def _init_callback_context(self, **_: Any) -> _NoContext:
            return _NoContext()

    def with_callbacks(method: Callable) -> Callable:
        return method


__all__ = [
    "BOOKKEEPING",
    "CallbackSupportMixin",
    "end_callbacks",
    "epoch_callbacks",
    "epoch_printer",
    "with_callbacks",
]

# Attributes that callbacks keep on an estimator; no results of a fit.
BOOKKEEPING = ("_skl_callbacks", "_callback_fit_ctx", "_parent_callback_ctx")

# Ends the callbacks of an estimator whose `fit` was not called.
end_callbacks = with_callbacks(lambda estimator: None)

OnEpoch = Callable[[FitEpoch], bool]


def epoch_printer(n_epochs: int, verbose: bool | int, name: str = "") -> OnEpoch:
    """Return a callback that prints the loss about ten times in a fit.

    With verbose >= 2 it prints after every epoch. `name` comes before each line.
    """
    every = 1 if verbose > 1 else max(1, n_epochs // 10)

    def print_epoch(epoch: FitEpoch) -> bool:
        number = epoch.number + 1
        if number % every == 0 or number == n_epochs:
            line = f"{name}epoch {number:>{len(str(n_epochs))}}/{n_epochs}"
            line += f"  loss {epoch.history.loss[-1]:.6f}"
            if epoch.history.validation_loss:
                line += f"  validation {epoch.history.validation_loss[-1]:.6f}"
            print(line, flush=True)  # noqa: T201
        return False

    return print_epoch


def epoch_callbacks(context: Any, estimator: Any, results: Callable, **data: Any):
    """Return a callback that runs those of scikit-learn, as a subtask of `context`.

    Parameters
    ----------
    context : sklearn.callback.CallbackContext
        Of the fit.
    estimator : estimator
    results : callable
        ``results(epoch)`` gives the fitted attributes as of that epoch; it is called
        only where a callback asks for the fitted estimator.
    **data : X, y and metadata, as the fit got them

    Returns
    -------
    callable
        Called after each epoch; returns True where a callback asks to stop.
    """

    def run_callbacks(epoch: FitEpoch) -> bool:
        task = context.subcontext("epoch")
        task.call_on_fit_task_begin(estimator=estimator, **data)
        return task.call_on_fit_task_end(
            estimator=estimator,
            reconstruction_attributes=lambda: results(epoch),
            **data,
        )

    return run_callbacks
