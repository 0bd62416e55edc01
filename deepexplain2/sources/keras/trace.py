"""The trace of a Keras model as it is called for inference."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.autograph.core import ag_ctx

from ...errors import SourceError, brief_message, shown
from ..names import LayerOutput
from ..source import SymbolicTensor
from .inputs import Inputs, inputs_of_model
from .nested import has_keys, leaves
from .nodes import functional_graph, is_legacy
from .recorder import Recorder
from .unchanged import unchanged

_trace_lock = threading.RLock()         # a model is changed during its trace, and restored after it


@dataclass
class Traced:
    """A Keras model as a ConcreteFunction.

    concrete: from one tensor per input to the outputs of the model, followed by `named`, the other tensors
    that have a name. original: the eager model, from one tensor per input to a list of its outputs; it leaves
    the model unchanged. input_names, output_names: pairs of a name and a position. output_keys: those of a
    dict that the model returns. preprocess: from what the model takes to the inputs.
    """
    concrete: Any
    named: list[tf.Tensor]
    original: Callable[..., list[tf.Tensor]]
    specs: list[tf.TensorSpec]
    input_names: list[tuple[str, int]]
    output_names: list[tuple[str, int]]
    output_keys: list[str]
    layers: list[LayerOutput]
    symbolic: dict[int, SymbolicTensor]
    preprocess: Callable[[Any], list[np.ndarray]] | None


def trace(model: Any, signature: Any) -> Traced:
    """Trace `model(x, training=False)`. signature: what the model takes, if it does not say or leaves sizes
    open.

    Raises SourceError if the model cannot be traced or returns no dense tensors.
    """
    graph = functional_graph(model)
    inputs = inputs_of_model(model, graph, signature)
    seen: dict[str, Any] = {}

    def outputs_for(given: Sequence[tf.Tensor], recorder: Recorder) -> Any:
        with _trace_lock, recorder.watching(inputs.lookup_outputs(given)), unchanged(model):
            return model(inputs.packed(given), training=False)

    @tf.autograph.experimental.do_not_convert
    def record(*given: tf.Tensor) -> list[tf.Tensor]:
        recorder = Recorder(model, tf.compat.v1.get_default_graph())
        # tf_keras converts `call` of the user's layers with AutoGraph, as in predict
        with ag_ctx.ControlStatusCtx(ag_ctx.Status.ENABLED):
            structure = outputs_for(given, recorder)
        seen['layers'], seen['symbolic'] = recorder.found(inputs.symbols, given)
        outputs = _output_tensors(structure, model)
        seen['output_names'] = _output_names(graph, structure, outputs, seen['symbolic'])
        seen['output_keys'] = [path for path, _ in outputs] if isinstance(structure, Mapping) else []
        tensors = [o.tensor for o in seen['layers']]
        tensors += [t for _, meant in seen['symbolic'].values() for _, t in meant]
        seen['named'] = list({id(t): t for t in tensors if t is not None}.values())
        return [*(t for _, t in outputs), *seen['named']]

    def original(*given: tf.Tensor) -> list[tf.Tensor]:
        variables = [v for v in concrete.graph.variables if not v.trainable]    # states, counters and seeds
        values = [v.numpy() for v in variables]
        try:
            return [t for _, t in _output_tensors(outputs_for(given, Recorder(model, None)), model)]
        finally:
            for variable, value in zip(variables, values):
                if not np.array_equal(variable.numpy(), value):
                    variable.assign(value)
    try:
        concrete = tf.function(record).get_concrete_function(*inputs.specs)
    except SourceError:
        raise
    except Exception as e:
        raise SourceError(_failure(model, inputs, e)) from e
    return Traced(concrete, seen['named'], original, inputs.specs, inputs.names, seen['output_names'],
                  seen['output_keys'], seen['layers'], seen['symbolic'], inputs.preprocess)


def _failure(model: Any, inputs: Inputs, error: Exception) -> str:
    """The message for a model that cannot be traced."""
    names = {k: name for name, k in reversed(inputs.names)}
    shapes = ', '.join(f'"{names[k]}" {inputs.specs[k].shape}' for k in sorted(names))
    is_open = any(spec.shape.rank and None in spec.shape.as_list()[1:] for spec in inputs.specs)
    hint = (' Some layers of Keras cannot be traced on open axes: try input_signature=[tf.TensorSpec(shape, '
            'dtype)] with fixed sizes.' if is_open else '')
    return (f'from_keras could not trace "{model.name}" with training=False for {shapes}. It must be '
            f'callable with one tensor per input, and take no decision in Python on their values.{hint} '
            f'Keras says: {brief_message(error)}')


def _output_tensors(structure: Any, model: Any) -> list[tuple[str, tf.Tensor]]:
    """(path, tensor) of what a model returns."""
    result = [(path, t) for path, t in leaves(structure, sort_all=is_legacy(model)) if t is not None]
    for path, t in result:
        if isinstance(t, tf.__internal__.CompositeTensor):
            raise SourceError(f'output {path!r} of "{model.name}" is a {type(t).__name__}. Give from_keras '
                              'the part of the model that returns dense tensors')
    result = [(path, tf.convert_to_tensor(t)) for path, t in result]            # it may be a Python number
    if not result:
        raise SourceError(f'from_keras: "{model.name}" returns {shown(structure)}: it must return tensors')
    return result


def _output_names(graph: Any, structure: Any, outputs: Sequence[tuple[str, tf.Tensor]],
                  symbolic: Mapping[int, SymbolicTensor]) -> list[tuple[str, int]]:
    """Pairs of a name and a position: the keys of the outputs if they have keys, otherwise the names that a
    functional model gives to its outputs."""
    if graph is None or has_keys(structure):
        return [(path, k) for k, (path, _) in enumerate(outputs) if path]
    result = []
    for name, symbol in zip(graph.output_names, graph.outputs):
        _, meant = symbolic.get(id(symbol), (None, []))
        result += [(name, k) for k, (_, t) in enumerate(outputs) if any(t is tensor for _, tensor in meant)]
    return result
