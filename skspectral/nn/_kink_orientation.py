"""Which kinks to reverse so that linear functions cancel: a binary quadratic program.

With s_g in {0, 1}, minimise ``s^T Q s + 2 b^T s``. Up to 24 kinks
all subsets are tried; beyond, the relaxed solution is rounded and improved in blocks.
There is no time limit: the answer does not depend on the speed of the machine.
"""

import torch
from torch import Tensor

__all__ = ["best_orientation"]

EXHAUSTED = 24  # up to so many kinks all subsets are tried: 2^12 times 2^12 at once
BLOCK = 16  # of more kinks, those optimised together while the others stay
SWEEPS = 20  # at most; each one lowers the objective or is the last


def best_orientation(quadratic: Tensor, linear: Tensor) -> Tensor:
    """Return which kinks to reverse for the smallest objective: bool, (n,).

    Exact up to 24; beyond, exact where the relaxed minimum is unique and close to
    whole numbers, else a minimum with respect to blocks of 16.

    Parameters
    ----------
    quadratic : Tensor of shape (n, n), float64
        Q, symmetric and positive semidefinite.
    linear : Tensor of shape (n,)
        b.
    """
    n = len(linear)
    if n <= EXHAUSTED:
        return _best_subset(quadratic, linear) > 0
    relaxed = torch.linalg.pinv(quadratic, hermitian=True) @ -linear
    taken = (relaxed > 0.5).to(quadratic)
    for _ in range(SWEEPS):
        before = taken.clone()
        for start in range(0, n, BLOCK // 2):
            block = torch.arange(start, start + BLOCK, device=linear.device) % n
            own = quadratic[block][:, block]
            pull = linear[block] + quadratic[block] @ taken - own @ taken[block]
            taken[block] = _best_subset(own, pull)
        if torch.equal(taken, before):
            break
    return taken > 0


def _best_subset(quadratic: Tensor, linear: Tensor) -> Tensor:
    # Objective of a subset = that of its first half + of its second half + what these
    # two have in common, which is a matrix product for all pairs of halves.
    half = len(linear) // 2
    first, second = _subsets(half, linear), _subsets(len(linear) - half, linear)

    def objective(subsets: Tensor, part: slice) -> Tensor:
        inner = ((subsets @ quadratic[part, part]) * subsets).sum(1)
        return inner + 2 * subsets @ linear[part]

    ours = objective(first, slice(None, half))
    theirs = objective(second, slice(half, None))
    common = 2 * first @ quadratic[:half, half:]
    best, pair = torch.inf, (0, 0)
    for start in range(0, len(first), 256):  # a few MiB at a time
        total = common[start : start + 256] @ second.T
        total += ours[start : start + 256, None] + theirs
        lowest = float(total.min())
        if lowest < best:
            row, column = divmod(int(total.argmin()), len(second))
            best, pair = lowest, (start + row, column)
    return torch.cat([first[pair[0]], second[pair[1]]])


def _subsets(n: int, like: Tensor) -> Tensor:
    """All subsets of n, as rows of zeros and ones: (2^n, n)."""
    number = torch.arange(2**n, device=like.device)[:, None]
    return ((number >> torch.arange(n, device=like.device)) & 1).to(like)
