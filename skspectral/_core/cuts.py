"""Cuts: which hidden nodes of a network are its core.

A rule of a cut is a function from the relevances of the nodes, a tensor per hidden
layer, to a :class:`Core`. A rule that users choose by name is a line of `NAMED_CUTS`.
"""

import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from skspectral._core.relevance import hidden_relevance, path_relevance
from skspectral.nn import SpectralMLP, remove_nodes

__all__ = [
    "GAP_FLOOR",
    "NAMED_CUTS",
    "NO_CORE",
    "RELEVANCES",
    "Core",
    "check_cut",
    "cut_relative",
    "cut_to_number",
    "cut_widest_gap",
    "find_core",
    "named_core",
]

# NOTE[DIFF] The paper cuts at 0.05 of the largest relevance. That cuts nodes which the
# network uses, and keeps dying ones where a fit was short; a gap does neither.
GAP_FLOOR = 1e-6  # relevance below this share of the largest is all the same: dead
GAP_DECADES = 2.0  # a narrower gap separates nothing
GAP_BELOW = 0.05  # only nodes below the paper's threshold may be dead

RELEVANCES = {"R": hidden_relevance, "path": path_relevance}
NO_CORE = (
    "a core needs a gate of one eigenvalue per node; got gate='both', where "
    "the gate is a difference. Fit with gate='out' or gate='in'."
)


class Core(NamedTuple):
    """What a cut found.

    Attributes
    ----------
    masks : list of bool Tensor of shape (nodes,), one per hidden layer
        True for the nodes of the core. Never empty.
    forming : bool
        Some nodes lie below the paper's threshold but no gap sets them apart: the fit
        was stopped before its core had formed. Nodes without any relevance are dead all
        the same.
    vanished : bool
        In some layer even the largest relevance is zero; one node is kept all the same.
    """

    masks: list[Tensor]
    forming: bool = False
    vanished: bool = False


def cut_widest_gap(relevance: list[Tensor]) -> Core:
    """Cut each layer at the widest gap in its sorted relevance.

    Relevance is divided by the largest of the layer and clipped at 1e-6. Among
    neighbours (in sorted order) whose lower one is below 0.05, the widest ratio is the
    cut if it spans two decades or more. If none does, only the clipped nodes are dead.
    """
    masks, forming, vanished = [], False, False
    for r in relevance:
        top = r.max()
        if not top > 0:
            masks.append(_largest(r, 1))
            vanished = True
            continue
        share = (r / top).clamp_min(GAP_FLOOR).log10()
        ordered = share.sort(descending=True).values
        below = ordered[1:] < math.log10(GAP_BELOW)
        gaps = torch.where(below, ordered[:-1] - ordered[1:], 0.0)
        widest = int(gaps.argmax()) if len(gaps) else 0
        if len(gaps) and gaps[widest] >= GAP_DECADES:
            masks.append(_largest(r, widest + 1))
        else:
            masks.append(r > GAP_FLOOR * top)
            forming |= bool(below.any())
    return Core(masks, forming, vanished)


def cut_relative(relevance: list[Tensor], threshold: float) -> Core:
    """Keep the nodes of each layer with at least `threshold` of its largest."""
    masks, vanished = [], False
    for r in relevance:
        top = r.max()
        vanished |= not bool(top > 0)
        masks.append(r >= threshold * top if top > 0 else _largest(r, 1))
    return Core(masks, vanished=vanished)


def cut_to_number(relevance: list[Tensor], n_nodes: tuple[int, ...]) -> Core:
    """Keep the `n_nodes[l]` most relevant nodes of each layer l."""
    return Core([_largest(r, n) for r, n in zip(relevance, n_nodes, strict=True)])


def _largest(r: Tensor, n: int) -> Tensor:
    mask = torch.zeros_like(r, dtype=torch.bool)
    mask[r.argsort(descending=True, stable=True)[:n]] = True
    return mask


# Rules by the name that `threshold` gives them.
NAMED_CUTS: dict[str, Callable[[list[Tensor]], Core]] = {"gap": cut_widest_gap}


def _is_named(threshold) -> bool:
    return isinstance(threshold, str) and threshold in NAMED_CUTS


