"""What "auto" means: minibatch, epochs, device."""

import math

import torch

__all__ = ["auto_batch_size", "auto_max_iter", "choose_device"]


def auto_batch_size(n_rows: int) -> int:
    """Minibatch of ``batch_size="auto"``: a fortieth of the rows, from 64 to 512.

    On small and noisy tables the noise of small minibatches generalises better; on
    large ones large minibatches run faster and end nearer to the minimum.
    """
    return min(n_rows, max(64, min(512, n_rows // 40)))


def auto_max_iter(n_rows: int, batch_size: int) -> int:
    """Epochs of ``max_iter="auto"``: at least ten, and min(18000, 8000 + n) steps.

    That many steps let the core form, on teachers and on tables; fewer leave nodes
    between life and death.
    """
    n_batches = -(-n_rows // batch_size)
    return max(10, math.ceil(min(18_000, 8_000 + n_rows) / n_batches))


def _first_words(error: Exception) -> str:
    return str(error).splitlines()[0].split(". ")[0][:120].rstrip(". ")


def choose_device(device: str, *, work: float) -> torch.device:
    """Device of a fit; `work` is the multiplications of one step."""
    if device == "auto":
        # NOTE: a step of small networks is launch-bound on a GPU and faster on a CPU.
        gain = torch.cuda.is_available() and work > 2e8
        return torch.device("cuda" if gain else "cpu")
    try:
        chosen = torch.device(device)
        if torch.empty(0, device=chosen).is_meta:
            raise RuntimeError("its tensors hold no numbers")
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"`device` must name a device torch can use here; got device={device!r}, "
            f"of which torch says: {_first_words(error)}. Use 'auto' or 'cpu'."
        ) from error
    return chosen
