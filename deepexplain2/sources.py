"""Ways in: Keras models, SavedModels, frozen graphs and functions as a graph of their own, weights frozen to what they are now."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf
from google.protobuf import text_format
from google.protobuf.message import DecodeError
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from .errors import SourceError
from .graph.flat import drop_custom_gradients

TABLES = ('StringLookup', 'IntegerLookup', 'TextVectorization', 'Hashing', 'HashedCrossing')      # layers with a table or a hash inside
VARIABLES = {'VarHandleOp', 'Variable', 'VariableV2', 'AutoReloadVariable', 'TemporaryVariable'}


@dataclass
class Source:
    """A graph with constants for weights, and what its tensors are called outside.

    names: of inputs and outputs. layers: Keras layers by name, their output. symbolic: id of a Keras symbolic tensor -> (the tensor, kept so
    that its id stays its own, and its counterpart in the graph).
    """
    graph: tf.Graph
    inputs: list[tf.Tensor]
    outputs: list[tf.Tensor]
    names: dict[str, tf.Tensor] = field(default_factory=dict)
    layers: dict[str, tf.Tensor] = field(default_factory=dict)
    symbolic: dict[int, tuple[Any, tf.Tensor]] = field(default_factory=dict)


def from_keras(model: Any, input_signature: Sequence[tf.TensorSpec] | None) -> Source:
    """A Keras 3 or tf_keras model, or the path of a saved one; inference mode."""
    _need_eager('from_keras')
    if isinstance(model, (str, os.PathLike)):
        model = tf.keras.models.load_model(model, compile=False)
    if not callable(model) or not hasattr(model, 'layers'):
        raise SourceError(f'from_keras takes a Keras model or the path of one, not {type(model).__name__}')
    functional = getattr(model, '_functional', None) or model
    symbolic = _symbolic_tensors(functional)
    if not symbolic:
        return _from_subclassed(model, input_signature)
    if input_signature is not None:
        raise SourceError('from_keras takes an input_signature for subclassed models only; this one knows its inputs')
    inputs, symbolic = _behind_lookups(functional, symbolic)
    tensors = [t for t, _ in symbolic]
    specs = [tf.TensorSpec(t.shape, _dtype(t), name=f'input_{k}') for k, t in enumerate(inputs)]
    call = _function_of(functional, inputs, tensors)
    frozen = _freeze(tf.function(lambda *x: call(list(x))).get_concrete_function(*specs), 'from_keras')
    graph, taken, given = _import(frozen)
    source = Source(graph, taken, [])
    counterpart = {id(t): t_graph for t, t_graph in zip(tensors, given)}
    counterpart |= {id(t): t_graph for t, t_graph in zip(inputs, taken)}
    source.symbolic = {id(t): (t, counterpart[id(t)]) for t in [*tensors, *inputs]}
    source.layers = {layer: counterpart[id(t)] for t, layer in symbolic}
    source.outputs = [counterpart[id(t)] for t in functional.outputs]
    input_names = list(getattr(functional, 'input_names', None) or []) if inputs == list(functional.inputs) else []
    input_names = input_names or [t.name for t in inputs]
    output_names = list(getattr(functional, 'output_names', None) or [])
    source.names = dict(zip(output_names, source.outputs)) | dict(zip(input_names, taken))
    return source


def from_saved_model(path: str | os.PathLike, signature: str) -> Source:
    """A SavedModel, of TensorFlow 2, Keras or TensorFlow 1."""
    _need_eager('from_saved_model')
    if not os.path.isdir(path) or not (os.path.exists(os.path.join(path, 'saved_model.pb'))
                                       or os.path.exists(os.path.join(path, 'saved_model.pbtxt'))):
        raise SourceError(f'no SavedModel at {os.fspath(path)!r}: a folder with saved_model.pb is expected. For .keras and .h5 files use '
                          'from_keras, for frozen graphs from_graph_def')
    loaded = tf.saved_model.load(os.fspath(path))
    if signature not in loaded.signatures:
        raise SourceError(f'the SavedModel at {os.fspath(path)!r} has no signature {signature!r}. It has: '
                          + (', '.join(sorted(loaded.signatures)) or 'none'))
    return _from_concrete(loaded.signatures[signature], 'from_saved_model')


def from_graph_def(given: Any) -> Source:
    """A frozen GraphDef, as a proto or the path of a binary or text file."""
    if isinstance(given, tf.compat.v1.GraphDef):
        graph_def = tf.compat.v1.GraphDef()
        graph_def.CopyFrom(given)
    else:
        with open(given, 'rb') as file:
            content = file.read()
        graph_def = tf.compat.v1.GraphDef()
        try:
            graph_def.ParseFromString(content)
        except DecodeError:
            try:
                text_format.Parse(content.decode(), graph_def)
            except (UnicodeDecodeError, text_format.ParseError) as e:
                raise SourceError(f'{os.fspath(given)!r} is not a GraphDef, neither binary nor text: {str(e)[:200]}') from None
    variables = [n.name for n in graph_def.node if n.op in VARIABLES]
    if variables:
        raise SourceError(f'the graph is not frozen: it has {len(variables)} variables, e.g. "{variables[0]}", without values. Freeze it with '
                          'tf.compat.v1.graph_util.convert_variables_to_constants, or use DeepExplain(session)')
    graph = _graph_of(graph_def)
    inputs = [op.outputs[0] for op in graph.get_operations() if op.type == 'Placeholder']
    return Source(graph, inputs, leaves(graph, inputs))


def from_function(fn: Callable, input_signature: Sequence[Any] | None) -> Source:
    """A tf.function, ConcreteFunction or Python function of tensors."""
    _need_eager('from_function')
    concrete = fn
    if not hasattr(fn, 'structured_input_signature'):
        if not callable(fn):
            raise SourceError(f'from_function takes a function of tensors, not {type(fn).__name__}')
        if input_signature is None and getattr(fn, 'input_signature', None) is None:
            raise SourceError('from_function needs an input_signature: a list of tf.TensorSpec(shape, dtype), with None for the batch')
        function = fn if hasattr(fn, 'get_concrete_function') else tf.function(fn)
        concrete = function.get_concrete_function(*(input_signature or ()))
    return _from_concrete(concrete, 'from_function')


def leaves(graph: tf.Graph, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Floating outputs of the ops that depend on the inputs and that no op takes anything of."""
    reached = {x.name for x in inputs}
    result = []
    for op in graph.get_operations():
        if any(i.name in reached for i in op.inputs):
            reached.update(o.name for o in op.outputs)
            if not any(o.consumers() for o in op.outputs):      # a loop of which something is used has results nobody wants
                result += [o for o in op.outputs if o.dtype.is_floating]
    return result


