"""Converters for skl2onnx: a fitted network as an ONNX graph."""

try:
    from skspectral.onnx._converters import register_converters
except ImportError as error:
    raise ImportError(
        "skspectral.onnx needs skl2onnx, which is not installed. Install it with "
        "pip install skspectral[onnx]."
    ) from error

__all__ = ["register_converters"]
