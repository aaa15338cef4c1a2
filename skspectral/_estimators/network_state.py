"""A network as NumPy arrays, which pickle small and load where there is no GPU."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import sparse

from skspectral._columns import ColumnStatistics, Inputs
from skspectral._estimators.node_tables import NodeTables
from skspectral._estimators.targets import TargetStatistics
from skspectral.nn import ACTIVATIONS, SpectralLinear, SpectralMLP, in_memory

__all__ = ["DTYPES", "NetworkState", "restandardize", "set_gate"]

DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True, eq=False)
class NetworkState:
    """Parameters of one network, in standardised units; lists over layers.

    The arrays are read-only, so that values computed from them cannot go stale.

    Attributes
    ----------
    phi : list of ndarray of shape (out, in)
    lambda_in : list of ndarray of shape (in,)
    lambda_out : list of ndarray of shape (out,)
    bias : list of ndarray of shape (out,) or None
    gates : tuple of {"out", "in", "both", None}
    activation : str
    """

    phi: list[np.ndarray]
    lambda_in: list[np.ndarray]
    lambda_out: list[np.ndarray]
    bias: list[np.ndarray | None]
    gates: tuple[str | None, ...]
    activation: str

    def __post_init__(self) -> None:
        for arrays in (self.phi, self.lambda_in, self.lambda_out, self.bias):
            for array in arrays:
                if array is not None:
                    array.setflags(write=False)

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.__post_init__()

    @property
    def sizes(self) -> tuple[int, ...]:
        return (self.phi[0].shape[1], *(p.shape[0] for p in self.phi))

    @classmethod
    def from_network(cls, network: SpectralMLP, run: int | None = None):
        """Arrays of a single network, or of one run of a batch."""

        def array(parameter):
            value = parameter.detach()
            # A copy: the fitted state must not share memory with a module.
            return np.array((value if run is None else value[run]).cpu().numpy())

        layers = list(network.layers)
        return cls(
            [array(layer.phi) for layer in layers],
            [array(layer.lambda_in) for layer in layers],
            [array(layer.lambda_out) for layer in layers],
            [None if layer.bias is None else array(layer.bias) for layer in layers],
            tuple(layer.gate for layer in layers),
            network.activation,
        )

    def to_network(
        self,
        *,
        batch: bool = False,
        dtype: torch.dtype | None = None,
        device: torch.device | str = "cpu",
    ) -> SpectralMLP:
        """The network as a module; with `batch`, as a batch of one."""
        shape = (1,) if batch else ()
        network = SpectralMLP(
            self.sizes,
            gate=None,
            activation=self.activation,
            batch_shape=shape,
            dtype=dtype or DTYPES[self.phi[0].dtype.name],
            device="meta",  # to be filled: nothing is drawn from torch's generator
        )
        network = in_memory(network, device)
        with torch.no_grad():
            for index, layer in enumerate(network.layers):
                set_gate(layer, self.gates[index])
                layer.phi.copy_(as_tensor(self.phi[index]))
                layer.lambda_in.copy_(as_tensor(self.lambda_in[index]))
                layer.lambda_out.copy_(as_tensor(self.lambda_out[index]))
                bias = self.bias[index]
                if bias is None or layer.bias is None:
                    layer.bias = None
                else:
                    layer.bias.copy_(as_tensor(bias))
        return network

    def weights(self) -> list[np.ndarray]:
        """Effective weights (out, in), float64, of each layer."""
        return [
            (a[None, :].astype(np.float64) - b[:, None]) * p
            for p, a, b in zip(self.phi, self.lambda_in, self.lambda_out, strict=True)
        ]

    def resized(self, sizes: tuple[int, ...]) -> "NetworkState":
        """Return the network with more dead nodes at its end, or with fewer of them."""
        if sizes == self.sizes:
            return self

        def fit(array: np.ndarray, *shape: int) -> np.ndarray:
            out = np.zeros(shape, dtype=array.dtype)
            pairs = zip(array.shape, shape, strict=True)
            common = tuple(slice(min(old, new)) for old, new in pairs)
            out[common] = array[common]
            return out

        senders, receivers = sizes[:-1], sizes[1:]
        layers = itertools.pairwise(sizes)
        return NetworkState(
            [fit(p, o, i) for p, (i, o) in zip(self.phi, layers, strict=True)],
            [fit(v, i) for v, i in zip(self.lambda_in, senders, strict=True)],
            [fit(v, o) for v, o in zip(self.lambda_out, receivers, strict=True)],
            [
                None if v is None else fit(v, o)
                for v, o in zip(self.bias, receivers, strict=True)
            ],
            self.gates,
            self.activation,
        )

    @cached_property
    def _affine(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Weight (in, out) and bias (out,) of each layer, float64."""
        layers = []
        for weight, bias in zip(self.weights(), self.bias, strict=True):
            shift = np.zeros(len(weight)) if bias is None else bias.astype(np.float64)
            matrix = np.ascontiguousarray(weight.T)
            layers.append((torch.from_numpy(matrix), torch.from_numpy(shift)))
        return layers

    def propagate(self, x: np.ndarray, *, hidden: bool = False) -> np.ndarray:
        """Outputs for standardised rows (n, in), or the last hidden activations.

        In float64, whatever trained the network: rounding would make a row's prediction
        depend on the rows beside it.
        """
        *layers, (weight, bias) = self._affine
        a = torch.from_numpy(x)
        with torch.inference_mode():
            if not layers:
                return (a if hidden else torch.addmm(bias, a, weight)).numpy()
            (first, first_bias), *_ = layers
            return self._onwards(torch.addmm(first_bias, a, first), hidden).numpy()

    def _onwards(self, z: torch.Tensor, hidden: bool) -> torch.Tensor:
        """Outputs from the first pre-activations, or the last hidden activations."""
        act = ACTIVATIONS[self.activation].function
        for weight, bias in self._affine[1:-1]:
            z = torch.addmm(bias, act(z), weight)
        weight, bias = self._affine[-1]
        return act(z) if hidden else torch.addmm(bias, act(z), weight)

    def _sparse_outputs(self, rows, inputs: Inputs, *, hidden: bool) -> np.ndarray:
        """As :meth:`outputs`, reading of CSR rows what is not 0."""
        with torch.inference_mode():
            weight, bias = self._cached("_of_columns", inputs, self._on_columns)
            missing = np.isnan(rows.data)
            if missing.any():
                rows = rows.copy()
                rows.data[missing] = inputs.fill[rows.indices[missing]]
            z = torch.from_numpy(rows @ weight).add_(bias)
            if len(self.phi) > 1:
                z = self._onwards(z, hidden)
            elif hidden:
                return inputs.standardized(rows)
            return z.numpy()

    def _on_columns(self, inputs: Inputs) -> tuple[np.ndarray, torch.Tensor]:
        """Weight and bias of the first layer, on columns that are not scaled."""
        (weight, bias), statistics = self._affine[0], inputs.statistics
        scaled = weight.numpy() / statistics.divisor[:, None]
        return scaled, bias - torch.from_numpy(statistics.mean @ scaled)

    def widest(self, inputs: Inputs, *, is_sparse: bool) -> int:
        """Most numbers that :meth:`outputs` holds of a row of a table at once."""
        if is_sparse and inputs.is_plain:
            return max(self.sizes[1:])
        if inputs.is_plain or len(self.phi) == 1:
            return max(self.sizes)
        # Encoded columns are looked up: their inputs are never there.
        moving = self._looked_up(inputs).n_moving
        return max(moving, 6 * inputs.n_columns, *self.sizes[2:])

    def outputs(self, rows, inputs: Inputs, *, hidden: bool = False) -> np.ndarray:
        """Outputs for rows of a table (n, d), or the last hidden activations."""
        if sparse.issparse(rows) and inputs.is_plain:
            return self._sparse_outputs(rows, inputs, hidden=hidden)
        if inputs.is_plain or len(self.phi) == 1:
            return self.propagate(inputs.standardized(rows), hidden=hidden)
        act = ACTIVATIONS[self.activation].function
        rows = rows.toarray() if sparse.issparse(rows) else rows
        with torch.inference_mode():
            found = self._looked_up(inputs)
            a = act(found.tables(rows))
            if hidden and len(self.phi) == 2:
                every = found.constant.repeat(len(a), 1)
                every[:, found.moving] = a
                return every.numpy()
            a = torch.addmm(found.bias, a, found.weight)
            layers = self._affine[2:]
            for number, (weight, bias) in enumerate(layers):
                a = act(a)
                if not (hidden and number == len(layers) - 1):
                    a = torch.addmm(bias, a, weight)
        return a.numpy()

    def _looked_up(self, inputs: Inputs) -> "LookedUp":
        return self._cached("_tables", inputs, self._look_up)

    def _cached(self, name: str, inputs: Inputs, make: Callable) -> Any:
        """Return what was made for these inputs before."""
        found = vars(self).get(name)
        if found is None or found[0] is not inputs:
            found = vars(self)[name] = inputs, make(inputs)
        return found[1]

    def _look_up(self, inputs: Inputs) -> "LookedUp":
        """Both layers around the first hidden nodes, for lookup."""
        (weight, bias), (weight_2, bias_2), *_ = self._affine
        moving = (weight != 0).any(0)
        constant = ACTIVATIONS[self.activation].function(bias)
        tables = NodeTables(inputs, weight[:, moving].numpy(), bias[moving].numpy())
        # Of nodes that no row moves the next layer gets a constant.
        rest = torch.where(moving, 0.0, constant) @ weight_2
        n_moving = int(moving.sum())
        return LookedUp(
            tables, moving, n_moving, constant, weight_2[moving], bias_2 + rest
        )


