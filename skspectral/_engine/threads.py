"""One thread for small steps: two would wait for each other, or for memory."""

import contextlib
import threading
from collections.abc import Iterator

import torch

__all__ = ["one_thread_for"]

# Measured, see docs/speed.md: multiplications of a forward pass, and those for each
# activation that is written. With fewer a step waits for memory, which two cores may
# share, and where they do not, what one wrote is far from the other.
LARGE = 4e6
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
        Numbers that it writes.
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
