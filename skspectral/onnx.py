"""Converters for skl2onnx: a fitted network as an ONNX graph."""

from functools import partial
from numbers import Real

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline

from skspectral._estimators import SpectralMLPClassifier, SpectralMLPRegressor
from skspectral._selection import (
    SpectralEnsembleClassifier,
    SpectralEnsembleRegressor,
    SpectralMLPClassifierCV,
    SpectralMLPRegressorCV,
    SpectralPruner,
)
from skspectral.nn import ACTIVATIONS

try:
    from onnx import TensorProto
    from skl2onnx import update_registered_converter, update_registered_parser
    from skl2onnx._parse import (
        _parse_sklearn,
        _parse_sklearn_classifier,
        sklearn_parsers_map,
    )
    from skl2onnx.algebra import onnx_ops
    from skl2onnx.common.data_types import (
        DoubleTensorType,
        FloatTensorType,
        Int64TensorType,
        StringTensorType,
        guess_tensor_type,
    )
    from skl2onnx.common.utils import check_input_and_output_numbers
    from skl2onnx.common.utils_classifier import get_label_classes
except ImportError as error:
    raise ImportError(
        "skspectral.onnx needs skl2onnx, which is not installed. Install it with "
        "pip install skspectral[onnx]."
    ) from error

__all__ = ["register_converters"]

CLASSIFIER_OPTIONS = {
    "zipmap": [True, False, "columns"],
    "nocl": [False, True],
    "output_class_labels": [False, True],
    "raw_scores": [False, True],
}
PRUNER_OPTIONS = {"transform": [False, True], **CLASSIFIER_OPTIONS}

# What holds steps of which it only asks `transform`: how to list them, and the parser
# that skl2onnx has for it.
HOLDERS = {
    Pipeline: lambda model: model.steps[:-1],
    FeatureUnion: lambda model: model.transformer_list,
    ColumnTransformer: lambda model: model.transformers_,
}
PARSERS = {holder: sklearn_parsers_map[holder] for holder in HOLDERS}


def register_converters():
    """Make skl2onnx know the estimators, the ensembles and the pruner.

    Call it once in a session that converts; a second call changes nothing. From then
    on :func:`skl2onnx.to_onnx` takes fitted :class:`~skspectral.SpectralMLPRegressor`,
    :class:`~skspectral.SpectralMLPClassifier`, those that choose alpha, ensembles and
    :class:`~skspectral.SpectralPruner`, alone or as a step of a Pipeline.

    Notes
    -----
    Columns are centred and scaled in float64, whatever the type of the input. The
    network computes in float64 where the input is float64, else in float32. An
    ensemble is one graph; it has no `raw_scores`.

    Classifiers have skl2onnx's options `zipmap`, `nocl`, `output_class_labels` and
    `raw_scores`. A
    pruner predicts; before the last step of a Pipeline, in a FeatureUnion or in a
    ColumnTransformer it transforms, and anywhere else with
    ``options={SpectralPruner: {"transform": True}}``. For this the parsers of these
    three are replaced by ones that mark the pruners and call those they replace.

    Examples
    --------
    >>> from skl2onnx import to_onnx
    >>> from skspectral import SpectralMLPRegressor
    >>> from skspectral.datasets import make_teacher_student
    >>> from skspectral.onnx import register_converters
    >>> X, y, teacher = make_teacher_student(1000, n_teacher_nodes=5, random_state=0)
    >>> reg = SpectralMLPRegressor(
    ...     max_iter=200, encoding="linear", random_state=0
    ... ).fit(X, y)
    >>> register_converters()
    >>> onnx_model = to_onnx(reg, X[:1])
    >>> [output.name for output in onnx_model.graph.output]
    ['variable']
    """
    register = partial(
        update_registered_converter, shape_fct=_set_types, convert_fct=_convert
    )
    for kind in (
        SpectralMLPRegressor,
        SpectralMLPRegressorCV,
        SpectralEnsembleRegressor,
    ):
        register(kind, kind.__name__.replace("Spectral", "Skspectral"))
    for kind in (
        SpectralMLPClassifier,
        SpectralMLPClassifierCV,
        SpectralEnsembleClassifier,
    ):
        register(
            kind,
            kind.__name__.replace("Spectral", "Skspectral"),
            options=CLASSIFIER_OPTIONS,
            parser=_parse_classifier,
        )
    register(
        SpectralPruner,
        "SkspectralPruner",
        options=PRUNER_OPTIONS,
        parser=_parse_pruner,
    )
    for holder in HOLDERS:
        update_registered_parser(holder, _parse_holder)


