"""Relevance of nodes, and the cuts that find the core."""

from skspectral._core.cuts import (
    GAP_FLOOR,
    NO_CORE,
    RELEVANCES,
    Core,
    check_cut,
    find_core,
    named_core,
)
from skspectral._core.relevance import hidden_relevance, input_relevance

__all__ = [
    "GAP_FLOOR",
    "NO_CORE",
    "RELEVANCES",
    "Core",
    "check_cut",
    "find_core",
    "hidden_relevance",
    "input_relevance",
    "named_core",
]
