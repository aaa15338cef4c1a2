"""What "auto" means: strength of the penalty, minibatch, epochs, device."""

import math

import torch
from sklearn.utils._param_validation import InvalidParameterError

__all__ = [
    "auto_alpha",
    "auto_batch_size",
    "auto_max_iter",
    "auto_patience",
    "choose_device",
]


def auto_alpha(n_rows: float, *, bends: bool = False, factor: float = 1.0) -> float:
    """Return the strength of ``alpha="auto"``: 2 / n, from 1e-4 to 1e-2.

    Where columns bend it is 1.8e-4 at least, as there is more to overfit with. Chosen
    on tables: weaker ones overfit tables with noise, and below 1e-4 large tables as
    well; above 1e-2 no node is worth its price. `n_rows` is the effective number of
    rows, see :func:`skspectral._columns.effective_size`. The `factor` is that of an
    estimator, see ``_alpha_factor``.
    """
    return min(factor * max(2.0 / n_rows, 1.8e-4 if bends else 1e-4), 1e-2)


def auto_batch_size(n_rows: int) -> int:
    """Return ``batch_size="auto"``: a fortieth of the rows, from 64 to 512.

    On small and noisy tables the noise of small minibatches generalises better; on
    large ones large minibatches run faster and end nearer to the minimum. All rows
    count alike, whatever they weigh: each takes its place in a minibatch. With 300 rows
    beside 9,700 of weight 1e-6, minibatches and epochs for 300 rows were worse (R2 .912
    beside .920, .929 beside .937, .940 beside .942).
    """
    return min(n_rows, max(64, min(512, n_rows // 40)))


def auto_max_iter(n_rows: int, batch_size: int) -> int:
    """Return ``max_iter="auto"``: at least ten epochs, min(18000, 8000 + n) steps.

    So many steps let the core form, on teachers and on tables; after fewer, some nodes
    are neither dead nor alive.
    """
    n_batches = -(-n_rows // batch_size)
    return max(10, math.ceil(min(18_000, 8_000 + n_rows) / n_batches))


def _first_words(error: Exception) -> str:
    return str(error).splitlines()[0].split(". ")[0][:120].rstrip(". ")


def auto_patience(n_epochs: int) -> int:
    """Return ``n_iter_no_change="auto"``: a twentieth of the epochs, ten at least.

    Where a fit has fewer than 40 epochs, as on large tables, it is a quarter of them:
    ten epochs without improvement would never be reached.
    """
    return max(10, n_epochs // 20) if n_epochs >= 40 else max(2, n_epochs // 4)


def choose_device(device: str, *, work: float) -> torch.device:
    """Return the device of a fit; `work` is the multiplications of one step."""
    if device == "auto":
        # A step of small networks is launch-bound on a GPU and faster on a CPU.
        gain = torch.cuda.is_available() and work > 2e8
        return torch.device("cuda" if gain else "cpu")
    try:
        chosen = torch.device(device)
        if torch.empty(0, device=chosen).is_meta:
            raise RuntimeError("its tensors hold no numbers")
    except (RuntimeError, AssertionError) as error:
        raise InvalidParameterError(
            f"`device` must name a device torch can use here; got device={device!r}, "
            f"of which torch says: {_first_words(error)}. Use 'auto' or 'cpu'."
        ) from error
    return chosen