def _from_subclassed(model: Any, input_signature: Sequence[tf.TensorSpec] | None) -> Source:
    if input_signature is None:
        config = model.get_build_config() if getattr(model, 'built', False) and hasattr(model, 'get_build_config') else None
        shape = (config or {}).get('input_shape')
        if not shape or not all(d is None or isinstance(d, int) for d in shape):
            raise SourceError(f'"{model.name}" is a subclassed model that does not tell its input. Give from_keras(model, '
                              'input_signature=[tf.TensorSpec((None, ...), tf.float32)]), one entry per input')
        input_signature = [tf.TensorSpec((None, *shape[1:]), tf.float32)]
    specs = [tf.TensorSpec(s.shape, s.dtype, name=s.name or f'input_{k}') for k, s in enumerate(input_signature)]

    def call(*x):
        return model(x[0] if len(x) == 1 else list(x), training=False)
    return _from_concrete(tf.function(call).get_concrete_function(*specs), 'from_keras')


def _from_concrete(concrete: Any, way: str) -> Source:
    names = sorted(concrete.structured_outputs) if isinstance(concrete.structured_outputs, dict) else []
    graph, inputs, outputs = _import(_freeze(concrete, way))
    return Source(graph, inputs, outputs, dict(zip(names, outputs)) | {t.op.name: t for t in inputs})


def _freeze(concrete: Any, way: str) -> Any:
    strings = [t.name for t in concrete.inputs if t.dtype == tf.string]
    if strings:
        raise SourceError(f'the model takes strings ("{strings[0]}"), which have no attributions. Cut it behind its string layers and give '
                          f'{way} the part that takes numbers')
    try:
        return convert_variables_to_constants_v2(concrete, lower_control_flow=False)
    except Exception as e:
        hint = ' A model that writes its variables when called (a stateful layer) cannot be frozen: build it with stateful=False.' \
            if 'Assign' in str(e) else ''
        raise SourceError(f'{way} could not freeze the model.{hint} TensorFlow says: {str(e)[:500]}') from e