class LookedUp(NamedTuple):
    """What a network with encoded columns needs to predict."""

    tables: NodeTables
    moving: torch.Tensor  # (n_nodes,): the first hidden nodes that rows move
    n_moving: int
    constant: torch.Tensor  # (n_nodes,): what nodes send at 0
    weight: torch.Tensor  # (n_moving, n_next): of the next layer
    bias: torch.Tensor  # (n_next,): with what the other nodes send


def as_tensor(array: np.ndarray) -> torch.Tensor:
    """Return a copy of an array, on the CPU whatever torch's default device is."""
    return torch.tensor(array, device="cpu")


def set_gate(layer: SpectralLinear, gate: str | None) -> None:
    """Say which eigenvalues of a layer are trained."""
    layer.gate = gate
    layer.lambda_in.requires_grad_(gate in ("in", "both"))
    layer.lambda_out.requires_grad_(gate in ("out", "both"))


def restandardize(
    state: NetworkState,
    x: tuple[ColumnStatistics, ColumnStatistics],
    y: tuple[TargetStatistics, TargetStatistics],
) -> NetworkState:
    """Return the same function of raw inputs and outputs, under new statistics.

    Where a column did not vary so far, the function stays the same at its old value.
    Where a column no longer varies, it stays the same at its new value.

    Parameters
    ----------
    state : NetworkState
    x, y : (old ColumnStatistics, new ColumnStatistics)
        Statistics of the inputs and of the targets. A network without biases keeps
        its old ones, since nothing in it can take up a shift.
    """
    (x_old, x_new), (y_old, y_new) = x, y
    phi, bias = list(state.phi), list(state.bias)
    dtype = phi[0].dtype
    if bias[0] is not None:
        ratio = _ratio(x_old, x_new)
        scale = np.where(x_new.is_constant, x_old.scale, x_new.scale)
        shift = (x_new.mean - x_old.mean) / scale
        bias[0] = (bias[0] + (state.weights()[0] * ratio) @ shift).astype(dtype)
        phi[0] = (phi[0] * ratio).astype(dtype)
    if bias[-1] is not None:
        ratio = _ratio(y_old, y_new)
        shift = (y_old.mean - y_new.mean) / y_new.scale
        bias[-1] = (bias[-1] / ratio + shift).astype(dtype)
        phi[-1] = (phi[-1] / ratio[:, None]).astype(dtype)
    return NetworkState(
        phi, state.lambda_in, state.lambda_out, bias, state.gates, state.activation
    )


def _ratio(old: TargetStatistics, new: TargetStatistics) -> np.ndarray:
    """Return new scales over old ones; 1 where either is of a constant column.

    A column that did not vary has no scale. Its weights stay of the size that suits a
    scaled column.
    """
    constant = old.is_constant | new.is_constant
    return np.where(constant, 1.0, new.scale / old.scale)