def check_cut(
    widths: tuple[int, ...], *, threshold="gap", n_nodes=None, relevance="R"
) -> None:
    """Raise for a cut outside its rule, in hidden layers of these widths."""
    if not isinstance(relevance, str) or relevance not in RELEVANCES:
        raise ValueError(
            f"`relevance` must be 'R' or 'path'; got relevance={relevance!r}. 'R' is "
            "the gated norm of a node, 'path' counts its outgoing weights as well."
        )
    if n_nodes is not None:
        if not (isinstance(threshold, str) and threshold == "gap"):
            raise ValueError(
                "pass either `threshold` or `n_nodes`; got "
                f"threshold={threshold!r} and n_nodes={n_nodes!r}. Leave one out."
            )
        number_of_nodes(n_nodes, widths)
    is_bool = isinstance(threshold, (bool, np.bool_))
    is_number = isinstance(threshold, Real) and not is_bool
    if not _is_named(threshold) and not (is_number and 0 <= threshold < 1):
        names = " or ".join(map(repr, NAMED_CUTS))
        raise ValueError(
            f"`threshold` must be {names} or in [0, 1); got threshold={threshold!r}. "
            "It is a fraction of the largest relevance."
        )


def number_of_nodes(n_nodes, widths: tuple[int, ...]) -> tuple[int, ...]:
    """Return the nodes to keep of each hidden layer, by the parameter `n_nodes`."""
    several = isinstance(n_nodes, (tuple, list)) or np.ndim(n_nodes) == 1
    asked = tuple(n_nodes) if several else (n_nodes,) * len(widths)
    if len(asked) != len(widths) or not all(map(_fits, asked, widths)):
        raise ValueError(
            "`n_nodes` must be an integer or one per hidden layer, each from 1 to the "
            f"width of the layer, {widths}; got n_nodes={n_nodes!r}. Ask for as many "
            "nodes as there are, or fewer; a float in (0, 1] asks for a fraction."
        )
    return tuple(
        int(n) if isinstance(n, Integral) else max(1, round(float(n) * width))
        for n, width in zip(asked, widths, strict=True)
    )


def _fits(n, width: int) -> bool:
    if isinstance(n, (bool, np.bool_)):
        return False
    if isinstance(n, Integral):
        return 1 <= int(n) <= width
    return isinstance(n, Real) and 0 < float(n) <= 1


def named_core(
    network: SpectralMLP, *, relevance="R", is_core=False, rule: str = "gap"
) -> Core:
    """Return the core by a named rule.

    A node of a later layer may owe its relevance to nodes that are cut. So the smaller
    network is looked at again, and nodes that have no relevance there are cut as well.

    Parameters
    ----------
    network : SpectralMLP
    relevance : {"R", "path"}
    is_core : bool
        The network was cut to its core already: only nodes without relevance are dead.
    rule : str
        Of `NAMED_CUTS`.
    """
    relevance_of = RELEVANCES[relevance]
    values = relevance_of(network)
    core = cut_relative(values, GAP_FLOOR) if is_core else NAMED_CUTS[rule](values)
    masks = [mask.clone() for mask in core.masks]
    while len(masks) > 1:
        rest = relevance_of(remove_nodes(network, masks))
        alive = cut_relative(rest, GAP_FLOOR).masks
        if all(mask.all() for mask in alive):
            break
        for mask, still in zip(masks, alive, strict=True):
            mask[mask.nonzero()[~still, 0]] = False
    return core._replace(masks=masks)


def find_core(
    network: SpectralMLP, *, threshold="gap", n_nodes=None, relevance="R", is_core=False
) -> Core:
    """Return the nodes to keep, by the parameters of ``prune``.

    `is_core` says that the network was cut to its core already.

    Raises
    ------
    ValueError
        For a cut outside its rule, or a gate that defines no core.
    """
    widths = network.sizes[1:-1]
    check_cut(widths, threshold=threshold, n_nodes=n_nodes, relevance=relevance)
    if any(layer.gate == "both" for layer in network.layers):
        raise ValueError(NO_CORE)
    if n_nodes is None and isinstance(threshold, str):
        return named_core(network, relevance=relevance, is_core=is_core, rule=threshold)
    values = RELEVANCES[relevance](network)
    if n_nodes is not None:
        return cut_to_number(values, number_of_nodes(n_nodes, widths))
    return cut_relative(values, float(threshold))