def _parse_holder(scope, model, inputs, custom_parsers=None):
    """Parse as skl2onnx does, once pruners that have to transform are marked."""
    holder = next(kind for kind in HOLDERS if isinstance(model, kind))
    for _, step, *_ in HOLDERS[holder](model):
        while isinstance(step, Pipeline):
            step = step.steps[-1][1]
        if isinstance(step, SpectralPruner):
            scope.add_options(id(step), {"transform": True})
    return PARSERS[holder](scope, model, inputs, custom_parsers=custom_parsers)


def _parse_pruner(scope, model, inputs, custom_parsers=None):
    """One output where the pruner transforms, else those of its small network."""
    options = scope.get_options(model, {"transform": False})
    if not options.pop("transform"):
        scope.add_options(id(model.estimator_), options)
        return _parse_sklearn(scope, model.estimator_, inputs, custom_parsers)
    operator = scope.declare_local_operator("SkspectralPruner", model)
    operator.inputs = inputs
    kind = guess_tensor_type(inputs[0].type)
    operator.outputs.append(scope.declare_local_variable("variable", kind))
    return operator.outputs


def _parse_classifier(scope, model, inputs, custom_parsers=None):
    """Parse as skl2onnx does, which would write a graph that no runtime loads."""
    zipmap = scope.get_options(model, {"zipmap": True})["zipmap"]
    if zipmap is True and any(map(_is_double, inputs)):
        raise ValueError(
            "ONNX has no ZipMap of float64 probabilities; got zipmap=True and float64 "
            "input. Convert with options={'zipmap': False}, or with float32 input."
        )
    return _parse_sklearn_classifier(scope, model, inputs, custom_parsers)


def _is_double(variable):
    return isinstance(variable.type, DoubleTensorType)


def _is_any_double(operator):
    return any(map(_is_double, operator.inputs))


def _network(model):
    """The estimator that holds the network: of a pruner the small one.

    Of an ensemble the first: all have outputs of the same shape.
    """
    if hasattr(model, "members_"):
        return model.members_[0]
    return model.estimator_ if isinstance(model, SpectralPruner) else model


def _transforms(scope, model):
    """Whether the graph ends at the last hidden layer."""
    options = scope.get_options(model)
    return options.get("transform", False)


def _labels(scope, model):
    """Labels of the classes, as ONNX has them: int64 or strings."""
    labels = get_label_classes(scope, model)
    return labels.astype(np.int64 if labels.dtype.kind in "biuf" else str)


def _set_types(operator):
    """Types and shapes of the outputs: the shape calculator of all classes."""
    check_input_and_output_numbers(operator, input_count_range=[1, None])
    scope, model = operator.scope_inst, operator.raw_operator
    network, n_rows = _network(model), operator.inputs[0].get_first_dimension()
    numbers = DoubleTensorType if _is_any_double(operator) else FloatTensorType
    if len(operator.outputs) == 1:
        layer = -2 if _transforms(scope, model) else -1
        operator.outputs[0].set_type(numbers([n_rows, network._state().sizes[layer]]))
        return
    labels = _labels(scope, model)
    kind = StringTensorType if labels.dtype.kind == "U" else Int64TensorType
    shape = [n_rows, len(labels)]
    operator.outputs[0].set_type(kind(shape if network._multilabel else [n_rows]))
    operator.outputs[1].set_type(numbers(shape))


def _convert(scope, operator, container):
    """Write the graph: the converter of all classes."""
    model = operator.raw_operator
    kind = _EnsembleGraph if hasattr(model, "members_") else _Graph
    graph = kind(operator, container.target_opset)
    if _transforms(scope, model):
        results = [graph.hidden()]
    elif len(operator.outputs) == 1:
        results = [graph.numbers()]
    else:
        raw = scope.get_options(model).get("raw_scores", False)
        results = graph.classes(_labels(scope, model), raw=raw)
    for result, output in zip(results, operator.outputs, strict=True):
        graph.Identity(result, output_names=[output]).add_to(scope, container)


class _Graph:
    """The network of one operator; ONNX operators by name, as attributes."""

    def __init__(self, operator, opset, network=None, own_columns=None):
        self.network = network or _network(operator.raw_operator)
        self.inputs, self.opset = operator.inputs, opset
        self.dtype = np.float64 if _is_any_double(operator) else np.float32
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
        """Outputs of the network, in the units of the target."""
        columns, state = self.network._y_columns, self.network._state()
        z = self.affine(self.hidden(), state.weights()[-1], state.bias[-1])
        if not columns.active:
            return z
        z = self.Mul(z, columns.multiplier.astype(self.dtype))
        return self.Add(z, columns.mean.astype(self.dtype))

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


class _EnsembleGraph:
    """The mean of the graphs of the members of an ensemble."""

    def __init__(self, operator, opset):
        model = operator.raw_operator
        columns = getattr(model, "columns_", [None] * len(model.members_))
        self.members = [
            _Graph(operator, opset, network, own)
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
