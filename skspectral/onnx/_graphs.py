"""Networks and ensembles as ONNX operators."""

from functools import partial
from numbers import Real

import numpy as np
from onnx import TensorProto
from skl2onnx.algebra import onnx_ops
from skl2onnx.common.data_types import DoubleTensorType, StringTensorType

from skspectral._estimators import link_of
from skspectral._selection import SpectralPruner
from skspectral.nn import ACTIVATIONS

__all__ = ["EnsembleGraph", "NetworkGraph", "is_any_double", "is_double", "network_of"]


def is_double(variable):
    return isinstance(variable.type, DoubleTensorType)


def is_any_double(operator):
    return any(map(is_double, operator.inputs))


def network_of(model):
    """The estimator that holds the network: of a pruner the small one.

    Of an ensemble the first: all have outputs of the same shape.
    """
    if hasattr(model, "members_"):
        return model.members_[0]
    return model.estimator_ if isinstance(model, SpectralPruner) else model


class NetworkGraph:
    """The network of one operator; ONNX operators by name, as attributes."""

    def __init__(self, operator, opset, network=None, own_columns=None):
        self.network = network or network_of(operator.raw_operator)
        self.inputs, self.opset = operator.inputs, opset
        self.dtype = np.float64 if is_any_double(operator) else np.float32
        self.n_columns = operator.raw_operator.n_features_in_
        self.own_columns = own_columns  # of the table, if the network sees not all

    def __getattr__(self, name):
        return partial(getattr(onnx_ops, f"Onnx{name}"), op_version=self.opset)

    def hidden(self):
        """Activations of the last hidden layer; without one, the network's inputs."""
        columns, state = self.network._x_columns, self.network._state()
        z = self.unscaled(columns)
        z = self.Div(self.Sub(z, columns.statistics.mean), columns.statistics.divisor)
        if self.dtype == np.float32:
            z = self.Cast(z, to=TensorProto.FLOAT)
        for weight, bias in zip(state.weights()[:-1], state.bias, strict=False):
            z = self.activate(self.affine(z, weight, bias))
        return z

    def unscaled(self, columns):
        """Inputs of the network before any scaling, float64.

        In float64 before all else: in float32 a timestamp is two minutes off.
        """
        parts, numbers = [], np.array(columns.numbers, dtype=np.int64)
        if len(numbers):
            raw = self.columns(numbers)
            is_missing = self.IsNaN(raw)
            z = self.Where(is_missing, columns.fill, raw)
            if columns.range is not None and np.isfinite(columns.range).any():
                z = self.Min(self.Max(z, columns.range[0]), columns.range[1])
            parts.append(z)
        if columns.missing:
            places = np.array(columns.missing, dtype=np.int64)
            parts.append(self.double(self.Gather(is_missing, places, axis=1)))
        if columns.knots:
            knots = columns.knots.values()
            counts = [len(own) - 1 for own in knots]
            places = np.repeat(list(columns.knots), counts).astype(np.int64)
            start = np.concatenate([own[:-1] for own in knots])
            length = np.concatenate([np.diff(own) for own in knots])
            z = self.Div(self.Sub(self.Gather(z, places, axis=1), start), length)
            parts.append(self.Min(self.Max(z, np.zeros(1)), np.ones(1)))
        for (column, slots), n in zip(
            columns.dummies.items(), columns.n_dummies, strict=True
        ):
            parts.append(self.dummies(column, slots, n))
        return parts[0] if len(parts) == 1 else self.Concat(*parts, axis=1)

    def double(self, z):
        return self.Cast(z, to=TensorProto.DOUBLE)

    def columns(self, places):
        """Columns of the table, float64: of one input, or an input each."""
        if self.own_columns is not None:
            places = self.own_columns[places].astype(np.int64)
        if len(self.inputs) == 1:
            z = self.double(self.inputs[0])
            whole = np.array_equal(places, np.arange(self.n_columns))
            return z if whole else self.Gather(z, places, axis=1)
        parts = [self.double(self.inputs[place]) for place in places]
        return parts[0] if len(parts) == 1 else self.Concat(*parts, axis=1)

    def dummies(self, column, slots, n_dummies):
        """Dummies of a column of categories, (n, n_dummies), float64."""
        values = self.network._reader.categories[column]
        numbers = np.arange(n_dummies, dtype=np.float64)
        place = column if self.own_columns is None else self.own_columns[column]
        own = self.inputs[place] if len(self.inputs) > 1 else self.inputs[0]
        if isinstance(own.type, StringTensorType):
            # A missing string is an empty one: ONNX has no other.
            known = {"": slots[-1]} | {
                str(value): slot for value, slot in zip(values, slots, strict=False)
            }
            slot = onnx_ops.OnnxLabelEncoder_2(
                own,
                op_version=2,
                keys_strings=[*map(str.encode, known)],
                values_floats=[float(slot) for slot in known.values()],
                default_float=float(slots[-2]),
            )
            return self.double(self.Equal(self.double(slot), numbers))
        odd = [value for value in values if not isinstance(value, (Real, np.bool_))]
        if odd:
            raise ValueError(
                f"a column of strings needs an input of type StringTensorType; got "
                f"{type(own.type).__name__} for column {column}, which holds "
                f"{odd[0]!r}. Convert with an input for each column of the frame."
            )
        z = self.columns(np.array([column], dtype=np.int64))
        alone = np.bincount(slots[:-2][slots[:-2] >= 0], minlength=n_dummies + 1)
        parts = []
        for slot in range(n_dummies):
            codes = np.flatnonzero(slots[:-2] == slot)
            if slot == slots[-2]:  # rare: all but those before
                there = parts[0] if len(parts) == 1 else self.Sum(*parts)
                parts.append(self.Sub(np.ones(1), there) if parts else self.some(z))
            elif slot == slots[-1] and not alone[slot]:
                parts.append(self.double(self.IsNaN(z)))
            else:
                value = np.array([[float(values[codes[0]])]])
                parts.append(self.double(self.Equal(z, value)))
        return parts[0] if len(parts) == 1 else self.Concat(*parts, axis=1)

    def column(self, z, place):
        """One column of an intermediate result."""
        return self.Gather(z, np.array([place], dtype=np.int64), axis=1)

    def some(self, z):
        """A column of ones, as long as another."""
        return self.Add(self.Mul(self.double(self.IsNaN(z)), np.zeros(1)), np.ones(1))

    def activate(self, z):
        return ACTIVATIONS[self.network._state().activation].to_onnx(self, z)

    def one(self):
        return np.ones(1, dtype=self.dtype)

    def affine(self, x, weight, bias):
        terms = (weight.T,) if bias is None else (weight.T, bias)
        return self.Gemm(x, *(term.astype(self.dtype) for term in terms))

    def numbers(self):
        """Predictions of numbers; logits of a classifier."""
        columns, state = self.network._y_columns, self.network._state()
        z = self.affine(self.hidden(), state.weights()[-1], state.bias[-1])
        if columns.active:
            z = self.Mul(z, columns.multiplier.astype(self.dtype))
            z = self.Add(z, columns.mean.astype(self.dtype))
        link = link_of(columns)
        return z if link is None else link.to_onnx(self, z)

    def classes(self, labels, *, raw=False):
        """Labels, which come from the logits as in `predict`, and probabilities.

        With `raw` the logits themselves instead, which CalibratedClassifierCV asks for.
        """
        logits = self.numbers()
        scores = logits if raw else self.probabilities(logits)
        if self.network._multilabel:
            positive = self.Greater(logits, np.zeros(1, dtype=self.dtype))
            return self.Cast(positive, to=TensorProto.INT64), scores
        if self.network._is_binary():
            logits = self.Concat(self.Neg(logits), logits, axis=1)
            scores = logits if raw else scores
        most = self.ArgMax(logits, axis=1, keepdims=0)
        return self.Gather(labels, most), scores

    def probabilities(self, logits):
        """Probabilities of the classes, or of each label."""
        if self.network._multilabel:
            return self.Sigmoid(logits)
        if self.network._is_binary():
            return self.Sigmoid(self.Concat(self.Neg(logits), logits, axis=1))
        return self.Softmax(logits, axis=1)


