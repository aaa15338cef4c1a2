"""Steps on a GPU as one graph: recorded once, then replayed without Python.

A step of a small network is some twenty kernels of two microseconds each; starting them
one by one takes several times as long as running them. Off until it has been measured
(``make gpu``).
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from skspectral._engine.forward_backward import Minibatch

__all__ = ["RecordedSteps"]

IS_ON = False  # not measured yet; benchmarks/gpu.py compares


class RecordedSteps:
    """The steps of blocks of minibatches: taken, then recorded, then replayed.

    The first block of a length is taken as it is, which also readies the libraries;
    the second is recorded. A graph reads and writes the same memory each time: the
    minibatches, parameters and moments of a batch of networks never move.

    Parameters
    ----------
    take : callable
        Takes the steps of some minibatches, given the numbers of each, row by row.
    """

    def __init__(self, take: Callable[[Sequence[Minibatch], Tensor], None]) -> None:
        self.take = take
        self.seen: set[int] = set()
        self.graphs: dict[int, tuple[torch.cuda.CUDAGraph, Tensor]] = {}

    def __call__(self, batches: Sequence[Minibatch], numbers: Tensor) -> None:
        """Take the steps of a block."""
        length = len(batches)
        if length not in self.seen:
            self.seen.add(length)
            self.take(batches, numbers)
            return
        if length not in self.graphs:
            self.graphs[length] = self._record(batches, numbers)
        graph, own_numbers = self.graphs[length]
        own_numbers.copy_(numbers)
        graph.replay()

    def _record(
        self, batches: Sequence[Minibatch], numbers: Tensor
    ) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        """Record the steps, which does not take them."""
        own_numbers = numbers.clone()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(numbers.device):
            present, side = torch.cuda.current_stream(), torch.cuda.Stream()
            side.wait_stream(present)
            with torch.cuda.stream(side):
                # Other threads may use the GPU meanwhile.
                graph.capture_begin(capture_error_mode="thread_local")
                try:
                    self.take(batches, own_numbers)
                finally:
                    graph.capture_end()
            present.wait_stream(side)
        return graph, own_numbers
