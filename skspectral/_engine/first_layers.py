"""Which first layer networks have: of products, or one that looks values up."""

from collections.abc import Sequence
from typing import Any, Protocol

from torch import Tensor

from skspectral._engine.encoded_rows import EncodedRows
from skspectral._engine.flat_parameters import FlatParameters
from skspectral._engine.layers import Layer
from skspectral._engine.lookup import entry_rows, lookups_pay
from skspectral._engine.lookup_layer import EncodedLookups
from skspectral._engine.rows import Rows, SparseRows, StackedRows
from skspectral._engine.sparse_layer import SparseLookups, sparse_lookups_pay

__all__ = ["Lookups", "lookups_of"]


class Block(Protocol):
    """Consecutive minibatches, as a first layer reads them."""

    def fill(self, rows: Tensor) -> None:
        """Take rows, ordered by minibatch, then by the streams of the networks."""

    def batch(self, number: int) -> Any:
        """Return one of the minibatches; always the same views."""


class Lookups(Protocol):
    """A first layer that looks values up, and its minibatches.

    Attributes
    ----------
    n_columns : int
        Numbers that are read of a row.
    """

    n_columns: int

    def layer(
        self, parameters: FlatParameters, gradient: Tensor, *, bare: bool
    ) -> Layer: ...

    def block(self, streams: list[int], n_batches: int, batch_size: int) -> Block: ...


def lookups_of(
    rows: Rows, index: Sequence[Tensor], batch_size: int, width: int, like: Tensor
) -> Lookups | None:
    """Return how a batch of networks looks its rows up; None where products are faster.

    That does not depend on how many networks there are: one in a batch trains as it
    would alone.

    Parameters
    ----------
    rows : Rows
    index : list of K index tensors
        The rows of each network, each of one table.
    batch_size : int
    width : int
        Nodes of the first layer.
    like : Tensor
        Of the dtype and on the device of the network.
    """
    if like.device.type != "cpu":
        return None
    parts = rows.parts if isinstance(rows, StackedRows) else [rows]
    of_runs = [0] * len(index)
    if isinstance(rows, StackedRows):
        of_runs = [rows.part_of(int(i[0])) for i in index]
    if len(index) == 1:
        own = parts[of_runs[0]]
        if isinstance(own, SparseRows) and sparse_lookups_pay(own, batch_size, width):
            first = 0
            if isinstance(rows, StackedRows):
                first = int(rows.starts[of_runs[0]])
            return SparseLookups(own, first, like)
    encoded = [part for part in parts if isinstance(part, EncodedRows)]
    if not encoded or len(encoded) < len(parts):
        return None
    layout = encoded[0].expansion.layout
    if any(part.expansion.layout != layout for part in encoded):
        return None
    if not lookups_pay(layout, batch_size, width):
        return None
    tables = [encoded[part] for part in of_runs]
    return EncodedLookups(entry_rows(encoded, tables, like))
