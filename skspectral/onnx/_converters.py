"""Converters for skl2onnx: what it is told of the estimators of this package."""

from functools import partial

import numpy as np
from skl2onnx import update_registered_converter, update_registered_parser
from skl2onnx._parse import (
    _parse_sklearn,
    _parse_sklearn_classifier,
    sklearn_parsers_map,
)
from skl2onnx.common.data_types import (
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
    guess_tensor_type,
)
from skl2onnx.common.utils import check_input_and_output_numbers
from skl2onnx.common.utils_classifier import get_label_classes
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
from skspectral.onnx._graphs import (
    EnsembleGraph,
    NetworkGraph,
    is_any_double,
    is_double,
    network_of,
)

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
    if zipmap is True and any(map(is_double, inputs)):
        raise ValueError(
            "ONNX has no ZipMap of float64 probabilities; got zipmap=True and float64 "
            "input. Convert with options={'zipmap': False}, or with float32 input."
        )
    return _parse_sklearn_classifier(scope, model, inputs, custom_parsers)


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
    network, n_rows = network_of(model), operator.inputs[0].get_first_dimension()
    numbers = DoubleTensorType if is_any_double(operator) else FloatTensorType
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
    kind = EnsembleGraph if hasattr(model, "members_") else NetworkGraph
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
