"""The spectral layer: a linear map written in eigenvalues and eigenvectors."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from skspectral.nn._checks import check_feature_count

__all__ = ["START", "SpectralLinear", "empty_layer", "in_memory"]

# Values of lambda_in and lambda_out at the start: a gate of one, up to its sign.
START: dict[str | None, tuple[float, float]] = {
    "out": (0.0, 1.0),  # the paper's: weight = -phi
    "in": (1.0, 0.0),
    "both": (0.5, -0.5),
    None: (1.0, 0.0),
}


class SpectralLinear(nn.Module):
    r"""Linear layer whose connections are gated node by node.

    The weight is :math:`w_{ij} = (\lambda^{in}_j - \lambda^{out}_i)\,\phi_{ij}`, where
    node ``j`` sends and node ``i`` receives: the block of the adjacency matrix
    :math:`\Phi \Lambda \Phi^{-1}` that acts between two layers of nodes. One eigenvalue
    gates all connections of one node, so a node can be weighed, and removed, as a
    whole [1]_.

    Parameters
    ----------
    in_features, out_features : int
        Number of sending and of receiving nodes.
    gate : {"out", "in", "both", None}, default="out"
        Which nodes carry a trained eigenvalue: the receiving ones [1]_, the sending
        ones [2]_, or both [3]_. The other eigenvalues are frozen at zero. None freezes
        the gate at one: a plain linear layer, ``weight = phi``.
    batch_shape : tuple of int, default=()
        Batch of independent layers, ahead of all other axes, as in
        :mod:`torch.linalg`: ``(K,)`` holds K layers, ``()`` holds one.
    bias : bool, default=True
        Whether to add a trained bias. The gate does not reach it: see Notes.
    device, dtype : optional
        Of the parameters, as in :class:`torch.nn.Linear`.

    Attributes
    ----------
    phi : Parameter of shape (*batch_shape, out_features, in_features)
        Eigenvectors.
    lambda_in : Parameter of shape (*batch_shape, in_features)
        Eigenvalues of the sending nodes.
    lambda_out : Parameter of shape (*batch_shape, out_features)
        Eigenvalues of the receiving nodes.
    bias : Parameter of shape (*batch_shape, out_features) or None
    weight : Tensor of shape (*batch_shape, out_features, in_features)
        Computed from the other three, never stored.

    See Also
    --------
    spectralize : Turn the linear layers of any torch module into spectral ones.
    SpectralMLP : A stack of these layers.

    Notes
    -----
    A node whose eigenvalue is zero still emits ``activation(bias)``;
    :func:`skspectral.nn.remove_nodes` folds that constant into the next layer.

    References
    ----------
    .. [1] L. Giambagli, L. Buffoni, L. Chicchi, D. Fanelli, "How a student becomes a
       teacher", NeurIPS 2023, arXiv:2310.12612.
    .. [2] L. Chicchi et al., "Estimating global input relevance", Commun. Phys. 2026,
       arXiv:2406.01183.
    .. [3] L. Giambagli, L. Buffoni, T. Carletti, W. Nocentini, D. Fanelli, "Machine
       learning in spectral domain", Nat. Commun. 12, 1330 (2021), arXiv:2005.14436.

    Examples
    --------
    >>> import torch
    >>> from skspectral.nn import SpectralLinear
    >>> layer = SpectralLinear(3, 2, batch_shape=(5,))
    >>> layer(torch.zeros(7, 3)).shape  # one input shared by five layers
    torch.Size([5, 7, 2])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        gate: str | None = "out",
        batch_shape: tuple[int, ...] = (),
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if not (gate is None or isinstance(gate, str)) or gate not in START:
            raise ValueError(
                f"`gate` must be 'out', 'in', 'both' or None; got gate={gate!r}. None "
                "is a plain linear layer."
            )
        check_feature_count("in_features", in_features)
        check_feature_count("out_features", out_features)
        super().__init__()
        self.gate = gate
        self.has_batch_axes = len(batch_shape) > 0

        def empty(*shape: int) -> Tensor:
            return torch.empty(*batch_shape, *shape, device=device, dtype=dtype)

        self.phi = nn.Parameter(empty(out_features, in_features))
        self.lambda_in = nn.Parameter(
            empty(in_features), requires_grad=gate in ("in", "both")
        )
        self.lambda_out = nn.Parameter(
            empty(out_features), requires_grad=gate in ("out", "both")
        )
        self.bias = nn.Parameter(empty(out_features)) if bias else None
        self.reset_parameters()

    @property
    def in_features(self) -> int:
        return self.phi.shape[-1]

    @property
    def out_features(self) -> int:
        return self.phi.shape[-2]

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Start as a plain dense layer: Glorot uniform phi, a gate of one, no bias.

        ``gate="both"`` shares the gate between the two ends: 1/2 - (-1/2) = 1.
        """
        bound = math.sqrt(6 / (self.in_features + self.out_features))
        nn.init.uniform_(self.phi, -bound, bound, generator=generator)
        self.lambda_in.fill_(START[self.gate][0])
        self.lambda_out.fill_(START[self.gate][1])
        if self.bias is not None:
            self.bias.zero_()

    @property
    def weight(self) -> Tensor:  # (*batch, out, in)
        return (self.lambda_in[..., None, :] - self.lambda_out[..., :, None]) * self.phi

    def forward(self, x: Tensor) -> Tensor:  # (*batch, n, in) -> (*batch, n, out)
        # Not `mT`, which the TorchScript exporter of ONNX does not know. And no branch
        # on a shape, which torch.fx could not trace.
        y = x @ self.weight.transpose(-2, -1)
        if self.bias is None:
            return y
        return y + (self.bias.unsqueeze(-2) if self.has_batch_axes else self.bias)

    @classmethod
    @torch.no_grad()
    def from_linear(
        cls, linear: nn.Linear, *, gate: str | None = "out"
    ) -> "SpectralLinear":
        """Spectral layer that computes what `linear` computes, with a gate of one.

        Parameters
        ----------
        linear : torch.nn.Linear
        gate : {"out", "in", "both", None}, default="out"

        Returns
        -------
        SpectralLinear
            On the device, with the dtype and the mode (train or eval) of `linear`.
        """
        layer = empty_layer(
            linear.in_features,
            linear.out_features,
            gate=gate,
            bias=linear.bias is not None,
            like=linear.weight,
        )
        layer.lambda_in.fill_(START[gate][0])
        layer.lambda_out.fill_(START[gate][1])
        layer.phi.copy_(-linear.weight if gate == "out" else linear.weight)
        if layer.bias is not None:
            layer.bias.copy_(linear.bias)
            layer.bias.requires_grad_(linear.bias.requires_grad)
        if not linear.weight.requires_grad:  # frozen, and so it stays
            for parameter in (layer.phi, layer.lambda_in, layer.lambda_out):
                parameter.requires_grad_(False)
        return layer.train(linear.training)

    @torch.no_grad()
    def to_linear(self) -> nn.Linear:
        """Plain :class:`torch.nn.Linear` that computes what this layer computes.

        Raises
        ------
        ValueError
            If the layer holds a batch of layers.
        """
        if self.phi.dim() != 2:
            raise ValueError(
                "to_linear needs a single layer; got batch_shape="
                f"{tuple(self.phi.shape[:-2])}. Take one with `layer.select(k)`."
            )
        linear = nn.utils.skip_init(
            nn.Linear,
            self.in_features,
            self.out_features,
            bias=self.bias is not None,
            device=self.phi.device,
            dtype=self.phi.dtype,
        )
        linear.weight.copy_(self.weight)
        if self.bias is not None:
            linear.bias.copy_(self.bias)
        return linear.train(self.training)

    @torch.no_grad()
    def select(self, k: int) -> "SpectralLinear":
        """Layer `k` of a batch of shape (K,), as a layer of its own (a copy)."""
        layer = empty_layer(
            self.in_features,
            self.out_features,
            gate=self.gate,
            bias=self.bias is not None,
            like=self.phi,
        )
        for ours, theirs in zip(layer.parameters(), self.parameters(), strict=True):
            ours.copy_(theirs[k])
            ours.requires_grad_(theirs.requires_grad)
        return layer.train(self.training)

    def extra_repr(self) -> str:
        batch = tuple(self.phi.shape[:-2])
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"gate={self.gate!r}, bias={self.bias is not None}"
            + (f", batch_shape={batch}" if batch else "")
        )


def empty_layer(
    in_features: int, out_features: int, *, gate: str | None, bias: bool, like: Tensor
) -> SpectralLinear:
    """Layer to be filled by the caller: nothing is drawn from torch's generator."""
    layer = SpectralLinear(
        in_features, out_features, gate=gate, bias=bias, device="meta", dtype=like.dtype
    )
    return in_memory(layer, like.device)


def in_memory(module: Any, device: torch.device | str) -> Any:
    """Give the parameters of a module on "meta" memory, to be filled.

    ``to_empty`` does that as well, but makes torch import sympy: half a second.
    """
    for part in module.modules():
        for name, parameter in list(part.named_parameters(recurse=False)):
            value = torch.empty(parameter.shape, dtype=parameter.dtype, device=device)
            setattr(part, name, nn.Parameter(value, parameter.requires_grad))
    return module