def _import(frozen: Any) -> tuple[tf.Graph, list[tf.Tensor], list[tf.Tensor]]:
    """(graph, inputs, outputs); outputs are the tensors of the model, not the copies that a function returns."""
    copies = {}                                         # what a function returns: Identity ops that only clutter the graph
    for t in frozen.outputs:
        if t.op.type == 'Identity' and not t.consumers():
            copies[t.op.name] = t.op.inputs[0].name
    graph_def = frozen.graph.as_graph_def()
    kept = [n for n in graph_def.node if n.name not in copies]
    del graph_def.node[:]
    graph_def.node.extend(kept)
    graph = _graph_of(graph_def)
    outputs = [graph.get_tensor_by_name(copies.get(t.op.name, t.name)) for t in frozen.outputs]
    return graph, [graph.get_tensor_by_name(t.name) for t in frozen.inputs], outputs


def _graph_of(graph_def: tf.compat.v1.GraphDef) -> tf.Graph:
    drop_custom_gradients(graph_def)
    graph = tf.Graph()
    with graph.as_default():
        tf.graph_util.import_graph_def(graph_def, name='')
    return graph


def _nodes(model: Any) -> list[Any]:
    """The calls of layers in a functional model, inputs first."""
    return [node for depth in sorted(model._nodes_by_depth, reverse=True) for node in model._nodes_by_depth[depth]]


def _symbolic_tensors(model: Any) -> list[tuple[Any, str]]:
    """(symbolic tensor, layer name) of every call in a functional model, in order; empty for a subclassed one."""
    if not getattr(model, 'inputs', None) or not getattr(model, 'outputs', None):
        return []
    wanted = {id(t) for t in model.outputs} | {id(t) for t in model.inputs}
    result = []
    for node in _nodes(model):
        if hasattr(node, 'operation'):                  # Keras 3
            result += [(t, node.operation.name) for t in node.output_tensors]
        else:                                           # tf_keras
            result += [(t, node.layer.name) for t in tf.nest.flatten(node.outputs)]
    return result if wanted <= {id(t) for t, _ in result} | {id(t) for t in model.inputs} else []


def _behind_lookups(model: Any, symbolic: list[tuple[Any, str]]) -> tuple[list[Any], list[tuple[Any, str]]]:
    """(inputs, tensors) of the part of a functional model that takes numbers, without string and lookup layers, whose tables cannot be
    frozen; the whole model where it has none."""
    nodes = _nodes(model)
    if not all(hasattr(node, 'operation') for node in nodes):           # tf_keras
        return list(model.inputs), symbolic
    tables = [node for node in nodes if type(node.operation).__name__ in TABLES]
    if not tables and not any(_dtype(t) == tf.string for t in model.inputs):
        return list(model.inputs), symbolic
    behind = {id(t) for t in model.inputs if _dtype(t) != tf.string}
    inputs = [t for t in model.inputs if id(t) in behind]
    for node in nodes:
        if node in tables:
            inputs += [t for t in node.output_tensors if _dtype(t) != tf.string]
            behind |= {id(t) for t in node.output_tensors if _dtype(t) != tf.string}
        elif node.input_tensors and all(id(t) in behind for t in node.input_tensors):
            behind |= {id(t) for t in node.output_tensors}
    if not all(id(t) in behind for t in model.outputs):
        raise SourceError(f'an output of "{model.name}" depends on strings other than through string and lookup layers ({", ".join(TABLES)}). '
                          'Give from_keras the part of the model that takes numbers')
    used = {id(t) for node in nodes if node not in tables for t in node.input_tensors}
    return [t for t in inputs if id(t) in used], [(t, layer) for t, layer in symbolic if id(t) in behind]


def _function_of(model: Any, inputs: list[Any], tensors: list[Any]) -> Callable:
    """A callable from the inputs to all these tensors, in inference mode."""
    if any(c.__module__.startswith('tf_keras') for c in type(model).__mro__):
        import tf_keras
        whole = tf_keras.Model(inputs, tensors, name=model.name)
        return lambda x: whole(x, training=False)
    import keras
    return keras.Function(inputs, tensors, name='deepexplain2')


def _dtype(tensor: Any) -> tf.DType:
    return tf.as_dtype(tensor.dtype)


def _need_eager(way: str) -> None:
    with tf.init_scope():
        if not tf.executing_eagerly():
            raise SourceError(f'{way} needs eager execution, which tf.compat.v1.disable_eager_execution() or disable_v2_behavior() switched '
                              'off. Give the session that holds the model: DeepExplain(session)')
