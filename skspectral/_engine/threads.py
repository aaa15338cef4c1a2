"""One thread for small steps: two would wait for each other, or for memory."""

import contextlib
import threading
from collections.abc import Iterator

import torch

__all__ = ["one_thread_for"]

# Multiplications of a forward pass, and for each activation that it writes: with fewer
# of the latter a step waits for memory. Measured, see docs/speed.md.
LARGE = 1e7
PER_ACTIVATION = 32

_lock = threading.Lock()
_running = 0  # epochs in progress on one thread
_before = 1  # threads there were before the first of them


@contextlib.contextmanager
def one_thread_for(work: float, n_activations: int) -> Iterator[None]:
    """Let torch use one thread on the CPU for a while, if there is little work.

    Threads are what they were afterwards, also where several Python threads train.

    Parameters
    ----------
    work : float
        Multiplications of a forward pass.
    n_activations : int
        Written by that pass.
    """
    global _before, _running
    if work >= max(LARGE, PER_ACTIVATION * n_activations):
        yield
        return
    with _lock:
        if _running == 0:
            _before = torch.get_num_threads()
        _running += 1
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _lock:
            _running -= 1
            torch.set_num_threads(_before)