class EnsembleGraph:
    """The mean of the graphs of the members of an ensemble."""

    def __init__(self, operator, opset):
        model = operator.raw_operator
        columns = getattr(model, "columns_", [None] * len(model.members_))
        self.members = [
            NetworkGraph(operator, opset, network, own)
            for network, own in zip(model.members_, columns, strict=True)
        ]
        lacks = [
            number
            for number, network in enumerate(model.members_)
            if len(getattr(network, "classes_", ()))
            < len(getattr(model, "classes_", ()))
        ]
        if lacks:
            raise ValueError(
                "the members of a graph must know all classes; got members that were "
                f"fitted on rows without some of them, numbers {lacks}. Draw more rows "
                "with max_samples."
            )

    def __getattr__(self, name):
        return getattr(self.members[0], name)

    def _mean(self, results):
        total = results[0] if len(results) == 1 else self.Sum(*results)
        return self.Mul(total, self.one() / len(results))

    def numbers(self):
        """Mean of the predictions."""
        return self._mean([member.numbers() for member in self.members])

    def classes(self, labels, *, raw=False):
        """Labels and mean probabilities."""
        if raw:
            raise ValueError(
                "an ensemble averages probabilities and has no raw scores; got "
                "raw_scores=True. Convert without it."
            )
        mean = self._mean([m.probabilities(m.numbers()) for m in self.members])
        if self.members[0].network._multilabel:
            positive = self.Greater(mean, self.one() / 2)
            return self.Cast(positive, to=TensorProto.INT64), mean
        most = self.ArgMax(mean, axis=1, keepdims=0)
        return self.Gather(labels, most), mean
