"""Cuts on relevances whose core is known by hand."""

import pytest
import torch

from skspectral._core import find_core
from skspectral._core.cuts import (
    NAMED_CUTS,
    Core,
    check_cut,
    cut_relative,
    cut_to_number,
    cut_widest_gap,
)
from skspectral.nn import SpectralMLP


def mask_of(core):
    (mask,) = core.masks
    return mask.int().tolist()


@pytest.mark.parametrize(
    ("relevance", "mask", "forming"),
    [
        ([1.0, 0.5, 1e-4, 1e-9], [1, 1, 0, 0], False),  # 3.7 decades, the rest clipped
        ([1e-9, 0.5, 1.0, 1e-4], [0, 1, 1, 0], False),  # in any order
        ([1.0, 0.2, 0.01, 0.001], [1, 1, 1, 1], True),  # no gap of two decades
        ([1.0, 0.2, 0.01, 1e-7], [1, 1, 1, 0], False),  # 0.01 to the floor is a gap
        ([1.0, 0.9, 0.8, 0.7], [1, 1, 1, 1], False),  # none is nearly dead
        ([0.0, 0.0], [1, 0], False),  # vanished: one is kept
        ([3.0], [1], False),
    ],
)
def test_the_widest_gap(relevance, mask, forming):
    core = cut_widest_gap([torch.tensor(relevance, dtype=torch.float64)])
    assert mask_of(core) == mask
    assert core.forming == forming
    assert core.vanished == (max(relevance) == 0)


def test_a_cut_does_not_depend_on_the_unit():
    r = torch.tensor([1.0, 0.5, 1e-4, 1e-9], dtype=torch.float64)
    for factor in (1e-30, 1e30):
        assert mask_of(cut_widest_gap([factor * r])) == [1, 1, 0, 0]
        assert mask_of(cut_relative([factor * r], 0.5)) == [1, 1, 0, 0]


def test_cuts_by_share_and_by_number():
    r = torch.tensor([0.1, 1.0, 0.05, 0.5], dtype=torch.float64)
    assert mask_of(cut_relative([r], 0.05)) == [1, 1, 1, 1]
    assert mask_of(cut_relative([r], 0.051)) == [1, 1, 0, 1]
    assert mask_of(cut_to_number([r], (2,))) == [0, 1, 0, 1]
    assert cut_relative([torch.zeros(3)], 0.5).vanished


def test_what_only_dead_nodes_feed_is_dead():
    """A node of the second layer that hears only a node which is cut."""
    network = SpectralMLP((2, 3, 2, 1), dtype=torch.float64)
    with torch.no_grad():
        for layer in network.layers:
            layer.phi.fill_(1.0)
            layer.bias.zero_()
        network.layers[0].phi[2] = 1e-9
        network.layers[1].phi[1, :2] = 0.0
    masks = [mask.tolist() for mask in find_core(network).masks]
    assert masks == [[True, True, False], [True, False]]


def test_a_new_rule_is_one_line(monkeypatch):
    def first(values):
        return Core([torch.arange(len(r)) < 1 for r in values])

    monkeypatch.setitem(NAMED_CUTS, "first", first)
    network = SpectralMLP((2, 4, 1))
    assert mask_of(find_core(network, threshold="first")) == [1, 0, 0, 0]
    with pytest.raises(ValueError, match="must be 'gap' or 'first' or in"):
        check_cut((4,), threshold="second")


@pytest.mark.parametrize(
    "cut",
    [
        {"threshold": True},
        {"threshold": float("nan")},
        {"threshold": "0.5"},
        {"n_nodes": True},
        {"n_nodes": 0},
        {"n_nodes": float("nan")},
        {"n_nodes": "3"},
        {"n_nodes": (1, 2)},
        {"relevance": None},
        {"relevance": ["R"]},
    ],
    ids=str,
)
def test_cuts_outside_their_rule_are_refused(cut):
    (name,) = cut
    with pytest.raises(ValueError, match=f"`{name}` must .*got {name}="):
        check_cut((4,), **cut)
